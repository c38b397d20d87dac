//! Which workload is deployed from where, and what decides its images.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    entry::Entry,
    live::{Leaf, Live, Source, Step},
    patched::Patches,
    resource::{Id, Resource},
    spot::{Patch, Spot},
    tops::Overlay,
};
use crate::{
    manifest::{
        Container, File, ImageField, Node, Parts, Place, Role, Site, Workload, WorkloadId,
        splice::Change,
        workload::{self, POD_SPECS},
    },
    policy::annotation::Annotation,
};

/// One workload as one root deploys it.
#[derive(Clone, Debug)]
pub struct Deployed<'f> {
    /// The outermost kustomization's folder (`.` for the top), or the file's own path.
    pub root: &'f str,
    /// The file that holds the workload.
    pub path: &'f str,
    /// The workload, with the id, the annotations and the containers that it has at last.
    pub workload: Cow<'f, Workload>,
    /// Its place among its file's workloads, if it is one there.
    pub at: Option<usize>,
    /// What kustomize makes of it; `None` where no kustomization uses it.
    pub built: Option<Built<'f>>,
    /// Why what is deployed is not known.
    pub held: Option<HeldByKustomize>,
}

/// What kustomize makes of a workload.
#[derive(Clone, Debug)]
pub struct Built<'f> {
    /// The file of each annotation.
    pub annotated_in: Vec<&'f str>,
    /// Each container's image; `None` where it is as it is written, since kustomize knows nothing of it.
    pub images: Vec<Option<Image<'f>>>,
    /// Where the root takes new `images` entries.
    pub extension: Option<Extension<'f>>,
    /// The patch file of a `.flux.yaml` that every new value goes into.
    pub overlay: Option<Overlaid<'f>>,
    /// What is merged into it.
    pub patches: Patches<'f>,
}

/// The patch file of a `.flux.yaml`, and what it holds of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlaid<'f> {
    /// The file; where there is none, the `.flux.yaml`.
    pub path: &'f str,
    /// The line, from 1.
    pub line: u32,
    /// The patch of the workload; `None` where there is no file that could hold it.
    pub(super) patch: Option<Patch>,
}

/// What a container's image is at last, and why.
#[derive(Clone, Debug)]
pub struct Image<'f> {
    /// The image.
    pub text: String,
    /// What decided it, the first first.
    pub chain: Vec<Given<'f>>,
    /// Whether `images` entries reach it.
    pub reach: Reach,
    /// The list that its container stands in.
    list: Vec<&'static str>,
}

/// Whether `images` entries reach an image: kustomize looks for them in the lists of containers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// They do.
    Reached,
    /// They do not.
    Beyond,
}

/// Where new `images` entries go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'f> {
    /// The file.
    pub path: &'f str,
    /// The line on which the mapping begins, from 1.
    pub line: u32,
    pub(super) mapping: Node,
    pub(super) keys: &'static [&'static str],
}

impl Extension<'_> {
    /// The change that adds an entry with these keys and texts.
    pub fn entry(&self, item: Vec<(String, String)>) -> Change {
        Change::Append { mapping: self.mapping, keys: self.keys.iter().map(|key| (*key).to_owned()).collect(), item }
    }
}

/// One of the things that decided an image.
#[derive(Clone, Copy, Debug)]
pub struct Given<'f> {
    /// Its file.
    pub path: &'f str,
    /// Its line, from 1.
    pub line: u32,
    /// What it is.
    pub place: Place,
    what: What<'f>,
}

#[derive(Clone, Copy, Debug)]
enum What<'f> {
    Written(&'f ImageField),
    Entry(&'f Entry),
}

impl<'f> Given<'f> {
    /// The name of the `images` entry that it is, which means images by their beginning and as an expression.
    pub fn entry(&self) -> Option<&'f str> {
        if let What::Entry(entry) = self.what { Some(&entry.name) } else { None }
    }
}

impl<'f> Image<'f> {
    /// The scalars, with their files, of the `images` entries that had a part in it.
    pub fn decided(&self) -> impl Iterator<Item = (&'f str, &'f Site)> {
        self.chain.iter().flat_map(|given| {
            let image = if let What::Entry(entry) = given.what { Some(&entry.image) } else { None };
            let sites = image.and_then(ImageField::parts).into_iter().flat_map(Parts::sites);
            sites.map(|site| (given.path, site))
        })
    }

    /// Where the patch file of a `.flux.yaml` takes the image of this container; `None` where it cannot.
    pub fn overlaid(&self, overlay: &Overlaid<'_>, container: &str) -> Option<Spot> {
        match self.chain.last() {
            Some(given) if given.place == Place::FluxPatch => self.spot(),
            _ if self.list.is_empty() => None,
            _ => Some(Spot::overlaid(overlay, &self.list, container, &self.text)?),
        }
    }

    /// Where a new version would be written: in the outermost of what decides the version.
    pub fn spot(&self) -> Option<Spot> {
        self.chain.iter().rev().find_map(|given| match given.what {
            What::Entry(entry) if entry.decides() => Some(Spot::entry(given.path, given.line, entry.image.clone(), entry.node?)),
            What::Entry(_) => None,
            What::Written(image) => Some(Spot::written(given.path, given.line, given.place, image.clone())),
        })
    }
}

/// A kustomization that may change a workload in ways that are not understood, or that kustomize refuses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldByKustomize {
    /// What it does, as a sentence.
    pub reason: String,
    /// The file that says so.
    pub path: String,
    /// Its line, from 1.
    pub line: u32,
    /// Whether it may bring annotations that ask for updates, so that also a workload without any is concerned.
    pub annotates: bool,
}

/// What all workloads of a root have in common.
pub(super) struct Frame<'f> {
    pub(super) files: &'f BTreeMap<String, File>,
    pub(super) root: &'f str,
    pub(super) extension: Option<Extension<'f>>,
    pub(super) overlay: Option<Overlay<'f>>,
}

impl<'f> Frame<'f> {
    pub(super) fn finished(&self, resource: Resource<'f>, fault: Option<HeldByKustomize>) -> Option<Deployed<'f>> {
        let overlaid = self.overlay.map(|overlay| {
            let name = resource.id().name;
            let Some((path, file)) = overlay.file else {
                return Overlaid { path: overlay.flux, line: overlay.line, patch: None };
            };
            match file.objects.iter().find(|object| Id::of_patch(&object.value).name == name) {
                Some(object) => Overlaid { path, line: object.line, patch: Some(Patch::Written(object.node)) },
                None => Overlaid { path, line: 1, patch: file.whole().map(|file| Patch::New { file, document: document(&resource) }) },
            }
        });
        let mut found = finished(self.files, self.root, self.extension, resource, fault)?;
        if let Some(built) = &mut found.built {
            built.overlay = overlaid;
        }
        Some(found)
    }
}

/// What a patch names a resource by.
fn document(resource: &Resource<'_>) -> Vec<(Vec<String>, String)> {
    let keys: [&[&str]; 4] = [&["apiVersion"], &["kind"], &["metadata", "name"], &["metadata", "namespace"]];
    let text = |keys: &[&str]| (keys.iter().map(|key| (*key).to_owned()).collect(), resource.text(keys).to_owned());
    keys.into_iter().map(text).filter(|(_, text)| !text.is_empty()).collect()
}

/// What became of a resource, if it is a workload.
fn finished<'f>(
    files: &'f BTreeMap<String, File>,
    root: &'f str,
    extension: Option<Extension<'f>>,
    resource: Resource<'f>,
    fault: Option<HeldByKustomize>,
) -> Option<Deployed<'f>> {
    let Resource { object, from, .. } = resource;
    let is_local = |annotations: &Live<'_>| annotations.get("config.kubernetes.io/local-config").is_some_and(|value| value.text() != Some("false"));
    if resource.live.path(&["metadata", "annotations"]).is_some_and(is_local) {
        return None;
    }
    let written = object.workload.and_then(|at| files.get(from.path)?.workloads.get(at as usize));
    let (containers, images) =
        containers(&resource, written).into_iter().map(|(container, image)| (container, Some(image))).chain(others(&resource, written)).unzip();
    let (annotations, annotated_in): (Vec<Annotation>, Vec<&str>) = annotations(&resource.live).into_iter().unzip();
    let workload = Workload {
        id: id(&resource),
        api_version: resource.text(&["apiVersion"]).to_owned(),
        line: object.line,
        document: written.map_or(0, |workload| workload.document),
        node: object.node,
        annotations,
        containers,
        encrypted: written.is_some_and(|workload| workload.encrypted),
    };
    if workload.containers.is_empty() && !workload.annotations.iter().any(workload::asks_for_updates) {
        return None;
    }
    let held = fault.or(resource.held);
    let patches = Patches { merged: resource.merged, object, before: resource.before };
    let built = Some(Built { annotated_in, images, extension, overlay: None, patches });
    let at = object.workload.map(|at| at as usize);
    Some(Deployed { root, path: from.path, workload: Cow::Owned(workload), at, built, held })
}

fn id(resource: &Resource<'_>) -> WorkloadId {
    let text = |keys: &[&str]| Some(resource.text(keys).to_owned()).filter(|text| !text.is_empty());
    let name = text(&["metadata", "name"]).or_else(|| text(&["metadata", "generateName"])).unwrap_or_default();
    WorkloadId { namespace: text(&["metadata", "namespace"]), kind: resource.kind().to_lowercase(), name }
}

fn annotations<'f>(live: &Live<'f>) -> Vec<(Annotation, &'f str)> {
    let Some(Live::Map(entries)) = live.path(&["metadata", "annotations"]) else { return vec![] };
    let ours = entries.iter().filter(|(key, _)| workload::is_ours(key));
    ours.filter_map(|(key, value)| {
        let Live::Text(leaf) = value else { return None };
        let written = leaf.written;
        let annotation =
            Annotation { key: (*key).to_owned(), value: leaf.text.clone().into_owned(), line: written.text.line, quoting: written.text.quoting };
        Some((annotation, written.from.path))
    })
    .collect()
}

/// The containers that a resource has at last.
fn containers<'f>(resource: &Resource<'f>, written: Option<&'f Workload>) -> Vec<(Container, Image<'f>)> {
    let mut found = vec![];
    for path in POD_SPECS {
        let Some(pod) = resource.live.path(path) else { continue };
        for (key, role) in [("initContainers", Role::Init), ("containers", Role::Container), ("ephemeralContainers", Role::Ephemeral)] {
            if let Some(Live::List(items)) = pod.get(key) {
                let items = items.iter().filter(|item| matches!(item, Live::Map(_)));
                found.extend(items.map(|item| part(item, role, item.get("image"), [path, &[key]].concat())));
            }
        }
        if let Some(Live::List(items)) = pod.get("volumes") {
            let image = |item: &Live<'f>| item.path(&["image", "reference"]).cloned();
            found.extend(items.iter().filter_map(|item| Some(part(item, Role::Volume, Some(&image(item)?), vec![]))));
        }
    }
    let mut custom: Vec<&str> = written.into_iter().flat_map(|workload| &workload.containers).filter_map(custom_path).collect();
    custom.dedup();
    for path in custom {
        let mut leaves = vec![];
        select(&resource.live, &workload::steps(path), &mut leaves);
        found.extend(leaves.into_iter().map(|leaf| named(path.to_owned(), Role::Container, Some(leaf), vec![])));
    }
    found
}

/// The images that kustomize knows nothing of: they stay as they are written, if no patch touches the object.
fn others<'f>(resource: &Resource<'f>, written: Option<&'f Workload>) -> Vec<(Container, Option<Image<'f>>)> {
    let is_other = |container: &&Container| container.place != Place::Container && custom_path(container).is_none();
    let others = written.into_iter().flat_map(|workload| &workload.containers).filter(is_other);
    others
        .map(|container| {
            let mut container = container.clone();
            container.policy = None;
            if resource.patched {
                let line = container.image.line().unwrap_or(resource.object.line);
                container.image = ImageField::Unsupported { line, reason: "a patch may change it".to_owned() };
            }
            (container, None)
        })
        .collect()
}

/// The configured path that a container of a custom resource is named by.
fn custom_path(container: &Container) -> Option<&str> {
    let is_custom = container.place == Place::Custom && container.role == Role::Container;
    is_custom.then_some(container.name.as_str())
}

fn select<'a, 'f>(live: &'a Live<'f>, steps: &[String], found: &mut Vec<&'a Leaf<'f>>) {
    match (live, steps) {
        (Live::Text(leaf), []) => found.push(leaf),
        (Live::List(items), [step, rest @ ..]) => {
            for (index, item) in items.iter().enumerate() {
                if step == "*" || step.parse() == Ok(index) {
                    select(item, rest, found);
                }
            }
        }
        (live, [step, rest @ ..]) => {
            if let Some(below) = live.get(step) {
                select(below, rest, found);
            }
        }
        _ => {}
    }
}

fn part<'f>(item: &Live<'f>, role: Role, image: Option<&Live<'f>>, list: Vec<&'static str>) -> (Container, Image<'f>) {
    let name = item.get("name").and_then(Live::text).unwrap_or_default().to_owned();
    let leaf = match image {
        Some(Live::Text(leaf)) => Some(leaf),
        _ => None,
    };
    named(name, role, leaf, list)
}

fn named<'f>(name: String, role: Role, leaf: Option<&Leaf<'f>>, list: Vec<&'static str>) -> (Container, Image<'f>) {
    let image = leaf.and_then(|leaf| leaf.written.text.image.clone()).unwrap_or(ImageField::Absent);
    let (text, chain) = leaf.map_or_else(Default::default, |leaf| (leaf.text.clone().into_owned(), leaf.steps().iter().map(given).collect()));
    let reach = if matches!(role, Role::Container | Role::Init) { Reach::Reached } else { Reach::Beyond };
    (Container { name, role, place: Place::Container, image, policy: None }, Image { text, chain, reach, list })
}

fn given<'f>(step: &Step<'f>) -> Given<'f> {
    match step {
        Step::Written(written) => {
            let Source { path, place } = written.from;
            let field = written.text.image.as_ref().unwrap_or(&ImageField::Absent);
            Given { path, line: written.text.line, place, what: What::Written(field) }
        }
        Step::Entry { path, entry } => Given { path, line: entry.line, place: Place::KustomizeImage, what: What::Entry(entry) },
    }
}
