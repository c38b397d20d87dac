//! A clock that is moved by hand, and stands still while anything is under way.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tagalong::service::clock::{Hold, Time};
use tokio::sync::oneshot;

/// Nothing is under way for nearly as long.
const PATIENCE: Duration = Duration::from_mins(2);

/// A clock that is moved by hand.
#[derive(Clone)]
pub struct Simulated(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    quiet: Condvar,
}

struct State {
    now: Timestamp,
    /// What is under way.
    held: usize,
    /// Those who wait, by their time and in the order in which they came.
    waiting: BTreeMap<(Timestamp, u64), oneshot::Sender<Hold>>,
    came: u64,
}

struct Held(Arc<Inner>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.state().held -= 1;
        self.0.quiet.notify_all();
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics who has it")
    }
}

impl Simulated {
    /// One that shows this time.
    pub fn at(now: Timestamp) -> Self {
        let state = State { now, held: 0, waiting: BTreeMap::new(), came: 0 };
        Self(Arc::new(Inner { state: Mutex::new(state), quiet: Condvar::new() }))
    }

    /// Goes on until that time, and lets everything be done that falls due on the way.
    pub fn run_until(&self, end: Timestamp) {
        loop {
            let mut state = self.quiet();
            let first = state.waiting.first_key_value().map(|(key, _)| *key).filter(|(at, _)| *at <= end);
            let Some(key) = first else {
                state.now = state.now.max(end);
                return;
            };
            state.now = state.now.max(key.0);
            self.wake(state, key);
        }
    }

    /// Somebody sets the clock. Set back, everybody looks at it anew; set on, the next run does all that is due by then.
    pub fn set(&self, now: Timestamp) {
        let mut state = self.quiet();
        let waiting = if now < state.now { std::mem::take(&mut state.waiting) } else { BTreeMap::new() };
        state.now = now;
        drop(state);
        for sender in waiting.into_values() {
            let _it_waits_no_more = sender.send(self.hold());
        }
        drop(self.quiet());
    }

    /// Lets one who waits go on.
    fn wake(&self, mut state: MutexGuard<'_, State>, key: (Timestamp, u64)) {
        let sender = state.waiting.remove(&key);
        drop(state);
        if let Some(sender) = sender {
            let _it_waits_no_more = sender.send(self.hold());
        }
    }

    /// Waits until nothing is under way.
    fn quiet(&self) -> MutexGuard<'_, State> {
        let (mut state, waited) =
            self.0.quiet.wait_timeout_while(self.0.state(), PATIENCE, |state| state.held > 0).expect("nobody panics who has it");
        assert!(!waited.timed_out(), "something is under way for ever at {}", state.now);
        state.waiting.retain(|_, sender| !sender.is_closed());
        state
    }
}

impl Time for Simulated {
    fn now(&self) -> Timestamp {
        self.0.state().now
    }

    fn until(&self, at: Timestamp) -> BoxFuture<'_, Hold> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.0.state();
        state.came += 1;
        let key = (at, state.came);
        state.waiting.insert(key, sender);
        drop(state);
        Box::pin(async move { receiver.await.unwrap_or_default() })
    }

    fn hold(&self) -> Hold {
        self.0.state().held += 1;
        Hold::new(Held(Arc::clone(&self.0)))
    }
}
