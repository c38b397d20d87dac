use std::collections::BTreeMap;

use super::*;
use crate::manifest::{File, Unreadable, read};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: 'x:1'}]}\n";
const ANNOTATED: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {fluxcd.io/automated: 'true'}}\nspec: {containers: [{name: c, image: 'x:1'}]}\n";

/// The files that can be read, and those that cannot.
fn files(texts: &[(&str, &str)]) -> (BTreeMap<String, File>, Vec<Unreadable>) {
    let (mut files, mut unreadable) = (BTreeMap::new(), vec![]);
    for (path, text) in texts {
        match read(path, text.as_bytes(), &[]) {
            Ok(file) => drop(files.insert((*path).to_owned(), file)),
            Err(fault) => unreadable.push(fault),
        }
    }
    (files, unreadable)
}

/// `root path namespace`, and `| reason` where held.
fn shown(texts: &[(&str, &str)]) -> Vec<String> {
    let line = |found: &Deployed| {
        let held = found
            .held
            .as_ref()
            .map(|held| format!(" | {} ({}:{}{})", held.reason, held.path, held.line, if held.annotates { ", annotates" } else { "" }));
        let images = found.built.iter().flat_map(|built| &built.images).flatten().map(|image| format!(" {}", image.text)).collect::<String>();
        format!("{} {} {}{images}{}", found.root, found.path, found.workload.id, held.unwrap_or_default())
    };
    let (files, unreadable) = files(texts);
    deployed(&files, &unreadable).iter().map(line).collect()
}

#[test]
fn plain_files_are_their_own_roots() {
    assert_eq!(shown(&[("a.yaml", POD), ("b/c.yaml", POD)]), ["a.yaml a.yaml -", "b/c.yaml b/c.yaml -"]);
}

#[test]
fn a_kustomization_that_only_gathers_deploys_what_it_names() {
    for (word, name, text) in [
        ("with kind", "k/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"),
        ("without kind", "k/kustomization.yml", "resources:\n- ./a.yaml\n"),
        ("without an ending", "k/Kustomization", "bases: [../k/a.yaml]\n"),
        (
            "harmless keys",
            "k/kustomization.yaml",
            "resources: [a.yaml]\ncommonLabels: {a: b}\nconfigMapGenerator: [{name: x, literals: [a=b]}]\ncommonAnnotations: {a: b}\nreplicas: []\n",
        ),
        ("empty lists", "k/kustomization.yaml", "resources: [a.yaml]\nimages: []\npatches:\nnamePrefix: ''\n"),
        ("remote beside", "k/kustomization.yaml", "resources: [a.yaml, 'https://git.example/x', 'git@git.example:x', ../../../x, /etc/x]\n"),
    ] {
        assert_eq!(shown(&[("k/a.yaml", POD), (name, text)]), ["k k/a.yaml -"], "{word}");
    }
}

#[test]
fn the_outermost_namespace_counts_and_every_root_deploys() {
    let found = shown(&[
        ("base/a.yaml", POD),
        ("base/kustomization.yaml", "resources: [a.yaml]\nnamespace: base\n"),
        ("prod/kustomization.yaml", "resources: [../base]\nnamespace: prod\n"),
        ("test/kustomization.yaml", "resources: [../base/]\n"),
        ("kustomization.yaml", "resources: [other.yaml]\n"),
        ("other.yaml", POD),
    ]);
    assert_eq!(found, [". other.yaml -", "prod base/a.yaml prod", "test base/a.yaml base"]);
}

#[test]
fn what_may_change_a_workload_holds_it() {
    for (key, text) in [
        ("images", "images: [{name: x, newTag: '2'}]"),
        ("namePrefix", "namePrefix: p-"),
        ("nameSuffix", "nameSuffix: -s"),
        ("patches", "patches: [{path: b.yaml}]"),
        ("patchesStrategicMerge", "patchesStrategicMerge: [b.yaml]"),
        ("patchesJson6902", "patchesJson6902: [{path: b.yaml, target: {kind: Pod, name: a}}]"),
        ("replacements", "replacements: [{path: b.yaml}]"),
        ("vars", "vars: [{name: X}]"),
        ("helmCharts", "helmCharts: [{name: x}]"),
        ("transformers", "transformers: [b.yaml]"),
        ("generators", "generators: [b.yaml]"),
        ("configurations", "configurations: [b.yaml]"),
        ("somethingNew", "somethingNew: {a: b}"),
    ] {
        let found = shown(&[("a.yaml", POD), ("kustomization.yaml", &format!("resources: [a.yaml]\n{text}\n"))]);
        assert_eq!(found, [format!(". a.yaml - | `{key}` in kustomization.yaml may change it, which is not understood yet (kustomization.yaml:2)")]);
    }
}

#[test]
fn only_the_roots_with_an_obstacle_hold() {
    let found = shown(&[
        ("base/a.yaml", POD),
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("prod/kustomization.yaml", "resources: [../base]\nimages: [{name: x}]\n"),
        ("test/kustomization.yaml", "resources: [../base]\n"),
    ]);
    assert_eq!(
        found,
        [
            "prod base/a.yaml - | `images` in prod/kustomization.yaml may change it, which is not understood yet (prod/kustomization.yaml:2)",
            "test base/a.yaml -"
        ]
    );
}

#[test]
fn what_brings_annotations_says_so() {
    for (word, text) in [
        ("common", "commonAnnotations: {fluxcd.io/automated: 'true'}"),
        ("inline", "patches: [{patch: \"metadata: {annotations: {fluxcd.io/automated: 'true'}}\"}]"),
        ("inline JSON patch", "patches: [{patch: \"[{op: add, path: /metadata/annotations/tagalong.dev~1min-age, value: 2d}]\"}]"),
        ("inline merge", "patchesStrategicMerge: [\"metadata: {annotations: {flux.weave.works/automated: 'true'}}\\n\"]"),
    ] {
        let found = shown(&[("a.yaml", POD), ("kustomization.yaml", &format!("resources: [a.yaml]\nimages: [{{name: x}}]\n{text}\n"))]);
        assert!(found[0].ends_with("(kustomization.yaml:3, annotates)"), "{word}: {found:?}");
    }
}

#[test]
fn patch_files_are_no_workloads_but_an_annotated_one_is_held() {
    let kustomization = "resources: [a.yaml]\npatches:\n- path: p.yaml\n- path: q.yaml\n";
    let found = shown(&[("a.yaml", POD), ("kustomization.yaml", kustomization), ("p.yaml", POD), ("q.yaml", ANNOTATED)]);
    assert_eq!(
        found,
        [
            ". a.yaml - | `patches` in kustomization.yaml may change it, which is not understood yet (kustomization.yaml:2)",
            ". q.yaml - | it is a patch of kustomization.yaml, which is not understood yet (kustomization.yaml:4, annotates)"
        ]
    );
}

#[test]
fn components_change_what_their_users_gather() {
    let plain = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [c.yaml]\n";
    let user = "resources: [a.yaml]\ncomponents: [comp]\n";
    let with =
        |component: &str| shown(&[("a.yaml", POD), ("kustomization.yaml", user), ("comp/c.yaml", POD), ("comp/kustomization.yaml", component)]);
    assert_eq!(with(plain), [". a.yaml -", ". comp/c.yaml -"]);
    for key in ["patches: [{path: p.yaml}]", "images: [{name: x}]", "namespace: n"] {
        let found = with(&format!("{plain}{key}\n"));
        assert!(found.iter().all(|line| line.contains("comp/kustomization.yaml may change it")), "{key}: {found:?}");
    }
    let missing = shown(&[("a.yaml", POD), ("kustomization.yaml", user)]);
    assert_eq!(missing, [". a.yaml - | the component `comp` of kustomization.yaml cannot be read (kustomization.yaml:2)"]);
}

#[test]
fn circles_hold_all_members() {
    let found = shown(&[
        ("a/kustomization.yaml", "resources: [../b, a.yaml]\n"),
        ("a/a.yaml", POD),
        ("b/kustomization.yaml", "resources: [../a, b.yaml]\n"),
        ("b/b.yaml", POD),
        ("c/kustomization.yaml", "resources: [c.yaml, ../c]\n"),
        ("c/c.yaml", POD),
    ]);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|line| line.contains("use each other in a circle")), "{found:?}");
}

#[test]
fn at_most_64_layers_are_followed() {
    let mut texts = vec![("l00/a.yaml".to_owned(), POD.to_owned()), ("l00/kustomization.yaml".to_owned(), "resources: [a.yaml]\n".to_owned())];
    texts.extend((1..65).map(|layer| (format!("l{layer:02}/kustomization.yaml"), format!("resources: [../l{:02}]\n", layer - 1))));
    let borrowed = |count: usize| texts[..count].iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>();
    assert_eq!(shown(&borrowed(65)), ["l63 l00/a.yaml -"]);
    assert!(shown(&borrowed(66))[0].contains("stands below 64 kustomizations"));
}

#[test]
fn a_diamond_is_listed_once_and_held_where_one_way_holds() {
    let texts = [
        ("base/a.yaml", POD),
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("x/kustomization.yaml", "resources: [../base]\n"),
        ("y/kustomization.yaml", "resources: [../base]\nnamePrefix: y-\n"),
        ("kustomization.yaml", "resources: [x, y]\n"),
    ];
    let found = shown(&texts);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("`namePrefix` in y/kustomization.yaml"));
}

#[test]
fn a_flux_kustomization_is_no_kustomization_file() {
    let text = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {path: ./x}\n";
    assert_eq!(read("x/kustomization.yaml", text.as_bytes(), &[]).expect("YAML").kustomization, None);
    assert_eq!(read("a.yaml", b"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", &[]).expect("YAML").workloads, []);
}

#[test]
fn a_flux_yaml_that_generates_holds_what_stands_below() {
    for (text, held) in [("patchUpdated: {patchFile: p.yaml}", true), ("commandUpdated: {}", true), ("version: 9", true), ("scanForFiles: {}", false)]
    {
        let found = shown(&[("x/.flux.yaml", text), ("x/y/a.yaml", POD), ("xy/a.yaml", POD)]);
        assert_eq!((found[0].contains("x/.flux.yaml generates manifests"), found[1].as_str()), (held, "xy/a.yaml xy/a.yaml -"), "{text}");
    }
}

#[test]
fn what_a_kustomization_that_cannot_be_read_may_change_is_held() {
    let (broken, reason) = ("images: [\n", "cannot read `k/kustomization.yaml`: a `{` or `[` is not closed (k/kustomization.yaml:1)");
    let found = shown(&[
        ("k/kustomization.yaml", broken),
        ("k/a.yaml", POD),
        ("k/below/b.yaml", POD),
        ("k/own/kustomization.yaml", "resources: [c.yaml]\n"),
        ("k/own/c.yaml", POD),
        ("k/shared/d.yaml", POD),
        ("prod/kustomization.yaml", "resources: [../k/shared/d.yaml]\n"),
        ("k2/e.yaml", POD),
    ]);
    assert_eq!(
        found,
        [
            &format!("k/a.yaml k/a.yaml - | {reason}"),
            &format!("k/below/b.yaml k/below/b.yaml - | {reason}"),
            "k/own k/own/c.yaml -",
            "k2/e.yaml k2/e.yaml -",
            "prod k/shared/d.yaml -",
        ]
    );
}

#[test]
fn what_stands_below_a_flux_yaml_that_cannot_be_read_is_held() {
    let found = shown(&[("x/.flux.yaml", "a: @\n"), ("x/y/a.yaml", POD), ("x/kustomization.yaml", "resources: [y/a.yaml]\n"), ("xy/a.yaml", POD)]);
    assert_eq!(found, ["x x/y/a.yaml - | cannot read `x/.flux.yaml`: a value cannot begin with `@` (x/.flux.yaml:1)", "xy/a.yaml xy/a.yaml -"]);
}
