//! What registries list and hold.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: reads the certificates that the configuration names and the proxies of the environment, and runs credential helpers"
)]

mod address;
mod challenge;
mod classify;
mod client;
mod created;
mod document;
mod error;
mod flight;
mod helper;
mod journal;
mod limit;
mod login;
mod look;
mod pace;
mod page;
mod place;
mod retry;
mod said;
mod token;
mod visit;
mod wire;

pub use address::Where;
pub use client::{Client, Clock, RequestKind, Settings};
pub use error::{Bearing, Fault, Problem, RegistryError, Said, Verb};
pub use helper::HelperError;
pub use journal::Sent;
pub use limit::Budgets;
pub use login::Login;
pub use page::{Pages, TagList, Validators};
pub use place::{SignIn, sign_in};
