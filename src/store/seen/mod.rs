//! What is known of one repository in a registry.

mod check;
mod codec;
mod observe;
mod packed;

use jiff::Timestamp;

pub use check::{Check, Found};
pub use packed::Packed;

use super::wire::whole;
use crate::{
    image::{Digest, Repository, Tag},
    plan::Failure,
    policy::{
        decision::Listing,
        record::{FirstSeen, Metadata, TagRecord},
    },
};

/// What is known of one repository in a registry, as far as one credential sees it.
///
/// # Units
/// Times are whole seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    list: Option<List>,
    trouble: Option<Trouble>,
    /// Each tag once, in the order of their texts.
    tags: Vec<SeenTag>,
}

/// The last list that came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct List {
    at: Timestamp,
    mark: Mark,
    doubt: Option<Doubt>,
}

/// A list that lacks too much to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Doubt {
    since: Timestamp,
    /// How many lists in a row were equal to the last one, itself included.
    equal: u8,
}

/// What tells that a list is the same as last time without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The `ETag` that the registry gave.
    pub etag: Option<String>,
    /// The `Last-Modified` that it gave.
    pub last_modified: Option<String>,
    /// A hash of its tags.
    pub hash: Option<[u8; 32]>,
}

/// Why no list came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What the last answer was.
    pub failure: Failure,
    /// Since when every answer has had this code.
    pub since: Timestamp,
}

/// A tag and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenTag {
    /// The tag.
    pub tag: Tag,
    /// Whether it is listed and known.
    pub standing: Standing,
    /// When it was first seen with the digest that it has now; while no digest is known, when it was first listed.
    pub first_seen: FirstSeen,
    /// What it points to, where anybody asked.
    pub check: Option<Check>,
}

/// Whether a tag is in the last list, and in the last list not in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In both.
    Listed,
    /// Only in the last list, which is in doubt.
    New,
    /// Only in the last list not in doubt.
    Missing,
    /// In neither; it is remembered because a container has it.
    Vanished,
}

impl Standing {
    /// Whether the last list holds it.
    pub fn is_listed(self) -> bool {
        matches!(self, Self::Listed | Self::New)
    }

    /// Whether the last list not in doubt held it.
    fn is_known(self) -> bool {
        matches!(self, Self::Listed | Self::Missing)
    }
}

impl Seen {
    /// The id of the row: what one credential sees is not shown to another.
    pub fn id(repository: &Repository, credential: &str) -> String {
        format!("{repository} {credential}")
    }

    /// When the last list came.
    pub fn listed_at(&self) -> Option<Timestamp> {
        self.list.as_ref().map(|list| list.at)
    }

    /// By what the last list can be known again.
    pub fn mark(&self) -> Option<&Mark> {
        self.list.as_ref().map(|list| &list.mark)
    }

    /// Whether the last list can be believed.
    pub fn listing(&self) -> Listing {
        match self.list.as_ref().and_then(|list| list.doubt.as_ref()) {
            Some(_) => Listing::InDoubt,
            None => Listing::Trusted,
        }
    }

    /// Why no list has come since the last one.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Every tag of which something is known, listed or not, in the order of their texts.
    pub fn tags(&self) -> &[SeenTag] {
        &self.tags
    }

    /// What is known of a tag.
    pub fn tag(&self, tag: &Tag) -> Option<&SeenTag> {
        self.place(tag).ok().map(|at| &self.tags[at])
    }

    /// The tags of the last list, with what `facts` knows of the digests that they point to.
    pub fn records(&self, facts: impl Fn(&Digest) -> Option<Metadata>) -> Vec<TagRecord> {
        let listed = self.tags.iter().filter(|seen| seen.standing.is_listed());
        let record = |seen: &SeenTag| TagRecord {
            tag: seen.tag.clone(),
            first_seen: Some(seen.first_seen.clone()),
            metadata: seen.check.as_ref().map_or(Metadata::NotRead, |check| check.metadata(&facts)),
        };
        listed.map(record).collect()
    }

    /// No list came this time.
    #[must_use]
    pub fn failed(self, failure: Failure, now: Timestamp) -> Self {
        let same = self.trouble.filter(|trouble| trouble.failure.code == failure.code);
        let since = same.map_or(now, |trouble| trouble.since.min(now));
        Self { trouble: Some(Trouble { failure, since: whole(since) }), ..self }
    }

    fn place(&self, tag: &Tag) -> Result<usize, usize> {
        self.tags.binary_search_by(|seen| seen.tag.cmp(tag))
    }
}

#[cfg(test)]
mod tests;
