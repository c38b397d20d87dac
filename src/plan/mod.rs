//! From decisions and places to edits, messages and diffs.

pub mod annotate;
pub mod check;
pub mod decide;
pub mod diff;
mod gather;
pub mod index;
pub mod listing;
pub mod message;
mod place;
pub mod report;
pub mod safe;
pub mod schedule;
pub mod set;
pub mod subject;

pub use decide::{Answer, Failure, Knowledge, Known, Plan, explanation, tags};
pub use index::{Bounds, Index};
pub use subject::{Asked, Subject, Subjects, View};
