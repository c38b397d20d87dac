//! Reading YAML: two independent parsers behind one flat tree with exact places.
//!
//! yaml-rust2 locates, granit-parser verifies what was written. Where yaml-rust2 cannot read a legal file (a tab after a colon,
//! surrogate pairs in JSON) or would keep too much of it in memory, granit-parser locates too.

mod build;
mod compare;
#[cfg(test)]
mod differential;
mod events;
mod fault;
mod layout;
mod places;
pub(super) mod plain;
pub(super) mod reading;
mod span;
mod tree;

pub(super) use compare::{Replacement, compare};
pub(super) use events::{Comment, comments, read, second_reading};
pub(super) use fault::Fault;
pub(super) use layout::{Form, Layout, Said, Shape};
pub(super) use reading::Reading;
pub(super) use tree::{Kind, Style, Tag, Tree};

/// The lines of a text, as both parsers count them.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let length = if text[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&text[end + length..]);
        Some(&text[..end])
    })
}

/// Collections may stand inside each other this deep.
const DEPTH: usize = 200;
/// A file may hold this many values.
const NODES: usize = 500_000;
/// Aliases may repeat this many values.
const EXPANSION: u64 = 100_000;
/// A file may have this many bytes.
pub(super) const BYTES: usize = 8 << 20;
/// yaml-rust2 keeps all tokens of a flow collection that might be a key: longer texts are located by granit-parser.
const LOOKAHEAD: usize = 1 << 20;
