//! One question, however many ask it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;

use super::error::Problem;

/// Answers that are kept where nobody says how many: one that is forgotten is asked for again.
const KEPT: usize = 1024;

/// Answers by key; those who ask while a question is under way get its outcome, also when it failed.
pub(super) struct Flights<K, V> {
    kept: usize,
    slots: Mutex<HashMap<K, Arc<tokio::sync::Mutex<Slot<V>>>>>,
}

struct Slot<V> {
    answer: Option<V>,
    failed: Option<(Instant, Problem)>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

impl<K, V> Flights<K, V> {
    /// Where about so many answers are kept.
    pub(super) fn keeping(kept: usize) -> Self {
        Self { kept, slots: Mutex::default() }
    }
}

impl<K: Eq + Hash, V: Clone> Flights<K, V> {
    /// Forgets the answer of a key.
    pub(super) fn forget(&self, key: &K) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// The answer that is there and still good, else the one that `ask` brings.
    pub(super) async fn share<F: Future<Output = Result<V, Problem>>>(&self, key: K, good: impl Fn(&V) -> bool, ask: F) -> Result<V, Problem> {
        let came = Instant::now();
        let new = || Arc::new(tokio::sync::Mutex::new(Slot { answer: None, failed: None }));
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            if slots.len() >= self.kept && !slots.contains_key(&key) {
                let is_good = |slot: &tokio::sync::Mutex<Slot<V>>| slot.try_lock().is_ok_and(|slot| slot.answer.as_ref().is_some_and(&good));
                slots.retain(|_, slot| Arc::strong_count(slot) > 1 || is_good(slot));
                if slots.len() >= self.kept {
                    slots.retain(|_, slot| Arc::strong_count(slot) > 1);
                }
            }
            Arc::clone(slots.entry(key).or_insert_with(new))
        };
        let mut slot = slot.lock().await;
        if let Some(answer) = slot.answer.as_ref().filter(|answer| good(answer)) {
            return Ok(answer.clone());
        }
        if let Some((_, problem)) = slot.failed.as_ref().filter(|(at, _)| *at >= came) {
            return Err(problem.clone());
        }
        match ask.await {
            Ok(answer) => {
                slot.answer = Some(answer.clone());
                slot.failed = None;
                Ok(answer)
            }
            Err(problem) => {
                slot.failed = Some((Instant::now(), problem.clone()));
                Err(problem)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn those_who_ask_together_share_one_outcome() {
        for (word, outcome) in [("answer", Ok(7)), ("failure", Err(Problem::NoSuchHost { host: "x".into() }))] {
            let flights = Flights::default();
            let asked = AtomicU32::new(0);
            let ask = || async {
                tokio::task::yield_now().await;
                asked.fetch_add(1, Ordering::Relaxed);
                outcome.clone()
            };
            let outcomes = join_all((0..50).map(|_| flights.share("key", |_| true, ask()))).await;
            assert!(outcomes.iter().all(|each| *each == outcome), "{word}");
            assert_eq!(asked.load(Ordering::Relaxed), 1, "{word}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_no_longer_good_is_asked_for_again() {
        let flights = Flights::default();
        let first = flights.share("key", |_| true, async { Ok(1) }).await;
        let second = flights.share("key", |answer| *answer > 1, async { Ok(2) }).await;
        assert_eq!((first, second), (Ok(1), Ok(2)));
    }

    #[tokio::test]
    async fn what_is_no_longer_good_makes_room_first() {
        let flights = Flights::keeping(4);
        for key in 0..4 {
            assert_eq!(flights.share(key, |_| true, async { Ok(key) }).await, Ok(key));
        }
        // Of four the even ones are good still.
        let is_good = |answer: &i32| answer % 2 == 0;
        assert_eq!(flights.share(5, is_good, async { Ok(5) }).await, Ok(5));
        for (key, again) in [(0, 0), (1, 7), (2, 2), (3, 7)] {
            assert_eq!(flights.share(key, |_| true, async { Ok(7) }).await, Ok(again), "{key}");
        }
    }

    #[tokio::test]
    async fn what_was_answered_is_not_kept_for_ever() {
        let flights = Flights::default();
        for key in 0..3 * KEPT {
            assert_eq!(flights.share(key, |_| true, async { Ok(key) }).await, Ok(key));
        }
        assert!(flights.slots.lock().expect("no panic").len() <= KEPT);
        assert_eq!(flights.share(0, |_| true, async { Ok(7) }).await, Ok(7), "it is asked for again");
    }
}
