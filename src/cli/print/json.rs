//! JSON, for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::plan::safe;

/// A value as indented JSON with a newline at its end.
///
/// # Shape
/// Characters that a terminal would act upon are written as `\uXXXX`: the value stays the same.
pub fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("what is printed holds only texts, numbers, lists and keys that are texts");
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // Outside strings JSON holds no such character but its own line ends.
        if c != '\n' && safe::is_unsafe(c) { escape(&mut safe, c) } else { safe.push(c) }
    }
    safe.push('\n');
    safe
}

fn escape(text: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(text, "\\u{unit:04x}").expect("a string takes all that is written");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn absent_is_null_and_keys_are_in_order() {
        let version = crate::plan::report::Version { tag: Some("1.0".into()), digest: None };
        assert_eq!(json(&version), "{\n  \"tag\": \"1.0\",\n  \"digest\": null\n}\n");
    }

    proptest! {
        #[test]
        fn what_is_read_back_is_the_same(text in any::<String>(), tail in prop::sample::select(vec!["\u{202e}", "\u{9b}", "\u{7f}", "\u{e0041}", "\n"])) {
            let value = vec![text, tail.to_owned()];
            let printed = json(&value);
            prop_assert!(printed.chars().all(|c| c == '\n' || !safe::is_unsafe(c)));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&printed).unwrap(), value);
        }
    }
}
