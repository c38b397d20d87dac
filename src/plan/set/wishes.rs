//! Several wishes, found by what they are about.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::successors,
};

use regex::bytes::Regex;
use thiserror::Error;

use super::Wish;
use crate::image::{Name, Repository};

/// So many words are looked for at once.
const MANY: usize = 64;
/// And so many letters of each: what is asked for by a command line has no bounds of its own.
const LONG: usize = 64;

/// Wishes of which no two are about one image.
#[derive(Clone, Debug)]
pub struct Wishes {
    all: Vec<Wish>,
    by_name: BTreeMap<String, usize>,
    by_repository: BTreeMap<Repository, usize>,
}

/// Two wishes are about one image.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot set `{one}` and `{other}`: both name one image")]
pub struct Twice {
    /// The first.
    pub one: String,
    /// The second.
    pub other: String,
}

impl Wishes {
    /// All of them at once.
    ///
    /// # Errors
    /// Two are about one image.
    pub fn new(all: Vec<Wish>) -> Result<Self, Twice> {
        let (mut by_name, mut by_repository) = (BTreeMap::new(), BTreeMap::new());
        for (at, wish) in all.iter().enumerate() {
            let before = [by_name.insert(wish.name().to_owned(), at), wish.repository().and_then(|repository| by_repository.insert(repository, at))];
            if let Some(one) = before.into_iter().flatten().next() {
                return Err(Twice { one: all[one].text().to_owned(), other: wish.text().to_owned() });
            }
        }
        Ok(Self { all, by_name, by_repository })
    }

    /// Each, as they were given.
    pub fn as_slice(&self) -> &[Wish] {
        &self.all
    }

    /// Finds the files that can hold one of the images: the last part of a name stands in their bytes, of many names its beginning.
    pub fn may_be_in(&self) -> Regex {
        let last: BTreeSet<&str> = self.all.iter().map(Wish::last_part).collect();
        let beginnings = |length: usize| last.iter().map(|part| part.chars().take(length).collect()).collect::<BTreeSet<String>>();
        let lengths = successors(Some(LONG), |length| Some(length / 2).filter(|shorter| *shorter > 0));
        let mut words = lengths.map(beginnings);
        // To look for many words takes longer to prepare than it saves.
        let few = words.find(|words| words.len() <= MANY).unwrap_or_default();
        Regex::new(&few.iter().map(|word| regex::escape(word)).collect::<Vec<_>>().join("|")).expect("few short texts are an expression")
    }

    /// The place of the wish about an image.
    pub(super) fn about(&self, name: &Name) -> Option<usize> {
        self.by_repository.get(&name.repository()).copied()
    }

    /// The place of the wish about an entry of a kustomization that has this name.
    pub(super) fn about_entry(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied().or_else(|| self.about(&Name::parse(name).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(texts: &[&str]) -> Result<Wishes, Twice> {
        Wishes::new(texts.iter().map(|text| Wish::parse(text).expect("a wish")).collect())
    }

    #[test]
    fn two_spellings_are_one_image() {
        for (word, one, other, same) in [
            ("same", "app:1", "app:2", true),
            ("spelling", "redis:1", "docker.io/library/redis:2", true),
            ("other", "redis:1", "quay.io/library/redis:2", false),
            ("placeholder", "IMAGE=a:1", "IMAGE=b:2", true),
            ("other placeholders", "IMAGE=a:1", "OTHER=a:1", false),
        ] {
            let expected = Twice { one: one.to_owned(), other: other.to_owned() };
            assert_eq!(wishes(&[one, "else:1", other]).err(), same.then_some(expected), "{word}");
        }
    }

    #[test]
    fn files_are_found_by_the_last_part_of_any_name() {
        let wishes = wishes(&["r.io/a/app:1", "re.dis:2", "IMAGE=x:1"]).expect("three images");
        for (text, may_be) in [("app", true), ("r.io/a", false), ("re.dis", true), ("redis", false), ("IMAGE", true), ("x", false)] {
            assert_eq!(wishes.may_be_in().is_match(text.as_bytes()), may_be, "{text}");
        }
    }

    #[test]
    fn many_names_are_found_by_how_they_begin() {
        let names: Vec<String> = (0..1000).map(|number| format!("r.io/service-{number}:1")).collect();
        let wishes = wishes(&names.iter().map(String::as_str).collect::<Vec<_>>()).expect("a thousand images");
        for (text, may_be) in [("image: r.io/service-999:2", true), ("image: r.io/server:2", false), ("", false)] {
            assert_eq!(wishes.may_be_in().is_match(text.as_bytes()), may_be, "{text}");
        }
    }

    #[test]
    fn names_without_an_end_are_found_by_how_they_begin() {
        let names: Vec<String> = (b'A'..=b'Z').map(|letter| format!("{}=app:1", char::from(letter).to_string().repeat(1 << 20))).collect();
        let wishes = wishes(&names.iter().map(String::as_str).collect::<Vec<_>>()).expect("placeholders");
        assert!(wishes.may_be_in().is_match("Z".repeat(1 << 20).as_bytes()));
        assert!(!wishes.may_be_in().is_match("Z".repeat(LONG - 1).as_bytes()));
    }
}
