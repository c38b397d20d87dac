//! The tables of a store, each call one transaction.

use jiff::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};

use super::{
    cache,
    leases::Leases,
    times::{self, Times},
};
use crate::store::{Cache, Due, Generation, Hinted, Kind, Row, Saved, Window, Write};

/// The version of all tables.
pub(super) const FORMAT: u64 = 1;

/// A kind and an id.
pub(super) type Key = (u8, &'static str);

/// Numbers by name.
pub(super) const HEADER: TableDefinition<&str, u64> = TableDefinition::new("header");
/// Generation and bytes.
const ROWS: TableDefinition<Key, (u64, &[u8])> = TableDefinition::new("rows");

/// The rows and caches of one open database.
pub(super) struct Rows {
    database: Database,
    /// How many bytes half a cache may have.
    half: u64,
}

impl Rows {
    /// The format that a database says it has; none in a new one.
    pub(super) fn format(database: &Database) -> Result<Option<u64>, redb::Error> {
        match database.begin_read()?.open_table(HEADER) {
            Ok(header) => Ok(Some(header.get("format")?.map_or(0, |format| format.value()))),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the tables where there are none.
    pub(super) fn new(database: Database, half: u64) -> Result<Self, redb::Error> {
        let rows = Self { database, half };
        if Self::format(&rows.database)?.is_none() {
            rows.write(|transaction| {
                transaction.open_table(HEADER)?.insert("format", FORMAT)?;
                transaction.open_table(ROWS)?;
                times::make(transaction)?;
                cache::make(transaction)
            })?;
        }
        Ok(rows)
    }

    fn write<T>(&self, work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_quick_repair(true);
        let outcome = work(&transaction)?;
        transaction.commit()?;
        Ok(outcome)
    }

    pub(super) fn load(&self, kind: Kind, ids: &[String]) -> Result<Vec<Option<Row>>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let (rows, times) = (transaction.open_table(ROWS)?, transaction.open_table(times::TIMES)?);
        let row = |id: &String| {
            let key = (kind as u8, id.as_str());
            let Some(row) = rows.get(key)? else { return Ok(None) };
            let (generation, bytes) = row.value();
            let due = times.get(key)?.and_then(|times| times::earlier(times.value())).map(times::timestamp);
            Ok(Some(Row { bytes: bytes.to_vec(), generation: Generation(generation), due }))
        };
        ids.iter().map(row).collect()
    }

    pub(super) fn save_if(&self, writes: &[Write]) -> Result<Vec<Saved>, redb::Error> {
        self.write(|transaction| {
            let mut rows = transaction.open_table(ROWS)?;
            let mut times = Times::of(transaction)?;
            let mut header = transaction.open_table(HEADER)?;
            let mut last = header.get("generation")?.map_or(0, |generation| generation.value());
            let mut saved = Vec::with_capacity(writes.len());
            for write in writes {
                let key = (write.kind as u8, write.id.as_str());
                let stands = rows.get(key)?.map(|row| Generation(row.value().0));
                saved.push(match &write.value {
                    _ if stands != write.seen => Saved::Moved,
                    None => {
                        rows.remove(key)?;
                        times.forget(key)?;
                        Saved::Removed
                    }
                    Some(value) => {
                        last += 1;
                        rows.insert(key, (last, value.bytes.as_slice()))?;
                        times.plan(key, value.due)?;
                        Saved::Stands(Generation(last))
                    }
                });
            }
            header.insert("generation", last)?;
            Ok(saved)
        })
    }

    pub(super) fn hint(&self, kind: Kind, id: &str, at: Timestamp) -> Result<Hinted, redb::Error> {
        self.write(|transaction| {
            let key = (kind as u8, id);
            if transaction.open_table(ROWS)?.get(key)?.is_none() {
                return Ok(Hinted::Unknown);
            }
            Times::of(transaction)?.hint(key, at)?;
            Ok(Hinted::Due)
        })
    }

    /// What is due and free; hints that are taken up here are taken away, those that come later stay.
    pub(super) fn next_due(&self, kind: Kind, now: Timestamp, window: Window, leases: &Leases) -> Result<Due, redb::Error> {
        let transaction = self.database.begin_read()?;
        let due = times::due(&transaction, kind, now, window, |id| leases.until(kind, id, now))?;
        let times = transaction.open_table(times::TIMES)?;
        let mut hinted = vec![];
        for id in &due.ids {
            let key = (kind as u8, id.as_str());
            if times.get(key)?.is_some_and(|times| times.value().1.is_some()) {
                hinted.push(key);
            }
        }
        if !hinted.is_empty() {
            self.write(|transaction| {
                let mut times = Times::of(transaction)?;
                hinted.iter().try_for_each(|key| times.take_hint(*key))
            })?;
        }
        Ok(due)
    }

    pub(super) fn recall(&self, cache: Cache, ids: &[String]) -> Result<Vec<Option<Vec<u8>>>, redb::Error> {
        let recalled = cache::recall(&self.database.begin_read()?, cache, ids)?;
        if !recalled.old.is_empty() {
            self.remember(cache, &recalled.old)?;
        }
        Ok(recalled.entries)
    }

    pub(super) fn remember(&self, cache: Cache, entries: &[(String, Vec<u8>)]) -> Result<(), redb::Error> {
        self.write(|transaction| cache::remember(transaction, cache, entries, self.half))
    }
}
