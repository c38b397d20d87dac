//! When something is due: arithmetic on times, without a clock.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

/// How far a moment is moved to keep many from meeting: a tenth of the interval, either way.
const JITTER: f64 = 0.1;
/// When a refused push is tried again, in minutes; the last one for ever.
const REFUSED: [u64; 4] = [1, 5, 30, 60];
/// A batch waits for at most so many quiet periods.
const WINDOWS: u32 = 6;

/// The moment one interval from now, moved by up to a tenth; `chance` lies in `0..1`.
pub fn next(now: Timestamp, interval: Duration, chance: f64) -> Timestamp {
    let factor = 1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0);
    later(now, scaled(interval, factor))
}

/// A moment spread over the whole interval, for what begins together; `chance` lies in `0..1`.
pub fn first(now: Timestamp, interval: Duration, chance: f64) -> Timestamp {
    later(now, scaled(interval, chance.clamp(0.0, 1.0)))
}

/// The moment that was planned; a random one of the interval where no plan that is made now lies so far ahead: the clock was set back, or
/// the interval is shorter now.
pub fn planned(due: Timestamp, now: Timestamp, interval: Duration, chance: f64) -> Timestamp {
    if due > next(now, interval, 1.0) { first(now, interval, chance) } else { due }
}

/// A number in `0..1` that looks like chance: the same for one thing at one moment, another for every other.
pub fn chance(id: &str, now: Timestamp) -> f64 {
    let mut hasher = DefaultHasher::new();
    (id, now.as_nanosecond()).hash(&mut hasher);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

/// When a push that was refused so many times in a row is tried again.
pub fn after_refusal(now: Timestamp, refusals: usize) -> Timestamp {
    let minutes = REFUSED[refusals.saturating_sub(1).min(REFUSED.len() - 1)];
    later(now, Duration::from_secs(60 * minutes))
}

/// Whether an image's list is too old to decide upon.
pub fn is_stale(listed: Timestamp, period: Duration, now: Timestamp) -> bool {
    stale_at(listed, period) <= now
}

/// How often a list can come: each interval, or each round of its host, where so many requests at so many in a second take longer.
pub fn period(interval: Duration, requests: usize, per_second: f64) -> Duration {
    let requests = f64::from(u32::try_from(requests).unwrap_or(u32::MAX));
    interval.max(Duration::try_from_secs_f64(requests / per_second).unwrap_or(interval))
}

/// When an image's list is too old to decide upon: after three of its periods.
pub fn stale_at(listed: Timestamp, period: Duration) -> Timestamp {
    later(listed, period.saturating_mul(3))
}

/// A quiet period: what is due waits until nothing has come in for as long as the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    first: Timestamp,
    last: Timestamp,
    window: Duration,
}

impl Batch {
    /// A batch that begins now.
    pub fn begin(now: Timestamp, window: Duration) -> Self {
        Self { first: now, last: now, window }
    }

    /// Something more came in.
    #[must_use]
    pub fn joined(self, now: Timestamp) -> Self {
        Self { last: now, ..self }
    }

    /// Whether it is written now; one that began later than now began before the clock was set back.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due() <= now || now < self.last
    }

    /// When it is written: after one quiet window, or after six windows of traffic.
    pub fn due(&self) -> Timestamp {
        later(self.last, self.window).min(later(self.first, self.window.saturating_mul(WINDOWS)))
    }
}

fn scaled(interval: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(interval.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

fn later(from: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| from.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn an_interval_is_moved_by_a_tenth_at_most() {
        for (chance, seconds) in [(0.0, 90), (0.5, 100), (1.0, 110), (7.0, 110)] {
            assert_eq!(next(at(0), Duration::from_secs(100), chance), at(seconds), "{chance}");
        }
    }

    #[test]
    fn beginnings_are_spread_over_the_interval() {
        for (chance, seconds) in [(0.0, 0), (0.25, 25), (1.0, 100)] {
            assert_eq!(first(at(0), Duration::from_secs(100), chance), at(seconds), "{chance}");
        }
    }

    #[test]
    fn a_plan_stands_unless_none_could_lie_so_far_ahead() {
        for (word, due, planned_at) in
            [("overdue", -50, -50), ("ahead", 90, 90), ("as late as can be", 110, 110), ("the clock was set back", 111, 25)]
        {
            assert_eq!(planned(at(due), at(0), Duration::from_secs(100), 0.25), at(planned_at), "{word}");
        }
    }

    #[test]
    fn chance_is_spread_and_always_the_same() {
        let chances: Vec<f64> = (0..1000).map(|second| chance("ghcr.io/acme/web", at(second))).collect();
        assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        for tenth in 0..10 {
            let (from, to) = (f64::from(tenth) / 10.0, f64::from(tenth + 1) / 10.0);
            let count = chances.iter().filter(|chance| (from..to).contains(*chance)).count();
            assert!((60..140).contains(&count), "{count} of 1000 between {from} and {to}");
        }
        assert!(chance("a", at(0)).to_bits() == chance("a", at(0)).to_bits() && chance("a", at(0)).to_bits() != chance("b", at(0)).to_bits());
    }

    #[test]
    fn refusals_wait_longer_and_longer_then_hourly() {
        for (refusals, minutes) in [(0, 1), (1, 1), (2, 5), (3, 30), (4, 60), (40, 60)] {
            assert_eq!(after_refusal(at(0), refusals), at(60 * minutes), "{refusals}");
        }
    }

    #[test]
    fn a_list_comes_each_round_where_the_budget_makes_one_longer() {
        for (word, requests, per_second, seconds) in [
            ("quick", 100, 20.0, 100),
            ("just as long", 2000, 20.0, 100),
            ("longer", 5000, 20.0, 250),
            ("a slow budget", 300, 0.5, 600),
            ("nothing to ask", 0, 20.0, 100),
            ("a budget that is none", 10, 0.0, 100),
        ] {
            assert_eq!(period(Duration::from_secs(100), requests, per_second), Duration::from_secs(seconds), "{word}");
        }
    }

    #[test]
    fn a_list_is_stale_after_three_intervals() {
        for (now, stale) in [(0, false), (299, false), (300, true)] {
            assert_eq!(is_stale(at(0), Duration::from_secs(100), at(now)), stale, "{now}");
        }
    }

    #[test]
    fn a_batch_waits_for_quiet_but_not_for_ever() {
        let batch = Batch::begin(at(0), Duration::from_secs(10));
        assert_eq!(batch.due(), at(10));
        assert_eq!(batch.joined(at(8)).due(), at(18));
        assert_eq!(batch.joined(at(58)).due(), at(60));
        for (word, now, due) in [("early", 9, false), ("quiet", 10, true), ("the clock was set back", -1, true)] {
            assert_eq!(batch.is_due(at(now)), due, "{word}");
        }
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        assert_eq!(next(Timestamp::MAX, Duration::MAX, 1.0), Timestamp::MAX);
    }
}
