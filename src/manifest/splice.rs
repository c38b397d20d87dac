//! The editing law: replace the bytes of scalars, keep every other byte, and prove it.

use thiserror::Error;

mod change;
mod draft;
mod flow;
mod lines;
mod step;
mod whole;
mod without;
mod written;

pub use change::{Change, change};

use super::{
    Site,
    site::Within,
    yaml::{
        self, Reading, Replacement, Style,
        plain::{Around, reads_as_itself},
    },
};
use crate::policy::{Blame, Code};
use written::{Manner, quote};

/// A text as it is written where nothing else is known: in quotes only if it needs them.
pub(super) fn plain(text: &str) -> String {
    Manner { plain: true, quotes: Style::Double, around: Around::Block }.write(text)
}

/// A new value for one scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The scalar.
    pub site: Site,
    /// Its whole new value.
    pub to: String,
}

/// Why a file was not edited.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot edit `{path}`: {reason}")]
pub struct EditRefused {
    /// The file.
    pub path: String,
    /// The line, from 1, where one is to blame.
    pub line: Option<u32>,
    /// What happened.
    pub reason: String,
    /// [`Code::UnsupportedScalar`] where its shape allows no such edit, else [`Code::EditRefused`].
    pub code: Code,
}

impl EditRefused {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self.code {
            Code::UnsupportedScalar => Blame::Operator,
            _ => Blame::Bug,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self.code {
            Code::UnsupportedScalar => "change the file yourself".to_owned(),
            _ => "change the file yourself, and report it: the two YAML readers disagree about it".to_owned(),
        })
    }
}

/// Writes new values into the file and verifies by a second parser that nothing else changed.
///
/// # Shape
/// The edits come from one reading of these very bytes, in any order; edits of the same scalar must agree.
///
/// # Errors
/// A value cannot be written, edits disagree, or the verification found another difference: then nothing is to be written.
pub fn edit(path: &str, bytes: &[u8], edits: &[Edit]) -> Result<Vec<u8>, EditRefused> {
    let spliced = splice(path, bytes, edits)?;
    verify(path, bytes, &spliced)?;
    Ok(spliced.bytes)
}

/// A file with new values, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spliced {
    /// The new file.
    pub bytes: Vec<u8>,
    /// What a parser must read in it.
    expected: Option<Reading>,
    replaced: Vec<Replacement>,
}

/// Replaces the bytes of the scalars; everything outside them is copied. [`edit`] is this with its [`verify`].
///
/// # Errors
/// A value cannot be written, edits disagree, or the bytes are not those that the sites were read from.
pub fn splice(path: &str, bytes: &[u8], edits: &[Edit]) -> Result<Spliced, EditRefused> {
    let text = std::str::from_utf8(bytes).map_err(|_| refused(path, None, "it is not UTF-8"))?;
    let edits = sorted(path, edits)?;
    let mut output = String::with_capacity(text.len() + 64);
    let mut expected = edits.first().map(|edit| edit.site.scalar.reading);
    let mut replaced = Vec::with_capacity(edits.len());
    let (mut copied, mut nested) = (0, vec![]);
    for Edit { site, to } in edits {
        let (span, scalar) = (site.scalar.span(), &site.scalar);
        let raw = text.get(span.clone()).filter(|raw| is_written_as(raw, site));
        let raw = raw.ok_or_else(|| refused(path, Some(site.line), "it is not the file that the image was read from"))?;
        let (written, style) = write(raw, site, to, text).map_err(|reason| refused(path, Some(site.line), reason))?;
        output.push_str(&text[copied..span.start]);
        output.push_str(&written);
        copied = span.end;
        if let Some(within) = &scalar.within {
            nested.push((&**within, site, written));
            continue;
        }
        expected = expected.map(|reading| reading.replaced(scalar.share(scalar.style, &site.text), scalar.share(style, to)));
        replaced.push(Replacement {
            start: span.start,
            position: scalar.position,
            line: site.line,
            from: scalar.whole(&site.text).into_owned(),
            to: scalar.whole(to).into_owned(),
        });
    }
    for parts in nested.chunk_by(|(one, ..), (other, ..)| one.start == other.start) {
        let (whole, replacement) = surrounding(parts);
        let scalar = &parts[0].1.scalar;
        expected = expected.map(|reading| reading.replaced(scalar.share(scalar.style, &replacement.from), scalar.share(scalar.style, &whole)));
        replaced.push(replacement);
    }
    replaced.sort_by_key(|replacement| replacement.position);
    output.push_str(&text[copied..]);
    Ok(Spliced { bytes: output.into_bytes(), expected, replaced })
}

/// The new value of a block scalar of which parts were replaced.
fn surrounding(parts: &[(&Within, &Site, String)]) -> (String, Replacement) {
    let (within, site, _) = &parts[0];
    let (mut whole, mut copied) = (String::with_capacity(within.text.len() + 16), 0);
    for (within, _, written) in parts {
        whole.push_str(&within.text[copied..within.from as usize]);
        whole.push_str(written);
        copied = within.to as usize;
    }
    whole.push_str(&within.text[copied..]);
    let Site { line, scalar, .. } = site;
    let replacement =
        Replacement { start: within.start as usize, position: scalar.position, line: *line, from: within.text.clone(), to: whole.clone() };
    (whole, replacement)
}

/// Reads the new file with the second parser: it must differ from the old one by the new values and by nothing else.
///
/// # Errors
/// There is another difference, or the second parser cannot read the file.
pub fn verify(path: &str, before: &[u8], spliced: &Spliced) -> Result<(), EditRefused> {
    let Some(expected) = spliced.expected else {
        return Ok(());
    };
    let texts = (std::str::from_utf8(before), std::str::from_utf8(&spliced.bytes));
    let (Ok(before), Ok(after)) = texts else {
        return Err(refused(path, None, "it is not UTF-8"));
    };
    let result = match yaml::second_reading(after) {
        Ok(reading) if reading == expected => Ok(()),
        // The parsers may disagree about another part of the file: then the second one has to read both.
        Ok(_) => yaml::compare(before, after, &spliced.replaced),
        Err(fault) => Err(fault),
    };
    result.map_err(|fault| refused(path, fault.line, &format!("after the edit, {}", fault.reason)))
}

fn refused(path: &str, line: Option<u32>, reason: &str) -> EditRefused {
    EditRefused { path: path.to_owned(), line, reason: reason.to_owned(), code: Code::EditRefused }
}

/// The edits in the order of the file, each once.
fn sorted<'e>(path: &str, edits: &'e [Edit]) -> Result<Vec<&'e Edit>, EditRefused> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.site.scalar.span().start, edit.site.scalar.span().end));
    sorted.dedup_by(|next, last| next.site.scalar == last.site.scalar && next.to == last.to);
    for pair in sorted.windows(2) {
        let (last, next) = (&pair[0].site, &pair[1].site);
        if next.scalar.span().start < last.scalar.span().end {
            return Err(refused(path, Some(next.line), "two different values are wanted for one scalar"));
        }
        if next.scalar.reading != last.scalar.reading {
            return Err(refused(path, Some(next.line), "its images were read at different times"));
        }
    }
    Ok(sorted)
}

/// Whether the bytes can be those that the site was read from.
fn is_written_as(raw: &str, site: &Site) -> bool {
    let inner = |quote: char| raw.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    match site.scalar.own_style() {
        Style::Plain | Style::Literal | Style::Folded => raw == site.text,
        Style::Single => inner('\'').is_some_and(|inner| inner.contains('\'') || inner == site.text),
        Style::Double => inner('"').is_some_and(|inner| inner.contains('\\') || inner == site.text),
    }
}

/// The new bytes of a scalar and the style that they are written in.
fn write(raw: &str, site: &Site, to: &str, file: &str) -> Result<(String, Style), &'static str> {
    if to.contains(['\n', '\r', '\0', '\u{feff}', '\u{85}', '\u{2028}', '\u{2029}']) {
        return Err("the new value holds a line break, or a character that no image has");
    }
    match site.scalar.own_style() {
        Style::Plain => {
            let around = if raw.contains([',', '[', ']', '{', '}']) { Around::Block } else { Around::Flow };
            if reads_as_itself(to, around) {
                return Ok((to.to_owned(), Style::Plain));
            }
            let style = quotes_of_such_keys(file, site);
            Ok((quote(to, style), style))
        }
        Style::Literal | Style::Folded if to.is_empty() || to.starts_with([' ', '\t']) || to.chars().any(char::is_control) => {
            Err("the new value cannot be written in a block scalar")
        }
        style @ (Style::Literal | Style::Folded) => Ok((to.to_owned(), style)),
        // Single quotes know no escapes.
        Style::Single if to.chars().any(char::is_control) => Ok((quote(to, Style::Double), Style::Double)),
        style => Ok((quote(to, style), style)),
    }
}

/// The quotes that most other values of the same key have in this file; double where there are none or as many.
fn quotes_of_such_keys(file: &str, site: &Site) -> Style {
    let Ok(tree) = yaml::read(file) else {
        return Style::Double;
    };
    let pairs = || (0..tree.len()).flat_map(|node| tree.own_entries(node));
    let is_site =
        |value: usize| tree.place_in_reading(value).0 == site.scalar.position && tree.scalar(value).is_some_and(|(text, _)| text == site.text);
    let Some(key) = pairs().find(|(_, value)| is_site(*value)).and_then(|(key, _)| tree.scalar(key)).map(|(key, _)| key) else {
        return Style::Double;
    };
    let such = pairs().filter(|(name, _)| tree.scalar(*name).is_some_and(|(name, _)| name == key));
    let (mut single, mut double) = (0, 0);
    for style in such.filter_map(|(_, value)| tree.scalar(value)).map(|(_, style)| style) {
        single += usize::from(style == Style::Single);
        double += usize::from(style == Style::Double);
    }
    if single > double { Style::Single } else { Style::Double }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
