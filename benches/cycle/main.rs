//! From tags in a registry to a pushed commit, beside the same edit by the `git` program in the same run.
//!
//! A bare repository of 20,000 manifests behind `git http-backend`, and a registry, both on loopback; all files on tmpfs where there is one.

#![expect(clippy::disallowed_methods, reason = "edge: runs programs, reads the clock and files")]

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/all/kit/git.rs"]
mod git;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/all/kit/git_server.rs"]
mod git_server;

#[path = "../overlays.rs"]
mod overlays;

mod fleet;
mod measure;
mod registry;
mod stages;

use std::{path::Path, process::Command};

use fleet::{Annotated, FILES, Fleet, UPDATES};
use git_server::{Door, GitServer};
use measure::{Figures, measure};
use registry::Registry;
use tempfile::TempDir;

/// How often each case is timed; once more for its peak memory.
const RUNS: usize = 7;

/// A fleet behind a server, and who wrote to it last does not matter: each round has new tags and a new commit of somebody.
struct Stage {
    fleet: Fleet,
    server: GitServer,
    registry: Registry,
}

impl Stage {
    fn new(annotated: Annotated) -> Self {
        Self::of(|host| Fleet::new(annotated, host))
    }

    fn of(fleet: impl Fn(&str) -> Fleet) -> Self {
        let registry = Registry::start();
        let fleet = fleet(&registry.host());
        let server = GitServer::start(fleet.bare.root(), Door::Open);
        Self { fleet, server, registry }
    }

    /// What happens between two cycles: new images, and a commit.
    fn go_on(&self) {
        let newest = self.registry.release();
        self.fleet.somebody_commits(newest);
    }

    fn tagalong(&self, verb: &str, state: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagalong"));
        command.env_clear().current_dir(state).arg(verb).arg(self.server.url()).arg("--state").arg(state);
        command.args(["--registry-insecure-host", &self.registry.host(), "--registry-rps", "100000"]);
        command
    }

    /// What a person would type; which files to edit is known beforehand.
    fn git(&self, checkout: &Path) -> Vec<Command> {
        let newest = self.registry.newest();
        let arguments: [&[&str]; 4] =
            [&["fetch", "--quiet"], &["merge", "--quiet", "--ff-only", "origin/main"], &["commit", "--quiet", "-am", "x"], &["push", "--quiet"]];
        let mut commands: Vec<Command> = arguments
            .iter()
            .map(|arguments| {
                let mut command = git::command(checkout);
                command.args(*arguments);
                command
            })
            .collect();
        let mut sed = Command::new("sed");
        sed.current_dir(checkout).args(["-i", &format!("s/:1\\.2\\.[0-9]*/:1.2.{newest}/")]).args(fleet::updated());
        commands.insert(2, sed);
        commands
    }

    fn clone(&self, into: &Path) -> Command {
        let mut command = git::command(into);
        command.args(["clone", "--quiet", &self.server.url(), "."]);
        command
    }

    /// From a mirror that has all but the last commit.
    fn warm(&self, verb: &str) -> Figures {
        let state = folder();
        measure::run(vec![self.tagalong("plan", state.path())]);
        measure(RUNS, || {
            self.go_on();
            vec![self.tagalong(verb, state.path())]
        })
    }

    fn cold(&self) -> Figures {
        let mut state = folder();
        measure(RUNS, || {
            self.go_on();
            state = folder();
            vec![self.tagalong("apply", state.path())]
        })
    }

    /// Nothing is new at all.
    fn idle(&self) -> Figures {
        let state = folder();
        measure::run(vec![self.tagalong("apply", state.path())]);
        measure(RUNS, || vec![self.tagalong("plan", state.path())])
    }

    fn git_warm(&self) -> Figures {
        let checkout = folder();
        measure::run(vec![self.clone(checkout.path())]);
        measure(RUNS, || {
            self.go_on();
            self.git(checkout.path())
        })
    }

    fn git_cold(&self) -> Figures {
        let mut checkout = folder();
        measure(RUNS, || {
            self.go_on();
            checkout = folder();
            let mut commands = vec![self.clone(checkout.path())];
            commands.extend(self.git(checkout.path()).split_off(2));
            commands
        })
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// One cycle in a process that keeps all it needs, and in one that has only what is stored.
fn stages(stage: &Stage, annotated: &str) {
    println!(
        "{:58} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}",
        format!("{annotated}: in s"),
        "fetch",
        "read",
        "decide",
        "write",
        "last 3",
        "CPU",
        "peak MiB"
    );
    let remembered = folder();
    stages::Stage::start(&stage.server.url(), remembered.path()).cycle(stage.registry.newest());
    let fresh = |goes_on: &dyn Fn()| {
        let cycles = (0..RUNS).map(|_| {
            goes_on();
            stages::Stage::start(&stage.server.url(), remembered.path()).fetch();
            stages::Stage::start(&stage.server.url(), remembered.path()).cycle(stage.registry.newest())
        });
        cycles.collect::<Vec<_>>()
    };
    told("a new process, its mirror at the tip, 50 updates", fresh(&|| stage.go_on()));
    told("a new process, nothing new", fresh(&|| ()));
    let mut process = stages::Stage::start(&stage.server.url(), remembered.path());
    process.cycle(stage.registry.newest());
    let mut running = |goes_on: &dyn Fn(u32)| {
        let cycles = (0..RUNS).map(|round| {
            goes_on(u32::try_from(round).expect("a number"));
            // Our own commit is read like anybody's.
            process.cycle(stage.registry.newest())
        });
        cycles.collect::<Vec<_>>()
    };
    told("a running process, 50 updates and a file of somebody's", running(&|_| stage.go_on()));
    running(&|_| ());
    told("a running process, one file of somebody's", running(&|round| stage.fleet.somebody_commits(round + 1_000_000)));
    told("a running process, nothing new", running(&|_| ()));
}

fn told(case: &str, mut runs: Vec<stages::Measured>) {
    runs.sort_by_key(|run| run.read + run.decide + run.write);
    let stages::Measured { fetch, read, decide, write, cpu, peak } = runs[runs.len() / 2];
    let all = read + decide + write;
    let [fetch, read, decide, write, all, cpu] = [fetch, read, decide, write, all, cpu].map(|time| time.as_secs_f64());
    println!("{case:58} {fetch:8.3} {read:8.3} {decide:8.3} {write:8.3} {all:8.3} {cpu:8.3} {:9}", peak / 1024);
}

fn main() {
    if stages::is_one() {
        return;
    }
    // Under `cargo test` the bench only has to build.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::env::override_temp_dir(memory).expect("nothing was asked for before");
    }
    let stage = Stage::new(Annotated::Updated);
    println!(
        "cycle: {FILES} manifests, {} bytes, {} folders; {UPDATES} updates; {}; medians of {RUNS} runs",
        stage.fleet.bytes,
        stage.fleet.folders,
        tempfile::env::temp_dir().display()
    );
    println!("{:58} {:>8} {:>8} {:>8} {:>9}", "", "median s", "least s", "most s", "peak MiB");
    if std::env::args().any(|argument| argument == "stages") {
        stages(&stage, "only the updated annotated");
        stages(&Stage::new(Annotated::All), "all annotated");
        stages(&Stage::of(Fleet::of_overlays), "500 overlays");
        return;
    }
    report("apply, warm mirror, only the updated annotated", &stage.warm("apply"));
    report("plan, warm mirror, nothing new", &stage.idle());
    report("apply, cold", &stage.cold());
    report("git fetch, merge, sed, commit, push; warm checkout", &stage.git_warm());
    report("git clone, sed, commit, push; cold", &stage.git_cold());
    let stage = Stage::new(Annotated::All);
    report("apply, warm mirror, all annotated", &stage.warm("apply"));
    report("plan, warm mirror, all annotated, nothing new", &stage.idle());
    let stage = Stage::new(Annotated::None);
    report("apply, warm mirror, none annotated", &stage.warm("apply"));
}

fn report(case: &str, figures: &Figures) {
    let Figures { median, least, most, peak } = figures;
    println!("{case:58} {:8.3} {:8.3} {:8.3} {:9.1}", median.as_secs_f64(), least.as_secs_f64(), most.as_secs_f64(), peak / 1024.0);
}
