//! Tests against real parts.

#![expect(clippy::disallowed_methods, reason = "edge: tests run programs and read files")]

mod diff;
mod message;
