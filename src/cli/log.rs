//! The flags about the log.

use clap::builder::TypedValueParser;
use clap::{Args, builder::PossibleValuesParser};

use super::args::Output;
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

    /// The same for a command whose output is its log: what it is asked to print says how, where nothing else does.
    pub fn overrides_with(&self, output: Option<Output>) -> LogOverrides {
        let format = output.map(|output| if output == Output::Json { LogFormat::Json } else { LogFormat::Text });
        LogOverrides { format: self.log_format.or(format), ..self.overrides() }
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

    #[test]
    fn what_is_printed_says_how_to_log_where_nothing_else_does() {
        for (word, line, output, expected) in [
            ("nothing", "x", None, None),
            ("output", "x", Some(Output::Json), Some(LogFormat::Json)),
            ("text", "x", Some(Output::Text), Some(LogFormat::Text)),
            ("both", "x --log-format text", Some(Output::Json), Some(LogFormat::Text)),
        ] {
            let line = Line::try_parse_from(line.split(' ')).expect("a line");
            assert_eq!(line.log.overrides_with(output).format, expected, "{word}");
        }
    }
}
