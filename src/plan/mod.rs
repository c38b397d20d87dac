//! From decisions and places to edits, messages and diffs.

pub mod report;
