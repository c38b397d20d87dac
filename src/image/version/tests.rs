mod laws;
mod order;
mod suffixes;

use super::*;

/// `17.0.9 build 9 flavour jre-alpine<3.19>`: what moves stands in angle brackets, a commit id is `#`.
fn shown(version: &Version<'_>) -> String {
    let part = |part: &Part<'_>| match part {
        Part::Fixed(text) => (*text).to_owned(),
        Part::Floating(name, number) => format!("{name}<{number}>"),
        Part::Commit(_) => "#".to_owned(),
    };
    let parts = |parts: &[Part<'_>], between: &str| parts.iter().map(part).collect::<Vec<_>>().join(between);
    let label = |label: &Labelled<'_>| format!("{}:{}", label.word, label.numbers);
    let suffix = version.suffix();
    let words = [
        ("pre", suffix.pre_release.as_ref().map(label)),
        ("post", suffix.post_release.as_ref().map(label)),
        ("build", Some(parts(&suffix.build, " "))),
        ("flavour", Some(parts(&suffix.flavour_parts, ""))),
    ];
    let said = words.iter().filter_map(|(word, text)| text.as_ref().filter(|text| !text.is_empty()).map(|text| format!(" {word} {text}")));
    version.numbers().join(".") + &said.collect::<String>()
}

fn read(text: &str) -> String {
    Version::parse(text).map_or("-".to_owned(), |version| shown(&version))
}

fn version(text: &str) -> Version<'_> {
    Version::parse(text).expect(text)
}

#[test]
fn a_version_is_numbers_and_a_suffix() {
    for (word, text, expected) in [
        ("three numbers", "1.27.3", "1.27.3"),
        ("lower-case v", "v2.11.0", "2.11.0"),
        ("upper-case v", "V2.11.0", "-"),
        ("two v", "vv1", "-"),
        ("one number", "7", "7"),
        ("two numbers", "10.11", "10.11"),
        ("four numbers", "24.1.2.5", "24.1.2.5"),
        ("six numbers", "1.2.3.4.5.6", "1.2.3.4.5.6"),
        ("seven numbers", "1.2.3.4.5.6.7", "-"),
        ("leading zeros", "2024.01.05", "2024.01.05"),
        ("any length", "99999999999999999999999.1", "99999999999999999999999.1"),
        ("glued candidate", "3.13.0rc1", "3.13.0 pre rc:1"),
        ("glued beta", "2024.2.0b3", "2024.2.0 pre b:3"),
        ("glued to two numbers", "3.13a2-slim", "3.13 pre a:2 flavour slim"),
        ("glued to one number", "16beta1", "-"),
        ("glued flavour", "1.2.3alpine", "-"),
        ("glued post-release", "1.2.3post1", "-"),
        ("glued commit", "1.2b3c4d5e", "-"),
        ("dash", "1.27.3-alpine", "1.27.3 flavour alpine"),
        ("underscore", "1.27.3_alpine", "1.27.3 flavour alpine"),
        ("plus", "1.27.3+alpine", "-"),
        ("dot at the end", "1.27.", "-"),
        ("dash at the end", "1.27-", "-"),
        ("dash behind a build", "1.27-3-", "-"),
        ("dotted word", "4.8.3.Final", "-"),
        ("word", "bookworm", "-"),
        ("word before the version", "version-4.0.1", "-"),
        ("release of minio", "RELEASE.2024-01-31T20-20-33Z", "-"),
        ("empty", "", "-"),
        ("v alone", "v", "-"),
    ] {
        assert_eq!(read(text), expected, "{word}");
    }
}

#[test]
fn a_channel_in_git_is_a_flavour() {
    for (word, text, expected) in [
        ("snapshot", "8.12.0-SNAPSHOT", "8.12.0 flavour SNAPSHOT"),
        ("dev", "3.1.0-dev", "3.1.0 flavour dev"),
        ("nightly", "1.4-nightly", "1.4 flavour nightly"),
        ("canary", "0.9.1-canary", "0.9.1 flavour canary"),
        ("edge", "3.19-edge", "3.19 flavour edge"),
        ("with a number", "3.1.0-dev.4", "3.1.0 pre dev:4"),
        ("with a flavour", "3.1.0-dev-alpine", "3.1.0 pre dev: flavour alpine"),
        ("with a build", "3.1.0-nightly-20240101", "3.1.0 pre nightly: build <20240101>"),
        ("candidate", "3.1.0-rc", "3.1.0 pre rc:"),
    ] {
        assert_eq!(shown(&Version::current(text).expect(word)), expected, "{word}");
    }
}

#[test]
fn a_candidate_shares_the_channel_and_the_ids_of_the_current_tag() {
    for (word, current, candidate, same_series) in [
        ("channel", "8.12.0-SNAPSHOT", "8.13.0-SNAPSHOT", true),
        ("channel in another case", "8.12.0-SNAPSHOT", "8.13.0-snapshot", false),
        ("channel and release", "8.12.0-SNAPSHOT", "8.13.0", false),
        ("channel and dated channel", "1.4.0-nightly", "1.5.0-nightly-20240101", false),
        ("id of digits", "1.0.0-1a2b3c4", "1.0.1-1234567", true),
        ("id of digits in a flavour", "1.0.0-alpine-1a2b3c4", "1.0.1-alpine-1234567", true),
        ("number of another length", "1.0.0-alpine-1a2b3c4", "1.0.1-alpine-123456", false),
        ("id of digits behind a pre-release", "1.0.0-dev.1a2b3c4", "1.0.0-dev.1234567", true),
        ("date stays a date", "1.0.0-20240101-1a2b3c4d", "1.0.0-20240102-5e6f7a8b", true),
    ] {
        let current = Version::current(current).expect(word);
        let candidate = Version::beside(candidate, Some(&current)).expect(word);
        assert_eq!(candidate.same_series(&current), same_series, "{word}");
    }
    let current = Version::current("1.0.0-20240101-1a2b3c4d");
    let [older, newer] = ["1.0.0-20240102-5e6f7a8b", "1.0.0-20240103-12345678"].map(|text| Version::beside(text, current.as_ref()).expect(text));
    assert!(newer.order(&older).is_gt(), "dates order although they are as long as the ids");
}
