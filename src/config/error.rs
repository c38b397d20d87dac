//! What can be wrong with a configuration.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::policy::Blame;

/// A configuration cannot be used.
///
/// No variant holds the value of a key that may be a secret.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// `--config` names a file that does not exist.
    #[error("cannot read `{}`: there is no such file", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file system refuses the file.
    #[error("cannot read `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// The file is no text.
    #[error("cannot read `{}`: {what}", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Why it is no text that could be read.
        what: &'static str,
    },
    /// The file is no YAML, or a value has another shape than its key wants.
    #[error("cannot read `{}` line {line}: {what}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        what: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// A key is not known.
    #[error("cannot read `{}` line {line}: there is no key `{key}` here", .path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The key.
        key: String,
        /// The known keys of that section, the nearest first.
        known: Vec<&'static str>,
    },
    /// A secret stands in the file.
    #[error("cannot read `{}` line {line}: a secret does not belong into this file, and `{key}` holds one", .path.display())]
    SecretInFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The key that holds it.
        key: String,
        /// Where the secret belongs.
        hint: &'static str,
    },
    /// There is no folder for caches.
    #[error("cannot choose a folder for caches: neither `XDG_STATE_HOME` nor `HOME` is set")]
    NoStateFolder,
}

impl ConfigError {
    /// The file that is wrong, `None` where that is no file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Missing { path }
            | Self::Unreadable { path, .. }
            | Self::NotText { path, .. }
            | Self::Malformed { path, .. }
            | Self::UnknownKey { path, .. }
            | Self::SecretInFile { path, .. } => Some(path),
            Self::NoStateFolder => None,
        }
    }

    /// The line that is wrong, from 1; `None` where it is no single one.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Malformed { line, .. } | Self::UnknownKey { line, .. } | Self::SecretInFile { line, .. } => Some(*line),
            Self::Missing { .. } | Self::Unreadable { .. } | Self::NotText { .. } | Self::NoStateFolder => None,
        }
    }

    /// What is wrong, without the file and the line.
    pub fn fault(&self) -> String {
        let sentence = self.to_string();
        let place = self.path().zip(self.line()).map(|(path, line)| format!("cannot read `{}` line {line}: ", path.display()));
        place.and_then(|place| sentence.strip_prefix(&place).map(str::to_owned)).unwrap_or(sentence)
    }

    /// Who has to act: always the person who wrote the configuration.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to type or change next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some("name an existing file with --config, or leave it out to use ./tagalong.yaml where present".into()),
            Self::Unreadable { .. } | Self::NotText { .. } => Some("the configuration is one YAML file of UTF-8 text".into()),
            Self::Malformed { hint, .. } => {
                Some(hint.clone().unwrap_or_else(|| "docs/configuration.md shows every key with the value that it wants".into()))
            }
            Self::UnknownKey { known, .. } => unknown_key_hint(known),
            Self::SecretInFile { hint, .. } => Some((*hint).into()),
            Self::NoStateFolder => Some("give one with --state DIR".into()),
        }
    }
}

fn unknown_key_hint(known: &[&'static str]) -> Option<String> {
    let (nearest, others) = known.split_first()?;
    if others.is_empty() {
        return Some(format!("the only key here is `{nearest}`"));
    }
    Some(format!("did you mean `{nearest}`? The others are {}", others.join(", ")))
}
