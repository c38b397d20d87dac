//! Which workload is deployed from where.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kustomization, Obstacle};
use crate::manifest::{File, Generation, Unreadable, screen::is_kustomization};

/// Kustomizations may use each other this deep.
const LAYERS: usize = 64;

/// One workload as one root deploys it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deployed {
    /// The outermost kustomization's folder (`.` for the top), or the file's own path.
    pub root: String,
    /// The file that holds the workload.
    pub path: String,
    /// The workload's index in that file.
    pub workload: usize,
    /// The namespace that the outermost kustomization with one gives it.
    pub namespace: Option<String>,
    /// Why what is deployed is not known.
    pub held: Option<HeldByKustomize>,
}

/// A kustomization that may change a workload in ways that are not understood.
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

/// Finds for each workload every root that deploys it.
///
/// # Shape
/// Ordered by root, file and workload. A workload that a root reaches in several ways is listed once, held where one of them holds it.
/// Patch files are no workloads: an annotated one is listed, held. Where a kustomization cannot be read, what stands beside and below it
/// and belongs to no other is held.
pub fn deployed(files: &BTreeMap<String, File>, unreadable: &[Unreadable]) -> Vec<Deployed> {
    let layout = Layout::of(files);
    let mut found: Vec<Deployed> = vec![];
    for root in layout.roots() {
        layout.gather(root, &mut found);
    }
    for (path, file) in files {
        if !layout.used.contains(path.as_str()) {
            let plain = |workload| Deployed { root: path.clone(), path: path.clone(), workload, namespace: None, held: None };
            found.extend((0..file.workloads.len()).map(plain));
        }
    }
    for (path, by) in &layout.patches {
        let workloads = files.get(*path).into_iter().flat_map(|file| file.workloads.iter().enumerate());
        for (workload, _) in workloads.filter(|(_, workload)| !workload.annotations.is_empty()) {
            let held = Some(HeldByKustomize {
                reason: format!("it is a patch of {}, which is not understood yet", by.path),
                path: by.path.to_owned(),
                line: by.line,
                annotates: true,
            });
            found.push(Deployed { root: shown(folder(by.path)), path: (*path).to_owned(), workload, namespace: None, held });
        }
    }
    found.sort_unstable();
    once_each(&mut found);
    hold_by_flux(files, &mut found);
    for file in unreadable {
        hold_by_unreadable(file, &mut found);
    }
    found
}

/// A line of a kustomization file.
#[derive(Clone, Copy)]
struct Place<'f> {
    path: &'f str,
    line: u32,
}

/// How kustomizations and files hang together.
struct Layout<'f> {
    files: &'f BTreeMap<String, File>,
    /// The kustomization file of each folder that has one.
    folders: BTreeMap<&'f str, &'f str>,
    /// What a kustomization deploys or patches with; such a file is no root.
    used: BTreeSet<&'f str>,
    patches: BTreeMap<&'f str, Place<'f>>,
}

impl<'f> Layout<'f> {
    fn of(files: &'f BTreeMap<String, File>) -> Self {
        let named = |path: &&String| is_kustomization(path.rsplit('/').next().unwrap_or(path));
        let folders = files.iter().filter(|(_, file)| file.kustomization.is_some()).map(|(path, _)| path).filter(named);
        let folders = folders.map(|path| (folder(path), path.as_str())).collect();
        let mut layout = Self { files, folders, used: BTreeSet::new(), patches: BTreeMap::new() };
        for path in layout.folders.values().copied().collect::<Vec<_>>() {
            let Some(kustomization) = layout.kustomization(path) else {
                continue;
            };
            for link in kustomization.uses.iter().chain(&kustomization.components) {
                if let Some(target) = layout.find(path, &link.path) {
                    layout.used.insert(target);
                }
            }
            for link in &kustomization.patches {
                if let Some(target) = layout.find(path, &link.path) {
                    layout.used.insert(target);
                    layout.patches.insert(target, Place { path, line: link.line });
                }
            }
        }
        layout
    }

    fn kustomization(&self, path: &str) -> Option<&'f Kustomization> {
        self.files.get(path)?.kustomization.as_deref()
    }

    /// The file that a path in a kustomization leads to, a folder's kustomization for a folder.
    fn find(&self, from: &str, link: &str) -> Option<&'f str> {
        let target = join(folder(from), link)?;
        match self.folders.get(target.as_str()) {
            Some(path) => Some(path),
            None => self.files.get_key_value(&target).map(|(path, _)| path.as_str()),
        }
    }

    /// Kustomizations that nothing uses, and one of each cycle that hangs on nothing.
    fn roots(&self) -> Vec<&'f str> {
        let mut roots: Vec<&str> = self.folders.values().copied().filter(|path| !self.used.contains(path)).collect();
        let mut reached: BTreeSet<&str> = roots.iter().flat_map(|root| self.below(root)).collect();
        for &path in self.folders.values() {
            if !reached.contains(path) {
                reached.extend(self.below(path));
                roots.push(path);
            }
        }
        roots
    }

    /// All kustomizations that one uses, itself among them.
    fn below(&self, root: &'f str) -> BTreeSet<&'f str> {
        let mut found = BTreeSet::from([root]);
        let mut open = vec![root];
        while let Some(path) = open.pop() {
            let next = self.kustomization(path).into_iter().flat_map(|found| found.uses.iter().chain(&found.components));
            open.extend(next.filter_map(|link| self.find(path, &link.path)).filter(|next| found.insert(*next)));
        }
        found
    }

    /// Adds what a root deploys.
    fn gather(&self, root: &'f str, found: &mut Vec<Deployed>) {
        let mut open = vec![Layer { path: root, above: vec![], namespace: None, held: None }];
        let mut seen = BTreeSet::new();
        while let Some(layer) = open.pop() {
            let Some(kustomization) = self.kustomization(layer.path) else {
                let count = self.files.get(layer.path).map_or(0, |file| file.workloads.len());
                let (root, path) = (shown(folder(root)), layer.path.to_owned());
                found.extend((0..count).map(|workload| Deployed {
                    root: root.clone(),
                    path: path.clone(),
                    workload,
                    namespace: layer.namespace.clone(),
                    held: layer.held.clone(),
                }));
                continue;
            };
            if !seen.insert((layer.path, layer.namespace.clone(), layer.held.is_some())) {
                continue;
            }
            let namespace = layer.namespace.clone().or_else(|| kustomization.namespace.clone());
            let held = layer.held.clone().or_else(|| self.obstacle(layer.path, kustomization));
            for link in kustomization.uses.iter().chain(&kustomization.components) {
                let Some(path) = self.find(layer.path, &link.path) else {
                    continue;
                };
                let trouble = self.kustomization(path).and_then(|_| layer.trouble(path, link.line));
                let above = [layer.above.as_slice(), &[layer.path]].concat();
                open.push(Layer { path, above, namespace: namespace.clone(), held: trouble.or_else(|| held.clone()) });
            }
        }
    }

    /// What in a kustomization, or in the components that it uses, may change its workloads.
    fn obstacle(&self, path: &'f str, kustomization: &'f Kustomization) -> Option<HeldByKustomize> {
        let mut seen = BTreeSet::from([path]);
        let mut open = vec![(path, kustomization)];
        let mut worst: Option<HeldByKustomize> = None;
        while let Some((path, kustomization)) = open.pop() {
            for Obstacle { key, line, annotates } in &kustomization.obstacles {
                if worst.as_ref().is_none_or(|worst| *annotates && !worst.annotates) {
                    let reason = format!("`{key}` in {path} may change it, which is not understood yet");
                    worst = Some(HeldByKustomize { reason, path: path.to_owned(), line: *line, annotates: *annotates });
                }
            }
            for link in &kustomization.components {
                match self.find(path, &link.path).and_then(|next| Some((next, self.kustomization(next)?))) {
                    Some(next) if seen.insert(next.0) => open.push(next),
                    None if worst.is_none() => {
                        let reason = format!("the component `{}` of {path} cannot be read", link.path);
                        worst = Some(HeldByKustomize { reason, path: path.to_owned(), line: link.line, annotates: false });
                    }
                    _ => {}
                }
            }
        }
        worst
    }
}

/// A kustomization or file on the way down from a root.
struct Layer<'f> {
    path: &'f str,
    above: Vec<&'f str>,
    namespace: Option<String>,
    held: Option<HeldByKustomize>,
}

impl Layer<'_> {
    /// Why going on to `next` leads nowhere: round in a circle, or too deep.
    fn trouble(&self, next: &str, line: u32) -> Option<HeldByKustomize> {
        let reason = if next == self.path || self.above.contains(&next) {
            format!("{} and {next} use each other in a circle", self.path)
        } else if self.above.len() + 1 >= LAYERS {
            format!("{} stands below {LAYERS} kustomizations", self.path)
        } else {
            return None;
        };
        Some(HeldByKustomize { reason, path: self.path.to_owned(), line, annotates: false })
    }
}

/// One entry for each root, file, workload and namespace of a sorted list, the held one where there are two.
fn once_each(found: &mut Vec<Deployed>) {
    found.dedup_by(|next, kept| {
        let same = (&kept.root, &kept.path, kept.workload, &kept.namespace) == (&next.root, &next.path, next.workload, &next.namespace);
        if same && kept.held.is_none() {
            kept.held = next.held.take();
        }
        same
    });
}

/// Below a `.flux.yaml` that runs commands nobody knows what is deployed.
fn hold_by_flux(files: &BTreeMap<String, File>, deployed: &mut [Deployed]) {
    for (path, file) in files {
        let Some(flux) = &file.flux_yaml else {
            continue;
        };
        let key = match flux.generation {
            Generation::ScanForFiles => continue,
            Generation::PatchUpdated => "patchUpdated",
            Generation::CommandUpdated => "commandUpdated",
            Generation::Unknown => "what it says",
        };
        let reason = format!("{path} generates manifests in its own way (`{key}`), which is not understood yet");
        let held = HeldByKustomize { reason, path: path.clone(), line: flux.line, annotates: false };
        let top = folder(path);
        for deployed in deployed.iter_mut().filter(|deployed| is_below(top, &deployed.path) || is_below(top, &deployed.root)) {
            deployed.held.get_or_insert_with(|| held.clone());
        }
    }
}

/// What a kustomization or a `.flux.yaml` says that cannot be read nobody knows.
fn hold_by_unreadable(file: &Unreadable, deployed: &mut [Deployed]) {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let top = folder(&file.path);
    let concerns = |deployed: &Deployed| match name {
        ".flux.yaml" => is_below(top, &deployed.path) || is_below(top, &deployed.root),
        // A file that is its own root is one that no kustomization claims.
        name => is_kustomization(name) && deployed.root == deployed.path && is_below(top, &deployed.path),
    };
    let held = HeldByKustomize { reason: file.to_string(), path: file.path.clone(), line: file.line.unwrap_or(1), annotates: false };
    for deployed in deployed.iter_mut().filter(|deployed| concerns(deployed)) {
        deployed.held.get_or_insert_with(|| held.clone());
    }
}

fn is_below(top: &str, path: &str) -> bool {
    top.is_empty() || path == top || path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
}

/// The folder of a file, empty for the top.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn shown(folder: &str) -> String {
    if folder.is_empty() { ".".to_owned() } else { folder.to_owned() }
}

/// The path in the repository; `None` where it leaves it, is absolute or remote.
pub(super) fn join(folder: &str, link: &str) -> Option<String> {
    if link.starts_with('/') || link.contains("://") {
        return None;
    }
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in link.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop()?;
            }
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}
