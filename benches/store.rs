//! The store with 5,000 repositories of 400 tags each, and the parsed files of 20,000 manifests.
#![expect(clippy::disallowed_methods, reason = "edge: measures time and files")]

use std::{
    collections::BTreeSet,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use tagalong::{
    image::{Digest, Tag},
    manifest,
    store::{
        Cache, Claim, Embedded, FileIds, Kept, Kind, Mark, Parsed, Record, Screening, Seen, Store, Window, Write, decode_parsed, encode_parsed, load,
    },
};
use tokio::runtime::Runtime;

const REPOSITORIES: usize = 5_000;
const TAGS: usize = 400;
const FILES: usize = 20_000;
/// Rows that are written at once.
const BATCH: usize = 100;

fn tag(repository: usize, number: usize) -> Tag {
    let text = match repository % 3 {
        0 => format!("1.{}.{}", number / 20, number % 20),
        1 => format!("v{}.{}.{}-alpine3.{}", number / 100, number / 10 % 10, number % 10, number % 7),
        _ => format!("main-{:07x}-{}", (number * 7_919 + repository) % 0x0fff_ffff, 1_700_000_000 + number * 3_600),
    };
    Tag::parse(&text).expect("a tag")
}

/// A tenth of the tags came after the first list; of one repository in ten every digest is known.
fn seen(repository: usize, now: Timestamp) -> Seen {
    let tags = |count| (0..count).map(|number| tag(repository, number)).collect::<Vec<_>>();
    let mut seen = Seen::default().observe(tags(TAGS * 9 / 10), Mark::default(), &BTreeSet::new(), now);
    seen = seen.observe(tags(TAGS), Mark::default(), &BTreeSet::new(), now + Duration::from_mins(5));
    if repository.is_multiple_of(10) {
        for number in 0..TAGS {
            let digest = format!("sha256:{:016x}{:016x}{:032x}", number * 0x9e37_79b9, repository * 0x85eb_ca6b, number);
            seen.pointed(&tag(repository, number), Digest::parse(&digest).expect("a digest"), now);
        }
    }
    seen
}

fn id(repository: usize) -> String {
    format!("registry.example/team-{}/service-{repository} anonymous", repository % 50)
}

fn manifest(number: usize) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: service-{number}\n  namespace: team-{}\n  annotations:\n    fluxcd.io/automated: \"true\"\n    fluxcd.io/tag.app: semver:~1.2\nspec:\n  template:\n    spec:\n      containers:\n        - name: app\n          image: ghcr.io/acme/service-{number}:1.2.3\n",
        number % 50
    )
}

/// Resident memory of this process, as the system counts it.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or("unknown".to_owned(), |line| line.trim().to_owned())
}

fn told<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let outcome = work();
    println!("{what}: {:.1} ms, resident {}", start.elapsed().as_secs_f64() * 1000.0, resident());
    outcome
}

fn size(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("store.redb")).map_or(0, |file| file.len())
}

fn fill(runtime: &Runtime, store: &Embedded, now: Timestamp) {
    let write = |repository: usize| -> Write { Kept { record: seen(repository, now), ..Kept::default() }.write(id(repository), Some(now)) };
    for start in (0..REPOSITORIES).step_by(BATCH) {
        let writes = (start..start + BATCH).map(write).collect();
        runtime.block_on(store.save_if(writes)).expect("saved");
    }
}

fn store(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let now = Timestamp::from_second(1_700_000_000).expect("a time");
    println!("{REPOSITORIES} repositories of {TAGS} tags, every digest known in one of ten; {FILES} manifests");
    let bytes: usize = (0..100).map(|repository| seen(repository, now).encode().len()).sum();
    println!("encoded: {} bytes for 100 tags", bytes / TAGS);

    let opened = told("make the store", || Embedded::open(folder.path()).expect("opened"));
    told("write all tags, 100 rows at once", || fill(&runtime, &opened, now));
    println!("on disk: {} kB", size(folder.path()) / 1000);
    told("close", || drop(opened));
    let store = told("open, every page verified", || Embedded::open(folder.path()).expect("opened"));
    told("load and read all tags, one repository after the other", || {
        for repository in 0..REPOSITORIES {
            let kept = runtime.block_on(load::<Seen>(&store, vec![id(repository)])).expect("loaded");
            assert_eq!(kept[0].record.tags().len(), TAGS);
        }
    });

    let ids = FileIds::new(&[]);
    let names: Vec<String> = (0..FILES).map(|number| ids.id(&format!("{number:040x}"), &format!("apps/{number}.yaml"), Screening::ByBytes)).collect();
    let parsed = |number: usize| encode_parsed(&Parsed::Read(manifest::read("apps/a.yaml", manifest(number).as_bytes(), &[]).expect("YAML")));
    let entries: Vec<_> = names.iter().cloned().zip((0..FILES).map(parsed)).collect();
    println!("a parsed file: {} bytes", entries[0].1.len());
    told("remember all files", || runtime.block_on(store.remember(Cache::Files, entries)).expect("remembered"));
    println!("on disk: {} kB", size(folder.path()) / 1000);

    let mut group = criterion.benchmark_group("store");
    group.sample_size(20);
    group.bench_function(format!("load one repository of {TAGS} tags"), |bencher| {
        bencher.iter(|| runtime.block_on(load::<Seen>(&store, vec![id(black_box(77))])).expect("loaded"));
    });
    let known = seen(77, now);
    group.bench_function(format!("observe a list of {TAGS} tags with one new one"), |bencher| {
        let listed: Vec<Tag> = (0..=TAGS).map(|number| tag(77, number)).collect();
        bencher.iter_batched(
            || (known.clone(), listed.clone()),
            |(known, listed)| known.observe(listed, Mark::default(), &BTreeSet::new(), now),
            criterion::BatchSize::SmallInput,
        );
    });
    group.bench_function(format!("load, observe and save one repository of {TAGS} tags"), |bencher| {
        bencher.iter(|| {
            let mut kept = runtime.block_on(load::<Seen>(&store, vec![id(77)])).expect("loaded").remove(0);
            kept.record = kept.record.unchanged(&BTreeSet::new(), now);
            runtime.block_on(store.save_if(vec![kept.write(id(77), Some(now))])).expect("saved")
        });
    });
    group.bench_function("ask what is due, where nothing is", |bencher| {
        let window = Window { longest: Duration::from_hours(10), limit: 100 };
        let early = now - Duration::from_mins(1);
        let claim = || Claim { holder: "bench".to_owned(), now: early, until: early };
        bencher.iter(|| runtime.block_on(store.next_due(Kind::Repositories, claim(), window)).expect("asked"));
    });
    group.bench_function(format!("recall and read {FILES} parsed files"), |bencher| {
        bencher.iter(|| {
            let recalled = runtime.block_on(store.recall(Cache::Files, names.clone())).expect("recalled");
            recalled.iter().filter_map(|bytes| decode_parsed(bytes.as_ref()?, "apps/a.yaml")).count()
        });
    });
    group.finish();
}

criterion_group!(benches, store);
criterion_main!(benches);
