//! What it costs to deliver: pushes that are lost, looks at a branch where nothing happens, and the look back for what people took back.
//!
//! A bare repository behind `git http-backend`, with TLS where it says so, and a registry, all on loopback; all files on tmpfs where there is one.

#![expect(clippy::disallowed_methods, reason = "edge: runs programs, reads the clock and files")]

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/all/kit/git.rs"]
mod git;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/all/kit/git_server.rs"]
mod git_server;
#[expect(dead_code, reason = "the cycle needs more of it")]
#[path = "../cycle/registry.rs"]
mod registry;

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use git::Bare;
use git_server::{Door, GitServer};
use jiff::Timestamp;
use registry::Registry;
use tagalong::{
    config::{Config, Environment, Overrides},
    git::{Access, Location, Plaintext},
    policy::preset::Presets,
    service::{Cycle, Memory, Unit},
};
use tempfile::TempDir;

/// How often each case is timed.
const RUNS: usize = 7;
/// So many looks at a branch make one figure.
const LOOKS: u32 = 200;
/// So many pushes are lost in a row.
const LOST: u32 = 8;
/// So many commits are looked back on.
const COMMITS: usize = 500;
/// So many files there are then.
const FILES: usize = COMMITS / 2;
/// The argument that makes a process look at a branch.
const IDLE: &str = "--idle";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == IDLE) {
        return idle_process(&arguments[at + 1], Path::new(&arguments[at + 2]), Path::new(&arguments[at + 3]));
    }
    // Under `cargo test` the bench only has to build.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::env::override_temp_dir(memory).expect("nothing was asked for before");
    }
    println!("delivery: {}; medians of {RUNS} runs", tempfile::env::temp_dir().display());
    let is_wanted = |part: &str| arguments.iter().skip(1).all(|argument| argument.starts_with("--") || part.contains(argument.as_str()));
    if is_wanted("pushes") {
        lost_pushes();
    }
    if is_wanted("idle") {
        idle();
    }
    for past in [Past::Strangers, Past::OneFile, Past::ManyFiles].into_iter().filter(|_| is_wanted("revert")) {
        look_back(past);
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn manifest(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  annotations:\n    fluxcd.io/automated: 'true'\n    \
         fluxcd.io/tag.app: semver:~1\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {image}\n"
    )
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// `apply` over http, while somebody else is faster so many times in a row.
fn lost_pushes() {
    for lost in [0, LOST] {
        let times = (0..RUNS).map(|_| {
            let (registry, state) = (Registry::start(), folder());
            registry.release();
            let fleet = Bare::with(&[("web.yaml", &manifest("web", &format!("{}/acme/moving-1:1.2.3", registry.host())))]);
            outrun(&fleet, lost);
            let server = GitServer::start(fleet.root(), Door::Open);
            let mut command = Command::new(env!("CARGO_BIN_EXE_tagalong"));
            command.env_clear().current_dir(state.path()).args(["apply", &server.url(), "--state"]).arg(state.path());
            command.args(["--registry-insecure-host", &registry.host()]);
            let started = Instant::now();
            let output = command.stdin(Stdio::null()).output().expect("the program runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            started.elapsed()
        });
        let times: Vec<Duration> = times.collect();
        let most = times.iter().max().copied().unwrap_or_default();
        println!("{:58} {:8.3} s, {:.3} s at most", format!("apply, {lost} pushes lost in a row"), median(times).as_secs_f64(), most.as_secs_f64());
    }
}

/// Somebody's commit each time that a push comes, so many times.
fn outrun(fleet: &Bare, times: u32) {
    let count = fleet.root().join("moved");
    fs::write(&count, "").expect("a file");
    fleet.hook(
        "pre-receive",
        &format!(
            "[ \"$(wc -l < {count})\" -ge {times} ] && exit 0\necho >> {count}\n\
             unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
             export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@git.example GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@git.example\n\
             git update-ref refs/heads/main $(git commit-tree -p main -m \"work $(wc -l < {count})\" main^{{tree}})",
            count = count.display()
        ),
    );
}

/// A process that looks at a branch over https again and again, and finds it where it was.
fn idle() {
    let (certificates, state) = (folder(), folder());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", "good.key", "-out", "good.pem"])
        .current_dir(certificates.path())
        .output()
        .expect("the openssl program");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let fleet = Bare::with(&[("web.yaml", &manifest("web", "ghcr.io/acme/web:1.0.0"))]);
    let server = GitServer::start_tls(fleet.root(), Door::Open, certificates.path(), "good");
    let own = std::env::current_exe().expect("the bench's program");
    let figures: Vec<(Duration, Duration)> = (0..RUNS)
        .map(|_| {
            server.requests();
            let output =
                Command::new(&own).arg(IDLE).arg(server.url()).arg(state.path()).arg(certificates.path().join("good.pem")).output().expect("runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert!(server.requests().len() <= LOOKS as usize + 2, "one request each, and two to clone");
            let text = String::from_utf8(output.stdout).expect("text");
            let (cpu, time) = text.trim().split_once(' ').expect("two numbers");
            let each = |text: &str| Duration::from_micros(text.parse().expect("a number")) / LOOKS;
            (each(cpu), each(time))
        })
        .collect();
    let (cpu, time) = (median(figures.iter().map(|one| one.0).collect()), median(figures.iter().map(|one| one.1).collect()));
    println!("{:58} {:8.3} ms CPU, {:.3} ms", "an idle cycle over https, one request", cpu.as_secs_f64() * 1e3, time.as_secs_f64() * 1e3);
}

fn idle_process(url: &str, state: &Path, authority: &Path) {
    let mut cycle = open(url, state, Some(authority));
    let read = cycle.read().expect("the branch is read");
    let (started, before) = (Instant::now(), cpu());
    for _ in 0..LOOKS {
        assert!(cycle.still_stands(&read).expect("an answer"), "nobody moves it");
    }
    println!("{} {}", cpu().saturating_sub(before).as_micros(), started.elapsed().as_micros());
}

/// What a branch has behind it.
#[derive(Clone, Copy)]
enum Past {
    /// Nothing of ours.
    Strangers,
    /// Updates of ours, each taken back by the next commit; all of them in one of the files.
    OneFile,
    /// The same, each in a file of its own.
    ManyFiles,
}

/// From a fetched tip to who takes part: in a process that has seen all commits but one before, and in one that has seen none.
fn look_back(past: Past) {
    let fleet = Bare::empty();
    made(&fleet, past);
    let (state, path) = (folder(), fleet.path().display().to_string());
    let mut cycle = open(&path, state.path(), None);
    let mut times = Vec::new();
    for round in 0..=RUNS {
        fleet.commit("main", &[("theirs.txt", &round.to_string())]);
        let tip = cycle.fetch().expect("the branch is there");
        let started = Instant::now();
        let read = cycle.index(tip).expect("the files are read");
        times.push(started.elapsed());
        cycle.keep(read);
    }
    let first = times.remove(0);
    let case = match past {
        Past::Strangers => "none of ours".to_owned(),
        Past::OneFile => format!("{} rolled back in a file", COMMITS / 2),
        Past::ManyFiles => format!("{} rolled back in {FILES} files", COMMITS / 2),
    };
    let case = format!("revert check, {COMMITS} commits, {case}");
    println!("{case:58} {:8.3} ms warm, {:.3} ms the first time", median(times).as_secs_f64() * 1e3, first.as_secs_f64() * 1e3);
}

/// A branch with this past.
fn made(fleet: &Bare, past: Past) {
    let mut stream = String::from("commit refs/heads/main\ncommitter Ada <ada@git.example> TIME +0000\ndata 5\nfirst");
    let put = |stream: &mut String, number: usize, tag: &str| {
        let text = manifest(&format!("app-{number}"), &format!("ghcr.io/acme/app-{number}:{tag}"));
        write!(stream, "\nM 100644 inline apps/app-{number}.yaml\ndata {}\n{text}", text.len()).expect("text");
    };
    (0..FILES).for_each(|number| put(&mut stream, number, "1.0.0"));
    for update in 0..COMMITS / 2 {
        let (number, to) = match past {
            Past::OneFile => (0, format!("1.0.{}", update + 1)),
            Past::Strangers | Past::ManyFiles => (update % FILES, "1.1.0".to_owned()),
        };
        let ours = match past {
            Past::Strangers => format!("Take {to}"),
            Past::OneFile | Past::ManyFiles => {
                format!("Auto-release app-{number}:{to}\n\nImage-Update: ghcr.io/acme/app-{number} 1.0.0 -> {to}\n")
            }
        };
        for (message, tag) in [(ours.as_str(), to.as_str()), ("Revert it", "1.0.0")] {
            write!(stream, "\ncommit refs/heads/main\ncommitter Ada <ada@git.example> TIME +0000\ndata {}\n{message}", message.len()).expect("text");
            put(&mut stream, number, tag);
        }
    }
    let stream = stream.replace("TIME", &Timestamp::now().as_second().to_string());
    let mut import = git::command(&fleet.path()).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().expect("git");
    import.stdin.take().expect("a pipe").write_all(stream.as_bytes()).expect("git reads");
    assert!(import.wait().expect("an end").success());
}

fn open(url: &str, folder: &Path, authority: Option<&Path>) -> Cycle {
    let config = Config::of_overrides(Overrides { state: Some(folder.to_owned()), ..Overrides::default() }).expect("a configuration");
    let mut repository = config.repository_for(url);
    repository.ca_file = authority.map(Path::to_owned);
    let location = Location::parse(url, Plaintext::Loopback).expect("a location");
    let (access, _) = Access::prepare(&location, &repository, folder.to_owned(), &Environment::of_process()).expect("access");
    let unit = Unit {
        repository,
        signer: None,
        location,
        access,
        images: config.images,
        kinds: Vec::new(),
        presets: Arc::new(Presets::shipped().clone()),
        patience: config.timeout,
    };
    Cycle::open(Arc::new(unit), Arc::new(Timestamp::now), &Memory::open(folder)).expect("opened")
}

/// What this process used of all processors.
fn cpu() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).expect("less than a second"))
}
