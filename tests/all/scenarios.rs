//! Every folder of `testdata/scenarios`: the tree `before/` and the registries of `registry.yaml` make exactly `after/`, the screen
//! `plan.txt` and the message `commit.txt`, which is absent where nothing changes.
//!
//! `TAGALONG_BLESS=1` writes what is expected anew.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use crate::{
    kit::{
        cycle::{Files, Outcome, cycle},
        recorded::Recorded,
    },
    repository::root,
};

/// The scenarios; where a person says so, what is expected of them is written anew before any test looks.
pub fn folders() -> &'static [PathBuf] {
    static FOLDERS: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
        let folders = scenarios();
        if std::env::var("TAGALONG_BLESS").is_ok_and(|value| value == "1") {
            for folder in &folders {
                bless(folder, &expected(outcome(folder)));
            }
        }
        folders
    });
    &FOLDERS
}

fn scenarios() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root().join("testdata/scenarios")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

/// Every file below a folder, none where there is no folder.
pub fn tree(folder: &Path) -> Files {
    let walk = ignore::WalkBuilder::new(folder).standard_filters(false).build().filter_map(Result::ok);
    walk.filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .map(|entry| (entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

fn outcome(folder: &Path) -> Outcome {
    let recorded = Recorded::parse(&fs::read_to_string(folder.join("registry.yaml")).unwrap());
    cycle(name(folder), &tree(&folder.join("before")), &recorded)
}

/// All that is expected, by its path in the scenario's folder.
fn expected(outcome: Outcome) -> Files {
    let mut files: Files = outcome.after.into_iter().map(|(path, bytes)| (format!("after/{path}"), bytes)).collect();
    files.insert("plan.txt".to_owned(), outcome.screen.into_bytes());
    files.extend(outcome.message.map(|message| ("commit.txt".to_owned(), message.into_bytes())));
    files
}

/// All that is committed but the input.
fn committed(folder: &Path) -> Files {
    tree(folder).into_iter().filter(|(path, _)| path != "registry.yaml" && !path.starts_with("before/")).collect()
}

fn bless(folder: &Path, expected: &Files) {
    for path in committed(folder).keys().filter(|path| !expected.contains_key(*path)) {
        fs::remove_file(folder.join(path)).unwrap();
    }
    for (path, bytes) in expected {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A diff for people: line ends and what is no text are escaped.
fn difference(path: &str, committed: Option<&Vec<u8>>, made: Option<&Vec<u8>>) -> String {
    let shown = |bytes: Option<&Vec<u8>>| -> String {
        let text = String::from_utf8_lossy(bytes.map(Vec::as_slice).unwrap_or_default()).into_owned();
        text.chars().map(|c| if c.is_control() && c != '\n' { c.escape_default().to_string() } else { c.to_string() }).collect()
    };
    let (old, new) = (shown(committed), shown(made));
    similar::TextDiff::from_lines(old.as_str(), new.as_str()).unified_diff().header(&format!("committed {path}"), &format!("made {path}")).to_string()
}

#[test]
fn every_scenario_ends_as_it_is_written() {
    let mut wrong = String::new();
    for folder in folders() {
        let (expected, committed) = (expected(outcome(folder)), committed(folder));
        let mut paths: Vec<&String> = expected.keys().chain(committed.keys()).collect();
        paths.sort();
        paths.dedup();
        for path in paths.into_iter().filter(|path| expected.get(*path) != committed.get(*path)) {
            wrong += &difference(&format!("{}/{path}", name(folder)), committed.get(path), expected.get(path));
        }
    }
    assert!(wrong.is_empty(), "look at each difference, then run `just bless` if it is right:\n{wrong}");
}

#[test]
fn every_scenario_is_complete() {
    for folder in folders() {
        let name = name(folder);
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}: words with `-` between");
        let mut entries: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        entries.retain(|entry| entry != "commit.txt");
        entries.sort();
        assert_eq!(entries, ["after", "before", "plan.txt", "registry.yaml"], "{name}");
        let (before, after) = (tree(&folder.join("before")), tree(&folder.join("after")));
        assert!(!before.is_empty(), "{name}: `before` holds no file");
        assert!(before.keys().eq(after.keys()), "{name}: the same files stand before and after");
        assert_eq!(before != after, folder.join("commit.txt").exists(), "{name}: a message exactly where something changes");
    }
}

#[test]
fn a_second_run_over_what_a_scenario_left_plans_nothing() {
    for folder in folders() {
        let recorded = Recorded::parse(&fs::read_to_string(folder.join("registry.yaml")).unwrap());
        let again = cycle(name(folder), &tree(&folder.join("after")), &recorded);
        assert_eq!(again.report.updates, [], "{}", name(folder));
        assert!(again.message.is_none(), "{}", name(folder));
    }
}
