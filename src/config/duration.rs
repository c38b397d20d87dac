//! Spans of time as people write them.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;

/// The units, the longest first.
///
/// # Units
/// Milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A text is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot read `{text}` as a span of time: {what}")]
pub struct DurationError {
    text: String,
    pub(super) what: &'static str,
}

/// Reads `10s`, `5m`, `48h`, `7d`, or several such parts in a row: `1h30m`.
///
/// # Errors
/// A part has no number, no unit or an unknown one, or the sum does not fit.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let error = |what| DurationError { text: text.to_owned(), what };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(error("it is empty"));
    }
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let after = &rest[digits..];
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let number: u64 = match &rest[..digits] {
            "" => return Err(error("a number stands before each unit")),
            number => number.parse().map_err(|_| error("it is too long"))?,
        };
        if letters == 0 {
            return Err(error("a number lacks its unit (`ms`, `s`, `m`, `h` or `d`)"));
        }
        let Some((_, unit)) = UNITS.iter().find(|(name, _)| *name == &after[..letters]) else {
            return Err(error("the units are `ms`, `s`, `m`, `h` and `d`"));
        };
        sum = number.checked_mul(*unit).and_then(|part| sum.checked_add(part)).ok_or_else(|| error("it is too long"))?;
        rest = &after[letters..];
    }
    Ok(Duration::from_millis(sum))
}

/// As [`parse`], for what repeats after a span or gives up after it.
///
/// # Errors
/// As [`parse`], or the span is zero.
pub fn parse_positive(text: &str) -> Result<Duration, DurationError> {
    match parse(text)? {
        Duration::ZERO => Err(DurationError { text: text.to_owned(), what: "it is zero" }),
        span => Ok(span),
    }
}

/// A span of time that something repeats after: as [`parse`] reads it, and not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PositiveSpan(pub(super) Duration);

impl<'de> Deserialize<'de> for PositiveSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match parse(&text) {
            Ok(Duration::ZERO) => Err(D::Error::custom(format!("`{text}` is no span of time above zero"))),
            Ok(span) => Ok(Self(span)),
            Err(error) => Err(D::Error::custom(format!("`{text}` is no span of time: {}", error.what))),
        }
    }
}

/// Prints a span of time as [`parse`] reads it, in the longest units that hold it.
#[derive(Clone, Copy, Debug)]
pub struct Show(
    /// The span.
    pub Duration,
);

impl fmt::Display for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (name, unit) in UNITS {
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_span_has_numbers_with_units() {
        for (word, text, seconds) in [
            ("seconds", "10s", Some(10)),
            ("minutes", "5m", Some(300)),
            ("hours", "48h", Some(172_800)),
            ("days", "7d", Some(604_800)),
            ("as Go prints it", "5m0s", Some(300)),
            ("two parts", "1h30m", Some(5_400)),
            ("milliseconds", "2000ms", Some(2)),
            ("nothing", "0s", Some(0)),
            ("spaces around", " 1m ", Some(60)),
            ("no unit", "60", None),
            ("no number", "m", None),
            ("unknown unit", "3w", None),
            ("negative", "-5s", None),
            ("fraction", "1.5h", None),
            ("empty", "", None),
            ("space inside", "5 m", None),
            ("over the end of time", "99999999999999999999d", None),
            ("over the end by its unit", "999999999999999d", None),
        ] {
            assert_eq!(parse(text).ok(), seconds.map(Duration::from_secs), "{word}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(milliseconds in 0_u64..10_000_000_000) {
            let span = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&Show(span).to_string()), Ok(span));
        }

        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _outcome = parse(&text);
        }
    }
}
