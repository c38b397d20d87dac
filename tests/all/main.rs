//! Tests against real parts.

#![expect(clippy::disallowed_methods, reason = "edge: tests run programs and read files")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod annotate;
mod architecture;
mod bless;
mod check;
mod check_config;
mod config;
mod crash;
mod daemon;
mod demo;
mod deploy;
mod diff;
mod docs;
mod editing;
mod editing_law;
mod end_to_end;
mod faults;
mod git;
mod git_http;
mod git_local;
mod github_app;
mod help;
mod house;
mod identity;
mod kit;
mod kustomize;
mod laws;
mod message;
mod month;
mod paths;
mod presets;
mod registry;
mod remembered;
mod repository;
mod requests;
mod roots;
mod scan;
mod scenarios;
mod secrets;
mod set;
mod sign_in;
mod signing;
mod store;
mod terminal;
mod transport;
