//! A place in which a new version would be written.

use super::deployed::{Extension, Overlaid};
use crate::{
    image::{Name, Reference},
    manifest::{ImageField, Node, Parts, Place, place::end_of_name, splice::Change},
};

/// Where the new value of one image goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// What kind of place it is.
    pub place: Place,
    at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    /// Where the image itself is written.
    Written(ImageField),
    /// The keys of an `images` entry.
    Entry { image: ImageField, node: Node },
    /// An `images` entry that is to be added.
    New { mapping: Node, keys: Vec<String>, name: String },
    /// A container that a patch is to get.
    Patched { patch: Patch, keys: Vec<String>, container: String, image: String },
}

/// A workload's patch in the patch file of a `.flux.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    /// It stands there.
    Written(Node),
    /// It is to be added to this file, and known by these texts.
    New { file: Node, document: Vec<(Vec<String>, String)> },
}

/// What a spot reads or writes in its file: two spots with one key in common share a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The bytes of a scalar.
    Scalar(usize, usize),
    /// What stands under a key of a mapping, or would.
    Entry(u32, String),
    /// The entry for a name that a mapping is to get.
    New(u32, String),
}

impl Spot {
    /// The place of a scalar, or of several.
    pub fn written(path: &str, line: u32, place: Place, image: ImageField) -> Self {
        Self { path: path.to_owned(), line: image.line().unwrap_or(line), place, at: At::Written(image) }
    }

    pub(super) fn entry(path: &str, line: u32, image: ImageField, node: Node) -> Self {
        Self { path: path.to_owned(), line: image.line().unwrap_or(line), place: Place::KustomizeImage, at: At::Entry { image, node } }
    }

    /// A new `images` entry for a name.
    pub fn new_entry(extension: &Extension<'_>, name: &str) -> Self {
        let keys = extension.keys.iter().map(|key| (*key).to_owned()).collect();
        let at = At::New { mapping: extension.mapping, keys, name: name.to_owned() };
        Self { path: extension.path.to_owned(), line: extension.line, place: Place::KustomizeImage, at }
    }

    /// A container of a workload's patch in the patch file of a `.flux.yaml`.
    pub(super) fn overlaid(overlay: &Overlaid<'_>, list: &[&str], container: &str, image: &str) -> Option<Self> {
        let keys = list.iter().map(|key| (*key).to_owned()).collect();
        let at = At::Patched { patch: overlay.patch.clone()?, keys, container: container.to_owned(), image: image.to_owned() };
        Some(Self { path: overlay.path.to_owned(), line: overlay.line, place: Place::FluxPatch, at })
    }

    /// Whether it is an entry that is to be added.
    pub fn is_new(&self) -> bool {
        matches!(self.at, At::New { .. })
    }

    /// The scalars of an image that is written there.
    pub fn parts(&self) -> Option<&Parts> {
        match &self.at {
            At::Written(image) | At::Entry { image, .. } => image.parts(),
            At::New { .. } | At::Patched { .. } => None,
        }
    }

    /// Why nothing can be written there, as a clause.
    pub fn obstacle(&self) -> Option<&str> {
        match &self.at {
            At::Written(ImageField::Unsupported { reason, .. }) | At::Entry { image: ImageField::Unsupported { reason, .. }, .. } => Some(reason),
            _ => None,
        }
    }

    /// All that it reads or writes.
    pub fn keys(&self) -> Vec<Key> {
        let scalars = |image: &ImageField| -> Vec<Key> {
            let spans = image.parts().into_iter().flat_map(Parts::sites).map(|site| site.scalar.span());
            spans.map(|span| Key::Scalar(span.start, span.end)).collect()
        };
        match &self.at {
            At::Written(image) => scalars(image),
            At::Entry { image, node } => {
                let mut keys = scalars(image);
                keys.extend(["newTag", "digest"].map(|key| Key::Entry(node.position, key.to_owned())));
                keys
            }
            At::New { mapping, name, .. } => vec![Key::New(mapping.position, name.clone())],
            At::Patched { patch, keys, container, .. } => vec![patch.key(keys, container)],
        }
    }

    /// The changes after which the place holds a version, each with its key; `name` is used where none is written.
    ///
    /// # Errors
    /// Why it cannot hold it, as a clause.
    pub fn changes(&self, name: Option<&Name>, tag: Option<&str>, digest: Option<&str>) -> Result<Vec<(Key, Change)>, String> {
        match &self.at {
            At::Written(ImageField::Written(parts)) => Ok(written(parts, name, tag, digest)?.into_iter().map(keyed).collect()),
            At::Written(ImageField::Absent) => Err("no image is written there".to_owned()),
            At::Written(ImageField::Unsupported { reason, .. }) | At::Entry { image: ImageField::Unsupported { reason, .. }, .. } => {
                Err(reason.clone())
            }
            At::Entry { image, node } => entry(image, *node, tag, digest),
            At::Patched { patch, keys, container, image } => {
                let image = format!("{}{}", &image[..end_of_name(image)], version(tag, digest));
                let item = vec![("name".to_owned(), container.clone()), ("image".to_owned(), image)];
                Ok(vec![(patch.key(keys, container), patch.change(keys, item))])
            }
            At::New { mapping, keys, name } => {
                let item = [("name", Some(&**name)), ("newTag", tag), ("digest", digest)];
                let item = item.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.to_owned()))).collect();
                Ok(vec![(Key::New(mapping.position, name.clone()), Change::Append { mapping: *mapping, keys: keys.clone(), item })])
            }
        }
    }
}

impl Patch {
    fn key(&self, keys: &[String], container: &str) -> Key {
        match self {
            Self::Written(mapping) => Key::Entry(mapping.position, format!("{} {container}", keys.join("."))),
            Self::New { file, document } => {
                let texts: Vec<&str> = document.iter().map(|(_, text)| text.as_str()).collect();
                Key::Entry(file.position, format!("{} {} {container}", texts.join("/"), keys.join(".")))
            }
        }
    }

    fn change(&self, keys: &[String], item: Vec<(String, String)>) -> Change {
        let keys = keys.to_vec();
        match self {
            Self::Written(mapping) => Change::Append { mapping: *mapping, keys, item },
            Self::New { file, document } => Change::Extend { file: *file, document: document.clone(), keys, item },
        }
    }
}

fn keyed(change: Change) -> (Key, Change) {
    let key = match &change {
        Change::Replace(edit) => {
            let span = edit.site.scalar.span();
            Key::Scalar(span.start, span.end)
        }
        Change::Set { mapping, keys, .. } | Change::Remove { mapping, keys } | Change::Append { mapping, keys, .. } => {
            Key::Entry(mapping.position, keys.join("."))
        }
        Change::Extend { file: node, .. } | Change::Inside { text: node, .. } => Key::Entry(node.position, String::new()),
    };
    (key, change)
}

fn version(tag: Option<&str>, digest: Option<&str>) -> String {
    [tag.map(|tag| format!(":{tag}")), digest.map(|digest| format!("@{digest}"))].into_iter().flatten().collect()
}

/// The name stays as it is spelled, a placeholder too.
fn written(parts: &Parts, name: Option<&Name>, tag: Option<&str>, digest: Option<&str>) -> Result<Vec<Change>, String> {
    let version = version(tag, digest);
    match parts {
        Parts::Whole(part) => Ok(part.write(&format!("{}{version}", &part.text()[..end_of_name(part.text())])).into_iter().collect()),
        Parts::Apart(_) => {
            let name = parts.reference(name)?.name;
            parts.write(&Reference::parse(&format!("{name}{version}")).map_err(|error| error.to_string())?)
        }
    }
}

/// An entry with a tag alone drops a digest, one with a digest alone a tag: a pinned image gets both keys.
fn entry(image: &ImageField, node: Node, tag: Option<&str>, digest: Option<&str>) -> Result<Vec<(Key, Change)>, String> {
    let apart = match image {
        ImageField::Written(Parts::Apart(apart)) => apart,
        ImageField::Written(parts) => return Ok(written(parts, None, tag, digest)?.into_iter().map(keyed).collect()),
        _ => return Err("no version is written there".to_owned()),
    };
    let mut changes = vec![];
    for (key, part, text) in [("newTag", &apart.tag, tag), ("digest", &apart.digest, digest)] {
        match (part, text) {
            (Some(part), Some(text)) => changes.extend(part.write(text).map(keyed)),
            (None, Some(text)) => {
                let after = (key == "digest").then(|| "newTag".to_owned());
                changes.push(keyed(Change::Set { mapping: node, keys: vec![key.to_owned()], value: text.to_owned(), after }));
            }
            (Some(_), None) => return Err(format!("its `{key}` would have to go")),
            (None, None) => {}
        }
    }
    Ok(changes)
}
