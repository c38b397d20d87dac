//! Choosing by version, number or text: names decide, and the winner alone is looked at.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::{Choice, Chooser, Stop, look::Look};
use crate::{
    image::{Platform, version::Version},
    policy::{
        decision::{Listing, Need, Wants},
        keys::Downgrade,
        reason::Reason,
        record::Metadata,
    },
};

/// How many winners may turn out to be none before the container is held.
const TRIES: usize = 10;

/// What the build times of tags say that differ only in commit ids.
enum Newest {
    /// This one was built last, or there is nothing to compare.
    Tag(usize),
    /// Some of them lost for good, so the rest must be seen anew.
    Again,
    /// None can be named.
    Stop(Vec<usize>, Stop),
}

impl Chooser<'_> {
    /// Candidates best first, until one holds what its name promises.
    pub(super) fn by_order(&self) -> Choice {
        let mut left: Vec<usize> = self.candidates().collect();
        let mut choice = Choice::default();
        let mut wanted = None;
        while let Some(best) = left.iter().copied().max_by(|&a, &b| self.prefer(a, b)) {
            match self.newest_among_commits(&left, best, &mut choice) {
                Newest::Tag(at) => match self.look_where_it_counts(at, &mut wanted) {
                    Look::Fits => return Choice { winner: Some(at), ..choice },
                    Look::Lost(reason) => drop(choice.lost.insert(at, reason)),
                    Look::Stop(stop) => return Choice { best: Some(at), ..choice.stopped([at], stop) },
                },
                Newest::Again => {}
                Newest::Stop(open, stop) => return Choice { best: Some(best), ..choice.stopped(open, stop) },
            }
            left.retain(|at| !choice.lost.contains_key(at));
            if choice.lost.len() >= TRIES && !left.is_empty() {
                return choice.stopped([], Stop::Exhausted);
            }
        }
        choice
    }

    fn look_where_it_counts(&self, at: usize, wanted: &mut Option<Vec<Platform>>) -> Look {
        if self.decides_without_look(at) { Look::Fits } else { self.look(at, wanted) }
    }

    /// Whether the answer is the same whatever the registry says of this candidate, so that it is not asked.
    fn decides_without_look(&self, at: usize) -> bool {
        let question = &self.question;
        if self.current == Some(at) {
            return !self.writes_digest() || question.digest.is_some() && self.digest_of(at) == question.digest;
        }
        let in_doubt = question.listing == Listing::InDoubt && !self.is_above_current(at);
        self.would_be_held_as_lower(at) || in_doubt || self.rolled_back(at).is_some()
    }

    fn would_be_held_as_lower(&self, at: usize) -> bool {
        self.question.policy.keys.downgrade == Downgrade::Hold && self.selector.beside_current(self.key(at)).is_some_and(Ordering::is_lt)
    }

    /// Among tags that differ only in commit ids the build time decides; elsewhere the best is the best.
    fn newest_among_commits(&self, left: &[usize], best: usize, choice: &mut Choice) -> Newest {
        let commits = |at: usize| self.version(at).into_iter().flat_map(Version::commits);
        let mut equal: Vec<usize> = left.iter().copied().filter(|&at| self.selector.order(self.key(at), self.key(best)).is_eq()).collect();
        // What fails first must not hang on the order of the list.
        equal.sort_by(|&a, &b| self.prefer(b, a));
        if equal.iter().all(|&at| commits(at).eq(commits(best))) || self.would_be_held_as_lower(best) {
            return Newest::Tag(best);
        }
        let unread: Vec<usize> = equal.iter().copied().filter(|&at| self.is_unread(at)).collect();
        if !unread.is_empty() {
            let needs = unread.iter().map(|&at| Need::Metadata(self.record(at).tag.clone())).collect();
            return Newest::Stop(unread, Stop::Unread(needs));
        }
        let mut timed: Vec<(Timestamp, usize)> = Vec::new();
        for &at in &equal {
            match &self.record(at).metadata {
                Metadata::Unreadable { code, reason } => return Newest::Stop(vec![at], Stop::Failed { code: *code, reason: reason.clone() }),
                Metadata::Gone => drop(choice.lost.insert(at, Reason::Gone)),
                Metadata::NotAnImage(what) if self.question.wants == Wants::Image => {
                    choice.lost.insert(at, Reason::NotAnImage(what.as_str().into()));
                }
                _ => timed.extend(self.time(at).map(|time| (time, at))),
            }
        }
        if equal.iter().any(|at| choice.lost.contains_key(at)) {
            return Newest::Again;
        }
        let newest = timed.into_iter().max_by(|a, b| a.0.cmp(&b.0).then_with(|| self.prefer(a.1, b.1))).map(|(_, at)| at);
        if let Some(at) = newest.or_else(|| self.current.filter(|at| equal.contains(at))) {
            return Newest::Tag(at);
        }
        choice.lost.extend(equal.into_iter().map(|at| (at, Reason::NoBuildTime)));
        Newest::Stop(Vec::new(), Stop::NoBuildTime)
    }
}
