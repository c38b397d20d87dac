//! When a request is sent again.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::error::Problem;

/// Whether an answer with this status may be another one soon.
pub(super) fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504 | 506..=599)
}

/// Whether a failure may be none soon.
pub(super) fn may_pass(problem: &Problem) -> bool {
    use super::error::Fault;
    matches!(
        problem,
        Problem::NotListening { .. } | Problem::Silent { .. } | Problem::Broken { .. } | Problem::Answer { fault: Fault::Garbled(_), .. }
    )
}

/// The longest pause before try `next` (the second try is 2): it doubles each time.
pub(super) fn ceiling(first: Duration, next: u32) -> Duration {
    first.saturating_mul(1 << next.saturating_sub(2).min(16))
}

/// A pause of any length up to a ceiling, so that those who failed together do not come back together.
pub(super) fn pause(first: Duration, next: u32) -> Duration {
    ceiling(first, next).mul_f64(fastrand::f64())
}

/// How long a host asks to be left alone: `Retry-After` in seconds or as a date, at most one hour.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if text.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    (!text.is_empty()).then_some(wait.min(Duration::from_hours(1)))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
        for (word, text, seconds) in [
            ("seconds", "120", Some(120)),
            ("now", "0", Some(0)),
            ("a date", "Sun, 01 Mar 2026 12:01:30 GMT", Some(90)),
            ("a date that has passed", "Sun, 01 Mar 2026 11:00:00 GMT", Some(0)),
            ("more than an hour", "7200", Some(3600)),
            ("absurd", "99999999999999999999999", Some(3600)),
            ("a far date", "Sun, 01 Mar 2099 12:00:00 GMT", Some(3600)),
            ("negative", "-5", None),
            ("words", "soon", None),
            ("empty", "", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{word}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None, "none");
    }

    #[test]
    fn pauses_double() {
        let first = Duration::from_millis(500);
        for (next, ms) in [(2, 500), (3, 1000), (4, 2000), (40, 32_768_000)] {
            assert_eq!(ceiling(first, next), Duration::from_millis(ms), "try {next}");
            assert!(pause(first, next) <= Duration::from_millis(ms), "try {next}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, again) in
            [(200, false), (401, false), (404, false), (408, true), (429, true), (500, true), (501, false), (503, true), (505, false)]
        {
            assert_eq!(passes(status), again, "{status}");
        }
    }
}
