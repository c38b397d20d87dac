//! One repository and branch of the daemon, turn by turn.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::{
    Clock, Cycle, CycleError, Memory, Outcome, Planned, Read, Unit, Wrote,
    board::{Answers, Board},
    cycle::Tries,
    metrics::{CycleOutcome, Metrics, PushOutcome},
    ready::{Going, Readiness},
    told::Told,
};
use crate::{
    git::{Write, WriteError},
    plan::schedule::{self, Batch},
    policy::{Code, List},
};

/// What a worker shares with all others.
#[derive(Clone)]
pub struct Shared {
    /// What tells the time.
    pub clock: Clock,
    /// What earlier runs saw.
    pub memory: Memory,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Which repositories can be read.
    pub readiness: Arc<Readiness>,
    /// How many pushes are under way: those may not be cut off.
    pub pushing: Arc<AtomicUsize>,
}

/// Makes the unit anew: a secret that was missing may be there now.
pub type Prepare = Box<dyn Fn() -> Result<Unit, String> + Send>;

/// One repository and branch.
pub struct Worker {
    name: String,
    interval: Duration,
    prepare: Prepare,
    board: Arc<Board>,
    shared: Shared,
    cycle: Option<(Cycle, Arc<Unit>)>,
    read: Option<Read>,
    /// What was decided on what was read.
    answers: Answers,
    /// What the board said when it was decided last.
    generation: Option<u64>,
    /// When the same may mean something else, because time has passed.
    moment: Timestamp,
    poll: Timestamp,
    batch: Option<Batch>,
    refused: Option<Refused>,
    told: Told<Container, Reason>,
    /// Files with annotations that cannot be read: the line of the fault, and what it is.
    unreadable: Told<String, (Option<u32>, String)>,
    trouble: Told<(), String>,
    /// Whether nothing new may begin.
    stopping: watch::Receiver<bool>,
}

/// A container, by its root, its workload and its name.
type Container = (String, String, String);

/// Why a container stays, and what to do next.
type Reason = (Code, String, Option<String>);

/// A push under way; a bug in it ends it, too.
struct Pushing(Arc<AtomicUsize>);

impl Pushing {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Pushing {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A change that the remote refused.
struct Refused {
    commit: Option<String>,
    diff: Vec<u8>,
    times: usize,
    retry: Timestamp,
}

impl Worker {
    /// A worker that has done nothing yet.
    pub fn new(name: String, interval: Duration, prepare: Prepare, board: Arc<Board>, shared: Shared, stopping: watch::Receiver<bool>) -> Self {
        let poll = shared.clock.now();
        Self {
            name,
            interval,
            prepare,
            board,
            shared,
            cycle: None,
            read: None,
            answers: Answers::default(),
            generation: None,
            moment: Timestamp::MAX,
            poll,
            batch: None,
            refused: None,
            told: Told::default(),
            unreadable: Told::default(),
            trouble: Told::default(),
            stopping,
        }
    }

    /// Does what is due, and says when it wants the next turn.
    pub fn turn(&mut self) -> Timestamp {
        let started = Instant::now();
        match self.step() {
            Ok(next) => {
                if let Some(reason) = self.trouble.end(&()) {
                    info!(repository = %self.name, was = %reason, "works again");
                }
                self.goes(Going::Well);
                next
            }
            Err(trouble) => {
                self.shared.metrics.cycled(&self.name, CycleOutcome::Failed, started.elapsed());
                self.goes(Going::Badly(trouble.clone()));
                if self.trouble.is_news((), trouble.clone()) {
                    error!(repository = %self.name, error = %trouble, "cannot go on");
                }
                // What was open may be what is broken.
                self.begin_anew();
                self.poll
            }
        }
    }

    /// One that is left behind has no say about its successor.
    fn goes(&self, going: Going) {
        if !*self.stopping.borrow() {
            self.shared.readiness.goes(&self.name, going);
        }
    }

    /// Forgets all that is open, as after a bug.
    pub fn begin_anew(&mut self) {
        (self.cycle, self.read, self.batch, self.generation) = (None, None, None, None);
        self.moment = Timestamp::MAX;
    }

    fn step(&mut self) -> Result<Timestamp, String> {
        let now = self.shared.clock.now();
        let started = Instant::now();
        // What lies further ahead than any plan would was planned before the clock was set back.
        let polls = self.poll <= now || self.poll > schedule::next(now, self.interval, 1.0);
        if polls {
            self.poll = schedule::next(now, self.interval, schedule::chance(&self.name, now));
        }
        let moved = self.look(polls, now)?;
        let generation = self.board.generation(&self.name);
        let changed = moved || self.generation != Some(generation) || self.moment <= now;
        let waits = self.batch.is_some_and(|batch| batch.is_due(now)) || self.refused.as_ref().is_some_and(|refused| !refused.rests(now));
        if !(changed || waits) {
            self.tidy(polls).map_err(|error| told(&error))?;
            return Ok(self.next());
        }
        self.generation = Some(generation);
        let outcome = self.decide(now, changed).map_err(|error| told(&error))?;
        if let Some(outcome) = outcome {
            self.tell(&outcome, started.elapsed());
        }
        Ok(self.next())
    }

    /// Puts in order what has waited for a quiet moment.
    fn tidy(&self, polls: bool) -> Result<(), CycleError> {
        let Some((cycle, _)) = self.cycle.as_ref().filter(|_| polls) else { return Ok(()) };
        cycle.tidy()?;
        for news in cycle.news() {
            info!(repository = %self.name, "{news}");
        }
        Ok(())
    }

    fn next(&self) -> Timestamp {
        let batch = self.batch.map(|batch| batch.due());
        let retry = self.refused.as_ref().map(|refused| refused.retry);
        batch.into_iter().chain(retry).fold(self.poll.min(self.moment), Timestamp::min)
    }

    /// Reads the branch where it was not read yet or stands elsewhere; says whether it did.
    fn look(&mut self, polls: bool, now: Timestamp) -> Result<bool, String> {
        if self.cycle.is_none() {
            let unit = Arc::new((self.prepare)()?);
            let cycle = Cycle::open(Arc::clone(&unit), Arc::clone(&self.shared.clock), &self.shared.memory).map_err(|error| told(&error))?;
            self.cycle = Some((cycle, unit));
        }
        let Some((cycle, _)) = &mut self.cycle else { return Ok(false) };
        let stands = match &self.read {
            Some(read) if polls => cycle.still_stands(read).map_err(|error| told(&error))?,
            Some(_) => true,
            None => false,
        };
        if stands {
            return Ok(false);
        }
        self.read(now).map_err(|error| told(&error))?;
        Ok(true)
    }

    /// Reads the branch as it stands now; what it asks as before is still answered.
    fn read(&mut self, now: Timestamp) -> Result<(), CycleError> {
        let Some((cycle, _)) = &mut self.cycle else { return Ok(()) };
        if let Some(read) = self.read.take() {
            cycle.keep(read);
        }
        let read = cycle.read();
        for news in cycle.news() {
            warn!(repository = %self.name, "{news}");
        }
        let read = self.read.insert(read?);
        self.shared.metrics.parsed(&self.name, read.parsed());
        self.answers = self.board.ask(&self.name, &read.subjects, std::mem::take(&mut self.answers), now);
        Ok(())
    }

    /// Decides on what is known now, and writes what has been quiet for long enough.
    fn decide(&mut self, now: Timestamp, changed: bool) -> Result<Option<Outcome>, CycleError> {
        let mut tries = Tries::default();
        loop {
            let (Some((cycle, unit)), Some(read)) = (&mut self.cycle, &self.read) else { return Ok(None) };
            self.moment = self.board.answer(&self.name, &read.subjects.questions, &mut self.answers, now);
            if !*self.stopping.borrow() {
                self.shared.readiness.hosts(self.board.view(), || self.board.hosts());
            }
            let planned = cycle.plan(read, self.answers.list())?;
            if planned.is_empty() {
                (self.batch, self.refused) = (None, None);
                return Ok(Some(cycle.outcome(read, planned, None)));
            }
            let window = unit.repository.commit.batch_window;
            let batch = match self.batch {
                Some(batch) if changed => batch.joined(now),
                Some(batch) => batch,
                None => Batch::begin(now, window),
            };
            self.batch = Some(batch);
            if !batch.is_due(now) {
                return Ok(None);
            }
            if self.refused.as_ref().is_some_and(|refused| refused.holds(&planned, read, now)) {
                // What is due waits for the next try, and not for its batch, which would be due for ever.
                self.batch = None;
                return Ok(None);
            }
            if *self.stopping.borrow() {
                return Ok(None);
            }
            let (commit, diff) = (read.commit(), planned.diff().to_vec());
            let pushing = Pushing::begin(&self.shared.pushing);
            let wrote = cycle.write(read, planned, Write::Commit);
            drop(pushing);
            match wrote {
                Ok(Wrote::Done(outcome)) => {
                    self.batch = None;
                    for news in cycle.news() {
                        info!(repository = %self.name, "{news}");
                    }
                    self.wrote(&outcome, commit, diff, now);
                    return Ok(Some(*outcome));
                }
                Ok(Wrote::Again(error)) => {
                    let moved = !matches!(*error, WriteError::Remote(_));
                    self.shared.metrics.pushed(&self.name, if moved { PushOutcome::Moved } else { PushOutcome::Failed });
                    if *self.stopping.borrow() {
                        return Err((*error).into());
                    }
                    std::thread::sleep(tries.pause(*error)?);
                    self.read(now)?;
                }
                Err(error) => {
                    self.shared.metrics.pushed(&self.name, PushOutcome::Failed);
                    return Err(error);
                }
            }
        }
    }

    fn wrote(&mut self, outcome: &Outcome, commit: Option<String>, diff: Vec<u8>, now: Timestamp) {
        if let Some(pushed) = &outcome.report.pushed {
            let updates = outcome.report.updates.len();
            let branch = outcome.onto.clone().unwrap_or_default();
            info!(repository = %self.name, %branch, commit = pushed.get(..7).unwrap_or(pushed), updates, "pushed");
            self.shared.metrics.pushed(&self.name, PushOutcome::Pushed);
            self.shared.metrics.updated(&self.name, updates as u64);
            self.refused = None;
            // The branch has moved, by us: it is read again at the next look.
            self.poll = now;
        } else if outcome.report.held.iter().any(|record| record.code == Code::PushRefused) {
            self.shared.metrics.pushed(&self.name, PushOutcome::Refused);
            let times = self.refused.as_ref().filter(|refused| refused.diff == diff).map_or(0, |refused| refused.times) + 1;
            self.refused = Some(Refused { commit, diff, times, retry: schedule::after_refusal(now, times) });
        }
    }

    /// Tells what is new about every container, once.
    fn tell(&mut self, outcome: &Outcome, took: Duration) {
        let mut codes: BTreeMap<Code, u64> = BTreeMap::new();
        let mut now = BTreeMap::new();
        for record in outcome.report.records() {
            *codes.entry(record.code).or_default() += 1;
            // What waits for the scanner is answered in a moment.
            if matches!(record.code.list(), List::Held | List::Failed) && !matches!(record.code, Code::MetadataMissing | Code::WaitingForList) {
                let key = (record.root.clone(), record.workload.clone(), record.container.clone());
                now.insert(key, (record.code, record.reason.clone(), record.hint.clone()));
            }
        }
        let changes = self.told.turn(now);
        for ((_, workload, container), (code, reason, hint)) in &changes.news {
            let word = if code.list() == List::Failed { "failed" } else { "held" };
            warn!(repository = %self.name, %workload, %container, code = code.as_str(), %reason, hint, "{word}");
        }
        for ((_, workload, container), (code, ..)) in &changes.ended {
            info!(repository = %self.name, %workload, %container, code = code.as_str(), "no longer so");
        }
        self.tell_unreadable(outcome);
        self.shared.metrics.decided(&self.name, &codes);
        self.shared.metrics.cycled(&self.name, CycleOutcome::Done, took);
    }
}

impl Worker {
    /// Tells once which files a person must mend.
    fn tell_unreadable(&mut self, outcome: &Outcome) {
        let annotated = outcome.report.unreadable.iter().filter(|file| file.annotated);
        let changes = self.unreadable.turn(annotated.map(|file| (file.file.clone(), (file.line, file.reason.clone()))).collect());
        for (file, (line, reason)) in &changes.news {
            warn!(repository = %self.name, %file, line, %reason, "unreadable");
        }
        for (file, _) in &changes.ended {
            info!(repository = %self.name, %file, "no longer so");
        }
    }
}

impl Refused {
    /// Whether it is too early to try again; what lies further ahead than any plan would was planned before the clock was set back.
    fn rests(&self, now: Timestamp) -> bool {
        now < self.retry && self.retry <= schedule::after_refusal(now, self.times)
    }

    /// Whether the same change on the same tip was refused, and it is too early to try again.
    fn holds(&self, planned: &Planned, read: &Read, now: Timestamp) -> bool {
        self.commit == read.commit() && self.diff == planned.diff() && self.rests(now)
    }
}

/// An error in one sentence, with what to do next.
fn told(error: &CycleError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}
