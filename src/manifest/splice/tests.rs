use super::*;
use crate::manifest::{File, KindPaths, read};

fn sites(file: &File) -> Vec<Site> {
    file.images().filter_map(|place| place.image.parts()?.sites().next().cloned()).collect()
}

/// A Deployment whose only container holds these lines, indented by ten.
fn deployment(container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\nspec:\n  template:\n    spec:\n      containers:\n        - name: app\n{container}"
    )
}

fn change(text: &str, to: &str) -> Result<String, EditRefused> {
    let kinds = [KindPaths { api_version: "v1".to_owned(), kind: "Tags".to_owned(), images: vec!["tag".to_owned(), "tags.*".to_owned()] }];
    let file = read("a.yaml", text.as_bytes(), &kinds).expect(text);
    let edits: Vec<Edit> = sites(&file).into_iter().map(|site| Edit { site, to: to.to_owned() }).collect();
    assert!(!edits.is_empty(), "no image found in {text}");
    edit("a.yaml", text.as_bytes(), &edits).map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
}

#[test]
fn every_style_keeps_its_bytes() {
    for (word, before, after) in [
        ("plain", "          image: nginx:1.2\n", "          image: nginx:1.3\n"),
        ("double", "          image: \"nginx:1.2\"\n", "          image: \"nginx:1.3\"\n"),
        ("single", "          image: 'nginx:1.2'\n", "          image: 'nginx:1.3'\n"),
        ("comment", "          image: nginx:1.2   # why\n", "          image: nginx:1.3   # why\n"),
        ("tab before comment", "          image: nginx:1.2\t# why\n", "          image: nginx:1.3\t# why\n"),
        ("spaces", "          image:    \"nginx:1.2\"  \n", "          image:    \"nginx:1.3\"  \n"),
        ("tab after colon", "          image:\tnginx:1.2\n", "          image:\tnginx:1.3\n"),
        ("next line", "          image:\n            nginx:1.2\n", "          image:\n            nginx:1.3\n"),
        (
            "comment between",
            "          image: # why\n            # still\n            nginx:1.2\n",
            "          image: # why\n            # still\n            nginx:1.3\n",
        ),
        ("anchor", "          image: &img nginx:1.2\n", "          image: &img nginx:1.3\n"),
        ("tag", "          image: !!str nginx:1.2\n", "          image: !!str nginx:1.3\n"),
        ("folded", "          image: >-\n            nginx:1.2\n", "          image: >-\n            nginx:1.3\n"),
        ("literal", "          image: |-\n            nginx:1.2\n          x: y\n", "          image: |-\n            nginx:1.3\n          x: y\n"),
        (
            "literal with line break",
            "          image: |\n            nginx:1.2\n\n          x: y\n",
            "          image: |\n            nginx:1.3\n\n          x: y\n",
        ),
        ("kept line breaks", "          image: |+\n            nginx:1.2\n\n\n", "          image: |+\n            nginx:1.3\n\n\n"),
        ("complex key", "          ? image\n          : nginx:1.2\n", "          ? image\n          : nginx:1.3\n"),
        ("quoted key", "          \"image\": nginx:1.2\n", "          \"image\": nginx:1.3\n"),
        ("no final newline", "          image: nginx:1.2", "          image: nginx:1.3"),
        ("final newline in quotes", "          image: 'nginx:1.2'", "          image: 'nginx:1.3'"),
        ("escape", "          image: \"ngi\\x6ex:1.2\"\n", "          image: \"nginx:1.3\"\n"),
        (
            "flow",
            "          env: {}\n          image: nginx:1.2\n          args: [a, {b: c}]\n",
            "          env: {}\n          image: nginx:1.3\n          args: [a, {b: c}]\n",
        ),
        (
            "closing bracket under its key",
            "          image: nginx:1.2\n          args: [\n            a\n          ]\n",
            "          image: nginx:1.3\n          args: [\n            a\n          ]\n",
        ),
        ("document end", "          image: nginx:1.2\n...\n", "          image: nginx:1.3\n...\n"),
        (
            "two documents",
            "          image: nginx:1.2\n--- # next\n# empty\n---\na: b\n",
            "          image: nginx:1.3\n--- # next\n# empty\n---\na: b\n",
        ),
        (
            "unicode before",
            "          note: \"größe 😀\" # ✓\n          image: nginx:1.2\n",
            "          note: \"größe 😀\" # ✓\n          image: nginx:1.3\n",
        ),
    ] {
        let (before, after) = (deployment(before), deployment(after));
        assert_eq!(change(&before, "nginx:1.3").as_deref(), Ok(&*after), "{word}");
        let (before, after) = (before.replace('\n', "\r\n"), after.replace('\n', "\r\n"));
        assert_eq!(change(&before, "nginx:1.3").as_deref(), Ok(&*after), "{word}, CRLF");
        let (before, after) = (format!("\u{feff}{before}"), format!("\u{feff}{after}"));
        assert_eq!(change(&before, "nginx:1.3").as_deref(), Ok(&*after), "{word}, CRLF and byte order mark");
    }
}

/// Writes a value into `tag` of an object that holds `rest` too.
fn tagged(tag: &str, rest: &str, to: &str) -> Result<String, EditRefused> {
    let object = |tag: &str| format!("apiVersion: v1\nkind: Tags\ntag: {tag}\n{rest}");
    let after = change(&object(tag), to)?;
    let (head, tail) = ("apiVersion: v1\nkind: Tags\ntag: ", format!("\n{rest}"));
    Ok(after.strip_prefix(head).and_then(|after| after.strip_suffix(&tail)).expect("the rest stays").to_owned())
}

#[test]
fn a_plain_value_gets_quotes_where_a_reader_would_take_it_for_something_else() {
    for (word, before, to, after) in [
        ("float", "v1", "1.10", "\"1.10\""),
        ("exponent", "v1", "1e3", "\"1e3\""),
        ("hexadecimal", "v1", "0x1f", "\"0x1f\""),
        ("boolean", "v1", "on", "\"on\""),
        ("date", "v1", "2024-01-02", "\"2024-01-02\""),
        ("null", "v1", "null", "\"null\""),
        ("grouped", "v1", "1_000", "\"1_000\""),
        ("octal", "v1", "0777", "\"0777\""),
        ("text", "v1", "v2", "v2"),
        ("version", "1.10", "1.10.1", "1.10.1"),
        ("number for number", "1.10", "1.11", "\"1.11\""),
        ("in quotes", "\"1.10\"", "1.11", "\"1.11\""),
        ("text in quotes", "\"1.10\"", "v2", "\"v2\""),
        ("in single quotes", "'1.10'", "1.11", "'1.11'"),
        ("anchor", "&t v1", "1.10", "&t \"1.10\""),
        ("explicit text", "!!str 1.10", "1.11", "!!str \"1.11\""),
        ("folded", ">-\n  1.10", "1.11", ">-\n  1.11"),
        ("brackets in a block", "a,b", "a,[c]", "a,[c]"),
        ("brackets, perhaps in a flow", "ab", "a,b", "\"a,b\""),
        ("quote in single quotes", "'it''s'", "it's 2", "'it''s 2'"),
        ("quote in double quotes", "\"a\"", "a\"b\\c", "\"a\\\"b\\\\c\""),
        ("control character", "'a'", "a\u{7}b", "\"a\\u0007b\""),
        ("empty", "v1", "", "\"\""),
        ("unicode", "v1", "größe", "größe"),
    ] {
        assert_eq!(tagged(before, "a: b\n", to).as_deref(), Ok(after), "{word}");
    }
}

#[test]
fn new_quotes_are_those_of_such_keys_in_the_file() {
    for (word, rest, after) in [
        ("none", "", "\"1.10\""),
        ("single", "x: {tag: '1'}\n", "'1.10'"),
        ("double", "x: {tag: \"1\"}\n", "\"1.10\""),
        ("as many", "x: {tag: '1'}\ny: {tag: \"1\"}\n", "\"1.10\""),
        ("most", "x: {tag: '1'}\ny: {tag: \"1\"}\nz: [{tag: '2'}]\n", "'1.10'"),
        ("another key", "x: {other: '1'}\n", "\"1.10\""),
        ("another document", "---\ntag: '1'\n", "'1.10'"),
    ] {
        assert_eq!(tagged("v1", rest, "1.10").as_deref(), Ok(after), "{word}");
    }
}

#[test]
fn a_tag_is_inserted_where_there_was_none() {
    for (word, before, to, after) in
        [("plain", "redis", "redis:7", "redis:7"), ("quoted", "\"redis\"", "redis:7", "\"redis:7\""), ("minutes", "12", "12:30", "\"12:30\"")]
    {
        assert_eq!(tagged(before, "", to).as_deref(), Ok(after), "{word}");
    }
}

#[test]
fn several_edits_of_a_file_are_made_at_once() {
    let text = "apiVersion: v1\nkind: Tags\ntags:\n- a:1\n- 'b:1' # b\n- \"c:1\"\n";
    assert_eq!(change(text, "d:10").as_deref(), Ok("apiVersion: v1\nkind: Tags\ntags:\n- d:10\n- 'd:10' # b\n- \"d:10\"\n"));
}

#[test]
fn an_anchor_changes_for_all_its_aliases() {
    let text = "apiVersion: v1\nkind: Pod\nx: &i nginx:1\nspec: {containers: [{name: a, image: *i}, {name: b, image: *i}]}\n";
    assert_eq!(change(text, "nginx:2"), Ok(text.replace("nginx:1", "nginx:2")));
}

#[test]
fn a_refused_edit_says_why() {
    let text = "apiVersion: v1\nkind: Tags\ntag: a:1\nx: y\n";
    let kinds = [KindPaths { api_version: "v1".to_owned(), kind: "Tags".to_owned(), images: vec!["tag".to_owned()] }];
    let site = sites(&read("a.yaml", text.as_bytes(), &kinds).expect("YAML")).remove(0);
    let other = sites(&read("a.yaml", text.replace("x: y", "x: z").as_bytes(), &kinds).expect("YAML")).remove(0);
    let to = |site: &Site, to: &str| Edit { site: site.clone(), to: to.to_owned() };
    for (word, text, edits, reason) in [
        ("two values", text, vec![to(&site, "a:2"), to(&site, "a:3")], "two different values are wanted for one scalar"),
        (
            "another file",
            "apiVersion: v1\nkind: Tags\ntag: a:10\n# x\n",
            vec![to(&site, "a:2")],
            "after the edit, the second YAML reader finds another value than the one that was meant",
        ),
        ("a short file", "a: b\n", vec![to(&site, "a:2")], "it is not the file that the image was read from"),
        ("line break", text, vec![to(&site, "a:2\nb: c")], "the new value holds a line break, or a character that no image has"),
    ] {
        let refused = edit("a.yaml", text.as_bytes(), &edits).expect_err(word);
        assert_eq!((refused.reason.as_str(), refused.code), (reason, Code::EditRefused), "{word}");
    }
    assert_eq!(edit("a.yaml", text.as_bytes(), &[to(&site, "a:2"), to(&other, "a:2")]).map_err(|refused| refused.blame()), Err(Blame::Bug));
    assert_eq!(edit("a.yaml", text.as_bytes(), &[]).as_deref(), Ok(text.as_bytes()));
}

#[test]
fn verification_finds_every_other_difference() {
    let text = "# c\napiVersion: v1\nkind: Tags\nlist: [a, 'b']\ntag: &x a:1\nsame: *x\nblock: |\n  one\n";
    let kinds = [KindPaths { api_version: "v1".to_owned(), kind: "Tags".to_owned(), images: vec!["tag".to_owned()] }];
    let site = sites(&read("a.yaml", text.as_bytes(), &kinds).expect("YAML")).remove(0);
    let spliced = splice("a.yaml", text.as_bytes(), &[Edit { site, to: "a:2".to_owned() }]).expect("a plain edit");
    assert_eq!(verify("a.yaml", text.as_bytes(), &spliced), Ok(()));
    for (word, from, to) in [
        ("value", "[a, ", "[c, "),
        ("style", "'b'", "\"b\""),
        ("element", "[a, 'b']", "[a, 'b', c]"),
        ("order", "[a, 'b']", "['b', a]"),
        ("key", "list:", "lost:"),
        ("anchor", "&x a:2", "a:2\nx: &x a:2"),
        ("tag", "[a, ", "[!x a, "),
        ("block", "  one", "  one\n  two"),
        ("document", "block:", "---\nblock:"),
        ("new value", "a:2", "a:3"),
        ("broken", "[a, ", "[[a, "),
    ] {
        let bytes = String::from_utf8(spliced.bytes.clone()).expect("UTF-8").replacen(from, to, 1).into_bytes();
        assert!(verify("a.yaml", text.as_bytes(), &Spliced { bytes, ..spliced.clone() }).is_err(), "{word}");
    }
}
