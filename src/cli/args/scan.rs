//! The arguments of `scan`.

use std::{num::NonZeroUsize, time::Duration};

use clap::{ArgAction, builder::BoolishValueParser};

use super::Output;
use crate::{
    cli::flags::{Manners, with_default},
    config::{Overrides, Show, defaults, parse_interval},
    image::Reference,
};

/// The arguments of `scan`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tagalong scan ghcr.io/acme/frontend --limit 50 --explain-requests")]
pub struct ScanArgs {
    /// NAME, or NAME:TAG for that tag alone
    #[arg(value_name = "IMAGE", required = true, value_parser = untied)]
    pub images: Vec<Reference>,

    /// How many tags of an image are looked at and shown, the highest versions first
    #[arg(long, env = "TAGALONG_LIMIT", value_name = "COUNT", default_value = "20")]
    pub limit: NonZeroUsize,

    /// Also tell what was asked of the registries, and why
    #[arg(long, env = "TAGALONG_EXPLAIN_REQUESTS", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub explain_requests: bool,

    #[arg(long, env = "TAGALONG_TIMEOUT", value_name = "DURATION", value_parser = parse_interval, help = with_default("Go on without learning anything new from a registry for so long", Show(defaults::TIMEOUT)))]
    timeout: Option<Duration>,

    /// What to print
    #[arg(long, env = "TAGALONG_OUTPUT", value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,

    #[command(flatten)]
    registries: Manners,
}

impl ScanArgs {
    /// The flags and variables that win over the configuration file.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides { timeout: self.timeout, registry: self.registries.overrides(), ..Overrides::default() }
    }
}

/// An image by its name or its tag.
fn untied(text: &str) -> Result<Reference, String> {
    let reference = Reference::parse(text).map_err(|error| error.to_string())?;
    if reference.digest.is_some() { Err("tags are scanned: leave the digest out".to_owned()) } else { Ok(reference) }
}
