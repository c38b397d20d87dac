//! What registries offer, whatever stands in Git.

use jiff::Timestamp;
use serde::Serialize;

use super::{Asked, Failure, Knowledge, Known, tags};
use crate::{
    image::{Reference, Repository, Tag},
    policy::{
        Blame, Code,
        decision::Listing,
        record::{Metadata, TagRecord},
    },
};

/// The tags of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScannedImage {
    /// Its name, as it was typed.
    pub image: String,
    /// How many tags are listed; `None` where they cannot be.
    pub listed: Option<usize>,
    /// Whether the list lacks so much of the last one that it is doubted.
    pub in_doubt: bool,
    /// The tags that were looked at, the highest versions first.
    pub tags: Vec<ScannedTag>,
    /// Why it cannot be listed.
    pub failure: Option<ScanFailure>,
}

/// One tag, as the registry has it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScannedTag {
    /// The tag.
    pub tag: String,
    /// When it was first seen with this digest, RFC 3339.
    pub first_seen: Option<String>,
    /// When its image was built, RFC 3339.
    pub built: Option<String>,
    /// What it points to.
    pub digest: Option<String>,
    /// What it runs on.
    pub platforms: Vec<String>,
    /// Why nothing more is known: it is no image, it is gone, or it could not be asked for.
    pub note: Option<String>,
    /// Who has to act on that, if anybody.
    #[serde(skip)]
    pub blame: Option<Blame>,
}

/// Why an image cannot be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScanFailure {
    /// The code.
    pub code: String,
    /// The reason in one sentence.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// The tags to look at: the one that is named, else the first so many, versions before all others.
pub fn chosen(asked: &Asked, knowledge: &Knowledge, limit: usize, now: Timestamp) -> Vec<Tag> {
    let named = |tag: &Tag| asked.tag.as_ref().is_none_or(|wanted| wanted == tag);
    let every = tags(asked, knowledge, now).into_iter().filter_map(|one| Tag::parse(&one.tag).ok());
    every.filter(named).take(limit).collect()
}

/// What is known of these tags of an image.
pub fn scanned(reference: &Reference, asked: &Asked, knowledge: &Knowledge, chosen: &[Tag]) -> Result<ScannedImage, Failure> {
    let (records, listing) = match knowledge.get(&asked.view()) {
        Some(Known::Listed { records, listing }) => (records, *listing),
        Some(Known::Failed(failure)) => return Err(failure.clone()),
        Some(Known::Waiting) | None => return Err(silent(&asked.repository)),
    };
    let find = |tag: &Tag| records.binary_search_by(|record| record.tag.cmp(tag)).ok().map(|at| ScannedTag::from(&records[at]));
    Ok(ScannedImage {
        image: reference.name.to_string(),
        listed: Some(records.len()),
        in_doubt: listing == Listing::InDoubt,
        tags: chosen.iter().filter_map(find).collect(),
        failure: None,
    })
}

fn silent(repository: &Repository) -> Failure {
    let reason = format!("cannot list `{repository}`: the registry gave no answer in time");
    Failure { code: Code::Unreachable, reason, blame: Blame::Remote, hint: Some("ask again later, or with a longer --timeout".to_owned()) }
}

impl ScannedImage {
    /// An image that cannot be listed.
    pub fn failed(reference: &Reference, failure: &Failure) -> Self {
        let failure = ScanFailure { code: failure.code.to_string(), reason: failure.reason.clone(), hint: failure.hint.clone() };
        Self { image: reference.name.to_string(), listed: None, in_doubt: false, tags: Vec::new(), failure: Some(failure) }
    }
}

impl From<&TagRecord> for ScannedTag {
    fn from(record: &TagRecord) -> Self {
        let first_seen = record.first_seen.as_ref().map(|seen| seen.at.to_string());
        let empty = Self { tag: record.tag.to_string(), first_seen, built: None, digest: None, platforms: Vec::new(), note: None, blame: None };
        let noted = |note: &str| Self { note: Some(note.to_owned()), ..empty.clone() };
        let late = || Self { blame: Some(Blame::Remote), ..noted("the registry did not answer in time") };
        match &record.metadata {
            Metadata::Image(facts) => Self {
                built: facts.platforms.iter().find_map(|one| one.created).map(|time| time.to_string()),
                digest: Some(facts.digest.to_string()),
                platforms: facts.platforms.iter().map(|one| one.platform.to_string()).collect(),
                ..empty
            },
            Metadata::Pointed(digest) => Self { digest: Some(digest.to_string()), ..late() },
            Metadata::NotRead => late(),
            Metadata::Gone => noted("it is gone since it was listed"),
            Metadata::NotAnImage(what) => noted(&format!("no image: {what}")),
            Metadata::Unreadable { code, reason } => Self { blame: code.blame(), ..noted(reason) },
        }
    }
}
