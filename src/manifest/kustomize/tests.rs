use std::collections::BTreeMap;

use super::*;
use crate::manifest::{File, Unreadable, read};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: 'x:1'}]}\n";
const OTHER: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {containers: [{name: c, image: 'y:1'}]}\n";
const ANNOTATED: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {fluxcd.io/automated: 'true'}}\n";

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

fn line(found: &Deployed<'_>) -> String {
    let held = found.held.as_ref();
    let held = held.map(|held| format!(" | {} ({}:{}{})", held.reason, held.path, held.line, if held.annotates { ", annotates" } else { "" }));
    let image = |image: &Image<'_>| {
        let chain: Vec<String> = image.chain.iter().map(|given| format!("{}:{}", given.path, given.line)).collect();
        format!(" {} <- {}", image.text, chain.join(" <- "))
    };
    let images: String = found.built.iter().flat_map(|built| &built.images).flatten().map(image).collect();
    format!("{} {}{images}{}", found.root, found.workload.id, held.unwrap_or_default())
}

/// `root id image <- file:line`, and `| reason` where held.
fn shown(texts: &[(&str, &str)]) -> Vec<String> {
    let (files, unreadable) = files(texts);
    deployed(&files, &unreadable, &[]).iter().map(line).collect()
}

/// What a kustomization beside one pod makes of it.
fn beside(text: &str) -> Vec<String> {
    shown(&[("a.yaml", POD), ("kustomization.yaml", &format!("resources: [a.yaml]\n{text}\n"))])
}

#[test]
fn plain_files_are_their_own_roots() {
    assert_eq!(shown(&[("a.yaml", POD), ("b/c.yaml", POD)]), ["a.yaml default:pod/a", "b/c.yaml default:pod/a"]);
}

#[test]
fn a_kustomization_that_only_gathers_deploys_what_it_names() {
    for (word, name, text) in [
        ("with kind", "k/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"),
        ("without kind", "k/kustomization.yml", "resources:\n- ./a.yaml\n"),
        ("without an ending", "k/Kustomization", "bases: [../k/a.yaml]\n"),
        ("harmless keys", "k/kustomization.yaml", "resources: [a.yaml]\nconfigMapGenerator: [{name: x, literals: [a=b]}]\nreplicas: []\n"),
        ("other letters", "k/kustomization.yaml", "Resources: [a.yaml]\nCOMMONLABELS: {a: b}\n"),
        ("empty lists", "k/kustomization.yaml", "resources: [a.yaml]\nimages: []\npatches:\nnamePrefix: ''\n"),
        ("remote beside", "k/kustomization.yaml", "resources: [a.yaml, 'https://git.example/x', 'git@git.example:x', github.com/a/b]\n"),
    ] {
        assert_eq!(shown(&[("k/a.yaml", POD), (name, text)]), ["k default:pod/a x:1 <- k/a.yaml:4"], "{word}");
    }
}

#[test]
fn images_are_what_the_layers_make_of_them() {
    for (word, text, expected) in [
        ("tag", "images: [{name: x, newTag: '2'}]", "x:2 <- a.yaml:4 <- kustomization.yaml:2"),
        (
            "in their order",
            "images: [{name: x, newName: z}, {name: z, newTag: '3'}]",
            "z:3 <- a.yaml:4 <- kustomization.yaml:2 <- kustomization.yaml:2",
        ),
        ("old key", "imageTags: [{name: x, newTag: '2'}]", "x:2 <- a.yaml:4 <- kustomization.yaml:2"),
        ("another image", "images: [{name: z, newTag: '2'}]", "x:1 <- a.yaml:4"),
        (
            "operation",
            "patches:\n- target: {kind: P.d}\n  patch: '[{op: replace, path: /spec/containers/0/image, value: q}]'",
            "q <- a.yaml:4 <- kustomization.yaml:4",
        ),
        (
            "merge",
            "patches:\n- patch: |\n    apiVersion: v1\n    kind: Pod\n    metadata: {name: a}\n    spec:\n      containers:\n      - name: c\n        image: q:1",
            "q:1 <- a.yaml:4 <- kustomization.yaml:10",
        ),
        (
            "entry over merge",
            "patchesStrategicMerge:\n- '{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: q}]}}'\nimages: [{name: q, newTag: '1'}]",
            "q:1 <- a.yaml:4 <- kustomization.yaml:3 <- kustomization.yaml:4",
        ),
    ] {
        assert_eq!(beside(text), [format!(". default:pod/a {expected}")], "{word}");
    }
}

#[test]
fn ids_are_what_the_layers_make_of_them() {
    let found = shown(&[
        ("base/a.yaml", POD),
        ("base/kustomization.yaml", "resources: [a.yaml]\nnamespace: base\n"),
        ("prod/kustomization.yaml", "resources: [../base]\nnamespace: prod\nnamePrefix: p-\n"),
        ("test/kustomization.yaml", "resources: [../base/]\nnameSuffix: -t\n"),
        ("kustomization.yaml", "resources: [other.yaml]\n"),
        ("other.yaml", POD),
    ]);
    let from = "x:1 <- base/a.yaml:4";
    assert_eq!(found, [". default:pod/a x:1 <- other.yaml:4".to_owned(), format!("prod prod:pod/p-a {from}"), format!("test base:pod/a-t {from}")]);
}

#[test]
fn annotations_come_from_every_layer() {
    let texts = [
        ("a.yaml", ANNOTATED),
        ("p.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations: {fluxcd.io/tag.c: glob:*}\n"),
        ("kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]\ncommonAnnotations:\n  tagalong.dev/min-age: 2d\n"),
    ];
    let (files, unreadable) = files(&texts);
    let found = deployed(&files, &unreadable, &[]);
    let annotations = found[0].workload.annotations.iter().zip(&found[0].built.as_ref().expect("built").annotated_in);
    let annotations: Vec<String> = annotations.map(|(one, path)| format!("{}: {} {path}:{}", one.key, one.value, one.line)).collect();
    assert_eq!(
        annotations,
        ["fluxcd.io/automated: true a.yaml:3", "fluxcd.io/tag.c: glob:* p.yaml:5", "tagalong.dev/min-age: 2d kustomization.yaml:4"]
    );
}

#[test]
fn what_nobody_can_foresee_holds() {
    for (key, text) in [
        ("replacements", "replacements: [{path: b.yaml}]"),
        ("replacements", "replacements: [{source: {kind: A}, targets: [{select: {kind: Pod}, fieldPaths: ['spec.containers.[name=c].image']}]}]"),
        ("replacements", "replacements: [{source: {kind: A}, targets: [{select: {kind: Pod}, fieldPaths: [metadata.name]}]}]"),
        ("helmCharts", "helmCharts: [{name: x}]"),
        ("transformers", "transformers: [b.yaml]"),
    ] {
        let found = beside(text);
        assert!(
            found[0].ends_with(&format!("| `{key}` in kustomization.yaml may change it, which is not understood (kustomization.yaml:2)")),
            "{found:?}"
        );
    }
}

#[test]
fn what_can_touch_no_image_is_ignored() {
    for (word, text) in [
        ("replacements elsewhere", "replacements: [{source: {kind: A}, targets: [{fieldPaths: ['spec.containers.[name=c].env.[name=A].value']}]}]"),
        ("variables", "vars: [{name: X, objref: {kind: A, name: a, apiVersion: v1}}]"),
        ("generators", "generators: [b.yaml]"),
        ("a schema without patches", "openapi: {path: b.json}"),
        ("validators", "validators: [b.yaml]"),
    ] {
        assert_eq!(beside(text), [". default:pod/a x:1 <- a.yaml:4"], "{word}");
    }
    let patched = "openapi: {path: b.json}\npatches: [{patch: '{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {b: c}}}'}]";
    assert_eq!(beside(patched), [". default:pod/a x:1 <- a.yaml:4"]);
}

#[test]
fn what_kustomize_refuses_holds() {
    for (word, text, reason) in [
        ("unknown key", "somethingNew: {a: b}", "kustomize cannot use kustomization.yaml: kustomize knows no `somethingNew` (kustomization.yaml:2)"),
        ("number for a tag", "images: [{name: x, newTag: 1.10}]", "`newTag` of an entry of `images` is no text: put `1.10` into quotes"),
        (
            "entry without a name",
            "images:\n- newTag: '2'",
            "an entry of `images` has no `name`, so that nobody knows which images it means (kustomization.yaml:3)",
        ),
        (
            "no expression",
            "images: [{name: '(', newTag: '2'}]",
            "the name `(` in the `images` of kustomization.yaml is no expression that can be read",
        ),
        (
            "missing file",
            "patches: [{path: b.yaml}]",
            "`b.yaml` of kustomization.yaml is no file or kustomization of the repository (kustomization.yaml:2)",
        ),
        ("missing component", "components: [comp]", "`comp` of kustomization.yaml is no file or kustomization of the repository"),
        (
            "remote component",
            "components: ['https://git.example/x']",
            "the component `https://git.example/x` is outside the repository, and not fetched",
        ),
        ("patch that is none", "patches: [{patch: 'a: @'}]", "a patch of kustomization.yaml cannot be read: a value cannot begin with `@`"),
        (
            "operations without a target",
            "patches: [{patch: '[{op: remove, path: /a}]'}]",
            "a list of operations in kustomization.yaml has no `target`",
        ),
        (
            "patch for nothing",
            "patches: [{patch: '{apiVersion: v1, kind: Pod, metadata: {name: z}}'}]",
            "the patch for Pod `z` in kustomization.yaml matches nothing",
        ),
        ("target that is no expression", "patches: [{patch: '[]', target: {kind: '('}}]", "a patch of kustomization.yaml cannot be read"),
    ] {
        let found = beside(text);
        assert!(found[0].contains("| ") && found[0].contains(reason), "{word}: {found:?}");
    }
    let missing = shown(&[("a.yaml", POD), ("kustomization.yaml", "resources:\n- a.yaml\n- base\n")]);
    assert!(missing[0].ends_with("`base` of kustomization.yaml is no file or kustomization of the repository (kustomization.yaml:3)"), "{missing:?}");
}

#[test]
fn two_kustomization_files_in_one_folder_hold() {
    let found = shown(&[
        ("a.yaml", POD),
        ("kustomization.yaml", "resources: [a.yaml, b]\n"),
        ("b/b.yaml", OTHER),
        ("b/kustomization.yaml", "resources: [b.yaml]\n"),
        ("b/Kustomization", "resources: [b.yaml]\n"),
    ]);
    assert!(found.iter().all(|line| line.contains("b has several kustomization files, which kustomize refuses (kustomization.yaml:1)")), "{found:?}");
}

#[test]
fn an_annotated_patch_of_what_is_not_here_is_told() {
    let found = shown(&[("kustomization.yaml", "resources: ['https://git.example/x']\npatches: [{path: p.yaml}]\n"), ("p.yaml", ANNOTATED)]);
    assert_eq!(found, [". default:pod/a | `https://git.example/x` is outside the repository, and not fetched (kustomization.yaml:1)"]);
    let found = shown(&[("a.yaml", OTHER), ("kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]\n"), ("p.yaml", ANNOTATED)]);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|line| line.contains("matches nothing")), "{found:?}");
}

#[test]
fn components_change_what_their_users_gather() {
    let plain = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [c.yaml]\n";
    let user = "resources: [a.yaml]\ncomponents: [comp]\n";
    let with =
        |component: &str| shown(&[("a.yaml", POD), ("kustomization.yaml", user), ("comp/c.yaml", OTHER), ("comp/kustomization.yaml", component)]);
    assert_eq!(with(plain), [". default:pod/a x:1 <- a.yaml:4", ". default:pod/b y:1 <- comp/c.yaml:4"]);
    let found = with(&format!("{plain}images: [{{name: x, newTag: '2'}}]\nnamespace: ns\n"));
    assert_eq!(found, [". ns:pod/a x:2 <- a.yaml:4 <- comp/kustomization.yaml:4", ". ns:pod/b y:1 <- comp/c.yaml:4"]);
    let unused = shown(&[("comp/c.yaml", OTHER), ("comp/kustomization.yaml", plain)]);
    assert_eq!(unused, [""; 0]);
}

#[test]
fn circles_hold_all_members() {
    let found = shown(&[
        ("a/kustomization.yaml", "resources: [../b, a.yaml]\n"),
        ("a/a.yaml", POD),
        ("b/kustomization.yaml", "resources: [../a, b.yaml]\n"),
        ("b/b.yaml", OTHER),
        ("c/kustomization.yaml", "resources: [c.yaml, ../c]\n"),
        ("c/c.yaml", POD),
        ("kustomization.yaml", "resources: [d.yaml]\n"),
        ("d.yaml", POD),
    ]);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[1..].iter().all(|line| line.contains("use each other in a circle")), "{found:?}");
    assert!(!found[0].contains('|'));
    let above = shown(&[("a.yaml", POD), ("kustomization.yaml", "resources: [a.yaml]\n"), ("o/kustomization.yaml", "resources: [..]\n")]);
    assert!(above[0].contains("o/kustomization.yaml uses ., in which o/kustomization.yaml stands itself"), "{above:?}");
}

#[test]
fn at_most_64_layers_are_followed() {
    let mut texts = vec![("l00/a.yaml".to_owned(), POD.to_owned()), ("l00/kustomization.yaml".to_owned(), "resources: [a.yaml]\n".to_owned())];
    texts.extend((1..65).map(|layer| (format!("l{layer:02}/kustomization.yaml"), format!("resources: [../l{:02}]\n", layer - 1))));
    let borrowed = |count: usize| texts[..count].iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>();
    assert_eq!(shown(&borrowed(65)), ["l63 default:pod/a x:1 <- l00/a.yaml:4"]);
    assert_eq!(shown(&borrowed(66)), [""; 0]);
}

#[test]
fn what_doubles_with_each_layer_ends_early() {
    let mut texts = vec![("l00/a.yaml".to_owned(), POD.to_owned()), ("l00/kustomization.yaml".to_owned(), "resources: [a.yaml]\n".to_owned())];
    for layer in 1..40 {
        for side in ["a", "b"] {
            let below = if layer == 1 { "resources: [../l00]".to_owned() } else { format!("resources: [../l{0:02}a, ../l{0:02}b]", layer - 1) };
            texts.push((format!("l{layer:02}{side}/kustomization.yaml"), format!("{below}\nnamePrefix: {side}-\n")));
        }
    }
    let borrowed: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (files, unreadable) = files(&borrowed);
    let found = deployed(&files, &unreadable, &[]);
    assert!(found.iter().all(|one| one.held.is_some()), "{}", found.len());
}

#[test]
fn a_diamond_has_two_sides_or_is_refused() {
    let texts = |prefix: &'static str| {
        [
            ("base/a.yaml", POD),
            ("base/kustomization.yaml", "resources: [a.yaml]\n"),
            ("left/kustomization.yaml", "resources: [../base]\n"),
            ("right/kustomization.yaml", prefix),
            ("kustomization.yaml", "resources: [left, right]\n"),
        ]
    };
    let from = "x:1 <- base/a.yaml:4";
    assert_eq!(shown(&texts("resources: [../base]\nnamePrefix: y-\n")), [format!(". default:pod/a {from}"), format!(". default:pod/y-a {from}")]);
    let twice = shown(&texts("resources: [../base]\n"));
    assert!(twice.iter().all(|line| line.contains("gathers Pod `a` of base/a.yaml twice, which kustomize refuses")), "{twice:?}");
}

#[test]
fn other_tools_name_roots_and_add_layers() {
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec:\n  path: ./base\n  targetNamespace: n\n  images:\n  - name: x\n    newTag: '3'\n";
    let argo = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  source:\n    path: base\n    kustomize:\n      images:\n      - x=y:4\n";
    let with = |object: &str| {
        let base = "resources: [a.yaml]\nimages: [{name: x, newTag: '2'}]\n";
        let user = "resources: [../base]\n";
        let found = shown(&[("base/a.yaml", POD), ("base/kustomization.yaml", base), ("top/kustomization.yaml", user), ("object.yaml", object)]);
        found.into_iter().filter(|line| !line.starts_with("object.yaml")).collect::<Vec<_>>()
    };
    let top = "top default:pod/a x:2 <- base/a.yaml:4 <- base/kustomization.yaml:2";
    assert_eq!(with(flux), ["base n:pod/a x:3 <- base/a.yaml:4 <- object.yaml:8", top]);
    assert_eq!(with(argo), ["base default:pod/a y:4 <- base/a.yaml:4 <- object.yaml:9", top]);
    assert_eq!(with("apiVersion: v1\nkind: Pod\n"), [top]);
}

#[test]
fn a_folder_that_flux_scans_is_a_root() {
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {path: apps, images: [{name: x, newTag: '3'}]}\n";
    let found = shown(&[("apps/a.yaml", POD), ("apps/sub/b.yaml", OTHER), ("other.yaml", POD), ("object.yaml", flux)]);
    let found: Vec<String> = found.into_iter().filter(|line| !line.starts_with("object.yaml")).collect();
    assert_eq!(
        found,
        ["apps default:pod/a x:3 <- apps/a.yaml:4 <- object.yaml:4", "apps default:pod/b y:1 <- apps/sub/b.yaml:4", "other.yaml default:pod/a"]
    );
}

#[test]
fn the_configuration_names_roots() {
    let texts = [
        ("base/a.yaml", POD),
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("top/kustomization.yaml", "resources: [../base]\nnamespace: ns\n"),
    ];
    let (files, unreadable) = files(&texts);
    let found: Vec<String> = deployed(&files, &unreadable, &["./base/".to_owned()]).iter().map(line).collect();
    assert_eq!(found, ["base default:pod/a x:1 <- base/a.yaml:4", "top ns:pod/a x:1 <- base/a.yaml:4"]);
}

#[test]
fn a_flux_kustomization_is_no_kustomization_file() {
    let text = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {path: ./x}\n";
    assert_eq!(read("x/kustomization.yaml", text.as_bytes(), &[]).expect("YAML").kustomization, None);
    assert_eq!(read("a.yaml", b"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", &[]).expect("YAML").workloads, []);
}

#[test]
fn a_flux_yaml_puts_its_patch_over_everything() {
    let patch =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {fluxcd.io/automated: 'true'}}\nspec: {containers: [{name: c, image: 'x:5'}]}\n";
    let flux = "version: 1\npatchUpdated:\n  generators: [{command: kustomize build .}]\n  patchFile: flux-patch.yaml\n";
    let found = shown(&[
        (".flux.yaml", flux),
        ("base/a.yaml", POD),
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("prod/kustomization.yaml", "resources: [../base]\nimages: [{name: x, newTag: '2'}]\n"),
        ("prod/flux-patch.yaml", patch),
        ("test/kustomization.yaml", "resources: [../base]\n"),
    ]);
    assert_eq!(
        found,
        ["prod default:pod/a x:5 <- base/a.yaml:4 <- prod/kustomization.yaml:2 <- prod/flux-patch.yaml:4", "test default:pod/a x:1 <- base/a.yaml:4"]
    );
}

#[test]
fn a_flux_yaml_that_is_not_understood_holds_what_stands_below() {
    for (text, held) in [("patchUpdated: {}", true), ("commandUpdated: {}", true), ("version: 9", true), ("scanForFiles: {}", false)] {
        let found = shown(&[("x/.flux.yaml", text), ("x/y/a.yaml", POD), ("xy/a.yaml", POD)]);
        assert_eq!((found[0].contains("x/.flux.yaml generates manifests"), found[1].as_str()), (held, "xy/a.yaml default:pod/a"), "{text}");
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
            &format!("k/a.yaml default:pod/a | {reason}"),
            &format!("k/below/b.yaml default:pod/a | {reason}"),
            "k/own default:pod/a x:1 <- k/own/c.yaml:4",
            "k2/e.yaml default:pod/a",
            "prod default:pod/a x:1 <- k/shared/d.yaml:4",
        ]
    );
}

#[test]
fn what_stands_below_a_flux_yaml_that_cannot_be_read_is_held() {
    let found = shown(&[("x/.flux.yaml", "a: @\n"), ("x/y/a.yaml", POD), ("x/kustomization.yaml", "resources: [y/a.yaml]\n"), ("xy/a.yaml", POD)]);
    let reason = "cannot read `x/.flux.yaml`: a value cannot begin with `@` (x/.flux.yaml:1)";
    assert_eq!(found, [format!("x default:pod/a x:1 <- x/y/a.yaml:4 | {reason}").as_str(), "xy/a.yaml default:pod/a"]);
}
