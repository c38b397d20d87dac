use std::cmp::Ordering;

use super::version;
use crate::image::version::order_pre_release;

#[test]
fn each_row_rises() {
    for (word, rising) in [
        ("numbers", &["1.9.0", "1.10.0", "2.0"][..]),
        ("numbers of any length", &["1.99999999999999999999998", "1.99999999999999999999999"]),
        ("numbers behind the third", &["4.0.19.2991", "4.0.19.2995", "4.0.20"]),
        ("pre-releases by their words", &["1.0-alpha", "1.0-alpha.1", "1.0-beta", "1.0-rc.1", "1.0"]),
        ("pre-releases by their number", &["1.0-rc", "1.0-rc9", "1.0-rc10", "1.0-rc11-alpine"]),
        ("further numbers of a pre-release", &["9.0-preview.1.24080.9", "9.0-preview.1.24080.10", "9.0-preview.2.1"]),
        ("words in any case", &["4.0-ALPHA1", "4.0-beta1", "4.0-CR1", "4.0"]),
        ("pre-release, release, post-release", &["12.0.1-rc1", "12.0.1", "12.0.1-security-01", "12.0.1-security-02", "12.0.2"]),
        ("post-release without a number", &["1.0", "1.0-hotfix", "1.0-hotfix1"]),
        ("builds", &["17.0.9_9-jre", "17.0.9_10-jre", "17.0.10_7-jre"]),
        ("dotted builds", &["1.0-1134.9", "1.0-1134.10", "1.0-1135"]),
        ("build before what floats", &["1.0-1-alpine3.9", "1.0-1-alpine3.10", "1.0-2-alpine3.8"]),
        ("one build number and two", &["1.0-3-alpine3.9", "1.0-3-4-alpine3.8"]),
        ("dotted places", &["1.0-alpine3.9", "1.0-alpine3.10", "1.0-alpine4"]),
        ("floating numbers from the left", &["15.4.0-debian-11-r99", "15.4.0-debian-12-r1", "15.4.0-debian-12-r10"]),
        ("eksbuild", &["v1.10.1-eksbuild.9", "v1.10.1-eksbuild.10"]),
        ("dates", &["1.0-alpine-20231231", "1.0-alpine-20240101"]),
        ("git describe", &["1.2.3-9-g9999999", "1.2.3-14-g1a2b3c4"]),
    ] {
        for (at, lower) in rising.iter().enumerate() {
            for higher in &rising[at + 1..] {
                assert_eq!(version(lower).order(&version(higher)), Ordering::Less, "{word}: {lower} {higher}");
                assert_eq!(version(higher).order(&version(lower)), Ordering::Greater, "{word}: {higher} {lower}");
            }
        }
    }
}

#[test]
fn spelling_and_commit_ids_do_not_order() {
    for (word, a, b) in [
        ("fewer numbers", "1.10", "1.10.0"),
        ("v", "v1.0.0", "1.0.0"),
        ("zeros", "2024.01.05", "2024.1.5"),
        ("dotted or not", "1.0-rc.1", "1.0-rc1"),
        ("zero in a pre-release", "1.0-rc01", "1.0-rc1"),
        ("case of the word", "1.0-RC1", "1.0-rc1"),
        ("commits", "1.0-1a2b3c4", "1.0-9f8e7d6"),
        ("commits in a flavour", "1.0-alpine-1a2b3c4", "1.0-alpine-9f8e7d6"),
    ] {
        assert_eq!(version(a).order(&version(b)), Ordering::Equal, "{word}");
    }
}

#[test]
fn captures_of_other_flavours_order_by_text_behind_the_release() {
    for (word, lower, higher) in [
        ("release first", "1.2-slim", "1.3-alpine"),
        ("then the flavour's text", "1.2-alpine", "1.2-slim"),
        ("without a flavour", "1.2", "1.2-alpine"),
        ("then the build", "1.2-3-slim", "1.2-4-slim"),
        ("the flavour before the build", "1.2-4-alpine", "1.2-3-slim"),
        ("what floats is no text", "1.2-r9", "1.2-r10"),
    ] {
        assert_eq!(version(lower).order_across(&version(higher)), Ordering::Less, "{word}");
        assert_eq!(version(higher).order_across(&version(lower)), Ordering::Greater, "{word}");
    }
}

#[test]
fn spelled_alike_means_v_count_and_zeros() {
    for (word, a, b, alike) in [
        ("v", "v1.2.3", "v1.2.4", true),
        ("without v", "v1.2.3", "1.2.4", false),
        ("count", "1.10", "1.10.0", false),
        ("zeros", "2024.01.5", "2024.02.7", true),
        ("without zeros", "2024.01.5", "2024.2.7", false),
        ("zero itself is no padding", "1.0.3", "1.2.3", true),
    ] {
        assert_eq!(version(a).spelled_like(&version(b)), alike, "{word}");
    }
}

#[test]
fn the_pre_release_of_an_operand_compares_as_semantic_versions_do() {
    for (word, candidate, operand, expected) in [
        ("zero is the lowest", "1.0-alpha", "0", Ordering::Greater),
        ("equal", "1.0-rc.1", "rc.1", Ordering::Equal),
        ("glued and dotted", "1.0-rc1", "rc.1", Ordering::Equal),
        ("trailing number", "1.0-rc9", "rc10", Ordering::Less),
        ("without a number", "1.0-rc", "rc.1", Ordering::Less),
        ("with one", "1.0-rc.1", "rc", Ordering::Greater),
        ("word", "1.0-beta.9", "rc.1", Ordering::Less),
        ("case", "1.0-RC1", "rc1", Ordering::Equal),
        ("dash", "1.0-beta-2", "beta-2", Ordering::Equal),
        ("further numbers", "9.0-preview.1.24080.9", "preview.1.24080.10", Ordering::Less),
    ] {
        let label = version(candidate).suffix().pre_release.clone().expect(word);
        assert_eq!(order_pre_release(&label, operand), expected, "{word}");
    }
}
