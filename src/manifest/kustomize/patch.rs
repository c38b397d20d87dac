//! Patches: partial objects that are merged, and operations on paths.

use serde::{Deserialize, Serialize};

use super::{
    Link,
    read::{Said, said},
    selector::Selector,
    value::{At, Object, Value, Words, objects, read, scalar},
};
use crate::manifest::{
    File, ImageField, Node, Part, Parts, Place,
    workload::is_ours,
    yaml::{self, Kind, Style, Tree},
};

/// A patch as a kustomization names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) struct Patch {
    pub(super) line: u32,
    pub(super) from: From,
    pub(super) target: Option<Selector>,
    pub(super) form: Form,
    /// Whether it may give its target another name.
    pub(super) renames: bool,
    /// Whether it may give its target another kind.
    pub(super) rekinds: bool,
    /// The scalar that holds it, of one that stands in the kustomization.
    pub(super) text: Option<Node>,
}

/// Under which key a patch stands, which says what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) enum Form {
    /// `patches`.
    Any,
    /// `patchesStrategicMerge`.
    Merge,
    /// `patchesJson6902`.
    Operations,
}

/// Where a patch is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) enum From {
    File(Link),
    Inline(Content),
    /// Neither, and why.
    Nowhere(String),
}

/// What a patch says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) enum Content {
    Objects(Vec<Object>),
    Operations(Vec<Operation>),
    /// It cannot be read.
    Broken {
        reason: String,
        /// Whether it holds annotations that ask for updates.
        annotates: bool,
    },
}

/// What a patch says, wherever it is written.
pub(super) enum Says<'f> {
    Objects(&'f [Object]),
    Operations(&'f [Operation]),
    Broken { reason: &'f str, annotates: bool },
}

impl Patch {
    /// One as a `.flux.yaml` names it: it changes neither names nor kinds.
    pub(super) fn of_flux() -> Self {
        Self { line: 1, from: From::Nowhere(String::new()), target: None, form: Form::Merge, renames: false, rekinds: false, text: None }
    }
}

impl Content {
    pub(super) fn says(&self) -> Says<'_> {
        match self {
            Self::Objects(objects) => Says::Objects(objects),
            Self::Operations(operations) => Says::Operations(operations),
            Self::Broken { reason, annotates } => Says::Broken { reason, annotates: *annotates },
        }
    }
}

impl File {
    /// What the file says as a patch.
    pub(super) fn says(&self) -> Says<'_> {
        match &self.operations {
            Some(Ok(operations)) => Says::Operations(operations),
            Some(Err(reason)) => Says::Broken { reason, annotates: false },
            None if self.objects.is_empty() => Says::Broken { reason: "it is neither an object nor a list of operations", annotates: false },
            None => Says::Objects(&self.objects),
        }
    }
}

/// The images that operations and patches inside other texts write, each with its line; files that hold objects tell theirs themselves.
pub(in crate::manifest) fn written(file: &File) -> Vec<(u32, &ImageField)> {
    let layers = file.kustomization.as_deref().into_iter().chain(file.outers.iter().map(|outer| &outer.says));
    let patches = layers.flat_map(|says| says.merges.iter().chain(&says.patches).chain(&says.operations));
    let mut found = vec![];
    for content in patches.filter_map(|patch| if let From::Inline(content) = &patch.from { Some(content) } else { None }) {
        match content {
            Content::Objects(objects) => objects.iter().for_each(|object| object.value.images(&mut found)),
            Content::Operations(operations) => operations.iter().for_each(|operation| operation.images(&mut found)),
            Content::Broken { .. } => {}
        }
    }
    if let Some(Ok(operations)) = &file.operations {
        for operation in operations {
            operation.images(&mut found);
        }
    }
    found
}

impl Operation {
    fn images<'f>(&'f self, found: &mut Vec<(u32, &'f ImageField)>) {
        let is_image = self.path.last().is_some_and(|last| matches!(&**last, "image" | "reference"));
        match &self.what {
            What::Add(Value::Text(text)) | What::Replace(Value::Text(text)) if is_image => text.image(found),
            What::Add(value @ (Value::Map(_) | Value::List(_))) | What::Replace(value @ (Value::Map(_) | Value::List(_))) => value.images(found),
            _ => {}
        }
    }
}

impl Words {
    fn image<'f>(&'f self, found: &mut Vec<(u32, &'f ImageField)>) {
        let written = self.image.as_ref().filter(|image| **image != ImageField::Absent);
        found.extend(written.map(|image| (image.line().unwrap_or(self.line), image)));
    }
}

impl Value {
    fn images<'f>(&'f self, found: &mut Vec<(u32, &'f ImageField)>) {
        match self {
            Self::Text(text) => text.image(found),
            Self::List(items) => items.iter().for_each(|item| item.images(found)),
            Self::Map(entries) => entries.iter().for_each(|(_, value)| value.images(found)),
            Self::Null | Self::Other => {}
        }
    }
}

/// An operation of RFC 6902.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) struct Operation {
    pub(super) line: u32,
    pub(super) what: What,
    /// The steps of its path.
    pub(super) path: Vec<Box<str>>,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) enum What {
    Add(Value),
    Replace(Value),
    Remove,
    Test(Value),
    Move(Vec<Box<str>>),
    Copy(Vec<Box<str>>),
}

/// What a patch in one scalar of a kustomization says.
pub(super) fn inline(tree: &Tree<'_>, node: usize) -> Content {
    let Some((text, style)) = tree.scalar(node) else {
        return Content::Broken { reason: "it is no text".to_owned(), annotates: false };
    };
    let mut content = content(text);
    let line = tree.line(tree.target(node));
    let shift = |text: &mut Words| {
        text.line = if matches!(style, Style::Literal) { line + text.line - 1 } else { line };
        if let Some(image) = &mut text.image {
            *image = within(image, tree, node, text.line);
        }
    };
    content.each_text(&shift);
    match &mut content {
        Content::Objects(objects) => objects.iter_mut().for_each(|object| object.line = line + object.line - 1),
        Content::Operations(operations) => operations.iter_mut().for_each(|operation| operation.line = line + operation.line - 1),
        Content::Broken { .. } => {}
    }
    content
}

/// Where an image that was read in a scalar's text stands in the file.
fn within(image: &ImageField, tree: &Tree<'_>, node: usize, line: u32) -> ImageField {
    match image {
        ImageField::Absent => ImageField::Absent,
        ImageField::Written(Parts::Whole(part)) => match part.site.within(tree, node) {
            Ok(site) => ImageField::Written(Parts::Whole(Part::whole(site))),
            Err(reason) => ImageField::Unsupported { line, reason },
        },
        ImageField::Written(Parts::Apart(_)) => ImageField::Unsupported { line, reason: "it stands in several texts".to_owned() },
        ImageField::Unsupported { reason, .. } => ImageField::Unsupported { line, reason: reason.clone() },
    }
}

/// What the text of a patch says.
fn content(text: &str) -> Content {
    let marks = ["fluxcd.io/", "fluxcd.io~1", "flux.weave.works/", "flux.weave.works~1", "tagalong.dev/", "tagalong.dev~1"];
    let broken = |reason: String| Content::Broken { reason, annotates: marks.iter().any(|mark| text.contains(mark)) };
    match yaml::read(text) {
        Ok(tree) => match operations(&tree, Place::KustomizePatch) {
            Some(Ok(operations)) => Content::Operations(operations),
            Some(Err(reason)) => broken(reason),
            None => match objects(&tree, &[], &[], Place::KustomizePatch) {
                objects if objects.is_empty() => broken("it is neither an object nor a list of operations".to_owned()),
                objects => Content::Objects(objects),
            },
        },
        Err(fault) => broken(fault.reason),
    }
}

/// The operations of a file that is a list of them.
pub(in crate::manifest) fn operations(tree: &Tree<'_>, place: Place) -> Option<Result<Vec<Operation>, String>> {
    let &root = tree.roots().first()?;
    if tree.kind(root) != Kind::Sequence || !tree.items(root).any(|item| tree.get(item, "op").is_some()) {
        return None;
    }
    Some(tree.items(root).map(|item| operation(tree, item, place)).collect())
}

fn operation(tree: &Tree<'_>, item: usize, place: Place) -> Result<Operation, String> {
    let line = tree.line(item);
    let text = |key: &str| tree.get(item, key).and_then(|value| tree.text(value));
    let refused = |what: &str| Err(format!("line {line}: {what}"));
    let path = match text("path") {
        Some(path) if path.starts_with('/') => steps(path),
        Some("") => vec![],
        _ => return refused("an operation needs a `path` that begins with `/`"),
    };
    let at = path.iter().fold(At::Object, |at, step| at.under(step));
    let value = || match tree.get(item, "value") {
        None => Err(format!("line {line}: the operation has no `value`")),
        Some(node) => Ok(scalar(tree, node, place).unwrap_or_else(|| read(tree, node, at, place))),
    };
    let from = || text("from").filter(|from| from.starts_with('/')).map(steps).ok_or(format!("line {line}: the operation has no `from`"));
    let what = match text("op") {
        Some("add") => What::Add(value()?),
        Some("replace") => What::Replace(value()?),
        Some("test") => What::Test(value()?),
        Some("remove") => What::Remove,
        Some("move") => What::Move(from()?),
        Some("copy") => What::Copy(from()?),
        _ => return refused("`op` is none of add, replace, remove, test, move and copy"),
    };
    Ok(Operation { line, what, path })
}

/// The steps of a JSON pointer.
fn steps(pointer: &str) -> Vec<Box<str>> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~").into()).collect()
}

impl Content {
    fn each_text(&mut self, change: &impl Fn(&mut Words)) {
        match self {
            Self::Objects(objects) => objects.iter_mut().for_each(|object| object.value.each_text(change)),
            Self::Operations(operations) => {
                for operation in operations {
                    if let What::Add(value) | What::Replace(value) | What::Test(value) = &mut operation.what {
                        value.each_text(change);
                    }
                }
            }
            Self::Broken { .. } => {}
        }
    }
}

impl Value {
    fn each_text(&mut self, change: &impl Fn(&mut Words)) {
        match self {
            Self::Text(text) => change(text),
            Self::List(items) => items.iter_mut().for_each(|item| item.each_text(change)),
            Self::Map(entries) => entries.iter_mut().for_each(|(_, value)| value.each_text(change)),
            Self::Null | Self::Other => {}
        }
    }
}

/// The elements of a list of patches.
pub(super) fn patches(tree: &Tree<'_>, list: usize, form: Form) -> Vec<Patch> {
    tree.items(list).map(|item| patch(tree, item, form)).collect()
}

fn patch(tree: &Tree<'_>, item: usize, form: Form) -> Patch {
    let line = tree.line(item);
    let plain = |from: From| Patch { line, from, target: None, form, renames: false, rekinds: false, text: None };
    match (tree.kind(item), form) {
        (Kind::Scalar(_), Form::Merge) => Patch { text: Some(Node::of(tree, item)), ..plain(named_or_inline(tree, item)) },
        (Kind::Mapping, Form::Any | Form::Operations) => {
            let path = tree.get(item, "path").filter(|node| tree.text(*node).is_some_and(|text| !text.is_empty()));
            let text = tree.get(item, "patch").filter(|node| tree.text(*node).is_some_and(|text| !text.trim().is_empty()));
            let from = match (path, text) {
                (Some(path), None) => file(tree, path),
                (None, Some(text)) => From::Inline(inline(tree, text)),
                (None, None) => From::Nowhere("it has neither `path` nor `patch`".to_owned()),
                (Some(_), Some(_)) => From::Nowhere("it has both `path` and `patch`".to_owned()),
            };
            let option = |key: &str| tree.path(item, &["options", key]).and_then(|value| tree.text(value)) == Some("true");
            let target = tree.get(item, "target").filter(|node| tree.kind(*node) == Kind::Mapping).map(|node| selector(tree, node));
            let text = text.map(|text| Node::of(tree, text));
            Patch { target, renames: option("allowNameChange"), rekinds: option("allowKindChange"), text, ..plain(from) }
        }
        _ => plain(From::Nowhere("it is no patch".to_owned())),
    }
}

/// An element of `patchesStrategicMerge` is a patch where it reads as an object, else a path.
fn named_or_inline(tree: &Tree<'_>, item: usize) -> From {
    match inline(tree, item) {
        Content::Objects(objects) => From::Inline(Content::Objects(objects)),
        _ if tree.text(item).is_some_and(|text| !text.contains('\n')) => file(tree, item),
        other => From::Inline(other),
    }
}

fn file(tree: &Tree<'_>, node: usize) -> From {
    match said(tree, node) {
        Said::Text(path) => From::File(Link { path: path.to_owned(), line: tree.line(node) }),
        _ => From::Nowhere("its path is no text".to_owned()),
    }
}

fn selector(tree: &Tree<'_>, node: usize) -> Selector {
    let text = |key: &str| tree.get(node, key).and_then(|value| tree.text(value)).unwrap_or_default().into();
    Selector {
        line: tree.line(node),
        group: text("group"),
        version: text("version"),
        kind: text("kind"),
        name: text("name"),
        namespace: text("namespace"),
        labels: text("labelSelector"),
        annotations: text("annotationSelector"),
    }
}

/// Whether an object has annotations that ask for updates.
pub(super) fn is_annotated(value: &Value) -> bool {
    match value.get("metadata").and_then(|metadata| metadata.get("annotations")) {
        Some(Value::Map(entries)) => entries.iter().any(|(key, _)| is_ours(key)),
        _ => false,
    }
}
