//! The arguments of the commands that are about the program itself.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Output;

/// The arguments of `demo`.
#[derive(Clone, Copy, Debug, Args)]
#[command(after_help = "Example:\n  tagalong demo")]
pub struct DemoArgs {
    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// The arguments of `completions`.
#[derive(Clone, Copy, Debug, Args)]
#[command(after_help = "Example:\n  tagalong completions bash")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: CompletionShell,

    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// The shells that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompletionShell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// The arguments of `man`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  tagalong man --out /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(long, env = "TAGALONG_OUT", value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// The arguments of `help`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  tagalong help policies")]
pub struct HelpArgs {
    /// A topic, or the words of a command
    #[arg(value_name = "TOPIC")]
    pub topic: Vec<String>,

    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}
