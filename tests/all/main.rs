//! Everything that runs against real parts.
#![expect(clippy::disallowed_methods, reason = "edge: tests start programs and read files")]

mod git;
mod git_local;
mod kit;
