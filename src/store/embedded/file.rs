//! The file of a store: one writer at a time, and what cannot be used is set aside.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use redb::{Builder, backends::InMemoryBackend};

use super::{
    caught,
    rows::{FORMAT, Rows},
};
use crate::store::{Notice, StoreError, Why};

const FILE: &str = "store.redb";
const LOCK: &str = "store.lock";
/// What the name of a file that is set aside ends with; an earlier one of that name goes.
const ASIDE: &str = "store.redb.aside";
/// Pages that are kept in memory.
const PAGES: usize = 4 << 20;
/// How many bytes half a cache may have, in a file and in memory.
const HALF: u64 = 32 << 20;
const HALF_IN_MEMORY: u64 = 8 << 20;

/// Where a store lives.
pub(super) enum Home {
    /// In a folder, and nobody else's while the lock lives.
    Folder { folder: PathBuf, _lock: File },
    /// In memory.
    Memory,
}

impl Home {
    /// Takes the folder, or stays in memory where another process has it.
    pub(super) fn settle(folder: &Path) -> Result<(Self, Option<Notice>), StoreError> {
        let told = |path: &Path| {
            let path = path.to_owned();
            move |error| StoreError::of_system(path, error)
        };
        // It names private repositories.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(told(folder))?;
        let path = folder.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(told(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok((Self::Folder { folder: folder.to_owned(), _lock: lock }, None)),
            Err(TryLockError::WouldBlock) => Ok((Self::Memory, Some(Notice::InMemory(folder.to_owned())))),
            Err(TryLockError::Error(error)) => Err(told(&path)(error)),
        }
    }

    /// What errors speak of.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Folder { folder, .. } => folder.join(FILE),
            Self::Memory => "memory".into(),
        }
    }

    /// The rows; a file that cannot be used is set aside, once.
    pub(super) fn open(&self) -> Result<(Rows, Option<Notice>), StoreError> {
        let Self::Folder { folder, .. } = self else {
            let database = Builder::new().set_cache_size(0).create_with_backend(InMemoryBackend::new());
            let rows = database.map_err(redb::Error::from).and_then(|database| Rows::new(database, HALF_IN_MEMORY));
            return rows.map(|rows| (rows, None)).map_err(|error| told(self.path(), error));
        };
        let path = self.path();
        let why = match rows(&path) {
            Ok(Found::Rows(rows)) => return Ok((rows, None)),
            Ok(Found::Format(format)) => Why::Format(format),
            Err(error) if is_damage(&error) => Why::Damaged,
            Err(error) => return Err(told(path, error)),
        };
        let aside = folder.join(ASIDE);
        fs::rename(&path, &aside).map_err(|error| StoreError::of_system(path.clone(), error))?;
        match rows(&path) {
            Ok(Found::Rows(rows)) => Ok((rows, Some(Notice::SetAside { path, aside, why }))),
            Ok(Found::Format(_)) => Err(StoreError::Damaged(path)),
            Err(error) => Err(told(path, error)),
        }
    }
}

enum Found {
    Rows(Rows),
    /// Another version's.
    Format(u64),
}

/// Every page is verified, so that damage is found here and not in the midst of work.
fn rows(path: &Path) -> Result<Found, redb::Error> {
    caught(|| {
        let database = Builder::new().set_cache_size(PAGES).set_check_integrity_on_open(true).create(path)?;
        match Rows::format(&database)? {
            None | Some(FORMAT) => Rows::new(database, HALF).map(Found::Rows),
            Some(other) => Ok(Found::Format(other)),
        }
    })
}

fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof),
        redb::Error::PreviousIo | redb::Error::DatabaseAlreadyOpen => false,
        _ => true,
    }
}

/// What a person is told about a failure of the database.
pub(super) fn told(path: PathBuf, error: redb::Error) -> StoreError {
    match error {
        redb::Error::Io(error) => StoreError::of_system(path, error),
        error if is_damage(&error) => StoreError::Damaged(path),
        error => StoreError::Io { path, source: io::Error::other(error) },
    }
}
