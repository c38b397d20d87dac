//! Objects while they are built: each image remembers what decided it.

use std::borrow::Cow;

use super::{
    entry::Entry,
    value::{Value, Words},
};
use crate::manifest::Place;

/// A part of an object, as [`Value`].
#[derive(Clone, Debug)]
pub(super) enum Live<'f> {
    Null,
    Other,
    Text(Leaf<'f>),
    List(Vec<Live<'f>>),
    Map(Vec<(&'f str, Live<'f>)>),
}

/// A text and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Leaf<'f> {
    pub(super) text: Cow<'f, str>,
    pub(super) written: Written<'f>,
    /// What decided it, the first first; empty where only `written` did.
    chain: Vec<Step<'f>>,
}

/// Where a text is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'f> {
    pub(super) from: Source<'f>,
    pub(super) text: &'f Words,
}

/// A file, and what it is to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source<'f> {
    pub(super) path: &'f str,
    pub(super) place: Place,
}

/// One of the things that decided an image.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'f> {
    Written(Written<'f>),
    Entry { path: &'f str, entry: &'f Entry },
}

impl<'f> Leaf<'f> {
    pub(super) fn new(text: &'f Words, from: Source<'f>) -> Self {
        Self { text: Cow::Borrowed(&text.text), written: Written { from, text }, chain: vec![] }
    }

    /// What decided it, the first first.
    pub(super) fn steps(&self) -> Vec<Step<'f>> {
        if self.chain.is_empty() { vec![Step::Written(self.written)] } else { self.chain.clone() }
    }

    /// Goes on where another one stood before.
    pub(super) fn after(mut self, other: &Self) -> Self {
        if self.written.text.image.is_some() {
            let steps = self.steps();
            self.chain = other.steps();
            self.chain.extend(steps);
        }
        self
    }

    /// Applies an entry that means this image.
    pub(super) fn apply(&mut self, path: &'f str, entry: &'f Entry) {
        self.text = Cow::Owned(entry.applied(&self.text));
        if matches!(self.chain.last(), Some(Step::Entry { entry: last, .. }) if std::ptr::eq(*last, entry)) {
            return;
        }
        if self.chain.is_empty() {
            self.chain.push(Step::Written(self.written));
        }
        self.chain.push(Step::Entry { path, entry });
    }
}

impl<'f> Live<'f> {
    pub(super) fn of(value: &'f Value, from: Source<'f>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Other => Self::Other,
            Value::Text(text) => Self::Text(Leaf::new(text, from)),
            Value::List(items) => Self::List(items.iter().map(|item| Self::of(item, from)).collect()),
            Value::Map(entries) => Self::Map(entries.iter().map(|(key, value)| (&**key, Self::of(value, from))).collect()),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| *name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(super) fn path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |live, key| live.get(key))
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(leaf) => Some(&leaf.text),
            _ => None,
        }
    }

    /// The value under a key, made where it is missing; the mapping too.
    pub(super) fn entry(&mut self, key: &'f str) -> &mut Self {
        if !matches!(self, Self::Map(_)) {
            *self = Self::Map(vec![]);
        }
        let Self::Map(entries) = self else { unreachable!("it was made a mapping") };
        let at = entries.iter().position(|(name, _)| *name == key).unwrap_or_else(|| {
            entries.push((key, Self::Null));
            entries.len() - 1
        });
        &mut entries[at].1
    }

    /// Puts a value under a key.
    pub(super) fn set(&mut self, key: &'f str, value: Self) {
        let entry = self.entry(key);
        let before = std::mem::replace(entry, Self::Null);
        *entry = value.after(&before);
    }

    /// A text takes over what decided the text before it.
    pub(super) fn after(self, before: &Self) -> Self {
        match (self, before) {
            (Self::Text(leaf), Self::Text(before)) => Self::Text(leaf.after(before)),
            (value, _) => value,
        }
    }

    /// Whether an image stands in it.
    pub(super) fn holds_image(&self) -> bool {
        match self {
            Self::Text(leaf) => leaf.written.text.image.is_some(),
            Self::List(items) => items.iter().any(Self::holds_image),
            Self::Map(entries) => entries.iter().any(|(_, value)| value.holds_image()),
            Self::Null | Self::Other => false,
        }
    }
}
