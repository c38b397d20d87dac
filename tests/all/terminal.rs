//! The program on a terminal: progress, colour and width; and without one.

use std::process::{Command, Stdio};

use crate::{
    end_to_end::{fleet, push},
    kit::{
        binary::Machine,
        registry::{Mode, Registry},
    },
};

/// What a terminal of so many columns shows, and how the program ended.
fn on_terminal(machine: &Machine, columns: u16, arguments: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let line = format!("stty cols {columns} rows 24; exec {} {arguments}", env!("CARGO_BIN_EXE_tagalong"));
    let place = |name: &str| machine.root().join(name);
    let mut command = Command::new("script");
    command.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(place("work")).stdin(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TERM", "xterm").env("SHELL", "/bin/sh");
    command.env("HOME", place("home")).env("XDG_STATE_HOME", place("state")).env("NO_PROXY", "*").envs(variables.iter().copied());
    let shown = command.output().expect("`script` of util-linux is part of every Debian");
    (shown.status.code(), String::from_utf8(shown.stdout).unwrap())
}

/// The text without what moves the cursor or changes colour.
fn bare(shown: &str) -> String {
    regex::Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").unwrap().replace_all(shown, "").replace('\r', "")
}

#[test]
fn a_terminal_shows_progress_and_colour_and_a_pipe_neither() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let (machine, fleet) = (Machine::new(), fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1"));
    let plan = format!("plan {} --check", fleet.file_url());
    let (code, shown) = on_terminal(&machine, 100, &plan, &[]);
    assert_eq!(code, Some(4), "{shown}");
    let (before, _) = shown.split_once("\u{1b}[32mupdate\u{1b}[0m").unwrap_or_else(|| panic!("no colour: {shown:?}"));
    assert!(before.contains("reading the repository") || before.contains("listing tags"), "no progress: {shown:?}");
    assert!(bare(&shown).contains("  update  default:deployment/web"), "{shown:?}");
    for (word, variables, painted) in [
        ("NO_COLOR", &[("NO_COLOR", "1")][..], false),
        ("a terminal without colour", &[("TERM", "dumb")], false),
        ("NO_COLOR that is empty", &[("NO_COLOR", "")], true),
    ] {
        let (_, shown) = on_terminal(&machine, 100, &plan, variables);
        assert_eq!(shown.contains("\u{1b}[32m"), painted, "{word}: {shown:?}");
    }
    let piped = machine.run(&plan).ended(4);
    assert!(!piped.out.contains('\u{1b}') && piped.err.is_empty(), "{piped:?}");
    let forced = machine.call(plan.split(' ')).env("CLICOLOR_FORCE", "1").run().ended(4);
    assert!(forced.out.contains("\u{1b}[32mupdate\u{1b}[0m") && forced.err.is_empty(), "{forced:?}");
    let json = machine.call(plan.split(' ').chain(["--output", "json"])).env("CLICOLOR_FORCE", "1").run().ended(4);
    assert!(!json.out.contains('\u{1b}'), "{}", json.out);
}

#[test]
fn what_is_told_fits_the_terminal() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2"]);
    let (machine, fleet) = (Machine::new(), fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~9"));
    for columns in [60, 100] {
        let (_, shown) = on_terminal(&machine, columns, &format!("plan {}", fleet.file_url()), &[("NO_COLOR", "1")]);
        let (_, table) = shown.split_once("  held ").unwrap_or_else(|| panic!("{shown:?}"));
        let longest = bare(table).lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= usize::from(columns), "{columns}: {longest}: {shown}");
    }
}

#[test]
fn an_error_is_red_where_that_is_seen() {
    let machine = Machine::new();
    let (code, shown) = on_terminal(&machine, 80, "plan --config nowhere.yaml", &[]);
    assert_eq!(code, Some(1));
    assert!(shown.contains("\u{1b}[31merror:\u{1b}[0m cannot read `nowhere.yaml`"), "{shown:?}");
    assert!(!machine.run("plan --config nowhere.yaml").ended(1).err.contains('\u{1b}'));
}
