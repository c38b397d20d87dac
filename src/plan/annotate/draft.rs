//! Where each annotation goes: into the manifest, into a patch, or into a new one.

use std::collections::{BTreeMap, BTreeSet};

use super::{AnnotateError, Annotated, Annotations, Chosen, Reach};
use crate::{
    manifest::{
        Node,
        kustomize::{Built, Deployed, Extension, Patched, Patches},
        splice::Change,
    },
    plan::Index,
    policy::annotation::{Annotation, Entry},
};

/// What a draft is made from.
pub(super) struct Around<'a> {
    pub(super) index: &'a Index,
    pub(super) deployed: &'a [Deployed<'a>],
    pub(super) chosen: &'a Chosen<'a>,
    pub(super) writes: &'a dyn Fn(&str) -> bool,
}

/// What is wanted so far.
#[derive(Default)]
pub(super) struct Drafts<'a> {
    /// By the place of each mapping.
    mappings: BTreeMap<(String, u32, u32), Mapping<'a>>,
    /// Patches that are to be made, by their file and workload.
    patches: BTreeMap<(String, String), New<'a>>,
    list: Vec<Annotated>,
}

/// An object whose annotations change.
struct Mapping<'a> {
    /// A patch; else the object stands there itself.
    patch: Option<&'a Patched<'a>>,
    changes: Vec<Change>,
    /// The key below which the next one goes.
    neighbour: Option<String>,
}

/// A patch that is to be made.
struct New<'a> {
    workload: String,
    patches: &'a Patches<'a>,
    extension: &'a Extension<'a>,
    annotations: Vec<(String, String)>,
}

/// Where an annotation stands, or is to stand.
#[derive(Clone, Copy)]
enum Where<'a> {
    Manifest,
    Patch(&'a Patched<'a>),
    New(&'a Extension<'a>, &'a Patches<'a>),
}

impl<'a> Around<'a> {
    pub(super) fn draft(&self, one: &'a Deployed<'a>, entry: &Entry, drafts: &mut Drafts<'a>) -> Result<(), AnnotateError> {
        let standing = self.standing(one, &entry.key)?;
        let Some(to) = &entry.to else { return self.remove(one, entry, &standing, drafts) };
        let place = match standing.last() {
            Some(&last) if self.is_ours(one, last) => last,
            Some(last) => self.over(one, *last)?,
            None => match self.own_patch(one, 0) {
                Some(patch) => Where::Patch(patch),
                None if self.is_ours(one, Where::Manifest) => Where::Manifest,
                None => self.over(one, Where::Manifest)?,
            },
        };
        self.put(one, place, entry, Some(to), drafts)
    }

    /// Takes an annotation away wherever it stands, or says `false` above what others need.
    fn remove(&self, one: &'a Deployed<'a>, entry: &Entry, standing: &[Where<'a>], drafts: &mut Drafts<'a>) -> Result<(), AnnotateError> {
        let word = entry.key.split_once('/').map_or(entry.key.as_str(), |(_, word)| word);
        let (ours, others): (Vec<&Where<'a>>, Vec<&Where<'a>>) = standing.iter().partition(|place| self.is_ours(one, **place));
        match (others.last(), word) {
            (Some(_), _) if entry.from.as_deref() == Some("false") => Ok(()),
            (None, _) => ours.into_iter().try_for_each(|place| self.put(one, *place, entry, None, drafts)),
            (Some(_), "locked" | "automated") => {
                let last = standing.last().copied().unwrap_or(Where::Manifest);
                let place = if self.is_ours(one, last) { last } else { self.over(one, last)? };
                self.put(one, place, entry, Some("false"), drafts)
            }
            // Without a lock nobody reads them.
            (Some(_), "locked_msg" | "locked_user") => Ok(()),
            (Some(_), word) if word.starts_with("automated.") => {
                let place = self.over(one, standing.last().copied().unwrap_or(Where::Manifest))?;
                self.put(one, place, entry, Some("false"), drafts)
            }
            (Some(place), _) => Err(self.shared(one, **place)),
        }
    }

    /// Every place that gives the workload an annotation, the one that counts last.
    fn standing(&self, one: &'a Deployed<'a>, key: &str) -> Result<Vec<Where<'a>>, AnnotateError> {
        let Some(built) = &one.built else {
            return Ok(one.workload.annotations.iter().filter(|annotation| annotation.key == key).map(|_| Where::Manifest).collect());
        };
        let own = self.own(one).iter().find(|annotation| annotation.key == key).map(|annotation| (Where::Manifest, one.path, annotation.line));
        let patched = built.patches.merged.iter().filter_map(|patch| Some((Where::Patch(patch), patch.path, patch.annotation(key)?)));
        let found: Vec<_> = own.into_iter().chain(patched).collect();
        let counting = one.workload.annotations.iter().zip(&built.annotated_in).find(|(annotation, _)| annotation.key == key);
        let Some((annotation, path)) = counting else { return Ok(found.into_iter().map(|(place, ..)| place).collect()) };
        if found.last().is_some_and(|(_, file, line)| (file, *line) == (path, annotation.line)) {
            return Ok(found.into_iter().map(|(place, ..)| place).collect());
        }
        // What a kustomization below gives to all that it holds, a patch of the root changes.
        let is_below = self.index.files().get(*path).is_some_and(|file| file.kustomization.is_some());
        match built.extension.as_ref().filter(|extension| is_below && extension.path != *path) {
            Some(extension) => Ok(vec![Where::New(extension, &built.patches)]),
            None => Err(AnnotateError::Kustomized {
                workload: one.workload.id.to_string(),
                reason: format!("its annotation `{key}` stands in {path}"),
                path: (*path).to_owned(),
                line: annotation.line,
            }),
        }
    }

    /// The annotations that stand in the manifest itself.
    fn own(&self, one: &Deployed<'_>) -> &'a [Annotation] {
        let workload = one.at.and_then(|at| self.index.files().get(one.path)?.workloads.get(at));
        workload.map_or(&[], |workload| &workload.annotations)
    }

    /// Whether a place concerns only what is meant.
    fn is_ours(&self, one: &Deployed<'_>, place: Where<'_>) -> bool {
        let (all, chosen) = (self.deployed.iter(), |other: &Deployed<'_>| self.chosen.reach == Reach::AllRoots || self.chosen.holds(other));
        match place {
            Where::Manifest => all.filter(|other| is_same_object(one, other)).all(chosen),
            Where::Patch(patch) => patch.alone && all.filter(|other| merged(other).iter().any(|patch_| patch_.place() == patch.place())).all(chosen),
            // It stands where it is given to others, too.
            Where::New(..) => false,
        }
    }

    /// The last patch that the root's own file, or a `.flux.yaml`, has for the workload alone, from a place in their order on.
    fn own_patch(&self, one: &'a Deployed<'a>, from: usize) -> Option<&'a Patched<'a>> {
        let built = one.built.as_ref()?;
        let is_own = |patch: &&Patched<'_>| patch.by == patch.path || built.extension.is_some_and(|extension| extension.path == patch.by);
        built.patches.merged.get(from..)?.iter().rev().filter(is_own).find(|patch| self.is_ours(one, Where::Patch(patch)))
    }

    /// A place of the root that is stronger than another.
    fn over(&self, one: &'a Deployed<'a>, place: Where<'a>) -> Result<Where<'a>, AnnotateError> {
        let from = match place {
            Where::Patch(patch) => merged(one).iter().position(|other| other.place() == patch.place()).map_or(0, |at| at + 1),
            Where::Manifest | Where::New(..) => 0,
        };
        if let Some(patch) = self.own_patch(one, from) {
            return Ok(Where::Patch(patch));
        }
        match one.built.as_ref().and_then(|built| Some((built.extension.as_ref()?, &built.patches))) {
            Some((extension, patches)) => {
                self.check_alone(one, extension, patches)?;
                Ok(Where::New(extension, patches))
            }
            None => Err(self.shared(one, place)),
        }
    }

    /// A patch goes by a name, which only one object may have had.
    fn check_alone(&self, one: &Deployed<'_>, extension: &Extension<'_>, patches: &Patches<'_>) -> Result<(), AnnotateError> {
        let beside = self.deployed.iter().filter(|other| other.root == one.root);
        let went_by = |other: &&Deployed<'_>| other.built.as_ref().is_some_and(|built| built.patches.went_by(&other.workload, patches));
        if beside.filter(went_by).count() == 1 {
            return Ok(());
        }
        let reason = "the name that it has in its file leads to no object, or to several".to_owned();
        Err(AnnotateError::Patch { workload: one.workload.id.to_string(), path: extension.path.to_owned(), reason })
    }

    fn shared(&self, one: &Deployed<'_>, place: Where<'_>) -> AnnotateError {
        let is_there = |other: &&Deployed<'_>| match place {
            Where::Patch(patch) => merged(other).iter().any(|other| other.place() == patch.place()),
            Where::Manifest | Where::New(..) => is_same_object(one, other),
        };
        let roots: BTreeSet<String> = self.deployed.iter().filter(is_there).map(|other| other.root.to_owned()).collect();
        let path = if let Where::Patch(patch) = place { patch.path } else { one.path };
        AnnotateError::Shared { workload: one.workload.id.to_string(), path: path.to_owned(), roots: roots.into_iter().collect() }
    }

    /// Puts a text under the key in a place, or takes the key away.
    fn put(&self, one: &'a Deployed<'a>, place: Where<'a>, entry: &Entry, to: Option<&str>, drafts: &mut Drafts<'a>) -> Result<(), AnnotateError> {
        let (path, line, standing) = match place {
            Where::Manifest => {
                let standing = self.own(one).iter().find(|annotation| annotation.key == entry.key);
                (one.path, one.workload.line, standing.map(|annotation| annotation.line))
            }
            Where::Patch(patch) => (patch.path, patch.line(), patch.annotation(&entry.key)),
            Where::New(extension, _) => (extension.path, extension.line, None),
        };
        let workload = one.workload.id.to_string();
        if !(self.writes)(path) {
            return Err(AnnotateError::Outside { workload, path: path.to_owned() });
        }
        if let Where::New(extension, patches) = place {
            let new = || New { workload: workload.clone(), patches, extension, annotations: vec![] };
            let new = drafts.patches.entry((path.to_owned(), workload.clone())).or_insert_with(new);
            new.annotations.push((entry.key.clone(), to.unwrap_or_default().to_owned()));
        } else if !self.change(one, place, (&entry.key, to), standing.is_some(), drafts) {
            return Ok(());
        }
        drafts.list.push(Annotated {
            workload,
            file: path.to_owned(),
            line: standing.unwrap_or(line),
            annotation: entry.key.clone(),
            from: entry.from.clone(),
            to: to.map(str::to_owned),
        });
        Ok(())
    }

    /// Changes an object that is there; `false` where another root wanted the same already.
    fn change(&self, one: &'a Deployed<'a>, place: Where<'a>, (key, to): (&str, Option<&str>), stands: bool, drafts: &mut Drafts<'a>) -> bool {
        let (patch, node, place, last) = if let Where::Patch(patch) = place {
            let (file, text, position) = patch.place();
            (Some(patch), patch.mapping(), (file.to_owned(), text, position), patch.last_annotation().map(str::to_owned))
        } else {
            let node: Node = one.workload.node;
            (None, node, (one.path.to_owned(), 0, node.position()), self.own(one).last().map(|annotation| annotation.key.clone()))
        };
        let mapping = drafts.mappings.entry(place).or_insert_with(|| Mapping { patch, changes: vec![], neighbour: last });
        let keys = vec!["metadata".to_owned(), "annotations".to_owned(), key.to_owned()];
        let change = match to {
            Some(value) => Change::Set { mapping: node, keys, value: value.to_owned(), after: mapping.neighbour.clone() },
            None => Change::Remove { mapping: node, keys },
        };
        let is_known = mapping.changes.iter().any(|other| other.keys() == change.keys());
        if !is_known {
            mapping.changes.push(change);
            if to.is_some() && !stands {
                mapping.neighbour = Some(key.to_owned());
            }
        }
        !is_known
    }
}

impl Drafts<'_> {
    pub(super) fn finish(self) -> Result<Annotations, AnnotateError> {
        let mut changes: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        // Several patches of one text change it at once.
        let mut texts: BTreeMap<(String, u32), (&Patched<'_>, Vec<Change>)> = BTreeMap::new();
        for ((path, text, _), Mapping { patch, changes: new, .. }) in self.mappings {
            match patch {
                Some(patch) => texts.entry((path, text)).or_insert_with(|| (patch, vec![])).1.extend(new),
                None => changes.entry(path).or_default().extend(new),
            }
        }
        for ((path, _), (patch, new)) in texts {
            changes.entry(path).or_default().extend(patch.within(new));
        }
        for ((path, _), New { workload, patches, extension, annotations }) in self.patches {
            let text = patches.new_patch(&annotations).map_err(|reason| AnnotateError::Patch { workload, path: path.clone(), reason })?;
            changes.entry(path).or_default().push(extension.patch(text));
        }
        Ok(Annotations { changes, list: self.list })
    }
}

fn is_same_object(one: &Deployed<'_>, other: &Deployed<'_>) -> bool {
    (one.path, one.workload.node) == (other.path, other.workload.node)
}

/// What is merged into a workload.
fn merged<'d, 'f>(deployed: &'d Deployed<'f>) -> &'d [Patched<'f>] {
    deployed.built.as_ref().map_or(&[], |Built { patches, .. }| &patches.merged)
}
