//! The roots of a tree, and what each takes from outside its own file.

use std::collections::BTreeSet;

use super::{
    build::{Build, Gathered, Outer},
    deployed::{Extension, HeldByKustomize},
    layout::{Layout, Target, above, folder, join, shown},
    outer::{self, Tool},
    resource::Resource,
    survey::Seen,
    web::Touched,
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

/// What a top is, beside what the files say that it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ground {
    kustomization: Option<Box<str>>,
    /// The file and the place of the object that deploys it.
    outer: Option<(Box<str>, u32)>,
    scanned: Box<[Box<str>]>,
    is_shared: bool,
}

/// The roots: folders that others' objects or the configuration name, then kustomizations that nothing uses.
pub(super) fn tops<'f>(layout: &Layout<'_, 'f>, configured: &[String]) -> Vec<Top<'f>> {
    let mut found: Vec<Top<'f>> = vec![];
    let outers = layout.web.outers().filter_map(|path| layout.files.get_key_value(path));
    for (path, outer) in outers.flat_map(|(path, file)| file.outers.iter().map(move |outer| (path.as_str(), outer))) {
        let Some(folder) = join("", &outer.folder) else { continue };
        if let Some(file) = layout.kustomization_in(&folder) {
            found.push(Top { root: shown(self::folder(file)), kustomization: Some(file), outer: Some((path, outer)), scanned: vec![] });
        } else if outer.says.changes() {
            let scanned = layout.scan(&folder);
            let root = scanned.iter().find_map(Target::path).map(|path| shown(&path[..folder.len()]));
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

    /// The patch file that a `.flux.yaml` puts over it.
    pub(super) fn patch_file(&self, layout: &Layout<'_, 'f>) -> Option<&'f str> {
        Some(self.overlay(layout)?.file?.0)
    }

    fn overlay(&self, layout: &Layout<'_, 'f>) -> Option<Overlay<'f>> {
        overlay(layout, self.folder(), Beside::Kustomization)
    }

    pub(super) fn make(&self, layout: &Layout<'_, 'f>, shared: &BTreeSet<&str>) -> Made<'f> {
        let overlay = self.overlay(layout);
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
    fn extension(&self, layout: &Layout<'_, 'f>, shared: &BTreeSet<&str>) -> Option<Extension<'f>> {
        let file = self.kustomization;
        let is_shared = self.is_shared(layout, shared);
        match self.outer {
            Some((path, outer)) if outer.tool == Tool::Flux && (is_shared || outer.says.has_images()) => {
                Some(Extension { path, line: outer.says.line(), mapping: outer.node, keys: &["spec", "images"] })
            }
            _ if is_shared => None,
            _ => file.and_then(|file| layout.kustomization(file)?.extension(file)),
        }
    }

    fn is_shared(&self, layout: &Layout<'_, 'f>, shared: &BTreeSet<&str>) -> bool {
        self.kustomization.is_none_or(|file| layout.is_used(file) || shared.contains(file))
    }

    fn folder(&self) -> &'f str {
        if self.root == "." { "" } else { self.root }
    }

    /// What it is, so that another tree can tell whether it has the same.
    pub(super) fn ground(&self, layout: &Layout<'_, 'f>, shared: &BTreeSet<&str>) -> Ground {
        Ground {
            kustomization: self.kustomization.map(Into::into),
            outer: self.outer.map(|(path, outer)| (path.into(), outer.node.position)),
            scanned: self.scanned.iter().filter_map(Target::path).map(Into::into).collect(),
            is_shared: self.is_shared(layout, shared),
        }
    }

    /// Whether it may deploy something else although it is the same.
    pub(super) fn is_touched(&self, layout: &Layout<'_, 'f>, touched: &Touched<'_>) -> bool {
        let around = self.outer.is_some_and(|(path, outer)| {
            let base = folder(self.kustomization.unwrap_or(path));
            touched.has_file(path)
                || outer.says.links().filter_map(|link| join(base, &link.path)).any(|target| touched.has_target(layout.web, &target))
        });
        let is_scanned = |path: &str| touched.has_file(path) || touched.has_kustomization(path) || touched.is_below_flux(folder(path));
        around
            || self.kustomization.is_some_and(|path| touched.has_kustomization(path))
            || self.scanned.iter().filter_map(Target::path).any(is_scanned)
            || touched.is_below_flux(self.folder())
            || overlay_is_touched(layout, self.folder(), Beside::Kustomization, touched)
    }
}

/// The overlay of the nearest `.flux.yaml` above a folder, if it says `patchUpdated`, for what stands in a folder.
pub(super) fn overlay<'f>(layout: &Layout<'_, 'f>, folder: &str, beside: Beside) -> Option<Overlay<'f>> {
    let (flux, line, patch_file) = patch_file(layout, folder, beside)?;
    let file = layout.files.get_key_value(&patch_file).map(|(path, file)| (path.as_str(), file));
    Some(Overlay { flux, line, file })
}

/// Whether a patch file that such an overlay has, or would have, is another one, new or gone.
pub(super) fn overlay_is_touched(layout: &Layout<'_, '_>, folder: &str, beside: Beside, touched: &Touched<'_>) -> bool {
    patch_file(layout, folder, beside).is_some_and(|(.., patch_file)| touched.has_file(&patch_file))
}

/// The `.flux.yaml` with its line, and where its patch file would be.
fn patch_file<'f>(layout: &Layout<'_, 'f>, folder: &str, beside: Beside) -> Option<(&'f str, u32, String)> {
    let (top, (path, flux)) = above(folder).find_map(|top| Some((top, layout.flux(top)?)))?;
    let patch_file = Some(flux).filter(|flux| flux.generation == Generation::PatchUpdated)?.patch_file.as_deref()?;
    Some((path, flux.line, join(if beside == Beside::FluxYaml { top } else { folder }, patch_file)?))
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
