//! `set`: every place of an image, rewritten as a person says, without asking a registry.

mod error;
mod wish;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use error::SetError;
pub use wish::{Wish, WishError};

use crate::{
    image::{Name, Reference},
    manifest::{File, ImageField, ImagePlace, Parts, Place, splice::Change},
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
    /// A place below a kustomization whose entry gives the image another name, or shall, is that entry's: only the entry is rewritten, for it
    /// matches by the name below.
    pub fn new(files: &BTreeMap<String, File>, wishes: &[Wish], allows: &dyn Fn(&str) -> bool) -> Self {
        let mut plan = Self::default();
        let mut matched = BTreeSet::new();
        let renamed = renamed(files, wishes, allows);
        for (path, file) in files.iter().filter(|(path, _)| allows(path)) {
            let mut writing = Writing { plan: &mut plan, path, fed: fed(file), changes: Vec::new() };
            for place in file.images() {
                let now = reference(&place);
                let about: Vec<usize> = (0..wishes.len()).filter(|&at| is_about(&wishes[at], &place, now.as_ref().ok())).collect();
                let Some(&wish) = about.first() else { continue };
                if place.place != Place::KustomizeImage && about.iter().all(|at| renamed[*at].contains(path.as_str())) {
                    continue;
                }
                matched.extend(about.iter().copied());
                let found = Match { file: path, place, now };
                match about.get(1) {
                    Some(&other) => writing.hinder(&found, format!("`{}` and `{}` both name it", wishes[wish].name(), wishes[other].name())),
                    None => writing.take(&found, &wishes[wish]),
                }
            }
            let changes = writing.changes;
            if !changes.is_empty() {
                plan.changes.insert(path.clone(), changes);
            }
        }
        plan.rewrites.sort();
        plan.unmatched = (0..wishes.len()).filter(|at| !matched.contains(at)).map(|at| wishes[at].clone()).collect();
        plan
    }

    /// Whether it can be done as a whole.
    ///
    /// # Errors
    /// An image stands nowhere, or at a place that cannot be rewritten.
    pub fn check(&self) -> Result<(), SetError> {
        match (self.obstacles.first(), self.unmatched.first()) {
            (Some(obstacle), _) => Err(SetError::Place { obstacle: obstacle.clone(), more: self.obstacles.len() - 1 }),
            (None, Some(wish)) => Err(SetError::nowhere(wish.name(), &BTreeSet::new())),
            (None, None) => Ok(()),
        }
    }
}

struct Writing<'p> {
    plan: &'p mut SetPlan,
    path: &'p str,
    fed: BTreeMap<(usize, usize), usize>,
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
        let read_otherwise = parts.sites().find(|site| {
            let span = site.scalar.span();
            site.scalar.feeds() as usize > self.fed.get(&(span.start, span.end)).copied().unwrap_or_default()
        });
        if read_otherwise.is_some() {
            return self.hinder(found, "through an alias it is also read as something else than an image".to_owned());
        }
        match parts.write(&to) {
            Ok(changes) => self.changes.extend(changes),
            Err(reason) => return self.hinder(found, reason),
        }
        let (from, to) = (now.to_string(), to.to_string());
        self.plan.rewrites.push(Rewrite { file: self.path.to_owned(), line: place.line, from, to, place: place.place });
    }

    fn hinder(&mut self, found: &Match<'_>, reason: String) {
        self.plan.obstacles.push(Obstacle { file: found.file.to_owned(), line: found.place.line, reason });
    }
}

/// Whether a wish is about the image of a place, or about an entry by its own name.
fn is_about(wish: &Wish, place: &ImagePlace<'_>, now: Option<&Reference>) -> bool {
    let leads_there = |name: &Name| wish.repository().is_some_and(|repository| name.repository() == repository);
    now.is_some_and(|now| leads_there(&now.name)) || is_entry(wish, place)
}

/// Whether the place is an entry of a kustomization that has this name.
fn is_entry(wish: &Wish, place: &ImagePlace<'_>) -> bool {
    let same = || Name::parse(place.alias).is_ok_and(|name| wish.repository() == Some(name.repository()));
    place.place == Place::KustomizeImage && (place.alias == wish.name() || same())
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

/// In how many places of a file each scalar is an image.
fn fed(file: &File) -> BTreeMap<(usize, usize), usize> {
    let mut fed = BTreeMap::new();
    for site in file.images().filter_map(|place| place.image.parts()).flat_map(Parts::sites) {
        let span = site.scalar.span();
        *fed.entry((span.start, span.end)).or_default() += 1;
    }
    fed
}

/// For each wish, the files below kustomizations whose entry of that name gives it another name, or shall.
fn renamed<'f>(files: &'f BTreeMap<String, File>, wishes: &[Wish], allows: &dyn Fn(&str) -> bool) -> Vec<BTreeSet<&'f str>> {
    let renames = |wish: &Wish, place: &ImagePlace<'_>| {
        let goes = |now: Reference| wish.repository() != Some(wish.wanted(&now, place.place).name.repository());
        is_entry(wish, place) && reference(place).is_ok_and(goes)
    };
    let below = |wish| {
        let tops = files.iter().filter(|(path, file)| allows(path) && file.images().any(|place| renames(wish, &place)));
        let mut open: Vec<&str> = tops.map(|(path, _)| path.as_str()).collect();
        let mut below = BTreeSet::new();
        while let Some(path) = open.pop() {
            let used = files.get(path).and_then(|file| file.kustomization.as_ref());
            for link in used.into_iter().flat_map(|kustomization| kustomization.named(path)) {
                let candidates = ["kustomization.yaml", "kustomization.yml", "Kustomization"].map(|name| format!("{link}/{name}"));
                let found = std::iter::once(&link).chain(&candidates).filter_map(|path| files.get_key_value(path));
                open.extend(found.map(|(path, _)| path.as_str()).filter(|path| below.insert(*path)));
            }
        }
        below
    };
    wishes.iter().map(below).collect()
}

/// The names of all images of these files, as they are written.
pub fn names(files: &BTreeMap<String, File>, allows: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    let places = files.iter().filter(|(path, _)| allows(path)).flat_map(|(_, file)| file.images());
    places.filter_map(|place| reference(&place).ok()).map(|reference| reference.name.to_string()).collect()
}

#[cfg(test)]
mod tests;
