//! One way to read and write a repository, wherever it is.

use std::collections::BTreeMap;

use git2::Repository;

use super::{
    access::Access,
    aside::Branches,
    bare::{Bare, Named},
    commit::{NewCommit, NewStep},
    contact::Contact,
    error::{ReadError, WriteError},
    location::Location,
    mirror::Mirror,
    news::News,
    options,
    remote::RemoteUrl,
    tree::{self, BlobId, CommitId, Content, File, Tip},
    worktree::{self, Found, WorkTree},
};

/// A repository that is read and written.
///
/// All of it blocks; a `Source` can go to another thread, but serves one at a time.
pub enum Source {
    /// A remote, through a mirror in the state folder.
    Mirror(Box<Mirror>),
    /// A bare repository of this machine, or one that a `file://` URL names: written in place.
    Bare(Bare),
    /// A work tree.
    WorkTree(WorkTree),
}

/// How far a write into a work tree goes; elsewhere every write is a commit on the branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// The files are edited.
    Files,
    /// The files are edited and committed on the branch that is checked out.
    Commit,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Everything was like that already.
    Nothing,
    /// The files of a work tree are edited.
    Files,
    /// This commit stands on the branch.
    Committed(CommitId),
}

impl Source {
    /// Opens a repository; nothing is asked of a remote yet.
    ///
    /// # Errors
    /// The folder is none or cannot be read, or the state folder cannot be written.
    pub fn open(location: &Location, access: &Access) -> Result<Self, ReadError> {
        options::ensure();
        match location {
            Location::Folder(folder) => Ok(match worktree::open(folder)? {
                Found::Bare(repository) => Self::Bare(Bare::new(repository, folder.display().to_string(), Named::Folder)),
                Found::WorkTree(work_tree) => Self::WorkTree(work_tree),
            }),
            Location::Remote(url) => Self::open_url(url, access),
        }
    }

    fn open_url(url: &RemoteUrl, access: &Access) -> Result<Self, ReadError> {
        if let Some(folder) = url.folder() {
            return Ok(Self::Bare(Bare::open_url(&folder, url.to_string())?));
        }
        let contact = Contact::new(url, access);
        Ok(Self::Mirror(Box::new(Mirror::open(contact, &access.state)?)))
    }

    /// Reads where the branch stands now, and its files; `None` is the repository's own branch.
    ///
    /// A remote is asked for one ref advertisement; only where the branch moved is anything fetched.
    ///
    /// # Errors
    /// No usable answer, no such branch, no commit, or damage that does not heal by itself.
    pub fn read(&mut self, branch: Option<&str>) -> Result<Tip, ReadError> {
        self.read_for(Branches::one(branch))
    }

    /// As [`Source::read`], where another branch may take the commits; to a work tree that is the same.
    ///
    /// # Shape
    /// The tip of the push branch, once somebody else has committed there: then our commits go on top of theirs.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn read_for(&mut self, branches: Branches<'_>) -> Result<Tip, ReadError> {
        match self {
            Self::Mirror(mirror) => mirror.read(branches),
            Self::Bare(bare) => bare.read(branches),
            Self::WorkTree(work_tree) => work_tree.read(branches.read),
        }
    }

    /// Whether the branches stand where a tip has them; never in a work tree, whose files change without a commit.
    ///
    /// A remote is asked for one ref advertisement, and nothing is fetched.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn still_stands(&self, tip: &Tip, branches: Branches<'_>) -> Result<bool, ReadError> {
        match self {
            Self::Mirror(mirror) => mirror.still_stands(tip, branches),
            Self::Bare(bare) => bare.still_stands(tip, branches),
            Self::WorkTree(_) => Ok(false),
        }
    }

    /// What happened to the repository since the last call, beside what was asked.
    pub fn news(&self) -> Vec<News> {
        if let Self::Mirror(mirror) = self { mirror.news() } else { Vec::new() }
    }

    /// Takes a copy that was found to be damaged away; says whether there is one, and another read is worth it.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn heal(&self, reason: &str) -> Result<bool, ReadError> {
        let Self::Mirror(mirror) = self else { return Ok(false) };
        mirror.start_anew(reason)?;
        Ok(true)
    }

    /// Puts the copy of a remote in order where it has grown into many pieces: for a quiet moment.
    ///
    /// # Errors
    /// As [`Source::read`]; what was there stays.
    pub fn tidy(&self) -> Result<(), ReadError> {
        if let Self::Mirror(mirror) = self { mirror.tidy() } else { Ok(()) }
    }

    /// The bytes of a file of the tip that was read last, if they are at most `limit`; of a larger one only the size is read.
    ///
    /// # Errors
    /// The file cannot be read, is gone, or is damaged.
    pub fn content(&self, file: &File, limit: u64) -> Result<Content, ReadError> {
        match (self, file.blob) {
            (Self::Mirror(mirror), Some(blob)) => mirror.content(blob, limit),
            (Self::Bare(bare), Some(blob)) => bare.content(blob, limit),
            (Self::WorkTree(work_tree), _) => work_tree.content(&file.path, limit),
            (Self::Mirror(_) | Self::Bare(_), None) => Err(ReadError::Damaged {
                repository: file.path.clone(),
                reason: "a file of a work tree was asked of a repository without one".to_owned(),
            }),
        }
    }

    /// The id of a file's bytes; of one in a work tree that of the bytes that were read last.
    pub fn blob(&self, file: &File) -> Option<BlobId> {
        match self {
            Self::WorkTree(work_tree) => work_tree.blob(&file.path),
            Self::Mirror(_) | Self::Bare(_) => file.blob,
        }
    }

    /// Does something with the repository that holds its objects; `None` for a folder that is no repository.
    pub(super) fn with_repository<T>(&self, work: impl FnOnce(&Repository, &str) -> T) -> Option<T> {
        match self {
            Self::Mirror(mirror) => Some(mirror.with_repository(work)),
            Self::Bare(bare) => Some(bare.with_repository(work)),
            Self::WorkTree(work_tree) => work_tree.with_repository(work),
        }
    }

    /// The bytes of a file of another commit, if they are at most `limit`.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn older(&self, blob: BlobId, limit: u64) -> Result<Content, ReadError> {
        let read = |repository: &Repository, name: &str| tree::content(repository, blob, limit).map_err(|error| tree::damaged(name, &error));
        self.with_repository(read).unwrap_or(Ok(Content::TooLarge { size: 0 }))
    }

    /// Writes the new bytes of some files on top of `tip`: all or, where it fails, nothing.
    ///
    /// A remote's branch is moved by fast-forward only, a local one only from the commit that was read. One that holds our commits alone is rebuilt,
    /// if it stands where the tip has it, and left as it is where it would hold the same files.
    ///
    /// # Errors
    /// [`WriteError::Moved`] asks for another plan on a new tip; every other one says what a person or the other side has to do.
    pub fn write(&self, tip: &Tip, changes: &BTreeMap<String, Vec<u8>>, commit: &NewCommit, write: Write) -> Result<Written, WriteError> {
        self.write_series(tip, &[(changes, commit)], write)
    }

    /// As [`Source::write`], in several commits, each on top of the one before: one push, and all or nothing but in a work tree.
    ///
    /// # Errors
    /// As [`Source::write`].
    pub fn write_series(&self, tip: &Tip, series: &[NewStep<'_>], write: Write) -> Result<Written, WriteError> {
        if series.iter().all(|(changes, _)| changes.is_empty()) {
            return Ok(Written::Nothing);
        }
        let outcome = match (self, &tip.branch, tip.commit) {
            (Self::WorkTree(work_tree), _, _) => return work_tree.write_series(tip, series, write),
            (Self::Mirror(mirror), Some(branch), Some(from)) => mirror.write(tip, branch, from.0, series)?,
            (Self::Bare(bare), Some(branch), Some(from)) => bare.write(tip, branch, from.0, series)?,
            (Self::Mirror(_) | Self::Bare(_), _, _) => {
                return Err(tree::failed("the repository", &git2::Error::from_str("the tip of a folder that is no repository takes no commit")));
            }
        };
        Ok(outcome.map_or(Written::Nothing, Written::Committed))
    }
}

/// Callers read and write on a thread that may block.
const fn goes_to_another_thread<T: Send>() {}
const _: () = goes_to_another_thread::<Source>();
