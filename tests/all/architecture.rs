//! The import table of docs/ARCHITECTURE.md, the purity of the inner modules, and the sizes of files.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    paths::paths,
    repository::{files_with, text},
};

/// The modules without IO, clock, environment and chance.
const PURE: [&str; 4] = ["image", "policy", "manifest", "plan"];

/// What no pure module names.
const IMPURE: [&str; 13] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "HashMap",
    "HashSet",
    "Timestamp::now",
    "Zoned::now",
    "println",
];

/// Each module with those that it may import.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let page = text("docs/ARCHITECTURE.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| module |")).skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        (names(cells[1]).remove(0), names(cells[2]).into_iter().collect())
    })
    .collect()
}

/// The module of a path such as `src/image/tag.rs`, with the modules inside it.
fn module(path: &str) -> Vec<&str> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    inner.split('/').collect()
}

/// The imports of a file that the table does not allow.
fn broken_imports(path: &str, code: &str, table: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let module = module(path);
    let Some(allowed) = table.get(module[0]) else {
        return vec![format!("{path}: the table of docs/ARCHITECTURE.md has no module `{}`", module[0])];
    };
    let foreign = |import: &String| {
        let parts: Vec<&str> = import.split("::").collect();
        let ups = parts.iter().take_while(|part| **part == "super").count();
        let target = match parts[0] {
            "crate" | "tagalong" => parts.get(1),
            "super" if ups >= module.len() => parts.get(ups),
            _ => None,
        };
        target.is_some_and(|target| table.contains_key(*target) && *target != module[0] && !allowed.contains(*target))
    };
    paths(code).into_iter().filter(foreign).map(|import| format!("{path}: `{}` may not import `{import}`", module[0])).collect()
}

/// What a file of a pure module names and should not.
fn impurities(path: &str, code: &str) -> Vec<String> {
    let named = |path: &str, impure: &str| format!("::{path}::").contains(&format!("::{impure}::"));
    let found = paths(code).into_iter().filter(|path| IMPURE.iter().any(|impure| named(path, impure)));
    found.map(|name| format!("{path}: a pure module names `{name}`")).collect()
}

/// The source without its tests, which stand at the end.
fn without_tests(source: &str) -> &str {
    source.find("\n#[cfg(test)]\nmod tests {").map_or(source, |at| &source[..at])
}

/// The files that exist for tests alone: a module with `#[cfg(test)]` before its name, and what is below it.
fn test_modules(sources: &[(String, String)]) -> Vec<String> {
    let declared = |(path, source): &(String, String)| {
        let folder = format!("src/{}", module(path).join("/"));
        let names = source.split("#[cfg(test)]\nmod ").skip(1).filter_map(|rest| rest.split_once(';').map(|(name, _)| name.to_owned()));
        names.filter(|name| !name.contains(' ')).map(move |name| format!("{folder}/{name}")).collect::<Vec<_>>()
    };
    sources.iter().flat_map(declared).collect()
}

/// The sources that are shipped, without their tests.
fn shipped() -> Vec<(String, String)> {
    let sources = sources();
    let tests = test_modules(&sources);
    let is_test = |path: &str| tests.iter().any(|test| path == format!("{test}.rs") || path.starts_with(&format!("{test}/")));
    sources.into_iter().filter(|(path, _)| !is_test(path)).map(|(path, source)| (path, without_tests(&source).to_owned())).collect()
}

fn sources() -> Vec<(String, String)> {
    let sources = files_with("src", "rs").into_iter().filter(|path| !matches!(path.as_str(), "src/lib.rs" | "src/main.rs"));
    sources.map(|path| (path.clone(), text(&path))).collect()
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let table = table();
    let broken: Vec<String> = sources().iter().flat_map(|(path, source)| broken_imports(path, source, &table)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_table_names_the_modules_that_there_are() {
    let found: BTreeSet<String> = sources().iter().map(|(path, _)| module(path)[0].to_owned()).collect();
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), found);
}

#[test]
fn the_table_has_no_circle() {
    let table = table();
    let mut below: Vec<&String> = Vec::new();
    while let Some((module, _)) = table.iter().find(|(module, may)| !below.contains(module) && may.iter().all(|other| below.contains(&other))) {
        below.push(module);
    }
    assert_eq!(below.len(), table.len(), "only {below:?} stand on firm ground");
}

#[test]
fn pure_modules_name_nothing_impure() {
    let pure = |path: &str| PURE.contains(&module(path)[0]);
    let found: Vec<String> = shipped().iter().filter(|(path, _)| pure(path)).flat_map(|(path, source)| impurities(path, source)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn files_are_short() {
    let lengths: Vec<(String, usize)> = shipped().into_iter().map(|(path, source)| (path, source.lines().count())).collect();
    let long: Vec<String> =
        lengths.iter().filter(|(_, lines)| *lines > 500).map(|(path, lines)| format!("{path} has {lines} lines without its tests")).collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
    assert!(text("src/main.rs").lines().count() <= 30, "src/main.rs parses arguments, runs and exits");
}

#[test]
fn a_module_of_tests_is_known_by_its_declaration() {
    let sources = [
        ("src/image/mod.rs".to_owned(), "mod tag;\n#[cfg(test)]\nmod rows;\n".to_owned()),
        ("src/image/tag.rs".to_owned(), "#[cfg(test)]\nmod tests {\n    fn f() { ; }\n}\n#[cfg(test)]\nmod laws;\n".to_owned()),
    ];
    assert_eq!(test_modules(&sources), ["src/image/rows", "src/image/tag/laws"]);
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    let table = table();
    for (word, path, code, broken) in [
        ("allowed", "src/policy/select.rs", "use crate::image::Tag;", 0),
        ("own module", "src/git/push.rs", "use crate::git::tip::Tip;", 0),
        ("plain", "src/image/tag.rs", "use crate::policy::Code;", 1),
        ("in a group", "src/registry/client.rs", "use crate::{config::Config, git::Tip, image::{Tag, Name}};", 1),
        ("group of two", "src/plan/edit.rs", "use crate::{config::Config, git::Tip};", 2),
        ("inline", "src/manifest/yaml/mod.rs", "fn f() -> crate::plan::Plan { todo() }", 1),
        ("upwards", "src/image/tag.rs", "use super::super::policy::Code;", 1),
        ("upwards from the module's root", "src/image/mod.rs", "use super::policy::Code;", 1),
        ("a module inside that is called alike", "src/image/tag.rs", "use super::policy::Code;", 0),
        ("in a comment", "src/image/tag.rs", "// crate::policy\n/* crate::policy */ fn f() {}", 0),
        ("in a text", "src/image/tag.rs", "const X: &str = \"crate::policy::Code\"; const Y: &str = r#\"crate::plan\"#;", 0),
        ("renamed", "src/service/mod.rs", "use crate::cli as other;", 1),
        ("a module without a row", "src/forge/mod.rs", "fn f() {}", 1),
    ] {
        assert_eq!(broken_imports(path, code, &table).len(), broken, "{word}");
    }
}

#[test]
fn an_impurity_is_found_however_it_is_written() {
    for (word, code, found) in [
        ("pure", "use std::collections::BTreeMap;", 0),
        ("hash map", "use std::collections::{BTreeMap, HashMap};", 1),
        ("file", "fn f() { std::fs::read(\"x\"); }", 1),
        ("group", "use std::{fmt, fs};", 1),
        ("clock", "let now = Timestamp::now();", 1),
        ("time alone", "use std::time::Duration;", 0),
        ("runtime", "use tokio::sync::Mutex;", 1),
        ("print", "println!(\"x\");", 1),
        ("only text", "const X: &str = \"HashMap\"; // std::fs", 0),
        ("another name", "struct MyHashMap; mod environment {}", 0),
    ] {
        assert_eq!(impurities("src/image/x.rs", code).len(), found, "{word}");
    }
}
