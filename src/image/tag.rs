//! Tags.

use std::fmt;

use super::ReferenceError;

/// An OCI tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
///
/// # Source
/// OCI distribution spec 1.1, "Pulling manifests".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Box<str>);

impl Tag {
    /// Reads a tag.
    ///
    /// # Errors
    /// The text is empty, longer than 128 bytes, or holds a character that no tag may hold.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let fault = text.char_indices().find_map(|(at, c)| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' => None,
            '.' | '-' if at > 0 => None,
            _ => Some(ReferenceError::new(text, at, format!("a tag cannot hold `{}` here", c.escape_debug()))),
        });
        match fault {
            Some(error) => Err(error),
            None if text.is_empty() => Err(ReferenceError::new(text, 0, "the tag is empty")),
            None if text.len() > 128 => Err(ReferenceError::new(text, 128, "a tag has at most 128 characters")),
            None => Ok(Self(text.into())),
        }
    }

    /// The tag as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_the_specification_says() {
        for (word, text, legal) in [
            ("plain", "1.27.3-alpine", true),
            ("underscore first", "_x", true),
            ("upper case", "RELEASE.2024-01-01T00-00-00Z", true),
            ("128 characters", &"a".repeat(128), true),
            ("129 characters", &"a".repeat(129), false),
            ("empty", "", false),
            ("dot first", ".1", false),
            ("dash first", "-1", false),
            ("plus", "1.0+build", false),
            ("slash", "a/b", false),
            ("newline", "a\nb", false),
            ("not ascii", "é", false),
        ] {
            assert_eq!(Tag::parse(text).is_ok(), legal, "{word}");
        }
    }
}
