//! One cycle of one repository and branch.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use thiserror::Error;

use super::{
    Clock, Memory,
    commit::Words,
    past::PastOf,
    reading::{Found, Reading},
};
use crate::{
    config,
    git::{Access, Branches, Content, Location, NewCommit, NewStep, Noticed, ReadError, Signer, Source, Tip, Write, WriteError, Written},
    image::Digest,
    manifest::KindPaths,
    plan::{
        Answer, Bounds, Group, Index, Last, Plan, Shares, Subjects,
        aside::{Sides, theirs},
        diff,
        link::Builds,
        message::Update,
        report::{Record, Report},
        subject::Held,
    },
    policy::{Blame, List, preset::Presets},
    store::Facts,
};

/// How often a branch that moved is pushed to.
const TRIES: u32 = 10;
/// How often it is planned for: that it has moved may be seen before anything is sent.
const LOOKS: u32 = 60;
/// How often a remote that does not answer is asked again.
const NETWORK_TRIES: u32 = 3;
/// The pauses of a remote that does not answer begin as if so many were over: it takes longer to come back than a branch to stand still.
const NETWORK_GROWN: u32 = 4;
/// What pauses grow from, in milliseconds: eight lost pushes wait for two seconds at most.
const FIRST_PAUSE: u64 = 20;
/// So often they grow.
const GROWTHS: u32 = 9;
/// The largest file that is edited.
pub(super) const FILE_BYTES: u64 = 8 * 1024 * 1024;

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
    /// The presets that patterns may name.
    pub presets: Arc<Presets>,
    /// What signs its commits.
    pub signer: Option<Arc<Signer>>,
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
    /// The branch that takes the commits; `None` where there is none.
    pub onto: Option<String>,
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
    /// The push branch holds all of it already.
    There,
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
    /// Somebody was faster each time.
    #[error("cannot move `{branch}` of `{repository}`: somebody else moved it during each of {tries} tries")]
    Outrun {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// How often it was tried.
        tries: u32,
    },
}

impl CycleError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Read(error) => error.blame(),
            Self::Write(error) => error.blame(),
            Self::Outrun { .. } => Blame::Remote,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) => error.hint(),
            Self::Write(error) => error.hint(),
            Self::Outrun { .. } => Some("run it again when fewer commits arrive there: each time it is planned anew".to_owned()),
        }
    }
}

/// The steps of a cycle; what was read is kept for the next one.
pub struct Cycle {
    unit: Arc<Unit>,
    source: Source,
    reading: Reading,
    past: PastOf,
    memory: Memory,
    /// Who took part in what was read last, and who brought them.
    gathered: Option<(Subjects, Shares)>,
    clock: Clock,
}

/// The files of one tip, and what they ask for.
pub struct Read {
    pub(super) tip: Tip,
    pub(super) found: Found,
    pub(super) subjects: Subjects,
    shares: Shares,
    /// What holds an update on a push branch.
    theirs: Vec<(usize, Held)>,
}

/// The plan for what was read, and the bytes that it would write.
pub struct Planned {
    plan: Plan,
    /// Old bytes by path, where there is more than one commit to be made.
    before: BTreeMap<String, Vec<u8>>,
    /// New bytes by path.
    changes: BTreeMap<String, Vec<u8>>,
    diff: Vec<u8>,
}

/// What came of writing.
pub enum Wrote {
    /// It is done, or held for good.
    Done(Box<Outcome>),
    /// Somebody was faster, or the remote did not answer: read and plan again after a pause.
    Again(Box<WriteError>),
}

impl Cycle {
    /// Opens the repository; nothing is asked of anybody yet.
    ///
    /// # Errors
    /// The repository cannot be opened.
    pub fn open(unit: Arc<Unit>, clock: Clock, memory: &Memory) -> Result<Self, CycleError> {
        let source = Source::open(&unit.location, &unit.access)?;
        let reading = Reading::asking(&unit.kinds, memory.clone());
        Ok(Self { unit, source, reading, past: PastOf::default(), memory: memory.clone(), gathered: None, clock })
    }

    /// The same, but what is read holds also what asks for nothing.
    #[must_use]
    pub fn reading_all(self) -> Self {
        Self { reading: Reading::all(&self.unit.kinds, self.memory.clone()), ..self }
    }

    /// What the clock says.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads the branch and every file that changed since the last time.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn read(&mut self) -> Result<Read, CycleError> {
        let tip = self.fetch()?;
        match self.index(tip) {
            // What was fetched long ago is looked at only when the history is.
            Err(CycleError::Read(ReadError::Damaged { reason, .. })) if self.source.heal(&reason)? => {
                self.past = PastOf::default();
                let tip = self.fetch()?;
                self.index(tip)
            }
            read => read,
        }
    }

    /// What happened to the repository since the last call, beside what was asked, a sentence each.
    pub fn news(&self) -> Vec<String> {
        self.source.news().iter().map(ToString::to_string).collect()
    }

    /// Puts in order what can wait for a quiet moment.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn tidy(&self) -> Result<(), CycleError> {
        Ok(self.source.tidy()?)
    }

    /// Where the branch stands now, and its files.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn fetch(&mut self) -> Result<Tip, CycleError> {
        let unit = Arc::clone(&self.unit);
        Ok(self.source.read_for(branches(&unit))?)
    }

    /// Reads every file of a tip that changed since the last one.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn index(&mut self, tip: Tip) -> Result<Read, CycleError> {
        let Unit { repository, images, kinds, presets, .. } = &*self.unit;
        let mut found = self.reading.index(&self.source, &tip)?;
        found.index = found.index.with_roots(repository.roots.clone());
        let bounds = Bounds { writes: &|path| repository.paths.allow(path), scans: &|repository| images.admits(repository), presets };
        let last = self.gathered.take().zip(found.touched.as_ref());
        let last = last.map(|((subjects, shares), touched)| Last { subjects, shares, touched });
        let (mut subjects, shares) = found.index.gather(last, &bounds);
        self.past.note(&self.source, &tip, kinds, &bounds, self.clock.now(), &mut subjects)?;
        let theirs = match &tip.under {
            Some(under) => self.theirs(&tip, under, &bounds, &subjects)?,
            None => Vec::new(),
        };
        Ok(Read { tip, found, subjects, shares, theirs })
    }

    /// What somebody else has written on the push branch: it is not written over.
    fn theirs(&self, tip: &Tip, under: &Tip, bounds: &Bounds<'_>, subjects: &Subjects) -> Result<Vec<(usize, Held)>, CycleError> {
        let mut below = Reading::asking(&self.unit.kinds, self.memory.clone()).index(&self.source, under)?.index;
        below = below.with_roots(self.unit.repository.roots.clone());
        let name = |tip: &Tip| tip.branch.clone().unwrap_or_default();
        let (push, read) = (name(tip), name(under));
        Ok(theirs(subjects, &below.subjects(bounds), Sides { push: &push, read: &read }, |name, value| self.past.has_put(name, value)))
    }

    /// Puts answers and places together; what cannot be edited is held.
    ///
    /// # Errors
    /// A file that is to be edited cannot be read.
    pub fn plan(&self, read: &Read, answers: &[Answer]) -> Result<Planned, CycleError> {
        let builds = self.builds(&read.subjects, answers);
        let mut plan = Plan::new(&read.found.index, &read.subjects, answers, &builds);
        plan.hold(&read.theirs);
        let mut planned = Planned { plan, before: BTreeMap::new(), changes: BTreeMap::new(), diff: Vec::new() };
        self.edit(read, &mut planned)?;
        Ok(planned)
    }

    /// Whether the branch still stands where it was read.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn still_stands(&self, read: &Read) -> Result<bool, CycleError> {
        Ok(self.source.still_stands(&read.tip, branches(&self.unit))?)
    }

    /// Takes back what was read, so that the next reading parses only what differs.
    pub fn keep(&mut self, read: Read) {
        let Read { tip, found, subjects, shares, theirs: _ } = read;
        self.reading.keep(tip, found);
        self.gathered = Some((subjects, shares));
    }

    /// Writes on top of the tip that was read.
    ///
    /// # Errors
    /// The repository cannot be written. What a remote refuses for good is no error: the updates are held.
    pub fn write(&self, read: &Read, mut planned: Planned, write: Write) -> Result<Wrote, CycleError> {
        let steps = self.steps(&planned);
        let series: Vec<NewStep<'_>> = steps.iter().map(|(files, commit)| (files, commit)).collect();
        match self.source.write_series(&read.tip, &series, write) {
            Ok(written) => Ok(Wrote::Done(Box::new(self.outcome(read, planned, Some(written))))),
            Err(error) if is_refusal(&error) => {
                planned.plan.refuse_all(&error.to_string(), error.hint().as_deref());
                planned.diff.clear();
                Ok(Wrote::Done(Box::new(self.outcome(read, planned, None))))
            }
            Err(error) if may_pass(&error) => Ok(Wrote::Again(Box::new(error))),
            Err(error) => Err(error.into()),
        }
    }

    /// What is known of how the images were built that would be written, and those that stand in their places.
    pub(super) fn builds(&self, subjects: &Subjects, answers: &[Answer]) -> Builds {
        let mut wanted = BTreeMap::new();
        for (asked, answer) in subjects.questions.iter().zip(answers) {
            let Answer::Decided(decision) = answer else { continue };
            if decision.code.list() == List::Updates {
                let platform = asked.view().platform;
                wanted.extend([&decision.image, &decision.stands].into_iter().flatten().map(|digest| (Facts::id(digest, &platform), digest.clone())));
            }
        }
        let ids: Vec<String> = wanted.keys().cloned().collect();
        let entries = self.memory.facts(&ids);
        let labels = |(digest, entry): (Digest, Option<Vec<u8>>)| match Facts::decode(&entry?, &digest)? {
            Facts::Image(facts) => Some((digest, facts.labels)),
            Facts::NotAnImage(_) => None,
        };
        let ours = if wanted.is_empty() { BTreeSet::new() } else { self.past.ours().clone() };
        Builds { labels: wanted.into_values().zip(entries).filter_map(labels).collect(), ours }
    }

    /// Makes the new bytes of every file; what cannot be edited is held.
    fn edit(&self, read: &Read, planned: &mut Planned) -> Result<(), CycleError> {
        let paths: BTreeSet<String> = planned.plan.files().map(str::to_owned).collect();
        for file in paths.iter().filter_map(|path| read.tip.file(path)) {
            let Content::Bytes(before) = self.source.content(file, FILE_BYTES)? else { continue };
            let after = planned.plan.edit(&file.path, &before);
            if after != before {
                planned.diff.extend(diff::unified(&file.path, &before, &after));
                planned.changes.insert(file.path.clone(), after);
                if self.unit.repository.commit.group != Group::All {
                    planned.before.insert(file.path.clone(), before);
                }
            }
        }
        Ok(())
    }

    /// The commits that write a plan.
    fn steps(&self, planned: &Planned) -> Vec<(BTreeMap<String, Vec<u8>>, NewCommit)> {
        let steps = planned.plan.steps(self.unit.repository.commit.group, &planned.before, &planned.changes);
        steps.into_iter().map(|step| (step.files, self.commit(&step.updates))).collect()
    }

    fn commit(&self, updates: &[&Record]) -> NewCommit {
        let updates = updates.iter().filter_map(|record| Update::of(record)).collect();
        self.unit.commit(&Words::Updates(updates), &self.clock)
    }

    /// An empty report of this tip.
    pub(super) fn head(&self, tip: &Tip) -> Report {
        Report::new(self.unit.repository.name.clone(), tip.branch.clone(), tip.commit.map(|commit| commit.to_string()))
    }

    /// What was found, and what was done about it.
    pub(super) fn outcome(&self, read: &Read, planned: Planned, written: Option<Written>) -> Outcome {
        let mut report = planned.plan.report(self.head(&read.tip));
        report.unreadable = read.found.index.unreadable();
        let done = match written {
            Some(Written::Nothing) if read.tip.aside.is_some() => Done::There,
            None | Some(Written::Nothing) => Done::Nothing,
            Some(Written::Files) => Done::Files(planned.changes.len()),
            Some(Written::Committed(commit)) => {
                report.pushed = Some(commit.to_string());
                if matches!(self.source, Source::Mirror(_)) { Done::Pushed } else { Done::Committed }
            }
        };
        let onto = read.tip.aside.as_ref().map(|aside| aside.branch.clone()).or_else(|| read.tip.branch.clone());
        Outcome { report, done, onto, diff: planned.diff, workloads: read.found.index.workloads() }
    }
}

/// The branches that a unit is about.
fn branches(unit: &Unit) -> Branches<'_> {
    Branches { read: unit.repository.branch.as_deref(), push: unit.repository.push_branch.as_deref() }
}

/// A person has to change something at the remote: a hook, a protected branch, rights.
fn is_refusal(error: &WriteError) -> bool {
    match error {
        WriteError::Refused { .. } => true,
        WriteError::Remote(error) => error.blame() == Blame::Operator,
        _ => false,
    }
}

/// Whether another try may go better.
pub(super) fn may_pass(error: &WriteError) -> bool {
    match error {
        WriteError::Moved { .. } | WriteError::ChangedOnDisk(_) | WriteError::Locked { .. } => true,
        WriteError::Remote(error) => error.blame() == Blame::Remote,
        _ => false,
    }
}

/// How often one change was tried in vain.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// What was sent was not taken, for somebody was faster.
    outrun: u32,
    /// Somebody was faster before anything was sent.
    overtaken: u32,
    /// The remote did not answer.
    unanswered: u32,
}

impl Tries {
    /// Counts a failure that may pass: how long to pause before the next try.
    ///
    /// # Errors
    /// It was tried often enough.
    pub fn pause(&mut self, failure: WriteError) -> Result<Duration, CycleError> {
        let (count, most) = match &failure {
            WriteError::Remote(_) => (&mut self.unanswered, NETWORK_TRIES),
            WriteError::Moved { noticed: Noticed::Before, .. } => (&mut self.overtaken, LOOKS),
            _ => (&mut self.outrun, TRIES),
        };
        *count += 1;
        let is_over = *count >= most;
        match failure {
            WriteError::Remote(_) if !is_over => Ok(pause(self.unanswered + NETWORK_GROWN)),
            _ if !is_over => Ok(pause(self.outrun + self.overtaken)),
            WriteError::Moved { repository, branch, .. } => Err(CycleError::Outrun { repository, branch, tries: self.outrun + self.overtaken }),
            failure => Err(failure.into()),
        }
    }
}

/// How long to wait before the next try: growing and jittered, so that two who race do not meet again.
fn pause(lost: u32) -> Duration {
    let longest = (0..lost.min(GROWTHS)).fold(FIRST_PAUSE, |milliseconds, _| milliseconds * 8 / 5);
    Duration::from_millis(fastrand::u64(longest / 2..=longest))
}

impl Read {
    /// How many files were parsed; what all others hold was known.
    pub fn parsed(&self) -> usize {
        self.found.parsed
    }

    /// How many roots were built; what all others deploy was known.
    pub fn built(&self) -> usize {
        self.shares.built()
    }

    /// What the files hold.
    pub fn index(&self) -> &Index {
        &self.found.index
    }

    /// Who takes part, and what is asked for them.
    pub fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// The commit that was read.
    pub fn commit(&self) -> Option<String> {
        self.tip.commit.map(|commit| commit.to_string())
    }
}

impl Planned {
    /// The change as a unified diff.
    pub fn diff(&self) -> &[u8] {
        &self.diff
    }

    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}
