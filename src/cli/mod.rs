//! Arguments, output, and one file per verb.
