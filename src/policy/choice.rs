//! Which candidate wins: by its name where that decides, by what is known of it where it has to.

mod by_order;
mod by_time;
mod look;

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Code,
    decision::{Back, Need, Question, RolledBack},
    keys::WriteDigest,
    pattern::Rule,
    reason::Reason,
    record::{Metadata, TagRecord},
    select::{Key, Selector},
};
use crate::image::{
    Digest, Platform, Tag,
    version::{Version, digits},
};

/// The candidates of one question, judged by their names.
pub(super) struct Chooser<'a> {
    question: Question<'a>,
    pub(super) selector: Selector<'a>,
    judged: Vec<Result<Key<'a>, Reason>>,
    current: Option<usize>,
    /// The platforms that are wanted; the first is the one whose time counts.
    wanted: Vec<Platform>,
}

/// What came of choosing.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) winner: Option<usize>,
    /// Candidates that lost by more than their order, by their place among the records.
    pub(super) lost: BTreeMap<usize, Reason>,
    /// Tags without whose metadata nothing can be decided.
    open: BTreeSet<usize>,
    /// What all others are below, although it has not won.
    best: Option<usize>,
    pub(super) stop: Option<Stop>,
}

/// Why nothing could be chosen although candidates are left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Something must be learnt first.
    Unread(Vec<Need>),
    /// It could not be learnt.
    Failed { code: Code, reason: String },
    /// Ten winners in a row were none.
    Exhausted,
    /// The build time decides, and there is none.
    NoBuildTime,
}

impl Choice {
    fn stopped(mut self, at: impl IntoIterator<Item = usize>, stop: Stop) -> Self {
        self.open.extend(at);
        Self { winner: None, stop: Some(stop), ..self }
    }
}

impl<'a> Chooser<'a> {
    pub(super) fn new(question: &Question<'a>) -> Self {
        let selector = Selector::new(question.policy, question.tag);
        let judged = question.records.iter().map(|record| selector.judge(record.tag.as_str())).collect();
        let current = question.tag.and_then(|tag| question.records.iter().position(|record| record.tag == *tag));
        let mut chooser = Self { question: *question, selector, judged, current, wanted: Vec::new() };
        chooser.wanted = chooser.wanted_from_the_start();
        chooser
    }

    pub(super) fn choose(&self) -> Choice {
        if self.is_by_build_time() { self.by_build_time() } else { self.by_order() }
    }

    fn is_by_build_time(&self) -> bool {
        self.question.policy.pattern.is_by_build_time()
    }

    /// The tags that take part by their names.
    fn candidates(&self) -> impl Iterator<Item = usize> {
        self.judged.iter().enumerate().filter(|(_, judged)| judged.is_ok()).map(|(at, _)| at)
    }

    /// How many candidates there are, and of how many the metadata is known.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.candidates().count(), self.candidates().filter(|&at| self.is_known(at)).count())
    }

    fn record(&self, at: usize) -> &'a TagRecord {
        &self.question.records[at]
    }

    fn tag(&self, at: usize) -> &'a str {
        self.record(at).tag.as_str()
    }

    fn key(&self, at: usize) -> &Key<'a> {
        self.judged[at].as_ref().expect("only candidates are asked for their key")
    }

    fn prefer(&self, a: usize, b: usize) -> Ordering {
        self.selector.prefer((self.tag(a), self.key(a)), (self.tag(b), self.key(b)))
    }

    pub(super) fn version(&self, at: usize) -> Option<&Version<'a>> {
        match &self.judged[at] {
            Ok(Key::Version(version)) => Some(version),
            _ => None,
        }
    }

    /// Whether the digest of the winner is written.
    pub(super) fn writes_digest(&self) -> bool {
        let Question { policy, digest, .. } = &self.question;
        digest.is_some() || policy.keys.digest == WriteDigest::Always || matches!(policy.pattern.rule(), Rule::Digest(_))
    }

    pub(super) fn digest_of(&self, at: usize) -> Option<&'a Digest> {
        match &self.record(at).metadata {
            Metadata::Image(facts) => Some(&facts.digest),
            Metadata::Pointed(digest) => Some(digest),
            _ => None,
        }
    }

    pub(super) fn listed(&self, tag: &Tag) -> Option<usize> {
        self.current.filter(|&at| self.record(at).tag == *tag)
    }

    /// Whether the tag matches, `min-age`, `exclude` and `platform` aside.
    pub(super) fn matches(&self, tag: &'a Tag) -> bool {
        self.selector.judge_by_pattern(tag.as_str()).is_ok()
    }

    pub(super) fn is_listed_and_matches(&self, tag: &'a Tag) -> bool {
        self.current.is_some() && self.matches(tag)
    }

    /// Which of `min-age`, `exclude` and `platform` keeps the current tag from winning, where nothing else does.
    pub(super) fn only_own_key_against_current<'c>(&'c self, choice: &'c Choice) -> Option<&'c Reason> {
        let (at, tag) = self.current.zip(self.question.tag)?;
        let reason = choice.lost.get(&at).or_else(|| self.judged[at].as_ref().err())?;
        let own = matches!(reason, Reason::Excluded | Reason::TooYoung { .. } | Reason::PlatformMissing(_));
        (own && self.matches(tag)).then_some(reason)
    }

    /// Whether the candidate is above the current tag; one that cannot be compared is not.
    pub(super) fn is_above_current(&self, at: usize) -> bool {
        if self.is_by_build_time() {
            return self.timed_current().is_some() && self.time_of_current().zip(self.time(at)).is_some_and(|(current, new)| new > current);
        }
        self.selector.beside_current(self.key(at)).is_some_and(Ordering::is_gt)
    }

    /// The tag in Git where build times order it: it matches, `min-age`, `exclude` and `platform` aside.
    fn timed_current(&self) -> Option<&'a Tag> {
        self.question.tag.filter(|tag| self.selector.current() == Some(tag.as_str()) && self.matches(tag))
    }

    /// Whether writing this winner would go back, or might.
    pub(super) fn goes_back(&self, winner: usize) -> Option<Back> {
        if !self.is_by_build_time() {
            return self.selector.beside_current(self.key(winner)).is_some_and(Ordering::is_lt).then_some(Back::Lower);
        }
        let tag = self.timed_current()?;
        let new = self.time(winner)?;
        match self.time_of_current() {
            Some(time) => (time > new).then_some(Back::Lower),
            // An image cannot be built after it was seen.
            None => {
                let seen = self.listed(tag).and_then(|at| self.record(at).first_seen.as_ref());
                seen.is_none_or(|seen| seen.at >= new).then_some(Back::Unknown)
            }
        }
    }

    /// Who took this winner back: it, or by the policy's order a version at or above it.
    pub(super) fn rolled_back(&self, winner: usize) -> Option<&'a RolledBack> {
        self.question.rolled_back.iter().find(|rolled_back| {
            let tag = rolled_back.tag.as_str();
            let same = || rolled_back.digest.as_ref().is_none_or(|digest| Some(digest) == self.digest_of(winner));
            match self.selector.judge_by_pattern(tag) {
                Ok(key) if !matches!(key, Key::BuildTime | Key::Only) && tag != self.tag(winner) => {
                    self.selector.order(self.key(winner), &key).is_le()
                }
                _ => tag == self.tag(winner) && same(),
            }
        })
    }

    /// The fate of every record.
    pub(super) fn reasons(&self, choice: &Choice) -> Vec<Reason> {
        let above = choice.winner.or(choice.best).map(|at| &self.record(at).tag);
        let fate = |(at, judged): (usize, &Result<Key<'a>, Reason>)| match judged {
            _ if choice.winner == Some(at) => Reason::Chosen,
            Err(reason) => reason.clone(),
            Ok(_) => choice.lost.get(&at).cloned().unwrap_or_else(|| match &self.record(at).metadata {
                _ if choice.stop == Some(Stop::Exhausted) => Reason::NotRead(Some("ten better tags were tried before it".into())),
                Metadata::Unreadable { reason, .. } if choice.open.contains(&at) => Reason::NotRead(Some(reason.as_str().into())),
                Metadata::NotRead | Metadata::Pointed(_) if choice.open.contains(&at) => Reason::NotRead(None),
                _ => Reason::Outranked(above.cloned()),
            }),
        };
        self.judged.iter().enumerate().map(fate).collect()
    }

    /// The order of `explain`: the winner, the candidates by their order, then all others by natural order.
    pub(super) fn rank(&self, a: usize, a_reason: &Reason, b: usize, b_reason: &Reason) -> Ordering {
        let chosen = |reason: &Reason| *reason == Reason::Chosen;
        let candidate = |at: usize| self.judged[at].is_ok();
        let by_time = || Reverse(self.time(b)).cmp(&Reverse(self.time(a)));
        chosen(a_reason).cmp(&chosen(b_reason)).then_with(|| candidate(a).cmp(&candidate(b))).then_with(|| {
            if !candidate(a) {
                digits::natural(self.tag(a), self.tag(b))
            } else if self.is_by_build_time() {
                by_time().then_with(|| self.prefer(a, b))
            } else {
                self.prefer(a, b)
            }
        })
    }
}
