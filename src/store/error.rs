//! What goes wrong with a store, and what is only worth telling.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

use crate::policy::Blame;

/// Why the store does not answer; the next call tries again.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("cannot write `{}`: no room is left on the disk", .0.display())]
    NoRoom(PathBuf),
    /// The system does not let this user at it.
    #[error("cannot use `{}`: this user has no permission", .0.display())]
    NotAllowed(PathBuf),
    /// The disk or its file system fails.
    #[error("cannot use `{}`: reading or writing failed", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What stands in the file is not what was written.
    #[error("cannot read `{}`: the file is damaged", .0.display())]
    Damaged(PathBuf),
}

impl StoreError {
    /// An error of the system, about a file or folder.
    pub(super) fn of_system(path: PathBuf, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::NoRoom(path),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NotAllowed(path),
            _ => Self::Io { path, source },
        }
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::NoRoom(_) | Self::NotAllowed(_) | Self::Io { .. } => Blame::Operator,
            Self::Damaged(_) => Blame::Remote,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoRoom(_) => Some("make room; nothing that was written is lost, and it goes on by itself".to_owned()),
            Self::NotAllowed(_) => Some("let this user read and write the folder, or give another with --state DIR".to_owned()),
            Self::Io { .. } => Some("look after the disk, or give another folder with --state DIR".to_owned()),
            Self::Damaged(_) => Some("it is set aside and made anew when it is used next".to_owned()),
        }
    }
}

/// Something that stops nothing, and that a person should be told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A file could not be used and was replaced by a new one.
    SetAside {
        /// The file.
        path: PathBuf,
        /// Where its bytes are now.
        aside: PathBuf,
        /// Why.
        why: Why,
    },
    /// Another process uses the folder: this one remembers nothing beyond its end.
    InMemory(PathBuf),
}

/// Why a file was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is damaged, or no store at all.
    Damaged,
    /// It was written by a version with this other format.
    Format(u64),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetAside { path, aside, why } => {
                let (path, aside) = (path.display(), aside.display());
                match why {
                    Why::Damaged => write!(f, "`{path}` was damaged; it is now `{aside}`, and what it held is asked for again"),
                    Why::Format(format) => write!(
                        f,
                        "`{path}` was written by another version (format {format}); it is now `{aside}`, and what it held is asked for again"
                    ),
                }
            }
            Self::InMemory(folder) => {
                write!(f, "another process uses `{}`; this one works in memory and keeps nothing", folder.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_errors_are_told_by_what_to_do() {
        for (word, kind, shown, blame) in [
            ("full", io::ErrorKind::StorageFull, "cannot write `/s/store.redb`: no room is left on the disk", Blame::Operator),
            ("quota", io::ErrorKind::QuotaExceeded, "cannot write `/s/store.redb`: no room is left on the disk", Blame::Operator),
            ("rights", io::ErrorKind::PermissionDenied, "cannot use `/s/store.redb`: this user has no permission", Blame::Operator),
            ("read-only", io::ErrorKind::ReadOnlyFilesystem, "cannot use `/s/store.redb`: this user has no permission", Blame::Operator),
            ("disk", io::ErrorKind::Other, "cannot use `/s/store.redb`: reading or writing failed", Blame::Operator),
        ] {
            let error = StoreError::of_system("/s/store.redb".into(), kind.into());
            assert_eq!((error.to_string().as_str(), error.blame()), (shown, blame), "{word}");
            assert!(error.hint().is_some(), "{word}");
        }
    }
}
