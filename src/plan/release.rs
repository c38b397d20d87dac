//! A version that a person asks for, once: where it is written, and what the policy has against it.

use std::collections::BTreeSet;

use serde::Serialize;
use thiserror::Error;

use super::{
    decide::{Answer, Plan},
    index::{Bounds, Index},
    report::{Record, Version},
    subject::{Asked, Held, State, Subject, Subjects},
};
use crate::{
    image::{Reference, Repository},
    manifest::{Container, Role, Workload, kustomize::Deployed, splice::Change},
    policy::{
        Blame, Code, List,
        against::against,
        annotation::{Annotation, Origin, Policy, Quoting, WorkloadPolicy},
        decision::{Decision, Wants},
        keys::Keys,
        pattern::Pattern,
        rollback::Value,
    },
};

/// Whether a release may do what the policy or a lock is against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It may not.
    Within,
    /// It may.
    Against,
}

/// One image of a workload that becomes what a person asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Released {
    /// The kustomization's folder, or the file that the workload was read from.
    pub root: String,
    /// `namespace:kind/name`.
    pub workload: String,
    /// The container's name.
    pub container: String,
    /// The image's name as Git writes it.
    pub image: String,
    /// What stood in Git.
    pub from: Version,
    /// What stands there now.
    pub to: Version,
    /// The policy's text, `None` where nobody wrote one.
    pub policy: Option<String>,
    /// What it goes against, where it does.
    pub against: Option<String>,
    /// The file.
    pub file: String,
    /// The line of the place, from 1.
    pub line: u32,
}

/// What a release writes.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    /// By path.
    pub changes: std::collections::BTreeMap<String, Vec<Change>>,
    /// What becomes of each image; one that has the version already is left out.
    pub list: Vec<Released>,
}

/// Why nothing is released.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReleaseError {
    /// Two of the references are of one image.
    #[error("cannot release `{one}` and `{other}`: both name one image")]
    Twice {
        /// The first.
        one: String,
        /// The second.
        other: String,
    },
    /// A person wants nobody to touch the workload.
    #[error("cannot release to `{workload}`: its annotation `ignore` says that it is not touched at all")]
    Ignored {
        /// The workload.
        workload: String,
    },
    /// No container runs this image.
    #[error("cannot release `{wanted}` to `{workload}`: none of its containers runs this image")]
    NoImage {
        /// The workload.
        workload: String,
        /// The reference that was asked for.
        wanted: String,
        /// The images that it runs.
        images: BTreeSet<String>,
    },
    /// The policy, a person's revert or a lock is against it.
    #[error("cannot release `{wanted}` to `{container}` of `{workload}`: {reason}")]
    Against {
        /// The workload.
        workload: String,
        /// The container.
        container: String,
        /// The reference that was asked for.
        wanted: String,
        /// What is against it.
        reason: String,
    },
    /// The place pins a digest, and none was asked for.
    #[error("cannot release `{wanted}` to `{container}` of `{workload}`: the image is pinned to a digest there, and another tag has another one")]
    Pinned {
        /// The workload.
        workload: String,
        /// The container.
        container: String,
        /// The reference that was asked for.
        wanted: String,
    },
    /// The place cannot be written.
    #[error("cannot release `{wanted}` to `{container}` of `{workload}`: {}", held.reason)]
    Place {
        /// The workload.
        workload: String,
        /// The container.
        container: String,
        /// The reference that was asked for.
        wanted: String,
        /// What stands in the way.
        held: Box<Held>,
    },
}

impl ReleaseError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Twice { .. } => Some("leave one of them out".to_owned()),
            Self::Ignored { .. } => Some("take the annotation away first".to_owned()),
            Self::NoImage { images, .. } if images.is_empty() => None,
            Self::NoImage { images, .. } => Some(format!("it runs {}", images.iter().cloned().collect::<Vec<_>>().join(", "))),
            Self::Against { .. } => Some("release it all the same with --force, and say why with -m".to_owned()),
            Self::Pinned { wanted, .. } => Some(format!("write the digest, too: {wanted}@sha256:…; `tagalong scan` tells it")),
            Self::Place { held, .. } => held.hint.clone(),
        }
    }
}

/// A release of some images to some workloads, before anything is decided.
pub struct Release<'w> {
    subjects: Subjects,
    /// The subjects that it is about, and what each shall be.
    wanted: Vec<(usize, &'w Reference)>,
    force: Force,
}

impl<'w> Release<'w> {
    /// Finds the containers of the chosen workloads that run one of these images; `chosen` holds root and id of each.
    ///
    /// # Errors
    /// A workload is not to be touched, or runs none of the images.
    pub fn new(
        index: &Index,
        chosen: &BTreeSet<(String, String)>,
        images: &'w [Reference],
        force: Force,
        bounds: &Bounds<'_>,
    ) -> Result<Self, ReleaseError> {
        check_twice(images)?;
        let is_wanted = |repository: &Repository| images.iter().any(|image| image.name.repository() == *repository);
        let subjects = index.subjects_with(bounds, |one| {
            let is_chosen = chosen.contains(&(one.root.to_owned(), one.workload.id.to_string()));
            if is_chosen { take_part(one, &is_wanted, bounds) } else { Ok(()) }
        })?;
        let mut release = Self { subjects, wanted: Vec::new(), force };
        release.choose(chosen, images)?;
        Ok(release)
    }

    /// Who takes part, for the history to be noted.
    pub fn subjects(&mut self) -> &mut Subjects {
        &mut self.subjects
    }

    fn choose(&mut self, chosen: &BTreeSet<(String, String)>, images: &'w [Reference]) -> Result<(), ReleaseError> {
        let is_chosen = |subject: &&Subject| chosen.contains(&(subject.root.clone(), subject.workload.clone()));
        for image in images {
            let runs = |subject: &Subject| subject.reference.as_ref().is_some_and(|own| own.name.repository() == image.name.repository());
            let found = self.subjects.list.iter().enumerate().filter(|(_, subject)| is_chosen(subject) && runs(subject));
            let before = self.wanted.len();
            self.wanted.extend(found.map(|(at, _)| (at, image)));
            if self.wanted.len() == before {
                let names = self.subjects.list.iter().filter(is_chosen).filter_map(|subject| Some(subject.reference.as_ref()?.name.to_string()));
                let workload = chosen.first().map(|(_, id)| id.clone()).unwrap_or_default();
                return Err(ReleaseError::NoImage { workload, wanted: image.to_string(), images: names.collect() });
            }
        }
        self.wanted.sort_by_key(|(at, _)| *at);
        Ok(())
    }

    /// What is to be written.
    ///
    /// # Errors
    /// Something is against it, or a place cannot be written: then nothing is.
    pub fn writes(mut self, index: &Index, bounds: &Bounds<'_>) -> Result<Writes, ReleaseError> {
        let mut answers: Vec<Answer> = self.subjects.questions.iter().map(|asked| Answer::Decided(decision(Code::Current, asked, None))).collect();
        let mut objections = Vec::new();
        for (at, image) in self.wanted.clone() {
            objections.push(self.ask(at, image, bounds, &mut answers)?);
        }
        let plan = Plan::new(index, &self.subjects, &answers, &super::link::Builds::default());
        let mut writes = Writes::default();
        for (&(at, image), against) in self.wanted.iter().zip(objections) {
            let (record, subject) = (&plan.records[at], &self.subjects.list[at]);
            match record.code.list() {
                List::Updates => writes.list.push(released(record, against, subject)),
                List::Current => {}
                _ => {
                    let held = Held { code: record.code, reason: record.reason.clone(), hint: record.hint.clone() };
                    return Err(place(subject, image, held));
                }
            }
        }
        writes.changes = plan.changes.into_iter().map(|(path, planned)| (path, planned.into_iter().map(|one| one.change).collect())).collect();
        Ok(writes)
    }

    /// Makes one image a question of its own whose answer is what the person asked for; tells what is against it.
    fn ask(&mut self, at: usize, image: &Reference, bounds: &Bounds<'_>, answers: &mut Vec<Answer>) -> Result<Option<String>, ReleaseError> {
        let subject = &self.subjects.list[at];
        let asked = match &subject.state {
            State::Asks(question) => self.subjects.questions[*question].clone(),
            // A person's word stands against a person's word.
            State::Held(held) if matches!(held.code, Code::Locked | Code::MalformedPolicy) => {
                if self.force == Force::Within {
                    return Err(refusal(subject, image, held.reason.clone()));
                }
                if !(bounds.writes)(&subject.file) {
                    let reason = format!("{} lies outside the paths that may be written", subject.file);
                    return Err(place(subject, image, Held::new(Code::OutsidePaths, reason).hint("see --git-path")));
                }
                unruled(subject.reference.as_ref().expect("what was chosen runs an image"))
            }
            State::Held(held) => return Err(place(subject, image, held.clone())),
        };
        let stands = Value { tag: asked.tag.clone(), digest: asked.digest.clone() };
        let wanted = Value { tag: image.tag.clone(), digest: image.digest.clone() };
        let by_lock = if let State::Held(held) = &subject.state { Some(held.reason.clone()) } else { None };
        let is_there = stands.tag == wanted.tag && (wanted.digest.is_none() || stands.digest == wanted.digest);
        let objection = by_lock.or_else(|| against(&asked.policy, &stands, &wanted, &asked.rolled_back)).filter(|_| !is_there);
        if let (Some(reason), Force::Within) = (&objection, self.force) {
            return Err(refusal(subject, image, reason.clone()));
        }
        if stands.digest.is_some() && wanted.digest.is_none() && !is_there {
            let (workload, container) = (subject.workload.clone(), subject.container.clone());
            return Err(ReleaseError::Pinned { workload, container, wanted: image.to_string() });
        }
        let code = if is_there { Code::Current } else { Code::Updated };
        answers.push(Answer::Decided(decision(code, &asked, Some(&wanted))));
        self.subjects.list[at].state = State::Asks(self.subjects.questions.len());
        self.subjects.questions.push(asked);
        Ok(objection)
    }
}

fn check_twice(images: &[Reference]) -> Result<(), ReleaseError> {
    for (at, one) in images.iter().enumerate() {
        if let Some(other) = images[at + 1..].iter().find(|other| other.name.repository() == one.name.repository()) {
            return Err(ReleaseError::Twice { one: one.to_string(), other: other.to_string() });
        }
    }
    Ok(())
}

/// Lets every container of a workload that runs a wanted image take part, whatever its annotations say of that; all else that they say stays.
fn take_part(deployed: &mut Deployed<'_>, is_wanted: &dyn Fn(&Repository) -> bool, bounds: &Bounds<'_>) -> Result<(), ReleaseError> {
    if WorkloadPolicy::read(&deployed.workload.annotations, &[], bounds.presets).ignored {
        return Err(ReleaseError::Ignored { workload: deployed.workload.id.to_string() });
    }
    let named: Vec<String> = deployed
        .workload
        .containers
        .iter()
        .enumerate()
        .filter(|(at, one)| is_named(deployed, *at, one, is_wanted))
        .map(|(_, one)| one.name.clone())
        .collect();
    let workload: &mut Workload = deployed.workload.to_mut();
    for annotation in &mut workload.annotations {
        let word = annotation.key.split_once('/').map_or("", |(_, word)| word);
        if word == "automated" || word.starts_with("automated.") {
            // Their places count: the files of the others are known by them.
            annotation.key.clear();
        }
    }
    let keys = std::iter::once("fluxcd.io/automated".to_owned()).chain(named.into_iter().map(|name| format!("tagalong.dev/automated.{name}")));
    let line = workload.line;
    workload.annotations.extend(keys.map(|key| Annotation { key, value: "true".to_owned(), line, quoting: Quoting::Text }));
    Ok(())
}

/// Whether a container takes part only where an annotation names it, and runs a wanted image.
fn is_named(deployed: &Deployed<'_>, at: usize, container: &Container, is_wanted: &dyn Fn(&Repository) -> bool) -> bool {
    let built = deployed.built.as_ref().and_then(|built| Reference::parse(&built.images.get(at)?.as_ref()?.text).ok());
    let reference = built.or_else(|| container.image.parts()?.reference(None).ok());
    container.role == Role::Named && reference.is_some_and(|reference| is_wanted(&reference.name.repository()))
}

/// What is asked of an image under no policy.
fn unruled(reference: &Reference) -> Asked {
    Asked {
        repository: reference.name.repository(),
        tag: reference.tag.clone(),
        digest: reference.digest.clone(),
        policy: Policy { pattern: Pattern::any(), keys: Keys::default(), origin: Origin::Default },
        wants: Wants::Image,
        rolled_back: vec![],
    }
}

/// A decision that nobody but a person made.
fn decision(code: Code, asked: &Asked, wanted: Option<&Value>) -> Decision {
    Decision {
        code,
        winner: wanted.map_or_else(|| asked.tag.clone(), |wanted| wanted.tag.clone()),
        digest: wanted.map_or_else(|| asked.digest.clone(), |wanted| wanted.digest.clone()),
        image: None,
        stands: None,
        reason: if wanted.is_some() { "a person asked for it" } else { "it stays" }.to_owned(),
        hint: None,
        tally: std::collections::BTreeMap::default(),
        newer_elsewhere: None,
        departs: None,
        needs: Vec::new(),
    }
}

fn released(record: &Record, against: Option<String>, subject: &Subject) -> Released {
    let Record { root, workload, container, image, from, to, file, line, .. } = record.clone();
    Released {
        root,
        workload,
        container,
        image: image.unwrap_or_default(),
        from,
        to: to.unwrap_or_default(),
        policy: subject.source.as_ref().map(|_| subject.policy.clone()),
        against,
        file,
        line,
    }
}

fn refusal(subject: &Subject, image: &Reference, reason: String) -> ReleaseError {
    ReleaseError::Against { workload: subject.workload.clone(), container: subject.container.clone(), wanted: image.to_string(), reason }
}

fn place(subject: &Subject, image: &Reference, held: Held) -> ReleaseError {
    ReleaseError::Place { workload: subject.workload.clone(), container: subject.container.clone(), wanted: image.to_string(), held: Box::new(held) }
}
