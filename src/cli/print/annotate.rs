//! The screen of the commands that write annotations.

use serde::Serialize;

use super::{
    Width, location,
    table::{Column, Cut, Row, Table},
    wrote,
};
use crate::{
    plan::{annotate::Annotated, safe},
    service::{Done, hand::ByHand},
};

/// What became of annotations, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnotateReport {
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
    /// What becomes of its annotations.
    pub changes: Vec<Annotated>,
}

impl AnnotateReport {
    /// The report of what was done.
    pub fn new(outcome: &ByHand<(String, Vec<Annotated>)>) -> Self {
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

/// A line for each annotation, and what was done.
pub fn annotations(report: &AnnotateReport, done: Done, width: Width) -> String {
    if report.changes.is_empty() {
        return format!("nothing to do: {} is like that already\n", safe::line(&report.workload));
    }
    let mut table = Table::new(&[
        Column { cut: Cut::Never, gap: 2 },
        Column { cut: Cut::Front, gap: 3 },
        Column { cut: Cut::Never, gap: 3 },
        Column { cut: Cut::End, gap: 3 },
        Column { cut: Cut::Front, gap: 0 },
    ]);
    for Annotated { workload, file, line, annotation, from, to } in &report.changes {
        let (verb, value) = match (from, to) {
            (Some(from), Some(to)) => ("change", format!("{from} → {to}")),
            (None, Some(to)) => ("add", to.clone()),
            (from, None) => ("remove", from.clone().unwrap_or_default()),
        };
        table.add(Row::new(&[verb, workload, annotation, &value, &location(file, *line)]));
    }
    let ending = wrote(done, report.branch.as_deref(), report.pushed.as_deref());
    format!("{}{ending}", table.render(width))
}
