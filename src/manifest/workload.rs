//! Workloads: objects that hold a pod spec, or images at configured paths.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};

use super::{
    Node, Place,
    custom::custom,
    helm, kustomize, oci,
    place::ImageField,
    shape::{Found, Path, Taken, field, select},
    yaml::{Kind, Style, Tag, Tree, plain},
};
use crate::policy::{
    annotation::{Annotation, Quoting},
    comment::CommentPolicy,
};

/// Where a pod spec may stand in an object.
pub(super) const POD_SPECS: [&[&str]; 4] =
    [&["spec"], &["spec", "template", "spec"], &["spec", "jobTemplate", "spec", "template", "spec"], &["template", "spec"]];

/// Annotations of ours that say nothing about updating.
const NOT_ABOUT_UPDATES: [&str; 7] = ["ignore", "sync_only", "sync-checksum", "sync-gc-mark", "locked", "locked_msg", "locked_user"];

/// Which object of which namespace.
///
/// # Shape
/// `Display` is `namespace:kind/name`; without a namespace, `default`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkloadId {
    /// The namespace that the manifest names.
    pub namespace: Option<String>,
    /// The kind in lower case.
    pub kind: String,
    /// The name; of a generated one what stands in front.
    pub name: String,
}

impl fmt::Display for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.namespace.as_deref().unwrap_or("default"), self.kind, self.name)
    }
}

/// An object with images, or with annotations that ask for updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Which object it is.
    pub id: WorkloadId,
    /// Its `apiVersion`.
    pub api_version: String,
    /// The line on which it begins, from 1.
    pub line: u32,
    /// The document of the file that holds it, from 0.
    pub document: usize,
    /// The object, for entries to be set in it.
    pub node: Node,
    /// Its annotations, those of Flux and our own only.
    pub annotations: Vec<Annotation>,
    /// Its containers; none where no image of a known shape was found.
    pub containers: Vec<Container>,
    /// Whether it is a `SealedSecret` or encrypted by SOPS.
    pub encrypted: bool,
}

/// A container, or another named part of a workload with an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its name; of a Helm value its alias; for other places the dotted path.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// What kind of place it is.
    pub place: Place,
    /// Its image.
    pub image: ImageField,
    /// The comment policy on it.
    pub policy: Option<Box<CommentPolicy>>,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// It runs.
    Container,
    /// It runs before the others.
    Init,
    /// A person added it to a running pod.
    Ephemeral,
    /// A volume with an image's files.
    Volume,
    /// It is an image, but nobody knows what for: it takes part only where an annotation names it.
    Named,
}

/// A kind of custom resource and the paths of its images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindPaths {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Dotted paths from the object; `\.` is a dot in a key, a number an element of a list, `*` every element.
    pub images: Vec<String>,
}

/// An object of Kubernetes, those inside lists too.
pub(super) struct Object<'t> {
    /// The document that holds it, from 0.
    document: usize,
    pub(super) node: usize,
    api_version: &'t str,
    kind: &'t str,
    encrypted: bool,
}

/// The workloads of a file, in its order, and the nodes of each.
pub(super) fn workloads(tree: &Tree<'_>, kinds: &[KindPaths]) -> (Vec<Workload>, Vec<Range<usize>>) {
    let found = objects(tree).into_iter().filter_map(|object| Some((workload(tree, &object, kinds)?, tree.inside(object.node))));
    let (mut found, nodes): (Vec<Workload>, Vec<Range<usize>>) = found.unzip();
    found.shrink_to_fit();
    (found, nodes)
}

/// The objects of a file, in its order.
pub(super) fn objects<'t>(tree: &'t Tree<'_>) -> Vec<Object<'t>> {
    let mut found = vec![];
    for (document, &root) in tree.roots().iter().enumerate() {
        let encrypted = is_encrypted(tree, root);
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            let text = |key: &str| tree.get(node, key).and_then(|value| tree.text(value));
            let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
                continue;
            };
            if kind.ends_with("List")
                && let Some(items) = tree.get(node, "items")
            {
                open.extend(tree.items(items).rev());
                continue;
            }
            found.push(Object { document, node, api_version, kind, encrypted: encrypted || kind == "SealedSecret" });
        }
    }
    found
}

/// `None` where an object has neither images nor annotations that ask for updates.
pub(super) fn workload(tree: &Tree<'_>, object: &Object<'_>, kinds: &[KindPaths]) -> Option<Workload> {
    let Object { document, node: object, api_version, kind, encrypted } = *object;
    let mut annotations = annotations(tree, object);
    let mut containers = containers(tree, object, (api_version, kind), &annotations, kinds);
    if containers.is_empty() && !annotations.iter().any(asks_for_updates) {
        return None;
    }
    let line = tree.entries(object).next().map_or(tree.line(object), |(key, _)| tree.line(key));
    let (id, node) = (id(tree, object, kind), Node::of(tree, object));
    // Tens of thousands of these are kept, most with one element.
    containers.shrink_to_fit();
    annotations.shrink_to_fit();
    Some(Workload { id, api_version: api_version.to_owned(), line, document, node, annotations, containers, encrypted })
}

/// Whether a document is encrypted by SOPS, or a `SealedSecret`.
pub(super) fn is_encrypted(tree: &Tree<'_>, root: usize) -> bool {
    let by_sops = tree.get(root, "sops").is_some_and(|sops| tree.kind(sops) == Kind::Mapping);
    by_sops || tree.get(root, "kind").and_then(|kind| tree.text(kind)) == Some("SealedSecret")
}

fn id(tree: &Tree<'_>, object: usize, kind: &str) -> WorkloadId {
    let text = |key: &str| tree.path(object, &["metadata", key]).and_then(|value| tree.text(value)).map(str::to_owned);
    let name = text("name").or_else(|| text("generateName")).unwrap_or_default();
    WorkloadId { namespace: text("namespace"), kind: kind.to_lowercase(), name }
}

/// Which prefixes are read; others, Flux v2's among them, are somebody else's.
pub(super) fn is_ours(key: &str) -> bool {
    key.split_once('/').is_some_and(|(prefix, _)| {
        matches!(
            prefix,
            "fluxcd.io" | "filter.fluxcd.io" | "repository.fluxcd.io" | "registry.fluxcd.io" | "tag.fluxcd.io" | "flux.weave.works" | "tagalong.dev"
        ) || prefix.strip_suffix(".flux.weave.works").is_some_and(|kind| matches!(kind, "filter" | "repository" | "registry" | "tag"))
    })
}

pub(super) fn asks_for_updates(annotation: &Annotation) -> bool {
    annotation.key.split_once('/').is_some_and(|(_, name)| !NOT_ABOUT_UPDATES.contains(&name))
}

fn annotations(tree: &Tree<'_>, object: usize) -> Vec<Annotation> {
    annotation_entries(tree, object).into_iter().map(|(key, value)| annotation(tree, key, value)).collect()
}

/// The keys and values of an object's annotations that are ours.
pub(super) fn annotation_entries(tree: &Tree<'_>, object: usize) -> Vec<(usize, usize)> {
    let Some(mapping) = tree.path(object, &["metadata", "annotations"]) else {
        return vec![];
    };
    tree.merged_entries(mapping).into_iter().filter(|(key, _)| tree.text(*key).is_some_and(is_ours)).collect()
}

fn annotation(tree: &Tree<'_>, key: usize, value: usize) -> Annotation {
    let (text, quoting) = match tree.scalar(value) {
        Some((text, Style::Plain)) if tree.tag(value) == Tag::None && plain::is_something_else(text) => (text, Quoting::NotText),
        Some(_) => (tree.text(value).unwrap_or_default(), Quoting::Text),
        None => (tree.rest_of_line(value), Quoting::Text),
    };
    Annotation { key: tree.text(key).unwrap_or_default().to_owned(), value: text.to_owned(), line: tree.line(value), quoting }
}

fn containers(tree: &Tree<'_>, object: usize, (api_version, kind): (&str, &str), annotations: &[Annotation], kinds: &[KindPaths]) -> Vec<Container> {
    let (mut found, mut taken) = (vec![], Taken::new());
    for path in POD_SPECS {
        if let Some(spec) = tree.path(object, path).filter(|spec| tree.kind(*spec) == Kind::Mapping) {
            pod_containers(tree, spec, &mut found, &mut taken);
        }
    }
    for paths in kinds.iter().filter(|paths| paths.kind == kind && paths.api_version == api_version) {
        for path in &paths.images {
            for node in select(tree, object, path) {
                found.push(container(tree, path.clone(), Role::Container, node, Place::Custom));
                taken.insert(tree.target(node));
            }
        }
    }
    if helm::is_release(api_version, kind) {
        found.extend(helm::release(tree, object, annotations, &mut taken));
    } else if oci::is_repository(api_version, kind) {
        found.extend(oci::artifact(tree, object, &mut taken));
    } else if api_version.starts_with("argoproj.io/") && matches!(kind, "Application" | "ApplicationSet") {
        found.extend(helm::application(tree, object, kind, &mut taken));
    } else if api_version.starts_with("kustomize.toolkit.fluxcd.io/") && kind == "Kustomization" {
        found.extend(kustomize::layer(tree, object, &mut taken));
    }
    let others = custom(tree, object, &Path::default(), Place::Custom, &mut taken);
    found.extend(others.into_iter().map(|found| named(found, Place::Custom)));
    found
}

/// A container that takes part only where an annotation names it.
pub(super) fn named(found: Found, place: Place) -> Container {
    Container { name: found.path.to_string(), role: Role::Named, place, image: found.image, policy: None }
}

fn container(tree: &Tree<'_>, name: String, role: Role, node: usize, place: Place) -> Container {
    Container { name, role, place, image: field(tree, node, place), policy: None }
}

fn pod_containers(tree: &Tree<'_>, spec: usize, found: &mut Vec<Container>, taken: &mut Taken) {
    let name = |item: usize| tree.get(item, "name").and_then(|name| tree.text(name)).unwrap_or_default().to_owned();
    for (key, role) in [("initContainers", Role::Init), ("containers", Role::Container), ("ephemeralContainers", Role::Ephemeral)] {
        let Some(list) = tree.get(spec, key) else {
            continue;
        };
        for item in tree.items(list).filter(|item| tree.kind(*item) == Kind::Mapping) {
            found.push(match tree.get(item, "image") {
                Some(node) => {
                    taken.insert(tree.target(node));
                    container(tree, name(item), role, node, Place::Container)
                }
                None => Container { name: name(item), role, place: Place::Container, image: ImageField::Absent, policy: None },
            });
        }
    }
    let Some(volumes) = tree.get(spec, "volumes") else {
        return;
    };
    for item in tree.items(volumes) {
        if let Some(node) = tree.path(item, &["image", "reference"]) {
            taken.insert(tree.target(node));
            found.push(container(tree, name(item), Role::Volume, node, Place::Container));
        }
    }
}

/// The keys of a dotted path.
pub(super) fn steps(path: &str) -> Vec<String> {
    path.replace("\\.", "\0").split('.').map(|step| step.replace('\0', ".")).collect()
}

#[cfg(test)]
mod tests;
