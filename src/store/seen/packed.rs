//! What is known of a repository in the form of its row.

use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{
    List, Mark, Seen, Trouble,
    codec::{read_head, read_tags, write_head, write_tags},
    whole,
};
use crate::{
    image::Tag,
    plan::Failure,
    policy::decision::Listing,
    store::{
        Kind, Record,
        wire::{Reader, Writer},
    },
};

/// [`Seen`] with its tags as the row keeps them: a few bytes each, read only when somebody needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    list: Option<List>,
    trouble: Option<Trouble>,
    /// Nothing stands for no tags.
    tags: Arc<[u8]>,
    listed: usize,
}

impl Packed {
    /// When the last list came.
    pub fn listed_at(&self) -> Option<Timestamp> {
        self.list.as_ref().map(|list| list.at)
    }

    /// Whether the last list can be believed.
    pub fn listing(&self) -> Listing {
        if self.list.as_ref().is_some_and(|list| list.doubt.is_some()) { Listing::InDoubt } else { Listing::Trusted }
    }

    /// Why no list has come since the last one.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// How many tags the last list holds; of a row that was only loaded so far, how many are known.
    pub fn listed(&self) -> usize {
        self.listed
    }

    /// The same with every tag; `None` where the bytes are not what was packed.
    pub fn unpack(&self) -> Option<Seen> {
        let tags = if self.tags.is_empty() { Vec::new() } else { read_tags(&mut Reader(&self.tags))? };
        Some(Seen { list: self.list.clone(), trouble: self.trouble.clone(), tags })
    }

    /// Takes a list with this mark, if that can make no difference but to when it came: it is the last one again, and nobody doubts it.
    /// Says whether it did. A tag that vanished and is no longer in use stays until another list comes.
    pub fn again(&mut self, mark: &Mark, now: Timestamp) -> bool {
        let is_last = self.list.as_ref().is_some_and(|list| mark.hash.is_some() && list.mark.hash == mark.hash);
        is_last && self.once_more(now)
    }

    /// Takes the last list again, under the same conditions.
    pub fn once_more(&mut self, now: Timestamp) -> bool {
        let now = whole(now);
        match &mut self.list {
            // Before the last list, the clock was set back: then the times of tags change.
            Some(list) if list.doubt.is_none() && list.at <= now => {
                list.at = now;
                self.trouble = None;
                true
            }
            _ => false,
        }
    }

    /// By what the last list can be known again.
    pub fn mark(&self) -> Option<&Mark> {
        self.list.as_ref().map(|list| &list.mark)
    }

    /// Notes what the registry gave with the last list.
    pub fn given(&mut self, etag: Option<String>, last_modified: Option<String>) {
        if let Some(list) = &mut self.list {
            list.mark = Mark { etag, last_modified, hash: list.mark.hash };
        }
    }

    /// No list came this time.
    pub fn failed(&mut self, failure: Failure, now: Timestamp) {
        let head = Seen { list: self.list.take(), trouble: self.trouble.take(), tags: Vec::new() };
        let Seen { list, trouble, .. } = head.failed(failure, now);
        (self.list, self.trouble) = (list, trouble);
    }
}

impl From<&Seen> for Packed {
    fn from(seen: &Seen) -> Self {
        let mut writer = Writer::default();
        write_tags(&mut writer, &seen.tags);
        let listed = seen.tags.iter().filter(|seen| seen.standing.is_listed()).count();
        Self { list: seen.list.clone(), trouble: seen.trouble.clone(), tags: writer.0.into(), listed }
    }
}

impl Record for Packed {
    const KIND: Kind = Seen::KIND;

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        write_head(&mut writer, self.list.as_ref(), self.trouble.as_ref());
        let tags: &[u8] = if self.tags.is_empty() { &[0] } else { &self.tags };
        writer.0.extend_from_slice(tags);
        writer.0
    }

    /// The tags are read with [`Packed::unpack`].
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (list, trouble) = read_head(&mut reader)?;
        let tags = reader.0.into();
        Some(Self { list, trouble, listed: reader.count()?, tags })
    }
}

impl Mark {
    /// The mark of a list by its tags alone, sorted.
    pub fn of(tags: &[Tag]) -> Self {
        let mut hash = Sha256::new();
        for tag in tags {
            hash.update(tag.as_str());
            // No tag holds one.
            hash.update("\n");
        }
        Self { hash: Some(hash.finalize().into()), ..Self::default() }
    }
}
