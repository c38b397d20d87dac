//! What tags point to, and when that is asked again.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use super::{Seen, SeenTag, whole};
use crate::{
    image::{Digest, Tag},
    policy::{
        Code,
        record::{FirstSeen, Metadata},
    },
};

/// What a tag points to, as far as anybody asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// When it was asked last.
    pub at: Timestamp,
    /// What the answer was.
    pub found: Found,
    /// The digest of the last answer that had one.
    pub digest: Option<Digest>,
    /// Whether it has ever pointed to something else.
    pub moved: bool,
    /// In how many hours it is asked again without need, from 1 to a week's.
    wait: u8,
}

/// What the answer was when a tag was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It points to the digest.
    Digest,
    /// The registry says that there is no such tag.
    Gone,
    /// No answer came.
    Failed {
        /// The code of the failure.
        code: Code,
        /// The reason in one sentence.
        reason: String,
    },
}

/// The shortest and the longest wait, in hours.
pub(super) const WAITS: std::ops::RangeInclusive<u8> = 1..=7 * 24;
/// The longest reason that is kept.
const REASON: usize = 500;
/// One of so many tags of a list may be asked again without need each time.
const SHARE: usize = 100;
/// So many tags that have moved are asked again each time, however short the list.
const MOVERS: usize = 8;

impl Check {
    /// What a decision may know, given what is known of the digest.
    pub(super) fn metadata(&self, facts: &impl Fn(&Digest) -> Option<Metadata>) -> Metadata {
        match (&self.found, &self.digest) {
            (Found::Gone, _) => Metadata::Gone,
            (Found::Failed { code, reason }, _) => Metadata::Unreadable { code: *code, reason: reason.clone() },
            (Found::Digest, Some(digest)) => facts(digest).unwrap_or_else(|| Metadata::Pointed(digest.clone())),
            (Found::Digest, None) => Metadata::NotRead,
        }
    }

    pub(super) fn wait(&self) -> u8 {
        self.wait
    }

    pub(super) fn stored(at: Timestamp, found: Found, digest: Option<Digest>, moved: bool, wait: u8) -> Option<Self> {
        WAITS.contains(&wait).then_some(Self { at, found, digest, moved, wait })
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.overdue(now) >= SignedDuration::ZERO
    }

    fn overdue(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.at) - SignedDuration::from_hours(i64::from(self.wait))
    }
}

impl Seen {
    /// A tag points to this digest now. Where it pointed elsewhere, it is as if it were first seen now.
    pub fn pointed(&mut self, tag: &Tag, digest: Digest, now: Timestamp) {
        let now = whole(now);
        let Some(seen) = self.tag_mut(tag) else { return };
        let before = seen.check.take();
        let is_due = before.as_ref().is_some_and(|check| check.is_due(now));
        let (wait, had_moved) = before.as_ref().map_or((*WAITS.start(), false), |check| (check.wait, check.moved));
        let moves = before.and_then(|check| check.digest).is_some_and(|known| known != digest);
        let wait = match (moves, is_due) {
            (true, _) => wait / 2,
            (false, true) => wait.saturating_mul(2),
            (false, false) => wait,
        };
        if moves {
            seen.first_seen = FirstSeen { at: now, in_first_listing: false };
        }
        let wait = wait.clamp(*WAITS.start(), *WAITS.end());
        seen.check = Some(Check { at: now, found: Found::Digest, digest: Some(digest), moved: moves || had_moved, wait });
    }

    /// The registry says that there is no such tag.
    pub fn gone(&mut self, tag: &Tag, now: Timestamp) {
        self.answered(tag, Found::Gone, now);
    }

    /// No answer about a tag came this time.
    pub fn unreadable(&mut self, tag: &Tag, code: Code, reason: &str, now: Timestamp) {
        let reason = reason.chars().take(REASON).collect();
        self.answered(tag, Found::Failed { code, reason }, now);
    }

    /// How many of the listed tags may be asked again each time without need, which is none of a short list.
    pub fn share(&self) -> usize {
        self.listed().count() / SHARE
    }

    /// Of how many lists one may have a tag asked again without need: of a short list one tag is more than its share.
    pub fn lists_per_recheck(&self) -> u32 {
        let listed = self.listed().count().clamp(1, SHARE);
        u32::try_from(SHARE / listed).unwrap_or(1)
    }

    /// The listed tags that are asked again without need, the longest overdue first, and at most so many.
    pub fn rechecks(&self, now: Timestamp, most: usize) -> Vec<&Tag> {
        let check = |seen: &SeenTag| seen.check.as_ref().filter(|check| check.is_due(now)).map(|check| Reverse(check.overdue(now)));
        let mut due: Vec<(Reverse<SignedDuration>, &Tag)> = self.listed().filter_map(|seen| Some((check(seen)?, &seen.tag))).collect();
        due.sort_unstable();
        due.truncate(most);
        due.into_iter().map(|(_, tag)| tag).collect()
    }

    /// The listed tags that have moved and may do so again, those first that did so last: half of what may be asked, and always a few.
    pub fn movers(&self) -> Vec<&Tag> {
        let moved = self.listed().filter(|seen| seen.check.as_ref().is_some_and(|check| check.moved));
        let mut moved: Vec<(Reverse<Timestamp>, &Tag)> = moved.map(|seen| (Reverse(seen.first_seen.at), &seen.tag)).collect();
        moved.sort_unstable();
        moved.truncate((self.share() / 2).max(MOVERS));
        moved.into_iter().map(|(_, tag)| tag).collect()
    }

    fn listed(&self) -> impl Iterator<Item = &SeenTag> {
        self.tags.iter().filter(|seen| seen.standing.is_listed())
    }

    /// When one of the listed tags is asked again without need, at the earliest; the end of time where none ever is.
    pub fn next_recheck(&self) -> Timestamp {
        let checks = self.listed().filter_map(|seen| seen.check.as_ref());
        let due = |check: &Check| check.at.saturating_add(SignedDuration::from_hours(i64::from(check.wait))).unwrap_or(Timestamp::MAX);
        checks.map(due).min().unwrap_or(Timestamp::MAX)
    }

    fn answered(&mut self, tag: &Tag, found: Found, now: Timestamp) {
        let Some(seen) = self.tag_mut(tag) else { return };
        let (digest, moved, wait) = seen.check.take().map_or((None, false, *WAITS.start()), |check| (check.digest, check.moved, check.wait));
        seen.check = Some(Check { at: whole(now), found, digest, moved, wait });
    }

    fn tag_mut(&mut self, tag: &Tag) -> Option<&mut SeenTag> {
        self.place(tag).ok().map(|at| &mut self.tags[at])
    }
}
