//! How kustomizations and files hang together.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use super::{Kustomization, Link, patch::From, web::Web};
use crate::manifest::{File, FluxYaml, Unreadable, screen::is_kustomization};

/// The kustomizations of a tree, and what they use.
pub(super) struct Layout<'w, 'f> {
    pub(super) files: &'f BTreeMap<String, File>,
    unreadable: BTreeMap<&'f str, &'f Unreadable>,
    pub(super) web: &'w Web,
}

/// What a path in a kustomization leads to.
#[derive(Clone)]
pub(super) enum Target<'f> {
    Kustomization(&'f str),
    File(&'f str),
    /// A folder with several kustomization files.
    Several(String),
    /// A file that cannot be read.
    Unreadable(&'f Unreadable),
    /// A place outside the repository.
    Remote,
    Missing,
}

impl<'f> Target<'f> {
    pub(super) fn path(&self) -> Option<&'f str> {
        match self {
            Self::Kustomization(path) | Self::File(path) => Some(path),
            _ => None,
        }
    }
}

impl<'w, 'f> Layout<'w, 'f> {
    /// The layout of files, whose web is known.
    pub(super) fn of(files: &'f BTreeMap<String, File>, unreadable: &'f [Unreadable], web: &'w Web) -> Self {
        Self { files, unreadable: unreadable.iter().map(|file| (file.path.as_str(), file)).collect(), web }
    }

    /// Every kustomization that can be read and that a folder's name leads to.
    fn kustomizations(&self) -> impl Iterator<Item = (&'f str, &'f Kustomization)> {
        self.web.folders().flat_map(|(_, files)| files).filter_map(|path| self.file(path)).filter_map(|path| Some((path, self.kustomization(path)?)))
    }

    /// The path of a file that can be read.
    pub(super) fn file(&self, path: &str) -> Option<&'f str> {
        self.files.get_key_value(path).map(|(path, _)| path.as_str())
    }

    pub(super) fn kustomization(&self, path: &str) -> Option<&'f Kustomization> {
        self.files.get(path)?.kustomization.as_deref()
    }

    /// Whether a kustomization uses a file that can be read: such a file is no root.
    pub(super) fn is_used(&self, path: &str) -> bool {
        let is_kustomization = is_kustomization(name(path)) && self.kustomization(path).is_some();
        // A kustomization is used through its folder alone.
        self.web.is_named(if is_kustomization { folder(path) } else { path })
    }

    /// The files with objects that no kustomization uses.
    pub(super) fn unused(&self) -> impl Iterator<Item = (&'f str, &'f File)> {
        let mut used = self.web.used().peekable();
        // Both are in the order of their paths.
        let mut is_unused = move |path: &str| {
            while used.next_if(|used| *used < path).is_some() {}
            used.peek() != Some(&path)
        };
        let holds_something = |file: &File| file.kustomization.is_none() && !(file.workloads.is_empty() && file.objects.is_empty());
        let files = self.files.iter().filter(move |(path, file)| holds_something(file) && is_unused(path));
        files.map(|(path, file)| (path.as_str(), file))
    }

    /// What a path leads to from a folder.
    pub(super) fn find(&self, from: &str, link: &str) -> Target<'f> {
        let Some(path) = join(from, link) else {
            return if is_remote(link) { Target::Remote } else { Target::Missing };
        };
        match self.web.folder(&path) {
            [] => match (self.files.get_key_value(&path), self.unreadable.get(path.as_str())) {
                (Some((path, file)), _) if file.kustomization.is_some() && is_kustomization(name(path)) => Target::Missing,
                (Some((path, _)), _) => Target::File(path),
                (None, Some(file)) => Target::Unreadable(file),
                (None, None) if is_remote(link) => Target::Remote,
                (None, None) => Target::Missing,
            },
            [one] => match (self.unreadable.get(&**one), self.file(one)) {
                (Some(file), _) => Target::Unreadable(file),
                (None, Some(file)) => Target::Kustomization(file),
                (None, None) => Target::Missing,
            },
            _ => Target::Several(path),
        }
    }

    /// The first of a folder's kustomization files, where it has several.
    pub(super) fn first_of_several(&self, folder: &str) -> Option<&'w str> {
        let files = self.web.folder(folder);
        files.first().filter(|_| files.len() > 1).map(|file| &**file)
    }

    /// The file of the kustomization in a folder.
    pub(super) fn kustomization_in(&self, folder: &str) -> Option<&'f str> {
        let [one] = self.web.folder(folder) else { return None };
        self.file(one).filter(|path| self.kustomization(path).is_some())
    }

    /// The `.flux.yaml` of a folder.
    pub(super) fn flux(&self, folder: &str) -> Option<(&'f str, &'f FluxYaml)> {
        let (path, file) = self.files.get_key_value(self.web.flux(folder)?)?;
        Some((path, file.flux_yaml.as_ref()?))
    }

    /// The files below a folder.
    fn below(&self, top: &str) -> impl Iterator<Item = (&'f str, &'f File)> {
        let start = if top.is_empty() { String::new() } else { format!("{top}/") };
        let from = self.files.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded));
        from.take_while(move |(path, _)| path.starts_with(&start)).map(|(path, file)| (path.as_str(), file))
    }

    /// What Flux finds in a folder without a kustomization: files with objects, and folders with a kustomization.
    pub(super) fn scan(&self, top: &str) -> Vec<Target<'f>> {
        let kustomizations: BTreeSet<&str> = self.web.folders().map(|(folder, _)| folder).filter(|folder| is_below(top, folder)).collect();
        let is_owned = |folder: &str| above(folder).any(|folder| kustomizations.contains(folder));
        let files = self.below(top).filter(|(path, file)| !file.objects.is_empty() && !is_owned(folder(path)));
        let outermost = kustomizations.iter().filter(|top| above(top).skip(1).all(|folder| !kustomizations.contains(folder)));
        let folders = outermost.filter_map(|folder| self.kustomization_in(folder)).map(Target::Kustomization);
        files.map(|(path, _)| Target::File(path)).chain(folders).collect()
    }

    /// Kustomizations that nothing uses, and one of each cycle that hangs on nothing; components are none.
    pub(super) fn roots(&self) -> Vec<&'f str> {
        let all: Vec<&str> = self.kustomizations().filter(|(_, kustomization)| !kustomization.component).map(|(path, _)| path).collect();
        let mut roots: Vec<&str> = all.iter().copied().filter(|path| !self.is_used(path)).collect();
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        for root in &roots {
            self.reach(root, &mut reached);
        }
        for path in all {
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
                open.extend(self.web.names(path).iter().flat_map(|named| self.web.folder(named)).filter_map(|path| self.file(path)));
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

pub(super) fn name(path: &str) -> &str {
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

/// A folder, and those that it stands in.
pub(super) fn above(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |top| (!top.is_empty()).then(|| self::folder(top)))
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
