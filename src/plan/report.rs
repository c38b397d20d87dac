//! What a plan says about each container: the value that text and JSON both print.

use serde::Serialize;

use super::subject::Layer;
use crate::{
    manifest::Place,
    policy::{Blame, Code, List, TagCode},
};

/// What would change in one repository and branch, and why everything else stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The repository as it was named, without secrets.
    pub repository: String,
    /// The branch that was read; `None` for a folder that is no Git repository.
    pub branch: Option<String>,
    /// The commit that was read.
    pub commit: Option<String>,
    /// The commit that was made, once it stands on the branch.
    pub pushed: Option<String>,
    /// What changes.
    pub updates: Vec<Record>,
    /// What is as it should be.
    pub current: Vec<Record>,
    /// What waits for something, or stays on purpose.
    pub held: Vec<Record>,
    /// What could not be asked.
    pub failed: Vec<Record>,
    /// Files that could not be read.
    pub unreadable: Vec<UnreadableFile>,
}

/// What becomes of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The kustomization's folder, or the file that the workload was read from.
    pub root: String,
    /// `namespace:kind/name`.
    pub workload: String,
    /// The container's name.
    pub container: String,
    /// The image's name as Git writes it, `None` where there is none that can be read.
    pub image: Option<String>,
    /// What stands in Git.
    pub from: Version,
    /// The winner, where there is one.
    pub to: Option<Version>,
    /// The policy's text.
    pub policy: String,
    /// The file that holds the place.
    pub file: String,
    /// The line of the place, from 1.
    pub line: u32,
    /// The kind of place.
    pub place: Place,
    /// What became of the container.
    pub code: Code,
    /// Why, in one sentence.
    pub reason: String,
    /// Who has to act, where somebody has to.
    pub blame: Option<Blame>,
    /// A higher tag in range, but outside the series, and how it departs from it.
    pub newer_elsewhere: Option<String>,
    /// How that one departs from the series, for people.
    #[serde(skip)]
    pub departs: Option<String>,
    /// What to do next, for people.
    #[serde(skip)]
    pub hint: Option<String>,
}

/// A tag, a digest, both or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Version {
    /// The tag.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<String>,
}

/// A file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableFile {
    /// Its path in the repository.
    pub file: String,
    /// The line of the fault, from 1, where it has one.
    pub line: Option<u32>,
    /// What the fault is.
    pub reason: String,
    /// Whether the file holds annotations: then a person must mend it.
    #[serde(skip)]
    pub annotated: bool,
}

/// Each container of a workload with every tag and why it won or lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The workloads that were asked for.
    pub workloads: Vec<ExplainedWorkload>,
}

/// One workload of one root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedWorkload {
    /// As in [`Record`].
    pub root: String,
    /// As in [`Record`].
    pub workload: String,
    /// Its containers.
    pub containers: Vec<ExplainedContainer>,
}

/// One container with its candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedContainer {
    /// As in `plan`.
    #[serde(flatten)]
    pub record: Record,
    /// What decides the image, the first first; one where it is only written.
    pub layers: Vec<Layer>,
    /// The file of the annotation that holds the pattern.
    pub policy_file: Option<String>,
    /// Its line, from 1.
    pub policy_line: Option<u32>,
    /// Its key.
    #[serde(skip)]
    pub policy_key: Option<String>,
    /// Every tag, the best first.
    pub candidates: Vec<Candidate>,
}

/// One tag and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The tag.
    pub tag: String,
    /// What became of it.
    pub code: TagCode,
    /// Why, in a few words.
    pub reason: String,
    /// When its image was built, RFC 3339.
    pub created: Option<String>,
    /// When it was first seen, RFC 3339.
    pub first_seen: Option<String>,
}

impl Record {
    /// The higher tag elsewhere and how it departs, in words: `1.2.4, without suffix`.
    pub fn elsewhere(&self) -> Option<String> {
        let tag = self.newer_elsewhere.as_ref()?;
        Some(self.departs.as_ref().map_or_else(|| tag.clone(), |departs| format!("{tag}, {departs}")))
    }
}

impl Report {
    /// An empty report of a repository.
    pub fn new(repository: String, branch: Option<String>, commit: Option<String>) -> Self {
        Self { repository, branch, commit, pushed: None, updates: vec![], current: vec![], held: vec![], failed: vec![], unreadable: vec![] }
    }

    /// Adds a record to the list that its code belongs to.
    pub fn add(&mut self, record: Record) {
        match record.code.list() {
            List::Updates => self.updates.push(record),
            List::Held => self.held.push(record),
            List::Failed => self.failed.push(record),
            List::Current => self.current.push(record),
        }
    }

    /// Every record, updates first.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.updates.iter().chain(&self.held).chain(&self.failed).chain(&self.current)
    }
}
