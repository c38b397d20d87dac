//! What is found on the way through the roots that a person may want to know.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Deployed, HeldByKustomize,
    entry::{Entry, Pattern},
    resource::Resource,
};
use crate::manifest::{File, Place};

/// How many images of a root are told beside an entry that means none of them.
const IMAGES: usize = 1000;

/// What every root deploys, and what else there is to tell.
#[derive(Clone, Debug)]
pub struct Survey<'f> {
    /// The workloads, as [`deployed`](super::deployed) finds them.
    pub deployed: Vec<Deployed<'f>>,
    /// What else was found, by file and line.
    pub remarks: Vec<Remark>,
}

/// Something about a line of a kustomization, or of what stands around one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// What it is.
    pub about: About,
}

/// What a remark is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A base that is not in the repository.
    Remote {
        /// Its address, as it is written.
        address: String,
    },
    /// An `images` entry that means no image of any root.
    Unmatched {
        /// Its name.
        name: String,
        /// The names of the images of the roots that it stands in.
        images: BTreeSet<String>,
    },
    /// Something that is not understood, or that kustomize refuses, as a sentence.
    Held(String),
}

/// What one root gives to tell.
#[derive(Default)]
pub(super) struct Seen<'f> {
    remarks: BTreeSet<Remark>,
    /// The entries, and whether each means an image.
    entries: BTreeMap<(&'f str, u32, &'f str), Meant>,
    /// Whether objects may be deployed that nobody knows.
    pub(super) is_partial: bool,
}

/// What an entry means.
enum Meant {
    Something,
    /// None of these.
    Nothing(BTreeSet<String>),
}

impl<'f> Seen<'f> {
    pub(super) fn remark(&mut self, path: &str, line: u32, about: About) {
        self.remarks.insert(Remark { path: path.to_owned(), line, about });
    }

    /// Kustomize builds nothing of the root.
    pub(super) fn hold(&mut self, held: &HeldByKustomize) {
        self.is_partial = true;
        self.remark(&held.path, held.line, About::Held(held.reason.clone()));
    }

    pub(super) fn entry(&mut self, path: &'f str, entry: &'f Entry) {
        self.entries.entry((path, entry.line, &entry.name)).or_insert_with(|| Meant::Nothing(BTreeSet::new()));
    }

    pub(super) fn meant(&mut self, path: &'f str, entry: &'f Entry) {
        self.entries.insert((path, entry.line, &entry.name), Meant::Something);
    }

    /// Settles, when a root is built, which of its entries mean nothing; of what is not known they may mean something.
    pub(super) fn settle(&mut self, files: &BTreeMap<String, File>, resources: &[Resource<'_>]) {
        let is_partial = self.is_partial;
        let open: Vec<_> = self.entries.iter_mut().filter(|(_, meant)| matches!(meant, Meant::Nothing(_))).collect();
        if open.is_empty() {
            return;
        }
        let paths: BTreeSet<&str> = resources.iter().map(|resource| resource.from.path).collect();
        let places = || paths.iter().filter_map(|path| files.get(*path)).flat_map(File::images).filter(|place| place.place != Place::KustomizeImage);
        let written = || places().filter_map(|place| Some((place.alias, place.image.parts()?.reference(None).ok()?)));
        // Of objects of other kinds only such lists are looked through.
        let deep: Vec<String> = written().filter(|(alias, _)| alias.contains("ontainers.")).map(|(_, image)| image.to_string()).collect();
        let names: BTreeSet<String> = written().map(|(_, image)| image.name.to_string()).take(IMAGES).collect();
        for ((.., name), meant) in open {
            let pattern = Pattern::of(name);
            *meant = if is_partial || deep.iter().any(|text| pattern.is_match(text)) { Meant::Something } else { Meant::Nothing(names.clone()) };
        }
    }

    /// Adds what another root gives to tell: an entry that means something somewhere is of use.
    pub(super) fn and(&mut self, other: Self) {
        self.remarks.extend(other.remarks);
        for (key, meant) in other.entries {
            let known = self.entries.entry(key).or_insert_with(|| Meant::Nothing(BTreeSet::new()));
            match (&mut *known, meant) {
                (Meant::Nothing(images), Meant::Nothing(more)) => images.extend(more),
                (_, Meant::Something) => *known = Meant::Something,
                (Meant::Something, _) => {}
            }
        }
    }

    pub(super) fn into_remarks(self) -> Vec<Remark> {
        let unmatched = self.entries.into_iter().filter_map(|((path, line, name), meant)| match meant {
            Meant::Something => None,
            Meant::Nothing(images) => Some(Remark { path: path.to_owned(), line, about: About::Unmatched { name: name.to_owned(), images } }),
        });
        let mut remarks: Vec<Remark> = self.remarks.into_iter().chain(unmatched).collect();
        remarks.sort();
        remarks
    }
}
