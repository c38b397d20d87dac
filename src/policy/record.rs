//! What is known about a tag.

use std::collections::BTreeMap;

use jiff::Timestamp;

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
    /// Asked, and no answer came this time; the text is the reason in one sentence.
    Unreadable(String),
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
