//! The scripts of the page "From CI".

use std::{path::Path, process::Command};

use super::FLEET;
use crate::{
    kit::{
        binary::Machine,
        git::{Bare, git},
    },
    repository::text,
};

/// The fenced blocks of one language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let fence = format!("```{language}\n");
    page.split(&*fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Runs a script as a pipeline would, in a checkout; tells what it printed.
fn run(machine: &Machine, checkout: &Path, fleet: &str, script: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_tagalong")).parent().unwrap().display();
    // The git that pushes needs its own home; all else is the machine's.
    let mut command = machine.call([""]).command();
    let home: Vec<(std::ffi::OsString, std::ffi::OsString)> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    command = Command::new("sh");
    command.args(["-euc", script]).current_dir(checkout).env_clear().envs(home);
    command.env("PATH", format!("{programs}:{}", std::env::var("PATH").unwrap())).env("TAG", "1.1.0").env("FLEET", fleet);
    let output = command.output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {told}");
    told
}

#[test]
fn the_scripts_of_the_page_do_what_it_says() {
    let page = text("docs/from-ci.md");
    let scripts = blocks(&page, "sh");
    assert!(
        scripts.iter().filter(|script| script.contains("tagalong set")).count() >= 2
            && scripts.iter().any(|script| script.contains("tagalong check"))
    );
    for script in scripts {
        let (machine, fleet) = (Machine::new(), Bare::with(&FLEET));
        let checkout = fleet.checkout();
        let told = run(&machine, checkout.path(), &fleet.file_url(), script);
        let pushed = fleet.git(&["log", "--format=%s", "main"]);
        let wanted = if script.contains("tagalong set") { "Set ghcr.io/acme/web:1.1.0\nwork\n" } else { "work\n" };
        assert_eq!(pushed, wanted, "{script}: {told}");
        // A second run has nothing to do, and does not fail.
        git(checkout.path(), &["pull", "--quiet", "--ff-only", &fleet.file_url(), "main"]);
        run(&machine, checkout.path(), &fleet.file_url(), script);
        assert_eq!(fleet.git(&["log", "--format=%s", "main"]), pushed, "{script}");
    }
}

#[test]
fn the_pipelines_of_the_page_are_yaml_and_say_the_same() {
    let page = text("docs/from-ci.md");
    let pipelines = blocks(&page, "yaml");
    assert!(pipelines.len() >= 4, "two forges, two commands");
    for pipeline in pipelines {
        let read: Result<serde_json::Value, _> = serde_saphyr::from_str(pipeline);
        assert!(read.is_ok(), "{pipeline}: {:?}", read.err());
        assert!(pipeline.contains("tagalong set \"ghcr.io/acme/web:$TAG\"") || pipeline.contains("tagalong check --output sarif"), "{pipeline}");
    }
}
