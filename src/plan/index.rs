//! What a tree of files holds: workloads, and who takes part in updates.

use std::collections::{BTreeMap, BTreeSet};

use super::{report::UnreadableFile, subject::Subject};
use crate::{
    image::{Reference, Repository},
    manifest::{
        File, ImagePlace, Parts, Unreadable, WorkloadId,
        kustomize::{Deployed, Key, Reach, Spot, Survey, Web, Whole},
    },
    policy::preset::Presets,
};

/// The parsed files of one commit.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(super) files: BTreeMap<String, File>,
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) roots: Vec<String>,
    web: Web,
    /// The workloads of files that ask for nothing and were left out.
    unread: usize,
}

/// What of an index may be asked and written.
pub struct Bounds<'a> {
    /// Whether a path may be written.
    pub writes: &'a dyn Fn(&str) -> bool,
    /// Whether a repository may be looked up.
    pub scans: &'a dyn Fn(&Repository) -> bool,
    /// The presets that patterns may name.
    pub presets: &'a Presets,
}

impl Index {
    /// An index of these files; the path is the key.
    pub fn new(files: BTreeMap<String, File>, unreadable: Vec<Unreadable>) -> Self {
        let web = Web::of(&files, &unreadable);
        Self::hung(files, unreadable, web)
    }

    /// The same where it is known how the files hang together.
    pub fn hung(files: BTreeMap<String, File>, unreadable: Vec<Unreadable>, web: Web) -> Self {
        Self { files, unreadable, web, roots: Vec::new(), unread: 0 }
    }

    /// The same with the number of workloads in files that ask for nothing and were left out.
    #[must_use]
    pub fn with_unread(self, unread: usize) -> Self {
        Self { unread, ..self }
    }

    /// The same with folders whose kustomizations are deployed although others use them.
    #[must_use]
    pub fn with_roots(self, roots: Vec<String>) -> Self {
        Self { roots, ..self }
    }

    /// The parsed files by path, what could not be read, and how they hang together.
    pub fn into_parts(self) -> (BTreeMap<String, File>, Vec<Unreadable>, Web) {
        (self.files, self.unreadable, self.web)
    }

    /// What was read, by path.
    pub fn files(&self) -> &BTreeMap<String, File> {
        &self.files
    }

    /// Every workload as each root deploys it.
    pub(super) fn layout(&self) -> Vec<Deployed<'_>> {
        self.whole().deployed()
    }

    pub(super) fn whole(&self) -> Whole<'_, '_> {
        Whole { files: &self.files, unreadable: &self.unreadable, web: &self.web, configured: &self.roots }
    }

    /// The same, with what else there is to tell about kustomizations.
    pub(super) fn survey(&self) -> Survey<'_> {
        self.whole().survey()
    }

    /// What cannot be read, and why.
    pub fn faults(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// How many workloads the files hold, those that were left out too.
    pub fn workloads(&self) -> usize {
        self.files.values().map(|file| file.workloads.len()).sum::<usize>() + self.unread
    }

    /// The files that could not be read, templates too, by path.
    pub fn unreadable(&self) -> Vec<UnreadableFile> {
        let mut files: Vec<_> = self
            .unreadable
            .iter()
            .map(|file| UnreadableFile { file: file.path.clone(), line: file.line, reason: file.reason.clone(), annotated: file.annotated })
            .collect();
        files.sort_by(|a, b| a.file.cmp(&b.file));
        files
    }

    /// Every place that holds an image, with its file.
    pub fn places(&self) -> impl Iterator<Item = (&str, ImagePlace<'_>)> {
        self.files.iter().flat_map(|(path, file)| file.images().map(move |place| (path.as_str(), place)))
    }

    /// Every workload as each root deploys it: root, id and file.
    pub fn deployed(&self) -> Vec<(String, WorkloadId, String)> {
        let deployed = self.layout();
        deployed.into_iter().map(|found| (found.root.to_owned(), found.workload.id.clone(), found.path.to_owned())).collect()
    }

    /// Everything that each place feeds to which one of these may be written, as each root deploys it.
    pub(super) fn feeds<'s>(&self, subjects: impl Iterator<Item = &'s Subject>) -> Feeds {
        let written = subjects.flat_map(|subject| subject.entry.iter().map(|entry| &entry.path).chain([&subject.file]));
        let files: BTreeSet<String> = written.cloned().collect();
        let mut feeds = Feeds::new();
        let mut built = BTreeSet::new();
        for deployed in self.whole().reading(&files) {
            let Some(made) = &deployed.built else { continue };
            built.insert(deployed.path);
            for (container, image) in deployed.workload.containers.iter().zip(&made.images) {
                let Some(image) = image else { continue };
                built.extend(image.chain.iter().map(|given| given.path));
                let fed = Fed { root: deployed.root.to_owned(), owner: deployed.workload.id.to_string(), name: container.name.clone() };
                let overlaid = made.overlay.as_ref().map(|overlay| image.overlaid(overlay, &container.name));
                if let Some(spot) = overlaid.unwrap_or_else(|| image.spot()) {
                    for key in spot.keys() {
                        feeds.entry((spot.path.clone(), key)).or_default().push(fed.clone());
                    }
                }
                let reference = Reference::parse(&image.text).ok().filter(|_| image.reach == Reach::Reached);
                if let (Some(reference), Some(extension)) = (reference, &made.extension) {
                    for key in Spot::new_entry(extension, reference.name.as_str()).keys() {
                        feeds.entry((extension.path.to_owned(), key)).or_default().push(fed.clone());
                    }
                }
            }
        }
        let plain = files.iter().filter(|path| !built.contains(path.as_str())).filter_map(|path| self.files.get_key_value(path));
        for (path, file) in plain {
            for place in file.images() {
                let owner = place.workload.map_or_else(|| path.clone(), |workload| workload.id.to_string());
                let fed = Fed { root: path.clone(), owner, name: place.alias.to_owned() };
                for span in place.image.parts().into_iter().flat_map(Parts::sites).map(|site| site.scalar.span()) {
                    feeds.entry((path.clone(), Key::Scalar(span.start, span.end))).or_default().push(fed.clone());
                }
            }
        }
        feeds
    }

    /// Each image that the scalars of a file hold, by the bytes of each, whatever kustomizations make of it.
    pub(super) fn fed(&self, path: &str) -> BTreeMap<(usize, usize), Vec<Written>> {
        let mut fed: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for place in self.files.get(path).into_iter().flat_map(File::images) {
            let owner = place.workload.map_or_else(|| path.to_owned(), |workload| workload.id.to_string());
            for span in place.image.parts().into_iter().flat_map(Parts::sites).map(|site| site.scalar.span()) {
                let written = Written { owner: owner.clone(), name: place.alias.to_owned(), by_comment: place.policy.is_some() };
                fed.entry((span.start, span.end)).or_default().push(written);
            }
        }
        fed
    }

    /// How many images of a file are read from each scalar.
    pub(super) fn readers(&self, path: &str) -> BTreeMap<Key, Vec<ByComment>> {
        let mut readers: BTreeMap<Key, Vec<ByComment>> = BTreeMap::new();
        for place in self.files.get(path).into_iter().flat_map(File::images) {
            for span in place.image.parts().into_iter().flat_map(Parts::sites).map(|site| site.scalar.span()) {
                let by_comment = if place.policy.is_some() { ByComment::Yes } else { ByComment::No };
                readers.entry(Key::Scalar(span.start, span.end)).or_default().push(by_comment);
            }
        }
        readers
    }
}

/// What each place feeds, by file and place.
pub(super) type Feeds = BTreeMap<(String, Key), Vec<Fed>>;

/// Whether a comment rules an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByComment {
    Yes,
    No,
}

/// An image as a file holds it.
pub(super) struct Written {
    /// The workload's id in the file; where there is none, the file.
    pub(super) owner: String,
    /// The container's name, or a dotted path.
    pub(super) name: String,
    /// Whether a comment rules it.
    pub(super) by_comment: bool,
}

/// What a scalar feeds.
#[derive(Clone, Debug)]
pub(super) struct Fed {
    /// The kustomization's folder, or the file.
    pub(super) root: String,
    /// The workload's id; where there is none, the file.
    pub(super) owner: String,
    /// The container's name, or a dotted path.
    pub(super) name: String,
}
