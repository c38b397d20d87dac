//! Mappings below which entries can be set, added and removed.

use serde::{Deserialize, Serialize};

use super::yaml::{Reading, Tree};

/// A mapping of a file.
///
/// # Shape
/// Belongs to the very bytes that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its first event.
    pub(super) position: u32,
    pub(super) line: u32,
    pub(super) reading: Reading,
}

impl Node {
    /// Where it stands among all that is read in the file.
    pub fn position(&self) -> u32 {
        self.position
    }

    /// A whole file: where its first document begins.
    pub(super) fn of_file(tree: &Tree<'_>) -> Self {
        Self { position: 0, line: 1, reading: tree.reading() }
    }

    /// The node itself, or what an alias stands for.
    pub(super) fn of(tree: &Tree<'_>, node: usize) -> Self {
        let (position, _) = tree.place_in_reading(node);
        Self { position, line: tree.line(tree.target(node)), reading: tree.reading() }
    }
}
