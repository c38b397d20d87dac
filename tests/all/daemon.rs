//! The daemon against real servers: what it does by itself, and how it ends.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use crate::{
    end_to_end::{automated, fleet, push},
    kit::{
        binary::Machine,
        git::Bare,
        git_server::{Door, GitServer},
        registry::{Mode, Registry},
    },
};

/// Nothing here takes nearly as long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A daemon that is ended with the test.
struct Daemon {
    child: Child,
    lines: Receiver<String>,
    told: String,
}

impl Daemon {
    fn start(machine: &Machine, repositories: &[(&str, &str)], registries: &[&str]) -> Self {
        Self::start_with(machine, &configuration(repositories, registries))
    }

    fn start_with(machine: &Machine, configuration: &str) -> Self {
        machine.file("work/tagalong.yaml", configuration);
        let call = machine.call(["run", "--config", "tagalong.yaml", "--log-format", "json"]);
        let mut child = call.command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, told: String::new() }
    }

    /// The first line that holds all of these words.
    #[track_caller]
    fn says(&mut self, words: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                panic!("it never says {words:?}, but\n{}", self.told);
            };
            writeln!(self.told, "{line}").expect("a text takes everything");
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Where it listens.
    fn address(&mut self) -> String {
        let line: serde_json::Value = serde_json::from_str(&self.says(&["\"started\""])).expect("JSON");
        line["address"].as_str().expect("an address").to_owned()
    }

    fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        assert!(crate::kit::registry::program("kill").args([name, &process]).status().expect("kill").success());
    }

    /// How it ended, once it has.
    fn end(mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            writeln!(self.told, "{line}").expect("a text takes everything");
        }
        self.child.wait().expect("an end").code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Short intervals, and no quiet period. A registry on loopback is asked where it is listed.
fn configuration(repositories: &[(&str, &str)], registries: &[&str]) -> String {
    let mut text = format!("listen: 127.0.0.1:0\nregistryPollInterval: 1s\nregistries: [{}]\nrepositories:\n", entries(registries));
    for (name, url) in repositories {
        write!(text, "  - name: {name}\n    url: {url}\n    branch: main\n    interval: 1s\n    commit: {{ batchWindow: 0s }}\n")
            .expect("a text takes everything");
    }
    text
}

fn entries(registries: &[&str]) -> String {
    let entries: Vec<String> = registries.iter().map(|host| format!("{{ prefix: '{host}' }}")).collect();
    entries.join(", ")
}

fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: tagalong\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

fn tag_of(fleet: &Bare) -> String {
    let text = String::from_utf8(fleet.file("apps/web.yaml")).expect("text");
    text.split_once("/shop/web:").and_then(|(_, rest)| rest.split_whitespace().next()).expect("a tag").to_owned()
}

#[test]
fn a_pushed_image_becomes_a_commit_and_the_daemon_ends_when_told() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let (machine, fleet) = (Machine::new(), fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1"));
    let server = GitServer::start(fleet.root(), Door::Open);
    let mut daemon = Daemon::start(&machine, &[("fleet", &server.url_of("", "fleet.git"))], &[registry.host()]);
    let address = daemon.address();
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!(tag_of(&fleet), "1.5.0");

    push(&registry, "shop/web", &["1.6.0"]);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!(tag_of(&fleet), "1.6.0");
    assert_eq!((fleet.git(&["rev-list", "--count", "main"]), fleet.faults()), ("3\n".to_owned(), String::new()));

    assert_eq!(get(&address, "/healthz").0, 200);
    assert_eq!(get(&address, "/readyz").0, 200);
    let metrics = get(&address, "/metrics").1;
    for line in ["tagalong_updates_total{repository=\"fleet\"} 2", "tagalong_pushes_total{repository=\"fleet\",outcome=\"pushed\"} 2"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    daemon.signal("-TERM");
    assert_eq!(daemon.end(), Some(0));
}

#[test]
fn a_registry_that_dies_and_returns_delays_nobody_else() {
    let port = crate::kit::git_server::ReservedPort::new();
    let dead = format!("127.0.0.1:{}", port.number());
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let machine = Machine::new();
    let fleet = fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1");
    let unreachable = format!("{dead}/ops/mailer:1.0.0");
    fleet.commit("main", &[("apps/mailer.yaml", &automated("mailer", &unreachable, "semver:~1"))]);
    let server = GitServer::start(fleet.root(), Door::Open);
    let mut daemon = Daemon::start(&machine, &[("fleet", &server.url_of("", "fleet.git"))], &[registry.host(), &dead]);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!(tag_of(&fleet), "1.5.0");
    daemon.says(&["\"failed\"", "mailer", "unreachable"]);
}

#[test]
fn names_in_a_repository_do_not_lead_the_daemon_into_its_own_network() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let (machine, fleet) = (Machine::new(), fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1"));
    let mut daemon = Daemon::start(&machine, &[("fleet", &fleet.file_url())], &[]);
    daemon.says(&["\"failed\"", "unauthorized", "leads to 127.0.0.1, which is a loopback address"]);
    assert_eq!(tag_of(&fleet), "1.4.2");
}

#[test]
fn a_git_server_that_dies_and_returns_is_served_again() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2"]);
    let (machine, fleet) = (Machine::new(), fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1"));
    let server = GitServer::start(fleet.root(), Door::Open);
    let url = server.url_of("", "fleet.git");
    let port = server.stop();
    let mut daemon = Daemon::start(&machine, &[("fleet", &url)], &[registry.host()]);
    let address = daemon.address();
    daemon.says(&["cannot go on", "fleet", "nothing accepts connections"]);
    let (status, waits) = get(&address, "/readyz");
    assert_eq!(status, 503);
    assert!(waits.contains("fleet"), "{waits}");
    push(&registry, "shop/web", &["1.5.0"]);
    let _server = GitServer::at(&port, fleet.root(), Door::Open);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!((tag_of(&fleet), get(&address, "/readyz").0), ("1.5.0".to_owned(), 200));
}

#[test]
fn a_changed_configuration_is_taken_and_a_bad_one_refused() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let machine = Machine::new();
    let [one, two] = [(); 2].map(|()| fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1"));
    let mut daemon = Daemon::start(&machine, &[("one", &one.file_url())], &[registry.host()]);
    daemon.says(&["\"pushed\"", "\"one\""]);
    machine.file("work/tagalong.yaml", "repositories:\n  - ulr: x\n");
    daemon.signal("-HUP");
    let refused = daemon.says(&["the old configuration holds on"]);
    assert!(refused.contains("ulr") && refused.contains("url"), "{refused}");
    push(&registry, "shop/web", &["1.6.0"]);
    daemon.says(&["\"pushed\"", "\"one\""]);
    machine.file("work/tagalong.yaml", configuration(&[("one", &one.file_url()), ("two", &two.file_url())], &[registry.host()]));
    daemon.says(&["configuration taken"]);
    daemon.says(&["\"pushed\"", "\"two\""]);
    assert_eq!((tag_of(&one), tag_of(&two)), ("1.6.0".to_owned(), "1.6.0".to_owned()));
}

#[test]
fn what_cannot_be_signed_in_to_is_told_and_stops_nobody_else() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let (machine, good) = (Machine::new(), fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1"));
    let mut daemon = Daemon::start_with(
        &machine,
        &format!(
            "listen: 127.0.0.1:0
registries: [{}]
repositories:
- {{ name: good, url: '{}', interval: 1s, commit: {{ batchWindow: 0s }} }}
- {{ name: no-password, url: 'https://127.0.0.1:1/a', username: bot, passwordFile: missing }}
- {{ name: no-key, url: 'ssh://git@127.0.0.1:1/b', sshKeyFile: missing }}
- {{ name: no-ca, url: 'https://127.0.0.1:1/c', caFile: missing }}
- {{ name: no-hosts, url: 'ssh://git@127.0.0.1:1/d', knownHostsFile: missing }}
",
            entries(&[registry.host()]),
            good.file_url()
        ),
    );
    let address = daemon.address();
    daemon.says(&["\"pushed\"", "\"good\""]);
    let until = Instant::now() + PATIENCE;
    let fails = loop {
        let (status, body) = get(&address, "/readyz");
        let fails: Vec<String> = body.lines().filter_map(|line| line.strip_prefix("fails: repository ").map(str::to_owned)).collect();
        if status == 200 && fails.len() == 4 {
            break fails.join("\n");
        }
        assert!(Instant::now() < until, "{body}");
    };
    insta::assert_snapshot!(fails, @r"
    no-ca: cannot read the CA file `missing`; put the authority's certificate into `missing` and let this user read it
    no-hosts: cannot read the known hosts in `missing`; make it with `ssh-keyscan HOST > missing`, and compare the keys with what the host's owner says
    no-key: cannot read the SSH key `missing`; put the private key into `missing` and let this user read it
    no-password: cannot read the secret in `missing`: there is no such file; write the secret, and nothing else, into `missing` and let this user read it
    ");
    let (_, metrics) = get(&address, "/metrics");
    for name in ["no-password", "no-key", "no-ca", "no-hosts"] {
        let line = metrics.lines().find(|line| line.contains("cycle_seconds_count") && line.contains(name) && line.contains("failed"));
        assert!(line.is_some_and(|line| !line.ends_with(" 0")), "{name}: {line:?}");
    }
}

#[test]
fn two_branches_of_one_repository_are_served() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let (machine, fleet) = (Machine::new(), fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1"));
    fleet.git(&["branch", "next", "main"]);
    let entry = |branch: &str| {
        format!("- {{ name: {branch}, url: '{}', branch: {branch}, interval: 1s, commit: {{ batchWindow: 0s }} }}\n", fleet.file_url())
    };
    let text = format!("listen: 127.0.0.1:0\nregistries: [{}]\nrepositories:\n{}{}", entries(&[registry.host()]), entry("main"), entry("next"));
    let mut daemon = Daemon::start_with(&machine, &text);
    for _ in ["main", "next"] {
        daemon.says(&["\"pushed\""]);
    }
    for branch in ["main", "next"] {
        assert!(fleet.git(&["show", &format!("{branch}:apps/web.yaml")]).contains("shop/web:1.5.0"), "{branch}");
    }
}

#[test]
fn what_was_seen_is_remembered_and_a_second_process_works_in_memory() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    let machine = Machine::new();
    let fleet = fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1");
    let mut first = Daemon::start(&machine, &[("fleet", &fleet.file_url())], &[registry.host()]);
    first.says(&["\"pushed\"", "fleet"]);
    let mut second = Daemon::start(&machine, &[("fleet", &fleet.file_url())], &[registry.host()]);
    second.says(&["memory"]);
    second.address();
    for daemon in [second, first] {
        daemon.signal("-TERM");
        assert_eq!(daemon.end(), Some(0));
    }
}

#[test]
fn a_daemon_that_cannot_start_says_why() {
    let machine = Machine::new();
    let ran = machine.run("run").ended(1);
    assert_eq!(
        ran.err,
        "error: cannot run: no repository is configured\n  hint: name one under `repositories:` in tagalong.yaml, or with --git-url\n"
    );
    machine.file("work/tagalong.yaml", "repositories:\n  - {name: a, url: 'file:///a'}\n  - {name: b, url: 'file:///a'}\n");
    let ran = machine.run("run --config tagalong.yaml").ended(1);
    assert!(ran.err.contains("line 3: two repositories have the same `url` and `branch`"), "{}", ran.err);
    machine.file("work/tagalong.yaml", "repositories:\n  - { name: a, url: 'file:///a' }\n");
    let ran = machine.run("run file:///a --config tagalong.yaml").ended(1);
    assert!(ran.err.contains("`file:///a`: it is configured twice with the same branch"), "{}", ran.err);
}
