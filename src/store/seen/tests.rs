use std::collections::BTreeSet;

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::{
    image::Name,
    policy::{Blame, Code},
    store::{Kind, Record},
};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).expect("a time")
}

fn tag(text: &str) -> Tag {
    Tag::parse(text).expect("a tag")
}

fn tags(texts: &[&str]) -> Vec<Tag> {
    texts.iter().map(|text| tag(text)).collect()
}

/// `1.0` to `1.<count - 1>`.
fn versions(count: usize) -> Vec<Tag> {
    (0..count).map(|minor| tag(&format!("1.{minor}"))).collect()
}

fn digest(letter: char) -> Digest {
    Digest::parse(&format!("sha256:{}", letter.to_string().repeat(64))).expect("a digest")
}

fn failure(code: Code) -> Failure {
    Failure { code, reason: "no answer".to_owned(), blame: Blame::Remote, hint: Some("wait".to_owned()) }
}

trait Lists {
    fn lists(self, tags: Vec<Tag>, seconds: i64) -> Seen;
}

impl Lists for Seen {
    fn lists(self, tags: Vec<Tag>, seconds: i64) -> Seen {
        self.observe(tags, Mark::default(), &BTreeSet::new(), at(seconds))
    }
}

fn standings(seen: &Seen) -> String {
    let letter = |standing| match standing {
        Standing::Listed => "",
        Standing::New => "+",
        Standing::Missing => "-",
        Standing::Vanished => "~",
    };
    seen.tags().iter().map(|seen| format!("{}{}", letter(seen.standing), seen.tag)).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_first_list_is_believed_whatever_it_holds() {
    for (word, listed) in [("nothing", vec![]), ("one", versions(1)), ("many", versions(500))] {
        let seen = Seen::default().lists(listed.clone(), 0);
        assert_eq!((seen.listing(), seen.tags().len()), (Listing::Trusted, listed.len()), "{word}");
        assert!(seen.tags().iter().all(|tag| tag.first_seen == FirstSeen { at: at(0), in_first_listing: true }), "{word}");
    }
}

#[test]
fn a_list_that_lacks_too_much_is_doubted() {
    let in_doubt = Listing::InDoubt;
    for (word, known, lacks, in_use, listing) in [
        ("nothing", 100, 0, None, Listing::Trusted),
        ("five of six", 6, 5, None, Listing::Trusted),
        ("six of six", 6, 6, None, in_doubt),
        ("six of sixty", 60, 6, None, Listing::Trusted),
        ("seven of sixty", 60, 7, None, in_doubt),
        ("a tenth", 400, 40, None, Listing::Trusted),
        ("more than a tenth", 400, 41, None, in_doubt),
        ("everything", 400, 400, None, in_doubt),
        ("one that a container has", 100, 1, Some("1.99"), in_doubt),
        ("one beside it", 100, 1, Some("1.98"), Listing::Trusted),
        ("one that was never known", 100, 1, Some("2.0"), Listing::Trusted),
    ] {
        let in_use: BTreeSet<Tag> = in_use.into_iter().map(tag).collect();
        let seen = Seen::default().lists(versions(known), 0).observe(versions(known - lacks), Mark::default(), &in_use, at(300));
        assert_eq!(seen.listing(), listing, "{word}");
    }
}

#[test]
fn doubt_ends() {
    let known = || Seen::default().lists(versions(20), 0);
    // Each list: how many versions it holds, and when it came.
    for (word, lists, listing, standing) in [
        ("not yet", &[(10, 1), (10, 2)][..], Listing::InDoubt, 20),
        ("three equal lists", &[(10, 1), (10, 2), (10, 3)], Listing::Trusted, 10),
        ("the third is another", &[(10, 1), (10, 2), (9, 3)], Listing::InDoubt, 20),
        ("three equal after others", &[(10, 1), (9, 2), (9, 3), (9, 4)], Listing::Trusted, 9),
        ("a good list", &[(10, 1), (20, 2)], Listing::Trusted, 20),
        ("a good list counts anew", &[(10, 1), (10, 2), (20, 3), (10, 4), (10, 5)], Listing::InDoubt, 20),
        ("less than an hour", &[(10, 0), (9, HOUR - 1)], Listing::InDoubt, 20),
        ("one hour", &[(10, 0), (9, HOUR)], Listing::Trusted, 9),
        ("the clock was set back", &[(10, HOUR), (9, 0), (8, HOUR - 1)], Listing::InDoubt, 20),
        ("an hour after it was set back", &[(10, HOUR), (9, 0), (8, HOUR)], Listing::Trusted, 8),
        ("what was believed is known", &[(10, 1), (10, 2), (10, 3), (10, 4)], Listing::Trusted, 10),
    ] {
        let seen = lists.iter().fold(known(), |seen, &(count, seconds)| seen.lists(versions(count), seconds));
        assert_eq!((seen.listing(), seen.tags().len()), (listing, standing), "{word}");
    }
}

#[test]
fn a_list_in_doubt_is_decided_upon_and_changes_nothing_known() {
    let all = &["a", "b", "c", "d", "e", "f", "g"];
    let listed = |seen: &Seen| seen.records(|_| None).iter().map(|record| record.tag.to_string()).collect::<Vec<_>>().join(" ");
    let doubted = Seen::default().lists(tags(all), 0).lists(tags(&["a", "x"]), 10);
    assert_eq!((standings(&doubted).as_str(), listed(&doubted).as_str()), ("a -b -c -d -e -f -g +x", "a x"));
    for (word, next, standing, first_seen_x) in [
        ("the same", &["a", "x"][..], "a -b -c -d -e -f -g +x", Some(10)),
        ("new ones go as they came", &["a"], "a -b -c -d -e -f -g", None),
        ("a good list", &["a", "b", "c", "d", "e", "f", "g", "x"], "a b c d e f g x", Some(10)),
    ] {
        let seen = doubted.clone().lists(tags(next), 20);
        assert_eq!(standings(&seen), standing, "{word}");
        assert_eq!(seen.tag(&tag("x")).map(|seen| seen.first_seen.at), first_seen_x.map(at), "{word}");
        assert!(seen.tag(&tag("g")).is_some_and(|seen| seen.first_seen == FirstSeen { at: at(0), in_first_listing: true }), "{word}");
    }
}

#[test]
fn a_tag_that_vanished_is_remembered_while_a_container_has_it() {
    let in_use: BTreeSet<Tag> = [tag("b")].into();
    let mut seen = Seen::default().lists(tags(&["a", "b"]), 0);
    seen.pointed(&tag("b"), digest('b'), at(1));
    let without = |seen: Seen, in_use: &BTreeSet<Tag>, seconds| seen.observe(tags(&["a"]), Mark::default(), in_use, at(seconds));
    let seen = [10, 20, 30].into_iter().fold(seen, |seen, seconds| without(seen, &in_use, seconds));
    assert_eq!((standings(&seen).as_str(), seen.listing()), ("a ~b", Listing::Trusted));
    assert_eq!(seen.tag(&tag("b")).and_then(|seen| seen.check.as_ref()?.digest.clone()), Some(digest('b')));
    assert_eq!(seen.records(|_| None).len(), 1, "it is not listed");
    assert_eq!(standings(&without(seen.clone(), &in_use, 40)), "a ~b", "still");
    assert_eq!(standings(&seen.clone().lists(tags(&["a", "b"]), 40)), "a b", "it comes back");
    assert_eq!(standings(&without(seen, &BTreeSet::new(), 40)), "a", "nobody has it");
}

#[test]
fn a_new_tag_is_first_seen_when_it_comes() {
    let seen = Seen::default().lists(tags(&["b", "b", "a"]), 0).lists(tags(&["c", "a", "b"]), 10).lists(tags(&["a", "c"]), 20);
    let again = seen.lists(tags(&["a", "b", "c"]), 30);
    let first: Vec<_> = again.tags().iter().map(|seen| (seen.tag.as_str(), seen.first_seen.at, seen.first_seen.in_first_listing)).collect();
    assert_eq!(first, [("a", at(0), true), ("b", at(30), false), ("c", at(10), false)]);
}

#[test]
fn a_list_said_to_be_unchanged_counts_as_the_same_list() {
    let mark = Mark { etag: Some("\"1\"".to_owned()), ..Mark::default() };
    let first = Seen::default().observe(versions(20), mark.clone(), &BTreeSet::new(), at(0)).failed(failure(Code::Unreachable), at(5));
    let seen = first.unchanged(&BTreeSet::new(), at(10));
    assert_eq!((seen.listed_at(), seen.mark(), seen.trouble()), (Some(at(10)), Some(&mark), None));
    let doubted = seen.lists(versions(10), 20).unchanged(&BTreeSet::new(), at(30));
    assert_eq!(doubted.listing(), Listing::InDoubt);
    let ended = doubted.unchanged(&BTreeSet::new(), at(40));
    assert_eq!((ended.listing(), ended.tags().len()), (Listing::Trusted, 10));
}

#[test]
fn trouble_is_told_since_it_began() {
    let seen = Seen::default().lists(versions(1), 0);
    for (word, answers, since) in [
        ("once", &[(Code::Unreachable, 10)][..], 10),
        ("again", &[(Code::Unreachable, 10), (Code::Unreachable, 20)], 10),
        ("another", &[(Code::Unreachable, 10), (Code::RateLimited, 20)], 20),
        ("the clock was set back", &[(Code::Unreachable, 10), (Code::Unreachable, 5)], 5),
    ] {
        let seen = answers.iter().fold(seen.clone(), |seen, &(code, seconds)| seen.failed(failure(code), at(seconds)));
        assert_eq!(seen.trouble().map(|trouble| trouble.since), Some(at(since)), "{word}");
        assert_eq!((seen.listed_at(), seen.tags().len()), (Some(at(0)), 1), "{word}: what is known stays");
        assert_eq!(seen.lists(versions(1), 30).trouble(), None, "{word}: a list ends it");
    }
}

#[test]
fn nothing_was_seen_after_now() {
    let mut seen = Seen::default().lists(tags(&["a"]), HOUR).lists(tags(&["a", "b"]), HOUR);
    seen.pointed(&tag("b"), digest('b'), at(HOUR));
    let back = seen.lists(tags(&["a", "b"]), 0);
    assert_eq!(back.listed_at(), Some(at(0)));
    assert!(back.tags().iter().all(|seen| seen.first_seen.at == at(0)));
    assert_eq!(back.tag(&tag("b")).and_then(|seen| seen.check.as_ref()).map(|check| check.at), Some(at(0)));
}

#[test]
fn a_tag_that_moves_is_first_seen_anew_and_asked_more_often() {
    let a = tag("a");
    // Each answer: the digest's letter, and after how many hours it came; then: first seen after, moved, wait.
    for (word, answers, first_seen, moved, wait) in [
        ("once", &[('1', 0)][..], (0, true), false, 1),
        ("the same at once", &[('1', 0), ('1', 0)], (0, true), false, 1),
        ("the same when due", &[('1', 0), ('1', 1)], (0, true), false, 2),
        (
            "for a month",
            &[('1', 0), ('1', 1), ('1', 3), ('1', 7), ('1', 15), ('1', 31), ('1', 63), ('1', 127), ('1', 255), ('1', 600)],
            (0, true),
            false,
            168,
        ),
        ("it moved", &[('1', 0), ('2', 5)], (5, false), true, 1),
        ("it moved and stays", &[('1', 0), ('2', 5), ('2', 6)], (5, false), true, 2),
        ("it moved back", &[('1', 0), ('2', 5), ('1', 6)], (6, false), true, 1),
        ("it moved after long rest", &[('1', 0), ('1', 1), ('1', 3), ('1', 7), ('2', 15)], (15, false), true, 4),
    ] {
        let mut seen = Seen::default().lists(tags(&["a"]), 0);
        for &(letter, hours) in answers {
            seen.pointed(&a, digest(letter), at(hours * HOUR));
        }
        let seen = seen.tag(&a).expect(word);
        let check = seen.check.as_ref().expect(word);
        assert_eq!((seen.first_seen.at, seen.first_seen.in_first_listing), (at(first_seen.0 * HOUR), first_seen.1), "{word}");
        assert_eq!((check.moved, check.wait()), (moved, wait), "{word}");
    }
}

#[test]
fn an_answer_becomes_what_a_decision_may_know() {
    let a = tag("a");
    let facts = |known: &Digest| (*known == digest('f')).then(|| Metadata::NotAnImage("chart".to_owned()));
    let unreadable = Metadata::Unreadable { code: Code::RateLimited, reason: "wait".to_owned() };
    for (word, answer, metadata) in [
        ("nobody asked", &(|_: &mut Seen| ()) as &dyn Fn(&mut Seen), Metadata::NotRead),
        ("a digest", &|seen| seen.pointed(&a, digest('1'), at(1)), Metadata::Pointed(digest('1'))),
        ("a digest that is known", &|seen| seen.pointed(&a, digest('f'), at(1)), Metadata::NotAnImage("chart".to_owned())),
        ("gone", &|seen| seen.gone(&a, at(1)), Metadata::Gone),
        ("no answer", &|seen| seen.unreadable(&a, Code::RateLimited, "wait", at(1)), unreadable),
        ("another tag", &|seen| seen.pointed(&tag("b"), digest('1'), at(1)), Metadata::NotRead),
    ] {
        let mut seen = Seen::default().lists(tags(&["a"]), 0);
        answer(&mut seen);
        assert_eq!(
            seen.records(facts),
            [TagRecord { tag: a.clone(), first_seen: Some(FirstSeen { at: at(0), in_first_listing: true }), metadata }],
            "{word}"
        );
        assert_eq!(Seen::decode(&seen.encode()), Some(seen), "{word}");
    }
}

#[test]
fn a_tag_that_comes_back_is_compared_with_what_it_was() {
    let a = tag("a");
    for (word, between, letter, moved) in [
        ("gone, the same", &(|seen: &mut Seen| seen.gone(&a, at(1))) as &dyn Fn(&mut Seen), '1', false),
        ("gone, another", &|seen| seen.gone(&a, at(1)), '2', true),
        ("no answer, another", &|seen| seen.unreadable(&a, Code::Unreachable, "x", at(1)), '2', true),
    ] {
        let mut seen = Seen::default().lists(tags(&["a"]), 0);
        seen.pointed(&a, digest('1'), at(0));
        between(&mut seen);
        seen.pointed(&a, digest(letter), at(2));
        assert_eq!(seen.tag(&a).and_then(|seen| seen.check.as_ref()).map(|check| check.moved), Some(moved), "{word}");
    }
}

#[test]
fn of_a_short_list_a_hundredth_is_one_in_many_lists() {
    for (count, share, lists) in [(0, 0, 100), (1, 0, 100), (10, 0, 10), (40, 0, 2), (99, 0, 1), (100, 1, 1), (5000, 50, 1)] {
        let seen = Seen::default().lists(versions(count), 0);
        assert_eq!((seen.share(), seen.lists_per_recheck()), (share, lists), "{count}");
    }
}

#[test]
fn tags_that_have_moved_are_asked_each_time_those_first_that_did_last() {
    let moved = |count: usize, movers: usize| {
        let mut seen = Seen::default().lists(versions(count), 0);
        for (place, tag) in versions(movers).iter().enumerate() {
            seen.pointed(tag, digest('1'), at(1));
            seen.pointed(tag, digest('2'), at(MINUTE * i64::try_from(place).expect("few")));
        }
        seen.movers().into_iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(moved(3, 2), ["1.1", "1.0"]);
    for (word, count, movers, asked) in [("none", 300, 0, 0), ("a few", 5, 5, 5), ("many of few", 20, 20, 8), ("many of many", 5000, 100, 25)] {
        assert_eq!(moved(count, movers).len(), asked, "{word}");
    }
}

#[test]
fn a_hundredth_is_asked_again_the_longest_overdue_first() {
    for (word, count, asked, hours, rechecks) in [
        ("none asked yet", 300, 0, 100, &[][..]),
        ("none due", 300, 20, 0, &[]),
        ("one of few", 5, 5, 100, &["1.4"]),
        ("three of three hundred", 300, 20, 100, &["1.19", "1.18", "1.17"]),
    ] {
        let mut seen = Seen::default().lists(versions(count), 0);
        // The later versions were asked earlier.
        versions(asked).iter().enumerate().for_each(|(place, tag)| seen.pointed(tag, digest('1'), at(-MINUTE * i64::try_from(place).expect("few"))));
        let found: Vec<&str> = seen.rechecks(at(hours * HOUR), seen.share().max(1)).into_iter().map(Tag::as_str).collect();
        assert_eq!(found, rechecks, "{word}");
    }
}

#[test]
fn what_one_credential_sees_has_an_id_of_its_own() {
    let repository = Name::parse("redis").expect("a name").repository();
    assert_eq!(Seen::id(&repository, "anonymous"), "docker.io/library/redis anonymous");
    assert_eq!(Seen::KIND, Kind::Repositories);
}

#[test]
fn bytes_that_nobody_encoded_are_refused() {
    let mut seen = Seen::default().lists(versions(3), 0);
    seen.pointed(&tag("1.1"), digest('1'), at(1));
    let bytes = seen.encode();
    assert_eq!(Seen::decode(&bytes), Some(seen));
    for (word, changed) in [
        ("nothing", vec![]),
        ("an older version", [&[0], &bytes[1..]].concat()),
        ("a newer version", [&[2], &bytes[1..]].concat()),
        ("too much", [&bytes[..], &[0]].concat()),
        ("an unknown part", [&bytes[..1], &[4], &bytes[2..]].concat()),
    ] {
        assert_eq!(Seen::decode(&changed), None, "{word}");
    }
    for end in 0..bytes.len() {
        assert_eq!(Seen::decode(&bytes[..end]), None, "cut off at {end}");
    }
}

#[test]
fn trouble_is_told_and_ends_without_a_look_at_the_tags() {
    let listed = versions(3);
    let seen = Seen::default().observe(listed.clone(), Mark::of(&listed), &BTreeSet::new(), at(0));
    let mut packed = Packed::from(&seen);
    packed.failed(failure(Code::Unreachable), at(300));
    assert_eq!(packed.unpack(), Some(seen.clone().failed(failure(Code::Unreachable), at(300))));
    assert!(packed.again(&Mark::of(&listed), at(600)));
    assert_eq!(packed.unpack(), Some(seen.observe(listed, Mark::of(&versions(3)), &BTreeSet::new(), at(600))));
    assert_eq!(Packed::default().unpack(), Some(Seen::default()), "nothing was seen");
    assert_eq!(Packed::decode(&Packed::default().encode()).and_then(|packed| packed.unpack()), Some(Seen::default()));
}

#[test]
fn four_hundred_tags_are_few_bytes() {
    let seen = Seen::default().lists((0..400).map(|number| tag(&format!("1.{}.{}-alpine", number / 20, number % 20))).collect(), 0);
    let bytes = seen.encode().len();
    assert!(bytes < 400 * 14, "{bytes} bytes");
}

prop_compose! {
    fn time()(seconds in -2_000_000_000_i64..4_000_000_000) -> Timestamp { Timestamp::from_second(seconds).expect("a time") }
}

prop_compose! {
    fn any_digest()(bits in select(vec![64, 96, 128]), digit in "[0-9a-f]") -> Digest {
        let algorithm = match bits { 64 => "sha256", 96 => "sha384", _ => "sha512" };
        Digest::parse(&format!("{algorithm}:{}", digit.repeat(bits))).expect("a digest")
    }
}

prop_compose! {
    fn check()(
        at in time(),
        found in prop_oneof![
            Just(Found::Digest),
            Just(Found::Gone),
            (select(Code::ALL), ".{0,9}").prop_map(|(code, reason)| Found::Failed { code, reason }),
        ],
        digest in option::of(any_digest()),
        moved: bool,
        wait in check::WAITS,
    ) -> Check {
        Check::stored(at, found, digest, moved, wait).expect("the wait is legal")
    }
}

prop_compose! {
    fn seen_tag()(
        text in "[a-z0-9_][a-z0-9.-]{0,5}",
        standing in select(vec![Standing::Listed, Standing::New, Standing::Missing, Standing::Vanished]),
        first in time(),
        in_first_listing: bool,
        check in option::of(check()),
    ) -> SeenTag {
        SeenTag { tag: tag(&text), standing, first_seen: FirstSeen { at: first, in_first_listing }, check }
    }
}

prop_compose! {
    fn list()(
        at in time(),
        etag in option::of(".{0,9}"),
        last_modified in option::of(".{0,9}"),
        hash: Option<[u8; 32]>,
        doubt in option::of((time(), 1_u8..3)),
    ) -> List {
        List { at, mark: Mark { etag, last_modified, hash }, doubt: doubt.map(|(since, equal)| Doubt { since, equal }) }
    }
}

prop_compose! {
    fn trouble()(
        since in time(),
        code in select(Code::ALL),
        reason in ".{0,9}",
        blame in select(vec![Blame::Operator, Blame::Remote, Blame::Bug]),
        hint in option::of(".{0,9}"),
    ) -> Trouble {
        Trouble { failure: Failure { code, reason, blame, hint }, since }
    }
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(list in option::of(list()), trouble in option::of(trouble()), mut tags in vec(seen_tag(), 0..20)) {
        tags.sort_by(|a, b| a.tag.cmp(&b.tag));
        tags.dedup_by(|a, b| a.tag == b.tag);
        let seen = Seen { list, trouble, tags };
        let packed = Packed::from(&seen);
        prop_assert_eq!(packed.encode(), seen.encode());
        prop_assert_eq!(Packed::decode(&seen.encode()).and_then(|packed| packed.unpack()), Some(seen.clone()));
        prop_assert_eq!((packed.unpack(), packed.listing()), (Some(seen.clone()), seen.listing()));
        prop_assert_eq!(packed.listed(), seen.records(|_| None).len());
        prop_assert_eq!(Seen::decode(&seen.encode()), Some(seen));
    }

    #[test]
    fn a_list_that_came_again_is_known_by_its_mark(in_use in option::of(0_usize..20), lists in vec((0_usize..20, 0_i64..9000), 1..8)) {
        let (mut read, mut packed) = (Seen::default(), Packed::default());
        let in_use = in_use.iter().map(|minor| tag(&format!("1.{minor}"))).collect();
        for (count, seconds) in lists {
            let (tags, now) = (versions(count), at(seconds));
            let mark = Mark::of(&tags);
            read = read.observe(tags.clone(), mark.clone(), &in_use, now);
            if !packed.again(&mark, now) {
                packed = Packed::from(&packed.unpack().expect("what was packed").observe(tags, mark, &in_use, now));
            }
            prop_assert_eq!((packed.listing(), packed.listed_at()), (read.listing(), read.listed_at()));
            prop_assert_eq!(packed.unpack().map(|seen| seen.records(|_| None)), Some(read.records(|_| None)));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_stand_for_something(bytes: Vec<u8>) {
        let bytes = [&[1][..], &bytes].concat();
        if let Some(seen) = Seen::decode(&bytes) {
            prop_assert_eq!(Seen::decode(&seen.encode()), Some(seen));
        }
    }

    #[test]
    fn whatever_lists_come_the_last_is_decided_upon(lists in vec((vec("[a-e]", 0..6), vec("[a-e]", 0..2), 0_i64..9000), 1..8)) {
        let mut seen = Seen::default();
        for (listed, in_use, seconds) in lists {
            let listed: BTreeSet<Tag> = listed.iter().map(|text| tag(text)).collect();
            let in_use = in_use.iter().map(|text| tag(text)).collect();
            seen = seen.observe(listed.iter().cloned().collect(), Mark::default(), &in_use, at(seconds));
            let records: BTreeSet<Tag> = seen.records(|_| None).into_iter().map(|record| record.tag).collect();
            prop_assert_eq!(records, listed);
            prop_assert!(seen.tags().iter().all(|tag| tag.first_seen.at <= at(seconds)));
            prop_assert!(seen.tags().is_sorted_by(|a, b| a.tag < b.tag));
        }
    }
}
