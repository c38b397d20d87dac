//! Where every node begins and ends, as the second parser has it: what is needed to put entries in and to take them out.

use std::collections::BTreeSet;

use granit_parser as granit;

use super::{
    Fault, Style, Tag,
    events::{absent, granit_events, granit_style, granit_tag, without_mark},
    reading::properties,
};

/// One event of a file, without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Said {
    DocumentStart,
    DocumentEnd,
    /// A mapping begins; the number stands for its anchor and tag, 0 for neither.
    Mapping(u64),
    /// A sequence begins.
    Sequence(u64),
    /// A mapping or sequence ends.
    End,
    Alias(usize),
    Scalar(Style, u64, String),
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Shape {
    Scalar(Style),
    /// A plain scalar without a character.
    Absent,
    Mapping(Form),
    Sequence(Form),
    /// Another name for the part with this anchor.
    Alias(usize),
}

/// How a mapping or sequence is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Form {
    /// By indentation.
    Block,
    /// Inside brackets.
    Flow,
    /// One `key: value` among the elements of a flow sequence, without brackets of its own.
    Pair,
}

/// A node with its place; its children are the parts up to `next`.
#[derive(Clone, Debug)]
pub(in crate::manifest) struct Part {
    pub(in crate::manifest) shape: Shape,
    pub(in crate::manifest) tag: Tag,
    /// Its anchor's number, 0 for none.
    pub(in crate::manifest) anchor: usize,
    /// The byte at which it begins; of a block scalar its text.
    pub(in crate::manifest) start: usize,
    /// The byte after it, as the parser says; [`Layout::end`] knows better.
    end: usize,
    /// The column at which it begins, in characters from 0.
    pub(in crate::manifest) column: usize,
    /// The line, from 1.
    pub(in crate::manifest) line: u32,
    pub(in crate::manifest) parent: Option<usize>,
    /// The index after the last part inside this one.
    pub(in crate::manifest) next: usize,
    /// The last child.
    last: Option<usize>,
    /// Its events.
    pub(in crate::manifest) event: u32,
    pub(in crate::manifest) after: u32,
}

/// All parts of a file.
///
/// # Shape
/// Places are bytes of `source`, which is the file without its byte order mark.
pub(in crate::manifest) struct Layout<'a> {
    pub(in crate::manifest) source: &'a str,
    pub(in crate::manifest) parts: Vec<Part>,
    pub(in crate::manifest) events: Vec<Said>,
    /// The anchors that aliases name.
    shared: BTreeSet<usize>,
}

impl<'a> Layout<'a> {
    /// Reads a text that [`read`](super::read) can read, within its bounds.
    ///
    /// # Errors
    /// The second parser cannot read it.
    pub(in crate::manifest) fn read(text: &'a str) -> Result<Self, Fault> {
        let source = without_mark(text);
        let mut layout = Self { source, parts: vec![], events: vec![], shared: BTreeSet::new() };
        let mut open: Vec<usize> = vec![];
        for next in granit_events(source) {
            let (event, span) = next.map_err(|error| Fault::scan(&error, source))?;
            let parent = open.last().copied();
            match event {
                granit::Event::DocumentStart(..) => layout.events.push(Said::DocumentStart),
                granit::Event::DocumentEnd => layout.events.push(Said::DocumentEnd),
                granit::Event::Alias(id) => {
                    layout.shared.insert(id);
                    layout.part(parent, Shape::Alias(id), (0, None), &span)?;
                    layout.events.push(Said::Alias(id));
                }
                granit::Event::Scalar(text, style, anchor, tag) => {
                    let tag = tag.as_deref().map(granit_tag);
                    let is_absent = absent(&text, style, &span);
                    let (shape, text) = match granit_style(style) {
                        Style::Plain if is_absent || text.is_empty() => (Shape::Absent, String::new()),
                        style => (Shape::Scalar(style), text.into_owned()),
                    };
                    layout.part(parent, shape, (anchor, tag), &span)?;
                    layout.events.push(Said::Scalar(granit_style(style), properties(anchor, tag), text));
                }
                granit::Event::SequenceStart(style, anchor, tag) => {
                    let tag = tag.as_deref().map(granit_tag);
                    open.push(layout.part(parent, Shape::Sequence(form(style, &span)), (anchor, tag), &span)?);
                    layout.events.push(Said::Sequence(properties(anchor, tag)));
                }
                granit::Event::MappingStart(style, anchor, tag) => {
                    let tag = tag.as_deref().map(granit_tag);
                    open.push(layout.part(parent, Shape::Mapping(form(style, &span)), (anchor, tag), &span)?);
                    layout.events.push(Said::Mapping(properties(anchor, tag)));
                }
                granit::Event::SequenceEnd | granit::Event::MappingEnd => {
                    layout.events.push(Said::End);
                    let (next, after, end) = (layout.parts.len(), count(layout.events.len()), byte(&span.end)?);
                    if let Some(part) = open.pop() {
                        let part = &mut layout.parts[part];
                        (part.next, part.after, part.end) = (next, after, end);
                    }
                }
                _ => {}
            }
        }
        Ok(layout)
    }

    fn part(&mut self, parent: Option<usize>, shape: Shape, of: (usize, Option<(&str, &str)>), span: &granit::Span) -> Result<usize, Fault> {
        let tag = match of.1 {
            None => Tag::None,
            Some(("tag:yaml.org,2002:", "str") | ("", "!")) => Tag::Text,
            Some(_) => Tag::Other,
        };
        let (at, event) = (self.parts.len(), count(self.events.len()));
        self.parts.push(Part {
            shape,
            tag,
            anchor: of.0,
            start: byte(&span.start)?,
            end: byte(&span.end)?,
            column: span.start.col(),
            line: u32::try_from(span.start.line()).unwrap_or(u32::MAX),
            parent,
            next: at + 1,
            last: None,
            event,
            after: event + 1,
        });
        if let Some(parent) = parent {
            self.parts[parent].last = Some(at);
        }
        Ok(at)
    }

    /// The part that begins with this event.
    pub(in crate::manifest) fn at_event(&self, event: u32) -> Option<usize> {
        self.parts.binary_search_by_key(&event, |part| part.event).ok()
    }

    /// The decoded value and the style of a scalar.
    pub(in crate::manifest) fn scalar(&self, part: usize) -> Option<(&str, Style)> {
        match &self.events[self.parts[part].event as usize] {
            Said::Scalar(style, _, text) => Some((text, *style)),
            _ => None,
        }
    }

    /// The anchor and tag of a part as one number, 0 where it has neither.
    pub(in crate::manifest) fn properties(&self, part: usize) -> u64 {
        match self.events[self.parts[part].event as usize] {
            Said::Scalar(_, properties, _) | Said::Mapping(properties) | Said::Sequence(properties) => properties,
            _ => 0,
        }
    }

    /// What stands directly in a mapping or sequence.
    pub(in crate::manifest) fn children(&self, part: usize) -> impl Iterator<Item = usize> {
        let (mut at, end) = (part + 1, self.parts[part].next);
        std::iter::from_fn(move || {
            let child = (at < end).then_some(at)?;
            at = self.parts[child].next;
            Some(child)
        })
    }

    /// The keys and values that stand in a mapping itself, none for other parts.
    pub(in crate::manifest) fn entries(&self, part: usize) -> impl Iterator<Item = (usize, usize)> {
        let is_mapping = matches!(self.parts[part].shape, Shape::Mapping(_));
        let mut children = self.children(part).take_while(move |_| is_mapping);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// Whether the values of this part, or of one around it, are read elsewhere too.
    pub(in crate::manifest) fn is_shared(&self, part: usize) -> bool {
        let around = std::iter::successors(Some(part), |part| self.parts[*part].parent);
        !self.shared.is_empty() && around.into_iter().any(|part| self.shared.contains(&self.parts[part].anchor))
    }

    /// The byte after the last byte of a part, without the line break that ends its last line.
    pub(in crate::manifest) fn end(&self, part: usize) -> usize {
        let mut at = part;
        loop {
            let part = &self.parts[at];
            match (part.shape, part.last) {
                (Shape::Mapping(Form::Block | Form::Pair) | Shape::Sequence(Form::Block | Form::Pair), Some(last)) => at = last,
                (Shape::Absent, _) => return self.key_of(at).map_or(part.end, |key| self.colon(key).unwrap_or(self.end(key)).max(part.end)),
                (Shape::Scalar(Style::Literal | Style::Folded), _) => return self.end_of_block_scalar(at),
                _ => return part.end,
            }
        }
    }

    /// The key of a value.
    pub(in crate::manifest) fn key_of(&self, value: usize) -> Option<usize> {
        let mapping = self.parts[value].parent?;
        self.entries(mapping).find(|(_, other)| *other == value).map(|(key, _)| key)
    }

    /// The byte after the `:` that ends a key, where there is one.
    pub(in crate::manifest) fn colon(&self, key: usize) -> Option<usize> {
        let end = self.end(key);
        let rest = &self.source[end..];
        let blank = rest.len() - rest.trim_start().len();
        rest[blank..].starts_with(':').then_some(end + blank + 1)
    }

    /// A block scalar ends with the line of its last word and the empty lines that belong to its value.
    fn end_of_block_scalar(&self, part: usize) -> usize {
        let Part { start, end, .. } = self.parts[part];
        let written = self.source[start..end].trim_end();
        let breaks = self.scalar(part).map_or(0, |(text, _)| text.len() - text.trim_end_matches('\n').len());
        let mut at = start + written.len();
        for _ in 1..breaks.max(1) {
            at = self.line_end(at);
        }
        self.line_break(at).map_or(self.source.len(), |(at, _)| at)
    }

    pub(in crate::manifest) fn is_block_scalar(&self, part: usize) -> bool {
        matches!(self.parts[part].shape, Shape::Scalar(Style::Literal | Style::Folded))
    }

    /// Whether a part is a block scalar to whose value the empty lines below it belong.
    pub(in crate::manifest) fn keeps_lines(&self, part: usize) -> bool {
        self.is_block_scalar(part)
            && part > 0
            && self.source.get(self.parts[part - 1].start..self.parts[part].start).is_some_and(|header| header.contains('+'))
    }

    /// The next line break at or after a byte: where it is, and how long.
    pub(in crate::manifest) fn line_break(&self, at: usize) -> Option<(usize, usize)> {
        let rest = &self.source[at..];
        let found = rest.find(['\n', '\r'])?;
        Some((at + found, if rest[found..].starts_with("\r\n") { 2 } else { 1 }))
    }

    /// The first byte of the line below.
    pub(in crate::manifest) fn line_end(&self, at: usize) -> usize {
        self.line_break(at).map_or(self.source.len(), |(at, length)| at + length)
    }

    /// The first byte of the line.
    pub(in crate::manifest) fn line_start(&self, at: usize) -> usize {
        self.source[..at].rfind(['\n', '\r']).map_or(0, |found| found + 1)
    }

    /// What stands on the line before a byte, where that is white space only.
    pub(in crate::manifest) fn indentation(&self, at: usize) -> Option<&'a str> {
        Some(&self.source[self.line_start(at)..at]).filter(|before| before.trim_matches([' ', '\t']).is_empty())
    }
}

fn form(style: granit::StructureStyle, span: &granit::Span) -> Form {
    match style {
        granit::StructureStyle::Block => Form::Block,
        granit::StructureStyle::Flow if span.start.byte_offset() == span.end.byte_offset() => Form::Pair,
        granit::StructureStyle::Flow => Form::Flow,
    }
}

fn byte(marker: &granit::Marker) -> Result<usize, Fault> {
    marker.byte_offset().ok_or_else(|| Fault::whole("the second YAML reader does not tell where a value stands"))
}

fn count(events: usize) -> u32 {
    u32::try_from(events).expect("a file has at most 8 MiB")
}
