//! Every test that needs more than one module, or a real part.
#![expect(clippy::disallowed_methods, reason = "edge: tests read files and start servers")]
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod architecture;
mod bless;
mod config;
mod docs;
mod house;
mod paths;
mod repository;
