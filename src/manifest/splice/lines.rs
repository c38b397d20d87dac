//! Where new entries go and how they look: by indentation or in brackets, as the file has it.

use super::{
    draft::Draft,
    flow::Flow,
    step::Splice,
    written::{Manner, Value},
};
use crate::manifest::yaml::{Form, Layout, Shape, Style, plain::Around};

/// How a file is written.
pub(super) struct Hand<'a> {
    pub(super) layout: &'a Layout<'a>,
    pub(super) line_break: &'static str,
    /// Whether keys and texts have double quotes, as JSON wants.
    pub(super) json: bool,
}

/// The first dash of a list.
pub(super) struct Dash {
    pub(super) column: usize,
    /// From the dash to what follows it, on the same line.
    gap: usize,
}

/// How new lines are written.
struct Writing {
    keys: Manner,
    values: Manner,
    /// How far a mapping stands inside the key above it.
    step: usize,
    /// How far a dash stands inside the key above it.
    list: usize,
    /// From a dash to its element.
    gap: usize,
}

impl<'a> Hand<'a> {
    pub(super) fn of(layout: &'a Layout<'a>) -> Self {
        let source = layout.source;
        let line_break = match layout.line_break(0) {
            Some((at, 1)) if source[at..].starts_with('\r') => "\r",
            Some((_, 2)) => "\r\n",
            _ => "\n",
        };
        let is_flow = layout.parts.first().is_some_and(|part| matches!(part.shape, Shape::Mapping(Form::Flow)));
        let first_key = layout.parts.first().and_then(|_| layout.entries(0).next()).and_then(|(key, _)| layout.scalar(key));
        let json = is_flow && first_key.is_none_or(|(_, style)| style == Style::Double);
        Self { layout, line_break, json }
    }

    /// New lines at the beginning of a line, or below a last one that does not end.
    pub(super) fn insert_lines(&self, at: usize, lines: &[String]) -> Splice {
        let (text, end) = (lines.join(self.line_break), self.line_break);
        let is_open = at == self.layout.source.len() && !self.layout.source.ends_with(['\n', '\r']);
        Splice::insert(at, if is_open { format!("{end}{text}") } else { format!("{text}{end}") })
    }

    /// The first line below an entry, and below the comments that stand further inside than its key.
    pub(super) fn below(&self, end: usize, column: usize) -> usize {
        let mut at = self.layout.line_end(end);
        loop {
            let rest = &self.layout.source[at..];
            let indent = rest.len() - rest.trim_start_matches(' ').len();
            if indent <= column || !rest[indent..].starts_with('#') {
                return at;
            }
            at = self.layout.line_end(at);
        }
    }

    /// The lines of a new entry in a mapping that stands at this column.
    pub(super) fn lines(&self, draft: &Draft<'_>, mapping: usize, column: usize, key: &str, value: &Value) -> Vec<String> {
        let mut lines = vec![];
        self.writing(draft, mapping, value).entry(column, key, value, &mut lines);
        lines
    }

    /// The lines of a new document.
    pub(super) fn lines_of_document(&self, entries: &[(String, Value)]) -> Vec<String> {
        let values = Manner::of(std::iter::empty(), true, Around::Block);
        let (step, list) = if self.layout.parts.is_empty() { (2, 0) } else { (self.step(0), self.list(0)) };
        let writing = Writing { keys: values, values, step, list, gap: 2 };
        let mut lines = vec![];
        for (key, value) in entries {
            writing.entry(0, key, value, &mut lines);
        }
        lines
    }

    /// The lines of a mapping or list below a key of this mapping.
    pub(super) fn lines_below(&self, draft: &Draft<'_>, mapping: usize, value: &Value) -> Vec<String> {
        let mut lines = vec![];
        self.writing(draft, mapping, value).inside(self.column(mapping), value, &mut lines);
        lines
    }

    /// The lines of a new element below the last one.
    pub(super) fn lines_of_item(&self, draft: &Draft<'_>, list: usize, bottom: usize, dash: &Dash, item: &Value) -> Vec<String> {
        let (keys, values) = (draft.manner_of_keys(list), draft.manner(list, true));
        let writing = Writing { keys, values, step: self.step(list), list: self.list(list), gap: dash.gap };
        if self.layout.parts[bottom].shape != Shape::Mapping(Form::Flow) || holds_lines(item) {
            let mut lines = vec![];
            writing.item(dash.column, item, &mut lines);
            return lines;
        }
        let in_flow = |manner: Manner| Manner { around: Around::Flow, ..manner };
        let flow =
            Flow { line_break: self.line_break, keys: in_flow(keys), values: in_flow(values), colon: ": ", pad: self.pad(bottom), expand: None };
        vec![format!("{}-{}{}", " ".repeat(dash.column), " ".repeat(dash.gap - 1), flow.value(item))]
    }

    fn writing(&self, draft: &Draft<'_>, mapping: usize, value: &Value) -> Writing {
        let values = self.values(draft, mapping, value);
        Writing { keys: draft.manner_of_keys(mapping), values, step: self.step(mapping), list: self.list(mapping), gap: 2 }
    }

    /// A text stands among the texts of its mapping; what stands in a new mapping or list has no neighbours.
    pub(super) fn values(&self, draft: &Draft<'_>, mapping: usize, value: &Value) -> Manner {
        let manner = draft.manner(mapping, false);
        if self.json || matches!(value, Value::Text(_)) {
            return manner;
        }
        Manner::of(std::iter::empty(), holds_list(value), manner.around)
    }

    fn column(&self, mapping: usize) -> usize {
        self.layout.entries(mapping).next().map_or(0, |(key, _)| self.layout.parts[key].column)
    }

    /// How far a mapping stands inside another: this one, else one further down, else any.
    fn step(&self, part: usize) -> usize {
        let step = |at: usize| {
            let parent = self.layout.parts[at].parent?;
            let is_block = |part: usize| self.layout.parts[part].shape == Shape::Mapping(Form::Block);
            (is_block(at) && is_block(parent)).then(|| self.column(at).checked_sub(self.column(parent)).filter(|step| *step > 0))?
        };
        let around = std::iter::successors(Some(part), |at| self.layout.parts[*at].parent);
        around.into_iter().find_map(step).or_else(|| (part..self.layout.parts.len()).chain(0..part).find_map(step)).unwrap_or(2)
    }

    /// How far a dash stands inside its key.
    fn list(&self, part: usize) -> usize {
        let list = |at: usize| {
            let parent = self.layout.parts[at].parent.filter(|parent| self.layout.parts[*parent].shape == Shape::Mapping(Form::Block))?;
            let is_list = self.layout.parts[at].shape == Shape::Sequence(Form::Block);
            is_list.then(|| self.dash(at)?.column.checked_sub(self.column(parent)))?
        };
        (part..self.layout.parts.len()).chain(0..part).find_map(list).unwrap_or(0)
    }

    /// The first dash of a list in indentation below a key.
    pub(super) fn dash(&self, list: usize) -> Option<Dash> {
        let source = self.layout.source;
        let mut at = self.layout.colon(self.layout.key_of(list)?)?;
        while !source[at..].starts_with('-') {
            let rest = &source[at..];
            at += match rest.chars().next()? {
                '#' => self.layout.line_end(at) - at,
                '&' | '!' => rest.find(char::is_whitespace)?,
                blank if blank.is_whitespace() => blank.len_utf8(),
                _ => return None,
            };
        }
        let column = self.layout.indentation(at)?.len();
        let first = self.layout.children(list).next()?;
        let start = self.layout.parts[first].start;
        let is_beside = start > at + 1 && !source[at..start].contains(['\n', '\r', '&', '!']);
        Some(Dash { column, gap: if is_beside { start - at } else { 2 } })
    }

    /// Whether comments of their own lines stand in a value around one of its entries.
    pub(super) fn has_comments(&self, (key, value): &(usize, usize), (inner_key, inner): &(usize, usize)) -> bool {
        let layout = self.layout;
        let above = layout.line_end(layout.end(*key))..layout.parts[*inner_key].start;
        let last = layout.end(*inner);
        let below = layout.line_end(last)..self.below(last, layout.parts[*key].column).max(layout.end(*value));
        [above, below].into_iter().any(|range| layout.source.get(range).is_some_and(|text| text.contains('#')))
    }
}

/// Whether a text of several lines reads as itself in a literal block scalar.
fn fits_a_block(text: &str) -> bool {
    text.contains('\n') && !text.starts_with([' ', '\n']) && !text.ends_with('\n') && !text.contains(|c: char| c.is_control() && c != '\n')
}

/// Whether a text of several lines stands in it.
fn holds_lines(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.contains('\n'),
        Value::List(items) => items.iter().any(holds_lines),
        Value::Mapping(entries) => entries.iter().any(|(_, value)| holds_lines(value)),
    }
}

fn holds_list(value: &Value) -> bool {
    match value {
        Value::Text(_) => false,
        Value::List(_) => true,
        Value::Mapping(entries) => entries.iter().any(|(_, value)| holds_list(value)),
    }
}

impl Writing {
    fn entry(&self, column: usize, key: &str, value: &Value, lines: &mut Vec<String>) {
        let (pad, key) = (" ".repeat(column), self.keys.write(key));
        if let Value::Text(text) = value {
            if fits_a_block(text) {
                lines.push(format!("{pad}{key}: |-"));
                let inside = " ".repeat(column + self.step);
                return lines.extend(text.split('\n').map(|line| if line.is_empty() { String::new() } else { format!("{inside}{line}") }));
            }
            lines.push(format!("{pad}{key}: {}", self.values.write(text)));
        } else {
            lines.push(format!("{pad}{key}:"));
            self.inside(column, value, lines);
        }
    }

    /// What stands below a key at this column.
    fn inside(&self, column: usize, value: &Value, lines: &mut Vec<String>) {
        match value {
            Value::Text(_) => {}
            Value::Mapping(entries) => entries.iter().for_each(|(key, value)| self.entry(column + self.step, key, value, lines)),
            Value::List(items) => items.iter().for_each(|item| self.item(column + self.list, item, lines)),
        }
    }

    fn item(&self, dash: usize, item: &Value, lines: &mut Vec<String>) {
        let first = lines.len();
        match item {
            Value::Mapping(entries) => entries.iter().for_each(|(key, value)| self.entry(dash + self.gap, key, value, lines)),
            Value::Text(text) => lines.push(format!("{}{}", " ".repeat(dash + self.gap), self.values.write(text))),
            Value::List(_) => {}
        }
        if let Some(line) = lines.get_mut(first) {
            line.replace_range(dash..=dash, "-");
        }
    }
}
