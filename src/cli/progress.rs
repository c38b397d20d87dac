//! What a person at a terminal sees while the work goes on.

use std::{borrow::Cow, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::plan::safe;

/// How often the mark turns.
const TURN: Duration = Duration::from_millis(100);

/// One line on standard error that says what is going on; it is gone when this is dropped.
///
/// # Shape
/// Nothing is ever written where standard error is no terminal.
#[derive(Debug)]
pub struct Progress {
    line: ProgressBar,
}

impl Progress {
    /// Begins with a line such as `reading fleet`.
    pub fn begin(what: &str) -> Self {
        let progress = Self::drawn_on(what, ProgressDrawTarget::stderr());
        if !progress.line.is_hidden() {
            progress.line.enable_steady_tick(TURN);
        }
        progress
    }

    fn drawn_on(what: &str, target: ProgressDrawTarget) -> Self {
        let line = ProgressBar::with_draw_target(None, target);
        line.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("the template is a constant"));
        let progress = Self { line };
        progress.doing(what);
        progress
    }

    /// Says what goes on now.
    pub fn doing(&self, what: &str) {
        self.line.set_message(safe::line(what).into_owned());
    }

    /// Says how many repositories' tags are listed.
    pub fn listing(&self, done: usize, total: usize) {
        self.counted("listing tags", done, total);
    }

    /// Says how many images' metadata are read.
    pub fn metadata(&self, done: usize, total: usize) {
        self.counted("reading metadata", done, total);
    }

    fn counted(&self, what: &'static str, done: usize, total: usize) {
        let message: Cow<'static, str> = if total > 0 { format!("{what}, {done} of {total}").into() } else { what.into() };
        self.line.set_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use indicatif::TermLike;

    use super::*;

    /// A terminal that keeps all that was ever written to it.
    #[derive(Clone, Debug, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl Paper {
        fn note(&self, text: &str) -> io::Result<()> {
            self.0.lock().map_err(|_| io::Error::other("another test panicked"))?.push_str(text);
            Ok(())
        }
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.note(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.note(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.note("<cleared>")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_sees_each_step_and_an_empty_line_at_the_end() {
        let paper = Paper::default();
        let progress = Progress::drawn_on("reading fleet\u{1b}[2J", ProgressDrawTarget::term_like(Box::new(paper.clone())));
        progress.listing(0, 0);
        progress.listing(2, 7);
        progress.metadata(1, 3);
        drop(progress);
        let seen = paper.0.lock().unwrap();
        let mut rest = seen.as_str();
        for text in ["reading fleet\\u{1b}[2J", "listing tags", "listing tags, 2 of 7", "reading metadata, 1 of 3", "<cleared>"] {
            let (_, after) = rest.split_once(text).unwrap_or_else(|| panic!("`{text}` is not in {seen}"));
            rest = after;
        }
        assert_eq!(rest.trim(), "");
    }
}
