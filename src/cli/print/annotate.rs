//! The screen of the commands that write annotations.

use super::{
    ByHandReport, Width, location,
    table::{Column, Cut, Row, Table},
};
use crate::{plan::annotate::Annotated, service::Done};

/// A line for each annotation, and what was done.
pub fn annotations(report: &ByHandReport<Annotated>, done: Done, width: Width) -> String {
    if report.changes.is_empty() {
        return format!("nothing to do: {} is like that already\n", report.workload());
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
    let ending = report.wrote(done);
    format!("{}{ending}", table.render(width))
}
