//! `images` entries for images that come from outside the paths that may be written, or that an entry about several images decides.

use std::collections::{BTreeMap, BTreeSet};

use super::{Obstacle, Rewrite, Wishes, below};
use crate::{
    image::{Name, Reference},
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
    why: Why,
    /// What the entry reaches, and what each shall become.
    images: BTreeMap<String, Reference>,
}

/// Why an image needs an entry of its own in a kustomization.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Nothing on the paths decides it.
    Elsewhere,
    /// An entry here decides it that is an expression, and so may mean other images, too.
    Expression,
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
    let concerned = |path: &str, below: &BTreeSet<&str>| below.iter().any(|path| !allows(path)) || has_expressions(&files[path]);
    let beyond: Vec<&str> = reach.iter().filter(|(path, below)| concerned(path, below)).map(|(path, _)| *path).collect();
    let mut wanted: BTreeMap<(&str, String), Entry<'_>> = BTreeMap::new();
    for (path, deployed) in by_themselves(files, &beyond) {
        for (image, extension) in deployed.iter().flat_map(images) {
            let Some(why) = why(image, path, wishes, allows) else { continue };
            let Ok(now) = Reference::parse(&image.text) else { continue };
            let Some(wish) = wishes.about(&now.name) else { continue };
            let to = wishes.as_slice()[wish].wanted(&now, Place::KustomizeImage);
            let new = || Entry { extension, wish, why, images: BTreeMap::new() };
            wanted.entry((path, now.name.to_string())).or_insert_with(new).images.insert(now.to_string(), to);
        }
    }
    // What an expression decides here it decides whatever is below.
    let is_further_in = |path: &str, name: &str| reach[path].iter().any(|other| *other != path && wanted.contains_key(&(*other, name.to_owned())));
    let is_wanted = |path: &str, name: &str, entry: &Entry<'_>| entry.why == Why::Expression || !is_further_in(path, name);
    let mut entries = Entries::default();
    for ((path, name), entry) in wanted.iter().filter(|((path, name), entry)| is_wanted(path, name, entry)) {
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

/// Why the image needs an entry in this kustomization; any other entry on the paths is a place of its own.
fn why(image: &Image<'_>, path: &str, wishes: &Wishes, allows: &dyn Fn(&str) -> bool) -> Option<Why> {
    let mut entries = image.chain.iter().filter_map(|given| Some((given.path, given.entry()?))).rev().peekable();
    if let Some((at, name)) = entries.next_if(|(at, _)| allows(at)) {
        let is_alone = at == path && is_expression(name) && wishes.about_entry(name).is_none();
        // One that stands before the expression is a place of its own, too.
        return (is_alone && !entries.any(|(at, name)| at == path && !is_expression(name))).then_some(Why::Expression);
    }
    let is_elsewhere = !entries.any(|(at, _)| allows(at)) && image.spot().is_some_and(|spot| !allows(&spot.path));
    is_elsewhere.then_some(Why::Elsewhere)
}

fn has_expressions(file: &File) -> bool {
    file.images_and_patches().any(|place| place.place == Place::KustomizeImage && is_expression(place.alias))
}

/// Whether the name of an entry is none that an image can have.
fn is_expression(name: &str) -> bool {
    Name::parse(name).is_err()
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
