//! What registries list and hold.
#![expect(clippy::disallowed_methods, reason = "edge: the certificates that the configuration names are read here")]

mod challenge;
mod classify;
mod client;
mod created;
mod document;
mod error;
mod flight;
mod limit;
mod look;
mod page;
mod place;
mod retry;
mod said;
mod token;
mod wire;

pub use client::{Client, Clock, Settings};
pub use error::{Fault, Login, Problem, RegistryError, Said, Verb};
pub use page::TagList;
