use super::{Case, Listing, Origin, case, check, rising, with_keys};

#[test]
fn what_stands_already_is_current() {
    check(&[
        ("same tag", "semver:*", "1.1.0", "1.0.0 1.1.0", "current 1.1.0"),
        ("same tag, nothing is asked", "semver:*", "1.1.0", "1.0.0!unread 1.1.0!unread", "current 1.1.0"),
        ("same digest", "semver:*", "1.1.0@1", "1.1.0@1", "current 1.1.0@1"),
        ("same digest, one HEAD", "semver:*", "1.1.0@1", "1.1.0!unread", "metadataMissing - digest? 1.1.0"),
        ("same digest, by that HEAD", "semver:*", "1.1.0@1", "1.1.0@1!pointed", "current 1.1.0@1"),
        ("digest pattern", "digest:stable", "stable@1", "stable@1", "current stable@1"),
        ("by time, the winner's digest", "glob:*", "a", "a=2025-01-01@1 b=2025-01-01@1", "current a"),
    ]);
}

#[test]
fn a_moved_tag_counts_only_under_a_digest() {
    check(&[
        ("no digest", "semver:*", "1.1.0", "1.1.0@2", "current 1.1.0"),
        ("pinned", "semver:*", "1.1.0@1", "1.1.0@2", "updated 1.1.0@2"),
        ("pinned, the new image is looked at", "semver:*", "1.1.0@1", "1.1.0@2!pointed", "metadataMissing - look? 1.1.0"),
        ("digest pattern", "digest:stable", "stable@1", "stable@2", "updated stable@2"),
        ("digest pattern without a digest", "digest:stable", "stable", "stable@2", "updated stable@2"),
        ("by time", "glob:*", "a@1", "a=2025-01-01@2", "updated a@2"),
        ("pinned and a newer tag", "semver:*", "1.0.0@1", "1.0.0@1 1.1.0@2", "updated 1.1.0@2"),
        ("never another tag's digest", "semver:*", "1.0.0@1", "1.0.0@1 1.1.0!unread", "metadataMissing - look? 1.1.0"),
    ]);
    let wanted = with_keys(&[("digest", "true")], "semver:*", "1.1.0", "1.1.0@2");
    assert_eq!(wanted.says(), "updated 1.1.0@2", "wanted");
    let wanted = with_keys(&[("digest", "true")], "semver:*", "1.1.0@2", "1.1.0@2");
    assert_eq!(wanted.says(), "current 1.1.0@2", "wanted and there");
}

#[test]
fn from_a_list_in_doubt_only_a_tag_above_the_current_one_wins() {
    for (word, pattern, current, tags, expected) in [
        ("above", "semver:*", "1.0.0", "1.0.0 1.1.0", "updated 1.1.0"),
        ("current", "semver:*", "1.1.0", "1.0.0 1.1.0", "current 1.1.0"),
        ("below", "semver:*", "1.1.0", "1.0.0", "listInDoubt 1.0.0"),
        ("below, nothing is asked", "semver:*", "1.1.0", "1.0.0!unread", "listInDoubt 1.0.0"),
        ("no winner", "semver:*", "1.1.0", "main", "listInDoubt -"),
        ("empty", "semver:*", "1.1.0", "", "listInDoubt -"),
        ("not comparable", "semver:*", "main", "1.0.0", "listInDoubt 1.0.0"),
        ("nothing in Git", "semver:*", "-", "1.0.0", "listInDoubt 1.0.0"),
        ("later build", "glob:*", "a", "a=2025-01-01 b=2025-02-01", "updated b"),
        ("current does not match", "glob:b*", "a", "a=2025-01-01 b=2025-02-01", "listInDoubt b"),
        ("current vanished", "glob:*", "a", "b=2025-02-01", "listInDoubt b"),
        ("moved digest", "digest:stable", "stable@1", "stable@2", "listInDoubt stable"),
        ("number above", "regexp:^b(?P<number>[0-9]+)$", "b1", "b2", "switched b2"),
    ] {
        let doubted = Case { listing: Listing::InDoubt, ..case(pattern, current, tags) };
        assert_eq!(doubted.says(), expected, "{word}");
    }
    let remembered = Case { listing: Listing::InDoubt, remembered: Some("2025-01-01"), ..case("glob:*", "a", "b=2025-02-01") };
    assert_eq!(remembered.says(), "switched b", "vanished and remembered as earlier");
}

#[test]
fn without_a_tag_left_it_is_held() {
    check(&[
        ("empty list", "semver:*", "1.0.0", "", "noTagMatches -"),
        ("none matches", "semver:~2", "1.0.0", "1.0.0 1.1.0", "noTagMatches -"),
        ("digest of a tag that is not there", "digest:stable", "stable@1", "beta", "noTagMatches -"),
        ("current not in range and alone", "semver:~2", "1.0.0", "1.0.0", "noTagMatches -"),
    ]);
    for (word, keys, tags, expected) in [
        ("excluded", ("exclude", "1.0.0"), "1.0.0", "current -"),
        ("excluded, but not in range", ("exclude", "*"), "2.0.0", "noTagMatches -"),
        ("match is no such key", ("match", "^v"), "1.0.0", "noTagMatches -"),
        ("young", ("min-age", "7d"), "1.0.0=2025-12-31", "current 1.0.0"),
    ] {
        assert_eq!(with_keys(&[keys], "semver:~1", "1.0.0", tags).says(), expected, "{word}");
    }
}

#[test]
fn a_lower_winner_is_held() {
    check(&[
        ("version", "semver:*", "1.5.0", "1.4.0", "wouldGoBack 1.4.0"),
        ("nothing is asked", "semver:*", "1.5.0", "1.4.0!unread", "wouldGoBack 1.4.0"),
        ("current does not match", "semver:~1", "2.0.0", "2.0.0 1.4.0", "wouldGoBack 1.4.0"),
        ("number", "regexp:^b(?P<number>[0-9]+)$", "b9", "b8", "wouldGoBack b8"),
        ("text", "regexp:^(?P<alphabetical>.*)$", "b", "a", "wouldGoBack a"),
        ("build", "semver:*", "1.0-4", "1.0-3", "wouldGoBack 1.0-3"),
        ("equal is not lower", "semver:*", "v1.0", "1.0.0", "switched 1.0.0"),
    ]);
    for (word, keys, pattern, current, tags, expected) in [
        ("excluded", &[("exclude", "1.5.0")][..], "semver:*", "1.5.0", "1.5.0 1.4.0", "current 1.4.0"),
        ("excluded and unlisted", &[("exclude", "1.5.0")], "semver:*", "1.5.0", "1.4.0", "wouldGoBack 1.4.0"),
        ("excluded, by time", &[("exclude", "b")], "glob:*", "b", "a=2025-01-01 b=2025-02-01", "current a"),
        ("excluded, by time unknown", &[("exclude", "b")], "glob:*", "b", "a=2025-01-01 b", "current a"),
        ("excluded, time not read", &[("exclude", "b")], "glob:*", "b", "a=2025-01-01 b!unread", "metadataMissing - digest? b"),
        ("excluded and older", &[("exclude", "b")], "glob:*", "b", "a=2025-03-01 b=2025-02-01", "updated a"),
        ("young", &[("min-age", "7d")], "glob:*", "b", "a=2025-01-01 b=2025-12-31", "current a"),
        ("allowed", &[("downgrade", "allow")], "semver:*", "1.5.0", "1.4.0", "switched 1.4.0"),
        ("allowed, looked at", &[("downgrade", "allow")], "semver:*", "1.5.0", "1.4.0!unread", "metadataMissing - look? 1.4.0"),
        ("allowed, by time unknown", &[("downgrade", "allow")], "glob:*", "b", "a=2025-01-01", "switched a"),
        (
            "allowed, commits are compared",
            &[("downgrade", "allow")],
            "semver:*",
            "1.5.0-1a2b3c4",
            "1.4.0-1a2b3c4=2025-01-01 1.4.0-9a2b3c4=2025-02-01",
            "switched 1.4.0-9a2b3c4",
        ),
    ] {
        assert_eq!(with_keys(keys, pattern, current, tags).says(), expected, "{word}");
    }
}

#[test]
fn a_version_that_a_person_took_back_waits_for_a_newer_one() {
    for (word, pattern, current, took_back, tags, expected) in [
        ("itself", "semver:*", "1.0.0", "1.1.0", "1.0.0 1.1.0", "rolledBack 1.1.0"),
        ("all between", "semver:*", "1.0.0", "1.2.0", "1.0.0 1.1.0", "rolledBack 1.1.0"),
        ("nothing is asked", "semver:*", "1.0.0", "1.1.0", "1.0.0 1.1.0!unread", "rolledBack 1.1.0"),
        ("higher", "semver:*", "1.0.0", "1.1.0", "1.0.0 1.1.0 1.2.0", "updated 1.2.0"),
        ("number", "regexp:^b(?P<number>[0-9]+)$", "b1", "b3", "b1 b2", "rolledBack b2"),
        ("by time only itself", "glob:*", "a", "c", "a=2025-01-01 b=2025-02-01", "updated b"),
        ("by time itself", "glob:*", "a", "b", "a=2025-01-01 b=2025-02-01", "rolledBack b"),
        ("digest", "digest:stable", "stable@1", "stable@2", "stable@2", "rolledBack stable"),
        ("another digest", "digest:stable", "stable@1", "stable@2", "stable@3", "updated stable@3"),
        ("current all the same", "semver:*", "1.1.0", "1.1.0", "1.1.0", "current 1.1.0"),
    ] {
        let held = Case { rolled_back: &[took_back], ..case(pattern, current, tags) };
        assert_eq!(held.says(), expected, "{word}");
    }
}

#[test]
fn an_update_is_a_switch_where_the_current_tag_does_not_match_or_is_not_listed() {
    check(&[
        ("matches and is listed", "semver:*", "1.0.0", "1.0.0 1.1.0", "updated 1.1.0"),
        ("not listed", "semver:*", "1.0.0", "1.1.0", "switched 1.1.0"),
        ("not in range", "semver:~2", "1.0.0", "1.0.0 2.1.0", "switched 2.1.0"),
        ("no version", "semver:*", "main", "main 2.1.0", "switched 2.1.0"),
        ("no tag", "semver:*", "-", "2.1.0", "switched 2.1.0"),
    ]);
    let excluded = with_keys(&[("exclude", "1.0.0")], "semver:*", "1.0.0", "1.0.0 1.1.0");
    assert_eq!(excluded.says(), "updated 1.1.0", "excluded tags match");
}

#[test]
fn the_winner_is_looked_at_once() {
    check(&[
        ("not read", "semver:*", "1.0.0", "1.0.0 1.1.0!unread 1.2.0!unread", "metadataMissing - look? 1.2.0"),
        ("gone", "semver:*", "1.0.0", "1.0.0 1.1.0 1.2.0!gone", "updated 1.1.0"),
        ("no runnable image", "semver:*", "1.0.0", "1.0.0 1.1.0 1.2.0!chart", "updated 1.1.0"),
        ("platform missing", "semver:*", "1.0.0", "1.0.0 1.1.0 1.2.0%windows/amd64", "updated 1.1.0"),
        ("the next is looked at, too", "semver:*", "1.0.0", "1.0.0 1.1.0!unread 1.2.0!gone", "metadataMissing - look? 1.1.0"),
        ("an error tries no other", "semver:*", "1.0.0", "1.0.0 1.1.0 1.2.0!failed", "unreachable -"),
        ("lower ones do not matter", "semver:*", "1.0.0", "1.0.0 1.1.0!failed 1.2.0", "updated 1.2.0"),
        ("down to the current tag", "semver:*", "1.0.0", "1.0.0 1.1.0!gone", "current 1.0.0"),
        ("number", "regexp:^b(?P<number>[0-9]+)$", "b1", "b1 b2!unread", "metadataMissing - look? b2"),
        ("digest", "digest:stable", "-", "stable!unread", "metadataMissing - look? stable"),
    ]);
}

#[test]
fn at_most_ten_winners_are_tried() {
    for (word, keys, tags, expected) in [
        ("nine gone", &[][..], rising(9, "!gone") + " 1.0.5 1.0.0", "updated 1.0.5"),
        ("ten gone", &[], rising(10, "!gone") + " 1.0.5", "noTagMatches -"),
        ("ten gone, down to nothing", &[], rising(10, "!gone"), "noTagMatches -"),
        ("nine young", &[("min-age", "7d")], rising(9, "=2025-12-31") + " 1.0.0 1.0.5=2025-01-01", "updated 1.0.5"),
        ("ten young", &[("min-age", "7d")], rising(10, "=2025-12-31") + " 1.0.5=2025-01-01", "tooYoung -"),
        ("eleven young", &[("min-age", "7d")], rising(11, "=2025-12-31"), "tooYoung -"),
        ("nine young, one gone", &[("min-age", "7d")], rising(9, "=2025-12-31") + " 1.10.0!gone 1.0.5=2025-01-01", "noTagMatches -"),
        ("all are young", &[("min-age", "7d")], rising(2, "=2025-12-31"), "tooYoung -"),
    ] {
        assert_eq!(with_keys(keys, "semver:*", "1.0.0", &tags).says(), expected, "{word}");
    }
}

#[test]
fn a_reference_without_a_tag() {
    for (word, keys, origin, pattern, current, tags, expected) in [
        ("inserted", &[][..], Origin::Written, "semver:*", "-", "1.0.0 1.1.0", "switched 1.1.0"),
        ("never by the default", &[], Origin::Default, "glob:*", "-", "a=2025-01-01", "noExplicitPattern -"),
        ("never by the default, nothing is asked", &[], Origin::Default, "glob:*", "-", "a!unread", "noExplicitPattern -"),
        ("a default with a tag", &[], Origin::Default, "glob:*", "a", "a=2025-01-01 b=2025-02-01", "updated b"),
        ("digest only", &[], Origin::Written, "semver:*", "@1", "1.1.0!unread", "digestOnly -"),
        ("digest only and a digest policy", &[], Origin::Written, "digest:stable", "@1", "stable@2", "switched stable@2"),
        ("digest only and a digest wanted", &[("digest", "true")], Origin::Written, "semver:*", "@1", "1.1.0@2", "switched 1.1.0@2"),
        ("digest only by the default", &[("digest", "true")], Origin::Default, "glob:*", "@1", "a=2025-01-01", "noExplicitPattern -"),
    ] {
        let untagged = Case { origin, ..with_keys(keys, pattern, current, tags) };
        assert_eq!(untagged.says(), expected, "{word}");
    }
}
