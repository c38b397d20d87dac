//! How long commands take, and how much memory the largest of their processes had at most.

use std::{
    fs,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What became of several runs.
pub struct Figures {
    pub median: Duration,
    pub least: Duration,
    pub most: Duration,
    /// KiB.
    pub peak: f64,
}

/// Times some runs of the commands that `prepare` makes, and watches the memory of one more.
pub fn measure(runs: usize, mut prepare: impl FnMut() -> Vec<Command>) -> Figures {
    let mut times: Vec<Duration> = (0..runs).map(|_| run(prepare())).collect();
    times.sort();
    let peak = prepare().into_iter().map(peak).fold(0.0, f64::max);
    Figures { median: times[runs / 2], least: times[0], most: times[runs - 1], peak }
}

/// Runs commands one after the other, all of which must go well.
pub fn run(commands: Vec<Command>) -> Duration {
    let started = Instant::now();
    for mut command in commands {
        let output = command.stdin(Stdio::null()).output().expect("the program runs");
        assert!(output.status.success(), "{command:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    started.elapsed()
}

/// The most memory in KiB that one process of a command had, looked up while it runs.
fn peak(mut command: Command) -> f64 {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0).spawn().expect("the program runs");
    let mut peak = 0.0;
    while child.try_wait().expect("a child").is_none() {
        peak = members(&child).filter_map(|process| high_water(&process)).fold(peak, f64::max);
        thread::sleep(Duration::from_micros(500));
    }
    peak
}

/// The ids of the processes in a child's group.
fn members(child: &Child) -> impl Iterator<Item = String> {
    let group = child.id().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    processes.filter(move |process| {
        let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // After the name in parentheses: state, parent, group.
        status.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(2)) == Some(group.as_str())
    })
}

fn high_water(process: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
