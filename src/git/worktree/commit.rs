//! A commit of some files of a work tree on the branch that is checked out, which leaves the rest of the index alone.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path};

use git2::{Index, IndexEntry, Oid, Repository, RepositoryState, Status};

use super::WorkTree;
use crate::git::{
    bare::move_branch,
    commit::{self, NewCommit},
    error::WriteError,
    tree::{self, Tip},
};

/// A commit that may be made: everything that could refuse it has been asked.
pub(super) struct Prepared<'a> {
    repository: &'a Repository,
    name: String,
    branch: &'a str,
    parent: Oid,
}

impl<'a> Prepared<'a> {
    /// Checks that a commit of exactly these files' new bytes is possible.
    pub fn new(work_tree: &'a WorkTree, tip: &'a Tip, changes: &BTreeMap<&str, &[u8]>, new: &NewCommit) -> Result<Self, WriteError> {
        commit::signature(&new.signature)?;
        let root = &work_tree.root;
        let repository = work_tree.repository.as_ref().ok_or_else(|| WriteError::NotARepository(root.clone()))?;
        let name = root.display().to_string();
        let branch = tip.branch.as_deref().ok_or_else(|| WriteError::DetachedHead(root.clone()))?;
        let first = || changes.keys().next().map_or_else(String::new, |path| (*path).to_owned());
        let parent = tip.commit.ok_or_else(|| WriteError::Uncommitted(first()))?.0;
        if let Some(operation) = under_way(repository.state()) {
            return Err(WriteError::Unfinished { path: root.clone(), operation });
        }
        if repository.path().join("index.lock").exists() {
            return Err(WriteError::Locked { repository: name, reason: "index.lock exists".to_owned() });
        }
        for path in changes.keys() {
            tree::check_path(path)?;
            let status = repository.status_file(Path::new(path)).map_err(|error| tree::failed(&name, &error))?;
            if status != Status::CURRENT {
                return Err(WriteError::Uncommitted((*path).to_owned()));
            }
        }
        Ok(Self { repository, name, branch, parent })
    }

    /// Commits the files, which hold their new bytes by now.
    pub fn make(&self, changes: &BTreeMap<&str, &[u8]>, new: &NewCommit) -> Result<Oid, WriteError> {
        let failed = |error: git2::Error| tree::failed(&self.name, &error);
        let mut index = self.repository.index().map_err(failed)?;
        let base = self.repository.find_commit(self.parent).and_then(|commit| commit.tree()).map_err(failed)?;
        let mut blobs = Vec::new();
        for path in changes.keys() {
            // The index applies line ends and other attributes as `git add` does.
            index.add_path(Path::new(path)).map_err(failed)?;
            let entry = index.get_path(Path::new(path), 0).ok_or_else(|| WriteError::Uncommitted((*path).to_owned()))?;
            blobs.push((*path, entry.id, tree::mode_at(&base, path)?));
        }
        let tree = tree::replaced(self.repository, &self.name, &base, &blobs)?;
        let Some(commit) = commit::with_tree(self.repository, &self.name, self.parent, tree, new)? else { return Ok(self.parent) };
        move_branch(self.repository, &self.name, self.branch, self.parent, commit, new)?;
        distrust_times(&mut index, changes).map_err(failed)?;
        index.write().map_err(failed)?;
        Ok(commit)
    }
}

/// Lets the next reader compare the bytes of each file that may have changed in the second in which the old index was written.
///
/// The `git` program tells times apart by seconds, and compares bytes only where the index is not younger; libgit2, which writes a younger one, goes by
/// less and so leaves it nothing to doubt. An entry of no size is always compared.
fn distrust_times(index: &mut Index, ours: &BTreeMap<&str, &[u8]>) -> Result<(), git2::Error> {
    let Some(written) = index.path().and_then(|path| fs::metadata(path).ok()).map(|metadata| metadata.mtime()) else { return Ok(()) };
    let is_ours = |path: &[u8]| std::str::from_utf8(path).is_ok_and(|path| ours.contains_key(path));
    let may_hide = |entry: &IndexEntry| i64::from(entry.mtime.seconds()) >= written && !is_ours(&entry.path);
    let doubtful: Vec<IndexEntry> = index.iter().filter(may_hide).collect();
    doubtful.into_iter().try_for_each(|entry| index.add(&IndexEntry { file_size: 0, ..entry }))
}

fn under_way(state: RepositoryState) -> Option<&'static str> {
    Some(match state {
        RepositoryState::Clean => return None,
        RepositoryState::Merge => "a merge",
        RepositoryState::Revert | RepositoryState::RevertSequence => "a revert",
        RepositoryState::CherryPick | RepositoryState::CherryPickSequence => "a cherry-pick",
        RepositoryState::Bisect => "a bisection",
        RepositoryState::Rebase | RepositoryState::RebaseInteractive | RepositoryState::RebaseMerge => "a rebase",
        RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => "`git am`",
    })
}
