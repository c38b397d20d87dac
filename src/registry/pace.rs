//! How fast a host is asked: slower when it says so, and faster again when it is quiet.

use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::Instant;

/// What is not exceeded while a host complains, in requests per second; less where its budget is less.
const LEAST: f64 = 0.1;
/// How long nothing may be heard before it is asked faster.
const QUIET: Duration = Duration::from_mins(1);
/// How much faster it is asked then.
const RECOVERY: f64 = 1.5;

/// The rate of requests to one host.
///
/// # Units
/// Requests per second.
pub(super) struct Pace {
    full: f64,
    now: f64,
    /// Since when nothing was heard, or when it was last made faster.
    quiet_since: Instant,
    /// When it was last made slower.
    slowed: Option<Instant>,
}

/// How many requests a host will still answer within a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Allowance {
    left: f64,
    limit: Option<f64>,
    window: Duration,
}

impl Pace {
    pub(super) fn new(full: f64, now: Instant) -> Self {
        Self { full, now: full, quiet_since: now, slowed: None }
    }

    /// The rate now: each quiet minute makes it faster, up to the budget.
    pub(super) fn rate(&mut self, now: Instant) -> f64 {
        while self.now < self.full && now.saturating_duration_since(self.quiet_since) >= QUIET {
            self.now = (self.now * RECOVERY).min(self.full);
            self.quiet_since += QUIET;
        }
        self.now
    }

    /// Halves the rate. An answer to what was sent before the last time says nothing of the rate since then.
    pub(super) fn slow_down(&mut self, sent: Instant, now: Instant) {
        if self.slowed.is_some_and(|slowed| sent < slowed) {
            return;
        }
        let half = self.rate(now) / 2.0;
        self.set(half, now);
        self.slowed = Some(now);
    }

    /// Spreads the last tenth of an allowance over its window.
    pub(super) fn spare(&mut self, allowance: Allowance, now: Instant) {
        if allowance.is_scarce() {
            let spread = allowance.left / allowance.window.as_secs_f64().max(1.0);
            let rate = self.rate(now).min(spread);
            self.set(rate, now);
        }
    }

    fn set(&mut self, rate: f64, now: Instant) {
        (self.now, self.quiet_since) = (rate.max(LEAST.min(self.full)), now);
    }
}

impl Allowance {
    /// What an answer says of it.
    ///
    /// # Source
    /// Docker Hub's documentation, "Pull usage and limits": `ratelimit-limit: 100;w=21600`, `ratelimit-remaining: 76;w=21600`.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let remaining = text("ratelimit-remaining")?;
        let window = parameter(remaining, "w").or_else(|| whole(text("ratelimit-reset")?))?;
        let limit = text("ratelimit-limit").and_then(|limit| whole(limit.split(';').next().unwrap_or_default()));
        Some(Self { left: f64::from(whole(remaining.split(';').next()?)?), limit: limit.map(f64::from), window: Duration::from_secs(window.into()) })
    }

    /// Whether at most a tenth is left; of a limit that nobody tells, ten.
    fn is_scarce(&self) -> bool {
        self.left <= self.limit.map_or(10.0, |limit| limit / 10.0)
    }
}

fn parameter(text: &str, wanted: &str) -> Option<u32> {
    text.split(';')
        .skip(1)
        .filter_map(|one| one.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
        .and_then(|(_, value)| whole(value))
}

fn whole(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    /// What happens at a second.
    enum Event {
        /// It complains about what was sent at that second.
        Complains(u64),
        /// It says how much of 100 requests in 6 hours is left.
        Leaves(f64),
        Nothing,
    }

    #[test]
    fn a_host_that_complains_is_asked_more_slowly_until_it_is_quiet() {
        use Event::{Complains, Leaves, Nothing};
        for (word, events, rate) in [
            ("nothing", &[(0, Nothing)][..], 20.0),
            ("once", &[(0, Complains(0))], 10.0),
            ("twice, for what was sent before", &[(5, Complains(0)), (6, Complains(1))], 10.0),
            ("twice, for what was sent since", &[(5, Complains(0)), (7, Complains(6))], 5.0),
            ("not a minute of peace", &[(0, Complains(0)), (59, Nothing)], 10.0),
            ("a quiet minute", &[(0, Complains(0)), (60, Nothing)], 15.0),
            ("never above its budget", &[(0, Complains(0)), (120, Nothing)], 20.0),
            ("long after", &[(0, Complains(0)), (1_000_000, Nothing)], 20.0),
            ("peace begins anew with each", &[(0, Complains(0)), (50, Complains(50)), (100, Nothing)], 5.0),
            ("recovered, then again", &[(0, Complains(0)), (60, Complains(60))], 7.5),
            ("much is left", &[(0, Leaves(11.0))], 20.0),
            ("a tenth is left", &[(0, Leaves(10.0))], 0.1),
            ("nothing is left", &[(0, Leaves(0.0))], 0.1),
            ("much is left again", &[(0, Leaves(0.0)), (60, Leaves(90.0))], 0.1 * 1.5),
        ] {
            let start = Instant::now();
            let at = |second| start + Duration::from_secs(second);
            let mut pace = Pace::new(20.0, start);
            for (second, event) in events {
                match event {
                    Complains(sent) => pace.slow_down(at(*sent), at(*second)),
                    Leaves(left) => pace.spare(Allowance { left: *left, limit: Some(100.0), window: Duration::from_hours(6) }, at(*second)),
                    Nothing => {}
                }
                pace.rate(at(*second));
            }
            assert!((pace.now - rate).abs() < 1e-9, "{word}: {}", pace.now);
        }
    }

    #[test]
    fn a_slow_budget_is_no_less_than_the_least() {
        for (full, least) in [(0.05, 0.05), (1.0, LEAST), (1000.0, LEAST)] {
            let start = Instant::now();
            let mut pace = Pace::new(full, start);
            (0..100).for_each(|second| pace.slow_down(start + Duration::from_secs(second), start + Duration::from_secs(second)));
            assert!((pace.now - least).abs() < 1e-9, "{full}: {}", pace.now);
        }
    }

    #[test]
    fn an_allowance_is_read_as_hosts_write_it() {
        let allowance = |left, limit, seconds| Some(Allowance { left, limit, window: Duration::from_secs(seconds) });
        for (word, headers, expected) in [
            ("Docker Hub", &[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")][..], allowance(76.0, Some(100.0), 21600)),
            ("spaces", &[("ratelimit-remaining", " 5 ; w = 60 ")], allowance(5.0, None, 60)),
            ("a reset", &[("ratelimit-remaining", "5"), ("ratelimit-reset", "30")], allowance(5.0, None, 30)),
            ("no window", &[("ratelimit-remaining", "5")], None),
            ("no number", &[("ratelimit-remaining", "many;w=60")], None),
            ("negative", &[("ratelimit-remaining", "-1;w=60")], None),
            ("absurd", &[("ratelimit-remaining", "99999999999999999999;w=60")], None),
            ("a limit that is none", &[("ratelimit-limit", "x"), ("ratelimit-remaining", "1;w=1")], allowance(1.0, None, 1)),
            ("nothing", &[], None),
        ] {
            let map = headers.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value))).collect();
            assert_eq!(Allowance::of(&map), expected, "{word}");
        }
    }
}
