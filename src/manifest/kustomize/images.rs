//! The entries of `images`, which kustomize puts over what its resources say.

use crate::manifest::{
    Node, Place, Site,
    place::{Apart, ImageField, Part, Parts, Reader},
    shape::{Found, Path, Taken, part, written},
    yaml::{Kind, Tree},
};

/// One entry.
#[derive(Debug)]
pub(in crate::manifest) struct Entry {
    pub(in crate::manifest) name: String,
    pub(in crate::manifest) line: u32,
    pub(in crate::manifest) image: ImageField,
}

/// The entries of a list; the image is `newName`, else `name`.
pub(in crate::manifest) fn entries(tree: &Tree<'_>, list: usize) -> Vec<Entry> {
    let entry = |item: usize| {
        let name = tree.get(item, "name").and_then(|name| tree.text(name))?.to_owned();
        let node = |key: &str| tree.get(item, key);
        let image = written(|| {
            let new_name = part(tree, node("newName"), Place::KustomizeImage)?.filter(|part| !part.text().is_empty());
            Ok(Apart {
                known: new_name.is_none().then(|| name.clone()),
                name: new_name,
                registry: None,
                tag: part(tree, node("newTag"), Place::KustomizeImage)?,
                digest: part(tree, node("digest"), Place::KustomizeImage)?,
                reader: Reader::Kustomize(Node::of(tree, item)),
            })
        });
        Some(Entry { name, line: tree.line(item), image })
    };
    tree.items(list).filter(|item| tree.kind(*item) == Kind::Mapping).filter_map(entry).collect()
}

/// Argo CD's list of `name=new:tag` and `new:tag`.
pub(in crate::manifest) fn overrides(tree: &Tree<'_>, list: usize, path: &Path, taken: &mut Taken) -> Vec<Found> {
    let mut found = vec![];
    for (index, item) in tree.items(list).enumerate().filter(|(_, item)| tree.text(*item).is_some()) {
        taken.insert(tree.target(item));
        let image = match Site::at(tree, item, Place::KustomizeImage) {
            Ok(site) => {
                let range = site.text.find('=').map_or(0, |at| at + 1)..site.text.len();
                ImageField::Written(Parts::Whole(Part::inside(site, range)))
            }
            Err(reason) => ImageField::Unsupported { line: tree.line(tree.target(item)), reason },
        };
        found.push(Found { path: path.with_index(index), image });
    }
    found
}
