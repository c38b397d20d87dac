//! Arguments, output, and one file per verb.

pub mod args;
pub mod demo;
pub mod exit;
mod flags;
pub mod print;
pub mod progress;
mod values;
