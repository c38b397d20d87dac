//! How hard one host is asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use super::pace::{Allowance, Pace};
use crate::config::Budget;

/// The budgets of all hosts, for all clients that share them: a host counts the requests of the whole process.
#[derive(Clone, Default)]
pub struct Budgets(Arc<Mutex<HashMap<String, Arc<Gate>>>>);

impl Budgets {
    /// What requests to a host pass through; the first who asks it says what its budget is.
    pub(super) fn gate(&self, host: &str, budget: impl FnOnce() -> Budget) -> Arc<Gate> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(host) {
            return Arc::clone(gate);
        }
        let gate = Arc::new(Gate::new(budget(), Instant::now()));
        gates.insert(host.to_owned(), Arc::clone(&gate));
        gate
    }
}

/// What every request to one host passes through.
pub(super) struct Gate {
    places: Semaphore,
    bucket: Mutex<Bucket>,
    rest: Mutex<Option<Instant>>,
}

/// A place among the requests under way, until it is dropped.
pub(super) struct Pass<'a> {
    _place: SemaphorePermit<'a>,
    /// How long it was queued for.
    pub(super) waited: Duration,
}

impl Gate {
    pub(super) fn new(budget: Budget, now: Instant) -> Self {
        Self {
            places: Semaphore::new(usize::from(budget.concurrency)),
            bucket: Mutex::new(Bucket::new(budget.requests_per_second, now)),
            rest: Mutex::new(None),
        }
    }

    /// Waits for a place and for the rate to allow one more request.
    pub(super) async fn enter(&self) -> Pass<'_> {
        let came = Instant::now();
        let place = self.places.acquire().await.expect("the semaphore is never closed");
        let pause = self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        tokio::time::sleep(pause).await;
        Pass { _place: place, waited: came.elapsed() }
    }

    /// How much longer the host asks to be left alone.
    pub(super) fn resting(&self) -> Option<Duration> {
        let until = (*self.rest.lock().unwrap_or_else(PoisonError::into_inner))?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// The host wants fewer requests than came at the time when one was sent, and says no more.
    pub(super) fn slow_down(&self, sent: Instant) {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).pace.slow_down(sent, Instant::now());
    }

    /// The host says how many requests it will still answer.
    pub(super) fn allow(&self, allowance: Allowance) {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).pace.spare(allowance, Instant::now());
    }

    /// Leaves the host alone for some time.
    pub(super) fn rest(&self, time: Duration) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        *rest = (*rest).max(Instant::now().checked_add(time));
    }
}

/// A token bucket that holds one second's worth, and at least one; it lends, so that those who wait are served in turn.
struct Bucket {
    pace: Pace,
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new(rate: f64, now: Instant) -> Self {
        Self { pace: Pace::new(rate, now), left: rate.max(1.0), at: now }
    }

    /// Takes one token; the answer is how long to wait until it is there.
    fn take(&mut self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let rate = self.pace.rate(now);
        self.left = (self.left + passed * rate).min(rate.max(1.0)) - 1.0;
        self.at = now;
        if self.left >= 0.0 { Duration::ZERO } else { Duration::try_from_secs_f64(-self.left / rate).unwrap_or(Duration::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_a_second_pass_at_once_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2.0, start);
        for (word, at_ms, wait_ms) in [
            ("first of the burst", 0, 0),
            ("last of the burst", 0, 0),
            ("lent", 0, 500),
            ("lent again, behind it", 0, 1000),
            ("paid back by time", 2000, 0),
            ("a long silence fills one second's worth", 60_000, 0),
            ("not more", 60_000, 0),
            ("than that", 60_000, 500),
        ] {
            assert_eq!(bucket.take(start + Duration::from_millis(at_ms)), Duration::from_millis(wait_ms), "{word}");
        }
    }

    #[test]
    fn a_slow_bucket_lets_one_pass() {
        let start = Instant::now();
        let mut bucket = Bucket::new(0.1, start);
        assert_eq!(bucket.take(start), Duration::ZERO);
        assert_eq!(bucket.take(start), Duration::from_secs(10));
    }
}
