//! Findings about the places of images: what each feeds, and who opens its registry.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Opening,
    finding::{Finding, FindingCode},
};
use crate::{
    image::Repository,
    manifest::{Parts, Site, kustomize::Spot},
    plan::{
        Index, Subject, Subjects,
        index::Written,
        subject::{Held, State},
    },
    policy::Code,
};

/// What to do where one place cannot serve all that it feeds.
pub(super) const APART: &str = "annotate them alike, or write the image of each by itself";

/// Registries that let everybody in to most of what they hold.
const PUBLIC: [&str; 20] = [
    "cgr.dev",
    "docker.elastic.co",
    "docker.io",
    "docker.n8n.io",
    "gcr.io",
    "ghcr.io",
    "icr.io",
    "k8s.gcr.io",
    "lscr.io",
    "mcr.microsoft.com",
    "mirror.gcr.io",
    "nvcr.io",
    "public.ecr.aws",
    "quay.io",
    "registry.access.redhat.com",
    "registry.gitlab.com",
    "registry.k8s.io",
    "registry.opensource.zalan.do",
    "registry.suse.com",
    "xpkg.upbound.io",
];

/// The containers of each scalar of a file, by its bytes.
type Sharing<'s> = BTreeMap<(usize, usize), Vec<(&'s Subject, &'s Site)>>;

/// Places that feed several containers which do not ask for the same.
pub(super) fn shared(index: &Index, subjects: &Subjects) -> Vec<Finding> {
    let mut by_file: BTreeMap<&str, Sharing<'_>> = BTreeMap::new();
    // Where a kustomization has a say, a root of its own may get an entry.
    for subject in subjects.list.iter().filter(|subject| subject.chain.is_empty()) {
        for site in subject.spot.iter().filter_map(Spot::parts).flat_map(versions) {
            let span = site.scalar.span();
            by_file.entry(&subject.file).or_default().entry((span.start, span.end)).or_default().push((subject, site));
        }
    }
    let mut found = vec![];
    for (path, places) in by_file {
        let fed = index.fed(path);
        for (span, sharing) in places {
            let everyone = fed.get(&span).map(Vec::as_slice).unwrap_or_default();
            if let (Some((first, site)), Some(reason)) = (sharing.first(), objection(&sharing, everyone, subjects)) {
                found.push(Finding::new(FindingCode::SharedPlace, path, site.line, reason).of(&first.workload).hint(APART));
            }
        }
    }
    found
}

/// The scalars of an image that an update writes.
fn versions(parts: &Parts) -> Vec<&Site> {
    match parts {
        Parts::Whole(part) => vec![&part.site],
        Parts::Apart(apart) => match (&apart.tag, &apart.digest, &apart.name) {
            (None, None, Some(name)) => vec![&name.site],
            (tag, digest, _) => tag.iter().chain(digest).map(|part| &part.site).collect(),
        },
    }
}

/// Why a place cannot be written for all that it feeds.
fn objection(sharing: &[(&Subject, &Site)], everyone: &[Written], subjects: &Subjects) -> Option<String> {
    let name = |subject: &Subject| format!("`{}` of {}", subject.container, subject.workload);
    let asks: Vec<(&Subject, String)> = sharing
        .iter()
        .filter_map(|(subject, _)| match subject.state {
            State::Asks(at) => Some((*subject, subjects.questions[at].policy.identity())),
            State::Held(_) => None,
        })
        .collect();
    let (first, identity) = asks.first()?;
    if let Some((other, _)) = asks.iter().find(|(_, other)| other != identity) {
        return Some(format!("this image is shared by {} and {}, which ask by different policies", name(first), name(other)));
    }
    let tail = |id: &str| id.split_once(':').map_or(id, |(_, tail)| tail).to_owned();
    let taking_part: BTreeSet<(String, &str)> = sharing.iter().map(|(subject, _)| (tail(&subject.workload), subject.container.as_str())).collect();
    if let Some(Written { owner, name: other, .. }) = everyone.iter().find(|fed| !taking_part.contains(&(tail(&fed.owner), fed.name.as_str()))) {
        return Some(format!("this image is shared by {} and `{other}` of {owner}, which takes no part: it stays", name(first)));
    }
    let feeds = sharing.first()?.1.scalar.feeds() as usize;
    // A comment is about the scalar, and so about all that it feeds.
    let by_comment = everyone.iter().all(|fed| fed.by_comment);
    let read_elsewhere = !by_comment && feeds > everyone.len();
    read_elsewhere.then(|| format!("this image of {} is read through an alias as something else, too: it stays", name(first)))
}

/// Files with workloads that take part and that may not be written.
pub(super) fn outside(subjects: &Subjects) -> Vec<Finding> {
    let mut files: BTreeMap<&str, (&Subject, BTreeSet<&str>)> = BTreeMap::new();
    for subject in &subjects.list {
        if let State::Held(Held { code: Code::OutsidePaths, .. }) = subject.state {
            files.entry(&subject.file).or_insert((subject, BTreeSet::new())).1.insert(&subject.workload);
        }
    }
    let told = |(path, (first, workloads)): (&str, (&Subject, BTreeSet<&str>))| {
        let others = if workloads.len() > 1 { format!(" and {} more", workloads.len() - 1) } else { String::new() };
        let message = format!("{}{others} stays: the file lies outside the paths that may be written", first.workload);
        Finding::new(FindingCode::OutsidePaths, path, first.line, message).of(&first.workload).hint("see `paths` and `--git-path`")
    };
    files.into_iter().map(told).collect()
}

/// Registries that would not let everybody in, each told once.
pub(super) fn closed(subjects: &Subjects, opens: &dyn Fn(&Repository) -> Opening) -> Vec<Finding> {
    let mut registries: BTreeMap<(String, String), (&Subject, Opening, BTreeSet<String>)> = BTreeMap::new();
    for subject in &subjects.list {
        let State::Asks(at) = subject.state else { continue };
        let repository = &subjects.questions[at].repository;
        let opening = opens(repository);
        let anybody = opening == Opening::Nobody && PUBLIC.contains(&&*repository.registry);
        if opening != Opening::Open && !anybody {
            let key = (repository.registry.to_string(), format!("{opening:?}"));
            registries.entry(key).or_insert_with(|| (subject, opening, BTreeSet::new())).2.insert(repository.to_string());
        }
    }
    registries.into_iter().filter_map(|((registry, _), (subject, opening, images))| told(&registry, subject, &opening, images.len())).collect()
}

fn told(registry: &str, subject: &Subject, opening: &Opening, images: usize) -> Option<Finding> {
    let images = if images == 1 { "1 image".to_owned() } else { format!("{images} images") };
    let (code, message, hint) = match opening {
        Opening::Open => return None,
        Opening::Nobody => (
            FindingCode::NoCredential,
            format!("no credential is configured for {registry}, which holds {images} of this repository"),
            "put one under `registries:` or into the Docker configuration, unless anybody may read there".to_owned(),
        ),
        Opening::Elsewhere { prefix } => (
            FindingCode::CredentialElsewhere,
            format!("the credential of `{prefix}` does not serve this repository, which names {images} of {registry}"),
            format!("name this repository under `for:` of the entry `{prefix}`"),
        ),
        Opening::Unlisted => (
            FindingCode::NotLookedUp,
            format!("{registry}, which holds {images} of this repository, may not be asked"),
            "`registryAllow: listed` allows only what stands under `registries:`".to_owned(),
        ),
    };
    Some(Finding::new(code, &subject.file, subject.line, message).hint(hint))
}
