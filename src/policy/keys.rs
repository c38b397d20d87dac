//! Own keys: what a pattern alone cannot say.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use thiserror::Error;

use super::pattern::{Expression, Glob, PatternError};
use crate::image::{Platform, Reference};

/// The own keys of one container, `tagalong.dev/<key>`.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// `match`: tags must also match.
    pub expression: Option<Expression>,
    /// `exclude`: tags that any of these match lose.
    pub exclude: Vec<Glob>,
    /// `min-age`: a younger tag loses.
    pub min_age: Option<SignedDuration>,
    /// `digest`: what is written behind the tag.
    pub digest: WriteDigest,
    /// `platform`: only tags that offer all of these; empty means that nobody asked.
    pub platforms: Vec<Platform>,
    /// `within`: what of the current tag's version stays.
    pub within: Within,
    /// `downgrade`: whether a lower tag may replace a higher one.
    pub downgrade: Downgrade,
    /// `image`: the repository of a place that holds only a tag.
    pub image: Option<Reference>,
    /// The keys as written.
    written: BTreeMap<String, String>,
}

/// Whether the digest is written behind the tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteDigest {
    /// Only where one stands already.
    #[default]
    Keep,
    /// Always.
    Always,
}

/// What of the current tag's version stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Within {
    /// Nothing: the pattern alone decides.
    #[default]
    Anything,
    /// Its first number.
    Major,
    /// Its first two numbers.
    Minor,
}

/// Whether a lower tag may replace a higher one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Downgrade {
    /// Never.
    #[default]
    Hold,
    /// Where the policy says so.
    Allow,
}

/// Why an own key cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no key `{0}`")]
    Unknown(String),
    /// The pattern of the value does not parse.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The value is none that the key takes.
    #[error("`{value}` is {expected}")]
    Value {
        /// The value.
        value: String,
        /// What it is not.
        expected: &'static str,
    },
}

/// The keys that [`Keys::set`] knows, in the order of the documentation.
pub const KEYS: [&str; 8] = ["match", "exclude", "min-age", "within", "digest", "platform", "downgrade", "image"];

impl Keys {
    /// Sets one key from its text.
    ///
    /// # Errors
    /// The key is unknown, or the value is none that it takes.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), KeyError> {
        let error = |expected| KeyError::Value { value: value.to_owned(), expected };
        match key {
            "match" => self.expression = Some(Expression::parse(value)?),
            "exclude" => self.exclude = split_globs(value).map(Glob::parse).collect::<Result<_, _>>()?,
            "min-age" => self.min_age = Some(duration(value).ok_or_else(|| error("no age like `48h` or `7d`"))?),
            "within" => {
                self.within = match value {
                    "major" => Within::Major,
                    "minor" => Within::Minor,
                    _ => return Err(error("neither `major` nor `minor`")),
                }
            }
            "digest" => {
                self.digest = match value {
                    "true" => WriteDigest::Always,
                    "false" => WriteDigest::Keep,
                    _ => return Err(error("neither `true` nor `false`")),
                }
            }
            "platform" => {
                let platforms: Option<Vec<_>> = value.split(',').map(|one| Platform::parse(one.trim())).collect();
                self.platforms = platforms.ok_or_else(|| error("no list of platforms like `linux/arm64,linux/amd64`"))?;
            }
            "downgrade" if value == "allow" => self.downgrade = Downgrade::Allow,
            "downgrade" => return Err(error("not `allow`, the only value")),
            "image" => self.image = Some(Reference::parse(value).map_err(|_| error("no image name"))?),
            _ => return Err(KeyError::Unknown(key.to_owned())),
        }
        self.written.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// The keys and values as written, by key.
    pub fn written(&self) -> &BTreeMap<String, String> {
        &self.written
    }
}

/// Reads an age: `48h`, `7d`, `1d12h`; a day has 24 hours.
///
/// # Errors
/// `None` where the text is none, or below zero.
pub fn duration(text: &str) -> Option<SignedDuration> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let span: Span = text.trim().parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok().filter(|age| !age.is_negative())
}

/// Splits at commas, but not inside `{}`.
fn split_globs(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth <= 0
    })
    .map(str::trim)
    .filter(|glob| !glob.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_or_refused() {
        for (key, value, legal) in [
            ("match", "^v", true),
            ("match", "(", false),
            ("exclude", "*-rc*, nightly", true),
            ("exclude", "{a,b}-*,c", true),
            ("exclude", "[", false),
            ("min-age", "48h", true),
            ("min-age", "7d", true),
            ("min-age", "1d12h", true),
            ("min-age", "48", false),
            ("min-age", "-1h", false),
            ("min-age", "soon", false),
            ("within", "major", true),
            ("within", "patch", false),
            ("digest", "true", true),
            ("digest", "yes", false),
            ("platform", "linux/arm64,linux/amd64", true),
            ("platform", "arm64", false),
            ("downgrade", "allow", true),
            ("downgrade", "true", false),
            ("image", "quay.io/prometheus/prometheus", true),
            ("image", "Not An Image", false),
            ("min-agee", "48h", false),
        ] {
            assert_eq!(Keys::default().set(key, value).is_ok(), legal, "{key}: {value}");
        }
    }

    #[test]
    fn commas_inside_braces_do_not_separate() {
        assert_eq!(split_globs("{a,b}-*, c,,").collect::<Vec<_>>(), ["{a,b}-*", "c"]);
    }

    #[test]
    fn a_day_has_24_hours() {
        assert_eq!(duration("7d"), Some(SignedDuration::from_hours(168)));
        assert_eq!(duration("1d12h"), Some(SignedDuration::from_hours(36)));
    }
}
