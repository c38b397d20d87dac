//! Registries as `registry.yaml` records them: what they list, and what they say of each tag.
//!
//! ```yaml
//! now: 2024-06-01T12:00:00Z            # the clock, this by default
//! paths: [clusters/prod]               # where may be written, everywhere by default
//! refuse: { ghcr.io/acme/secret: 401 } # repositories that cannot be listed: the HTTP status
//! repositories:
//!   nginx:                             # as a manifest may write it
//!     1.25.3:                          # an image for linux/amd64 that hides its build time
//!     1.25.4: { built: 2024-02-14T19:00:00Z, digest: a1, labels: { a: b } }     # the digest is this, again and again
//!     1.25.5: { platforms: [windows/amd64, linux/arm64 2024-05-01T00:00:00Z] }  # in their order; a time of its own
//!     1.25.6: { artifact: a Helm chart }
//!     1.25.7: { refuse: 404 }          # listed, but this is the answer to a look
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tagalong::{
    image::{Digest, Name, Platform, Repository, Tag},
    plan::Failure,
    policy::record::{ImageFacts, Metadata, PlatformFacts, TagRecord},
    registry::{Login, Problem, RegistryError, Said, Verb},
};

/// The moment at which everything happens where nobody says otherwise.
const NOW: &str = "2024-06-01T12:00:00Z";

/// What is recorded of registries.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    #[serde(default)]
    now: Option<String>,
    /// Where may be written.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Statuses of repositories that cannot be listed.
    #[serde(default)]
    pub refuse: BTreeMap<String, u16>,
    /// Tags by repository.
    #[serde(default)]
    pub repositories: BTreeMap<String, BTreeMap<String, Option<TagFacts>>>,
    /// Lists begin with a later tag, and end with those before it.
    #[serde(skip)]
    pub turned: usize,
}

/// What a registry says of one tag.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TagFacts {
    /// When it was built, RFC 3339.
    pub built: Option<String>,
    /// A hexadecimal word.
    pub digest: Option<String>,
    /// Platforms, each with a time of its own if need be.
    pub platforms: Vec<String>,
    /// Labels of its configuration.
    pub labels: BTreeMap<String, String>,
    /// What it is, if no image.
    pub artifact: Option<String>,
    /// The status of an answer that is none.
    pub refuse: Option<u16>,
}

impl Recorded {
    /// Reads `registry.yaml`.
    pub fn parse(text: &str) -> Self {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("registry.yaml: {error}"))
    }

    /// A record of these repositories alone.
    pub fn of(repositories: BTreeMap<String, BTreeMap<String, Option<TagFacts>>>) -> Self {
        Self { now: None, paths: vec![], refuse: BTreeMap::new(), repositories, turned: 0 }
    }

    pub fn now(&self) -> Timestamp {
        self.now.as_deref().unwrap_or(NOW).parse().expect("a time")
    }

    /// What the registry lists.
    pub fn list(&self, repository: &Repository) -> Result<Vec<TagRecord>, Failure> {
        let named = |name: &str| Name::parse(name).expect("a name").repository() == *repository;
        let status = self.refuse.iter().find(|(name, _)| named(name)).map(|(_, status)| *status);
        let tags = self.repositories.iter().find(|(name, _)| named(name)).map(|(_, tags)| tags);
        match (status, tags) {
            (None, Some(tags)) => {
                let mut listed: Vec<_> = tags.keys().map(|tag| TagRecord::listed(Tag::parse(tag).expect("a tag"))).collect();
                listed.rotate_left(self.turned.min(tags.len()));
                Ok(listed)
            }
            (status, _) => Err(failure(&refusal(Verb::List, repository, &repository.to_string(), status.unwrap_or(404)))),
        }
    }

    /// What the registry says of a tag that it lists; times are those of the first wanted platform, as the client reads them.
    /// What a tag points to, whatever that is.
    pub fn digest(&self, repository: &Repository, tag: &Tag) -> Digest {
        let listed = self.repositories.iter().find(|(name, _)| Name::parse(name).expect("a name").repository() == *repository);
        let facts = listed.and_then(|(_, tags)| tags[tag.as_str()].clone()).unwrap_or_default();
        digest(facts.digest.as_deref(), repository, tag)
    }

    pub fn look(&self, repository: &Repository, tag: &Tag, wanted: &[Platform]) -> Metadata {
        let listed = self.repositories.iter().find(|(name, _)| Name::parse(name).expect("a name").repository() == *repository);
        let facts = listed.and_then(|(_, tags)| tags[tag.as_str()].clone()).unwrap_or_default();
        match (facts.refuse, &facts.artifact) {
            (Some(404), _) => return Metadata::Gone,
            (Some(status), _) => {
                let error = refusal(Verb::Look, repository, &format!("{repository}:{tag}"), status);
                return Metadata::Unreadable { code: error.code(), reason: error.to_string() };
            }
            (None, Some(what)) => return Metadata::NotAnImage(what.clone()),
            (None, None) => {}
        }
        let offered = if facts.platforms.is_empty() { vec!["linux/amd64".to_owned()] } else { facts.platforms.clone() };
        let mut platforms: Vec<PlatformFacts> = offered.iter().map(|text| platform(text, facts.built.as_deref())).collect();
        let read = wanted.iter().find_map(|wish| platforms.iter().position(|one| one.platform.serves(wish))).unwrap_or(0);
        platforms.iter_mut().enumerate().filter(|(at, _)| *at != read).for_each(|(_, other)| other.created = None);
        Metadata::Image(ImageFacts { digest: digest(facts.digest.as_deref(), repository, tag), platforms, labels: facts.labels })
    }
}

/// `linux/arm64`, or with a time of its own behind it.
fn platform(text: &str, built: Option<&str>) -> PlatformFacts {
    let (name, own) = text.split_once(' ').map_or((text, None), |(name, time)| (name, Some(time)));
    let created = own.or(built).map(|time| time.parse().expect("a time"));
    PlatformFacts { platform: Platform::parse(name).expect("a platform"), created }
}

fn digest(word: Option<&str>, repository: &Repository, tag: &Tag) -> Digest {
    let hex: String = match word {
        Some(word) => word.chars().cycle().take(64).collect(),
        None => format!("{:x}", Sha256::digest(format!("{repository}:{tag}"))),
    };
    Digest::parse(&format!("sha256:{hex}")).expect("a digest")
}

fn refusal(verb: Verb, repository: &Repository, object: &str, status: u16) -> RegistryError {
    let (host, said) = (repository.registry.to_string(), Said::default());
    let problem = match status {
        401 | 403 => Problem::Denied { host, status, said },
        404 => Problem::Absent { host, status, said },
        429 => Problem::Busy { host, status, said, wait: None },
        500..600 => Problem::Failing { host, status, said },
        _ => Problem::Odd { host, status, said },
    };
    RegistryError { verb, object: object.to_owned(), repository: repository.clone(), login: Login::Anonymous, tried: Vec::new(), problem }
}

fn failure(error: &RegistryError) -> Failure {
    Failure { code: error.code(), reason: error.to_string(), blame: error.blame(), hint: error.hint() }
}
