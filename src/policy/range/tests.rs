use super::*;

fn held<'a>(range: &Range, versions: &[&'a str]) -> Vec<&'a str> {
    versions.iter().copied().filter(|text| range.holds(&Version::parse(text).expect("a version")).is_ok()).collect()
}

#[test]
fn ranges_mean_what_masterminds_means() {
    let table = include_str!("../../../testdata/policy/masterminds-3.4.tsv");
    let mut lines = table.lines().skip(1);
    let versions: Vec<&str> = lines.next().expect("the versions").trim_start_matches("# ").split(' ').collect();
    let mut differences = Vec::new();
    for line in lines {
        let (text, expected) = line.split_once('\t').expect("a tab");
        let found = Range::parse(text).map_or("malformed".to_owned(), |range| held(&range, &versions).join(" "));
        if found != expected {
            differences.push(format!("{text:?}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

const VERSIONS: [&str; 12] =
    ["0.9.0", "1.0.0-rc.1", "1.0.0", "1.2.0", "1.2.3-rc.9", "1.2.3", "1.3.0", "1.9.9", "2.0.0-rc.1", "2.0.0", "2.3.9", "3.0.0"];

#[test]
fn the_grammar_of_the_design() {
    for (word, text, expected) in [
        ("equal", "=1.2.3", "1.2.3"),
        ("not equal", "!=1.2.3 ~1.2", "1.2.0"),
        ("above", ">2.0.0", "2.3.9 3.0.0"),
        ("below", "<1.2.0", "0.9.0 1.0.0"),
        ("at least", ">=2.0.0", "2.0.0 2.3.9 3.0.0"),
        ("at least, turned", "=>2.0.0", "2.0.0 2.3.9 3.0.0"),
        ("at most", "<=1.0.0", "0.9.0 1.0.0"),
        ("at most, turned", "=<1.0.0", "0.9.0 1.0.0"),
        ("tilde", "~1.2.0", "1.2.0 1.2.3"),
        ("tilde and arrow", "~>1.2.0", "1.2.0 1.2.3"),
        ("caret", "^1.2.3", "1.2.3 1.3.0 1.9.9"),
        ("hyphen", "1.2 - 2.3", "1.2.0 1.2.3 1.3.0 1.9.9 2.0.0 2.3.9"),
        ("x", "1.x", "1.0.0 1.2.0 1.2.3 1.3.0 1.9.9"),
        ("X", "1.2.X", "1.2.0 1.2.3"),
        ("star", "*", "0.9.0 1.0.0 1.2.0 1.2.3 1.3.0 1.9.9 2.0.0 2.3.9 3.0.0"),
        ("bare partial", "1.2", "1.2.0 1.2.3"),
        ("space", ">=1.2 <1.3", "1.2.0 1.2.3"),
        ("comma", ">=1.2,<1.3", "1.2.0 1.2.3"),
        ("or", "~1.2 || ~2.0", "1.2.0 1.2.3 2.0.0"),
        ("or without spaces", "~1.2||~2.0", "1.2.0 1.2.3 2.0.0"),
        ("hyphens behind or", "0.1 - 0.9||1.2 - 1.2.3", "0.9.0 1.2.0 1.2.3"),
        ("v", ">=v2.0.0", "2.0.0 2.3.9 3.0.0"),
        (">1 is >=2.0.0", ">1", "2.0.0 2.3.9 3.0.0"),
        (">1.2 is >=1.3.0", ">1.2", "1.3.0 1.9.9 2.0.0 2.3.9 3.0.0"),
        ("<=1 is any 1.x", "<=1", "0.9.0 1.0.0 1.2.0 1.2.3 1.3.0 1.9.9"),
        ("~1 is any 1.x", "~1", "1.0.0 1.2.0 1.2.3 1.3.0 1.9.9"),
        ("leading zeros", ">=02.00.0", "2.0.0 2.3.9 3.0.0"),
        ("lowest pre-release", ">=2.0.0-0 <2.1", "2.0.0-rc.1 2.0.0"),
        ("pre-release compares", ">=1.2.3-rc.10 <1.3", "1.2.3"),
        ("pre-release of a flavour", ">=1.2.3-alpine <1.3", "1.2.3"),
        ("pre-release before a flavour", ">=1.2.3-rc.1-alpine <1.3", "1.2.3-rc.9 1.2.3"),
        ("build metadata", "=1.2.3+abc", "1.2.3"),
        ("blanks around", "  ~1.2  ", "1.2.0 1.2.3"),
    ] {
        assert_eq!(held(&Range::parse(text).expect(word), &VERSIONS).join(" "), expected, "{word}");
    }
}

#[test]
fn carets_hold_the_first_number_that_is_not_zero() {
    let versions = ["0.0.2", "0.0.3", "0.0.4", "0.2.2", "0.2.3", "0.2.9", "0.3.0", "1.0.0"];
    for (text, expected) in [("^0.2.3", "0.2.3 0.2.9"), ("^0.0.3", "0.0.3"), ("^0", "0.0.2 0.0.3 0.0.4 0.2.2 0.2.3 0.2.9 0.3.0")] {
        assert_eq!(held(&Range::parse(text).expect(text), &versions).join(" "), expected, "{text}");
    }
}

#[test]
fn only_the_first_three_numbers_are_constrained() {
    let versions = ["4.0.19.2991", "4.0.19.2995-ls302", "4.0.20", "4.0", "4", "v4.0.19", "2024.01.05", "99999999999999999999999.1"];
    for (text, expected) in [
        ("4.0.19", "4.0.19.2991 4.0.19.2995-ls302 v4.0.19"),
        (">4.0.19", "4.0.20 2024.01.05 99999999999999999999999.1"),
        ("4.0.0", "4.0 4"),
        ("2024.1", "2024.01.05"),
        (">99999999999999999999998", "99999999999999999999999.1"),
    ] {
        assert_eq!(held(&Range::parse(text).expect(text), &versions).join(" "), expected, "{text}");
    }
}

#[test]
fn pre_releases_say_that_they_are_kept_out_only_where_they_could_come_in() {
    for (word, text, version, expected) in [
        ("inside", "*", "1.0.0-rc1", Outside::PreRelease),
        ("before the lowest", "~1", "1.0.0-rc1", Outside::PreRelease),
        ("before the end", "<2.0.0", "2.0.0-rc1", Outside::PreRelease),
        ("outside", "~1", "2.0.0-rc1", Outside::Range),
        ("below the one that is named", ">=1.0.0-rc.2", "1.0.0-rc.1", Outside::Range),
        ("release", "~1", "2.0.0", Outside::Range),
    ] {
        assert_eq!(Range::parse(text).expect(text).holds(&Version::parse(version).expect(version)), Err(expected), "{word}");
    }
}

#[test]
fn malformed_ranges_say_what_is_wrong() {
    let many = ["1.2.3"; 65].join(" || ");
    for (word, text, expected) in [
        ("empty", "", "the range is empty"),
        ("blank", "  ", "the range is empty"),
        ("dot at the end", "~1.x.", "`~1.x.` ends in a dot"),
        ("two dots", "1..2", "`1.` ends in a dot"),
        ("four numbers", ">=1.2.3.4", "`1.2.3.4` has more than three numbers"),
        ("four numbers of a wildcard", "1.2.x.4", "`1.2.x.4` has more than three numbers"),
        ("empty alternative", "~1 ||", "`` is an alternative without a version"),
        ("word", "latest", "`latest` is no version with an operator before it"),
        ("upper-case v", "V1", "`V1` is no version with an operator before it"),
        ("operator alone", ">=", "`>=` is no version with an operator before it"),
        ("two operators", "==1", "`==1` is no version with an operator before it"),
        ("nothing between", ">=1.0<2", "`>=1.0<2` lacks a space or a comma between two comparators"),
        ("underscore", ">=17.0.9_9", "`>=17.0.9_9` is no version that a range may name: numbers, and a pre-release behind a `-`"),
        ("glued", ">=3.13.0rc1", "`>=3.13.0rc1` is no version that a range may name: numbers, and a pre-release behind a `-`"),
        ("dash at the end", ">=1.2.3-", "`>=1.2.3-` is no version that a range may name: numbers, and a pre-release behind a `-`"),
        ("line end", "~1\u{7}", "`~1\\u{7}` is no version that a range may name: numbers, and a pre-release behind a `-`"),
        ("65 comparators", &many, "the range has more than 64 comparators"),
    ] {
        assert_eq!(Range::parse(text).map_err(|error| error.to_string()), Err(expected.to_owned()), "{word}");
    }
    assert!(Range::parse(&["1.2.3"; 64].join(" ")).is_ok(), "64 comparators");
    assert!(Range::parse(&["1.2.3 - 2"; 33].join(" || ")).is_err(), "a hyphen stands for two");
}

#[test]
fn a_dropped_flavour_is_told_and_opens_nothing() {
    for (word, text, warning, opened) in [
        ("flavour", ">=1.27.0-alpine", Some("the suffix `-alpine` of `1.27.0-alpine` is ignored: the flavour comes from the current tag"), false),
        (
            "pre-release and flavour",
            ">=3.13.0-rc.1-management",
            Some("the suffix `-management` of `3.13.0-rc.1-management` is ignored: the flavour comes from the current tag"),
            true,
        ),
        ("pre-release", ">=3.13.0-rc.1", None, true),
        ("lowest", ">=3.13.0-0", None, true),
        ("plain", ">=3.13.0", None, false),
    ] {
        let range = Range::parse(text).expect(word);
        assert_eq!(range.warnings().first().map(String::as_str), warning, "{word}");
        assert_eq!(range.holds(&Version::parse("4.0.0-rc1").expect("a version")).is_ok(), opened, "{word}");
    }
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0..4_u64, 1 => 0..1000_u64]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// Where semantic versions and this grammar must agree: whole versions without pre-releases behind each operator, joined by commas.
        #[test]
        fn whole_comparators_mean_what_the_semver_crate_means(
            comparators in prop::collection::vec((prop::sample::select(vec!["=", ">", ">=", "<", "<=", "^", "~"]), number(), number(), number()), 1..4),
            (x, y, z) in (number(), number(), number()),
        ) {
            let text = comparators.iter().map(|(operator, x, y, z)| format!("{operator}{x}.{y}.{z}")).collect::<Vec<_>>().join(",");
            // `~0.0.0` is `>=0.0.0` to Masterminds, and `=0.0.*` to the crate.
            prop_assume!(!text.contains("~0.0.0"));
            let oracle = semver::VersionReq::parse(&text).expect("a requirement").matches(&semver::Version::new(x, y, z));
            let version = format!("{x}.{y}.{z}");
            let range = Range::parse(&text).expect("a range");
            prop_assert_eq!(range.holds(&Version::parse(&version).expect("a version")).is_ok(), oracle, "{} in {}", version, text);
        }

        #[test]
        fn what_is_held_by_both_halves_is_held_by_the_whole(a in "[~^<>]?=?[0-3](\\.[0-3]){0,2}", b in "[~^<>]?=?[0-3](\\.[0-3]){0,2}", v in "[0-3]\\.[0-3]\\.[0-3]") {
            let holds = |text: &str| Range::parse(text).map(|range| range.holds(&Version::parse(&v).expect("a version")).is_ok());
            if let (Ok(a_holds), Ok(b_holds)) = (holds(&a), holds(&b)) {
                prop_assert_eq!(holds(&format!("{a} {b}")), Ok(a_holds && b_holds));
                prop_assert_eq!(holds(&format!("{a} || {b}")), Ok(a_holds || b_holds));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", almost in "[-0-9.xX*v<>=!~^|, a-c+_]{0,30}") {
            let _ = (Range::parse(&text), Range::parse(&almost));
        }
    }
}
