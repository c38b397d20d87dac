//! What a repository holds: every image and every workload, from Git alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Asked, Index,
    subject::{State, Subject, Subjects},
};
use crate::{
    image::{Name, Reference},
    manifest::{
        ImageField, LoosePlace, Parts, Place, WorkloadId,
        kustomize::{Deployed, Image},
    },
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
    let placed = placed(index);
    let mut images: Vec<ListedImage> = placed.iter().flat_map(|deployed| of_workload(&taking, deployed)).collect();
    let used = used(&placed);
    for (path, file) in &index.files {
        let stands_alone = |loose: &&LoosePlace| {
            let mut sites = loose.image.parts().into_iter().flat_map(Parts::sites).map(|site| site.scalar.span());
            loose.place != Place::KustomizeImage || loose.policy.is_some() || !sites.any(|at| used.contains(&(path.as_str(), at.start)))
        };
        for LoosePlace { alias, line, place, image, .. } in file.places.iter().filter(stands_alone) {
            images.extend(listed(&taking, None, alias, Where { path, line: *line, place: *place }, Written::Here(image)));
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
    for deployed in placed(index) {
        let (path, workload) = (deployed.path, &deployed.workload);
        let id = workload.id.to_string();
        let policy = WorkloadPolicy::read(&workload.annotations, &[], Presets::shipped());
        let images = of_workload(&taking, &deployed);
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
        Self { repository: reference.name.repository(), tag: reference.tag.clone(), digest: None, policy, wants, rolled_back: vec![] }
    }
}

/// Each workload once for each id and each image that its roots give it.
fn placed(index: &Index) -> Vec<Deployed<'_>> {
    let mut seen = BTreeSet::new();
    let mut found = index.layout();
    found.retain(|deployed| {
        let images = deployed.built.iter().flat_map(|built| &built.images).flatten().map(|image| image.text.clone()).collect::<Vec<_>>();
        seen.insert((deployed.path, deployed.workload.line, deployed.workload.id.clone(), images))
    });
    found
}

/// The scalars of `images` entries that are listed with the workloads whose images they decide.
fn used<'f>(placed: &[Deployed<'f>]) -> BTreeSet<(&'f str, usize)> {
    let images = placed.iter().flat_map(|deployed| &deployed.built).flat_map(|built| &built.images).flatten();
    images.flat_map(Image::decided).map(|(path, site)| (path, site.scalar.span().start)).collect()
}

/// Where an image is listed.
#[derive(Clone, Copy)]
struct Where<'a> {
    path: &'a str,
    line: u32,
    place: Place,
}

/// How an image is known.
#[derive(Clone, Copy)]
enum Written<'a> {
    /// It is what stands here.
    Here(&'a ImageField),
    /// It is what a kustomization makes of it.
    Built(&'a Image<'a>),
}

/// The images of a workload.
fn of_workload(taking: &Taking<'_>, deployed: &Deployed<'_>) -> Vec<ListedImage> {
    let id = deployed.workload.id.to_string();
    let images = deployed.workload.containers.iter().enumerate().filter_map(|(at, container)| {
        let built = deployed.built.as_ref().and_then(|built| built.images.get(at)?.as_ref());
        let line = deployed.workload.line;
        if let Some((image, spot)) = built.and_then(|image| Some((image, image.spot()?))) {
            let place = Where { path: &spot.path, line: spot.line, place: spot.place };
            return listed(taking, Some(&id), &container.name, place, Written::Built(image));
        }
        let place = Where { path: deployed.path, line, place: container.place };
        listed(taking, Some(&id), &container.name, place, Written::Here(&container.image))
    });
    images.collect()
}

fn taking(subjects: &Subjects) -> Taking<'_> {
    let mut taking = Taking::new();
    for (at, subject) in subjects.list.iter().enumerate() {
        let (file, workload, container) = (subject.file.as_str(), subject.workload.as_str(), subject.container.as_str());
        taking.entry((file, workload, container)).or_insert((at, subject));
    }
    taking
}

fn listed(taking: &Taking<'_>, id: Option<&str>, name: &str, at: Where<'_>, written: Written<'_>) -> Option<ListedImage> {
    let Where { path, line, place } = at;
    let subject = taking.get(&(path, id.unwrap_or(path), name));
    let (reference, line) = match written {
        Written::Here(image) => {
            if *image == ImageField::Absent && subject.is_none() {
                return None;
            }
            (image.parts().and_then(|parts| parts.reference(None).ok()), image.line().unwrap_or(line))
        }
        Written::Built(image) => (Reference::parse(&image.text).ok(), line),
    };
    let reference = reference.or_else(|| subject.and_then(|(_, subject)| subject.reference.clone()));
    Some(ListedImage {
        workload: id.map(str::to_owned),
        container: name.to_owned(),
        image: reference.as_ref().map(|reference| reference.name.to_string()),
        tag: reference.as_ref().and_then(|reference| reference.tag.as_ref()).map(ToString::to_string),
        digest: reference.as_ref().and_then(|reference| reference.digest.as_ref()).map(ToString::to_string),
        policy: subject.map(|(_, subject)| subject.policy.clone()),
        automated: subject.is_some(),
        file: path.to_owned(),
        line,
        place,
        available: None,
        held: subject.and_then(|(_, subject)| if let State::Held(held) = &subject.state { Some(held.reason.clone()) } else { None }),
        question: match subject {
            Some((at, Subject { state: State::Asks(_), .. })) => Some(Question::Subject(*at)),
            _ => reference.map(|reference| Question::Image(Box::new(reference), place)),
        },
    })
}
