//! Two files read side by side by the second parser.

use granit_parser::{Event, ScanError, Span};

use super::{Fault, events::granit_events};

/// A scalar whose value is meant to differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::manifest) struct Replacement {
    /// The byte of the old file at which the scalar begins.
    pub(in crate::manifest) start: usize,
    /// Its position among the events.
    pub(in crate::manifest) position: u32,
    /// Its line, for people.
    pub(in crate::manifest) line: u32,
    /// The whole decoded value before.
    pub(in crate::manifest) from: String,
    /// The whole decoded value after.
    pub(in crate::manifest) to: String,
}

/// Compares all that is read in two files.
///
/// # Errors
/// They differ elsewhere than at the replaced scalars, or there in another way.
pub(in crate::manifest) fn compare(before: &str, after: &str, replaced: &[Replacement]) -> Result<(), Fault> {
    let skipped = before.len() - super::events::without_mark(before).len();
    let (mut old, mut new) = (granit_events(before), granit_events(after));
    let mut replaced = replaced.iter().peekable();
    let mut position = 0;
    loop {
        let (Some(one), Some(other)) = (old.next(), new.next()) else {
            return match replaced.next() {
                None => Ok(()),
                Some(missing) => Err(Fault::at(missing.line, "the second YAML reader does not find the image")),
            };
        };
        let ((one, span), (other, other_span)) = (read(one, before)?, read(other, after)?);
        if matches!(one, Event::StreamStart | Event::StreamEnd) && one == other {
            continue;
        }
        let same = match replaced.next_if(|replacement| replacement.position == position) {
            None => one == other,
            Some(meant) => span.start.byte_offset() == Some(meant.start - skipped) && is_replaced(&one, &other, meant),
        };
        if !same {
            let line = u32::try_from(other_span.start.line()).unwrap_or(u32::MAX);
            return Err(Fault::at(line, "the second YAML reader finds another value than the one that was meant"));
        }
        position += 1;
    }
}

fn read<'e>(event: Result<(Event<'e>, Span), ScanError>, source: &str) -> Result<(Event<'e>, Span), Fault> {
    event.map_err(|error| Fault::scan(&error, source))
}

fn is_replaced(one: &Event<'_>, other: &Event<'_>, meant: &Replacement) -> bool {
    match (one, other) {
        (Event::Scalar(from, _, anchor, tag), Event::Scalar(to, _, other_anchor, other_tag)) => {
            (&**from, &**to) == (meant.from.as_str(), meant.to.as_str()) && (anchor, tag) == (other_anchor, other_tag)
        }
        _ => false,
    }
}
