//! Presets: those that are shipped, and those of one's own, wherever a pattern stands.

use tagalong::policy::preset::{Preset, Presets};

use crate::{
    end_to_end::{automated, push},
    kit::{
        binary::Machine,
        git::Bare,
        registry::{Mode, Registry},
    },
    repository::{files_with, text},
};

/// A preset that a team would write.
const OURS: &str = "summary: Our second major version, once it has settled\npattern: semver:^2\nkeys: { exclude: '*-debug' }\ncases:\n\
                    - about: the first one is over\n  current: 2.0.0\n  tags: [{ tag: 2.1.0, code: chosen }, { tag: 2.0.0, code: outranked }, { tag: 1.9.0, code: outsideRange }]\n  decision: updated\n";

#[test]
fn every_file_of_the_folder_is_shipped() {
    let mut shipped: Vec<String> = Presets::shipped().iter().map(|preset| format!("policies/{}.yaml", preset.name)).collect();
    shipped.sort();
    assert_eq!(files_with("policies", "yaml"), shipped);
}

#[test]
fn the_preset_of_the_page_is_one() {
    let page = text("docs/presets.md");
    let shown = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    Preset::parse("ours", shown).unwrap_or_else(|error| panic!("line {}: {error}", error.line));
}

#[test]
fn a_preset_is_listed_and_shown() {
    let machine = Machine::new();
    machine.file("work/ours/two.yaml", OURS);
    machine.file("work/ours/.two.yaml", "an editor's own");
    machine.file("work/ours/README.md", "no preset");
    let listed = machine.run("policy list --policies ours").ended(0).out;
    for row in ["  minor                The newest release of the minor version that stands in Git, thus patches alone\n", "(ours/two.yaml)\n"] {
        assert!(listed.contains(row), "{listed}");
    }
    insta::assert_snapshot!(machine.run("policy show two --policies ours").ended(0).out, @r#"
    preset:two   Our second major version, once it has settled

      pattern   semver:^2
      keys      exclude=*-debug
      file      ours/two.yaml

    2.0.0: updated (the first one is over)
      2.1.0   chosen
      2.0.0   outranked
      1.9.0   outsideRange
    "#);
    let shown = machine.run("policy show preset:two --policies ours --output json").ended(0).json();
    let all = machine.run("policy list --policies ours --output json").ended(0).json();
    assert!(all["presets"].as_array().unwrap().contains(&shown));
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap(), @r#"
    {
      "cases": [
        {
          "about": "the first one is over",
          "current": "2.0.0",
          "decision": "updated",
          "now": null,
          "tags": [
            {
              "built": null,
              "code": "chosen",
              "tag": "2.1.0"
            },
            {
              "built": null,
              "code": "outranked",
              "tag": "2.0.0"
            },
            {
              "built": null,
              "code": "outsideRange",
              "tag": "1.9.0"
            }
          ]
        }
      ],
      "file": "ours/two.yaml",
      "keys": {
        "exclude": "*-debug"
      },
      "name": "two",
      "pattern": "semver:^2",
      "summary": "Our second major version, once it has settled"
    }
    "#);
    insta::assert_snapshot!(machine.run("policy show relaese").ended(1).err, @r#"
    error: cannot show the preset `relaese`: there is none
      hint: did you mean `release` or `release-timestamp`? `tagalong policy list` tells all
    "#);
    insta::assert_snapshot!(machine.run("policy show x").ended(1).err, @r#"
    error: cannot show the preset `x`: there is none
      hint: `tagalong policy list` tells the presets; more come from the folders under `policies:`
    "#);
}

#[test]
fn a_pattern_names_a_preset_wherever_it_stands() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.4.10", "1.5.0", "2.1.0", "2.2.0-debug"]);
    let image = format!("{}/shop/web:1.4.2", registry.host());
    let fleet = Bare::with(&[
        ("minor.yaml", &automated("minor", &image, "preset:minor")),
        ("major.yaml", &automated("major", &image, "preset:major")),
        ("ours.yaml", &automated("ours", &image, "preset:two")),
        ("comment.yaml", &format!("apiVersion: acme.io/v1\nkind: Shop\nmetadata: {{ name: shop }}\nimage: {image} # tagalong: preset:minor\n")),
        ("slip.yaml", &automated("slip", &image, "preset:mnor")),
    ]);
    let machine = Machine::new();
    machine.file("work/policies/two.yaml", OURS);
    machine.file("work/tagalong.yaml", "policies: [./policies]\n");
    let report = machine.call(["plan", &fleet.file_url(), "--output", "json"]).run().ended(1).json();
    let told = |list: &str| -> Vec<String> {
        let records = report[list].as_array().unwrap().iter();
        let mut told: Vec<String> = records
            .map(|record| format!("{} {} {}", record["file"].as_str().unwrap(), record["policy"].as_str().unwrap(), record["to"]["tag"]))
            .collect();
        told.sort();
        told
    };
    assert_eq!(
        told("updates"),
        [
            "comment.yaml preset:minor \"1.4.10\"",
            "major.yaml preset:major \"1.5.0\"",
            "minor.yaml preset:minor \"1.4.10\"",
            "ours.yaml preset:two \"2.1.0\"",
        ]
    );
    assert_eq!(report["held"][0]["code"], "malformedPolicy");
    assert!(report["held"][0]["reason"].as_str().unwrap().contains("there is no preset `mnor`"), "{}", report["held"][0]);
    let shown = machine.call(["plan", &fleet.file_url()]).run().ended(1).out;
    assert!(shown.contains("hint: did you mean `minor`"), "{shown}");
    let tested = machine.run("policy test preset:two 2.1.0 2.2.0-debug 1.5.0 --current 2.0.0 --output json").ended(0).json();
    assert_eq!(tested["chosen"], "2.1.0");
}

#[test]
fn an_own_preset_that_cannot_be_used_is_told_with_file_and_line() {
    let machine = Machine::new();
    machine.file("work/a/bad.yaml", "summary: x\npattern: semver:one\n");
    machine.file("work/a/two.yaml", OURS.replace("code: chosen", "code: outranked"));
    machine.file("work/b/two.yml", OURS);
    machine.file("work/c/two.yml", OURS);
    machine.file("work/b/bytes.yaml", b"summary: \xff");
    let said = machine.run("check --config-only --policies a,b,c --policies nowhere").ended(1);
    insta::assert_snapshot!(said.out, @r#"
    a/bad.yaml:2: error: `semver:one` is no version with an operator before it
      hint: `tagalong policy show release` shows what a preset looks like
    a/two.yaml:5: error: the case is decided otherwise: updated (2.1.0 chosen, 2.0.0 outranked, 1.9.0 outsideRange)
      hint: `tagalong policy show release` shows what a preset looks like
    b/bytes.yaml:1: error: it is not UTF-8
      hint: `tagalong policy show release` shows what a preset looks like
    c/two.yml: error: cannot use the preset `c/two.yml`: `b/two.yml` has the same name
      hint: give one of the files another name
    nowhere: error: cannot read the folder of presets `nowhere`: No such file or directory (os error 2)
      hint: `policies:` and --policies name folders that hold NAME.yaml
    5 faults
    "#);
    insta::assert_snapshot!(machine.run("policy list --policies a").ended(1).err, @r#"
    error: cannot read the preset `a/bad.yaml` line 2: `semver:one` is no version with an operator before it
      hint: `tagalong policy show release` shows what a preset looks like
    "#);
}
