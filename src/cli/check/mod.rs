//! `check`: what is wrong in a repository, or in the configuration.

mod config;
mod repository;

use super::{
    Said,
    args::{Args, CheckArgs},
    error::CommandError,
};

/// Looks for what is wrong, and asks no registry.
///
/// # Errors
/// Nothing could be looked at.
pub fn check(args: &Args, check: &CheckArgs) -> Result<Said, CommandError> {
    if check.config_only { config::check(args, check) } else { repository::check(args, check) }
}
