//! Who works here, as Git's configuration tells.

use std::path::{Path, PathBuf};

use git2::{Config, Repository};

use super::options;

/// `user.name` of the repository that a folder stands in, else of the first of these files that has one.
pub fn user_name(folder: Option<&Path>, files: &[PathBuf]) -> Option<String> {
    options::ensure();
    let name = |config: Config| config.get_string("user.name").ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let own = folder.and_then(|folder| Repository::discover(folder).ok()?.config().ok());
    own.and_then(name).or_else(|| files.iter().filter(|file| file.is_file()).find_map(|file| name(Config::open(file).ok()?)))
}
