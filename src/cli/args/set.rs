//! The arguments of `set`.

use clap::{ArgAction, builder::BoolishValueParser};

use super::PlanOutput;
use crate::{cli::flags::GitFlags, plan::set::Wish};

/// The arguments of `set`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong set ghcr.io/acme/app:1.2.3 --path k8s")]
pub struct SetArgs {
    /// NAME:TAG, NAME@DIGEST, NAME:TAG@DIGEST or NAME=NEWNAME[:TAG][@DIGEST]; `*` is what stands there
    #[arg(value_name = "REF", required = true, value_parser = Wish::parse)]
    pub wishes: Vec<Wish>,

    /// Only below this file, folder or glob of the repository; repeat it for more [default: everything]
    #[arg(long = "path", env = "TAGALONG_PATH", value_name = "P")]
    pub paths: Vec<String>,

    /// What to print; `diff` is a unified diff of the change
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: PlanOutput,

    /// Write nothing, and exit with 4 if something would change
    #[arg(long, env = "TAGALONG_CHECK", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), conflicts_with = "commit")]
    pub check: bool,

    /// In a work tree, also commit what was written
    #[arg(long, env = "TAGALONG_COMMIT", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub commit: bool,

    /// The repository, and how it is asked.
    #[command(flatten)]
    pub git: GitFlags,
}
