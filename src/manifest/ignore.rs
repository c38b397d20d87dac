//! Files that are never edited: `.tagalongignore`.

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The patterns of every `.tagalongignore`, each for its folder and those below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// The deepest folder first.
    folders: Vec<Folder>,
}

#[derive(Clone, Debug)]
struct Folder {
    path: String,
    text: String,
    patterns: Gitignore,
}

/// The same texts in the same folders are the same patterns.
impl PartialEq for Folder {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.text) == (&other.path, &other.text)
    }
}

impl Eq for Folder {}

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
        self.folders.push(Folder { path: folder.to_owned(), text: text.to_owned(), patterns });
        self.folders.sort_by_key(|folder| std::cmp::Reverse(folder.path.len()));
    }

    /// Whether the file is never to be edited; the last pattern of the deepest folder decides.
    pub fn is_ignored(&self, path: &str) -> bool {
        self.folders.iter().find_map(|Folder { path: folder, patterns, .. }| {
            let below = if folder.is_empty() { Some(path) } else { path.strip_prefix(folder.as_str()).and_then(|rest| rest.strip_prefix('/')) };
            let found = patterns.matched_path_or_any_parents(below?, false);
            (!found.is_none()).then(|| found.is_ignore())
        }) == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_gitignore() {
        let mut ignored = Ignored::default();
        ignored.add("", "# vendored\nvendor/\n*.gen.yaml\n!keep.gen.yaml\n/top.yaml\na/**/z.yaml\n\nspace\\ end.yaml\n");
        ignored.add("apps", "*.yml\n/secret.yaml\n");
        ignored.add("apps/kept", "!*.yml\n");
        for (word, path, expected) in [
            ("folder", "vendor/a.yaml", true),
            ("folder below", "x/vendor/y/a.yaml", true),
            ("glob", "x/a.gen.yaml", true),
            ("taken back", "x/keep.gen.yaml", false),
            ("anchored", "top.yaml", true),
            ("anchored elsewhere", "x/top.yaml", false),
            ("any depth", "a/b/c/z.yaml", true),
            ("escaped space", "space end.yaml", true),
            ("comment", "# vendored", false),
            ("of a folder", "apps/a.yml", true),
            ("of a folder, anchored", "apps/secret.yaml", true),
            ("of a folder, deeper", "apps/x/secret.yaml", false),
            ("another folder", "other/a.yml", false),
            ("folder of like name", "apps2/a.yml", false),
            ("taken back below", "apps/kept/a.yml", false),
            ("top pattern below", "apps/kept/a.gen.yaml", true),
            ("none", "b/a.yaml", false),
        ] {
            assert_eq!(ignored.is_ignored(path), expected, "{word}");
        }
    }

    #[test]
    fn a_line_that_is_no_pattern_matches_nothing() {
        let mut ignored = Ignored::default();
        ignored.add("", "b.yaml\\\na.yaml\r\n");
        assert!(ignored.is_ignored("a.yaml") && !ignored.is_ignored("b.yaml"));
        assert!(!Ignored::default().is_ignored("a.yaml"));
    }
}
