//! The answers to the questions of one tip, each remembered for as long as it holds.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::image::Snapshot;
use crate::{
    image::{Platform, Repository, Tag},
    plan::{Answer, Asked, Failure, Subjects, schedule},
    policy::{
        Blame, Code,
        decision::{Decision, Need, RolledBack, Wants, wanted_platforms},
        record::TagRecord,
    },
    store::Seen,
};

/// The answers to the questions of one tip, each remembered for as long as it holds.
#[derive(Default)]
pub struct Answers {
    list: Vec<Answer>,
    /// What tells questions about one repository apart, in the order of the questions.
    keys: Vec<Key>,
    /// The questions that a list can answer, by repository.
    pub(super) images: BTreeMap<Repository, Group>,
}

/// The tag, the digest, the policy, what the place wants, and what was taken back there.
type Key = (Option<String>, Option<String>, String, Wants, Vec<RolledBack>);

/// The questions about one repository.
#[derive(Default)]
pub(super) struct Group {
    /// Their places.
    pub(super) questions: Vec<usize>,
    holds: Option<Holds>,
}

/// What answers rest on.
#[derive(Clone, Copy)]
struct Holds {
    change: u64,
    age: Age,
    from: Timestamp,
    until: Timestamp,
}

/// Whether a list may be decided upon.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Fresh,
    Stale,
}

/// What came of deciding about a repository.
#[derive(Default)]
pub(super) struct Ruling {
    /// What to learn, for the platforms that are wanted.
    pub(super) needs: Vec<(Vec<Platform>, Need)>,
    /// Tags whose digest can change a decision.
    pub(super) watched: Vec<Tag>,
}

impl Answers {
    /// The answers to other questions; those that are asked again are still answered.
    #[must_use]
    pub fn to(self, subjects: &Subjects, now: Timestamp) -> Self {
        let questions = &subjects.questions;
        let keys = questions.iter().map(|asked| {
            let texts = (asked.tag.as_ref().map(ToString::to_string), asked.digest.as_ref().map(ToString::to_string));
            (texts.0, texts.1, asked.policy.identity(), asked.wants, asked.rolled_back.clone())
        });
        let mut answers = Self { list: vec![Answer::Waiting; questions.len()], keys: keys.collect(), images: BTreeMap::new() };
        for (at, asked) in questions.iter().enumerate() {
            match asked.held_whatever_is_listed(now) {
                Some(held) => answers.list[at] = Answer::Decided(held),
                None => answers.images.entry(asked.repository.clone()).or_default().questions.push(at),
            }
        }
        answers.remember(&self);
        answers
    }

    /// Every answer, in the order of the questions.
    pub fn list(&self) -> &[Answer] {
        &self.list
    }

    /// Takes over what was answered before, where every question about a repository was.
    fn remember(&mut self, before: &Self) {
        for (repository, group) in &mut self.images {
            let Some(old) = before.images.get(repository) else { continue };
            let place = |at: &usize| old.questions.iter().copied().find(|&old| before.keys[old] == self.keys[*at]);
            let Some(places) = group.questions.iter().map(place).collect::<Option<Vec<usize>>>() else { continue };
            for (&at, old) in group.questions.iter().zip(places) {
                self.list[at] = before.list[old].clone();
            }
            group.holds = old.holds;
        }
    }

    /// Decides anew about one repository.
    pub(super) fn rule(&mut self, repository: &Repository, questions: &[Asked], snapshot: &Snapshot, period: Duration, now: Timestamp) -> Ruling {
        let Some(group) = self.images.get_mut(repository) else { return Ruling::default() };
        let listed = snapshot.packed.listed_at();
        let mut holds = Holds { change: snapshot.change, age: age(listed, period, now), from: now, until: Timestamp::MAX };
        let mut ruling = Ruling::default();
        let failed = snapshot.packed.trouble().map(|trouble| failure(&trouble.failure, listed)).or_else(|| too_old(repository, holds.age));
        let seen = if failed.is_none() && listed.is_some() { snapshot.tags() } else { None };
        let mut records: BTreeMap<Platform, Vec<TagRecord>> = BTreeMap::new();
        for &at in &group.questions {
            let Some(seen) = &seen else {
                self.list[at] = failed.clone().map_or(Answer::Waiting, Answer::Failed);
                continue;
            };
            let asked = &questions[at];
            let wanted = wanted_platforms(&asked.policy);
            let records = records.entry(wanted[0].clone()).or_insert_with(|| {
                let facts = snapshot.facts(&wanted[0]).unpack();
                seen.records(|digest| facts.get(digest).cloned())
            });
            let (decision, until) = asked.decided(records, seen.listing(), now);
            holds.until = until.map_or(holds.until, |until| until.min(holds.until));
            ruling.needs.extend(decision.needs.iter().map(|need| (wanted.clone(), need.clone())));
            ruling.watched.extend(watched(asked, &decision, seen));
            self.list[at] = Answer::Decided(decision);
        }
        group.holds = Some(holds);
        ruling
    }
}

impl Group {
    /// Whether the answers still hold.
    pub(super) fn holds(&self, change: u64, listed: Option<Timestamp>, period: Duration, now: Timestamp) -> bool {
        let is_same = |holds: &Holds| holds.change == change && holds.age == age(listed, period, now);
        self.holds.as_ref().is_some_and(|holds| is_same(holds) && holds.from <= now && now < holds.until)
    }

    /// When they hold no more, if nothing comes in until then.
    pub(super) fn until(&self, listed: Option<Timestamp>, period: Duration) -> Timestamp {
        let Some(holds) = &self.holds else { return Timestamp::MAX };
        let stale = listed.filter(|_| holds.age == Age::Fresh).map(|listed| schedule::stale_at(listed, period));
        stale.unwrap_or(Timestamp::MAX).min(holds.until)
    }
}

fn age(listed: Option<Timestamp>, period: Duration, now: Timestamp) -> Age {
    if listed.is_some_and(|listed| schedule::is_stale(listed, period, now)) { Age::Stale } else { Age::Fresh }
}

/// The tags whose digest can change the decision, where it was ever asked for: where digests are written the winner, by build time also
/// the current tag and those that have moved before.
fn watched(asked: &Asked, decision: &Decision, seen: &Seen) -> impl Iterator<Item = Tag> {
    let by_time = asked.policy.pattern.is_by_build_time();
    let winner = decision.winner.clone().filter(|_| by_time || decision.digest.is_some() || asked.digest.is_some());
    let current = asked.tag.clone().filter(|_| by_time);
    let known = winner.into_iter().chain(current).filter(|tag| seen.tag(tag).is_some_and(|seen| seen.check.is_some()));
    let movers = if by_time { seen.movers() } else { Vec::new() };
    known.chain(movers.into_iter().cloned())
}

/// Why nothing is decided: where lists came before, one that is late is stale.
fn failure(failure: &Failure, listed: Option<Timestamp>) -> Failure {
    if listed.is_some() && failure.blame == Blame::Remote { stale(&failure.reason) } else { failure.clone() }
}

fn too_old(repository: &Repository, age: Age) -> Option<Failure> {
    (age == Age::Stale).then(|| stale(&format!("the list of {repository} is older than three of its intervals, or three rounds of its host")))
}

fn stale(reason: &str) -> Failure {
    Failure { code: Code::Stale, reason: reason.to_owned(), blame: Blame::Remote, hint: None }
}
