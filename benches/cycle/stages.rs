//! Where the time of one cycle goes: a process of its own, so that memory counts for itself, without a registry, whose answers are given.

use std::{
    fs,
    io::{self, BufRead, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tagalong::{
    config::{Config, Environment, Overrides},
    git::{Access, Location, Plaintext, Source, Write},
    image::{Digest, Platform, Tag},
    plan::{Answer, Knowledge, Known, Subjects},
    policy::{
        decision::Listing,
        preset::Presets,
        record::{ImageFacts, Metadata, PlatformFacts, TagRecord},
    },
    service::{Cycle, Memory, Read, Unit, Wrote},
};

/// The argument that makes a process a stage.
const STAGE: &str = "--stage";

/// What a process measured of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Until the tip is there; from there to the index, to the bytes to write, and to the pushed commit.
    pub fetch: Duration,
    pub read: Duration,
    pub decide: Duration,
    pub write: Duration,
    /// Of all of it, on every thread.
    pub cpu: Duration,
    /// KiB, at most so far.
    pub peak: u64,
}

/// A process that works when it is told to.
pub struct Stage {
    child: Child,
    answers: io::Lines<io::BufReader<std::process::ChildStdout>>,
}

impl Stage {
    /// A process that has done nothing yet.
    pub fn start(url: &str, state: &Path) -> Self {
        let own = std::env::current_exe().expect("the bench's program");
        let mut command = Command::new(own);
        command.arg(STAGE).arg(url).arg(state).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let answers = io::BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, answers }
    }

    /// Only brings the mirror up to date.
    pub fn fetch(&mut self) {
        self.tell("fetch");
    }

    /// One cycle, with this number in the newest tag of what moves.
    pub fn cycle(&mut self, newest: u32) -> Measured {
        let answer = self.tell(&newest.to_string());
        let numbers: Vec<u64> = answer.split(' ').map(|number| number.parse().expect("a number")).collect();
        let [fetch, read, decide, write, cpu, peak] = numbers[..] else { panic!("{answer}") };
        let [fetch, read, decide, write, cpu] = [fetch, read, decide, write, cpu].map(Duration::from_micros);
        Measured { fetch, read, decide, write, cpu, peak }
    }

    fn tell(&mut self, what: &str) -> String {
        let input = self.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{what}").expect("the process listens");
        self.answers.next().expect("an answer").expect("text")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

/// Works in this process, where it was started for that.
pub fn is_one() -> bool {
    let mut arguments = std::env::args().skip_while(|argument| argument != STAGE).skip(1);
    let (Some(url), Some(state)) = (arguments.next(), arguments.next()) else { return false };
    work(&url, &PathBuf::from(state));
    true
}

fn work(url: &str, state: &Path) {
    let mut open: Option<(Cycle, Option<Read>)> = None;
    for line in io::stdin().lock().lines() {
        let line = line.expect("text");
        let answer = match line.parse() {
            Err(_) => {
                let unit = unit(url, state);
                Source::open(&unit.location, &unit.access).and_then(|mut source| source.read(None)).expect("the repository is read");
                "fetched".to_owned()
            }
            Ok(newest) => {
                let before = cpu();
                let started = Instant::now();
                let (cycle, last) = open.get_or_insert_with(|| {
                    let memory = Memory::open(state);
                    (Cycle::open(Arc::new(unit(url, state)), Arc::new(Timestamp::now), &memory).expect("opened"), None)
                });
                if let Some(last) = last.take() {
                    cycle.keep(last);
                }
                let (measured, read) = cycle_once(cycle, newest, started);
                *last = Some(read);
                let Measured { fetch, read, decide, write, .. } = measured;
                let micros = [fetch, read, decide, write, cpu().saturating_sub(before)].map(|time| time.as_micros().to_string());
                format!("{} {}", micros.join(" "), peak())
            }
        };
        println!("{answer}");
    }
}

fn cycle_once(cycle: &mut Cycle, newest: u32, started: Instant) -> (Measured, Read) {
    let tip = cycle.fetch().expect("the branch is there");
    let fetched = Instant::now();
    let read = cycle.index(tip).expect("the files are read");
    let indexed = Instant::now();
    let answers = answers(read.subjects(), newest);
    let planned = cycle.plan(&read, &answers).expect("planned");
    let decided = Instant::now();
    if !planned.is_empty() {
        assert!(matches!(cycle.write(&read, planned, Write::Commit), Ok(Wrote::Done(_))), "the commit is pushed");
    }
    let (fetch, index, decide, write) = (fetched - started, indexed - fetched, decided - indexed, decided.elapsed());
    (Measured { fetch, read: index, decide, write, ..Measured::default() }, read)
}

/// Every answer that the registry of this bench gives.
fn answers(subjects: &Subjects, newest: u32) -> Vec<Answer> {
    let mut knowledge = Knowledge::new();
    for view in subjects.questions.iter().map(tagalong::plan::Asked::view) {
        let last = if view.repository.path.contains("/moving-") { newest } else { 3 };
        knowledge.entry(view).or_insert_with(|| Known::Listed { records: records(last), listing: Listing::Trusted });
    }
    let now = Timestamp::now();
    subjects.questions.iter().map(|asked| asked.answer(&knowledge, now)).collect()
}

fn records(last: u32) -> Vec<TagRecord> {
    let old = (0..8).flat_map(|minor| (0..12).map(move |patch| format!("0.{minor}.{patch}")));
    let digest = Digest::parse(&format!("sha256:{}", "0".repeat(64))).expect("a digest");
    let platforms = vec![PlatformFacts { platform: Platform::linux_amd64(), created: None }];
    let image = Metadata::Image(ImageFacts { digest, platforms, labels: std::collections::BTreeMap::new() });
    let record = |text: String| TagRecord { metadata: image.clone(), ..TagRecord::listed(Tag::parse(&text).expect("a tag")) };
    old.chain((0..=last).map(|patch| format!("1.2.{patch}"))).map(record).collect()
}

fn unit(url: &str, state: &Path) -> Unit {
    let config = Config::of_overrides(Overrides { state: Some(state.to_owned()), ..Overrides::default() }).expect("a configuration");
    let repository = config.repository_for(url);
    let location = Location::parse(url, Plaintext::Loopback).expect("a location");
    let (access, _) = Access::prepare(&location, &repository, state.to_owned(), &Environment::of_process()).expect("access");
    Unit {
        repository,
        location,
        access,
        images: config.images,
        kinds: Vec::new(),
        presets: Arc::new(Presets::shipped().clone()),
        signer: None,
        patience: config.timeout,
    }
}

/// What this process used of all processors, in threads that ended too.
fn cpu() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).expect("less than a second"))
}

fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
