//! `set`: every place of an image, rewritten as a person says, without asking a registry.

mod entries;
mod error;
mod wish;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use error::SetError;
pub use wish::{Wish, WishError};
pub use wishes::{Twice, Wishes};

use crate::{
    image::Reference,
    manifest::{
        File, ImageField, ImagePlace, Place,
        splice::{Change, Edit},
    },
};

/// One place that is rewritten.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rewrite {
    /// The file.
    pub file: String,
    /// The line of the place, from 1.
    pub line: u32,
    /// The reference that stands there.
    pub from: String,
    /// The reference that shall stand there.
    pub to: String,
    /// The kind of place.
    pub place: Place,
}

/// Why a place that holds a wanted image cannot be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obstacle {
    /// The file.
    pub file: String,
    /// The line of the place, from 1.
    pub line: u32,
    /// The reason, as a clause.
    pub reason: String,
}

/// All that `set` would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetPlan {
    /// The places that change, by file and line.
    pub rewrites: Vec<Rewrite>,
    /// The changes by file.
    pub changes: BTreeMap<String, Vec<Change>>,
    /// Places that cannot be rewritten: then nothing is to be written.
    pub obstacles: Vec<Obstacle>,
    /// Encrypted places, which are never rewritten.
    pub encrypted: Vec<(String, u32)>,
    /// The wishes that no place fulfils or could fulfil.
    pub unmatched: Vec<Wish>,
}

/// One place that a wish is about.
struct Match<'f> {
    file: &'f str,
    place: ImagePlace<'f>,
    now: Result<Reference, String>,
}

impl SetPlan {
    /// Looks for the wanted images in these files.
    ///
    /// # Shape
    /// An image that a kustomization on the paths takes from outside of them gets an entry there. A place below a kustomization whose entry gives the image another name, or shall, is that entry's: only the entry is rewritten, for it
    /// matches by the name below.
    pub fn new(files: &BTreeMap<String, File>, wishes: &Wishes, allows: &dyn Fn(&str) -> bool) -> Self {
        let mut plan = Self::default();
        let mut matched = BTreeSet::new();
        let all = wishes.as_slice();
        let renamed = Renamed::new(files, wishes, allows);
        for (path, file) in files.iter().filter(|(path, _)| allows(path)) {
            let mut writing = Writing { plan: &mut plan, path, wanted: BTreeMap::new(), changes: Vec::new() };
            for place in file.images_and_patches() {
                let now = reference(&place);
                let about = about(wishes, &place, now.as_ref().ok());
                let Some(&wish) = about.first() else { continue };
                if place.place != Place::KustomizeImage && about.iter().all(|at| renamed.reaches(*at, path)) {
                    continue;
                }
                matched.extend(about.iter().copied());
                let found = Match { file: path, place, now };
                match about.last().filter(|other| **other != wish) {
                    Some(&other) => writing.hinder(&found, format!("`{}` and `{}` both name it", all[wish].name(), all[other].name())),
                    None => writing.take(&found, &all[wish]),
                }
            }
            let changes = writing.finish();
            if !changes.is_empty() {
                plan.changes.insert(path.clone(), changes);
            }
        }
        let added = entries::entries(files, wishes, allows);
        matched.extend(added.matched);
        plan.obstacles.extend(added.obstacles);
        plan.rewrites.extend(added.rewrites);
        for (path, changes) in added.changes {
            plan.changes.entry(path).or_default().extend(changes);
        }
        plan.rewrites.sort();
        // Through an alias one text is the image of several places.
        plan.rewrites.dedup();
        plan.unmatched = (0..all.len()).filter(|at| !matched.contains(at)).map(|at| all[at].clone()).collect();
        plan
    }

    /// Whether it can be done as a whole.
    ///
    /// # Errors
    /// An image stands nowhere, or at a place that cannot be rewritten.
    pub fn check(&self) -> Result<(), SetError> {
        match (self.obstacles.first(), self.unmatched.first()) {
            (Some(obstacle), _) => Err(SetError::Place { obstacle: obstacle.clone(), more: self.obstacles.len() - 1 }),
            (None, Some(wish)) => Err(SetError::nowhere(wish.name(), &BTreeSet::new(), None)),
            (None, None) => Ok(()),
        }
    }
}

struct Writing<'p> {
    plan: &'p mut SetPlan,
    path: &'p str,
    /// For each scalar, by where it begins: how many places want which text there.
    wanted: BTreeMap<usize, BTreeMap<String, usize>>,
    changes: Vec<Change>,
}

impl Writing<'_> {
    fn take(&mut self, found: &Match<'_>, wish: &Wish) {
        let place = &found.place;
        if place.encrypted {
            return self.plan.encrypted.push((self.path.to_owned(), place.line));
        }
        let (parts, now) = match (place.image, &found.now) {
            (ImageField::Written(parts), Ok(now)) => (parts, now),
            (_, Err(reason)) => return self.hinder(found, reason.clone()),
            (_, Ok(_)) => return self.hinder(found, "no image is written there".to_owned()),
        };
        let to = wish.wanted(now, place.place);
        if to == *now {
            return;
        }
        match parts.write(&to) {
            Ok(changes) => changes.into_iter().for_each(|change| self.want(change)),
            Err(reason) => return self.hinder(found, reason),
        }
        let (from, to) = (now.to_string(), to.to_string());
        self.plan.rewrites.push(Rewrite { file: self.path.to_owned(), line: place.line, from, to, place: place.place });
    }

    fn want(&mut self, change: Change) {
        if let Change::Replace(edit) = &change {
            *self.wanted.entry(edit.site.scalar.span().start).or_default().entry(edit.to.clone()).or_default() += 1;
        }
        self.changes.push(change);
    }

    /// The changes of the file; a scalar that aliases put elsewhere changes only where every place wants the same of it.
    fn finish(self) -> Vec<Change> {
        for change in &self.changes {
            let Change::Replace(Edit { site, to }) = change else { continue };
            if self.wanted[&site.scalar.span().start].get(to) != Some(&(site.scalar.feeds() as usize)) {
                let reason = "through an alias it is also read as something else than this image".to_owned();
                self.plan.obstacles.push(Obstacle { file: self.path.to_owned(), line: site.line, reason });
            }
        }
        self.changes
    }

    fn hinder(&mut self, found: &Match<'_>, reason: String) {
        self.plan.obstacles.push(Obstacle { file: found.file.to_owned(), line: found.place.line, reason });
    }
}

/// The wishes about the image of a place, and about an entry by its own name.
fn about(wishes: &Wishes, place: &ImagePlace<'_>, now: Option<&Reference>) -> BTreeSet<usize> {
    let by_image = now.and_then(|now| wishes.about(&now.name));
    let by_entry = if place.place == Place::KustomizeImage { wishes.about_entry(place.alias) } else { None };
    by_image.into_iter().chain(by_entry).collect()
}

/// What stands at a place; the name of a tag alone stands in an annotation or comment.
fn reference(place: &ImagePlace<'_>) -> Result<Reference, String> {
    let parts = match place.image {
        ImageField::Written(parts) => parts,
        ImageField::Unsupported { reason, .. } => return Err(reason.clone()),
        ImageField::Absent => return Err("no image is written there".to_owned()),
    };
    let key = format!("tagalong.dev/image.{}", place.alias);
    let annotations = place.workload.map_or(place.annotations, |workload| &workload.annotations);
    let annotated = annotations.iter().find(|annotation| annotation.key == key).map(|annotation| annotation.value.as_str());
    let written = place.policy.and_then(|comment| comment.image()).or(annotated);
    let known = written.and_then(|text| Reference::parse(text).ok()).map(|reference| reference.name);
    parts.reference(known.as_ref())
}

/// The files below kustomizations whose entries give images other names, or shall.
struct Renamed<'f> {
    /// For each wish, the kustomizations that rename what it names.
    tops: BTreeMap<usize, BTreeSet<&'f str>>,
    /// The files below each of them.
    below: BTreeMap<&'f str, BTreeSet<&'f str>>,
}

impl<'f> Renamed<'f> {
    fn new(files: &'f BTreeMap<String, File>, wishes: &Wishes, allows: &dyn Fn(&str) -> bool) -> Self {
        let mut found = Self { tops: BTreeMap::new(), below: BTreeMap::new() };
        for (path, file) in files.iter().filter(|(path, file)| file.kustomization.is_some() && allows(path)) {
            for place in file.images().filter(|place| place.place == Place::KustomizeImage) {
                let Some(at) = wishes.about_entry(place.alias) else { continue };
                let wish = &wishes.as_slice()[at];
                let goes = |now: Reference| wish.repository() != Some(wish.wanted(&now, place.place).name.repository());
                if reference(&place).is_ok_and(goes) {
                    found.tops.entry(at).or_default().insert(path);
                    found.below.entry(path).or_insert_with(|| below(files, path));
                }
            }
        }
        found
    }

    fn reaches(&self, wish: usize, path: &str) -> bool {
        self.tops.get(&wish).is_some_and(|tops| tops.iter().any(|top| self.below[top].contains(path)))
    }
}

/// The files that a kustomization names, and those that they name.
fn below<'f>(files: &'f BTreeMap<String, File>, top: &'f str) -> BTreeSet<&'f str> {
    let (mut open, mut below) = (vec![top], BTreeSet::new());
    while let Some(path) = open.pop() {
        let used = files.get(path).and_then(|file| file.kustomization.as_ref());
        for link in used.into_iter().flat_map(|kustomization| kustomization.named(path)) {
            let candidates = ["kustomization.yaml", "kustomization.yml", "Kustomization"].map(|name| format!("{link}/{name}"));
            let found = std::iter::once(&link).chain(&candidates).filter_map(|path| files.get_key_value(path));
            open.extend(found.map(|(path, _)| path.as_str()).filter(|path| below.insert(*path)));
        }
    }
    below
}

/// The names of all images of these files, as they are written.
pub fn names(files: &BTreeMap<String, File>, allows: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    let places = files.iter().filter(|(path, _)| allows(path)).flat_map(|(_, file)| file.images_and_patches());
    places.filter_map(|place| reference(&place).ok()).map(|reference| reference.name.to_string()).collect()
}

/// The first file that holds the image of this name.
pub fn holder<'f>(files: &'f BTreeMap<String, File>, wishes: &Wishes, name: &str) -> Option<&'f str> {
    let holds = |place: ImagePlace<'_>| {
        let now = reference(&place).ok();
        about(wishes, &place, now.as_ref()).iter().any(|at| wishes.as_slice()[*at].name() == name)
    };
    files.iter().find(|(_, file)| file.images_and_patches().any(holds)).map(|(path, _)| path.as_str())
}

#[cfg(test)]
mod tests;
