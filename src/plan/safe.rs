//! Text that came from a registry or a manifest, made safe for one line.

use std::borrow::Cow;

/// One line that no terminal acts upon: control, line-breaking, direction-changing and invisible characters become escapes like `\u{202e}`.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// As [`line()`], and white space becomes escapes too: one word stays one word.
pub fn word(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_unsafe(c) || c.is_whitespace())
}

/// Whether a terminal or an editor would act upon the character in place of showing it.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escape(text: &str, wants: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&wants) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if wants(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    // `escape_default` leaves a space as it is.
    Cow::Owned(if wants(' ') { safe.replace(' ', "\\u{20}") } else { safe })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_act_upon_becomes_visible() {
        for (word, text, safe) in [
            ("plain", "1.5.0-alpine", "1.5.0-alpine"),
            ("other scripts stay", "für 東京 →", "für 東京 →"),
            ("newline", "a\nImage-Update: x", "a\\nImage-Update: x"),
            ("carriage return", "a\rb", "a\\rb"),
            ("escape sequence", "\u{1b}[31mred", "\\u{1b}[31mred"),
            ("one-byte escape sequence", "\u{9b}31m", "\\u{9b}31m"),
            ("bidirectional override", "a\u{202e}b", "a\\u{202e}b"),
            ("isolate", "\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
            ("line separator", "a\u{2028}b", "a\\u{2028}b"),
            ("zero width", "a\u{200b}b", "a\\u{200b}b"),
        ] {
            assert_eq!(line(text), safe, "{word}");
        }
    }

    #[test]
    fn a_word_holds_no_white_space() {
        for (word_, text, safe) in
            [("plain", "ghcr.io/acme/app", "ghcr.io/acme/app"), ("space", "a b", "a\\u{20}b"), ("wide space", "a\u{3000}b\n", "a\\u{3000}b\\n")]
        {
            assert_eq!(word(text), safe, "{word_}");
        }
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>()) {
            prop_assert!(!line(&text).contains(is_unsafe));
            prop_assert!(!word(&text).contains(|c: char| is_unsafe(c) || c.is_whitespace()));
            let once = line(&text);
            prop_assert_eq!(line(&once), &*once);
        }
    }
}
