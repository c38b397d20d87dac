//! What people get wrong, each beside a repository that goes on.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{registry, shop, tag_of};
use crate::{
    end_to_end::push,
    kit::{
        binary::Machine,
        git::Bare,
        git_server::{Door, GitServer},
        process::{Daemon, configuration, repository},
        registry::{Mode, PASSWORD, Registry, USER},
        sshd::{KeyPair, Sshd},
    },
};

const PASSPHRASE: &str = "c0rrect horse";

/// One sentence without the ends of lines, and what to do next behind it.
#[track_caller]
fn is_a_sentence_with_a_hint(word: &str, reason: &str) {
    let (sentence, hint) = reason.split_once("; ").unwrap_or_else(|| panic!("{word}: no hint: {reason}"));
    assert!(sentence.starts_with("cannot ") && !sentence.contains("\\n"), "{word}: {reason}");
    assert!(!hint.is_empty() && !reason.contains(PASSPHRASE) && !reason.contains(PASSWORD), "{word}: {reason}");
}

#[test]
fn what_is_wrong_with_one_repository_stops_no_other() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = |_: &str| shop(registry.host());
    let sshd = Sshd::start(&["ssh-ed25519"]);
    let keys = |name: &str, passphrase: &str| KeyPair::make(machine.root(), name, "ed25519", passphrase);
    let (good, reader, stranger, encrypted, exposed) =
        (keys("good", ""), keys("reader", ""), keys("stranger", ""), keys("encrypted", PASSPHRASE), keys("exposed", ""));
    for key in [&good, &encrypted, &exposed] {
        sshd.admit(key, "");
    }
    sshd.admit_reader(&reader);
    fs::set_permissions(&exposed.path, fs::Permissions::from_mode(0o644)).unwrap();
    let known = sshd.known("ssh-ed25519");
    let changed = format!("{} {}\n", known.split(' ').next().unwrap(), stranger.bare());
    for (name, text) in [
        ("known", &*known),
        ("changed", &changed),
        ("unknown", "# nobody\n"),
        ("empty", ""),
        ("two-lines", "one\ntwo\n"),
        ("no-key", "hello\n"),
        ("no-ca.pem", "hello\n"),
        ("expired", "expired"),
    ] {
        machine.file(name, text);
    }
    let closed = fleet("closed");
    let server = GitServer::start(closed.root(), Door::Basic("bot", PASSWORD));
    let fleets: BTreeMap<&str, Bare> =
        ["good", "unknown-host", "changed-host", "read-only", "encrypted", "exposed", "not-admitted"].map(|name| (name, fleet(name))).into();
    let ssh = |name: &str| sshd.url(&fleets[name].path());
    // Each with the words of its sentence and hint.
    let rows: Vec<(&str, String, &str, Vec<String>)> = vec![
        ("missing-password", server.url(), "username: bot, passwordFile: ../nowhere", vec!["nowhere`: there is no such file".into()]),
        ("missing-variable", server.url_of("", "a.git"), "tokenEnv: NO_SUCH_TOKEN", vec!["`NO_SUCH_TOKEN`: it is not set".into()]),
        ("empty-password", server.url_of("", "b.git"), "username: bot, passwordFile: ../empty", vec!["empty`: it is empty".into()]),
        ("folder-as-password", server.url_of("", "c.git"), "username: bot, passwordFile: ..", vec!["directory".into()]),
        ("two-lines", server.url_of("", "d.git"), "username: bot, passwordFile: ../two-lines", vec!["it has more than one line".into()]),
        (
            "expired",
            server.url_of("", "e.git"),
            "username: bot, passwordFile: ../expired",
            vec!["refused the user and the password".into(), "expired".into()],
        ),
        ("no-credential", server.url_of("", "f.git"), "", vec!["wants".into(), "`username`".into()]),
        ("missing-ca", "https://localhost:1/fleet.git".into(), "caFile: ../nowhere.pem", vec!["cannot read the CA file".into()]),
        ("no-ca", "https://localhost:1/other.git".into(), "caFile: ../no-ca.pem", vec!["cannot use the CA file".into()]),
        ("unknown-host", ssh("unknown-host"), "sshKeyFile: ../good, knownHostsFile: ../unknown", vec!["SHA256:".into(), known.trim_end().to_owned()]),
        ("changed-host", ssh("changed-host"), "sshKeyFile: ../good, knownHostsFile: ../changed", vec!["SHA256:".into(), "changed` line 1".into()]),
        (
            "missing-hosts",
            ssh("good").replace("/fleet", "/a"),
            "sshKeyFile: ../good, knownHostsFile: ../nowhere",
            vec!["cannot read the known hosts".into()],
        ),
        ("encrypted", ssh("encrypted"), "sshKeyFile: ../encrypted, knownHostsFile: ../known", vec!["`sshPassphraseFile`".into()]),
        ("no-key", ssh("good").replace("/fleet", "/b"), "sshKeyFile: ../no-key, knownHostsFile: ../known", vec!["cannot".into()]),
        ("missing-key", ssh("good").replace("/fleet", "/c"), "sshKeyFile: ../nowhere, knownHostsFile: ../known", vec!["nowhere".into()]),
        ("not-admitted", ssh("not-admitted"), "sshKeyFile: ../stranger, knownHostsFile: ../known", vec![stranger.bare().into()]),
    ];
    let mut repositories: Vec<String> = rows.iter().map(|(name, url, keys, _)| repository(name, url, keys)).collect();
    repositories.extend([
        repository("good", &fleets["good"].file_url(), ""),
        repository("read-only", &ssh("read-only"), "sshKeyFile: ../reader, knownHostsFile: ../known"),
        repository("exposed", &ssh("exposed"), "sshKeyFile: ../exposed, knownHostsFile: ../known"),
    ]);
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &repositories));
    for name in ["good", "exposed"] {
        daemon.shows("/healthz", |_, _| tag_of(&fleets[name]) == "1.5.0");
    }
    let page = daemon.shows("/readyz", |status, page| status == 200 && page.matches("\nfails: ").count() == rows.len());
    let metrics = daemon.shows("/metrics", |_, page| page.contains(r#"tagalong_decisions{repository="read-only",list="held",code="pushRefused"} 1"#));
    let told = daemon.told();
    for (name, _, _, words) in &rows {
        let reason =
            page.lines().find_map(|line| line.strip_prefix(&format!("fails: repository {name}: "))).unwrap_or_else(|| panic!("{name}: {page}"));
        is_a_sentence_with_a_hint(name, reason);
        assert!(words.iter().all(|word| reason.contains(word)), "{name}: {words:?} in {reason}");
        let lines: Vec<&str> = told.lines().filter(|line| line.contains("cannot go on") && line.contains(&format!("\"{name}\""))).collect();
        assert_eq!(lines.len(), 1, "{name} is told once: {lines:?}");
        let failed =
            metrics.lines().find_map(|line| line.strip_prefix(&format!("tagalong_cycle_seconds_count{{repository=\"{name}\",outcome=\"failed\"}} ")));
        assert!(failed.is_some_and(|count| count != "0"), "{name}: {failed:?}");
    }
    assert!(told.lines().any(|line| line.contains("\"warn\"") && line.contains("exposed") && line.contains("chmod 600")), "{told}");
    let refused = told.lines().find(|line| line.contains("\"held\"") && line.contains("\"read-only\"")).expect("it is told");
    assert!(refused.contains("pushRefused") && refused.contains("\"hint\":\"") && refused.contains("write access"), "{refused}");
    // The others are asked again and again meanwhile.
    push(&registry, "shop/web", &["1.6.0"]);
    daemon.shows("/healthz", |_, _| tag_of(&fleets["good"]) == "1.6.0");
}

#[test]
fn what_is_wrong_with_one_registry_stops_no_other() {
    let (machine, open) = (Machine::new(), registry());
    let start = |mode: Mode| {
        let registry = Registry::start(mode);
        push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
        registry
    };
    let [missing, expired, elsewhere, anonymous] = [(); 4].map(|()| start(Mode::Basic));
    let [no_authority, stranger] = [(); 2].map(|()| start(Mode::Tls));
    machine.file("expired", "expired");
    let login = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    machine.file("docker.json", format!(r#"{{"auths":{{"other.example":{{"auth":"{login}"}}}}}}"#));
    let rows = [
        ("missing", &missing, format!("username: {USER}, passwordFile: ../nowhere"), "nowhere`: there is no such file"),
        ("expired", &expired, format!("username: {USER}, passwordFile: ../expired"), "`registries:` ("),
        ("elsewhere", &elsewhere, String::new(), "answered 401"),
        ("anonymous", &anonymous, "tokenEnv: NO_SUCH_TOKEN".to_owned(), "`NO_SUCH_TOKEN`: it is not set"),
        ("no-authority", &no_authority, "caFile: ../nowhere.pem".to_owned(), "nowhere.pem"),
        ("stranger", &stranger, String::new(), "certificate"),
    ];
    let good = shop(open.host());
    let fleets: Vec<Bare> = rows.iter().map(|(_, registry, ..)| shop(registry.host())).collect();
    let mut repositories: Vec<String> = rows.iter().zip(&fleets).map(|((name, ..), fleet)| repository(name, &fleet.file_url(), "")).collect();
    repositories.push(repository("good", &good.file_url(), ""));
    let mut entries: Vec<String> = rows.iter().map(|(_, registry, keys, _)| format!("{{ prefix: '{}', {keys} }}", registry.host())).collect();
    entries.push(open.host().to_owned());
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let mut daemon = Daemon::start(&machine, &configuration("dockerConfig: ../docker.json", &entries, &repositories));
    daemon.shows("/healthz", |_, _| tag_of(&good) == "1.5.0");
    let page = daemon.shows("/readyz", |status, page| status == 200 && page.matches("\nfails: ").count() == rows.len());
    for (name, registry, _, words) in &rows {
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("fails: host {}: ", registry.host())));
        let reason = line.unwrap_or_else(|| panic!("{name}: {page}"));
        is_a_sentence_with_a_hint(name, reason);
        assert!(reason.contains(words), "{name}: {words} in {reason}");
        let words = ["\"failed\"".to_owned(), format!("\"{name}\"")];
        let told = daemon.told_of(&words.each_ref().map(String::as_str));
        let lines: Vec<&str> = told.lines().filter(|line| words.iter().all(|word| line.contains(word))).collect();
        assert_eq!(lines.len(), 1, "{name} is told once: {told}");
        assert!(lines[0].contains("\"hint\":\"") && !lines[0].contains(PASSWORD), "{name}: {}", lines[0]);
        daemon.shows("/metrics", |_, page| {
            page.lines().any(|line| line.starts_with(&format!("tagalong_decisions{{repository=\"{name}\",list=\"failed\",")) && line.ends_with(" 1"))
        });
    }
    push(&open, "shop/web", &["1.6.0"]);
    daemon.shows("/healthz", |_, _| tag_of(&good) == "1.6.0");
}

#[test]
fn a_docker_configuration_that_cannot_be_read_stops_nobody_who_needs_none() {
    for (word, text, sentence) in
        [("missing", None, "docker.json`"), ("a folder", Some(""), "docker.json`"), ("no JSON", Some("{\"auths\":"), "docker.json`")]
    {
        let (machine, registry) = (Machine::new(), registry());
        let fleet = shop(registry.host());
        match text {
            Some("") => fs::create_dir(machine.work().join("docker.json")).unwrap(),
            Some(text) => drop(machine.file("work/docker.json", text)),
            None => {}
        }
        let configuration = configuration("dockerConfig: docker.json", &[registry.host()], &[repository("fleet", &fleet.file_url(), "")]);
        let mut daemon = Daemon::start(&machine, &configuration);
        let told = daemon.says(&["no login of Docker is used", sentence]);
        assert!(told.contains("\"level\":\"error\"") && told.contains("\"hint\":\""), "{word}: {told}");
        daemon.says(&["\"pushed\"", "fleet"]);
    }
}

#[test]
fn a_configuration_that_cannot_be_is_refused_with_a_hint() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let good = repository("fleet", &fleet.file_url(), "");
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], std::slice::from_ref(&good)));
    daemon.says(&["\"pushed\"", "fleet"]);
    let refused = |text: &str| configuration(text, &[registry.host()], std::slice::from_ref(&good));
    for (word, text, sentence) in [
        (
            "one branch twice",
            configuration("", &[], &[good.clone(), repository("again", &fleet.file_url(), "")]),
            "two repositories have the same `url` and `branch`",
        ),
        ("one name twice", configuration("", &[], &[good.clone(), repository("fleet", "file:///b", "")]), "two repositories are called `fleet`"),
        ("an interval of zero", refused("").replace("interval: 300ms", "interval: 0s"), "interval"),
        ("a registry's interval of zero", refused("").replace("700ms", "0s"), "registryPollInterval"),
        ("a secret in a URL", configuration("", &[], &[repository("x", "https://bot:hunter2@git.example/x", "")]), "secret"),
        ("an unknown key", refused("intervall: 1m"), "intervall"),
        ("no YAML", "repositories: [".to_owned(), "tagalong.yaml"),
        ("nothing", String::new(), "no repository is configured"),
    ] {
        machine.file("work/tagalong.yaml", text);
        daemon.signal("-HUP");
        let told = daemon.says(&["the old configuration holds on"]);
        assert!(told.contains(sentence) && told.contains("\"hint\":\"") && !told.contains("hunter2"), "{word}: {told}");
    }
    push(&registry, "shop/web", &["1.6.0"]);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!(daemon.page("/readyz").0, 200);
}
