//! What waits for its turn, in one lane for each unit: a unit that wants much keeps none waiting that wants little.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

/// What waits for its turn, by the unit that wants it.
///
/// # Shape
/// What several units want stands in the lane of each; whoever takes it from one lets the others find it done.
pub(super) struct Lanes<T> {
    lanes: BTreeMap<Arc<str>, Lane<T>>,
    /// Whose turn was last.
    last: Option<Arc<str>>,
}

struct Lane<T> {
    waiting: BTreeSet<T>,
    last: Option<T>,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), last: None }
    }
}

impl<T: Ord + Clone> Lanes<T> {
    /// Puts a thing into the lane of a unit.
    pub(super) fn put(&mut self, unit: &Arc<str>, thing: T) {
        let lane = match self.lanes.get_mut(unit) {
            Some(lane) => lane,
            None => self.lanes.entry(Arc::clone(unit)).or_insert_with(|| Lane { waiting: BTreeSet::new(), last: None }),
        };
        lane.waiting.insert(thing);
    }

    /// Takes what is next: of the unit after the one whose turn was last, what comes after its last.
    pub(super) fn take(&mut self) -> Option<(Arc<str>, T)> {
        let unit = next_after(self.last.as_ref(), |range| self.lanes.range::<Arc<str>, _>(range).next().map(|(unit, _)| Arc::clone(unit)))?;
        let lane = self.lanes.get_mut(&unit)?;
        let thing = next_after(lane.last.as_ref(), |range| lane.waiting.range(range).next().cloned())?;
        lane.waiting.remove(&thing);
        lane.last = Some(thing.clone());
        if lane.waiting.is_empty() {
            self.lanes.remove(&unit);
        }
        self.last = Some(Arc::clone(&unit));
        Some((unit, thing))
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }
}

/// The first after the last one, and behind the end the first of all.
fn next_after<K, V>(last: Option<&K>, first_in: impl Fn((Bound<&K>, Bound<&K>)) -> Option<V>) -> Option<V> {
    let after = last.and_then(|last| first_in((Bound::Excluded(last), Bound::Unbounded)));
    after.or_else(|| first_in((Bound::Unbounded, Bound::Unbounded)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(things: &[(&str, &[u32])]) -> Lanes<u32> {
        let mut lanes = Lanes::default();
        for (unit, things) in things {
            things.iter().for_each(|thing| lanes.put(&Arc::from(*unit), *thing));
        }
        lanes
    }

    fn all(lanes: &mut Lanes<u32>) -> Vec<String> {
        std::iter::from_fn(|| lanes.take()).map(|(unit, thing)| format!("{unit}{thing}")).collect()
    }

    #[test]
    fn units_have_their_turns_one_after_the_other() {
        for (word, things, order) in [
            ("nobody", &[][..], &[][..]),
            ("one", &[("a", &[2, 1, 1][..])], &["a1", "a2"]),
            ("two", &[("a", &[1, 2]), ("b", &[1, 2])], &["a1", "b1", "a2", "b2"]),
            ("one wants little", &[("a", &[1, 2, 3]), ("b", &[9])], &["a1", "b9", "a2", "a3"]),
        ] {
            let mut lanes = filled(things);
            assert_eq!((all(&mut lanes), lanes.is_empty()), (order.iter().map(ToString::to_string).collect(), true), "{word}");
        }
    }

    #[test]
    fn what_is_put_back_waits_for_all_others() {
        let mut lanes = filled(&[("a", &[1, 2, 3])]);
        let mut order = Vec::new();
        for _ in 0..5 {
            let (unit, thing) = lanes.take().expect("it waits");
            order.push(thing);
            lanes.put(&unit, thing);
        }
        assert_eq!(order, [1, 2, 3, 1, 2]);
    }
}
