//! From an annotation and tags to a commit, by every way in and out.

use std::fs;

use super::{automated, deployment, fleet, push};
use crate::kit::{
    binary::Machine,
    git::{Bare, git},
    git_server::{Door, GitServer},
    registry::{Mode, PASSWORD, Registry, USER},
};

const GIT_SECRET: &str = "g1t-s3cret-hunter2";

/// The only commit on top of the first one changed exactly these bytes of `apps/web.yaml`.
#[track_caller]
fn judged(fleet: &Bare, host: &str) {
    assert_eq!(fleet.git(&["rev-list", "--count", "main"]), "2\n", "one commit");
    assert_eq!(
        fleet.git(&["diff", "--stat=80", "--format=", "main~1", "main"]).lines().last(),
        Some(" 1 file changed, 1 insertion(+), 1 deletion(-)")
    );
    let words = fleet.git(&["diff", "--word-diff=porcelain", "--word-diff-regex=[^:]+", "-U0", "main~1", "main"]);
    let words: Vec<&str> =
        words.lines().filter(|line| line.starts_with(['-', '+']) && !line.starts_with("---") && !line.starts_with("+++")).collect();
    assert_eq!(words, ["-1.4.2 # kept", "+1.5.0 # kept"]);
    assert_eq!(fleet.faults(), "");
    let log = fleet.git(&["log", "-1", "--format=%an <%ae>|%cn|%B", "main"]);
    assert_eq!(
        log.trim_end(),
        format!(
            "Tagalong <tagalong@localhost>|Tagalong|Auto-release {host}/shop/web:1.5.0\n\ndefault:deployment/web\n\
             - app: {host}/shop/web 1.4.2 -> 1.5.0 (semver:~1)\n\nImage-Update: {host}/shop/web 1.4.2 -> 1.5.0"
        )
    );
}

const TAGS: &[&str] = &["1.4.2", "1.5.0", "1.5.1-rc.1", "2.0.0", "latest"];

fn registry(mode: Mode) -> Registry {
    let registry = Registry::start(mode);
    push(&registry, "shop/web", TAGS);
    registry
}

#[test]
fn a_plan_is_shown_applied_and_then_everything_is_current() {
    let (registry, machine) = (registry(Mode::Open), Machine::new().keeping(GIT_SECRET));
    let host = registry.host();
    let fleet = fleet(&format!("{host}/shop/web:1.4.2"), "semver:~1");
    let before = fleet.tip("main").unwrap();
    let server = GitServer::start(fleet.root(), Door::Basic("bot", GIT_SECRET));
    let url = server.url_of(&format!("bot:{GIT_SECRET}@"), "fleet.git");

    let plan = machine.call(["plan", &url]).run().ended(0);
    let lines: Vec<&str> = plan.out.lines().collect();
    assert_eq!(lines[0], format!("fleet  main @ {}   1 workload, 1 image, 1 registry", &before[..7]));
    assert_eq!(lines[2], format!("  update  default:deployment/web   app   {host}/shop/web   1.4.2 → 1.5.0   semver:~1   apps/web.yaml:13"));
    assert!(lines[4].starts_with("1 update, 0 current · 3 requests, "), "{}", lines[4]);
    assert_eq!((lines.len(), &*plan.err), (5, ""));
    machine.call(["plan", &url, "--check"]).run().ended(4);
    assert_eq!(fleet.tip("main").unwrap(), before, "a plan writes nothing");

    let diff = machine.call(["plan", &url, "--output", "diff", "--branch", "main"]).run().ended(0);
    assert_eq!(diff.out.lines().filter(|line| line.starts_with(['-', '+'])).count(), 4, "{}", diff.out);
    let checkout = fleet.checkout();
    fs::write(checkout.path().join("plan.diff"), &diff.out).unwrap();
    git(checkout.path(), &["apply", "--check", "plan.diff"]);
    git(checkout.path(), &["apply", "plan.diff"]);
    let text = fs::read_to_string(checkout.path().join("apps/web.yaml")).unwrap();
    assert_eq!(text, automated("web", &format!("{host}/shop/web:1.5.0"), "semver:~1"));

    let explained = machine.call(["explain", "web", &url]).run().ended(0);
    for line in ["→ 1.5.0 ", "1.4.2 ", "1.5.1-rc.1 ", "2.0.0 ", "latest "] {
        assert!(explained.out.lines().any(|told| told.trim_start().starts_with(line)), "{line}: {}", explained.out);
    }

    let apply = machine.call(["apply", &url]).run().ended(0);
    let tip = fleet.tip("main").unwrap();
    assert_eq!(apply.last(), format!("pushed {} to main (1 update)", &tip[..7]));
    judged(&fleet, host);
    assert_eq!(fleet.file("apps/web.yaml"), text.as_bytes());

    let again = machine.call(["apply", &url]).run().ended(0);
    assert_eq!(again.last(), "nothing to do: the one automated image is current");
    machine.call(["plan", &url, "--check"]).run().ended(0);
    let json = machine.call(["apply", &url, "--output", "json"]).run().ended(0).json();
    assert_eq!((json["commit"].as_str(), json["pushed"].as_str()), (Some(&*tip), None));
    assert_eq!(fleet.tip("main").unwrap(), tip);
    assert_eq!(machine.left_in_tmp(), 0);
}

#[test]
fn a_registry_with_a_password_is_opened_by_each_way_to_say_it() {
    let registry = registry(Mode::Basic);
    let host = registry.host();
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{USER}:{PASSWORD}"));
    for (word, yaml, docker, variable) in [
        ("a file", format!("registries:\n- prefix: {host}\n  username: {USER}\n  passwordFile: secret\n"), None, None),
        ("a variable", format!("registries:\n- prefix: {host}/shop\n  username: {USER}\n  passwordEnv: PULL\n"), None, Some("PULL")),
        ("the Docker configuration", String::new(), Some(format!(r#"{{"auths":{{"http://{host}":{{"auth":"{encoded}"}}}}}}"#)), None),
    ] {
        let machine = Machine::new().keeping(PASSWORD);
        machine.file("work/secret", format!("{PASSWORD}\n"));
        machine.file("work/tagalong.yaml", &yaml);
        docker.map(|text| machine.file("home/.docker/config.json", text));
        let fleet = fleet(&format!("{host}/shop/web:1.4.2"), "semver:~1");
        let mut call = machine.call(["apply".to_owned(), fleet.file_url()]);
        if let Some(name) = variable {
            call = call.env(name, PASSWORD);
        }
        let ran = call.run();
        assert_eq!((ran.code, &*ran.err), (0, ""), "{word}: {}", ran.out);
        judged(&fleet, host);
    }
}

#[test]
fn a_registry_with_a_certificate_of_its_own_is_believed_where_the_configuration_says_so() {
    let registry = registry(Mode::Tls);
    let host = registry.host();
    let authority = registry.ca_file();
    for (word, yaml, flags) in [
        ("its authority", format!("registries:\n- prefix: {host}\n  caFile: {}\n", authority.display()), &[][..]),
        ("insecure in the file", format!("registries:\n- prefix: {host}\n  insecure: true\n"), &[]),
        ("insecure by a flag", String::new(), &["--registry-insecure-host", host]),
        (
            "the authority at an endpoint",
            format!("registries:\n- prefix: registry.corp:5000\n  endpoint: https://{host}\n  caFile: {}\n", authority.display()),
            &[],
        ),
    ] {
        let machine = Machine::new();
        machine.file("work/tagalong.yaml", &yaml);
        let name = if yaml.contains("registry.corp") { "registry.corp:5000" } else { host };
        let fleet = fleet(&format!("{name}/shop/web:1.4.2"), "semver:~1");
        let ran = machine.call(["apply", &fleet.file_url()].iter().chain(flags)).run();
        assert_eq!((ran.code, &*ran.err), (0, ""), "{word}: {}", ran.out);
        judged(&fleet, name);
    }
}

#[test]
fn a_git_server_with_a_password_is_opened_by_each_way_to_say_it() {
    let registry = registry(Mode::Open);
    let host = registry.host();
    for (word, user, userinfo, keys, variable) in [
        ("user and password in the URL", "bot", format!("bot:{GIT_SECRET}@"), "", None),
        ("a token in the URL", "x-access-token", format!(":{GIT_SECRET}@"), "", None),
        ("a password file", "bot", String::new(), "username: bot, passwordFile: secret", None),
        ("a password variable", "bot", String::new(), "username: bot, passwordEnv: GIT_PASSWORD", Some("GIT_PASSWORD")),
        ("a token file", "x-access-token", String::new(), "tokenFile: secret", None),
        ("a token variable", "x-access-token", String::new(), "tokenEnv: GIT_TOKEN", Some("GIT_TOKEN")),
    ] {
        let fleet = fleet(&format!("{host}/shop/web:1.4.2"), "semver:~1");
        let server = GitServer::start(fleet.root(), Door::Basic(user, GIT_SECRET));
        let machine = Machine::new().keeping(GIT_SECRET);
        machine.file("work/secret", format!("{GIT_SECRET}\n"));
        if !keys.is_empty() {
            machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: {}, {keys} }}\n", server.url()));
        }
        let mut call = machine.call(["apply", &server.url_of(&userinfo, "fleet.git")]);
        if let Some(name) = variable {
            call = call.env(name, GIT_SECRET);
        }
        let ran = call.run();
        assert_eq!((ran.code, &*ran.err), (0, ""), "{word}: {}", ran.out);
        judged(&fleet, host);
    }
}

#[test]
fn a_local_repository_is_written_in_its_own_way() {
    let (registry, machine) = (registry(Mode::Open), Machine::new());
    let host = registry.host();
    let old = automated("web", &format!("{host}/shop/web:1.4.2"), "semver:~1");
    let new = old.replace("1.4.2", "1.5.0");

    let bare = Bare::with(&[("apps/web.yaml", &old)]);
    let ran = machine.call(["apply".as_ref(), bare.path().as_os_str()]).run().ended(0);
    assert_eq!(ran.last(), format!("committed {} to main (1 update)", &bare.tip("main").unwrap()[..7]));
    judged(&bare, host);

    let fleet = Bare::with(&[("apps/web.yaml", &old), ("apps/other.yaml", "a: 1\n")]);
    let tree = fleet.checkout();
    let dirty = format!("# not committed\n{old}");
    fs::write(tree.path().join("apps/web.yaml"), &dirty).unwrap();
    fs::write(tree.path().join("apps/other.yaml"), "a: 2\n").unwrap();
    let refused = machine.call(["apply", "--commit"]).within(tree.path()).run().ended(1);
    insta::assert_snapshot!(refused.told(&[]), @r"
    error: cannot commit the file `apps/web.yaml`: it has changes that are not committed
      hint: commit or stash them first, or leave out --commit
    ");
    assert_eq!(fs::read_to_string(tree.path().join("apps/web.yaml")).unwrap(), dirty, "nothing is written by halves");

    let ran = machine.call(["apply"]).within(tree.path()).run().ended(0);
    assert_eq!(ran.last(), "wrote 1 file");
    assert_eq!(fs::read_to_string(tree.path().join("apps/web.yaml")).unwrap(), dirty.replace("1.4.2", "1.5.0"));
    assert_eq!(git(tree.path(), &["status", "--porcelain"]), " M apps/other.yaml\n M apps/web.yaml\n");
    let again = machine.call(["apply"]).within(tree.path()).run().ended(0);
    assert_eq!(again.last(), "nothing to do: the one automated image is current");

    let tree = fleet.checkout();
    fs::write(tree.path().join("apps/other.yaml"), "a: 2\n").unwrap();
    let ran = machine.call(["apply", "--commit"]).within(&tree.path().join("apps")).run().ended(0);
    let commit = git(tree.path(), &["rev-parse", "HEAD"]);
    assert_eq!(ran.last(), format!("committed {} to main (1 update)", &commit[..7]));
    assert_eq!(git(tree.path(), &["show", "--format=", "--name-only"]), "apps/web.yaml\n");
    assert_eq!(git(tree.path(), &["status", "--porcelain"]), " M apps/other.yaml\n", "what others changed stays theirs");
    assert_eq!(git(tree.path(), &["show", "HEAD:apps/web.yaml"]), new);

    machine.file("work/web.yaml", &old);
    let ran = machine.run("apply").ended(0);
    assert_eq!(ran.last(), "wrote 1 file");
    assert_eq!(fs::read_to_string(machine.work().join("web.yaml")).unwrap(), new);
    let refused = machine.run("apply --commit").ended(0);
    assert_eq!(refused.last(), "nothing to do: the one automated image is current");
    machine.file("work/web.yaml", &old);
    let refused = machine.run("apply --commit").ended(1);
    insta::assert_snapshot!(refused.told(&[(&machine.work().display().to_string(), "WORK")]), @r"
    error: cannot commit in `WORK`: it is no Git repository
      hint: `git init` there, or leave out --commit
    ");
}

#[test]
fn who_commits_and_what_ci_does_is_told_by_flags() {
    let (registry, machine) = (registry(Mode::Open), Machine::new());
    let image = format!("{}/shop/web:1.4.2", registry.host());
    let fleet = Bare::with(&[
        ("prod/web.yaml", &automated("web", &image, "semver:~1")),
        ("dev/web.yaml", &automated("web", &image, "semver:~1")),
        ("dev/plain.yaml", &deployment("plain", &image, &[])),
    ]);
    fleet.git(&["branch", "release/1", "main"]);
    let url = fleet.file_url();
    let flags = ["--branch", "release/1", "--git-user", "Fleet Bot", "--git-email", "bot@fleet.example", "--git-ci-skip", "--git-path", "prod"];
    let ran = machine.call(["apply", &*url].into_iter().chain(flags)).run().ended(0);
    assert!(ran.last().ends_with(" to release/1 (1 update)"), "{}", ran.out);
    assert_eq!(fleet.git(&["log", "-1", "--format=%an <%ae>", "release/1"]), "Fleet Bot <bot@fleet.example>\n");
    assert!(fleet.git(&["log", "-1", "--format=%B", "release/1"]).contains("[ci skip]"));
    assert_eq!(fleet.git(&["diff", "--name-only", "main", "release/1"]), "prod/web.yaml\n");
    assert_eq!(fleet.git(&["rev-list", "--count", "main"]), "1\n");
}
