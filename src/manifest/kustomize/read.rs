//! What a kustomization says, read from its file.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{
    Kustomization, Link, Obstacle,
    build::GENERATED,
    entry::Entry,
    patch::{Form, patches},
    value::{At, Value, Words, read as value},
};
use crate::manifest::{
    Node, Place,
    place::{Apart, Reader},
    screen::is_kustomization,
    shape::{part, written},
    yaml::{Kind, Style, Tree},
};

/// Keys that can change no image, no annotation of ours and no name of a workload.
const HARMLESS: [&str; 11] = [
    "apiversion",
    "kind",
    "metadata",
    "generatoroptions",
    "crds",
    "replicas",
    "buildmetadata",
    "sortoptions",
    "inventory",
    "validators",
    "helmglobals",
];

/// Keys whose work nobody but kustomize can foresee.
const OBSTACLES: [&str; 3] = ["helmcharts", "helmchartinflationgenerator", "transformers"];

/// The last keys of paths that hold an image, or something that does.
const HOLD_IMAGES: [&str; 9] =
    ["image", "reference", "spec", "template", "jobTemplate", "containers", "initContainers", "ephemeralContainers", "volumes"];

/// Which field holds an image, as `configurations` say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) struct FieldSpec {
    pub(super) group: Box<str>,
    pub(super) version: Box<str>,
    pub(super) kind: Box<str>,
    /// Its keys; a trailing `[]` is taken off.
    pub(super) path: Vec<Box<str>>,
}

/// Something that kustomize refuses to build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) struct Refusal {
    pub(super) line: u32,
    pub(super) reason: String,
}

/// A value as kustomize reads it.
pub(super) enum Said<'t> {
    Nothing,
    Text(&'t str),
    /// A number, a boolean or a collection.
    NoText,
}

/// What Go's YAML reads as a number or a boolean.
static NO_TEXT: LazyLock<Regex> = LazyLock::new(|| {
    let boolean = "y|Y|yes|Yes|YES|on|On|ON|true|True|TRUE|n|N|no|No|NO|off|Off|OFF|false|False|FALSE";
    let number = "[-+]?(?:0[bB][01_]+|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|\\.[0-9_]+|[0-9][0-9_]*(?:\\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?";
    let special = "[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN)";
    Regex::new(&format!("^(?:{boolean}|{number}|{special})$")).expect("the expression is constant")
});

pub(super) fn said<'t>(tree: &'t Tree<'_>, node: usize) -> Said<'t> {
    match tree.scalar(node) {
        None => Said::NoText,
        Some(_) if tree.text(node).is_none_or(str::is_empty) => Said::Nothing,
        Some((text, Style::Plain)) if NO_TEXT.is_match(text) => Said::NoText,
        Some((text, _)) => Said::Text(text),
    }
}

/// `None` where the file is no kustomization.
pub(in crate::manifest) fn read(tree: &Tree<'_>, name: &str) -> Option<Kustomization> {
    let &root = tree.roots().first()?;
    let text = |key: &str| tree.get(root, key).and_then(|value| tree.text(value));
    let by_kind = text("apiVersion").is_some_and(|version| version.starts_with("kustomize.config.k8s.io/"));
    let by_name = is_kustomization(name) && text("apiVersion").is_none() && matches!(text("kind"), Some("Kustomization" | "Component") | None);
    if tree.kind(root) != Kind::Mapping || !(by_kind || by_name) {
        return None;
    }
    let mut found = Kustomization {
        component: text("kind") == Some("Component"),
        line: tree.line(root),
        node: Some(Node::of(tree, root)),
        ..Kustomization::default()
    };
    for (key, value) in tree.merged_entries(root) {
        let line = tree.line(key);
        match tree.scalar(key) {
            Some((key, _)) if !is_nothing(tree, value) => found.take(tree, key, line, value),
            _ => {}
        }
    }
    if let Some(line) = found.variables.filter(|_| !found.configurations.is_empty()) {
        found.obstacles.push(Obstacle { key: "vars".to_owned(), line });
    }
    Some(found)
}

/// Whether a replacement may reach an image, an annotation of ours or a name; one in a file of its own may.
fn may_replace(tree: &Tree<'_>, item: usize) -> bool {
    let targets = tree.get(item, "targets").into_iter().flat_map(|list| tree.items(list).collect::<Vec<_>>());
    let lists = targets.filter_map(|target| tree.get(target, "fieldPaths"));
    let mut paths = lists.flat_map(|list| tree.items(list).collect::<Vec<_>>()).peekable();
    tree.get(item, "path").is_some()
        || paths.peek().is_none()
        || paths.any(|path| {
            let path = tree.text(path).unwrap_or_default();
            let last = path.rsplit('.').next().unwrap_or_default();
            let element = last.starts_with(['[', '*']) || last.bytes().all(|b| b.is_ascii_digit());
            path.starts_with("metadata") || path == "kind" || path == "apiVersion" || element || HOLD_IMAGES.contains(&last)
        })
}

fn is_nothing(tree: &Tree<'_>, node: usize) -> bool {
    tree.scalar(node).is_some() && tree.text(node).is_none_or(str::is_empty) || tree.is_empty(node)
}

impl Kustomization {
    /// Takes what stands under a key; kustomize does not look at the case of its letters.
    fn take(&mut self, tree: &Tree<'_>, key: &str, line: u32, value: usize) {
        match key.to_ascii_lowercase().as_str() {
            "resources" => self.resources.splice(0..0, links(tree, value, &mut self.refusals)).for_each(drop),
            "bases" => self.resources.extend(links(tree, value, &mut self.refusals)),
            "components" => self.components.extend(links(tree, value, &mut self.refusals)),
            "configurations" => self.configurations.extend(links(tree, value, &mut self.refusals)),
            "patches" => self.patches.extend(patches(tree, value, Form::Any)),
            "patchesstrategicmerge" => self.merges.extend(patches(tree, value, Form::Merge)),
            "patchesjson6902" => self.operations.extend(patches(tree, value, Form::Operations)),
            "images" => self.images.splice(0..0, entries(tree, value, &mut self.refusals)).for_each(drop),
            "imagetags" => self.images.extend(entries(tree, value, &mut self.refusals)),
            "namespace" => self.namespace = self.text(tree, key, value),
            "nameprefix" => self.prefix = self.text(tree, key, value),
            "namesuffix" => self.suffix = self.text(tree, key, value),
            "commonlabels" => self.labels.extend(pairs(tree, value)),
            "labels" => {
                let pairs = tree.items(value).filter_map(|item| tree.get(item, "pairs")).flat_map(|node| pairs(tree, node));
                self.labels.extend(pairs);
            }
            "commonannotations" => self.annotations.extend(pairs(tree, value)),
            "configmapgenerator" => self.generated.extend(generated(tree, value, "ConfigMap")),
            "secretgenerator" => self.generated.extend(generated(tree, value, "Secret")),
            "generators" => self.generated.extend(tree.items(value).map(|item| (GENERATED.into(), tree.rest_of_line(item).into(), "".into()))),
            "openapi" => self.schema = Some(line),
            // Variables are put into fields that hold no image, if nothing configures others.
            "vars" => self.variables = Some(line),
            "replacements" if !tree.items(value).any(|item| may_replace(tree, item)) => {}
            "replacements" => self.obstacles.push(Obstacle { key: key.to_owned(), line }),
            known if HARMLESS.contains(&known) => {}
            known if OBSTACLES.contains(&known) => self.obstacles.push(Obstacle { key: key.to_owned(), line }),
            _ => self.refuse(line, format!("kustomize knows no `{key}`")),
        }
    }

    fn text(&mut self, tree: &Tree<'_>, key: &str, node: usize) -> Option<Box<str>> {
        match said(tree, node) {
            Said::Text(text) => Some(text.into()),
            Said::Nothing => None,
            Said::NoText => {
                self.refuse(tree.line(node), format!("`{key}` is no text: put it into quotes"));
                None
            }
        }
    }

    fn refuse(&mut self, line: u32, reason: String) {
        self.refusals.push(Refusal { line, reason });
    }
}

pub(super) fn links(tree: &Tree<'_>, list: usize, refusals: &mut Vec<Refusal>) -> Vec<Link> {
    let mut found = vec![];
    if tree.kind(list) != Kind::Sequence {
        refusals.push(Refusal { line: tree.line(list), reason: "a list of paths is no list".to_owned() });
    }
    for item in tree.items(list) {
        let line = tree.line(item);
        match said(tree, item) {
            Said::Text(path) => found.push(Link { path: path.to_owned(), line }),
            Said::Nothing => refusals.push(Refusal { line, reason: "a path is empty".to_owned() }),
            Said::NoText => refusals.push(Refusal { line, reason: format!("the path `{}` is no text: put it into quotes", written_as(tree, item)) }),
        }
    }
    found
}

fn written_as<'t>(tree: &'t Tree<'_>, node: usize) -> &'t str {
    tree.scalar(node).map_or_else(|| tree.rest_of_line(node), |(text, _)| text)
}

/// The elements of `images`.
pub(super) fn entries(tree: &Tree<'_>, list: usize, refusals: &mut Vec<Refusal>) -> Vec<Entry> {
    if tree.kind(list) != Kind::Sequence {
        refusals.push(Refusal { line: tree.line(list), reason: "`images` is no list".to_owned() });
    }
    tree.items(list).filter_map(|item| entry(tree, item, refusals)).collect()
}

fn entry(tree: &Tree<'_>, item: usize, refusals: &mut Vec<Refusal>) -> Option<Entry> {
    let mut refuse = |line: u32, reason: String| refusals.push(Refusal { line, reason });
    if tree.kind(item) != Kind::Mapping {
        refuse(tree.line(item), "an entry of `images` is no mapping".to_owned());
        return None;
    }
    let mut found = Entry { line: tree.line(item), node: Some(Node::of(tree, item)), ..Entry::default() };
    let (mut tag, mut digest) = (None, None);
    for (key, node) in tree.merged_entries(item) {
        let (Some((key, _)), line) = (tree.scalar(key), tree.line(key)) else { continue };
        match key.to_ascii_lowercase().as_str() {
            "newtag" => tag = Some(node),
            "digest" => digest = Some(node),
            _ => {}
        }
        let text = match said(tree, node) {
            Said::Nothing => continue,
            Said::NoText => {
                refuse(line, format!("`{key}` of an entry of `images` is no text: put `{}` into quotes", written_as(tree, node)));
                continue;
            }
            Said::Text(text) => text,
        };
        let image = || match value(tree, node, At::Image, Place::KustomizeImage) {
            Value::Text(text) => Some(text),
            _ => None,
        };
        match key.to_ascii_lowercase().as_str() {
            "name" => found.name = text.into(),
            "newname" => found.new_name = image(),
            "newtag" => found.new_tag = image(),
            "digest" => found.digest = image(),
            "tagsuffix" => found.suffix = Some(text.into()),
            _ => refuse(line, format!("kustomize knows no `{key}` in an entry of `images`")),
        }
    }
    found.image = written(|| {
        let [tag, digest] = [tag, digest].map(|node| part(tree, node, Place::KustomizeImage));
        let reader = Reader::Kustomize(Node::of(tree, item));
        Ok(Apart { registry: None, name: None, tag: tag?, digest: digest?, known: None, reader })
    });
    if found.name.is_empty() {
        refuse(found.line, "an entry of `images` has no `name`, so that nobody knows which images it means".to_owned());
    }
    Some(found)
}

pub(super) fn pairs(tree: &Tree<'_>, mapping: usize) -> Vec<(Box<str>, Box<Words>)> {
    let text = |(key, node): (usize, usize)| match (tree.text(key)?, value(tree, node, At::Text, Place::Container)) {
        (key, Value::Text(text)) => Some((key.into(), text)),
        _ => None,
    };
    tree.merged_entries(mapping).into_iter().filter_map(text).collect()
}

fn generated(tree: &Tree<'_>, list: usize, kind: &str) -> Vec<(Box<str>, Box<str>, Box<str>)> {
    let text = |item: usize, key: &str| tree.get(item, key).and_then(|value| tree.text(value)).unwrap_or_default().into();
    tree.items(list).map(|item| (kind.into(), text(item, "name"), text(item, "namespace"))).collect()
}

/// The image fields that a transformer configuration adds, none where the file is none.
pub(in crate::manifest) fn field_specs(tree: &Tree<'_>) -> Vec<FieldSpec> {
    let Some(&root) = tree.roots().first() else { return vec![] };
    if tree.get(root, "kind").is_some() {
        return vec![];
    }
    let spec = |item: usize| {
        let text = |key: &str| tree.get(item, key).and_then(|value| tree.text(value)).unwrap_or_default();
        let path = text("path").replace("\\/", "\0");
        let keys = path.split('/').filter(|key| !key.is_empty()).map(|key| key.trim_end_matches("[]").replace('\0', "/").into());
        Some(FieldSpec { group: text("group").into(), version: text("version").into(), kind: text("kind").into(), path: keys.collect() })
            .filter(|spec| !spec.path.is_empty())
    };
    let list = tree.get(root, "images").filter(|node| tree.kind(*node) == Kind::Sequence);
    list.into_iter().flat_map(|list| tree.items(list).filter_map(spec).collect::<Vec<_>>()).collect()
}
