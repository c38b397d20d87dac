//! The files of a commit, and a tree with some of them changed.

use std::{cell::RefCell, collections::BTreeMap, fmt, sync::Arc};

use git2::{FileMode, ObjectType, Odb, Oid, Repository, Tree, build::TreeUpdateBuilder};

use super::{
    aside::Aside,
    error::{ReadError, WriteError},
};

/// The id of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub(super) Oid);

/// The id of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub(super) Oid);

/// What a repository holds at one moment.
#[derive(Clone, Debug, Default)]
pub struct Tip {
    /// The branch; `None` in a folder that is no repository, or where none is checked out.
    pub branch: Option<String>,
    /// The commit; `None` in a folder that is no repository, or has no commit yet.
    pub commit: Option<CommitId>,
    /// Its files in the order of their paths; symlinks and submodules are not among them.
    pub files: Arc<[File]>,
    /// Files whose path is no UTF-8: they are not among `files`.
    pub skipped: u32,
    /// Folders of a work tree that cannot be read.
    pub unlisted: Vec<Unlisted>,
    /// The branch that takes the commits, where it is another.
    pub aside: Option<Aside>,
    /// The tip of the branch that was asked for, where this is that of its push branch: somebody else has committed there.
    pub under: Option<Box<Tip>>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The path from the repository's root, with `/`.
    pub path: String,
    /// The id of its bytes; `None` in a work tree, where nobody has read them yet.
    pub blob: Option<BlobId>,
    /// Whether it is executable.
    pub mode: Mode,
}

/// A folder that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlisted {
    /// Its path from the repository's root.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// The mode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A file.
    Regular,
    /// A file that its group may write, as old versions of Git kept it.
    GroupWritable,
    /// A file that can be executed.
    Executable,
}

/// The bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// All of them.
    Bytes(Vec<u8>),
    /// More than were asked for; none was read.
    TooLarge {
        /// The size in bytes.
        size: u64,
    },
}

impl Tip {
    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().map(|at| &self.files[at])
    }
}

impl Mode {
    fn of(bits: i32) -> Option<Self> {
        match bits {
            0o100_644 => Some(Self::Regular),
            0o100_664 => Some(Self::GroupWritable),
            0o100_755 => Some(Self::Executable),
            _ => None,
        }
    }

    fn for_git(self) -> FileMode {
        match self {
            Self::Regular => FileMode::Blob,
            Self::GroupWritable => FileMode::BlobGroupWritable,
            Self::Executable => FileMode::BlobExecutable,
        }
    }
}

/// What was listed last: folders that are the same in the next commit are not looked into again.
#[derive(Debug, Default)]
pub(super) struct Listed(RefCell<Option<(Oid, Arc<[File]>)>>);

impl Listed {
    /// The files of a commit, in the order of their paths, and how many paths are no UTF-8; every blob is there.
    pub(super) fn list(&self, repository: &Repository, commit: Oid) -> Result<(Arc<[File]>, u32), git2::Error> {
        let tree = repository.find_commit(commit)?.tree()?;
        let last = self.0.take();
        // What is there no more is nothing to go by.
        let before = last.as_ref().and_then(|(tree, _)| repository.find_tree(*tree).ok());
        let known = last.as_ref().map_or(&[][..], |(_, files)| files);
        let mut listing = Listing { repository, database: repository.odb()?, known, files: Vec::with_capacity(known.len()), skipped: 0 };
        listing.folder(&tree, "", before.as_ref())?;
        let Listing { mut files, skipped, .. } = listing;
        // Git's own order is this one, but nothing keeps a stranger from writing a tree in another.
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let files: Arc<[File]> = files.into();
        // Of folders that are not looked into nobody would know what is skipped in them.
        self.0.replace((skipped == 0).then(|| (tree.id(), Arc::clone(&files))));
        Ok((files, skipped))
    }

    /// Forgets it: another repository may lack what this one had.
    pub(super) fn forget(&self) {
        self.0.take();
    }
}

struct Listing<'a> {
    repository: &'a Repository,
    database: Odb<'a>,
    /// The files that were listed last.
    known: &'a [File],
    files: Vec<File>,
    skipped: u32,
}

impl Listing<'_> {
    /// Lists a folder; `before` is what it was when it was listed last.
    fn folder(&mut self, tree: &Tree<'_>, above: &str, before: Option<&Tree<'_>>) -> Result<(), git2::Error> {
        for entry in tree {
            let kind = entry.kind();
            let mode = Mode::of(entry.filemode_raw());
            let wanted = kind == Some(ObjectType::Tree) || mode.is_some();
            let Ok(name) = entry.name() else {
                self.skipped += u32::from(wanted);
                continue;
            };
            let path = format!("{above}{name}");
            match (kind, mode) {
                (Some(ObjectType::Tree), _) => {
                    let before = before.and_then(|before| before.get_name(name)).filter(|before| before.kind() == Some(ObjectType::Tree));
                    match before.map(|before| before.id()) {
                        Some(before) if before == entry.id() => self.again(&format!("{path}/")),
                        before => {
                            let before = before.and_then(|before| self.repository.find_tree(before).ok());
                            self.folder(&self.repository.find_tree(entry.id())?, &format!("{path}/"), before.as_ref())?;
                        }
                    }
                }
                (_, Some(mode)) if self.database.exists(entry.id()) => self.files.push(File { path, blob: Some(BlobId(entry.id())), mode }),
                (_, Some(_)) => return Err(git2::Error::from_str(&format!("the content of `{path}` is missing"))),
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds the files of a folder that is the same.
    fn again(&mut self, above: &str) {
        let start = self.known.partition_point(|file| file.path.as_str() < above);
        self.files.extend(self.known[start..].iter().take_while(|file| file.path.starts_with(above)).cloned());
    }
}

/// The bytes of a blob, if they are at most `limit`; of a larger one only the size is read.
pub(super) fn content(repository: &Repository, blob: BlobId, limit: u64) -> Result<Content, git2::Error> {
    let database = repository.odb()?;
    let size = database.read_header(blob.0)?.0 as u64;
    if size > limit {
        return Ok(Content::TooLarge { size });
    }
    Ok(Content::Bytes(database.read(blob.0)?.data().to_vec()))
}

/// The tree of a commit with the bytes of some files replaced; only the folders on their paths are written anew, and modes stay.
pub(super) fn rewritten(repository: &Repository, name: &str, commit: Oid, changes: &BTreeMap<String, Vec<u8>>) -> Result<Oid, WriteError> {
    let base = repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(|error| failed(name, &error))?;
    let mut blobs = Vec::new();
    for (path, bytes) in changes {
        let mode = mode_at(&base, path)?;
        blobs.push((path.as_str(), repository.blob(bytes).map_err(|error| failed(name, &error))?, mode));
    }
    replaced(repository, name, &base, &blobs)
}

/// The tree with some blobs replaced.
pub(super) fn replaced(repository: &Repository, name: &str, base: &Tree<'_>, blobs: &[(&str, Oid, Mode)]) -> Result<Oid, WriteError> {
    let mut update = TreeUpdateBuilder::new();
    for &(path, blob, mode) in blobs {
        update.upsert(path, blob, mode.for_git());
    }
    update.create_updated(repository, base).map_err(|error| failed(name, &error))
}

/// Whether two commits hold the same files.
pub(super) fn is_same(repository: &Repository, one: Oid, other: Oid) -> bool {
    let tree = |commit| repository.find_commit(commit).map(|commit| commit.tree_id());
    matches!((tree(one), tree(other)), (Ok(one), Ok(other)) if one == other)
}

/// The mode of the file at `path`: a new one is regular.
pub(super) fn mode_at(tree: &Tree<'_>, path: &str) -> Result<Mode, WriteError> {
    check_path(path)?;
    match tree.get_path(path.as_ref()) {
        Ok(entry) => Mode::of(entry.filemode_raw()).ok_or_else(|| WriteError::NotAFile(path.to_owned())),
        Err(_) => Ok(Mode::Regular),
    }
}

/// Refuses what is no path of a file inside a repository.
pub(super) fn check_path(path: &str) -> Result<(), WriteError> {
    let legal = |part: &str| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git") && !part.contains(['\0', '\\']);
    if path.split('/').all(legal) { Ok(()) } else { Err(WriteError::Outside(path.to_owned())) }
}

/// libgit2's failure while writing.
pub(super) fn failed(repository: &str, error: &git2::Error) -> WriteError {
    let (repository, reason) = (repository.to_owned(), error.message().to_owned());
    match error.code() {
        git2::ErrorCode::Locked => WriteError::Locked { repository, reason },
        _ => WriteError::Failed { repository, reason },
    }
}

/// libgit2's failure while reading what should be there.
pub(super) fn damaged(repository: &str, error: &git2::Error) -> ReadError {
    ReadError::Damaged { repository: repository.to_owned(), reason: error.message().to_owned() }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside() {
        for (path, legal) in [
            ("a.yaml", true),
            ("a/b c/d.yaml", true),
            (".github/x", true),
            ("", false),
            ("/etc/passwd", false),
            ("../a", false),
            ("a/../../b", false),
            ("a//b", false),
            ("./a", false),
            (".git/config", false),
            ("a/.GIT/hooks/x", false),
            ("a\\b", false),
        ] {
            assert_eq!(check_path(path).is_ok(), legal, "{path}");
        }
    }
}
