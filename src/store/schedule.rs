//! When something is due next.

use std::time::Duration;

use jiff::Timestamp;

/// One interval from now, give or take a tenth: `chance` from 0 to 1 says how much.
pub fn next(now: Timestamp, interval: Duration, chance: f64) -> Timestamp {
    let jitter = 0.9 + 0.2 * chance.clamp(0.0, 1.0);
    now.saturating_add(interval.mul_f64(jitter)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_an_interval_away_give_or_take_a_tenth() {
        let now = Timestamp::from_second(1_000_000).expect("a time");
        for (word, interval, chance, after) in [
            ("earliest", Duration::from_mins(5), 0.0, 270),
            ("middle", Duration::from_mins(5), 0.5, 300),
            ("latest", Duration::from_mins(5), 1.0, 330),
            ("Docker Hub", Duration::from_mins(15), 0.5, 900),
            ("a chance that is none", Duration::from_mins(5), 7.0, 330),
            ("at once", Duration::ZERO, 0.5, 0),
        ] {
            assert_eq!(next(now, interval, chance).as_second() - now.as_second(), after, "{word}");
        }
        assert_eq!(next(Timestamp::MAX, Duration::from_mins(5), 0.5), Timestamp::MAX);
    }
}
