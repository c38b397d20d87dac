//! Unified diffs that `git apply` accepts.

use std::{fmt::Write as _, ops::Range};

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

/// The lines around a change that a hunk shows.
const CONTEXT: usize = 3;

/// The diff of one file of a repository, empty where nothing changed.
///
/// # Shape
/// Bytes, because the file's bytes stand in it as they are; lines end at `\n` alone, as git reads them.
///
/// # Source
/// git-diff(1), "Generating patch text with -p".
pub fn unified(path: &str, before: &[u8], after: &[u8]) -> Vec<u8> {
    if before == after {
        return Vec::new();
    }
    let (old, new) = (lines(before), lines(after));
    let mut text = header(path).into_bytes();
    for hunk in group_diff_ops(capture_diff_slices(Algorithm::Myers, &old, &new), CONTEXT) {
        write_hunk(&mut text, &hunk, &old, &new);
    }
    text
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').collect()
}

fn header(path: &str) -> String {
    let (old, new) = (quoted(&format!("a/{path}")), quoted(&format!("b/{path}")));
    // A name with a space ends in a tab on these two lines, or a reader would take a date for a part of it.
    let tab = if path.contains(' ') && !old.starts_with('"') { "\t" } else { "" };
    format!("diff --git {old} {new}\n--- {old}{tab}\n+++ {new}{tab}\n")
}

/// A path as git writes it: in C's quotes where it holds a quote, a backslash, a control character or a byte above ASCII.
fn quoted(path: &str) -> String {
    if path.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        return path.to_owned();
    }
    let mut text = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'\x07' => text.push_str("\\a"),
            b'\x08' => text.push_str("\\b"),
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\x0b' => text.push_str("\\v"),
            b'\x0c' => text.push_str("\\f"),
            b'\r' => text.push_str("\\r"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\{byte:03o}").expect("a string takes all that is written"),
        }
    }
    text.push('"');
    text
}

fn write_hunk(text: &mut Vec<u8>, hunk: &[DiffOp], old: &[&[u8]], new: &[&[u8]]) {
    let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { return };
    let old_range = first.old_range().start..last.old_range().end;
    let new_range = first.new_range().start..last.new_range().end;
    text.extend(format!("@@ -{} +{} @@\n", numbers(&old_range), numbers(&new_range)).bytes());
    for op in hunk {
        let (tag, old_lines, new_lines) = op.as_tag_tuple();
        match tag {
            DiffTag::Equal => write_lines(text, b' ', &old[old_lines]),
            DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
                write_lines(text, b'-', &old[old_lines]);
                write_lines(text, b'+', &new[new_lines]);
            }
        }
    }
}

/// Start and count, from 1; an empty range names the line before it.
fn numbers(range: &Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        count => format!("{},{count}", range.start + 1),
    }
}

fn write_lines(text: &mut Vec<u8>, sign: u8, lines: &[&[u8]]) {
    for line in lines {
        text.push(sign);
        text.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            text.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_stands_in_three_lines_of_context() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let after = before.replace('5', "five");
        insta::assert_snapshot!(String::from_utf8(unified("apps/a.yaml", before.as_bytes(), after.as_bytes())).unwrap(), @r"
        diff --git a/apps/a.yaml b/apps/a.yaml
        --- a/apps/a.yaml
        +++ b/apps/a.yaml
        @@ -2,7 +2,7 @@
         2
         3
         4
        -5
        +five
         6
         7
         8
        ");
    }

    #[test]
    fn nothing_changed_is_no_diff() {
        assert!(unified("a", b"same", b"same").is_empty());
    }

    #[test]
    fn a_path_is_quoted_as_git_quotes_it() {
        for (word, path, text) in [
            ("plain", "apps/a-1.yaml", "apps/a-1.yaml"),
            ("space", "a b.yaml", "a b.yaml"),
            ("quote", "a\"b", r#""a\"b""#),
            ("backslash", r"a\b", r#""a\\b""#),
            ("tab", "a\tb", r#""a\tb""#),
            ("newline", "a\nb", r#""a\nb""#),
            ("escape", "a\u{1b}b", r#""a\033b""#),
            ("delete", "a\u{7f}b", r#""a\177b""#),
            ("not ascii", "é", r#""\303\251""#),
        ] {
            assert_eq!(quoted(path), text, "{word}");
        }
    }
}
