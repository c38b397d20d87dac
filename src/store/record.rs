//! Records in rows: what a row's bytes mean.

use jiff::Timestamp;

use super::{Generation, Kind, Store, StoreError, Value, Write};

/// A record with a row of its own.
pub trait Record: Default + Send {
    /// Where its rows are.
    const KIND: Kind;

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
    let rows = store.load(R::KIND, ids).await?;
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
        Write { kind: R::KIND, id: id.into(), seen: self.generation, value }
    }

    /// The write that takes the row away.
    pub fn removal(&self, id: impl Into<String>) -> Write {
        Write { kind: R::KIND, id: id.into(), seen: self.generation, value: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Embedded, HostRest, Saved};

    #[tokio::test]
    async fn a_record_that_cannot_be_read_any_more_is_written_anew() {
        let store = Embedded::in_memory();
        let ids = || vec!["ghcr.io".to_owned()];
        let absent = load::<HostRest>(&store, ids()).await.expect("loaded").remove(0);
        assert_eq!(absent, Kept::default());
        let old = Write { value: Some(Value { bytes: vec![0, 1, 2], due: None }), ..absent.write("ghcr.io", None) };
        assert!(matches!(store.save_if(vec![old]).await.expect("saved")[..], [Saved::Stands(_)]));
        let mut kept = load::<HostRest>(&store, ids()).await.expect("loaded").remove(0);
        assert_eq!((&kept.record, kept.generation.is_some()), (&HostRest::default(), true));
        kept.record = kept.record.failed(None, Timestamp::UNIX_EPOCH);
        let saved = store.save_if(vec![kept.write("ghcr.io", Some(Timestamp::UNIX_EPOCH))]).await.expect("saved");
        let Saved::Stands(generation) = saved[0] else { panic!("{saved:?}") };
        let again = load::<HostRest>(&store, ids()).await.expect("loaded").remove(0);
        assert_eq!(again, Kept { record: kept.record, generation: Some(generation), due: Some(Timestamp::UNIX_EPOCH) });
        assert_eq!(store.save_if(vec![again.removal("ghcr.io")]).await.expect("saved"), [Saved::Removed]);
    }
}
