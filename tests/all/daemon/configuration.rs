//! A configuration that changes while it works.

use std::{fs, os::unix::fs::symlink, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{registry, shop, tag_of};
use crate::{
    end_to_end::push,
    kit::{
        binary::Machine,
        certificates::{Certificates, Leaf},
        git_server::{Door, GitServer},
        process::{Daemon, configuration, repository},
        registry::{Mode, PASSWORD, Registry, USER},
        sshd::{KeyPair, Sshd},
    },
};

#[test]
fn a_changed_configuration_is_taken_and_a_bad_one_refused() {
    let (machine, registry) = (Machine::new(), registry());
    let [one, two] = [(); 2].map(|()| shop(registry.host()));
    let text = |names: &[&str]| {
        let repositories: Vec<String> =
            names.iter().map(|name| repository(name, &if *name == "one" { one.file_url() } else { two.file_url() }, "")).collect();
        configuration("", &[registry.host()], &repositories)
    };
    let mut daemon = Daemon::start(&machine, &text(&["one"]));
    daemon.says(&["\"pushed\"", "\"one\""]);
    machine.file("work/tagalong.yaml", "repositories:\n  - ulr: x\n");
    daemon.signal("-HUP");
    let refused = daemon.says(&["the old configuration holds on"]);
    assert!(refused.contains("\"level\":\"error\"") && refused.contains("`ulr`") && refused.contains("`url`"), "{refused}");
    push(&registry, "shop/web", &["1.6.0"]);
    daemon.says(&["\"pushed\"", "\"one\""]);
    assert_eq!((tag_of(&one), daemon.page("/readyz").0), ("1.6.0".to_owned(), 200));
    let metrics = daemon.page("/metrics").1;
    assert!(metrics.contains(r#"tagalong_configuration_reloads_total{outcome="accepted"} 0"#), "{metrics}");
    assert!(!metrics.contains(r#"tagalong_configuration_reloads_total{outcome="refused"} 0"#), "{metrics}");
    machine.file("work/tagalong.yaml", text(&["one", "two"]));
    daemon.signal("-HUP");
    daemon.says(&["configuration taken", "\"repositories\":2"]);
    daemon.says(&["\"pushed\"", "\"two\""]);
    assert_eq!(tag_of(&two), "1.6.0");
    // A signal changes what stays the same, too: nothing is pushed twice, and one that is gone is forgotten.
    machine.file("work/tagalong.yaml", text(&["two"]));
    daemon.says(&["configuration taken", "\"repositories\":1"]);
    daemon.shows("/metrics", |_, page| !page.contains("repository=\"one\""));
    assert_eq!([&one, &two].map(|fleet| fleet.git(&["rev-list", "--count", "main"])), ["3\n", "2\n"]);
}

#[test]
fn a_configuration_that_names_what_is_not_there_is_refused_until_it_is() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let text = |top: &str| configuration(top, &[registry.host()], &[repository("fleet", &fleet.file_url(), "")]);
    let mut daemon = Daemon::start(&machine, &text(""));
    daemon.says(&["\"pushed\"", "fleet"]);
    machine.file("work/tagalong.yaml", text("dockerConfig: docker.json"));
    let refused = daemon.says(&["the old configuration holds on"]);
    assert!(refused.contains("docker.json") && refused.contains("\"hint\":\""), "{refused}");
    machine.file("work/docker.json", "{}");
    daemon.says(&["configuration taken", "\"by\":\"file\""]);
}

#[test]
fn what_only_a_start_can_change_stays_and_is_told() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let text = |top: &str| configuration(top, &[registry.host()], &[repository("fleet", &fleet.file_url(), "")]);
    let mut daemon = Daemon::start(&machine, &text(""));
    daemon.says(&["\"pushed\"", "fleet"]);
    machine.file("work/tagalong.yaml", text("state: elsewhere\ngitTimeout: 7s").replace("127.0.0.1:0", "127.0.0.1:1"));
    daemon.signal("-HUP");
    for key in ["listen", "state", "gitTimeout"] {
        daemon.says(&["\"warn\"", "a change that waits for the next start", &format!("\"key\":\"{key}\"")]);
    }
    daemon.says(&["configuration taken"]);
    daemon.shows("/readyz", |_, page| page == "ready\n");
    assert!(!machine.work().join("elsewhere").exists());
}

/// A folder as Kubernetes mounts a `ConfigMap` or a `Secret`: what it holds are links through `..data`, which is replaced as a whole.
struct Mount<'a>(&'a Path);

impl Mount<'_> {
    fn replace(&self, version: &str, files: &[(&str, &str)]) {
        let folder = self.0.join(version);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
            // A link that is there already leads to the new file.
            let _there = symlink(Path::new("..data").join(name), self.0.join(name));
        }
        symlink(version, self.0.join("..new")).unwrap();
        fs::rename(self.0.join("..new"), self.0.join("..data")).unwrap();
    }
}

#[test]
fn a_replaced_config_map_is_seen() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let mount = Mount(machine.root());
    let text = |name| configuration("", &[registry.host()], &[repository(name, &fleet.file_url(), "")]);
    mount.replace("one", &[("mounted.yaml", &text("one"))]);
    let path = machine.root().join("mounted.yaml");
    let call = machine.call(["run", "--log-format", "json", "--config", path.to_str().unwrap()]);
    let mut daemon = Daemon::of(call.command());
    daemon.says(&["\"pushed\"", "\"one\""]);
    mount.replace("two", &[("mounted.yaml", &text("two"))]);
    daemon.says(&["configuration taken", "\"by\":\"file\""]);
    push(&registry, "shop/web", &["1.6.0"]);
    daemon.says(&["\"pushed\"", "\"two\""]);
}

/// A registry that wants a password, and a repository that needs it.
fn locked(mode: Mode) -> (Registry, crate::kit::git::Bare) {
    let registry = Registry::start(mode);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let fleet = shop(registry.host());
    (registry, fleet)
}

#[test]
fn a_replaced_secret_is_taken_up_whatever_it_holds() {
    let (machine, open) = (Machine::new().keeping(PASSWORD), registry());
    let certificates = Certificates::make();
    certificates.leaf("good", Leaf { signer: "root", names: "DNS:localhost", year: None });
    certificates.self_signed("stranger");
    let pem = |name: &str| fs::read_to_string(certificates.path().join(name)).unwrap();
    let [by_password, by_authority, by_key, by_host] = [(); 4].map(|()| shop(open.host()));
    let of_password = GitServer::start(by_password.root(), Door::Basic("bot", PASSWORD));
    let of_authority = GitServer::start_tls(by_authority.root(), Door::Open, certificates.path(), "good");
    let sshd = Sshd::start(&["ssh-ed25519"]);
    let [old, new] = ["old", "new"].map(|name| KeyPair::make(machine.root(), name, "ed25519", ""));
    sshd.admit(&new, "");
    let ((entry, of_entry), (docker, of_docker), (tls, of_tls)) = (locked(Mode::Basic), locked(Mode::Basic), locked(Mode::Tls));
    let secrets = machine.root().join("secrets");
    fs::create_dir(&secrets).unwrap();
    let mount = Mount(&secrets);
    let login =
        |password: &str| format!(r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#, docker.host(), BASE64_STANDARD.encode(format!("{USER}:{password}")));
    let key = |pair: &KeyPair| fs::read_to_string(&pair.path).unwrap();
    let good_host = sshd.known("ssh-ed25519");
    let bad_host = good_host.replace(good_host.split(' ').nth(2).unwrap().trim_end(), old.bare().split(' ').nth(1).unwrap());
    mount.replace(
        "one",
        &[
            ("password", "wrong"),
            ("ca.pem", &pem("stranger.pem")),
            ("key", &key(&old)),
            ("hosts", &bad_host),
            ("pull", "wrong"),
            ("docker.json", &login("wrong")),
            ("registry.pem", &pem("stranger.pem")),
        ],
    );
    let known = machine.file("known", &good_host);
    let known_key = machine.file("known-key", key(&new));
    let ssh = |fleet: &crate::kit::git::Bare| sshd.url(&fleet.path());
    let repositories = [
        repository("password", &of_password.url(), "username: bot, passwordFile: ../secrets/password"),
        repository("authority", &of_authority.url(), "caFile: ../secrets/ca.pem"),
        repository("key", &ssh(&by_key), &format!("sshKeyFile: ../secrets/key, knownHostsFile: '{}'", known.display())),
        repository("host", &ssh(&by_host), &format!("sshKeyFile: '{}', knownHostsFile: ../secrets/hosts", known_key.display())),
        repository("entry", &of_entry.file_url(), ""),
        repository("docker", &of_docker.file_url(), ""),
        repository("tls", &of_tls.file_url(), ""),
    ];
    let entries = [
        open.host().to_owned(),
        format!("{{ prefix: '{}', username: {USER}, passwordFile: ../secrets/pull }}", entry.host()),
        docker.host().to_owned(),
        format!("{{ prefix: '{}', caFile: ../secrets/registry.pem }}", tls.host()),
    ];
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    // Nothing is looked at a second time but for the new configuration.
    let text = configuration("dockerConfig: ../secrets/docker.json", &entries, &repositories).replace("700ms", "1h").replace("300ms", "1h");
    let mut daemon = Daemon::start(&machine, &text);
    daemon.shows("/readyz", |_, page| page.matches("\nfails: ").count() == 7);
    let good = [
        ("password", PASSWORD),
        ("ca.pem", &pem("root.pem")),
        ("key", &key(&new)),
        ("hosts", &good_host),
        ("pull", PASSWORD),
        ("docker.json", &login(PASSWORD)),
        ("registry.pem", &fs::read_to_string(tls.ca_file()).unwrap()),
    ];
    mount.replace("two", &good);
    daemon.says(&["configuration taken", "\"by\":\"file\""]);
    daemon.shows("/readyz", |status, page| (status, page) == (200, "ready\n"));
    for fleet in [&by_password, &by_authority, &by_key, &by_host, &of_entry, &of_docker, &of_tls] {
        daemon.shows("/healthz", |_, _| tag_of(fleet) == "1.5.0");
    }
    // What was good may go bad, and be mended; a registry is not asked before its time.
    mount.replace("three", &good.map(|(name, _)| (name, if name == "docker.json" { "{}" } else { "wrong" })));
    daemon.signal("-HUP");
    daemon.shows("/readyz", |_, page| page.matches("\nfails: ").count() == 4);
    mount.replace("four", &good);
    daemon.signal("-HUP");
    daemon.shows("/readyz", |status, page| (status, page) == (200, "ready\n"));
    assert!(!daemon.told().contains(PASSWORD));
}
