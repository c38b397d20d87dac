//! From lines and columns to bytes, and our own end of a scalar.

use std::ops::Range;

use super::{
    Fault, Kind, Style, Tree,
    fault::{TAB, is_indented_by_tab},
    tree::Node,
};

impl Tree<'_> {
    /// The bytes of a scalar in the file: with its quotes; of a block scalar its one line of text.
    ///
    /// # Errors
    /// Why the scalar has no bytes that one edit could replace.
    pub(in crate::manifest) fn span(&self, node: usize) -> Result<Range<usize>, &'static str> {
        let node = &self.nodes[self.target(node)];
        let Kind::Scalar(style) = node.kind else {
            return Err("it is no scalar");
        };
        let start = self.byte(node.line, node.column);
        let rest = self.source.get(start..).unwrap_or_default();
        let length = match style {
            Style::Plain => plain(rest, &node.text),
            Style::Single => quoted(rest, '\''),
            Style::Double => quoted(rest, '"'),
            Style::Literal | Style::Folded => plain(rest, node.text.trim_end_matches('\n')),
        };
        let start = start + self.skipped;
        length.map(|length| start..start + length)
    }

    /// Where a line of a block scalar's text begins in the file, behind the indentation.
    pub(in crate::manifest) fn start_of_text(&self, node: usize, line: u32) -> usize {
        let column = self.nodes[self.target(node)].column;
        self.byte(line, column) + self.skipped
    }

    /// Bytes of the file.
    pub(in crate::manifest) fn bytes(&self, range: Range<usize>) -> Option<&str> {
        self.source.get(range.start.checked_sub(self.skipped)?..range.end.checked_sub(self.skipped)?)
    }

    /// Where and what a scalar is in the reading: its position and its properties.
    pub(in crate::manifest) fn place_in_reading(&self, node: usize) -> (u32, u64) {
        let node = &self.nodes[self.target(node)];
        (node.position, node.properties)
    }

    /// The rest of the line on which a node begins, for people.
    pub(in crate::manifest) fn rest_of_line(&self, node: usize) -> &str {
        let Node { line, column, .. } = self.nodes[node];
        let rest = self.source.get(self.byte(line, column)..).unwrap_or_default();
        rest.split(['\n', '\r']).next().unwrap_or_default().trim_end()
    }

    /// A tab in front of a document's outermost keys or dashes, which both parsers let pass, is indentation all the same.
    pub(super) fn check_tabs(&self) -> Result<(), Fault> {
        if !self.source.contains('\t') {
            return Ok(());
        }
        for &root in &self.roots {
            let first = match self.nodes[root].kind {
                Kind::Mapping | Kind::Sequence if self.nodes[root].next as usize > root + 1 => root + 1,
                _ => continue,
            };
            let Node { line, column, .. } = self.nodes[root];
            if self.source[self.byte(line, column)..].starts_with(['{', '[']) {
                continue;
            }
            let line = self.nodes[first].line;
            if is_indented_by_tab(&self.source[self.byte(line, 0)..]) {
                return Err(Fault::at(line, TAB));
            }
        }
        Ok(())
    }

    /// The byte of a line (from 1) and column (in characters, from 0) in the text after the byte order mark.
    fn byte(&self, line: u32, column: u32) -> usize {
        let lines = self.lines.get_or_init(|| line_starts(self.source));
        let Some(&start) = lines.get(line as usize - 1) else {
            return self.source.len();
        };
        let (start, column) = (start as usize, column as usize);
        let text = &self.source[start..];
        if text.as_bytes().get(..column).is_some_and(<[u8]>::is_ascii) {
            return start + column;
        }
        start + text.char_indices().nth(column).map_or(text.len(), |(at, _)| at)
    }
}

/// `\n`, `\r\n` and a lone `\r` end a line, as both parsers have it.
fn line_starts(source: &str) -> Vec<u32> {
    let bytes = source.as_bytes();
    let mut starts = Vec::with_capacity(bytes.len() / 24 + 2);
    starts.push(0);
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
            starts.push(u32::try_from(at + 1).expect("a file has at most 8 MiB"));
        }
    }
    starts
}

/// A scalar whose text stands in the file as it is, on one line.
fn plain(rest: &str, text: &str) -> Result<usize, &'static str> {
    match text {
        "" => Err("it is empty"),
        text if !text.contains(['\n', '\r']) && rest.starts_with(text) => Ok(text.len()),
        _ => Err("it spans several lines"),
    }
}

fn quoted(rest: &str, quote: char) -> Result<usize, &'static str> {
    let mut escaped = false;
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\n' | '\r' => return Err("it spans several lines"),
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            '\'' if quote == '\'' && characters.next_if(|(_, next)| *next == '\'').is_some() => {}
            character if character == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err("its closing quote was not found")
}
