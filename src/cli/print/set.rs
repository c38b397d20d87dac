//! The screen of `set`.

use super::{
    ByHandReport, Width, location,
    table::{Column, Cut, Row, Table},
};
use crate::{plan::set::Rewrite, service::Done};

/// A line for each place, and what was done.
pub fn set(report: &ByHandReport<Rewrite>, done: Done, width: Width) -> String {
    if report.changes.is_empty() {
        return "nothing to do: every place holds that already\n".to_owned();
    }
    let mut table = Table::new(&[Column { cut: Cut::Front, gap: 3 }, Column { cut: Cut::Never, gap: 3 }, Column { cut: Cut::Front, gap: 0 }]);
    for Rewrite { file, line, from, to, place } in &report.changes {
        table.add(Row::new(&[&location(file, *line), &format!("{from} → {to}"), place.as_str()]));
    }
    let ending = report.wrote(done);
    format!("{}{ending}", table.render(width))
}
