use super::*;
use crate::manifest;

/// A little of all that a file can hold.
const FILES: [(&str, &str); 11] = [
    (
        "apps/web.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\n  annotations:\n    fluxcd.io/automated: \"true\"\n    fluxcd.io/locked: true\nspec:\n  template:\n    spec:\n      initContainers:\n        - {name: init, image: 'busybox:1.36'}\n      containers:\n        - name: web\n          image: &image \"ghcr.io/acme/web:1.4.2\"\n        - name: side\n          image: *image\n        - name: none\n        - name: long\n          image: |\n            a:1\n            b:2\n        - name: folded\n          image: >-\n            nginx:1.27\n",
    ),
    (
        "apps/kustomization.yaml",
        "resources: [web.yaml, ../base]\ncomponents: [c]\nnamespace: shop\npatches:\n  - path: patch.yaml\n  - patch: 'fluxcd.io/automated'\nnamePrefix: x-\n",
    ),
    ("apps/.flux.yaml", "version: 1\npatchUpdated: {}\n"),
    ("apps/secret.yaml", "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: s, annotations: {fluxcd.io/automated: 'true'}}\n"),
    (
        "apps/release.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: r\n  annotations: {repository.fluxcd.io/x: my.repo}\nspec:\n  values:\n    image: {registry: quay.io, repository: a/b, tag: 1.10, digest: ''}\n    side: {image: nginx, tag: v1}\n    my: {repo: c/d:1}\n    env: [{name: X_IMAGE, value: 'e/f:1'}]\n",
    ),
    (
        "apps/oci.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: o}\nspec: {url: 'oci://a.io/b', ref: {tag: v1}}\n",
    ),
    ("compose.yaml", "services:\n  web:\n    image: nginx:1.27 # tagalong: semver:~1\n    labels: [tagalong.automated=true]\n"),
    (
        "chart/values.yaml",
        "image: {repository: a/b, tag: v1}\nargs:\n  # tagalong: semver:* min-age=2d\n  - --side=c/d:1\nversion: 1.2 # tagalong: semver:~1 image=a/c\n",
    ),
    ("apps/kustomization.yml", "images:\n  - {name: a, newName: b/c, newTag: '1'}\n  - name: d\n    digest: sha256:0\n"),
    ("apps/broken.yaml", "image: @b\nfluxcd.io/automated: \"true\"\n"),
    ("apps/template.yaml", "image: {{ .Values.image }}:{{ .Values.tag }}\n"),
];

fn encoded() -> Vec<(&'static str, Parsed, Vec<u8>)> {
    let read = |(path, text): (&'static str, &str)| {
        let parsed = manifest::read(path, text.as_bytes(), &[]).map_or_else(Parsed::Unreadable, Parsed::Read);
        let bytes = encode_parsed(&parsed);
        (path, parsed, bytes)
    };
    let others = [("apps/screened-out.yaml", Parsed::ScreenedOut), ("apps/silent.yaml", Parsed::Silent { workloads: 300 })];
    let others = others.map(|(path, parsed)| (path, parsed.clone(), encode_parsed(&parsed)));
    FILES.into_iter().map(read).chain(others).collect()
}

#[test]
fn what_was_encoded_is_decoded() {
    for (path, parsed, bytes) in encoded() {
        assert_eq!(decode_parsed(&bytes, path), Some(parsed), "{path}");
    }
}

#[test]
fn a_fault_is_told_of_the_file_that_is_asked_about() {
    let fault = manifest::read("a.yaml", b"a: @b\n", &[]).expect_err("it cannot be read");
    let decoded = decode_parsed(&encode_parsed(&Parsed::Unreadable(fault.clone())), "b/c.yaml");
    assert_eq!(decoded, Some(Parsed::Unreadable(Unreadable { path: "b/c.yaml".to_owned(), ..fault })));
}

#[test]
fn bytes_that_nobody_encoded_are_refused() {
    for (path, _, bytes) in encoded() {
        for end in 0..bytes.len() {
            assert_eq!(decode_parsed(&bytes[..end], path), None, "{path} cut off at {end}");
        }
        assert_eq!(decode_parsed(&[&bytes[..], &[0]].concat(), path), None, "{path} with too much");
    }
    assert_eq!(decode_parsed(&[9], "a.yaml"), None, "no kind of entry");
}

/// Entries of an older build would be taken for this one's.
#[test]
fn the_version_is_raised_when_files_are_read_differently() {
    let bytes = encoded().into_iter().flat_map(|(_, _, bytes)| bytes).collect::<Vec<_>>();
    let hash = short_hash(&bytes);
    assert_eq!((VERSION, hash.as_str()), (10, "4e8b5c2aa493d216"), "raise VERSION, and write the new hash here");
}

#[test]
fn an_entry_belongs_to_bytes_name_and_way_of_reading() {
    let ids = FileIds::new(&[]);
    let kinds = [KindPaths { api_version: "a/v1".to_owned(), kind: "B".to_owned(), images: vec!["spec.image".to_owned()] }];
    let id = ids.id("1234", "apps/web.yaml", Screening::ByBytes);
    for (word, other, same) in [
        ("another folder", ids.id("1234", "old/web.yaml", Screening::ByBytes), true),
        ("another name", ids.id("1234", "apps/kustomization.yaml", Screening::ByBytes), false),
        ("other bytes", ids.id("5678", "apps/web.yaml", Screening::ByBytes), false),
        ("not searched", ids.id("1234", "apps/web.yaml", Screening::Nothing), false),
        ("other kinds", FileIds::new(&kinds).id("1234", "apps/web.yaml", Screening::ByBytes), false),
    ] {
        assert_eq!(other == id, same, "{word}");
    }
}
