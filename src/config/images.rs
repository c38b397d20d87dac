//! Which images are looked up at all.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use thiserror::Error;

use crate::image::Repository;

/// A glob over the full name of a repository, as Flux v1 matched it: `*` crosses slashes.
#[derive(Clone)]
pub struct ImagePattern {
    text: String,
    glob: GlobMatcher,
}

/// A text is no glob.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot read the glob `{text}`: {what}")]
pub struct PatternError {
    text: String,
    pub(super) what: String,
}

impl ImagePattern {
    /// Reads a glob.
    ///
    /// # Errors
    /// The text is empty, or a bracket or brace is not closed.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let error = |what: String| PatternError { text: text.to_owned(), what };
        if text.is_empty() {
            return Err(error("it is empty".into()));
        }
        let glob = GlobBuilder::new(text).literal_separator(false).backslash_escape(false).build().map_err(|e| error(e.kind().to_string()))?;
        Ok(Self { text: text.to_owned(), glob: glob.compile_matcher() })
    }

    fn matches(&self, repository: &Repository) -> bool {
        let alias = (&*repository.registry == "docker.io").then(|| format!("index.{repository}"));
        self.glob.is_match(repository.to_string()) || alias.is_some_and(|name| self.glob.is_match(name))
    }
}

impl fmt::Debug for ImagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Which images are looked up at all.
#[derive(Clone, Debug, Default)]
pub struct ImageFilter {
    /// Only these, where there are any.
    pub include: Vec<ImagePattern>,
    /// But none of these.
    pub exclude: Vec<ImagePattern>,
}

impl ImageFilter {
    /// Whether a repository is looked up.
    pub fn admits(&self, repository: &Repository) -> bool {
        let any = |patterns: &[ImagePattern]| patterns.iter().any(|pattern| pattern.matches(repository));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Name;

    #[test]
    fn an_image_is_looked_up_unless_left_out() {
        for (word, include, exclude, name, admitted) in [
            ("no filter", &[][..], &[][..], "redis", true),
            ("excluded by its full name", &[], &["docker.io/library/*"], "redis", false),
            ("the hub's other name", &[], &["index.docker.io/*"], "redis", false),
            ("excluded host", &[], &["k8s.gcr.io/*"], "k8s.gcr.io/pause/x", false),
            ("another host", &[], &["k8s.gcr.io/*"], "ghcr.io/acme/app", true),
            ("included", &["ghcr.io/acme/*"], &[], "ghcr.io/acme/app", true),
            ("not included", &["ghcr.io/acme/*"], &[], "redis", false),
            ("exclusion wins", &["ghcr.io/*"], &["*/app"], "ghcr.io/acme/app", false),
        ] {
            let patterns = |texts: &[&str]| texts.iter().map(|text| ImagePattern::parse(text).expect(text)).collect();
            let filter = ImageFilter { include: patterns(include), exclude: patterns(exclude) };
            assert_eq!(filter.admits(&Name::parse(name).expect(name).repository()), admitted, "{word}");
        }
    }

    #[test]
    fn a_glob_that_does_not_close_is_refused() {
        for text in ["", "ghcr.io/[a", "ghcr.io/{a"] {
            assert!(ImagePattern::parse(text).is_err(), "{text}");
        }
    }
}
