//! Arguments, output, and one file per verb.

pub mod print;
