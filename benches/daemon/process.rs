//! `tagalong run` as a process, and what the system counts of it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The system counts in hundredths of a second.
const TICKS: f64 = 100.0;

/// A daemon, until it is dropped.
pub struct Process {
    child: Child,
    address: String,
    pub started: Instant,
}

impl Process {
    /// Starts it in a folder with its configuration, and reads where it listens.
    pub fn start(folder: &Path) -> Self {
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagalong"));
        command.env_clear().current_dir(folder).args(["run", "--config", "tagalong.yaml", "--log-format", "json"]).arg("--state").arg(folder);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("\"started\"")).expect("it starts");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let address = line["address"].as_str().expect("an address").to_owned();
        thread::spawn(move || lines.for_each(drop));
        Self { child, address, started }
    }

    /// Waits until it is ready; how long that took from its start.
    pub fn ready(&self) -> Duration {
        wait(|| self.get("/readyz").starts_with("HTTP/1.1 200"));
        self.started.elapsed()
    }

    /// Processor time so far.
    ///
    /// # Units
    /// Seconds.
    pub fn processor(&self) -> f64 {
        let text = self.proc("stat");
        let fields: Vec<f64> = text.rsplit(')').next().unwrap_or_default().split_whitespace().filter_map(|field| field.parse().ok()).collect();
        // Behind the name stands a letter, then numbers: user and system time are the 11th and 12th of them.
        (fields[10] + fields[11]) / TICKS
    }

    /// Resident memory.
    ///
    /// # Units
    /// Megabytes.
    pub fn resident(&self) -> f64 {
        resident_of(&self.proc("status"))
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("the system counts")
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: tagalong\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Lets it end by itself.
    pub fn end(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill");
        assert!(told.success() && self.child.wait().expect("an end").success(), "it ends as it should");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Runs `plan` of a repository in a folder with its configuration; how long it took.
pub fn plan(folder: &Path, place: &str) -> Duration {
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagalong"));
    command.env_clear().current_dir(folder).args(["plan", place, "--config", "tagalong.yaml", "--output", "json"]).arg("--state").arg(folder);
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    began.elapsed()
}

/// Resident memory of this process, in megabytes.
pub fn resident() -> f64 {
    resident_of(&std::fs::read_to_string("/proc/self/status").expect("the system counts"))
}

fn resident_of(status: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<f64>().ok()).expect("a number") / 1000.0
}

/// Waits until something is so.
pub fn wait(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(10), "it never is so");
        thread::sleep(Duration::from_millis(2));
    }
}
