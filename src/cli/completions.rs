//! `completions`: what a shell needs to complete commands and flags.

use clap_complete::{Shell, generate};

use super::{
    Said,
    args::{CompletionShell, CompletionsArgs, definition},
    exit::Exit,
};

/// Prints the script of a shell.
pub fn completions(args: CompletionsArgs) -> Said {
    let shell = match args.shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut definition(), "tagalong", &mut script);
    Said { text: script, talk: String::new(), exit: Exit::Done }
}
