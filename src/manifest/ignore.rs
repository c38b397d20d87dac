//! Files that are never edited: `.tagalongignore`.

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The patterns of every `.tagalongignore`, each for its folder and those below.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    /// Folder and patterns, the deepest folder first.
    folders: Vec<(String, Gitignore)>,
}

impl Ignored {
    /// Adds the text of the `.tagalongignore` in a folder (`""` for the top); a line that is no pattern is skipped, as Git does.
    pub fn add(&mut self, folder: &str, text: &str) {
        let mut builder = GitignoreBuilder::new("");
        for line in text.lines() {
            // A pattern that Git cannot read matches nothing there either.
            let _ = builder.add_line(None, line);
        }
        let Ok(patterns) = builder.build() else {
            return;
        };
        self.folders.push((folder.to_owned(), patterns));
        self.folders.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.len()));
    }

    /// Whether the file is never to be edited; the last pattern of the deepest folder decides.
    pub fn is_ignored(&self, path: &str) -> bool {
        self.folders.iter().find_map(|(folder, patterns)| {
            let below = if folder.is_empty() { Some(path) } else { path.strip_prefix(folder.as_str()).and_then(|rest| rest.strip_prefix('/')) };
            let found = patterns.matched_path_or_any_parents(below?, false);
            (!found.is_none()).then(|| found.is_ignore())
        }) == Some(true)
    }
}
