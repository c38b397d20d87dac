use super::*;
use crate::manifest::{File, read, splice};

/// Each image of a file as `place alias reference`, with `!` and the reason where there is none.
pub(in crate::manifest) fn shown(path: &str, text: &str) -> Vec<String> {
    file(path, text).images().map(|place| format!("{:?} {} {}", place.place, place.alias, reference(&place))).collect()
}

fn file(path: &str, text: &str) -> File {
    read(path, text.as_bytes(), &[]).expect(text)
}

fn reference(place: &ImagePlace<'_>) -> String {
    match place.image {
        ImageField::Absent => "-".to_owned(),
        ImageField::Written(parts) => parts.reference(None).map_or_else(|reason| format!("!{reason}"), |found| found.to_string()),
        ImageField::Unsupported { reason, .. } => format!("!{reason}"),
    }
}

/// The file after its first place holds `to`, or why it cannot.
fn written(path: &str, text: &str, to: &str) -> String {
    let file = file(path, text);
    let place = file.images().next().expect("a place");
    let parts = place.image.parts().expect("an image that can be edited");
    let to = match to.strip_prefix('*') {
        Some(version) => format!("{}{version}", parts.reference(None).expect("a reference").name),
        None => to.to_owned(),
    };
    let to = Reference::parse(&to).expect("a reference");
    let changes = match parts.write(&to) {
        Ok(changes) => changes,
        Err(reason) => return format!("!{reason}"),
    };
    match splice::change(path, text.as_bytes(), &changes) {
        Ok(after) => {
            let after = String::from_utf8(after).expect("a text stays a text");
            let again = self::file(path, &after);
            let place = again.images().next().expect("the place stays");
            assert_eq!(reference(&place), to.to_string(), "{after}");
            assert_eq!(place.image.parts().expect("it stays editable").write(&to), Ok(vec![]), "{after}");
            after
        }
        Err(refused) => format!("!{}", refused.reason),
    }
}

fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

#[test]
fn a_version_is_written_where_one_stands() {
    let (a, b) = (digest("a"), digest("b"));
    for (word, before, to, after) in [
        ("whole", "image: a/b:1 # x\n", "*:2", "image: a/b:2 # x\n".to_owned()),
        ("whole without a tag", "image: 'a/b'\n", "*:2", "image: 'a/b:2'\n".to_owned()),
        ("tag", "image: {repository: a/b, tag: v1}\n", "*:v2", "image: {repository: a/b, tag: v2}\n".to_owned()),
        ("number", "image:\n  repository: a/b\n  tag: 1.10\n", "*:1.11", "image:\n  repository: a/b\n  tag: \"1.11\"\n".to_owned()),
        ("beside", "image: a/b\ntag: '1'\n", "*:2", "image: a/b\ntag: '2'\n".to_owned()),
        ("tag beside a tag", "image: a/b:1\ntag: '1'\n", "*:2", "image: a/b:1\ntag: '2'\n".to_owned()),
        ("empty beside a tag", "image: a/b:1\ntag: ''\n", "*:2", "image: a/b:2\ntag: ''\n".to_owned()),
        ("empty tag", "image: {repository: a/b, tag: ''}\n", "*:2", "image: {repository: a/b, tag: '2'}\n".to_owned()),
        ("null tag", "image:\n  repository: a/b\n  tag: ~\n", "*:v2", "image:\n  repository: a/b\n  tag: v2\n".to_owned()),
        ("nothing after the colon", "image:\n  repository: a/b\n  tag:\n", "*:v2", "image:\n  repository: a/b\n  tag: v2\n".to_owned()),
        ("no tag", "image:\n  repository: a/b\n  pull: x\n", "*:v2", "image:\n  repository: a/b\n  tag: v2\n  pull: x\n".to_owned()),
        ("tag behind the repository", "image: {repository: 'a/b:1'}\n", "*:2", "image: {repository: 'a/b:2'}\n".to_owned()),
        (
            "tag and digest in one",
            &format!("image: {{repository: a, tag: v1@{a}}}\n"),
            &format!("*:v2@{b}"),
            format!("image: {{repository: a, tag: v2@{b}}}\n"),
        ),
        (
            "digest beside",
            &format!("image: {{repository: a, tag: v1, digest: {a}}}\n"),
            &format!("*:v2@{b}"),
            format!("image: {{repository: a, tag: v2, digest: {b}}}\n"),
        ),
        ("empty digest stays", "image: {repository: a, tag: v1, digest: ''}\n", "*:v2", "image: {repository: a, tag: v2, digest: ''}\n".to_owned()),
        (
            "digest into the empty one",
            "image: {repository: a, tag: v1, digest: ''}\n",
            &format!("*:v2@{b}"),
            format!("image: {{repository: a, tag: v2, digest: '{b}'}}\n"),
        ),
        ("digest without a key", "image: {repository: a, tag: v1}\n", &format!("*:v2@{b}"), format!("image: {{repository: a, tag: v2@{b}}}\n")),
        ("digest alone without a key", "image: {repository: a, tag: v1}\n", &format!("*@{b}"), "!a chart wants a tag beside the digest".to_owned()),
        (
            "registry",
            "image: {registry: quay.io, repository: a/b, tag: v1}\n",
            "*:v2",
            "image: {registry: quay.io, repository: a/b, tag: v2}\n".to_owned(),
        ),
        (
            "registry with a slash",
            "image: {registry: quay.io/, repository: a/b, tag: v1}\n",
            "*:v2",
            "image: {registry: quay.io/, repository: a/b, tag: v2}\n".to_owned(),
        ),
        ("registry beside", "registry: quay.io\nimage: a/b:1\n", "*:2", "registry: quay.io\nimage: a/b:2\n".to_owned()),
        ("CRLF", "image:\r\n  repository: a/b\r\n  tag: v1\r\n", "*:v2", "image:\r\n  repository: a/b\r\n  tag: v2\r\n".to_owned()),
    ] {
        assert_eq!(written("values.yaml", before, to), after, "{word}");
    }
}

#[test]
fn another_name_is_written_where_the_name_stands() {
    for (word, before, to, after) in [
        ("whole", "image: a/b:1\n", "c/d:2", "image: c/d:2\n"),
        ("repository", "image: {repository: a/b, tag: v1}\n", "x.io/d:v2", "image: {repository: x.io/d, tag: v2}\n"),
        (
            "below the registry",
            "image: {registry: x.io, repository: a/b, tag: v1}\n",
            "x.io/d:v1",
            "image: {registry: x.io, repository: d, tag: v1}\n",
        ),
        ("other registry", "image: {registry: x.io, repository: a/b, tag: v1}\n", "y.io/d:v1", "image: {registry: y.io, repository: d, tag: v1}\n"),
        ("empty registry", "image: {registry: '', repository: a/b, tag: v1}\n", "y.io/d:v1", "image: {registry: '', repository: y.io/d, tag: v1}\n"),
        ("registry beside all", "registry: x.io\nimage: a:1\n", "y.io/d:2", "registry: y.io\nimage: d:2\n"),
    ] {
        assert_eq!(written("values.yaml", before, to), after, "{word}");
    }
}

#[test]
fn an_entry_gets_the_keys_that_it_needs_and_loses_the_others() {
    let (a, b) = (digest("a"), digest("b"));
    for (word, before, to, after) in [
        ("tag", "- name: a\n  newTag: v1 # x\n", "*:v2", "- name: a\n  newTag: v2 # x\n".to_owned()),
        ("new name stays", "- name: X\n  newName: b/c\n  newTag: v1\n", "*:v2", "- name: X\n  newName: b/c\n  newTag: v2\n".to_owned()),
        ("digest added", "- name: a\n  newTag: v1\n", &format!("*:v1@{b}"), format!("- name: a\n  newTag: v1\n  digest: {b}\n")),
        ("digest moved", &format!("- name: a\n  digest: {a}\n"), &format!("*@{b}"), format!("- name: a\n  digest: {b}\n")),
        ("tag beside a digest", &format!("- name: a\n  digest: {a}\n"), &format!("*:v2@{b}"), format!("- name: a\n  newTag: v2\n  digest: {b}\n")),
        ("digest gone", &format!("- name: a\n  newTag: v1\n  digest: {a}\n"), "*:v2", "- name: a\n  newTag: v2\n".to_owned()),
        ("tag gone", "- name: a\n  newTag: v1\n", &format!("*@{b}"), format!("- name: a\n  digest: {b}\n")),
        ("no tag yet", "- name: a\n  tagSuffix: -x\n", "*:v2", "- name: a\n  newTag: v2\n  tagSuffix: -x\n".to_owned()),
        ("suffix gone", "- name: a\n  newTag: v1\n  tagSuffix: -x\n", "b/c", "- name: a\n  newName: b/c\n".to_owned()),
        ("name added", "- name: a\n  newTag: v1\n", "b/c:v2", "- name: a\n  newName: b/c\n  newTag: v2\n".to_owned()),
        ("flow", "- {name: a, newTag: '1'}\n", &format!("*:2@{b}"), format!("- {{name: a, newTag: '2', digest: {b}}}\n")),
        ("empty tag", "- name: a\n  newTag: \"\"\n", "*:v2", "- name: a\n  newTag: \"v2\"\n".to_owned()),
    ] {
        assert_eq!(written("kustomization.yaml", &format!("images:\n{before}"), to).trim_start_matches("images:\n"), after, "{word}");
    }
}

#[test]
fn an_artifact_gets_the_keys_that_it_needs() {
    let b = digest("b");
    let top = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nspec:\n";
    for (word, before, to, after) in [
        ("tag", "  url: oci://x.io/a\n  ref:\n    tag: v1\n", "*:v2", "  url: oci://x.io/a\n  ref:\n    tag: v2\n".to_owned()),
        (
            "digest",
            "  url: oci://x.io/a\n  ref:\n    tag: v1\n",
            &format!("*:v2@{b}"),
            format!("  url: oci://x.io/a\n  ref:\n    tag: v2\n    digest: {b}\n"),
        ),
        ("nothing yet", "  url: oci://x.io/a\n  interval: 5m\n", "*:v2", "  url: oci://x.io/a\n  interval: 5m\n  ref:\n    tag: \"v2\"\n".to_owned()),
        ("name", "  url: \"oci://x.io/a\"\n  ref: {tag: v1}\n", "y.io/b:v1", "  url: \"oci://y.io/b\"\n  ref: {tag: v1}\n".to_owned()),
    ] {
        assert_eq!(written("a.yaml", &format!("{top}{before}"), to).trim_start_matches(top), after, "{word}");
    }
}
