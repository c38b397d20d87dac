//! `check` of a repository: `testdata/check/tree` has one of everything that it finds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};
use tagalong::plan::check::{FindingCode, Severity};

use crate::{
    bless::assert_fresh,
    kit::{
        binary::Machine,
        git::{Bare, git},
        schema::faults,
    },
    repository::root,
};

/// The files below a folder, by path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let walk = ignore::WalkBuilder::new(folder).standard_filters(false).filter_entry(|entry| entry.file_name() != ".git").build();
    walk.filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .map(|entry| (entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// A machine with the tree and its configuration.
fn with_everything() -> Machine {
    let machine = Machine::new();
    for (path, bytes) in files(&root().join("testdata/check/tree")) {
        machine.file(&format!("work/tree/{path}"), bytes);
    }
    machine.file("work/tagalong.yaml", fs::read(root().join("testdata/check/tagalong.yaml")).unwrap());
    machine
}

/// The findings as `code file:line`.
fn told(report: &Value) -> Vec<String> {
    let line = |finding: &Value| format!("{} {}:{}", finding["code"].as_str().unwrap(), finding["file"].as_str().unwrap(), finding["line"]);
    report["findings"].as_array().unwrap().iter().map(line).collect()
}

/// What is found in one file.
fn found(text: &str) -> Vec<String> {
    let machine = Machine::new();
    machine.file("work/a.yaml", text);
    told(&machine.run("check --output json").json())
}

#[test]
fn everything_that_is_found_is_told_with_file_and_line() {
    let machine = with_everything();
    let said = machine.run("check tree").ended(1);
    assert_eq!(said.err, "");
    assert_fresh(&root().join("testdata/check/findings.txt"), &said.out);
}

#[test]
fn every_code_stands_in_the_tree() {
    let report = with_everything().run("check tree --output json").ended(1).json();
    let codes: BTreeSet<&str> = report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(codes, FindingCode::ALL.iter().map(|code| code.as_str()).collect());
    let first = report["findings"][0].as_object().unwrap();
    let keys: Vec<&str> = first.keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = ["code", "severity", "file", "line", "column", "workload", "container", "message", "hint", "fix"].into();
    assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn sarif_keeps_to_the_published_schema() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(root().join("testdata/sarif/sarif-schema-2.1.0.json")).unwrap()).unwrap();
    let machine = with_everything();
    let sarif = machine.run("check tree --output sarif").ended(1).json();
    assert_eq!(faults(&schema, &sarif), [""; 0]);
    let report = machine.run("check tree --output json").ended(1).json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    for (result, finding) in results.iter().zip(report["findings"].as_array().unwrap()) {
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!((&result["ruleId"], &result["level"]), (&finding["code"], &finding["severity"]));
        assert_eq!(rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()]["id"], finding["code"]);
        assert_eq!((&place["artifactLocation"]["uri"], &place["region"]["startLine"]), (&finding["file"], &finding["line"]));
    }
    assert_eq!(results.len(), report["findings"].as_array().unwrap().len());
    let prints: BTreeSet<&str> = results.iter().map(|result| result["partialFingerprints"]["tagalong/v1"].as_str().unwrap()).collect();
    assert_eq!(prints.len(), results.len(), "no two results have one fingerprint");
}

#[test]
fn the_schema_refuses_what_is_no_sarif() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(root().join("testdata/sarif/sarif-schema-2.1.0.json")).unwrap()).unwrap();
    let sarif = with_everything().run("check tree --output sarif").ended(1).json();
    for (word, pointer, wrong) in [
        ("another version", "/version", json!("2.0.0")),
        ("no list of runs", "/runs", json!({})),
        ("a level that is none", "/runs/0/results/0/level", json!("fatal")),
        ("a line before the first", "/runs/0/results/0/locations/0/physicalLocation/region/startLine", json!(0)),
        ("a column that is text", "/runs/0/results/0/locations/0/physicalLocation/region/startColumn", json!("1")),
        ("a path with a space", "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri", json!("a b.yaml")),
        ("a message without text", "/runs/0/results/0/message", json!({})),
        ("an unknown key", "/runs/0/tool/driver", json!({ "name": "Tagalong", "colour": "red" })),
        ("a rule twice", "/runs/0/tool/driver/rules", json!([{ "id": "a" }, { "id": "a" }])),
    ] {
        let mut sarif = sarif.clone();
        *sarif.pointer_mut(pointer).unwrap() = wrong;
        assert!(!faults(&schema, &sarif).is_empty(), "{word}");
    }
}

#[test]
fn what_has_one_right_answer_is_mended_and_nothing_else_changes() {
    let machine = with_everything();
    let before = files(&machine.work().join("tree"));
    let shown = machine.run("check tree --output diff").ended(1).out;
    assert_eq!(files(&machine.work().join("tree")), before, "a diff alone writes nothing");
    assert_fresh(&root().join("testdata/check/fixed.diff"), &shown);
    let said = machine.run("check tree --fix").ended(1);
    let fixed: Vec<&str> = said.out.lines().filter(|line| line.contains(": fixed: ")).collect();
    insta::assert_snapshot!(fixed.join("\n"), @r"
    apps/frontend.yaml:8: fixed: writes `semver:~1.4` [malformedPolicy]
    apps/frontend.yaml:9: fixed: writes `filter.fluxcd.io/web` [tagBehindFilter]
    apps/frontend.yaml:7: fixed: puts quotes around `true` [unquotedValue]
    legacy/same.yaml:7: fixed: removes `flux.weave.works/automated` [conflictingKeys]
    legacy/same.yaml:9: fixed: removes `flux.weave.works/tag.app` [conflictingKeys]
    ");
    git(&machine.work(), &["init", "--quiet", "applied"]);
    for (path, bytes) in &before {
        machine.file(&format!("work/applied/{path}"), bytes);
    }
    machine.file("work/applied/fixed.diff", &shown);
    git(&machine.work().join("applied"), &["apply", "fixed.diff"]);
    fs::remove_file(machine.work().join("applied/fixed.diff")).unwrap();
    assert_eq!(files(&machine.work().join("tree")), files(&machine.work().join("applied")), "the diff is what was written");
    let again = machine.run("check tree --fix --output json").ended(1).json();
    assert_eq!(again["fixed"], json!([]), "there is nothing left to mend");
    assert!(again["findings"].as_array().unwrap().iter().all(|finding| finding["fix"].is_null()));
}

#[test]
fn a_repository_without_a_work_tree_is_looked_at_and_never_mended() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n    fluxcd.io/automated: true\n    fluxcd.io/tag.c: semver:~1\n\
                spec:\n  containers:\n  - name: c\n    image: redis:7.2.0\n";
    let bare = Bare::with(&[("a.yaml", text)]);
    let machine = Machine::new();
    for place in [bare.path().display().to_string(), bare.file_url()] {
        let report = machine.call(["check", &place, "--output", "json"]).run().ended(0).json();
        assert_eq!((told(&report), &report["branch"]), (vec!["unquotedValue a.yaml:6".to_owned()], &json!("main")));
        assert_eq!(report["commit"].as_str().map(str::to_owned), bare.tip("main"));
        let diff = machine.call(["check", &place, "--output", "diff"]).run().ended(0).out;
        assert!(diff.contains("-    fluxcd.io/automated: true\n+    fluxcd.io/automated: \"true\"\n"), "{diff}");
        let refused = machine.call(["check", &place, "--fix"]).run().ended(2);
        assert!(refused.err.contains("it is no work tree") && refused.err.contains("hint: run it in a checkout"), "{}", refused.err);
    }
    assert_eq!(bare.file("a.yaml"), text.as_bytes());
    let checkout = bare.checkout();
    let said = machine.call(["check", "--fix"]).within(checkout.path()).run().ended(0);
    assert!(said.last().starts_with("1 fixed, nothing is wrong"), "{}", said.out);
    assert_eq!(fs::read_to_string(checkout.path().join("a.yaml")).unwrap(), text.replace(": true", ": \"true\""));
}

#[test]
fn only_errors_end_in_a_failure() {
    let pod = |annotations: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations: {{{annotations}}}\nspec: {{containers: [{{name: c, image: 'redis:7.2.0'}}]}}\n"
        )
    };
    for (word, annotations, code) in [
        ("nothing", "", 0),
        ("a pattern that is meant", "fluxcd.io/automated: 'true', fluxcd.io/tag.c: 'semver:~7'", 0),
        ("a warning", "fluxcd.io/automated: 'true'", 0),
        ("an error", "fluxcd.io/automated: 'true', fluxcd.io/tag.c: 'semver:'", 1),
        ("an error without automation", "fluxcd.io/tag.c: 'semver:'", 1),
    ] {
        let machine = Machine::new();
        machine.file("work/a.yaml", pod(annotations));
        assert_eq!(machine.run("check").code, code, "{word}");
    }
}

#[test]
fn what_is_as_it_should_be_is_not_told() {
    let machine = Machine::new();
    machine.file("work/a.txt", "fluxcd.io/automated: yes\n");
    let said = machine.run("check").ended(0);
    assert_eq!((&*said.out, &*said.err), ("work   0 workloads\nnothing is wrong\n", ""));
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n  annotations:\n    fluxcd.io/tag.side: semver:~1\n";
    let machine = Machine::new();
    machine.file("work/kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]\n");
    machine.file("work/p.yaml", patch);
    machine.file("work/a.yaml", format!("{patch}spec: {{template: {{spec: {{containers: [{{name: c, image: 'x:1'}}]}}}}}}\n"));
    let report = machine.run("check --output json").ended(0).json();
    assert!(told(&report).iter().all(|line| line.starts_with("unsupportedKustomize ")), "a part of an object has no missing containers: {report}");
}

#[test]
fn odd_spellings_are_found_where_they_stand() {
    let head = "apiVersion: v1\r\nkind: Pod\r\nmetadata:\r\n  name: a\r\n";
    let spec = "spec: {containers: [{name: c, image: 'redis:7.2.0'}]}\r\n";
    for (word, annotations, expected) in [
        ("flow", "  annotations: {fluxcd.io/automated: true, fluxcd.io/tag.c: 'semver:~7'}\r\n", vec!["unquotedValue a.yaml:5"]),
        ("beside the annotations", "  annotations: {}\r\n  fluxcd.io/automated: 'true'\r\n", vec!["misplacedAnnotation a.yaml:6"]),
        ("another prefix", "  annotations:\r\n    tagalong.io/automated: 'true'\r\n", vec!["unknownPrefix a.yaml:6"]),
        ("a number", "  annotations:\r\n    fluxcd.io/automated: 'true'\r\n    fluxcd.io/tag.c: 1.10\r\n", vec!["unquotedValue a.yaml:7"]),
        ("somebody else's", "  annotations:\r\n    kustomize.toolkit.fluxcd.io/prune: disabled\r\n    helm.fluxcd.io/antecedent: a\r\n", vec![]),
    ] {
        assert_eq!(found(&format!("{head}{annotations}{spec}")), expected, "{word}");
    }
    assert_eq!(found(""), [""; 0]);
    assert_eq!(found("{}\n"), [""; 0]);
    assert_eq!(found("\u{feff}fluxcd.io/automated: [\n"), ["unreadableAnnotated a.yaml:1"]);
}

#[test]
fn severities_are_ordered_by_weight() {
    assert!(Severity::Error < Severity::Warning && Severity::Warning < Severity::Note);
}
