//! OpenSSH's server on a free loopback port: one process for each connection, as the user who runs the tests.

use std::{
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use tempfile::TempDir;

/// The types of the host keys, by their names in a file of known hosts.
pub const HOST_KEYS: [&str; 3] = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"];

/// Where Debian and most others have it; it must be called by its whole path.
const PROGRAM: &str = "/usr/sbin/sshd";

/// A server that lets nobody in yet; dropped, it is down.
pub struct Sshd {
    folder: TempDir,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// A pair of keys in a folder.
pub struct KeyPair {
    /// The private key.
    pub path: PathBuf,
    /// The line to install.
    pub public: String,
}

impl KeyPair {
    /// Makes `name` and `name.pub`; `kind` is what stands after `-t` on the command line of `ssh-keygen`.
    pub fn make(folder: &Path, name: &str, kind: &str, passphrase: &str) -> Self {
        let path = folder.join(name);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t"]).args(kind.split(' ')).args(["-N", passphrase, "-C", "tests", "-f"]).arg(&path);
        let made = command.output().expect("the ssh-keygen program: `apt-get install openssh-client`");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let public = fs::read_to_string(path.with_extension("pub")).expect("a public key");
        Self { path, public: public.trim_end().to_owned() }
    }

    /// Type and key of the public key, without the comment.
    pub fn bare(&self) -> &str {
        self.public.rsplit_once(' ').expect("a comment").0
    }
}

/// The host keys of every server of this process.
fn host_keys() -> &'static [KeyPair; 3] {
    static KEYS: OnceLock<(TempDir, [KeyPair; 3])> = OnceLock::new();
    &KEYS
        .get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let keys = ["ed25519", "ecdsa -b 256", "rsa -b 2048"].map(|kind| KeyPair::make(folder.path(), &kind[..3], kind, ""));
            (folder, keys)
        })
        .1
}

impl Sshd {
    /// One that has the host keys of these types.
    pub fn start(host_key_types: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        let mut config = format!(
            "AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin yes\nPidFile none\nLogLevel VERBOSE\n",
            place("authorized_keys").display()
        );
        for key in host_keys().iter().filter(|key| host_key_types.iter().any(|kind| key.public.starts_with(kind))) {
            writeln!(config, "HostKey {}", key.path.display()).expect("text");
        }
        fs::write(place("sshd_config"), config).expect("a configuration");
        fs::write(place("authorized_keys"), "").expect("no keys");
        if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            // The server of a superuser locks itself into this empty folder before it knows who calls.
            fs::create_dir_all("/run/sshd").expect("a folder");
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, root) = (Arc::new(AtomicBool::new(false)), folder.path().to_owned());
        let stopped = Arc::clone(&stop);
        let accepting = thread::spawn(move || accept(&listener, &root, &stopped));
        Self { folder, address, stop, accepting: Some(accepting) }
    }

    /// Lets a key in; `options` stand before the key, such as `command="…"`.
    pub fn admit(&self, key: &KeyPair, options: &str) {
        let path = self.folder.path().join("authorized_keys");
        let known = fs::read_to_string(&path).expect("keys");
        let options = if options.is_empty() { String::new() } else { format!("restrict,{options} ") };
        fs::write(path, format!("{known}{options}{}\n", key.public)).expect("keys");
    }

    /// Lets a key in that may only fetch: a push is refused in the words of a forge.
    pub fn admit_reader(&self, key: &KeyPair) {
        let script = self.folder.path().join("read-only");
        let text = "#!/bin/sh\ncase $SSH_ORIGINAL_COMMAND in\ngit-upload-pack*) eval \"$SSH_ORIGINAL_COMMAND\" ;;\n\
                    *) echo 'ERROR: The key you are authenticating with has been marked as read only.' >&2; exit 1 ;;\nesac\n";
        fs::write(&script, text).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("an executable");
        self.admit(key, &format!("command=\"{}\"", script.display()));
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of a folder of this machine.
    pub fn url(&self, folder: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", user(), self.port(), folder.display())
    }

    /// The line of a host key for a file of known hosts.
    pub fn known(&self, kind: &str) -> String {
        let key = host_keys().iter().find(|key| key.public.starts_with(kind)).expect("a type of HOST_KEYS");
        format!("[127.0.0.1]:{} {}\n", self.port(), key.bare())
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn accept(listener: &TcpListener, root: &Path, stopped: &AtomicBool) {
    let children = Mutex::new(Vec::<Child>::new());
    for stream in listener.incoming().map_while(Result::ok) {
        if stopped.load(Ordering::SeqCst) {
            break;
        }
        let stream = || Stdio::from(OwnedFd::from(stream.try_clone().expect("a socket")));
        let mut command = Command::new(PROGRAM);
        command.arg("-i").arg("-f").arg(root.join("sshd_config")).arg("-E").arg(root.join("log"));
        command.stdin(stream()).stdout(stream()).stderr(Stdio::null()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let child = command.spawn().expect("the sshd program: `apt-get install openssh-server`");
        children.lock().expect("no panic").push(child);
    }
    for child in children.lock().expect("no panic").iter_mut() {
        let _ended = child.kill();
        let _status = child.wait();
    }
}

/// The user who runs the tests.
fn user() -> &'static str {
    static USER: OnceLock<String> = OnceLock::new();
    USER.get_or_init(|| String::from_utf8(Command::new("id").arg("-un").output().expect("the id program").stdout).expect("text").trim().to_owned())
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _wake = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _panicked = accepting.join();
        }
        if thread::panicking() {
            eprintln!("sshd: {}", self.log());
        }
    }
}

/// An ssh-agent with one key, until it is dropped.
pub struct Agent {
    process: Child,
    /// Its socket.
    pub socket: PathBuf,
}

impl Agent {
    /// Starts one in a folder.
    pub fn holding(folder: &Path, key: &KeyPair) -> Self {
        let socket = folder.join("agent");
        let process = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().expect("the ssh-agent program");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            thread::yield_now();
        }
        let added = Command::new("ssh-add").arg("-q").arg(&key.path).env("SSH_AUTH_SOCK", &socket).output().expect("the ssh-add program");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        Self { process, socket }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}
