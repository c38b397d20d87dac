//! Registries that are not there, refuse, or answer what nobody can use: only their own images fail.

use std::thread;

use super::{automated, push};
use crate::kit::{
    binary::{Machine, Ran},
    git::Bare,
    git_server::ReservedPort,
    hostile::{Asked, Hostile, Reply},
    proxy::forwarded,
    registry::{Mode, PASSWORD, Registry, USER},
};

const WRONG: &str = "n0t-the-password";

/// A repository with an image of `bad` and one that can be updated; what `apply` said, and whether the good one was updated.
fn applied(machine: &Machine, bad: &str, good: &str) -> Ran {
    let fleet = Bare::with(&[
        ("bad.yaml", &automated("bad", bad, "semver:*")),
        ("good.yaml", &automated("good", &format!("{good}/shop/good:1.0.0"), "semver:~1")),
    ]);
    let ran = machine.call(["apply", &fleet.file_url(), "--output", "json"]).run();
    assert!(String::from_utf8(fleet.file("good.yaml")).unwrap().contains("good:1.1.0"), "the other image goes on: {ran:?}");
    assert_eq!(fleet.file("bad.yaml"), automated("bad", bad, "semver:*").as_bytes(), "{ran:?}");
    assert_eq!(fleet.faults(), "");
    let text = machine.call(["plan", &fleet.file_url()]).run();
    assert_eq!(text.code, ran.code);
    Ran { err: text.out, ..ran }
}

/// How the program ended, the code of the image that cannot be updated, its sentence and its hint.
fn told(word: &str, ran: &Ran, names: &[(&str, &str)]) -> String {
    let json = ran.json();
    let record = json["failed"].get(0).or(json["held"].get(0)).expect("a record");
    let lines = ran.err.lines().skip_while(|line| !line.contains("deployment/bad")).take_while(|line| !line.is_empty());
    let lines: Vec<&str> = lines.map(|line| line.rsplit("   ").next().unwrap_or(line)).collect();
    let text = format!("{word}: {} {}\n  {}\n", ran.code, record["code"].as_str().expect("a code"), lines.join("\n  "));
    names.iter().fold(text, |text, (long, short)| text.replace(long, short))
}

/// What a registry says that is not one, or not well.
fn answer(asked: &Asked) -> Reply {
    let page = |body: &str| Reply::new(200, body.as_bytes().to_vec()).header("Content-Type", "text/html");
    match asked.target.split('/').nth(3).unwrap_or_default() {
        "401" => Reply::error(401, "UNAUTHORIZED", "authentication required").header("WWW-Authenticate", "Basic realm=\"r\""),
        "403" => Reply::error(403, "DENIED", "requested access to the resource is denied"),
        "404" => Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry"),
        "no-tags" => Reply::json(r#"{"name":"shop/no-tags","tags":[]}"#),
        "null-tags" => Reply::json(r#"{"name":"shop/null-tags","tags":null}"#),
        "html" => page("<!DOCTYPE html><html><title>Sign in</title></html>"),
        "json" => Reply::json(r#"{"name":"shop/json","tags":["1.0.0","#),
        "503" => Reply::error(503, "UNAVAILABLE", "come back later"),
        "429" => Reply::error(429, "TOOMANYREQUESTS", "slow down").header("Retry-After", "3000"),
        "later-null" if asked.target.contains("last=") => Reply::json(r#"{"name":"shop/later-null","tags":null}"#),
        "later-null" => Reply::json(r#"{"name":"shop/later-null","tags":["1.0.0","1.1.0"]}"#)
            .header("Link", "</v2/shop/later-null/tags/list?last=1.1.0>; rel=\"next\""),
        "cut" => Reply::json(r#"{"name":"shop/cut","tags":["1.0.0"]}"#).cut_after(20),
        other => panic!("{other} is asked"),
    }
}

#[test]
fn each_way_that_a_registry_fails_is_told_apart_and_stops_nobody_else() {
    let (registry, hostile, nobody) = (Registry::start(Mode::Open), Hostile::start(|asked, _| answer(asked)), ReservedPort::new());
    push(&registry, "shop/good", &["1.0.0", "1.1.0"]);
    let (good, host, nobody) = (registry.host(), hostile.host(), format!("127.0.0.1:{}", nobody.number()));
    let rows = [
        ("nobody listens", format!("{nobody}/shop/web:1")),
        ("no such host", "registry.invalid/shop/web:1".to_owned()),
        ("401", format!("{host}/shop/401:1")),
        ("403", format!("{host}/shop/403:1")),
        ("404", format!("{host}/shop/404:1")),
        ("no tags", format!("{host}/shop/no-tags:1")),
        ("tags are null", format!("{host}/shop/null-tags:1")),
        ("a web page", format!("{host}/shop/html:1")),
        ("half JSON", format!("{host}/shop/json:1")),
        ("503", format!("{host}/shop/503:1")),
        ("429", format!("{host}/shop/429:1")),
        ("null on a later page", format!("{host}/shop/later-null:1")),
        ("cut", format!("{host}/shop/cut:1")),
    ];
    let names = [(&*nobody, "NOBODY"), (&*host, "HOST")];
    let told: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> =
            rows.iter().map(|(word, image)| scope.spawn(move || told(word, &applied(&Machine::new(), image, good), &names))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    insta::assert_snapshot!(told.concat(), @r"
    nobody listens: 3 unreachable
      cannot list `NOBODY/shop/web`: NOBODY refuses connections
      hint: check that the registry runs, and its port
    no such host: 3 unreachable
      cannot list `registry.invalid/shop/web`: there is no host registry.invalid
      hint: check the host in `registry.invalid/shop/web`, or set `endpoint` for registry.invalid under `registries:`
    401: 1 unauthorized
      cannot list `HOST/shop/401`: HOST answered 401 (UNAUTHORIZED: authentication required)
      hint: give HOST/shop a credential under `registries:`, or check the image's name; private images are denied like missing ones
    403: 1 unauthorized
      cannot list `HOST/shop/403`: HOST answered 403 (DENIED: requested access to the resource is denied)
      hint: give HOST/shop a credential under `registries:`, or check the image's name; private images are denied like missing ones
    404: 1 notFound
      cannot list `HOST/shop/404`: HOST answered 404 (NAME_UNKNOWN: repository name not known to registry)
      hint: check the name `HOST/shop/404`; if it is private, give HOST/shop a credential under `registries:`
    no tags: 0 noTagMatches
      the repository lists no tags
      hint: push an image there, or check the image's name
    tags are null: 0 noTagMatches
      the repository lists no tags
      hint: push an image there, or check the image's name
    a web page: 3 badAnswer
      cannot list `HOST/shop/html`: HOST answered with a web page instead of JSON
      hint: check that HOST is a registry; set `endpoint` for it under `registries:` if its API is elsewhere
    half JSON: 3 badAnswer
      cannot list `HOST/shop/json`: HOST answered with a tag list that cannot be read: EOF while parsing a value at line 1 column 36
      hint: if it stays so, tell whoever runs HOST; `endpoint` under `registries:` names another place to ask
    503: 3 unreachable
      cannot list `HOST/shop/503`: HOST answered 503 (UNAVAILABLE: come back later)
      hint: try again later
    429: 3 rateLimited
      cannot list `HOST/shop/429`: HOST answered 429 (TOOMANYREQUESTS: slow down), and asks to be left alone for 3000 s
      hint: try again later, or give HOST/shop a credential under `registries:`: most registries allow more to those they know
    null on a later page: 3 badAnswer
      cannot list `HOST/shop/later-null`: HOST answered with a page whose tags are null, so the list is not whole
      hint: if it stays so, tell whoever runs HOST; `endpoint` under `registries:` names another place to ask
    cut: 3 badAnswer
      cannot list `HOST/shop/cut`: HOST sent an answer that breaks off or is garbled: end of file before message length reached
      hint: try again later
    ");
}

#[test]
fn a_wrong_password_is_told_by_where_it_was_written_and_never_itself() {
    let (registry, open) = (Registry::start(Mode::Basic), Registry::start(Mode::Open));
    push(&open, "shop/good", &["1.0.0", "1.1.0"]);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let host = registry.host();
    let image = format!("{host}/shop/web:1.0.0");
    let docker = format!(r#"{{"auths":{{"{host}":{{"username":"{USER}","password":"{WRONG}"}}}}}}"#);
    let mut all = Vec::new();
    for (word, yaml, docker) in [
        ("nothing is given", String::new(), None),
        ("a wrong one in the file", format!("registries: [{{ prefix: '{host}', username: {USER}, passwordFile: secret }}]"), None),
        ("a wrong one of Docker", String::new(), Some(docker)),
        ("no such file", format!("registries: [{{ prefix: '{host}', username: {USER}, passwordFile: nowhere }}]"), None),
        ("an empty file", format!("registries: [{{ prefix: '{host}', username: {USER}, passwordFile: empty }}]"), None),
        ("no such variable", format!("registries: [{{ prefix: '{host}', tokenEnv: NO_TOKEN }}]"), None),
    ] {
        let machine = Machine::new().keeping(WRONG).keeping(PASSWORD);
        machine.file("work/secret", WRONG);
        machine.file("work/empty", "\n");
        machine.file("work/tagalong.yaml", yaml);
        docker.map(|text| machine.file("home/.docker/config.json", text));
        let ran = applied(&machine, &image, open.host());
        all.push(told(word, &ran, &[(host, "HOST"), (&machine.work().display().to_string(), "WORK")]));
    }
    insta::assert_snapshot!(all.concat(), @r"
    nothing is given: 1 unauthorized
      cannot list `HOST/shop/web`: HOST answered 401 (UNAUTHORIZED: authentication required)
      hint: give HOST/shop a credential under `registries:`, or check the image's name; private images are denied like missing ones
    a wrong one in the file: 1 unauthorized
      cannot list `HOST/shop/web`: HOST answered 401 (UNAUTHORIZED: authentication required); tried `registries:` (HOST) and no credential
      hint: check the user and the password from `registries:` (HOST), and that they may pull `HOST/shop/web`
    a wrong one of Docker: 1 unauthorized
      cannot list `HOST/shop/web`: HOST answered 401 (UNAUTHORIZED: authentication required); tried the Docker configuration (HOST) and no credential
      hint: check that the user from the Docker configuration (HOST) may pull `HOST/shop/web`; if the login has expired, type `docker login HOST`
    no such file: 1 unauthorized
      cannot list `HOST/shop/web`: cannot read the secret in `nowhere`: there is no such file
      hint: write the secret, and nothing else, into `nowhere` and let this user read it
    an empty file: 1 unauthorized
      cannot list `HOST/shop/web`: cannot read the secret in `empty`: it is empty
      hint: write the secret, and nothing else, into `empty` and let this user read it
    no such variable: 1 unauthorized
      cannot list `HOST/shop/web`: cannot read the secret in the variable `NO_TOKEN`: it is not set
      hint: set `NO_TOKEN` where this program is started
    ");
}

#[test]
fn an_older_tag_is_never_chosen_because_the_newest_could_not_be_read() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0", "1.2.0"]);
    push(&registry, "shop/good", &["1.0.0", "1.1.0"]);
    let real = registry.host().to_owned();
    for (word, reply, code, list, name, wanted) in [
        ("503", Reply::error(503, "UNAVAILABLE", "x"), 3, "failed", "unreachable", "1.0.0"),
        ("429", Reply::error(429, "TOOMANYREQUESTS", "x").header("Retry-After", "100"), 3, "failed", "rateLimited", "1.0.0"),
        ("403", Reply::error(403, "DENIED", "x"), 1, "failed", "unauthorized", "1.0.0"),
        ("a web page", Reply::new(200, b"<html></html>".to_vec()).header("Content-Type", "text/html"), 3, "failed", "badAnswer", "1.0.0"),
        ("gone", Reply::error(404, "MANIFEST_UNKNOWN", "x"), 0, "updates", "updated", "1.1.0"),
    ] {
        let real = real.clone();
        let proxy = Hostile::start(move |asked, _| if asked.target.ends_with("/manifests/1.2.0") { reply.clone() } else { forwarded(&real, asked) });
        let fleet = Bare::with(&[("web.yaml", &automated("web", &format!("{}/shop/web:1.0.0", proxy.host()), "semver:~1"))]);
        let ran = Machine::new().call(["apply", &fleet.file_url(), "--output", "json"]).run();
        let record = ran.json()[list][0].clone();
        assert_eq!((ran.code, record["code"].as_str()), (code, Some(name)), "{word}: {ran:?}");
        assert_eq!(fleet.file("web.yaml"), automated("web", &format!("{}/shop/web:{wanted}", proxy.host()), "semver:~1").as_bytes(), "{word}");
    }
}
