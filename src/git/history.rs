//! What the commits of a branch did, each read once.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use git2::{DiffOptions, ErrorCode, ObjectType, Oid, Repository, Sort, Tree};
use jiff::{SignedDuration, Timestamp};

use super::{
    error::ReadError,
    source::Source,
    tree::{self, BlobId, CommitId},
};
use crate::plan::rollback::Past;

/// So many commits are looked at, and none that is older.
const COMMITS: usize = 500;
const OLDEST: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Of a commit that changes more files it is only known that it may have changed any.
const FILES: usize = 2000;

/// The commits of one branch; those that were read are known from then on.
#[derive(Default)]
pub struct History {
    known: HashMap<Oid, Known>,
}

/// A file's bytes before and after a commit; `None` where there is no such file.
pub type Change = (Option<BlobId>, Option<BlobId>);

/// What is known of a commit.
struct Known {
    /// What its message says.
    past: Past,
    time: i64,
    first_parent: Option<Oid>,
    /// What it brought in, where it is a merge on the first line.
    brought: Option<Vec<Oid>>,
    /// The files that differ from its first parent, once somebody asked.
    changed: Option<Changed>,
}

/// The files that a commit changes.
enum Changed {
    /// In the order of their paths.
    These(Vec<String>),
    Any,
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
        let walk = |repository: &Repository, name: &str| self.walk(repository, tip.0, oldest).map_err(|error| tree::damaged(name, &error));
        source.with_repository(walk).unwrap_or_else(|| Ok(Vec::new()))
    }

    fn walk(&mut self, repository: &Repository, tip: Oid, oldest: i64) -> Result<Vec<Past>, git2::Error> {
        let (mut history, mut read, mut times) = (Vec::new(), HashSet::new(), Vec::new());
        let mut next = Some(tip);
        while let Some(id) = next.take().filter(|_| history.len() < COMMITS) {
            let Some(known) = self.known(repository, id)? else { break };
            if known.brought.is_none() {
                known.brought = Some(brought(repository, id)?);
            }
            let (at, brought) = (history.len(), known.brought.clone().unwrap_or_default());
            next = known.first_parent;
            history.push(known.past.clone());
            times.push((at, known.time));
            read.insert(id);
            for id in brought.into_iter().take(COMMITS - history.len()) {
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
        let past = Past::new(id.to_string(), &String::from_utf8_lossy(commit.message_bytes()));
        let time = commit.committer().when().seconds();
        Ok(Some(vacant.insert(Known { past, time, first_parent: commit.parent_ids().next(), brought: None, changed: None })))
    }

    /// What a commit of the history did to a file; `None` where nothing, or where nobody knows what was before it.
    ///
    /// # Errors
    /// An object is damaged.
    pub fn change(&mut self, source: &Source, past: &Past, path: &str) -> Result<Option<Change>, ReadError> {
        let look = |repository: &Repository, name: &str| self.look(repository, &past.id, path).map_err(|error| tree::damaged(name, &error));
        source.with_repository(look).unwrap_or(Ok(None))
    }

    /// What a file held after a commit of the history; `None` where there was none.
    ///
    /// # Errors
    /// An object is damaged.
    pub fn after(source: &Source, past: &Past, path: &str) -> Result<Option<BlobId>, ReadError> {
        let look = |repository: &Repository, name: &str| {
            let tree = Oid::from_str(&past.id).and_then(|id| repository.find_commit(id)).and_then(|commit| commit.tree());
            tree.and_then(|tree| blob(&tree, path)).map_err(|error| tree::damaged(name, &error))
        };
        source.with_repository(look).unwrap_or(Ok(None))
    }

    fn look(&mut self, repository: &Repository, id: &str, path: &str) -> Result<Option<Change>, git2::Error> {
        let id = Oid::from_str(id)?;
        let Some(known) = self.known.get_mut(&id) else { return Ok(None) };
        if known.spares(path) {
            return Ok(None);
        }
        let after = repository.find_commit(id)?.tree()?;
        let before = match known.first_parent {
            Some(parent) => match found(repository.find_commit(parent))? {
                Some(parent) => Some(parent.tree()?),
                None => return Ok(None),
            },
            None => None,
        };
        if known.changed.is_none() {
            known.changed = Some(changed(repository, before.as_ref(), &after)?);
            if known.spares(path) {
                return Ok(None);
            }
        }
        let (before, after) = (before.as_ref().map_or(Ok(None), |tree| blob(tree, path))?, blob(&after, path)?);
        Ok((before != after).then_some((before, after)))
    }
}

impl Known {
    /// Whether it is known that the commit does not change a file.
    fn spares(&self, path: &str) -> bool {
        matches!(&self.changed, Some(Changed::These(paths)) if paths.binary_search_by(|one| one.as_str().cmp(path)).is_err())
    }
}

/// What a merge brought in, the newest first; nothing for any other commit.
fn brought(repository: &Repository, id: Oid) -> Result<Vec<Oid>, git2::Error> {
    let parents: Vec<Oid> = repository.find_commit(id)?.parent_ids().collect();
    let Some((first, others)) = parents.split_first().filter(|(_, others)| !others.is_empty()) else { return Ok(Vec::new()) };
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    for other in others {
        walk.push(*other)?;
    }
    walk.hide(*first)?;
    // A shallow clone ends somewhere in here.
    Ok(walk.take(COMMITS).map_while(Result::ok).collect())
}

fn changed(repository: &Repository, before: Option<&Tree<'_>>, after: &Tree<'_>) -> Result<Changed, git2::Error> {
    let diff = repository.diff_tree_to_tree(before, Some(after), Some(DiffOptions::new().skip_binary_check(true)))?;
    if diff.deltas().len() > FILES {
        return Ok(Changed::Any);
    }
    let files = diff.deltas().filter_map(|delta| delta.new_file().path_bytes().map(|path| String::from_utf8_lossy(path).into_owned()));
    let mut paths: Vec<String> = files.collect();
    paths.sort_unstable();
    Ok(Changed::These(paths))
}

fn blob(tree: &Tree<'_>, path: &str) -> Result<Option<BlobId>, git2::Error> {
    Ok(found(tree.get_path(path.as_ref()))?.filter(|entry| entry.kind() == Some(ObjectType::Blob)).map(|entry| BlobId(entry.id())))
}

/// What is there; `None` where there is no such thing.
fn found<T>(outcome: Result<T, git2::Error>) -> Result<Option<T>, git2::Error> {
    match outcome {
        Ok(thing) => Ok(Some(thing)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
