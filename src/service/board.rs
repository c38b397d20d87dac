//! What units want to know and scanners have learnt: the only place where the two meet.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::ready::Going;
use crate::{
    image::{Digest, Platform, Repository, Tag},
    plan::{Answer, Asked, Failure, Knowledge, Known, Subjects, View, schedule},
    policy::{
        Blame, Code,
        decision::{Decision, Listing, Need, wanted_platforms},
        record::Metadata,
    },
    store::{Generation, Kept, Mark, Seen, Write},
};

/// Wakes a unit.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How often the tags of a repository in a registry are listed.
pub type Interval = Box<dyn Fn(&Repository) -> Duration + Send + Sync>;

/// What units want to know and scanners have learnt.
pub struct Board {
    /// What tells this view of the registries from others, in the ids of rows.
    view: String,
    interval: Interval,
    state: Mutex<State>,
    /// Told when there may be something new to ask.
    pub(super) work: Notify,
}

#[derive(Default)]
struct State {
    images: BTreeMap<Repository, Image>,
    units: BTreeMap<String, Unit>,
}

struct Unit {
    wake: Wake,
    /// Raised whenever anything changes that the unit asked about.
    generation: u64,
}

/// One repository in a registry.
#[derive(Default)]
struct Image {
    stage: Stage,
    kept: Kept<Seen>,
    /// What documents say, for each platform that somebody wants first.
    facts: BTreeMap<(Platform, Digest), Metadata>,
    wanted: BTreeMap<Platform, Vec<Platform>>,
    users: BTreeMap<String, Use>,
    needs: BTreeSet<(Platform, Need)>,
    due: Timestamp,
    /// Jobs that are out.
    running: usize,
    /// Whether the row in the store says less than is known.
    dirty: bool,
}

/// Whether what earlier runs saw was looked up.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    New,
    Opening,
    Open,
}

/// What one unit has of an image.
#[derive(Default)]
struct Use {
    /// The tags that its containers have now.
    in_use: BTreeSet<Tag>,
    /// Tags whose digest can change a decision.
    watched: BTreeSet<Tag>,
}

/// Something to do for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Look up what earlier runs saw.
    Open(Repository),
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

impl Board {
    /// A board on which nothing is known.
    pub fn new(view: String, interval: Interval) -> Self {
        Self { view, interval, state: Mutex::default(), work: Notify::new() }
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

    /// Lets a unit take part; it is woken when something changes that it asked about.
    pub fn join(&self, unit: &str, wake: Wake) {
        self.state().units.insert(unit.to_owned(), Unit { wake, generation: 0 });
    }

    /// Forgets a unit, and what only it asked about.
    pub fn leave(&self, unit: &str) {
        let mut state = self.state();
        state.units.remove(unit);
        state.keep(unit, &BTreeSet::new());
    }

    /// A number that changes whenever anything changes that the unit asked about.
    pub fn generation(&self, unit: &str) -> u64 {
        self.state().units.get(unit).map_or(0, |unit| unit.generation)
    }

    /// Answers from what is known now, and notes what is missing for the scanner.
    pub fn answers(&self, unit: &str, subjects: &Subjects, now: Timestamp) -> Vec<Answer> {
        let mut state = self.state();
        let asked: BTreeSet<Repository> = subjects.questions.iter().map(|asked| asked.repository.clone()).collect();
        state.keep(unit, &asked);
        for repository in &asked {
            let image = state.images.entry(repository.clone()).or_insert_with(|| Image { due: now, ..Image::default() });
            *image.users.entry(unit.to_owned()).or_default() = Use::default();
        }
        let answers = subjects.questions.iter().map(|question| state.answer(unit, question, &self.interval, now)).collect();
        drop(state);
        self.work.notify_one();
        answers
    }

    /// What is to be done now, each handed out once until it is reported back.
    pub fn jobs(&self, now: Timestamp) -> Vec<Job> {
        let mut jobs = Vec::new();
        for (repository, image) in &mut self.state().images {
            let before = jobs.len();
            match image.stage {
                Stage::New => {
                    image.stage = Stage::Opening;
                    jobs.push(Job::Open(repository.clone()));
                }
                Stage::Opening => {}
                Stage::Open => {
                    if image.due <= now {
                        // Due again once it is reported back.
                        image.due = Timestamp::MAX;
                        jobs.push(Job::List(repository.clone(), image.watched(now)));
                    }
                    for (platform, need) in std::mem::take(&mut image.needs) {
                        let wanted = image.wanted.get(&platform).cloned().unwrap_or_default();
                        let digest = image.kept.record.tag(need.tag()).and_then(|seen| seen.check.as_ref()?.digest.clone());
                        jobs.push(Job::Look { view: View { repository: repository.clone(), platform }, wanted, need, digest });
                    }
                }
            }
            image.running += jobs.len() - before;
        }
        jobs
    }

    /// When the next list is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.state().images.values().filter(|image| image.stage == Stage::Open).map(|image| image.due).min()
    }

    /// The rows that say less than is known, of images that nobody works on now.
    pub fn unsaved(&self) -> Vec<(Repository, Write)> {
        let mut state = self.state();
        let quiet = state.images.iter_mut().filter(|(_, image)| image.dirty && image.running == 0);
        let row = |(repository, image): (&Repository, &mut Image)| {
            image.dirty = false;
            (repository.clone(), image.kept.write(self.id(repository), Some(image.due)))
        };
        quiet.map(row).collect()
    }

    /// The row stands, with this generation.
    pub fn saved(&self, repository: &Repository, generation: Generation) {
        if let Some(image) = self.state().images.get_mut(repository) {
            image.kept.generation = Some(generation);
        }
    }

    /// A job is done, whatever came of it.
    pub fn done(&self, repository: &Repository) {
        if let Some(image) = self.state().images.get_mut(repository) {
            image.running = image.running.saturating_sub(1);
        }
    }

    /// Takes what earlier runs saw; a list that is still young is not asked for again, unless the last try failed for what a person may have mended.
    pub fn opened(&self, repository: &Repository, kept: Kept<Seen>, now: Timestamp) {
        let longest = (self.interval)(repository).saturating_mul(2);
        self.change(repository, |image| {
            let mended = kept.record.trouble().is_some_and(|trouble| trouble.failure.blame == Blame::Operator);
            let due = kept.due.filter(|_| kept.record.listed_at().is_some() && !mended).unwrap_or(now);
            // What was planned before the clock was set back is due.
            image.due = due.min(schedule::first(now, longest, 1.0));
            image.stage = Stage::Open;
            image.kept = kept;
            image.kept.record.listed_at().is_some()
        });
        self.work.notify_one();
    }

    /// Takes a list; what was known of its tags stays. After one that was stale even the same list is news.
    pub fn listed(&self, repository: &Repository, tags: Vec<Tag>, now: Timestamp, chance: f64) {
        let interval = (self.interval)(repository);
        let due = schedule::next(now, interval, chance);
        self.change(repository, |image| {
            let in_use = image.users.values().flat_map(|one| one.in_use.iter().cloned()).collect();
            let was_stale = image.kept.record.listed_at().is_some_and(|listed| schedule::is_stale(listed, interval, now));
            let before = image.essence();
            let seen = std::mem::take(&mut image.kept.record);
            image.kept.record = seen.observe(tags, Mark::default(), &in_use, now);
            (image.due, image.dirty) = (due, true);
            was_stale || before != image.essence()
        });
    }

    /// Takes the news that the list could not be had.
    pub fn failed(&self, repository: &Repository, failure: Failure, now: Timestamp, chance: f64) {
        let due = schedule::next(now, (self.interval)(repository), chance);
        self.change(repository, |image| {
            let changed = image.kept.record.trouble().is_none_or(|trouble| trouble.failure.reason != failure.reason);
            let seen = std::mem::take(&mut image.kept.record);
            image.kept.record = seen.failed(failure, now);
            (image.due, image.dirty) = (due, true);
            changed
        });
    }

    /// Takes what was learnt about one tag.
    pub fn looked(&self, view: &View, tag: &Tag, metadata: Metadata, digest: Option<&Digest>, now: Timestamp) {
        self.change(&view.repository, |image| {
            image.dirty = true;
            let seen = &mut image.kept.record;
            match (&metadata, digest) {
                (Metadata::Gone, _) => seen.gone(tag, now),
                (Metadata::Unreadable { code, reason }, _) => seen.unreadable(tag, *code, reason, now),
                (Metadata::Image(facts), _) => {
                    seen.pointed(tag, facts.digest.clone(), now);
                    image.facts.insert((view.platform.clone(), facts.digest.clone()), metadata);
                }
                (Metadata::Pointed(digest), _) => seen.pointed(tag, digest.clone(), now),
                (Metadata::NotAnImage(_), Some(digest)) => {
                    seen.pointed(tag, digest.clone(), now);
                    image.facts.insert((view.platform.clone(), digest.clone()), metadata);
                }
                (Metadata::NotAnImage(_) | Metadata::NotRead, _) => return false,
            }
            true
        });
    }

    /// Takes where a watched tag points now; says whether it moved.
    pub fn pointed(&self, repository: &Repository, tag: &Tag, digest: &Digest, now: Timestamp) {
        self.change(repository, |image| {
            let known = |image: &Image| image.kept.record.tag(tag).and_then(|seen| seen.check.as_ref()?.digest.clone());
            let before = known(image);
            image.kept.record.pointed(tag, digest.clone(), now);
            image.dirty = true;
            before != known(image)
        });
    }

    /// How many tags each host lists, and when its oldest list came.
    pub fn lists(&self) -> Vec<(String, u64, Option<Timestamp>)> {
        let count = |image: &Image| image.kept.record.tags().iter().filter(|seen| seen.standing.is_listed()).count() as u64;
        self.state().images.iter().map(|(repository, image)| (repository.registry.to_string(), count(image), image.kept.record.listed_at())).collect()
    }

    /// How each host goes: badly where a list could not be had, and it waits where one is missing.
    pub fn hosts(&self) -> BTreeMap<String, Going> {
        let mut hosts: BTreeMap<&str, (Option<&Failure>, usize)> = BTreeMap::new();
        let state = self.state();
        for (repository, image) in &state.images {
            let (failing, missing) = hosts.entry(&repository.registry).or_default();
            let seen = &image.kept.record;
            match seen.trouble().map(|trouble| &trouble.failure) {
                // A host that says so answers.
                Some(failure) if failure.code == Code::NotFound => {}
                Some(failure) => drop(failing.get_or_insert(failure)),
                None => *missing += usize::from(seen.listed_at().is_none()),
            }
        }
        let going = |(failing, missing): (Option<&Failure>, usize)| match (failing, missing) {
            (Some(failure), _) => Going::Badly(match &failure.hint {
                Some(hint) => format!("{}; {hint}", failure.reason),
                None => failure.reason.clone(),
            }),
            (None, 0) => Going::Well,
            (None, 1) => Going::Waiting("1 list is missing".to_owned()),
            (None, missing) => Going::Waiting(format!("{missing} lists are missing")),
        };
        hosts.into_iter().map(|(host, lists)| (host.to_owned(), going(lists))).collect()
    }

    /// Changes an image, and wakes its users where that makes a difference to them.
    fn change(&self, repository: &Repository, change: impl FnOnce(&mut Image) -> bool) {
        let mut state = self.state();
        let State { images, units } = &mut *state;
        let Some(image) = images.get_mut(repository) else { return };
        if !change(image) {
            return;
        }
        let mut wakes = Vec::new();
        for user in image.users.keys() {
            if let Some(unit) = units.get_mut(user) {
                unit.generation += 1;
                wakes.push(Arc::clone(&unit.wake));
            }
        }
        drop(state);
        for wake in wakes {
            wake();
        }
    }
}

impl State {
    /// Drops the unit from every image that it no longer asks about, and images that nobody asks about.
    fn keep(&mut self, unit: &str, asked: &BTreeSet<Repository>) {
        for (repository, image) in &mut self.images {
            if !asked.contains(repository) {
                image.users.remove(unit);
            }
        }
        self.images.retain(|_, image| !image.users.is_empty() || image.running > 0);
    }

    fn answer(&mut self, unit: &str, question: &Asked, interval: &Interval, now: Timestamp) -> Answer {
        let Some(image) = self.images.get_mut(&question.repository) else { return Answer::Waiting };
        let view = question.view();
        image.wanted.insert(view.platform.clone(), wanted_platforms(&question.policy));
        let used = image.users.entry(unit.to_owned()).or_default();
        used.in_use.extend(question.tag.clone());
        let seen = &image.kept.record;
        if let Some(trouble) = seen.trouble() {
            let failure = &trouble.failure;
            return Answer::Failed(if seen.listed_at().is_some() && failure.blame == Blame::Remote {
                stale(&failure.reason)
            } else {
                failure.clone()
            });
        }
        let Some(listed) = seen.listed_at() else { return Answer::Waiting };
        if schedule::is_stale(listed, interval(&question.repository), now) {
            return Answer::Failed(stale(&format!("the list of {} is older than three of its intervals", question.repository)));
        }
        let records = seen.records(|digest| image.facts.get(&(view.platform.clone(), digest.clone())).cloned());
        let known = Known::Listed { records, listing: seen.listing() };
        let answer = question.answer(&Knowledge::from([(view.clone(), known)]), now);
        if let Answer::Decided(decision) = &answer {
            image.needs.extend(decision.needs.iter().map(|need| (view.platform.clone(), need.clone())));
            used.watched.extend(watched(question, decision));
        }
        answer
    }
}

impl Image {
    /// The tags to ask about with each list: those whose digest can change a decision, and some whose turn it is.
    fn watched(&self, now: Timestamp) -> BTreeSet<Tag> {
        let known = |tag: &&Tag| self.kept.record.tag(tag).is_some_and(|seen| seen.check.is_some());
        let watched = self.users.values().flat_map(|one| one.watched.iter()).filter(known).cloned();
        // Only where build times are compared anything but these is ever looked at.
        watched.chain(self.kept.record.rechecks(now).into_iter().cloned()).collect()
    }

    /// What of a list can change a decision: its tags, the trust in it, and whether it came.
    fn essence(&self) -> (Vec<Tag>, bool, bool) {
        let seen = &self.kept.record;
        let tags = seen.tags().iter().filter(|seen| seen.standing.is_listed()).map(|seen| seen.tag.clone()).collect();
        (tags, seen.listing() == Listing::Trusted, seen.trouble().is_some() || seen.listed_at().is_none())
    }
}

/// The tags whose digest can change the decision: where digests are written the winner, by build time also the current tag.
fn watched(question: &Asked, decision: &Decision) -> impl Iterator<Item = Tag> {
    let by_time = question.policy.pattern.is_by_build_time();
    let winner = decision.winner.clone().filter(|_| by_time || decision.digest.is_some() || question.digest.is_some());
    let current = question.tag.clone().filter(|_| by_time);
    winner.into_iter().chain(current)
}

fn stale(reason: &str) -> Failure {
    Failure { code: Code::Stale, reason: reason.to_owned(), blame: Blame::Remote, hint: None }
}
