//! What holds for the repository as a whole.

use std::process::Command;

use crate::repository::{files, files_with, root, text};

/// The commands of a page's fenced blocks of one language.
fn fenced(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.trim_start().strip_prefix("```") {
            Some(found) => open = !open && found == language,
            None if open => blocks.push(line.trim().to_owned()),
            None => {}
        }
    }
    blocks
}

#[test]
fn continuous_integration_runs_the_test_command_of_the_readme() {
    let run = text(".ci/run");
    let command = run.lines().last().unwrap();
    assert_eq!(command, "scripts/test");
    assert!(fenced(&text("README.md"), "sh").iter().any(|line| line == command), "the README does not tell `{command}`");
    assert!(text("justfile").contains(&format!("\ntest:\n    {command}\n")));
}

#[test]
fn scripts_are_well_formed() {
    for script in ["scripts/build-release", "scripts/test", ".ci/run"] {
        let checked = Command::new("bash").arg("-n").arg(root().join(script)).output().unwrap();
        assert!(checked.status.success(), "{script}: {}", String::from_utf8_lossy(&checked.stderr));
        assert!(text(script).starts_with("#!/usr/bin/env bash\n"), "{script} says what runs it");
        assert!(text(script).contains("\nset -euo pipefail\n"), "{script} stops at the first fault");
    }
}

#[test]
fn dependencies_are_few() {
    let manifest = text("Cargo.toml");
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let direct = section.lines().filter(|line| line.contains('=')).count();
    assert!(direct <= 45, "{direct} direct dependencies");
}

#[test]
fn exceptions_have_reasons_and_nothing_is_left_undone() {
    let here = ["tests/all/house.rs"];
    for path in files_with("src", "rs").into_iter().chain(files_with("tests", "rs")).filter(|path| !here.contains(&path.as_str())) {
        for (number, line) in text(&path).lines().enumerate() {
            for forbidden in ["#[allow(", "#![allow(", "#[ignore", "todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME"] {
                assert!(!line.contains(forbidden), "{path}:{}: {forbidden}", number + 1);
            }
        }
    }
}

#[test]
fn no_file_names_the_machine_that_it_was_written_on() {
    for path in files("").into_iter().filter(|path| path != "tests/all/house.rs") {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for forbidden in ["/work/", "/root/", "/tmp/bash"] {
            assert!(!text.contains(forbidden), "{path} names {forbidden}");
        }
    }
}

#[test]
fn the_license_is_the_one_that_the_package_names() {
    assert!(text("Cargo.toml").contains("license = \"Apache-2.0\""));
    let license = text("LICENSE");
    assert!(license.contains("Apache License") && license.contains("Version 2.0, January 2004") && license.contains("END OF TERMS AND CONDITIONS"));
}
