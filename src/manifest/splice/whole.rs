//! Changes above a single mapping: documents that are added, and YAML in the text of a scalar.

use super::{
    change::{Change, change},
    draft::{Draft, Refusal},
    step::{Fresh, Splice, Step},
    written::{Value, quote},
};
use crate::manifest::yaml::{Said, Shape, Style};

/// A line of a block scalar: its bytes in the file without the line break, and its text.
struct Line<'a> {
    start: usize,
    end: usize,
    text: &'a str,
}

impl Draft<'_> {
    /// One more mapping in a list of the document that has these texts, or a new document at the end.
    pub(super) fn extend(&self, document: &[(Vec<String>, String)], keys: &[String], item: &[(String, String)]) -> Result<Step, Refusal> {
        let is_it = |root: &usize| document.iter().all(|(keys, wanted)| self.text_at(*root, keys).is_some_and(|text| text == wanted));
        let mut roots = (0..self.layout.parts.len()).filter(|part| self.layout.parts[*part].parent.is_none());
        if let Some(root) = roots.find(is_it) {
            return self.append(root, keys, item);
        }
        let mut entries = vec![];
        for (keys, text) in document {
            put(&mut entries, keys, Value::Text(text.clone()));
        }
        let item = item.iter().map(|(key, text)| (key.clone(), Value::Text(text.clone()))).collect();
        put(&mut entries, keys, Value::List(vec![Value::Mapping(item)]));
        let (layout, line_break) = (self.layout, self.hand.line_break);
        if self.hand.json {
            return Err(Refusal { line: 1, reason: "it is JSON, which holds one document".to_owned() });
        }
        let mut lines = self.hand.lines_of_document(&entries);
        let is_first = !layout.events.contains(&Said::DocumentStart);
        lines.splice(0..0, (!is_first).then(|| "---".to_owned()));
        let end = layout.source.len();
        let gap = if end == 0 || layout.source.ends_with(['\n', '\r']) { "" } else { line_break };
        let text = format!("{gap}{}{line_break}", lines.join(line_break));
        let mut fresh = vec![Fresh::DocumentStart];
        Value::Mapping(entries).fresh(&mut fresh);
        fresh.push(Fresh::DocumentEnd);
        let events = u32::try_from(layout.events.len()).expect("a file has at most 8 MiB");
        Ok(Step { touched: events..events + 1, splices: vec![Splice::insert(end, text)], events: events..events, fresh })
    }

    fn text_at(&self, root: usize, keys: &[String]) -> Option<&str> {
        let value = keys.iter().try_fold(root, |part, key| self.own(part, key).map(|(_, value)| value))?;
        self.layout.scalar(value).map(|(text, _)| text)
    }

    /// Changes of the YAML in a literal block scalar: only the lines that change are written anew.
    pub(super) fn inside(&self, position: u32, changes: &[Change]) -> Result<Step, Refusal> {
        let gone = || Refusal { line: 1, reason: "the text is not there any more".to_owned() };
        let part = self.layout.at_event(position).ok_or_else(gone)?;
        let scalar = self.layout.scalar(part).filter(|_| matches!(self.layout.parts[part].shape, Shape::Scalar(_)));
        let Some((before, style @ (Style::Literal | Style::Single | Style::Double))) = scalar else {
            return Err(self.refusal(part, "it stands in a text that is not written as it is read"));
        };
        if self.layout.is_shared(part) {
            return Err(self.refusal(part, "an anchor there is used elsewhere too"));
        }
        let after = change("patch.yaml", before.as_bytes(), changes).map_err(|refused| self.refusal(part, refused.reason))?;
        let after = String::from_utf8(after).map_err(|_| self.refusal(part, "it would be no text"))?;
        let splice = match style {
            Style::Literal => self.lines_inside(part, before, &after)?,
            style => Some(Splice { range: self.layout.parts[part].start..self.layout.end(part), text: quote(&after, style) }),
        };
        let fresh = vec![Fresh::Text(self.layout.properties(part), after.clone())];
        Ok(self.step_in(part, splice.into_iter().collect(), self.layout.parts[part].event..self.layout.parts[part].after, fresh))
    }

    /// Other lines for those of a literal block scalar that change.
    fn lines_inside(&self, part: usize, before: &str, after: &str) -> Result<Option<Splice>, Refusal> {
        let otherwise = || self.refusal(part, "its lines are not found in the file");
        let (indent, lines) = self.lines_of_block(part, before).ok_or_else(otherwise)?;
        let new: Vec<&str> = after.trim_end_matches('\n').split('\n').collect();
        let breaks = |text: &str| text.len() - text.trim_end_matches('\n').len();
        if breaks(before) != breaks(after) || new.iter().all(|line| line.trim().is_empty()) {
            return Err(self.refusal(part, "the end of the text would be another one"));
        }
        let top = lines.iter().zip(&new).take_while(|(old, new)| old.text == **new).count();
        let bottom = lines[top..].iter().rev().zip(new[top..].iter().rev()).take_while(|(old, new)| old.text == **new).count();
        let (old, new) = (&lines[top..lines.len() - bottom], &new[top..new.len() - bottom]);
        let line_break = self.hand.line_break;
        let written: Vec<String> = new.iter().map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") }).collect();
        Ok(match (old, lines.get(top)) {
            ([], _) if new.is_empty() => None,
            ([], Some(below)) => Some(Splice::insert(below.start, [written.join(line_break).as_str(), line_break].concat())),
            ([], None) => lines.last().map(|last| Splice::insert(last.end, format!("{line_break}{}", written.join(line_break)))),
            ([first, ..], _) if new.is_empty() => {
                let (start, end) = (first.start, lines.get(lines.len() - bottom).map(|line| line.start));
                // The line break in front goes with the last lines.
                Some(Splice::remove(
                    end.map_or(top.checked_sub(1).map_or(start, |above| lines[above].end), |_| start)..end.unwrap_or(old[old.len() - 1].end),
                ))
            }
            ([first, ..], _) => Some(Splice { range: first.start..old[old.len() - 1].end, text: written.join(line_break) }),
        })
    }

    /// The indentation and the lines of a literal block scalar, without the line breaks at its end.
    fn lines_of_block<'t>(&self, part: usize, text: &'t str) -> Option<(String, Vec<Line<'t>>)> {
        let (layout, source) = (self.layout, self.layout.source);
        let texts: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
        let first = texts.iter().position(|line| !line.trim().is_empty())?;
        let from = layout.parts[part].start;
        let blank = source.get(from..)?.len() - source.get(from..)?.trim_start().len();
        let mut start = layout.line_start(from + blank);
        let line = &source[start..layout.line_break(start).map_or(source.len(), |(at, _)| at)];
        let indent = line.strip_suffix(texts[first])?.to_owned();
        if !indent.trim_matches(' ').is_empty() {
            return None;
        }
        let mut above: Vec<Line<'t>> = vec![];
        // Empty lines on top.
        let mut top = start;
        for text in texts[..first].iter().rev() {
            let end = source[..top].strip_suffix('\n').map(|rest| rest.strip_suffix('\r').unwrap_or(rest).len())?;
            top = layout.line_start(end);
            above.push(Line { start: top, end, text });
        }
        above.reverse();
        for text in &texts[first..] {
            let end = layout.line_break(start).map_or(source.len(), |(at, _)| at);
            let line = source.get(start..end)?;
            if line.strip_prefix(indent.as_str()).unwrap_or_else(|| line.trim_start_matches(' ')) != *text {
                return None;
            }
            above.push(Line { start, end, text });
            start = layout.line_end(start);
        }
        Some((indent, above))
    }
}

/// Puts a value under a path of keys, beside what stands there.
fn put(entries: &mut Vec<(String, Value)>, keys: &[String], value: Value) {
    let Some((key, rest)) = keys.split_first() else { return };
    if let Some((_, Value::Mapping(below))) = entries.iter_mut().find(|(name, _)| name == key) {
        return put(below, rest, value);
    }
    entries.push((key.clone(), Value::nested(rest, value)));
}
