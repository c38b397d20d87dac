//! Where `images` entries find images, and which of them means one.

use std::collections::BTreeMap;

use super::{
    entry::{Entry, Pattern},
    live::{Leaf, Live},
    read::FieldSpec,
    resource::Resource,
};

/// Where kustomize looks a second time.
const SPECS: [&[&str]; 4] = [
    &["spec", "containers", "image"],
    &["spec", "initContainers", "image"],
    &["spec", "template", "spec", "containers", "image"],
    &["spec", "template", "spec", "initContainers", "image"],
];

/// The places of entries, by the ends of their names.
type Places<'f> = BTreeMap<&'f [u8], Vec<usize>>;

/// The entries of one layer, in their order: an image finds those that mean it without asking each.
pub(super) struct Entries<'f> {
    all: Vec<(&'f str, &'f Entry, Pattern<'f>)>,
    /// Those whose names say little, by what cannot be another letter: the length, and the end behind the last dot.
    simple: BTreeMap<(usize, usize), Places<'f>>,
    expressions: Vec<usize>,
}

impl<'f> Entries<'f> {
    /// Entries with their files; one whose name is broken means nothing.
    pub(super) fn new(entries: impl Iterator<Item = (&'f str, &'f Entry)>) -> Self {
        let mut found = Self { all: vec![], simple: BTreeMap::new(), expressions: vec![] };
        for (at, (path, entry)) in entries.enumerate() {
            let pattern = Pattern::of(&entry.name);
            match pattern {
                Pattern::Simple(name) => {
                    let name = name.as_bytes();
                    let tail = &name[name.iter().rposition(|b| *b == b'.').map_or(0, |dot| dot + 1)..];
                    found.simple.entry((name.len(), tail.len())).or_default().entry(tail).or_default().push(at);
                }
                Pattern::Expression(_) => found.expressions.push(at),
                Pattern::Broken => {}
            }
            found.all.push((path, entry, pattern));
        }
        found
    }

    /// The first entry whose name is no expression that can be read.
    pub(super) fn broken(&self) -> Option<(&'f str, &'f Entry)> {
        self.all.iter().find(|(.., pattern)| matches!(pattern, Pattern::Broken)).map(|(path, entry, _)| (*path, *entry))
    }

    /// The first entry, from a place on, that means an image.
    fn next(&self, image: &str, from: usize) -> Option<usize> {
        let bytes = image.as_bytes();
        let simple = self.simple.iter().filter_map(|((length, tail), names)| names.get(bytes.get(length - tail..*length)?));
        let means = |at: &usize| *at >= from && self.all[*at].2.is_match(image);
        let simple = simple.filter_map(|places| places.iter().copied().find(|at| means(at))).min();
        let expression = self.expressions.iter().copied().find(means);
        simple.into_iter().chain(expression).min()
    }

    /// Lets every entry change the images of a resource that it means, and tells which did.
    ///
    /// # Source
    /// kustomize's image transformer: first the lists `containers` and `initContainers` wherever they stand, then its field
    /// specifications; a suffix is added by both.
    pub(super) fn apply(&self, resource: &mut Resource<'f>, specs: &[&'f FieldSpec], used: &mut impl FnMut(&'f str, &'f Entry)) {
        let concerning = specs.iter().filter(|spec| concerns(spec, resource));
        let more: Vec<Vec<&str>> = concerning.map(|spec| spec.path.iter().map(|key| &**key).collect()).collect();
        let specs: Vec<&[&str]> = SPECS.into_iter().chain(more.iter().map(Vec::as_slice).filter(|keys| !SPECS.contains(keys))).collect();
        let mut change = |leaf: &mut Leaf<'f>, keys: &[&str], looked: Looked| {
            let visits = usize::from(looked == Looked::Image) + specs.iter().filter(|spec| **spec == keys).count();
            let mut from = 0;
            while let Some(at) = (visits > 0).then(|| self.next(&leaf.text, from)).flatten() {
                let (path, entry, pattern) = &self.all[at];
                for _ in 0..visits {
                    if pattern.is_match(&leaf.text) {
                        leaf.apply(path, entry);
                    }
                }
                used(path, entry);
                from = at + 1;
            }
        };
        images(&mut resource.live, &mut vec![], Looked::Anywhere, &mut change);
    }
}

/// What kustomize has found on its way when it looks for lists of containers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looked {
    Anywhere,
    Containers,
    Image,
    /// It does not look there.
    Away,
}

impl Looked {
    fn under(self, key: &str, value: &Live<'_>) -> Self {
        match self {
            Self::Anywhere if matches!(key, "containers" | "initContainers") && matches!(value, Live::List(_)) => Self::Containers,
            Self::Anywhere => Self::Anywhere,
            Self::Containers if key == "image" => Self::Image,
            _ => Self::Away,
        }
    }
}

/// Every image, with the keys that lead to it; lists on the way are gone through.
fn images<'f>(live: &mut Live<'f>, keys: &mut Vec<&'f str>, looked: Looked, change: &mut impl FnMut(&mut Leaf<'f>, &[&str], Looked)) {
    match live {
        Live::Text(leaf) if leaf.written.text.image.is_some() => change(leaf, keys, looked),
        Live::List(items) => items.iter_mut().for_each(|item| images(item, keys, looked, change)),
        // Labels and annotations are no images.
        Live::Map(entries) => {
            for (key, value) in entries.iter_mut().filter(|(key, _)| *key != "metadata") {
                keys.push(key);
                let looked = looked.under(key, value);
                images(value, keys, looked, change);
                keys.pop();
            }
        }
        _ => {}
    }
}

fn concerns(spec: &FieldSpec, resource: &Resource<'_>) -> bool {
    let api_version = resource.text(&["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
    is(&spec.group, group) && is(&spec.version, version) && is(&spec.kind, resource.kind())
}
