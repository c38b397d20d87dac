//! Findings about workloads where they are deployed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    annotations,
    finding::{Finding, FindingCode, Severity},
};
use crate::{
    manifest::{
        File, Place, Workload,
        inspect::Inspection,
        kustomize::{About, Deployed, HeldByKustomize, Image, Remark, Survey},
    },
    plan::{
        Index, Subject, Subjects,
        gather::eligible,
        subject::{Held, State},
    },
    policy::{
        Code,
        annotation::{Origin, WorkloadPolicy},
        oddity::View,
        preset::Presets,
    },
};

/// How like a name must be to be suggested.
const NEAR: f64 = 0.85;
/// How many workloads a sentence names.
const NAMED: usize = 3;

/// The workloads of a repository, as each root deploys them.
pub(super) struct Layout<'a> {
    files: &'a BTreeMap<String, File>,
    deployed: Vec<Deployed<'a>>,
    remarks: Vec<Remark>,
    presets: &'a Presets,
}

impl<'a> Layout<'a> {
    pub(super) fn of(index: &'a Index, presets: &'a Presets) -> Self {
        let Survey { deployed, remarks } = index.survey();
        Self { files: index.files(), deployed, remarks, presets }
    }

    /// Those that take part as far as their own annotations say.
    fn taking_part(&self) -> impl Iterator<Item = &Deployed<'a>> {
        self.deployed.iter().filter(|deployed| takes_part(&deployed.workload))
    }

    /// What the annotations of each object give to find.
    pub(super) fn objects(&self, inspected: &BTreeMap<String, Inspection>) -> Vec<Finding> {
        let mut places: BTreeMap<(&str, Option<usize>), &Deployed<'_>> = BTreeMap::new();
        for deployed in &self.deployed {
            let place = places.entry((deployed.path, deployed.at)).or_insert(deployed);
            // Held somewhere, a workload is known in part everywhere.
            if deployed.held.is_some() {
                *place = deployed;
            }
        }
        let mut found = vec![];
        for (path, inspection) in inspected {
            found.extend(annotations::in_comments(path, &self.files[path], &inspection.remarks, self.presets));
            let labelled = self.files[path].places.iter().filter(|place| annotations::is_labelled(place));
            found.extend(labelled.flat_map(|place| annotations::in_labels(path, place, self.presets)));
            for object in &inspection.objects {
                let place = object.workload.as_ref().and_then(|(at, _)| places.get(&(path.as_str(), Some(*at))));
                let own = object.workload.as_ref().map(|(_, workload)| workload.id.to_string()).unwrap_or_default();
                let id = place.map_or(own, |deployed| deployed.workload.id.to_string());
                // What no root deploys is a patch of something.
                let is_patch = object.workload.is_some() && place.is_none();
                let view = if is_patch || place.is_some_and(|deployed| is_part(deployed)) { View::Part } else { View::Whole };
                found.extend(annotations::in_object(path, object, &id, view, self.presets));
            }
        }
        found
    }

    /// Kustomizations that are not understood: a warning where that keeps workloads which take part, else a note.
    pub(super) fn held(&self) -> Vec<Finding> {
        let mut by: BTreeMap<(&str, u32, &str), BTreeSet<String>> = BTreeMap::new();
        for remark in &self.remarks {
            if let About::Held(reason) = &remark.about {
                by.entry((&remark.path, remark.line, reason)).or_default();
            }
        }
        for (deployed, held) in self.deployed.iter().filter_map(|deployed| Some((deployed, deployed.held.as_ref()?))) {
            let HeldByKustomize { reason, path, line, annotates } = held;
            let ids = by.entry((path, *line, reason)).or_default();
            if *annotates || takes_part(&deployed.workload) {
                ids.insert(deployed.workload.id.to_string());
            }
        }
        let told = |((path, line, reason), ids): ((&str, u32, &str), BTreeSet<String>)| match ids.first() {
            None => {
                let message = format!("what is deployed from here would be held: {reason}");
                Finding { severity: Severity::Note, ..Finding::new(FindingCode::UnsupportedKustomize, path, line, message) }
            }
            Some(id) => {
                let found = Finding::new(FindingCode::UnsupportedKustomize, path, line, format!("{} held: {reason}", stay(&ids)));
                if ids.len() == 1 { found.of(id) } else { found }
            }
        };
        by.into_iter().map(told).collect()
    }

    /// Entries that mean nothing, and bases that are not here.
    pub(super) fn remarks(&self) -> Vec<Finding> {
        let told = |Remark { path, line, about }: &Remark| match about {
            About::Held(_) => None,
            About::Remote { address } => {
                let message = format!("`{address}` is outside the repository, and not fetched: workloads in it are not seen");
                Some(Finding::new(FindingCode::RemoteBase, path, *line, message))
            }
            About::Unmatched { name, images } => {
                let message = format!("the `images` entry `{name}` means no image that is deployed with it");
                let found = Finding::new(FindingCode::UnmatchedEntry, path, *line, message);
                Some(match nearest(name, images) {
                    Some(near) => found.hint(format!("did you mean `{near}`?")),
                    None => found,
                })
            }
        };
        self.remarks.iter().filter_map(told).collect()
    }

    /// Jobs, whose pod template nobody can change.
    pub(super) fn jobs(&self) -> Vec<Finding> {
        let jobs = self.taking_part().filter(|deployed| deployed.workload.id.kind == "job");
        let told = |deployed: &Deployed<'_>| {
            let id = deployed.workload.id.to_string();
            let message = format!("the pod template of {id} is immutable: an update takes effect only where the Job is replaced");
            let found = Finding::new(FindingCode::Job, deployed.path, deployed.workload.line, message).of(&id);
            found.hint("let your deployer replace it, as Flux does with `kustomize.toolkit.fluxcd.io/force: enabled`")
        };
        jobs.map(told).collect()
    }

    /// Workloads that two plain files define.
    pub(super) fn twice(&self) -> Vec<Finding> {
        let mut defined: BTreeMap<String, Vec<&Deployed<'_>>> = BTreeMap::new();
        for deployed in self.deployed.iter().filter(|deployed| deployed.root == deployed.path) {
            defined.entry(deployed.workload.id.to_string()).or_default().push(deployed);
        }
        let mut found = vec![];
        for (id, places) in defined {
            let [first, others @ ..] = places.as_slice() else { continue };
            if !places.iter().any(|deployed| takes_part(&deployed.workload)) {
                continue;
            }
            for other in others {
                let (line, at) = (other.workload.line, first.workload.line);
                let message = format!("{id} is defined in {}:{at} too: each is updated by its own annotations", first.path);
                let severity = if is_one_tree(first.path, other.path) { Severity::Warning } else { Severity::Note };
                found.push(Finding { severity, ..Finding::new(FindingCode::SameId, other.path, line, message).of(&id) });
            }
        }
        found
    }
}

/// Findings about single containers.
pub(super) fn containers(index: &Index, subjects: &Subjects) -> Vec<Finding> {
    let mut found: Vec<Finding> = vec![];
    for subject in &subjects.list {
        found.extend(by_default(subject, subjects));
        if let State::Held(held) = &subject.state {
            found.extend(stays(index, subject, held));
        }
    }
    found.extend(without_tag(subjects));
    found
}

/// A container that nobody wrote a pattern for.
fn by_default(subject: &Subject, subjects: &Subjects) -> Option<Finding> {
    let State::Asks(at) = subject.state else { return None };
    let asked = &subjects.questions[at];
    let stays_anyway = asked.tag.is_none();
    if asked.policy.origin != Origin::Default || stays_anyway {
        return None;
    }
    let (container, id) = (&subject.container, &subject.workload);
    let message = format!("`{container}` of {id} takes part only by the default `glob:*`: whatever was built last wins");
    let found = Finding::new(FindingCode::DefaultPattern, &subject.file, subject.line, message).of(id).container(container);
    Some(found.hint(format!("write `fluxcd.io/tag.{container}: …`, or leave it out with `tagalong.dev/automated.{container}: \"false\"`")))
}

/// A container that stays whatever its registry says.
fn stays(index: &Index, subject: &Subject, held: &Held) -> Option<Finding> {
    let has_place = || index.files().get(&subject.file).is_some_and(|file| file.images().any(|image| image.alias == subject.container));
    let code = match held.code {
        Code::UnsupportedScalar if subject.place == Place::Comment => FindingCode::CommentWithoutImage,
        Code::UnsupportedScalar if !has_place() => FindingCode::NoImage,
        Code::UnsupportedScalar => FindingCode::UnsupportedScalar,
        Code::Encrypted => FindingCode::Encrypted,
        Code::WaitingForList | Code::LimitReached => FindingCode::NotLookedUp,
        _ => return None,
    };
    let message = match code {
        FindingCode::NoImage => format!("{} asks for updates, and {}", subject.workload, held.reason),
        FindingCode::CommentWithoutImage => format!("a comment policy stands beside no image: {}", held.reason),
        _ => format!("`{}` of {} stays: {}", subject.container, subject.workload, held.reason),
    };
    let found = Finding::new(code, &subject.file, subject.line, message).of(&subject.workload).container(&subject.container);
    let hint = match code {
        FindingCode::CommentWithoutImage => Some("write it beside one image, or beside a tag with `image=` and its name".to_owned()),
        _ => held.hint.clone(),
    };
    Some(Finding { hint, ..found })
}

/// Containers whose image has no tag that the pattern could change.
fn without_tag(subjects: &Subjects) -> Vec<Finding> {
    let mut found = vec![];
    for subject in &subjects.list {
        let State::Asks(at) = subject.state else { continue };
        let Some(decision) = subjects.questions[at].held_whatever_is_listed(Timestamp::UNIX_EPOCH) else { continue };
        let code = if decision.code == Code::DigestOnly { FindingCode::DigestOnly } else { FindingCode::NoExplicitPattern };
        let message = format!("`{}` of {} stays: {}", subject.container, subject.workload, decision.reason);
        let told = Finding::new(code, &subject.file, subject.line, message).of(&subject.workload).container(&subject.container);
        found.push(Finding { hint: decision.hint, ..told });
    }
    found
}

/// Whether what a file says of a workload is only a part of it.
fn is_part(deployed: &Deployed<'_>) -> bool {
    let elsewhere = deployed.built.as_ref().is_some_and(|built| {
        let brought = |image: &Image<'_>| image.chain.first().is_some_and(|given| given.path != deployed.path);
        built.annotated_in.iter().any(|path| *path != deployed.path) || built.images.iter().flatten().any(brought)
    });
    deployed.held.is_some() || elsewhere
}

/// Whether annotations of the workload itself, or comments in it, ask for updates.
pub(super) fn takes_part(workload: &Workload) -> bool {
    let names: Vec<&str> = eligible(workload).iter().map(|container| container.name.as_str()).collect();
    // What no container is known of is asked as if it had one; who takes part does not hang on what a pattern says.
    let policy = WorkloadPolicy::read(&workload.annotations, if names.is_empty() { &["*"] } else { &names }, Presets::shipped());
    let by_comment = workload.containers.iter().any(|container| container.policy.is_some());
    !policy.ignored && (by_comment || !policy.containers.is_empty())
}

/// The name among these images that is most like one that means none of them.
fn nearest<'i>(name: &str, images: &'i BTreeSet<String>) -> Option<&'i str> {
    let near = images.iter().map(|image| (strsim::jaro_winkler(name, image), image)).filter(|(near, _)| *near > NEAR);
    near.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1))).map(|(_, image)| image.as_str())
}

/// `a is`, `a and b are`, `a, b, c and 4 more are`.
fn stay(ids: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = ids.iter().take(NAMED).map(String::as_str).collect();
    match ids.len() {
        1 => format!("{} is", shown[0]),
        many if many > NAMED => format!("{} and {} more are", shown.join(", "), many - NAMED),
        _ => format!("{} are", shown.join(" and ")),
    }
}

/// Whether two files stand in one folder, or one of them above the other: what is deployed from there holds both.
fn is_one_tree(one: &str, other: &str) -> bool {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let (one, other) = (folder(one), folder(other));
    one.starts_with(&other) || other.starts_with(&one)
}
