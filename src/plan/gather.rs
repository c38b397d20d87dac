//! Who takes part in updates, and what each asks.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    index::{Bounds, in_namespace},
    subject::{Asked, Held, State, Subject, Subjects},
};
use crate::{
    image::{Reference, Repository},
    manifest::{
        Container, File, ImageField, LoosePlace, Place, Role, Workload, as_label,
        kustomize::{Deployed, HeldByKustomize},
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

/// Every container that takes part, as each root deploys it, then what only a comment or a label rules.
pub(super) fn gather<'a>(files: &'a BTreeMap<String, File>, deployed: Vec<Deployed>, bounds: &'a Bounds<'a>) -> Subjects {
    let (policies, subjects) = (BTreeMap::new(), Subjects::default());
    let mut gathering = Gathering { bounds, subjects, policies, questions: BTreeMap::new(), images: BTreeSet::new() };
    let mut seen = BTreeSet::new();
    for deployed in deployed {
        gathering.workload(&deployed, &files[&deployed.path].workloads[deployed.workload]);
        seen.insert((deployed.path, deployed.workload));
    }
    for (path, file) in files {
        for (at, workload) in file.workloads.iter().enumerate() {
            // A patch is deployed by nobody, but a comment in it holds where it stands.
            if workload.containers.iter().any(|container| container.policy.is_some()) && !seen.contains(&(path.clone(), at)) {
                let alone = Deployed { root: path.clone(), path: path.clone(), workload: at, namespace: None, held: None };
                gathering.workload(&alone, workload);
            }
        }
        for place in &file.places {
            gathering.place(path, file, place);
        }
    }
    gathering.subjects
}

/// A question as its answer is remembered: two containers that ask the same share one.
type Key = (Repository, Option<String>, Option<String>, String, bool);

struct Gathering<'a> {
    bounds: &'a Bounds<'a>,
    subjects: Subjects,
    /// What annotations say about these containers: most workloads of a fleet are annotated alike.
    policies: BTreeMap<(&'a [Annotation], Vec<&'a str>), Rc<WorkloadPolicy>>,
    questions: BTreeMap<Key, usize>,
    images: BTreeSet<Repository>,
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
    encrypted: bool,
    held: Option<&'a HeldByKustomize>,
    lock: Option<&'a Lock>,
}

impl<'a> Gathering<'a> {
    fn workload(&mut self, deployed: &Deployed, workload: &'a Workload) {
        let annotates = deployed.held.as_ref().is_some_and(|held| held.annotates);
        let by_comment = workload.containers.iter().any(|container| container.policy.is_some());
        if workload.annotations.is_empty() && !annotates && !by_comment {
            return;
        }
        let id = in_namespace(&workload.id, deployed).to_string();
        let eligible = eligible(workload);
        let names: Vec<&str> = eligible.iter().map(|one| one.name.as_str()).collect();
        let policy = self.policy(&workload.annotations, &names);
        if policy.ignored {
            return;
        }
        if names.is_empty() && !by_comment {
            return self.without_images(deployed, workload, &id);
        }
        let unknown = deployed.held.as_ref().is_some_and(|held| held.annotates && policy.containers.is_empty());
        let (mut parts, mut open) = (policy.containers.iter().peekable(), eligible.into_iter().peekable());
        for container in &workload.containers {
            let takes_part = open.next_if(|one| std::ptr::eq(*one, container)).is_some();
            let part = if takes_part { parts.next_if(|part| part.container == container.name) } else { None };
            let comment = container.policy.as_deref().map(|comment| by_comment_first(comment, part, self.bounds.presets));
            if comment.is_none() && part.is_none() && !(unknown && container.role != Role::Named) {
                continue;
            }
            let around = Around {
                root: &deployed.root,
                owner: &id,
                name: &container.name,
                path: &deployed.path,
                line: workload.line,
                place: container.place,
                image: &container.image,
                encrypted: workload.encrypted,
                // What a comment says is about the scalar, whatever a kustomization makes of it.
                held: deployed.held.as_ref().filter(|_| comment.is_none()),
                lock: policy.lock.as_ref(),
            };
            let subject = self.subject(&around, comment.as_ref().or(part));
            self.subjects.list.push(subject);
        }
    }

    fn policy(&mut self, annotations: &'a [Annotation], names: &[&'a str]) -> Rc<WorkloadPolicy> {
        let presets = self.bounds.presets;
        let read = self.policies.entry((annotations, names.to_vec()));
        Rc::clone(read.or_insert_with(|| Rc::new(WorkloadPolicy::read(annotations, names, presets))))
    }

    /// An object that asks for updates, but whose images are in none of the places that are read.
    fn without_images(&mut self, deployed: &Deployed, workload: &Workload, id: &str) {
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
            let mut subject = Subject::new(&deployed.root, id, &part.container, &deployed.path, workload.line);
            subject.take_policy(part, &deployed.path);
            subject.state = State::Held(held);
            self.subjects.list.push(subject);
        }
    }

    /// A place of no workload: a comment rules it, or labels of its service.
    fn place(&mut self, path: &str, file: &File, place: &LoosePlace) {
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
        let image = match around.image {
            ImageField::Written(parts) => {
                subject.line = parts.line();
                subject.parts = Some(parts.clone());
                let known = policy.and_then(|policy| policy.as_ref().ok()?.keys.image.as_ref());
                let reference = parts.reference(known.map(|known| &known.name));
                subject.reference = reference.as_ref().ok().cloned();
                reference.map_err(|reason| unsupported(reason, around))
            }
            ImageField::Unsupported { line, reason } => {
                subject.line = *line;
                let held = Held::new(Code::UnsupportedScalar, format!("the image cannot be edited: {reason}"));
                Err(if reason.contains("lines") { held.hint("write the image on one line") } else { held })
            }
            ImageField::Absent => Err(Held::new(Code::UnsupportedScalar, "the container names no image")),
        };
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
        if !self.images.contains(&repository) && self.images.len() >= IMAGES {
            return State::Held(Held::new(Code::LimitReached, format!("the repository names more than {IMAGES} images")));
        }
        self.images.insert(repository.clone());
        let wants = if subject.place == Place::OciRepository { Wants::Artifact } else { Wants::Image };
        let [tag, digest] = [reference.tag.as_ref().map(ToString::to_string), reference.digest.as_ref().map(ToString::to_string)];
        let key = (repository.clone(), tag, digest, policy.identity(), wants == Wants::Artifact);
        let questions = &mut self.subjects.questions;
        let at = *self.questions.entry(key).or_insert_with(|| {
            questions.push(Asked { repository, tag: reference.tag.clone(), digest: reference.digest.clone(), policy: policy.clone(), wants });
            questions.len() - 1
        });
        State::Asks(at)
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
            parts: None,
            reference: None,
            policy: String::new(),
            source: None,
            notes: Vec::new(),
            state: State::Held(Held::new(Code::UnsupportedScalar, "")),
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
            self.notes.extend(policy.pattern.warnings().iter().cloned());
        }
    }
}
