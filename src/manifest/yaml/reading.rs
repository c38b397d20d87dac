//! One number for all that a parser read in a text, so that two readings are compared without keeping either.
//!
//! The number is a sum over the events, each mixed with its position: the share of one scalar can be taken out and that of
//! another value put in its place. So the reading expected after an edit follows from the reading before it.

use serde::{Deserialize, Serialize};

use super::Style;

/// All that was read in a text, as one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::manifest) struct Reading {
    sum: u64,
    events: u32,
}

/// What an event is, apart from scalars.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    DocumentStart = 1,
    DocumentEnd = 2,
    Sequence = 3,
    Mapping = 4,
    End = 5,
    Alias = 6,
}

impl Reading {
    /// Adds an event that is no scalar and returns its position; `properties` are those of [`properties`], or an alias's target.
    pub(super) fn mark(&mut self, mark: Mark, properties: u64) -> u32 {
        let position = self.events;
        self.add(mix(mix(u64::from(position), mark as u64), properties));
        position
    }

    /// How many events there were.
    pub(in crate::manifest) fn events(self) -> u32 {
        self.events
    }

    /// Adds a scalar and returns its position among the events.
    pub(super) fn scalar(&mut self, style: Style, properties: u64, text: &str) -> u32 {
        let position = self.events;
        self.add(share(position, style, properties, text));
        position
    }

    fn add(&mut self, share: u64) {
        self.sum = self.sum.wrapping_add(share);
        self.events += 1;
    }

    /// The reading with the share of one scalar replaced by that of another.
    pub(in crate::manifest) fn replaced(self, old: u64, new: u64) -> Self {
        Self { sum: self.sum.wrapping_sub(old).wrapping_add(new), ..self }
    }
}

/// The share of a scalar in a reading.
pub(in crate::manifest) fn share(position: u32, style: Style, properties: u64, text: &str) -> u64 {
    words(mix(mix(u64::from(position), 16 + style as u64), properties), text)
}

/// The anchor and the tag of a node as one number, 0 where it has neither.
pub(super) fn properties(anchor: usize, tag: Option<(&str, &str)>) -> u64 {
    match (anchor, tag) {
        (0, None) => 0,
        (anchor, None) => mix(1, anchor as u64),
        (anchor, Some((handle, suffix))) => words(words(mix(2, anchor as u64), handle), suffix),
    }
}

fn mix(state: u64, value: u64) -> u64 {
    let product = (state ^ value).wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    product ^ (product >> 32)
}

fn words(state: u64, text: &str) -> u64 {
    let (whole, rest) = text.as_bytes().as_chunks::<8>();
    let state = whole.iter().fold(mix(state, text.len() as u64), |state, word| mix(state, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(state, u64::from_le_bytes(last))
}
