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
/// At most this share of a list is asked again without need.
const SHARE: usize = 100;

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

    /// The listed tags that are asked again without need, the longest overdue first: one of a hundred at most, and always one.
    pub fn rechecks(&self, now: Timestamp) -> Vec<&Tag> {
        let listed = || self.tags.iter().filter(|seen| seen.standing.is_listed());
        let check = |seen: &SeenTag| seen.check.as_ref().filter(|check| check.is_due(now)).map(|check| Reverse(check.overdue(now)));
        let mut due: Vec<(Reverse<SignedDuration>, &Tag)> = listed().filter_map(|seen| Some((check(seen)?, &seen.tag))).collect();
        due.sort_unstable();
        due.truncate((listed().count() / SHARE).max(1));
        due.into_iter().map(|(_, tag)| tag).collect()
    }

    /// When one of the listed tags is asked again without need, at the earliest; the end of time where none ever is.
    pub fn next_recheck(&self) -> Timestamp {
        let checks = self.tags.iter().filter(|seen| seen.standing.is_listed()).filter_map(|seen| seen.check.as_ref());
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
