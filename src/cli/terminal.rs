//! The terminal that is printed to, if it is one.

use super::print::Width;

/// The columns of standard output, endless where that is no terminal.
pub fn width() -> Width {
    let terminal = console::Term::stdout();
    match terminal.size_checked() {
        Some((_, columns)) if terminal.is_term() => Width::Columns(usize::from(columns)),
        _ => Width::Endless,
    }
}
