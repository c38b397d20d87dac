//! Which files a work tree holds.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use git2::Repository;
use ignore::{DirEntry, WalkBuilder};

use super::WorkTree;
use crate::git::tree::{File, Mode, Unlisted};

/// The files, by path: those that Git tracks and those that it does not ignore.
///
/// `.git`, symlinks, submodules and other repositories inside are left out.
pub(super) fn list(work_tree: &WorkTree) -> (Vec<File>, u32, Vec<Unlisted>) {
    let mut found = Found { root: &work_tree.root, files: BTreeMap::new(), skipped: 0, unlisted: vec![] };
    let mut walk = WalkBuilder::new(work_tree.root.join(&work_tree.below));
    walk.standard_filters(false).filter_entry(is_ours);
    if let Some(repository) = &work_tree.repository {
        walk.git_ignore(true).git_exclude(true).parents(true);
        found.walk(&walk);
        // Some forms of an index only the `git` program reads. What is missing without it is what is tracked and ignored at once.
        if let Err(error) = found.tracked(repository, &work_tree.below) {
            found.unlisted.push(Unlisted { path: ".git/index".to_owned(), reason: error.message().to_owned() });
        }
    } else {
        found.walk(&walk);
    }
    let files = found.files.into_iter().map(|(path, mode)| File { path, blob: None, mode }).collect();
    (files, found.skipped, found.unlisted)
}

struct Found<'a> {
    root: &'a Path,
    files: BTreeMap<String, Mode>,
    skipped: u32,
    unlisted: Vec<Unlisted>,
}

impl Found<'_> {
    fn walk(&mut self, walk: &WalkBuilder) {
        for entry in walk.build() {
            match entry {
                Ok(entry) => self.add(&entry),
                Err(error) => self.unlisted.push(self.unlisted(&error)),
            }
        }
    }

    fn add(&mut self, entry: &DirEntry) {
        let Some(metadata) = entry.metadata().ok().filter(fs::Metadata::is_file) else { return };
        match entry.path().strip_prefix(self.root).ok().and_then(Path::to_str) {
            Some(path) => drop(self.files.insert(path.to_owned(), mode(&metadata))),
            None => self.skipped += 1,
        }
    }

    /// Adds the files that are ignored and tracked all the same.
    fn tracked(&mut self, repository: &Repository, below: &str) -> Result<(), git2::Error> {
        let index = repository.index()?;
        for entry in index.iter() {
            let Ok(path) = String::from_utf8(entry.path) else { continue };
            if !path.starts_with(below) || self.files.contains_key(&path) || passes_a_link(self.root, &path) {
                continue;
            }
            if let Some(metadata) = fs::symlink_metadata(self.root.join(&path)).ok().filter(fs::Metadata::is_file) {
                self.files.insert(path, mode(&metadata));
            }
        }
        Ok(())
    }

    fn unlisted(&self, error: &ignore::Error) -> Unlisted {
        let (path, reason) = match error {
            ignore::Error::WithDepth { err, .. } => match &**err {
                ignore::Error::WithPath { path, err } => (path.as_path(), err.to_string()),
                other => (Path::new(""), other.to_string()),
            },
            ignore::Error::WithPath { path, err } => (path.as_path(), err.to_string()),
            other => (Path::new(""), other.to_string()),
        };
        Unlisted { path: path.strip_prefix(self.root).unwrap_or(path).display().to_string(), reason }
    }
}

/// Whether an entry belongs to this repository: `.git` and the repositories inside do not.
fn is_ours(entry: &DirEntry) -> bool {
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    entry.depth() == 0 || (entry.file_name() != ".git" && !(is_folder && entry.path().join(".git").exists()))
}

fn passes_a_link(root: &Path, path: &str) -> bool {
    let is_link = |folder: &Path| fs::symlink_metadata(root.join(folder)).is_ok_and(|metadata| metadata.is_symlink());
    Path::new(path).ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()).any(is_link)
}

fn mode(metadata: &fs::Metadata) -> Mode {
    if metadata.permissions().mode() & 0o100 == 0 { Mode::Regular } else { Mode::Executable }
}
