//! Text that came from a server, made safe for one line.

use std::fmt::Write as _;

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD as BASE64};
use secrecy::ExposeSecret;

use super::remote::Credentials;

/// What a server says at most, in characters.
const LONGEST: usize = 600;

/// One line of what a server said: its non-empty lines joined by `; `, without control characters, marks of direction, secrets and passwords in URLs.
///
/// A carriage return begins a progress line anew: only what stands last is kept.
pub(super) fn one_line(bytes: &[u8], secret: Option<&Credentials>) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(|line| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default().trim()).filter(|line| !line.is_empty());
    let joined = lines.collect::<Vec<_>>().join("; ");
    let safe: String = joined.chars().filter(|&c| !is_direction(c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let safe = without_userinfo(&without(safe, secret));
    match safe.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &safe[..end]),
        None => safe,
    }
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text without the password in any of the forms in which it is sent: as it is, as an address escapes it, as a header has it.
fn without(text: String, secret: Option<&Credentials>) -> String {
    let Some((user, password)) = secret.map(|secret| (&secret.user, secret.password.expose_secret())).filter(|(_, password)| !password.is_empty())
    else {
        return text;
    };
    let forms = [BASE64.encode(format!("{user}:{password}")), BASE64.encode(password), escaped(password), password.to_owned()];
    forms.iter().fold(text, |text, form| text.replace(form, "***"))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("a string takes all that is written");
        }
    }
    escaped
}

/// The text with the user and password of every URL in it replaced by `***`.
pub(super) fn without_userinfo(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        safe.push_str(before);
        let word = after.split(char::is_whitespace).next().unwrap_or_default();
        rest = match word.rfind('@') {
            Some(end) => {
                safe.push_str("***");
                &after[end..]
            }
            None => after,
        };
    }
    safe + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_becomes_one_safe_line() {
        let secret = Credentials { user: "bot".to_owned(), password: "hunter 2".into() };
        for (word, said, line) in [
            ("two lines", "no images\non Fridays\n", "no images; on Fridays"),
            ("escape", "\u{1b}[31mred\u{7}", " [31mred "),
            ("progress", "50%\r100%\rdone\r\n", "done"),
            ("direction", "a\u{202e}b\u{2066}c", "abc"),
            ("secret", "you sent hunter 2!", "you sent ***!"),
            ("secret in an address", "GET /?p=hunter%202", "GET /?p=***"),
            ("secret in a header", "Basic Ym90Omh1bnRlciAy", "Basic ***"),
            ("secret in base64", "aHVudGVyIDI=", "***="),
            ("URL", "see https://a:b@host/x or ssh://git@h/y z", "see https://***@host/x or ssh://***@h/y z"),
        ] {
            assert_eq!(one_line(said.as_bytes(), Some(&secret)), line, "{word}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let line = one_line("ä".repeat(10_000).as_bytes(), None);
        assert_eq!(line.chars().count(), LONGEST + 1);
    }
}
