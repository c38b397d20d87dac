//! What was seen, kept from one run to the next: tags with the time each was first seen, what images say, schedules, parsed files.
//!
//! All of it is a memory that may be lost: losing it costs requests and time, never a wrong tag.
#![expect(clippy::disallowed_methods, reason = "edge: keeps a file in the state folder")]

mod embedded;
mod error;
mod facts;
mod parsed;
mod record;
mod rest;
mod seen;
mod wire;

use std::future::Future;

use jiff::Timestamp;

pub use embedded::Embedded;
pub use error::{Notice, StoreError, Why};
pub use facts::{Facts, Pack};
pub use parsed::{FileIds, Parsed, Screening, decode_parsed, encode_parsed};
pub use record::{Kept, Record, load};
pub use rest::HostRest;
pub use seen::{Check, Found, Mark, Packed, Seen, SeenTag, Standing, Trouble};

/// Where rows are kept and found again; they are opaque here.
///
/// # Shape
/// Narrow, so that a server of many machines can stand behind it: ids are texts, values are bytes with a generation, and the
/// clock is the caller's.
pub trait Store: Send + Sync + 'static {
    /// The rows with these ids, in their order, all of one moment.
    fn load(&self, kind: Kind, ids: Vec<String>) -> impl Future<Output = Result<Vec<Option<Row>>, StoreError>> + Send;

    /// Writes each row whose generation is still the one that its writer saw, all in one transaction; answers in their order.
    fn save_if(&self, writes: Vec<Write>) -> impl Future<Output = Result<Vec<Saved>, StoreError>> + Send;

    /// Leases the rows that are due, the longest overdue first; what somebody has leased is left out.
    fn next_due(&self, kind: Kind, claim: Claim, window: Window) -> impl Future<Output = Result<Due, StoreError>> + Send;

    /// Makes a row due at this time unless it is due earlier; a row that is leased now is due once more after it.
    fn hint(&self, kind: Kind, id: String, at: Timestamp) -> impl Future<Output = Result<Hinted, StoreError>> + Send;

    /// Leases a row, prolongs the holder's own lease, or ends it (`until` not after `now`).
    fn lease(&self, kind: Kind, id: String, claim: Claim) -> impl Future<Output = Result<Leased, StoreError>> + Send;

    /// What a cache holds of these ids, in their order.
    fn recall(&self, cache: Cache, ids: Vec<String>) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, StoreError>> + Send;

    /// Puts entries into a cache, which forgets what nobody recalled for the longest time.
    fn remember(&self, cache: Cache, entries: Vec<(String, Vec<u8>)>) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Which kind of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Repositories in registries: [`Seen`].
    Repositories = 1,
    /// Registry hosts: [`HostRest`].
    Hosts = 2,
    /// Repositories and branches in Git.
    Units = 3,
}

/// Which kind of entries that always say the same under one id, so that they may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cache {
    /// What images say, by digest: [`Facts`].
    Facts,
    /// What files hold, by blob id: [`Parsed`].
    Files,
}

/// A row as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its value.
    pub bytes: Vec<u8>,
    /// Which write made it.
    pub generation: Generation,
    /// When it is due, hints included.
    pub due: Option<Timestamp>,
}

/// Which write made a row; no two writes of a store have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

/// A change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The kind of row.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// The generation that its writer saw; `None` where there was no row.
    pub seen: Option<Generation>,
    /// What shall stand there; `None` for no row.
    pub value: Option<Value>,
}

/// What shall stand in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When it is due next.
    pub due: Option<Timestamp>,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It stands, with this generation.
    Stands(Generation),
    /// The row is no more, as wished.
    Removed,
    /// Somebody else wrote meanwhile: load it and try again.
    Moved,
}

/// Who wants a lease, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who: any text that no other worker uses.
    pub holder: String,
    /// The clock.
    pub now: Timestamp,
    /// When the lease ends by itself.
    pub until: Timestamp,
}

/// How much of what is due is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// No row is ever due later than this from now: one that is was written before the clock was set back, and is due now.
    pub longest: std::time::Duration,
    /// At most so many.
    pub limit: usize,
}

/// What is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The ids that are due and leased now.
    pub ids: Vec<String>,
    /// When to ask again, where anything is to come; not after now where the limit left rows out.
    pub next: Option<Timestamp>,
}

/// What became of a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hinted {
    /// The row is due then, or earlier.
    Due,
    /// There is no such row.
    Unknown,
}

/// What became of a wish for a lease.
///
/// # Shape
/// A lease saves work and guards nothing: writes are guarded by generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// It is the claimer's.
    Granted,
    /// Somebody else has it until then.
    Taken(Timestamp),
}
