//! One change as bytes and, told apart from them, as what a parser must read afterwards.

use std::ops::Range;

use super::written::Value;
use crate::manifest::yaml::{
    Said, Style,
    plain::{Around, reads_as_itself},
};

/// Bytes in place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Splice {
    pub(super) fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { range: at..at, text: text.into() }
    }

    pub(super) fn remove(range: Range<usize>) -> Self {
        Self { range, text: String::new() }
    }
}

/// What a parser is to read anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fresh {
    DocumentStart,
    DocumentEnd,
    Mapping,
    Sequence,
    End,
    /// Text, with the anchor and tag that stood there before.
    Text(u64, String),
}

/// One change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// The events of the mapping or sequence that changes.
    pub(super) touched: Range<u32>,
    pub(super) splices: Vec<Splice>,
    /// The events that go.
    pub(super) events: Range<u32>,
    /// The events that come.
    pub(super) fresh: Vec<Fresh>,
}

impl Step {
    pub(super) fn touches(&self, other: &Self) -> bool {
        self.touched.start < other.touched.end && other.touched.start < self.touched.end
    }

    /// Whether nothing is to be done.
    pub(super) fn is_nothing(&self) -> bool {
        self.splices.is_empty()
    }
}

impl Value {
    /// What a parser reads.
    pub(super) fn fresh(&self, events: &mut Vec<Fresh>) {
        match self {
            Self::Text(text) => events.push(Fresh::Text(0, text.clone())),
            Self::Mapping(entries) => {
                events.push(Fresh::Mapping);
                for (key, value) in entries {
                    events.push(Fresh::Text(0, key.clone()));
                    value.fresh(events);
                }
                events.push(Fresh::End);
            }
            Self::List(items) => {
                events.push(Fresh::Sequence);
                for item in items {
                    item.fresh(events);
                }
                events.push(Fresh::End);
            }
        }
    }
}

impl Fresh {
    fn is(&self, said: &Said) -> bool {
        match (self, said) {
            (Self::Mapping, Said::Mapping(0))
            | (Self::Sequence, Said::Sequence(0))
            | (Self::End, Said::End)
            | (Self::DocumentStart, Said::DocumentStart)
            | (Self::DocumentEnd, Said::DocumentEnd) => true,
            (Self::Text(properties, text), Said::Scalar(style, others, other)) => {
                let is_text = *style != Style::Plain || reads_as_itself(other, Around::Block);
                is_text && properties == others && text == other
            }
            _ => false,
        }
    }
}

/// The text with all splices; `None` where two of them meet.
pub(super) fn spliced(source: &str, steps: &[Step]) -> Option<String> {
    let mut splices: Vec<&Splice> = steps.iter().flat_map(|step| &step.splices).collect();
    splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
    let mut text = String::with_capacity(source.len() + 256);
    let mut copied = 0;
    for Splice { range, text: new } in splices {
        text.push_str(source.get(copied..range.start)?);
        text.push_str(new);
        copied = range.end;
    }
    text.push_str(source.get(copied..)?);
    Some(text)
}

/// The first event of `after` that the steps do not explain; `None` where they explain all.
pub(super) fn unexplained(before: &[Said], steps: &[Step], after: &[Said]) -> Option<usize> {
    let mut sorted: Vec<&Step> = steps.iter().collect();
    sorted.sort_by_key(|step| (step.events.start, step.events.end));
    let (mut old, mut new) = (0, 0);
    for step in sorted {
        let kept = &before[old..step.events.start as usize];
        if let Some(odd) = differing(kept, &after[new.min(after.len())..]) {
            return Some(new + odd);
        }
        new += kept.len();
        for fresh in &step.fresh {
            if !after.get(new).is_some_and(|said| fresh.is(said)) {
                return Some(new);
            }
            new += 1;
        }
        old = step.events.end as usize;
    }
    let (kept, rest) = (&before[old..], &after[new.min(after.len())..]);
    differing(kept, rest).map(|odd| new + odd).or_else(|| (kept.len() != rest.len()).then_some(new + kept.len()))
}

/// The first of the kept events that is another one afterwards.
fn differing(kept: &[Said], after: &[Said]) -> Option<usize> {
    kept.iter().enumerate().find(|(at, said)| after.get(*at) != Some(said)).map(|(at, _)| at)
}
