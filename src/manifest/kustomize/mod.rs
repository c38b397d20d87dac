//! Kustomizations, understood without kustomize: what each root deploys, and which places decide its images.
//!
//! [`read`](read::read) takes what a file says as a kustomization, [`value`] what of an object counts. [`layout`] finds how files hang
//! together, by the [`web`] of who names what, [`build`] goes through one root in the order in which kustomize works, [`deployed`] tells
//! what came of it, and [`roots`] which of all roots deploy the same as before.

mod build;
mod change;
mod deployed;
mod entry;
mod hold;
pub(super) mod images;
mod layout;
mod live;
mod merge;
mod outer;
mod patch;
mod patched;
mod pointer;
mod read;
mod resource;
mod roots;
mod selector;
mod spot;
mod survey;
mod tops;
mod transform;
mod value;
mod web;

pub use deployed::{Built, Deployed, Extension, Given, HeldByKustomize, Image, Overlaid, Reach};
pub use patched::{Patched, Patches};
pub use roots::{Root, Roots, Standing, Whole, by_themselves, deployed};
pub use spot::{Key, Spot};
pub use survey::{About, Remark, Survey};
pub use web::Web;

pub(super) use self::{
    layout::{folder, is_below},
    outer::{Outer, outers},
    patch::{Operation, operations, written},
    read::{FieldSpec, field_specs, read},
    value::{Object, objects},
};

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use super::{Container, File, LoosePlace, Node, Place, Role, shape::Taken, yaml::Tree};

use entry::Entry;
use patch::Patch;
use read::Refusal;
use value::Words;

/// What a kustomization says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kustomization {
    line: u32,
    node: Option<Node>,
    /// Whether it is a component, which changes what the kustomization that uses it has gathered.
    component: bool,
    namespace: Option<Box<str>>,
    prefix: Option<Box<str>>,
    suffix: Option<Box<str>>,
    /// `resources` and `bases`.
    resources: Vec<Link>,
    components: Vec<Link>,
    configurations: Vec<Link>,
    /// `patchesStrategicMerge`.
    merges: Vec<Patch>,
    patches: Vec<Patch>,
    /// `patchesJson6902`.
    operations: Vec<Patch>,
    labels: Vec<(Box<str>, Box<Words>)>,
    annotations: Vec<(Box<str>, Box<Words>)>,
    images: Vec<Entry>,
    /// Kind, name and namespace of generated objects.
    generated: Vec<(Box<str>, Box<str>, Box<str>)>,
    obstacles: Vec<Obstacle>,
    refusals: Vec<Refusal>,
    /// The line of `openapi`, which may say how lists are merged.
    schema: Option<u32>,
    /// The line of `vars`.
    variables: Option<u32>,
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
    /// Whether a layer around a folder changes anything.
    fn changes(&self) -> bool {
        let bare = Self { line: self.line, ..Self::default() };
        *self != bare
    }

    fn has_images(&self) -> bool {
        !self.images.is_empty()
    }

    fn line(&self) -> u32 {
        self.line
    }

    /// Where a kustomization at `path` takes new `images` entries.
    fn extension<'f>(&self, path: &'f str) -> Option<Extension<'f>> {
        Some(Extension { path, line: self.line, mapping: self.node?, keys: &["images"] })
    }

    /// The paths in the repository of what a kustomization at `path` uses, files and folders.
    pub fn named(&self, path: &str) -> impl Iterator<Item = String> {
        let folder = folder(path).to_owned();
        self.links().filter_map(move |link| layout::join(&folder, &link.path))
    }
}

/// The paths of all that kustomizations and `.flux.yaml` files name: they are read whatever they are called and hold.
pub(super) fn named<'w>(files: &BTreeMap<String, File>, web: &'w Web) -> BTreeSet<Cow<'w, str>> {
    let mut named: BTreeSet<Cow<'_, str>> = web.used().map(Cow::Borrowed).collect();
    for (path, patch_file) in web.fluxes().filter_map(|path| Some((path, files.get(path)?.flux_yaml.as_ref()?.patch_file.as_deref()?))) {
        let top = folder(path);
        let folders = web.kustomizations().map(folder).filter(|folder| is_below(top, folder));
        named.extend(folders.chain([top]).filter_map(|folder| layout::join(folder, patch_file)).map(Cow::Owned));
    }
    named
}

/// The folders of which any file may be changed by what no kustomization in them says: a `.flux.yaml`, or an object that deploys them.
pub(super) fn surrounded(files: &BTreeMap<String, File>, web: &Web) -> Vec<String> {
    let kustomizations: BTreeSet<&str> = web.kustomizations().map(folder).collect();
    let outers = web.outers().filter_map(|path| files.get(path)).flat_map(|file| &file.outers).filter(|outer| outer.says.changes());
    let scanned = outers.filter_map(|outer| layout::join("", &outer.folder)).filter(|folder| !kustomizations.contains(folder.as_str()));
    web.fluxes().map(|path| folder(path).to_owned()).chain(scanned).collect()
}

#[cfg(test)]
mod tests;
