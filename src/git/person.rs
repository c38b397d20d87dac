//! Who works here, as Git's configuration tells.

use std::path::{Path, PathBuf};

use git2::{Config, Repository};

use super::options;

/// `user.name` of the repository that a folder stands in, else of the first of these files that has one.
pub fn user_name(folder: Option<&Path>, files: &[PathBuf]) -> Option<String> {
    value("user.name", folder, files)
}

/// As [`user_name`], of `user.email`.
pub fn user_email(folder: Option<&Path>, files: &[PathBuf]) -> Option<String> {
    value("user.email", folder, files)
}

fn value(key: &str, folder: Option<&Path>, files: &[PathBuf]) -> Option<String> {
    options::ensure();
    let value = |config: Config| config.get_string(key).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let own = folder.and_then(|folder| Repository::discover(folder).ok()?.config().ok());
    own.and_then(value).or_else(|| files.iter().filter(|file| file.is_file()).find_map(|file| value(Config::open(file).ok()?)))
}
