//! A repository of this machine that is written in place: a bare folder, or the one that a `file://` URL names.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::PathBuf, thread, time::Duration};

use git2::{ErrorCode, Oid, Repository};

use super::{
    aside::{self, Branches, Push, Standing},
    commit::{self, NewCommit, NewStep},
    error::{Noticed, ReadError, WriteError},
    mirror::{Advertised, choose},
    tree::{self, BlobId, CommitId, Content, Listed, Tip},
};

/// The hooks that a push to a repository runs.
const PUSH_HOOKS: [&str; 6] = ["pre-receive", "update", "proc-receive", "reference-transaction", "post-receive", "post-update"];

/// How often a branch that another process has locked is tried again, and after what pause.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A repository that is written in place.
pub struct Bare {
    repository: Repository,
    name: String,
    named: Named,
    listed: Listed,
}

/// How a repository was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// By its folder: its branch is moved.
    Folder,
    /// By a `file://` URL: this stands for a push.
    Url,
}

impl Bare {
    pub(super) fn new(repository: Repository, name: String, named: Named) -> Self {
        Self { repository, name, named, listed: Listed::default() }
    }

    /// The repository that a `file://` URL names.
    pub(super) fn open_url(folder: &PathBuf, url: String) -> Result<Self, ReadError> {
        if !folder.is_dir() {
            return Err(ReadError::NoSuchFolder(folder.clone()));
        }
        match Repository::open(folder) {
            Ok(repository) => Ok(Self::new(repository, url, Named::Url)),
            Err(error) if error.code() == ErrorCode::NotFound => Err(ReadError::NotARepository(url)),
            Err(error) => Err(ReadError::Unopenable { repository: url, reason: error.message().to_owned() }),
        }
    }

    pub(super) fn read(&self, branches: Branches<'_>) -> Result<Tip, ReadError> {
        let (read, push) = self.chosen(branches)?;
        aside::tip(&self.repository, &self.listed, read, push).map_err(|error| tree::damaged(&self.name, &error))
    }

    /// Whether the branches still stand where a tip has them.
    pub(super) fn still_stands(&self, tip: &Tip, branches: Branches<'_>) -> Result<bool, ReadError> {
        let ((_, commit), push) = self.chosen(branches)?;
        Ok(aside::stands(tip, commit, push.as_ref()))
    }

    fn chosen(&self, branches: Branches<'_>) -> Result<(Standing<Oid>, Push), ReadError> {
        let advertised = self.advertised().map_err(|error| tree::damaged(&self.name, &error))?;
        let (branch, commit) = choose(&self.name, branches.read, &advertised)?;
        let push = branches.aside(&branch, |name| advertised.branches.get(name).copied());
        Ok(((branch, commit), push))
    }

    pub(super) fn content(&self, blob: BlobId, limit: u64) -> Result<Content, ReadError> {
        tree::content(&self.repository, blob, limit).map_err(|error| tree::damaged(&self.name, &error))
    }

    /// Does something with the repository that holds its objects.
    pub(super) fn with_repository<T>(&self, work: impl FnOnce(&Repository, &str) -> T) -> T {
        work(&self.repository, &self.name)
    }

    pub(super) fn write(&self, tip: &Tip, branch: &str, from: Oid, series: &[NewStep<'_>]) -> Result<Option<CommitId>, WriteError> {
        let branch = tip.aside.as_ref().map_or(branch, |aside| &aside.branch);
        if self.named == Named::Url {
            self.check_push(branch)?;
        }
        let (Some(commit), Some((_, last))) = (commit::build_series(&self.repository, &self.name, from, series)?, series.last()) else {
            return Ok(None);
        };
        let from = match &tip.aside {
            Some(aside) if aside.stands.is_some_and(|stands| tree::is_same(&self.repository, stands.0, commit)) => return Ok(None),
            Some(aside) => aside.stands.map_or(Oid::ZERO_SHA1, |stands| stands.0),
            None => from,
        };
        move_branch(&self.repository, &self.name, branch, from, commit, last)?;
        Ok(Some(CommitId(commit)))
    }

    fn advertised(&self) -> Result<Advertised, git2::Error> {
        let head = self.repository.find_reference("HEAD")?;
        let mut branches = BTreeMap::new();
        for reference in self.repository.references_glob("refs/heads/*")? {
            let reference = reference?;
            if let (Some(name), Some(id)) = (reference.name().ok().and_then(|name| name.strip_prefix("refs/heads/")), reference.target()) {
                branches.insert(name.to_owned(), id);
            }
        }
        let default = head.symbolic_target().ok().flatten().and_then(|name| name.strip_prefix("refs/heads/")).map(str::to_owned);
        Ok(Advertised { branches, default })
    }

    /// Refuses what a push would run or refuse, since nothing here runs hooks.
    fn check_push(&self, branch: &str) -> Result<(), WriteError> {
        let refused = |message: String| WriteError::Refused { repository: self.name.clone(), branch: branch.to_owned(), message };
        let checked_out = self.repository.head().ok().and_then(|head| head.shorthand().map(str::to_owned).ok());
        if !self.repository.is_bare() && checked_out.as_deref() == Some(branch) {
            return Err(refused("the branch is checked out in a work tree there".to_owned()));
        }
        let folder = self.repository.config().and_then(|config| config.get_path("core.hooksPath"));
        let folder = folder.unwrap_or_else(|_| self.repository.commondir().join("hooks"));
        let runs = |hook: &str| fs::metadata(folder.join(hook)).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
        match PUSH_HOOKS.into_iter().find(|hook| runs(hook)) {
            Some(hook) => Err(refused(format!("it has a `{hook}` hook, which only a Git server runs; use its https URL"))),
            None => Ok(()),
        }
    }
}

/// Moves a branch of a local repository from one commit to another, if it still stands on the first; zero is a branch that does not exist.
pub(super) fn move_branch(repository: &Repository, name: &str, branch: &str, from: Oid, to: Oid, new: &NewCommit) -> Result<(), WriteError> {
    let moved = || WriteError::Moved { repository: name.to_owned(), branch: branch.to_owned(), noticed: Noticed::Before };
    let subject = new.message.lines().next().unwrap_or_default();
    for tried in 1.. {
        let (reference, told) = (format!("refs/heads/{branch}"), format!("commit: {subject}"));
        let written = if from.is_zero() {
            repository.reference(&reference, to, false, &told)
        } else {
            repository.reference_matching(&reference, to, true, from, &told)
        };
        match written {
            Ok(_) => return Ok(()),
            Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::NotFound | ErrorCode::Exists) => return Err(moved()),
            Err(error) if error.code() == ErrorCode::Locked && tried < LOCK_TRIES => thread::sleep(LOCK_PAUSE),
            Err(error) => return Err(tree::failed(name, &error)),
        }
    }
    Err(moved())
}
