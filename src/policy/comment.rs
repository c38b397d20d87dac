//! Comment policies: `# tagalong: semver:~1.2 min-age=48h` beside the scalar that they are about.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    annotation::{ContainerPolicy, Malformed, MalformedKind, Policy, Source},
    keys::{KEYS, KeyError},
    preset::Presets,
};

/// What stands in front of a policy in a comment.
const MARK: &str = "tagalong:";

/// A policy in a comment, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentPolicy {
    /// All that stands behind the mark.
    pub text: String,
    /// Its line, from 1.
    pub line: u32,
    /// The line of another policy about the same place, where there is one.
    pub again: Option<u32>,
}

impl CommentPolicy {
    /// The policy in a comment, given without its `#`; `None` for other comments.
    pub fn find(comment: &str, line: u32) -> Option<Self> {
        let text = comment.trim_start().strip_prefix(MARK)?.trim();
        Some(Self { text: text.to_owned(), line, again: None })
    }

    /// The policy, or why it cannot be read, of the place of this name.
    pub fn read(&self, place: &str, presets: &Presets) -> ContainerPolicy {
        let source = Source { key: format!("# {MARK}"), text: self.text.clone(), line: self.line };
        let policy = self.parse(presets).map_err(|error| Malformed { source: source.clone(), error });
        ContainerPolicy { container: place.to_owned(), policy, source: Some(source), overridden: vec![] }
    }

    /// The repository that `image=` names, as it is written.
    pub fn image(&self) -> Option<&str> {
        let (_, keys) = split(&self.text);
        keys.into_iter().find(|(key, _)| *key == "image").map(|(_, value)| value)
    }

    fn parse(&self, presets: &Presets) -> Result<Policy, MalformedKind> {
        if let Some(line) = self.again {
            return Err(MalformedKind::Twice(line));
        }
        let (pattern, written) = split(&self.text);
        let mut policy = presets.policy(pattern)?;
        let mut said = BTreeSet::new();
        for (key, value) in written {
            if !said.insert(key) {
                return Err(KeyError::Value { value: value.to_owned(), expected: "a second value of one key" }.into());
            }
            policy.keys.set(key, value)?;
        }
        Ok(policy)
    }
}

/// The pattern, which ends before the first space that a known key and `=` follow, and from there on keys and values.
fn split(text: &str) -> (&str, Vec<(&str, &str)>) {
    let starts: Vec<(usize, &str)> = text
        .char_indices()
        .filter(|(_, character)| character.is_whitespace())
        .filter_map(|(at, space)| {
            let at = at + space.len_utf8();
            let key = KEYS.into_iter().find(|key| text[at..].strip_prefix(key).is_some_and(|rest| rest.starts_with('=')))?;
            Some((at, key))
        })
        .collect();
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    let keys = starts.iter().zip(ends).map(|((at, key), end)| (*key, text[at + key.len() + 1..end].trim())).collect();
    (text[..starts.first().map_or(text.len(), |(at, _)| *at)].trim(), keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_a_policy_by_its_mark() {
        for (word, comment, text) in [
            ("spaced", " tagalong: semver:~1.2", Some("semver:~1.2")),
            ("tight", "tagalong:semver:~1.2", Some("semver:~1.2")),
            ("tabs and spaces", "\ttagalong:\t semver:~1.2  ", Some("semver:~1.2")),
            ("nothing behind", " tagalong:", Some("")),
            ("other words", " see tagalong: semver:*", None),
            ("no colon", " tagalong semver:*", None),
            ("upper case", " Tagalong: semver:*", None),
        ] {
            assert_eq!(CommentPolicy::find(comment, 3).map(|policy| policy.text).as_deref(), text, "{word}");
        }
    }

    #[test]
    fn a_pattern_ends_where_a_known_key_begins() {
        for (word, text, pattern, keys) in [
            ("alone", "semver:~1.2", "semver:~1.2", vec![]),
            ("spaces inside", "semver:>=1.2 <2", "semver:>=1.2 <2", vec![]),
            ("keys", "semver:~1.2 min-age=48h image=ghcr.io/acme/app", "semver:~1.2", vec![("min-age", "48h"), ("image", "ghcr.io/acme/app")]),
            ("many spaces", "semver:~1.2 \t min-age=48h  ", "semver:~1.2", vec![("min-age", "48h")]),
            ("spaces in a value", "glob:* exclude=*-rc*, nightly digest=true", "glob:*", vec![("exclude", "*-rc*, nightly"), ("digest", "true")]),
            ("an unknown key belongs to the pattern", "regexp:a b=c", "regexp:a b=c", vec![]),
            ("a key without a space", "regexp:xmatch=1", "regexp:xmatch=1", vec![]),
            ("a key that another begins with", "glob:* images=x", "glob:* images=x", vec![]),
            ("keys alone", " image=x", "", vec![("image", "x")]),
        ] {
            assert_eq!(split(text), (pattern, keys), "{word}");
        }
    }

    #[test]
    fn what_is_malformed_says_why() {
        let policy = |text: &str, again| CommentPolicy { text: text.to_owned(), line: 7, again };
        for (word, policy, error) in [
            ("nothing", policy("", None), "`# tagalong:` is malformed: the pattern is empty"),
            ("preset", policy("preset:mnor", None), "`# tagalong:` is malformed: there is no preset `mnor`"),
            ("range", policy("semver:~x.y", None), "`# tagalong:` is malformed: `semver:~x.y`: `~x.` ends in a dot"),
            ("value", policy("semver:* min-age=soon", None), "`# tagalong:` is malformed: `soon` is no age like `48h` or `7d`"),
            ("key twice", policy("semver:* digest=true digest=false", None), "`# tagalong:` is malformed: `false` is a second value of one key"),
            ("two", policy("semver:*", Some(9)), "`# tagalong:` is malformed: line 9 has another policy for the same image"),
        ] {
            let malformed = policy.read("image", Presets::shipped()).policy.expect_err(word);
            assert!(malformed.to_string().starts_with(error), "{word}: {malformed}");
            assert_eq!(malformed.source.line, 7, "{word}");
        }
    }

    #[test]
    fn a_key_of_the_comment_wins_over_that_of_the_preset() {
        let policy = CommentPolicy::find(" tagalong: preset:settled min-age=7d within=minor", 3).expect("a policy").read("", Presets::shipped());
        let keys: Vec<String> = policy.policy.expect("well formed").keys.written().iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(keys, ["min-age=7d", "within=minor"]);
    }

    #[test]
    fn a_comment_takes_part_without_another_word() {
        let policy = CommentPolicy::find(" tagalong: semver:~1.2 image=ghcr.io/acme/app", 3).expect("a policy");
        assert_eq!(policy.image(), Some("ghcr.io/acme/app"));
        let read = policy.read("spec.tag", Presets::shipped());
        assert_eq!(read.container, "spec.tag");
        assert_eq!(read.policy.expect("well formed").pattern.to_string(), "semver:~1.2");
    }
}
