//! Files replaced atomically: a temporary file in the same folder, fsync, rename.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::{WorkTree, id};
use crate::git::{error::WriteError, tree::check_path};

/// Replaces the files; all new contents are on the disk before the first file is replaced. What they held before comes back, but for new ones.
pub(super) fn files(work_tree: &WorkTree, changes: &BTreeMap<&str, &[u8]>) -> Result<BTreeMap<String, Vec<u8>>, WriteError> {
    for path in changes.keys() {
        check(work_tree, path)?;
    }
    let mut ready = Vec::new();
    for (path, bytes) in changes {
        let target = work_tree.root.join(path);
        let file = prepared(&target, bytes).map_err(|source| failed(path, source))?;
        ready.push((path, target, file));
    }
    // Once more, right before: since the check an editor may have saved.
    let mut before = BTreeMap::new();
    for path in changes.keys() {
        before.extend(unchanged(work_tree, path)?.map(|bytes| ((*path).to_owned(), bytes)));
    }
    for (path, target, file) in ready {
        file.persist(&target).map_err(|error| failed(path, error.error))?;
        folder_synced(&target).map_err(|source| failed(path, source))?;
    }
    Ok(before)
}

fn check(work_tree: &WorkTree, path: &str) -> Result<(), WriteError> {
    check_path(path)?;
    let target = work_tree.root.join(path);
    match fs::symlink_metadata(&target) {
        Ok(metadata) if !metadata.is_file() => return Err(WriteError::NotAFile(path.to_owned())),
        Ok(metadata) if metadata.permissions().readonly() => return Err(WriteError::ReadOnly(path.to_owned())),
        _ => {}
    }
    let folder = target.parent().map(Path::to_owned).unwrap_or_default();
    match folder.canonicalize() {
        Ok(real) if real != folder => return Err(WriteError::Outside(path.to_owned())),
        Ok(_) => {}
        Err(source) => return Err(failed(path, source)),
    }
    unchanged(work_tree, path).map(drop)
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

fn folder_synced(target: &Path) -> io::Result<()> {
    let folder: PathBuf = target.parent().map(Path::to_owned).unwrap_or_default();
    fs::File::open(folder)?.sync_all()
}

fn failed(path: &str, source: io::Error) -> WriteError {
    WriteError::File { path: path.to_owned(), source }
}
