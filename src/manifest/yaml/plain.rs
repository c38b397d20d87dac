//! Which texts may stand without quotes.

use std::sync::LazyLock;

use regex::Regex;

/// What YAML 1.1 or YAML 1.2 reads as something else than text; readers disagree, so that either counts.
///
/// # Source
/// <https://yaml.org/type/>, YAML 1.2.2 §10.3, and the resolvers of go-yaml and `PyYAML`.
static NOT_TEXT: LazyLock<Regex> = LazyLock::new(|| {
    let null = "~|null|Null|NULL|";
    let boolean = "y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF";
    let special = "<<|=|[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN)";
    let integer = "[-+]?(?:[0-9][0-9_]*|0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+)";
    let float = "[-+]?(?:[0-9][0-9_]*(?:\\.[0-9_]*)?|\\.[0-9][0-9_]*)(?:[eE][-+]?[0-9_]+)?";
    let sexagesimal = "[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\\.[0-9_]*)?";
    let time = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \\t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]*)?(?:[ \\t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?";
    let text = format!("^(?:{null}|{boolean}|{special}|{integer}|{float}|{sexagesimal}|{time})$");
    Regex::new(&text).expect("the expression is constant")
});

/// Whether an unquoted scalar means that there is no value.
pub(in crate::manifest) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Whether YAML 1.1 or 1.2 reads an unquoted scalar as a boolean.
pub(in crate::manifest) fn is_boolean(text: &str) -> bool {
    text.len() <= 5 && matches!(&*text.to_ascii_lowercase(), "y" | "yes" | "n" | "no" | "true" | "false" | "on" | "off")
}

/// Whether YAML 1.1 or 1.2 reads an unquoted scalar as a boolean, a number or a time.
pub(in crate::manifest) fn is_something_else(text: &str) -> bool {
    !is_null(text) && NOT_TEXT.is_match(text)
}

/// Whether every reader takes the unquoted text for this very text.
pub(in crate::manifest) fn reads_as_itself(text: &str, inside: Around) -> bool {
    stands_plain(text, inside) && !NOT_TEXT.is_match(text)
}

/// What a plain scalar stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Around {
    /// Block collections only.
    Block,
    /// Braces or brackets, or nobody knows.
    Flow,
}

/// The grammar of plain scalars on one line, without its rare permissions.
fn stands_plain(text: &str, around: Around) -> bool {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return false;
    };
    let second = characters.next();
    let begins = match first {
        '-' | '?' | ':' => second.is_some_and(|c| !c.is_whitespace() && !",[]{}".contains(c)),
        _ => !",[]{}#&*!|>'\"%@`".contains(first),
    };
    let printable = text.chars().all(|c| c == ' ' || !(c.is_control() || c.is_whitespace() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')));
    let flow = around == Around::Flow && text.contains([',', '[', ']', '{', '}']);
    begins && printable && !flow && text.trim() == text && !text.contains(": ") && !text.contains(" #") && !text.ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_reader_takes_for_text_stands_without_quotes() {
        for (word, text, plain) in [
            ("version", "1.2.3", true),
            ("version with v", "v1.10", true),
            ("suffix", "1.10-alpine", true),
            ("name with tag", "redis:7", true),
            ("name with port", "localhost:5000/app", true),
            ("digest", "app@sha256:0123", true),
            ("commit id", "1a2b3c4", true),
            ("release", "RELEASE.2024-01-01T00-00-00Z", true),
            ("underscores", "1_a", true),
            ("two colons no minutes", "10:60", true),
            ("four parts", "1.2.3.4", true),
            ("word", "latest", true),
            ("empty", "", false),
            ("float", "1.10", false),
            ("trailing dot", "1.", false),
            ("leading dot", ".5", false),
            ("negative", "-1.5", false),
            ("exponent", "1e3", false),
            ("signed exponent", "1.5E+3", false),
            ("commit id that is a number", "12e4567", false),
            ("hexadecimal", "0x1f", false),
            ("octal 1.1", "0777", false),
            ("octal 1.2", "0o777", false),
            ("not even octal", "089", false),
            ("binary", "0b101", false),
            ("grouped", "1_000", false),
            ("integer", "42", false),
            ("signed", "+42", false),
            ("sexagesimal", "12:30", false),
            ("long sexagesimal", "1:30:59.5", false),
            ("date", "2024-01-02", false),
            ("short date", "2024-1-2", false),
            ("time", "2024-01-02T10:00:00Z", false),
            ("time with space", "2024-01-02 10:00:00 +01:00", false),
            ("yes", "yes", false),
            ("on", "On", false),
            ("y", "y", false),
            ("n", "N", false),
            ("true", "TRUE", false),
            ("null", "null", false),
            ("tilde", "~", false),
            ("infinity", "-.INF", false),
            ("no number", ".nan", false),
            ("merge", "<<", false),
            ("default value", "=", false),
            ("comment", "a #b", false),
            ("mapping", "a: b", false),
            ("colon at the end", "a:", false),
            ("anchor", "&a", false),
            ("alias", "*", false),
            ("tag", "!a", false),
            ("at", "@a", false),
            ("quote", "'a", false),
            ("dash", "-", false),
            ("long option", "--flag=a", true),
            ("option", "-a", true),
            ("space in front", " a", false),
            ("control", "a\u{7}", false),
            ("tab", "a\tb", false),
        ] {
            assert_eq!(reads_as_itself(text, Around::Block), plain, "{word}: {text}");
        }
    }

    #[test]
    fn brackets_and_commas_need_quotes_inside_brackets_only() {
        for (text, block, flow) in [("a,b", true, false), ("a]", true, false), ("a{b}", true, false), ("ab", true, true), ("[a", false, false)] {
            assert_eq!((reads_as_itself(text, Around::Block), reads_as_itself(text, Around::Flow)), (block, flow), "{text}");
        }
    }
}
