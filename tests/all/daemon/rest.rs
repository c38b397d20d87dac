//! Servers that die and return: others are not delayed, and nobody has to lend a hand.

use super::{registry, shop, tag_of};
use crate::{
    end_to_end::{automated, push},
    kit::{
        binary::Machine,
        gate::Gate,
        git_server::{Door, GitServer},
        process::{Daemon, configuration, repository},
    },
};

#[test]
fn a_registry_that_dies_and_returns_delays_nobody_else() {
    let (machine, registry) = (Machine::new(), registry());
    push(&registry, "ops/mailer", &["1.0.0"]);
    let mut gate = Gate::before(registry.host());
    let fleet = shop(registry.host());
    fleet.commit("main", &[("apps/mailer.yaml", &automated("mailer", &format!("{}/ops/mailer:1.0.0", gate.host()), "semver:~1"))]);
    gate.close();
    let server = GitServer::start(fleet.root(), Door::Open);
    let entry = format!("{{ prefix: '{}', interval: 1s }}", gate.host());
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host(), &entry], &[repository("fleet", &server.url(), "")]));
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!(tag_of(&fleet), "1.5.0");
    daemon.says(&["\"failed\"", "mailer", "unreachable"]);
    let (status, ready) = daemon.page("/readyz");
    assert_eq!(status, 200, "{ready}");
    assert!(ready.contains(&format!("fails: host {}: ", gate.host())), "{ready}");
    push(&registry, "ops/mailer", &["1.1.0"]);
    gate.open();
    daemon.says(&["no longer so", "mailer"]);
    daemon.shows("/readyz", |_, page| page == "ready\n");
    daemon.shows("/metrics", |_, page| page.contains(r#"tagalong_updates_total{repository="fleet"} 2"#));
    assert!(String::from_utf8_lossy(&fleet.file("apps/mailer.yaml")).contains("/ops/mailer:1.1.0"));
}

#[test]
fn a_git_server_that_dies_and_returns_is_served_again() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let server = GitServer::start(fleet.root(), Door::Open);
    let url = server.url();
    let port = server.stop();
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &[repository("fleet", &url, "")]));
    daemon.says(&["cannot go on", "fleet", "nothing accepts connections"]);
    let (status, waits) = daemon.page("/readyz");
    assert_eq!(status, 503);
    assert!(waits.starts_with("not ready: starting\nfails: repository fleet: "), "{waits}");
    let server = GitServer::at(&port, fleet.root(), Door::Open);
    daemon.says(&["works again", "fleet"]);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!((tag_of(&fleet), daemon.page("/readyz").0), ("1.5.0".to_owned(), 200));
    let port = server.stop();
    daemon.says(&["cannot go on", "fleet", "nothing accepts connections"]);
    push(&registry, "shop/web", &["1.6.0"]);
    assert_eq!(daemon.page("/readyz").0, 200, "it stays fit to serve the others");
    let _server = GitServer::at(&port, fleet.root(), Door::Open);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!((tag_of(&fleet), fleet.faults()), ("1.6.0".to_owned(), String::new()));
}
