//! The editing law over every file of `testdata`, and over what may break a reader.

use std::fs;

use proptest::prelude::*;

use crate::{
    editing_law::holds,
    repository::{files, root},
};

#[test]
fn every_file_of_the_test_data_keeps_the_law() {
    let paths: Vec<String> = files("testdata/").into_iter().filter(|path| path.starts_with("testdata/")).collect();
    for path in &paths {
        let name = path.rsplit('/').next().unwrap();
        holds(name, &fs::read(root().join(path)).unwrap());
    }
    assert!(paths.len() > 500, "{}", paths.len());
}

#[test]
fn damaged_files_end_in_a_reason_or_keep_the_law() {
    let whole = "apiVersion: v1\nkind: Pod\nmetadata: {name: \"a\"}\nspec:\n  containers:\n  - name: c\n    image: &i 'x:1' # ü\n  - {name: d, image: *i}\n  - name: e\n    image: >-\n      y:2\n";
    for at in 0..=whole.len() {
        let (start, end) = whole.as_bytes().split_at(at);
        holds("a.yaml", start);
        holds("a.yaml", end);
        for noise in [&b"\xff"[..], b"\t", b"\0", b"- ", b"'", b"{", b"\r", b"\xe2\x80\xa8", b"\n---\n", b"%", b": ", b"\\"] {
            holds("a.yaml", &[start, noise, end].concat());
        }
    }
}

#[test]
fn hostile_files_end_in_a_reason() {
    let bomb = (1..64).map(|level| format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}]\n", level - 1)).collect::<Vec<_>>().concat();
    for (word, text) in [
        ("alias bomb", format!("image: x\na0: &a0 [x]\n{bomb}").into_bytes()),
        ("brackets", "[".repeat(100_000).into_bytes()),
        ("closed brackets", format!("image: {}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes()),
        ("dashes", "- ".repeat(100_000).into_bytes()),
        ("keys", (0..3_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect::<Vec<_>>().concat().into_bytes()),
        ("question marks", "? ".repeat(100_000).into_bytes()),
        ("no UTF-8", b"image: \xc3\x28\n".repeat(1_000)),
        ("more than 8 MiB", vec![b'a'; (8 << 20) + 1]),
    ] {
        let found = tagalong::manifest::read("a.yaml", &text, &[]);
        assert!(found.is_err_and(|fault| !fault.reason.is_empty()), "{word}");
    }
    for (word, text) in [
        ("one line of 8 MiB", format!("image: {}", "a".repeat((8 << 20) - 100))),
        ("one comment of 8 MiB", format!("image: a:1 # {}", "x".repeat((8 << 20) - 100))),
        ("one text of 8 MiB", format!("image: a:1\nb: |\n  {}\n", "x y ".repeat((2 << 20) - 100))),
        ("a list on one line of 8 MiB", format!("image: a:1\nb: [{}]\n", format!("{},", "x".repeat(80)).repeat(100_000))),
    ] {
        holds("values.yaml", text.as_bytes());
        assert!(text.len() <= 8 << 20, "{word}");
    }
}

/// What lines of manifests, values, kustomizations and compose files are made of, and what is odd.
const PIECES: [&str; 76] = [
    "apiVersion: v1",
    "apiVersion: apps/v1",
    "apiVersion: helm.toolkit.fluxcd.io/v2",
    "apiVersion: argoproj.io/v1alpha1",
    "kind: Pod",
    "kind: Deployment",
    "kind: HelmRelease",
    "kind: Application",
    "kind: List",
    "items:",
    "metadata: {name: a}",
    "metadata:",
    "annotations:",
    "fluxcd.io/automated: 'true'",
    "fluxcd.io/tag.c: semver:~1",
    "spec:",
    "spec: {containers: [{name: c, image: x:1}]}",
    "template:",
    "containers:",
    "- name: c",
    "- name: d # why",
    "- {name: e, image: x:1}",
    "- {name: f, image: 'x:1', args: [--image=y:2]}",
    "-",
    "- *i",
    "image: x:1",
    "image:   'x:1'   # größe",
    "image: \"x:1\"",
    "image: \"x\\u003a1\"",
    "image: &i x:1",
    "image: *i",
    "image: !!str x:1",
    "image: >-",
    "image: |",
    "image: |2-",
    "image:\tx:1",
    "image: x:1\t# tab",
    "image:",
    "x:1",
    "  x:1",
    "image: {repository: x, tag: 1}",
    "image: {repository: x,",
    "tag: '1'}",
    "image: \"x:1",
    "\"",
    "repository: x",
    "registry: r.io",
    "tag: 1.10",
    "tag: v1@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "digest: sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "values:",
    "values: |",
    "valuesObject: &v",
    "<<: *v",
    "<<: {image: x:1}",
    "parameters: [{name: image.tag, value: '1'}]",
    "services:",
    "web: {image: x:1, labels: {tagalong.automated: 'true'}}",
    "images:",
    "- newTag: 1",
    "newName: y",
    "newTag: \"2\"",
    "patches:",
    "- patch: |-",
    "- op: replace",
    "path: /spec/containers/0/image",
    "value: x:1",
    "# tagalong: semver:*",
    "image: x:1 # tagalong: semver:~1 image=x",
    "- --a=x:1 # tagalong: glob:*",
    "- {name: A_IMAGE, value: x:1}",
    "---",
    "...",
    "%YAML 1.1",
    "? image",
    ": x:1",
];

fn file_of_pieces() -> impl Strategy<Value = String> {
    let line = (prop::sample::select(&PIECES[..]), prop::sample::select(&[-8_isize, -4, -2, -2, -1, 0, 0, 0, 0, 1, 2, 2, 2, 4][..]));
    let lines = prop::collection::vec(line, 1..24);
    let end = prop::sample::select(&["\n", "\n", "\n", "\r\n", "\r"][..]);
    (lines, end, any::<bool>(), prop::sample::select(&["", "", "", "\u{feff}"][..])).prop_map(|(lines, end, is_ended, mark)| {
        let mut indentation = 0_usize;
        let lines = lines.into_iter().map(|(piece, by)| {
            indentation = indentation.saturating_add_signed(by);
            format!("{}{piece}", " ".repeat(indentation))
        });
        let text = lines.collect::<Vec<_>>().join(end);
        format!("{mark}{text}{}", if is_ended { end } else { "" })
    })
}

proptest! {
    #[test]
    fn files_of_odd_pieces_keep_the_law(text in file_of_pieces()) {
        for path in ["a.yaml", "values.yaml", "kustomization.yaml", "compose.yaml"] {
            holds(path, text.as_bytes());
        }
    }
}
