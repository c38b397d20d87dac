//! The files of this repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file, by its path in the repository.
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder that Git would not ignore, by its path in the repository.
pub fn files(folder: &str) -> Vec<String> {
    let walk =
        ignore::WalkBuilder::new(root().join(folder)).hidden(false).require_git(false).filter_entry(|entry| entry.file_name() != ".git").build();
    let paths =
        walk.map(|entry| entry.unwrap()).filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file())).map(ignore::DirEntry::into_path);
    let mut files: Vec<String> = paths.map(|path: PathBuf| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()).collect();
    files.sort();
    files
}

/// The files below a folder whose names end so.
pub fn files_with(folder: &str, extension: &str) -> Vec<String> {
    files(folder).into_iter().filter(|path| Path::new(path).extension().is_some_and(|found| found == extension)).collect()
}
