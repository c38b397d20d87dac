//! Tests against real parts.

#![expect(clippy::disallowed_methods, reason = "edge: tests run programs and read files")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod bless;
mod config;
mod demo;
mod diff;
mod git;
mod git_local;
mod kit;
mod message;
