//! Version ranges, with the meaning of Masterminds semver 3.4.

use std::{
    cmp::Ordering,
    fmt,
    sync::{Arc, LazyLock},
};

use regex::Regex;
use thiserror::Error;

use crate::image::version::{self, Labelled, Suffix, Version, digits};

/// A range of versions: alternatives, each of comparators that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    text: Arc<str>,
    alternatives: Vec<Group>,
    /// What was dropped, for `check` and `policy test`.
    warnings: Vec<String>,
}

/// Why a version is outside a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// It is a pre-release, and no comparator of any group that would hold it or its release names one.
    PreRelease,
    /// No group holds it.
    Range,
}

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RangeError {
    /// Nothing stands there.
    #[error("the range is empty")]
    Empty,
    /// A part is no comparator.
    #[error("`{}` {reason}", part.escape_debug())]
    Part {
        /// The part.
        part: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There are too many comparators.
    #[error("the range has more than 64 comparators")]
    TooMany,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    comparators: Vec<Comparator>,
    names_pre_release: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparator {
    operator: Operator,
    /// Three numbers; those behind the first wildcard or the end are 0.
    numbers: [Box<str>; 3],
    /// How many numbers were given before the first wildcard or the end.
    given: usize,
    pre_release: Option<Box<str>>,
}

/// What of a version counts for a range.
#[derive(Clone, Copy)]
struct Point<'v> {
    version: &'v Version<'v>,
    pre_release: Option<&'v Labelled<'v>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

const OPERAND: &str = r"v?(?:[0-9]+|[xX*])(?:\.(?:[0-9]+|[xX*]))*(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?";

static HYPHEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!(r"(?-u:^|[\s,|])({OPERAND})\s+-\s+({OPERAND})")).expect("a fixed expression"));
static COMPARATOR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(!=|>=|=>|<=|=<|~>|=|>|<|~|\^|)\s*(v?([0-9]+|[xX*])((?:\.(?:[0-9]+|[xX*]))*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?)")
        .expect("a fixed expression")
});

impl Range {
    /// Reads a range.
    ///
    /// # Errors
    /// The text is empty, no range, or has more than 64 comparators.
    ///
    /// # Source
    /// The grammar of Masterminds semver 3.4; leading zeros are allowed, as in tags.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        if text.trim().is_empty() {
            return Err(RangeError::Empty);
        }
        let mut warnings = Vec::new();
        let rewritten = HYPHEN.replace_all(text, |found: &regex::Captures<'_>| {
            let lead = found[0].chars().next().filter(|c| matches!(c, ',' | '|')).unwrap_or(' ');
            format!("{lead}>={}, <={} ", &found[1], &found[2])
        });
        let alternatives = rewritten.split("||").map(|part| Group::parse(part, &mut warnings)).collect::<Result<Vec<_>, _>>()?;
        if alternatives.iter().map(|group| group.comparators.len()).sum::<usize>() > 64 {
            return Err(RangeError::TooMany);
        }
        Ok(Self { text: text.trim().into(), alternatives, warnings })
    }

    /// The range as written.
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// What was dropped from the range: suffixes that would be flavours.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether a version lies inside; only its first three numbers and its pre-release count.
    ///
    /// # Errors
    /// Says why it lies outside.
    pub fn holds(&self, version: &Version<'_>) -> Result<(), Outside> {
        let itself = Point { version, pre_release: version.suffix().pre_release.as_ref() };
        let release = Point { pre_release: None, ..itself };
        let mut outside = Outside::Range;
        for group in &self.alternatives {
            let held = group.holds(itself);
            if held && (itself.pre_release.is_none() || group.names_pre_release) {
                return Ok(());
            }
            if !group.names_pre_release && (held || group.holds(release)) {
                outside = Outside::PreRelease;
            }
        }
        Err(outside)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Group {
    fn parse(text: &str, warnings: &mut Vec<String>) -> Result<Self, RangeError> {
        let error = |part: &str, reason| Err(RangeError::Part { part: part.trim().to_owned(), reason });
        let mut comparators = Vec::new();
        let mut rest = text.trim();
        if rest.is_empty() {
            return error(text, "is an alternative without a version");
        }
        loop {
            let Some(found) = COMPARATOR.captures(rest) else {
                return error(rest, "is no version with an operator before it");
            };
            comparators.push(Comparator::parse(&found, warnings)?);
            let after = &rest[found[0].len()..];
            let trimmed = after.trim_start();
            if trimmed.is_empty() {
                break;
            }
            rest = match trimmed.strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if trimmed.len() < after.len() => trimmed,
                None if !trimmed.starts_with(['=', '!', '<', '>', '~', '^', '.']) => {
                    return error(rest, "is no version that a range may name: numbers, and a pre-release behind a `-`");
                }
                None if trimmed.starts_with('.') => return error(&rest[..=found[0].len()], "ends in a dot"),
                None => return error(rest, "lacks a space or a comma between two comparators"),
            };
        }
        let names_pre_release = comparators.iter().any(|comparator| comparator.pre_release.is_some());
        Ok(Self { comparators, names_pre_release })
    }

    fn holds(&self, point: Point<'_>) -> bool {
        self.comparators.iter().all(|comparator| comparator.holds(point))
    }
}

impl Comparator {
    fn parse(found: &regex::Captures<'_>, warnings: &mut Vec<String>) -> Result<Self, RangeError> {
        let operator = match &found[1] {
            "" | "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterEqual,
            "<=" | "=<" => Operator::LessEqual,
            "~" | "~>" => Operator::Tilde,
            _ => Operator::Caret,
        };
        let parts: Vec<&str> = std::iter::once(&found[3]).chain(found[4].split('.').skip(1)).collect();
        if parts.len() > 3 {
            return Err(RangeError::Part { part: found[2].to_owned(), reason: "has more than three numbers" });
        }
        let given = parts.iter().take_while(|part| digits::is_number(part)).count();
        let number = |at: usize| parts.get(at).filter(|_| at < given).copied().unwrap_or("0").into();
        let pre_release = match found.get(5) {
            Some(suffix) => pre_release(&found[2], suffix.as_str(), warnings)?,
            None => None,
        };
        Ok(Self { operator, numbers: [number(0), number(1), number(2)], given, pre_release })
    }

    /// As Masterminds has it, but for the question whether pre-releases take part, which is the group's.
    fn holds(&self, point: Point<'_>) -> bool {
        let same = |count: usize| (0..count).all(|at| self.number(point, at).is_eq());
        let order = self.order(point);
        match self.operator {
            Operator::Equal if self.given == 3 => order.is_eq(),
            Operator::Equal | Operator::Tilde => order.is_ge() && (self.is_tilde_of_everything() || same(self.given.min(2))),
            Operator::NotEqual if self.given == 0 => !(same(3) && order.is_eq()),
            Operator::NotEqual if self.given == 3 => order.is_ne(),
            Operator::NotEqual if self.given == 2 => !same(2) || self.order_of_pre_release(point).is_ne(),
            Operator::NotEqual => !same(1),
            Operator::Greater if matches!(self.given, 0 | 3) => order.is_gt(),
            Operator::Greater => (0..self.given).map(|at| self.number(point, at)).find(|order| order.is_ne()) == Some(Ordering::Greater),
            Operator::Less => order.is_lt(),
            Operator::GreaterEqual => order.is_ge(),
            Operator::LessEqual if self.given == 3 => order.is_le(),
            Operator::LessEqual => {
                let counted = if self.given == 1 { 1 } else { 2 };
                (0..counted).map(|at| self.number(point, at)).find(|order| order.is_ne()) != Some(Ordering::Greater)
            }
            Operator::Caret => order.is_ge() && same(self.caret_depth()),
        }
    }

    /// How many numbers a caret holds fast: those up to the first that is not 0, as far as they are given.
    fn caret_depth(&self) -> usize {
        let zero = |at: usize| self.numbers[at].bytes().all(|b| b == b'0');
        match self.given {
            1 => 1,
            _ if !zero(0) => 1,
            2 => 2,
            _ if !zero(1) => 2,
            _ => 3,
        }
    }

    /// `~0.0.0` and `~*` are `>=0.0.0`.
    fn is_tilde_of_everything(&self) -> bool {
        matches!(self.given, 0 | 3) && self.numbers.iter().all(|number| number.bytes().all(|b| b == b'0'))
    }

    fn number(&self, point: Point<'_>, at: usize) -> Ordering {
        digits::compare(point.version.number(at), &self.numbers[at])
    }

    fn order(&self, point: Point<'_>) -> Ordering {
        (0..3).map(|at| self.number(point, at)).find(|order| order.is_ne()).unwrap_or_else(|| self.order_of_pre_release(point))
    }

    fn order_of_pre_release(&self, point: Point<'_>) -> Ordering {
        match (point.pre_release, &self.pre_release) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(label), Some(operand)) => version::order_pre_release(label, operand),
        }
    }
}

/// The pre-release of an operand: all behind the first `-`, less what would be a flavour.
fn pre_release(operand: &str, suffix: &str, warnings: &mut Vec<String>) -> Result<Option<Box<str>>, RangeError> {
    let malformed = || RangeError::Part { part: operand.to_owned(), reason: "ends in a separator" };
    let flavour = Suffix::parse(suffix).ok_or_else(malformed)?.flavour;
    if suffix.split('.').any(str::is_empty) {
        return Err(malformed());
    }
    if flavour.is_empty() {
        return Ok(Some(suffix.into()));
    }
    warnings.push(format!("the suffix `-{flavour}` of `{operand}` is ignored: the flavour comes from the current tag"));
    let rest = &suffix[..suffix.len() - flavour.len()];
    Ok(rest.get(..rest.len().saturating_sub(1)).filter(|rest| !rest.is_empty()).map(Into::into))
}

#[cfg(test)]
mod tests;
