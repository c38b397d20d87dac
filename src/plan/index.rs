//! What a tree of files holds: workloads, and who takes part in updates.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    report::UnreadableFile,
    subject::{Asked, Held, State, Subject, Subjects},
};
use crate::{
    image::{Reference, Repository},
    manifest::{
        Container, File, ImageField, Place, Unreadable, Workload, WorkloadId,
        kustomize::{Deployed, deployed},
    },
    policy::{
        Code,
        annotation::{Annotation, ContainerPolicy, Lock, Policy, WorkloadPolicy},
    },
};

/// A repository's images, at most: over it the rest is held.
const IMAGES: usize = 20_000;

/// The parsed files of one commit.
#[derive(Clone, Debug, Default)]
pub struct Index {
    files: BTreeMap<String, File>,
    unreadable: Vec<Unreadable>,
}

/// What of an index may be asked and written.
pub struct Bounds<'a> {
    /// Whether a path may be written.
    pub writes: &'a dyn Fn(&str) -> bool,
    /// Whether a repository may be looked up.
    pub scans: &'a dyn Fn(&Repository) -> bool,
}

impl Index {
    /// An index of these files; the path is the key.
    pub fn new(files: BTreeMap<String, File>, unreadable: Vec<Unreadable>) -> Self {
        Self { files, unreadable }
    }

    /// The parsed files by path.
    pub fn into_files(self) -> BTreeMap<String, File> {
        self.files
    }

    /// What was read, by path.
    pub fn files(&self) -> &BTreeMap<String, File> {
        &self.files
    }

    /// Every workload as each root deploys it.
    pub(super) fn layout(&self) -> Vec<Deployed> {
        deployed(&self.files, &self.unreadable)
    }

    /// What cannot be read, and why.
    pub(super) fn faults(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// How many workloads the files hold.
    pub fn workloads(&self) -> usize {
        self.files.values().map(|file| file.workloads.len()).sum()
    }

    /// The files that could not be read, templates too, by path.
    pub fn unreadable(&self) -> Vec<UnreadableFile> {
        let mut files: Vec<_> = self
            .unreadable
            .iter()
            .map(|file| UnreadableFile { file: file.path.clone(), line: file.line, reason: file.reason.clone(), annotated: file.annotated })
            .collect();
        files.sort_by(|a, b| a.file.cmp(&b.file));
        files
    }

    /// Every container that takes part, as each root deploys it.
    pub fn subjects(&self, bounds: &Bounds<'_>) -> Subjects {
        let mut gathering = Gathering { bounds, subjects: Subjects::default(), questions: BTreeMap::new(), images: BTreeSet::new() };
        for deployed in deployed(&self.files, &self.unreadable) {
            let workload = &self.files[&deployed.path].workloads[deployed.workload];
            gathering.workload(&deployed, workload);
        }
        gathering.subjects
    }

    /// Every workload as each root deploys it: root, id and file.
    pub fn deployed(&self) -> Vec<(String, WorkloadId, String)> {
        let id = |found: &Deployed| in_namespace(&self.files[&found.path].workloads[found.workload].id, found);
        deployed(&self.files, &self.unreadable).into_iter().map(|found| (found.root.clone(), id(&found), found.path)).collect()
    }

    /// Each container that the scalars of a file feed: span, workload and container.
    pub(super) fn fed(&self, path: &str) -> BTreeMap<(usize, usize), Vec<(String, String)>> {
        let mut fed: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for workload in self.files.get(path).into_iter().flat_map(|file| &file.workloads) {
            for container in &workload.containers {
                if let ImageField::Site(site) = &container.image {
                    let span = site.scalar.span();
                    fed.entry((span.start, span.end)).or_default().push((workload.id.to_string(), container.name.clone()));
                }
            }
        }
        fed
    }
}

/// The id that a workload has where it is deployed.
pub(super) fn in_namespace(id: &WorkloadId, deployed: &Deployed) -> WorkloadId {
    WorkloadId { namespace: deployed.namespace.clone().or_else(|| id.namespace.clone()), ..id.clone() }
}

/// A question as its answer is remembered: two containers that ask the same share one.
type Key = (Repository, Option<String>, Option<String>, String);

struct Gathering<'a> {
    bounds: &'a Bounds<'a>,
    subjects: Subjects,
    questions: BTreeMap<Key, usize>,
    images: BTreeSet<Repository>,
}

impl Gathering<'_> {
    fn workload(&mut self, deployed: &Deployed, workload: &Workload) {
        let annotates = deployed.held.as_ref().is_some_and(|held| held.annotates);
        if workload.annotations.is_empty() && !annotates {
            return;
        }
        let id = in_namespace(&workload.id, deployed).to_string();
        let names: Vec<&str> = workload.containers.iter().map(|container| container.name.as_str()).collect();
        let policy = WorkloadPolicy::read(&workload.annotations, &names);
        if policy.ignored {
            return;
        }
        if workload.containers.is_empty() {
            return self.without_images(deployed, workload, &id);
        }
        let unknown = deployed.held.as_ref().filter(|held| held.annotates && policy.containers.is_empty());
        let mut parts = policy.containers.iter().peekable();
        for container in &workload.containers {
            let part = parts.next_if(|part| part.container == container.name);
            if part.is_none() && unknown.is_none() {
                continue;
            }
            let subject = self.container(deployed, workload, &id, container, part, policy.lock.as_ref());
            self.subjects.list.push(subject);
        }
    }

    /// An object that asks for updates, but whose images are in none of the places that are read.
    fn without_images(&mut self, deployed: &Deployed, workload: &Workload, id: &str) {
        let names = named(&workload.annotations);
        let names: Vec<&str> = if names.is_empty() { vec!["*"] } else { names.iter().map(String::as_str).collect() };
        let policy = WorkloadPolicy::read(&workload.annotations, &names);
        for part in &policy.containers {
            let reason = format!("no image of this {} stands where Tagalong reads one", workload.id.kind);
            let held = match (&deployed.held, workload.encrypted) {
                (_, true) => encrypted(),
                (Some(held), _) => by_kustomize(held),
                _ => Held::new(Code::UnsupportedScalar, reason).hint("name where it holds images under `kinds:` in the configuration"),
            };
            let mut subject = Subject::new(&deployed.root, id, &part.container, &deployed.path, workload.line);
            subject.take_policy(part, &deployed.path);
            subject.state = State::Held(held);
            self.subjects.list.push(subject);
        }
    }

    fn container(
        &mut self,
        deployed: &Deployed,
        workload: &Workload,
        id: &str,
        container: &Container,
        part: Option<&ContainerPolicy>,
        lock: Option<&Lock>,
    ) -> Subject {
        let mut subject = Subject::new(&deployed.root, id, &container.name, &deployed.path, workload.line);
        if let Some(part) = part {
            subject.take_policy(part, &deployed.path);
        }
        let image = match &container.image {
            ImageField::Site(site) => {
                (subject.line, subject.place) = (site.line, site.place);
                let reference = Reference::parse(&site.text);
                subject.reference = reference.as_ref().ok().cloned();
                subject.site = Some(site.clone());
                reference.map_err(|error| Held::new(Code::UnsupportedScalar, error.to_string()))
            }
            ImageField::Unsupported { line, reason } => {
                subject.line = *line;
                Err(Held::new(Code::UnsupportedScalar, format!("the image cannot be edited: {reason}")).hint("write the image on one line"))
            }
            ImageField::Absent => Err(Held::new(Code::UnsupportedScalar, "the container names no image")),
        };
        subject.state = match (part.map(|part| &part.policy), &deployed.held, lock) {
            _ if workload.encrypted => State::Held(encrypted()),
            (_, Some(held), _) => State::Held(by_kustomize(held)),
            (Some(Err(malformed)), _, _) => {
                let place = format!("{malformed} ({}:{})", deployed.path, malformed.source.line);
                State::Held(Held { hint: malformed.hint(), ..Held::new(Code::MalformedPolicy, place) })
            }
            (_, _, Some(lock)) => State::Held(locked(lock)),
            (Some(Ok(policy)), _, None) => match image {
                Err(held) => State::Held(held),
                Ok(reference) => self.ask(&subject.file, &reference, policy),
            },
            (None, None, None) => unreachable!("without a policy and a kustomization that may bring one, a container takes no part"),
        };
        subject
    }

    fn ask(&mut self, file: &str, reference: &Reference, policy: &Policy) -> State {
        let repository = reference.name.repository();
        if !(self.bounds.scans)(&repository) {
            let reason = format!("the configuration keeps {repository} from being looked up");
            return State::Held(Held::new(Code::WaitingForList, reason).hint("see registryIncludeImages and registryExcludeImages"));
        }
        if !(self.bounds.writes)(file) {
            return State::Held(Held::new(Code::OutsidePaths, format!("{file} lies outside the paths that may be written")).hint("see --git-path"));
        }
        if !self.images.contains(&repository) && self.images.len() >= IMAGES {
            return State::Held(Held::new(Code::LimitReached, format!("the repository names more than {IMAGES} images")));
        }
        self.images.insert(repository.clone());
        let [tag, digest] = [reference.tag.as_ref().map(ToString::to_string), reference.digest.as_ref().map(ToString::to_string)];
        let key = (repository.clone(), tag, digest, policy.identity());
        let questions = &mut self.subjects.questions;
        let at = *self.questions.entry(key).or_insert_with(|| {
            questions.push(Asked { repository, tag: reference.tag.clone(), digest: reference.digest.clone(), policy: policy.clone() });
            questions.len() - 1
        });
        State::Asks(at)
    }
}

fn encrypted() -> Held {
    Held::new(Code::Encrypted, "the object is encrypted, and never edited")
}

fn by_kustomize(held: &crate::manifest::kustomize::HeldByKustomize) -> Held {
    Held::new(Code::UnsupportedKustomize, format!("{} ({}:{})", held.reason, held.path, held.line))
}

/// As `locked by ana: "until the audit"`.
fn locked(lock: &Lock) -> Held {
    let by = lock.user.as_ref().map(|user| format!(" by {user}")).unwrap_or_default();
    let why = lock.message.as_ref().map(|message| format!(": \"{message}\"")).unwrap_or_default();
    Held::new(Code::Locked, format!("locked{by}{why}"))
}

/// The containers that patterns name.
fn named(annotations: &[Annotation]) -> BTreeSet<String> {
    let name = |key: &str| {
        let pattern = key.split_once("/tag.").map(|(_, name)| name);
        pattern.or_else(|| key.strip_prefix("filter.fluxcd.io/")).map(str::to_owned)
    };
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
            site: None,
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
