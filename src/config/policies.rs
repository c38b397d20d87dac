//! Own presets: files in the folders that are configured.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::Config;
use crate::policy::{
    Blame,
    preset::{Preset, Presets},
};

/// A preset is at most this long.
///
/// # Units
/// Bytes.
const LIMIT: u64 = 256 * 1024;

/// Why an own preset cannot be used.
#[derive(Debug, Error)]
pub enum PresetFileError {
    /// The folder cannot be listed.
    #[error("cannot read the folder of presets `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read the preset `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// The file is no preset.
    #[error("cannot read the preset `{}` line {line}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        what: String,
    },
    /// Two files have the same name.
    #[error("cannot use the preset `{}`: `{}` has the same name", path.display(), other.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The one that was read before.
        other: PathBuf,
    },
}

impl Config {
    /// The presets that are shipped, and those of the configured folders: each `NAME.yaml`. A preset of a folder wins over a shipped one.
    ///
    /// # Errors
    /// Every folder that cannot be listed, and every file that is no preset.
    pub fn presets(&self) -> Result<Presets, Vec<PresetFileError>> {
        let (mut own, mut faults) = (BTreeMap::<String, (PathBuf, Preset)>::new(), Vec::new());
        for folder in &self.policies {
            let files = files(folder).unwrap_or_else(|source| {
                faults.push(PresetFileError::Folder { path: folder.clone(), source });
                Vec::new()
            });
            for (name, path) in files {
                match (own.get(&name), read(&name, &path)) {
                    (Some((other, _)), _) => faults.push(PresetFileError::Twice { path, other: other.clone() }),
                    (None, Ok(preset)) => drop(own.insert(name, (path, preset))),
                    (None, Err(fault)) => faults.push(fault),
                }
            }
        }
        if faults.is_empty() { Ok(Presets::shipped().with(own.into_values().map(|(_, preset)| preset))) } else { Err(faults) }
    }
}

/// The presets of a folder, by name. Names that begin with a dot are the file system's or an editor's own.
fn files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && !name.starts_with('.') {
            files.push((name, path));
        }
    }
    files.sort();
    Ok(files)
}

fn read(name: &str, path: &Path) -> Result<Preset, PresetFileError> {
    let unreadable = |source| PresetFileError::Unreadable { path: path.to_owned(), source };
    let malformed = |line, what| PresetFileError::Malformed { path: path.to_owned(), line, what };
    if fs::metadata(path).map_err(unreadable)?.len() > LIMIT {
        return Err(malformed(1, "it has more than 256 KiB".to_owned()));
    }
    let text = String::from_utf8(fs::read(path).map_err(unreadable)?).map_err(|_| malformed(1, "it is not UTF-8".to_owned()))?;
    let preset = Preset::parse(name, &text).map_err(|error| malformed(error.line, error.what))?;
    Ok(Preset { file: Some(path.display().to_string()), ..preset })
}

impl PresetFileError {
    /// The file or folder that is wrong.
    pub fn path(&self) -> &Path {
        match self {
            Self::Folder { path, .. } | Self::Unreadable { path, .. } | Self::Malformed { path, .. } | Self::Twice { path, .. } => path,
        }
    }

    /// The line that is wrong, from 1; `None` where it is no single one.
    pub fn line(&self) -> Option<u64> {
        if let Self::Malformed { line, .. } = self { Some(*line) } else { None }
    }

    /// What is wrong, without the file and the line where both are known.
    pub fn fault(&self) -> String {
        if let Self::Malformed { what, .. } = self { what.clone() } else { self.to_string() }
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Folder { .. } => "`policies:` and --policies name folders that hold NAME.yaml".to_owned(),
            Self::Unreadable { path, .. } => format!("let this user read `{}`", path.display()),
            Self::Malformed { .. } => "`tagalong policy show release` shows what a preset looks like".to_owned(),
            Self::Twice { .. } => "give one of the files another name".to_owned(),
        })
    }
}
