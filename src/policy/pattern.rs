//! Patterns: what a person writes to say which tags may be chosen, and which of them is the newest.

use std::{fmt, sync::LazyLock};

use globset::{GlobBuilder, GlobMatcher};
use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

use super::range::{Range, RangeError};
use crate::image::Tag;

/// A pattern at most: bytes of its text.
const TEXT_LIMIT: usize = 1024;
/// A compiled expression at most: bytes.
const COMPILED_LIMIT: usize = 1 << 20;

/// Which tags may be chosen, and which of them is the newest.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it was written: perhaps the name of a preset.
    text: Box<str>,
    /// The pattern that decides.
    resolved: Box<str>,
    rule: Rule,
}

/// The kinds of patterns.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Versions inside a range; the highest is the newest.
    Semver(Range),
    /// Tags that a glob matches; the one built last is the newest.
    Glob(Glob),
    /// Tags in which an expression is found; the newest is what `by` says.
    Expression {
        /// The expression.
        expression: Expression,
        /// What orders the tags.
        by: By,
    },
    /// One tag, whatever it points to now.
    Digest(Tag),
}

/// What orders the tags that an expression matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The time of the build.
    BuildTime,
    /// The group `semver`, as a version.
    Semver,
    /// The group `number`, as a number.
    Number,
    /// The group `alphabetical`, as text.
    Text,
}

/// A glob over whole tags: `*` any run, `?`, `[a-z]`, `{a,b}`.
#[derive(Clone, Debug)]
pub struct Glob(GlobMatcher);

/// A regular expression that is searched in a tag: linear time, no look-around.
#[derive(Clone, Debug)]
pub struct Expression(Regex);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Nothing stands there.
    #[error("the pattern is empty")]
    Empty,
    /// Nothing stands behind the prefix.
    #[error("nothing stands behind `{0}`")]
    EmptyBody(String),
    /// The text is too long.
    #[error("the pattern has {0} bytes, at most {TEXT_LIMIT} are allowed")]
    TooLong(usize),
    /// The range does not parse.
    #[error("{}", range_fault(range, error))]
    Range {
        /// The text behind `semver:`.
        range: String,
        /// What is wrong with it.
        error: RangeError,
    },
    /// The glob does not parse.
    #[error("the glob `{glob}` does not parse: {reason}")]
    Glob {
        /// The glob.
        glob: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The expression does not parse or is too large.
    #[error("the expression `{expression}` does not parse: {reason}")]
    Expression {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The expression names two orders.
    #[error("the expression `{0}` names more than one of the groups `semver`, `number` and `alphabetical`")]
    TwoOrders(String),
    /// What stands behind `digest:` is no tag.
    #[error("`{0}` behind `digest:` is no tag")]
    Tag(String),
    /// There is no such preset.
    #[error("there is no preset `{name}`")]
    Preset {
        /// The name.
        name: String,
        /// Names that are near to it.
        near: Vec<String>,
    },
    /// What stands before the colon is no known prefix.
    #[error("`{0}` is no known prefix")]
    Prefix(String),
}

fn range_fault(range: &str, error: &RangeError) -> String {
    match error {
        RangeError::Part { part, reason } if part == range => format!("`semver:{}` {reason}", part.escape_debug()),
        _ => format!("`semver:{}`: {error}", range.escape_debug()),
    }
}

impl PatternError {
    /// What to write instead.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::Preset { near, .. } if near.is_empty() => "`tagalong policy list` tells the presets; more come from the folders under `policies:`",
            Self::Preset { near, .. } => {
                let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
                return format!("did you mean {}? `tagalong policy list` tells all", near.join(" or "));
            }
            Self::Range { .. } => "a range is written like `semver:~1.4`, `semver:>=1.2 <2` or `semver:*`; try it with `tagalong policy test`",
            Self::Tag(_) => "write the one tag to follow: `digest:latest`",
            Self::Prefix(_) => "the prefixes are `semver:`, `glob:`, `regexp:`, `regex:`, `digest:` and `preset:`, in lower case and without a space",
            Self::Expression { .. } | Self::TwoOrders(_) => "expressions run in linear time: no look-around, no back-references, one order at most",
            Self::Empty | Self::EmptyBody(_) | Self::TooLong(_) | Self::Glob { .. } => "try the pattern with `tagalong policy test`",
        };
        hint.to_owned()
    }
}

impl Pattern {
    /// What an automated container without a pattern of its own uses: `glob:*`.
    pub fn any() -> Self {
        static ANY: LazyLock<Pattern> = LazyLock::new(|| Pattern::parse("glob:*").expect("a fixed pattern"));
        ANY.clone()
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// The prefix is unknown, or what stands behind it does not parse.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > TEXT_LIMIT {
            return Err(PatternError::TooLong(text.len()));
        }
        let (prefix, body) = text.split_once(':').unwrap_or(("glob", text));
        if text.trim().is_empty() {
            return Err(PatternError::Empty);
        }
        if body.trim().is_empty() {
            return Err(PatternError::EmptyBody(text.trim().to_owned()));
        }
        let rule = match prefix {
            "semver" => Rule::Semver(Range::parse(body).map_err(|error| PatternError::Range { range: body.to_owned(), error })?),
            "glob" => Rule::Glob(Glob::parse(body)?),
            "regexp" | "regex" => {
                let expression = Expression::parse(body)?;
                let by = expression.order().ok_or_else(|| PatternError::TwoOrders(body.to_owned()))?;
                Rule::Expression { expression, by }
            }
            "digest" => Rule::Digest(Tag::parse(body).map_err(|_| PatternError::Tag(body.to_owned()))?),
            "preset" => return Err(PatternError::Preset { name: body.to_owned(), near: Vec::new() }),
            _ => return Err(PatternError::Prefix(format!("{prefix}:"))),
        };
        Ok(Self { text: text.into(), resolved: text.into(), rule })
    }

    /// The same pattern, shown as the text by which somebody named it.
    #[must_use]
    pub(super) fn written_as(self, text: &str) -> Self {
        Self { text: text.into(), ..self }
    }

    /// The pattern that decides, where the text names a preset.
    pub fn resolved(&self) -> &str {
        &self.resolved
    }

    /// What the pattern asks for.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// What the tag that it chooses is, or holds.
    pub fn merit(&self) -> String {
        match &self.rule {
            Rule::Semver(range) => format!("the highest version in {}", range.text()),
            Rule::Glob(_) | Rule::Expression { by: By::BuildTime, .. } => format!("the newest build that {self} matches"),
            Rule::Expression { by: By::Semver, .. } => format!("the highest version that {self} captures"),
            Rule::Expression { by: By::Number, .. } => format!("the highest number that {self} captures"),
            Rule::Expression { by: By::Text, .. } => format!("the last text in alphabetical order that {self} captures"),
            Rule::Digest(_) => "the tag to follow".to_owned(),
        }
    }

    /// Whether the newest tag is the one built last.
    pub fn is_by_build_time(&self) -> bool {
        matches!(self.rule, Rule::Glob(_) | Rule::Expression { by: By::BuildTime, .. })
    }

    /// Whether the pattern names `latest`, in this spelling, and nothing else.
    pub fn is_exactly(&self, tag: &str) -> bool {
        match &self.rule {
            Rule::Glob(_) => self.resolved.strip_prefix("glob:").unwrap_or(&self.resolved) == tag,
            Rule::Digest(one) => one.as_str() == tag,
            _ => false,
        }
    }

    /// What was dropped while reading.
    pub fn warnings(&self) -> &[String] {
        if let Rule::Semver(range) = &self.rule { range.warnings() } else { &[] }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Glob {
    /// Reads a glob.
    ///
    /// # Errors
    /// A class or an alternative is not closed.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        // Two stars would mean folders to the library; a tag has none, so a run of stars is one.
        let mut collapsed = String::with_capacity(text.len());
        for c in text.chars() {
            if !(c == '*' && collapsed.ends_with('*')) {
                collapsed.push(c);
            }
        }
        GlobBuilder::new(&collapsed)
            .literal_separator(false)
            .backslash_escape(false)
            .build()
            .map(|glob| Self(glob.compile_matcher()))
            .map_err(|error| PatternError::Glob { glob: text.to_owned(), reason: error.kind().to_string() })
    }

    /// Whether the glob matches the whole tag.
    pub fn matches(&self, tag: &str) -> bool {
        // The default pattern, which needs no machine.
        self.0.glob().glob() == "*" || self.0.is_match(tag)
    }
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// It does not parse, or needs more than 1 MiB when compiled.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let build = |unicode| RegexBuilder::new(text).size_limit(COMPILED_LIMIT).unicode(unicode).build();
        // Tags are ASCII, and `\d` means ASCII digits to those who wrote Flux v1 patterns; only `\pL` and its like need Unicode.
        build(false).or_else(|_| build(true)).map(Self).map_err(|error| {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            PatternError::Expression { expression: text.to_owned(), reason: last }
        })
    }

    /// Whether the expression is found anywhere in the tag.
    pub fn matches(&self, tag: &str) -> bool {
        self.0.is_match(tag.as_bytes())
    }

    /// What the group of this order captures: `None` where the expression does not match, or the group takes no part.
    pub fn capture<'t>(&self, tag: &'t str, by: By) -> Option<&'t str> {
        let name = by.group()?;
        let found = self.0.captures(tag.as_bytes())?.name(name)?;
        tag.get(found.range())
    }

    fn order(&self) -> Option<By> {
        let mut named =
            [By::Semver, By::Number, By::Text].into_iter().filter(|by| self.0.capture_names().flatten().any(|name| Some(name) == by.group()));
        let first = named.next();
        if named.next().is_some() { None } else { Some(first.unwrap_or(By::BuildTime)) }
    }
}

impl By {
    fn group(self) -> Option<&'static str> {
        match self {
            Self::BuildTime => None,
            Self::Semver => Some("semver"),
            Self::Number => Some("number"),
            Self::Text => Some("alphabetical"),
        }
    }
}

/// Whether the tag is a signature or an attachment by its name: `sha256-<hex>`, alone or with `.sig`, `.att` or `.sbom`.
pub fn is_attachment(tag: &str) -> bool {
    let Some(rest) = ["sha256-", "sha384-", "sha512-"].iter().find_map(|algorithm| tag.strip_prefix(algorithm)) else { return false };
    let digits = [".sig", ".att", ".sbom"].iter().find_map(|ending| rest.strip_suffix(ending)).unwrap_or(rest);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether the tag is `latest` in any case.
pub fn is_latest(tag: &str) -> bool {
    tag.eq_ignore_ascii_case("latest")
}

#[cfg(test)]
mod tests;
