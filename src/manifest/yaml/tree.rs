//! The flat tree of a file's documents.

use std::{cell::OnceCell, collections::BTreeSet};

use serde::{Deserialize, Serialize};

use super::Reading;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Kind {
    Scalar(Style),
    Sequence,
    Mapping,
    /// Another name for the node of this index.
    Alias(u32),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(in crate::manifest) enum Style {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

/// The explicit tag of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Tag {
    None,
    /// `!!str` or `!`: text, however it is written.
    Text,
    Other,
}

/// A node; its children are the nodes up to `next`.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) tag: Tag,
    /// The index after the last node inside this one.
    pub(super) next: u32,
    /// From 1; of a block scalar the first line of its text.
    pub(super) line: u32,
    /// In characters from 0.
    pub(super) column: u32,
    /// Its position among the events of the reading.
    pub(super) position: u32,
    pub(super) properties: u64,
    /// A scalar's decoded value.
    pub(super) text: String,
}

/// All documents of a file.
///
/// # Shape
/// Nodes are named by their index. Functions that take a node follow aliases where they look into it.
#[derive(Debug)]
pub(in crate::manifest) struct Tree<'a> {
    /// The file without its byte order mark.
    pub(super) source: &'a str,
    /// The length of the byte order mark.
    pub(super) skipped: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) roots: Vec<usize>,
    pub(super) reading: Reading,
    pub(super) aliases: bool,
    /// In how many places each node is read, counted when first asked for.
    pub(super) places: OnceCell<Vec<u32>>,
    /// The byte where each line starts.
    pub(super) lines: OnceCell<Vec<u32>>,
}

impl Tree<'_> {
    /// The root node of each document.
    pub(in crate::manifest) fn roots(&self) -> &[usize] {
        &self.roots
    }

    /// What the parser read.
    pub(in crate::manifest) fn reading(&self) -> Reading {
        self.reading
    }

    /// The node itself, or what the alias stands for.
    pub(in crate::manifest) fn target(&self, node: usize) -> usize {
        match self.nodes[node].kind {
            Kind::Alias(target) => target as usize,
            _ => node,
        }
    }

    /// What the node is, aliases followed.
    pub(in crate::manifest) fn kind(&self, node: usize) -> Kind {
        self.nodes[self.target(node)].kind
    }

    /// Its line, from 1, where it stands itself.
    pub(in crate::manifest) fn line(&self, node: usize) -> u32 {
        self.nodes[node].line
    }

    /// Its column in characters, from 0, where it stands itself.
    pub(in crate::manifest) fn column(&self, node: usize) -> u32 {
        self.nodes[node].column
    }

    /// Its tag, aliases followed.
    pub(in crate::manifest) fn tag(&self, node: usize) -> Tag {
        self.nodes[self.target(node)].tag
    }

    /// The decoded value and the style of a scalar.
    pub(in crate::manifest) fn scalar(&self, node: usize) -> Option<(&str, Style)> {
        let node = &self.nodes[self.target(node)];
        match node.kind {
            Kind::Scalar(style) => Some((&node.text, style)),
            _ => None,
        }
    }

    /// The text of a scalar that is not null.
    pub(in crate::manifest) fn text(&self, node: usize) -> Option<&str> {
        self.scalar(node).filter(|(text, style)| *style != Style::Plain || !super::plain::is_null(text)).map(|(text, _)| text)
    }

    /// The value under a key of a mapping, merge keys followed; an own key hides a merged one.
    pub(in crate::manifest) fn get(&self, mapping: usize, key: &str) -> Option<usize> {
        self.get_entry(mapping, key).map(|(_, value)| value)
    }

    /// As [`Self::get`], with the key's node.
    pub(in crate::manifest) fn get_entry(&self, mapping: usize, key: &str) -> Option<(usize, usize)> {
        let mut open = vec![mapping];
        while let Some(mapping) = open.pop() {
            if let Some(found) = self.entries(mapping).find(|(name, _)| self.scalar(*name).is_some_and(|(text, _)| text == key)) {
                return Some(found);
            }
            open.extend(self.merged(mapping).into_iter().rev());
        }
        None
    }

    /// The value under a path of keys.
    pub(in crate::manifest) fn path(&self, mapping: usize, keys: &[&str]) -> Option<usize> {
        keys.iter().try_fold(mapping, |node, key| self.get(node, key))
    }

    /// The keys and values that stand in a mapping itself, none for other nodes.
    pub(in crate::manifest) fn entries(&self, mapping: usize) -> impl Iterator<Item = (usize, usize)> {
        let mut children = self.children(mapping, Kind::Mapping);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// As [`Self::entries`], and none for an alias.
    pub(in crate::manifest) fn own_entries(&self, node: usize) -> impl Iterator<Item = (usize, usize)> {
        let mapping = if self.target(node) == node { Some(node) } else { None };
        mapping.into_iter().flat_map(|mapping| self.entries(mapping))
    }

    /// The elements of a sequence, none for other nodes.
    pub(in crate::manifest) fn items(&self, sequence: usize) -> impl DoubleEndedIterator<Item = usize> {
        self.children(sequence, Kind::Sequence).collect::<Vec<_>>().into_iter()
    }

    /// Every key and value of a mapping, merge keys followed, own keys first.
    pub(in crate::manifest) fn merged_entries(&self, mapping: usize) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = vec![];
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let mut open = vec![mapping];
        while let Some(mapping) = open.pop() {
            let shown = |(key, _): &(usize, usize)| !self.is_merge(*key) && self.scalar(*key).is_none_or(|(name, _)| names.insert(name));
            found.extend(self.entries(mapping).filter(shown));
            open.extend(self.merged(mapping).into_iter().rev());
        }
        found
    }

    /// Whether a collection holds nothing; a scalar never does.
    pub(in crate::manifest) fn is_empty(&self, node: usize) -> bool {
        let node = self.target(node);
        !matches!(self.nodes[node].kind, Kind::Scalar(_)) && self.nodes[node].next as usize == node + 1
    }

    /// The node and all that stands inside it.
    pub(in crate::manifest) fn inside(&self, node: usize) -> std::ops::Range<usize> {
        node..self.nodes[node].next as usize
    }

    /// Whether any node is another name for another.
    pub(in crate::manifest) fn has_aliases(&self) -> bool {
        self.aliases
    }

    /// How many nodes there are.
    pub(in crate::manifest) fn len(&self) -> usize {
        self.nodes.len()
    }

    fn merged(&self, mapping: usize) -> Vec<usize> {
        let Some((_, value)) = self.entries(mapping).find(|(key, _)| self.is_merge(*key)) else {
            return vec![];
        };
        match self.kind(value) {
            Kind::Sequence => self.items(value).collect(),
            _ => vec![value],
        }
    }

    fn is_merge(&self, key: usize) -> bool {
        self.scalar(key) == Some(("<<", Style::Plain))
    }

    pub(super) fn children(&self, node: usize, kind: Kind) -> impl Iterator<Item = usize> {
        let node = self.target(node);
        let end = if self.nodes[node].kind == kind { self.nodes[node].next as usize } else { 0 };
        let mut at = node + 1;
        std::iter::from_fn(move || {
            let child = (at < end).then_some(at)?;
            at = self.nodes[child].next as usize;
            Some(child)
        })
    }
}
