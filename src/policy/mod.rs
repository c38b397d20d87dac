//! Which tag is chosen, and why every other one lost.

pub mod annotation;
mod choice;
mod code;
pub mod decision;
pub mod keys;
pub mod pattern;
pub mod range;
pub mod reason;
pub mod record;
mod select;

pub use code::{Blame, Code, List, TagCode};
