//! The roots of a tree, and what each takes from outside its own file.

use std::collections::BTreeSet;

use super::{
    build::{Build, Gathered, Outer},
    deployed::{Extension, HeldByKustomize},
    layout::{Layout, Target, folder, join, shown},
    outer::{self, Tool},
    resource::Resource,
    survey::Seen,
};
use crate::manifest::{File, Generation};

/// A root.
pub(super) struct Top<'f> {
    /// Its folder as people write it.
    pub(super) root: &'f str,
    kustomization: Option<&'f str>,
    outer: Option<(&'f str, &'f outer::Outer)>,
    /// What is deployed, where no kustomization says it.
    scanned: Vec<Target<'f>>,
}

/// What came of a root.
pub(super) struct Made<'f> {
    pub(super) resources: Vec<Resource<'f>>,
    pub(super) adrift: Vec<(Resource<'f>, HeldByKustomize)>,
    pub(super) fault: Option<HeldByKustomize>,
    pub(super) extension: Option<Extension<'f>>,
    pub(super) overlay: Option<Overlay<'f>>,
    pub(super) seen: Seen<'f>,
}

/// The patch file that a `.flux.yaml` puts over a root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overlay<'f> {
    pub(super) flux: &'f str,
    pub(super) line: u32,
    /// The file, if it is there and can be read.
    pub(super) file: Option<(&'f str, &'f File)>,
}

/// The roots: folders that others' objects or the configuration name, then kustomizations that nothing uses.
pub(super) fn tops<'f>(layout: &Layout<'f>, configured: &[String]) -> Vec<Top<'f>> {
    let mut found: Vec<Top<'f>> = vec![];
    for (path, outer) in layout.files.iter().flat_map(|(path, file)| file.outers.iter().map(move |outer| (path.as_str(), outer))) {
        let Some(folder) = join("", &outer.folder) else { continue };
        if let Some(file) = layout.kustomization_in(&folder) {
            found.push(Top { root: shown(self::folder(file)), kustomization: Some(file), outer: Some((path, outer)), scanned: vec![] });
        } else if outer.says.changes() {
            let scanned = layout.scan(&folder);
            let root = scanned.iter().find_map(|target| target.path()).map(|path| shown(&path[..folder.len()]));
            found.extend(root.map(|root| Top { root, kustomization: None, outer: Some((path, outer)), scanned }));
        }
    }
    let known: BTreeSet<&str> = found.iter().filter_map(|top| top.kustomization).collect();
    let configured = configured.iter().filter_map(|folder| layout.kustomization_in(&join("", folder)?));
    let others: BTreeSet<&str> = configured.chain(layout.roots()).filter(|path| !known.contains(path)).collect();
    let plain = |path| Top { root: shown(folder(path)), kustomization: Some(path), outer: None, scanned: vec![] };
    found.extend(others.into_iter().map(plain));
    found
}

/// The kustomizations that several roots deploy.
pub(super) fn shared<'f>(tops: &[Top<'f>]) -> BTreeSet<&'f str> {
    let mut known = BTreeSet::new();
    tops.iter().filter_map(|top| top.kustomization).filter(|file| !known.insert(*file)).collect()
}

impl<'f> Top<'f> {
    /// The files that it deploys although no kustomization uses them.
    pub(super) fn claims(&self) -> impl Iterator<Item = &'f str> {
        self.scanned.iter().filter_map(|target| match target {
            Target::File(path) => Some(*path),
            _ => None,
        })
    }

    pub(super) fn make(&self, layout: &Layout<'f>, shared: &BTreeSet<&str>, overlay: Option<Overlay<'f>>) -> Made<'f> {
        let mut build = Build::new(layout);
        let outer = self.outer.map(|(path, outer)| Outer { path, says: &outer.says });
        let mut gathered = match (self.kustomization, outer) {
            (Some(path), outer) => build.kustomization(path, outer, Gathered::default()),
            (None, Some(outer)) => build.scanned(&self.scanned, outer),
            (None, None) => Gathered::default(),
        };
        build.doubt_schema(&mut gathered.resources);
        if let Some((path, file)) = overlay.and_then(|overlay| overlay.file) {
            build.overlay(path, &file.objects, &mut gathered.resources);
        }
        let Build { fault, adrift, seen, .. } = build;
        let adrift = adrift.into_iter().map(|(object, from, held)| (Resource::new(object, from), held)).collect();
        Made { resources: gathered.resources, adrift, fault, extension: self.extension(layout, shared), overlay, seen }
    }

    /// Where new `images` entries go: into the root's own file, if that is no other root's too.
    fn extension(&self, layout: &Layout<'f>, shared: &BTreeSet<&str>) -> Option<Extension<'f>> {
        let file = self.kustomization;
        let is_shared = file.is_none_or(|file| layout.used.contains(file) || shared.contains(file));
        match self.outer {
            Some((path, outer)) if outer.tool == Tool::Flux && (is_shared || outer.says.has_images()) => {
                Some(Extension { path, line: outer.says.line(), mapping: outer.node, keys: &["spec", "images"] })
            }
            _ if is_shared => None,
            _ => file.and_then(|file| layout.kustomization(file)?.extension(file)),
        }
    }
}

/// The overlay of the nearest `.flux.yaml` above a folder, if it says `patchUpdated`, for what stands in a folder.
pub(super) fn overlay<'f>(layout: &Layout<'f>, folder: &str, beside: Beside) -> Option<Overlay<'f>> {
    let mut above = (!layout.fluxes.is_empty()).then_some(folder);
    while let Some(top) = above {
        if let Some((path, flux)) = layout.fluxes.get(top) {
            let flux_patch = Some(*flux).filter(|flux| flux.generation == Generation::PatchUpdated)?.patch_file.as_deref()?;
            let patch_file = join(if beside == Beside::FluxYaml { top } else { folder }, flux_patch)?;
            let file = layout.files.get_key_value(&patch_file).map(|(path, file)| (path.as_str(), file));
            return Some(Overlay { flux: path, line: flux.line, file });
        }
        above = (!top.is_empty()).then(|| self::folder(top));
    }
    None
}

/// Beside what a patch file stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// The kustomization whose output is patched.
    Kustomization,
    /// The `.flux.yaml`, where plain files are.
    FluxYaml,
}

/// Whether anything in a folder is put together by a `.flux.yaml` in a way that is understood.
pub(super) fn is_understood(file: &File) -> bool {
    file.flux_yaml.as_ref().is_some_and(|flux| match flux.generation {
        Generation::ScanForFiles => true,
        Generation::PatchUpdated => flux.patch_file.is_some(),
        Generation::CommandUpdated | Generation::Unknown => false,
    })
}
