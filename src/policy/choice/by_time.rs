//! Choosing by build time: nothing that could still be the newest may be unread.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::{Choice, Chooser, Stop};
use crate::{
    image::version::digits,
    policy::{decision::Need, reason::Reason, record::Metadata},
};

impl Chooser<'_> {
    /// The best build time among all that match.
    pub(super) fn by_build_time(&self) -> Choice {
        let mut choice = Choice::default();
        let mut best: Option<(Timestamp, usize)> = None;
        let mut open = Vec::new();
        for at in self.candidates() {
            if !self.is_known(at) {
                open.push(at);
                continue;
            }
            match self.fits(at, &self.wanted).and_then(|()| self.time(at).ok_or(Reason::NoBuildTime)) {
                Err(reason) => drop(choice.lost.insert(at, reason)),
                Ok(time) => {
                    let better = |(known, other): (Timestamp, usize)| time.cmp(&known).then_with(|| self.prefer(at, other)).is_gt();
                    if best.is_none_or(better) {
                        best = Some((time, at));
                    }
                }
            }
        }
        // The current tag's own time tells what would go back, even where `exclude` keeps the tag out.
        open.extend(self.current.filter(|&at| self.judged[at].is_err() && !self.is_known(at) && self.timed_current().is_some()));
        if let Some((time, _)) = best {
            // An image cannot be built after it was seen.
            open.retain(|&at| self.record(at).first_seen.as_ref().is_none_or(|seen| seen.at >= time));
        }
        open.extend(self.current.filter(|at| !open.contains(at) && self.current_says_the_platform(*at, &choice)));
        choice.winner = best.map(|(_, at)| at);
        match self.stop_for(&open, &choice) {
            Some(stop) => choice.stopped(open, stop),
            None => choice,
        }
    }

    /// Whether the wanted platform hangs on the current tag, and nobody has looked at it.
    fn current_says_the_platform(&self, current: usize, choice: &Choice) -> bool {
        let lacking = || choice.lost.values().any(|reason| matches!(reason, Reason::PlatformMissing(_)));
        self.is_platform_free() && (self.is_unread(current) || !self.is_known(current) && lacking())
    }

    /// What to learn about a tag: first where it points, for many tags of one image need only one look.
    fn need(&self, at: usize) -> Need {
        let record = self.record(at);
        if record.metadata == Metadata::NotRead { Need::Digest(record.tag.clone()) } else { Need::Metadata(record.tag.clone()) }
    }

    fn stop_for(&self, open: &[usize], choice: &Choice) -> Option<Stop> {
        let mut unread: Vec<usize> = open.iter().copied().filter(|&at| self.is_unread(at)).collect();
        if !unread.is_empty() {
            unread.sort_by(|&a, &b| (self.current == Some(b)).cmp(&(self.current == Some(a))).then_with(|| promise(self.tag(b), self.tag(a))));
            return Some(Stop::Unread(unread.into_iter().map(|at| self.need(at)).collect()));
        }
        let failed = open.iter().filter_map(|&at| match &self.record(at).metadata {
            Metadata::Unreadable { code, reason } => Some((self.tag(at), *code, reason)),
            _ => None,
        });
        // The first by name, so that the sentence does not hang on the order of the list.
        if let Some((_, code, reason)) = failed.min_by(|a, b| digits::natural(b.0, a.0)) {
            let (all, read) = self.count();
            return Some(Stop::Failed { code, reason: format!("{reason}; {read} of {all} build times read") });
        }
        let timeless = choice.lost.values().any(|reason| *reason == Reason::NoBuildTime);
        (choice.winner.is_none() && timeless && self.candidates().all(|at| self.time(at).is_none())).then_some(Stop::NoBuildTime)
    }
}

/// Which of two tags promises the newer build: a date in the text first, then natural order.
fn promise(a: &str, b: &str) -> Ordering {
    let date =
        |tag: &'_ str| tag.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 8).max_by(|a, b| digits::compare(a, b)).map(str::to_owned);
    match (date(a), date(b)) {
        (Some(x), Some(y)) => digits::compare(&x, &y),
        (x, y) => x.is_some().cmp(&y.is_some()),
    }
    .then_with(|| digits::natural(a, b))
}
