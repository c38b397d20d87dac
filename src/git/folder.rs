//! The folder of a mirror: locked, made as a whole, swept, measured.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use git2::Repository;
use sha2::{Digest, Sha256};

use super::error::ReadError;

/// How many processes may mirror one remote at once.
const MOST_SIBLINGS: u32 = 64;
/// A mirror of more packs is cloned anew.
const MOST_PACKS: usize = 50;
/// A mirror of more loose objects is cloned anew; one of 256 folders tells how many there are.
const MOST_LOOSE: usize = 10_000;
/// What it takes to be one of ours: for conversations that take no such option, credentials do not follow a redirect to another host.
const REDIRECTS: &str = "http.followRedirects";

/// The first mirror of a remote that no other process uses, locked.
pub(super) fn locked(mirrors: &Path, url: &str) -> Result<(PathBuf, fs::File), ReadError> {
    let key = key(url);
    for sibling in 1..=MOST_SIBLINGS {
        let name = if sibling == 1 { key.clone() } else { format!("{key}.{sibling}") };
        let path = mirrors.join(format!("{name}.lock"));
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|source| state_error(&path, source))?;
        match file.try_lock() {
            Ok(()) => return Ok((mirrors.join(name), file)),
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(source)) => return Err(state_error(&path, source)),
        }
    }
    Err(state_error(mirrors, io::Error::other(format!("{MOST_SIBLINGS} processes mirror this repository already"))))
}

/// The mirror that is there, without what a process that was killed has left in it; why it cannot be used, where one is there.
pub(super) fn kept(folder: &Path) -> Result<Repository, Option<String>> {
    let _leftovers = ["new", "old"].map(|end| removed(&named(folder, end)));
    if !folder.exists() {
        return Err(None);
    }
    // Whoever holds the folder's lock is the only one: locks inside are those of the dead.
    sweep(folder, &|name| name.strip_suffix(".lock").is_some());
    for objects in ["objects", "objects/pack"] {
        sweep(&folder.join(objects), &|name| name.contains("_git2_"));
    }
    let sound = || {
        let repository = Repository::open(folder)?;
        repository.find_reference("HEAD")?;
        if repository.config()?.get_bool(REDIRECTS)? { Err(git2::Error::from_str("its configuration is not ours")) } else { Ok(repository) }
    };
    sound().map_err(|error: git2::Error| Some(error.message().to_owned()))
}

/// An empty mirror beside a folder, to be filled and then put in its place.
pub(super) fn beside(folder: &Path) -> Result<Repository, ReadError> {
    let new = named(folder, "new");
    removed(&new)?;
    let made = Repository::init_bare(&new).and_then(|repository| {
        repository.config()?.set_bool(REDIRECTS, false)?;
        Ok(repository)
    });
    made.map_err(|error| state_error(&new, io::Error::other(error.message().to_owned())))
}

/// Puts what was made beside a folder in its place.
pub(super) fn swapped(folder: &Path) -> Result<Repository, ReadError> {
    let (new, old) = (named(folder, "new"), named(folder, "old"));
    removed(&old)?;
    match fs::rename(folder, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(state_error(folder, error)),
        _ => {}
    }
    fs::rename(&new, folder).map_err(|error| state_error(folder, error))?;
    removed(&old)?;
    Repository::open(folder).map_err(|error| state_error(folder, io::Error::other(error.message().to_owned())))
}

/// Whether the mirror has grown into so many pieces that a new one is quicker.
pub(super) fn has_grown(folder: &Path) -> bool {
    let count = |folder: PathBuf, end: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(end)).count()
    };
    let objects = folder.join("objects");
    count(objects.join("pack"), ".pack") > MOST_PACKS || count(objects.join("17"), "") > MOST_LOOSE / 256
}

/// The failure of a file of the state folder.
pub(super) fn state_error(path: &Path, source: io::Error) -> ReadError {
    ReadError::State { path: path.to_owned(), source }
}

/// Removes what is left behind; objects are left out but for `objects` itself.
fn sweep(folder: &Path, is_left: &dyn Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && name != "objects" && !folder.ends_with("objects") {
            sweep(&path, is_left);
        } else if !is_folder && is_left(&name) {
            // What cannot be removed is found when it is in the way.
            let _removed = fs::remove_file(path);
        }
    }
}

fn removed(folder: &Path) -> Result<(), ReadError> {
    let gone = match fs::symlink_metadata(folder) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(folder),
        Ok(_) => fs::remove_file(folder),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(state_error(folder, error)),
        _ => Ok(()),
    }
}

fn named(folder: &Path, end: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

/// The folder of a remote: readable, and distinct for every URL.
fn key(url: &str) -> String {
    let readable: String =
        url.split_once("://").map_or(url, |(_, rest)| rest).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let hash: [u8; 32] = Sha256::digest(url.as_bytes()).into();
    let hash = hash.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("{:.60}-{hash:016x}", readable.trim_matches('-'))
}
