//! What is known about a tag.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Code;
use crate::image::{Digest, Platform, Tag};

/// A tag that a registry lists, with all that has been learnt about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRecord {
    /// The tag.
    pub tag: Tag,
    /// When this tag was first seen with the digest that it has now, where anyone remembers.
    pub first_seen: Option<FirstSeen>,
    /// What its manifest and configuration say.
    pub metadata: Metadata,
}

/// The moment a tag was first seen with its present digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstSeen {
    /// That moment.
    pub at: Timestamp,
    /// Whether it stood in the first complete listing already: then the tag may be older than our memory.
    pub in_first_listing: bool,
}

/// What the registry answered when one tag was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// Nobody has asked yet.
    NotRead,
    /// Asked, and no answer came this time.
    Unreadable {
        /// The code of the failure.
        code: Code,
        /// The reason in one sentence.
        reason: String,
    },
    /// Only the digest is known: what a HEAD request tells.
    Pointed(Digest),
    /// The registry says that there is no such tag.
    Gone,
    /// Something else than a runnable image: its media type or kind, for people.
    NotAnImage(String),
    /// An image.
    Image(ImageFacts),
}

/// What the manifest or index and the configuration of an image say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    /// The digest that the tag points to: the index's where there is one.
    pub digest: Digest,
    /// Every platform offered, in the order of the index; without `unknown/unknown`.
    pub platforms: Vec<PlatformFacts>,
    /// The labels of the configuration that was read (the one for the first wanted platform).
    pub labels: BTreeMap<String, String>,
}

/// One platform that an image offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformFacts {
    /// The platform.
    pub platform: Platform,
    /// When the image for this platform was built, where that was read and is a time at all.
    pub created: Option<Timestamp>,
}

/// Docker's first public release: what claims to be older was built reproducibly and hides its time.
const FIRST_POSSIBLE_BUILD: Timestamp = Timestamp::constant(1_362_096_000, 0);

/// How far ahead a build time may lie: clocks differ.
pub const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// A build time that can be believed: not before 2013-03-01, and not more than 10 minutes ahead.
pub fn usable_build_time(time: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let ahead = time.duration_since(now);
    (time >= FIRST_POSSIBLE_BUILD && ahead <= AHEAD).then_some(time)
}

impl TagRecord {
    /// A tag of which nothing is known but its name.
    pub fn listed(tag: Tag) -> Self {
        Self { tag, first_seen: None, metadata: Metadata::NotRead }
    }

    /// A tag as if a registry held an image of its own for it, on these platforms.
    pub fn imagined(number: usize, tag: Tag, built: Option<Timestamp>, platforms: &[Platform]) -> Self {
        let digest = Digest::parse(&format!("sha256:{number:064x}")).expect("64 hexadecimal digits");
        let platforms = platforms.iter().map(|platform| PlatformFacts { platform: platform.clone(), created: built }).collect();
        Self { tag, first_seen: None, metadata: Metadata::Image(ImageFacts { digest, platforms, labels: BTreeMap::new() }) }
    }

    /// The moment from which the age of a tag counts that was built then; `None` where nothing is known of it.
    pub fn age_counts_from(&self, built: Option<Timestamp>) -> Option<Timestamp> {
        match (&self.first_seen, built) {
            (Some(seen), None) => Some(seen.at),
            (Some(seen), Some(built)) if !seen.in_first_listing => Some(seen.at.max(built)),
            (_, built) => built,
        }
    }
}
