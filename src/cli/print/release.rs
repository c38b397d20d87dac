//! The screen of `release`.

use serde::Serialize;

use super::{
    Width, location,
    table::{Column, Cut, Row, Table},
    version, wrote,
};
use crate::{
    plan::{release::Released, safe},
    service::{Done, hand::ByHand},
};

/// What was released, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseReport {
    /// The repository's name.
    pub repository: String,
    /// The branch that was read.
    pub branch: Option<String>,
    /// The commit that was read.
    pub commit: Option<String>,
    /// The commit that was made.
    pub pushed: Option<String>,
    /// The workload.
    pub workload: String,
    /// What becomes of its images.
    pub changes: Vec<Released>,
}

impl ReleaseReport {
    /// The report of what was done.
    pub fn new(outcome: &ByHand<(String, Vec<Released>)>) -> Self {
        let (workload, changes) = outcome.told.clone();
        Self {
            repository: outcome.repository.clone(),
            branch: outcome.branch.clone(),
            commit: outcome.commit.clone(),
            pushed: outcome.pushed.clone(),
            workload,
            changes,
        }
    }
}

/// A line for each image, and what was done.
pub fn release(report: &ReleaseReport, done: Done, width: Width) -> String {
    if report.changes.is_empty() {
        return format!("nothing to do: {} runs that already\n", safe::line(&report.workload));
    }
    let mut table = Table::new(&[
        Column { cut: Cut::Front, gap: 3 },
        Column { cut: Cut::End, gap: 3 },
        Column { cut: Cut::Front, gap: 3 },
        Column { cut: Cut::End, gap: 3 },
        Column { cut: Cut::Front, gap: 0 },
    ]);
    for Released { workload, container, image, from, to, against, file, line, .. } in &report.changes {
        let change = format!("{} → {}", version(from, width), version(to, width));
        let row = Row::new(&[workload, container, image, &change, &location(file, *line)]);
        table.add(match against {
            Some(against) => row.below(&format!("by force: {against}")),
            None => row,
        });
    }
    format!("{}{}", table.render(width), wrote(done, report.branch.as_deref(), report.pushed.as_deref()))
}
