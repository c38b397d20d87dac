//! Every flag has a variable, and what it holds is told to nobody.

use super::fleet;
use crate::kit::{
    binary::Machine,
    git_server::{Door, GitServer},
    registry::{Mode, PASSWORD, Registry, USER},
};

const SECRET: &str = "envir0nment-s3cret";

#[test]
fn a_secret_in_a_variable_is_never_told() {
    let machine = Machine::new().keeping(SECRET);
    let mut all = Vec::new();
    for (line, code) in [
        ("plan", 3),
        ("plan --wrong", 2),
        ("plan --help", 0),
        ("--help", 0),
        ("apply --output nonsense", 2),
        ("explain web", 3),
        ("explain", 2),
        ("policy test semver:~1 1.0.0", 0),
    ] {
        let ran = machine.call(line.split(' ')).env("TAGALONG_GIT_URL", format!("https://bot:{SECRET}@git.invalid/fleet.git")).run().ended(code);
        if code != 0 {
            all.push(format!("$ tagalong {line}\n{}\n", ran.told(&[]).trim_end()));
        }
    }
    insta::assert_snapshot!(all.concat(), @r"
    $ tagalong plan
    error: cannot fetch from `https://git.invalid/fleet.git`: no address is known for the host `git.invalid`
      hint: check the host's name and this machine's DNS
    $ tagalong plan --wrong
    error: unexpected argument '--wrong' found

      tip: a similar argument exists: '--config'

    Usage: tagalong plan --config <FILE> [REPO]

    For more information, try '--help'.
    $ tagalong apply --output nonsense
    error: invalid value 'nonsense' for '--output <FORMAT>'
      [possible values: text, json, diff]

    For more information, try '--help'.
    $ tagalong explain web
    error: cannot fetch from `https://git.invalid/fleet.git`: no address is known for the host `git.invalid`
      hint: check the host's name and this machine's DNS
    $ tagalong explain
    error: the following required arguments were not provided:
      <WORKLOAD>

    Usage: tagalong explain --git-url <URL> <WORKLOAD> [REPO]

    For more information, try '--help'.
    ");
    // A URL that is none, with a secret all the same.
    for url in [
        format!("https://bot:{SECRET}@"),
        format!("bot:{SECRET}@git.example"),
        format!("https://{SECRET}@git.invalid:x/"),
        format!("ftp://a:{SECRET}@b"),
    ] {
        let ran = machine.call(["plan"]).env("TAGALONG_GIT_URL", &url).run().ended(1);
        assert!(ran.err.contains("hint: "), "{url}: {ran:?}");
    }
    machine.run(&format!("plan . bot:{SECRET}@git.example/fleet")).ended(2);
    // In a variable that holds something else.
    for name in ["TAGALONG_TIMEOUT", "TAGALONG_OUTPUT", "TAGALONG_REGISTRY_INSECURE_HOST", "TAGALONG_GIT_PATH", "TAGALONG_REGISTRY_RPS"] {
        machine.call(["plan"]).env(name, format!("https://bot:{SECRET}@git.invalid/")).run();
    }
}

#[test]
fn every_flag_can_be_a_variable() {
    let registry = Registry::start(Mode::Basic);
    super::push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let fleet = fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1");
    fleet.git(&["branch", "other", "main"]);
    let server = GitServer::start(fleet.root(), Door::Basic("bot", SECRET));
    let machine = Machine::new().keeping(SECRET).keeping(PASSWORD);
    let docker = machine.file("docker.json", format!(r#"{{"auths":{{"{}":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#, registry.host()));
    machine.file("config.yaml", "timeout: 30s\n");
    let call = machine.call(["apply"]).env("TAGALONG_GIT_URL", server.url_of(&format!("bot:{SECRET}@"), "fleet.git"));
    let call = call.env("TAGALONG_DOCKER_CONFIG", docker).env("TAGALONG_STATE", machine.root().join("elsewhere")).env("TAGALONG_GIT_BRANCH", "other");
    let call = call.env("TAGALONG_CONFIG", machine.root().join("config.yaml")).env("TAGALONG_GIT_CI_SKIP", "true").env("TAGALONG_OUTPUT", "json");
    let call = call.env("TAGALONG_GIT_USER", "Bot").env("TAGALONG_GIT_EMAIL", "bot@fleet.example").env("TAGALONG_GIT_PATH", "apps,infra");
    let call =
        call.env("TAGALONG_REGISTRY_RPS", "50").env("TAGALONG_REGISTRY_BURST", "2").env("TAGALONG_GIT_LABEL", "flux").env("TAGALONG_COMMIT", "false");
    let call = call.env("TAGALONG_GIT_TIMEOUT", "20s").env("TAGALONG_GIT_POLL_INTERVAL", "5m").env("TAGALONG_REGISTRY_POLL_INTERVAL", "5m");
    let ran = call.env("TAGALONG_REGISTRY_EXCLUDE_IMAGE", "k8s.gcr.io/*").env("TAGALONG_TIMEOUT", "20s").run().ended(0);
    assert_eq!(ran.json()["branch"], "other");
    assert_eq!(ran.err, "note: --git-label does nothing: our own commits are known by their messages\n");
    let log = fleet.git(&["log", "-1", "--format=%an <%ae> %B", "other"]);
    assert!(log.starts_with(&format!("Bot <bot@fleet.example> Auto-release {}/shop/web:1.1.0\n\n[ci skip]\n", registry.host())), "{log}");
    assert!(machine.root().join("elsewhere/git").is_dir() && !machine.root().join("state/tagalong").exists());
}
