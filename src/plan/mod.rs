//! From decisions and places to edits, messages and diffs.

pub mod diff;
pub mod message;
pub mod report;
pub mod safe;
