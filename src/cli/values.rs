//! Values of arguments.

use std::{fmt, sync::LazyLock};

use regex::{Captures, Regex};

use crate::{
    config::{ImagePattern, PathError, Paths, PatternError, Prefix, registries::is_rate},
    image::Reference,
};

/// An address that may hold a secret: its debug form masks it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

/// Several values that were written with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(
    /// The values.
    pub Vec<T>,
);

/// An own key of a policy, as `--key` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnKey {
    /// The key: `min-age`.
    pub key: String,
    /// Its value: `48h`.
    pub value: String,
}

impl Address {
    /// The address with its secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&mask(&self.0), f)
    }
}

/// `user:password@`, where no scheme stands before it.
static WITHOUT_SCHEME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"[^\s'"`/:@]+:[^\s'"`/@][^\s'"`@]*@(sha\d+:)?"#).expect("the expression parses"));

/// A text in which everything between `://` and `@` of an address is masked, and `user:password@` without a scheme, too.
pub fn mask(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        masked.push_str(before);
        let authority = after.find(|c: char| matches!(c, '/' | '?' | '#' | '\'' | '"' | '`') || c.is_whitespace()).unwrap_or(after.len());
        // A password may hold a slash that nobody escaped: then the last `@` of the word ends it.
        let word = after.find(char::is_whitespace).unwrap_or(after.len());
        let end = after[..authority].rfind('@').or_else(|| after[..word].rfind('@').filter(|at| after[..*at].contains(':')));
        match end {
            Some(end) => {
                masked.push_str("***");
                rest = &after[end..];
            }
            None => rest = after,
        }
    }
    masked.push_str(rest);
    // `app:1.0@sha256:…` is an image.
    let hidden = |found: &Captures<'_>| if found.get(1).is_some() { found[0].to_owned() } else { "***@".to_owned() };
    WITHOUT_SCHEME.replace_all(&masked, hidden).into_owned()
}

pub(super) fn prefixes(text: &str) -> Result<List<Prefix>, String> {
    split(text).into_iter().map(Prefix::parse).collect::<Result<_, _>>().map(List)
}

pub(super) fn rate(text: &str) -> Result<f64, NoRate> {
    text.parse().ok().filter(|number| is_rate(*number)).ok_or(NoRate)
}

pub(super) fn paths(text: &str) -> Result<Paths, PathError> {
    Paths::parse(split(text))
}

pub(super) fn image_patterns(text: &str) -> Result<List<ImagePattern>, PatternError> {
    split(text).into_iter().map(ImagePattern::parse).collect::<Result<_, _>>().map(List)
}

pub(super) fn own_key(text: &str) -> Result<OwnKey, NoKey> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok(OwnKey { key: key.to_owned(), value: value.to_owned() }),
        _ => Err(NoKey),
    }
}

/// A reference that says which version.
pub(super) fn tagged(text: &str) -> Result<Reference, String> {
    let reference = Reference::parse(text).map_err(|error| format!("{}, at character {}", error.reason, error.at + 1))?;
    if reference.tag.is_some() { Ok(reference) } else { Err("write it as NAME:TAG, or with @DIGEST behind it".to_owned()) }
}

/// A text is no number of requests per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number above 0 is wanted")]
pub(super) struct NoRate;

/// A `--key` is not written as key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write it as KEY=VALUE, for example min-age=48h")]
pub(super) struct NoKey;

/// Splits at commas, but not inside braces: those belong to a glob.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secret() {
        for (word, text, shown) in [
            ("no secret", "https://git.example/fleet.git", "https://git.example/fleet.git"),
            ("password", "https://bot:hunter2@git.example/fleet", "https://***@git.example/fleet"),
            ("token", "https://hunter2@git.example/fleet", "https://***@git.example/fleet"),
            ("at sign inside", "https://bot:hun@ter2@git.example/", "https://***@git.example/"),
            ("slash inside", "https://bot:hun/ter2@git.example/", "https://***@git.example/"),
            ("in a sentence", "argument 'https://a:b@h/x' found", "argument 'https://***@h/x' found"),
            ("two", "https://a:b@h ssh://c:d@i", "https://***@h ssh://***@i"),
            ("at sign in the path", "https://git.example/a@b", "https://git.example/a@b"),
            ("no scheme", "argument 'bot:hun/ter2@git.example/fleet' found", "argument '***@git.example/fleet' found"),
            ("a pinned image", "ghcr.io/acme/app:1.0@sha256:00", "ghcr.io/acme/app:1.0@sha256:00"),
            ("short ssh", "git@git.example:fleet", "git@git.example:fleet"),
        ] {
            assert_eq!(mask(text), shown, "{word}");
        }
    }

    #[test]
    fn a_comma_inside_braces_does_not_split() {
        for (text, parts) in [("a,b", &["a", "b"][..]), ("a/{b,c},d", &["a/{b,c}", "d"]), ("a}", &["a}"]), ("", &[""])] {
            assert_eq!(split(text), parts, "{text}");
        }
    }

    #[test]
    fn an_own_key_has_a_key_and_a_value() {
        for (text, key_and_value) in [
            ("min-age=48h", Some(("min-age", "48h"))),
            ("match=a=b", Some(("match", "a=b"))),
            ("exclude=", Some(("exclude", ""))),
            ("min-age", None),
            ("=48h", None),
        ] {
            let expected = key_and_value.map(|(key, value)| OwnKey { key: key.into(), value: value.into() });
            assert_eq!(own_key(text).ok(), expected, "{text}");
        }
    }
}
