//! The `tagalong` program.

use std::{
    io::{stderr, stdout},
    panic::catch_unwind,
    process::ExitCode,
};

use tagalong::cli::{args::Args, exit::Exit, run, say};

fn main() -> ExitCode {
    let exit = match Args::of_process() {
        Ok(args) => catch_unwind(|| run(&args)).unwrap_or(Exit::Bug),
        Err(stopped) if stopped.exit == Exit::Done => {
            say(stdout(), stopped.text.as_bytes());
            stopped.exit
        }
        Err(stopped) => {
            say(stderr(), stopped.text.as_bytes());
            stopped.exit
        }
    };
    exit.into()
}
