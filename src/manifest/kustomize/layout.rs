//! How kustomizations and files hang together.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kustomization, Link, patch::From};
use crate::manifest::{File, FluxYaml, Unreadable, screen::is_kustomization};

/// The kustomizations of a tree, and what they use.
pub(super) struct Layout<'f> {
    pub(super) files: &'f BTreeMap<String, File>,
    pub(super) unreadable: BTreeMap<&'f str, &'f Unreadable>,
    /// The kustomization files of each folder that has one, those that cannot be read too.
    folders: BTreeMap<&'f str, Vec<&'f str>>,
    /// The `.flux.yaml` of each folder that has one.
    pub(super) fluxes: BTreeMap<&'f str, (&'f str, &'f FluxYaml)>,
    /// The files that each kustomization uses itself.
    uses: BTreeMap<&'f str, Vec<&'f str>>,
    /// What a kustomization deploys or patches with; such a file is no root.
    pub(super) used: BTreeSet<&'f str>,
}

/// What a path in a kustomization leads to.
#[derive(Clone, Copy)]
pub(super) enum Target<'f> {
    Kustomization(&'f str),
    File(&'f str),
    /// A folder with several kustomization files.
    Several(&'f str),
    /// A file that cannot be read.
    Unreadable(&'f Unreadable),
    /// A place outside the repository.
    Remote,
    Missing,
}

impl<'f> Target<'f> {
    pub(super) fn path(self) -> Option<&'f str> {
        match self {
            Self::Kustomization(path) | Self::File(path) => Some(path),
            _ => None,
        }
    }
}

impl<'f> Layout<'f> {
    pub(super) fn of(files: &'f BTreeMap<String, File>, unreadable: &'f [Unreadable]) -> Self {
        let unreadable: BTreeMap<&str, &Unreadable> = unreadable.iter().map(|file| (file.path.as_str(), file)).collect();
        let read = files.iter().filter(|(_, file)| file.kustomization.is_some()).map(|(path, _)| path.as_str());
        let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for path in read.chain(unreadable.keys().copied()).filter(|path| is_kustomization(name(path))) {
            folders.entry(folder(path)).or_default().push(path);
        }
        let fluxes = files.iter().filter_map(|(path, file)| Some((folder(path), (path.as_str(), file.flux_yaml.as_ref()?)))).collect();
        let mut layout = Self { files, unreadable, folders, fluxes, uses: BTreeMap::new(), used: BTreeSet::new() };
        layout.uses = layout.kustomizations().map(|(path, kustomization)| (path, layout.links(path, kustomization))).collect();
        layout.used = layout.uses.values().flatten().copied().collect();
        layout
    }

    /// Every kustomization that can be read and that a folder's name leads to.
    pub(super) fn kustomizations(&self) -> impl Iterator<Item = (&'f str, &'f Kustomization)> {
        self.folders.values().flatten().filter_map(|path| Some((*path, self.kustomization(path)?)))
    }

    pub(super) fn kustomization(&self, path: &str) -> Option<&'f Kustomization> {
        self.files.get(path)?.kustomization.as_deref()
    }

    /// The files that a kustomization uses itself.
    fn links(&self, path: &'f str, kustomization: &'f Kustomization) -> Vec<&'f str> {
        let named = |link: &'f Link| match self.find(folder(path), &link.path) {
            Target::Kustomization(path) | Target::File(path) => vec![path],
            Target::Several(folder) => self.folders.get(folder).cloned().unwrap_or_default(),
            Target::Unreadable(file) => vec![file.path.as_str()],
            Target::Remote | Target::Missing => vec![],
        };
        kustomization.links().flat_map(named).collect()
    }

    /// What a path leads to from a folder.
    pub(super) fn find(&self, from: &str, link: &str) -> Target<'f> {
        let local = join(from, link);
        let found = local.as_deref().and_then(|path| self.folders.get_key_value(path));
        match (found, local) {
            (Some((_, one)), _) if one.len() == 1 => match self.unreadable.get(one[0]) {
                Some(file) => Target::Unreadable(file),
                None => Target::Kustomization(one[0]),
            },
            (Some((folder, _)), _) => Target::Several(folder),
            (None, Some(path)) => match (self.files.get_key_value(&path), self.unreadable.get(path.as_str())) {
                (Some((path, file)), _) if file.kustomization.is_some() && is_kustomization(name(path)) => Target::Missing,
                (Some((path, _)), _) => Target::File(path),
                (None, Some(file)) => Target::Unreadable(file),
                (None, None) if is_remote(link) => Target::Remote,
                (None, None) => Target::Missing,
            },
            (None, None) if is_remote(link) => Target::Remote,
            (None, None) => Target::Missing,
        }
    }

    /// The first of a folder's kustomization files, where it has several.
    pub(super) fn first_of_several(&self, folder: &str) -> Option<&'f str> {
        self.folders.get(folder).filter(|files| files.len() > 1).and_then(|files| files.iter().min().copied())
    }

    /// The file of the kustomization in a folder.
    pub(super) fn kustomization_in(&self, folder: &str) -> Option<&'f str> {
        self.folders.get(folder).and_then(|files| (files.len() == 1).then_some(files[0])).filter(|path| self.kustomization(path).is_some())
    }

    /// What Flux finds in a folder without a kustomization: files with objects, and folders with a kustomization.
    pub(super) fn scan(&self, top: &str) -> Vec<Target<'f>> {
        let kustomizations: Vec<&str> = self.folders.keys().copied().filter(|folder| is_below(top, folder)).collect();
        let owned = |path: &str| kustomizations.iter().any(|folder| is_below(folder, self::folder(path)));
        let files = self.files.iter().filter(|(path, file)| is_below(top, self::folder(path)) && !file.objects.is_empty() && !owned(path));
        let outermost = |folder: &&&str| !kustomizations.iter().any(|other| other != *folder && is_below(other, folder));
        let folders = kustomizations.iter().filter(outermost).filter_map(|folder| self.kustomization_in(folder)).map(Target::Kustomization);
        files.map(|(path, _)| Target::File(path)).chain(folders).collect()
    }

    /// Kustomizations that nothing uses, and one of each cycle that hangs on nothing; components are none.
    pub(super) fn roots(&self) -> Vec<&'f str> {
        let all = || self.kustomizations().filter(|(_, kustomization)| !kustomization.component).map(|(path, _)| path);
        let mut roots: Vec<&str> = all().filter(|path| !self.used.contains(path)).collect();
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        for root in &roots {
            self.reach(root, &mut reached);
        }
        for path in all() {
            if !reached.contains(path) {
                self.reach(path, &mut reached);
                roots.push(path);
            }
        }
        roots
    }

    /// Adds a kustomization and all that it uses.
    fn reach(&self, root: &'f str, reached: &mut BTreeSet<&'f str>) {
        let mut open = vec![root];
        while let Some(path) = open.pop() {
            if reached.insert(path) {
                open.extend(self.uses.get(path).into_iter().flatten());
            }
        }
    }
}

impl Kustomization {
    /// Every path that it names.
    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        let patches = self.patches.iter().chain(&self.merges).chain(&self.operations).filter_map(|patch| match &patch.from {
            From::File(link) => Some(link),
            _ => None,
        });
        self.resources.iter().chain(&self.components).chain(&self.configurations).chain(patches)
    }
}

/// Whether a path that is not in the repository may lead to another one.
fn is_remote(link: &str) -> bool {
    let host = link.split('/').next().unwrap_or_default();
    link.contains("://")
        || link.contains('?')
        || link.contains("//")
        || host.contains('@')
        || host.contains(':')
        || host.contains('.') && !host.starts_with('.')
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder of a file, empty for the top.
pub(in crate::manifest) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A folder as people write it: `.` for the top.
pub(super) fn shown(folder: &str) -> &str {
    if folder.is_empty() { "." } else { folder }
}

/// Whether a path is a folder, or below it.
pub(in crate::manifest) fn is_below(top: &str, path: &str) -> bool {
    top.is_empty() || path == top || path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
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
