//! One cycle, start to finish: read a repository, ask registries, decide, write; and the daemon that does so for months.
#![expect(clippy::disallowed_methods, reason = "edge: measures how long a cycle takes")]

pub mod board;
pub mod check;
pub mod circuit;
pub mod clock;
pub mod command;
mod commit;
pub mod cycle;
pub mod daemon;
pub mod hand;
pub mod http;
pub mod log;
mod memory;
pub mod metrics;
pub mod notify;
mod past;
mod reading;
pub mod ready;
mod scan;
pub mod scanner;
pub mod shutdown;
pub mod told;
pub mod worker;

pub use check::{Checked, Checking};
pub use clock::Clock;
pub use command::{Command, Listed};
pub use commit::Words;
pub use cycle::{Cycle, CycleError, Done, Outcome, Planned, Read, Unit, Wrote};
pub use memory::Memory;
pub use scan::{Inquiry, scan_images};

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
