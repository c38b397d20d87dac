//! The program itself, on a machine that nobody ever used before.

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes nearly as long.
const PATIENCE: Duration = Duration::from_mins(3);

/// An own home, state folder, folder for temporary files and working folder; secrets that no output may hold.
pub struct Machine {
    folder: TempDir,
    secrets: Vec<&'static str>,
}

/// One call of the program.
pub struct Call<'a> {
    machine: &'a Machine,
    command: Command,
    input: Vec<u8>,
}

/// What a call printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// A call that was started.
pub struct Running {
    child: Child,
    out: mpsc::Receiver<Vec<u8>>,
    err: mpsc::Receiver<Vec<u8>>,
    secrets: Vec<&'static str>,
}

impl Machine {
    /// One with empty folders.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["home", "state", "tmp", "work"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self { folder, secrets: Vec::new() }
    }

    /// The same, and whatever is printed from now on must not hold this text.
    pub fn keeping(mut self, secret: &'static str) -> Self {
        self.secrets.push(secret);
        self
    }

    /// The folder that calls are made in, but for those that name another.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Where all its folders are.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, by its path from the root.
    pub fn file(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, content).expect("a file");
        path
    }

    /// Every file that is left behind for the next program: none.
    pub fn left_in_tmp(&self) -> usize {
        fs::read_dir(self.folder.path().join("tmp")).expect("a folder").count()
    }

    /// A call with these arguments.
    pub fn call<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Call<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagalong"));
        let place = |name: &str| self.folder.path().join(name);
        command.args(arguments).env_clear().current_dir(place("work")).env("HOME", place("home")).env("XDG_STATE_HOME", place("state"));
        command.env("TMPDIR", place("tmp")).env("NO_PROXY", "*");
        Call { machine: self, command, input: Vec::new() }
    }

    /// Runs a call with these arguments, which are separated by one space each.
    pub fn run(&self, arguments: &str) -> Ran {
        self.call(arguments.split(' ')).run()
    }
}

impl Call<'_> {
    /// In another folder.
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without a variable.
    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// With bytes on standard input.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// To the end.
    pub fn run(self) -> Ran {
        self.start().wait()
    }

    /// The command as it is, for a test that connects it in its own way.
    pub fn command(self) -> Command {
        self.command
    }

    /// Without waiting for the end.
    pub fn start(mut self) -> Running {
        let mut child = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = std::mem::take(&mut self.input);
        thread::spawn(move || stdin.write_all(&input));
        let (out, err) = (drained(child.stdout.take()), drained(child.stderr.take()));
        Running { child, out, err, secrets: self.machine.secrets.clone() }
    }
}

impl Running {
    /// What it printed, once it has ended; a program that goes on for ever is ended.
    pub fn wait(mut self) -> Ran {
        let (out, err) = (self.out.recv_timeout(PATIENCE), self.err.recv_timeout(PATIENCE));
        if out.is_err() || err.is_err() {
            let _ended = self.child.kill();
        }
        let code = self.child.wait().expect("an end").code().unwrap_or(-1);
        let text = |bytes: Result<Vec<u8>, _>| String::from_utf8(bytes.expect("an end in time")).expect("text");
        let ran = Ran { code, out: text(out), err: text(err) };
        for secret in &self.secrets {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "`{secret}` is told: {ran:?}");
        }
        ran
    }
}

fn drained(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    let mut stream = stream.expect("a pipe");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _cut = stream.read_to_end(&mut bytes);
        let _nobody_waits = sender.send(bytes);
    });
    receiver
}

impl Ran {
    /// What it printed, where it ended as it should.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// The last line of its standard output.
    pub fn last(&self) -> &str {
        self.out.lines().last().unwrap_or_default()
    }

    /// Both streams, with what differs from run to run replaced.
    pub fn told(&self, names: &[(&str, &str)]) -> String {
        let mut text = format!("{}{}", self.out, self.err);
        for (long, short) in names {
            text = text.replace(long, short);
        }
        text
    }
}
