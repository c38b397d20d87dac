//! The two parsers, each turned into the same calls of a builder.

use granit_parser as granit;
use yaml_rust2::{
    Event,
    parser::{Parser, Tag as RustTag},
    scanner::{Marker, TScalarStyle},
};

use super::{
    Fault, Kind, LOOKAHEAD, Reading, Style, Tree,
    build::{At, Builder},
    reading::{Mark, properties},
};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads all documents of a file.
///
/// # Errors
/// Neither parser can read the text, or a bound is exceeded.
pub(in crate::manifest) fn read(text: &str) -> Result<Tree<'_>, Fault> {
    let source = without_mark(text);
    let skipped = text.len() - source.len();
    if source.len() <= LOOKAHEAD
        && !source.contains(BYTE_ORDER_MARK)
        && let Some(builder) = by_yaml_rust2(source)?
    {
        return builder.finish(source, skipped);
    }
    by_granit(source)?.finish(source, skipped)
}

/// `None` where the parser cannot read the text.
fn by_yaml_rust2(source: &str) -> Result<Option<Builder>, Fault> {
    fn of(anchor: usize, tag: Option<&RustTag>) -> (usize, Option<(&str, &str)>) {
        (anchor, tag.map(|tag| (tag.handle.as_str(), tag.suffix.as_str())))
    }
    let mut parser = Parser::new_from_str(source);
    let mut builder = Builder::new(source.len());
    loop {
        let Ok((event, mark)) = parser.next_token() else {
            return Ok(None);
        };
        let at = at(&mark);
        match event {
            Event::Nothing | Event::StreamStart => {}
            Event::StreamEnd => return Ok(Some(builder)),
            Event::DocumentStart => builder.document_start(),
            Event::DocumentEnd => builder.document_end(),
            Event::Alias(id) => builder.alias(id, at)?,
            Event::Scalar(text, style, anchor, tag) => {
                let style = match style {
                    TScalarStyle::Plain => Style::Plain,
                    TScalarStyle::SingleQuoted => Style::Single,
                    TScalarStyle::DoubleQuoted => Style::Double,
                    TScalarStyle::Literal => Style::Literal,
                    TScalarStyle::Folded => Style::Folded,
                };
                builder.scalar(text, style, at, of(anchor, tag.as_ref()))?;
            }
            Event::SequenceStart(anchor, tag) => builder.open(Kind::Sequence, at, of(anchor, tag.as_ref()))?,
            Event::MappingStart(anchor, tag) => builder.open(Kind::Mapping, at, of(anchor, tag.as_ref()))?,
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
        }
    }
}

fn at(mark: &Marker) -> At {
    At { line: u32::try_from(mark.line()).unwrap_or(u32::MAX), column: u32::try_from(mark.col()).unwrap_or(u32::MAX) }
}

/// The text after its byte order mark.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// A comment of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::manifest) struct Comment {
    /// From 1.
    pub(in crate::manifest) line: u32,
    /// Without its `#`.
    pub(in crate::manifest) text: String,
    /// Whether nothing else stands on its line.
    pub(in crate::manifest) alone: bool,
}

/// The comments of a file.
///
/// # Errors
/// granit-parser cannot read the text.
pub(in crate::manifest) fn comments(text: &str) -> Result<Vec<Comment>, Fault> {
    let source = without_mark(text);
    let mut found = vec![];
    for next in granit::Parser::new_from_str(source) {
        let (event, span) = next.map_err(|error| Fault::scan(&error, source))?;
        if let granit::Event::Comment(text, _) = event
            && let Some(start) = span.start.byte_offset()
        {
            let line = source[..start].rfind(['\n', '\r']).map_or(0, |at| at + 1);
            let alone = source[line..start].trim().is_empty();
            found.push(Comment { line: u32::try_from(span.start.line()).unwrap_or(u32::MAX), text: text.trim_start_matches('#').to_owned(), alone });
        }
    }
    Ok(found)
}

/// All that granit-parser reads, but for comments; places count from the end of the byte order mark.
pub(super) fn granit_events(text: &str) -> granit::Parser<'_, granit::StrInput<'_>> {
    let mut options = granit::Options::default();
    options.set_emit_comments(false);
    granit::Parser::new_from_str_with_options(without_mark(text), options)
}

fn by_granit(source: &str) -> Result<Builder, Fault> {
    let mut builder = Builder::new(source.len());
    for next in granit_events(source) {
        let (event, span) = next.map_err(|error| Fault::scan(&error, source))?;
        let at = At { line: u32::try_from(span.start.line()).unwrap_or(u32::MAX), column: u32::try_from(span.start.col()).unwrap_or(u32::MAX) };
        match event {
            granit::Event::DocumentStart(..) => builder.document_start(),
            granit::Event::DocumentEnd => builder.document_end(),
            granit::Event::Alias(id) => builder.alias(id, at)?,
            granit::Event::Scalar(text, style, anchor, tag) => {
                let text = if absent(&text, style, &span) { String::new() } else { text.into_owned() };
                builder.scalar(text, granit_style(style), at, (anchor, tag.as_deref().map(granit_tag)))?;
            }
            granit::Event::SequenceStart(_, anchor, tag) => builder.open(Kind::Sequence, at, (anchor, tag.as_deref().map(granit_tag)))?,
            granit::Event::MappingStart(_, anchor, tag) => builder.open(Kind::Mapping, at, (anchor, tag.as_deref().map(granit_tag)))?,
            granit::Event::SequenceEnd | granit::Event::MappingEnd => builder.close()?,
            _ => {}
        }
    }
    Ok(builder)
}

/// What granit-parser reads in a file, without a tree.
///
/// # Errors
/// It cannot read the text.
pub(in crate::manifest) fn second_reading(text: &str) -> Result<Reading, Fault> {
    let mut reading = Reading::default();
    for next in granit_events(text) {
        let (event, span) = next.map_err(|error| Fault::scan(&error, text))?;
        match event {
            granit::Event::DocumentStart(..) => reading.mark(Mark::DocumentStart, 0),
            granit::Event::DocumentEnd => reading.mark(Mark::DocumentEnd, 0),
            granit::Event::Alias(id) => reading.mark(Mark::Alias, id as u64),
            granit::Event::Scalar(text, style, anchor, tag) => {
                let text = if absent(&text, style, &span) { "" } else { &*text };
                reading.scalar(granit_style(style), properties(anchor, tag.as_deref().map(granit_tag)), text)
            }
            granit::Event::SequenceStart(_, anchor, tag) => reading.mark(Mark::Sequence, properties(anchor, tag.as_deref().map(granit_tag))),
            granit::Event::MappingStart(_, anchor, tag) => reading.mark(Mark::Mapping, properties(anchor, tag.as_deref().map(granit_tag))),
            granit::Event::SequenceEnd | granit::Event::MappingEnd => reading.mark(Mark::End, 0),
            _ => continue,
        };
    }
    Ok(reading)
}

/// granit-parser writes `~` for a value that is not there.
pub(super) fn absent(text: &str, style: granit::ScalarStyle, span: &granit::Span) -> bool {
    text == "~" && style == granit::ScalarStyle::Plain && span.start.byte_offset() == span.end.byte_offset()
}

pub(super) fn granit_style(style: granit::ScalarStyle) -> Style {
    match style {
        granit::ScalarStyle::Plain => Style::Plain,
        granit::ScalarStyle::SingleQuoted => Style::Single,
        granit::ScalarStyle::DoubleQuoted => Style::Double,
        granit::ScalarStyle::Literal => Style::Literal,
        granit::ScalarStyle::Folded => Style::Folded,
    }
}

pub(super) fn granit_tag(tag: &granit::Tag) -> (&str, &str) {
    tag.parts()
}
