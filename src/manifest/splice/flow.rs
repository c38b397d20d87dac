//! New entries in brackets: on a line of their own where the others are.

use super::{
    draft::Draft,
    lines::Hand,
    step::Splice,
    written::{Manner, Value},
};
use crate::manifest::yaml::{Form, Shape, plain::Around};

/// How new text in brackets is written.
pub(super) struct Flow<'h> {
    pub(super) line_break: &'h str,
    pub(super) keys: Manner,
    pub(super) values: Manner,
    /// Between a key and its value.
    pub(super) colon: &'static str,
    /// Inside brackets on one line.
    pub(super) pad: &'static str,
    /// The indentation of the line, and how far what is in brackets stands inside it; else all is on one line.
    pub(super) expand: Option<(String, String)>,
}

/// Where a new entry goes.
pub(super) struct Place<'h> {
    line_break: &'h str,
    /// The byte after the opening bracket, and the one of the closing bracket.
    inside: (usize, usize),
    /// The entry in front.
    front: Option<Front>,
    /// The indentation of lines that hold one entry each.
    pub(super) own_line: Option<String>,
}

/// An entry in front of the new one.
struct Front {
    end: usize,
    /// The byte after its comma.
    comma: Option<usize>,
    /// The end of the line, where nothing but a comment is left on it.
    line: Option<usize>,
    gap: &'static str,
}

impl Place<'_> {
    /// The splices that put the text there.
    pub(super) fn insert(&self, text: &str) -> Vec<Splice> {
        let Some(Front { end, comma, line, gap }) = &self.front else {
            let text = match &self.own_line {
                Some(indent) => format!("{}{indent}{text}{}", self.line_break, self.line_break),
                None => text.to_owned(),
            };
            return vec![Splice { range: self.inside.0..self.inside.1, text }];
        };
        let Some(indent) = &self.own_line else {
            return vec![Splice::insert(*end, format!(",{gap}{text}"))];
        };
        let below = format!("{}{indent}{text}", self.line_break);
        match (comma, line) {
            (Some(_), Some(line)) => vec![Splice::insert(*line, format!("{below},"))],
            (Some(comma), None) => vec![Splice::insert(*comma, format!("{below},"))],
            (None, Some(line)) => vec![Splice::insert(*end, ","), Splice::insert(*line, below)],
            (None, None) => vec![Splice::insert(*end, format!(",{below}"))],
        }
    }
}

impl Hand<'_> {
    /// The place behind an entry, given by its first and last part.
    pub(super) fn place_in_flow(&self, collection: usize, front: Option<(usize, usize)>) -> Place<'_> {
        let (layout, source) = (self.layout, self.layout.source);
        let inside = (layout.parts[collection].start + 1, layout.end(collection) - 1);
        let Some((first, last)) = front else {
            let between = &source[inside.0..inside.1];
            let own_line = between.contains(['\n', '\r']).then(|| format!("{}{}", self.indentation_of_line(inside.0), "  "));
            // A closing bracket on a line of its own stays there.
            let until = if own_line.is_some() { layout.line_start(inside.1).max(inside.0) } else { inside.1 };
            return Place { line_break: self.line_break, inside: (inside.0, until), front: None, own_line };
        };
        let end = layout.end(last);
        let comma = self.comma(end);
        let after = comma.unwrap_or(end);
        let line_break = layout.line_break(after).map_or(source.len(), |(at, _)| at);
        let rest = source[after..line_break].trim_start_matches([' ', '\t']);
        let line = (line_break < source.len() && (rest.is_empty() || rest.starts_with('#'))).then_some(line_break);
        let own_line = layout.indentation(layout.parts[first].start).map(str::to_owned);
        let gap = if self.is_dense(collection) { "" } else { " " };
        Place { line_break: self.line_break, inside, front: Some(Front { end, comma, line, gap }), own_line }
    }

    /// The byte after the comma that ends an entry.
    pub(super) fn comma(&self, end: usize) -> Option<usize> {
        let source = self.layout.source;
        let mut at = end;
        loop {
            match source[at..].chars().next()? {
                ',' => return Some(at + 1),
                '#' => at = self.layout.line_end(at),
                blank if blank.is_whitespace() => at += blank.len_utf8(),
                _ => return None,
            }
        }
    }

    /// Whether values stand directly behind `:`, as machines write JSON.
    fn is_dense(&self, collection: usize) -> bool {
        let layout = self.layout;
        layout.entries(collection).next().is_some_and(|(key, value)| layout.colon(key) == Some(layout.parts[value].start))
    }

    /// A space inside brackets, where others of one line have it.
    pub(super) fn pad(&self, collection: usize) -> &'static str {
        let part = &self.layout.parts[collection];
        let is_padded = matches!(part.shape, Shape::Mapping(Form::Flow) | Shape::Sequence(Form::Flow))
            && self.layout.source[part.start + 1..].starts_with(' ')
            && self.layout.children(collection).next().is_some();
        if is_padded { " " } else { "" }
    }

    /// A new entry of a mapping in brackets.
    pub(super) fn entry_in_flow(&self, draft: &Draft<'_>, mapping: usize, key: &str, value: &Value, place: &Place<'_>) -> String {
        let expand = place.own_line.clone().filter(|_| self.json).map(|indent| (indent, self.step_in_flow(mapping)));
        let flow = self.flow(draft, mapping, value, expand);
        format!("{}{}{}", flow.keys.write(key), flow.colon, flow.value(value))
    }

    /// A new element of a list in brackets, on as many lines as the last one.
    pub(super) fn item_in_flow(&self, draft: &Draft<'_>, list: usize, bottom: usize, item: &Value, place: &Place<'_>) -> String {
        let is_expanded = self.layout.source[self.layout.parts[bottom].start..self.layout.end(bottom)].contains(['\n', '\r']);
        let expand = place.own_line.clone().filter(|_| is_expanded).map(|indent| (indent, self.step_in_flow(list)));
        let flow = self.flow(draft, list, item, expand);
        Flow { values: draft.manner(list, true), colon: if self.is_dense(bottom) { ":" } else { ": " }, pad: self.pad(bottom), ..flow }.value(item)
    }

    /// A value in brackets where a key of this mapping had none.
    pub(super) fn value_in_flow(&self, draft: &Draft<'_>, mapping: usize, key: usize, value: &Value) -> String {
        let own_line = self.layout.indentation(self.layout.parts[key].start).filter(|_| self.json);
        let expand = own_line.map(|indent| (indent.to_owned(), self.step_in_flow(mapping)));
        self.flow(draft, mapping, value, expand).value(value)
    }

    fn flow(&self, draft: &Draft<'_>, collection: usize, value: &Value, expand: Option<(String, String)>) -> Flow<'_> {
        let (keys, values) = (draft.manner_of_keys(collection), self.values(draft, collection, value));
        let around = if draft.is_in_flow(collection) || !matches!(value, Value::Text(_)) { Around::Flow } else { values.around };
        let is_dense = self.json && self.is_dense(collection);
        Flow {
            line_break: self.line_break,
            keys: Manner { around, ..keys },
            values: Manner { around, ..values },
            colon: if is_dense { ":" } else { ": " },
            pad: self.pad(collection),
            expand,
        }
    }

    /// How far entries on their own lines stand inside the closing bracket.
    fn step_in_flow(&self, collection: usize) -> String {
        let layout = self.layout;
        let inner = layout.children(collection).next().and_then(|first| layout.indentation(layout.parts[first].start));
        let outer = self.indentation_of_line(layout.end(collection));
        inner.and_then(|inner| inner.strip_prefix(outer)).filter(|step| !step.is_empty()).unwrap_or("  ").to_owned()
    }

    fn indentation_of_line(&self, at: usize) -> &str {
        let line = &self.layout.source[self.layout.line_start(at)..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }
}

impl Flow<'_> {
    pub(super) fn value(&self, value: &Value) -> String {
        let inner = Flow { expand: self.expand.clone().map(|(indent, step)| (format!("{indent}{step}"), step)), ..*self };
        match value {
            Value::Text(text) => self.values.write(text),
            Value::Mapping(entries) => {
                let entry = |(key, value): &(String, Value)| format!("{}{}{}", self.keys.write(key), self.colon, inner.value(value));
                self.brackets('{', &entries.iter().map(entry).collect::<Vec<_>>(), '}')
            }
            Value::List(items) => self.brackets('[', &items.iter().map(|item| inner.value(item)).collect::<Vec<_>>(), ']'),
        }
    }

    fn brackets(&self, open: char, parts: &[String], close: char) -> String {
        if let Some((indent, step)) = &self.expand {
            let end = self.line_break;
            return format!("{open}{end}{indent}{step}{}{end}{indent}{close}", parts.join(&format!(",{end}{indent}{step}")));
        }
        let comma = if self.colon == ":" { "," } else { ", " };
        format!("{open}{pad}{}{pad}{close}", parts.join(comma), pad = self.pad)
    }
}
