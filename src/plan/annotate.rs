//! From what a person wants of workloads' annotations to changes of files: in the manifest, or in a patch of the one root that is meant.

mod draft;

use std::collections::{BTreeMap, BTreeSet};

use draft::{Around, Drafts};
use serde::Serialize;
use thiserror::Error;

use super::Index;
use crate::{
    manifest::kustomize::Deployed,
    manifest::splice::Change,
    policy::{Blame, annotation::Wish},
};

/// How near a name must be to be suggested.
const NEAR: f64 = 0.6;

/// One annotation that becomes another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotated {
    /// `namespace:kind/name`.
    pub workload: String,
    /// The file.
    pub file: String,
    /// The line on which the annotation stands; of a new one, the workload's first.
    pub line: u32,
    /// The annotation's key.
    pub annotation: String,
    /// Its value before.
    pub from: Option<String>,
    /// Its value now.
    pub to: Option<String>,
}

/// The changes of files that annotations need, and what they are for people.
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    /// By path.
    pub changes: BTreeMap<String, Vec<Change>>,
    /// What becomes of each annotation.
    pub list: Vec<Annotated>,
}

/// Why annotations are not written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnnotateError {
    /// The workload has no such container.
    #[error("cannot annotate `{workload}`: it has no container `{container}`")]
    NoContainer {
        /// The workload.
        workload: String,
        /// The container that was named.
        container: String,
        /// Its containers, the nearest names first.
        near: Vec<String>,
    },
    /// It is encrypted.
    #[error("cannot annotate `{workload}`: the object in `{path}` is encrypted, and never edited")]
    Encrypted {
        /// The workload.
        workload: String,
        /// The file.
        path: String,
    },
    /// A kustomization or what it patches with may set annotations, too.
    #[error("cannot annotate `{workload}`: {reason} ({path}:{line})")]
    Kustomized {
        /// The workload.
        workload: String,
        /// What may change it.
        reason: String,
        /// The file that says so.
        path: String,
        /// Its line, from 1.
        line: u32,
    },
    /// Other roots deploy the same manifest.
    #[error("cannot annotate `{workload}` in one root: `{path}` is deployed by {}", roots.join(", "))]
    Shared {
        /// The workload.
        workload: String,
        /// The file.
        path: String,
        /// The roots.
        roots: Vec<String>,
    },
    /// No patch can be written for it.
    #[error("cannot annotate `{workload}` in a patch of `{path}`: {reason}")]
    Patch {
        /// The workload.
        workload: String,
        /// The file that would hold the patch.
        path: String,
        /// Why, as a clause.
        reason: String,
    },
    /// The file may not be written.
    #[error("cannot annotate `{workload}`: `{path}` lies outside the paths that may be written")]
    Outside {
        /// The workload.
        workload: String,
        /// The file.
        path: String,
    },
}

impl AnnotateError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoContainer { near, .. } if near.is_empty() => None,
            Self::NoContainer { near, .. } => Some(format!("did you mean {}?", near.join(" or "))),
            Self::Encrypted { .. } => Some("annotate it where it is encrypted".to_owned()),
            Self::Kustomized { path, .. } => Some(format!("write the annotation into {path} yourself")),
            Self::Shared { .. } => Some("change it for all of them with --all-roots, or in a patch of the one".to_owned()),
            Self::Patch { .. } => Some("write the patch yourself".to_owned()),
            Self::Outside { .. } => Some("see --git-path".to_owned()),
        }
    }
}

/// Which workloads are meant.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// The root and id of each.
    pub workloads: &'a BTreeSet<(String, String)>,
    /// Whether other roots that deploy their manifests are meant, too.
    pub reach: Reach,
}

/// How far a change of a manifest may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the chosen roots.
    Chosen,
    /// To every root that deploys it.
    AllRoots,
}

impl Chosen<'_> {
    fn holds(&self, deployed: &Deployed<'_>) -> bool {
        self.workloads.contains(&(deployed.root.to_owned(), deployed.workload.id.to_string()))
    }
}

/// The changes that give these workloads the annotations that are wanted.
///
/// # Shape
/// An annotation that stands somewhere is changed there. A new one goes into the patch that the root's own kustomization has for the
/// workload, else into the manifest. Where that concerns roots that are not meant, too, it goes into a patch of the root, a new one if need be.
///
/// # Errors
/// A workload lacks a container that is named, or its annotations are not where they could be written.
pub fn annotate(index: &Index, chosen: &Chosen<'_>, wish: &Wish, writes: &dyn Fn(&str) -> bool) -> Result<Annotations, AnnotateError> {
    let deployed = index.layout();
    let around = Around { index, deployed: &deployed, chosen, writes };
    let mut drafts = Drafts::default();
    for one in deployed.iter().filter(|deployed| chosen.holds(deployed)) {
        check(one, wish)?;
        let names: Vec<&str> = one.workload.containers.iter().map(|container| container.name.as_str()).collect();
        for entry in wish.entries(&one.workload.annotations, &names) {
            around.draft(one, &entry, &mut drafts)?;
        }
    }
    drafts.finish()
}

fn check(one: &Deployed<'_>, wish: &Wish) -> Result<(), AnnotateError> {
    let workload = one.workload.id.to_string();
    if one.workload.encrypted {
        return Err(AnnotateError::Encrypted { workload, path: one.path.to_owned() });
    }
    if let Some(held) = one.held.as_ref().filter(|held| held.annotates) {
        return Err(AnnotateError::Kustomized { workload, reason: held.reason.clone(), path: held.path.clone(), line: held.line });
    }
    match missing(one, wish) {
        Some((container, near)) => Err(AnnotateError::NoContainer { workload, container, near }),
        None => Ok(()),
    }
}

/// A container that is named and does not exist, with those that do; where none is known, any may exist.
fn missing(one: &Deployed<'_>, wish: &Wish) -> Option<(String, Vec<String>)> {
    let Wish::Policy { patterns, removed, keys } = wish else { return None };
    let existing: BTreeSet<&str> = one.workload.containers.iter().map(|container| container.name.as_str()).collect();
    // What goes may name a container that is long gone.
    let is_annotated = |container: &str| one.workload.annotations.iter().any(|annotation| annotation.key.ends_with(container));
    let mut named: Vec<&str> = patterns.iter().map(|(container, _)| container.as_str()).collect();
    named.extend(removed.iter().map(String::as_str).filter(|container| !is_annotated(container)));
    named.extend(keys.iter().filter(|(_, value)| !value.is_empty()).filter_map(|(key, _)| Some(key.split_once('.')?.1)));
    let missing = named.into_iter().find(|container| !existing.is_empty() && !existing.contains(container))?;
    let mut near: Vec<(f64, &str)> = existing.iter().map(|name| (strsim::jaro_winkler(name, missing), *name)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let (nearest, count) = (near.first().map_or(0.0, |(score, _)| *score), near.len());
    let is_near = |score: f64| score > NEAR || nearest <= NEAR && count <= 3;
    Some((missing.to_owned(), near.into_iter().filter(|(score, _)| is_near(*score)).take(3).map(|(_, name)| format!("`{name}`")).collect()))
}
