//! Which resources a patch's `target` selects.

use regex::Regex;
use serde::{Deserialize, Serialize};

/// The longest selector that is read.
const LONGEST: usize = 4096;

/// A `target`: what is empty selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) struct Selector {
    pub(super) line: u32,
    pub(super) group: Box<str>,
    pub(super) version: Box<str>,
    pub(super) kind: Box<str>,
    pub(super) name: Box<str>,
    pub(super) namespace: Box<str>,
    pub(super) labels: Box<str>,
    pub(super) annotations: Box<str>,
}

/// An expression that has to match the whole of a text.
pub(super) enum Whole<'f> {
    Any,
    Text(&'f str),
    Expression(Regex),
}

impl<'f> Whole<'f> {
    /// `None` where it is no expression.
    pub(super) fn of(text: &'f str) -> Option<Self> {
        match text {
            "" => Some(Self::Any),
            text if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_/".contains(&b)) => Some(Self::Text(text)),
            text => Regex::new(&format!("^(?:{text})$")).ok().map(Self::Expression),
        }
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(wanted) => *wanted == text,
            Self::Expression(expression) => expression.is_match(text),
        }
    }
}

/// One condition of a label selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition<'s> {
    /// The key is there.
    Exists(&'s str),
    /// It is not.
    Missing(&'s str),
    /// The key has one of the values.
    In(&'s str, Vec<&'s str>),
    /// It has none of them, or is not there.
    NotIn(&'s str, Vec<&'s str>),
    /// The value is a number above.
    Above(&'s str, i64),
    /// The value is a number below.
    Below(&'s str, i64),
}

impl Condition<'_> {
    /// Whether it holds of a key's value.
    pub(super) fn holds(&self, value: impl Fn(&str) -> Option<String>) -> bool {
        let number = |key: &str| value(key).and_then(|text| text.parse::<i64>().ok());
        match self {
            Self::Exists(key) => value(key).is_some(),
            Self::Missing(key) => value(key).is_none(),
            Self::In(key, wanted) => value(key).is_some_and(|text| wanted.contains(&text.as_str())),
            Self::NotIn(key, unwanted) => value(key).is_none_or(|text| !unwanted.contains(&text.as_str())),
            Self::Above(key, than) => number(key).is_some_and(|number| number > *than),
            Self::Below(key, than) => number(key).is_some_and(|number| number < *than),
        }
    }
}

/// The conditions of a label selector, `None` where it is none.
///
/// # Source
/// The grammar of Kubernetes' `labels.Parse`.
pub(super) fn conditions(text: &str) -> Option<Vec<Condition<'_>>> {
    let mut found = vec![];
    let mut rest = Some(text.trim()).filter(|text| text.len() <= LONGEST)?;
    while !rest.is_empty() {
        let depth = |(at, mark): (usize, char)| mark == ',' && rest[..at].matches('(').count() == rest[..at].matches(')').count();
        let end = rest.char_indices().find(|place| depth(*place)).map_or(rest.len(), |(at, _)| at);
        found.push(condition(rest[..end].trim())?);
        if end + 1 == rest.len() {
            return None;
        }
        rest = rest.get(end + 1..).unwrap_or_default().trim_start();
    }
    Some(found)
}

fn condition(text: &str) -> Option<Condition<'_>> {
    if let Some(key) = text.strip_prefix('!') {
        return Some(Condition::Missing(word(key.trim())?));
    }
    if let Some((key, list)) = text.split_once('(') {
        let values: Vec<&str> = list.strip_suffix(')')?.split(',').map(str::trim).collect();
        let (key, operator) = key.trim().rsplit_once(char::is_whitespace)?;
        return match operator {
            "in" => Some(Condition::In(word(key.trim())?, values)),
            "notin" => Some(Condition::NotIn(word(key.trim())?, values)),
            _ => None,
        };
    }
    for (operator, make) in [("!=", 0), ("==", 1), ("=", 1), (">", 2), ("<", 3)] {
        let Some((key, value)) = text.split_once(operator) else { continue };
        let (key, value) = (word(key.trim())?, value.trim());
        return match make {
            0 => Some(Condition::NotIn(key, vec![value])),
            1 => Some(Condition::In(key, vec![value])),
            2 => Some(Condition::Above(key, value.parse().ok()?)),
            _ => Some(Condition::Below(key, value.parse().ok()?)),
        };
    }
    Some(Condition::Exists(word(text)?))
}

fn word(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_mean_what_they_mean_to_kubernetes() {
        let labels = |key: &str| match key {
            "app" => Some("web".to_owned()),
            "acme.io/tier" => Some("3".to_owned()),
            _ => None,
        };
        for (word, text, expected) in [
            ("empty", "", Some(true)),
            ("equals", "app=web", Some(true)),
            ("spaces", " app == web ", Some(true)),
            ("other", "app=api", Some(false)),
            ("not", "app!=api", Some(true)),
            ("not there", "team!=a", Some(true)),
            ("in", "app in (api, web)", Some(true)),
            ("not in", "app notin (api,web)", Some(false)),
            ("exists", "acme.io/tier", Some(true)),
            ("missing", "!team", Some(true)),
            ("above", "acme.io/tier>2", Some(true)),
            ("below", "acme.io/tier < 3", Some(false)),
            ("all", "app in (web),!team,acme.io/tier=3", Some(true)),
            ("one fails", "app=web,team", Some(false)),
            ("comma at the end", "app=web,", None),
            ("open bracket", "app in (web", None),
            ("no word", "a b", None),
            ("no number", "app>x", None),
        ] {
            let found = conditions(text).map(|found| found.iter().all(|condition| condition.holds(labels)));
            assert_eq!(found, expected, "{word}");
        }
    }

    #[test]
    fn a_target_matches_the_whole() {
        for (word, pattern, text, expected) in [
            ("empty", "", "Deployment", Some(true)),
            ("text", "Deployment", "Deployment", Some(true)),
            ("part", "Deploy", "Deployment", Some(false)),
            ("expression", "Deploy.*", "Deployment", Some(true)),
            ("choice", "a|b", "b", Some(true)),
            ("choice is anchored as a whole", "a|b", "ab", Some(false)),
            ("no expression", "(", "a", None),
        ] {
            assert_eq!(Whole::of(pattern).map(|whole| whole.is_match(text)), expected, "{word}");
        }
    }
}
