use proptest::prelude::*;

use super::*;
use crate::manifest::{inspect::inspect, read};

/// What is found in these files, where all but `outside/` may be written and every registry is open.
fn found(files: &[(&str, &str)]) -> Vec<Finding> {
    let (mut parsed, mut faults) = (BTreeMap::new(), vec![]);
    for (path, text) in files {
        match read(path, text.as_bytes(), &[]) {
            Ok(file) => drop(parsed.insert((*path).to_owned(), file)),
            Err(fault) => faults.push(fault),
        }
    }
    let inspected = files.iter().filter_map(|(path, text)| Some(((*path).to_owned(), inspect(path, text.as_bytes(), &[], parsed.get(*path)?).ok()?)));
    let inspected = inspected.collect();
    let index = Index::new(parsed, faults);
    let bounds = Bounds { writes: &|path| !path.starts_with("outside/"), scans: &|_| true, presets: crate::policy::preset::Presets::shipped() };
    findings(&Evidence { index: &index, inspected: &inspected, ignored: &[], bounds: &bounds, opens: &|_| Opening::Open })
}

fn shown(files: &[(&str, &str)]) -> Vec<String> {
    let line = |finding: &Finding| format!("{} {} {}:{}", finding.severity, finding.code, finding.file, finding.line.unwrap_or(0));
    found(files).iter().map(line).collect()
}

fn deployment(name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\n\
         spec: {{template: {{spec: {{containers: [{{name: app, image: 'redis:7.2.0'}}]}}}}}}\n"
    )
}

const FINE: &str = "fluxcd.io/automated: 'true', fluxcd.io/tag.app: 'semver:~7'";

#[test]
fn one_workload_in_several_files_is_told_where_they_are_one_tree() {
    let (a, bare) = (deployment("a", FINE), deployment("a", ""));
    for (word, files, expected) in [
        ("one folder", &[("x/a.yaml", &*a), ("x/b.yaml", &*a)][..], &["warning sameId x/b.yaml:1"][..]),
        ("one below the other", &[("x/a.yaml", &*a), ("x/y/b.yaml", &*bare)], &["warning sameId x/y/b.yaml:1"]),
        ("folders beside each other", &[("east/a.yaml", &*a), ("west/a.yaml", &*a)], &["note sameId west/a.yaml:1"]),
        ("nobody takes part", &[("x/a.yaml", &*bare), ("x/b.yaml", &*bare)], &[]),
        ("two kustomizations", &[("x/kustomization.yaml", "resources: [a.yaml]"), ("x/a.yaml", &*a), ("y/a.yaml", &*a)], &[]),
    ] {
        assert_eq!(shown(files), expected, "{word}");
    }
}

/// Each finding with its sentence.
fn told(files: &[(&str, &str)]) -> Vec<String> {
    let line = |finding: &Finding| {
        let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{} {}:{} {}: {}{hint}", finding.severity, finding.file, finding.line.unwrap_or(0), finding.code, finding.message)
    };
    found(files).iter().map(line).collect()
}

#[test]
fn entries_that_mean_nothing_are_told() {
    let a = deployment("a", FINE);
    let crd = "apiVersion: acme.io/v1\nkind: Shop\nmetadata: {name: s}\nspec: {deep: {containers: [{name: c, image: 'web:1'}]}}\n";
    for (word, text, expected) in [
        ("means one", "images: [{name: redis, newTag: '7'}]", &[][..]),
        (
            "near name",
            "images:\n- name: rediss\n  newTag: '7'",
            &[
                "warning k/kustomization.yaml:3 unmatchedEntry: the `images` entry `rediss` means no image that is deployed with it (did you mean `redis`?)",
            ],
        ),
        (
            "other name",
            "images: [{name: redis, newTag: '7'}, {name: nginx, newTag: '1'}]",
            &["warning k/kustomization.yaml:2 unmatchedEntry: the `images` entry `nginx` means no image that is deployed with it"],
        ),
        ("containers of another kind", "images: [{name: web, newTag: '1'}]", &[]),
        (
            "remote beside",
            "bases: ['https://git.example/x']\nimages: [{name: nginx, newTag: '1'}]",
            &[
                "note k/kustomization.yaml:2 remoteBase: `https://git.example/x` is outside the repository, and not fetched: workloads in it are not seen",
            ],
        ),
    ] {
        let text = format!("resources: [a.yaml, s.yaml]\n{text}\n");
        assert_eq!(told(&[("k/a.yaml", &a), ("k/s.yaml", crd), ("k/kustomization.yaml", &text)]), expected, "{word}");
    }
    let base = "resources: [a.yaml]\nimages: [{name: nginx, newTag: '1'}]\n";
    let top = "resources: [../base]\npatches:\n- patch: '[{op: replace, path: /spec/template/spec/containers/0/image, value: nginx}]'\n  target: {kind: Deployment}\n";
    assert_eq!(told(&[("base/a.yaml", &a), ("base/kustomization.yaml", base), ("top/kustomization.yaml", top)]).len(), 1);
}

#[test]
fn what_is_not_understood_is_told_wherever_it_stands() {
    let (a, bare) = (deployment("a", FINE), deployment("a", ""));
    for (word, manifest, text, expected) in [
        (
            "takes part",
            &a,
            "helmCharts: [{name: x}]",
            "warning k/kustomization.yaml:2 default:deployment/a is held: `helmCharts` in k/kustomization.yaml may change it, which is not understood",
        ),
        (
            "takes no part",
            &bare,
            "helmCharts: [{name: x}]",
            "note k/kustomization.yaml:2 what is deployed from here would be held: `helmCharts` in k/kustomization.yaml may change it, which is not understood",
        ),
        (
            "plugins",
            &bare,
            "generators: [g.yaml]",
            "note k/kustomization.yaml:1 what is deployed from here would be held: `generators` in k/kustomization.yaml make objects that nobody knows",
        ),
        (
            "missing base",
            &bare,
            "bases: [../nowhere]",
            "note k/kustomization.yaml:2 what is deployed from here would be held: `../nowhere` of k/kustomization.yaml is no file or kustomization of the repository",
        ),
        (
            "patch for nothing",
            &bare,
            "patches:\n- patch: '{apiVersion: v1, kind: Pod, metadata: {name: z}}'",
            "note k/kustomization.yaml:3 what is deployed from here would be held: the patch for Pod `z` in k/kustomization.yaml matches nothing, which kustomize refuses",
        ),
        (
            "entry without a name",
            &bare,
            "images: [{newTag: '1'}]",
            "note k/kustomization.yaml:2 what is deployed from here would be held: kustomize cannot use k/kustomization.yaml: an entry of `images` has no `name`, so that nobody knows which images it means",
        ),
    ] {
        let found = told(&[("k/a.yaml", manifest), ("k/kustomization.yaml", &format!("resources: [a.yaml]\n{text}\n"))]);
        assert_eq!(found.iter().map(|line| line.replace(" unsupportedKustomize:", "")).collect::<Vec<_>>(), [expected], "{word}");
    }
    let alone = told(&[("k/kustomization.yaml", "helmCharts: [{name: x}]\n")]);
    assert_eq!(alone.len(), 1, "{alone:?}");
}

#[test]
fn places_that_are_wanted_twice_are_told() {
    let base = "resources: [a.yaml]\n";
    let top = |namespace: &str, annotations: &str| format!("resources: [../base]\nnamespace: {namespace}\ncommonAnnotations: {{{annotations}}}\n");
    let two = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, annotations: {fluxcd.io/automated: 'true', fluxcd.io/tag.app: 'semver:~7', fluxcd.io/tag.side: 'semver:~6'}}\n\
               spec: {template: {spec: {containers: [{name: app, image: 'redis:7.2.0'}, {name: side, image: 'redis:7.2.0'}]}}}\n";
    let entry = "resources: [a.yaml]\nimages:\n- name: redis\n  newTag: 7.2.0\n";
    let silent = deployment("a", "");
    assert_eq!(
        told(&[("k/a.yaml", two), ("k/kustomization.yaml", entry)]),
        ["warning k/kustomization.yaml:4 sharedPlace: this place is wanted by `app` of default:deployment/a and `side` of default:deployment/a, \
          which ask by different policies (annotate them alike, or write the image of each by itself)"]
    );
    let apart = [
        ("base/a.yaml", silent.as_str()),
        ("base/kustomization.yaml", base),
        ("east/kustomization.yaml", &top("east", FINE)),
        ("west/kustomization.yaml", &top("west", &FINE.replace("~7", "~6"))),
    ];
    assert_eq!(told(&apart), [""; 0], "each root gets an entry of its own");
    let alone = [apart[0], apart[1], apart[2], ("west/kustomization.yaml", "resources: [../base]\nnamespace: west\n")];
    assert_eq!(told(&alone), [""; 0], "the one that takes part gets an entry");
    let beside = two.replace(", fluxcd.io/tag.side: 'semver:~6'", ", tagalong.dev/automated.side: 'false'");
    assert_eq!(
        told(&[("k/a.yaml", &beside), ("k/kustomization.yaml", entry)]),
        ["warning k/kustomization.yaml:4 sharedPlace: this place is shared by `app` of default:deployment/a and `side` of default:deployment/a, \
          which takes no part: it stays (annotate them alike, or write the image of each by itself)"]
    );
}

#[test]
fn what_one_kustomization_holds_is_told_once() {
    let names = ["a", "b", "c", "d", "e"];
    let mut files: Vec<(String, String)> = names.iter().map(|name| (format!("{name}.yaml"), deployment(name, FINE))).collect();
    files.push((
        "kustomization.yaml".to_owned(),
        format!("resources: [{}]\ntransformers: [x.yaml]\n", names.map(|name| format!("{name}.yaml")).join(", ")),
    ));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = found(&files);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].file.as_str(), found[0].line), ("kustomization.yaml", Some(2)));
    let sentence =
        "default:deployment/a, default:deployment/b, default:deployment/c and 2 more are held: `transformers` in kustomization.yaml may change it";
    assert!(found[0].message.starts_with(sentence), "{}", found[0].message);
}

#[test]
fn a_default_is_told_of_those_that_use_it() {
    for (word, annotations, expected) in [
        ("automated alone", "fluxcd.io/automated: 'true'", &["warning defaultPattern a.yaml:4"][..]),
        ("locked", "fluxcd.io/automated: 'true', fluxcd.io/locked: 'true'", &[]),
        ("left out", "fluxcd.io/automated: 'true', tagalong.dev/automated.app: 'false'", &[]),
        ("written", "fluxcd.io/automated: 'true', fluxcd.io/tag.app: 'glob:*'", &[]),
        ("nobody", "", &[]),
    ] {
        assert_eq!(shown(&[("a.yaml", &deployment("a", annotations))]), expected, "{word}");
    }
}

#[test]
fn a_shared_place_is_told_where_it_stays() {
    let pod = |name: &str, annotations: &str, image: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\nspec: {{containers: [{{name: app, image: {image}}}]}}\n"
        )
    };
    let list = |one: &str, other: &str| {
        let indented = |text: String| format!("- {}\n", text.trim_end().replace('\n', "\n  "));
        format!("apiVersion: v1\nkind: List\nitems:\n{}{}", indented(pod("a", one, "&i 'redis:7.2.0'")), indented(pod("b", other, "*i")))
    };
    let other = "fluxcd.io/automated: 'true', fluxcd.io/tag.app: 'semver:~7.2'";
    for (word, text, expected) in [
        ("alike", list(FINE, FINE), &[][..]),
        ("different policies", list(FINE, other), &["warning sharedPlace a.yaml:7"]),
        ("one takes no part", list(FINE, ""), &["warning sharedPlace a.yaml:7"]),
        ("none takes part", list("", ""), &[]),
    ] {
        assert_eq!(shown(&[("a.yaml", &text)]), expected, "{word}: {text}");
    }
}

#[test]
fn comments_and_labels_are_looked_at() {
    for (word, path, text, expected) in [
        ("fine", "a.yaml", "image: redis:7.2.0 # tagalong: semver:~7\n", &[][..]),
        ("malformed", "a.yaml", "image: redis:7.2.0 # tagalong: semvr:~7\n", &["error malformedPolicy a.yaml:1"]),
        ("no name", "a.yaml", "tag: 7.2.0 # tagalong: semver:~7\n", &["error commentWithoutImage a.yaml:1"]),
        ("above a key", "a.yaml", "# tagalong: semver:~7\nimage: redis:7.2.0\n", &["error commentWithoutImage a.yaml:1"]),
        ("above an element", "a.yaml", "a:\n# tagalong: semver:~7\n- image: redis:7.2.0\n", &[]),
        ("a remark", "a.yaml", "# tagalong: see the pages\nimage: redis:7.2.0\n", &[]),
        ("dropped", "a.yaml", "image: redis:7.2.0 # tagalong: semver:>=7.0.0-alpine\n", &["warning droppedPart a.yaml:1"]),
        ("never", "a.yaml", "image: redis:7.2.0 # tagalong: ~7\n", &["warning neverMatches a.yaml:1"]),
        ("two", "a.yaml", "a:\n# tagalong: semver:~7\n- image: redis:7.2.0 # tagalong: semver:~6\n", &["error malformedPolicy a.yaml:2"]),
        (
            "in a kustomization",
            "kustomization.yaml",
            "images:\n- name: redis\n  newTag: 7.2.0 # tagalong: semvr:~7\n",
            &["error malformedPolicy kustomization.yaml:3", "warning unmatchedEntry kustomization.yaml:2"],
        ),
        ("labels", "compose.yaml", "services: {a: {image: 'redis:7.2.0', labels: {tagalong.automated: 'true', tagalong.tag: 'semver:~7'}}}\n", &[]),
        (
            "label alone",
            "compose.yaml",
            "services: {a: {image: 'redis:7.2.0', labels: {tagalong.tag: 'semver:~7'}}}\n",
            &["warning notAutomated compose.yaml:1"],
        ),
        (
            "unknown label",
            "compose.yaml",
            "services:\n  a:\n    image: redis:7.2.0\n    labels: [tagalong.automated=true, tagalong.tagg=x]\n",
            &["error malformedPolicy compose.yaml:4"],
        ),
    ] {
        assert_eq!(shown(&[(path, text)]), expected, "{word}");
    }
}

#[test]
fn aliases_of_a_release_are_its_containers() {
    let release = |annotations: &str| {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: a, annotations: {{fluxcd.io/automated: 'true', {annotations}}}}}\n\
             spec: {{values: {{web: {{image: 'redis:7.2.0'}}, env: [{{name: OTHER_IMAGE, value: 'redis:6.0.0'}}]}}}}\n"
        )
    };
    for (word, annotations, expected) in [
        ("alias", "fluxcd.io/tag.web: 'semver:~7'", &[][..]),
        ("another", "fluxcd.io/tag.wab: 'semver:~7'", &["error unknownContainer a.yaml:3", "warning defaultPattern a.yaml:4"]),
        ("map", "fluxcd.io/tag.web: 'semver:~7', repository.fluxcd.io/web: web.image", &[]),
    ] {
        assert_eq!(shown(&[("a.yaml", &release(annotations))]), expected, "{word}");
    }
}

#[test]
fn what_may_not_be_edited_has_no_fix() {
    let text = deployment("a", "fluxcd.io/automated: true, fluxcd.io/tag.app: 'semver:~7'");
    for (word, path, text, fixes) in [
        ("fixable", "a.yaml", text.clone(), 1),
        ("encrypted", "a.yaml", format!("{text}sops: {{version: 3.8.1}}\n"), 0),
        ("outside", "outside/a.yaml", text, 0),
    ] {
        let found = found(&[(path, &text)]);
        assert_eq!(found.iter().filter(|finding| finding.fix.is_some()).count(), fixes, "{word}");
        assert!(found.iter().any(|finding| finding.code == FindingCode::UnquotedValue), "{word}");
    }
}

#[test]
fn a_long_value_is_cut() {
    let text = deployment("a", &format!("fluxcd.io/automated: '{}'", "é".repeat(1000)));
    let found = found(&[("a.yaml", &text)]);
    assert!(found[0].message.chars().count() < 200 && found[0].message.contains("é…"), "{}", found[0].message);
}

#[test]
fn a_fix_that_cannot_be_written_does_not_stop_its_neighbours() {
    let text = deployment("a", "fluxcd.io/automated: true, fluxcd.io/tag.app: 'SemVer:~7'");
    let mut found = found(&[("a.yaml", &text)]);
    assert_eq!(found.len(), 2);
    let other = deployment("longer", "fluxcd.io/automated: true");
    let foreign = self::found(&[("a.yaml", &other)]).into_iter().find(|finding| finding.fix.is_some());
    found.extend(foreign);
    let (after, fixed) = mend("a.yaml", text.as_bytes(), &found);
    assert_eq!(String::from_utf8(after).expect("text"), text.replace("'SemVer:~7'", "'semver:~7'").replace(": true", ": \"true\""));
    assert_eq!(fixed.len(), 2);
}

/// One annotation as it may be written, and as it stands after the fixes: `None` where it goes.
fn entry() -> impl Strategy<Value = (String, Option<String>)> {
    let kept = |text: &str| (text.to_owned(), Some(text.to_owned()));
    let mended = |before: &str, after: &str| (before.to_owned(), Some(after.to_owned()));
    prop::sample::select(vec![
        mended("fluxcd.io/automated: true", "fluxcd.io/automated: \"true\""),
        mended("fluxcd.io/tag.app: SemVer:~7", "fluxcd.io/tag.app: semver:~7"),
        mended("fluxcd.io/tag.app:   ' semver:~7'", "fluxcd.io/tag.app:   'semver:~7'"),
        mended("\"filter.fluxcd.io/tag.app\": \"7.*\"", "\"filter.fluxcd.io/app\": \"7.*\""),
        mended("filter.fluxcd.io/tag.app : GLOB:7.*", "filter.fluxcd.io/app : glob:7.*"),
        mended("tagalong.dev/digest: false", "tagalong.dev/digest: \"false\""),
        kept("fluxcd.io/automated: 'yes'"),
        kept("fluxcd.io/tag.ap: 'semver:~7'"),
        kept("tagalong.dev/min-age: 48h"),
        kept("checksum: 1.10"),
        kept("é: \"\\u00e9\""),
    ])
}

proptest! {
    #[test]
    fn what_is_mended_changes_and_no_other_byte(
        entries in prop::collection::vec((entry(), prop::sample::select(vec!["", " # why", "\t# true"])), 1..6),
        flow in any::<bool>(), crlf in any::<bool>(), mark in any::<bool>(), indent in 1..5_usize,
    ) {
        let key = |text: &str| text.split(':').next().unwrap_or_default().trim_matches(['"', ' ']).to_owned();
        let mut seen = std::collections::BTreeSet::new();
        // Two keys for one pattern are another matter.
        let entries: Vec<_> = entries.into_iter().filter(|((text, _), _)| {
            let key = key(text);
            seen.insert(if key.ends_with("tag.app") { "pattern".to_owned() } else { key })
        }).collect();
        let build = |after: bool| {
            let texts = entries.iter().map(|((before, mended), comment)| (if after { mended.clone().unwrap_or_default() } else { before.clone() }, comment));
            let body: String = if flow {
                format!(" {{{}}}\n", texts.map(|(text, _)| text).collect::<Vec<_>>().join(" ,  "))
            } else {
                std::iter::once("\n".to_owned()).chain(texts.map(|(text, comment)| format!("{}{text}{comment}\n", " ".repeat(indent + 2)))).collect()
            };
            let text = format!(
                "# fluxcd.io/automated: true\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n  annotations:{body}\
                 spec: {{template: {{spec: {{containers: [{{name: app, image: 'redis:7.2.0'}}]}}}}}}"
            );
            let text = if crlf { text.replace('\n', "\r\n") } else { text };
            if mark { format!("\u{feff}{text}") } else { text }
        };
        let (before, expected) = (build(false), build(true));
        let found = found(&[("a.yaml", &before)]);
        let (after, _) = mend("a.yaml", before.as_bytes(), &found);
        prop_assert_eq!(String::from_utf8(after).expect("text"), expected.clone());
        let again = self::found(&[("a.yaml", &expected)]);
        prop_assert!(again.iter().all(|finding| finding.fix.is_none()), "{:?}", again);
    }

    #[test]
    fn whatever_the_annotations_are_something_is_said_or_nothing(
        entries in prop::collection::vec(("(fluxcd.io/|filter.fluxcd.io/|flux.weave.works/|tagalong.dev/)[a-z._-]{0,12}", "\\PC{0,24}"), 0..6)
    ) {
        let entries: BTreeMap<String, String> = entries.into_iter().collect();
        let object = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a", "annotations": entries },
            "spec": { "containers": [{ "name": "app", "image": "redis:7.2.0" }] },
        });
        let text = object.to_string();
        let found = found(&[("a.json", &text)]);
        let (after, _) = mend("a.json", text.as_bytes(), &found);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&after).is_ok());
    }
}
