//! One cycle of one repository and branch.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use thiserror::Error;

use super::{Watcher, reading::Reading, scan::Scan};
use crate::{
    config,
    git::{Access, Content, Location, NewCommit, ReadError, Signature, Source, Tip, Write, WriteError, Written},
    manifest::KindPaths,
    plan::{
        Bounds, Index, Plan, Subject, Subjects, diff, explanation,
        message::{Ci, Update, message},
        report::{Explanation, Report},
    },
    policy::Blame,
    registry::Client,
};

/// How often a branch that moved is planned again.
const TRIES: u32 = 10;
/// How often a remote that does not answer is asked again.
const NETWORK_TRIES: u32 = 3;
/// The largest file that is edited.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

/// One repository and branch, and all that is configured for it.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The repository's settings.
    pub repository: config::Repository,
    /// Where it is.
    pub location: Location,
    /// How to come to it.
    pub access: Access,
    /// Which images may be looked up.
    pub images: config::ImageFilter,
    /// Further kinds of objects that hold images.
    pub kinds: Vec<KindPaths>,
    /// How long to go on without learning anything from a registry.
    pub patience: Duration,
}

/// What a cycle found and did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Every container with what became of it.
    pub report: Report,
    /// What was done.
    pub done: Done,
    /// The change as a unified diff; empty where there is none.
    pub diff: Vec<u8>,
    /// How many workloads the files hold.
    pub workloads: usize,
}

/// What was done about a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing was to be done, or only planned.
    Nothing,
    /// So many files of a work tree were edited.
    Files(usize),
    /// A commit stands on the branch of a local repository.
    Committed,
    /// A commit was pushed.
    Pushed,
}

/// Why a cycle ended without a report.
#[derive(Debug, Error)]
pub enum CycleError {
    /// The repository cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The repository cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl CycleError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Read(error) => error.blame(),
            Self::Write(error) => error.blame(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) => error.hint(),
            Self::Write(error) => error.hint(),
        }
    }
}

/// A cycle under way: what was read and learnt is kept when the branch moves.
pub struct Cycle<'a> {
    unit: &'a Unit,
    source: Source,
    scan: Scan<'a>,
    reading: Reading,
    watcher: &'a dyn Watcher,
    now: fn() -> Timestamp,
}

/// What the files of one tip ask for, and the plan that answers.
struct Planned {
    tip: Tip,
    index: Index,
    plan: Plan,
    /// New bytes by path.
    changes: BTreeMap<String, Vec<u8>>,
    diff: Vec<u8>,
}

impl<'a> Cycle<'a> {
    /// Opens the repository; nothing is asked of anybody yet.
    ///
    /// # Errors
    /// The repository cannot be opened.
    pub fn open(unit: &'a Unit, client: &'a Client, watcher: &'a dyn Watcher) -> Result<Self, CycleError> {
        let source = Source::open(&unit.location, &unit.access)?;
        let scan = Scan::new(client, unit.patience, watcher);
        Ok(Self { unit, source, scan, reading: Reading::default(), watcher, now: Timestamp::now })
    }

    /// Decides, and writes nothing.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn plan(&mut self) -> Result<Outcome, CycleError> {
        let (tip, index) = self.read()?;
        let planned = self.decide(tip, index).await?;
        Ok(self.outcome(&planned, None))
    }

    /// Decides and writes; where the branch moved meanwhile, plans again on the new tip.
    ///
    /// # Errors
    /// The repository cannot be read or written. What a remote refuses for good is no error: the updates are held.
    pub async fn apply(&mut self, write: Write) -> Result<Outcome, CycleError> {
        let mut attempt = 0;
        loop {
            let (tip, index) = self.read()?;
            let mut planned = self.decide(tip, index).await?;
            if planned.changes.is_empty() {
                return Ok(self.outcome(&planned, None));
            }
            self.watcher.writing();
            attempt += 1;
            match self.source.write(&planned.tip, &planned.changes, &self.commit(&planned), write) {
                Ok(written) => return Ok(self.outcome(&planned, Some(written))),
                Err(error) if is_refusal(&error) => {
                    planned.plan.refuse_all(&error.to_string(), error.hint().as_deref());
                    planned.diff.clear();
                    return Ok(self.outcome(&planned, None));
                }
                Err(error) if may_pass(&error, attempt) => {
                    self.reading.keep(&planned.tip, planned.index);
                    pause(attempt).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Decides about the workloads that `pick` chooses among all that the files hold, and tells the fate of every tag.
    ///
    /// # Errors
    /// The repository cannot be read, or `pick` chooses none.
    pub async fn explain<E: From<CycleError>>(
        &mut self,
        pick: impl FnOnce(&Index) -> Result<BTreeSet<(String, String)>, E>,
    ) -> Result<(Explanation, Report), E> {
        let (tip, index) = self.read()?;
        let wanted = pick(&index)?;
        let mut subjects = self.subjects(&index);
        // What stands beside them in their files may share a place with them.
        let is_wanted = |subject: &Subject| wanted.contains(&(subject.root.clone(), subject.workload.clone()));
        let files: BTreeSet<String> = subjects.list.iter().filter(|subject| is_wanted(subject)).map(|subject| subject.file.clone()).collect();
        subjects.keep(|subject| files.contains(&subject.file));
        let now = (self.now)();
        let answers = self.scan.answers(&subjects, now).await;
        let plan = Plan::new(&index, &subjects, &answers);
        let explanation = explanation(&plan, &subjects, self.scan.knowledge(), now, &wanted);
        Ok((explanation, plan.report(self.head(&tip))))
    }

    fn read(&mut self) -> Result<(Tip, Index), CycleError> {
        self.watcher.reading();
        let tip = self.source.read(self.unit.repository.branch.as_deref())?;
        let index = self.reading.index(&self.source, &tip, &self.unit.kinds)?;
        Ok((tip, index))
    }

    fn subjects(&self, index: &Index) -> Subjects {
        let Unit { repository, images, .. } = self.unit;
        index.subjects(&Bounds { writes: &|path| repository.paths.allow(path), scans: &|repository| images.admits(repository) })
    }

    async fn decide(&mut self, tip: Tip, index: Index) -> Result<Planned, CycleError> {
        let subjects = self.subjects(&index);
        let answers = self.scan.answers(&subjects, (self.now)()).await;
        let plan = Plan::new(&index, &subjects, &answers);
        let mut planned = Planned { tip, index, plan, changes: BTreeMap::new(), diff: Vec::new() };
        self.edit(&mut planned)?;
        Ok(planned)
    }

    /// Makes the new bytes of every file; what cannot be edited is held.
    fn edit(&self, planned: &mut Planned) -> Result<(), CycleError> {
        let paths: Vec<String> = planned.plan.files().map(str::to_owned).collect();
        for path in paths {
            let Some(file) = planned.tip.files.iter().find(|file| file.path == path) else { continue };
            let Content::Bytes(before) = self.source.content(file, FILE_BYTES)? else { continue };
            let after = planned.plan.edit(&path, &before);
            if after != before {
                planned.diff.extend(diff::unified(&path, &before, &after));
                planned.changes.insert(path, after);
            }
        }
        Ok(())
    }

    fn commit(&self, planned: &Planned) -> NewCommit {
        let settings = &self.unit.repository.commit;
        let updates: Vec<Update> = planned.plan.updates().filter_map(Update::of).collect();
        let ci = if settings.ci_skip { Ci::Skip } else { Ci::Run };
        let signature = Signature { name: settings.name.clone(), email: settings.email.clone(), time: (self.now)() };
        NewCommit { message: message(&updates, ci), signature }
    }

    fn head(&self, tip: &Tip) -> Report {
        Report::new(self.unit.repository.name.clone(), tip.branch.clone(), tip.commit.map(|commit| commit.to_string()))
    }

    fn outcome(&self, planned: &Planned, written: Option<Written>) -> Outcome {
        let mut report = planned.plan.report(self.head(&planned.tip));
        report.unreadable = planned.index.unreadable();
        let done = match written {
            None | Some(Written::Nothing) => Done::Nothing,
            Some(Written::Files) => Done::Files(planned.changes.len()),
            Some(Written::Committed(commit)) => {
                report.pushed = Some(commit.to_string());
                if matches!(self.source, Source::Mirror(_)) { Done::Pushed } else { Done::Committed }
            }
        };
        Outcome { report, done, diff: planned.diff.clone(), workloads: planned.index.workloads() }
    }
}

/// A person has to change something at the remote: a hook, a protected branch, rights.
fn is_refusal(error: &WriteError) -> bool {
    match error {
        WriteError::Refused { .. } => true,
        WriteError::Remote(error) => error.blame() == Blame::Operator,
        _ => false,
    }
}

fn may_pass(error: &WriteError, attempt: u32) -> bool {
    match error {
        WriteError::Moved { .. } | WriteError::ChangedOnDisk(_) | WriteError::Locked { .. } => attempt < TRIES,
        WriteError::Remote(error) => error.blame() == Blame::Remote && attempt < NETWORK_TRIES,
        _ => false,
    }
}

/// Growing and jittered, so that two who race do not meet again.
async fn pause(attempt: u32) {
    let longest = 50 * 2_u64.pow(attempt.min(6));
    tokio::time::sleep(Duration::from_millis(fastrand::u64(longest / 2..=longest))).await;
}
