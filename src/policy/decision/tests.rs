use super::*;
use crate::{
    image::Platform,
    policy::{
        keys::Keys,
        pattern::Pattern,
        record::{ImageFacts, Metadata, PlatformFacts},
    },
};

fn policy(pattern: &str) -> Policy {
    Policy { pattern: Pattern::parse(pattern).expect(pattern), keys: Keys::default(), origin: Origin::Written }
}

fn digest(number: usize) -> Digest {
    Digest::parse(&format!("sha256:{number:064x}")).expect("a digest")
}

fn image(number: usize, created: Option<&str>) -> Metadata {
    let created = created.map(|time| time.parse().expect("a time"));
    let platforms = vec![PlatformFacts { platform: Platform::linux_amd64(), created }];
    Metadata::Image(ImageFacts { digest: digest(number), platforms, labels: BTreeMap::new() })
}

/// `tag` or `tag=time`, all of them images.
fn records(tags: &str) -> Vec<TagRecord> {
    tags.split_whitespace()
        .enumerate()
        .map(|(number, word)| {
            let (tag, time) = word.split_once('=').map_or((word, None), |(tag, time)| (tag, Some(time)));
            TagRecord { tag: Tag::parse(tag).expect("a tag"), first_seen: None, metadata: image(number, time) }
        })
        .collect()
}

fn chosen(pattern: &str, current: &str, tags: &str) -> String {
    let (policy, records) = (policy(pattern), records(tags));
    let tag = Tag::parse(current).ok();
    let decision = decide(&Question {
        policy: &policy,
        tag: tag.as_ref(),
        digest: None,
        records: &records,
        listing: Listing::Trusted,
        wants: Wants::Image,
        now: "2026-01-01T00:00:00Z".parse().expect("a time"),
        remembered: None,
        rolled_back: &[],
    });
    let mut text = format!("{} {}", decision.code, decision.winner.map_or("-".into(), |tag| tag.to_string()));
    if let Some(tag) = decision.newer_elsewhere {
        text += &format!(" elsewhere {tag}");
    }
    text
}

#[test]
fn versions_stay_in_their_series() {
    for (word, pattern, current, tags, expected) in [
        ("nginx", "semver:~1.27", "1.27.3-alpine", "1.27.3-alpine 1.27.4 1.27.4-alpine 1.28.0 1.27-alpine latest alpine", "updated 1.27.4-alpine"),
        ("one number", "semver:*", "1.4.2", "1.4.2 1337 20240101 1.4 1.4.3", "updated 1.4.3"),
        ("seven", "semver:*", "7", "7 8 1337 20240101 7.2", "updated 8"),
        ("placeholder", "semver:*", "placeholder", "1 1.2 1.2.3 1.2.4-alpine", "switched 1.2.3 elsewhere 1.2.4-alpine"),
        ("newer elsewhere", "semver:~1", "1.2.3-alpine", "1.2.3-alpine 1.2.4", "current 1.2.3-alpine elsewhere 1.2.4"),
        ("go back", "semver:~1", "1.5.0", "1.4.0 1.3.0", "wouldGoBack 1.4.0"),
        (
            "temurin",
            "semver:17",
            "17.0.9_9-jre-alpine",
            "17.0.9_9-jre-alpine 17.0.10_7-jre-alpine 17.0.11_9-jdk-alpine 17.0.11_9-jre",
            "updated 17.0.10_7-jre-alpine elsewhere 17.0.11_9-jre",
        ),
        ("bitnami", "semver:~15", "15.4.0-debian-11-r10", "15.4.0-debian-11-r45 15.5.0-debian-12-r1 15.4.0", "updated 15.5.0-debian-12-r1"),
        ("four numbers", "semver:~4", "4.0.19.2991", "4.0.19.2995 4.0.20 4.0.19.2991", "updated 4.0.19.2995 elsewhere 4.0.20"),
        (
            "release candidate",
            "semver:>=3.13.0-0",
            "3.13.0-rc.4-management-alpine",
            "3.13.0-rc.4-management-alpine 3.13.0-rc.10-management-alpine 3.13.0-rc.11",
            "updated 3.13.0-rc.10-management-alpine elsewhere 3.13.0-rc.11",
        ),
        ("git describe", "semver:*", "1.2.3-14-g1a2b3c4", "1.2.3-14-g1a2b3c4 1.2.3-15-g0a2b3c4", "updated 1.2.3-15-g0a2b3c4"),
    ] {
        assert_eq!(chosen(pattern, current, tags), expected, "{word}");
    }
}

#[test]
fn build_times_decide_for_globs() {
    for (word, pattern, current, tags, expected) in [
        (
            "newest",
            "glob:main-*",
            "main-88",
            "main-88=2025-01-01T00:00:00Z main-9=2025-03-01T00:00:00Z main-91=2025-02-01T00:00:00Z",
            "updated main-9",
        ),
        ("no time", "glob:*", "a", "a b", "noBuildTime -"),
        ("switch", "glob:main-*", "dev", "main-1=2025-01-01T00:00:00Z dev=2025-06-01T00:00:00Z", "switched main-1"),
        ("vanished", "glob:main-*", "main-9", "main-1=2025-01-01T00:00:00Z", "noBuildTime main-1"),
    ] {
        assert_eq!(chosen(pattern, current, tags), expected, "{word}");
    }
}
