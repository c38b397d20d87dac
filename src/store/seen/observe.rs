//! A new list, and whether to believe it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Doubt, List, Mark, Seen, SeenTag, Standing, whole};
use crate::{image::Tag, policy::record::FirstSeen};

/// So many equal lists in a row are believed, whatever they lack.
const EQUAL_LISTS: u8 = 3;
/// So long a list is doubted.
const LONGEST_DOUBT: SignedDuration = SignedDuration::from_hours(1);
/// A list may always lack so many known tags.
const MAY_LACK: usize = 5;

impl Seen {
    /// What is known after a list came; `in_use` are the tags that containers have now.
    #[must_use]
    pub fn observe(self, mut listed: Vec<Tag>, mark: Mark, in_use: &BTreeSet<Tag>, now: Timestamp) -> Self {
        listed.sort_unstable();
        listed.dedup();
        let now = whole(now);
        let doubt = self.doubt(&listed, in_use, now);
        let first_seen = FirstSeen { at: now, in_first_listing: self.list.is_none() };
        let tags = merged(self.tags, listed, &first_seen, |seen, presence| match (presence, &doubt) {
            (Presence::Listed, Some(_)) if !seen.standing.is_known() => Some(Standing::New),
            (Presence::Listed, _) => Some(Standing::Listed),
            (Presence::Absent, Some(_)) if seen.standing.is_known() => Some(Standing::Missing),
            (Presence::Absent, _) => in_use.contains(&seen.tag).then_some(Standing::Vanished),
        });
        Self { list: Some(List { at: now, mark, doubt }), trouble: None, tags }
    }

    /// What is known after the registry said that the list is the last one still.
    #[must_use]
    pub fn unchanged(self, in_use: &BTreeSet<Tag>, now: Timestamp) -> Self {
        let listed = self.tags.iter().filter(|seen| seen.standing.is_listed()).map(|seen| seen.tag.clone()).collect();
        let mark = self.mark().cloned().unwrap_or_default();
        self.observe(listed, mark, in_use, now)
    }

    /// Whether this list, sorted, is doubted.
    fn doubt(&self, listed: &[Tag], in_use: &BTreeSet<Tag>, now: Timestamp) -> Option<Doubt> {
        let last = self.list.as_ref()?;
        let known = || self.tags.iter().filter(|seen| seen.standing.is_known()).map(|seen| &seen.tag);
        let missing = || known().filter(|tag| listed.binary_search(tag).is_err());
        let lacks = missing().count();
        let lacks_much = lacks > MAY_LACK && lacks * 10 > known().count();
        if !lacks_much && !missing().any(|tag| in_use.contains(tag)) {
            return None;
        }
        let before = last.doubt.as_ref();
        let is_same = listed.iter().eq(self.tags.iter().filter(|seen| seen.standing.is_listed()).map(|seen| &seen.tag));
        let equal = before.filter(|_| is_same).map_or(1, |doubt| doubt.equal + 1);
        let since = before.map_or(now, |doubt| doubt.since.min(now));
        let ends = equal >= EQUAL_LISTS || now.duration_since(since) >= LONGEST_DOUBT;
        (!ends).then_some(Doubt { since, equal })
    }
}

/// Whether a list holds a tag.
#[derive(Clone, Copy)]
enum Presence {
    Listed,
    Absent,
}

/// Both sorted lists as one: `standing` says what becomes of each tag, `None` that it is forgotten.
fn merged(seen: Vec<SeenTag>, listed: Vec<Tag>, first_seen: &FirstSeen, standing: impl Fn(&SeenTag, Presence) -> Option<Standing>) -> Vec<SeenTag> {
    let mut tags = Vec::with_capacity(listed.len());
    let mut seen = seen.into_iter().peekable();
    let mut keep = |mut tag: SeenTag, presence| {
        if let Some(standing) = standing(&tag, presence) {
            tag.standing = standing;
            tags.push(tag.not_after(first_seen.at));
        }
    };
    for tag in listed {
        while let Some(absent) = seen.next_if(|seen| seen.tag < tag) {
            keep(absent, Presence::Absent);
        }
        let known = seen.next_if(|seen| seen.tag == tag);
        let unknown = || SeenTag { tag, standing: Standing::New, first_seen: first_seen.clone(), check: None };
        keep(known.unwrap_or_else(unknown), Presence::Listed);
    }
    seen.for_each(|absent| keep(absent, Presence::Absent));
    tags
}

impl SeenTag {
    /// Nothing was seen after now: a later time was written before the clock was set back.
    fn not_after(mut self, now: Timestamp) -> Self {
        self.first_seen.at = self.first_seen.at.min(now);
        if let Some(check) = &mut self.check {
            check.at = check.at.min(now);
        }
        self
    }
}
