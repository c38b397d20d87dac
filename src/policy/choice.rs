//! Which candidate wins: by its name where that decides, by what is known of it where it has to.

use std::{
    cmp::{Ordering, Reverse},
    collections::BTreeMap,
};

use jiff::Timestamp;

use super::{
    Code,
    decision::{Back, Listing, Need, Question, RolledBack, Wants},
    keys::{Downgrade, WriteDigest},
    pattern::Rule,
    reason::Reason,
    record::{ImageFacts, Metadata, TagRecord, usable_build_time},
    select::{Key, Selector},
};
use crate::image::{
    Digest, Platform, Tag,
    version::{Version, digits},
};

/// How many winners may turn out to be none before the container is held.
const TRIES: usize = 10;

/// The candidates of one question, judged by their names.
pub(super) struct Chooser<'a> {
    question: Question<'a>,
    pub(super) selector: Selector<'a>,
    judged: Vec<Result<Key<'a>, Reason>>,
    current: Option<usize>,
}

/// What came of choosing.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) winner: Option<usize>,
    /// Candidates that lost by more than their order, by their place among the records.
    pub(super) lost: BTreeMap<usize, Reason>,
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

/// What the metadata of one candidate says.
enum Look {
    Fits,
    Lost(Reason),
    Stop(Stop),
}

impl<'a> Chooser<'a> {
    pub(super) fn new(question: &Question<'a>) -> Self {
        let selector = Selector::new(question.policy, question.tag);
        let judged = question.records.iter().map(|record| selector.judge(record.tag.as_str())).collect();
        let current = question.tag.and_then(|tag| question.records.iter().position(|record| record.tag == *tag));
        Self { question: *question, selector, judged, current }
    }

    pub(super) fn choose(&self) -> Choice {
        if self.question.policy.pattern.is_by_build_time() { self.by_build_time() } else { self.by_order() }
    }

    /// How many tags take part by their names.
    pub(super) fn candidates(&self) -> usize {
        self.judged.iter().filter(|judged| judged.is_ok()).count()
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

    /// Whether `min-age`, `exclude` or `platform`, and nothing else, keep the current tag from winning.
    pub(super) fn only_own_keys_took_current_out(&self, choice: &Choice) -> bool {
        let Some((at, tag)) = self.current.zip(self.question.tag) else { return false };
        let reason = choice.lost.get(&at).or_else(|| self.judged[at].as_ref().err());
        self.matches(tag) && matches!(reason, Some(Reason::Excluded | Reason::TooYoung(_) | Reason::PlatformMissing(_)))
    }

    /// Whether the candidate is above the current tag; one that cannot be compared is not.
    pub(super) fn is_above_current(&self, at: usize) -> bool {
        if self.question.policy.pattern.is_by_build_time() {
            return self.time_of_current().zip(self.time(at)).is_some_and(|(current, new)| new > current);
        }
        self.selector.beside_current(self.key(at)).is_some_and(Ordering::is_gt)
    }

    /// Whether writing this winner would go back, or might.
    pub(super) fn goes_back(&self, winner: usize) -> Option<Back> {
        if !self.question.policy.pattern.is_by_build_time() {
            return self.selector.beside_current(self.key(winner)).is_some_and(Ordering::is_lt).then_some(Back::Lower);
        }
        let tag = self.question.tag.filter(|tag| self.selector.current() == Some(tag.as_str()) && self.matches(tag))?;
        let new = self.time(winner)?;
        match self.time_of_current() {
            Some(time) => (time > new).then_some(Back::Lower),
            // An image cannot be built after it was seen.
            None => {
                let seen = self.listed(tag).and_then(|at| self.record(at).first_seen.as_ref());
                (!seen.is_some_and(|seen| seen.at < new)).then_some(Back::Unknown)
            }
        }
    }

    pub(super) fn rolled_back(&self, winner: usize) -> Option<&'a RolledBack> {
        self.question.rolled_back.iter().find(|rolled_back| {
            let tag = rolled_back.tag.as_str();
            tag == self.tag(winner)
                || match self.selector.judge_by_pattern(tag) {
                    Ok(key) if !matches!(key, Key::BuildTime | Key::Only) => self.selector.order(self.key(winner), &key).is_le(),
                    _ => false,
                }
        })
    }

    /// Candidates best first, until one holds what its name promises.
    fn by_order(&self) -> Choice {
        let mut left: Vec<usize> = (0..self.judged.len()).filter(|&at| self.judged[at].is_ok()).collect();
        let mut choice = Choice::default();
        let mut first_look = None;
        while let Some(best) = left.iter().copied().max_by(|&a, &b| self.prefer(a, b)) {
            let at = match self.among_commits(&left, best, &mut choice) {
                Ok(Some(at)) => at,
                Ok(None) => {
                    left.retain(|at| !choice.lost.contains_key(at));
                    continue;
                }
                Err(stop) => {
                    choice.stop = Some(stop);
                    return choice;
                }
            };
            let look = if self.decides_without_look(at) { Look::Fits } else { self.look(at, &mut first_look) };
            match look {
                Look::Fits => {
                    choice.winner = Some(at);
                    return choice;
                }
                Look::Lost(reason) => {
                    choice.lost.insert(at, reason);
                    left.retain(|&other| other != at);
                }
                Look::Stop(stop) => {
                    choice.stop = Some(stop);
                    return choice;
                }
            }
            if choice.lost.len() >= TRIES {
                choice.stop = Some(Stop::Exhausted);
                return choice;
            }
        }
        choice
    }

    /// Whether the answer is the same whatever the registry says of this candidate, so that it is not asked.
    fn decides_without_look(&self, at: usize) -> bool {
        let beside = self.selector.beside_current(self.key(at));
        let is_current = self.current == Some(at);
        (is_current && (!self.writes_digest() || self.question.digest.is_some() && self.digest_of(at) == self.question.digest))
            || (beside.is_some_and(Ordering::is_lt) && self.question.policy.keys.downgrade == Downgrade::Hold)
            || (!is_current && self.question.listing == Listing::InDoubt && !beside.is_some_and(Ordering::is_gt))
            || (!is_current && self.rolled_back(at).is_some())
    }

    /// Among tags that differ only in commit ids the build time decides; elsewhere the best is the best.
    ///
    /// `None` where some of them lost for good and the rest must be seen anew.
    fn among_commits(&self, left: &[usize], best: usize, choice: &mut Choice) -> Result<Option<usize>, Stop> {
        let commits = |at: usize| self.version(at).map(|version| version.commits().collect::<Vec<_>>()).unwrap_or_default();
        let equal: Vec<usize> = left.iter().copied().filter(|&at| self.selector.order(self.key(at), self.key(best)).is_eq()).collect();
        let beside = self.selector.beside_current(self.key(best));
        if equal.iter().all(|&at| commits(at) == commits(best)) || beside.is_some_and(Ordering::is_lt) {
            return Ok(Some(best));
        }
        let unread: Vec<Need> = equal.iter().filter(|&&at| self.is_unread(at)).map(|&at| Need::Metadata(self.record(at).tag.clone())).collect();
        if !unread.is_empty() {
            return Err(Stop::Unread(unread));
        }
        let mut timed = Vec::new();
        for &at in &equal {
            match &self.record(at).metadata {
                Metadata::Unreadable { code, reason } => return Err(Stop::Failed { code: *code, reason: reason.clone() }),
                Metadata::Gone => drop(choice.lost.insert(at, Reason::Gone)),
                Metadata::NotAnImage(what) if self.question.wants == Wants::Image => {
                    choice.lost.insert(at, Reason::NotAnImage(what.as_str().into()));
                }
                _ => timed.extend(self.time(at).map(|time| (time, at))),
            }
        }
        if equal.iter().any(|at| choice.lost.contains_key(at)) {
            return Ok(None);
        }
        let newest = timed.into_iter().max_by(|a, b| a.0.cmp(&b.0).then_with(|| self.prefer(a.1, b.1))).map(|(_, at)| at);
        newest.or_else(|| self.current.filter(|at| equal.contains(at))).map(Some).ok_or(Stop::NoBuildTime)
    }

    /// The best build time among all that match; nothing that could still be better may be unread.
    fn by_build_time(&self) -> Choice {
        let mut choice = Choice::default();
        let matched: Vec<usize> = (0..self.judged.len()).filter(|&at| self.judged[at].is_ok()).collect();
        let wanted = match self.wanted_by_build_time(&matched) {
            Ok(wanted) => wanted,
            Err(stop) => {
                choice.stop = Some(stop);
                return choice;
            }
        };
        let mut best: Option<(Timestamp, usize)> = None;
        let mut open = Vec::new();
        for &at in &matched {
            match &self.record(at).metadata {
                Metadata::NotRead | Metadata::Pointed(_) | Metadata::Unreadable { .. } => open.push(at),
                _ => match self.fits(at, &wanted).map(|()| self.time(at)) {
                    Err(reason) => drop(choice.lost.insert(at, reason)),
                    Ok(None) => drop(choice.lost.insert(at, Reason::NoBuildTime)),
                    Ok(Some(time)) => {
                        let better = |(known, other): (Timestamp, usize)| time.cmp(&known).then_with(|| self.prefer(at, other)).is_gt();
                        if best.is_none_or(better) {
                            best = Some((time, at));
                        }
                    }
                },
            }
        }
        // The current tag's own time is needed to tell what would go back, even where `exclude` keeps the tag out.
        let current = self.current.filter(|at| !matched.contains(at) && self.question.tag.is_some_and(|tag| self.matches(tag)));
        open.extend(current.filter(|&at| self.is_unread(at)));
        if let Some((time, _)) = best {
            // An image cannot be built after it was seen.
            open.retain(|&at| !self.record(at).first_seen.as_ref().is_some_and(|seen| seen.at < time));
        }
        choice.winner = best.map(|(_, at)| at);
        choice.stop = self.stop_for(open, &choice);
        if choice.stop.is_some() {
            choice.winner = None;
        }
        choice
    }

    fn stop_for(&self, mut open: Vec<usize>, choice: &Choice) -> Option<Stop> {
        let failed = open.iter().find_map(|&at| match &self.record(at).metadata {
            Metadata::Unreadable { code, reason } => Some((*code, reason)),
            _ => None,
        });
        if let Some((code, reason)) = failed {
            let all = self.candidates();
            return Some(Stop::Failed { code, reason: format!("{reason}; {} of {all} build times read", all.saturating_sub(open.len())) });
        }
        if !open.is_empty() {
            open.sort_by(|&a, &b| (self.current == Some(b)).cmp(&(self.current == Some(a))).then_with(|| promise(self.tag(b), self.tag(a))));
            return Some(Stop::Unread(open.into_iter().map(|at| Need::Metadata(self.record(at).tag.clone())).collect()));
        }
        let timeless = choice.lost.values().any(|reason| *reason == Reason::NoBuildTime);
        (choice.winner.is_none() && timeless).then_some(Stop::NoBuildTime)
    }

    fn is_unread(&self, at: usize) -> bool {
        matches!(self.record(at).metadata, Metadata::NotRead | Metadata::Pointed(_))
    }

    /// The build time of a tag's image for the platform that counts.
    fn time(&self, at: usize) -> Option<Timestamp> {
        let Metadata::Image(facts) = &self.record(at).metadata else { return None };
        let wanted = self.question.policy.keys.platforms.first().cloned().unwrap_or_else(Platform::linux_amd64);
        let times = || facts.platforms.iter().filter_map(|one| Some((&one.platform, usable_build_time(one.created?, self.question.now)?)));
        times().find(|(platform, _)| platform.serves(&wanted)).or_else(|| times().next()).map(|(_, time)| time)
    }

    fn time_of_current(&self) -> Option<Timestamp> {
        match self.current {
            Some(at) => self.time(at),
            None => self.question.remembered,
        }
    }

    /// Looks at a winner once before it is written.
    fn look(&self, at: usize, first_look: &mut Option<Vec<Platform>>) -> Look {
        let record = self.record(at);
        match &record.metadata {
            Metadata::Unreadable { code, reason } => return Look::Stop(Stop::Failed { code: *code, reason: reason.clone() }),
            // For the current tag under a digest one HEAD tells whether anything has moved.
            Metadata::NotRead if self.current == Some(at) => return Look::Stop(Stop::Unread(vec![Need::Digest(record.tag.clone())])),
            Metadata::NotRead => return Look::Stop(Stop::Unread(vec![Need::Metadata(record.tag.clone())])),
            Metadata::Pointed(_) if self.question.wants == Wants::Image => return Look::Stop(Stop::Unread(vec![Need::Metadata(record.tag.clone())])),
            _ => {}
        }
        if first_look.is_none()
            && let Metadata::Image(facts) = &record.metadata
        {
            match self.wanted_beside(facts) {
                Ok(wanted) => *first_look = Some(wanted),
                Err(stop) => return Look::Stop(stop),
            }
        }
        let wanted = first_look.clone().unwrap_or_default();
        self.fits(at, &wanted).map_or_else(Look::Lost, |()| Look::Fits)
    }

    /// What the metadata says against a candidate, its build time aside.
    fn fits(&self, at: usize, wanted: &[Platform]) -> Result<(), Reason> {
        let record = self.record(at);
        match &record.metadata {
            Metadata::Gone => return Err(Reason::Gone),
            Metadata::NotAnImage(what) if self.question.wants == Wants::Image => return Err(Reason::NotAnImage(what.as_str().into())),
            Metadata::Image(facts) if self.question.wants == Wants::Image && !offers_all(facts, wanted) => {
                let offers: Vec<String> = facts.platforms.iter().map(|one| one.platform.to_string()).collect();
                return Err(Reason::PlatformMissing(offers.join(", ").into()));
            }
            _ => {}
        }
        let Some(min_age) = self.question.policy.keys.min_age else { return Ok(()) };
        let Some(from) = record.age_counts_from(self.question.now) else { return Err(Reason::TooYoung(None)) };
        match from.checked_add(min_age) {
            Ok(eligible) if eligible <= self.question.now => Ok(()),
            Ok(eligible) => Err(Reason::TooYoung(Some(eligible))),
            Err(_) => Err(Reason::TooYoung(None)),
        }
    }

    /// The platforms wanted, where the first tag looked at is this one.
    fn wanted_beside(&self, first: &ImageFacts) -> Result<Vec<Platform>, Stop> {
        let usual = super::decision::wanted_platforms(self.question.policy);
        if !self.question.policy.keys.platforms.is_empty() || offers_all(first, &usual) || self.question.wants == Wants::Artifact {
            return Ok(usual);
        }
        let Some(at) = self.current else { return Ok(usual) };
        match &self.record(at).metadata {
            Metadata::NotRead | Metadata::Pointed(_) => Err(Stop::Unread(vec![Need::Metadata(self.record(at).tag.clone())])),
            Metadata::Unreadable { code, reason } => Err(Stop::Failed { code: *code, reason: reason.clone() }),
            Metadata::Image(facts) if !offers_all(facts, &usual) => Ok(facts.platforms.first().map(|one| one.platform.clone()).into_iter().collect()),
            _ => Ok(usual),
        }
    }

    /// The platforms wanted where all times are compared: what one lacks the current tag is asked about.
    fn wanted_by_build_time(&self, matched: &[usize]) -> Result<Vec<Platform>, Stop> {
        let usual = super::decision::wanted_platforms(self.question.policy);
        let lacking = matched.iter().find_map(|&at| match &self.record(at).metadata {
            Metadata::Image(facts) if !offers_all(facts, &usual) => Some(facts),
            _ => None,
        });
        lacking.map_or(Ok(usual), |facts| self.wanted_beside(facts))
    }

    /// The fate of every record.
    pub(super) fn reasons(&self, choice: &Choice, winner: Option<&Tag>) -> Vec<Reason> {
        let decided = choice.stop.is_none();
        let fate = |(at, judged): (usize, &Result<Key<'a>, Reason>)| match judged {
            _ if choice.winner == Some(at) => Reason::Chosen(self.question.policy.pattern.merit().into()),
            Err(reason) => reason.clone(),
            Ok(_) => choice.lost.get(&at).cloned().unwrap_or_else(|| match &self.record(at).metadata {
                Metadata::Unreadable { reason, .. } if !decided => Reason::NotRead(Some(reason.as_str().into())),
                Metadata::NotRead | Metadata::Pointed(_) if !decided => Reason::NotRead(None),
                _ => Reason::Outranked(winner.cloned()),
            }),
        };
        self.judged.iter().enumerate().map(fate).collect()
    }

    /// The order of `explain`: the winner, the candidates by their order, then all others by natural order.
    pub(super) fn rank(&self, a: usize, a_reason: &Reason, b: usize, b_reason: &Reason) -> Ordering {
        let chosen = |reason: &Reason| matches!(reason, Reason::Chosen(_));
        let candidate = |at: usize| self.judged[at].is_ok();
        let by_time = || Reverse(self.time(b)).cmp(&Reverse(self.time(a)));
        chosen(a_reason).cmp(&chosen(b_reason)).then_with(|| candidate(a).cmp(&candidate(b))).then_with(|| {
            if !candidate(a) {
                digits::natural(self.tag(a), self.tag(b))
            } else if self.question.policy.pattern.is_by_build_time() {
                by_time().then_with(|| self.prefer(a, b))
            } else {
                self.prefer(a, b)
            }
        })
    }
}

fn offers_all(facts: &ImageFacts, wanted: &[Platform]) -> bool {
    // An artifact without a platform of its own says nothing against any.
    facts.platforms.is_empty() || wanted.iter().all(|wish| facts.platforms.iter().any(|one| one.platform.serves(wish)))
}

/// Which of two tags promises the newer build: a date in the text first, then natural order.
fn promise(a: &str, b: &str) -> Ordering {
    let date =
        |tag: &str| tag.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 8).max_by(|a, b| digits::compare(a, b)).map(str::to_owned);
    match (date(a), date(b)) {
        (Some(x), Some(y)) => digits::compare(&x, &y),
        (x, y) => x.is_some().cmp(&y.is_some()),
    }
    .then_with(|| digits::natural(a, b))
}
