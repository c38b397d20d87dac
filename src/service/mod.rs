//! One cycle, start to finish: read a repository, ask registries, decide, write.
#![expect(clippy::disallowed_methods, reason = "edge: reads the clock")]

pub mod cycle;
pub mod http;
pub mod log;
pub mod metrics;
pub mod notify;
mod reading;
pub mod ready;
mod scan;
pub mod shutdown;
pub mod told;

pub use cycle::{Cycle, CycleError, Done, Outcome, Unit};

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
