//! Hosts that fail again and again are left alone for a while, by all who ask registries; the others go on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tracing::{info, warn};

use crate::{
    registry::Bearing,
    store::{self, Embedded, HostRest, Kept, Saved, Store, StoreError, Write},
};

/// How each host of registries behaves, for all views of them.
///
/// # Shape
/// A host is a name as images have it: where it is really asked is the configuration's to say.
#[derive(Clone, Default)]
pub struct Circuits(Arc<Mutex<BTreeMap<Box<str>, Circuit>>>);

/// What is known of one host.
#[derive(Default)]
struct Circuit {
    kept: Kept<HostRest>,
    /// How many rests have begun: what was asked before the last one says nothing of the time after it.
    rests: u64,
    is_unsaved: bool,
}

/// How much of a host may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// As much as its budget allows.
    Free,
    /// One question: the others wait for what becomes of it.
    Trial,
    /// Nothing until then.
    Rest(Timestamp),
}

/// A question to a host, from its beginning to its end.
#[derive(Debug)]
pub struct Trip {
    host: Box<str>,
    rests: u64,
}

impl Circuits {
    fn hosts(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Circuit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of a host may be asked now.
    pub fn leave(&self, host: &str, now: Timestamp) -> Leave {
        let hosts = self.hosts();
        let Some(rest) = hosts.get(host).map(|circuit| &circuit.kept.record) else { return Leave::Free };
        match rest.until(now) {
            Some(until) => Leave::Rest(until),
            None if rest.is_on_trial() => Leave::Trial,
            None => Leave::Free,
        }
    }

    /// A question to a host begins.
    pub fn begin(&self, host: &str) -> Trip {
        Trip { host: host.into(), rests: self.hosts().get(host).map_or(0, |circuit| circuit.rests) }
    }

    /// It has ended, and says this of the host.
    pub fn end(&self, trip: Trip, bearing: Bearing, now: Timestamp) {
        let Trip { host, rests } = trip;
        let mut hosts = self.hosts();
        let circuit = hosts.entry(host.clone()).or_default();
        let before = &circuit.kept.record;
        let is_late = rests != circuit.rests;
        let after = match bearing {
            Bearing::Says(_) => before.left_alone(bearing.wait(), now),
            Bearing::Fails(_) if is_late => before.left_alone(bearing.wait(), now),
            Bearing::Fails(wait) => before.failed(wait, now),
            Bearing::Answers if !is_late => HostRest::default(),
            Bearing::Answers | Bearing::Nothing => return,
        };
        if after == *before {
            return;
        }
        let (was, until) = (before.until(now), after.until(now));
        if let Some(until) = until.filter(|_| was.is_none()) {
            circuit.rests += 1;
            warn!(%host, failures = after.failures(), %until, "a host fails, and is left alone for a while");
        } else if before.is_on_trial() && until.is_none() && !after.is_on_trial() {
            info!(%host, "a host answers again");
        }
        (circuit.kept.record, circuit.is_unsaved) = (after, true);
    }

    /// Takes what earlier runs knew of these hosts; of one that is known already this run knows better.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn recall(&self, store: &Embedded, names: impl IntoIterator<Item = &str>, now: Timestamp) -> Result<(), StoreError> {
        let new: Vec<String> = {
            let hosts = self.hosts();
            names.into_iter().filter(|host| !hosts.contains_key(*host)).map(str::to_owned).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let rows: Vec<Kept<HostRest>> = store::load(store, new.clone()).await?;
        let mut hosts = self.hosts();
        for (host, kept) in new.into_iter().zip(rows) {
            if hosts.contains_key(&*host) {
                continue;
            }
            if let Some(until) = kept.record.until(now) {
                warn!(%host, failures = kept.record.failures(), %until, "a host failed before the start, and is still left alone for a while");
            }
            hosts.insert(host.into(), Circuit { kept, ..Circuit::default() });
        }
        Ok(())
    }

    /// Whether there is anything to save.
    pub fn is_unsaved(&self) -> bool {
        self.hosts().values().any(|circuit| circuit.is_unsaved)
    }

    /// Puts what is known into the store.
    ///
    /// # Errors
    /// The store does not answer; it is tried again with the next call.
    pub async fn save(&self, store: &Embedded) -> Result<(), StoreError> {
        let writes: Vec<Write> = self.hosts().iter_mut().filter_map(|(host, circuit)| circuit.write(host)).collect();
        if writes.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = writes.iter().map(|write| write.id.clone()).collect();
        let saved = store.save_if(writes).await.inspect_err(|_| self.unsave(&names))?;
        let moved: Vec<String> = names.iter().zip(&saved).filter(|(_, saved)| **saved == Saved::Moved).map(|(host, _)| host.clone()).collect();
        let rows: Vec<Kept<HostRest>> = if moved.is_empty() { Vec::new() } else { store::load(store, moved.clone()).await? };
        let mut hosts = self.hosts();
        for (host, saved) in names.iter().zip(saved) {
            if let Some(circuit) = hosts.get_mut(host.as_str()) {
                circuit.kept.generation = if let Saved::Stands(generation) = saved { Some(generation) } else { None };
            }
        }
        for (host, row) in moved.iter().zip(rows) {
            if let Some(circuit) = hosts.get_mut(host.as_str()) {
                (circuit.kept.generation, circuit.is_unsaved) = (row.generation, true);
            }
        }
        Ok(())
    }

    fn unsave(&self, names: &[String]) {
        let mut hosts = self.hosts();
        for host in names {
            if let Some(circuit) = hosts.get_mut(host.as_str()) {
                circuit.is_unsaved = true;
            }
        }
    }
}

impl Circuit {
    /// The write that says what is known; a host of which nothing bad is known needs no row.
    fn write(&mut self, host: &str) -> Option<Write> {
        if !std::mem::take(&mut self.is_unsaved) {
            return None;
        }
        let is_well = self.kept.record == HostRest::default();
        match (is_well, self.kept.generation) {
            (true, None) => None,
            (true, Some(_)) => Some(self.kept.removal(host)),
            (false, _) => Some(self.kept.write(host, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_770_000_000 + seconds).expect("a time")
    }

    /// What happens at a second.
    enum Event {
        Begins,
        /// The question that began as the so-manieth ends so.
        Ends(usize, Bearing),
    }

    #[test]
    fn a_host_that_fails_three_times_in_a_row_is_left_alone_and_then_tried_once() {
        use Bearing::{Answers, Fails, Nothing, Says};
        use Event::{Begins, Ends};
        let wait = |seconds| Some(Duration::from_secs(seconds));
        let thrice = || {
            vec![(0, Begins), (0, Begins), (0, Begins), (0, Begins), (1, Ends(0, Fails(None))), (1, Ends(1, Fails(None))), (1, Ends(2, Fails(None)))]
        };
        let then = |rest: Vec<(i64, Event)>| thrice().into_iter().chain(rest).collect::<Vec<_>>();
        for (word, events, now, leave) in [
            ("nothing is known", vec![], 0, Leave::Free),
            ("twice", vec![(0, Begins), (0, Begins), (1, Ends(0, Fails(None))), (1, Ends(1, Fails(None)))], 1, Leave::Free),
            ("thrice", thrice(), 1, Leave::Rest(at(31))),
            ("its end", thrice(), 31, Leave::Trial),
            ("what was asked before says no more", then(vec![(2, Ends(3, Fails(None)))]), 2, Leave::Rest(at(31))),
            ("nor when it is late", then(vec![(40, Ends(3, Fails(None)))]), 40, Leave::Trial),
            ("nor does an answer", then(vec![(2, Ends(3, Answers))]), 2, Leave::Rest(at(31))),
            ("the trial fails", then(vec![(31, Begins), (32, Ends(4, Fails(None)))]), 32, Leave::Rest(at(92))),
            ("the trial is answered", then(vec![(31, Begins), (32, Ends(4, Answers))]), 32, Leave::Free),
            ("the trial says nothing", then(vec![(31, Begins), (32, Ends(4, Nothing))]), 32, Leave::Trial),
            (
                "an answer between",
                vec![
                    (0, Begins),
                    (0, Begins),
                    (0, Begins),
                    (0, Begins),
                    (1, Ends(0, Fails(None))),
                    (1, Ends(1, Fails(None))),
                    (1, Ends(2, Answers)),
                    (1, Ends(3, Fails(None))),
                ],
                1,
                Leave::Free,
            ),
            ("it says how long", vec![(0, Begins), (1, Ends(0, Fails(wait(600))))], 1, Leave::Rest(at(601))),
            ("and that is over", vec![(0, Begins), (1, Ends(0, Fails(wait(600))))], 601, Leave::Free),
            ("it said so to somebody else", vec![(0, Begins), (1, Ends(0, Says(Duration::from_secs(9))))], 1, Leave::Rest(at(10))),
            ("it says so again, late", then(vec![(2, Ends(3, Fails(wait(100))))]), 2, Leave::Rest(at(102))),
        ] {
            let circuits = Circuits::default();
            let mut trips: Vec<Option<Trip>> = Vec::new();
            for (second, event) in events {
                match event {
                    Begins => trips.push(Some(circuits.begin("quay.io"))),
                    Ends(which, bearing) => circuits.end(trips[which].take().expect("it ends once"), bearing, at(second)),
                }
            }
            assert_eq!(circuits.leave("quay.io", at(now)), leave, "{word}");
            assert_eq!(circuits.leave("ghcr.io", at(now)), Leave::Free, "{word}: another host");
        }
    }

    #[tokio::test]
    async fn a_rest_outlives_a_restart_and_ends_with_an_answer() {
        let store = Embedded::in_memory();
        let after = async |circuits: &Circuits| {
            circuits.save(&store).await.expect("saved");
            let next = Circuits::default();
            next.recall(&store, ["quay.io", "ghcr.io"], at(2)).await.expect("recalled");
            next
        };
        let circuits = Circuits::default();
        for _ in 0..3 {
            circuits.end(circuits.begin("quay.io"), Bearing::Fails(None), at(1));
        }
        assert!(circuits.is_unsaved());
        let next = after(&circuits).await;
        assert_eq!((next.leave("quay.io", at(2)), next.leave("ghcr.io", at(2))), (Leave::Rest(at(31)), Leave::Free));
        assert!(!circuits.is_unsaved() && !next.is_unsaved());
        // Two processes in a row write the same row.
        circuits.end(circuits.begin("quay.io"), Bearing::Fails(None), at(40));
        circuits.save(&store).await.expect("saved");
        next.end(next.begin("quay.io"), Bearing::Answers, at(41));
        next.save(&store).await.expect("saved");
        assert!(next.is_unsaved(), "somebody else wrote meanwhile");
        assert_eq!(after(&next).await.leave("quay.io", at(42)), Leave::Free);
    }
}
