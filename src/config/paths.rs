//! Where in a repository may be written.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use thiserror::Error;

/// Globs over the paths of a repository; without any, everything is allowed.
#[derive(Clone, Default)]
pub struct Paths {
    texts: Vec<String>,
    globs: Vec<GlobMatcher>,
}

/// A text is no path inside a repository.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot read the path `{text}`: {what}")]
pub struct PathError {
    text: String,
    pub(super) what: String,
}

impl Paths {
    /// Reads paths or globs; a folder stands for all below it.
    ///
    /// # Errors
    /// A path is absolute or leaves the repository, or a glob does not close.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, PathError> {
        let mut kept = Vec::new();
        let mut globs = Vec::new();
        for text in texts {
            let error = |what: &str| PathError { text: text.to_owned(), what: what.to_owned() };
            if text.starts_with('/') {
                return Err(error("it starts with `/`, but paths are relative to the repository"));
            }
            if text.split('/').any(|part| part == "..") {
                return Err(error("it leaves the repository"));
            }
            let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            let pattern = if parts.is_empty() { "**".to_owned() } else { parts.join("/") };
            for pattern in [format!("{pattern}/**"), pattern] {
                let glob = GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(false).build();
                globs.push(glob.map_err(|e| error(&e.kind().to_string()))?.compile_matcher());
            }
            kept.push(text.to_owned());
        }
        Ok(Self { texts: kept, globs })
    }

    /// Whether a file of the repository may be written.
    pub fn allow(&self, path: &str) -> bool {
        self.texts.is_empty() || self.globs.iter().any(|glob| glob.is_match(path))
    }

    /// These paths and those of another list.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.texts.extend(other.texts);
        self.globs.extend(other.globs);
        self
    }

    /// The paths as they were written.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }
}

impl fmt::Debug for Paths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.texts, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_written_where_a_path_covers_it() {
        for (word, paths, file, allowed) in [
            ("no path", &[][..], "apps/a.yaml", true),
            ("folder", &["apps"], "apps/shop/a.yaml", true),
            ("folder with a slash", &["./apps/"], "apps/a.yaml", true),
            ("the file itself", &["apps/a.yaml"], "apps/a.yaml", true),
            ("a name that only begins so", &["apps"], "apps-old/a.yaml", false),
            ("one star stays in its folder", &["clusters/*/apps"], "clusters/prod/apps/a.yaml", true),
            ("one star is one folder", &["clusters/*/apps"], "clusters/eu/prod/apps/a.yaml", false),
            ("two stars cross", &["**/prod"], "clusters/eu/prod/a.yaml", true),
            ("braces", &["clusters/{eu,us}"], "clusters/us/a.yaml", true),
            ("the whole repository", &["."], "apps/a.yaml", true),
            ("second of two", &["apps", "infra"], "infra/a.yaml", true),
            ("neither", &["apps", "infra"], "clusters/a.yaml", false),
        ] {
            assert_eq!(Paths::parse(paths.iter().copied()).expect(word).allow(file), allowed, "{word}");
        }
    }

    #[test]
    fn a_path_stays_in_the_repository() {
        for text in ["/etc", "../other", "apps/../../other", "apps/[a"] {
            assert!(Paths::parse([text]).is_err(), "{text}");
        }
    }
}
