//! Committed texts that are made from the code: compared, or written anew where a person says so.

use std::{fs, path::Path};

/// Compares a committed file with the text that the code makes of it; `TAGALONG_BLESS=1` writes the text instead.
pub fn assert_fresh(path: &Path, text: &str) {
    if std::env::var("TAGALONG_BLESS").is_ok_and(|value| value == "1") {
        fs::write(path, text).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    if committed == text {
        return;
    }
    let diff = similar::TextDiff::from_lines(committed.as_str(), text).unified_diff().header("committed", "made").to_string();
    panic!("{} is stale, run `just bless` and look at the change:\n{diff}", path.display());
}
