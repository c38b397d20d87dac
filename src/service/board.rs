//! What units want to know and scanners have learnt: the only place where the two meet.
//!
//! Of an image it keeps what schedules and wakes, and its row as the store keeps it: tags are read when a decision needs them.

mod answers;
mod image;
mod lanes;
mod state;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

pub use self::answers::Answers;
use self::{
    image::{Effect, Image},
    state::{State, Unit},
};

use super::{circuit::Circuits, clock::Bell, metrics::Lists, ready::Going};
use crate::{
    image::{Digest, Platform, Repository, Tag},
    plan::{Asked, Failure, Subjects, View, schedule},
    policy::{Blame, decision::Need, record::Metadata},
    registry::Pages,
    store::{Generation, Kept, Packed, Seen, Write},
};

/// How often the tags of a repository in a registry are listed.
pub type Interval = Box<dyn Fn(&Repository) -> Duration + Send + Sync>;

/// How fast registries are asked.
pub struct Pace {
    /// How often each repository is listed.
    pub interval: Interval,
    /// How many requests to a host begin in a second.
    pub per_second: Box<dyn Fn(&str) -> f64 + Send + Sync>,
}

/// So many jobs of a kind are out for one host at once; the client's budget bounds what is really sent.
const ABREAST: usize = 32;

/// How much is learnt about an image before it is decided anew, while more is to come.
const LOOKS: u64 = 64;

/// What units want to know and scanners have learnt.
pub struct Board {
    /// What tells this view of the registries from others, in the ids of rows.
    view: String,
    pace: Pace,
    circuits: Circuits,
    state: Mutex<State>,
    /// Rung when there may be something new to ask.
    work: Bell,
}

/// Something to do for images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Look up what earlier runs saw.
    Open(Vec<Repository>),
    /// List the tags, and look where these point.
    List(Repository, BTreeSet<Tag>),
    /// Learn about one tag.
    Look {
        /// Where, and for which platform.
        view: View,
        /// All platforms that are wanted.
        wanted: Vec<Platform>,
        /// What to learn.
        need: Need,
        /// What the tag points to, as far as is known.
        digest: Option<Digest>,
    },
}

/// A kind of [`Job`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// [`Job::Open`].
    Open,
    /// [`Job::List`].
    List,
    /// [`Job::Look`].
    Look,
}

impl Board {
    /// A board on which nothing is known; `work` is rung when there may be something new to ask.
    pub fn new(view: String, pace: Pace, circuits: Circuits, work: Bell) -> Self {
        Self { view, pace, circuits, state: Mutex::default(), work }
    }

    /// What tells this view of the registries from others.
    pub fn view(&self) -> &str {
        &self.view
    }

    /// The id of an image's row in the store.
    pub fn id(&self, repository: &Repository) -> String {
        Seen::id(repository, &self.view)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves values that are only old, never wrong.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a unit take part; its bell is rung when something changes that it asked about.
    pub fn join(&self, unit: &str, bell: Bell) {
        self.state().units.insert(unit.into(), Unit { bell, generation: 0 });
    }

    /// A number that changes whenever anything changes that the unit asked about.
    pub fn generation(&self, unit: &str) -> u64 {
        self.state().units.get(unit).map_or(0, |unit| unit.generation)
    }

    /// Takes the questions of a unit's tip, in place of those before.
    pub fn ask(&self, unit: &str, subjects: &Subjects, before: Answers, now: Timestamp) -> Answers {
        let answers = before.to(subjects, now);
        let mut state = self.state();
        state.keep(unit, |repository| answers.images.contains_key(repository));
        let name: Arc<str> = unit.into();
        for (repository, group) in &answers.images {
            if !state.images.contains_key(repository) {
                state.new.insert(repository.clone());
                state.host(repository).requests += Pages::default().requests();
            }
            let image = state.images.entry(repository.clone()).or_default();
            image.used_by(&name).tags = group.questions.iter().filter_map(|&at| subjects.questions[at].tag.clone()).collect();
            if let Some(due) = image.due {
                state.host(repository).joined(&name, repository, due);
            }
            state.sort(repository);
        }
        drop(state);
        self.work.ring();
        answers
    }

    /// Brings the answers up to what is known now, and notes what is missing for the scanner; says when they may be others although nothing
    /// comes in.
    pub fn answer(&self, unit: &str, questions: &[Asked], answers: &mut Answers, now: Timestamp) -> Timestamp {
        let name: Arc<str> = unit.into();
        for repository in self.outdated(answers, now) {
            let state = self.state();
            let Some(snapshot) = state.images.get(&repository).map(Image::snapshot) else { continue };
            let period = self.period(&state, &repository);
            drop(state);
            let ruling = answers.rule(&repository, questions, &snapshot, period, now);
            let mut state = self.state();
            let Some(image) = state.images.get_mut(&repository) else { continue };
            if let Some(user) = image.users.iter_mut().find(|one| *one.unit == *unit) {
                user.watched = ruling.watched;
            }
            let missing = image.want(ruling.needs, snapshot.change);
            if snapshot.packed.listed_at().is_some() && snapshot.tags().is_none() {
                image.forget();
                state.sort(&repository);
                state.plan(&repository, Some(now));
                self.work.ring();
            }
            if missing {
                state.host(&repository).needs(&name, &repository);
                self.work.ring();
            }
        }
        let state = self.state();
        let until = |(repository, group): (&Repository, &answers::Group)| {
            group.until(state.images.get(repository)?.listed_at(), self.period(&state, repository)).into()
        };
        answers.images.iter().filter_map(until).min().unwrap_or(Timestamp::MAX)
    }

    /// The repositories about which the answers hold no more.
    fn outdated(&self, answers: &Answers, now: Timestamp) -> Vec<Repository> {
        let state = self.state();
        let outdated = |(repository, group): &(&Repository, &answers::Group)| {
            let image = state.images.get(*repository);
            image.is_some_and(|image| !group.holds(image.change, image.listed_at(), self.period(&state, repository), now))
        };
        answers.images.iter().filter(outdated).map(|(repository, _)| repository.clone()).collect()
    }

    /// What is to be done now, each handed out once until it is reported back.
    pub fn jobs(&self, now: Timestamp) -> Vec<Job> {
        let mut state = self.state();
        self.notice(&mut state, now);
        let mut jobs = Vec::new();
        let new: Vec<Repository> = std::mem::take(&mut state.new).into_iter().collect();
        for repository in &new {
            if let Some(image) = state.images.get_mut(repository) {
                image.running += 1;
            }
        }
        if !new.is_empty() {
            jobs.push(Job::Open(new));
        }
        let State { images, hosts, .. } = &mut *state;
        for (name, host) in hosts {
            jobs.extend(host.jobs(images, &self.pace.interval, self.circuits.leave(name, now), now));
        }
        jobs
    }

    /// Where the clock was set back, plans anew what now lies further ahead than any plan would.
    fn notice(&self, state: &mut State, now: Timestamp) {
        if state.last.replace(now).is_none_or(|last| last <= now) {
            return;
        }
        let due: Vec<_> = state.hosts.values().flat_map(|host| host.due.iter().cloned()).collect();
        for (at, repository) in due {
            let planned = self.planned(&repository, at, now);
            state.plan(&repository, Some(planned));
        }
    }

    fn planned(&self, repository: &Repository, due: Timestamp, now: Timestamp) -> Timestamp {
        schedule::planned(due, now, (self.pace.interval)(repository), schedule::chance(&self.id(repository), now))
    }

    /// A plan of an earlier run. What fell due meanwhile is spread over its interval, so that a start is no burst.
    fn resumed(&self, repository: &Repository, due: Timestamp, now: Timestamp) -> Timestamp {
        if due <= now {
            return schedule::first(now, (self.pace.interval)(repository), schedule::chance(&self.id(repository), now));
        }
        self.planned(repository, due, now)
    }

    /// How often a list of the repository can come.
    fn period(&self, state: &State, repository: &Repository) -> Duration {
        let requests = state.hosts.get(&repository.registry).map_or(0, |host| host.requests);
        schedule::period((self.pace.interval)(repository), requests, (self.pace.per_second)(&repository.registry))
    }

    fn next(&self, repository: &Repository, now: Timestamp) -> Timestamp {
        schedule::next(now, (self.pace.interval)(repository), schedule::chance(&self.id(repository), now))
    }

    /// When there is a job to hand out, if none ends before.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.state().hosts.iter().filter_map(|(name, host)| host.next(self.circuits.leave(name, now))).min()
    }

    /// The rows that say less than is known, of images that nobody works on now.
    pub fn unsaved(&self) -> Vec<(Repository, Write)> {
        let mut state = self.state();
        let mut writes = Vec::new();
        for repository in std::mem::take(&mut state.dirty) {
            match state.images.get_mut(&repository) {
                Some(image) if image.running == 0 => writes.push((repository.clone(), image.write(self.id(&repository)))),
                Some(_) => drop(state.dirty.insert(repository)),
                None => {}
            }
        }
        writes
    }

    /// Whether there is anything to save.
    pub fn is_unsaved(&self) -> bool {
        !self.state().dirty.is_empty()
    }

    /// The row stands, with this generation.
    pub fn saved(&self, repository: &Repository, generation: Generation) {
        if let Some(image) = self.state().images.get_mut(repository) {
            image.stands(Some(generation));
        }
    }

    /// The rows could not be written: they are written again.
    pub fn refused(&self, repositories: Vec<Repository>) {
        let mut state = self.state();
        let known = repositories.into_iter().filter(|repository| state.images.contains_key(repository)).collect::<Vec<_>>();
        state.dirty.extend(known);
    }

    /// Another row stands than was thought, or none: it is written over.
    pub fn moved(&self, repository: &Repository, generation: Option<Generation>) {
        let mut state = self.state();
        if let Some(image) = state.images.get_mut(repository) {
            image.stands(generation);
            state.dirty.insert(repository.clone());
        }
    }

    /// A job is done, whatever came of it.
    pub fn done(&self, work: Work, repository: &Repository, now: Timestamp) {
        let mut state = self.state();
        let host = state.host(repository);
        match work {
            Work::Open => {}
            Work::List => host.lists = host.lists.saturating_sub(1),
            Work::Look => host.looks = host.looks.saturating_sub(1),
        }
        let Some(image) = state.images.get_mut(repository) else { return };
        image.running = image.running.saturating_sub(1);
        if image.running > 0 {
            return;
        }
        image.close();
        if image.users.is_empty() {
            state.forget(repository);
        } else if image.due.is_none() {
            // The job ended in a bug.
            state.plan(repository, Some(self.next(repository, now)));
        }
    }

    /// Takes what earlier runs saw; a list that is still young is not asked for again, unless the last try failed for what a person may have mended.
    pub fn opened(&self, rows: Vec<(Repository, Kept<Packed>)>, now: Timestamp) {
        for (repository, kept) in rows {
            let mended = kept.record.trouble().is_some_and(|trouble| trouble.failure.blame == Blame::Operator);
            let young = kept.due.filter(|_| kept.record.listed_at().is_some() && !mended);
            let due = young.map_or(now, |due| self.resumed(&repository, due, now));
            self.change(&repository, |image| {
                let effect = Effect::from(kept.record.listed_at().is_some() || kept.record.trouble().is_some());
                image.restore(kept);
                effect
            });
            self.state().plan(&repository, Some(due));
        }
        self.work.ring();
    }

    /// Takes a list; what was known of its tags stays. After one that was stale even the same list is news.
    pub fn listed(&self, repository: &Repository, mut tags: Vec<Tag>, now: Timestamp) {
        tags.sort_unstable();
        tags.dedup();
        self.observe(repository, now, |image| image.observe(tags, now));
    }

    /// Takes the news that the list is the last one again.
    pub fn listed_again(&self, repository: &Repository, now: Timestamp) {
        self.observe(repository, now, |image| image.observe_again(now));
    }

    fn observe(&self, repository: &Repository, now: Timestamp, observe: impl FnOnce(&mut Image) -> Effect) {
        let period = self.period(&self.state(), repository);
        self.change(repository, |image| {
            let was_stale = image.listed_at().is_some_and(|listed| schedule::is_stale(listed, period, now));
            let effect = observe(image);
            if was_stale { Effect::Changed } else { effect }
        });
        self.came(repository, now);
    }

    /// The pages of the last list, as far as they are known, to ask whether it is still the same.
    pub fn pages(&self, repository: &Repository) -> Pages {
        self.state().images.get_mut(repository).map(Image::last_pages).unwrap_or_default()
    }

    /// Notes the pages that the last list came on.
    pub fn came_on(&self, repository: &Repository, pages: Pages) {
        let mut state = self.state();
        let Some(image) = state.images.get_mut(repository) else { return };
        let requests = image.requests;
        image.came_on(pages);
        let grown = image.requests;
        let host = state.host(repository);
        host.requests = host.requests + grown - requests;
    }

    /// Takes the news that the list could not be had.
    pub fn failed(&self, repository: &Repository, failure: Failure, now: Timestamp) {
        self.change(repository, |image| image.fail(failure, now));
        self.came(repository, now);
    }

    /// An answer to the question for a list came.
    fn came(&self, repository: &Repository, now: Timestamp) {
        let next = self.next(repository, now);
        let mut state = self.state();
        state.plan(repository, Some(next));
        state.dirty.insert(repository.clone());
    }

    /// A question about one tag is answered, or was tried.
    pub fn answered(&self, repository: &Repository, wanted: &[Platform], need: &Need) {
        if let Some(image) = self.state().images.get_mut(repository) {
            image.answered(&(wanted.to_vec(), need.clone()));
        }
    }

    /// Takes what was learnt about one tag.
    pub fn looked(&self, view: &View, tag: &Tag, metadata: &Metadata, digest: Option<&Digest>, now: Timestamp) {
        self.change(&view.repository, |image| image.look(&view.platform, tag, metadata, digest, now));
        self.state().dirty.insert(view.repository.clone());
    }

    /// Takes where a watched tag points now.
    pub fn pointed(&self, repository: &Repository, tag: &Tag, digest: &Digest, now: Timestamp) {
        self.change(repository, |image| image.point(tag, digest, now));
        self.state().dirty.insert(repository.clone());
    }

    /// What the lists of each host hold.
    pub fn lists(&self) -> BTreeMap<String, Lists> {
        let mut hosts: BTreeMap<String, Lists> = BTreeMap::new();
        for (repository, image) in &self.state().images {
            let host = match hosts.get_mut(&*repository.registry) {
                Some(host) => host,
                None => hosts.entry(repository.registry.to_string()).or_default(),
            };
            host.tags += image.listed() as u64;
            host.oldest = host.oldest.into_iter().chain(image.listed_at()).min();
        }
        hosts
    }

    /// How each host goes.
    pub fn hosts(&self) -> BTreeMap<String, Going> {
        let state = self.state();
        state.hosts.iter().map(|(name, host)| (name.to_string(), host.going(&state.images))).collect()
    }

    /// Changes an image, and wakes its users where that makes a difference to them.
    fn change(&self, repository: &Repository, change: impl FnOnce(&mut Image) -> Effect) {
        let mut state = self.state();
        let Some(effect) = state.images.get_mut(repository).map(change) else { return };
        state.sort(repository);
        let State { images, units, .. } = &mut *state;
        let Some(image) = images.get_mut(repository).filter(|_| effect == Effect::Changed) else { return };
        image.change += 1;
        // While much is to be learnt, nobody decides anew for each bit of it.
        let tells = image.needs.is_empty() || image.change.is_multiple_of(LOOKS);
        for user in &image.users {
            if let Some(unit) = units.get_mut(&user.unit) {
                unit.generation += 1;
                if tells {
                    unit.bell.ring();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
