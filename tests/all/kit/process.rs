//! The program as a daemon: what it logs, what it answers, how it ends.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{binary::Machine, registry::program};

/// Nothing here takes nearly as long.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long lines are collected before a page is asked for again.
const PAUSE: Duration = Duration::from_millis(20);

/// A daemon that is ended with the test.
pub struct Daemon {
    child: Child,
    lines: Receiver<String>,
    told: Vec<String>,
    /// How many lines were asked for already.
    heard: usize,
    address: String,
}

/// How a daemon ended.
pub struct Ended {
    /// The exit code; `None` for a signal.
    pub code: Option<i32>,
    /// All that it logged.
    pub told: String,
}

impl Daemon {
    /// Starts one that works by this configuration, and waits until it listens.
    pub fn start(machine: &Machine, configuration: &str) -> Self {
        machine.file("work/tagalong.yaml", configuration);
        Self::of(machine.call(["run", "--config", "tagalong.yaml", "--log-format", "json"]).command())
    }

    /// A command that becomes one; it logs JSON.
    #[track_caller]
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut daemon = Self { child, lines, told: Vec::new(), heard: 0, address: String::new() };
        let started: Value = serde_json::from_str(&daemon.says(&["\"started\""])).expect("JSON");
        started["address"].as_str().expect("an address").clone_into(&mut daemon.address);
        daemon
    }

    /// The next line that holds all of these words, and is heard with it.
    #[track_caller]
    pub fn says(&mut self, words: &[&str]) -> String {
        let found = self.hears(Instant::now() + PATIENCE, words);
        found.unwrap_or_else(|| panic!("it never says {words:?}, but\n{}", self.told.join("\n")))
    }

    /// Whether it says these words no later than then.
    pub fn says_within(&mut self, patience: Duration, words: &[&str]) -> bool {
        self.hears(Instant::now() + patience, words).is_some()
    }

    fn hears(&mut self, until: Instant, words: &[&str]) -> Option<String> {
        loop {
            while let Some(line) = self.told.get(self.heard) {
                self.heard += 1;
                if words.iter().all(|word| line.contains(word)) {
                    return Some(line.clone());
                }
            }
            self.line(until).ok()?;
        }
    }

    /// Takes a line, if one comes by then.
    fn line(&mut self, until: Instant) -> Result<(), RecvTimeoutError> {
        self.told.push(self.lines.recv_timeout(until.saturating_duration_since(Instant::now()))?);
        Ok(())
    }

    /// Everything that was logged so far.
    pub fn told(&mut self) -> String {
        while self.line(Instant::now()).is_ok() {}
        self.told.join("\n")
    }

    /// Everything that was logged, once a line of it holds all of these words.
    #[track_caller]
    pub fn told_of(&mut self, words: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        while !self.told.iter().any(|line| words.iter().all(|word| line.contains(word))) {
            assert!(self.line(until).is_ok(), "it never tells of {words:?}, but\n{}", self.told.join("\n"));
        }
        self.told()
    }

    /// Status and body of a page.
    pub fn page(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: tagalong\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    /// The page once it is as wanted.
    #[track_caller]
    pub fn shows(&mut self, path: &str, mut is_wanted: impl FnMut(u16, &str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, body) = self.page(path);
            if is_wanted(status, &body) {
                return body;
            }
            let ended = self.line(Instant::now() + PAUSE) == Err(RecvTimeoutError::Disconnected);
            assert!(!ended && Instant::now() < until, "{path} never is as wanted, but\n{body}\nand it said\n{}", self.told.join("\n"));
        }
    }

    /// Sends a signal, such as `-TERM`.
    pub fn signal(&self, name: &str) {
        assert!(program("kill").args([name, &self.id()]).status().expect("kill").success());
    }

    /// The process.
    pub fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// How it ended, once it has.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let until = Instant::now() + PATIENCE;
        while self.line(until).is_ok() {}
        let told = self.told.join("\n");
        assert!(Instant::now() < until, "it never ends:\n{told}");
        Ended { code: self.child.wait().expect("an end").code(), told }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A configuration with these keys at its top, registries and repositories: short intervals, and no quiet period.
///
/// A registry on loopback is asked where it is listed.
pub fn configuration(top: &str, registries: &[&str], repositories: &[String]) -> String {
    let entries: Vec<String> =
        registries.iter().map(|entry| if entry.starts_with('{') { (*entry).to_owned() } else { format!("{{ prefix: '{entry}' }}") }).collect();
    let (entries, repositories) = (entries.join(", "), repositories.join(", "));
    format!("listen: 127.0.0.1:0\nregistryPollInterval: 700ms\n{top}\nregistries: [{entries}]\nrepositories: [{repositories}]\n")
}

/// The entry of a repository with further keys.
pub fn repository(name: &str, url: &str, keys: &str) -> String {
    format!("{{ name: {name}, url: '{url}', branch: main, interval: 300ms, commit: {{ batchWindow: 0s }}, {keys} }}")
}
