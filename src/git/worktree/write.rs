//! Files replaced atomically: a temporary file in the same folder, fsync, rename.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    num::NonZero,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    thread,
};

use tempfile::NamedTempFile;

use super::{WorkTree, id};
use crate::git::{error::WriteError, tree::check_path};

/// Fewer files than this are not worth a thread.
const SHARE: usize = 16;

/// Replaces the files; all new contents are on the disk before the first file is replaced. What they held before comes back, but for new ones.
pub(super) fn files(work_tree: &WorkTree, changes: &BTreeMap<&str, &[u8]>) -> Result<BTreeMap<String, Vec<u8>>, WriteError> {
    let mut folders = BTreeMap::new();
    for path in changes.keys() {
        check(work_tree, path)?;
        folders.entry(path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_insert(*path);
    }
    for path in folders.values() {
        check_folder(work_tree, path)?;
    }
    let ready = all_prepared(&work_tree.root, changes)?;
    // As late as can be: an editor may have saved since the files were read.
    let mut before = BTreeMap::new();
    for path in changes.keys() {
        before.extend(unchanged(work_tree, path)?.map(|bytes| ((*path).to_owned(), bytes)));
    }
    for (path, target, file) in ready {
        file.persist(&target).map_err(|error| failed(path, error.error))?;
    }
    for (folder, path) in folders {
        fs::File::open(work_tree.root.join(folder)).and_then(|folder| folder.sync_all()).map_err(|source| failed(path, source))?;
    }
    Ok(before)
}

fn check(work_tree: &WorkTree, path: &str) -> Result<(), WriteError> {
    check_path(path)?;
    let target = work_tree.root.join(path);
    match fs::symlink_metadata(&target) {
        Ok(metadata) if !metadata.is_file() => Err(WriteError::NotAFile(path.to_owned())),
        Ok(metadata) if metadata.permissions().readonly() => Err(WriteError::ReadOnly(path.to_owned())),
        _ => Ok(()),
    }
}

/// Refuses a folder that a symbolic link leads to.
fn check_folder(work_tree: &WorkTree, path: &str) -> Result<(), WriteError> {
    let target = work_tree.root.join(path);
    let folder = target.parent().map(Path::to_owned).unwrap_or_default();
    match folder.canonicalize() {
        Ok(real) if real != folder => Err(WriteError::Outside(path.to_owned())),
        Ok(_) => Ok(()),
        Err(source) => Err(failed(path, source)),
    }
}

/// What a file holds, if that is what was read; one that nobody read must not exist.
fn unchanged(work_tree: &WorkTree, path: &str) -> Result<Option<Vec<u8>>, WriteError> {
    let now = match fs::read(work_tree.root.join(path)) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(failed(path, source)),
    };
    let is_same = now.as_deref().map(id) == work_tree.read.borrow().get(path).copied();
    if is_same { Ok(now) } else { Err(WriteError::ChangedOnDisk(path.to_owned())) }
}

/// A path, the file that it leads to, and the temporary one that takes its place.
type Ready<'c> = (&'c str, PathBuf, NamedTempFile);

/// Prepares all files, on several threads: each waits for the disk.
fn all_prepared<'c>(root: &Path, changes: &BTreeMap<&'c str, &[u8]>) -> Result<Vec<Ready<'c>>, WriteError> {
    let changes: Vec<(&str, &[u8])> = changes.iter().map(|(path, bytes)| (*path, *bytes)).collect();
    let one = |&(path, bytes): &(&'c str, &[u8])| {
        let target = root.join(path);
        let file = prepared(&target, bytes).map_err(|source| failed(path, source))?;
        Ok((path, target, file))
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(8);
    let share = changes.len().div_ceil(workers).max(SHARE);
    thread::scope(|scope| {
        let one = &one;
        let started: Vec<_> = changes.chunks(share).map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>())).collect();
        started.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// A temporary file beside the target with its new bytes, its mode and its owner.
fn prepared(target: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".tagalong-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    match fs::metadata(target) {
        Ok(old) => {
            // Only root may give a file away; for others it is theirs already, or becomes theirs as with any editor.
            let _owner = chown(file.path(), Some(old.uid()), Some(old.gid()));
            file.as_file().set_permissions(old.permissions())?;
        }
        Err(_) => file.as_file().set_permissions(new_file_permissions())?,
    }
    file.as_file().sync_all()?;
    Ok(file)
}

fn new_file_permissions() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

fn failed(path: &str, source: io::Error) -> WriteError {
    WriteError::File { path: path.to_owned(), source }
}
