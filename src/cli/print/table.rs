//! Rows whose cells stand under each other.

use super::Width;
use crate::plan::safe;

/// Spaces before each row.
const INDENT: usize = 2;
/// The fewest characters that a cut cell keeps.
const LEAST: usize = 12;

/// Where a cell that is too long loses characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nowhere.
    Never,
    /// At its front: the end tells paths and names apart.
    Front,
    /// At its end.
    End,
}

/// A table to be printed.
pub(super) struct Table {
    columns: Vec<Column>,
    /// The first of the columns that move below their rows where the terminal is too narrow.
    fold: usize,
    rows: Vec<Row>,
}

/// One column.
#[derive(Clone, Copy)]
pub(super) struct Column {
    /// How its cells are cut.
    pub cut: Cut,
    /// The spaces behind it.
    pub gap: usize,
}

/// One row: cells, a text that belongs to no column, and lines below.
#[derive(Default)]
pub(super) struct Row {
    cells: Vec<String>,
    tail: Option<String>,
    below: Vec<String>,
}

impl Row {
    /// A row of cells; strangers' text is made safe here.
    pub(super) fn new(cells: &[&str]) -> Self {
        Self { cells: cells.iter().map(|cell| safe::line(cell).into_owned()).collect(), ..Self::default() }
    }

    /// With a text behind the cells, which is never cut: it moves below where there is no room.
    pub(super) fn tail(mut self, text: &str) -> Self {
        self.tail = Some(safe::line(text).into_owned());
        self
    }

    /// With a line below.
    pub(super) fn below(mut self, text: &str) -> Self {
        self.below.push(safe::line(text).into_owned());
        self
    }
}

impl Table {
    /// An empty table of these columns.
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), fold: columns.len(), rows: Vec::new() }
    }

    /// With columns that move below their rows, from this one on, where the terminal is too narrow.
    pub(super) fn folding(columns: &[Column], fold: usize) -> Self {
        Self { fold, ..Self::new(columns) }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The rows as lines, nothing where there is none.
    pub(super) fn render(&self, width: Width) -> String {
        let mut widths = self.natural_widths();
        if let Width::Columns(columns) = width {
            if self.row_width(&widths) > columns {
                widths.truncate(self.fold);
            }
            self.shrink(&mut widths, columns);
        }
        // What stands below a row starts under its second cell.
        let inner = INDENT + widths.first().zip(self.columns.first()).map_or(0, |(width, column)| width + column.gap);
        self.rows.iter().map(|row| self.render_row(row, &widths, inner, width)).collect()
    }

    fn render_row(&self, row: &Row, widths: &[usize], inner: usize, width: Width) -> String {
        let mut line = " ".repeat(INDENT);
        for ((cell, &wanted), column) in row.cells.iter().zip(widths).zip(&self.columns) {
            let cell = cut(cell, wanted, column.cut);
            let padding = wanted.saturating_sub(length(&cell)) + column.gap;
            line.extend([&*cell, &" ".repeat(padding)]);
        }
        let folded = row.cells.get(widths.len()..).unwrap_or_default().join("   ");
        let mut below: Vec<&str> = if folded.is_empty() { Vec::new() } else { vec![&folded] };
        if let Some(tail) = &row.tail {
            match width {
                Width::Columns(columns) if length(&line) + length(tail) > columns => below.push(tail),
                _ => line.push_str(tail),
            }
        }
        let mut text = format!("{}\n", line.trim_end());
        for paragraph in below.into_iter().chain(row.below.iter().map(String::as_str)) {
            for part in wrap(paragraph, width, inner) {
                text.extend([&" ".repeat(inner), &part, "\n"]);
            }
        }
        text
    }

    /// The width of each column's longest cell.
    fn natural_widths(&self) -> Vec<usize> {
        let longest = |at: usize| self.rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| length(cell)).max();
        (0..self.columns.len()).map(|at| longest(at).unwrap_or(0)).collect()
    }

    fn row_width(&self, widths: &[usize]) -> usize {
        let used = widths.iter().filter(|&&width| width > 0).count();
        let gaps: usize = self.columns.iter().take(used.saturating_sub(1)).map(|column| column.gap).sum();
        INDENT + gaps + widths.iter().sum::<usize>()
    }

    /// Narrows the widest column again and again, until a row fits or nothing is left to cut.
    fn shrink(&self, widths: &mut [usize], columns: usize) {
        while self.row_width(widths) > columns {
            let widest = (0..widths.len()).filter(|&at| self.columns[at].cut != Cut::Never && widths[at] > LEAST).max_by_key(|&at| widths[at]);
            let Some(at) = widest else { break };
            widths[at] -= 1;
        }
    }
}

/// The characters of a text.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

fn cut(cell: &str, width: usize, how: Cut) -> String {
    let length = length(cell);
    if length <= width {
        return cell.to_owned();
    }
    let keep = width.saturating_sub(1);
    match how {
        Cut::Never => cell.to_owned(),
        Cut::Front => format!("…{}", cell.chars().skip(length - keep).collect::<String>()),
        Cut::End => format!("{}…", cell.chars().take(keep).collect::<String>()),
    }
}

/// Lines of words that fit behind an indent; a word is never broken.
fn wrap(text: &str, width: Width, indent: usize) -> Vec<String> {
    let room = match width {
        Width::Columns(columns) => columns.saturating_sub(indent).max(2 * LEAST),
        Width::Endless => return vec![text.to_owned()],
    };
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if length(line) + 1 + length(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column = |cut| Column { cut, gap: 2 };
        let mut table = Table::new(&[column(Cut::Never), column(Cut::Front), column(Cut::End)]);
        table.add(Row::new(&["update", "shop:deployment/frontend", "a-rather-long-tag-1.5.0"]));
        table.add(Row::new(&["held", "ops:job/x", "1.0"]).tail("locked by ana").below("hint: ask her"));
        table
    }

    #[test]
    fn nothing_is_cut_in_a_pipe() {
        insta::assert_snapshot!(table().render(Width::Endless), @r"
          update  shop:deployment/frontend  a-rather-long-tag-1.5.0
          held    ops:job/x                 1.0                      locked by ana
                  hint: ask her
        ");
    }

    #[test]
    fn a_terminal_cuts_the_widest_cells_and_moves_reasons_below() {
        insta::assert_snapshot!(table().render(Width::Columns(48)), @r"
        update  …ployment/frontend  a-rather-long-tag…
        held    ops:job/x           1.0
                locked by ana
                hint: ask her
        ");
    }

    #[test]
    fn a_line_fits_where_every_column_can_still_be_cut() {
        for columns in 38..90 {
            for line in table().render(Width::Columns(columns)).lines() {
                assert!(length(line) <= columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn a_reason_is_wrapped_between_words() {
        for (word, text, columns, lines) in [
            ("fits", "a b c", 80, &["a b c"][..]),
            ("two lines", "the registry answered with an error", 34, &["the registry answered", "with an error"]),
            ("a long word", "see https://example.com/a/long/path/of/words now", 34, &["see", "https://example.com/a/long/path/of/words", "now"]),
        ] {
            assert_eq!(wrap(text, Width::Columns(columns), 10), lines, "{word}");
        }
    }
}
