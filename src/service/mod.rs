//! One cycle, start to finish: read a repository, ask registries, decide, write.

pub mod command;
pub mod cycle;
mod reading;
mod scan;

pub use command::Command;
pub use cycle::{Clock, Cycle, CycleError, Done, Outcome, Planned, Read, Unit, Wrote};

/// What watches the work go on.
pub trait Watcher {
    /// The repository is read.
    fn reading(&self);
    /// So many of these repositories' tags are listed.
    fn listing(&self, done: usize, total: usize);
    /// So many of these images' metadata are read.
    fn metadata(&self, done: usize, total: usize);
    /// The commit is made and pushed.
    fn writing(&self);
}
