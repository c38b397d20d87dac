//! When an image was built.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use oci_client::annotations::ORG_OPENCONTAINERS_IMAGE_CREATED as CREATED;

/// The label that came before the one of the specification.
const BUILD_DATE: &str = "org.label-schema.build-date";
/// 2013-03-01, when Docker was first shown: an image says an earlier time only where its builder sets none.
const EARLIEST: Timestamp = Timestamp::constant(1_362_096_000, 0);
/// How far a builder's clock may be ahead.
const AHEAD: Duration = Duration::from_mins(10);

/// The texts that may say when an image was built.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sources<'a> {
    /// The annotation on the manifest, on its entry in the index, on the index: the closest first.
    pub(super) annotations: [Option<&'a str>; 3],
    /// The configuration's own field.
    pub(super) config: Option<&'a str>,
    /// The configuration's labels.
    pub(super) labels: Option<&'a BTreeMap<String, String>>,
}

/// The annotation among others.
pub(super) fn annotated(annotations: Option<&BTreeMap<String, String>>) -> Option<&str> {
    annotations?.get(CREATED).map(String::as_str)
}

/// The first usable time: an annotation, the configuration's own, then its labels, which may be a base image's.
pub(super) fn built(sources: &Sources<'_>, now: Timestamp) -> Option<Timestamp> {
    let label = |key: &str| sources.labels.and_then(|labels| labels.get(key)).map(String::as_str);
    let texts = sources.annotations.into_iter().chain([sources.config, label(CREATED), label(BUILD_DATE)]);
    texts.flatten().find_map(|text| usable(text, now))
}

/// A time in RFC 3339 that is neither before 2013-03-01 nor more than 10 minutes ahead.
fn usable(text: &str, now: Timestamp) -> Option<Timestamp> {
    let time = rfc3339(text)?;
    (time >= EARLIEST && time <= now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX)).then_some(time)
}

/// Reads a time strictly; digits behind the ninth of the fraction are dropped.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let shape = b"dddd-dd-ddtdd:dd:dd";
    let (date, rest) = text.split_at_checked(shape.len())?;
    let fits = |(b, s): (u8, &u8)| match s {
        b'd' => b.is_ascii_digit(),
        b't' => matches!(b, b'T' | b't'),
        s => b == *s,
    };
    if !date.bytes().zip(shape).all(fits) {
        return None;
    }
    let digits = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let (fraction, zone) = rest.split_at(if rest.starts_with('.') { 1 + digits } else { 0 });
    let legal_zone = match zone.as_bytes() {
        b"Z" | b"z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !legal_zone || fraction == "." {
        return None;
    }
    format!("{date}{}{zone}", &fraction[..fraction.len().min(10)]).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_time_is_rfc_3339() {
        for (word, text, expected) in [
            ("plain", "2024-05-01T10:00:00Z", Some("2024-05-01T10:00:00Z")),
            ("nanoseconds", "2024-05-01T10:00:00.123456789Z", Some("2024-05-01T10:00:00.123456789Z")),
            ("more digits", "2024-05-01T10:00:00.1234567890123Z", Some("2024-05-01T10:00:00.123456789Z")),
            ("offset", "2024-05-01T12:00:00+02:00", Some("2024-05-01T10:00:00Z")),
            ("lower case", "2024-05-01t10:00:00z", Some("2024-05-01T10:00:00Z")),
            ("leap second", "2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z")),
            ("no zone", "2024-05-01T10:00:00", None),
            ("space", "2024-05-01 10:00:00Z", None),
            ("date alone", "2024-05-01", None),
            ("no colon in the offset", "2024-05-01T12:00:00+0200", None),
            ("named zone", "2024-05-01T12:00:00+02:00[Europe/Berlin]", None),
            ("month 13", "2024-13-01T10:00:00Z", None),
            ("empty fraction", "2024-05-01T10:00:00.Z", None),
            ("seconds", "1714557600", None),
            ("words", "yesterday", None),
            ("not ASCII", "2024-05-01T10:00:0é", None),
            ("empty", "", None),
        ] {
            assert_eq!(rfc3339(text), expected.map(time), "{word}");
        }
    }

    #[test]
    fn a_time_before_docker_or_ahead_is_none() {
        let now = time("2026-03-01T12:00:00Z");
        for (word, text, known) in [
            ("epoch", "1970-01-01T00:00:00Z", false),
            ("year zero of Go", "0001-01-01T00:00:00Z", false),
            ("zip's epoch", "1980-01-01T00:00:01Z", false),
            ("the second before", "2013-02-28T23:59:59Z", false),
            ("the first second", "2013-03-01T00:00:00Z", true),
            ("now", "2026-03-01T12:00:00Z", true),
            ("10 minutes ahead", "2026-03-01T12:10:00Z", true),
            ("more", "2026-03-01T12:10:01Z", false),
            ("year 9999", "9999-12-31T23:59:59Z", false),
        ] {
            assert_eq!(usable(text, now).is_some(), known, "{word}");
        }
    }

    #[test]
    fn the_first_usable_source_counts() {
        let now = time("2026-03-01T12:00:00Z");
        let at = |day: u32| format!("2024-05-0{day}T00:00:00Z");
        let days: Vec<String> = (0..7).map(at).collect();
        let day = |number: usize| Some(days[number].as_str());
        let labels = BTreeMap::from([(CREATED.to_owned(), at(5)), (BUILD_DATE.to_owned(), at(6))]);
        let old = BTreeMap::from([(CREATED.to_owned(), "1970-01-01T00:00:00Z".to_owned()), (BUILD_DATE.to_owned(), at(6))]);
        let epoch = Some("1970-01-01T00:00:00Z");
        let all = Sources { annotations: [day(1), day(2), day(3)], config: day(4), labels: Some(&labels) };
        for (word, sources, expected) in [
            ("manifest's annotation", all, day(1)),
            ("entry's annotation", Sources { annotations: [None, day(2), day(3)], ..all }, day(2)),
            ("index's annotation", Sources { annotations: [None, None, day(3)], ..all }, day(3)),
            ("annotation that is no time", Sources { annotations: [Some("now"), None, None], ..all }, day(4)),
            ("configuration", Sources { annotations: [None; 3], ..all }, day(4)),
            ("label where the configuration says the epoch", Sources { annotations: [None; 3], config: epoch, ..all }, day(5)),
            ("old label", Sources { annotations: [None; 3], config: epoch, labels: Some(&old) }, day(6)),
            ("nothing usable", Sources { annotations: [epoch, None, None], config: epoch, labels: None }, None),
            ("nothing", Sources::default(), None),
        ] {
            assert_eq!(built(&sources, now), expected.map(time), "{word}");
        }
    }
}
