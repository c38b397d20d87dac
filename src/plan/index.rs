//! What a tree of files holds: workloads, and who takes part in updates.

use std::collections::BTreeMap;

use super::{gather::gather, report::UnreadableFile, subject::Subjects};
use crate::{
    image::Repository,
    manifest::{
        File, ImagePlace, Parts, Unreadable, Workload, WorkloadId,
        kustomize::{Deployed, HeldByKustomize, deployed},
    },
    policy::preset::Presets,
};

/// The parsed files of one commit.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(super) files: BTreeMap<String, File>,
    pub(super) unreadable: Vec<Unreadable>,
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
        Self { files, unreadable }
    }

    /// The parsed files by path, and what could not be read.
    pub fn into_parts(self) -> (BTreeMap<String, File>, Vec<Unreadable>) {
        (self.files, self.unreadable)
    }

    /// What was read, by path.
    pub fn files(&self) -> &BTreeMap<String, File> {
        &self.files
    }

    /// Every workload as each root deploys it.
    pub(super) fn layout(&self) -> Vec<Deployed> {
        deployed(&self.files, &self.unreadable)
    }

    /// What cannot be read, and why.
    pub fn faults(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// How many workloads the files hold.
    pub fn workloads(&self) -> usize {
        self.files.values().map(|file| file.workloads.len()).sum()
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

    /// Every container that takes part, as each root deploys it, and every other place with a policy.
    pub fn subjects(&self, bounds: &Bounds<'_>) -> Subjects {
        gather(&self.files, deployed(&self.files, &self.unreadable), bounds)
    }

    /// Every place that holds an image, with its file.
    pub fn places(&self) -> impl Iterator<Item = (&str, ImagePlace<'_>)> {
        self.files.iter().flat_map(|(path, file)| file.images().map(move |place| (path.as_str(), place)))
    }

    /// Every workload as each root deploys it: root, id and file.
    pub fn deployed(&self) -> Vec<(String, WorkloadId, String)> {
        self.placed().into_iter().map(|found| (found.root, found.id, found.path)).collect()
    }

    /// As [`Self::deployed`], with all that is known of each.
    pub(super) fn placed(&self) -> Vec<Placed<'_>> {
        let placed = |found: Deployed| {
            let workload = &self.files[&found.path].workloads[found.workload];
            let id = in_namespace(&workload.id, &found);
            Placed { root: found.root, id, path: found.path, at: found.workload, workload, held: found.held }
        };
        deployed(&self.files, &self.unreadable).into_iter().map(placed).collect()
    }

    /// Each place that the scalars of a file feed, by the bytes of each.
    pub(super) fn fed(&self, path: &str) -> BTreeMap<(usize, usize), Vec<Fed>> {
        let mut fed: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for place in self.files.get(path).into_iter().flat_map(File::images) {
            let owner = place.workload.map_or_else(|| path.to_owned(), |workload| workload.id.to_string());
            for span in place.image.parts().into_iter().flat_map(Parts::sites).map(|site| site.scalar.span()) {
                let fed = fed.entry((span.start, span.end)).or_default();
                fed.push(Fed { owner: owner.clone(), name: place.alias.to_owned(), by_comment: place.policy.is_some() });
            }
        }
        fed
    }
}

/// A workload as one root deploys it.
pub(super) struct Placed<'i> {
    pub(super) root: String,
    pub(super) id: WorkloadId,
    pub(super) path: String,
    /// Its place among the workloads of the file.
    pub(super) at: usize,
    pub(super) workload: &'i Workload,
    pub(super) held: Option<HeldByKustomize>,
}

/// What a scalar feeds.
pub(super) struct Fed {
    /// The workload's id in the file; where there is none, the file.
    pub(super) owner: String,
    /// The container's name, or a dotted path.
    pub(super) name: String,
    /// Whether a comment rules it.
    pub(super) by_comment: bool,
}

/// The id that a workload has where it is deployed.
pub(super) fn in_namespace(id: &WorkloadId, deployed: &Deployed) -> WorkloadId {
    WorkloadId { namespace: deployed.namespace.clone().or_else(|| id.namespace.clone()), ..id.clone() }
}
