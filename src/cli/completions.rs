//! `completions`: what a shell needs to complete commands and flags.

use clap_complete::{Shell, generate};
use serde_json::json;

use super::{
    Said,
    args::{CompletionShell, CompletionsArgs, Output, definition},
    exit::Exit,
    print,
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
    let text = match args.output {
        Output::Text => script,
        Output::Json => print::json(&json!({ "shell": shell.to_string(), "script": String::from_utf8_lossy(&script) })).into_bytes(),
    };
    Said { text, talk: String::new(), exit: Exit::Done }
}
