//! The daemon against real servers: what it does by itself, what it says of it, and how it ends.

mod bad_input;
mod configuration;
mod ending;
mod pages;
mod rest;
mod start;
mod state;
mod tenants;
mod together;

use crate::{
    end_to_end::{fleet, push},
    kit::{
        binary::Machine,
        git::Bare,
        git_server::{Door, GitServer},
        process::{Daemon, configuration, repository},
        registry::{Mode, Registry},
    },
};

/// A registry with two versions of `shop/web`.
fn registry() -> Registry {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    registry
}

/// A repository whose `apps/web.yaml` is at 1.4.2 of `shop/web` at this host, and may go to any 1.
fn shop(host: &str) -> Bare {
    fleet(&format!("{host}/shop/web:1.4.2"), "semver:~1")
}

/// The tag in `apps/web.yaml`.
fn tag_of(fleet: &Bare) -> String {
    let text = String::from_utf8(fleet.file("apps/web.yaml")).expect("text");
    text.split_once("/web:").and_then(|(_, rest)| rest.split_whitespace().next()).expect("a tag").to_owned()
}

#[test]
fn a_pushed_image_becomes_a_commit_and_the_daemon_ends_when_told() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = shop(registry.host());
    let server = GitServer::start(fleet.root(), Door::Open);
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &[repository("fleet", &server.url(), "")]));
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!(tag_of(&fleet), "1.5.0");
    push(&registry, "shop/web", &["1.6.0"]);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!(tag_of(&fleet), "1.6.0");
    assert_eq!((fleet.git(&["rev-list", "--count", "main"]), fleet.faults()), ("3\n".to_owned(), String::new()));
    assert_eq!((daemon.page("/healthz").0, daemon.page("/readyz")), (200, (200, "ready\n".to_owned())));
    daemon.signal("-TERM");
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0), "{}", ended.told);
}

#[test]
fn an_idle_cycle_asks_for_one_ref_advertisement() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = shop(registry.host());
    let server = GitServer::start(fleet.root(), Door::Open);
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &[repository("fleet", &server.url(), "")]));
    daemon.says(&["\"pushed\"", "fleet"]);
    // The cycle after the push reads what was pushed.
    daemon.shows("/metrics", |_, page| page.contains(r#"tagalong_decisions{repository="fleet",list="current",code="current"} 1"#));
    server.requests();
    let mut idle = Vec::new();
    daemon.shows("/healthz", |_, _| {
        idle.append(&mut server.requests());
        idle.len() >= 3
    });
    assert!(idle.iter().all(|request| request == "GET /fleet.git/info/refs?service=git-upload-pack"), "{idle:?}");
}

#[test]
fn names_in_a_repository_do_not_lead_the_daemon_into_its_own_network() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = shop(registry.host());
    let mut daemon = Daemon::start(&machine, &configuration("", &[], &[repository("fleet", &fleet.file_url(), "")]));
    daemon.says(&["\"failed\"", "unauthorized", "leads to 127.0.0.1, which is a loopback address"]);
    assert_eq!(tag_of(&fleet), "1.4.2");
}

#[test]
fn two_branches_of_one_repository_are_served() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = shop(registry.host());
    fleet.git(&["branch", "next", "main"]);
    let entry = |branch: &str| repository(branch, &fleet.file_url(), "").replace("branch: main", &format!("branch: {branch}"));
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &[entry("main"), entry("next")]));
    for branch in ["main", "next"] {
        daemon.shows("/healthz", |_, _| fleet.git(&["show", &format!("{branch}:apps/web.yaml")]).contains("shop/web:1.5.0"));
    }
}
