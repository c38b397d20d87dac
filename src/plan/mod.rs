//! From decisions and places to edits, messages and diffs.

pub mod annotate;
pub mod aside;
pub mod check;
pub mod decide;
pub mod diff;
mod gather;
pub mod group;
pub mod index;
pub mod link;
pub mod listing;
pub mod message;
mod place;
pub mod release;
pub mod report;
pub mod rollback;
pub mod safe;
pub mod scanned;
pub mod schedule;
pub mod set;
mod share;
pub mod subject;
pub mod trailer;

pub use decide::{Answer, Failure, Knowledge, Known, Plan, explanation, tags};
pub use group::Group;
pub use index::{Bounds, Index};
pub use share::{Last, Shares};
pub use subject::{Asked, Subject, Subjects, View};
