//! Caches, each in two halves.
//!
//! Entries are put into the young half, and move there when they are recalled. When it is full, the old half is dropped with all
//! that nobody recalled since the last time, and the young one becomes the old.

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::rows::HEADER;
use crate::store::Cache;

type Half = TableDefinition<'static, &'static str, &'static [u8]>;

/// Which half is young, and how many bytes it has, by name in the header.
struct Halves {
    both: [Half; 2],
    young: &'static str,
    bytes: &'static str,
}

impl Halves {
    fn of(cache: Cache) -> Self {
        match cache {
            Cache::Facts => Self { both: [Half::new("facts.0"), Half::new("facts.1")], young: "facts.young", bytes: "facts.bytes" },
            Cache::Files => Self { both: [Half::new("files.0"), Half::new("files.1")], young: "files.young", bytes: "files.bytes" },
        }
    }

    fn young(&self, number: u64) -> Half {
        self.both[usize::from(number == 1)]
    }

    fn old(&self, number: u64) -> Half {
        self.both[usize::from(number != 1)]
    }
}

/// What was found, and those entries of it that stood in the old half.
pub(super) struct Recalled {
    pub(super) entries: Vec<Option<Vec<u8>>>,
    pub(super) old: Vec<(String, Vec<u8>)>,
}

pub(super) fn make(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    for cache in [Cache::Facts, Cache::Files] {
        for half in Halves::of(cache).both {
            transaction.open_table(half)?;
        }
    }
    Ok(())
}

pub(super) fn recall(transaction: &ReadTransaction, cache: Cache, ids: &[String]) -> Result<Recalled, redb::Error> {
    let names = Halves::of(cache);
    let number = transaction.open_table(HEADER)?.get(names.young)?.map_or(0, |number| number.value());
    let (young, old) = (transaction.open_table(names.young(number))?, transaction.open_table(names.old(number))?);
    let mut recalled = Recalled { entries: vec![None; ids.len()], old: vec![] };
    // In the order of the table, each page is read once, however few are kept.
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by_key(|&at| &ids[at]);
    for at in order {
        let id = &ids[at];
        let mut found = young.get(id.as_str())?.map(|entry| entry.value().to_vec());
        if found.is_none() {
            found = old.get(id.as_str())?.map(|entry| entry.value().to_vec());
            recalled.old.extend(found.iter().map(|entry| (id.clone(), entry.clone())));
        }
        recalled.entries[at] = found;
    }
    Ok(recalled)
}

pub(super) fn remember(transaction: &WriteTransaction, cache: Cache, entries: &[(String, Vec<u8>)], half: u64) -> Result<(), redb::Error> {
    let names = Halves::of(cache);
    let mut header = transaction.open_table(HEADER)?;
    let mut number = header.get(names.young)?.map_or(0, |number| number.value());
    let mut bytes = header.get(names.bytes)?.map_or(0, |bytes| bytes.value());
    let mut young = transaction.open_table(names.young(number))?;
    for (id, entry) in entries {
        let size = (id.len() + entry.len()) as u64;
        if bytes + size > half {
            transaction.delete_table(names.old(number))?;
            transaction.open_table(names.old(number))?;
            number = u64::from(number == 0);
            drop(young);
            young = transaction.open_table(names.young(number))?;
            bytes = 0;
        }
        young.insert(id.as_str(), entry.as_slice())?;
        bytes += size;
    }
    header.insert(names.young, number)?;
    header.insert(names.bytes, bytes)?;
    Ok(())
}
