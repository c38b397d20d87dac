//! The screen of `set`.

use serde::Serialize;

use super::{
    Width, location,
    table::{Column, Cut, Row, Table},
    wrote,
};
use crate::{
    plan::set::Rewrite,
    service::{Done, hand::ByHand},
};

/// The places that were rewritten, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetReport {
    /// The repository's name.
    pub repository: String,
    /// The branch that was read.
    pub branch: Option<String>,
    /// The commit that was read.
    pub commit: Option<String>,
    /// The commit that was made.
    pub pushed: Option<String>,
    /// The places.
    pub changes: Vec<Rewrite>,
}

impl SetReport {
    /// The report of what was done.
    pub fn new<T>(outcome: &ByHand<(Vec<Rewrite>, T)>) -> Self {
        Self {
            repository: outcome.repository.clone(),
            branch: outcome.branch.clone(),
            commit: outcome.commit.clone(),
            pushed: outcome.pushed.clone(),
            changes: outcome.told.0.clone(),
        }
    }
}

/// A line for each place, and what was done.
pub fn set(report: &SetReport, done: Done, width: Width) -> String {
    if report.changes.is_empty() {
        return "nothing to do: every place holds that already\n".to_owned();
    }
    let mut table = Table::new(&[Column { cut: Cut::Front, gap: 3 }, Column { cut: Cut::Never, gap: 3 }, Column { cut: Cut::Front, gap: 0 }]);
    for Rewrite { file, line, from, to, place } in &report.changes {
        table.add(Row::new(&[&location(file, *line), &format!("{from} → {to}"), place.as_str()]));
    }
    let ending = wrote(done, report.branch.as_deref(), report.pushed.as_deref());
    format!("{}{ending}", table.render(width))
}
