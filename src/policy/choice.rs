//! Which candidate wins: by its name where that decides, by what is known of it where it has to.

mod by_order;
mod by_time;
mod look;

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Code, TagCode,
    decision::{Back, Need, Question, RolledBack},
    keys::WriteDigest,
    pattern::Rule,
    reason::Reason,
    record::{Metadata, TagRecord},
    rollback::taken_back,
    select::{Key, Rejected, Selector},
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
    /// The highest version that only its series keeps out.
    pub(super) elsewhere: Option<Box<Version<'a>>>,
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

/// The fate of one record, before anybody asks for it in words.
pub(super) enum Lot<'c> {
    Chosen,
    Lost(&'c Reason),
    NotRead(Option<&'c str>),
    Outranked(Option<&'c Tag>),
}

impl Lot<'_> {
    pub(super) fn code(&self) -> TagCode {
        match self {
            Self::Chosen => TagCode::Chosen,
            Self::Lost(reason) => reason.code(),
            Self::NotRead(_) => TagCode::NotRead,
            Self::Outranked(_) => TagCode::Outranked,
        }
    }

    /// The fate in words; `merit` is what the winner is.
    pub(super) fn reason(self, merit: &str) -> Reason {
        match self {
            Self::Chosen => Reason::Chosen(merit.into()),
            Self::Lost(reason) => reason.clone(),
            Self::NotRead(why) => Reason::NotRead(why.map(Into::into)),
            Self::Outranked(above) => Reason::Outranked(above.cloned()),
        }
    }
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
        let mut elsewhere: Option<Box<Version<'a>>> = None;
        let mut reject = |rejected: Rejected<'a>| {
            if let Some(version) = rejected.elsewhere
                && elsewhere.as_ref().is_none_or(|best| order_elsewhere(&version, best).is_gt())
            {
                elsewhere = Some(version);
            }
            rejected.reason
        };
        let judged = question.records.iter().map(|record| selector.judge(record.tag.as_str()).map_err(&mut reject)).collect();
        let current = question.tag.and_then(|tag| question.records.iter().position(|record| record.tag == *tag));
        let mut chooser = Self { question: *question, selector, judged, elsewhere, current, wanted: Vec::new() };
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
        if let Some(time) = self.time_of_current() {
            return (time > new).then_some(Back::Lower);
        }
        // An image cannot be built after it was seen.
        let seen = self.listed(tag).and_then(|at| self.record(at).first_seen.as_ref());
        seen.is_none_or(|seen| seen.at >= new).then_some(Back::Unknown)
    }

    /// Who took this winner back: it, or by the policy's order a version at or above it.
    pub(super) fn rolled_back(&self, winner: usize) -> Option<&'a RolledBack> {
        let wanted = (self.tag(winner), self.key(winner));
        taken_back(&self.selector, self.question.rolled_back, wanted, self.digest_of(winner))
    }

    /// The fate of every record, in the records' order.
    pub(super) fn fates<'c>(&'c self, choice: &'c Choice) -> impl Iterator<Item = Lot<'c>> {
        (0..self.judged.len()).map(|at| self.fate(at, choice))
    }

    fn fate<'c>(&'c self, at: usize, choice: &'c Choice) -> Lot<'c> {
        if choice.winner == Some(at) {
            return Lot::Chosen;
        }
        if let Some(reason) = self.judged[at].as_ref().err().or_else(|| choice.lost.get(&at)) {
            return Lot::Lost(reason);
        }
        match &self.record(at).metadata {
            _ if choice.stop == Some(Stop::Exhausted) => Lot::NotRead(Some("ten better tags were tried before it")),
            _ if !choice.open.contains(&at) => Lot::Outranked(choice.winner.or(choice.best).map(|at| &self.record(at).tag)),
            Metadata::Unreadable { reason, .. } => Lot::NotRead(Some(reason)),
            _ => Lot::NotRead(None),
        }
    }

    /// The order of `explain`: the winner, the candidates by their order, then all others by natural order.
    pub(super) fn rank(&self, a: usize, a_reason: &Reason, b: usize, b_reason: &Reason) -> Ordering {
        let chosen = |reason: &Reason| matches!(reason, Reason::Chosen(_));
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

/// Of many flavours of one release the plain one is what a person looks for.
fn order_elsewhere(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    a.order_of_release(b).then_with(|| a.is_plain().cmp(&b.is_plain())).then_with(|| digits::natural(a.text(), b.text()))
}
