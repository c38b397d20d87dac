//! The arguments of `identity`.

use std::path::PathBuf;

use clap::{ArgAction, builder::BoolishValueParser};

use super::Output;
use crate::cli::values::Address;

/// The arguments of `identity`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong identity --file /etc/tagalong/identity")]
pub struct IdentityArgs {
    /// The repository whose key is meant [default: the only key that the configuration names, else this user's]
    #[arg(value_name = "REPO")]
    pub repo: Option<Address>,

    /// The file of the private key
    #[arg(long, env = "TAGALONG_FILE", value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Make a new key, also where there is one: that one is gone then
    #[arg(long, env = "TAGALONG_REGENERATE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub regenerate: bool,

    /// Print the fingerprint in place of the key
    #[arg(long, env = "TAGALONG_FINGERPRINT", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub fingerprint: bool,

    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}
