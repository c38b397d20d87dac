//! A remote that moves, refuses, or knows somebody else.

use std::fs;

use super::{automated, fleet, push};
use crate::kit::{
    binary::Machine,
    git::Bare,
    git_server::{Door, GitServer},
    registry::{Mode, Registry},
};

const SECRET: &str = "wr0ng-or-r1ght";

/// A hook that commits somebody's work to `main` before it lets the push go on; `times` 0 is for ever.
fn moving(fleet: &Bare, times: u32) {
    let count = fleet.root().join("moved");
    fs::write(&count, "").unwrap();
    fleet.hook(
        "pre-receive",
        &format!(
            "[ {times} -gt 0 ] && [ \"$(wc -l < {count})\" -ge {times} ] && exit 0\n\
             echo >> {count}\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
             export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@git.example GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@git.example\n\
             new=$(git commit-tree -p main -m \"work $(wc -l < {count})\" main^{{tree}})\ngit update-ref refs/heads/main $new",
            count = count.display()
        ),
    );
}

fn registry() -> Registry {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    push(&registry, "shop/cart", &["2.0.0", "2.2.0"]);
    registry
}

#[test]
fn a_branch_that_moves_is_planned_again_on_its_new_tip() {
    let registry = registry();
    for (word, times) in [("once", 1), ("four times", 4)] {
        let machine = Machine::new();
        let fleet = fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1");
        let server = GitServer::start(fleet.root(), Door::Open);
        moving(&fleet, times);
        let ran = machine.call(["apply", &server.url()]).run().ended(0);
        assert_eq!(ran.last(), format!("pushed {} to main (1 update)", &fleet.tip("main").unwrap()[..7]), "{word}");
        let log = fleet.git(&["log", "--format=%an", "main"]);
        let authors: Vec<&str> = log.lines().collect();
        let mut expected = vec!["Tagalong"];
        expected.extend(vec!["Ada"; times as usize + 1]);
        assert_eq!(authors, expected, "{word}: nothing is lost, nothing is doubled");
        assert!(String::from_utf8(fleet.file("apps/web.yaml")).unwrap().contains("shop/web:1.1.0"));
        assert_eq!(fleet.faults(), "");
    }
}

#[test]
fn a_branch_that_never_stands_still_is_given_up_after_ten_tries() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1");
    moving(&fleet, 0);
    let server = GitServer::start(fleet.root(), Door::Open);
    let ran = machine.call(["apply", &server.url()]).run().ended(3);
    insta::assert_snapshot!(ran.told(&[(&server.url(), "URL")]), @r"
    error: cannot move `main` of `URL`: somebody else moved it during each of 10 tries
      hint: run it again when fewer commits arrive there: each time it is planned anew
    ");
    assert_eq!(fs::read_to_string(fleet.root().join("moved")).unwrap().lines().count(), 10);
    assert_eq!(fleet.git(&["log", "--format=%an", "main"]).matches("Tagalong").count(), 0);
}

#[test]
fn two_at_once_lose_and_double_nothing() {
    let (registry, host) = (registry(), String::new());
    let host = host + registry.host();
    let fleet = Bare::with(&[
        ("apps/web.yaml", &automated("web", &format!("{host}/shop/web:1.0.0"), "semver:~1")),
        ("apps/cart.yaml", &automated("cart", &format!("{host}/shop/cart:2.0.0"), "semver:~2")),
    ]);
    let server = GitServer::start(fleet.root(), Door::Open);
    let machines: Vec<Machine> = (0..4).map(|_| Machine::new()).collect();
    // Two share a state folder, as two runs on one machine do; two write to other paths than the rest.
    let calls = [(0, "apps"), (0, "apps"), (1, "apps/web.yaml"), (2, "apps/cart.yaml")];
    let url = server.url();
    let running: Vec<_> = calls.map(|(at, path)| machines[at].call(["apply", &*url, "--git-path", path]).start()).into_iter().collect();
    for running in running {
        running.wait().ended(0);
    }
    let log = fleet.git(&["log", "--format=%b", "main"]);
    for line in [format!("Image-Update: {host}/shop/web 1.0.0 -> 1.1.0"), format!("Image-Update: {host}/shop/cart 2.0.0 -> 2.2.0")] {
        assert_eq!(log.matches(&line).count(), 1, "{log}");
    }
    assert!(String::from_utf8(fleet.file("apps/web.yaml")).unwrap().contains("shop/web:1.1.0"));
    assert!(String::from_utf8(fleet.file("apps/cart.yaml")).unwrap().contains("shop/cart:2.2.0"));
    assert_eq!(fleet.faults(), "");
}

#[test]
fn a_hook_that_says_no_is_told_in_its_own_words() {
    let (registry, machine) = (registry(), Machine::new().keeping(SECRET));
    let fleet = fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1");
    fleet.hook("pre-receive", "echo 'no release on Fridays' >&2; exit 1");
    let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
    let url = server.url_of(&format!("bot:{SECRET}@"), "fleet.git");
    let before = fleet.tip("main");
    let ran = machine.call(["apply", &url]).run().ended(1);
    let names = [(registry.host(), "HOST"), (&*server.url(), "URL"), (&before.clone().unwrap()[..7], "COMMIT")];
    let told = ran.told(&names);
    let told: Vec<&str> = told.lines().filter(|line| !line.contains(" requests, ")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    fleet  main @ COMMIT   1 workload, 1 image, 1 registry

      held  default:deployment/web   app   HOST/shop/web   1.0.0   cannot push to `main` of `URL`: it was refused: no release on Fridays (pre-receive hook declined); would be 1.1.0
            hint: let this user push to the branch, or change what the hook or the branch's protection asks for

    wrote nothing
    ");
    let json = machine.call(["apply", &url, "--output", "json"]).run().ended(1).json();
    let held = &json["held"][0];
    assert_eq!((held["code"].as_str(), held["blame"].as_str(), &json["pushed"]), (Some("pushRefused"), Some("operator"), &serde_json::Value::Null));
    assert!(held["reason"].as_str().unwrap().contains("no release on Fridays"), "{held}");
    assert_eq!(json["updates"].as_array().unwrap().len(), 0);
    assert_eq!(machine.call(["apply", &url, "--output", "diff"]).run().ended(1).out, "");
    assert_eq!(fleet.tip("main"), before);
}

#[test]
fn a_wrong_password_and_one_that_may_only_read_are_told_apart() {
    let (registry, machine) = (registry(), Machine::new().keeping(SECRET));
    let fleet = fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1");
    let server = GitServer::start(fleet.root(), Door::Basic("bot", "the right one"));
    let ran = machine.call(["apply", &server.url_of(&format!("bot:{SECRET}@"), "fleet.git")]).run().ended(1);
    insta::assert_snapshot!(ran.told(&[(&server.url(), "URL")]), @r"
    error: cannot fetch from `URL`: it refused the user and the password or token
      hint: check the user and the token, and whether the token has expired
    ");
    let ran = machine.call(["apply", &server.url()]).run().ended(1);
    insta::assert_snapshot!(ran.told(&[(&server.url(), "URL")]), @r"
    error: cannot fetch from `URL`: it wants a user and a password or token, and none is given
      hint: give a user and a token: `username` with `passwordFile`, or `tokenFile`, for this repository in tagalong.yaml, or USER:TOKEN@ in the URL
    ");

    fleet.git(&["config", "http.receivepack", "false"]);
    let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
    let url = server.url_of(&format!("bot:{SECRET}@"), "fleet.git");
    machine.call(["plan", &url]).run().ended(0);
    let ran = machine.call(["apply", &url, "--output", "json"]).run().ended(1);
    let held = &ran.json()["held"][0];
    assert_eq!(held["code"], "pushRefused");
    insta::assert_snapshot!(held["reason"].as_str().unwrap().replace(&server.url(), "URL"), @"cannot push to `URL`: it does not allow this (403 Forbidden)");
}
