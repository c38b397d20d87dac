use super::{Case, Code, Listing, Origin, case, rising, with_keys};

fn check(rows: &[(Case<'_>, Code, &str)]) {
    for (case, code, reason) in rows {
        let decision = case.decision();
        assert_eq!((decision.code, decision.reason.as_str()), (*code, *reason), "{} {}", case.pattern, case.tags);
    }
}

#[test]
fn updates_say_what_made_the_winner_the_newest() {
    check(&[
        (case("semver:~1", "1.0.0", "1.1.0 1.0.0"), Code::Updated, "1.1.0 is the highest version in ~1"),
        (case("semver:~1", "1.1.0", "1.1.0 1.0.0"), Code::Current, "1.1.0 is the highest version in ~1"),
        (case("glob:*", "a", "a=2025-01-01 b=2025-02-01"), Code::Updated, "b is the newest build that glob:* matches"),
        (case("regex:^b", "b1", "b2=2025-01-01 b1=2024-01-01"), Code::Updated, "b2 is the newest build that regex:^b matches"),
        (case("regexp:^b(?P<semver>.*)$", "b1", "b1 b2"), Code::Updated, "b2 holds the highest version that regexp:^b(?P<semver>.*)$ captures"),
        (case("regexp:^b(?P<number>.*)$", "b1", "b1 b2"), Code::Updated, "b2 holds the highest number that regexp:^b(?P<number>.*)$ captures"),
        (
            case("regexp:^(?P<alphabetical>b.*)$", "b1", "b1 b2"),
            Code::Updated,
            "b2 holds the last text in alphabetical order that regexp:^(?P<alphabetical>b.*)$ captures",
        ),
        (case("digest:stable", "beta@1", "stable@1"), Code::Switched, "stable is the tag to follow"),
        (case("digest:stable", "stable@1", "stable@2"), Code::Updated, "stable points to another image now"),
        (case("digest:stable", "stable", "stable@2"), Code::Updated, "stable gets the digest that it points to"),
        (case("semver:*", "1.0.0@1", "1.0.0@2"), Code::Updated, "1.0.0 points to another image now"),
    ]);
}

#[test]
fn what_stays_says_why() {
    check(&[
        (
            with_keys(&[("exclude", "b")], "glob:*", "b", "a=2025-01-01@1 b=2025-01-01@1"),
            Code::Current,
            "a is the newest build that glob:* matches, and b is the same image",
        ),
        (
            case("semver:~1", "1.0.0-SNAPSHOT", "1.0.0-SNAPSHOT 1.0.0"),
            Code::Current,
            "1.0.0-SNAPSHOT is the highest version in ~1 in its series; to move to 1.0.0 set it in Git yourself",
        ),
        (
            case("semver:~1", "1.0.0-pr.5", "1.0.0-pr.5 1.0.0"),
            Code::Current,
            "1.0.0-pr.5 is the highest version in ~1 in its series; to move to 1.0.0 set it in Git yourself",
        ),
        (with_keys(&[("exclude", "1.5.0")], "semver:*", "1.5.0", "1.5.0 1.4.0"), Code::Current, "1.5.0 stays (excluded): 1.4.0 would be a step back"),
        (with_keys(&[("exclude", "b")], "glob:*", "b", "a=2025-01-01 b"), Code::Current, "b stays (excluded): it may be newer than a"),
        (
            with_keys(&[("platform", "linux/arm64")], "glob:*", "a", "a=2025-01-01"),
            Code::Current,
            "a stays (offers linux/amd64 only): no other tag can be used",
        ),
    ]);
}

#[test]
fn what_is_held_says_why_and_the_way_out() {
    let ten_gone = rising(12, "!gone");
    check(&[
        (case("semver:~1", "1.0.0", ""), Code::NoTagMatches, "the repository lists no tags"),
        (case("semver:~2", "1.0.0", "1.0.0"), Code::NoTagMatches, "the only tag cannot be used: 1 outside the range"),
        (
            case("semver:~2", "1.0.0", "1.0.0 1.1.0 2.0.0-rc1 main latest 2 2.0.0-alpine"),
            Code::NoTagMatches,
            "none of 7 tags can be used: 1 no version, 1 pre-release, 2 outside the range, 1 of another series, 1 with fewer numbers, 1 named `latest`",
        ),
        (
            case("semver:*", "placeholder", "1336 1337"),
            Code::NoTagMatches,
            "none of 2 tags can be used: 2 with fewer numbers; for tags of one number use `regexp:^(?P<number>[0-9]+)$`, or set one in Git yourself",
        ),
        (
            case("semver:~2", "1.0.0-alpine", "1.0.0-alpine 2.1.0"),
            Code::NoTagMatches,
            "none of 2 tags can be used: 1 outside the range, 1 of another series; \
             tags stay in the series -alpine; to leave it set a tag of another series in Git yourself",
        ),
        (case("semver:*", "1.0.0", &ten_gone), Code::NoTagMatches, "none of the ten best tags can be used: 10 gone"),
        (
            case("semver:~1", "1.5.0", "1.4.0"),
            Code::WouldGoBack,
            "would go back from 1.5.0 to 1.4.0; set 1.4.0 in Git yourself, or `tagalong.dev/downgrade: allow`",
        ),
        (case("glob:*", "a", "b=2025-01-01"), Code::NoBuildTime, "cannot tell whether a is older than b: its build time is unknown"),
        (case("glob:*", "a", "a b"), Code::NoBuildTime, "no tag that matches has a usable build time"),
        (case("semver:*", "0.9.0", "0.9.0 1.0.0-1a2b3c4"), Code::Current, "0.9.0 is the highest version in *"),
        (
            case("semver:*", "0.9.0-1a2b3c4", "1.0.0-1a2b3c4 1.0.0-9f8e7d6 1.0.0-5f8e7d6 1.0.0-6f8e7d6"),
            Code::NoBuildTime,
            "1.0.0-1a2b3c4, 1.0.0-5f8e7d6 and 2 more differ only in their commit ids, and none has a usable build time",
        ),
        (
            with_keys(&[("min-age", "48h")], "semver:*", "0.9.0", "1.0.0=2025-12-31 1.1.0"),
            Code::TooYoung,
            "every tag that could win is younger than `min-age` allows, the first is eligible at 2026-01-02T00:00:00Z",
        ),
        (
            Case { rolled_back: &["1.1.0"], ..case("semver:*", "1.0.0", "1.0.0 1.1.0") },
            Code::RolledBack,
            "1.1.0 was rolled back by 3f2a1b9 'Revert 1.1.0'; waits for a newer tag",
        ),
        (
            Case { listing: Listing::InDoubt, ..case("semver:*", "1.0.0", "") },
            Code::ListInDoubt,
            "the list lacks tags that it had, and holds none above the current one: the registry may have answered partly",
        ),
        (
            Case { origin: Origin::Default, ..case("glob:*", "-", "a") },
            Code::NoExplicitPattern,
            "the image has no tag, and the container no pattern of its own",
        ),
        (
            case("semver:*", "@1", "1.0.0"),
            Code::DigestOnly,
            "the reference has a digest and no tag; only a `digest:` policy or `tagalong.dev/digest` moves it",
        ),
    ]);
}

#[test]
fn what_is_not_known_is_counted() {
    check(&[
        (case("semver:*", "0.9.0", "1.0.0!unread 1.1.0!unread"), Code::MetadataMissing, "what the registry says of 1.1.0 is not read yet"),
        (case("semver:*", "0.9.0", "1.0.0!failed"), Code::Unreachable, "quay.io did not answer"),
        (
            case("glob:*", "a", "a=2024-01-01 b=2025-01-01 c~2024-06-01!unread d!unread"),
            Code::MetadataMissing,
            "2 of 4 build times read; 1 could still change the answer",
        ),
        (case("glob:*", "a", "a!failed b=2025-01-01 c=2024-01-01"), Code::Unreachable, "quay.io did not answer; 2 of 3 build times read"),
    ]);
}

#[test]
fn tags_say_why_they_lost() {
    let young = with_keys(&[("min-age", "48h")], "semver:*", "1.0.0", "1.0.0 1.1.0=2025-12-31 1.2.0");
    let ten_gone = rising(11, "!gone");
    for (case, tag, expected) in [
        (case("semver:~1", "1.0.0", "1.0.0 1.1.0"), "1.1.0", "chosen: the highest version in ~1"),
        (case("semver:~1", "1.0.0", "1.0.0 1.1.0"), "1.0.0", "outranked: below 1.1.0"),
        (case("semver:~1", "1.0.0", "1.0.0 2.0.0"), "2.0.0", "outsideRange: outside ~1"),
        (case("semver:~1", "1.0.0", "1.0.0 1.5.1-rc.1"), "1.5.1-rc.1", "preRelease: pre-release; the range names none"),
        (case("semver:~1", "1.0.0", "1.0.0 2.0.0-rc.1"), "2.0.0-rc.1", "outsideRange: outside ~1"),
        (case("semver:~1", "1.0.0", "1.0.0 1.5.0-alpine"), "1.5.0-alpine", "otherSeries: other series: -alpine"),
        (case("semver:~1", "1.0.0-alpine", "1.5.0"), "1.5.0", "otherSeries: other series: without suffix"),
        (case("semver:~1", "1.0.0", "1.5.0-3"), "1.5.0-3", "otherSeries: other series: only one of it and the current tag has a build number"),
        (
            case("semver:~1", "1.0.0-alpine3.18", "1.5.0-3-alpine3.19"),
            "1.5.0-3-alpine3.19",
            "otherSeries: other series: only one of it and the current tag has a build number",
        ),
        (case("semver:*", "dev", "1.5.0-3"), "1.5.0-3", "otherSeries: other series: with a build number"),
        (case("semver:*", "7", "1337"), "1337", "otherSeries: other series: a far longer number than the current tag's"),
        (case("semver:*", "1.4.2", "1337"), "1337", "fewerNumbers: one number, the current tag has three"),
        (case("semver:*", "1.4.2", "1.5"), "1.5", "fewerNumbers: two numbers, the current tag has three"),
        (case("semver:*", "dev", "1337"), "1337", "fewerNumbers: one number; the current tag is no version, so at least two are wanted"),
        (case("semver:*", "1.4.2", "main"), "main", "notAVersion: no version"),
        (case("semver:*", "1.4.2", "latest"), "latest", "latest: `latest` is never chosen unless the pattern is `latest`"),
        (case("glob:a*", "a", "b"), "b", "notMatched: does not match"),
        (case("regexp:^b(?P<number>.*)$", "b1", "bx"), "bx", "notMatched: the group `number` captures no number"),
        (with_keys(&[("exclude", "b")], "glob:*", "a", "b"), "b", "excluded: excluded"),
        (young, "1.1.0", "tooYoung: younger than 48h, eligible at 2026-01-02T00:00:00Z"),
        (young, "1.2.0", "tooYoung: its age is unknown, and `min-age` wants 48h"),
        (case("semver:*", "1.0.0", "1.0.0 1.1.0%windows/amd64,linux/arm64"), "1.1.0", "platformMissing: offers windows/amd64, linux/arm64 only"),
        (case("semver:*", "1.0.0", "1.1.0!chart"), "1.1.0", "notAnImage: no runnable image: a Helm chart"),
        (case("semver:*", "1.0.0", "1.1.0!gone"), "1.1.0", "gone: listed, but gone"),
        (case("glob:*", "a", "a b"), "b", "noBuildTime: no usable build time"),
        (case("semver:*", "1.0.0", "1.0.0 1.1.0!unread"), "1.1.0", "notRead: not read yet"),
        (case("semver:*", "1.0.0", "1.0.0 1.1.0!unread"), "1.0.0", "outranked: below 1.1.0"),
        (case("semver:*", "1.0.0", "1.1.0!failed"), "1.1.0", "notRead: not read: quay.io did not answer"),
        (case("glob:*", "a", "a=2025-01-01 b!unread"), "a", "outranked: not known to be the best"),
        (case("semver:*", "1.0.0", &ten_gone), "1.1.0", "notRead: not read: ten better tags were tried before it"),
    ] {
        assert_eq!(case.fate(tag), expected, "{tag} under {}", case.pattern);
    }
}

#[test]
fn explain_puts_the_best_first() {
    for (word, case, expected) in [
        ("by version", case("semver:~1", "1.0.0", "main 1.0.0 1.2.0 1.10.0 2.0.0"), "1.10.0 1.2.0 1.0.0 main 2.0.0"),
        ("by time", case("glob:m*", "m1", "m1=2025-01-01 m3=2025-02-01 m2=2025-03-01 x m4"), "m2 m3 m1 m4 x"),
        ("the winner before what was better by name", case("semver:*", "1.0.0", "1.1.0 1.2.0!gone"), "1.1.0 1.2.0"),
    ] {
        let order: Vec<String> = case.explained().1.into_iter().map(|(tag, _)| tag).collect();
        assert_eq!(order.join(" "), expected, "{word}");
    }
}
