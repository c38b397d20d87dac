//! What of a document an image, an id, an annotation or a selector can depend on; the rest is left out.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    manifest::{
        ImageField, KindPaths, Node, Place, shape,
        workload::{self, is_ours},
        yaml::{Kind, Style, Tag, Tree, plain},
    },
    policy::annotation::Quoting,
};

/// The longest annotation of somebody else that is kept whole: selectors compare with no more.
const FOREIGN: usize = 63;

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) enum Value {
    Null,
    /// Something of no concern.
    Other,
    Text(Box<Words>),
    List(Vec<Value>),
    Map(Vec<(Box<str>, Value)>),
}

/// A scalar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) struct Words {
    pub(in crate::manifest) text: Box<str>,
    /// From 1.
    pub(in crate::manifest) line: u32,
    pub(in crate::manifest) quoting: Quoting,
    /// Where it stands, of an image only.
    pub(in crate::manifest) image: Option<ImageField>,
}

/// An object of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) struct Object {
    pub(in crate::manifest) value: Value,
    pub(in crate::manifest) line: u32,
    pub(in crate::manifest) node: Node,
    /// Its place among the file's workloads, if it is one.
    pub(in crate::manifest) workload: Option<u32>,
}

impl Value {
    pub(in crate::manifest) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| &**name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(in crate::manifest) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(&text.text),
            _ => None,
        }
    }
}

/// Where in an object a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Object,
    Metadata,
    Texts,
    Pod,
    Containers,
    Container,
    Volumes,
    Volume,
    VolumeImage,
    Image,
    Text,
    /// Where nothing of concern stands.
    Elsewhere,
}

impl At {
    /// Where the value under a key, or an element of a list, stands.
    pub(super) fn under(self, key: &str) -> Self {
        match (self, key) {
            (Self::Object, "apiVersion" | "kind")
            | (Self::Metadata, "name" | "generateName" | "namespace")
            | (Self::Container | Self::Volume, "name")
            | (Self::Object | Self::Metadata | Self::Pod | Self::Container | Self::Volume | Self::VolumeImage | Self::Texts, "$patch")
            | (Self::Texts, _) => Self::Text,
            (Self::Object, "metadata") => Self::Metadata,
            (Self::Metadata, "labels" | "annotations") => Self::Texts,
            (Self::Object, "spec" | "template") | (Self::Pod, "spec" | "template" | "jobTemplate") => Self::Pod,
            (Self::Pod, "containers" | "initContainers" | "ephemeralContainers") => Self::Containers,
            (Self::Containers, _) => Self::Container,
            (Self::Pod, "volumes") => Self::Volumes,
            (Self::Volumes, _) => Self::Volume,
            (Self::Volume, "image") => Self::VolumeImage,
            (Self::Container, "image") | (Self::VolumeImage, "reference") => Self::Image,
            _ => Self::Elsewhere,
        }
    }
}

/// Every object of a file, those in lists too, in the order of the file.
///
/// # Shape
/// `workloads` are the nodes of its workloads.
pub(in crate::manifest) fn objects(tree: &Tree<'_>, kinds: &[KindPaths], workloads: &[Range<usize>], place: Place) -> Vec<Object> {
    let mut found = vec![];
    let mut workloads = workloads.iter().zip(0..).peekable();
    for &root in tree.roots() {
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            let text = |key: &str| tree.get(node, key).and_then(|value| tree.text(value));
            let (api_version, Some(kind)) = (text("apiVersion").unwrap_or_default(), text("kind")) else {
                continue;
            };
            if kind.ends_with("List")
                && let Some(items) = tree.get(node, "items")
            {
                open.extend(tree.items(items).rev());
                continue;
            }
            let mut value = read(tree, node, At::Object, place);
            for path in kinds.iter().filter(|paths| paths.kind == kind && paths.api_version == api_version).flat_map(|paths| &paths.images) {
                keep(tree, node, &workload::steps(path), &mut value);
            }
            let line = tree.entries(node).next().map_or(tree.line(node), |(key, _)| tree.line(key));
            let workload = workloads.next_if(|(workload, _)| workload.start == node).map(|(_, at)| at);
            found.push(Object { value, line, node: Node::of(tree, node), workload });
        }
    }
    found.shrink_to_fit();
    found
}

/// The value of a node that stands `at` some place of an object.
pub(super) fn read(tree: &Tree<'_>, node: usize, at: At, place: Place) -> Value {
    match (tree.kind(node), at) {
        (Kind::Scalar(_), _) if is_null(tree, node) => Value::Null,
        (Kind::Scalar(_), At::Image) => Value::Text(Box::new(text(tree, node, Some(shape::field(tree, node, place))))),
        (Kind::Scalar(_), At::Text) => Value::Text(Box::new(text(tree, node, None))),
        (_, At::Elsewhere | At::Text)
        | (Kind::Scalar(_), _)
        | (Kind::Mapping, At::Containers | At::Volumes)
        | (Kind::Sequence, At::Object | At::Metadata | At::Pod | At::Container) => Value::Other,
        (Kind::Sequence, At::Volumes) if !tree.items(node).any(|item| tree.get(item, "image").is_some()) => Value::Other,
        (Kind::Sequence, _) => Value::List(tree.items(node).map(|item| read(tree, item, at.under("0"), place)).collect()),
        (_, At::Image) => Value::Text(Box::new(unreadable(tree, node, place))),
        _ => {
            let entries = tree.merged_entries(node).into_iter();
            let mut entries: Vec<(Box<str>, Value)> = entries.filter_map(|(key, value)| entry(tree, tree.scalar(key)?.0, value, at, place)).collect();
            entries.shrink_to_fit();
            Value::Map(entries)
        }
    }
}

fn entry(tree: &Tree<'_>, key: &str, value: usize, at: At, place: Place) -> Option<(Box<str>, Value)> {
    let below = at.under(key);
    if below == At::Elsewhere {
        return None;
    }
    let mut read = read(tree, value, below, place);
    if let (At::Texts, Value::Text(text)) = (at, &mut read)
        && text.text.len() > FOREIGN
        && !is_ours(key)
    {
        text.text = "…".into();
    }
    Some((key.into(), read))
}

/// A scalar of an operation's value, wherever it is put.
pub(super) fn scalar(tree: &Tree<'_>, node: usize, place: Place) -> Option<Value> {
    match tree.kind(node) {
        Kind::Scalar(_) if is_null(tree, node) => Some(Value::Null),
        Kind::Scalar(_) => Some(Value::Text(Box::new(text(tree, node, Some(shape::field(tree, node, place)))))),
        _ => None,
    }
}

fn is_null(tree: &Tree<'_>, node: usize) -> bool {
    tree.scalar(node).is_some_and(|(text, style)| style == Style::Plain && plain::is_null(text))
}

fn text(tree: &Tree<'_>, node: usize, image: Option<ImageField>) -> Words {
    let (text, quoting) = match tree.scalar(node) {
        Some((text, Style::Plain)) if tree.tag(node) == Tag::None && plain::is_something_else(text) => (text, Quoting::NotText),
        Some((text, _)) => (text, Quoting::Text),
        None => (tree.rest_of_line(node), Quoting::Text),
    };
    Words { text: text.into(), line: tree.line(node), quoting, image }
}

/// An image that is no scalar.
fn unreadable(tree: &Tree<'_>, node: usize, place: Place) -> Words {
    text(tree, node, Some(shape::field(tree, node, place)))
}

/// Keeps what stands at a configured path, and the way that leads there.
fn keep(tree: &Tree<'_>, node: usize, steps: &[String], into: &mut Value) {
    let Some((step, rest)) = steps.split_first() else {
        if let (Value::Other, Some(found)) = (&*into, scalar(tree, node, Place::Custom)) {
            *into = found;
        }
        return;
    };
    match tree.kind(node) {
        Kind::Mapping => {
            let Some(below) = tree.get(node, step) else { return };
            if !matches!(into, Value::Map(_)) {
                *into = Value::Map(vec![]);
            }
            let Value::Map(entries) = into else { return };
            let at = entries.iter().position(|(key, _)| **key == **step).unwrap_or_else(|| {
                entries.push((step.as_str().into(), Value::Other));
                entries.len() - 1
            });
            keep(tree, below, rest, &mut entries[at].1);
        }
        Kind::Sequence => {
            if !matches!(into, Value::List(_)) {
                *into = Value::List(tree.items(node).map(|_| Value::Other).collect());
            }
            let Value::List(items) = into else { return };
            for (index, (item, value)) in tree.items(node).zip(items).enumerate() {
                if step == "*" || step.parse() == Ok(index) {
                    keep(tree, item, rest, value);
                }
            }
        }
        _ => {}
    }
}
