//! Annotations: which policy a person wrote for a workload and its containers.

mod wish;

pub use wish::{Entry, Wish};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    keys::{KEYS, KeyError, Keys},
    pattern::{Pattern, PatternError},
    preset::Presets,
};

/// One annotation of a workload, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Annotation {
    /// The key, with its prefix.
    pub key: String,
    /// The value as it is written, without quotes.
    pub value: String,
    /// The line of the value, from 1.
    pub line: u32,
    /// Whether the API server would take the value for text.
    pub quoting: Quoting,
}

/// How an annotation's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Quoting {
    /// Text, as the API server wants it.
    Text,
    /// An unquoted scalar that YAML reads as a boolean, a number or a time: the API server refuses it.
    NotText,
}

/// What the annotations of one workload say.
#[derive(Clone, Debug)]
pub struct WorkloadPolicy {
    /// `ignore: "true"`: not touched at all.
    pub ignored: bool,
    /// Why nobody may touch it for now.
    pub lock: Option<Lock>,
    /// The containers that take part, in the order of the workload.
    pub containers: Vec<ContainerPolicy>,
}

/// A lock that a person put on a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Why.
    pub message: Option<String>,
    /// Who.
    pub user: Option<String>,
}

/// What the annotations say about one container that takes part.
#[derive(Clone, Debug)]
pub struct ContainerPolicy {
    /// The container's name.
    pub container: String,
    /// The policy, or why it cannot be read.
    pub policy: Result<Policy, Malformed>,
    /// Where the pattern is written; `None` where `glob:*` stands in for one.
    pub source: Option<Source>,
    /// A pattern of a weaker key that lost: its key and text.
    pub overridden: Vec<Source>,
}

/// A pattern and its own keys.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which tags, and which is the newest.
    pub pattern: Pattern,
    /// What else counts.
    pub keys: Keys,
    /// Whether a person wrote the pattern.
    pub origin: Origin,
}

impl Policy {
    /// A text that is the same for two policies exactly if they decide alike: the pattern, its origin and the own keys.
    pub fn identity(&self) -> String {
        let keys: String = self.keys.written().iter().flat_map(|(key, value)| ["\n", key, "=", value]).collect();
        format!("{}\n{}\n{:?}{keys}", self.pattern, self.pattern.resolved(), self.origin)
    }
}

/// Who chose the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A person wrote it.
    Written,
    /// It is `glob:*`, because the workload is automated and nobody wrote one.
    Default,
}

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The annotation's key.
    pub key: String,
    /// Its value.
    pub text: String,
    /// The line of the value, from 1.
    pub line: u32,
}

/// A policy that cannot be read; the container is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where it is written.
    pub source: Source,
    /// What is wrong.
    pub error: MalformedKind,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKind {
    /// The pattern does not parse.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// An own key is unknown or has a value that it does not take.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// `tagalong.dev/tag` names no container, and there are several.
    #[error("it names no container, and the workload has {0}")]
    WhichContainer(usize),
    /// Another line has a policy for the same image.
    #[error("line {0} has another policy for the same image")]
    Twice(u32),
}

pub(super) const OWN: &str = "tagalong.dev/";
pub(super) const FLUX: &str = "fluxcd.io/";
pub(super) const FILTER: &str = "filter.fluxcd.io/";
pub(super) const LEGACY: &str = "flux.weave.works/";

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is malformed: {}", self.source.key, self.error)
    }
}

impl Malformed {
    /// What to write instead, `None` where the error says it all.
    pub fn hint(&self) -> Option<String> {
        match &self.error {
            MalformedKind::Pattern(error) | MalformedKind::Key(KeyError::Pattern(error)) => Some(error.hint()),
            MalformedKind::Key(KeyError::Unknown(_)) => Some(format!("the own keys are {}", KEYS.map(|key| format!("`{key}`")).join(", "))),
            MalformedKind::Key(KeyError::Value { .. }) => None,
            MalformedKind::WhichContainer(_) => Some("write `tagalong.dev/tag.<container>`".to_owned()),
            MalformedKind::Twice(_) => Some("leave one of them".to_owned()),
        }
    }
}

impl WorkloadPolicy {
    /// Reads the annotations of a workload object that has these containers, init containers too.
    pub fn read(annotations: &[Annotation], containers: &[&str], presets: &Presets) -> Self {
        let reader = Reader { annotations, presets, count: containers.iter().collect::<BTreeSet<_>>().len() };
        let ignored = reader.is_true("ignore");
        let lock = reader.is_true("locked").then(|| Lock { message: reader.text("locked_msg"), user: reader.text("locked_user") });
        let policies = containers.iter().filter(|container| reader.takes_part(container)).map(|container| reader.container(container)).collect();
        Self { ignored, lock, containers: policies }
    }
}

struct Reader<'a> {
    annotations: &'a [Annotation],
    presets: &'a Presets,
    count: usize,
}

impl<'a> Reader<'a> {
    fn find(&self, key: &str) -> Option<&'a Annotation> {
        // The API server takes the last of equal keys; duplicate keys never get here.
        self.annotations.iter().find(|annotation| annotation.key == key)
    }

    /// The strongest annotation of Flux v1's for this word.
    fn flux(&self, word: &str) -> Option<&'a Annotation> {
        [FLUX, LEGACY].iter().find_map(|prefix| self.find(&format!("{prefix}{word}")))
    }

    fn is_true(&self, word: &str) -> bool {
        self.flux(word).is_some_and(|annotation| annotation.value == "true")
    }

    fn text(&self, word: &str) -> Option<String> {
        self.flux(word).map(|annotation| annotation.value.clone())
    }

    /// The container's own word wins over the workload's, ours over Flux's.
    fn takes_part(&self, container: &str) -> bool {
        let own = self.find(&format!("{OWN}automated.{container}")).or_else(|| self.find(&format!("{OWN}automated")));
        match own.map(|annotation| &*annotation.value) {
            Some("false") => false,
            // What is neither `true` nor `false` is malformed, and held rather than passed over.
            Some(_) => true,
            None => self.is_true("automated"),
        }
    }

    fn container(&self, container: &str) -> ContainerPolicy {
        let mut patterns = self.patterns(container).into_iter();
        let winner = patterns.next();
        let overridden = patterns.map(Source::of).collect();
        ContainerPolicy { container: container.to_owned(), policy: self.policy(container, winner), source: winner.map(Source::of), overridden }
    }

    /// The patterns for a container, the strongest key first.
    fn patterns(&self, container: &str) -> Vec<&'a Annotation> {
        pattern_keys(container).iter().filter_map(|key| self.find(key)).collect()
    }

    #[expect(clippy::result_large_err, reason = "it is kept as it is, once for each container")]
    fn policy(&self, container: &str, pattern: Option<&'a Annotation>) -> Result<Policy, Malformed> {
        let malformed = |annotation: &Annotation, error| Malformed { source: Source::of(annotation), error };
        if let Some(annotation) = self.find(&format!("{OWN}tag"))
            && self.count != 1
        {
            return Err(malformed(annotation, MalformedKind::WhichContainer(self.count)));
        }
        let mut policy = match pattern {
            Some(annotation) => self.presets.policy(&annotation.value).map_err(|error| malformed(annotation, error.into()))?,
            None => Policy { pattern: Pattern::any(), keys: Keys::default(), origin: Origin::Default },
        };
        // Those of a preset are there already. First those for all containers, then this container's own, which win.
        for only in [None, Some(container)] {
            for annotation in self.annotations {
                let Some(word) = annotation.key.strip_prefix(OWN) else { continue };
                let (key, name) = word.split_once('.').map_or((word, None), |(key, name)| (key, Some(name)));
                if name == only {
                    set(&mut policy.keys, key, annotation).map_err(|error| malformed(annotation, error.into()))?;
                }
            }
        }
        Ok(policy)
    }
}

/// The keys that hold a container's pattern, the strongest first.
pub(super) fn pattern_keys(container: &str) -> [String; 5] {
    [
        format!("{OWN}tag.{container}"),
        format!("{OWN}tag"),
        format!("{FLUX}tag.{container}"),
        format!("{FILTER}{container}"),
        format!("{LEGACY}tag.{container}"),
    ]
}

/// Sets an own key, or checks one that says who takes part.
pub(super) fn set(keys: &mut Keys, key: &str, annotation: &Annotation) -> Result<(), KeyError> {
    match (key, &*annotation.value) {
        ("tag", _) | ("automated", "true" | "false") => Ok(()),
        ("automated", value) => Err(KeyError::Value { value: value.to_owned(), expected: "neither `true` nor `false`" }),
        (key, value) => keys.set(key, value),
    }
}

impl Source {
    fn of(annotation: &Annotation) -> Self {
        Self { key: annotation.key.clone(), text: annotation.value.clone(), line: annotation.line }
    }
}

#[cfg(test)]
mod tests;
