//! Why a repository could not be read or written.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::trouble::RemoteError;
use crate::policy::Blame;

/// Why a repository could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is no such folder.
    #[error("cannot read `{}`: there is no such folder", .0.display())]
    NoSuchFolder(PathBuf),
    /// Something else than a folder is there.
    #[error("cannot read `{}`: it is no folder", .0.display())]
    NotAFolder(PathBuf),
    /// A `file://` URL names a folder that is no repository.
    #[error("cannot read `{0}`: it is no Git repository")]
    NotARepository(String),
    /// libgit2 cannot open what is there.
    #[error("cannot open the repository `{repository}`: {reason}")]
    Unopenable {
        /// The repository.
        repository: String,
        /// Why.
        reason: String,
    },
    /// The remote gave no usable answer.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The branch does not exist.
    #[error("cannot read `{branch}` of `{repository}`: there is no such branch")]
    NoSuchBranch {
        /// The repository.
        repository: String,
        /// The branch that was asked for.
        branch: String,
        /// The branches that are named most like it.
        near: Vec<String>,
    },
    /// Nobody said which branch, and the repository does not say it either.
    #[error("cannot read `{repository}`: it names no default branch")]
    NoDefaultBranch {
        /// The repository.
        repository: String,
        /// Its branches.
        branches: Vec<String>,
    },
    /// It has no commit.
    #[error("cannot read `{repository}`: it is empty")]
    Empty {
        /// The repository.
        repository: String,
    },
    /// A work tree has another branch checked out.
    #[error("cannot read `{branch}` of `{}`: `{checked_out}` is checked out", path.display())]
    NotCheckedOut {
        /// The work tree.
        path: PathBuf,
        /// The branch that was asked for.
        branch: String,
        /// What is checked out.
        checked_out: String,
    },
    /// The state folder cannot be written.
    #[error("cannot write the state folder `{}`", path.display())]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Objects are missing or broken.
    #[error("cannot read `{repository}`: {reason}")]
    Damaged {
        /// The repository.
        repository: String,
        /// What is missing or broken.
        reason: String,
    },
    /// A file of a work tree cannot be read.
    #[error("cannot read the file `{path}`")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Why a repository could not be written; then nothing was written but where the variant says so.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The branch is not what was read: read and plan again.
    #[error("cannot move `{branch}` of `{repository}`: it is not where it was read any more")]
    Moved {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// When it was noticed.
        noticed: Noticed,
    },
    /// A hook, a protected branch or another rule said no.
    #[error("cannot push to `{branch}` of `{repository}`: it was refused: {message}")]
    Refused {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// The remote's own words, one line.
        message: String,
    },
    /// The remote gave no usable answer.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Another process holds a lock in the repository.
    #[error("cannot write `{repository}`: another process has locked it: {reason}")]
    Locked {
        /// The repository.
        repository: String,
        /// libgit2's words.
        reason: String,
    },
    /// A file changed since it was read.
    #[error("cannot write the file `{0}`: it changed since it was read")]
    ChangedOnDisk(String),
    /// A file may not be written.
    #[error("cannot write the file `{0}`: it is read-only")]
    ReadOnly(String),
    /// A file cannot be written; files of the same write that come before it by name may be.
    #[error("cannot write the file `{path}`")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A path is no path inside the tree.
    #[error("cannot write `{0}`: it is no path of a file inside the repository")]
    Outside(String),
    /// A symlink, a folder or something else is where a file should be.
    #[error("cannot write `{0}`: it is no regular file")]
    NotAFile(String),
    /// A file has changes that nobody committed: a commit of it would take them along.
    #[error("cannot commit the file `{0}`: it has changes that are not committed")]
    Uncommitted(String),
    /// No branch is checked out.
    #[error("cannot commit in `{}`: no branch is checked out", .0.display())]
    DetachedHead(PathBuf),
    /// A merge, rebase or the like is under way.
    #[error("cannot commit in `{}`: {operation} is under way", path.display())]
    Unfinished {
        /// The work tree.
        path: PathBuf,
        /// What is under way.
        operation: &'static str,
    },
    /// A folder that is no repository takes no commit.
    #[error("cannot commit in `{}`: it is no Git repository", .0.display())]
    NotARepository(PathBuf),
    /// Name, e-mail address or message that Git does not take.
    #[error("cannot commit as `{name} <{email}>`: {reason}")]
    Signature {
        /// The name.
        name: String,
        /// The address.
        email: String,
        /// Why.
        reason: String,
    },
    /// The commit could not be signed.
    #[error("cannot sign the commit with `{}`: {reason}", key.display())]
    Unsigned {
        /// The file of the key.
        key: PathBuf,
        /// Why.
        reason: String,
    },
    /// libgit2 could not do it: a full disk, a damaged object.
    #[error("cannot write `{repository}`: {reason}")]
    Failed {
        /// The repository.
        repository: String,
        /// libgit2's words.
        reason: String,
    },
}

/// When it was noticed that a branch has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// Before anything was sent.
    Before,
    /// The other side did not take what was sent.
    After,
}

impl ReadError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Remote(error) => error.blame(),
            Self::Damaged { .. } => Blame::Remote,
            _ => Blame::Operator,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Remote(error) => return error.hint(),
            Self::NoSuchFolder(_) | Self::NotAFolder(_) | Self::NotARepository(_) => "name a folder, a bare repository or a URL".to_owned(),
            Self::Unopenable { .. } => "`git fsck` there says more".to_owned(),
            Self::NoSuchBranch { near, .. } if near.is_empty() => "name an existing branch with --branch".to_owned(),
            Self::NoSuchBranch { near, .. } => format!("did you mean {}?", quoted(near, " or ")),
            Self::NoDefaultBranch { branches, .. } => format!("name one with --branch: {}", quoted(branches, ", ")),
            Self::Empty { .. } => "push a first commit".to_owned(),
            Self::NotCheckedOut { branch, .. } => format!("`git switch {branch}` there, or name the repository by its URL"),
            Self::State { .. } => "name a folder that can be written with --state, or `state` in tagalong.yaml".to_owned(),
            Self::Damaged { .. } => "a mirror is cloned again by itself; in a repository of your own `git fsck` says more".to_owned(),
            Self::File { .. } => "check the file's permissions".to_owned(),
        })
    }
}

impl WriteError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Remote(error) => error.blame(),
            Self::Moved { .. } | Self::Locked { .. } | Self::ChangedOnDisk(_) => Blame::Remote,
            Self::Outside(_) => Blame::Bug,
            _ => Blame::Operator,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Remote(error) => return error.hint(),
            Self::Moved { .. } | Self::ChangedOnDisk(_) => "run it again: it is planned anew on what is there now".to_owned(),
            Self::Refused { .. } => "let this user push to the branch, or change what the hook or the branch's protection asks for".to_owned(),
            Self::Locked { .. } => "remove the lock file if no Git process is running there".to_owned(),
            Self::ReadOnly(_) | Self::File { .. } => "check the permissions of the file and of its folder, and the free space".to_owned(),
            Self::Outside(_) => return None,
            Self::NotAFile(_) => "write the file that the link points to".to_owned(),
            Self::Uncommitted(_) => "commit or stash them first, or leave out --commit".to_owned(),
            Self::DetachedHead(_) => "check out a branch with `git switch`, or leave out --commit".to_owned(),
            Self::Unfinished { .. } => "end it first, or leave out --commit".to_owned(),
            Self::NotARepository(_) => "`git init` there, or leave out --commit".to_owned(),
            Self::Unsigned { .. } => "`signingKeyFile` names the key".to_owned(),
            Self::Signature { .. } => "--git-user and --git-email name the author".to_owned(),
            Self::Failed { .. } => "check the free space; `git fsck` there says more".to_owned(),
        })
    }
}

fn quoted(names: &[String], between: &str) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}
