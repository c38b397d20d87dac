//! `images` entries for images that come from outside the paths that may be written.

use std::collections::{BTreeMap, BTreeSet};

use super::{Obstacle, Rewrite, Wishes, below};
use crate::{
    image::Reference,
    manifest::{
        File, Place,
        kustomize::{Deployed, Extension, Image, Reach, by_themselves},
        splice::Change,
    },
};

/// An entry that a kustomization is to get.
struct Entry<'f> {
    extension: Extension<'f>,
    wish: usize,
    /// What the entry reaches, and what each shall become.
    images: BTreeMap<String, Reference>,
}

/// The entries that are to be added.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) rewrites: Vec<Rewrite>,
    pub(super) changes: BTreeMap<String, Vec<Change>>,
    pub(super) obstacles: Vec<Obstacle>,
    /// The wishes that they fulfil.
    pub(super) matched: BTreeSet<usize>,
}

/// Entries for what kustomizations on the paths take from elsewhere: each goes into the innermost of them.
pub(super) fn entries(files: &BTreeMap<String, File>, wishes: &Wishes, allows: &dyn Fn(&str) -> bool) -> Entries {
    let reach: BTreeMap<&str, BTreeSet<&str>> = files
        .iter()
        .filter(|(path, file)| file.kustomization.is_some() && allows(path))
        .map(|(path, _)| (path.as_str(), below(files, path)))
        .collect();
    let beyond: Vec<&str> = reach.iter().filter(|(_, below)| below.iter().any(|path| !allows(path))).map(|(path, _)| *path).collect();
    let mut wanted: BTreeMap<(&str, String), Entry<'_>> = BTreeMap::new();
    for (path, deployed) in by_themselves(files, &beyond) {
        for (image, extension) in deployed.iter().flat_map(images).filter(|(image, _)| comes_from_elsewhere(image, allows)) {
            let Ok(now) = Reference::parse(&image.text) else { continue };
            let Some(wish) = wishes.about(&now.name) else { continue };
            let to = wishes.as_slice()[wish].wanted(&now, Place::KustomizeImage);
            let entry = wanted.entry((path, now.name.to_string())).or_insert_with(|| Entry { extension, wish, images: BTreeMap::new() });
            entry.images.insert(now.to_string(), to);
        }
    }
    let innermost = |(path, name): &(&str, String)| !reach[path].iter().any(|other| other != path && wanted.contains_key(&(*other, name.clone())));
    let mut entries = Entries::default();
    for ((path, name), entry) in wanted.iter().filter(|(key, _)| innermost(key)) {
        entries.add(path, name, entry);
    }
    entries
}

/// The images of a workload that `images` entries reach, and where a new entry goes.
fn images<'a, 'f>(deployed: &'a Deployed<'f>) -> Vec<(&'a Image<'f>, Extension<'f>)> {
    let Some(built) = &deployed.built else { return vec![] };
    let reached = built.images.iter().flatten().filter(|image| image.reach == Reach::Reached);
    reached.filter_map(|image| Some((image, built.extension?))).collect()
}

/// Whether nothing on the paths decides the image: an entry there is a place of its own.
fn comes_from_elsewhere(image: &Image<'_>, allows: &dyn Fn(&str) -> bool) -> bool {
    let is_entry_here = image.chain.iter().any(|given| given.place == Place::KustomizeImage && allows(given.path));
    !is_entry_here && image.spot().is_some_and(|spot| !allows(&spot.path))
}

impl Entries {
    fn add(&mut self, path: &str, name: &str, entry: &Entry<'_>) {
        self.matched.insert(entry.wish);
        let changed: Vec<(&String, &Reference)> = entry.images.iter().filter(|(now, to)| **now != to.to_string()).collect();
        let Some((_, to)) = changed.first() else { return };
        let line = entry.extension.line;
        if entry.images.values().any(|other| other != *to) {
            let reason = format!("one entry for `{name}` would have to say different things");
            return self.obstacles.push(Obstacle { file: path.to_owned(), line, reason });
        }
        let new_name = (to.name.as_str() != name).then(|| to.name.to_string());
        let texts = [("name", Some(name.to_owned())), ("newName", new_name), ("newTag", to.tag.as_ref().map(ToString::to_string))];
        let digest = ("digest", to.digest.as_ref().map(ToString::to_string));
        let item = texts.into_iter().chain([digest]).filter_map(|(key, text)| Some((key.to_owned(), text?))).collect();
        self.changes.entry(path.to_owned()).or_default().push(entry.extension.entry(item));
        let rewrite = |(from, _): &(&String, &Reference)| Rewrite {
            file: path.to_owned(),
            line,
            from: (*from).clone(),
            to: to.to_string(),
            place: Place::KustomizeImage,
        };
        self.rewrites.extend(changed.iter().map(rewrite));
    }
}
