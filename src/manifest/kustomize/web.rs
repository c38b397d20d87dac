//! Which kustomization names which path: kept from one tree to the next, so that work grows with what differs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::layout::{above, folder, name};
use crate::manifest::{File, Unreadable, screen::is_kustomization};

/// How the files of a tree hang together.
///
/// # Shape
/// It follows from the files alone, whatever they were before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Web {
    /// The paths that each kustomization names, wherever they lead.
    names: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// The kustomizations that name a path.
    namers: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// The kustomization files of each folder that has one, those that cannot be read too.
    folders: BTreeMap<Box<str>, Vec<Arc<str>>>,
    /// The `.flux.yaml` of each folder that has one.
    fluxes: BTreeMap<Box<str>, Box<str>>,
    /// The files with objects that deploy folders.
    outers: BTreeSet<Box<str>>,
}

/// What may be deployed in another way after some files became others.
#[derive(Debug)]
pub(super) struct Touched<'t> {
    paths: &'t BTreeSet<String>,
    /// The folders whose kustomization files are among them.
    folders: BTreeSet<&'t str>,
    /// The folders whose `.flux.yaml` is.
    fluxes: BTreeSet<&'t str>,
    /// The kustomizations that use one of them, however many layers lie between.
    kustomizations: BTreeSet<&'t str>,
}

impl Web {
    /// How these files hang together.
    pub fn of(files: &BTreeMap<String, File>, unreadable: &[Unreadable]) -> Self {
        let mut web = Self::default();
        web.advance(files, unreadable, files.keys().chain(unreadable.iter().map(|fault| &fault.path)).map(String::as_str));
        web
    }

    /// Brings it up to date, where the files at some paths are others, new or gone.
    pub fn advance<'p>(&mut self, files: &BTreeMap<String, File>, unreadable: &[Unreadable], paths: impl IntoIterator<Item = &'p str>) {
        let broken: BTreeSet<&str> = unreadable.iter().map(|fault| fault.path.as_str()).filter(|path| is_kustomization(name(path))).collect();
        for path in paths {
            self.forget(path);
            match files.get(path) {
                Some(file) => self.learn(path, file),
                None if broken.contains(path) => self.stands_in_folder(&path.into()),
                None => {}
            }
        }
    }

    fn learn(&mut self, path: &str, file: &File) {
        if let Some(kustomization) = &file.kustomization {
            let path: Arc<str> = path.into();
            let named: BTreeSet<String> = kustomization.named(&path).collect();
            let named: Vec<Arc<str>> = named.into_iter().map(|named| self.name(&path, named)).collect();
            self.names.insert(Arc::clone(&path), named);
            if is_kustomization(name(&path)) {
                self.stands_in_folder(&path);
            }
        }
        if file.flux_yaml.is_some() {
            self.fluxes.insert(folder(path).into(), path.into());
        }
        if !file.outers.is_empty() {
            self.outers.insert(path.into());
        }
    }

    /// Notes who names a path.
    fn name(&mut self, by: &Arc<str>, named: String) -> Arc<str> {
        let key = self.namers.get_key_value(named.as_str()).map_or_else(|| named.into(), |(key, _)| Arc::clone(key));
        insert(self.namers.entry(Arc::clone(&key)).or_default(), by);
        key
    }

    fn stands_in_folder(&mut self, path: &Arc<str>) {
        insert(self.folders.entry(folder(path).into()).or_default(), path);
    }

    fn forget(&mut self, path: &str) {
        for named in self.names.remove(path).unwrap_or_default() {
            take(&mut self.namers, &named, path);
        }
        take(&mut self.folders, folder(path), path);
        if self.fluxes.get(folder(path)).is_some_and(|flux| **flux == *path) {
            self.fluxes.remove(folder(path));
        }
        self.outers.remove(path);
    }

    /// Every kustomization, whatever its file is called.
    pub(in crate::manifest) fn kustomizations(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|path| &**path)
    }

    /// Every `.flux.yaml`.
    pub(in crate::manifest) fn fluxes(&self) -> impl Iterator<Item = &str> {
        self.fluxes.values().map(|path| &**path)
    }

    /// Every file with objects that deploy folders.
    pub(in crate::manifest) fn outers(&self) -> impl Iterator<Item = &str> {
        self.outers.iter().map(|path| &**path)
    }

    /// The kustomization files of every folder that has one.
    pub(super) fn folders(&self) -> impl Iterator<Item = (&str, &[Arc<str>])> {
        self.folders.iter().map(|(folder, files)| (&**folder, files.as_slice()))
    }

    /// The kustomization files of a folder.
    pub(super) fn folder(&self, folder: &str) -> &[Arc<str>] {
        self.folders.get(folder).map_or(&[], Vec::as_slice)
    }

    /// The `.flux.yaml` of a folder.
    pub(super) fn flux(&self, folder: &str) -> Option<&str> {
        self.fluxes.get(folder).map(|path| &**path)
    }

    /// The paths that a kustomization names.
    pub(super) fn names(&self, path: &str) -> &[Arc<str>] {
        self.names.get(path).map_or(&[], Vec::as_slice)
    }

    /// The kustomizations that name a path.
    fn namers(&self, path: &str) -> &[Arc<str>] {
        self.namers.get(path).map_or(&[], Vec::as_slice)
    }

    /// Whether a kustomization that a folder's name leads to names a path.
    pub(super) fn is_named(&self, path: &str) -> bool {
        is_used(self.namers(path))
    }

    /// Every path that such a kustomization names, in their order.
    pub(in crate::manifest) fn used(&self) -> impl Iterator<Item = &str> {
        self.namers.iter().filter(|(_, namers)| is_used(namers)).map(|(path, _)| &**path)
    }

    /// What may be deployed in another way after the files at these paths became others; the web is that of the files as they are now.
    pub(super) fn touched<'t>(&'t self, paths: &'t BTreeSet<String>) -> Touched<'t> {
        let in_folder = |wanted: fn(&str) -> bool| paths.iter().filter(move |path| wanted(name(path))).map(|path| folder(path)).collect();
        let mut touched =
            Touched { paths, folders: in_folder(is_kustomization), fluxes: in_folder(|name| name == ".flux.yaml"), kustomizations: BTreeSet::new() };
        let mut open: Vec<&str> = vec![];
        let mut push = |paths: &'t [Arc<str>]| open.extend(paths.iter().map(|path| &**path));
        for path in paths {
            push(self.names.get_key_value(path.as_str()).map_or(&[], |(path, _)| std::slice::from_ref(path)));
            push(self.namers(path));
        }
        for folder in &touched.folders {
            push(self.folder(folder));
            push(self.namers(folder));
        }
        if !touched.fluxes.is_empty() {
            let concerns = |(path, named): &(&Arc<str>, &Vec<Arc<str>>)| {
                touched.is_below_flux(folder(path)) || named.iter().any(|named| touched.is_below_flux(named))
            };
            open.extend(self.names.iter().filter(concerns).map(|(path, _)| &**path));
        }
        while let Some(path) = open.pop() {
            if touched.kustomizations.insert(path) {
                open.extend(self.namers(folder(path)).iter().map(|path| &**path));
            }
        }
        touched
    }
}

impl Touched<'_> {
    /// Whether a kustomization may build something else.
    pub(super) fn has_kustomization(&self, path: &str) -> bool {
        self.kustomizations.contains(path)
    }

    /// Whether a file is another one, new or gone.
    pub(super) fn has_file(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Whether what a path leads to may be something else.
    pub(super) fn has_target(&self, web: &Web, path: &str) -> bool {
        self.has_file(path)
            || self.folders.contains(path)
            || web.folder(path).iter().any(|file| self.has_kustomization(file))
            || self.is_below_flux(path)
    }

    /// Whether a `.flux.yaml` at or above a folder is another one, new or gone.
    pub(super) fn is_below_flux(&self, path: &str) -> bool {
        !self.fluxes.is_empty() && above(path).any(|folder| self.fluxes.contains(folder))
    }
}

/// Whether a folder's name leads to one of these kustomizations.
fn is_used(namers: &[Arc<str>]) -> bool {
    namers.iter().any(|namer| is_kustomization(name(namer)))
}

/// Adds a path to a list in their order.
fn insert(list: &mut Vec<Arc<str>>, path: &Arc<str>) {
    if let Err(at) = list.binary_search(path) {
        list.insert(at, Arc::clone(path));
    }
}

/// Takes a path out of the list under a key.
fn take<K: Ord + std::borrow::Borrow<str>>(lists: &mut BTreeMap<K, Vec<Arc<str>>>, key: &str, path: &str) {
    let Some(list) = lists.get_mut(key) else { return };
    list.retain(|one| **one != *path);
    if list.is_empty() {
        lists.remove(key);
    }
}
