//! What `/readyz`, `/metrics` and the log say, and what they keep to themselves.

use std::{net::TcpListener, sync::Arc, sync::RwLock};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{registry, shop, tag_of};
use crate::{
    end_to_end::{automated, push},
    kit::{
        binary::Machine,
        git_server::{Door, GitServer},
        hostile::Hostile,
        process::{Daemon, configuration, repository},
        proxy::forwarded,
        registry::{Mode, PASSWORD, Registry, USER},
    },
};

#[test]
fn readiness_names_what_it_waits_for() {
    let (machine, registry) = (Machine::new(), registry());
    let target = registry.host().to_owned();
    let closed = Arc::new(RwLock::new(()));
    let wait = Arc::clone(&closed);
    let held = closed.write().unwrap();
    let slow = Hostile::start(move |asked, _| {
        drop(wait.read());
        forwarded(&target, asked)
    });
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/fleet.git", silent.local_addr().unwrap());
    let fleet = shop(&slow.host());
    fleet.commit("main", &[("apps/more.yaml", &automated("more", &format!("{}/shop/more:1.0.0", slow.host()), "semver:~1"))]);
    push(&registry, "shop/more", &["1.0.0"]);
    let repositories = [repository("shop", &fleet.file_url(), ""), repository("silent", &url, "")];
    let mut daemon = Daemon::start(&machine, &configuration("gitTimeout: 5m", &[&slow.host()], &repositories));
    let host = slow.host();
    let waits = "not ready: starting\nwaits for repository silent: it was not read yet\n";
    daemon.shows("/readyz", |status, page| status == 503 && page == format!("{waits}waits for host {host}: 2 lists are missing\n"));
    drop(held);
    daemon.shows("/readyz", |status, page| status == 503 && page == waits);
    daemon.says(&["\"pushed\"", "shop"]);
    drop(silent);
    daemon.shows("/readyz", |status, page| status == 200 && page.starts_with("ready\nfails: repository silent: cannot fetch from "));
}

#[test]
fn what_an_earlier_run_saw_needs_no_host_to_be_ready() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let text = configuration("", &[registry.host()], &[repository("fleet", &fleet.file_url(), "")]).replace("700ms", "1h");
    let mut first = Daemon::start(&machine, &text);
    first.says(&["\"pushed\""]);
    first.shows("/readyz", |_, page| page == "ready\n");
    first.signal("-TERM");
    assert_eq!(first.end().code, Some(0));
    drop(registry);
    let mut second = Daemon::start(&machine, &text);
    second.shows("/readyz", |_, page| page == "ready\n");
}

#[test]
fn metrics_tell_what_was_done_and_what_is() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let [typo, locked] = ["typo", "locked"].map(|name| automated(name, &format!("{}/ops/{name}:1.0.0", registry.host()), "semver:~1"));
    push(&registry, "ops/locked", &["1.0.0"]);
    let locked = locked.replace("annotations:\n", "annotations:\n    fluxcd.io/locked: 'true'\n");
    fleet.commit("main", &[("apps/typo.yaml", &typo), ("apps/locked.yaml", &locked)]);
    let server = GitServer::start(fleet.root(), Door::Open);
    let refuses = shop(registry.host());
    refuses.hook("pre-receive", "echo no robots please >&2; exit 1");
    let refusing = GitServer::start(refuses.root(), Door::Open);
    let repositories = [
        repository("fleet", &server.url(), ""),
        repository("gone", &format!("file://{}/gone.git", machine.root().display()), ""),
        repository("strict", &refusing.url(), ""),
    ];
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &repositories));
    daemon.says(&["\"pushed\"", "fleet"]);
    machine.file("work/tagalong.yaml", "repositories: 7\n");
    daemon.signal("-HUP");
    daemon.says(&["the old configuration holds on"]);
    let host = registry.host();
    let expected = [
        format!(r#"tagalong_tags{{host="{host}"}} 2"#),
        r#"tagalong_decisions{repository="fleet",list="current",code="current"} 1"#.to_owned(),
        r#"tagalong_decisions{repository="fleet",list="held",code="locked"} 1"#.to_owned(),
        r#"tagalong_decisions{repository="fleet",list="failed",code="notFound"} 1"#.to_owned(),
        r#"tagalong_decisions{repository="strict",list="held",code="pushRefused"} 1"#.to_owned(),
        r#"tagalong_updates_total{repository="fleet"} 1"#.to_owned(),
        r#"tagalong_updates_total{repository="strict"} 0"#.to_owned(),
        r#"tagalong_pushes_total{repository="fleet",outcome="pushed"} 1"#.to_owned(),
        r#"tagalong_pushes_total{repository="strict",outcome="refused"} 1"#.to_owned(),
        r#"tagalong_pushes_total{repository="strict",outcome="pushed"} 0"#.to_owned(),
        r#"tagalong_configuration_reloads_total{outcome="refused"} 1"#.to_owned(),
        format!(r#"tagalong_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION")),
    ];
    let page = daemon.shows("/metrics", |_, page| expected.iter().all(|line| page.lines().any(|shown| shown == line)));
    let number = |series: &str| -> f64 {
        let line = page.lines().find(|line| line.starts_with(&format!("{series} "))).unwrap_or_else(|| panic!("no {series} in\n{page}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    for (series, least, most) in [
        (format!(r#"tagalong_registry_requests_total{{host="{host}",kind="list"}}"#), 2.0, f64::MAX),
        (format!(r#"tagalong_registry_requests_total{{host="{host}",kind="manifest"}}"#), 1.0, f64::MAX),
        (format!(r#"tagalong_registry_requests_total{{host="{host}",kind="config"}}"#), 1.0, 2.0),
        (format!(r#"tagalong_list_age_seconds{{host="{host}"}}"#), 0.0, 60.0),
        (r#"tagalong_cycle_seconds_count{repository="fleet",outcome="done"}"#.to_owned(), 2.0, f64::MAX),
        (r#"tagalong_cycle_seconds_sum{repository="fleet",outcome="done"}"#.to_owned(), f64::MIN_POSITIVE, 60.0),
        (r#"tagalong_cycle_seconds_count{repository="gone",outcome="failed"}"#.to_owned(), 1.0, f64::MAX),
        ("process_start_time_seconds".to_owned(), 1.7e9, 1e10),
    ] {
        let value = number(&series);
        assert!((least..=most).contains(&value), "{series} is {value}");
    }
}

#[test]
fn what_holds_is_told_once_and_again_when_it_changes() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let lock = |reason: &str| {
        let text = automated("db", &format!("{}/shop/web:1.4.2", registry.host()), "semver:~1");
        text.replace("annotations:\n", &format!("annotations:\n    fluxcd.io/locked: 'true'\n    fluxcd.io/locked_msg: '{reason}'\n"))
    };
    fleet.commit("main", &[("apps/db.yaml", &lock("migration under way"))]);
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &[repository("fleet", &fleet.file_url(), "")]));
    daemon.says(&["\"held\"", "db", "locked", "migration under way"]);
    for tag in ["1.6.0", "1.7.0", "1.8.0"] {
        push(&registry, "shop/web", &[tag]);
        daemon.says(&["\"pushed\""]);
    }
    fleet.commit("main", &[("apps/db.yaml", &lock("audit"))]);
    daemon.says(&["\"held\"", "db", "locked", "audit"]);
    fleet.commit("main", &[("apps/db.yaml", "")]);
    daemon.says(&["no longer so", "db", "locked"]);
    fleet.commit(
        "main",
        &[("apps/broken.yaml", "metadata:\n  annotations:\n    fluxcd.io/automated: 'true\n"), ("apps/template.yaml", "a: {{ .b }\n")],
    );
    daemon.says(&["\"unreadable\"", "apps/broken.yaml", "\"line\":"]);
    push(&registry, "shop/web", &["1.9.0"]);
    daemon.says(&["\"pushed\""]);
    fleet.commit("main", &[("apps/broken.yaml", "")]);
    daemon.says(&["no longer so", "apps/broken.yaml"]);
    assert_eq!(daemon.told().matches("\"message\":\"unreadable\"").count(), 1, "{}", daemon.told());
    assert_eq!(daemon.told().matches("\"message\":\"held\"").count(), 2, "{}", daemon.told());
}

const IN_URL: &str = "p4ss-of-the-url";
const TOKEN: &str = "t0ken-of-the-bot";

#[test]
fn no_secret_is_told_anywhere() {
    let (machine, open) = (Machine::new(), registry());
    let private = Registry::start(Mode::Basic);
    push(&private, "shop/web", &["1.4.2", "1.5.0"]);
    let [by_url, by_token, wrong] = [(); 3].map(|()| shop(private.host()));
    let of_url = GitServer::start(by_url.root(), Door::Basic("bot", IN_URL));
    let of_token = GitServer::start(by_token.root(), Door::Basic("x-access-token", TOKEN));
    let of_wrong = GitServer::start(wrong.root(), Door::Basic("bot", "another"));
    machine.file("work/password", PASSWORD);
    machine.file("work/token", TOKEN);
    let repositories = [
        repository("url", &of_url.url(), ""),
        repository("token", &of_token.url(), "tokenFile: token"),
        repository("wrong", &of_wrong.url(), "tokenFile: token"),
    ];
    let entries = [
        format!("{{ prefix: '{}', username: {USER}, passwordFile: password }}", private.host()),
        format!("{{ prefix: '{}', tokenFile: token }}", open.host()),
    ];
    machine.file("work/tagalong.yaml", configuration("", &[&entries[0], &entries[1]], &repositories));
    let call = machine.call(["run", "--config", "tagalong.yaml", "--log-format", "json", "--log-level", "debug"]);
    let url = of_url.url_of(&format!("bot:{IN_URL}@"), "fleet.git");
    let call = call.env("TAGALONG_GIT_URL", url);
    let mut daemon = Daemon::of(call.command());
    daemon.says(&["cannot go on", "wrong"]);
    for fleet in [&by_url, &by_token] {
        daemon.shows("/healthz", |_, _| tag_of(fleet) == "1.5.0");
    }
    // What it tried with the wrong secret, and a configuration that holds one, are told without it.
    machine.file("work/tagalong.yaml", format!("repositories: [{{ url: 'https://bot:{IN_URL}@git.example/fleet.git' }}]\n"));
    daemon.signal("-HUP");
    daemon.says(&["the old configuration holds on"]);
    let pages = ["/readyz", "/metrics"].map(|path| daemon.page(path).1);
    daemon.signal("-TERM");
    let told = [&pages[..], &[daemon.end().told]].concat().concat();
    let pair = |user: &str, secret: &str| BASE64_STANDARD.encode(format!("{user}:{secret}"));
    for secret in [IN_URL.to_owned(), TOKEN.to_owned(), PASSWORD.to_owned(), pair("bot", IN_URL), pair("x-access-token", TOKEN), pair(USER, PASSWORD)]
    {
        assert!(!told.contains(&secret), "{secret} is told:\n{told}");
    }
}
