//! What units want to know and scanners have learnt: the only place where the two meet.
//!
//! Of an image it keeps what schedules and wakes, and its row as the store keeps it: tags are read when a decision needs them.

mod answers;
mod image;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

pub use self::answers::Answers;
use self::image::{Effect, Image, Stage};

use super::clock::Bell;
use crate::{
    image::{Digest, Platform, Repository, Tag},
    plan::{Asked, Failure, Subjects, View, schedule},
    policy::{decision::Need, record::Metadata},
    store::{Generation, Kept, Packed, Seen, Write},
};

/// How often the tags of a repository in a registry are listed.
pub type Interval = Box<dyn Fn(&Repository) -> Duration + Send + Sync>;

/// What units want to know and scanners have learnt.
pub struct Board {
    /// What tells this view of the registries from others, in the ids of rows.
    view: String,
    interval: Interval,
    state: Mutex<State>,
    /// Rung when there may be something new to ask.
    work: Bell,
}

#[derive(Default)]
struct State {
    images: BTreeMap<Repository, Image>,
    units: BTreeMap<Arc<str>, Unit>,
    /// When lists are due.
    due: BTreeSet<(Timestamp, Repository)>,
    /// Images of which the store was not asked yet.
    new: BTreeSet<Repository>,
    /// Images of which something is to be learnt.
    needy: BTreeSet<Repository>,
    /// Images whose row says less than is known.
    dirty: BTreeSet<Repository>,
    /// What the clock said at the last look.
    last: Option<Timestamp>,
}

struct Unit {
    bell: Bell,
    /// Raised whenever anything changes that the unit asked about.
    generation: u64,
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

/// What the lists of one host hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// How many tags.
    pub tags: usize,
    /// When the oldest came.
    pub oldest: Option<Timestamp>,
}

impl Board {
    /// A board on which nothing is known; `work` is rung when there may be something new to ask.
    pub fn new(view: String, interval: Interval, work: Bell) -> Self {
        Self { view, interval, state: Mutex::default(), work }
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

    /// Forgets a unit, and what only it asked about.
    pub fn leave(&self, unit: &str) {
        let mut state = self.state();
        state.units.remove(unit);
        state.keep(unit, |_| false);
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
            }
            let image = state.images.entry(repository.clone()).or_default();
            image.used_by(&name).in_use = group.questions.iter().filter_map(|&at| subjects.questions[at].tag.clone()).collect();
        }
        drop(state);
        self.work.ring();
        answers
    }

    /// Brings the answers up to what is known now, and notes what is missing for the scanner; says when they may be others although nothing
    /// comes in.
    pub fn answer(&self, unit: &str, questions: &[Asked], answers: &mut Answers, now: Timestamp) -> Timestamp {
        for repository in self.outdated(answers, now) {
            let Some(snapshot) = self.state().images.get(&repository).map(Image::snapshot) else { continue };
            let ruling = answers.rule(&repository, questions, &snapshot, (self.interval)(&repository), now);
            let mut state = self.state();
            let Some(image) = state.images.get_mut(&repository) else { continue };
            if let Some(user) = image.users.iter_mut().find(|one| *one.unit == *unit) {
                user.watched = ruling.watched;
            }
            let missing = !ruling.needs.is_empty();
            image.needs.extend(ruling.needs);
            if snapshot.packed.listed_at().is_some() && snapshot.tags().is_none() {
                image.forget();
                state.plan(&repository, Some(now));
                self.work.ring();
            }
            if missing {
                state.needy.insert(repository);
                self.work.ring();
            }
        }
        let state = self.state();
        let until = |(repository, group): (&Repository, &answers::Group)| {
            group.until(state.images.get(repository)?.listed_at(), (self.interval)(repository)).into()
        };
        answers.images.iter().filter_map(until).min().unwrap_or(Timestamp::MAX)
    }

    /// The repositories about which the answers hold no more.
    fn outdated(&self, answers: &Answers, now: Timestamp) -> Vec<Repository> {
        let state = self.state();
        let outdated = |(repository, group): &(&Repository, &answers::Group)| {
            let image = state.images.get(*repository);
            image.is_some_and(|image| !group.holds(image.change, image.listed_at(), (self.interval)(repository), now))
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
                (image.stage, image.running) = (Stage::Opening, image.running + 1);
            }
        }
        if !new.is_empty() {
            jobs.push(Job::Open(new));
        }
        while let Some((_, repository)) = state.due.first().filter(|(at, _)| *at <= now).cloned() {
            state.plan(&repository, None);
            let Some(image) = state.images.get_mut(&repository) else { continue };
            image.running += 1;
            jobs.push(Job::List(repository, image.watched(now)));
        }
        for repository in std::mem::take(&mut state.needy) {
            let Some(image) = state.images.get_mut(&repository) else { continue };
            for (wanted, need) in std::mem::take(&mut image.needs) {
                image.running += 1;
                let view = View { repository: repository.clone(), platform: wanted[0].clone() };
                jobs.push(Job::Look { view, wanted, digest: image.digest(need.tag()), need });
            }
        }
        jobs
    }

    /// Where the clock was set back, plans anew what now lies further ahead than any plan would.
    fn notice(&self, state: &mut State, now: Timestamp) {
        if state.last.replace(now).is_none_or(|last| last <= now) {
            return;
        }
        for (at, repository) in state.due.clone() {
            let planned = self.planned(&repository, at, now);
            state.plan(&repository, Some(planned));
        }
    }

    fn planned(&self, repository: &Repository, due: Timestamp, now: Timestamp) -> Timestamp {
        schedule::planned(due, now, (self.interval)(repository), schedule::chance(&self.id(repository), now))
    }

    fn next(&self, repository: &Repository, now: Timestamp) -> Timestamp {
        schedule::next(now, (self.interval)(repository), schedule::chance(&self.id(repository), now))
    }

    /// When the next list is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.state().due.first().map(|(at, _)| *at)
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

    /// Another row stands than was thought, or none: it is written over.
    pub fn moved(&self, repository: &Repository, generation: Option<Generation>) {
        let mut state = self.state();
        if let Some(image) = state.images.get_mut(repository) {
            image.stands(generation);
            state.dirty.insert(repository.clone());
        }
    }

    /// A job is done, whatever came of it.
    pub fn done(&self, repository: &Repository, now: Timestamp) {
        let mut state = self.state();
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
            image.stage = Stage::Open;
            state.plan(repository, Some(self.next(repository, now)));
        }
    }

    /// Takes what earlier runs saw; a list that is still young is not asked for again.
    pub fn opened(&self, rows: Vec<(Repository, Kept<Packed>)>, now: Timestamp) {
        for (repository, kept) in rows {
            let due = kept.due.filter(|_| kept.record.listed_at().is_some()).map_or(now, |due| self.planned(&repository, due, now));
            self.change(&repository, |image| {
                let effect = Effect::from(kept.record.listed_at().is_some());
                image.restore(kept);
                effect
            });
            self.state().plan(&repository, Some(due));
        }
        self.work.ring();
    }

    /// Takes a list; what was known of its tags stays.
    pub fn listed(&self, repository: &Repository, mut tags: Vec<Tag>, now: Timestamp) {
        tags.sort_unstable();
        tags.dedup();
        self.change(repository, |image| image.observe(tags, now));
        self.came(repository, now);
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
            host.tags += image.listed();
            host.oldest = host.oldest.into_iter().chain(image.listed_at()).min();
        }
        hosts
    }

    /// Changes an image, and wakes its users where that makes a difference to them.
    fn change(&self, repository: &Repository, change: impl FnOnce(&mut Image) -> Effect) {
        let mut state = self.state();
        let State { images, units, .. } = &mut *state;
        let Some(image) = images.get_mut(repository) else { return };
        if change(image) == Effect::Nothing {
            return;
        }
        image.change += 1;
        for user in &image.users {
            if let Some(unit) = units.get_mut(&user.unit) {
                unit.generation += 1;
                unit.bell.ring();
            }
        }
    }
}

impl State {
    /// Drops the unit from every image that it no longer asks about, and images that nobody asks about.
    fn keep(&mut self, unit: &str, asks: impl Fn(&Repository) -> bool) {
        let mut idle = Vec::new();
        for (repository, image) in &mut self.images {
            if !asks(repository) {
                image.users.retain(|user| *user.unit != *unit);
            }
            if image.users.is_empty() && image.running == 0 {
                idle.push(repository.clone());
            }
        }
        for repository in idle {
            self.forget(&repository);
        }
    }

    fn forget(&mut self, repository: &Repository) {
        self.plan(repository, None);
        self.images.remove(repository);
        for set in [&mut self.new, &mut self.needy, &mut self.dirty] {
            set.remove(repository);
        }
    }

    /// Makes the next list due then, and never while it is asked for.
    fn plan(&mut self, repository: &Repository, due: Option<Timestamp>) {
        let Some(image) = self.images.get_mut(repository) else { return };
        if let Some(before) = std::mem::replace(&mut image.due, due) {
            self.due.remove(&(before, repository.clone()));
        }
        if let Some(due) = due {
            self.due.insert((due, repository.clone()));
        }
    }
}
