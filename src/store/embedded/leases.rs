//! Leases: they end with the process, as do those who hold them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::store::{Claim, Kind, Leased};

#[derive(Default)]
pub(super) struct Leases(BTreeMap<(Kind, String), (String, Timestamp)>);

impl Leases {
    pub(super) fn lease(&mut self, kind: Kind, id: &str, claim: &Claim) -> Leased {
        let key = (kind, id.to_owned());
        if let Some((holder, until)) = self.0.get(&key)
            && *until > claim.now
            && *holder != claim.holder
        {
            return Leased::Taken(*until);
        }
        if claim.until > claim.now {
            self.0.insert(key, (claim.holder.clone(), claim.until));
        } else {
            self.0.remove(&key);
        }
        Leased::Granted
    }

    /// Until when somebody has a row.
    pub(super) fn until(&self, kind: Kind, id: &str, now: Timestamp) -> Option<Timestamp> {
        let (_, until) = self.0.get(&(kind, id.to_owned()))?;
        (*until > now).then_some(*until)
    }
}
