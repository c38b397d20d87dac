//! The screen of `release`.

use super::{
    ByHandReport, Width, location,
    table::{Column, Cut, Row, Table},
    version,
};
use crate::{plan::release::Released, service::Done};

/// A line for each image, and what was done.
pub fn release(report: &ByHandReport<Released>, done: Done, width: Width) -> String {
    if report.changes.is_empty() {
        return format!("nothing to do: {} runs that already\n", report.workload());
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
    format!("{}{}", table.render(width), report.wrote(done))
}
