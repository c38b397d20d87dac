//! All roots of a tree: what each deploys, and which deploy the same as before.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    build::{Build, Gathered},
    deployed::{Deployed, Frame},
    hold::{self, Holder},
    layout::{Layout, folder},
    live::Source,
    resource::Resource,
    survey::{Seen, Survey},
    tops::{Beside, Ground, Made, Top, overlay, overlay_is_touched, shared, tops},
    web::Web,
};
use crate::manifest::{File, Place, Unreadable};

/// The files of a tree, and how they hang together.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'w, 'f> {
    /// What was read, by path.
    pub files: &'f BTreeMap<String, File>,
    /// What could not be read.
    pub unreadable: &'f [Unreadable],
    /// The web of these files.
    pub web: &'w Web,
    /// The folders that are deployed although others use them.
    pub configured: &'w [String],
}

/// A root of a tree.
#[derive(Debug)]
pub struct Root<'f, T> {
    /// The outermost kustomization's folder (`.` for the top), or the file's own path.
    pub name: &'f str,
    /// What became of it since the last tree.
    pub standing: Standing<'f, T>,
    mark: Mark,
}

/// What became of a root since the last tree.
#[derive(Debug)]
pub enum Standing<'f, T> {
    /// It deploys what it did, of which this was made.
    Same(T),
    /// What it deploys, ordered by file and line.
    Built(Vec<Deployed<'f>>),
}

/// What was made of every root of a tree, and by what the next tree can tell whether it still holds.
#[derive(Clone, Debug)]
pub struct Roots<T>(Vec<Known<T>>);

/// What was made of a root.
#[derive(Clone, Debug)]
struct Known<T> {
    name: Box<str>,
    mark: Mark,
    made: T,
}

/// What a root is, beside what the files say that it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// The kustomizations, or folders; none for a file that no kustomization uses.
    grounds: Box<[Ground]>,
    /// The unreadable kustomization that holds such a file.
    by: Option<Box<str>>,
}

/// Finds for each workload every root that deploys it; `roots` are the folders that the configuration names.
///
/// # Shape
/// Ordered by root, file and line. Where a kustomization cannot be read, what stands beside and below it and belongs to no other is held.
pub fn deployed<'f>(files: &'f BTreeMap<String, File>, unreadable: &'f [Unreadable], roots: &[String]) -> Vec<Deployed<'f>> {
    let web = Web::of(files, unreadable);
    Whole { files, unreadable, web: &web, configured: roots }.deployed()
}

/// What each of these kustomizations makes of what it gathers, as if it were a root.
///
/// # Shape
/// What holds it does not count, nor what it names that was not read.
pub fn by_themselves<'f>(files: &'f BTreeMap<String, File>, kustomizations: &[&'f str]) -> Vec<(&'f str, Vec<Deployed<'f>>)> {
    let web = Web::of(files, &[]);
    let layout = Layout::of(files, &[], &web);
    let alone = |path: &&'f str| {
        let gathered = Build::new(&layout).kustomization(path, None, Gathered::default());
        let extension = layout.kustomization(path).and_then(|kustomization| kustomization.extension(path));
        let frame = Frame { files, root: folder(path), extension, overlay: None };
        (*path, gathered.resources.into_iter().filter_map(|resource| frame.finished(resource, None)).collect())
    };
    kustomizations.iter().map(alone).collect()
}

/// What is to be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Workloads,
    Everything,
}

/// What came of some roots, and what was seen on the way.
type Found<'f> = (Vec<Deployed<'f>>, Seen<'f>);

/// Tells what is known of a root that no change touches.
type Recall<'r, T> = &'r mut dyn FnMut(&str, &Mark) -> Option<Known<T>>;

impl<'f> Whole<'_, 'f> {
    /// As [`deployed`].
    pub fn deployed(self) -> Vec<Deployed<'f>> {
        all(self.stand::<()>(Telling::Workloads, &BTreeSet::new(), &mut |_, _| None).0)
    }

    /// As [`Self::deployed`], with what else was found on the way.
    pub fn survey(self) -> Survey<'f> {
        let (roots, seen) = self.stand::<()>(Telling::Everything, &BTreeSet::new(), &mut |_, _| None);
        Survey { deployed: all(roots), remarks: seen.into_remarks() }
    }

    /// As [`Self::deployed`], of those roots only that read one of these files.
    pub fn reading(self, paths: &BTreeSet<String>) -> Vec<Deployed<'f>> {
        let skip = &mut |name: &str, _: &Mark| Some(Known { name: name.into(), mark: Mark::default(), made: () });
        all(self.stand(Telling::Workloads, paths, skip).0)
    }

    /// Every root, ordered by name: the same as in the last tree, or built anew.
    ///
    /// # Shape
    /// Among `paths` are all at which a file of this tree is another one than that of the last, new or gone.
    pub fn roots<T>(self, last: Roots<T>, paths: &BTreeSet<String>) -> Vec<Root<'f, T>> {
        let (alone, built): (Vec<_>, Vec<_>) = last.0.into_iter().partition(|known| known.mark.grounds.is_empty());
        let [mut alone, mut built] = [alone, built].map(|known| known.into_iter().peekable());
        let mut recall = |name: &str, mark: &Mark| {
            let last = if mark.grounds.is_empty() { &mut alone } else { &mut built };
            while last.next_if(|known| *known.name < *name).is_some() {}
            last.next_if(|known| *known.name == *name && known.mark == *mark)
        };
        self.stand(Telling::Workloads, paths, &mut recall).0
    }

    /// Builds the roots that a change at these paths touches, or of which nothing is known.
    fn stand<T>(self, telling: Telling, paths: &BTreeSet<String>, recall: Recall<'_, T>) -> (Vec<Root<'f, T>>, Seen<'f>) {
        let layout = Layout::of(self.files, self.unreadable, self.web);
        let (tops, touched, holders) = (tops(&layout, self.configured), self.web.touched(paths), hold::holders(&layout, self.unreadable));
        let shared = shared(&tops);
        let mut groups: BTreeMap<&str, Vec<&Top<'f>>> = BTreeMap::new();
        for top in &tops {
            groups.entry(top.root).or_default().push(top);
        }
        let (mut roots, mut seen) = (vec![], Seen::default());
        for (name, tops) in groups {
            let mark = Mark { grounds: tops.iter().map(|top| top.ground(&layout, &shared)).collect(), ..Mark::default() };
            let is_touched = tops.iter().any(|top| top.is_touched(&layout, &touched));
            let known = if is_touched { None } else { recall(name, &mark) };
            roots.push(known.map_or_else(
                || {
                    let (found, told) = build(&layout, &tops, &shared, telling);
                    seen.and(told);
                    Root::built(name, found, mark, &holders)
                },
                |known| Root { name, mark: known.mark, standing: Standing::Same(known.made) },
            ));
        }
        let claimed: BTreeSet<&str> = tops.iter().flat_map(Top::claims).collect();
        let patches: BTreeSet<&str> = tops.iter().filter_map(|top| top.patch_file(&layout)).collect();
        for (path, file) in layout.unused().filter(|(path, _)| !claimed.contains(path) && !patches.contains(path)) {
            let by = hold::of_alone(&holders, path);
            let mark = Mark { by: by.map(Into::into), ..Mark::default() };
            let around = touched.is_below_flux(folder(path)) || overlay_is_touched(&layout, folder(path), Beside::FluxYaml, &touched);
            let is_touched = around || touched.has_file(path) || by.is_some_and(|by| touched.has_file(by));
            let known = if is_touched { None } else { recall(path, &mark) };
            roots.push(known.map_or_else(
                || Root::built(path, alone(&layout, path, file), mark, &holders),
                |known| Root { name: path, mark: known.mark, standing: Standing::Same(known.made) },
            ));
        }
        roots.sort_by(|a, b| a.name.cmp(b.name));
        (roots, seen)
    }
}

impl<T> Default for Roots<T> {
    fn default() -> Self {
        Self(vec![])
    }
}

impl<T> Roots<T> {
    /// What was made of each root.
    pub fn of<'f, S: 'f>(made: impl IntoIterator<Item = (Root<'f, S>, T)>) -> Self {
        Self(made.into_iter().map(|(root, made)| Known { name: root.name.into(), mark: root.mark, made }).collect())
    }
}

impl<'f, T> Root<'f, T> {
    fn built(name: &'f str, mut found: Vec<Deployed<'f>>, mark: Mark, holders: &[Holder]) -> Self {
        found.sort_by(|a, b| (a.path, a.workload.line, &a.workload.id).cmp(&(b.path, b.workload.line, &b.workload.id)));
        // Two files of one folder may tell of one workload.
        found.dedup_by(|next, last| {
            next.held.is_some()
                && next.held == last.held
                && (next.path, &next.workload.id, next.workload.line) == (last.path, &last.workload.id, last.workload.line)
        });
        for holder in holders {
            holder.hold(&mut found);
        }
        Self { name, mark, standing: Standing::Built(found) }
    }
}

fn all<'f>(roots: Vec<Root<'f, ()>>) -> Vec<Deployed<'f>> {
    let built = |root: Root<'f, ()>| match root.standing {
        Standing::Built(found) => found,
        Standing::Same(()) => vec![],
    };
    roots.into_iter().flat_map(built).collect()
}

/// Builds all that one root is.
fn build<'f>(layout: &Layout<'_, 'f>, tops: &[&Top<'f>], shared: &BTreeSet<&str>, telling: Telling) -> Found<'f> {
    let (mut found, mut seen) = (vec![], Seen::default());
    for top in tops {
        let Made { resources, adrift, fault, extension, overlay, seen: mut told } = top.make(layout, shared);
        if telling == Telling::Everything {
            if let Some(fault) = &fault {
                told.hold(fault);
            }
            told.settle(layout.files, &resources);
            seen.and(told);
        }
        let frame = Frame { files: layout.files, root: top.root, extension, overlay };
        found.extend(adrift.into_iter().filter_map(|(resource, held)| frame.finished(resource, Some(held))));
        found.extend(resources.into_iter().filter_map(|resource| frame.finished(resource, fault.clone())));
    }
    (found, seen)
}

/// The workloads of a file that no kustomization uses.
fn alone<'f>(layout: &Layout<'_, 'f>, path: &'f str, file: &'f File) -> Vec<Deployed<'f>> {
    let files = layout.files;
    let Some(overlay) = overlay(layout, folder(path), Beside::FluxYaml) else {
        let plain = |(at, workload)| Deployed { root: path, path, workload: Cow::Borrowed(workload), at: Some(at), built: None, held: None };
        return file.workloads.iter().enumerate().map(plain).collect();
    };
    if overlay.file.is_some_and(|(patch, _)| patch == path) {
        return vec![];
    }
    let from = Source { path, place: Place::Container };
    let mut resources: Vec<Resource<'f>> = file.objects.iter().map(|object| Resource::new(object, from)).collect();
    let mut build = Build::new(layout);
    if let Some((path, file)) = overlay.file {
        build.overlay(path, &file.objects, &mut resources);
    }
    let frame = Frame { files, root: path, extension: None, overlay: Some(overlay) };
    resources.into_iter().filter_map(|resource| frame.finished(resource, None)).collect()
}
