use super::*;
use crate::policy::Blame;

/// The mapping at a path of the first document.
fn node(text: &str, path: &[&str]) -> Node {
    let tree = yaml::read(text).expect(text);
    Node::of(&tree, tree.path(tree.roots()[0], path).expect("the path is there"))
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn apply(path: &str, text: &str, changes: &[Change]) -> Result<String, EditRefused> {
    change(path, text.as_bytes(), changes).map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
}

fn set(mapping: Node, path: &[&str], value: &str) -> Change {
    Change::Set { mapping, keys: keys(path), value: value.to_owned(), after: None }
}

/// Makes the changes with every kind of line break, and twice.
fn check(word: &str, path: &str, before: &str, after: &str, changes: impl Fn(&str) -> Vec<Change>) {
    for (ends, line_break) in [("LF", "\n"), ("CRLF", "\r\n")] {
        let (before, after) = (before.replace('\n', line_break), after.replace('\n', line_break));
        let once = apply(path, &before, &changes(&before));
        assert_eq!(once.as_deref(), Ok(&*after), "{word}, {ends}");
        assert_eq!(apply(path, &after, &changes(&after)).as_deref(), Ok(&*after), "{word}, {ends}, twice");
        let marked = format!("\u{feff}{before}");
        assert_eq!(apply(path, &marked, &changes(&marked)), Ok(format!("\u{feff}{after}")), "{word}, {ends}, byte order mark");
    }
}

const KEYS: [&str; 3] = ["metadata", "annotations", "fluxcd.io/automated"];

#[test]
#[expect(clippy::too_many_lines, reason = "a table of shapes")]
fn an_annotation_is_set_as_the_file_is_written() {
    for (word, before, after) in [
        ("no annotations", "metadata:\n  name: a\nspec: b\n", "metadata:\n  name: a\n  annotations:\n    fluxcd.io/automated: \"true\"\nspec: b\n"),
        (
            "four spaces",
            "metadata:\n    name: a\nspec: b\n",
            "metadata:\n    name: a\n    annotations:\n        fluxcd.io/automated: \"true\"\nspec: b\n",
        ),
        ("one space", "metadata:\n name: a\n", "metadata:\n name: a\n annotations:\n  fluxcd.io/automated: \"true\"\n"),
        ("no final line break", "metadata:\n  name: a", "metadata:\n  name: a\n  annotations:\n    fluxcd.io/automated: \"true\""),
        ("no metadata", "kind: a\nspec:\n   b: c\n", "kind: a\nspec:\n   b: c\nmetadata:\n   annotations:\n      fluxcd.io/automated: \"true\"\n"),
        (
            "others",
            "metadata:\n  annotations:\n    a: b\n  name: a\n",
            "metadata:\n  annotations:\n    a: b\n    fluxcd.io/automated: \"true\"\n  name: a\n",
        ),
        (
            "single quotes",
            "metadata:\n  annotations:\n    a: 'x'\n    b: \"y\"\n    c: 'z'\n",
            "metadata:\n  annotations:\n    a: 'x'\n    b: \"y\"\n    c: 'z'\n    fluxcd.io/automated: 'true'\n",
        ),
        (
            "comments",
            "metadata:\n  annotations: # all\n    # first\n    a: b # its\n      # own\n    # next\n\n  # name\n  name: a\n",
            "metadata:\n  annotations: # all\n    # first\n    a: b # its\n      # own\n    fluxcd.io/automated: \"true\"\n    # next\n\n  # name\n  name: a\n",
        ),
        ("nothing", "metadata:\n  annotations:\n  name: a\n", "metadata:\n  annotations:\n    fluxcd.io/automated: \"true\"\n  name: a\n"),
        (
            "nothing and a comment",
            "metadata:\n  annotations:   # none yet\n    # a: b\n  name: a\n",
            "metadata:\n  annotations:   # none yet\n    fluxcd.io/automated: \"true\"\n    # a: b\n  name: a\n",
        ),
        ("nothing at the end", "metadata:\n  annotations:", "metadata:\n  annotations:\n    fluxcd.io/automated: \"true\""),
        (
            "null",
            "metadata:\n  annotations: null # none\n  name: a\n",
            "metadata:\n  annotations: # none\n    fluxcd.io/automated: \"true\"\n  name: a\n",
        ),
        ("tilde", "metadata:\n  annotations: ~\n", "metadata:\n  annotations:\n    fluxcd.io/automated: \"true\"\n"),
        ("braces", "metadata:\n  annotations: {}\n  name: a\n", "metadata:\n  annotations:\n    fluxcd.io/automated: \"true\"\n  name: a\n"),
        ("no metadata but braces", "metadata: {}\n", "metadata:\n  annotations:\n    fluxcd.io/automated: \"true\"\n"),
        ("flow", "metadata: {name: a}\n", "metadata: {name: a, annotations: {fluxcd.io/automated: \"true\"}}\n"),
        ("padded flow", "metadata: { name: a }\n", "metadata: { name: a, annotations: { fluxcd.io/automated: \"true\" } }\n"),
        (
            "flow with others",
            "metadata: {annotations: {a: 'b'}, name: a}\n",
            "metadata: {annotations: {a: 'b', fluxcd.io/automated: 'true'}, name: a}\n",
        ),
        ("flow and nothing", "metadata: {annotations: , a: b}\n", "metadata: {annotations: {fluxcd.io/automated: \"true\"}, a: b}\n"),
        ("flow and null", "metadata: {annotations: null}\n", "metadata: {annotations: {fluxcd.io/automated: \"true\"}}\n"),
        ("flow and no colon", "metadata: {a: b, annotations}\n", "metadata: {a: b, annotations: {fluxcd.io/automated: \"true\"}}\n"),
        (
            "flow on lines",
            "metadata: {\n    name: a, # why\n    b: c # last\n  }\n",
            "metadata: {\n    name: a, # why\n    b: c, # last\n    annotations: {fluxcd.io/automated: \"true\"}\n  }\n",
        ),
        (
            "flow on lines and a last comma",
            "metadata: {\n  name: a, # why\n  }\n",
            "metadata: {\n  name: a, # why\n  annotations: {fluxcd.io/automated: \"true\"},\n  }\n",
        ),
        (
            "block scalar last",
            "metadata:\n  annotations:\n    a: |\n      b\n\n      c\n\n\nspec: b\n",
            "metadata:\n  annotations:\n    a: |\n      b\n\n      c\n    fluxcd.io/automated: \"true\"\n\n\nspec: b\n",
        ),
        (
            "kept line breaks last",
            "metadata:\n  annotations:\n    a: |+\n      b\n\n\nspec: b\n",
            "metadata:\n  annotations:\n    a: |+\n      b\n\n\n    fluxcd.io/automated: \"true\"\nspec: b\n",
        ),
        (
            "folded last",
            "metadata:\n  annotations:\n    a: >-\n      b\n      c\n  name: a\n",
            "metadata:\n  annotations:\n    a: >-\n      b\n      c\n    fluxcd.io/automated: \"true\"\n  name: a\n",
        ),
        (
            "several lines last",
            "metadata:\n  annotations:\n    a: \"b\n      c\" # d\n    e: f\n     g\n  name: a\n",
            "metadata:\n  annotations:\n    a: \"b\n      c\" # d\n    e: f\n     g\n    fluxcd.io/automated: \"true\"\n  name: a\n",
        ),
        (
            "list last",
            "metadata:\n  finalizers:\n  - a\n\n---\nb: c\n",
            "metadata:\n  finalizers:\n  - a\n  annotations:\n    fluxcd.io/automated: \"true\"\n\n---\nb: c\n",
        ),
        (
            "end of document",
            "--- # x\nmetadata:\n  a: b\n...\n",
            "--- # x\nmetadata:\n  a: b\n  annotations:\n    fluxcd.io/automated: \"true\"\n...\n",
        ),
        (
            "there",
            "metadata:\n  annotations:\n    fluxcd.io/automated: \"false\" # why\n    a: b\n",
            "metadata:\n  annotations:\n    fluxcd.io/automated: \"true\" # why\n    a: b\n",
        ),
        ("as wanted", "metadata: {annotations: {fluxcd.io/automated: 'true'}}\n", "metadata: {annotations: {fluxcd.io/automated: 'true'}}\n"),
        (
            "no text yet",
            "metadata:\n  annotations:\n    fluxcd.io/automated: true\n",
            "metadata:\n  annotations:\n    fluxcd.io/automated: \"true\"\n",
        ),
        (
            "empty yet",
            "metadata:\n  annotations:\n    fluxcd.io/automated: # x\n    a: 'b'\n",
            "metadata:\n  annotations:\n    fluxcd.io/automated: 'true' # x\n    a: 'b'\n",
        ),
        (
            "an alias yet",
            "x: &t \"false\"\nmetadata:\n  annotations:\n    fluxcd.io/automated: *t # x\n",
            "x: &t \"false\"\nmetadata:\n  annotations:\n    fluxcd.io/automated: \"true\" # x\n",
        ),
        (
            "merged",
            "x: &t {fluxcd.io/automated: \"false\"}\nmetadata:\n  annotations:\n    <<: *t\n",
            "x: &t {fluxcd.io/automated: \"false\"}\nmetadata:\n  annotations:\n    <<: *t\n    fluxcd.io/automated: \"true\"\n",
        ),
        (
            "block scalar there",
            "metadata:\n  annotations:\n    fluxcd.io/automated: |- # why\n      false\n    a: b\n",
            "metadata:\n  annotations:\n    fluxcd.io/automated: |- # why\n      true\n    a: b\n",
        ),
        (
            "long block scalar there",
            "metadata:\n  annotations:\n    fluxcd.io/automated: >2- # why\n        false\n      x\n\n    a: b\n",
            "metadata:\n  annotations:\n    fluxcd.io/automated: \"true\" # why\n\n    a: b\n",
        ),
        ("complex key", "metadata:\n  ? annotations\n  : a: b\n", "metadata:\n  ? annotations\n  : a: b\n    fluxcd.io/automated: \"true\"\n"),
    ] {
        check(word, "a.yaml", before, after, |text| vec![set(node(text, &[]), &KEYS, "true")]);
    }
}

#[test]
fn json_stays_json() {
    for (word, before, after) in [
        ("dense", r#"{"metadata":{"name":"a"}}"#, r#"{"metadata":{"name":"a","annotations":{"fluxcd.io/automated":"true"}}}"#),
        (
            "one line",
            "{\"metadata\": {\"name\": \"a\"}}\n",
            "{\"metadata\": {\"name\": \"a\", \"annotations\": {\"fluxcd.io/automated\": \"true\"}}}\n",
        ),
        (
            "lines",
            "{\n  \"metadata\": {\n    \"name\": \"a\"\n  },\n  \"spec\": 1\n}\n",
            "{\n  \"metadata\": {\n    \"name\": \"a\",\n    \"annotations\": {\n      \"fluxcd.io/automated\": \"true\"\n    }\n  },\n  \"spec\": 1\n}\n",
        ),
        (
            "tabs",
            "{\n\t\"metadata\": {\n\t\t\"name\": \"a\"\n\t}\n}",
            "{\n\t\"metadata\": {\n\t\t\"name\": \"a\",\n\t\t\"annotations\": {\n\t\t\t\"fluxcd.io/automated\": \"true\"\n\t\t}\n\t}\n}",
        ),
        (
            "empty",
            "{\n  \"metadata\": {\n    \"annotations\": {}\n  }\n}\n",
            "{\n  \"metadata\": {\n    \"annotations\": {\n      \"fluxcd.io/automated\": \"true\"\n    }\n  }\n}\n",
        ),
        (
            "null",
            "{\n  \"metadata\": {\n    \"annotations\": null\n  }\n}\n",
            "{\n  \"metadata\": {\n    \"annotations\": {\n      \"fluxcd.io/automated\": \"true\"\n    }\n  }\n}\n",
        ),
        ("nothing at all", "{}", r#"{"metadata": {"annotations": {"fluxcd.io/automated": "true"}}}"#),
        (
            "a boolean",
            r#"{"metadata":{"annotations":{"fluxcd.io/automated":true}}}"#,
            r#"{"metadata":{"annotations":{"fluxcd.io/automated":"true"}}}"#,
        ),
    ] {
        check(word, "a.json", before, after, |text| vec![set(node(text, &[]), &KEYS, "true")]);
    }
}

#[test]
fn an_entry_is_taken_out_with_its_line() {
    for (word, before, after) in [
        ("middle", "m:\n  a: b\n  x: y # z\n  c: d\n", "m:\n  a: b\n  c: d\n"),
        ("first", "m:\n  x: y\n\n  # c\n  c: d\n", "m:\n\n  # c\n  c: d\n"),
        ("last without line break", "m:\n  a: b\n  x: y", "m:\n  a: b"),
        ("block scalar", "m:\n  a: b\n  x: |\n    y\n\n    z\n\n  c: d\n", "m:\n  a: b\n\n  c: d\n"),
        ("mapping", "m:\n  a: b\n  x:\n    y: z\n  c: d\n", "m:\n  a: b\n  c: d\n"),
        ("only one", "m: # c\n  x: y\nn: o\n", "n: o\n"),
        ("only one with a comment", "m: # c\n  # why\n  x: y\nn: o\n", "m: {} # c\n  # why\nn: o\n"),
        ("all there is", "m:\n  x: y\n", "{}\n"),
        ("flow, middle", "m: {a: b, x: y, c: d}\n", "m: {a: b, c: d}\n"),
        ("flow, first", "m: { x: y, c: d }\n", "m: { c: d }\n"),
        ("flow, last", "m: { c: d, x: y }\n", "m: { c: d }\n"),
        ("flow, last with comma", "m: {c: d, x: y,}\n", "m: {c: d,}\n"),
        ("flow, only one", "n: {m: {x: y}, b: c}\n", "n: {m: {x: y}, b: c}\n"),
        ("flow, lines", "m: {\n  a: b, # 1\n  x: y, # 2\n  c: d # 3\n  }\n", "m: {\n  a: b, # 1\n  c: d # 3\n  }\n"),
        ("flow, last line", "m: {\n  a: b, # 1\n  x: y # 2\n  }\n", "m: {\n  a: b # 1\n  }\n"),
        ("json", "{\n  \"m\": {\n    \"a\": 1,\n    \"x\": 2\n  }\n}\n", "{\n  \"m\": {\n    \"a\": 1\n  }\n}\n"),
        ("not there", "m:\n  a: b\n", "m:\n  a: b\n"),
        ("no mapping there", "a: b\n", "a: b\n"),
    ] {
        check(word, "a.yaml", before, after, |text| vec![Change::Remove { mapping: node(text, &[]), keys: keys(&["m", "x"]) }]);
    }
    let list = "- x: y # z\n  a: b\n- c: d\n";
    let remove = |text: &str| vec![Change::Remove { mapping: Node::of(&yaml::read(text).expect("YAML"), 1), keys: keys(&["x"]) }];
    check("behind a dash", "a.yaml", list, "- a: b\n- c: d\n", remove);
    check("alone behind a dash", "a.yaml", "- x: y # z\n- c: d\n", "- {} # z\n- c: d\n", remove);
}

#[test]
fn an_image_is_appended_as_the_list_is_written() {
    for (word, before, after) in [
        ("no list", "resources:\n- a.yaml\n", "resources:\n- a.yaml\nimages:\n- name: app\n  newTag: \"1.10\"\n"),
        ("no list, indented", "resources:\n  - a.yaml\n", "resources:\n  - a.yaml\nimages:\n  - name: app\n    newTag: \"1.10\"\n"),
        ("no final line break", "resources: [a]\nx: y", "resources: [a]\nx: y\nimages:\n- name: app\n  newTag: \"1.10\""),
        ("nothing in it", "images:\nresources:\n - a\n", "images:\n - name: app\n   newTag: \"1.10\"\nresources:\n - a\n"),
        ("brackets", "images: [] # none\n", "images: # none\n- name: app\n  newTag: \"1.10\"\n"),
        (
            "others",
            "images:\n- name: a\n  newTag: b # c\n  # d\n# e\nresources: []\n",
            "images:\n- name: a\n  newTag: b # c\n  # d\n- name: app\n  newTag: \"1.10\"\n# e\nresources: []\n",
        ),
        (
            "wide dashes and quotes",
            "images:\n   -   name: 'a'\n       newTag: 'b'\n",
            "images:\n   -   name: 'a'\n       newTag: 'b'\n   -   name: 'app'\n       newTag: '1.10'\n",
        ),
        ("flow items", "images:\n- { name: a, newTag: b }\n", "images:\n- { name: a, newTag: b }\n- { name: app, newTag: \"1.10\" }\n"),
        ("flow", "images: [{name: a, newTag: b}]\n", "images: [{name: a, newTag: b}, {name: app, newTag: \"1.10\"}]\n"),
        (
            "json",
            "{\n  \"images\": [\n    {\n      \"name\": \"a\"\n    }\n  ]\n}\n",
            "{\n  \"images\": [\n    {\n      \"name\": \"a\"\n    },\n    {\n      \"name\": \"app\",\n      \"newTag\": \"1.10\"\n    }\n  ]\n}\n",
        ),
        ("there", "images:\n- newTag: '1.10'\n  name: app\n  newName: x\n", "images:\n- newTag: '1.10'\n  name: app\n  newName: x\n"),
    ] {
        let item = vec![("name".to_owned(), "app".to_owned()), ("newTag".to_owned(), "1.10".to_owned())];
        check(word, "kustomization.yaml", before, after, |text| {
            vec![Change::Append { mapping: node(text, &[]), keys: keys(&["images"]), item: item.clone() }]
        });
    }
}

#[test]
fn several_changes_are_made_in_their_order() {
    let before = "metadata:\n  name: a\nother:\n  image: &i app:1\n";
    let after = "metadata:\n  name: a\n  annotations:\n    b: \"2\"\n    c: \"3\"\n    a: \"1\"\nother:\n  image: &i app:1\n  new: \"4\"\n";
    let changes = |text: &str| {
        let metadata = node(text, &["metadata"]);
        let after_b = Change::Set { mapping: metadata, keys: keys(&["annotations", "c"]), value: "3".to_owned(), after: Some("b".to_owned()) };
        let gone = Change::Remove { mapping: metadata, keys: keys(&["annotations", "w"]) };
        let annotation = |key: &str, value: &str| set(metadata, &["annotations", key], value);
        vec![annotation("w", "0"), annotation("b", "2"), gone, annotation("a", "1"), after_b, set(node(text, &["other"]), &["new"], "4")]
    };
    assert_eq!(apply("a.yaml", before, &changes(before)).as_deref(), Ok(after));
}

#[test]
fn keys_and_texts_get_the_quotes_that_they_need() {
    for (word, key, text, line) in [
        ("plain", "a", "b", "a: b"),
        ("equals and comma", "a", "x=y,z", "a: x=y,z"),
        ("number", "a", "1.10", "a: \"1.10\""),
        ("boolean", "a", "yes", "a: \"yes\""),
        ("comment", "a", "x #y", "a: \"x #y\""),
        ("empty", "a", "", "a: \"\""),
        ("quotes", "a", "\"it's\"", r#"a: "\"it's\"""#),
        ("lines", "a", "x\ny", "a: |-\n  x\n  y"),
        ("lines that end in one", "a", "x\n", r#"a: "x\n""#),
        ("line separator", "a", "x\u{2028}y", r#"a: "x\u2028y""#),
        ("boolean key", "on", "x", "\"on\": x"),
        ("key with a colon", "a: b", "x", "\"a: b\": x"),
        ("key with a hash", "#a", "x", "\"#a\": x"),
    ] {
        let (before, after) = ("k: v\n", format!("k: v\n{line}\n"));
        assert_eq!(apply("a.yaml", before, &[set(node(before, &[]), &[key], text)]), Ok(after), "{word}");
    }
}

#[test]
fn what_reaches_other_places_is_refused() {
    for (word, text, path, line, reason) in [
        ("alias", "x: &a {b: c}\nm: *a\n", vec!["m", "k"], 2, "an alias stands there: what it names is used elsewhere too"),
        ("anchor", "m: &a {b: c}\nx: *a\n", vec!["m", "k"], 1, "an anchor there is used elsewhere too"),
        ("anchor further up", "m: &a\n  n:\n    b: c\nx: *a\n", vec!["m", "n", "k"], 3, "an anchor there is used elsewhere too"),
        ("anchor of the text", "m:\n  k: &a b\nx: *a\n", vec!["m", "k"], 2, "an anchor there is used elsewhere too"),
        (
            "merge key",
            "x: &a {m: {b: c}}\ny:\n  <<: *a\n",
            vec!["y", "m", "k"],
            3,
            "`m` comes from a merge key: what that names is used elsewhere too",
        ),
        ("tag", "m:\n  k: !secret b\n", vec!["m", "k"], 2, "it has a YAML tag of its own"),
        ("tag of nothing", "m: !!map\n", vec!["m", "k"], 1, "it has an anchor or a YAML tag of its own"),
        ("list", "m:\n  - a\n", vec!["m", "k"], 2, "it is no mapping"),
        ("mapping", "m:\n  k: {}\n  l: {a: b}\n", vec!["m", "l"], 3, "it is no text"),
    ] {
        let refused = apply("a.yaml", text, &[set(node(text, &[]), &path, "v")]).expect_err(word);
        assert_eq!((refused.line, &*refused.reason, refused.blame()), (Some(line), reason, Blame::Operator), "{word}");
    }
    let merged = "x: &a {b: c}\nm:\n  <<: *a\n";
    let remove = Change::Remove { mapping: node(merged, &["m"]), keys: keys(&["b"]) };
    let refused = apply("a.yaml", merged, &[remove]).expect_err("merged");
    assert_eq!(refused.reason, "`b` comes from a merge key: what that names is used elsewhere too");
    let other = set(node("m: n\n", &[]), &["a"], "b");
    assert_eq!(apply("a.yaml", "m: o\n", &[other]).expect_err("another file").reason, "it is not the file that was read");
}

/// One more container in the document of a workload.
fn extend(text: &str, name: &str, container: &str) -> Change {
    let document = [(&["kind"][..], "Deployment"), (&["metadata", "name"], name)];
    let tree = yaml::read(text).expect(text);
    Change::Extend {
        file: Node::of_file(&tree),
        document: document.iter().map(|(path, text)| (keys(path), (*text).to_owned())).collect(),
        keys: keys(&["spec", "containers"]),
        item: vec![("name".to_owned(), container.to_owned()), ("image".to_owned(), "r.io/app:1.10".to_owned())],
    }
}

#[test]
fn a_document_is_extended_or_added() {
    let own = "kind: Deployment\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: app\n    image: r.io/app:1.10\n";
    let both = format!("{own}  - name: side\n    image: r.io/app:1.10\n");
    for (word, before, after) in [
        ("comment", "# ours\n", format!("# ours\n{both}").as_str()),
        ("beside another", "kind: Pod\n", &format!("kind: Pod\n---\n{both}")),
        ("marks", "---\nkind: Pod\n...\n", &format!("---\nkind: Pod\n...\n---\n{both}")),
        ("another name", "kind: Deployment\nmetadata: {name: b}\n", &format!("kind: Deployment\nmetadata: {{name: b}}\n---\n{both}")),
        (
            "four spaces",
            "a:\n    b:\n      - c: d\n",
            "a:\n    b:\n      - c: d\n---\nkind: Deployment\nmetadata:\n    name: a\nspec:\n    containers:\n      - name: app\n        image: r.io/app:1.10\n      - name: side\n        image: r.io/app:1.10\n",
        ),
        ("one stands there", own, &both),
        (
            "a patch without containers",
            "kind: Deployment\nmetadata: {name: a}\n---\nkind: Pod\n",
            "kind: Deployment\nmetadata: {name: a}\nspec:\n  containers:\n  - name: app\n    image: r.io/app:1.10\n  - name: side\n    image: r.io/app:1.10\n---\nkind: Pod\n",
        ),
    ] {
        check(word, "patch.yaml", before, after, |text| vec![extend(text, "a", "app"), extend(text, "a", "side")]);
    }
    for (word, before, after) in [("empty", "", own.to_owned()), ("no line break at the end", "a: b", format!("a: b\n---\n{own}"))] {
        assert_eq!(apply("patch.yaml", before, &[extend(before, "a", "app")]), Ok(after), "{word}");
    }
    let json = "{\"kind\": \"Pod\"}\n";
    let refused = apply("patch.json", json, &[extend(json, "a", "app")]).expect_err("one document");
    assert_eq!(refused.reason, "it is JSON, which holds one document");
}

/// An annotation of the patch in a text.
fn inside(text: &str, path: &[&str], changes: impl Fn(Node) -> Vec<Change>) -> Change {
    let tree = yaml::read(text).expect(text);
    let node = path.iter().fold(tree.roots()[0], |node, step| match step.parse() {
        Ok(index) => tree.items(node).nth(index).expect("the element is there"),
        Err(_) => tree.get(node, step).expect("the key is there"),
    });
    let inner = tree.scalar(node).expect("a text").0.to_owned();
    let mapping = yaml::read(&inner).expect("YAML");
    Change::Inside { text: Node::of(&tree, node), changes: changes(Node::of(&mapping, mapping.roots()[0])) }
}

#[test]
fn yaml_in_a_block_scalar_changes_line_by_line() {
    let lock = |mapping: Node| vec![set(mapping, &KEYS, "true")];
    for (word, before, after) in [
        (
            "below the last line",
            "patches:\n- patch: |-\n    metadata:\n      name: a\n# end\n",
            "patches:\n- patch: |-\n    metadata:\n      name: a\n      annotations:\n        fluxcd.io/automated: \"true\"\n# end\n",
        ),
        (
            "with a line break at the end",
            "patches:\n  - patch: |\n        metadata:\n          name: a\n\n    target: {kind: Pod}\n",
            "patches:\n  - patch: |\n        metadata:\n          name: a\n          annotations:\n            fluxcd.io/automated: \"true\"\n\n    target: {kind: Pod}\n",
        ),
        (
            "in the middle",
            "patches:\n- patch: |-\n    metadata:\n      annotations: {}   # ours\n\n      name: a  \n    spec: {}\n",
            "patches:\n- patch: |-\n    metadata:\n      annotations:   # ours\n        fluxcd.io/automated: \"true\"\n\n      name: a  \n    spec: {}\n",
        ),
        (
            "a value",
            "patches:\n- patch: |2-\n    metadata:\n      annotations:\n        fluxcd.io/automated: 'false'\n        b: c\n",
            "patches:\n- patch: |2-\n    metadata:\n      annotations:\n        fluxcd.io/automated: 'true'\n        b: c\n",
        ),
        (
            "empty lines on top, and none at the end",
            "patches:\n- patch: |-\n\n\n   metadata:\n     name: a",
            "patches:\n- patch: |-\n\n\n   metadata:\n     name: a\n     annotations:\n       fluxcd.io/automated: \"true\"",
        ),
    ] {
        check(word, "kustomization.yaml", before, after, |text| vec![inside(text, &["patches", "0", "patch"], lock)]);
    }
    for (word, before, after) in [
        ("single quotes", "patch: 'metadata: {name: ''a''}'\n", "patch: 'metadata: {name: ''a'', annotations: {fluxcd.io/automated: \"true\"}}'\n"),
        (
            "double quotes",
            "{patch: \"metadata: {name: a}\"} # end\n",
            "{patch: \"metadata: {name: a, annotations: {fluxcd.io/automated: \\\"true\\\"}}\"} # end\n",
        ),
    ] {
        check(word, "kustomization.yaml", before, after, |text| vec![inside(text, &["patch"], lock)]);
    }
    let unlock = |mapping: Node| vec![Change::Remove { mapping, keys: keys(&KEYS) }];
    for (word, before, after) in [
        (
            "the last lines go",
            "patches:\n- patch: |-\n    metadata:\n      name: a\n      annotations:\n        fluxcd.io/automated: \"true\"\nb: c\n",
            "patches:\n- patch: |-\n    metadata:\n      name: a\nb: c\n",
        ),
        (
            "lines in the middle go",
            "patches:\n- patch: |-\n    metadata:\n      annotations:\n        fluxcd.io/automated: \"true\"\n      name: a\n",
            "patches:\n- patch: |-\n    metadata:\n      name: a\n",
        ),
    ] {
        check(word, "kustomization.yaml", before, after, |text| vec![inside(text, &["patches", "0", "patch"], unlock)]);
    }
    for (word, text, reason) in [
        ("folded", "patch: >-\n  metadata:\n    name: a\n", "it stands in a text that is not written as it is read"),
        ("shared", "patch: &p |-\n  metadata:\n    name: a\nother: *p\n", "an anchor there is used elsewhere too"),
    ] {
        let refused = apply("a.yaml", text, &[inside(text, &["patch"], lock)]).expect_err(word);
        assert_eq!(refused.reason, reason, "{word}");
    }
}

#[test]
fn a_text_of_several_lines_gets_a_block_of_its_own() {
    let patch = |text: &str| {
        let tree = yaml::read(text).expect(text);
        let item = vec![("patch".to_owned(), "a: b\n\nc:\n  d: \"e\"".to_owned())];
        vec![Change::Append { mapping: Node::of(&tree, tree.roots()[0]), keys: keys(&["patches"]), item }]
    };
    for (word, before, after) in [
        ("no list", "a: b\n", "a: b\npatches:\n- patch: |-\n    a: b\n\n    c:\n      d: \"e\"\n"),
        (
            "a list",
            "patches:\n  - path: a.yaml\na: b\n",
            "patches:\n  - path: a.yaml\n  - patch: |-\n      a: b\n\n      c:\n        d: \"e\"\na: b\n",
        ),
        ("mappings in brackets", "patches:\n- {path: a.yaml}\n", "patches:\n- {path: a.yaml}\n- patch: |-\n    a: b\n\n    c:\n      d: \"e\"\n"),
        ("brackets", "{a: b, patches: []}\n", "{a: b, patches: [{patch: \"a: b\\n\\nc:\\n  d: \\\"e\\\"\"}]}\n"),
    ] {
        check(word, "kustomization.yaml", before, after, patch);
    }
}
