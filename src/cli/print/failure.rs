//! How an error is told.

use std::error::Error;

use crate::plan::safe;

/// An error with its causes, what it stopped, and what to do next, a line each.
pub fn failure(error: &dyn Error, stopped: Option<&str>, hint: Option<&str>) -> String {
    let mut text = format!("error: {}\n", safe::line(&error.to_string()));
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let sentence = error.to_string();
        // Some libraries repeat their cause in their own sentence.
        if !told.contains(&sentence) {
            text.extend(["  because: ", &safe::line(&sentence), "\n"]);
        }
        told = sentence;
        cause = error.source();
    }
    for (word, line) in [("while", stopped), ("hint", hint)] {
        if let Some(line) = line {
            text.extend(["  ", word, ": ", &safe::line(line), "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("cannot push to `main` on ssh://git.example/fleet: {what}")]
    struct PushError {
        what: &'static str,
        source: io::Error,
    }

    #[test]
    fn an_error_says_what_and_why_and_what_next() {
        let error = PushError { what: "no answer came", source: io::Error::other("connection reset\n\u{1b}[31m") };
        insta::assert_snapshot!(failure(&error, Some("3 updates for shop:deployment/frontend"), Some("try again")), @r"
        error: cannot push to `main` on ssh://git.example/fleet: no answer came
          because: connection reset\n\u{1b}[31m
          while: 3 updates for shop:deployment/frontend
          hint: try again
        ");
    }

    #[test]
    fn a_cause_that_was_told_is_not_told_again() {
        let error = PushError { what: "connection reset", source: io::Error::other("connection reset") };
        assert_eq!(failure(&error, None, None), "error: cannot push to `main` on ssh://git.example/fleet: connection reset\n");
    }
}
