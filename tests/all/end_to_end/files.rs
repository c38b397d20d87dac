//! Files that cannot be read: they are told, and stop no other.

use std::{fs, os::unix::fs::symlink};

use super::{automated, push};
use crate::kit::{
    binary::Machine,
    git::Bare,
    registry::{Mode, Registry},
};

/// Bytes that nobody reads as YAML, or should not, by the name of their file.
fn bad_files() -> Vec<(&'static str, Vec<u8>)> {
    let annotated = "metadata:\n  annotations:\n    fluxcd.io/automated: 'true'\n";
    let link = |n: usize| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "));
    let bomb = (1..40).map(link).collect::<Vec<_>>().concat();
    vec![
        ("alias-bomb.yaml", format!("kind: Deployment\nspec:\n  image: x\n{annotated}a0: &a0 [x]\n{bomb}").into_bytes()),
        ("deep.yaml", format!("kind: Deployment\n{annotated}image: {}\n", "[".repeat(100_000)).into_bytes()),
        ("deep-block.yaml", format!("kind: Deployment\nimage: x\nx:\n  {}", "- ".repeat(100_000)).into_bytes()),
        ("not-utf8.yaml", [b"kind: Deployment\nimage: x\n".as_slice(), annotated.as_bytes(), b"name: caf\xe9\n"].concat()),
        ("nul.yaml", [b"kind: Deployment\nimage: x\n".as_slice(), annotated.as_bytes(), b"name: a\0b\n"].concat()),
        ("broken.yaml", format!("kind: Deployment\nimage: x\n{annotated}spec: [1, 2\nname: b\n").into_bytes()),
        ("tabs.yaml", format!("kind: Deployment\nimage: x\n{annotated}spec:\n\timage: x\n").into_bytes()),
        ("stranger.yaml", b"kind: Deployment\nimage: x\nspec: {{ .Values.spec }\n\tname: b\n".to_vec()),
        ("utf16.yaml", "\u{feff}kind: Deployment\nimage: x\n".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("empty.yaml", Vec::new()),
    ]
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_stops_no_other() {
    let (registry, machine) = (Registry::start(Mode::Open), Machine::new());
    push(&registry, "web", &["1.0.0", "1.1.0"]);
    let good = automated("good", &format!("{}/web:1.0.0", registry.host()), "semver:~1");
    for (path, bytes) in bad_files() {
        machine.file(&format!("work/{path}"), bytes);
    }
    machine.file("work/z-good.yaml", &good);
    machine.file("work/folder.yaml/inner.yaml", good.replace("good", "inner"));
    fs::File::create(machine.work().join("huge.yaml")).unwrap().set_len(100 << 20).unwrap();
    symlink("/dev/zero", machine.work().join("zero.yaml")).unwrap();
    symlink("loop.yaml", machine.work().join("loop.yaml")).unwrap();

    let ran = machine.run("apply").ended(1);
    assert_eq!(ran.last(), "wrote 2 files", "{}", ran.out);
    let json = machine.run("plan --output json").ended(1).json();
    let found: Vec<String> = json["unreadable"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| format!("{}:{}: {}", file["file"].as_str().unwrap(), file["line"], file["reason"].as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    alias-bomb.yaml:12: its aliases repeat more than 100000 values
    broken.yaml:7: illegal placement of ':' indicator
    deep-block.yaml:4: it is nested more than 200 levels deep
    deep.yaml:5: it is nested more than 200 levels deep
    huge.yaml:null: it has 100 MiB, at most 8 are read
    not-utf8.yaml:6: it is not UTF-8
    nul.yaml:6: it holds a NUL byte
    stranger.yaml:4: it is a template
    tabs.yaml:7: a tab stands where YAML wants spaces
    ");
    let told: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("  unreadable") || line.starts_with("note")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
      unreadable  alias-bomb.yaml:12   its aliases repeat more than 100000 values
      unreadable  broken.yaml:7        illegal placement of ':' indicator
      unreadable  deep.yaml:5          it is nested more than 200 levels deep
      unreadable  not-utf8.yaml:6      it is not UTF-8
      unreadable  nul.yaml:6           it holds a NUL byte
      unreadable  tabs.yaml:7          a tab stands where YAML wants spaces
    note: cannot read `deep-block.yaml` line 4: it is nested more than 200 levels deep; also 2 more files; none is an annotated manifest
    ");
    for (path, bytes) in bad_files() {
        assert_eq!(fs::read(machine.work().join(path)).unwrap(), bytes, "{path}");
    }
    assert_eq!(fs::read_to_string(machine.work().join("z-good.yaml")).unwrap(), good.replace("1.0.0", "1.1.0"));
}

#[test]
fn an_unreadable_file_without_annotations_is_a_note_and_a_success() {
    let machine = Machine::new();
    machine.file("work/x.yaml", "kind: Deployment\nimage: x\nspec: [1\n");
    machine.file("work/chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    machine.file("work/chart/templates/x.yaml", "metadata:\n  annotations: {fluxcd.io/automated: \"true\"}\n{{ if .x }}\nimage: {{ .y }\n");
    let ran = machine.run("plan").ended(0);
    insta::assert_snapshot!(ran.told(&[]), @r#"
    work   0 workloads, none automated

    nothing to do: there is no workload here

    To have an image updated, add two lines to its workload, with the container's name and the versions that you want:

        metadata:
          annotations:
            fluxcd.io/automated: "true"
            fluxcd.io/tag.<container>: semver:~1.4
    note: cannot read `x.yaml` line 3: a `{` or `[` is not closed; it is no annotated manifest
    "#);
}

#[test]
fn two_policies_at_one_place_and_a_malformed_one_are_held_beside_the_others() {
    let (registry, machine) = (Registry::start(Mode::Open), Machine::new());
    push(&registry, "web", &["1.0.0", "1.1.0"]);
    let image = format!("{}/web:1.0.0", registry.host());
    let fleet = Bare::with(&[("bad.yaml", &automated("bad", &image, "semver:~1.x.")), ("good.yaml", &automated("good", &image, "semver:~1"))]);
    let ran = machine.call(["apply", &fleet.file_url()]).run().ended(1);
    let told: Vec<String> = ran.out.lines().skip(2).take_while(|line| !line.is_empty()).map(|line| line.replace(registry.host(), "HOST")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    update  default:deployment/good   app   HOST/web   1.0.0 → 1.1.0   semver:~1   good.yaml:13
    held    default:deployment/bad    app   HOST/web   1.0.0           `fluxcd.io/tag.app` is malformed: `semver:~1.x.` ends in a dot (bad.yaml:7)
            hint: a range is written like `semver:~1.4`, `semver:>=1.2 <2` or `semver:*`; try it with `tagalong policy test`
    ");
    assert_eq!(fleet.file("good.yaml"), automated("good", &image.replace("1.0.0", "1.1.0"), "semver:~1").as_bytes());
}
