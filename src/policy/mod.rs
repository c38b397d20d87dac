//! Which tag is chosen, and why every other one lost.

pub mod annotation;
mod code;
pub mod record;

pub use code::{Blame, Code, List, TagCode};
