//! What tells the time, and waits for it.

use std::{any::Any, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::mpsc;

/// How long to wait at most before looking at the clock again: it may be set.
const LOOK: Duration = Duration::from_secs(30);

/// What tells the time, and waits for it.
pub type Clock = Arc<dyn Time>;

/// What tells the time, and waits for it: any function that tells it, or a clock that somebody moves by hand.
pub trait Time: Send + Sync {
    /// What the clock says.
    fn now(&self) -> Timestamp;

    /// Ends when it is that time; earlier where the clock was set back, for then nothing is due when it seemed to be.
    fn until(&self, at: Timestamp) -> BoxFuture<'_, Hold>;

    /// Something is under way: a clock that is moved by hand stands still until this is dropped.
    fn hold(&self) -> Hold {
        Hold::default()
    }
}

/// Something is under way, until it is dropped.
#[derive(Default)]
pub struct Hold(#[expect(dead_code, reason = "all that is ever done with it is to drop it")] Option<Box<dyn Any + Send>>);

impl Hold {
    /// One that does something when it is dropped.
    pub fn new(what: impl Any + Send) -> Self {
        Self(Some(Box::new(what)))
    }
}

impl<F: Fn() -> Timestamp + Send + Sync> Time for F {
    fn now(&self) -> Timestamp {
        self()
    }

    fn until(&self, at: Timestamp) -> BoxFuture<'_, Hold> {
        Box::pin(async move {
            let mut last = self();
            let mut pause = pause(at, last, last);
            while let Some(length) = pause {
                tokio::time::sleep(length).await;
                let now = self();
                pause = self::pause(at, last, now);
                last = now;
            }
            Hold::default()
        })
    }
}

/// How long to sleep before the next look at the clock, which showed `last` before; `None` where the wait is over.
fn pause(at: Timestamp, last: Timestamp, now: Timestamp) -> Option<Duration> {
    let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    (now >= last && !left.is_zero()).then(|| left.min(LOOK))
}

/// Wakes one that waits; ringing it twice is as good as once.
#[derive(Clone)]
pub struct Bell {
    clock: Clock,
    sender: mpsc::Sender<Hold>,
}

/// Waits for a bell and for the time.
pub struct Listener {
    clock: Clock,
    receiver: mpsc::Receiver<Hold>,
}

/// A bell, and the one who hears it.
pub fn bell(clock: &Clock) -> (Bell, Listener) {
    let (sender, receiver) = mpsc::channel(1);
    (Bell { clock: Arc::clone(clock), sender }, Listener { clock: Arc::clone(clock), receiver })
}

impl Bell {
    /// Wakes the one that waits, now or when it waits next.
    pub fn ring(&self) {
        let _it_is_rung_already = self.sender.try_send(self.clock.hold());
    }
}

impl Listener {
    /// Waits for the bell, at most until that time; `None` once nobody is left who could ring it. What was under way is so until it waits.
    pub async fn until(&mut self, at: Timestamp, hold: Hold) -> Option<Hold> {
        let time = self.clock.until(at);
        drop(hold);
        tokio::select! {
            biased;
            rung = self.receiver.recv() => rung,
            hold = time => Some(hold),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).expect("a time")
    }

    #[test]
    fn a_wait_ends_with_its_time_or_when_the_clock_is_set_back() {
        for (word, last, now, seconds) in [
            ("it begins", 0, 0, Some(30)),
            ("it goes on", 0, 30, Some(30)),
            ("little is left", 60, 90, Some(10)),
            ("it is that time", 90, 100, None),
            ("the clock was set on", 30, 5000, None),
            ("the clock was set back", 30, 29, None),
        ] {
            assert_eq!(pause(at(100), at(last), at(now)).map(|pause| pause.as_secs()), seconds, "{word}");
        }
    }

    #[tokio::test]
    async fn a_bell_wakes_once_however_often_it_is_rung() {
        let clock: Clock = Arc::new(|| at(0));
        let (bell, mut listener) = bell(&clock);
        bell.ring();
        bell.ring();
        assert!(listener.until(at(600), Hold::default()).now_or_never().flatten().is_some(), "it was rung before");
        assert!(listener.until(at(600), Hold::default()).now_or_never().is_none(), "only once");
        assert!(listener.until(at(0), Hold::default()).now_or_never().flatten().is_some(), "it is that time");
        drop(bell);
        assert!(listener.until(at(600), Hold::default()).now_or_never().expect("at once").is_none(), "nobody is left");
    }
}
