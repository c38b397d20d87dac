use proptest::prelude::*;

use super::*;

#[test]
fn a_prefix_says_what_kind_it_is() {
    for (word, text, expected) in [
        ("semver", "semver:~1.4", "semver"),
        ("glob", "glob:main-*", "glob"),
        ("no prefix", "main-*", "glob"),
        ("regexp", "regexp:^v", "build time"),
        ("regex", "regex:^v", "build time"),
        ("semver group", "regexp:^v(?P<semver>.*)$", "Semver"),
        ("number group", "regexp:^v(?P<number>.*)$", "Number"),
        ("alphabetical group", "regexp:^v(?P<alphabetical>.*)$", "Text"),
        ("other group", "regexp:^v(?P<version>.*)$", "build time"),
        ("digest", "digest:stable", "digest"),
        ("one is stripped once", "glob:glob:x", "glob"),
        ("colon in an expression", "regexp:a:b", "build time"),
    ] {
        let pattern = Pattern::parse(text).expect(word);
        let kind = match pattern.rule() {
            Rule::Semver(_) => "semver".to_owned(),
            Rule::Glob(_) => "glob".to_owned(),
            Rule::Expression { by: By::BuildTime, .. } => "build time".to_owned(),
            Rule::Expression { by, .. } => format!("{by:?}"),
            Rule::Digest(_) => "digest".to_owned(),
        };
        assert_eq!(kind, expected, "{word}");
        assert_eq!(pattern.to_string(), text, "{word}");
    }
}

#[test]
fn malformed_patterns_say_what_is_wrong() {
    let long = format!("glob:{}", "a".repeat(1020));
    for (word, text, expected) in [
        ("empty", "", "the pattern is empty"),
        ("blank", "  ", "the pattern is empty"),
        ("empty range", "semver:", "nothing stands behind `semver:`"),
        ("blank range", "semver: ", "nothing stands behind `semver:`"),
        ("empty glob", "glob:", "nothing stands behind `glob:`"),
        ("empty digest", "digest:", "nothing stands behind `digest:`"),
        ("upper case", "SemVer:~1", "`SemVer:` is no known prefix"),
        ("blank before", " semver:~1", "` semver:` is no known prefix"),
        ("unknown", "regexpr:^v", "`regexpr:` is no known prefix"),
        ("stripped once", "semver:semver:~1", "`semver:semver:~1` is no version with an operator before it"),
        ("range", "semver:~1.x.", "`semver:~1.x.` ends in a dot"),
        ("part of a range", "semver:~1 || latest", "`semver:~1 || latest`: `latest` is no version with an operator before it"),
        ("class", "glob:[a", "the glob `[a` does not parse: unclosed character class; missing ']'"),
        ("alternative", "glob:{a,b", "the glob `{a,b` does not parse: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)"),
        ("group", "regexp:(a", "the expression `(a` does not parse: unclosed group"),
        ("look-around", "regexp:(?!a)", "the expression `(?!a)` does not parse: look-around, including look-ahead and look-behind, is not supported"),
        (
            "two orders",
            "regexp:(?P<semver>a)(?P<number>b)",
            "the expression `(?P<semver>a)(?P<number>b)` names more than one of the groups `semver`, `number` and `alphabetical`",
        ),
        (
            "too large",
            "regexp:(\\pL{1000}){1000}",
            "the expression `(\\pL{1000}){1000}` does not parse: Compiled regex exceeds size limit of 1048576 bytes.",
        ),
        ("digest of no tag", "digest:a/b", "`a/b` behind `digest:` is no tag"),
        ("preset", "preset:newest", "there is no preset `newest`"),
        ("too long", &long, "the pattern has 1025 bytes, at most 1024 are allowed"),
    ] {
        let error = Pattern::parse(text).expect_err(word);
        assert_eq!(error.to_string(), expected, "{word}");
        assert!(!error.hint().is_empty(), "{word}");
    }
    assert!(Pattern::parse(&long[..1024]).is_ok(), "1,024 bytes");
}

#[test]
fn expressions_are_searched_anywhere_and_know_only_ascii_digits() {
    for (word, expression, tag, found) in [
        ("anywhere", "main", "a-main-1", true),
        ("anchored", "^main$", "a-main-1", false),
        ("case", "Main", "main", false),
        ("case on request", "(?i)Main", "main", true),
        ("digits", "^\\d+$", "123", true),
        ("letters of any script", "^\\pL+$", "abc", true),
    ] {
        assert_eq!(Expression::parse(expression).expect(word).matches(tag), found, "{word}");
    }
}

#[test]
fn only_the_tag_itself_is_exactly_latest() {
    for (word, pattern, exactly) in [
        ("bare", "latest", true),
        ("glob", "glob:latest", true),
        ("digest", "digest:latest", true),
        ("another glob", "glob:lates?", false),
        ("everything", "glob:*", false),
        ("expression", "regexp:^latest$", false),
        ("versions", "semver:*", false),
    ] {
        assert_eq!(Pattern::parse(pattern).expect(word).is_exactly("latest"), exactly, "{word}");
    }
}

#[test]
fn signatures_and_attachments_are_known_by_their_names() {
    let hex = "0123456789abcdef".repeat(4);
    for (word, tag, attached) in [
        ("bare", format!("sha256-{hex}"), true),
        ("signature", format!("sha256-{hex}.sig"), true),
        ("attestation", format!("sha256-{hex}.att"), true),
        ("bill of materials", format!("sha256-{hex}.sbom"), true),
        ("other ending", format!("sha256-{hex}.txt"), false),
        ("build of a commit", "sha-0123456".to_owned(), false),
        ("no hexadecimal digits", "sha256-main".to_owned(), false),
        ("nothing behind it", "sha256-".to_owned(), false),
    ] {
        assert_eq!(is_attachment(&tag), attached, "{word}");
    }
}

/// Flux v1's glob: only `*` means anything.
fn flux_matches(glob: &[u8], tag: &[u8]) -> bool {
    match glob {
        [] => tag.is_empty(),
        [b'*', rest @ ..] => (0..=tag.len()).any(|at| flux_matches(rest, &tag[at..])),
        [first, rest @ ..] => tag.first() == Some(first) && flux_matches(rest, &tag[1..]),
    }
}

proptest! {
    #[test]
    fn globs_of_tag_characters_and_stars_mean_what_flux_meant(glob in "[ab.*_-]{1,8}", tag in "[ab][ab._-]{0,8}") {
        let ours = Glob::parse(&glob).expect("a glob").matches(&tag);
        prop_assert_eq!(ours, flux_matches(glob.as_bytes(), tag.as_bytes()));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}", kind in prop::sample::select(vec!["", "glob:", "regexp:", "semver:", "digest:"]), tag in "[ -~]{0,20}") {
        if let Ok(pattern) = Pattern::parse(&format!("{kind}{text}")) {
            prop_assert_eq!(pattern.to_string(), format!("{}{}", kind, text));
            match pattern.rule() {
                Rule::Glob(glob) => drop(glob.matches(&tag)),
                Rule::Expression { expression, by } => drop((expression.matches(&tag), expression.capture(&tag, *by))),
                Rule::Semver(_) | Rule::Digest(_) => {}
            }
        }
    }
}
