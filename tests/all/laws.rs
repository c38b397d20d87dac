//! What holds for every tree and every registry: generated workloads, tags and metadata through the whole of a cycle.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, sample::select};
use serde_json::Value;
use tagalong::{manifest, plan::report::Record};

use crate::kit::{
    cycle::{Files, Outcome, cycle},
    recorded::{Recorded, TagFacts},
};

const REPOSITORIES: [&str; 4] = ["nginx", "ghcr.io/acme/app", "quay.io/acme/api", "docker.io/library/redis"];
const TAGS: [&str; 18] = [
    "1.0.0",
    "1.0.1",
    "1.10",
    "1.10.0",
    "v1.2.0",
    "2.0.0",
    "2.0.0-rc.1",
    "1.0.1-alpine",
    "1.2.0-alpine",
    "1337",
    "main-1",
    "main-2",
    "main-10",
    "1.2.0-1a2b3c4",
    "1.2.0-9f8e7d6",
    "0777",
    "latest",
    "1e3",
];
const PATTERNS: [&str; 10] = [
    "semver:*",
    "semver:~1",
    "semver:>=1.0.0-0",
    "glob:main-*",
    "glob:*",
    "regexp:^main-(?P<number>[0-9]+)$",
    "regexp:(?P<alphabetical>.*)",
    "digest:main-1",
    "semver:~1.x.",
    "regexp:^(?P<semver>[0-9.]+)",
];

/// One container of a generated workload.
#[derive(Clone, Debug)]
struct Part {
    repository: &'static str,
    tag: Option<&'static str>,
    pinned: bool,
    pattern: Option<&'static str>,
    out: bool,
    /// How the image is written; the first of a workload gives an anchor, and `Alias` takes it.
    style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Style {
    Plain,
    Double,
    Single,
    Folded,
    Alias,
}

#[derive(Clone, Debug)]
struct Generated {
    mark: Mark,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    Automated,
    Locked,
    Ignored,
    ByHand,
}

/// Files of workloads, and how their lines end.
type Tree = Vec<(Vec<Generated>, &'static str)>;

fn part() -> impl Strategy<Value = Part> {
    let tag = prop_oneof![8 => select(&TAGS[..]).prop_map(Some), 1 => Just(None)];
    let pattern = prop_oneof![6 => select(&PATTERNS[..]).prop_map(Some), 1 => Just(None)];
    let style = select(vec![Style::Plain, Style::Plain, Style::Double, Style::Single, Style::Folded, Style::Alias]);
    (select(&REPOSITORIES[..]), tag, prop::bool::weighted(0.2), pattern, prop::bool::weighted(0.1), style)
        .prop_map(|(repository, tag, pinned, pattern, out, style)| Part { repository, tag, pinned, pattern, out, style })
}

fn generated() -> impl Strategy<Value = Generated> {
    let mark = prop_oneof![6 => Just(Mark::Automated), 1 => Just(Mark::Locked), 1 => Just(Mark::Ignored), 1 => Just(Mark::ByHand)];
    (mark, prop::collection::vec(part(), 1..4)).prop_map(|(mark, parts)| Generated { mark, parts })
}

fn tree() -> impl Strategy<Value = Tree> {
    prop::collection::vec((prop::collection::vec(generated(), 1..4), select(vec!["\n", "\r\n"])), 1..4)
}

fn facts() -> impl Strategy<Value = TagFacts> {
    let built = prop_oneof![Just(None), Just(Some("1970-01-01T00:00:00Z")), (1_u8..29).prop_map(|_| Some("2024-05-05T00:00:00Z"))];
    let days = (1_u8..29).prop_map(|day| Some(format!("2024-05-{day:02}T00:00:00Z")));
    let built = prop_oneof![1 => built.prop_map(|time| time.map(str::to_owned)), 4 => days];
    let digest = select(vec![None, Some("a1"), Some("b2")]).prop_map(|word: Option<&str>| word.map(str::to_owned));
    let platforms = select(vec![vec![], vec![], vec!["windows/amd64"], vec!["linux/arm64", "linux/amd64"]]);
    let refuse = prop_oneof![12 => Just(None), 1 => Just(Some(404)), 1 => Just(Some(500))];
    (built, digest, platforms, refuse).prop_map(|(built, digest, platforms, refuse)| {
        let platforms = platforms.into_iter().map(str::to_owned).collect();
        TagFacts { built, digest, platforms, refuse, ..TagFacts::default() }
    })
}

fn registries() -> impl Strategy<Value = Recorded> {
    let tags = || prop::collection::btree_map(select(&TAGS[..]).prop_map(str::to_owned), facts().prop_map(Some), 0..12);
    let refuse = prop_oneof![6 => Just(None), 1 => select(vec![401, 404, 429, 503]).prop_map(Some)];
    prop::collection::vec((tags(), refuse), REPOSITORIES.len()).prop_map(|listed| {
        let mut recorded = Recorded::of(BTreeMap::new());
        for (name, (tags, refuse)) in REPOSITORIES.iter().zip(listed) {
            recorded.repositories.insert((*name).to_owned(), tags);
            recorded.refuse.extend(refuse.map(|status| ((*name).to_owned(), status)));
        }
        recorded
    })
}

fn image(part: &Part) -> String {
    let tag = part.tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = if part.pinned { format!("@sha256:{}", "e5".repeat(32)) } else { String::new() };
    format!("{}{tag}{digest}", part.repository)
}

/// A Deployment with a comment, and with values that look like images and are none.
fn text(name: &str, generated: &Generated) -> String {
    let mut text = format!("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}   # für alle\n");
    text += "  annotations:\n    example.com/image: nginx:1.0.0\n";
    match generated.mark {
        Mark::Automated => text += "    fluxcd.io/automated: \"true\"\n",
        Mark::Locked => text += "    fluxcd.io/automated: \"true\"\n    fluxcd.io/locked: 'true'\n",
        Mark::Ignored => text += "    fluxcd.io/automated: \"true\"\n    fluxcd.io/ignore: \"true\"\n",
        Mark::ByHand => {}
    }
    for (at, part) in generated.parts.iter().enumerate() {
        text.extend(part.pattern.map(|pattern| format!("    fluxcd.io/tag.c{at}: '{pattern}'\n")));
        text.extend(part.out.then(|| format!("    tagalong.dev/automated.c{at}: \"false\"\n")));
    }
    text += "spec:\n  template:\n    spec:\n      containers:\n";
    for (at, part) in generated.parts.iter().enumerate() {
        let anchor = if at == 0 { "&first " } else { "" };
        let image = match part.style {
            Style::Alias if at > 0 => "*first".to_owned(),
            Style::Plain | Style::Alias => format!("{anchor}{}", image(part)),
            Style::Double => format!("{anchor}\"{}\"", image(part)),
            Style::Single => format!("{anchor}'{}'", image(part)),
            Style::Folded => format!("{anchor}>-\n            {}", image(part)),
        };
        let comment = if image.contains('\n') { "" } else { "   # here" };
        text.extend(["        - name: c", &at.to_string(), "\n          image: ", &image, comment, "\n"]);
        text += "          args: [\"--image\", 'nginx:1.0.0']\n";
    }
    text
}

/// The path and the workloads of each file; every workload has a name of its own.
fn files(tree: &Tree, order: Order) -> Files {
    let mut files = Files::new();
    for (number, (workloads, line_end)) in tree.iter().enumerate() {
        let mut texts: Vec<String> = workloads.iter().enumerate().map(|(at, workload)| text(&format!("w{number}-{at}"), workload)).collect();
        if order == Order::Reversed {
            texts.reverse();
        }
        let path = if order == Order::Reversed { format!("{}.yaml", tree.len() - number) } else { format!("{number}.yaml") };
        files.insert(path, texts.join("---\n").replace('\n', line_end).into_bytes());
    }
    files
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    AsGenerated,
    Reversed,
}

fn run(tree: &Tree, recorded: &Recorded) -> (Files, Outcome) {
    let before = files(tree, Order::AsGenerated);
    let outcome = cycle("law", &before, recorded);
    (before, outcome)
}

/// Each container that takes part: workload and container.
fn taking_part(tree: &Tree) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (number, (workloads, _)) in tree.iter().enumerate() {
        for (at, workload) in workloads.iter().enumerate().filter(|(_, workload)| matches!(workload.mark, Mark::Automated | Mark::Locked)) {
            let parts = workload.parts.iter().enumerate().filter(|(_, part)| !part.out);
            found.extend(parts.map(|(part, _)| (format!("default:deployment/w{number}-{at}"), format!("c{part}"))));
        }
    }
    found
}

/// The file without the bytes of its images.
fn around(path: &str, bytes: &[u8]) -> Vec<u8> {
    let file = manifest::read(path, bytes, &[]).unwrap();
    let mut spans: Vec<_> = file.images().filter_map(|place| place.image.parts()?.sites().next()).map(|site| site.scalar.span()).collect();
    spans.sort_by_key(|span| span.start);
    spans.dedup();
    let mut rest = bytes.to_vec();
    spans.into_iter().rev().for_each(|span| drop(rest.splice(span, *b"IMAGE")));
    rest
}

/// What a third reader makes of the file, its containers' images left out.
fn meaning(bytes: &[u8]) -> Vec<Value> {
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(std::str::from_utf8(bytes).unwrap()).unwrap();
    for document in &mut documents {
        for container in document["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap() {
            assert!(container["image"].is_string());
            container["image"] = Value::Null;
        }
    }
    documents
}

/// What became of each container, on whatever line of whatever file it stands.
fn fates<'r>(records: impl Iterator<Item = &'r Record>) -> BTreeMap<(String, String), String> {
    let line = regex::Regex::new(r"\(\d+\.yaml:\d+\)").unwrap();
    let reason = |record: &Record| line.replace_all(&record.reason, "").into_owned();
    let fate = |record: &Record| format!("{:?} {:?} {:?} {} {:?}", record.code, record.from, record.to, reason(record), record.newer_elsewhere);
    records.map(|record| ((record.workload.clone(), record.container.clone()), fate(record))).collect()
}

/// The files below a base that several roots deploy, each into a namespace of its own.
fn deployed_by(roots: usize, files: Files) -> Files {
    let list: Vec<&str> = files.keys().map(String::as_str).collect();
    let base = format!("resources: [{}]\n", list.join(", "));
    let mut whole: Files = files.into_iter().map(|(path, bytes)| (format!("base/{path}"), bytes)).collect();
    whole.insert("base/kustomization.yaml".to_owned(), base.into_bytes());
    for root in 0..roots {
        let text = format!("namespace: n{root}\nresources:\n- ../base\n");
        whole.insert(format!("root-{root}/kustomization.yaml"), text.into_bytes());
    }
    whole
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_second_run_plans_nothing(tree in tree(), recorded in registries()) {
        let (_, first) = run(&tree, &recorded);
        let second = cycle("law", &first.after, &recorded);
        prop_assert_eq!(&second.report.updates, &vec![]);
        prop_assert_eq!(second.after, first.after);
    }

    #[test]
    fn bytes_outside_of_images_stay(tree in tree(), recorded in registries()) {
        let (before, outcome) = run(&tree, &recorded);
        for (path, bytes) in &before {
            prop_assert_eq!(around(path, bytes), around(path, &outcome.after[path]), "{}", path);
        }
    }

    #[test]
    fn another_reader_finds_no_difference_but_images(tree in tree(), recorded in registries()) {
        let (before, outcome) = run(&tree, &recorded);
        for (path, bytes) in &before {
            prop_assert_eq!(meaning(bytes), meaning(&outcome.after[path]), "{}", path);
        }
    }

    #[test]
    fn every_container_that_takes_part_is_listed_once(tree in tree(), recorded in registries()) {
        let (_, outcome) = run(&tree, &recorded);
        let mut listed: Vec<(String, String)> = outcome.report.records().map(|record| (record.workload.clone(), record.container.clone())).collect();
        listed.sort();
        prop_assert_eq!(listed, taking_part(&tree).into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn every_container_is_listed_once_for_each_root_and_all_agree(tree in tree(), recorded in registries(), roots in 1_usize..4) {
        let outcome = cycle("law", &deployed_by(roots, files(&tree, Order::AsGenerated)), &recorded);
        let mut listed: Vec<(String, String, String)> =
            outcome.report.records().map(|record| (record.root.clone(), record.workload.clone(), record.container.clone())).collect();
        listed.sort();
        let workload = |root: usize, id: &str| id.replacen("default:", &format!("n{root}:"), 1);
        let expected: BTreeSet<(String, String, String)> = (0..roots)
            .flat_map(|root| taking_part(&tree).into_iter().map(move |(id, container)| (format!("root-{root}"), workload(root, &id), container)))
            .collect();
        prop_assert_eq!(listed, expected.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(outcome.report.updates.len() % roots, 0);
        let again = cycle("law", &outcome.after, &recorded);
        prop_assert_eq!(again.after, outcome.after);
    }

    #[test]
    fn a_container_changes_exactly_where_it_is_listed_as_updated(tree in tree(), recorded in registries()) {
        let (_, outcome) = run(&tree, &recorded);
        let images: BTreeMap<(String, String), String> = outcome.after.iter().flat_map(|(path, bytes)| {
            let file = manifest::read(path, bytes, &[]).unwrap();
            file.images().filter_map(|place| {
                let reference = place.image.parts()?.reference(None).ok()?;
                Some(((place.workload?.id.to_string(), place.alias.to_owned()), reference.to_string()))
            }).collect::<Vec<_>>()
        }).collect();
        for record in outcome.report.records() {
            let version = if outcome.report.updates.contains(record) { record.to.as_ref().unwrap() } else { &record.from };
            let tag = version.tag.iter().map(|tag| format!(":{tag}"));
            let digest = version.digest.iter().map(|digest| format!("@{digest}"));
            let wanted: String = record.image.clone().into_iter().chain(tag).chain(digest).collect();
            prop_assert_eq!(&images[&(record.workload.clone(), record.container.clone())], &wanted);
        }
    }

    #[test]
    fn the_order_of_files_documents_and_tags_changes_no_decision(tree in tree(), mut recorded in registries(), turned in 0_usize..12) {
        let (_, outcome) = run(&tree, &recorded);
        recorded.turned = turned;
        let again = cycle("law", &files(&tree, Order::Reversed), &recorded);
        prop_assert_eq!(fates(outcome.report.records()), fates(again.report.records()));
        prop_assert_eq!(outcome.message, again.message);
    }
}
