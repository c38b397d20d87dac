//! What the commits of a branch did, each read once.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use git2::{Delta, DiffFindOptions, DiffOptions, ErrorCode, Oid, Repository, Sort};
use jiff::{SignedDuration, Timestamp};

pub use super::along::Change;
use super::{
    along::{self, Along},
    error::ReadError,
    source::Source,
    tree::{self, BlobId, CommitId},
};
use crate::plan::rollback::Past;

/// So many commits are looked at, and none that is older.
const COMMITS: usize = 500;
const OLDEST: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Of a commit that changes more files nobody asks which of them it moved,
const FILES: usize = 2000;
/// and of one that changes more than these, which it also edited.
const ALIKE: usize = 200;

/// The commits of one branch; those that were read are known from then on.
#[derive(Default)]
pub struct History {
    known: HashMap<Oid, Known>,
    /// Every commit that was compared with its first parent was compared along these.
    paths: BTreeSet<String>,
}

/// What the commits did to each file: their places in the history, the newest first.
pub type Lines = BTreeMap<String, Vec<(usize, Change)>>;

/// What is known of a commit.
struct Known {
    /// What its message says.
    past: Past,
    time: i64,
    tree: Oid,
    parents: Vec<Oid>,
    /// What it brought in, where it is a merge on the first line.
    brought: Option<Arc<[Oid]>>,
    /// What it did to the files in question, once somebody asked; nothing where nobody knows what was before it.
    changes: Option<Vec<(String, Change)>>,
    /// The bytes of files after it that it did not change itself, once somebody asked.
    after: BTreeMap<String, Option<BlobId>>,
    /// The files that it moved, new and old path, once somebody asked.
    moved: Option<BTreeMap<String, String>>,
}

/// What was before a commit.
enum Before {
    /// It is the first one.
    Nothing,
    /// The files of its first parent.
    Tree(Oid),
    /// The history ends there.
    Unknown,
}

impl History {
    /// The first parents of a commit and, behind each merge, what it brought in: 500 commits or 90 days, whichever ends first.
    ///
    /// # Shape
    /// The newest first. Where the history ends early, as in a shallow clone, so does this; a folder that is no repository has none.
    ///
    /// # Errors
    /// An object is damaged.
    pub fn read(&mut self, source: &Source, tip: CommitId, now: Timestamp) -> Result<Vec<Past>, ReadError> {
        let oldest = now.checked_sub(OLDEST).unwrap_or(Timestamp::MIN).as_second();
        with(source, |repository| self.walk(repository, tip.0, oldest))
    }

    fn walk(&mut self, repository: &Repository, tip: Oid, oldest: i64) -> Result<Vec<Past>, git2::Error> {
        let (mut history, mut read, mut times) = (Vec::new(), HashSet::new(), Vec::new());
        let mut next = Some(tip);
        while let Some(id) = next.take().filter(|_| history.len() < COMMITS) {
            let Some(known) = self.known(repository, id)? else { break };
            let brought = match &known.brought {
                Some(brought) => Arc::clone(brought),
                None => Arc::clone(known.brought.insert(brought(repository, &known.parents)?)),
            };
            let at = history.len();
            next = known.parents.first().copied();
            history.push(known.past.clone());
            times.push((at, known.time));
            read.insert(id);
            for &id in brought.iter().take(COMMITS - history.len()) {
                if let Some(known) = self.known(repository, id)? {
                    history.push(known.past.clone());
                    read.insert(id);
                }
            }
            history[at].brought = history.len() - at - 1;
        }
        // What left the window does not come back.
        self.known.retain(|id, _| read.contains(id));
        // No commit is older than those before it, whatever its author's clock said.
        let last_young = times.iter().rposition(|(_, time)| *time >= oldest);
        let end = last_young.map_or(0, |at| times.get(at + 1).map_or(history.len(), |(end, _)| *end));
        history.truncate(end);
        Ok(history)
    }

    /// What is known of a commit; `None` where the history ends before it.
    fn known(&mut self, repository: &Repository, id: Oid) -> Result<Option<&mut Known>, git2::Error> {
        let vacant = match self.known.entry(id) {
            Entry::Occupied(known) => return Ok(Some(known.into_mut())),
            Entry::Vacant(vacant) => vacant,
        };
        let Some(commit) = found(repository.find_commit(id))? else { return Ok(None) };
        Ok(Some(vacant.insert(Known {
            past: Past::new(id.to_string(), &String::from_utf8_lossy(commit.message_bytes())),
            time: commit.committer().when().seconds(),
            tree: commit.tree_id(),
            parents: commit.parent_ids().collect(),
            brought: None,
            changes: None,
            after: BTreeMap::new(),
            moved: None,
        })))
    }

    /// What commits of the history did to some files; a commit is compared with its first parent, once.
    ///
    /// # Errors
    /// An object is damaged.
    pub fn lines(&mut self, source: &Source, history: &[Past], paths: &BTreeSet<&str>) -> Result<Lines, ReadError> {
        with(source, |repository| self.compare(repository, history, paths))?;
        let mut lines = Lines::new();
        for (at, past) in history.iter().enumerate() {
            for (path, change) in self.of(past).and_then(|known| known.changes.as_ref()).into_iter().flatten() {
                match lines.get_mut(path) {
                    Some(line) => line.push((at, *change)),
                    None => drop(lines.insert(path.clone(), vec![(at, *change)])),
                }
            }
        }
        Ok(lines)
    }

    /// Compares commits along these paths; what is known of other files, and other commits, is forgotten.
    fn compare(&mut self, repository: &Repository, history: &[Past], paths: &BTreeSet<&str>) -> Result<(), git2::Error> {
        let all: Vec<&str> = paths.iter().copied().collect();
        let new: Vec<&str> = paths.iter().copied().filter(|path| !self.paths.contains(*path)).collect();
        let mut trees = Along::new(repository);
        let mut compared = HashMap::new();
        for id in history.iter().filter_map(|past| Oid::from_str(&past.id).ok()) {
            let Some(known) = self.known.get(&id) else { continue };
            let along = if known.changes.is_some() { &new } else { &all };
            let changes = match self.before(repository, known)? {
                Before::Nothing => trees.changes(None, Some(known.tree), along)?,
                Before::Tree(before) => trees.changes(Some(before), Some(known.tree), along)?,
                Before::Unknown => Vec::new(),
            };
            compared.insert(id, changes);
        }
        let is_narrower = paths.len() < self.paths.len() + new.len();
        for (id, known) in &mut self.known {
            match compared.remove(id) {
                Some(changes) => known.changes.get_or_insert_default().extend(changes),
                None if new.is_empty() => {}
                None => known.changes = None,
            }
            if let Some(changes) = known.changes.as_mut().filter(|_| is_narrower) {
                changes.retain(|(path, _)| paths.contains(path.as_str()));
            }
        }
        if is_narrower || !new.is_empty() {
            self.paths = paths.iter().map(|path| (*path).to_owned()).collect();
        }
        Ok(())
    }

    fn before(&self, repository: &Repository, known: &Known) -> Result<Before, git2::Error> {
        let Some(parent) = known.parents.first() else { return Ok(Before::Nothing) };
        if let Some(parent) = self.known.get(parent) {
            return Ok(Before::Tree(parent.tree));
        }
        Ok(found(repository.find_commit(*parent))?.map_or(Before::Unknown, |parent| Before::Tree(parent.tree_id())))
    }

    /// What a file held after a commit of the history; `None` where there was none.
    ///
    /// # Errors
    /// An object is damaged.
    pub fn after(&mut self, source: &Source, past: &Past, path: &str) -> Result<Option<BlobId>, ReadError> {
        let Some(known) = Oid::from_str(&past.id).ok().and_then(|id| self.known.get_mut(&id)) else { return Ok(None) };
        let changed = known.changes.iter().flatten().find(|(changed, _)| changed == path);
        if let Some(after) = changed.map(|(_, (_, after))| *after).or_else(|| known.after.get(path).copied()) {
            return Ok(after);
        }
        let after = with(source, |repository| along::file(&repository.find_tree(known.tree)?, path))?;
        known.after.insert(path.to_owned(), after);
        Ok(after)
    }

    /// Where a file was before a commit of the history moved it; `None` where it did not.
    ///
    /// # Errors
    /// An object is damaged.
    pub fn moved_from(&mut self, source: &Source, past: &Past, path: &str) -> Result<Option<String>, ReadError> {
        let Some(id) = Oid::from_str(&past.id).ok() else { return Ok(None) };
        let Some(known) = self.known.get(&id).filter(|known| known.moved.is_none()) else {
            return Ok(self.known.get(&id).and_then(|known| known.moved.as_ref()?.get(path).cloned()));
        };
        let moved = with(source, |repository| match self.before(repository, known)? {
            Before::Tree(before) => moved(repository, before, known.tree),
            Before::Nothing | Before::Unknown => Ok(BTreeMap::new()),
        })?;
        let from = moved.get(path).cloned();
        self.known.entry(id).and_modify(|known| known.moved = Some(moved));
        Ok(from)
    }

    fn of(&self, past: &Past) -> Option<&Known> {
        self.known.get(&Oid::from_str(&past.id).ok()?)
    }
}

/// Does something with the repository of a source; a folder that is none has no history.
fn with<T: Default>(source: &Source, work: impl FnOnce(&Repository) -> Result<T, git2::Error>) -> Result<T, ReadError> {
    source.with_repository(|repository, name| work(repository).map_err(|error| tree::damaged(name, &error))).unwrap_or_else(|| Ok(T::default()))
}

/// What a merge brought in, the newest first; nothing for any other commit.
fn brought(repository: &Repository, parents: &[Oid]) -> Result<Arc<[Oid]>, git2::Error> {
    let Some((first, others)) = parents.split_first().filter(|(_, others)| !others.is_empty()) else { return Ok(Arc::default()) };
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    for other in others {
        walk.push(*other)?;
    }
    walk.hide(*first)?;
    // A shallow clone ends somewhere in here.
    Ok(walk.take(COMMITS).map_while(Result::ok).collect())
}

/// The files that a commit moved, new and old path: as alike as `git log --follow` wants them.
fn moved(repository: &Repository, before: Oid, after: Oid) -> Result<BTreeMap<String, String>, git2::Error> {
    let (before, after) = (repository.find_tree(before)?, repository.find_tree(after)?);
    let mut diff = repository.diff_tree_to_tree(Some(&before), Some(&after), Some(DiffOptions::new().skip_binary_check(true)))?;
    let files = diff.deltas().len();
    if files > FILES {
        return Ok(BTreeMap::new());
    }
    diff.find_similar(Some(DiffFindOptions::new().renames(true).exact_match_only(files > ALIKE)))?;
    let path = |file: git2::DiffFile<'_>| file.path_bytes().and_then(|path| String::from_utf8(path.to_vec()).ok());
    let moved = diff.deltas().filter(|delta| delta.status() == Delta::Renamed);
    Ok(moved.filter_map(|delta| Some((path(delta.new_file())?, path(delta.old_file())?))).collect())
}

/// What is there; `None` where there is no such thing.
fn found<T>(outcome: Result<T, git2::Error>) -> Result<Option<T>, git2::Error> {
    match outcome {
        Ok(thing) => Ok(Some(thing)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
