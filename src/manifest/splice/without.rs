//! An entry taken out: its lines go, or its part of a line.

use super::{
    draft::{Draft, Refusal},
    lines::Hand,
    step::Splice,
};
use crate::manifest::yaml::{Form, Shape};

impl Hand<'_> {
    /// The splices that take an entry out of a mapping; the last one leaves `{}`.
    pub(super) fn without(&self, draft: &Draft<'_>, mapping: usize, key: usize, value: usize) -> Result<Vec<Splice>, Refusal> {
        let layout = self.layout;
        let entries: Vec<(usize, usize)> = layout.entries(mapping).collect();
        let place = entries.iter().position(|entry| *entry == (key, value)).unwrap_or(0);
        match layout.parts[mapping].shape {
            Shape::Mapping(Form::Flow) => Ok(self.without_in_flow(mapping, &entries, place)),
            Shape::Mapping(Form::Block) if entries.len() == 1 => self.emptied(draft, mapping, key, value),
            Shape::Mapping(Form::Block) => match (layout.indentation(layout.parts[key].start), entries.get(place + 1)) {
                (Some(indent), _) if indent.len() == layout.parts[key].column => Ok(vec![self.without_lines(key, value)]),
                // The first key stands behind a dash: the next one takes its place.
                (_, Some((next, _))) => {
                    let range = layout.parts[key].start..layout.parts[*next].start;
                    let below = layout.source.get(layout.line_end(layout.end(value))..range.end).unwrap_or_default();
                    if below.contains('#') || !layout.source[..range.start].ends_with([' ', '\t']) {
                        return Err(draft.refusal(key, "a comment stands between it and the next key"));
                    }
                    Ok(vec![Splice::remove(range)])
                }
                _ => Err(draft.refusal(key, "its line begins with something else")),
            },
            _ => Err(draft.refusal(mapping, "it is a single entry without brackets in a list")),
        }
    }

    /// Whole lines; of a last line that does not end, the break in front of it.
    fn without_lines(&self, key: usize, value: usize) -> Splice {
        let (layout, source) = (self.layout, self.layout.source);
        let (start, mut until) = (layout.line_start(layout.parts[key].start), layout.line_end(layout.end(value)));
        // A block scalar above that keeps its empty lines would take those below for its own.
        while key > 0 && layout.keeps_lines(key - 1) && until < source.len() && source[until..layout.line_end(until)].trim().is_empty() {
            until = layout.line_end(until);
        }
        let is_open = until == source.len() && !source.ends_with(['\n', '\r']);
        if is_open && !(key > 0 && layout.is_block_scalar(key - 1)) {
            let before = &source[..start];
            let before = before.strip_suffix("\r\n").or_else(|| before.strip_suffix(['\n', '\r'])).unwrap_or(before);
            return Splice::remove(before.len()..until);
        }
        Splice::remove(start..until)
    }

    /// `{}` in place of the only entry.
    fn emptied(&self, draft: &Draft<'_>, mapping: usize, key: usize, value: usize) -> Result<Vec<Splice>, Refusal> {
        let layout = self.layout;
        let (start, end) = (layout.parts[key].start, layout.end(value));
        let outer = layout.key_of(mapping).and_then(|key| layout.colon(key));
        match outer {
            Some(colon) if layout.properties(mapping) == 0 => Ok(vec![Splice::insert(colon, " {}"), self.without_lines(key, value)]),
            Some(_) => Err(draft.refusal(mapping, "it has an anchor or a YAML tag of its own")),
            None => Ok(vec![Splice { range: start..end, text: "{}".to_owned() }]),
        }
    }

    fn without_in_flow(&self, mapping: usize, entries: &[(usize, usize)], place: usize) -> Vec<Splice> {
        let (layout, source) = (self.layout, self.layout.source);
        let (key, value) = entries[place];
        let (start, end) = (layout.parts[key].start, layout.end(value));
        let comma = self.comma(end);
        let after = comma.unwrap_or(end);
        let line_break = layout.line_break(after).map_or(source.len(), |(at, _)| at);
        let rest = source[after..line_break].trim_start_matches([' ', '\t']);
        let own_line = layout.indentation(start).is_some() && (rest.is_empty() || rest.starts_with('#'));
        let inside = (layout.parts[mapping].start + 1, layout.end(mapping) - 1);
        if entries.len() == 1 && !source[inside.0..start].contains('#') && !source[after..inside.1].contains('#') {
            return vec![Splice::remove(inside.0..inside.1)];
        }
        let mut splices = vec![];
        let is_last = place + 1 == entries.len();
        if is_last && comma.is_none() && place > 0 {
            // The comma in front was between the two.
            let end = layout.end(entries[place - 1].1);
            if let Some(comma) = self.comma(end) {
                if !own_line {
                    return vec![Splice::remove(end..comma), Splice::remove(comma.max(self.blank_before(start))..after)];
                }
                splices.push(Splice::remove(comma - 1..comma));
            }
        }
        splices.push(match own_line {
            true => Splice::remove(layout.line_start(start)..layout.line_end(after)),
            false if is_last => Splice::remove(self.blank_before(start)..after),
            false => Splice::remove(start..after + (source[after..].len() - source[after..].trim_start_matches([' ', '\t']).len())),
        });
        splices
    }

    /// Where the white space in front of a byte begins, on its line.
    fn blank_before(&self, at: usize) -> usize {
        self.layout.source[..at].trim_end_matches([' ', '\t']).len()
    }
}
