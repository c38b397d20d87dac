//! References: a name with a tag, a digest, both or neither.

use std::fmt;

use thiserror::Error;

use super::{Digest, Name, Tag};

/// People read the tag, the node pulls the digest: a pinned image keeps both.
///
/// # Shape
/// `Display` gives back the text that was parsed, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The repository's name as written.
    pub name: Name,
    /// The tag, where one is written.
    pub tag: Option<Tag>,
    /// The digest, where one is written.
    pub digest: Option<Digest>,
}

/// Why a text is no image reference, name, tag or digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot read `{}` as an image reference: {reason}, at character {}", text.escape_debug(), .at + 1)]
pub struct ReferenceError {
    /// The offending text.
    pub text: String,
    /// Where the fault is, in characters from 0.
    pub at: usize,
    /// What the fault is.
    pub reason: String,
}

impl ReferenceError {
    /// A fault at the byte `at` of `text`.
    pub(super) fn new(text: &str, at: usize, reason: impl Into<String>) -> Self {
        let at = text.get(..at).map_or(0, |before| before.chars().count());
        Self { text: text.to_owned(), at, reason: reason.into() }
    }

    fn inside(self, whole: &str, byte: usize) -> Self {
        let before = whole[..byte].chars().count();
        Self { text: whole.to_owned(), at: before + self.at, reason: self.reason }
    }
}

impl Reference {
    /// Reads `name[:tag][@digest]`.
    ///
    /// # Errors
    /// The text is none by the grammar; the error holds the place of the fault.
    ///
    /// # Source
    /// The grammar of the distribution project's `reference` package.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::new(text, 0, "it is empty"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest).map_err(|error| error.inside(text, rest.len() + 1))?)),
            None => (text, None),
        };
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(colon) => (&rest[..last + colon], Some(Tag::parse(&rest[last + colon + 1..]).map_err(|e| e.inside(text, last + colon + 1))?)),
            None => (rest, None),
        };
        let name = Name::parse(name).map_err(|error| error.inside(text, 0))?;
        Ok(Self { name, tag, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_lead_to_repositories() {
        for (text, repository) in [
            ("redis", "docker.io/library/redis"),
            ("redis:7.2", "docker.io/library/redis"),
            ("docker.io/redis", "docker.io/library/redis"),
            ("index.docker.io/library/redis", "docker.io/library/redis"),
            ("registry-1.docker.io/library/redis", "docker.io/library/redis"),
            ("bitnami/redis", "docker.io/bitnami/redis"),
            ("ghcr.io/acme/app:1.0", "ghcr.io/acme/app"),
            ("GHCR.io/acme/app:1.0", "ghcr.io/acme/app"),
            ("localhost/app", "localhost/app"),
            ("localhost:5000/app:1", "localhost:5000/app"),
            ("[::1]:5000/app:1", "[::1]:5000/app"),
            ("registry:5000/app", "registry:5000/app"),
            ("team/sub/app", "docker.io/team/sub/app"),
        ] {
            assert_eq!(Reference::parse(text).expect(text).name.repository().to_string(), repository, "{text}");
        }
    }

    #[test]
    fn tag_and_digest_are_both_kept() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, tag, has_digest) in [
            ("app".to_owned(), None, false),
            ("app:1.2".to_owned(), Some("1.2"), false),
            (format!("app@{digest}"), None, true),
            (format!("host:5000/app:1.2@{digest}"), Some("1.2"), true),
            ("host:5000/app".to_owned(), None, false),
        ] {
            let reference = Reference::parse(&text).expect("a reference");
            assert_eq!(reference.tag.as_ref().map(Tag::as_str), tag, "{text}");
            assert_eq!(reference.digest.is_some(), has_digest, "{text}");
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (word, text, at) in [
            ("upper-case path", "acme/App:1", 5),
            ("upper case without a dot is no domain", "GHCR/app:1", 0),
            ("empty tag", "app:", 4),
            ("tag with a slash before it is a port", "app:1/x y", 7),
            ("scheme", "https://ghcr.io/app", 5),
            ("space", "app :1", 3),
            ("two dots", "a..b", 1),
            ("three underscores", "a___b", 1),
            ("dash at the end", "app-:1", 3),
            ("short digest", "app@sha256:abc", 14),
            ("two tags", "app:1:2", 5),
            ("placeholder", "IMAGE_PLACEHOLDER", 0),
            ("variable", "${IMAGE}:1", 0),
            ("empty", "", 0),
            ("image id", &"a1".repeat(32), 0),
            ("bad host", "-host.io/app", 0),
            ("port that is no number", "host:x/app", 4),
        ] {
            let error = Reference::parse(text).expect_err(text);
            assert_eq!(error.at, at, "{word}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_accepted_text_prints_back(text in "([a-z0-9.\\[\\]:]{1,8}/)?[a-z0-9._/-]{1,12}(:[A-Za-z0-9_.-]{0,6})?(@sha256:[0-9a-f]{64})?") {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(reference.to_string(), text);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _outcome = Reference::parse(&text);
        }
    }
}
