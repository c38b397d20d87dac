//! What a person names as a repository.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::remote::{Plaintext, RemoteUrl, UrlError, UrlFault, is_scp, userinfo_without_scheme};
use crate::policy::Blame;

/// A folder of this machine or a remote URL.
#[derive(Clone, Debug)]
pub enum Location {
    /// A work tree, a bare repository, or a folder that is no repository.
    Folder(PathBuf),
    /// A remote.
    Remote(RemoteUrl),
}

/// Why a text names no repository.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LocationError {
    /// It is empty.
    #[error("cannot read `` as a repository: it is empty")]
    Empty,
    /// It is a URL that cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
}

impl Location {
    /// The folder, where it is one of this machine.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Remote(_) => None,
        }
    }

    /// Reads a folder or a URL; a folder that exists wins over `user@host:path`.
    ///
    /// # Errors
    /// The text is empty or a URL that cannot be used.
    pub fn parse(text: &str, plaintext: Plaintext) -> Result<Self, LocationError> {
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        let is_no_path = || !Path::new(text).exists();
        if text.contains("://") || (is_scp(text) && is_no_path()) {
            return Ok(Self::Remote(RemoteUrl::parse(text, plaintext)?));
        }
        if let Some(end) = userinfo_without_scheme(text).filter(|_| is_no_path()) {
            return Err(UrlError { url: format!("***{}", &text[end..]), fault: UrlFault::NoScheme }.into());
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }
}

impl LocationError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Empty => Some("name a folder or a URL; `.` is the current folder".to_owned()),
            Self::Url(error) => error.hint(),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Remote(url) => write!(f, "{url}"),
        }
    }
}
