//! When rows are due.

use jiff::Timestamp;
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::rows::Key;
use crate::store::{Due, Kind, Window};

/// When a row is due by its own plan, and by a hint.
///
/// # Units
/// Milliseconds since 1970.
pub(super) const TIMES: TableDefinition<Key, Planned> = TableDefinition::new("times");
/// The same as an order: the earlier of both, then the id.
const ORDER: TableDefinition<(u8, i64, &str), ()> = TableDefinition::new("order");

type Planned = (Option<i64>, Option<i64>);

pub(super) fn earlier((due, hint): Planned) -> Option<i64> {
    due.into_iter().chain(hint).min()
}

pub(super) fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

pub(super) fn make(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(TIMES)?;
    transaction.open_table(ORDER)?;
    Ok(())
}

/// Both tables, changed together.
pub(super) struct Times<'t> {
    times: Table<'t, Key, Planned>,
    order: Table<'t, (u8, i64, &'static str), ()>,
}

impl<'t> Times<'t> {
    pub(super) fn of(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self { times: transaction.open_table(TIMES)?, order: transaction.open_table(ORDER)? })
    }

    /// The row's own plan; a hint that came meanwhile stays.
    pub(super) fn plan(&mut self, key: (u8, &str), due: Option<Timestamp>) -> Result<(), redb::Error> {
        let (_, hint) = self.planned(key)?;
        self.set(key, (due.map(Timestamp::as_millisecond), hint))
    }

    pub(super) fn hint(&mut self, key: (u8, &str), at: Timestamp) -> Result<(), redb::Error> {
        let (due, hint) = self.planned(key)?;
        let at = at.as_millisecond();
        self.set(key, (due, Some(hint.map_or(at, |hint| hint.min(at)))))
    }

    pub(super) fn take_hint(&mut self, key: (u8, &str)) -> Result<(), redb::Error> {
        let (due, _) = self.planned(key)?;
        self.set(key, (due, None))
    }

    pub(super) fn forget(&mut self, key: (u8, &str)) -> Result<(), redb::Error> {
        self.set(key, (None, None))
    }

    fn planned(&self, key: (u8, &str)) -> Result<Planned, redb::Error> {
        Ok(self.times.get(key)?.map_or((None, None), |times| times.value()))
    }

    fn set(&mut self, key: (u8, &str), planned: Planned) -> Result<(), redb::Error> {
        if let Some(before) = earlier(self.planned(key)?) {
            self.order.remove((key.0, before, key.1))?;
        }
        match earlier(planned) {
            Some(at) => {
                self.times.insert(key, planned)?;
                self.order.insert((key.0, at, key.1), ())?;
            }
            None => drop(self.times.remove(key)?),
        }
        Ok(())
    }
}

/// What is due and not leased. What lies too far ahead was written before the clock was set back, and is due too.
pub(super) fn due(
    transaction: &ReadTransaction,
    kind: Kind,
    now: Timestamp,
    window: Window,
    leased: impl Fn(&str) -> Option<Timestamp>,
) -> Result<Due, redb::Error> {
    let order = transaction.open_table(ORDER)?;
    let kind = kind as u8;
    let after_now = (kind, now.as_millisecond() + 1, "");
    let farthest = (kind, now.saturating_add(window.longest).unwrap_or(Timestamp::MAX).as_millisecond() + 1, "");
    let mut due = Due::default();
    let again = |next: &mut Option<Timestamp>, at: Timestamp| *next = Some(next.map_or(at, |next| next.min(at)));
    for entry in order.range((kind, i64::MIN, "")..after_now)?.chain(order.range(farthest..(kind + 1, i64::MIN, ""))?) {
        let (key, _) = entry?;
        let (_, _, id) = key.value();
        match leased(id) {
            Some(until) => again(&mut due.next, until),
            None if due.ids.len() == window.limit => {
                again(&mut due.next, now);
                return Ok(due);
            }
            None => due.ids.push(id.to_owned()),
        }
    }
    if let Some(entry) = order.range(after_now..farthest)?.next() {
        again(&mut due.next, timestamp(entry?.0.value().1));
    }
    Ok(due)
}
