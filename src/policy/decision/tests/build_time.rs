use super::{Case, case, check, with_keys};

#[test]
fn the_image_built_last_wins() {
    check(&[
        ("later time", "glob:*", "a", "a=2025-01-01 b=2025-02-01 c=2025-01-15", "updated b"),
        ("name does not count", "glob:main-*", "main-9", "main-9=2025-02-01 main-10=2025-01-01", "current main-9"),
        ("without a time it loses", "glob:*", "a", "a=2025-01-01 b", "current a"),
        ("no time at all", "glob:*", "a", "a b", "noBuildTime -"),
        ("gone", "glob:*", "a", "a=2025-01-01 b!gone", "current a"),
        ("no image", "glob:*", "a", "a=2025-01-01 b!chart", "current a"),
        ("nothing but what is gone", "glob:*", "a", "b!gone", "noTagMatches -"),
    ]);
}

#[test]
fn times_that_cannot_be_are_unknown() {
    check(&[
        ("epoch", "glob:*", "a", "a=1970-01-01 b=1970-01-01", "noBuildTime -"),
        ("reproducible", "glob:*", "a", "a=2025-01-01 b=1980-01-01", "current a"),
        ("day before the first possible", "glob:*", "b", "a=2013-02-28T23:59:59Z b=2013-03-01", "current b"),
        ("first possible", "glob:*", "b", "a=2013-02-28T23:59:59Z b=2013-03-01", "current b"),
        ("ten minutes ahead", "glob:*", "a", "a=2025-12-31 b=2026-01-01T00:10:00Z", "updated b"),
        ("more than ten minutes ahead", "glob:*", "a", "a=2025-12-31 b=2026-01-01T00:10:00.5Z", "current a"),
    ]);
}

#[test]
fn ties_go_to_the_current_tag_then_to_natural_order() {
    check(&[
        ("current", "glob:*", "0.0.1", "0.0.1=2025-01-01 0.0.2=2025-01-01", "current 0.0.1"),
        ("natural order", "glob:0.*", "dev", "0.0.1=2025-01-01 0.0.2=2025-01-01 0.0.10=2025-01-01", "switched 0.0.10"),
        ("text", "glob:*", "-", "a1=2025-01-01 a01=2025-01-01", "switched a1"),
        ("another name of the winner's image", "glob:*", "a", "a=2025-01-01@1 b=2025-01-01@1", "current a"),
        ("as text", "regexp:^(?P<alphabetical>[a-z])", "a1", "a1 a2", "current a1"),
    ]);
    let excluded = with_keys(&[("exclude", "a")], "glob:*", "a", "a=2025-01-01@1 b=2025-01-01@1");
    assert_eq!(excluded.says(), "current b", "the same image under a name that is not excluded");
}

#[test]
fn an_image_cannot_be_built_after_it_was_seen() {
    check(&[
        ("seen before the winner's build", "glob:*", "a", "a=2025-06-01 b~2025-05-01!unread", "current a"),
        ("seen in the first listing", "glob:*", "a", "a=2025-06-01 b^2025-05-01!unread", "current a"),
        ("seen later", "glob:*", "a", "a=2025-06-01 b~2025-07-01!unread", "metadataMissing - digest? b"),
        ("seen that moment", "glob:*", "a", "a=2025-06-01 b~2025-06-01!unread", "metadataMissing - digest? b"),
        ("never seen", "glob:*", "a", "a=2025-06-01 b!unread", "metadataMissing - digest? b"),
        ("digest alone known", "glob:*", "a", "a=2025-06-01 b!pointed", "metadataMissing - look? b"),
        ("many of which some are known", "glob:*", "a", "a!pointed b!unread c!pointed", "metadataMissing - look? a look? c digest? b"),
        ("failed, but cannot win", "glob:*", "a", "a=2025-06-01 b~2025-05-01!failed", "current a"),
        ("failed and could win", "glob:*", "a", "a=2025-06-01 b!failed", "unreachable -"),
        ("the rest is read before a failure counts", "glob:*", "a", "a=2025-06-01 b!failed c!unread", "metadataMissing - digest? c"),
        ("which may end it", "glob:*", "a", "a=2025-06-01 b~2025-07-01!failed c=2025-08-01", "updated c"),
    ]);
}

#[test]
fn what_promises_most_is_read_first() {
    check(&[
        (
            "current, then dates, then natural order",
            "glob:*",
            "m-2",
            "m-1!unread m-2!unread m-10!unread x-20240101!unread x-20240301!unread",
            "metadataMissing - digest? m-2 digest? x-20240301 digest? x-20240101 digest? m-10 digest? m-1",
        ),
        ("the current tag tells the platform", "glob:b*", "a", "a!unread b=2025-01-01", "metadataMissing - digest? a"),
    ]);
}

#[test]
fn going_back_by_time_is_held() {
    check(&[
        ("vanished, time unknown", "glob:*", "a", "b=2025-01-01", "noBuildTime b"),
        ("without a time", "glob:*", "a", "a b=2025-01-01", "noBuildTime b"),
        ("without a time, but seen before", "glob:*", "a", "a~2024-01-01 b=2025-01-01", "updated b"),
        ("gone, but seen before", "glob:*", "a", "a~2024-01-01!gone b=2025-01-01", "updated b"),
        ("does not match", "glob:b*", "a", "a=2025-06-01 b=2025-01-01", "switched b"),
    ]);
    for (word, remembered, expected) in [
        ("remembered as earlier", Some("2024-06-01"), "switched b"),
        ("remembered as later", Some("2025-06-01"), "wouldGoBack b"),
        ("remembered as equal", Some("2025-01-01"), "switched b"),
        ("not remembered", None, "noBuildTime b"),
    ] {
        let vanished = Case { remembered, ..case("glob:*", "a", "b=2025-01-01") };
        assert_eq!(vanished.says(), expected, "{word}");
        let gone = Case { remembered, ..case("glob:*", "a", "a!gone b=2025-01-01") };
        assert_eq!(gone.says(), expected.replace("switched", "updated"), "{word}, gone");
    }
}

#[test]
fn linux_amd64_is_wanted_unless_the_current_tag_lacks_it() {
    check(&[
        ("windows beside linux", "glob:*", "a", "a=2025-01-01 w=2025-06-01%windows/amd64", "current a"),
        ("windows only", "glob:*", "a", "a=2025-01-01%windows/amd64 w=2025-06-01%windows/amd64", "updated w"),
        ("current offers both", "glob:*", "a", "a=2025-01-01%windows/amd64,linux/amd64 w=2025-06-01%windows/amd64", "current a"),
        (
            "the first that it offers",
            "glob:*",
            "a",
            "a=2025-01-01%linux/arm64,linux/arm b=2025-06-01%linux/arm c=2025-03-01%linux/arm64",
            "updated c",
        ),
        ("nothing in Git", "glob:*", "-", "a=2025-01-01%windows/amd64", "noTagMatches -"),
        ("current does not match", "glob:w*", "a", "a=2025-01-01%windows/amd64 w=2025-06-01%windows/amd64", "switched w"),
        ("current cannot be read", "glob:w*", "a", "a!failed w=2025-06-01%windows/amd64", "unreachable -"),
        ("current cannot be read and does not matter", "glob:w*", "a", "a!failed w=2025-06-01", "switched w"),
        ("version, lacking", "semver:*", "1.0.0", "1.0.0 1.1.0%windows/amd64", "current 1.0.0"),
        ("version, current alike", "semver:*", "1.0.0", "1.0.0%windows/amd64 1.1.0%windows/amd64", "updated 1.1.0"),
        ("version, current not read", "semver:*", "1.0.0", "1.0.0!unread 1.1.0%windows/amd64", "metadataMissing - look? 1.0.0"),
        ("version, the first looked at offers it", "semver:*", "1.0.0", "1.0.0%windows/amd64 1.1.0 1.2.0!gone", "updated 1.1.0"),
        ("version, another architecture", "semver:*", "1.0.0", "1.0.0 1.1.0%linux/arm64 1.2.0%linux/s390x", "current 1.0.0"),
    ]);
}

#[test]
fn a_platform_of_ones_own_must_be_offered_whole() {
    for (word, platform, pattern, current, tags, expected) in [
        ("one", "linux/arm64", "glob:*", "a", "a=2025-01-01%linux/arm64 b=2025-02-01 c=2025-01-15%linux/arm64,linux/amd64", "updated c"),
        ("all of several", "linux/arm64,linux/amd64", "glob:*", "a", "a=2025-01-01%linux/arm64,linux/amd64 b=2025-02-01", "current a"),
        ("variant", "linux/arm/v7", "glob:*", "-", "a=2025-01-01%linux/arm/v7 b=2025-02-01%linux/arm/v6", "switched a"),
        ("by version", "linux/arm64", "semver:*", "1.0.0", "1.0.0%linux/arm64 1.1.0 1.0.5%linux/arm64", "updated 1.0.5"),
        ("took the current tag out", "linux/arm64", "semver:*", "1.1.0", "1.1.0!unread 1.0.5%linux/arm64", "current 1.1.0"),
        ("took it out and nothing is left", "linux/arm64", "glob:*", "a", "a=2025-01-01", "current -"),
    ] {
        assert_eq!(with_keys(&[("platform", platform)], pattern, current, tags).says(), expected, "{word}");
    }
}
