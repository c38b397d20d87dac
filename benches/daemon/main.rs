//! `run` as a team runs it: what it costs while nothing is new, how much memory many images take, and whether that grows.
//!
//! A registry and `git http-backend` on loopback. With a word behind `--`, only that part: `idle`, `many` or `day`.

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

use std::{path::Path, thread, time::Duration};

use daemon::Simulation;
use git::Bare;
use git_server::{Door, GitServer};
use process::{Process, resident, wait};
use registry::{BY_TIME, MOVING, Registry, TAGS};
use tagalong::store::Embedded;

/// A repository with one manifest for each image, and its server.
struct Stage {
    registry: Registry,
    server: GitServer,
    _fleet: Bare,
    images: usize,
}

impl Stage {
    fn new(images: usize) -> Self {
        let registry = Registry::start();
        let files: Vec<(String, String)> = (0..images).map(|number| (format!("apps/{number}.yaml"), manifest(number, &registry.host()))).collect();
        let fleet = Bare::with(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
        let server = GitServer::start(fleet.root(), Door::Open);
        Self { registry, server, _fleet: fleet, images }
    }

    /// A configuration with the intervals of lists and of looks at the branch.
    fn configuration(&self, lists: &str, looks: &str) -> String {
        format!(
            "listen: 127.0.0.1:0\nregistryPollInterval: {lists}\nregistries:\n  - {{ prefix: '{}', requestsPerSecond: 100000, concurrency: 16 }}\n\
             repositories:\n  - {{ name: fleet, url: '{}', branch: main, interval: {looks}, commit: {{ batchWindow: 0s }} }}\n",
            self.registry.host(),
            self.server.url()
        )
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
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: service-{number}\n  namespace: team-{}\n  annotations:\n    \
         fluxcd.io/automated: \"true\"\n    fluxcd.io/tag.app: {pattern}\nspec:\n  template:\n    spec:\n      containers:\n        \
         - name: app\n          image: {host}/{}:{tag}\n",
        number % 50,
        registry::name(number)
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

/// Many images: memory, disk, and what a restart does.
fn many() {
    let stage = Stage::new(5_000);
    println!("many: {} repositories of {TAGS} tags, one of {BY_TIME} by build time", stage.images);
    let folder = tempfile::tempdir().expect("a folder");
    let process = stage.start(folder.path(), "10m", "1h");
    println!("  first start to ready: {:.2} s", process.ready().as_secs_f64());
    stage.settle(5_000);
    println!("  everything learnt: {:.1} CPU-s, resident {:.0} MB", process.processor(), process.resident());
    let before = stage.registry.asked("list");
    wait(|| stage.registry.asked("list") >= before + 2_500);
    println!("  steady state: resident {:.0} MB; target 150 MB", process.resident());
    process.end();
    let size = std::fs::metadata(folder.path().join("store.redb")).expect("a file").len();
    println!("  on disk: {} MB; target 300 MB", size / 1_000_000);

    let before = stage.registry.asked("list");
    let process = stage.start(folder.path(), "10m", "1h");
    println!("  restart to ready: {:.2} s; target 1 s", process.ready().as_secs_f64());
    thread::sleep(Duration::from_mins(1).saturating_sub(process.started.elapsed()));
    let lists = stage.registry.asked("list") - before;
    println!("  lists in the first minute after it: {lists}; a tenth of {} fall due in it", stage.images);
    println!("  {:.2} CPU-s by then, resident {:.0} MB", process.processor(), process.resident());
    process.end();
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
    for (name, part) in [("idle", idle as fn()), ("many", many), ("day", day)] {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            part();
        }
    }
}
