//! What images say, kept by digest.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::wire::{Reader, Writer};
use crate::{
    image::{Digest, Platform},
    policy::record::{ImageFacts, Metadata, PlatformFacts},
};

const VERSION: u8 = 1;
/// The labels that messages and notes speak of.
const LABELS: [&str; 5] = [
    "org.opencontainers.image.documentation",
    "org.opencontainers.image.revision",
    "org.opencontainers.image.source",
    "org.opencontainers.image.url",
    "org.opencontainers.image.version",
];
/// A longer label says nothing to people.
const LABEL_BYTES: usize = 1024;

/// What the documents behind one digest say; it never changes, so it is read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Something else than a runnable image: its media type or kind.
    NotAnImage(String),
    /// An image, with the build time of one platform.
    Image(ImageFacts),
}

impl Facts {
    /// The id of an entry: build time and labels are those of the platform that was wanted first.
    pub fn id(digest: &Digest, platform: &Platform) -> String {
        format!("{digest} {platform}")
    }

    /// What is kept of an answer; the other answers may be different tomorrow.
    pub fn of(metadata: &Metadata) -> Option<Self> {
        match metadata {
            Metadata::NotAnImage(what) => Some(Self::NotAnImage(what.clone())),
            Metadata::Image(facts) => {
                let known = |(key, value): &(&String, &String)| LABELS.contains(&key.as_str()) && value.len() <= LABEL_BYTES;
                let labels = facts.labels.iter().filter(known).map(|(key, value)| (key.clone(), value.clone())).collect();
                Some(Self::Image(ImageFacts { labels, ..facts.clone() }))
            }
            Metadata::NotRead | Metadata::Unreadable { .. } | Metadata::Pointed(_) | Metadata::Gone => None,
        }
    }

    /// The entry's bytes; its digest stands in its id.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.byte(VERSION);
        match self {
            Self::NotAnImage(what) => {
                writer.byte(0);
                writer.text(what);
            }
            Self::Image(facts) => {
                writer.byte(1);
                writer.number(facts.platforms.len() as u64);
                for platform in &facts.platforms {
                    writer.text(&platform.platform.to_string());
                    writer.step(0, platform.created.map_or(i64::MIN, nanoseconds));
                }
                let labels = LABELS.iter().enumerate().filter_map(|(at, label)| Some((at, facts.labels.get(*label)?)));
                for (at, value) in labels {
                    writer.number(at as u64);
                    writer.text(value);
                }
            }
        }
        writer.0
    }

    /// The entry that was encoded; `None` for bytes of another version, or that nobody encoded.
    pub fn decode(bytes: &[u8], digest: &Digest) -> Option<Self> {
        let mut reader = Reader(bytes);
        (reader.byte()? == VERSION).then_some(())?;
        match reader.byte()? {
            0 => {
                let what = reader.text()?.to_owned();
                reader.0.is_empty().then_some(Self::NotAnImage(what))
            }
            1 => {
                let count = reader.count()?;
                let platforms = (0..count).map(|_| read_platform(&mut reader)).collect::<Option<_>>()?;
                let mut labels = BTreeMap::new();
                while !reader.0.is_empty() {
                    let label = *LABELS.get(reader.count()?)?;
                    labels.insert(label.to_owned(), reader.text()?.to_owned());
                }
                Some(Self::Image(ImageFacts { digest: digest.clone(), platforms, labels }))
            }
            _ => None,
        }
    }
}

impl From<Facts> for Metadata {
    fn from(facts: Facts) -> Self {
        match facts {
            Facts::NotAnImage(what) => Self::NotAnImage(what),
            Facts::Image(facts) => Self::Image(facts),
        }
    }
}

fn read_platform(reader: &mut Reader<'_>) -> Option<PlatformFacts> {
    let platform = Platform::parse(reader.text()?)?;
    let created = match reader.step(0)? {
        i64::MIN => None,
        nanoseconds => Some(Timestamp::from_nanosecond(nanoseconds.into()).ok()?),
    };
    Some(PlatformFacts { platform, created })
}

/// Build times are compared, so they are kept to the last digit; outside the years 1677 to 2262 there are none.
fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MIN)
}

#[cfg(test)]
mod tests;
