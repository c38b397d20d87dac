//! What the daemon logs.

use std::fmt;

/// What the daemon logs, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least that is logged.
    pub level: LogLevel,
    /// What a line looks like.
    pub format: LogFormat,
}

/// What flags say about the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOverrides {
    /// `--log-level`.
    pub level: Option<LogLevel>,
    /// `--log-format`.
    pub format: Option<LogFormat>,
}

/// How much a line of the log matters, what matters most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// A person has to act.
    Error,
    /// Something does not work, and may again.
    Warn,
    /// What was done.
    Info,
    /// How it was done.
    Debug,
}

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl LogLevel {
    /// Every level with its word.
    pub const WORDS: &[(&'static str, Self)] = &[("error", Self::Error), ("warn", Self::Warn), ("info", Self::Info), ("debug", Self::Debug)];
}

impl LogFormat {
    /// Every format with its word.
    pub const WORDS: &[(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(word(Self::WORDS, *self))
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(word(Self::WORDS, *self))
    }
}

fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], wanted: T) -> &'static str {
    words.iter().find(|(_, value)| *value == wanted).map(|(word, _)| *word).expect("every value has its word")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_printed_as_it_is_read() {
        for (word, level) in LogLevel::WORDS {
            assert_eq!(level.to_string(), *word);
        }
        for (word, format) in LogFormat::WORDS {
            assert_eq!(format.to_string(), *word);
        }
        assert_eq!((LogLevel::WORDS.len(), LogFormat::WORDS.len()), (LogLevel::Debug as usize + 1, LogFormat::Json as usize + 1));
    }
}
