//! What a person changes by a command: read, change, show or write, and once more where somebody was faster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;
use regex::bytes::Regex;

use super::{
    Clock, CycleError, Done, Memory, Unit, Watcher, Words,
    cycle::{FILE_BYTES, Tries, may_pass},
    past::PastOf,
    reading::Reading,
};
use crate::{
    git::{Content, Source, Tip, Write, WriteError, Written},
    manifest::{
        KindPaths,
        splice::{Change, EditRefused, change},
    },
    plan::{Bounds, Index, Subjects, diff},
};

/// So many files are changed at once: few enough to bound memory.
const PART: usize = 1024;

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
    /// What the commit says.
    pub words: Words,
    /// What to tell the person about it.
    pub told: T,
}

/// The files of one tip, and its history.
pub struct Here<'a> {
    /// What the files hold.
    pub index: &'a Index,
    source: &'a Source,
    tip: &'a Tip,
    kinds: &'a [KindPaths],
    now: Timestamp,
}

impl Here<'_> {
    /// Notes for each container which versions a person took back there.
    ///
    /// # Errors
    /// An object is damaged.
    pub fn note_past(&self, subjects: &mut Subjects, bounds: &Bounds<'_>) -> Result<(), CycleError> {
        Ok(PastOf::default().note(self.source, self.tip, self.kinds, bounds, self.now, subjects)?)
    }
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
    mut wish: impl FnMut(&Here<'_>) -> Result<Wanted<T>, E>,
) -> Result<ByHand<T>, E> {
    let mut source = Source::open(&unit.location, &unit.access).map_err(CycleError::from)?;
    let mut reading = match files {
        Files::All(memory) => Reading::all(&unit.kinds, memory),
        Files::Holding(word) => Reading::holding(&unit.kinds, word),
    };
    let mut tries = Tries::default();
    loop {
        watcher.reading();
        let tip = source.read(unit.repository.branch.as_deref()).map_err(CycleError::from)?;
        let found = reading.index(&source, &tip).map_err(CycleError::from)?;
        let wanted = wish(&Here { index: &found.index, source: &source, tip: &tip, kinds: &unit.kinds, now: clock.now() })?;
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
        match source.write(&tip, &files, &unit.commit(&wanted.words, clock), write) {
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
    let open: Vec<_> = tip.files.iter().filter_map(|file| Some((file, changes.get(&file.path)?))).collect();
    for part in open.chunks(PART) {
        let mut before = Vec::with_capacity(part.len());
        for (file, changes) in part {
            if let Content::Bytes(bytes) = source.content(file, FILE_BYTES).map_err(CycleError::from)? {
                before.push((file.path.as_str(), bytes, *changes));
            }
        }
        // Each is read once more to prove the change, which takes its time.
        let after: Vec<_> = before.par_iter().map(|(path, before, changes)| change(path, before, changes)).collect();
        for ((path, before, _), after) in before.iter().zip(after) {
            let after = after?;
            if after != *before {
                if wanted == Diff::Made {
                    text.extend(diff::unified(path, before, &after));
                }
                files.insert((*path).to_owned(), after);
            }
        }
    }
    Ok((files, text))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf, sync::Arc};

    use super::*;
    use crate::{
        config::{Config, Environment, Overrides},
        git::{Access, Location, Plaintext},
        manifest::splice::Edit,
        policy::preset::Presets,
    };

    /// Somebody who saves a file just before it is written.
    struct Editor(PathBuf);

    impl Watcher for Editor {
        fn reading(&self) {}
        fn listing(&self, _: usize, _: usize) {}
        fn metadata(&self, _: usize, _: usize) {}
        fn writing(&self) {
            fs::write(&self.0, "image: a:9\n").expect("saved");
        }
    }

    fn unit(place: &str) -> Unit {
        let config = Config::of_overrides(Overrides { state: Some("unused".into()), ..Overrides::default() }).expect("a configuration");
        let repository = config.repository_for(place);
        let location = Location::parse(place, Plaintext::Loopback).expect("a location");
        let (access, _) = Access::prepare(&location, &repository, "unused".into(), &Environment::default()).expect("access");
        Unit {
            repository,
            location,
            access,
            images: config.images,
            kinds: vec![],
            presets: Arc::new(Presets::shipped().clone()),
            signer: None,
            patience: config.timeout,
        }
    }

    #[tokio::test]
    async fn a_file_that_somebody_saves_between_reading_and_writing_stops_all_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["a.yaml", "b.yaml"] {
            fs::write(path(name), "image: a:1\n").expect("a file");
        }
        let wish = |here: &Here<'_>| {
            let edits = here.index.places().map(|(path, place)| {
                let sites = place.image.parts().into_iter().flat_map(crate::manifest::Parts::sites);
                (path.to_owned(), sites.map(|site| Change::Replace(Edit { site: site.clone(), to: "a:2".to_owned() })).collect())
            });
            Ok::<_, CycleOrRefused>(Wanted { changes: edits.collect(), words: Words::ByHand { subject: String::new(), lines: vec![] }, told: () })
        };
        let unit = unit(folder.path().to_str().expect("text"));
        let how = (Intent::Write(Write::Files), Diff::LeftOut);
        let word = Files::Holding(Regex::new("a").expect("an expression"));
        let clock: Clock = Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
        let outcome = write_by_hand(&unit, &clock, word, &Editor(path("b.yaml")), how, wish).await;
        assert!(matches!(outcome, Err(CycleOrRefused::Cycle(CycleError::Write(WriteError::ChangedOnDisk(path)))) if path == "b.yaml"));
        assert_eq!(fs::read_to_string(path("a.yaml")).expect("a file"), "image: a:1\n", "nothing is written by halves");
        assert_eq!(fs::read_to_string(path("b.yaml")).expect("a file"), "image: a:9\n");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "no temporary file stays");
    }

    #[derive(Debug, thiserror::Error)]
    enum CycleOrRefused {
        #[error(transparent)]
        Cycle(#[from] CycleError),
        #[error(transparent)]
        Refused(#[from] EditRefused),
    }
}
