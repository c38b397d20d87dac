//! Records in rows: what a row's bytes mean.

use jiff::Timestamp;

use super::{Generation, Shelf, Store, StoreError, Value, Write};

/// A record with a row of its own.
pub trait Record: Default + Send {
    /// Where its rows are.
    const SHELF: Shelf;

    /// Its bytes, the version of their format first.
    fn encode(&self) -> Vec<u8>;

    /// The record that was encoded; `None` for bytes of another version, or that nobody encoded.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// A record with what its row says beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept<R> {
    /// The record; the default where there is no row, or one that cannot be read any more.
    pub record: R,
    /// The row's generation; `None` where there is no row.
    pub generation: Option<Generation>,
    /// When it is due.
    pub due: Option<Timestamp>,
}

/// The records with these ids, in their order.
pub async fn load<R: Record>(store: &impl Store, ids: Vec<String>) -> Result<Vec<Kept<R>>, StoreError> {
    let rows = store.load(R::SHELF, ids).await?;
    let kept = |row: Option<super::Row>| match row {
        None => Kept { record: R::default(), generation: None, due: None },
        Some(row) => Kept { record: R::decode(&row.bytes).unwrap_or_default(), generation: Some(row.generation), due: row.due },
    };
    Ok(rows.into_iter().map(kept).collect())
}

impl<R: Record> Kept<R> {
    /// The write that puts the record back, due at this time.
    pub fn write(&self, id: impl Into<String>, due: Option<Timestamp>) -> Write {
        let value = Some(Value { bytes: self.record.encode(), due });
        Write { shelf: R::SHELF, id: id.into(), seen: self.generation, value }
    }

    /// The write that takes the row away.
    pub fn removal(&self, id: impl Into<String>) -> Write {
        Write { shelf: R::SHELF, id: id.into(), seen: self.generation, value: None }
    }
}
