//! What we understand of kustomizations is what kustomize makes of them: in every scenario, and in generated trees.
//! After an update it renders the images that the report tells, and the same as before in all other places.
//!
//! `TAGALONG_TREES=2000` generates so many.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use tagalong::manifest::{Role, kustomize::deployed};

use crate::{
    kit::{
        cycle::{Files, cycle, read},
        kustomize::{Images, images, render, write},
        recorded::Recorded,
    },
    scenarios,
};

/// How many trees the test command looks at.
const TREES: usize = 100;

/// What we say that a root deploys, or why we cannot say.
fn understood(files: &Files, root: &str) -> Result<Images, String> {
    let (files, unreadable) = read(files);
    let mut images = Images::new();
    for found in deployed(&files, &unreadable, &[]).into_iter().filter(|found| found.root == root) {
        if let Some(held) = found.held {
            return Err(held.reason);
        }
        let id = found.workload.id.to_string();
        let built = found.built.expect("a kustomization deploys it");
        for (container, image) in found.workload.containers.iter().zip(built.images) {
            images.insert((id.clone(), container.name.clone(), container.role), image.map(|image| image.text).unwrap_or_default());
        }
    }
    Ok(images)
}

/// Choices for a generator, zero where they are used up.
struct Tape<'t> {
    choices: &'t [u8],
    at: usize,
}

impl Tape<'_> {
    fn pick(&mut self, of: usize) -> usize {
        let choice = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(choice) % of
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.pick(of.len());
        &of[at]
    }

    fn sometimes(&mut self, of: usize) -> bool {
        self.pick(of) == of - 1
    }
}

const NAMES: [&str; 5] = ["web", "api", "worker", "cache", "job"];
const CONTAINERS: [&str; 4] = ["app", "sidecar", "init", "log"];
const IMAGES: [&str; 9] = [
    "nginx",
    "nginx:1.25",
    "redis:7",
    "ghcr.io/acme/app:1.0.0",
    "ghcr.io/acme/app@sha256:0000000000000000000000000000000000000000000000000000000000000001",
    "ghcr.io/acme/app:1.0.0@sha256:0000000000000000000000000000000000000000000000000000000000000002",
    "IMAGE_PLACEHOLDER",
    "localhost:5000/team/api:v2",
    "acme/app",
];
const ENTRY_NAMES: [&str; 9] =
    ["nginx", "redis", "ghcr.io/acme/app", "IMAGE_PLACEHOLDER", "localhost:5000/team/api", "acme/app", "ngi.*", "registry/new", "nginx|redis"];
const KINDS: [(&str, &str); 7] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("argoproj.io/v1alpha1", "Rollout"),
    ("v1", "Pod"),
    ("batch/v1", "Job"),
    ("apps/v1", "Deployment"),
];

/// What a generated folder deploys, as far as patches need to know.
#[derive(Clone)]
struct Object {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: Option<String>,
}

impl Object {
    fn pod_path(&self) -> &'static [&'static str] {
        match self.kind {
            "Pod" => &["spec"],
            "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
            _ => &["spec", "template", "spec"],
        }
    }

    /// The object with a pod spec, and what stands beside it.
    fn text(&self, metadata: &str, pod: &str) -> String {
        let mut text = format!("apiVersion: {}\nkind: {}\nmetadata:\n  name: {}\n{metadata}", self.api_version, self.kind, self.name);
        if let Some(namespace) = &self.namespace {
            writeln!(text, "  namespace: {namespace}").unwrap();
        }
        if !pod.is_empty() {
            for (depth, key) in self.pod_path().iter().enumerate() {
                writeln!(text, "{}{key}:", "  ".repeat(depth)).unwrap();
            }
            let indentation = "  ".repeat(self.pod_path().len());
            pod.lines().for_each(|line| writeln!(text, "{indentation}{line}").unwrap());
        }
        text
    }
}

fn pod(tape: &mut Tape<'_>) -> String {
    let mut text = String::new();
    for (list, most) in [("containers", 3), ("initContainers", 2)] {
        let count = if list == "containers" { 1 + tape.pick(most) } else { tape.pick(most) };
        if count > 0 {
            writeln!(text, "{list}:").unwrap();
        }
        for name in &CONTAINERS[..count] {
            writeln!(text, "- name: {}{name}\n  image: {}", if list == "containers" { "" } else { "i-" }, tape.one(&IMAGES)).unwrap();
        }
    }
    if tape.sometimes(4) {
        writeln!(text, "volumes:\n- name: files\n  image:\n    reference: {}", tape.one(&IMAGES)).unwrap();
    }
    text
}

/// One generated repository: a pyramid of folders, each built on those before it.
struct Generator<'t> {
    tape: Tape<'t>,
    files: BTreeMap<String, String>,
}

impl Generator<'_> {
    fn repository(mut self) -> Files {
        let bases = 1 + self.tape.pick(2);
        let mut layers: Vec<(String, Vec<Object>)> = (0..bases).map(|at| self.base(at)).collect();
        let middle = self.tape.pick(3);
        for at in 0..middle {
            let below = layers[self.tape.pick(layers.len())].clone();
            layers.push(self.overlay(&format!("middle-{at}"), &[below]));
        }
        let mut below = vec![layers[layers.len() - 1].clone()];
        if layers.len() > 1 && self.tape.sometimes(2) {
            below.push(layers[0].clone());
        }
        self.overlay("top", &below);
        *self.files.get_mut("top/kustomization.yaml").unwrap() += "commonAnnotations:\n  fluxcd.io/automated: 'true'\n";
        self.files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect()
    }

    fn base(&mut self, at: usize) -> (String, Vec<Object>) {
        let folder = format!("base-{at}");
        let (mut objects, mut resources) = (vec![], String::new());
        for index in 0..=self.tape.pick(3) {
            let (api_version, kind) = *self.tape.one(&KINDS);
            let name = format!("{}-{at}{index}", self.tape.one(&NAMES));
            let namespace = self.tape.sometimes(4).then(|| "own".to_owned());
            let object = Object { api_version, kind, name, namespace };
            let metadata = if self.tape.sometimes(3) { "  labels:\n    tier: front\n" } else { "" };
            let pod = pod(&mut self.tape);
            self.files.insert(format!("{folder}/{index}.yaml"), object.text(metadata, &pod));
            writeln!(resources, "- {index}.yaml").unwrap();
            objects.push(object);
        }
        let text = format!("resources:\n{resources}");
        let (text, objects) = self.changes(&folder, text, objects);
        self.files.insert(format!("{folder}/kustomization.yaml"), text);
        (folder, objects)
    }

    fn overlay(&mut self, folder: &str, below: &[(String, Vec<Object>)]) -> (String, Vec<Object>) {
        let mut text = "resources:\n".to_owned();
        for (below, _) in below {
            writeln!(text, "- ../{below}").unwrap();
        }
        let mut objects: Vec<Object> = below.iter().flat_map(|(_, objects)| objects.clone()).collect();
        if self.tape.sometimes(3) {
            let component = format!("component-of-{folder}");
            writeln!(text, "components:\n- ../{component}").unwrap();
            let start = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n".to_owned();
            let (text, changed) = self.changes(&component, start, objects);
            objects = changed;
            self.files.insert(format!("{component}/kustomization.yaml"), text);
        }
        let (text, objects) = self.changes(folder, text, objects);
        self.files.insert(format!("{folder}/kustomization.yaml"), text);
        (folder.to_owned(), objects)
    }

    /// Adds what a kustomization changes.
    fn changes(&mut self, folder: &str, mut text: String, mut objects: Vec<Object>) -> (String, Vec<Object>) {
        let mut patches = String::new();
        for at in 0..self.tape.pick(3) {
            self.patch(folder, at, &objects, &mut patches);
        }
        if !patches.is_empty() {
            write!(text, "patches:\n{patches}").unwrap();
        }
        if self.tape.sometimes(4) {
            text += "namespace: other\n";
            for object in &mut objects {
                object.namespace = Some("other".to_owned());
            }
        }
        if self.tape.sometimes(4) {
            writeln!(text, "namePrefix: {folder}-").unwrap();
            for object in &mut objects {
                object.name = format!("{folder}-{}", object.name);
            }
        }
        if self.tape.sometimes(5) {
            text += "nameSuffix: -x\n";
            for object in &mut objects {
                object.name += "-x";
            }
        }
        if self.tape.sometimes(5) {
            text += "commonLabels:\n  added: here\n";
        }
        let entries = self.tape.pick(4);
        if entries > 0 {
            text += "images:\n";
        }
        for _ in 0..entries {
            writeln!(text, "- name: {}", self.tape.one(&ENTRY_NAMES)).unwrap();
            for (key, value, often) in [
                ("newName", "registry/new", 4),
                ("newTag", "\"2.0\"", 2),
                ("digest", "sha256:0000000000000000000000000000000000000000000000000000000000000003", 4),
                ("tagSuffix", "-alpine", 5),
            ] {
                if self.tape.sometimes(often) {
                    writeln!(text, "  {key}: {value}").unwrap();
                }
            }
        }
        if !["resources:", "images:", "patches:", "name", "commonLabels:"].iter().any(|key| text.contains(key)) {
            text += "commonLabels:\n  not: empty\n";
        }
        (text, objects)
    }

    fn patch(&mut self, folder: &str, at: usize, objects: &[Object], patches: &mut String) {
        let object = self.tape.one(objects).clone();
        let container = *self.tape.one(&CONTAINERS);
        let image = *self.tape.one(&IMAGES);
        let path = object.pod_path().join("/");
        let (text, target) = match self.tape.pick(7) {
            0 => (object.text("", &format!("containers:\n- name: {container}\n  image: {image}\n")), None),
            1 => (object.text("", &format!("initContainers:\n- name: i-{container}\n  image: {image}\n- name: added\n  image: {image}\n")), None),
            2 => (object.text("", &format!("containers:\n- name: {container}\n  $patch: delete\n- name: more\n  image: {image}\n")), None),
            3 => (object.text("  annotations:\n    fluxcd.io/automated: 'true'\n", ""), None),
            4 => {
                let pod = format!("containers:\n- $patch: replace\n- name: only\n  image: {image}\n");
                (object.text("", &pod), None)
            }
            5 => {
                let text = format!("- op: replace\n  path: /{path}/containers/0/image\n  value: {image}\n");
                (text, Some(format!("kind: {}\n    name: .*{}", object.kind, &object.name[object.name.len() - 2..])))
            }
            _ => {
                let value = format!("    name: last-{folder}-{at}\n    image: {image}\n");
                let text = format!("- op: add\n  path: /{path}/containers/-\n  value:\n{value}");
                (text, Some(format!("kind: {}\n    labelSelector: tier=front", object.kind)))
            }
        };
        let lead = if self.tape.sometimes(2) {
            let file = format!("patch-{at}.yaml");
            writeln!(patches, "- path: {file}").unwrap();
            self.files.insert(format!("{folder}/{file}"), text);
            "  "
        } else {
            *patches += "- patch: |-\n";
            text.lines().for_each(|line| writeln!(patches, "    {line}").unwrap());
            "  "
        };
        if let Some(target) = target {
            writeln!(patches, "{lead}target:\n    {target}").unwrap();
        }
    }
}

fn generated(choices: &[u8]) -> Files {
    Generator { tape: Tape { choices, at: 0 }, files: BTreeMap::new() }.repository()
}

/// How a root was judged.
enum Verdict {
    /// Both build the same.
    Alike,
    /// Kustomize builds nothing, and we hold it.
    Refused,
    Differ(String),
}

/// Where we and kustomize disagree: about what a root deploys, or about what an update changes.
fn judge(files: &Files, root: &str, recorded: &Recorded) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    let (theirs, ours) = (render(folder.path(), root).map(|text| images(&text)), understood(files, root));
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) if theirs == ours => updated(files, root, &theirs, recorded).map_or(Verdict::Alike, Verdict::Differ),
        (Ok(theirs), Ok(ours)) => Verdict::Differ(format!("kustomize: {theirs:#?}\nunderstood: {ours:#?}")),
        (Err(_), Err(_)) => Verdict::Refused,
        (Ok(_), Err(held)) => Verdict::Differ(format!("held, although kustomize builds it: {held}")),
        (Err(error), Ok(_)) => Verdict::Differ(format!("not held, although kustomize says: {error}")),
    }
}

/// What an update changes that it does not tell, or tells and does not change.
fn updated(files: &Files, root: &str, before: &Images, recorded: &Recorded) -> Option<String> {
    let outcome = cycle("generated", files, recorded);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &outcome.after);
    let after = match render(folder.path(), root) {
        Ok(text) => images(&text),
        Err(error) => return Some(format!("after the update kustomize says: {error}\n{}", shown(&outcome.after))),
    };
    let mut expected = before.clone();
    for record in outcome.report.updates.iter().filter(|record| record.root == root) {
        let to = record.to.clone().unwrap_or_default();
        let text = [record.image.clone(), to.tag.map(|tag| format!(":{tag}")), to.digest.map(|digest| format!("@{digest}"))];
        let text: String = text.into_iter().flatten().collect();
        let of_record = |(workload, container, _): &(String, String, Role)| *workload == record.workload && *container == record.container;
        expected.iter_mut().filter(|(key, _)| of_record(key)).for_each(|(_, image)| image.clone_from(&text));
    }
    (after != expected).then(|| format!("told: {expected:#?}\nrendered: {after:#?}\n{}", shown(&outcome.after)))
}

/// Each image of the generator has a newer tag.
fn registries() -> Recorded {
    let mut text = "repositories:\n".to_owned();
    for name in ["nginx", "redis", "ghcr.io/acme/app", "localhost:5000/team/api", "acme/app", "registry/new"] {
        let tags = "    1.0.0: { built: 2024-01-01T00:00:00Z, digest: a1 }\n    9.9.9: { built: 2024-02-02T00:00:00Z, digest: b2 }\n";
        write!(text, "  {name}:\n{tags}").unwrap();
    }
    Recorded::parse(&text)
}

fn shown(files: &Files) -> String {
    files.iter().map(|(path, bytes)| format!("### {path}\n{}", String::from_utf8_lossy(bytes))).collect::<Vec<_>>().concat()
}

#[test]
fn generated_trees_have_the_images_that_kustomize_gives_them_before_and_after() {
    let trees = std::env::var("TAGALONG_TREES").ok().map_or(TREES, |text| text.parse().expect("a number"));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let strategy = prop::collection::vec(any::<u8>(), 0..160);
    let made: Vec<_> = (0..trees).map(|_| strategy.new_tree(&mut runner).unwrap()).collect();
    let (wrong, next, alike) = (Mutex::new(vec![]), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(tree) = made.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let files = generated(&tree.current());
                    let verdict = match judge(&files, "top", &registries()) {
                        // A program that the machine stopped says nothing about a tree.
                        Verdict::Differ(_) => judge(&files, "top", &registries()),
                        verdict => verdict,
                    };
                    match verdict {
                        Verdict::Alike => drop(alike.fetch_add(1, Ordering::Relaxed)),
                        Verdict::Refused => {}
                        Verdict::Differ(_) => return wrong.lock().unwrap().push(tree.clone()),
                    }
                }
            });
        }
    });
    if let Some(tree) = wrong.into_inner().unwrap().into_iter().next() {
        fail(tree);
    }
    let alike = alike.into_inner();
    assert!(alike * 2 > trees, "only {alike} of {trees} trees can be built");
}

/// Fails with the smallest tree that can be made of a wrong one.
fn fail(mut tree: impl ValueTree<Value = Vec<u8>>) {
    let differ = |choices: &[u8]| match judge(&generated(choices), "top", &registries()) {
        Verdict::Differ(how) => Some(how),
        _ => None,
    };
    let mut smallest = tree.current();
    for _ in 0..200 {
        let fails = differ(&tree.current()).is_some();
        if fails {
            smallest = tree.current();
        }
        if !(if fails { tree.simplify() } else { tree.complicate() }) {
            break;
        }
    }
    panic!("{}\n{}", differ(&smallest).unwrap_or_default(), shown(&generated(&smallest)));
}

#[test]
fn every_scenario_has_the_images_that_kustomize_gives_it() {
    let mut judged = 0;
    for folder in scenarios::folders() {
        for files in [scenarios::tree(&folder.join("before")), scenarios::tree(&folder.join("after"))] {
            let holds = |mark: &str| files.iter().any(|(path, bytes)| path.ends_with(mark) || String::from_utf8_lossy(bytes).contains(mark));
            // What other tools put around a root kustomize knows nothing of, and nothing is fetched.
            if [".flux.yaml", ".tagalongignore", "kustomize.toolkit.fluxcd.io", "kind: Application", "https://git."].into_iter().any(holds) {
                continue;
            }
            let work = tempfile::tempdir().unwrap();
            write(work.path(), &files);
            for root in roots(&files) {
                if let Ok(ours) = understood(&files, &root) {
                    let theirs = render(work.path(), &root).map(|text| images(&text));
                    assert_eq!(theirs, Ok(ours), "{} {root}", folder.display());
                    judged += 1;
                }
            }
        }
    }
    assert!(judged > 20, "{judged}");
}

/// The folders of kustomizations that are roots.
fn roots(files: &Files) -> Vec<String> {
    let (files, unreadable) = read(files);
    let mut roots: Vec<String> =
        deployed(&files, &unreadable, &[]).into_iter().filter(|found| found.built.is_some()).map(|found| found.root.to_owned()).collect();
    roots.dedup();
    roots
}
