//! Choosing one tag among ten thousand, everything known.

use std::{collections::BTreeMap, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use tagalong::{
    image::{Digest, Platform, Tag},
    policy::{
        annotation::{Origin, Policy},
        decision::{Listing, Question, Wants, decide},
        keys::Keys,
        pattern::Pattern,
        record::{ImageFacts, Metadata, PlatformFacts, TagRecord},
    },
};

const TAGS: i32 = 10_000;

/// Releases, candidates, flavours, builds of branches and words, as a busy repository has them.
fn tag(number: i32) -> String {
    let (major, minor, patch) = (number / 2_000, number / 40 % 50, number % 40);
    match number % 8 {
        0..=2 => format!("{major}.{minor}.{patch}"),
        3 => format!("v{major}.{minor}.{patch}-rc.{}", number % 5),
        4 => format!("{major}.{minor}.{patch}-alpine3.{}", number % 20),
        5 => format!("{major}.{minor}.{patch}-debian-12-r{}", number % 30),
        6 => format!("main-{:07x}-{}", number * 7_919, 1_700_000_000 + number),
        _ => format!("sha-{:07x}", number * 104_729),
    }
}

fn records() -> Vec<TagRecord> {
    // A stride that is prime to the count: a registry's order is none.
    (0..TAGS).map(|at| at * 7_919 % TAGS).map(record).collect()
}

fn record(number: i32) -> TagRecord {
    let created = Timestamp::from_second(1_700_000_000 + i64::from(number * 7_919 % TAGS)).ok();
    let digest = Digest::parse(&format!("sha256:{number:064x}")).expect("a digest");
    let platforms = vec![PlatformFacts { platform: Platform::linux_amd64(), created }];
    TagRecord {
        tag: Tag::parse(&tag(number)).expect("a tag"),
        first_seen: None,
        metadata: Metadata::Image(ImageFacts { digest, platforms, labels: BTreeMap::new() }),
    }
}

fn select(criterion: &mut Criterion) {
    let records = records();
    let mut group = criterion.benchmark_group("select");
    group.throughput(Throughput::Elements(records.len() as u64));
    for (pattern, current) in
        [("semver:*", "1.4.2"), ("glob:*", "main-0000000-1700000000"), ("regexp:^main-[0-9a-f]+-(?P<number>[0-9]+)$", "main-0000000-1700000000")]
    {
        let policy = Policy { pattern: Pattern::parse(pattern).expect(pattern), keys: Keys::default(), origin: Origin::Written };
        let current = Tag::parse(current).expect("a tag");
        let question = Question {
            policy: &policy,
            tag: Some(&current),
            digest: None,
            records: &records,
            listing: Listing::Trusted,
            wants: Wants::Image,
            now: Timestamp::constant(1_800_000_000, 0),
            remembered: None,
            rolled_back: &[],
        };
        group.bench_function(format!("{pattern} over {TAGS} tags"), |bencher| bencher.iter(|| decide(black_box(&question))));
    }
    group.finish();
}

criterion_group!(benches, select);
criterion_main!(benches);
