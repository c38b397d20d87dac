//! A work tree: the files of a checkout, or of a folder that is no repository, uncommitted changes included.

mod commit;
mod list;
mod write;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use git2::{ErrorCode, ObjectType, Oid, Repository, RepositoryOpenFlags};

use super::{
    commit::{NewCommit, NewStep},
    error::{ReadError, WriteError},
    options,
    source::{Write, Written},
    tree::{BlobId, CommitId, Content, Tip},
};

/// Folders above which no repository is looked for: none.
const NO_CEILING: &[&str] = &[];

/// A work tree.
pub struct WorkTree {
    /// The root: paths count from here.
    root: PathBuf,
    /// Where to read: empty, or a folder with `/` at the end.
    below: String,
    /// `None` in a folder that is no repository.
    repository: Option<Repository>,
    /// What each file held when it was read.
    read: RefCell<BTreeMap<String, Oid>>,
}

/// What a folder turned out to be.
pub(super) enum Found {
    /// A bare repository.
    Bare(Repository),
    /// A work tree.
    WorkTree(WorkTree),
}

/// Finds out what a folder is: a bare repository, a checkout or a folder inside one, or neither.
///
/// As `git` does it, the repository is looked for upwards. A folder that the repository above it ignores is on its own.
pub(super) fn open(folder: &Path) -> Result<Found, ReadError> {
    let kind = fs::metadata(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::NoSuchFolder(folder.to_owned()),
        _ => ReadError::File { path: folder.display().to_string(), source: error },
    })?;
    if !kind.is_dir() {
        return Err(ReadError::NotAFolder(folder.to_owned()));
    }
    let folder = folder.canonicalize().map_err(|source| ReadError::File { path: folder.display().to_string(), source })?;
    // Only this way it is known which work tree a Git folder elsewhere belongs to.
    let repository = match Repository::open_ext(&folder, RepositoryOpenFlags::CROSS_FS, NO_CEILING) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(Found::WorkTree(WorkTree::plain(folder))),
        Err(error) => return Err(ReadError::Unopenable { repository: folder.display().to_string(), reason: error.message().to_owned() }),
    };
    let Some(root) = repository.workdir().map(Path::to_owned) else {
        let bare = repository.path().canonicalize().is_ok_and(|path| path == folder);
        return Ok(if bare { Found::Bare(repository) } else { Found::WorkTree(WorkTree::plain(folder)) });
    };
    let root = root.canonicalize().unwrap_or(root);
    let inside = folder.strip_prefix(&root).ok().filter(|inside| !inside.starts_with(".git")).unwrap_or(Path::new(""));
    if inside != Path::new("") && repository.is_path_ignored(inside).unwrap_or(false) {
        return Ok(Found::WorkTree(WorkTree::plain(folder)));
    }
    let below = match inside.to_str() {
        Some("") => String::new(),
        Some(inside) => format!("{inside}/"),
        None => return Ok(Found::WorkTree(WorkTree::plain(folder))),
    };
    Ok(Found::WorkTree(WorkTree { root, below, repository: Some(repository), read: RefCell::default() }))
}

/// Where a folder stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The root of the work tree; of what is none the folder itself.
    pub root: PathBuf,
    /// The folder's path below it: empty, or with `/` at its end.
    pub below: String,
}

/// Finds the work tree that a folder stands in.
///
/// # Errors
/// It is no folder, or cannot be read.
pub fn standing(folder: &Path) -> Result<Standing, ReadError> {
    options::ensure();
    Ok(match open(folder)? {
        Found::WorkTree(WorkTree { root, below, .. }) => Standing { root, below },
        Found::Bare(repository) => Standing { root: repository.path().to_owned(), below: String::new() },
    })
}

impl WorkTree {
    fn plain(root: PathBuf) -> Self {
        Self { root, below: String::new(), repository: None, read: RefCell::default() }
    }

    pub(super) fn read(&self, branch: Option<&str>) -> Result<Tip, ReadError> {
        let checked_out = self.repository.as_ref().and_then(checked_out);
        if let Some(wanted) = branch.filter(|wanted| checked_out.as_deref() != Some(wanted)) {
            return Err(ReadError::NotCheckedOut {
                path: self.root.clone(),
                branch: wanted.to_owned(),
                checked_out: checked_out.unwrap_or_else(|| "no branch".to_owned()),
            });
        }
        self.read.borrow_mut().clear();
        let commit =
            self.repository.as_ref().and_then(|repository| repository.head().ok()?.peel_to_commit().ok()).map(|commit| CommitId(commit.id()));
        let (files, skipped, unlisted) = list::list(self);
        Ok(Tip { branch: checked_out, commit, files: files.into(), skipped, unlisted, ..Tip::default() })
    }

    pub(super) fn content(&self, path: &str, limit: u64) -> Result<Content, ReadError> {
        let failed = |source| ReadError::File { path: path.to_owned(), source };
        let full = self.root.join(path);
        let metadata = fs::symlink_metadata(&full).map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::other("it is no regular file any more")));
        }
        let mut bytes = Vec::new();
        if metadata.len() <= limit {
            // With room to see the end at once. A file may grow between the look and the read.
            bytes.reserve_exact(usize::try_from(metadata.len() + 1).unwrap_or_default());
            fs::File::open(&full).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(failed)?;
        }
        let size = metadata.len().max(bytes.len() as u64);
        if size > limit {
            return Ok(Content::TooLarge { size });
        }
        self.read.borrow_mut().insert(path.to_owned(), id(&bytes));
        Ok(Content::Bytes(bytes))
    }

    /// Does something with the repository that holds its objects, where there is one.
    pub(super) fn with_repository<T>(&self, work: impl FnOnce(&Repository, &str) -> T) -> Option<T> {
        self.repository.as_ref().map(|repository| work(repository, &self.root.display().to_string()))
    }

    /// The id of what a file held when it was read.
    pub(super) fn blob(&self, path: &str) -> Option<BlobId> {
        self.read.borrow().get(path).copied().map(BlobId)
    }

    /// Writes commit by commit; without commits all at once.
    pub(super) fn write_series(&self, tip: &Tip, series: &[NewStep<'_>], write: Write) -> Result<Written, WriteError> {
        let [.., (_, new)] = series else { return Ok(Written::Nothing) };
        if write == Write::Files {
            let all = series.iter().flat_map(|(changes, _)| changes.iter().map(|(path, bytes)| (path.clone(), bytes.clone()))).collect();
            return self.write(tip, &all, new, write);
        }
        let (mut tip, mut written) = (tip.clone(), Written::Nothing);
        for (changes, new) in series {
            if let Written::Committed(commit) = self.write(&tip, changes, new, write)? {
                (tip.commit, written) = (Some(commit), Written::Committed(commit));
            }
        }
        Ok(written)
    }

    /// Writes the files in place; all are checked before the first is touched.
    fn write(&self, tip: &Tip, changes: &BTreeMap<String, Vec<u8>>, new: &NewCommit, write: Write) -> Result<Written, WriteError> {
        let changes: BTreeMap<&str, &[u8]> = changes
            .iter()
            .filter(|(path, bytes)| self.read.borrow().get(*path) != Some(&id(bytes)))
            .map(|(path, bytes)| (&**path, &**bytes))
            .collect();
        if changes.is_empty() {
            return Ok(Written::Nothing);
        }
        let commit = match write {
            Write::Files => None,
            Write::Commit => Some(commit::Prepared::new(self, tip, &changes, new)?),
        };
        let before = write::files(self, &changes)?;
        self.note(&changes);
        let Some(commit) = commit else { return Ok(Written::Files) };
        match commit.make(&changes, new) {
            Ok(commit) => Ok(Written::Committed(CommitId(commit))),
            Err(error @ (WriteError::Moved { .. } | WriteError::Locked { .. })) => {
                // Without its commit the change would look like a person's. What cannot be put back is told by the next reading.
                let before = before.iter().map(|(path, bytes)| (&**path, &**bytes)).collect();
                if write::files(self, &before).is_ok() {
                    self.note(&before);
                }
                Err(error)
            }
            Err(error) => Err(error),
        }
    }
}

impl WorkTree {
    /// Notes what files hold by now.
    fn note(&self, files: &BTreeMap<&str, &[u8]>) {
        self.read.borrow_mut().extend(files.iter().map(|(path, bytes)| ((*path).to_owned(), id(bytes))));
    }
}

/// The branch that is checked out, also where it has no commit yet.
fn checked_out(repository: &Repository) -> Option<String> {
    let head = repository.find_reference("HEAD").ok()?;
    head.symbolic_target().ok().flatten()?.strip_prefix("refs/heads/").map(str::to_owned)
}

/// The id that tells one content from another.
fn id(bytes: &[u8]) -> Oid {
    Oid::hash_object(ObjectType::Blob, bytes).expect("bytes in memory can be hashed")
}
