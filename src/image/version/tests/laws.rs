use proptest::prelude::*;

use crate::image::version::Version;

/// Tags as people write them, and as nobody would.
fn zoo() -> impl Strategy<Value = String> {
    let numbers = prop::collection::vec(prop::sample::select(vec!["0", "1", "2", "9", "10", "01", "2024"]), 1..5);
    let words = vec![
        "rc1",
        "rc.2",
        "rc",
        "beta-2",
        "alpha",
        "dev",
        "preview.1.2",
        "M4",
        "patch",
        "security-01",
        "3",
        "0",
        "1134.9",
        "1134.10",
        "20240101",
        "1a2b3c4",
        "g1234567",
        "1234567",
        "alpine",
        "alpine3.9",
        "alpine3.10",
        "debian-11",
        "r9",
        "r10",
        "r1x",
        "ls5",
        "ce.0",
        "pr.5",
        "jre",
        "el8",
        "k3s1",
        "nightly",
        "a",
        "",
        "x.y",
        "SNAPSHOT",
    ];
    let suffix = prop::collection::vec((prop::sample::select(words), prop::sample::select(vec!["-", "_", "."])), 0..4);
    (prop::sample::select(vec!["", "v"]), numbers, suffix).prop_map(|(v, numbers, suffix)| {
        let suffix: String = suffix.iter().flat_map(|(word, separator)| [*separator, *word]).collect();
        format!("{v}{}{suffix}", numbers.join("."))
    })
}

proptest! {
    #[test]
    fn order_is_a_total_preorder(texts in prop::collection::vec(zoo(), 3)) {
        let versions: Vec<_> = texts.iter().filter_map(|text| Version::parse(text)).collect();
        for order in [Version::order, Version::order_across, Version::order_of_release] {
            for a in &versions {
                prop_assert!(order(a, a).is_eq());
                for b in &versions {
                    prop_assert_eq!(order(a, b), order(b, a).reverse(), "{} {}", a.text(), b.text());
                    for c in &versions {
                        if order(a, b).is_le() && order(b, c).is_le() {
                            prop_assert!(order(a, c).is_le(), "{} {} {}", a.text(), b.text(), c.text());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_series_is_an_equivalence(texts in prop::collection::vec(zoo(), 3)) {
        let versions: Vec<_> = texts.iter().filter_map(|text| Version::parse(text)).collect();
        for a in &versions {
            prop_assert!(a.same_series(a));
            for b in &versions {
                prop_assert_eq!(a.same_series(b), b.same_series(a));
                for c in &versions {
                    prop_assert!(!(a.same_series(b) && b.same_series(c)) || a.same_series(c), "{} {} {}", a.text(), b.text(), c.text());
                }
            }
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}", current in zoo()) {
        let current = Version::current(&current);
        let _ = (Version::parse(&text), Version::current(&text), Version::beside(&text, current.as_ref()));
    }

    #[test]
    fn almost_versions_do_not_panic(text in "v?[0-9.]{1,6}[-_a-c0-9.r]{0,20}") {
        let current = Version::current(&text);
        prop_assert!(Version::beside(&text, current.as_ref()).is_none_or(|version| version.same_series(&version)));
    }

    #[test]
    fn the_parts_of_a_suffix_are_the_whole_text(text in zoo()) {
        if let Some(version) = Version::parse(&text) {
            prop_assert!(text.ends_with(version.suffix().flavour));
            prop_assert_eq!(version.text(), text.as_str());
        }
    }
}
