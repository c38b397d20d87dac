//! The flags about the log.

use clap::builder::TypedValueParser;
use clap::{Args, builder::PossibleValuesParser};

use crate::config::{LogFormat, LogLevel, LogOverrides, defaults};

/// What is logged, and how.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Log")]
pub struct LogFlags {
    #[arg(long, env = "TAGALONG_LOG_LEVEL", value_name = "LEVEL", value_parser = one_of(LogLevel::WORDS), help = format!("The least that is logged [default: {}]", defaults::LOG.level))]
    log_level: Option<LogLevel>,

    #[arg(long, env = "TAGALONG_LOG_FORMAT", value_name = "FORMAT", value_parser = one_of(LogFormat::WORDS), help = format!("Lines for people, or one JSON object a line [default: {}]", defaults::LOG.format))]
    log_format: Option<LogFormat>,
}

impl LogFlags {
    /// The flags and variables that win over the configuration file.
    pub fn overrides(&self) -> LogOverrides {
        LogOverrides { level: self.log_level, format: self.log_format }
    }
}

/// One of a few words; help and errors list them.
fn one_of<T: Copy + Send + Sync + 'static>(words: &'static [(&'static str, T)]) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word))
        .map(|word| words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value).expect("the parser admits these words only"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        log: LogFlags,
    }

    #[test]
    fn flags_become_overrides() {
        for (word, line, expected) in [
            ("nothing", "x", Some(LogOverrides::default())),
            ("level", "x --log-level debug", Some(LogOverrides { level: Some(LogLevel::Debug), format: None })),
            ("format", "x --log-format json", Some(LogOverrides { level: None, format: Some(LogFormat::Json) })),
            ("another level", "x --log-level loud", None),
            ("another format", "x --log-format xml", None),
        ] {
            assert_eq!(Line::try_parse_from(line.split(' ')).ok().map(|line| line.log.overrides()), expected, "{word}");
        }
    }
}
