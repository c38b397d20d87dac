//! Registry hosts that are left alone for a while.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Kind, Record,
    wire::{Reader, Writer, from_seconds, whole},
};

/// How many failures in a row are borne.
const BORNE: u32 = 3;
/// The first rest; each further failure doubles it.
const FIRST: Duration = Duration::from_secs(30);
/// The longest rest of a host that only fails: one question in so long is a burden to nobody, and who returns is soon served.
const FAILING: Duration = Duration::from_mins(10);
/// The longest rest, also where a host asks for more.
const LONGEST: Duration = Duration::from_hours(1);
const VERSION: u8 = 1;

/// Whether a host failed so often that it is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostRest {
    failures: u32,
    until: Option<Timestamp>,
}

impl HostRest {
    /// Until when nobody asks the host. A time further ahead than any rest was written before the clock was set back.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now && until.duration_since(now) <= signed(LONGEST))
    }

    /// How often in a row it failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether it failed so often that one question has to tell whether it answers again.
    pub fn is_on_trial(&self) -> bool {
        self.failures >= BORNE
    }

    /// It is left alone for so long from now, at least.
    #[must_use]
    pub fn left_alone(&self, wait: Option<Duration>, now: Timestamp) -> Self {
        let until = wait.map(|wait| whole(now.saturating_add(wait.min(LONGEST)).unwrap_or(Timestamp::MAX)));
        Self { failures: self.failures, until: until.max(self.until) }
    }

    /// The host failed once more, perhaps saying how long to wait.
    #[must_use]
    pub fn failed(&self, wait: Option<Duration>, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        let doubled = failures.checked_sub(BORNE).map(|beyond| FIRST.saturating_mul(2_u32.saturating_pow(beyond)).min(FAILING));
        let rest = wait.into_iter().chain(doubled).max().map(|rest| rest.min(LONGEST));
        let until = rest.map(|rest| whole(now.saturating_add(rest).unwrap_or(Timestamp::MAX)));
        Self { failures, until: until.max(self.until(now)) }
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

/// A host that answers is one of which nothing bad is known: [`HostRest::default`].
impl Record for HostRest {
    const KIND: Kind = Kind::Hosts;

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.byte(VERSION);
        writer.number(u64::from(self.failures));
        writer.step(0, self.until.map_or(i64::MIN, Timestamp::as_second));
        writer.0
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        (reader.byte()? == VERSION).then_some(())?;
        let failures = u32::try_from(reader.number()?).ok()?;
        let until = match reader.step(0)? {
            i64::MIN => None,
            seconds => Some(from_seconds(seconds)?),
        };
        reader.0.is_empty().then_some(Self { failures, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).expect("a time")
    }

    #[test]
    fn a_host_rests_longer_the_oftener_it_fails() {
        let minutes = |minutes: u64| Some(Duration::from_mins(minutes));
        for (word, waits, rest) in [
            ("once", &[None][..], None),
            ("twice", &[None; 2], None),
            ("three times", &[None; 3], Some(30)),
            ("four times", &[None; 4], Some(60)),
            ("for ever", &[None; 100], Some(600)),
            ("it says how long", &[minutes(2)], Some(120)),
            ("it says too long", &[minutes(600)], Some(3600)),
            ("it said so before", &[minutes(2), None], Some(120)),
            ("less than its failures", &[None, None, Some(Duration::from_secs(1))], Some(30)),
        ] {
            let host = waits.iter().fold(HostRest::default(), |host, wait| host.failed(*wait, at(0)));
            assert_eq!(host.until(at(0)), rest.map(at), "{word}");
            assert_eq!(HostRest::decode(&host.encode()), Some(host), "{word}");
        }
    }

    #[test]
    fn a_host_may_be_left_alone_without_a_failure() {
        let minutes = |minutes: u64| Some(Duration::from_mins(minutes));
        let failed = HostRest::default().failed(minutes(2), at(0));
        for (word, wait, until) in [("longer", minutes(3), 180), ("less", minutes(1), 120), ("nothing", None, 120), ("too long", minutes(600), 3600)]
        {
            let host = failed.left_alone(wait, at(0));
            assert_eq!((host.until(at(0)), host.failures()), (Some(at(until)), 1), "{word}");
        }
    }

    #[test]
    fn a_rest_ends() {
        let host = HostRest::default().failed(Some(Duration::from_mins(1)), at(0));
        for (word, now, until) in
            [("during", 59, Some(at(60))), ("at its end", 60, None), ("after", 1000, None), ("the clock was set back", -90_000, None)]
        {
            assert_eq!(host.until(at(now)), until, "{word}");
        }
    }
}
