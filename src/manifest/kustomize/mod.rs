//! Kustomizations, read lightly: which files they use, and what in them could change a workload.

mod deployed;
pub(super) mod images;

pub use deployed::{Deployed, HeldByKustomize, deployed};

use serde::{Deserialize, Serialize};

use super::{
    Container, LoosePlace, Place, Role,
    screen::is_kustomization,
    shape::Taken,
    workload::is_ours,
    yaml::{Kind, Tree},
};

/// Keys that can change no image, no annotation of ours and no name of a workload.
const HARMLESS: [&str; 14] = [
    "apiVersion",
    "kind",
    "metadata",
    "labels",
    "commonLabels",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "crds",
    "openapi",
    "replicas",
    "buildMetadata",
    "sortOptions",
    "inventory",
];

/// What a kustomization says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kustomization {
    /// Whether it is a component, which changes what the kustomization that uses it has gathered.
    component: bool,
    namespace: Option<String>,
    /// `resources` and `bases`.
    uses: Vec<Link>,
    components: Vec<Link>,
    /// Files named as patches.
    patches: Vec<Link>,
    obstacles: Vec<Obstacle>,
}

/// A path as a kustomization writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    path: String,
    line: u32,
}

/// A key that can change workloads in ways that are not understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Obstacle {
    key: String,
    line: u32,
    /// Whether it brings annotations that ask for updates.
    annotates: bool,
}

impl Kustomization {
    /// The paths in the repository of what a kustomization at `path` uses, files and folders.
    pub fn named(&self, path: &str) -> impl Iterator<Item = String> {
        let folder = deployed::folder(path).to_owned();
        self.uses.iter().chain(&self.components).chain(&self.patches).filter_map(move |link| deployed::join(&folder, &link.path))
    }
}

/// `None` where the file is no kustomization.
pub(super) fn read(tree: &Tree<'_>, name: &str) -> Option<Kustomization> {
    let &root = tree.roots().first()?;
    let text = |key: &str| tree.get(root, key).and_then(|value| tree.text(value));
    let by_kind = text("apiVersion").is_some_and(|version| version.starts_with("kustomize.config.k8s.io/"));
    let by_name = is_kustomization(name) && text("apiVersion").is_none() && matches!(text("kind"), Some("Kustomization" | "Component") | None);
    if tree.kind(root) != Kind::Mapping || !(by_kind || by_name) {
        return None;
    }
    let mut found = Kustomization {
        component: text("kind") == Some("Component"),
        namespace: text("namespace").filter(|namespace| !namespace.is_empty()).map(str::to_owned),
        ..Kustomization::default()
    };
    for (key, value) in tree.merged_entries(root) {
        let line = tree.line(key);
        let Some((key, _)) = tree.scalar(key) else {
            continue;
        };
        found.take(tree, key, line, value);
    }
    Some(found)
}

/// The entries of a kustomization's `images`.
pub(super) fn places(tree: &Tree<'_>) -> Vec<LoosePlace> {
    let list = tree.roots().first().and_then(|root| tree.get(*root, "images"));
    let place = |entry: images::Entry| LoosePlace {
        place: Place::KustomizeImage,
        alias: entry.name,
        line: entry.line,
        image: entry.image,
        policy: None,
        annotations: vec![],
        workload: None,
        encrypted: false,
    };
    list.into_iter().flat_map(|list| images::entries(tree, list)).map(place).collect()
}

/// The entries of `spec.images` of Flux's `Kustomization`.
pub(super) fn layer(tree: &Tree<'_>, object: usize, taken: &mut Taken) -> Vec<Container> {
    let Some(list) = tree.path(object, &["spec", "images"]) else {
        return vec![];
    };
    taken.extend(tree.inside(tree.target(list)));
    let container =
        |entry: images::Entry| Container { name: entry.name, role: Role::Named, place: Place::KustomizeImage, image: entry.image, policy: None };
    images::entries(tree, list).into_iter().map(container).collect()
}

impl Kustomization {
    fn take(&mut self, tree: &Tree<'_>, key: &str, line: u32, value: usize) {
        if tree.scalar(value).is_some() && tree.text(value).is_none_or(str::is_empty) || tree.is_empty(value) {
            return;
        }
        match key {
            "resources" | "bases" => self.uses.extend(links(tree, value)),
            "components" => self.components.extend(links(tree, value)),
            "patches" | "patchesStrategicMerge" | "patchesJson6902" => {
                self.patches.extend(patch_files(tree, value));
                self.hinder(key, line, inline_annotates(tree, value));
            }
            "commonAnnotations" => {
                if tree.merged_entries(value).iter().any(|(key, _)| tree.text(*key).is_some_and(is_ours)) {
                    self.hinder(key, line, true);
                }
            }
            "namespace" if !self.component => {}
            key if HARMLESS.contains(&key) => {}
            key => self.hinder(key, line, false),
        }
    }

    fn hinder(&mut self, key: &str, line: u32, annotates: bool) {
        self.obstacles.push(Obstacle { key: key.to_owned(), line, annotates });
    }
}

fn links(tree: &Tree<'_>, list: usize) -> Vec<Link> {
    tree.items(list).filter_map(|item| Some(Link { path: tree.text(item)?.to_owned(), line: tree.line(item) })).collect()
}

/// Elements of patch lists: a path, a mapping with `path`, or an inline patch.
fn patch_files(tree: &Tree<'_>, list: usize) -> Vec<Link> {
    let path = |item: usize| match tree.kind(item) {
        Kind::Mapping => tree.get(item, "path"),
        _ => Some(item),
    };
    tree.items(list)
        .filter_map(path)
        .filter_map(|node| Some(Link { path: tree.text(node).filter(|text| !text.contains('\n'))?.to_owned(), line: tree.line(node) }))
        .collect()
}

/// Whether an inline patch writes annotations that ask for updates (`~1` is a JSON pointer's slash).
fn inline_annotates(tree: &Tree<'_>, list: usize) -> bool {
    let texts = |item: usize| match tree.kind(item) {
        Kind::Mapping => tree.get(item, "patch"),
        _ => Some(item),
    };
    let marks = ["fluxcd.io/", "fluxcd.io~1", "flux.weave.works/", "flux.weave.works~1", "tagalong.dev/", "tagalong.dev~1"];
    tree.items(list).filter_map(texts).filter_map(|node| tree.text(node)).any(|text| marks.iter().any(|mark| text.contains(mark)))
}

#[cfg(test)]
mod tests;
