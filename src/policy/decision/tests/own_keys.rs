use super::with_keys;

#[test]
fn match_and_exclude_take_tags_out() {
    for (word, keys, pattern, current, tags, expected) in [
        ("match", &[("match", "^v")][..], "semver:*", "v1.0.0", "v1.0.0 v1.1.0 1.2.0", "updated v1.1.0"),
        ("match with a glob", &[("match", "-[0-9]+$")], "glob:main-*", "main-1", "main-1=2025-01-01 main-x=2025-02-01", "current main-1"),
        ("match and nowhere newer", &[("match", "^v")], "semver:*", "v1.0.0-alpine", "v1.0.0-alpine 1.2.0", "current v1.0.0-alpine"),
        ("exclude", &[("exclude", "1.2.*")], "semver:*", "1.0.0", "1.0.0 1.1.0 1.2.0 1.2.1", "updated 1.1.0"),
        ("several", &[("exclude", "1.2.*, 1.3.0")], "semver:*", "1.0.0", "1.0.0 1.1.0 1.2.0 1.3.0", "updated 1.1.0"),
        ("commas in braces", &[("exclude", "1.{2,3}.0")], "semver:*", "1.0.0", "1.0.0 1.1.0 1.2.0 1.3.0", "updated 1.1.0"),
        ("whole tags", &[("exclude", "1.2")], "semver:*", "1.0.0", "1.0.0 1.2.0", "updated 1.2.0"),
        ("exclude from globs", &[("exclude", "*-debug")], "glob:*", "a", "a=2025-01-01 b-debug=2025-02-01", "current a"),
        ("exclude from digests", &[("exclude", "stable")], "digest:stable", "stable@1", "stable@2", "current -"),
    ] {
        assert_eq!(with_keys(keys, pattern, current, tags).says(), expected, "{word}");
    }
}

#[test]
fn age_counts_from_build_and_from_first_sight() {
    for (word, pattern, current, tags, expected) in [
        ("old enough", "semver:*", "1.0.0", "1.0.0 1.1.0=2025-12-25", "updated 1.1.0"),
        ("to the second", "semver:*", "1.0.0", "1.0.0 1.1.0=2025-12-30", "updated 1.1.0"),
        ("a second less", "semver:*", "1.0.0", "1.0.0 1.1.0=2025-12-30T00:00:01Z", "current 1.0.0"),
        ("seen later than built", "semver:*", "1.0.0", "1.0.0 1.1.0=2025-12-25~2025-12-31", "current 1.0.0"),
        ("seen before built", "semver:*", "1.0.0", "1.0.0 1.1.0=2025-12-31~2025-12-01", "current 1.0.0"),
        ("first listing counts the build", "semver:*", "1.0.0", "1.0.0 1.1.0=2025-12-25^2025-12-31", "updated 1.1.0"),
        ("first listing where the build is unknown", "semver:*", "1.0.0", "1.0.0 1.1.0^2025-12-31", "current 1.0.0"),
        ("first listing long ago", "semver:*", "1.0.0", "1.0.0 1.1.0^2025-12-01", "updated 1.1.0"),
        ("seen, build unknown", "semver:*", "1.0.0", "1.0.0 1.1.0~2025-12-01", "updated 1.1.0"),
        ("nothing known", "semver:*", "1.0.0", "1.0.0 1.1.0", "current 1.0.0"),
        ("by time", "glob:*", "a", "a=2025-01-01 b=2025-12-31 c=2025-06-01", "updated c"),
        ("the next best", "semver:*", "1.0.0", "1.0.0 1.1.0=2025-12-01 1.2.0=2025-12-31", "updated 1.1.0"),
        ("all by time", "glob:*", "-", "a=2025-12-31 b=2025-12-31", "tooYoung -"),
        ("moved digest", "digest:stable", "stable@1", "stable@2=2025-12-31", "current -"),
        ("moved digest, first seen long ago", "digest:stable", "stable@1", "stable@2=2025-12-01~2025-12-02", "updated stable@2"),
    ] {
        assert_eq!(with_keys(&[("min-age", "48h")], pattern, current, tags).says(), expected, "{word}");
    }
}

#[test]
fn keys_work_together() {
    let keys = &[("match", "^1"), ("exclude", "1.3.0"), ("min-age", "1d"), ("digest", "true"), ("platform", "linux/arm64")];
    let tags = "1.0.0 1.1.0=2025-01-01@7%linux/arm64 1.2.0=2025-12-31T12:00:00Z%linux/arm64 1.3.0=2025-01-01%linux/arm64 1.4.0=2025-01-01 2.0.0";
    assert_eq!(with_keys(keys, "semver:*", "1.0.0", tags).says(), "updated 1.1.0@7");
}
