//! Who takes part in updates, and what each asks.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    index::Bounds,
    subject::{Asked, Fallback, Held, Layer, State, Subject, Subjects},
};
use crate::{
    image::{Reference, Repository},
    manifest::{
        Container, File, ImageField, LoosePlace, Place, Role, Workload, as_label,
        kustomize::{Built, Deployed, HeldByKustomize, Image, Reach, Spot},
    },
    policy::{
        Code,
        annotation::{Annotation, ContainerPolicy, Lock, Malformed, Policy, Source, WorkloadPolicy},
        comment::CommentPolicy,
        decision::Wants,
        preset::Presets,
    },
};

/// A repository's images, at most: over it the rest is held.
const IMAGES: usize = 20_000;

/// What comments rule in a file that no root deploys as it stands: what a comment says is about the scalar, whatever a kustomization makes of it.
pub(super) fn by_comment<'f>(path: &'f str, file: &'f File) -> Vec<Deployed<'f>> {
    let is_ruled = |container: &Container| container.policy.is_some();
    let found = file.workloads.iter().enumerate().filter(|(_, one)| one.containers.iter().any(is_ruled));
    let alone = |(at, workload): (usize, &Workload)| {
        let mut alone = workload.clone();
        alone.containers.retain(is_ruled);
        Deployed { root: path, path, workload: Cow::Owned(alone), at: Some(at), built: None, held: None }
    };
    found.map(alone).collect()
}

/// A question as its answer is remembered: two containers that ask the same share one.
type Key = (Repository, Option<String>, Option<String>, String, bool);

/// Who takes part, as far as it was looked at.
pub(super) struct Gathering<'a> {
    bounds: &'a Bounds<'a>,
    pub(super) subjects: Subjects,
    /// What annotations say about these containers: most workloads of a fleet are annotated alike.
    policies: BTreeMap<(&'a [Annotation], Vec<&'a str>), Rc<WorkloadPolicy>>,
    questions: BTreeMap<Key, usize>,
    images: BTreeSet<Repository>,
    /// Whether the repository names more images than are asked about.
    pub(super) is_over: bool,
}

/// An image, and what stands around it.
struct Around<'a> {
    root: &'a str,
    owner: &'a str,
    name: &'a str,
    path: &'a str,
    /// Where to look where the image itself has no line.
    line: u32,
    place: Place,
    image: &'a ImageField,
    built: Option<(&'a Built<'a>, &'a Image<'a>)>,
    encrypted: bool,
    held: Option<&'a HeldByKustomize>,
    lock: Option<&'a Lock>,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(bounds: &'a Bounds<'a>) -> Self {
        let (policies, subjects) = (BTreeMap::new(), Subjects::default());
        Self { bounds, subjects, policies, questions: BTreeMap::new(), images: BTreeSet::new(), is_over: false }
    }

    pub(super) fn workload(&mut self, deployed: &'a Deployed<'a>) {
        let workload = &*deployed.workload;
        let annotates = deployed.held.as_ref().is_some_and(|held| held.annotates);
        let by_comment = workload.containers.iter().any(|container| container.policy.is_some());
        if workload.annotations.is_empty() && !annotates && !by_comment {
            return;
        }
        let id = workload.id.to_string();
        let eligible = eligible(workload);
        let names: Vec<&str> = eligible.iter().map(|one| one.name.as_str()).collect();
        let policy = self.policy(&workload.annotations, &names);
        if policy.ignored {
            return;
        }
        if names.is_empty() && !by_comment {
            return self.without_images(deployed, &id);
        }
        let unknown = deployed.held.as_ref().is_some_and(|held| held.annotates && policy.containers.is_empty());
        let (mut parts, mut open) = (policy.containers.iter().peekable(), eligible.into_iter().peekable());
        for (at, container) in workload.containers.iter().enumerate() {
            let takes_part = open.next_if(|one| std::ptr::eq(*one, container)).is_some();
            let part = if takes_part { parts.next_if(|part| part.container == container.name) } else { None };
            let comment = container.policy.as_deref().map(|comment| by_comment_first(comment, part, self.bounds.presets));
            if comment.is_none() && part.is_none() && !(unknown && container.role != Role::Named) {
                continue;
            }
            let around = Around {
                root: deployed.root,
                owner: &id,
                name: &container.name,
                path: deployed.path,
                line: workload.line,
                place: container.place,
                image: &container.image,
                built: deployed.built.as_ref().and_then(|built| Some((built, built.images[at].as_ref()?))),
                encrypted: workload.encrypted,
                held: deployed.held.as_ref(),
                lock: policy.lock.as_ref(),
            };
            let mut subject = self.subject(&around, comment.as_ref().or(part));
            subject.annotated_in(deployed);
            self.subjects.list.push(subject);
        }
    }

    fn policy(&mut self, annotations: &'a [Annotation], names: &[&'a str]) -> Rc<WorkloadPolicy> {
        let presets = self.bounds.presets;
        let read = self.policies.entry((annotations, names.to_vec()));
        Rc::clone(read.or_insert_with(|| Rc::new(WorkloadPolicy::read(annotations, names, presets))))
    }

    /// An object that asks for updates, but whose images are in none of the places that are read.
    fn without_images(&mut self, deployed: &Deployed<'_>, id: &str) {
        let workload = &*deployed.workload;
        let names = named(&workload.annotations);
        let names: Vec<&str> = if names.is_empty() { vec!["*"] } else { names.into_iter().collect() };
        let policy = WorkloadPolicy::read(&workload.annotations, &names, self.bounds.presets);
        for part in &policy.containers {
            let held = match (&deployed.held, workload.encrypted, workload.containers.first()) {
                (_, true, _) => encrypted(),
                (Some(held), _, _) => by_kustomize(held),
                (_, _, Some(first)) => {
                    let reason = format!("an image of a {} takes part only where an annotation names it", workload.id.kind);
                    Held::new(Code::UnsupportedScalar, reason).hint(format!("write `fluxcd.io/tag.{}`", first.name))
                }
                (_, _, None) => {
                    let reason = format!("no image of this {} stands where Tagalong reads one", workload.id.kind);
                    Held::new(Code::UnsupportedScalar, reason).hint("name where it holds images under `kinds:` in the configuration")
                }
            };
            let mut subject = Subject::new(deployed.root, id, &part.container, deployed.path, workload.line);
            subject.take_policy(part, deployed.path);
            subject.annotated_in(deployed);
            subject.state = State::Held(held);
            self.subjects.list.push(subject);
        }
    }

    /// A place of no workload: a comment rules it, or labels of its service.
    pub(super) fn place(&mut self, path: &str, file: &File, place: &LoosePlace) {
        if place.policy.is_none() && place.annotations.is_empty() {
            return;
        }
        let labels = WorkloadPolicy::read(&place.annotations, &[&place.alias], self.bounds.presets);
        let around_it = place
            .workload
            .and_then(|at| file.workloads.get(at as usize))
            .map(|workload| WorkloadPolicy::read(&workload.annotations, &[], self.bounds.presets));
        if labels.ignored || around_it.as_ref().is_some_and(|policy| policy.ignored) {
            return;
        }
        let labelled = labels.containers.into_iter().next().map(of_labels);
        let comment = place.policy.as_deref().map(|comment| by_comment_first(comment, labelled.as_ref(), self.bounds.presets));
        let Some(part) = comment.or(labelled) else {
            return;
        };
        let around = Around {
            root: path,
            owner: path,
            name: &place.alias,
            path,
            line: place.line,
            place: place.place,
            image: &place.image,
            built: None,
            encrypted: place.encrypted,
            held: None,
            lock: around_it.as_ref().and_then(|policy| policy.lock.as_ref()).or(labels.lock.as_ref()),
        };
        let subject = self.subject(&around, Some(&part));
        self.subjects.list.push(subject);
    }

    fn subject(&mut self, around: &Around<'_>, part: Option<&ContainerPolicy>) -> Subject {
        let mut subject = Subject::new(around.root, around.owner, around.name, around.path, around.line);
        subject.place = around.place;
        if let Some(part) = part {
            subject.take_policy(part, around.path);
        }
        let policy = part.map(|part| &part.policy);
        let known = policy.and_then(|policy| policy.as_ref().ok()?.keys.image.as_ref());
        let image = self.image(&mut subject, around, known);
        subject.state = match (policy, around.held, around.lock) {
            _ if around.encrypted => State::Held(encrypted()),
            (_, Some(held), _) => State::Held(by_kustomize(held)),
            (Some(Err(malformed)), _, _) => {
                let place = format!("{malformed} ({}:{})", around.path, malformed.source.line);
                State::Held(Held { hint: malformed.hint(), ..Held::new(Code::MalformedPolicy, place) })
            }
            (_, _, Some(lock)) => State::Held(locked(lock)),
            (Some(Ok(policy)), _, None) => match image {
                Err(held) => State::Held(held),
                Ok(reference) => self.ask(&subject, &reference, policy),
            },
            (None, None, None) => unreachable!("without a policy and a kustomization that may bring one, a container takes no part"),
        };
        subject
    }

    /// What the image is at last, and where its new version would be written.
    fn image(&self, subject: &mut Subject, around: &Around<'_>, known: Option<&Reference>) -> Result<Reference, Held> {
        if let Some((built, image)) = around.built {
            return self.built(subject, built, image);
        }
        match around.image {
            ImageField::Written(parts) => {
                subject.line = parts.line();
                subject.spot = Some(Spot::written(around.path, around.line, around.place, around.image.clone()));
                let reference = parts.reference(known.map(|known| &known.name));
                subject.reference = reference.as_ref().ok().cloned();
                reference.map_err(|reason| unsupported(reason, around))
            }
            ImageField::Unsupported { line, reason } => {
                subject.line = *line;
                Err(uneditable(reason))
            }
            ImageField::Absent => Err(Held::new(Code::UnsupportedScalar, "the container names no image")),
        }
    }

    /// As [`Self::image`], where a kustomization has the last word.
    fn built(&self, subject: &mut Subject, built: &Built<'_>, image: &Image<'_>) -> Result<Reference, Held> {
        let Some(spot) = image.spot().filter(|_| !image.text.is_empty()) else {
            return Err(Held::new(Code::UnsupportedScalar, "the container names no image"));
        };
        subject.chain = image.chain.iter().map(|given| Layer { file: given.path.to_owned(), line: given.line, place: given.place }).collect();
        (subject.file, subject.line, subject.place) = (spot.path.clone(), spot.line, spot.place);
        let reference = Reference::parse(&image.text).map_err(|error| Held::new(Code::UnsupportedScalar, error.to_string()))?;
        subject.reference = Some(reference.clone());
        let spot = match &built.overlay {
            None => spot,
            Some(overlay) => image.overlaid(overlay, &subject.container).ok_or_else(|| {
                let reason = format!("the image belongs into the patch file of .flux.yaml, and none can take it ({}:{})", overlay.path, overlay.line);
                Held::new(Code::UnsupportedKustomize, reason).hint("commit an empty file under the name that `patchFile` says")
            })?,
        };
        (subject.file, subject.line, subject.place) = (spot.path.clone(), spot.line, spot.place);
        let extension = built.extension.filter(|_| built.overlay.is_none() && image.reach == Reach::Reached);
        subject.entry = extension.map(|extension| Spot::new_entry(&extension, reference.name.as_str()));
        if extension.is_some_and(|extension| (self.bounds.writes)(extension.path)) {
            subject.fallback = Fallback::Allowed;
        }
        if let Some(reason) = spot.obstacle() {
            let fallback = subject.entry.clone().filter(|_| subject.fallback == Fallback::Allowed);
            subject.fallback = Fallback::Denied;
            let Some(fallback) = fallback else {
                return Err(uneditable(reason));
            };
            (subject.file, subject.line, subject.place) = (fallback.path.clone(), fallback.line, fallback.place);
            subject.spot = Some(fallback);
        } else {
            subject.spot = Some(spot);
        }
        Ok(reference)
    }

    fn ask(&mut self, subject: &Subject, reference: &Reference, policy: &Policy) -> State {
        let repository = policy.keys.image.as_ref().unwrap_or(reference).name.repository();
        if !(self.bounds.scans)(&repository) {
            let reason = format!("the configuration keeps {repository} from being looked up");
            return State::Held(Held::new(Code::WaitingForList, reason).hint("see registryIncludeImages and registryExcludeImages"));
        }
        let file = &subject.file;
        if !(self.bounds.writes)(file) {
            return State::Held(Held::new(Code::OutsidePaths, format!("{file} lies outside the paths that may be written")).hint("see --git-path"));
        }
        let wants = if subject.place == Place::OciRepository { Wants::Artifact } else { Wants::Image };
        let (tag, digest) = (reference.tag.clone(), reference.digest.clone());
        match self.question(Asked { repository, tag, digest, policy: policy.clone(), wants, rolled_back: vec![] }) {
            Some(at) => State::Asks(at),
            None => State::Held(Held::new(Code::LimitReached, format!("the repository names more than {IMAGES} images"))),
        }
    }

    /// The place of a question among all, where one more may be asked.
    pub(super) fn question(&mut self, asked: Asked) -> Option<usize> {
        let [tag, digest] = [asked.tag.as_ref().map(ToString::to_string), asked.digest.as_ref().map(ToString::to_string)];
        let key = (asked.repository.clone(), tag, digest, asked.policy.identity(), asked.wants == Wants::Artifact);
        if let Some(at) = self.questions.get(&key) {
            return Some(*at);
        }
        if !self.images.contains(&asked.repository) && self.images.len() >= IMAGES {
            self.is_over = true;
            return None;
        }
        self.images.insert(asked.repository.clone());
        let at = self.subjects.questions.len();
        self.questions.insert(key, at);
        self.subjects.questions.push(asked);
        Some(at)
    }
}

/// A comment wins over an annotation: it is the nearer one.
fn by_comment_first(comment: &CommentPolicy, annotated: Option<&ContainerPolicy>, presets: &Presets) -> ContainerPolicy {
    let mut policy = comment.read("", presets);
    if let Some(annotated) = annotated {
        policy.overridden.extend(annotated.source.iter().chain(&annotated.overridden).cloned());
    }
    policy
}

/// Labels are called as they are written.
fn of_labels(mut policy: ContainerPolicy) -> ContainerPolicy {
    let rename = |source: &mut Source| source.key = as_label(&source.key);
    policy.source.iter_mut().chain(&mut policy.overridden).for_each(rename);
    if let Err(Malformed { source, .. }) = &mut policy.policy {
        rename(source);
    }
    policy
}

fn unsupported(reason: String, around: &Around<'_>) -> Held {
    let nameless = matches!(around.image, ImageField::Written(parts) if parts.names_nothing());
    let held = Held::new(Code::UnsupportedScalar, reason);
    match around.place {
        _ if !nameless => held,
        Place::HelmValue if around.owner != around.path => held.hint(format!("write `tagalong.dev/image.{}`", around.name)),
        _ => held.hint("write `image=` into the comment"),
    }
}

fn uneditable(reason: &str) -> Held {
    let held = Held::new(Code::UnsupportedScalar, format!("the image cannot be edited: {reason}"));
    if reason.contains("lines") { held.hint("write the image on one line") } else { held }
}

fn encrypted() -> Held {
    Held::new(Code::Encrypted, "the object is encrypted, and never edited")
}

fn by_kustomize(held: &HeldByKustomize) -> Held {
    Held::new(Code::UnsupportedKustomize, format!("{} ({}:{})", held.reason, held.path, held.line))
}

/// As `locked by ana: "until the audit"`.
fn locked(lock: &Lock) -> Held {
    let by = lock.user.as_ref().map(|user| format!(" by {user}")).unwrap_or_default();
    let why = lock.message.as_ref().map(|message| format!(": \"{message}\"")).unwrap_or_default();
    Held::new(Code::Locked, format!("locked{by}{why}"))
}

/// The containers that annotations are about: those that nobody knows the use of only where one names them.
pub(super) fn eligible(workload: &Workload) -> Vec<&Container> {
    let named = named(&workload.annotations);
    let is_eligible = |container: &&Container| container.role != Role::Named || named.contains(container.name.as_str());
    workload.containers.iter().filter(is_eligible).collect()
}

/// The containers that annotations name.
fn named(annotations: &[Annotation]) -> BTreeSet<&str> {
    fn name(key: &str) -> Option<&str> {
        let (prefix, word) = key.split_once('/')?;
        match (prefix, word.split_once('.')) {
            ("filter.fluxcd.io", _) => Some(word),
            (_, Some(("tag", name))) | ("tagalong.dev", Some(("automated" | "image", name))) => Some(name),
            _ => None,
        }
    }
    annotations.iter().filter_map(|annotation| name(&annotation.key)).collect()
}

impl Subject {
    fn new(root: &str, workload: &str, container: &str, file: &str, line: u32) -> Self {
        Self {
            root: root.to_owned(),
            workload: workload.to_owned(),
            container: container.to_owned(),
            file: file.to_owned(),
            line,
            place: Place::Container,
            spot: None,
            entry: None,
            fallback: Fallback::Denied,
            chain: Vec::new(),
            reference: None,
            policy: String::new(),
            identity: None,
            source: None,
            notes: Vec::new(),
            state: State::Held(Held::new(Code::UnsupportedScalar, "")),
        }
    }

    /// Names the file in which the pattern stands.
    fn annotated_in(&mut self, deployed: &Deployed<'_>) {
        let (Some((file, source)), Some(built)) = (&mut self.source, &deployed.built) else { return };
        let at = deployed.workload.annotations.iter().position(|annotation| annotation.key == source.key);
        if let Some(path) = at.and_then(|at| built.annotated_in.get(at)) {
            (*path).clone_into(file);
        }
    }

    fn take_policy(&mut self, part: &ContainerPolicy, file: &str) {
        self.policy = match (&part.policy, &part.source) {
            (Ok(policy), _) => policy.pattern.to_string(),
            (Err(_), Some(source)) => source.text.clone(),
            (Err(malformed), None) => malformed.source.text.clone(),
        };
        self.source = part.source.clone().map(|source| (file.to_owned(), source));
        self.notes.extend(part.overridden.iter().map(|loser| format!("`{}: {}` is overridden", loser.key, loser.text)));
        if let Ok(policy) = &part.policy {
            self.identity = Some(policy.identity());
            self.notes.extend(policy.pattern.warnings().iter().cloned());
        }
    }
}
