//! Arguments, output, and one file per verb.

pub mod args;
pub mod exit;
mod flags;
mod values;
