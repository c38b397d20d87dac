//! What a repository holds: every image and every workload, from Git alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Asked, Index,
    index::in_namespace,
    subject::{State, Subject, Subjects},
};
use crate::{
    image::{Name, Reference},
    manifest::{Container, ImageField, LoosePlace, Place, Workload, WorkloadId, kustomize::deployed},
    policy::{
        annotation::{Origin, Policy, WorkloadPolicy},
        decision::Wants,
        keys::Keys,
        pattern::Pattern,
        preset::Presets,
    },
};

/// Every place that holds an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Images {
    /// The places, by file.
    pub images: Vec<ListedImage>,
}

/// One place that holds an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedImage {
    /// `namespace:kind/name`, `None` where it stands in no workload.
    pub workload: Option<String>,
    /// The container's name, or a dotted path.
    pub container: String,
    /// The image's name as Git writes it, `None` where there is none that can be read.
    pub image: Option<String>,
    /// Its tag.
    pub tag: Option<String>,
    /// Its digest.
    pub digest: Option<String>,
    /// The policy's text, where it takes part.
    pub policy: Option<String>,
    /// Whether it takes part in updates.
    pub automated: bool,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The kind of place.
    pub place: Place,
    /// The newest tags, where they were asked for and could be listed.
    pub available: Option<Vec<AvailableTag>>,
    /// Why it is held, as far as Git alone tells.
    #[serde(skip)]
    pub held: Option<String>,
    /// What a registry would be asked.
    #[serde(skip)]
    question: Option<Question>,
}

/// A tag that a registry offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AvailableTag {
    /// The tag.
    pub tag: String,
    /// When its image was built, RFC 3339.
    pub created: Option<String>,
    /// When it was first seen, RFC 3339.
    pub first_seen: Option<String>,
}

/// Every workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Workloads {
    /// The workloads, by file.
    pub workloads: Vec<ListedWorkload>,
}

/// One workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the JSON")]
pub struct ListedWorkload {
    /// `namespace:kind/name`.
    pub workload: String,
    /// Whether one of its images takes part in updates.
    pub automated: bool,
    /// Whether nobody may touch it for now.
    pub locked: bool,
    /// Why.
    pub locked_message: Option<String>,
    /// Whether it is not touched at all.
    pub ignored: bool,
    /// The file.
    pub file: String,
    /// The line on which it begins, from 1.
    pub line: u32,
    /// Its images.
    pub containers: Vec<ListedContainer>,
    /// Whether one of its images is held, as far as Git alone tells.
    #[serde(skip)]
    pub held: bool,
}

/// One image of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedContainer {
    /// The container's name, or a dotted path.
    pub container: String,
    /// The image's name as Git writes it, `None` where there is none that can be read.
    pub image: Option<String>,
    /// Its tag.
    pub tag: Option<String>,
    /// Its digest.
    pub digest: Option<String>,
    /// The policy's text, where it takes part.
    pub policy: Option<String>,
}

/// Which places or workloads are wanted: all that fit every word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// An id, or a tail of it.
    pub workload: Option<String>,
    /// The name of an image, or the end of it.
    pub image: Option<String>,
    /// Those that take part, or that are held.
    pub states: BTreeSet<Wanted>,
}

/// What a place is asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// It takes part.
    Automated,
    /// It is held, as far as Git alone tells.
    Held,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    /// That of the subject at this place.
    Subject(usize),
    /// That of an image without a policy.
    Image(Box<Reference>, Place),
}

/// Subjects by file, workload and container.
type Taking<'s> = BTreeMap<(&'s str, &'s str, &'s str), (usize, &'s Subject)>;

impl Filter {
    fn admits_id(&self, id: Option<&str>) -> bool {
        self.workload.as_ref().is_none_or(|wanted| id.is_some_and(|id| WorkloadId::is_tail(id, wanted)))
    }

    fn admits_image(&self, name: Option<&str>) -> bool {
        let Some(wanted) = &self.image else { return true };
        let Some(name) = name else { return false };
        let repository = |text: &str| Name::parse(text).map(|name| name.repository()).ok();
        let is_end = name.strip_suffix(wanted.as_str()).is_some_and(|before| before.ends_with('/'));
        is_end || name == wanted || repository(name).is_some_and(|own| repository(wanted) == Some(own))
    }

    fn admits_state(&self, automated: bool, held: bool) -> bool {
        self.states.iter().all(|wanted| match wanted {
            Wanted::Automated => automated,
            Wanted::Held => held,
        })
    }
}

impl WorkloadId {
    /// Whether a text is an id, or a tail of it that begins at a `:` or `/`; case does not count.
    pub fn is_tail(id: &str, wanted: &str) -> bool {
        let wanted = wanted.to_lowercase();
        id.to_lowercase().strip_suffix(&wanted).is_some_and(|before| before.is_empty() || before.ends_with([':', '/']))
    }
}

/// Every image that fits; `subjects` are those of the same index.
pub fn images(index: &Index, subjects: &Subjects, filter: &Filter) -> Images {
    let taking = taking(subjects);
    let mut images = vec![];
    for (path, id, workload) in placed(index) {
        for container in &workload.containers {
            let Container { name, place, image, .. } = container;
            images.extend(listed(&taking, path, Some(&id), name, workload.line, *place, image));
        }
    }
    for (path, file) in &index.files {
        for LoosePlace { alias, line, place, image, .. } in &file.places {
            images.extend(listed(&taking, path, None, alias, *line, *place, image));
        }
    }
    images.retain(|image| {
        filter.admits_id(image.workload.as_deref())
            && filter.admits_image(image.image.as_deref())
            && filter.admits_state(image.automated, image.held.is_some())
    });
    images.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Images { images }
}

/// Every workload that fits; `subjects` are those of the same index.
pub fn workloads(index: &Index, subjects: &Subjects, filter: &Filter) -> Workloads {
    let taking = taking(subjects);
    let mut workloads = vec![];
    for (path, id, workload) in placed(index) {
        let policy = WorkloadPolicy::read(&workload.annotations, &[], Presets::shipped());
        let images: Vec<ListedImage> = workload
            .containers
            .iter()
            .filter_map(|Container { name, place, image, .. }| listed(&taking, path, Some(&id), name, workload.line, *place, image))
            .collect();
        let held = images.iter().any(|image| image.held.is_some());
        let automated = images.iter().any(|image| image.automated);
        let fits = images.iter().any(|image| filter.admits_image(image.image.as_deref())) || filter.image.is_none();
        if !(fits && filter.admits_id(Some(&id)) && filter.admits_state(automated, held)) {
            continue;
        }
        let container = |ListedImage { container, image, tag, digest, policy, .. }| ListedContainer { container, image, tag, digest, policy };
        workloads.push(ListedWorkload {
            workload: id,
            automated,
            locked: policy.lock.is_some(),
            locked_message: policy.lock.and_then(|lock| lock.message),
            ignored: policy.ignored,
            file: path.to_owned(),
            line: workload.line,
            containers: images.into_iter().map(container).collect(),
            held,
        });
    }
    workloads.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Workloads { workloads }
}

impl Images {
    /// What registries would be asked, and the image that each question is about; those that Git holds back are asked about, too.
    pub fn questions(&self, subjects: &Subjects) -> Vec<(usize, Asked)> {
        let asked = |question: &Question| match question {
            Question::Subject(at) => match subjects.list[*at].state {
                State::Asks(asked) => Some(subjects.questions[asked].clone()),
                State::Held(_) => None,
            },
            Question::Image(reference, place) => {
                Some(Asked::about(reference, if *place == Place::OciRepository { Wants::Artifact } else { Wants::Image }))
            }
        };
        self.images.iter().enumerate().filter_map(|(at, image)| Some((at, asked(image.question.as_ref()?)?))).collect()
    }
}

impl Asked {
    /// What is asked about an image that takes no part: its versions, the highest first.
    pub fn about(reference: &Reference, wants: Wants) -> Self {
        let pattern = Pattern::parse("semver:*").expect("the pattern is legal");
        let policy = Policy { pattern, keys: Keys::default(), origin: Origin::Written };
        Self { repository: reference.name.repository(), tag: reference.tag.clone(), digest: None, policy, wants }
    }
}

/// Each workload once for each id that its roots give it.
fn placed(index: &Index) -> Vec<(&str, String, &Workload)> {
    let mut seen = BTreeSet::new();
    let mut found = vec![];
    for deployed in deployed(&index.files, &index.unreadable) {
        let Some((path, file)) = index.files.get_key_value(&deployed.path) else { continue };
        let workload = &file.workloads[deployed.workload];
        let id = in_namespace(&workload.id, &deployed).to_string();
        if seen.insert((path.as_str(), deployed.workload, id.clone())) {
            found.push((path.as_str(), id, workload));
        }
    }
    found
}

fn taking(subjects: &Subjects) -> Taking<'_> {
    let mut taking = Taking::new();
    for (at, subject) in subjects.list.iter().enumerate() {
        let (file, workload, container) = (subject.file.as_str(), subject.workload.as_str(), subject.container.as_str());
        taking.entry((file, workload, container)).or_insert((at, subject));
    }
    taking
}

fn listed(taking: &Taking<'_>, path: &str, id: Option<&str>, name: &str, line: u32, place: Place, image: &ImageField) -> Option<ListedImage> {
    let subject = taking.get(&(path, id.unwrap_or(path), name));
    let reference = image.parts().and_then(|parts| parts.reference(None).ok());
    let reference = reference.or_else(|| subject.and_then(|(_, subject)| subject.reference.clone()));
    if *image == ImageField::Absent && subject.is_none() {
        return None;
    }
    Some(ListedImage {
        workload: id.map(str::to_owned),
        container: name.to_owned(),
        image: reference.as_ref().map(|reference| reference.name.to_string()),
        tag: reference.as_ref().and_then(|reference| reference.tag.as_ref()).map(ToString::to_string),
        digest: reference.as_ref().and_then(|reference| reference.digest.as_ref()).map(ToString::to_string),
        policy: subject.map(|(_, subject)| subject.policy.clone()),
        automated: subject.is_some(),
        file: path.to_owned(),
        line: image.line().unwrap_or(line),
        place,
        available: None,
        held: subject.and_then(|(_, subject)| if let State::Held(held) = &subject.state { Some(held.reason.clone()) } else { None }),
        question: match subject {
            Some((at, Subject { state: State::Asks(_), .. })) => Some(Question::Subject(*at)),
            _ => reference.map(|reference| Question::Image(Box::new(reference), place)),
        },
    })
}
