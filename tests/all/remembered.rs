//! What one run remembers for the next: what files hold, lists, first-seen times, what images say.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::Value;
use tagalong::{
    config::{Config, DockerConfig, Environment, Overrides, Patience, RegistryAllow},
    git::{Access, Location, Plaintext, Source},
    plan::report::{Record, Report},
    policy::{Code, preset::Presets},
    registry::{Client, Settings, Where},
    service::{Command, Cycle, Inquiry, Memory, Outcome, Read, Unit, Watcher},
    store::{Cache, FileIds, Screening},
};
use tempfile::TempDir;

use crate::{
    end_to_end::{automated, fleet, push},
    kit::{
        binary::Machine,
        git::Bare,
        install_tls,
        registry::{ImageSpec, Mode, Registry},
    },
};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn unit(place: &str, state: &Path) -> Unit {
    let config = Config::of_overrides(Overrides { state: Some(state.to_owned()), ..Overrides::default() }).expect("a configuration");
    let repository = config.repository_for(place);
    let location = Location::parse(place, Plaintext::Loopback).expect("a location");
    let (access, _) = Access::prepare(&location, &repository, state.to_owned(), &Environment::of_process()).expect("access");
    Unit {
        repository,
        location,
        access,
        images: config.images,
        kinds: Vec::new(),
        presets: Arc::new(Presets::shipped().clone()),
        signer: None,
        patience: config.timeout,
    }
}

/// A process that reads a repository, with the memory of a state folder.
fn cycle(place: &str, state: &Path) -> Cycle {
    Cycle::open(Arc::new(unit(place, state)), Arc::new(|| Timestamp::UNIX_EPOCH), &Memory::open(state)).expect("opened")
}

/// The index and who takes part as one text, and how many files were parsed for it.
fn told(read: &Read) -> (String, usize) {
    (format!("{:#?}\n{:#?}", read.index(), read.subjects()), read.parsed())
}

const KUSTOMIZATION: &str = "resources: [web.yaml, odd.txt, silent.yaml]\ncommonAnnotations: {fluxcd.io/automated: 'true'}\n";

/// A file of each kind that is read in its own way.
fn kinds_of_files() -> Vec<(&'static str, String)> {
    let web = automated("web", "ghcr.io/acme/web:1.0.0", "semver:~1");
    vec![
        ("apps/web.yaml", web.clone()),
        ("copy/web.yaml", web),
        ("none.yaml", "kind: Service\n".to_owned()),
        ("broken.yaml", "image: @\n".to_owned()),
        ("template.yaml", "image: {{ x }}:{{ y }}\n".to_owned()),
        ("apps/kustomization.yaml", KUSTOMIZATION.to_owned()),
        ("apps/silent.yaml", silent("named", 1)),
        ("silent.yaml", silent("alone", 1)),
        ("apps/odd.txt", automated("odd", "ghcr.io/acme/odd:1.0.0", "semver:~1")),
        ("README.md", "image: x\n".to_owned()),
    ]
}

/// A deployment that asks for nothing.
fn silent(name: &str, version: usize) -> String {
    automated(name, &format!("ghcr.io/acme/silent:1.{version}.0"), "semver:~1").replace("    fluxcd.io/", "    acme.io/")
}

fn repository(files: &[(&str, String)]) -> Bare {
    Bare::with(&files.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>())
}

#[test]
fn what_files_hold_is_parsed_once_whoever_reads_them_next() {
    let (bare, state) = (repository(&kinds_of_files()), folder());
    let checkout = bare.checkout();
    for (word, place, first) in [("bare", bare.path(), 9), ("work tree", checkout.path().to_owned(), 0)] {
        let place = place.to_str().expect("text");
        let (index, parsed) = told(&cycle(place, state.path()).read().expect("read"));
        assert_eq!(parsed, first, "{word}, for the first time");
        let again = told(&cycle(place, state.path()).read().expect("read"));
        assert_eq!(again, (index.clone(), 0), "{word}, by another process");
        let forgetful = told(&cycle(place, folder().path()).read().expect("read"));
        assert_eq!(forgetful, (index, 9), "{word}, without what was remembered");
    }
    bare.commit("main", &[("apps/new.yaml", "kind: Service\n"), ("apps/newer.yaml", "image: a:1\n")]);
    assert_eq!(told(&cycle(bare.path().to_str().expect("text"), state.path()).read().expect("read")).1, 2, "two new files");
}

#[test]
fn a_process_that_goes_on_parses_what_is_new() {
    let (bare, state) = (repository(&kinds_of_files()), folder());
    let place = bare.path();
    let mut process = cycle(place.to_str().expect("text"), state.path());
    for (word, version, parsed) in [("all", 0, 9), ("one file", 1, 1), ("nothing", 1, 0)] {
        if parsed < 9 {
            bare.commit("main", &[("apps/web.yaml", &text_of("apps/web.yaml", version)), ("README.md", word)]);
        }
        let read = process.read().expect("read");
        assert_eq!(read.parsed(), parsed, "{word}");
        process.keep(read);
    }
}

#[test]
fn a_process_that_goes_on_builds_what_a_commit_touches() {
    let overlay = |at: usize, more: &str| (format!("over-{at}/kustomization.yaml"), format!("resources: [../base-{}]\n{more}", at % 2));
    let bases = [0, 1].map(|at| (format!("base-{at}/kustomization.yaml"), "resources: [web.yaml]\n".to_owned()));
    let web = |version: usize| text_of("base/web.yaml", version);
    let manifests = [0, 1].map(|at| (format!("base-{at}/web.yaml"), web(0)));
    let first: Vec<(String, String)> = (0..10).map(|at| overlay(at, "")).chain(bases).chain(manifests).collect();
    let (bare, state) = (Bare::with(&first.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>()), folder());
    let place = bare.path();
    let mut process = cycle(place.to_str().expect("text"), state.path());
    let lone = ("lone.yaml".to_owned(), web(1));
    for (word, (path, text), built) in [
        ("all", ("README.md".to_owned(), String::new()), 10),
        ("nothing of ours", ("README.md".to_owned(), "x".to_owned()), 0),
        ("one overlay", overlay(3, "namespace: x\n"), 1),
        ("a base", ("base-1/web.yaml".to_owned(), web(1)), 5),
        ("a file by itself", lone.clone(), 1),
        ("a base that goes", ("base-0/kustomization.yaml".to_owned(), "a: @\n".to_owned()), 6),
    ] {
        bare.commit("main", &[(&path, &text)]);
        let read = process.read().expect("read");
        assert_eq!(read.built(), built, "{word}");
        let fresh = cycle(place.to_str().expect("text"), folder().path()).read().expect("read");
        assert_eq!(told(&read).0, told(&fresh).0, "{word}");
        process.keep(read);
    }
}

#[test]
fn a_damaged_entry_is_parsed_again() {
    let (bare, state) = (repository(&kinds_of_files()), folder());
    let place = bare.path();
    let place = place.to_str().expect("text");
    let (index, _) = told(&cycle(place, state.path()).read().expect("read"));
    let mut source = {
        let unit = unit(place, state.path());
        Source::open(&unit.location, &unit.access).expect("opened")
    };
    let tip = source.read(None).expect("read");
    for (word, bytes) in [("nothing", &[][..]), ("another kind", &[9]), ("cut off", &[1, 1]), ("random", b"\x01\xff\xff\xff\xff\xff\xff")] {
        {
            let memory = Memory::open(state.path());
            let ids = FileIds::new(&[]);
            let id = |file: &tagalong::git::File| ids.id(&file.blob.expect("a blob").to_string(), &file.path, Screening::ByBytes);
            let entries: Vec<_> = tip.files.iter().map(|file| (id(file), bytes.to_vec())).collect();
            memory.store().blocking_remember(Cache::Files, &entries).expect("remembered");
        }
        let (again, parsed) = told(&cycle(place, state.path()).read().expect("read"));
        assert_eq!((again, parsed), (index.clone(), 8), "{word}: only what a kustomization names stood under another id");
    }
}

/// What a commit may do to a file.
fn change() -> impl Strategy<Value = (usize, usize)> {
    (0..CHANGING.len(), 0..3_usize)
}

const CHANGING: [&str; 16] = [
    "base/kustomization.yaml",
    "base/web.yaml",
    "over/kustomization.yaml",
    "apps/silent.yaml",
    "silent.yaml",
    "flux/silent.yaml",
    "flux.yaml",
    ".flux.yaml",
    "apps/web.yaml",
    "apps/odd.txt",
    "apps/kustomization.yaml",
    ".tagalongignore",
    "apps/Chart.yaml",
    "apps/templates/t.yaml",
    "other/.tagalongignore",
    "other/x.yml",
];

fn text_of(path: &str, version: usize) -> String {
    match path {
        ".tagalongignore" => ["", "apps/\n", "*.yml\n*.txt\n"][version].to_owned(),
        "other/.tagalongignore" => ["", "x.yml\n", "!x.yml\n"][version].to_owned(),
        "apps/silent.yaml" | "silent.yaml" | "flux/silent.yaml" if version < 2 => silent("silent", version),
        "flux.yaml" => {
            let spec = ["path: ./flux", "path: ./flux, targetNamespace: x", "path: ., commonMetadata: {annotations: {fluxcd.io/automated: 'true'}}"]
                [version];
            format!("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: x}}\nspec: {{{spec}}}\n")
        }
        ".flux.yaml" => {
            ["version: 1\ncommandUpdated: {}\n", "version: 1\npatchUpdated: {patchFile: patch.yaml}\n", "version: 1\n"][version].to_owned()
        }
        "apps/kustomization.yaml" => [KUSTOMIZATION, "resources: [web.yaml]\n", "resources: @\n"][version].to_owned(),
        "base/kustomization.yaml" => ["resources: [web.yaml]\n", "resources: [web.yaml, ../silent.yaml]\n", "{}\n"][version].to_owned(),
        "over/kustomization.yaml" => {
            ["resources: [../base]\n", "resources: [../base, ../apps]\nnamespace: x\n", "resources: [../base]\nimages: [{name: a, newTag: b}]\n"]
                [version]
                .to_owned()
        }
        "apps/Chart.yaml" => format!("name: c{version}\n"),
        _ if version == 2 => "image: @\n".to_owned(),
        _ => automated("web", &format!("ghcr.io/acme/web:1.{version}.0"), "semver:~1"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn an_index_that_went_on_from_commit_to_commit_is_that_of_a_fresh_reading(commits in prop::collection::vec((prop::collection::vec(change(), 1..4), any::<bool>()), 1..6)) {
        let (bare, state) = (repository(&kinds_of_files()), folder());
        let place = bare.path();
        let place = place.to_str().expect("text");
        let mut process = cycle(place, state.path());
        for (changes, removes) in commits {
            let read = process.read().expect("read");
            process.keep(read);
            if removes {
                remove(&bare, CHANGING[changes[0].0]);
            }
            let texts: Vec<(&str, String)> = changes.iter().skip(usize::from(removes)).map(|&(path, version)| (CHANGING[path], text_of(CHANGING[path], version))).collect();
            bare.commit("main", &texts.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>());
            let read = process.read().expect("read");
            let fresh = cycle(place, folder().path()).read().expect("read");
            prop_assert_eq!(told(&read).0, told(&fresh).0);
            let all = cycle(place, state.path()).reading_all().read().expect("read");
            prop_assert_eq!(format!("{:#?}", read.subjects()), format!("{:#?}", all.subjects()), "what is left out asks for nothing");
            prop_assert_eq!(read.index().workloads(), all.index().workloads());
            process.keep(read);
        }
    }
}

/// Takes a file away, where it is there.
fn remove(bare: &Bare, path: &str) {
    let checkout = bare.checkout();
    let git = |arguments: &[&str]| crate::kit::git::git(checkout.path(), arguments);
    git(&["rm", "--quiet", "--ignore-unmatch", path]);
    git(&["commit", "--quiet", "--allow-empty", "-m", "gone"]);
    git(&["push", "--quiet"]);
}

struct Quiet;

impl Watcher for Quiet {
    fn reading(&self) {}
    fn listing(&self, _: usize, _: usize) {}
    fn metadata(&self, _: usize, _: usize) {}
    fn writing(&self) {}
}

/// One `plan` at a time of day, with the memory of a state folder; and how many requests it sent.
fn plan(place: &str, state: &Path, at: Timestamp) -> (Outcome, u64) {
    plan_with(place, state, at, Patience::default())
}

/// The same with this patience.
pub fn plan_with(place: &str, state: &Path, at: Timestamp, patience: Patience) -> (Outcome, u64) {
    install_tls();
    let config = Config::of_overrides(Overrides { state: Some(state.to_owned()), ..Overrides::default() }).expect("a configuration");
    let repository = config.repository_for(place);
    let client = Client::new(Settings {
        registries: config.registries_for(&repository),
        docker: DockerConfig::default(),
        patience,
        allow: RegistryAllow::Any,
        addresses: Where::Anywhere,
        clock: Arc::new(move || at),
    });
    let interval = Box::new(|_: &tagalong::image::Repository| Duration::from_mins(5));
    let inquiry = Inquiry { client, memory: Memory::open(state), view: String::new(), interval };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut command = Command::open(&Arc::new(unit(place, state)), &inquiry, Arc::new(move || at), &Quiet).expect("opened");
    let outcome = runtime.block_on(command.plan()).expect("a plan");
    (outcome, inquiry.client.requests())
}

pub fn only(report: &Report) -> &Record {
    let all: Vec<&Record> = report.records().collect();
    let [one] = all[..] else { panic!("{all:?}") };
    one
}

fn day() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

#[test]
fn what_a_digest_says_is_asked_once_and_lists_each_time() {
    let registry = Registry::start(Mode::Open);
    let built = |day: u32| ImageSpec::built(&format!("2024-01-{day:02}T00:00:00Z"));
    registry.push_all("shop/web", &[("main-1", &built(1)), ("main-2", &built(2)), ("main-3", &built(3))]);
    for (word, pattern, first, next, moved) in [("versions", "semver:*", 1, 1, 1), ("build time", "glob:main-*", 10, 3, 5)] {
        let (fleet, state) = (fleet(&format!("{}/shop/web:main-1", registry.host()), pattern), folder());
        let place = fleet.file_url();
        let requests = |minutes: i64| plan(&place, state.path(), day() + SignedDuration::from_mins(minutes)).1;
        assert_eq!(requests(0), first, "{word}: at first");
        assert_eq!(requests(1), next, "{word}: a list, and where the current tag and the winner point");
        registry.push_all("shop/web", &[("main-3", &built(if word == "versions" { 4 } else { 5 }))]);
        assert_eq!(requests(2), moved, "{word}: the winner points elsewhere");
    }
}

#[test]
fn an_image_that_was_pushed_a_moment_ago_is_found() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0"]);
    let (fleet, state) = (fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1"), folder());
    let place = fleet.file_url();
    assert_eq!(only(&plan(&place, state.path(), day()).0.report).code, Code::Current);
    push(&registry, "shop/web", &["1.1.0"]);
    let (outcome, requests) = plan(&place, state.path(), day());
    assert_eq!((only(&outcome.report).code, requests), (Code::Updated, 3));
    let (outcome, requests) = plan(&place, state.path(), day());
    assert_eq!((only(&outcome.report).code, requests), (Code::Updated, 1), "the list alone");
}

#[test]
fn an_age_counts_from_when_any_run_saw_the_tag_first() {
    let registry = Registry::start(Mode::Open);
    let nobody_knows = ImageSpec::default();
    registry.push_all("shop/web", &[("1.0.0", &nobody_knows), ("1.1.0", &nobody_knows)]);
    let text = automated("web", &format!("{}/shop/web:1.0.0", registry.host()), "semver:~1");
    let text = text.replace("  annotations:\n", "  annotations:\n    tagalong.dev/min-age: '2h'\n");
    let (fleet, state) = (Bare::with(&[("apps/web.yaml", &text)]), folder());
    let place = fleet.file_url();
    for (word, hours, code) in [("first", 0, Code::Current), ("too young still", 1, Code::Current), ("old enough", 3, Code::Updated)] {
        let (outcome, _) = plan(&place, state.path(), day() + SignedDuration::from_hours(hours));
        assert_eq!(only(&outcome.report).code, code, "{word}: {:?}", only(&outcome.report));
    }
}

#[test]
fn a_list_that_lacks_much_of_the_last_one_is_doubted_by_the_next_run() {
    let registry = Registry::start(Mode::Open);
    let built = ImageSpec::built("2024-01-01T00:00:00Z");
    let other = ImageSpec::built("2024-01-02T00:00:00Z");
    registry.push_all("shop/web", &[("1.0.0", &other)]);
    let digests = registry.push_all("shop/web", &[("1.1.0", &built), ("0.9.0", &built)]);
    let (fleet, state) = (fleet(&format!("{}/shop/web:1.1.0", registry.host()), "semver:>=0.1"), folder());
    let place = fleet.file_url();
    assert_eq!(only(&plan(&place, state.path(), day()).0.report).code, Code::Current);
    registry.delete("shop/web", &digests[0]);
    assert_eq!(only(&plan(&place, state.path(), day()).0.report).code, Code::ListInDoubt);
    assert_eq!(only(&plan(&place, folder().path(), day()).0.report).code, Code::WouldGoBack, "nobody remembers");
}

#[test]
fn two_processes_on_one_state_folder_come_to_the_same_plan() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let (fleet, machine) = (fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1"), Machine::new());
    let updates = |machine: &Machine| -> (Value, String) {
        let ran = machine.call(["plan", &fleet.file_url(), "--output", "json"]).run().ended(0);
        (ran.json()["updates"].clone(), ran.err)
    };
    let (alone, quiet) = updates(&machine);
    assert_eq!(quiet, "");
    let busy = Memory::open(&machine.root().join("state/tagalong"));
    let (beside, note) = updates(&machine);
    assert_eq!((beside, note.matches("works in memory and keeps nothing").count()), (alone.clone(), 1), "{note}");
    drop(busy);
    machine.file("state/tagalong/store.redb", "damaged");
    let (after, note) = updates(&machine);
    assert_eq!((after, note.matches("was damaged").count()), (alone, 1), "{note}");
}

#[test]
fn a_state_folder_that_cannot_be_used_stops_no_plan_of_a_folder() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let (fleet, machine) = (fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1"), Machine::new());
    let checkout = fleet.checkout();
    let file = machine.file("no-folder", "");
    let ran = machine.call(["plan", "--state", file.to_str().expect("text")]).within(checkout.path()).run().ended(0);
    assert!(ran.out.contains("1.0.0 → 1.1.0"), "{}", ran.out);
    assert_eq!((ran.out.clone() + &ran.err).matches("cannot use `").count(), 1, "{}{}", ran.out, ran.err);
}
