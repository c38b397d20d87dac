use super::{Case, Wants, case, check};

#[test]
fn each_pattern_has_its_own_newest() {
    check(&[
        ("semver", "semver:~1", "1.0.0", "1.0.0 1.2.0 1.1.0 2.0.0", "updated 1.2.0"),
        ("glob", "glob:main-*", "main-1", "main-1=2025-01-01 main-2=2025-03-01 main-3=2025-02-01 dev-4=2025-04-01", "updated main-2"),
        ("no prefix", "main-*", "main-1", "main-1=2025-01-01 main-2=2025-03-01", "updated main-2"),
        ("regexp", "regexp:^main-[0-9]+$", "main-1", "main-1=2025-01-01 main-2=2025-03-01 main-x=2025-04-01", "updated main-2"),
        ("regex", "regex:main", "a-main-1", "a-main-1=2025-01-01 b-main-2=2025-03-01", "updated b-main-2"),
        ("semver group", "regexp:^alpine-(?P<semver>.*)$", "alpine-6.4.9", "alpine-6.4.9 alpine-6.4.10 6.4.11", "updated alpine-6.4.10"),
        ("number group", "regexp:^main-[a-f0-9]+-(?P<number>[0-9]+)$", "main-1a-9", "main-1a-9 main-2b-10 main-3c-8", "updated main-2b-10"),
        (
            "alphabetical group",
            "regexp:^(?P<alphabetical>RELEASE\\..*Z)$",
            "RELEASE.2023-12-23T07-19-11Z",
            "RELEASE.2023-12-23T07-19-11Z RELEASE.2024-01-31T20-20-33Z",
            "updated RELEASE.2024-01-31T20-20-33Z",
        ),
        ("group without a P", "regexp:^b(?<number>[0-9]+)$", "b9", "b9 b10", "updated b10"),
        (
            "debian",
            "regexp:^bookworm-(?P<number>[0-9]{8})-slim$",
            "bookworm-20231218-slim",
            "bookworm-20240101-slim bookworm-20240110 bookworm-20231218-slim",
            "updated bookworm-20240101-slim",
        ),
        ("digest", "digest:stable", "stable@1", "stable@2 beta@3", "updated stable@2"),
    ]);
}

#[test]
fn numbers_have_any_length_and_no_fraction() {
    check(&[
        (
            "many digits",
            "regexp:^b(?P<number>.*)$",
            "b99999999999999999999998",
            "b99999999999999999999998 b99999999999999999999999 b9",
            "updated b99999999999999999999999",
        ),
        ("zeros in front", "regexp:^b(?P<number>.*)$", "b9", "b9 b010 b0000000008", "updated b010"),
        ("no number", "regexp:^b(?P<number>.*)$", "b1", "b1 b2.5 bx b", "current b1"),
        ("equal numbers", "regexp:^b(?P<number>[0-9]+)", "b1", "b2-a b2-b b1", "updated b2-b"),
    ]);
}

#[test]
fn captured_versions_know_no_series_and_no_pre_release_rule() {
    check(&[
        ("other flavour", "regexp:^(?P<semver>.*)$", "1.2.3-alpine", "1.2.3-alpine 1.2.4-slim", "updated 1.2.4-slim"),
        ("fewer numbers", "regexp:^(?P<semver>.*)$", "1.2.3", "1.2.3 1.3", "updated 1.3"),
        ("one number", "regexp:^(?P<semver>.*)$", "1.2.3", "1.2.3 1337", "updated 1337"),
        ("pre-release", "regexp:^(?P<semver>.*)$", "1.2.3", "1.2.3 1.3.0-rc1", "updated 1.3.0-rc1"),
        ("no version", "regexp:^(?P<semver>.*)$", "1.2.3", "1.2.3 main", "current 1.2.3"),
        ("flavours of one release as text", "regexp:^(?P<semver>.*)$", "1.2.3-alpine", "1.2.3-alpine 1.2.3-slim", "updated 1.2.3-slim"),
        ("no channel", "regexp:^(?P<semver>1.*)$", "1.2.0-dev", "1.2.0-dev 1.2.0", "updated 1.2.0"),
        ("current by its capture", "regexp:^[a-z]+-(?P<semver>.*)$", "edge-2.0.0", "edge-2.0.0 slim-1.9.9", "current edge-2.0.0"),
        ("vanished current by its capture", "regexp:^[a-z]+-(?P<semver>.*)$", "edge-2.0.0", "slim-1.9.9", "wouldGoBack slim-1.9.9"),
        ("current by itself", "regexp:^x-(?P<semver>.*)$", "2.0.0", "x-1.9.9", "wouldGoBack x-1.9.9"),
        ("current by itself, above", "regexp:^x-(?P<semver>.*)$", "2.0.0", "x-2.1.0", "switched x-2.1.0"),
        ("current by itself, on the way", "regexp:^x-(?P<semver>.*)$", "2.1.0-SNAPSHOT", "x-2.1.0", "switched x-2.1.0"),
        ("current not at all", "regexp:^x-(?P<semver>.*)$", "main", "x-0.0.1", "switched x-0.0.1"),
        ("number: current not at all", "regexp:^x-(?P<number>[0-9]+)$", "99", "x-1", "switched x-1"),
        ("text: current not at all", "regexp:^x-(?P<alphabetical>.*)$", "z", "x-a", "switched x-a"),
        ("spelled like the current capture", "regexp:^x-(?P<semver>.*)$", "x-1.9", "x-1.9 x-1.10.0 x-1.10", "updated x-1.10"),
    ]);
}

#[test]
fn globs_match_whole_tags() {
    check(&[
        ("star", "glob:1.*", "-", "1.2.3=2025-01-01 v1.2.3=2025-02-01", "switched 1.2.3"),
        ("case", "glob:Main-*", "-", "main-1=2025-01-01 Main-0=2024-01-01", "switched Main-0"),
        ("not a part", "glob:main", "-", "main-1=2025-01-01 main=2024-01-01", "switched main"),
        ("question mark", "glob:main-?", "-", "main-10=2025-01-01 main-9=2024-01-01", "switched main-9"),
        ("class", "glob:main-[0-8]", "-", "main-9=2025-01-01 main-8=2024-01-01", "switched main-8"),
        ("alternatives", "glob:{main,dev}-*", "-", "qa-9=2025-01-01 dev-8=2024-01-01", "switched dev-8"),
        ("run of stars", "glob:a**c", "-", "abbc=2025-01-01 ac=2024-01-01", "switched abbc"),
    ]);
}

#[test]
fn latest_loses_unless_the_pattern_is_latest() {
    check(&[
        ("glob:*", "glob:*", "a", "a=2025-01-01 latest=2025-02-01", "current a"),
        ("any case", "glob:*", "a", "a=2025-01-01 LATEST=2025-02-01 Latest=2025-03-01", "current a"),
        ("regexp", "regexp:^latest$", "a", "a=2025-01-01 latest=2025-02-01", "noTagMatches -"),
        ("exactly", "latest", "latest", "a=2025-01-01 latest=2025-02-01", "current latest"),
        ("exactly, with a prefix", "glob:latest", "a", "a=2025-01-01 latest=2025-02-01", "switched latest"),
        ("digest", "digest:latest", "latest@1", "latest@2 a@3", "updated latest@2"),
        ("current does not match", "glob:*", "latest", "a=2025-01-01 latest=2025-02-01", "switched a"),
        ("current is not compared", "regexp:^(?P<alphabetical>.*)$", "latest", "a latest", "switched a"),
        ("longer names are no latest", "glob:*", "a", "a=2025-01-01 latest-slim=2025-02-01", "updated latest-slim"),
    ]);
}

#[test]
fn what_is_no_runnable_image_loses() {
    let hex = "0123456789abcdef".repeat(4);
    for (word, name, lost) in [
        ("signature", format!("sha256-{hex}.sig"), true),
        ("attestation", format!("sha256-{hex}.att"), true),
        ("bill of materials", format!("sha256-{hex}.sbom"), true),
        ("fallback of referrers", format!("sha256-{hex}"), true),
        ("build of a commit", "sha-1a2b3c4".to_owned(), false),
        ("other ending", format!("sha256-{hex}.zip"), false),
    ] {
        let tags = format!("a=2025-01-01 {name}=2025-02-01");
        let expected = if lost { "current a".to_owned() } else { format!("updated {name}") };
        assert_eq!(case("glob:*", "a", &tags).says(), expected, "{word}");
        let artifact = Case { wants: Wants::Artifact, ..case("glob:*", "a", &tags) };
        assert_eq!(artifact.says(), expected, "{word}, artifact");
    }
    check(&[
        ("chart by version", "semver:*", "1.0.0", "1.0.0 1.1.0!chart", "current 1.0.0"),
        ("chart by time", "glob:*", "a", "a=2025-01-01 b!chart", "current a"),
        ("unknown is looked at", "semver:*", "1.0.0", "1.0.0 1.1.0!unread", "metadataMissing - look? 1.1.0"),
    ]);
}

#[test]
fn a_place_for_artifacts_takes_any() {
    for (word, current, tags, expected) in [
        ("chart", "1.0.0", "1.0.0 1.1.0!chart", "updated 1.1.0"),
        ("any platform", "1.0.0", "1.0.0 1.1.0%windows/amd64", "updated 1.1.0"),
        ("one HEAD tells that it exists", "1.0.0", "1.0.0 1.1.0!unread", "metadataMissing - digest? 1.1.0"),
        ("it does", "1.0.0", "1.0.0 1.1.0!pointed", "updated 1.1.0"),
        ("gone", "1.0.0", "1.0.0 1.1.0!gone", "current 1.0.0"),
        ("digest of a chart", "1.0.0@1", "1.0.0@1 1.1.0!chart", "metadataMissing - digest? 1.1.0"),
        ("digest, known", "1.0.0@1", "1.0.0@1 1.1.0@2!pointed", "updated 1.1.0@2"),
    ] {
        let artifact = Case { wants: Wants::Artifact, ..case("semver:*", current, tags) };
        assert_eq!(artifact.says(), expected, "{word}");
    }
}
