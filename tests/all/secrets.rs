//! No secret leaves the process but to whom it is for: everything that it wrote is searched.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};

use crate::{
    end_to_end::{fleet, fleet_of, push, registry},
    github_app::Scene,
    kit::{
        binary::{Machine, Ran},
        git::Bare,
        git_server::{Door, GitServer},
        github::{Mood, Rules},
        hostile::{Hostile, Reply},
        process::Daemon,
        registry::{Mode, PASSWORD, Registry, USER},
        sshd::{HOST_KEYS, KeyPair, Sshd},
    },
};

/// The password of Git, with what addresses escape.
const GIT: &str = "g1t/pa+ss w%rd";
/// The same as an address holds it.
const ESCAPED: &str = "g1t%2Fpa%2Bss%20w%25rd";
const TOKEN: &str = "ghp-t0ken-of-the-bot";
const PASSPHRASE: &str = "c0rrect horse battery";
const PULLER: &str = "pull-s3cret";
/// How every token of the App ends.
const APP: &str = "-of-the-app";

/// Every form of every secret, by name.
fn needles() -> Vec<(String, String)> {
    let mut needles = Vec::new();
    for (name, user, secret) in [
        ("git", "bot", GIT),
        ("token", "x-access-token", TOKEN),
        ("passphrase", "", PASSPHRASE),
        ("puller", "puller", PULLER),
        ("registry", USER, PASSWORD),
    ] {
        needles.push((name.to_owned(), secret.to_owned()));
        needles.push((format!("{name}, in base64"), BASE64.encode(secret)));
        needles.push((format!("{name}, as a header has it"), BASE64.encode(format!("{user}:{secret}"))));
    }
    needles.push(("git, escaped".to_owned(), ESCAPED.to_owned()));
    needles.push(("a private key".to_owned(), "PRIVATE KEY".to_owned()));
    needles.push(("an App's token".to_owned(), APP.to_owned()));
    needles.push(("what an App signed".to_owned(), BASE64.encode(r#"{"alg":"RS256","typ":"JWT"}"#).trim_end_matches('=').to_owned()));
    needles
}

/// Whatever was written in these flows.
#[derive(Default)]
struct Written(Vec<(String, Vec<u8>)>);

impl Written {
    fn ran(&mut self, word: &str, ran: &Ran) {
        self.0.push((format!("output of {word}"), ran.told(&[]).into_bytes()));
    }

    /// Every file below a folder.
    fn folder(&mut self, word: &str, folder: &Path) {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                self.folder(word, &entry);
            } else {
                self.0.push((format!("{word}: {}", entry.display()), fs::read(&entry).expect("a file")));
            }
        }
    }

    /// What a run left behind, and what it committed.
    fn left(&mut self, word: &str, machine: &Machine, fleet: &Bare) {
        self.folder(word, &machine.root().join("state"));
        self.folder(word, &machine.root().join("tmp"));
        let log = fleet.git(&["log", "--all", "--format=raw", "-p"]);
        self.0.push((format!("commits of {word}"), log.into_bytes()));
        let mirrors = fs::read_dir(machine.root().join("state/tagalong/mirrors")).into_iter().flatten();
        for mirror in mirrors.map(|mirror| mirror.expect("an entry").path()) {
            let log = crate::kit::git::git(&mirror, &["log", "--all", "--format=raw", "-p", "--reflog"]);
            self.0.push((format!("mirror of {word}"), log.into_bytes()));
        }
    }

    fn holds_no_secret(&self) {
        assert!(!self.0.is_empty());
        for (word, bytes) in &self.0 {
            for (name, needle) in needles() {
                let found = bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
                assert!(!found, "{name} is in the {word}: {}", String::from_utf8_lossy(bytes));
            }
        }
    }
}

#[test]
fn passwords_of_git_are_nowhere() {
    let (registry, mut written) = (registry(), Written::default());
    let hook = format!("echo 'you sent {GIT} and {ESCAPED} and {}' >&2\nexit 1\n", BASE64.encode(format!("bot:{GIT}")));
    for (word, door, hook, code) in [
        ("a push", Door::Basic("bot", GIT), None, 0),
        ("a refused push", Door::Basic("bot", GIT), Some(hook.as_str()), 1),
        ("a refused password", Door::Basic("bot", "another"), None, 1),
        ("a server that repeats it", Door::Answer(403, "text/plain", "no: g1t/pa+ss w%rd"), None, 1),
        ("no Git server", Door::Answer(200, "text/html", "<p>g1t%2Fpa%2Bss%20w%25rd"), None, 1),
    ] {
        let (machine, fleet) = (Machine::new(), fleet_of(&registry));
        if let Some(script) = hook {
            fleet.hook("pre-receive", script);
        }
        let server = GitServer::start(fleet.root(), door);
        let url = server.url_of(&format!("bot:{ESCAPED}@"), "fleet.git");
        for line in [&["apply", &url][..], &["plan", "--git-url", &url, "--output", "json"], &["set", "redis:1", "--git-url", &url]] {
            let ran = machine.call(line).run();
            assert!(line[0] != "apply" || ran.code == code, "{word}: {}", ran.told(&[]));
            written.ran(word, &ran);
        }
        written.ran(word, &machine.call(["apply"]).env("TAGALONG_GIT_URL", &url).run());
        written.ran(word, &machine.call(["plan", &url, "--no-such-flag"]).run());
        written.ran(word, &machine.call(["plan", &url, "--git-url", &url]).run());
        machine.file("work/tagalong.yaml", format!("repositories:\n- url: {url}\n"));
        written.ran(word, &machine.run("check --config-only"));
        written.left(word, &machine, &fleet);
    }
    written.holds_no_secret();
}

#[test]
fn tokens_keys_and_passphrases_are_nowhere() {
    let (registry, sshd, mut written) = (registry(), Sshd::start(&HOST_KEYS), Written::default());
    for (word, passphrase, code) in [("what opens the keys", PASSPHRASE, 0), ("what does not", "c0rrect horse battery staple", 1)] {
        let (machine, fleet) = (Machine::new(), fleet_of(&registry));
        let identity = KeyPair::make(&machine.work(), "identity", "ed25519", PASSPHRASE);
        KeyPair::make(&machine.work(), "signing", "ed25519", PASSPHRASE);
        sshd.admit(&identity, "");
        machine.file("work/known_hosts", sshd.known("ssh-ed25519"));
        machine.file("work/passphrase", passphrase);
        let url = sshd.url(&fleet.path());
        let entry = "sshKeyFile: identity, sshPassphraseFile: passphrase, knownHostsFile: known_hosts";
        let text =
            format!("repositories:\n- {{ url: '{url}', {entry}, commit: {{ signingKeyFile: signing, signingPassphraseFile: passphrase }} }}\n");
        machine.file("work/tagalong.yaml", text);
        let ran = machine.call(["apply", &url]).run();
        assert_eq!(ran.code, code, "{word}: {}", ran.told(&[]));
        written.ran(word, &ran);
        written.ran(word, &machine.run("identity"));
        written.ran(word, &machine.run("check --config-only"));
        written.left(word, &machine, &fleet);
    }
    for (word, door, code) in [("a token", Door::Basic("x-access-token", TOKEN), 0), ("a refused token", Door::Basic("x-access-token", "x"), 1)] {
        let (machine, fleet) = (Machine::new(), fleet_of(&registry));
        let server = GitServer::start(fleet.root(), door);
        machine.file("work/token", TOKEN);
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', tokenFile: token }}\n", server.url()));
        let ran = machine.call(["apply", &server.url()]).run();
        assert_eq!(ran.code, code, "{word}: {}", ran.told(&[]));
        written.ran(word, &ran);
        written.left(word, &machine, &fleet);
    }
    written.holds_no_secret();
}

#[test]
fn keys_and_tokens_of_an_app_are_nowhere() {
    let mut written = Written::default();
    let echo = |text: &str| Mood::Answer(500, &[], format!("{{\"message\": \"{text}\"}}"));
    let keys = "id: 123456, privateKeyFile: app.pem";
    for (word, keys, mood, code) in [
        ("an App", keys, Mood::Good, 0),
        ("a refused App", "id: 1, privateKeyFile: app.pem", Mood::Good, 1),
        ("a broken API", keys, echo("sorry"), 3),
    ] {
        let scene = Scene::new(Rules { mood, ..Rules::default() });
        scene.configure(keys);
        let ran = scene.run("apply");
        assert_eq!(ran.code, code, "{word}: {}", ran.told(&[]));
        written.ran(word, &ran);
        written.ran(word, &scene.machine.run("check --config-only"));
        let key = std::fs::read_to_string(scene.machine.work().join("app.pem")).expect("a key");
        let line = key.lines().nth(1).expect("its first line").to_owned();
        written.left(word, &scene.machine, &scene.fleet);
        assert!(!written.0.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(&line)), "{word}");
    }
    // A hook that repeats the password, and a daemon whose tokens are taken away.
    let scene = Scene::new(Rules::default());
    scene.fleet.hook("pre-receive", "echo \"you sent ghs_0-of-the-app\" >&2\nexit 1\n");
    let mut daemon = scene.daemon(keys);
    daemon.says(&["refused"]);
    scene.github.revoke();
    daemon.shows("/metrics", |_, _| scene.github.given().len() > 1);
    for path in ["/readyz", "/metrics", "/healthz"] {
        written.0.push((format!("page {path}"), daemon.page(path).1.into_bytes()));
    }
    daemon.signal("-TERM");
    written.0.push(("log".to_owned(), daemon.end().told.into_bytes()));
    written.left("the daemon", &scene.machine, &scene.fleet);
    written.holds_no_secret();
}

#[test]
fn what_stands_where_a_secret_must_not_is_not_repeated() {
    let (machine, mut written) = (Machine::new(), Written::default());
    for text in [
        format!("repositories:\n- url: 'https://bot:{ESCAPED}@git.example/x'\n"),
        format!("repositories:\n- url: https://git.example/x\n  password: {TOKEN}\n"),
        format!("repositories:\n- url: https://git.example/x\n  tokenEnv: '{TOKEN} {TOKEN}'\n"),
        format!("repositories:\n- url: https://git.example/x\n  sshKeyEnv: '{PASSPHRASE}'\n"),
        format!("repositories:\n- url: https://git.example/x\n  commit: {{ signingKeyFile: k, signingPassphraseEnv: '{PASSPHRASE}' }}\n"),
        format!("registries:\n- prefix: ghcr.io\n  passwordEnv: '{PULLER}'\n  username: puller\n"),
        format!("registries:\n- prefix: ghcr.io\n  password: [{PULLER}\n"),
    ] {
        machine.file("work/tagalong.yaml", text);
        written.ran("a configuration", &machine.run("check --config-only").ended(1));
        written.ran("a configuration", &machine.run("plan").ended(1));
    }
    written.holds_no_secret();
}

#[test]
fn credentials_of_registries_are_nowhere() {
    let mut written = Written::default();
    let closed = Registry::start(Mode::Basic);
    push(&closed, "shop/web", &["1.4.2", "1.5.0"]);
    let echoing = Hostile::start(|asked, _| match asked.headers.get("authorization") {
        Some(sent) => Reply::error(403, "DENIED", &format!("you sent {sent}: {PULLER} and {}", BASE64.encode(format!("puller:{PULLER}")))),
        None => Reply::error(401, "UNAUTHORIZED", "sign in").header("WWW-Authenticate", "Basic realm=\"x\""),
    });
    let docker = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{}\"}}}}}}", echoing.host(), BASE64.encode(format!("puller:{PULLER}")));
    for (word, host, keys, code) in [
        ("a registry that lets us in", closed.host().to_owned(), format!("username: {USER}, passwordEnv: PASSWORD"), 0),
        ("a registry that repeats it", echoing.host(), "username: puller, passwordEnv: PULLER".to_owned(), 1),
        ("a login of Docker", echoing.host(), String::new(), 1),
    ] {
        let (machine, fleet) = (Machine::new(), fleet(&format!("{host}/shop/web:1.4.2"), "semver:~1"));
        let entry = if keys.is_empty() { String::new() } else { format!("registries:\n- {{ prefix: '{host}', {keys} }}\n") };
        machine.file("work/tagalong.yaml", entry);
        machine.file("home/.docker/config.json", &docker);
        for line in [&["apply", &fleet.file_url()][..], &["scan", &format!("{host}/shop/web"), "--explain-requests"]] {
            let ran = machine.call(line).env("PASSWORD", PASSWORD).env("PULLER", PULLER).run();
            assert_eq!(ran.code, code, "{word}: {}", ran.told(&[]));
            written.ran(word, &ran);
        }
        written.left(word, &machine, &fleet);
    }
    written.holds_no_secret();
}

#[test]
fn the_daemon_logs_no_secret() {
    let (registry, machine, mut written) = (registry(), Machine::new(), Written::default());
    let (good, bad) = (fleet_of(&registry), fleet_of(&registry));
    let (open, closed) = (GitServer::start(good.root(), Door::Basic("bot", GIT)), GitServer::start(bad.root(), Door::Basic("bot", TOKEN)));
    let entry = |name: &str, url: String| {
        format!("- {{ name: {name}, url: '{url}', username: bot, passwordEnv: GIT, interval: 300ms, commit: {{ batchWindow: 0s }} }}\n")
    };
    let text = format!(
        "listen: 127.0.0.1:0\nlogLevel: debug\nregistries: [{{ prefix: '{}' }}]\nrepositories:\n{}{}",
        registry.host(),
        entry("good", open.url()),
        entry("bad", closed.url())
    );
    machine.file("work/tagalong.yaml", text);
    let mut daemon = Daemon::of(machine.call(["run", "--log-format", "json"]).env("GIT", GIT).command());
    daemon.says(&["\"pushed\"", "good"]);
    let until = Instant::now() + Duration::from_secs(30);
    while !daemon.told().contains("\"bad\"") {
        assert!(Instant::now() < until, "it never speaks of the other: {}", daemon.told());
        std::thread::yield_now();
    }
    for path in ["/readyz", "/metrics", "/healthz"] {
        written.0.push((format!("page {path}"), daemon.page(path).1.into_bytes()));
    }
    daemon.signal("-TERM");
    written.0.push(("log".to_owned(), daemon.end().told.into_bytes()));
    written.left("the daemon", &machine, &good);
    written.holds_no_secret();
}
