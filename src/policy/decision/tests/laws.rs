use jiff::SignedDuration;
use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    image::version::Version,
    policy::select::{Key, Selector},
};

const PATTERNS: [&str; 12] = [
    "semver:*",
    "semver:>=1.0.0-0",
    "semver:~1 || ~2.0-0",
    "glob:*",
    "glob:1.*",
    "regexp:[0-9]",
    "regexp:^v?(?P<semver>[0-9].*)$",
    "regexp:^[a-z]+-(?P<number>[0-9]+)",
    "regexp:^(?P<alphabetical>[a-z0-9]+)",
    "digest:stable",
    "digest:1.0.0",
    "glob:latest",
];

const KEYS: [&[(&str, &str)]; 7] = [
    &[],
    &[("exclude", "*-alpine,1.2.0")],
    &[("min-age", "48h")],
    &[("digest", "true")],
    &[("platform", "linux/arm64")],
    &[("downgrade", "allow")],
    &[("match", "[0-9]"), ("min-age", "1d"), ("exclude", "v*")],
];

fn tag() -> impl Strategy<Value = String> {
    let suffixes = vec![
        "",
        "",
        "",
        "-alpine",
        "-alpine3.18",
        "-alpine3.19",
        "-rc1",
        "-rc.2",
        "-beta-2",
        "-dev",
        "-3",
        "-4",
        "-1a2b3c4",
        "-9f8e7d6",
        "-r9",
        "-debian-11-r10",
        "-ce.0",
        "-pr.5",
        "-security-01",
        "-20240101",
        "rc1",
    ];
    let numbers = select(vec!["1", "2", "7", "12", "1337", "1.0", "1.2", "1.0.0", "1.2.0", "1.10.0", "01.2.0", "2.0.0", "1.2.0.4", "2024.01.05"]);
    let version = (select(vec!["", "", "v"]), numbers, select(suffixes)).prop_map(|(v, numbers, suffix)| format!("{v}{numbers}{suffix}"));
    let words =
        select(vec!["latest", "Latest", "stable", "main", "main-9", "main-10", "dev-10-x", "placeholder", "sha256-0123abcd.sig", "a01", "a1"]);
    prop_oneof![3 => version, 1 => words.prop_map(str::to_owned)]
}

/// What the registry would say of a tag; an image is never seen before it is built.
fn truth() -> impl Strategy<Value = String> {
    let built = select(vec!["", "=1970-01-01", "=2025-01-01", "=2025-01-01", "=2025-03-01", "=2025-06-01", "=2025-12-31"]);
    let platforms = select(vec!["", "", "", "%linux/amd64,linux/arm64", "%windows/amd64", "%linux/arm64"]);
    let seen = select(vec!["", "", "~2025-12-31T06:00:00Z", "^2025-12-31T06:00:00Z"]);
    let early = select(vec!["=2025-01-01~2025-01-02", "=2025-03-01^2025-03-02", "=2025-06-01~2025-07-01"]);
    let image = prop_oneof![2 => (built, seen).prop_map(|(built, seen)| format!("{built}{seen}")), 1 => early.prop_map(str::to_owned)];
    // One digest is one image: what is told of it follows from it.
    let image = (image, platforms, 1..3).prop_map(|(image, platforms, copy): (String, &str, i32)| {
        let built = image.split(['~', '^']).next().unwrap_or_default();
        let number: String = built.chars().filter(char::is_ascii_digit).collect();
        format!("{image}{platforms}@{copy}{}{number}", platforms.len())
    });
    prop_oneof![12 => image, 1 => select(vec!["!gone", "!chart", "!failed", "!gone~2025-02-01"]).prop_map(str::to_owned)]
}

fn listing() -> impl Strategy<Value = Vec<TagRecord>> {
    prop::collection::btree_map(tag(), truth(), 0..10)
        .prop_map(|tags| tags.into_iter().map(|(tag, truth)| record(&format!("{tag}{truth}"))).collect())
}

/// All that a row of the laws varies.
#[derive(Clone)]
struct World {
    keys: &'static [(&'static str, &'static str)],
    policy: Policy,
    tag: Option<Tag>,
    digest: Option<Digest>,
    records: Vec<TagRecord>,
    listing: Listing,
    wants: Wants,
    rolled_back: Vec<RolledBack>,
    remembered: Option<Timestamp>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { keys, policy, tag, digest, records, listing, wants, rolled_back, remembered } = self;
        write!(f, "{} {:?} {keys:?}, {tag:?} {digest:?}, {listing:?} {wants:?} {rolled_back:?} {remembered:?}", policy.pattern, policy.origin)?;
        records.iter().try_for_each(|record| write!(f, "\n  {} {:?} {:?}", record.tag, record.first_seen, record.metadata))
    }
}

impl World {
    fn question(&self) -> Question<'_> {
        Question {
            policy: &self.policy,
            tag: self.tag.as_ref(),
            digest: self.digest.as_ref(),
            records: &self.records,
            listing: self.listing,
            wants: self.wants,
            now: time("2026-01-01"),
            remembered: self.remembered,
            rolled_back: &self.rolled_back,
        }
    }

    /// Feeds what is needed from the truth until nothing is; the last decision and the rounds.
    fn settled(mut self, truth: &[TagRecord]) -> (Decision, usize) {
        for round in 0.. {
            let decision = decide(&self.question());
            assert!(round <= 2 * truth.len() + 2, "still open after {round} rounds: {:?}", decision.needs);
            if decision.needs.is_empty() {
                return (decision, round);
            }
            for need in &decision.needs {
                let at = self.records.iter().position(|record| record.tag == *need.tag()).expect("a need names a listed tag");
                let metadata = truth[at].metadata.clone();
                self.records[at].metadata = match (need, metadata) {
                    (Need::Digest(_), Metadata::Image(facts)) => Metadata::Pointed(facts.digest),
                    (Need::Digest(_), Metadata::NotAnImage(_)) => Metadata::Pointed(digest("9")),
                    (_, metadata) => metadata,
                };
            }
        }
        unreachable!("the loop ends by its bound")
    }
}

/// The digest beside the tag in Git.
#[derive(Clone, Copy, Debug)]
enum Pin {
    /// What the tag points to, where it is listed.
    Listed,
    Other,
}

fn worlds() -> impl Strategy<Value = World> {
    let policy = (select(PATTERNS.to_vec()), select(KEYS.to_vec()), select(vec![Origin::Written, Origin::Written, Origin::Default]));
    let current = prop_oneof![3 => (tag(), select(vec![None, None, Some(Pin::Listed), Some(Pin::Other)])).prop_map(|(tag, pin)| (Some(tag), pin)),
        1 => select(vec![None, Some(Pin::Other)]).prop_map(|pin| (None, pin))];
    let listed = any::<prop::sample::Index>();
    let rare = (select(vec![Listing::Trusted, Listing::Trusted, Listing::InDoubt]), select(vec![Wants::Image, Wants::Image, Wants::Artifact]));
    let history = (prop::option::weighted(0.2, tag()), prop::option::weighted(0.3, select(vec!["2025-02-01", "2025-12-01"])));
    (policy, current, listing(), listed, any::<bool>(), rare, history).prop_map(
        |((pattern, keys, origin), (current, pin), records, listed, from_list, (listing, wants), (took_back, remembered))| {
            let policy = Case { keys, origin, ..case(pattern, "-", "") }.policy();
            let from_list = (from_list && current.is_some() && !records.is_empty()).then(|| listed.get(&records).tag.clone());
            let tag = from_list.or_else(|| current.map(|tag| Tag::parse(&tag).expect("a tag")));
            let listed = records.iter().find(|record| Some(&record.tag) == tag.as_ref());
            let digest = pin.map(|pin| match (pin, listed.map(|record| &record.metadata)) {
                (Pin::Listed, Some(Metadata::Image(facts))) => facts.digest.clone(),
                _ => digest("1"),
            });
            let rolled_back = took_back.map(|tag| RolledBack { tag: Tag::parse(&tag).expect("a tag"), digest: None, commit: "3f2a1b9".into() });
            World {
                keys,
                policy,
                tag,
                digest,
                records,
                listing,
                wants,
                rolled_back: rolled_back.into_iter().collect(),
                remembered: remembered.map(time),
            }
        },
    )
}

/// Whether the winner in the current tag's place asks the same question: from a tag without linux/amd64 to one with it the wanted platform
/// changes, and from `7` to `7.2` the rule of one number ends.
fn asks_the_same(world: &World, decision: &Decision) -> bool {
    let offers_usual = |record: &TagRecord| match &record.metadata {
        Metadata::Image(facts) => facts.platforms.iter().any(|one| one.platform == Platform::linux_amd64()),
        _ => true,
    };
    let is_one_number =
        |tag: &Option<Tag>| tag.as_ref().and_then(|tag| Version::parse(tag.as_str())).is_some_and(|version| version.numbers().len() == 1);
    let current = world.records.iter().find(|record| Some(&record.tag) == world.tag.as_ref());
    current.is_none_or(offers_usual) && is_one_number(&world.tag) <= is_one_number(&decision.winner)
}

fn unread(records: &[TagRecord]) -> Vec<TagRecord> {
    records.iter().map(|record| TagRecord { metadata: Metadata::NotRead, ..record.clone() }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn selection_ignores_the_order_of_the_list(world in worlds(), seed in any::<u64>()) {
        let mut turned = world.clone();
        let mut random = seed;
        turned.records.sort_by_cached_key(|_| { random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); random >> 33 });
        let names = |world: &World| {
            let (decision, fates) = explain(&world.question());
            (decision, fates.into_iter().map(|fate| (fate.record.tag.clone(), fate.reason)).collect::<Vec<_>>())
        };
        prop_assert_eq!(names(&world), names(&turned));
    }

    #[test]
    fn every_tag_wins_once_or_loses_once(world in worlds(), hidden in any::<bool>()) {
        let world = if hidden { World { records: unread(&world.records), ..world } } else { world };
        let (decision, fates) = explain(&world.question());
        prop_assert_eq!(&decision, &decide(&world.question()));
        prop_assert_eq!(decision.tally.values().sum::<u32>() as usize, world.records.len());
        let mut tally = BTreeMap::new();
        for fate in &fates {
            *tally.entry(fate.reason.code()).or_insert(0) += 1;
        }
        prop_assert_eq!(&decision.tally, &tally);
        let chosen: Vec<&Tag> = fates.iter().filter(|fate| matches!(fate.reason, Reason::Chosen(_))).map(|fate| &fate.record.tag).collect();
        prop_assert_eq!(chosen, decision.winner.iter().collect::<Vec<_>>());
        prop_assert!(!decision.reason.is_empty());
    }

    #[test]
    fn a_decision_holds_until_its_next_moment(world in worlds(), hours in 0..9000_i64, later in 1..9000_i64) {
        let moment = |hours| time("2024-12-31") + SignedDuration::from_hours(hours);
        let question = Question { now: moment(hours), ..world.question() };
        let then = Question { now: moment(hours + later), ..question };
        let next = next_moment(&question);
        prop_assert!(next.is_none_or(|next| next > question.now));
        if next.is_none_or(|next| then.now < next) {
            prop_assert_eq!(decide(&question), decide(&then));
        }
    }

    #[test]
    fn a_second_run_plans_nothing(world in worlds()) {
        let truth = world.records.clone();
        let (first, _) = world.clone().settled(&truth);
        if asks_the_same(&world, &first) && matches!(first.code, Code::Updated | Code::Switched) {
            let applied = World { tag: first.winner.clone(), digest: first.digest.clone(), ..world };
            let (second, _) = applied.settled(&truth);
            prop_assert_eq!(second.code, Code::Current, "{} after {:?}", second.reason, first.winner);
            prop_assert_eq!(&second.winner, &first.winner);
        }
    }

    #[test]
    fn what_is_known_before_changes_no_answer(world in worlds()) {
        let truth = world.records.clone();
        let (eager, _) = world.clone().settled(&truth);
        let (lazy, rounds) = World { records: unread(&truth), ..world }.settled(&truth);
        prop_assert!(rounds <= truth.len() + 2, "{rounds} rounds");
        let answer = |decision: &Decision| (decision.code, decision.winner.clone(), decision.digest.clone(), decision.newer_elsewhere.clone());
        prop_assert_eq!(answer(&lazy), answer(&eager), "{} / {}", lazy.reason, eager.reason);
    }

    #[test]
    fn a_digest_is_written_exactly_where_one_is_pinned_or_wanted(world in worlds()) {
        let truth = world.records.clone();
        let (decision, _) = world.clone().settled(&truth);
        let wanted = world.digest.is_some() || world.policy.keys.digest == WriteDigest::Always || matches!(world.policy.pattern.rule(), Rule::Digest(_));
        if matches!(decision.code, Code::Updated | Code::Switched) {
            prop_assert_eq!(decision.digest.is_some(), wanted);
            let at = truth.iter().position(|record| Some(&record.tag) == decision.winner.as_ref()).expect("a listed winner");
            if let (Some(written), Metadata::Image(facts)) = (&decision.digest, &truth[at].metadata) {
                prop_assert_eq!(written, &facts.digest, "never another tag's digest");
            }
        }
    }

    #[test]
    fn preferring_is_a_total_order(pattern in select(PATTERNS.to_vec()), current in tag(), tags in prop::collection::btree_set(tag(), 3)) {
        let policy = case(pattern, "-", "").policy();
        let current = Tag::parse(&current).expect("a tag");
        let selector = Selector::new(&policy, Some(&current));
        let candidates: Vec<(&str, Key<'_>)> = tags.iter().filter_map(|tag| Some((tag.as_str(), selector.judge(tag).ok()?))).collect();
        let prefer = |a: &(&str, Key<'_>), b: &(&str, Key<'_>)| selector.prefer((a.0, &a.1), (b.0, &b.1));
        for a in &candidates {
            for b in &candidates {
                prop_assert_eq!(prefer(a, b), prefer(b, a).reverse(), "{} {}", a.0, b.0);
                prop_assert_eq!(prefer(a, b).is_eq(), a.0 == b.0, "{} {}", a.0, b.0);
                for c in &candidates {
                    prop_assert!(prefer(a, b).is_gt() || prefer(b, c).is_gt() || prefer(a, c).is_le(), "{} {} {}", a.0, b.0, c.0);
                }
            }
        }
    }
}
