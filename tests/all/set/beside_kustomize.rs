//! `set` beside `kustomize edit set image`: what is rendered is the same, and fewer bytes change.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    thread,
};

use regex::Regex;

use super::DIGEST;
use crate::{kit::binary::Machine, repository::root};

/// The oldest version that is stood beside.
const OLDEST: (u32, u32) = (5, 4);

/// The program: on the `PATH`, else where `scripts/test` puts it.
static KUSTOMIZE: LazyLock<PathBuf> = LazyLock::new(|| {
    let is_new_enough = |program: &PathBuf| version(program).is_some_and(|version| version >= OLDEST);
    [PathBuf::from("kustomize"), root().join("target/bin/kustomize")]
        .into_iter()
        .find(is_new_enough)
        .expect("kustomize 5.4, as scripts/test installs it")
});

fn version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What kustomize prints, which must go well.
fn kustomize(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(&*KUSTOMIZE).current_dir(folder).args(arguments).output().expect("kustomize runs");
    assert!(output.status.success(), "kustomize {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

const PODS: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: app, image: app}\n  - {name: other, image: 'r.io/other:1'}\n";

/// Kustomizations with an entry `app`, by a word for each.
fn kustomizations() -> Vec<(&'static str, String)> {
    let of = |entry: &str| format!("resources: [pods.yaml]\nimages:\n{entry}");
    let digest = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    vec![
        ("name alone", of("- name: app\n")),
        ("tag", of("- name: app\n  newTag: v1\n")),
        ("digest", of(&format!("- name: app\n  digest: {digest}\n"))),
        ("both", of(&format!("- name: app\n  newTag: v1\n  digest: {digest}\n"))),
        ("new name", of("- name: app\n  newName: r.io/app\n  newTag: v1\n")),
        ("new name alone", of("- name: app\n  newName: r.io/app\n")),
        ("suffix", of("- name: app\n  newTag: v1\n  tagSuffix: -x\n")),
        ("number", of("- name: app\n  newTag: \"1\"\n")),
        ("many", of("- name: zebra\n  newTag: z\n- name: app\n  newTag: v1\n- name: r.io/other\n  newTag: '2'\n")),
        ("keys in another order", of("- newTag: v1\n  newName: r.io/app\n  name: app\n")),
        ("comments", format!("# top\n{}# end\n", of("# the app\n- name: app # its name\n  newTag: v1\n  # below\n"))),
        ("anchors", of("- name: &name app\n  newTag: &tag v1\n- name: r.io/other\n  newName: r.io/another\n")),
        ("flow", "{resources: [pods.yaml], images: [ {name: app, newTag: v1} ]}\n".to_owned()),
        ("flow in block", of("- {name: app,   newTag: v1}\n- {name: r.io/other}\n")),
        ("CRLF", of("- name: app\n  newTag: v1\n").replace('\n', "\r\n")),
        ("indented", "kind: Kustomization\nresources:\n    -   pods.yaml\nimages:\n    -   name: app\n        newTag: v1\n\n\n".to_owned()),
        ("no final newline", of("- name: app\n  newTag: v1")),
    ]
}

/// What is asked of both.
fn wishes() -> Vec<String> {
    let forms = ["app:v2", "app@D", "app:v2@D", "app=r.io/new", "app=r.io/new:v2", "app=r.io/new@D", "app=*:v2", "app=*:*@D", "app:*", "app:1.10"];
    forms.map(|form| form.replace('D', DIGEST)).to_vec()
}

/// All that is no part of an entry's version, without white space.
fn rest(text: &str) -> String {
    let versions = Regex::new(r#"\b(newTag|newName|digest|tagSuffix):\s*(&\w+\s+)?["']?[\w.:/@-]+["']?"#).unwrap();
    versions.replace_all(text, "").chars().filter(|c| !c.is_whitespace() && *c != ',').collect()
}

/// Both do what they are asked, and kustomize renders what they leave.
fn compare(word: &str, before: &str, wish: &str) {
    let (ours, theirs) = (Machine::new(), Machine::new());
    for machine in [&ours, &theirs] {
        machine.file("work/kustomization.yaml", before);
        machine.file("work/pods.yaml", PODS);
    }
    ours.call(["set", wish, "--path", "kustomization.yaml"]).run().ended(0);
    // kustomize forgets the new name where only a version is said; this is how it is asked to keep it.
    let asked = if wish.contains('=') || !before.contains("newName: r.io/app") { wish.to_owned() } else { wish.replacen("app", "app=*", 1) };
    kustomize(&theirs.work(), &["edit", "set", "image", &asked]);
    let rendered = |machine: &Machine| kustomize(&machine.work(), &["build", "."]);
    assert_eq!(rendered(&ours), rendered(&theirs), "{word}: {wish}");
    let after = super::text(&ours, "kustomization.yaml");
    assert_eq!(rest(&after), rest(before), "{word}: {wish}: only the entry changes:\n{after}");
    let ends = |text: &str| (text.contains('\n') && text.matches('\n').count() == text.matches("\r\n").count(), text.ends_with('\n'));
    assert_eq!(ends(&after), ends(before), "{word}: {wish}: lines end as they did:\n{after:?}");
}

#[test]
fn kustomize_renders_the_same_and_no_other_byte_changes() {
    let (rows, wishes) = (kustomizations(), wishes());
    thread::scope(|scope| {
        for rows in rows.chunks(rows.len().div_ceil(4)) {
            let wishes = &wishes;
            scope.spawn(move || rows.iter().for_each(|(word, before)| wishes.iter().for_each(|wish| compare(word, before, wish))));
        }
    });
}
