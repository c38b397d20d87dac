//! `run` as a team runs it: what it costs while nothing is new, how much memory many images take, what scanning costs the registry, and
//! whether memory grows.
//!
//! A registry and `git http-backend` on loopback. With a word behind `--`, only that part: `idle`, `many`, `pages`, `tags` or `day`.

#![expect(clippy::disallowed_methods, reason = "edge: runs programs, reads the clock and files")]

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/all/kit/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/all/kit/git.rs"]
mod git;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/all/kit/git_server.rs"]
mod git_server;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/all/kit/simulated.rs"]
mod simulated;

mod process;
mod registry;

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use daemon::Simulation;
use git::Bare;
use git_server::{Door as GitDoor, GitServer};
use process::{Process, resident, wait};
use registry::{BUILDS, BY_TIME, Door, MOVING, Manner, PAGED, Registry, TAGS};
use tagalong::store::Embedded;

/// How late a registry answers that is not on this machine.
const LATENCY: Duration = Duration::from_millis(20);

/// What policies compare.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policies {
    /// Versions, and one of [`BY_TIME`] build times.
    Both,
    ByVersion,
}

/// A repository with one manifest for each image, and its server.
struct Stage {
    registry: Registry,
    server: GitServer,
    fleet: Bare,
    images: usize,
}

impl Stage {
    fn new(images: usize) -> Self {
        Self::of(images, Policies::Both, Manner::default())
    }

    fn of(images: usize, policies: Policies, manner: Manner) -> Self {
        let number = |at: usize| if policies == Policies::ByVersion { at + at / (BY_TIME - 1) + 1 } else { at };
        let of_image = |host: &str, at: usize| (format!("apps/{at}.yaml"), manifest(number(at), host));
        Self::with(manner, images, |host| (0..images).map(|at| of_image(host, at)).collect())
    }

    /// One image, at a tag, under a policy.
    fn big(name: &str, tag: &str, pattern: &str, manner: Manner) -> Self {
        Self::with(manner, 1, |host| vec![("apps/big.yaml".to_owned(), deployment("big", "big", pattern, &format!("{host}/{name}:{tag}")))])
    }

    fn with(manner: Manner, images: usize, files: impl FnOnce(&str) -> Vec<(String, String)>) -> Self {
        let registry = Registry::start(manner);
        let files = files(&registry.host());
        let fleet = Bare::with(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
        let server = GitServer::start(fleet.root(), GitDoor::Open);
        Self { registry, server, fleet, images }
    }

    /// A configuration with the intervals of lists and of looks at the branch.
    fn configuration(&self, lists: &str, looks: &str) -> String {
        format!(
            "listen: 127.0.0.1:0\nregistryPollInterval: {lists}\nregistries:\n  - {{ prefix: '{}', requestsPerSecond: 100000, concurrency: 32 }}\n\
             repositories:\n  - {{ name: fleet, url: '{}', branch: main, interval: {looks}, commit: {{ batchWindow: 0s }} }}\n",
            self.registry.host(),
            self.server.url()
        )
    }

    /// Runs `plan` with a state folder; how long it took.
    fn plan(&self, folder: &Path) -> Duration {
        std::fs::write(folder.join("tagalong.yaml"), self.configuration("10m", "1h")).expect("written");
        process::plan(folder, &self.fleet.file_url())
    }

    fn start(&self, folder: &Path, lists: &str, looks: &str) -> Process {
        std::fs::write(folder.join("tagalong.yaml"), self.configuration(lists, looks)).expect("written");
        Process::start(folder)
    }

    /// Waits until so many lists were asked for, and nothing more is learnt about images.
    fn settle(&self, lists: u64) {
        wait(|| self.registry.asked("list") >= lists);
        loop {
            let asked = self.registry.asked("manifest");
            thread::sleep(Duration::from_secs(1));
            if asked == self.registry.asked("manifest") {
                return;
            }
        }
    }
}

fn manifest(number: usize, host: &str) -> String {
    let (tag, pattern) = if number.is_multiple_of(BY_TIME) {
        let last = TAGS - 1;
        (format!("main-{:07x}-{}", (last as usize * 7_919 + number) % 0x0fff_ffff, 1_700_000_000 + last * 3_600), "glob:main-*")
    } else {
        ("1.19.19".to_owned(), "semver:~1")
    };
    deployment(&format!("service-{number}"), &format!("team-{}", number % 50), pattern, &format!("{host}/{}:{tag}", registry::name(number)))
}

fn deployment(name: &str, namespace: &str, pattern: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  annotations:\n    \
         fluxcd.io/automated: \"true\"\n    fluxcd.io/tag.app: {pattern}\nspec:\n  template:\n    spec:\n      containers:\n        \
         - name: app\n          image: {image}\n"
    )
}

/// Nothing is new: what a look at the branch costs, and what the lists of an interval cost.
fn idle() {
    let stage = Stage::new(500);
    println!("idle: {} repositories of {TAGS} tags in the registry, {} manifests, nothing new", stage.images, stage.images);
    let folder = tempfile::tempdir().expect("a folder");
    let process = stage.start(folder.path(), "1h", "1s");
    stage.settle(500);
    drop(stage.server.requests());
    let (spent, looks) = (process.processor(), 20);
    let mut asked = Vec::new();
    while asked.len() < looks {
        asked.extend(stage.server.requests());
        thread::sleep(Duration::from_millis(50));
    }
    let spent = process.processor() - spent;
    let others = asked.iter().filter(|line| !line.contains("/info/refs?service=git-upload-pack")).count();
    #[expect(clippy::cast_precision_loss, reason = "a few looks")]
    let each = spent / asked.len() as f64;
    println!("  a cycle: {each:.4} CPU-s, 1 ref advertisement, {others} other requests in {} cycles; target 0.1 CPU-s", asked.len());
    process.end();

    let process = stage.start(folder.path(), "5s", "1h");
    let before = stage.registry.asked("list");
    stage.settle(before + 1_000);
    let (spent, lists) = (process.processor(), stage.registry.asked("list"));
    wait(|| stage.registry.asked("list") >= lists + 2_500);
    let (spent, lists) = (process.processor() - spent, stage.registry.asked("list") - lists);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand lists")]
    let each = spent / lists as f64 * 500.0;
    println!("  500 lists: {each:.3} CPU-s; target 0.3 CPU-s; resident {:.0} MB", process.resident());
    process.end();
}

/// Many images, policies by version: what a cold scan costs, a quiet interval, memory, disk, and a restart.
fn many() {
    let stage = Stage::of(5_000, Policies::ByVersion, Manner { latency: LATENCY, door: Door::Tokens });
    println!("many: {} repositories of {TAGS} tags, policies by version, answers {} ms late, a token for each", stage.images, LATENCY.as_millis());
    let folder = tempfile::tempdir().expect("a folder");
    let process = stage.start(folder.path(), "1h", "1h");
    wait(|| stage.registry.asked("list") >= 5_000);
    println!("  first start to ready: {:.2} s", process.ready().as_secs_f64());
    println!(
        "  cold: {:?}; {:.1} CPU-s, resident {:.0} MB; target 5000 lists, 5000 tokens, 8 CPU-s",
        stage.registry.taken(),
        process.processor(),
        process.resident()
    );
    process.end();
    let size = std::fs::metadata(folder.path().join("store.redb")).expect("a file").len();
    println!("  on disk: {} MB; target 100 MB", size / 1_000_000);

    drop(stage.registry.taken());
    let process = stage.start(folder.path(), "1h", "1h");
    println!("  restart to ready: {:.2} s, {:?} asked by then; target 1 s and nothing", process.ready().as_secs_f64(), stage.registry.taken());
    println!("  {:.2} CPU-s by then, resident {:.0} MB", process.processor(), process.resident());
    process.end();

    // The first round after a start reads every page once more.
    let process = stage.start(folder.path(), "10s", "1h");
    let round = |round: u64| wait(|| stage.registry.asked("list") >= round * 5_000);
    round(1);
    let (spent, before) = (process.processor(), stage.registry.asked("list"));
    round(2);
    let (spent, lists) = (process.processor() - spent, stage.registry.asked("list") - before);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand lists")]
    let each = spent / lists as f64 * 5_000.0;
    println!("  a quiet interval of 5000 lists: {each:.2} CPU-s; target 3 CPU-s");
    println!("  steady state: resident {:.0} MB; target 150 MB", process.resident());
    process.end();
}

/// One repository with many tags on many pages.
fn pages() {
    let stage = Stage::big("big/pages", "1.0.0", "semver:*", Manner { latency: LATENCY, door: Door::Open });
    println!("pages: one repository of {PAGED} tags in pages of 1000, answers {} ms late", LATENCY.as_millis());
    let folder = tempfile::tempdir().expect("a folder");
    for word in ["cold", "again", "one new tag"] {
        if word == "one new tag" {
            stage.registry.release();
        }
        drop((stage.registry.taken(), stage.registry.busy()));
        let took = stage.plan(folder.path());
        let server = stage.registry.busy();
        let beyond = took.saturating_sub(server).as_secs_f64();
        println!(
            "  {word}: {:?}; {:.2} s, of which {:.2} s are the registry's; {beyond:.2} s beyond it, target 1 s",
            stage.registry.taken(),
            took.as_secs_f64(),
            server.as_secs_f64()
        );
    }
}

/// One repository with many tags, by build time, in the daemon: a clock that is moved by hand, and a real registry's delay.
fn tags() {
    for (name, each) in [("big/tags", 2), ("big/indexes", 3)] {
        let stage = Stage::big(name, "main-7", "glob:*", Manner { latency: LATENCY, door: Door::Open });
        println!("tags: one repository of {BUILDS} tags by build time, {each} documents each, answers {} ms late", LATENCY.as_millis());
        let store = Embedded::in_memory();
        let began = Instant::now();
        let mut simulation = Simulation::start(&stage.configuration("10m", "1m"), "2026-03-01T12:00:00Z".parse().expect("a time"), store);
        simulation.run_for(Duration::from_mins(5));
        println!(
            "  cold: {:?} in {:.1} s; target at most {BUILDS} HEADs, then {each} for each image",
            stage.registry.taken(),
            began.elapsed().as_secs_f64()
        );
        let warm = |simulation: &Simulation, word: &str| {
            drop(stage.registry.taken());
            simulation.run_for(Duration::from_hours(4));
            let taken = stage.registry.taken();
            let lists = taken["list"];
            println!("  {word}: {taken:?}, {} HEADs a list; target 50, beside those of the current tag and the winner", taken["head"] / lists);
        };
        warm(&simulation, "four warm hours");
        simulation.restart();
        warm(&simulation, "as long after a restart");
        stage.registry.release();
        simulation.run_for(Duration::from_mins(12));
        println!("  one new tag, and a list: {:?}; target 4 more", stage.registry.taken());
    }
}

/// A day with a clock that is moved by hand.
fn day() {
    let stage = Stage::new(100);
    println!("day: {} repositories of {TAGS} tags, one of {MOVING} with a new tag each hour; lists and looks each 5 minutes", stage.images);
    let folder = tempfile::tempdir().expect("a folder");
    let store = Embedded::open(folder.path()).expect("a store");
    let simulation = Simulation::start(&stage.configuration("5m", "5m"), "2026-03-01T12:00:00Z".parse().expect("a time"), store);
    let mut hours = Vec::new();
    for _ in 0..24 {
        stage.registry.release();
        simulation.run_for(Duration::from_hours(1));
        hours.push(resident());
    }
    let (early, late) = (hours[1], hours[23]);
    println!(
        "  {} lists; resident {early:.1} MB after 2 hours, {late:.1} MB after 24: {:+.1} %; target 5 %",
        stage.registry.asked("list"),
        (late / early - 1.0) * 100.0
    );
    println!("  hour by hour, MB: {}", hours.iter().map(|hour| format!("{hour:.0}")).collect::<Vec<_>>().join(" "));
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, part) in [("idle", idle as fn()), ("many", many), ("pages", pages), ("tags", tags), ("day", day)] {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            part();
        }
    }
}
