//! The store of one machine: a file, or memory where another process has the file.

mod cache;
mod file;
mod leases;
mod rows;
mod times;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use jiff::Timestamp;
use tokio::sync::Semaphore;

use self::{file::Home, leases::Leases, rows::Rows};
use super::{Cache, Claim, Due, Hinted, Kind, Leased, Notice, Row, Saved, Store, StoreError, Window, Write};

/// Threads that work on the store at once.
const THREADS: usize = 4;

/// A store in a file of the state folder; in memory where another process uses that folder.
///
/// # Shape
/// Cheap to clone. Each call is one transaction on a thread that may block: syncing takes as long as the disk likes.
#[derive(Clone)]
pub struct Embedded(Arc<Inner>);

struct Inner {
    home: Home,
    /// Empty after a failure: the next call opens the file anew.
    rows: RwLock<Option<Rows>>,
    leases: Mutex<Leases>,
    /// Threads that may block: more would only wait for each other.
    threads: Semaphore,
    notices: Mutex<Vec<Notice>>,
}

impl Embedded {
    /// Opens the store of a state folder, or makes it.
    ///
    /// # Errors
    /// The folder cannot be made or used. A file that is damaged or of another version is no error: [`Embedded::notices`] tells.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let (home, notice) = Home::settle(folder)?;
        let store = Self::at(home, notice);
        store.0.with(|_| Ok(()))?;
        Ok(store)
    }

    /// A store that ends with the process.
    pub fn in_memory() -> Self {
        Self::at(Home::Memory, None)
    }

    fn at(home: Home, notice: Option<Notice>) -> Self {
        let (rows, leases, threads) = (RwLock::default(), Mutex::default(), Semaphore::new(THREADS));
        Self(Arc::new(Inner { home, rows, leases, threads, notices: Mutex::new(notice.into_iter().collect()) }))
    }

    /// What happened since the last call and should be told.
    pub fn notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *locked(&self.0.notices))
    }

    /// What a cache holds of these ids, in their order, on this thread, which may block.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn blocking_recall(&self, cache: Cache, ids: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.0.with(|rows| rows.recall(cache, ids))
    }

    /// Puts entries into a cache, on this thread, which may block.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn blocking_remember(&self, cache: Cache, entries: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.0.with(|rows| rows.remember(cache, entries))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        let _permit = self.0.threads.acquire().await.expect("nobody closes it");
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&inner)).await.expect("the work catches panics, and is awaited only while the runtime runs")
    }
}

impl Store for Embedded {
    async fn load(&self, kind: Kind, ids: Vec<String>) -> Result<Vec<Option<Row>>, StoreError> {
        self.run(move |inner| inner.with(|rows| rows.load(kind, &ids))).await
    }

    async fn save_if(&self, writes: Vec<Write>) -> Result<Vec<Saved>, StoreError> {
        self.run(move |inner| inner.with(|rows| rows.save_if(&writes))).await
    }

    async fn next_due(&self, kind: Kind, claim: Claim, window: Window) -> Result<Due, StoreError> {
        self.run(move |inner| {
            // Held throughout, so that no two callers find the same rows free.
            let mut leases = locked(&inner.leases);
            let due = inner.with(|rows| rows.next_due(kind, claim.now, window, &leases))?;
            for id in &due.ids {
                leases.lease(kind, id, &claim);
            }
            Ok(due)
        })
        .await
    }

    async fn hint(&self, kind: Kind, id: String, at: Timestamp) -> Result<Hinted, StoreError> {
        self.run(move |inner| inner.with(|rows| rows.hint(kind, &id, at))).await
    }

    async fn lease(&self, kind: Kind, id: String, claim: Claim) -> Result<Leased, StoreError> {
        self.run(move |inner| Ok(locked(&inner.leases).lease(kind, &id, &claim))).await
    }

    async fn recall(&self, cache: Cache, ids: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.run(move |inner| inner.with(|rows| rows.recall(cache, &ids))).await
    }

    async fn remember(&self, cache: Cache, entries: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
        self.run(move |inner| inner.with(|rows| rows.remember(cache, &entries))).await
    }
}

impl Inner {
    /// Works on the rows; after any failure they are opened anew, which also finds and sets aside what is damaged.
    fn with<T>(&self, work: impl FnOnce(&Rows) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        self.open()?;
        let outcome = {
            let guard = self.rows.read().unwrap_or_else(PoisonError::into_inner);
            // Another caller's failure may have come between; the next call opens again.
            let Some(rows) = guard.as_ref() else { return Err(self.error(redb::Error::PreviousIo)) };
            caught(|| work(rows))
        };
        outcome.map_err(|error| {
            self.rows.write().unwrap_or_else(PoisonError::into_inner).take();
            self.error(error)
        })
    }

    fn open(&self) -> Result<(), StoreError> {
        if self.rows.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if rows.is_none() {
            let (opened, notice) = self.home.open()?;
            locked(&self.notices).extend(notice);
            *rows = Some(opened);
        }
        Ok(())
    }

    fn error(&self, error: redb::Error) -> StoreError {
        file::told(self.home.path(), error)
    }
}

/// A damaged page can make the database panic: that ends this call alone.
fn caught<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(redb::Error::Corrupted("a page makes no sense".to_owned())))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
