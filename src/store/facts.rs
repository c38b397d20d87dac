//! What images say, kept by digest.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::wire::{Reader, Writer, read_digest, write_digest};
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

/// What the images of one repository say, without their labels, in a few bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pack(Vec<u8>);

impl Pack {
    /// Adds what stands behind a digest; what stood there before counts no more.
    pub fn add(&mut self, digest: &Digest, facts: Facts) {
        let facts = match facts {
            Facts::Image(facts) => Facts::Image(ImageFacts { labels: BTreeMap::new(), ..facts }),
            Facts::NotAnImage(what) => Facts::NotAnImage(what),
        };
        let mut writer = Writer(std::mem::take(&mut self.0));
        write_digest(&mut writer, digest);
        writer.bytes(&facts.encode());
        self.0 = writer.0;
    }

    /// Everything in it.
    pub fn unpack(&self) -> BTreeMap<Digest, Metadata> {
        let mut reader = Reader(&self.0);
        let mut next = || {
            let digest = read_digest(&mut reader)?;
            let facts = Facts::decode(reader.bytes()?, &digest)?;
            Some((digest, facts.into()))
        };
        std::iter::from_fn(&mut next).collect()
    }

    /// Keeps only these digests.
    #[must_use]
    pub fn retain(&self, wanted: impl Fn(&Digest) -> bool) -> Self {
        let mut kept = Self::default();
        for (digest, metadata) in self.unpack().into_iter().filter(|(digest, _)| wanted(digest)) {
            if let Some(facts) = Facts::of(&metadata) {
                kept.add(&digest, facts);
            }
        }
        kept.0.shrink_to_fit();
        kept
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
