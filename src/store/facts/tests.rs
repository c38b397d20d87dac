use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::policy::Code;

fn digest() -> Digest {
    Digest::parse(&format!("sha256:{}", "a1".repeat(32))).expect("a digest")
}

fn image(labels: &[(&str, &str)]) -> ImageFacts {
    let platform = |text: &str, created| PlatformFacts { platform: Platform::parse(text).expect("a platform"), created };
    let created = Timestamp::new(1_700_000_000, 123_456_789).ok();
    ImageFacts {
        digest: digest(),
        platforms: vec![platform("linux/amd64", created), platform("linux/arm/v7", None)],
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

#[test]
fn only_what_never_changes_is_kept() {
    for (word, metadata, kept) in [
        ("not read", Metadata::NotRead, false),
        ("no answer", Metadata::Unreadable { code: Code::Unreachable, reason: String::new() }, false),
        ("a digest", Metadata::Pointed(digest()), false),
        ("gone", Metadata::Gone, false),
        ("a chart", Metadata::NotAnImage("chart".to_owned()), true),
        ("an image", Metadata::Image(image(&[])), true),
    ] {
        let facts = Facts::of(&metadata);
        assert_eq!(facts.is_some(), kept, "{word}");
        if let Some(facts) = facts {
            assert_eq!(Facts::decode(&facts.encode(), &digest()), Some(facts.clone()), "{word}");
            assert_eq!(Metadata::from(facts), metadata, "{word}");
        }
    }
}

#[test]
fn labels_that_nobody_reads_are_left_out() {
    let source = ("org.opencontainers.image.source", "https://git.example/web");
    let revision = ("org.opencontainers.image.revision", "1a2b3c4");
    let long = "x".repeat(2000);
    for (word, labels, kept) in [
        ("none", &[][..], &[][..]),
        ("those of messages", &[source, revision], &[source, revision]),
        ("others", &[source, ("maintainer", "somebody")], &[source]),
        ("too long", &[("org.opencontainers.image.url", &long), revision], &[revision]),
    ] {
        let facts = Facts::of(&Metadata::Image(image(labels))).expect("an image");
        assert_eq!(Facts::decode(&facts.encode(), &digest()), Some(Facts::Image(image(kept))), "{word}");
    }
}

#[test]
fn a_pack_holds_what_was_added_last_without_labels() {
    let other = Digest::parse(&format!("sha256:{}", "b2".repeat(32))).expect("a digest");
    let labelled = image(&[("org.opencontainers.image.url", "x")]);
    let mut pack = Pack::default();
    assert_eq!(pack.unpack(), BTreeMap::new());
    pack.add(&other, Facts::NotAnImage("chart".to_owned()));
    pack.add(&digest(), Facts::NotAnImage("chart".to_owned()));
    pack.add(&digest(), Facts::Image(labelled));
    let chart = (other.clone(), Metadata::NotAnImage("chart".to_owned()));
    let known = (digest(), Metadata::Image(image(&[])));
    assert_eq!(pack.unpack(), BTreeMap::from([chart.clone(), known]));
    assert_eq!(pack.retain(|kept| *kept == other).unpack(), BTreeMap::from([chart]));
}

#[test]
fn bytes_that_nobody_encoded_are_refused() {
    let bytes = Facts::of(&Metadata::Image(image(&[("org.opencontainers.image.url", "x")]))).expect("an image").encode();
    for (word, changed) in [
        ("nothing", vec![]),
        ("another version", [&[9], &bytes[1..]].concat()),
        ("another kind", [&bytes[..1], &[9], &bytes[2..]].concat()),
        ("cut off", bytes[..bytes.len() - 1].to_vec()),
        ("too much", [&bytes[..], &[99]].concat()),
    ] {
        assert_eq!(Facts::decode(&changed, &digest()), None, "{word}");
    }
}

#[test]
fn build_times_of_different_platforms_are_different_entries() {
    let [amd64, arm64] = ["linux/amd64", "linux/arm64"].map(|text| Facts::id(&digest(), &Platform::parse(text).expect("a platform")));
    assert_eq!(amd64, format!("{} linux/amd64", digest()));
    assert_ne!(amd64, arm64);
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(
        platforms in vec(("[a-z]{1,5}/[a-z0-9]{1,5}(/v[0-9])?", option::of(0_i64..4_000_000_000_000_000_000)), 0..5),
        labels in vec((0..LABELS.len(), ".{0,20}"), 0..5),
    ) {
        let platforms = platforms.into_iter().map(|(text, created)| PlatformFacts {
            platform: Platform::parse(&text).expect("a platform"),
            created: created.and_then(|nanoseconds| Timestamp::from_nanosecond(nanoseconds.into()).ok()),
        });
        let labels = labels.into_iter().map(|(at, value)| (LABELS[at].to_owned(), value));
        let facts = Facts::Image(ImageFacts { digest: digest(), platforms: platforms.collect(), labels: labels.collect() });
        prop_assert_eq!(Facts::decode(&facts.encode(), &digest()), Some(facts));
    }
}
