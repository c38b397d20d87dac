//! How new keys and values are written: as their neighbours are.

use crate::manifest::yaml::{
    Style,
    plain::{Around, reads_as_itself},
};

/// What is put into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Mapping(Vec<(String, Value)>),
    List(Vec<Value>),
}

/// How texts are written in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// Whether a text that needs no quotes gets none.
    pub(super) plain: bool,
    /// The quotes of the others.
    pub(super) quotes: Style,
    pub(super) around: Around,
}

impl Value {
    /// A mapping in a mapping for each key, the value in the innermost.
    pub(super) fn nested(keys: &[String], value: Self) -> Self {
        keys.iter().rev().fold(value, |value, key| Self::Mapping(vec![(key.clone(), value)]))
    }
}

impl Manner {
    /// The manner in which most of these texts are written; `alone` says whether a text without neighbours stands without quotes.
    pub(super) fn of<'t>(neighbours: impl Iterator<Item = (&'t str, Style)>, alone: bool, around: Around) -> Self {
        let (mut plain, mut single, mut double, mut quoted) = (0, 0, 0, 0);
        for (text, style) in neighbours {
            single += usize::from(style == Style::Single);
            double += usize::from(style == Style::Double);
            // What needs quotes says nothing about what needs none.
            if reads_as_itself(text, around) {
                plain += usize::from(style == Style::Plain);
                quoted += usize::from(matches!(style, Style::Single | Style::Double));
            }
        }
        let plain = if plain + quoted == 0 { alone && single + double == 0 } else { plain >= quoted };
        Self { plain, quotes: if single > double { Style::Single } else { Style::Double }, around }
    }

    /// Double quotes always, as JSON has it.
    pub(super) fn json() -> Self {
        Self { plain: false, quotes: Style::Double, around: Around::Flow }
    }

    /// The text as a scalar on one line.
    pub(super) fn write(self, text: &str) -> String {
        if self.plain && reads_as_itself(text, self.around) { text.to_owned() } else { quote(text, self.quotes) }
    }
}

/// The text in quotes; single ones only where they can hold it.
pub(super) fn quote(text: &str, style: Style) -> String {
    let unprintable = |c: char| c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}');
    // Single quotes know no escapes.
    if style == Style::Single && !text.contains(unprintable) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            character if unprintable(character) => quoted.extend(format!("\\u{:04x}", u32::from(character)).chars()),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
