//! A process that is killed at any moment of a cycle loses nothing and doubles nothing, and leaves nothing behind that is in the way.
//!
//! `TAGALONG_KILLS` says how often: 2,000 times by night.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    end_to_end::{automated, push},
    kit::{
        binary::Machine,
        certificates::Certificates,
        git::{self, Bare},
        process::{configuration, repository},
        registry::{Mode, Registry},
        served::{Guest, Served, Way, certificates},
    },
};

/// How often the processes are killed, all lanes together.
const KILLS: usize = 100;
/// After so many that were killed one goes on to the end of its work.
const FINISHED: usize = 4;
/// Nothing here takes nearly as long.
const PATIENCE: Duration = Duration::from_mins(2);
/// What every process keeps up to date.
const IMAGES: [&str; 3] = ["web", "cart", "mailer"];

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Apply,
    Run,
}

/// One repository with all that works on it, and what those left behind that were killed.
struct Lane {
    verb: Verb,
    registry: Registry,
    fleet: Bare,
    machine: Machine,
    served: Served,
    /// The minor version of the newest tag.
    newest: u32,
    /// How long a process takes to the end of its work.
    longest: Duration,
}

impl Lane {
    fn new(verb: Verb, way: Way, certificates: &Certificates) -> Self {
        let (registry, machine) = (Registry::start(Mode::Open), Machine::new());
        let files = IMAGES.map(|name| (format!("{name}.yaml"), automated(name, &format!("{}/shop/{name}:1.0.0", registry.host()), "semver:~1")));
        let fleet = Bare::with(&files.each_ref().map(|(path, text)| (&**path, &**text)));
        let served = Served::start(way, Guest::Writer, &fleet, &machine, certificates);
        let entry = repository("fleet", &served.url, &served.keys);
        machine.file("work/tagalong.yaml", configuration("", &[registry.host()], &[entry]));
        Self { verb, registry, fleet, machine, served, newest: 0, longest: Duration::from_millis(300) }
    }

    /// Kills so many processes; there is always something to do for the next one.
    fn kill(&mut self, times: usize) {
        for number in 0..times {
            if self.is_done() {
                self.newest += 1;
                for name in IMAGES {
                    push(&self.registry, &format!("shop/{name}"), &[&format!("1.{}.0", self.newest)]);
                }
            }
            let begun = Instant::now();
            let after = self.longest.mul_f64(fastrand::f64());
            if ends_within(self.process(), after, || false) {
                self.longest = begun.elapsed();
            }
            if number % FINISHED == 0 {
                self.finish();
            }
        }
        self.finish();
    }

    /// Lets a process do all that is to be done.
    fn finish(&mut self) {
        let begun = Instant::now();
        ends_within(self.process(), PATIENCE, || self.is_done());
        self.longest = begun.elapsed().max(Duration::from_millis(100));
        let words = || fs::read_to_string(self.machine.root().join("words")).unwrap_or_default();
        assert!(self.is_done(), "{}\n{}", self.fleet.git(&["log", "-3", "-p", "main"]), words());
    }

    /// Where the processes write what they say.
    fn words(&self) -> fs::File {
        fs::OpenOptions::new().create(true).append(true).open(self.machine.root().join("words")).expect("a file")
    }

    fn is_done(&self) -> bool {
        let newest = format!(":1.{}.0 ", self.newest);
        IMAGES.iter().all(|name| String::from_utf8_lossy(&self.fleet.file(&format!("{name}.yaml"))).contains(&newest))
    }

    fn process(&self) -> Child {
        let arguments = match self.verb {
            Verb::Apply => vec!["apply", &*self.served.url],
            Verb::Run => vec!["run"],
        };
        let mut command: Command = self.machine.call(arguments).command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(self.words()).spawn().expect("the program starts")
    }

    /// Each image went from one version to the next by one commit, and all that is left is sound.
    fn check(&self) {
        let log = self.fleet.git(&["log", "--reverse", "--format=%(trailers:key=Image-Update,valueonly)", "main"]);
        for name in IMAGES {
            let name = format!("{}/shop/{name} ", self.registry.host());
            let moves: Vec<(&str, &str)> = log.lines().filter_map(|line| line.strip_prefix(&name)?.split_once(" -> ")).collect();
            let to: Vec<&str> = moves.iter().map(|(_, to)| *to).collect();
            let from: Vec<&str> = ["1.0.0"].into_iter().chain(to.iter().copied()).take(to.len()).collect();
            assert_eq!(moves.iter().map(|(from, _)| *from).collect::<Vec<_>>(), from, "one was lost or doubled: {log}");
            assert_eq!(to.last().copied(), Some(&*format!("1.{}.0", self.newest)));
            assert!(to.windows(2).all(|pair| pair[0] != pair[1]), "{to:?}");
        }
        assert_eq!(self.fleet.faults(), "");
        let state = self.machine.root().join("state/tagalong");
        let damaged = fs::metadata(state.join("store.redb.aside")).map(|file| file.len());
        assert!(damaged.is_err(), "the store was damaged when it had {damaged:?} bytes");
        let mirrors: Vec<PathBuf> =
            fs::read_dir(state.join("git")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
        assert_eq!(mirrors.len(), 1, "{mirrors:?}");
        let judged = git::command(&mirrors[0]).args(["fsck", "--strict", "--no-dangling", "--no-progress"]).output().unwrap();
        assert!(judged.status.success(), "{judged:?}");
        let locks = git::command(&mirrors[0]).args(["for-each-ref"]).output().unwrap();
        assert!(locks.status.success(), "{locks:?}");
    }
}

/// Waits until a process ends, or is done with its work, but no longer than this, and then kills it; says whether it was in time.
fn ends_within(mut process: Child, patience: Duration, is_done: impl Fn() -> bool) -> bool {
    let (sender, ended) = mpsc::channel();
    let id = process.id().to_string();
    let waiting = thread::spawn(move || {
        let status = process.wait();
        let _nobody_waits = sender.send(());
        status
    });
    let until = Instant::now() + patience;
    let in_time = loop {
        let left = until.saturating_duration_since(Instant::now());
        match ended.recv_timeout(left.min(Duration::from_millis(100))) {
            Ok(()) => break true,
            Err(_) if is_done() => break true,
            Err(_) if left.is_zero() => break false,
            Err(_) => {}
        }
    };
    // It may have ended just now.
    let _killed = Command::new("kill").args(["-KILL", &id]).stderr(Stdio::null()).status().expect("the kill program");
    waiting.join().expect("no panic").expect("an end");
    in_time
}

#[test]
fn a_process_that_is_killed_at_any_moment_loses_and_doubles_nothing() {
    let kills = std::env::var("TAGALONG_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let certificates = certificates();
    let lanes = [(Verb::Apply, Way::Https), (Verb::Apply, Way::Ssh), (Verb::Run, Way::Https), (Verb::Run, Way::Ssh)];
    thread::scope(|scope| {
        for (verb, way) in lanes {
            let certificates = &certificates;
            scope.spawn(move || {
                let mut lane = Lane::new(verb, way, certificates);
                lane.kill(kills / lanes.len());
                lane.check();
            });
        }
    });
}
