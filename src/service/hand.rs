//! What a person changes by a command: read, change, show or write, and once more where somebody was faster.

use std::collections::BTreeMap;

use regex::bytes::Regex;

use super::{
    Clock, CycleError, Done, Memory, Unit, Watcher,
    cycle::{FILE_BYTES, Tries, may_pass},
    reading::Reading,
};
use crate::{
    git::{Content, NewCommit, Signature, Source, Tip, Write, WriteError, Written},
    manifest::splice::{Change, EditRefused, change},
    plan::{
        Index, diff,
        message::{Ci, by_hand},
    },
};

/// Whether something is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It is only shown.
    Show,
    /// It is written.
    Write(Write),
}

/// Whether somebody reads the change as a diff, which takes as long as the change itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diff {
    /// It is made.
    Made,
    /// It is left out.
    LeftOut,
}

/// Which files are read.
pub enum Files {
    /// All that may hold an image; what earlier runs parsed is known.
    All(Memory),
    /// Those in whose bytes this is found, and kustomizations.
    Holding(Regex),
}

/// What is to be done with the files of one tip.
#[derive(Clone, Debug)]
pub struct Wanted<T> {
    /// What to change in each file.
    pub changes: BTreeMap<String, Vec<Change>>,
    /// The commit's subject.
    pub subject: String,
    /// A line of the commit's message for each change.
    pub lines: Vec<String>,
    /// What to tell the person about it.
    pub told: T,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct ByHand<T> {
    /// What was wanted of the tip that was read last.
    pub told: T,
    /// The repository's name.
    pub repository: String,
    /// The branch that was read.
    pub branch: Option<String>,
    /// The commit that was read.
    pub commit: Option<String>,
    /// The commit that was made.
    pub pushed: Option<String>,
    /// What was done.
    pub done: Done,
    /// How many files change.
    pub files: usize,
    /// The change as a unified diff; empty where it was left out.
    pub diff: Vec<u8>,
}

/// Makes the changes that `wish` finds in the files; it is asked again where the branch moved meanwhile.
///
/// # Errors
/// The repository cannot be read or written, a change is refused, or `wish` finds none that could be made.
pub async fn write_by_hand<T, E: From<CycleError> + From<EditRefused>>(
    unit: &Unit,
    clock: &Clock,
    files: Files,
    watcher: &dyn Watcher,
    (intent, diff): (Intent, Diff),
    mut wish: impl FnMut(&Index) -> Result<Wanted<T>, E>,
) -> Result<ByHand<T>, E> {
    let mut source = Source::open(&unit.location, &unit.access).map_err(CycleError::from)?;
    let mut reading = match files {
        Files::All(memory) => Reading::new(&unit.kinds, memory),
        Files::Holding(word) => Reading::holding(&unit.kinds, word),
    };
    let mut tries = Tries::default();
    loop {
        watcher.reading();
        let tip = source.read(unit.repository.branch.as_deref()).map_err(CycleError::from)?;
        let found = reading.index(&source, &tip).map_err(CycleError::from)?;
        let wanted = wish(&found.index)?;
        let (files, text) = changed::<E>(&source, &tip, &wanted.changes, diff)?;
        let outcome = |wanted: Wanted<T>, written: Written, diff: Vec<u8>| ByHand {
            told: wanted.told,
            repository: unit.repository.name.clone(),
            branch: tip.branch.clone(),
            commit: tip.commit.map(|commit| commit.to_string()),
            pushed: if let Written::Committed(commit) = written { Some(commit.to_string()) } else { None },
            done: match written {
                Written::Nothing => Done::Nothing,
                Written::Files => Done::Files(files.len()),
                Written::Committed(_) if matches!(source, Source::Mirror(_)) => Done::Pushed,
                Written::Committed(_) => Done::Committed,
            },
            files: files.len(),
            diff,
        };
        let write = match intent {
            Intent::Write(write) if !files.is_empty() => write,
            _ => return Ok(outcome(wanted, Written::Nothing, text)),
        };
        watcher.writing();
        match source.write(&tip, &files, &commit(unit, clock, &wanted), write) {
            Ok(written) => return Ok(outcome(wanted, written, text)),
            // A person is there to look at what somebody else wrote into the same file just now.
            Err(error @ WriteError::ChangedOnDisk(_)) => return Err(CycleError::from(error).into()),
            Err(error) if may_pass(&error) => {
                let pause = tries.pause(error)?;
                reading.keep(tip, found);
                tokio::time::sleep(pause).await;
            }
            Err(error) => return Err(CycleError::from(error).into()),
        }
    }
}

/// New bytes by path.
type NewFiles = BTreeMap<String, Vec<u8>>;

/// The new bytes of each file that changes, and the diff where it is wanted.
fn changed<E: From<CycleError> + From<EditRefused>>(
    source: &Source,
    tip: &Tip,
    changes: &BTreeMap<String, Vec<Change>>,
    wanted: Diff,
) -> Result<(NewFiles, Vec<u8>), E> {
    let (mut files, mut text) = (BTreeMap::new(), Vec::new());
    for file in &tip.files {
        let Some(changes) = changes.get(&file.path) else { continue };
        let Content::Bytes(before) = source.content(file, FILE_BYTES).map_err(CycleError::from)? else { continue };
        let after = change(&file.path, &before, changes)?;
        if after != before {
            if wanted == Diff::Made {
                text.extend(diff::unified(&file.path, &before, &after));
            }
            files.insert(file.path.clone(), after);
        }
    }
    Ok((files, text))
}

fn commit<T>(unit: &Unit, clock: &Clock, wanted: &Wanted<T>) -> NewCommit {
    let settings = &unit.repository.commit;
    let ci = if settings.ci_skip { Ci::Skip } else { Ci::Run };
    let signature = Signature { name: settings.name.clone(), email: settings.email.clone(), time: clock.now() };
    NewCommit { message: by_hand(&wanted.subject, &wanted.lines, ci), signature }
}
