//! Which tag is chosen, and why every other one lost.
//!
//! Pure and total: the same policy, reference, records and clock always give the same decision, whatever the order of the records.
//! Nothing here asks a registry; what is missing is named, and the question asked again with the answers.
//!
//! A policy is read from annotations ([`annotation`]) or a [`comment`]: a [`pattern`], whose versions lie in a [`range`], and own [`keys`]. With the tag in
//! Git and what is known of every listed tag ([`record`]) it makes a [`decision::Question`]. [`decision::decide`] answers with a code, at
//! most one winner, a sentence, the count of each fate, and what it still needs to learn; [`decision::explain`] adds the [`reason`] of
//! every tag, from the same choice.
//!
//! # Shape
//!
//! ```text
//! select   each tag by its name: takes part with a key, or is rejected with a reason
//! choice   among those that take part
//!   by_order   version, number, text: the best by name, looked at once, then the next
//!   by_time    build time: nothing that could still be the newest may be unread
//!   look       what the metadata of one tag says: platform, age, time
//! rollback whether what stands in Git is what is left of a version that was taken back
//! decision from the winner to what becomes of the container: the first row that fits
//!   words      the sentences
//! against  what a policy has against a version that a person asks for
//! ```

pub mod against;
pub mod annotation;
mod choice;
mod code;
pub mod comment;
pub mod decision;
pub mod keys;
pub mod oddity;
pub mod pattern;
pub mod preset;
pub mod range;
pub mod reason;
pub mod record;
pub mod rollback;
mod select;

pub(crate) use code::codes;
pub use code::{Blame, Code, List, TagCode};
