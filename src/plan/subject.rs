//! Containers that take part, and the questions that they ask.

use serde::Serialize;

use crate::{
    image::{Digest, Platform, Reference, Repository, Tag},
    manifest::{Place, kustomize::Spot},
    policy::{
        Code,
        annotation::{Policy, Source},
        decision::{Wants, wanted_platforms},
    },
};

/// Every container that takes part, and the distinct questions that they ask.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    /// The containers.
    pub list: Vec<Subject>,
    /// What is asked, each once.
    pub questions: Vec<Asked>,
}

/// One container of one root.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The kustomization's folder, or the file.
    pub root: String,
    /// `namespace:kind/name`.
    pub workload: String,
    /// The container's name.
    pub container: String,
    /// The file that holds the place.
    pub file: String,
    /// The line of the place, from 1.
    pub line: u32,
    /// The kind of place.
    pub place: Place,
    /// Where the new version would be written, where it can be.
    pub spot: Option<Spot>,
    /// The new `images` entry that would reach it.
    pub entry: Option<Spot>,
    /// Whether that entry may be added, if the place is not this container's alone.
    pub fallback: Fallback,
    /// What decides the image, the first first; empty where it is only written.
    pub chain: Vec<Layer>,
    /// What stands there.
    pub reference: Option<Reference>,
    /// The policy's text.
    pub policy: String,
    /// The file and annotation that hold the pattern.
    pub source: Option<(String, Source)>,
    /// What else to tell.
    pub notes: Vec<String>,
    /// Whether a question is asked for it.
    pub state: State,
}

/// Whether a new `images` entry may be added for a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// It may.
    Allowed,
    /// Its file may not be written, or there is none.
    Denied,
}

/// One of the things that decide an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// What it is.
    pub place: Place,
}

/// Whether a question is asked for a container.
#[derive(Clone, Debug)]
pub enum State {
    /// It is held, whatever a registry says.
    Held(Held),
    /// The question at this place.
    Asks(usize),
}

/// Why a container is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The code.
    pub code: Code,
    /// The reason in one sentence.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// One question: which tag should this image have?
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where its tags are listed.
    pub repository: Repository,
    /// The tag in Git.
    pub tag: Option<Tag>,
    /// The digest in Git.
    pub digest: Option<Digest>,
    /// The policy.
    pub policy: Policy,
    /// What the place wants.
    pub wants: Wants,
}

/// A repository as one kind of question sees it: build times are those of one platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View {
    /// The repository.
    pub repository: Repository,
    /// The first platform that is wanted.
    pub platform: Platform,
}

impl Asked {
    /// What has to be known to answer.
    pub fn view(&self) -> View {
        let platform = wanted_platforms(&self.policy).swap_remove(0);
        View { repository: self.repository.clone(), platform }
    }
}

impl Held {
    /// A reason without a hint.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), hint: None }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Subjects {
    /// Keeps only these containers, and the questions that they ask.
    pub fn keep(&mut self, wanted: impl Fn(&Subject) -> bool) {
        self.list.retain(|subject| wanted(subject));
        let questions = std::mem::take(&mut self.questions);
        let mut places = std::collections::BTreeMap::new();
        for subject in &mut self.list {
            if let State::Asks(at) = &mut subject.state {
                let next = places.len();
                *at = *places.entry(*at).or_insert(next);
            }
        }
        let mut kept: Vec<(usize, usize)> = places.into_iter().collect();
        kept.sort_by_key(|&(_, new)| new);
        self.questions = kept.into_iter().map(|(old, _)| questions[old].clone()).collect();
    }
}
