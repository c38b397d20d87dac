//! A commit of some files of a work tree on the branch that is checked out, which leaves the rest of the index alone.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use git2::{Index, IndexEntry, Oid, Repository, RepositoryState, Status};

use super::WorkTree;
use crate::git::{
    bare::move_branch,
    commit::{self, NewCommit},
    error::{Noticed, WriteError},
    tree::{self, Mode, Tip},
};

/// A commit that stands on no branch yet: nothing is left that could refuse it but somebody who moves the branch at this moment.
pub(super) struct Prepared<'a> {
    repository: &'a Repository,
    name: String,
    branch: &'a str,
    parent: Oid,
    /// `None` where Git would see no change.
    commit: Option<Oid>,
    index: Locked,
}

/// The index, which nobody else writes meanwhile; the lock goes with it.
struct Locked {
    index: PathBuf,
    lock: PathBuf,
}

impl<'a> Prepared<'a> {
    /// Makes a commit of exactly these files' new bytes.
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
        let index = Locked::take(repository, &name)?;
        let failed = |error: git2::Error| tree::failed(&name, &error);
        if repository.refname_to_id(&format!("refs/heads/{branch}")).ok() != Some(parent) {
            return Err(WriteError::Moved { repository: name, branch: branch.to_owned(), noticed: Noticed::Before });
        }
        let base = repository.find_commit(parent).and_then(|commit| commit.tree()).map_err(failed)?;
        let mut blobs: Vec<(&str, Oid, Mode)> = Vec::new();
        for (path, bytes) in changes {
            tree::check_path(path)?;
            if repository.status_file(Path::new(path)).map_err(failed)? != Status::CURRENT {
                return Err(WriteError::Uncommitted((*path).to_owned()));
            }
            blobs.push((path, blob(repository, path, bytes).map_err(failed)?, tree::mode_at(&base, path)?));
        }
        let tree = tree::replaced(repository, &name, &base, &blobs)?;
        let commit = commit::with_tree(repository, &name, parent, tree, new)?;
        Ok(Self { repository, name, branch, parent, commit, index })
    }

    /// Puts the commit on the branch; the files hold their new bytes by now.
    pub fn make(self, changes: &BTreeMap<&str, &[u8]>, new: &NewCommit) -> Result<Oid, WriteError> {
        let Some(commit) = self.commit else { return Ok(self.parent) };
        move_branch(self.repository, &self.name, self.branch, self.parent, commit, new)?;
        self.index.write(self.repository, changes).map_err(|error| tree::failed(&self.name, &error))?;
        Ok(commit)
    }
}

impl Locked {
    /// Locks the index as `git` does.
    fn take(repository: &Repository, name: &str) -> Result<Self, WriteError> {
        let index = repository.path().join("index");
        let lock = index.with_extension("lock");
        let failed = |reason: String| WriteError::Failed { repository: name.to_owned(), reason };
        match fs::OpenOptions::new().write(true).create_new(true).open(&lock) {
            Ok(file) => {
                let locked = Self { index, lock };
                let copied = fs::File::open(&locked.index).and_then(|mut index| io::copy(&mut index, &mut &file));
                match copied {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error.to_string())),
                    _ => Ok(locked),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(WriteError::Locked { repository: name.to_owned(), reason: "index.lock exists".to_owned() })
            }
            Err(error) => Err(failed(format!("{}: {error}", lock.display()))),
        }
    }

    /// Writes what the files are now into the index, and leaves everything else in it alone.
    fn write(&self, repository: &Repository, changes: &BTreeMap<&str, &[u8]>) -> Result<(), git2::Error> {
        let mut index = Index::open(&self.lock)?;
        repository.set_index(&mut index)?;
        for path in changes.keys() {
            // The index applies line ends and other attributes as `git add` does.
            index.add_path(Path::new(path))?;
        }
        distrust_times(&mut index, &self.index, changes)?;
        index.write()?;
        fs::rename(&self.lock, &self.index).map_err(|error| git2::Error::from_str(&format!("{}: {error}", self.index.display())))?;
        repository.set_index(&mut Index::open(&self.index)?)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Where the index was written the lock has become it.
        let _gone = fs::remove_file(&self.lock);
    }
}

/// A blob of a file's bytes, with line ends and other attributes applied as `git add` does.
fn blob(repository: &Repository, path: &str, bytes: &[u8]) -> Result<Oid, git2::Error> {
    let mut writer = repository.blob_writer(Some(Path::new(path)))?;
    writer.write_all(bytes).map_err(|error| git2::Error::from_str(&error.to_string()))?;
    writer.commit()
}

/// Lets the next reader compare the bytes of each file that may have changed in the second in which the old index was written.
///
/// The `git` program tells times apart by seconds, and compares bytes only where the index is not younger; libgit2, which writes a younger one, goes by
/// less and so leaves it nothing to doubt. An entry of no size is always compared.
fn distrust_times(index: &mut Index, old: &Path, ours: &BTreeMap<&str, &[u8]>) -> Result<(), git2::Error> {
    let Ok(written) = fs::metadata(old).map(|metadata| metadata.mtime()) else { return Ok(()) };
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
