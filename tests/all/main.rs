//! Tests against real parts.
#![expect(clippy::disallowed_methods, reason = "edge: tests start servers and write files")]

mod kit;
mod registry;
