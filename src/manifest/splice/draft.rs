//! From a change to the place that it is made in.

use super::{
    change::Change,
    lines::Hand,
    step::{Fresh, Splice, Step},
    written::{Manner, Value, quote},
};
use crate::manifest::yaml::{
    Form, Layout, Shape, Style, Tag,
    plain::{Around, is_null, reads_as_itself},
};

/// Why a change cannot be made in a file of this shape.
pub(super) struct Refusal {
    pub(super) line: u32,
    pub(super) reason: String,
}

/// A file in which changes are drafted.
pub(super) struct Draft<'a> {
    pub(super) layout: &'a Layout<'a>,
    pub(super) hand: Hand<'a>,
}

/// Where a path of keys leads.
enum Way {
    /// To the last of these entries, one in the value of the other.
    There(Vec<(usize, usize)>),
    /// Into a mapping that lacks the key at this place of the path.
    Lacks(usize, usize),
    /// To a value that holds nothing, where a mapping for the key at this place should be.
    Empty(usize, usize),
}

impl<'a> Draft<'a> {
    pub(super) fn new(layout: &'a Layout<'a>) -> Self {
        Self { layout, hand: Hand::of(layout) }
    }

    /// The step that a change of the mapping at this event takes.
    pub(super) fn step(&self, position: u32, change: &Change) -> Result<Step, Refusal> {
        match change {
            Change::Extend { document, keys, item, .. } => return self.extend(document, keys, item),
            Change::Inside { changes, .. } => return self.inside(position, changes),
            _ => {}
        }
        let mapping = self.layout.at_event(position).filter(|part| matches!(self.layout.parts[*part].shape, Shape::Mapping(_)));
        let mapping = mapping.ok_or_else(|| Refusal { line: 1, reason: "the mapping is not there any more".to_owned() })?;
        match change {
            Change::Replace(_) | Change::Extend { .. } | Change::Inside { .. } => Ok(Step::default()),
            Change::Set { keys, value, after, .. } => self.set(mapping, keys, value, after.as_deref()),
            Change::Remove { keys, .. } => self.remove(mapping, keys),
            Change::Append { keys, item, .. } => self.append(mapping, keys, item),
        }
    }

    pub(super) fn refusal(&self, part: usize, reason: impl Into<String>) -> Refusal {
        Refusal { line: self.layout.parts[part].line, reason: reason.into() }
    }

    fn set(&self, mapping: usize, keys: &[String], value: &str, after: Option<&str>) -> Result<Step, Refusal> {
        let text = || Value::Text(value.to_owned());
        match self.walk(mapping, keys)? {
            Way::There(entries) => match entries.last() {
                Some(&(_, old)) => self.replace(old, value),
                None => Err(self.refusal(mapping, "no key is named")),
            },
            Way::Lacks(at, from) => self.enter(at, after.filter(|_| from + 1 == keys.len()), &keys[from], &Value::nested(&keys[from + 1..], text())),
            Way::Empty(old, from) => self.fill(old, &Value::nested(&keys[from..], text())),
        }
    }

    pub(super) fn append(&self, mapping: usize, keys: &[String], item: &[(String, String)]) -> Result<Step, Refusal> {
        let item: Vec<_> = item.iter().map(|(key, text)| (key.clone(), Value::Text(text.clone()))).collect();
        let list = || Value::List(vec![Value::Mapping(item.clone())]);
        match self.walk(mapping, keys)? {
            Way::There(entries) => {
                let (_, old) = *entries.last().ok_or_else(|| self.refusal(mapping, "no key is named"))?;
                match self.layout.parts[old].shape {
                    _ if self.is_empty(old) => self.fill(old, &list()),
                    Shape::Sequence(_) => self.add(old, &Value::Mapping(item)),
                    _ => Err(self.refusal(old, "it is no list")),
                }
            }
            Way::Lacks(at, from) => self.enter(at, None, &keys[from], &Value::nested(&keys[from + 1..], list())),
            Way::Empty(old, from) => self.fill(old, &Value::nested(&keys[from..], list())),
        }
    }

    fn walk(&self, mapping: usize, keys: &[String]) -> Result<Way, Refusal> {
        let (mut at, mut entries) = (mapping, vec![]);
        for (place, key) in keys.iter().enumerate() {
            if place > 0 && self.is_empty(at) {
                return Ok(Way::Empty(at, place));
            }
            match self.layout.parts[at].shape {
                Shape::Mapping(_) => {}
                Shape::Alias(_) => return Err(self.refusal(at, "an alias stands there: what it names is used elsewhere too")),
                _ => return Err(self.refusal(at, "it is no mapping")),
            }
            let Some(entry) = self.own(at, key) else {
                // An own entry hides a merged text as it should; a mapping would hide all that the merged one holds.
                return if place + 1 < keys.len() && self.merges(at, key) {
                    Err(self.refusal(at, from_elsewhere(key)))
                } else {
                    Ok(Way::Lacks(at, place))
                };
            };
            entries.push(entry);
            at = entry.1;
        }
        Ok(Way::There(entries))
    }

    /// The entry of a key that stands in the mapping itself.
    pub(super) fn own(&self, mapping: usize, key: &str) -> Option<(usize, usize)> {
        self.layout.entries(mapping).find(|(name, _)| self.layout.scalar(*name).is_some_and(|(text, _)| text == key))
    }

    /// Whether merge keys bring an entry of this key into a mapping.
    fn merges(&self, mapping: usize, key: &str) -> bool {
        let mut open: Vec<usize> = self.own(mapping, "<<").into_iter().map(|(_, value)| value).collect();
        while let Some(part) = open.pop() {
            match self.layout.parts[part].shape {
                Shape::Alias(anchor) => open.extend(self.layout.parts.iter().position(|part| part.anchor == anchor)),
                Shape::Sequence(_) => open.extend(self.layout.children(part)),
                Shape::Mapping(_) if self.own(part, key).is_some() => return true,
                _ => open.extend(self.own(part, "<<").map(|(_, value)| value)),
            }
        }
        false
    }

    /// Whether a value is null, `{}` or `[]`.
    fn is_empty(&self, part: usize) -> bool {
        match self.layout.parts[part].shape {
            Shape::Absent => true,
            Shape::Scalar(Style::Plain) => self.layout.scalar(part).is_some_and(|(text, _)| is_null(text)),
            Shape::Mapping(Form::Flow) | Shape::Sequence(Form::Flow) => self.layout.children(part).next().is_none(),
            _ => false,
        }
    }

    /// A mapping, list or value may be changed only where nobody else reads it.
    fn check_unshared(&self, part: usize) -> Result<(), Refusal> {
        if self.layout.is_shared(part) { Err(self.refusal(part, "an anchor there is used elsewhere too")) } else { Ok(()) }
    }

    /// Whether the part stands in brackets, thus where commas and brackets end a text.
    pub(super) fn is_in_flow(&self, part: usize) -> bool {
        matches!(self.layout.parts[part].shape, Shape::Mapping(Form::Flow | Form::Pair) | Shape::Sequence(Form::Flow | Form::Pair))
    }

    /// How texts are written in a mapping, or in the mappings of a list.
    pub(super) fn manner(&self, part: usize, alone: bool) -> Manner {
        let around = if self.is_in_flow(part) { Around::Flow } else { Around::Block };
        let texts = |mapping: usize| self.layout.entries(mapping).filter_map(|(_, value)| self.layout.scalar(value));
        match self.layout.parts[part].shape {
            _ if self.hand.json => Manner::json(),
            Shape::Sequence(_) => Manner::of(self.layout.children(part).flat_map(texts), alone, around),
            _ => Manner::of(texts(part), alone, around),
        }
    }

    /// How keys are written in a mapping, or in the mappings of a list.
    pub(super) fn manner_of_keys(&self, part: usize) -> Manner {
        let around = if self.is_in_flow(part) { Around::Flow } else { Around::Block };
        let keys = |mapping: usize| self.layout.entries(mapping).filter_map(|(key, _)| self.layout.scalar(key));
        match self.layout.parts[part].shape {
            _ if self.hand.json => Manner::json(),
            Shape::Sequence(_) => Manner::of(self.layout.children(part).flat_map(keys), true, around),
            _ => Manner::of(keys(part), true, around),
        }
    }

    /// A step in which a part changes.
    pub(super) fn step_in(&self, part: usize, splices: Vec<Splice>, events: std::ops::Range<u32>, fresh: Vec<Fresh>) -> Step {
        Step { touched: self.touched(part), splices, events, fresh }
    }

    fn touched(&self, part: usize) -> std::ops::Range<u32> {
        self.layout.parts[part].event..self.layout.parts[part].after
    }

    /// A text in place of a value.
    fn replace(&self, old: usize, text: &str) -> Result<Step, Refusal> {
        if self.is_empty(old) {
            return self.fill(old, &Value::Text(text.to_owned()));
        }
        let part = &self.layout.parts[old];
        let mapping = part.parent.unwrap_or(old);
        if let Some((is, style)) = self.layout.scalar(old)
            && is_text(is, style, text)
        {
            return Ok(self.step_in(mapping, vec![], 0..0, vec![]));
        }
        self.check_unshared(old)?;
        let manner = self.manner(mapping, false);
        let splices = match part.shape {
            _ if part.tag == Tag::Other => return Err(self.refusal(old, "it has a YAML tag of its own")),
            Shape::Alias(_) => vec![Splice { range: part.start..self.layout.end(old), text: manner.write(text) }],
            Shape::Scalar(style) => self.rewrite(old, style, text, manner)?,
            _ => return Err(self.refusal(old, "it is no text")),
        };
        let fresh = Fresh::Text(self.layout.properties(old), text.to_owned());
        Ok(self.step_in(mapping, splices, part.event..part.after, vec![fresh]))
    }

    /// Other bytes for a scalar, in its own style where that can hold the text.
    fn rewrite(&self, old: usize, style: Style, text: &str, manner: Manner) -> Result<Vec<Splice>, Refusal> {
        let (start, end) = (self.layout.parts[old].start, self.layout.end(old));
        let written = match style {
            Style::Literal | Style::Folded => return self.rewrite_block_scalar(old, text, manner),
            Style::Plain => Manner { plain: true, ..manner }.write(text),
            Style::Single | Style::Double => quote(text, style),
        };
        Ok(vec![Splice { range: start..end, text: written }])
    }

    /// One line is replaced in its place; of several, a text in quotes on the line of the key takes the place.
    fn rewrite_block_scalar(&self, old: usize, text: &str, manner: Manner) -> Result<Vec<Splice>, Refusal> {
        let layout = self.layout;
        let (start, end) = (layout.parts[old].start, layout.end(old));
        let written = layout.source[start..end].trim_end();
        let fits = !text.is_empty() && !text.starts_with([' ', '\t']) && text.trim_end() == text && !text.contains(|c: char| c.is_control());
        let is_line = !written.is_empty() && !written.contains(['\n', '\r']);
        if fits && is_line && layout.scalar(old).is_some_and(|(text, _)| text == written) {
            return Ok(vec![Splice { range: start..start + written.len(), text: text.to_owned() }]);
        }
        let colon = layout.key_of(old).and_then(|key| layout.colon(key)).ok_or_else(|| self.refusal(old, "its key has no colon"))?;
        let mut header = colon;
        for word in layout.source[colon..].split_inclusive([' ', '\t']) {
            if word.starts_with(['|', '>']) {
                break;
            }
            header += word.len();
        }
        let indicator = layout.source[header..].find(|c: char| !"|>+-".contains(c) && !c.is_ascii_digit()).unwrap_or(0);
        let below = layout.line_break(header).map_or(end, |(at, _)| at);
        let quoted = Manner { plain: false, ..manner }.write(text);
        Ok(vec![Splice { range: header..header + indicator, text: quoted }, Splice::remove(below..end.max(below))])
    }

    /// A value where nothing was.
    fn fill(&self, old: usize, value: &Value) -> Result<Step, Refusal> {
        let (layout, part) = (self.layout, &self.layout.parts[old]);
        let (Some(mapping), Some(key)) = (part.parent, layout.key_of(old)) else {
            return Err(self.refusal(old, "it is no value of a mapping"));
        };
        if layout.properties(old) != 0 {
            return Err(self.refusal(old, "it has an anchor or a YAML tag of its own"));
        }
        self.check_unshared(mapping)?;
        let colon = layout.colon(key);
        let from = colon.unwrap_or_else(|| layout.end(key));
        let token = if part.shape == Shape::Absent { from..from } else { part.start..layout.end(old) };
        if layout.source[token.clone()].contains('#') {
            return Err(self.refusal(old, "a comment stands in its brackets"));
        }
        let is_beside = layout.source[from..token.start].chars().all(|c| matches!(c, ' ' | '\t'));
        let is_block = layout.parts[mapping].shape == Shape::Mapping(Form::Block) && !self.hand.json;
        let splices = match value {
            Value::Mapping(_) | Value::List(_) if is_block && is_beside && colon.is_some() => {
                let lines = self.hand.lines_below(self, mapping, value);
                vec![Splice::remove(from..token.end), self.hand.insert_lines(layout.line_end(token.end), &lines)]
            }
            _ => {
                let (gap, token) = match (colon, part.shape) {
                    (None, _) => (": ", token),
                    (_, Shape::Absent) if self.is_in_flow(mapping) && layout.source[from..].starts_with(' ') => ("", from + 1..from + 1),
                    (_, Shape::Absent) => (" ", token),
                    _ => ("", token),
                };
                vec![Splice { range: token, text: format!("{gap}{}", self.hand.value_in_flow(self, mapping, key, value)) }]
            }
        };
        let splices = splices.into_iter().filter(|splice| !(splice.range.is_empty() && splice.text.is_empty())).collect();
        let mut fresh = vec![];
        value.fresh(&mut fresh);
        Ok(self.step_in(mapping, splices, part.event..part.after, fresh))
    }

    /// A new entry.
    fn enter(&self, mapping: usize, after: Option<&str>, key: &str, value: &Value) -> Result<Step, Refusal> {
        self.check_unshared(mapping)?;
        let (layout, part) = (self.layout, &self.layout.parts[mapping]);
        let neighbour = after.and_then(|after| self.own(mapping, after)).or_else(|| layout.entries(mapping).last());
        let splices = match (part.shape, neighbour) {
            (Shape::Mapping(Form::Block), Some((_, last))) => {
                let column = layout.entries(mapping).next().map_or(part.column, |(key, _)| layout.parts[key].column);
                let lines = self.hand.lines(self, mapping, column, key, value);
                vec![self.hand.insert_lines(self.hand.below(layout.end(last), column), &lines)]
            }
            (Shape::Mapping(Form::Flow), neighbour) => {
                let place = self.hand.place_in_flow(mapping, neighbour);
                place.insert(&self.hand.entry_in_flow(self, mapping, key, value, &place))
            }
            _ => return Err(self.refusal(mapping, "it is a single entry without brackets in a list")),
        };
        let event = neighbour.map_or(part.event + 1, |(_, value)| layout.parts[value].after);
        let mut fresh = vec![Fresh::Text(0, key.to_owned())];
        value.fresh(&mut fresh);
        Ok(self.step_in(mapping, splices, event..event, fresh))
    }

    /// A new element of a list that has some.
    fn add(&self, list: usize, item: &Value) -> Result<Step, Refusal> {
        self.check_unshared(list)?;
        let (layout, part) = (self.layout, &self.layout.parts[list]);
        if layout.children(list).any(|other| self.holds(other, item)) {
            return Ok(self.step_in(list, vec![], 0..0, vec![]));
        }
        let bottom = layout.children(list).last().ok_or_else(|| self.refusal(list, "it holds nothing"))?;
        let splices = if part.shape == Shape::Sequence(Form::Block) {
            let dash = self.hand.dash(list).ok_or_else(|| self.refusal(list, "its first dash was not found"))?;
            let lines = self.hand.lines_of_item(self, list, bottom, &dash, item);
            vec![self.hand.insert_lines(self.hand.below(layout.end(bottom), dash.column), &lines)]
        } else {
            let place = self.hand.place_in_flow(list, Some((bottom, bottom)));
            place.insert(&self.hand.item_in_flow(self, list, bottom, item, &place))
        };
        let event = part.after - 1;
        let mut fresh = vec![];
        item.fresh(&mut fresh);
        Ok(self.step_in(list, splices, event..event, fresh))
    }

    /// Whether an element has all entries of another.
    fn holds(&self, part: usize, item: &Value) -> bool {
        let Value::Mapping(entries) = item else { return false };
        entries.iter().all(|(key, value)| {
            let text = self.own(part, key).and_then(|(_, value)| self.layout.scalar(value));
            matches!((text, value), (Some((is, style)), Value::Text(text)) if is_text(is, style, text))
        })
    }

    fn remove(&self, mapping: usize, keys: &[String]) -> Result<Step, Refusal> {
        let entries = match self.walk(mapping, keys)? {
            Way::There(entries) => entries,
            Way::Lacks(at, from) if self.merges(at, &keys[from]) => return Err(self.refusal(at, from_elsewhere(&keys[from]))),
            _ => return Ok(self.step_in(mapping, vec![], 0..0, vec![])),
        };
        let (mut which, mut holder) = (entries.len().saturating_sub(1), mapping);
        let holder_of = |which: usize| if which == 0 { mapping } else { entries[which - 1].1 };
        while which > 0 && self.layout.entries(holder_of(which)).count() == 1 && !self.hand.has_comments(&entries[which - 1], &entries[which]) {
            which -= 1;
        }
        holder = holder_of(which).max(holder);
        let (key, value) = *entries.get(which).ok_or_else(|| self.refusal(mapping, "no key is named"))?;
        self.check_unshared(holder)?;
        let splices = self.hand.without(self, holder, key, value)?;
        Ok(self.step_in(holder, splices, self.layout.parts[key].event..self.layout.parts[value].after, vec![]))
    }
}

fn from_elsewhere(key: &str) -> String {
    format!("`{key}` comes from a merge key: what that names is used elsewhere too")
}

/// Whether a scalar is this very text for every reader.
fn is_text(is: &str, style: Style, text: &str) -> bool {
    match style {
        Style::Plain => is == text && reads_as_itself(text, Around::Block),
        _ => is == text,
    }
}
