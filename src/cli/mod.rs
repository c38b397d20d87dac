//! Arguments, output, and one file per verb.

pub mod demo;
pub mod print;
pub mod progress;
