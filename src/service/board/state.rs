//! What a board knows, and what is to be asked of each host.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{ABREAST, Interval, Job, image::Image, lanes::Lanes};
use crate::{
    image::Repository,
    plan::{Failure, View},
    policy::Code,
    service::{circuit::Leave, clock::Bell, ready::Going},
};

/// All that a board knows.
#[derive(Default)]
pub(super) struct State {
    pub(super) images: BTreeMap<Repository, Image>,
    pub(super) units: BTreeMap<Arc<str>, Unit>,
    pub(super) hosts: BTreeMap<Box<str>, Host>,
    /// Images of which the store was not asked yet.
    pub(super) new: BTreeSet<Repository>,
    /// Images whose row says less than is known.
    pub(super) dirty: BTreeSet<Repository>,
    /// What the clock said at the last look.
    pub(super) last: Option<Timestamp>,
}

/// What is to be asked of one host; one that is silent holds up no other.
#[derive(Default)]
pub(super) struct Host {
    /// When lists will be due.
    pub(super) due: BTreeSet<(Timestamp, Repository)>,
    /// Images whose list is due.
    overdue: Lanes<(Timestamp, Repository)>,
    /// Images of which something is to be learnt.
    needy: Lanes<Repository>,
    /// Lists that are asked for now.
    pub(super) lists: usize,
    /// Tags that are looked at now.
    pub(super) looks: usize,
    /// How many requests the lists of all its images take.
    pub(super) requests: usize,
    /// Images that were not listed yet.
    missing: BTreeSet<Repository>,
    /// Images whose list could not be had, though the host may well answer.
    failing: BTreeSet<Repository>,
}

/// A unit that takes part.
pub(super) struct Unit {
    pub(super) bell: Bell,
    /// Raised whenever anything changes that the unit asked about.
    pub(super) generation: u64,
}

impl Host {
    /// Hands out what is due and what is to be learnt, as far as there is room.
    pub(super) fn jobs(&mut self, images: &mut BTreeMap<Repository, Image>, interval: &Interval, leave: Leave, now: Timestamp) -> Vec<Job> {
        let mut jobs = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((at, repository)) = self.due.pop_first() else { break };
            let users = images.get(&repository).into_iter().flat_map(|image| &image.users);
            users.for_each(|one| self.overdue.put(&one.unit, (at, repository.clone())));
        }
        while self.has_room(self.lists, leave)
            && let Some((_, (at, repository))) = self.overdue.take()
        {
            // What was planned anew meanwhile, or handed out for another unit, is due no longer.
            let Some(image) = images.get_mut(&repository).filter(|image| image.due == Some(at)) else { continue };
            (image.due, image.running, self.lists) = (None, image.running + 1, self.lists + 1);
            let watched = image.watched(interval(&repository), now);
            jobs.push(Job::List(repository, watched));
        }
        while self.has_room(self.looks, leave)
            && let Some((unit, repository)) = self.needy.take()
        {
            let Some(image) = images.get_mut(&repository) else { continue };
            let Some((wanted, need)) = image.ask() else { continue };
            if !image.needs.is_empty() {
                self.needy.put(&unit, repository.clone());
            }
            (image.running, self.looks) = (image.running + 1, self.looks + 1);
            let view = View { repository, platform: wanted[0].clone() };
            jobs.push(Job::Look { view, wanted, digest: image.digest(need.tag()), need });
        }
        jobs
    }

    /// Whether one more job may be handed out, where so many of its kind are.
    fn has_room(&self, out: usize, leave: Leave) -> bool {
        match leave {
            Leave::Free => out < ABREAST,
            Leave::Trial => self.lists + self.looks == 0,
            Leave::Rest(_) => false,
        }
    }

    /// When there is a job to hand out, if none ends before.
    pub(super) fn next(&self, leave: Leave) -> Option<Timestamp> {
        let due = self.due.first().map(|(at, _)| *at);
        match leave {
            Leave::Rest(until) if self.overdue.is_empty() && self.needy.is_empty() => due.map(|due| due.max(until)),
            Leave::Rest(until) => Some(until),
            Leave::Free | Leave::Trial => due.filter(|_| self.has_room(self.lists, leave)),
        }
    }

    /// Notes that something is to be learnt about an image, for a unit.
    pub(super) fn needs(&mut self, unit: &Arc<str>, repository: &Repository) {
        self.needy.put(unit, repository.clone());
    }

    /// Lets a unit that comes later wait for a list that is due.
    pub(super) fn joined(&mut self, unit: &Arc<str>, repository: &Repository, due: Timestamp) {
        if !self.due.contains(&(due, repository.clone())) {
            self.overdue.put(unit, (due, repository.clone()));
        }
    }

    /// How it goes: badly where a list could not be had, and it waits where one is missing.
    pub(super) fn going(&self, images: &BTreeMap<Repository, Image>) -> Going {
        let failing = self.failing.first().and_then(|repository| images.get(repository)?.trouble());
        match (failing.map(|trouble| &trouble.failure), self.missing.len()) {
            (Some(Failure { reason, hint: Some(hint), .. }), _) => Going::Badly(format!("{reason}; {hint}")),
            (Some(Failure { reason, .. }), _) => Going::Badly(reason.clone()),
            (None, 0) => Going::Well,
            (None, 1) => Going::Waiting("1 list is missing".to_owned()),
            (None, missing) => Going::Waiting(format!("{missing} lists are missing")),
        }
    }

    fn is_idle(&self) -> bool {
        self.requests + self.lists + self.looks == 0
    }
}

impl State {
    pub(super) fn host(&mut self, repository: &Repository) -> &mut Host {
        if !self.hosts.contains_key(&repository.registry) {
            self.hosts.insert(repository.registry.clone(), Host::default());
        }
        self.hosts.get_mut(&repository.registry).expect("it was made where there was none")
    }

    /// Drops the unit from every image that it no longer asks about, and images that nobody asks about.
    pub(super) fn keep(&mut self, unit: &str, asks: impl Fn(&Repository) -> bool) {
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

    pub(super) fn forget(&mut self, repository: &Repository) {
        self.plan(repository, None);
        let requests = self.images.remove(repository).map_or(0, |image| image.requests);
        self.new.remove(repository);
        self.dirty.remove(repository);
        let host = self.host(repository);
        host.requests = host.requests.saturating_sub(requests);
        for set in [&mut host.missing, &mut host.failing] {
            set.remove(repository);
        }
        if host.is_idle() {
            self.hosts.remove(&repository.registry);
        }
    }

    /// Notes how the image goes, for its host.
    pub(super) fn sort(&mut self, repository: &Repository) {
        let Some(image) = self.images.get(repository) else { return };
        // A host that says that there is no such image answers.
        let fails = image.trouble().is_some_and(|trouble| trouble.failure.code != Code::NotFound);
        let misses = image.trouble().is_none() && image.listed_at().is_none();
        let host = self.host(repository);
        for (set, holds) in [(&mut host.failing, fails), (&mut host.missing, misses)] {
            if !holds {
                set.remove(repository);
            } else if !set.contains(repository) {
                set.insert(repository.clone());
            }
        }
    }

    /// Makes the next list due then, and never while it is asked for.
    pub(super) fn plan(&mut self, repository: &Repository, due: Option<Timestamp>) {
        let Some(image) = self.images.get_mut(repository) else { return };
        let before = std::mem::replace(&mut image.due, due);
        let host = self.host(repository);
        if let Some(before) = before {
            host.due.remove(&(before, repository.clone()));
        }
        if let Some(due) = due {
            host.due.insert((due, repository.clone()));
        }
    }
}
