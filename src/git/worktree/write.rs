//! Files replaced atomically: a temporary file in the same folder, fsync, rename.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
};

use git2::Oid;
use rayon::prelude::*;
use tempfile::NamedTempFile;

use super::{WorkTree, id};
use crate::git::{error::WriteError, tree::check_path};

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
    let root = work_tree.root.as_path();
    // On several threads: each waits for the disk.
    let ready: Vec<_> = changes.par_iter().map(|(path, bytes)| prepared(root, path, bytes)).collect();
    let ready = ready.into_iter().collect::<Result<Vec<Ready<'_>>, _>>()?;
    let read = work_tree.read.borrow();
    let read: Vec<(&str, Option<Oid>)> = changes.keys().map(|path| (*path, read.get(*path).copied())).collect();
    // As late as can be: an editor may have saved since the files were read.
    let before: Vec<_> = read.par_iter().map(|(path, read)| unchanged(root, path, *read)).collect();
    let before = before.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
    ready.into_par_iter().try_for_each(|(path, target, file)| file.persist(&target).map(drop).map_err(|error| failed(path, error.error)))?;
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
fn unchanged(root: &Path, path: &str, read: Option<Oid>) -> Result<Option<(String, Vec<u8>)>, WriteError> {
    let now = match fs::read(root.join(path)) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(failed(path, source)),
    };
    if now.as_deref().map(id) != read {
        return Err(WriteError::ChangedOnDisk(path.to_owned()));
    }
    Ok(now.map(|bytes| (path.to_owned(), bytes)))
}

/// A path, the file that it leads to, and the temporary one that takes its place.
type Ready<'c> = (&'c str, PathBuf, NamedTempFile);

fn prepared<'c>(root: &Path, path: &'c str, bytes: &[u8]) -> Result<Ready<'c>, WriteError> {
    let target = root.join(path);
    let file = beside(&target, bytes).map_err(|source| failed(path, source))?;
    Ok((path, target, file))
}

/// A temporary file beside the target with its new bytes, its mode and its owner.
fn beside(target: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
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
