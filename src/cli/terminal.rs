//! The terminal that is printed to, if it is one.

use super::print::{self, Width};
use crate::config::Environment;

/// The columns of standard output, endless where that is no terminal.
pub fn width() -> Width {
    let terminal = console::Term::stdout();
    match terminal.size_checked() {
        Some((_, columns)) if terminal.is_term() && columns > 0 => Width::Columns(usize::from(columns)),
        _ => Width::Endless,
    }
}

/// A text for people, in colour where standard output shows it.
pub fn paint(text: String) -> String {
    painted(text, console::Term::stdout().is_term())
}

/// Talk, in colour where standard error shows it.
pub fn paint_talk(text: String) -> String {
    painted(text, console::Term::stderr().is_term())
}

fn painted(text: String, is_terminal: bool) -> String {
    if wants_colour(is_terminal, &Environment::of_process()) { print::paint(&text) } else { text }
}

/// Whether colour is wanted.
///
/// # Source
/// `NO_COLOR` as no-color.org tells it; `CLICOLOR_FORCE` and `CLICOLOR` as bixense.com/clicolors does, where `NO_COLOR` comes first.
fn wants_colour(is_terminal: bool, environment: &Environment) -> bool {
    let says = |name, value| environment.variable(name) == Some(value);
    let forced = environment.variable("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    let refused = says("CLICOLOR", "0") || says("TERM", "dumb");
    environment.variable("NO_COLOR").is_none() && (forced || is_terminal && !refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_and_for_those_who_want_it() {
        for (word, is_terminal, variables, wanted) in [
            ("terminal", true, &[][..], true),
            ("pipe", false, &[], false),
            ("refused", true, &[("NO_COLOR", "1")], false),
            ("refused with any value", true, &[("NO_COLOR", "0")], false),
            ("empty is not set", true, &[("NO_COLOR", "")], true),
            ("forced", false, &[("CLICOLOR_FORCE", "1")], true),
            ("not forced", false, &[("CLICOLOR_FORCE", "0")], false),
            ("forced and refused", false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
            ("the older word", true, &[("CLICOLOR", "0")], false),
            ("the older word, forced", true, &[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], true),
            ("a terminal without", true, &[("TERM", "dumb")], false),
        ] {
            let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(wants_colour(is_terminal, &environment), wanted, "{word}");
        }
    }
}
