//! What the commands by which a person changes files have in common.

use serde::Serialize;

use super::{count, short};
use crate::{
    plan::safe,
    service::{Done, hand::ByHand},
};

/// What became of what a person asked for, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ByHandReport<C> {
    /// The repository's name.
    pub repository: String,
    /// The branch that was read.
    pub branch: Option<String>,
    /// The commit that was read.
    pub commit: Option<String>,
    /// The commit that was made.
    pub pushed: Option<String>,
    /// The workload that it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// What changes.
    pub changes: Vec<C>,
}

impl<C> ByHandReport<C> {
    /// The report of what was done.
    pub fn new<T>(outcome: &ByHand<T>, workload: Option<String>, changes: Vec<C>) -> Self {
        Self {
            repository: outcome.repository.clone(),
            branch: outcome.branch.clone(),
            commit: outcome.commit.clone(),
            pushed: outcome.pushed.clone(),
            workload,
            changes,
        }
    }

    /// The workload as a line shows it.
    pub(super) fn workload(&self) -> String {
        self.workload.as_deref().map(safe::line).unwrap_or_default().to_string()
    }

    /// What was done, as the last line.
    pub(super) fn wrote(&self, done: Done) -> String {
        let (branch, commit) = (self.branch.as_deref().map(safe::line).unwrap_or_default(), self.pushed.as_deref().map(short).unwrap_or_default());
        match done {
            Done::Nothing | Done::There => "wrote nothing\n".to_owned(),
            Done::Files(files) => format!("wrote {}\n", count(files, "file")),
            Done::Committed => format!("committed {commit} to {branch}\n"),
            Done::Pushed => format!("pushed {commit} to {branch}\n"),
        }
    }
}
