//! The shapes in which values hold an image, and the walk that finds them at any depth.

use std::collections::BTreeSet;

use super::{
    Node, Place, Site,
    place::{Apart, ImageField, Part, Parts, Reader},
    yaml::{Kind, Style, Tree, plain},
};

/// The steps from the top of a document or object to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path(pub(super) Vec<Step>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Path {
    pub(super) fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    pub(super) fn with_index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Index(index));
        path
    }

    pub(super) fn with_key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Key(key.to_owned()));
        path
    }
}

/// Dotted; `\.` is a dot in a key.
impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "." })?;
            match step {
                Step::Key(key) => f.write_str(&key.replace('.', "\\."))?,
                Step::Index(index) => write!(f, "{index}")?,
            }
        }
        Ok(())
    }
}

/// An image that a walk found, and the path of its key.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: Path,
    pub(super) image: ImageField,
}

/// Values stand at most so deep below a walk's start.
const DEEPEST: usize = 220;

/// Nodes that an image was read from already.
pub(super) type Taken = BTreeSet<usize>;

/// Calls `visit` with each mapping below a node, aliases and merge keys followed, and its path.
///
/// # Shape
/// The bound on what aliases repeat bounds the walk; what they nest deeper than any file may is not visited.
pub(super) fn walk(tree: &Tree<'_>, node: usize, path: &mut Path, visit: &mut dyn FnMut(usize, &Path)) {
    match tree.kind(node) {
        _ if path.0.len() > DEEPEST => {}
        Kind::Mapping => {
            visit(node, path);
            for (key, value) in tree.merged_entries(node) {
                if !matches!(tree.kind(value), Kind::Scalar(_)) {
                    path.0.push(Step::Key(tree.scalar(key).map(|(key, _)| key.to_owned()).unwrap_or_default()));
                    walk(tree, value, path, visit);
                    path.0.pop();
                }
            }
        }
        Kind::Sequence => {
            for (index, item) in tree.items(node).enumerate() {
                path.0.push(Step::Index(index));
                walk(tree, item, path, visit);
                path.0.pop();
            }
        }
        _ => {}
    }
}

/// Every image below a node that stands under `image` in one of a chart's shapes.
pub(super) fn images(tree: &Tree<'_>, node: usize, path: &Path, taken: &mut Taken) -> Vec<Found> {
    let (mut found, mut read) = (vec![], Taken::new());
    walk(tree, node, &mut path.clone(), &mut |mapping, path| {
        let Some(nodes) = tree.get(mapping, "image").and_then(|value| chart_shape(tree, mapping, value)) else {
            return;
        };
        if nodes.iter().flatten().any(|node| taken.contains(&tree.target(*node))) {
            return;
        }
        read.extend(nodes.iter().flatten().map(|node| tree.target(*node)));
        let image = apart(tree, nodes, Place::HelmValue, reader(tree, mapping, "image"));
        found.push(Found { path: path.with_key("image"), image });
    });
    // What aliases give to several keys is an image of each.
    taken.extend(read);
    found
}

/// The nodes of a chart's image: name, registry, tag and digest, beside a scalar or in a mapping.
pub(super) fn chart_shape(tree: &Tree<'_>, mapping: usize, value: usize) -> Option<[Option<usize>; 4]> {
    let scalar = |mapping: usize, key: &str| tree.get(mapping, key).filter(|node| tree.scalar(*node).is_some());
    let (name, rest) = match tree.kind(value) {
        Kind::Scalar(_) => (Some(value), mapping),
        Kind::Mapping => (scalar(value, "repository"), value),
        _ => return None,
    };
    let name = name.filter(|name| is_name(tree, *name));
    let [registry, tag, digest] = ["registry", "tag", "digest"].map(|key| scalar(rest, key));
    let is_image = name.is_some() || (rest == value && tag.is_some());
    is_image.then_some([name, registry, tag, digest])
}

/// Who reads a chart's image under a key: of a mapping keys may be added to, of a scalar not.
pub(super) fn reader(tree: &Tree<'_>, mapping: usize, key: &str) -> Reader {
    let image = tree.get(mapping, key).filter(|image| tree.kind(*image) == Kind::Mapping);
    image.map_or(Reader::ChartAsItIs, |image| Reader::Chart(Node::of(tree, image)))
}

/// The image that these nodes hold: name, registry, tag and digest.
pub(super) fn apart(tree: &Tree<'_>, nodes: [Option<usize>; 4], place: Place, reader: Reader) -> ImageField {
    if let ([Some(name), None, None, None], Reader::ChartAsItIs) = (nodes, reader) {
        return field(tree, name, place);
    }
    written(|| {
        let [name, registry, tag, digest] = nodes.map(|node| part(tree, node, place));
        Ok(Apart { name: name?, registry: registry?, tag: tag?, digest: digest?, known: None, reader })
    })
}

/// The part of a node, `None` where none is written: a key without a value is a key that is not there.
///
/// # Errors
/// The line and the reason why it cannot be edited.
pub(super) fn part(tree: &Tree<'_>, node: Option<usize>, place: Place) -> Result<Option<Part>, (u32, String)> {
    let Some(node) = node.filter(|node| tree.text(*node).is_some() || tree.scalar(*node).is_none()) else {
        return Ok(None);
    };
    Site::at(tree, node, place).map(|site| Some(Part::whole(site))).map_err(|reason| (tree.line(tree.target(node)), reason))
}

pub(super) fn written(parts: impl FnOnce() -> Result<Apart, (u32, String)>) -> ImageField {
    match parts() {
        Ok(parts) => ImageField::Written(Parts::Apart(Box::new(parts))),
        Err((line, reason)) => ImageField::Unsupported { line, reason },
    }
}

/// The image of one scalar that holds all of it.
pub(super) fn field(tree: &Tree<'_>, node: usize, place: Place) -> ImageField {
    let line = tree.line(tree.target(node));
    match tree.kind(node) {
        Kind::Scalar(_) if tree.text(node).is_none_or(str::is_empty) => ImageField::Absent,
        Kind::Scalar(_) => Site::at(tree, node, place)
            .map_or_else(|reason| ImageField::Unsupported { line, reason }, |site| ImageField::Written(Parts::Whole(Part::whole(site)))),
        Kind::Mapping if tree.rest_of_line(node).starts_with("{{") => {
            ImageField::Unsupported { line, reason: "it is a template's expression".to_owned() }
        }
        _ => ImageField::Unsupported { line, reason: "it is no text".to_owned() },
    }
}

/// A text that is not empty; `image: true` switches something on.
fn is_name(tree: &Tree<'_>, node: usize) -> bool {
    let text = tree.text(node).filter(|text| !text.is_empty());
    text.is_some_and(|text| !matches!(tree.scalar(node), Some((_, Style::Plain)) if plain::is_boolean(text)))
}

/// The nodes at a dotted path; `\.` is a dot in a key, a number an element of a list, `*` every element.
pub(super) fn select(tree: &Tree<'_>, object: usize, path: &str) -> Vec<usize> {
    let mut nodes = vec![object];
    for step in path.replace("\\.", "\0").split('.').map(|step| step.replace('\0', ".")) {
        let mut next = vec![];
        for node in nodes {
            match tree.kind(node) {
                Kind::Mapping => next.extend(tree.get(node, &step)),
                Kind::Sequence if step == "*" => next.extend(tree.items(node)),
                Kind::Sequence => next.extend(step.parse().ok().and_then(|index: usize| tree.items(node).nth(index))),
                _ => {}
            }
        }
        nodes = next;
    }
    nodes
}
