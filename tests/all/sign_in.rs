//! Who asks a registry: credentials in their order, tokens, helpers, and where connections may lead.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use base64::prelude::{BASE64_STANDARD, Engine};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tagalong::{
    config::{DockerConfig, Patience, RegistryAllow},
    image::{Name, Repository, Tag},
    policy::{Blame, Code, record::Metadata},
    registry::{Client, RegistryError, Settings, TagList, Where},
};

use crate::kit::{
    binary::{Machine, Ran},
    git::Bare,
    hostile::{Hostile, Reply},
    install_tls,
    registry::{ImageSpec, Mode, PASSWORD, Registry, USER},
    token::{IDENTITY, Refresh, Rules, SERVICE, TokenService, helper},
};

/// A registry that wants tokens, and the service that gives them.
struct Guarded {
    service: TokenService,
    registry: Registry,
}

impl Guarded {
    fn start(rules: Rules) -> Self {
        let service = TokenService::start(rules);
        let registry = Registry::guarded_by(&service);
        for repository in ["acme/app", "acme/web", "public/app"] {
            registry.push(repository, "1.0.0", &ImageSpec::built("2024-05-01T10:00:00Z"));
            registry.push(repository, "1.1.0", &ImageSpec::built("2024-05-02T10:00:00Z"));
        }
        Self { service, registry }
    }

    fn repository(&self, path: &str) -> Repository {
        repository(self.registry.host(), path)
    }

    /// An entry with this password.
    fn entry(&self, password: &str) -> String {
        let file = self.registry.file(password, password);
        format!(r#"[{{"prefix":"{}","username":"{USER}","passwordFile":"{}","requestsPerSecond":1000}}]"#, self.registry.host(), file.display())
    }

    /// A Docker configuration with this login.
    fn docker(&self, login: &Value) -> String {
        json!({ "auths": { self.registry.host(): login } }).to_string()
    }
}

fn basic() -> Value {
    json!({ "auth": BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}")) })
}

fn repository(host: &str, path: &str) -> Repository {
    Name::parse(&format!("{host}/{path}")).unwrap().repository()
}

fn settings(entries: &str, docker: &str) -> Settings {
    install_tls();
    Settings {
        registries: serde_json::from_str(entries).unwrap(),
        docker: DockerConfig::parse(docker.as_bytes()).unwrap(),
        patience: Patience::default(),
        allow: RegistryAllow::Any,
        addresses: Where::Anywhere,
        clock: Arc::new(|| "2026-03-01T12:00:00Z".parse().unwrap()),
    }
}

fn client(entries: &str, docker: &str) -> Client {
    Client::new(settings(entries, docker))
}

fn tags(list: Result<TagList, RegistryError>) -> Vec<String> {
    let mut tags: Vec<String> = list.expect("a list").tags.iter().map(Tag::to_string).collect();
    tags.sort_unstable();
    tags
}

const BOTH: [&str; 2] = ["1.0.0", "1.1.0"];

#[tokio::test]
async fn one_token_of_each_scope_serves_all_who_wait() {
    let guarded = Guarded::start(Rules::default());
    let client = client(&guarded.entry(PASSWORD), "{}");
    let app = guarded.repository("acme/app");
    for list in join_all((0..50).map(|_| client.tags(&app))).await {
        assert_eq!(tags(list), BOTH);
    }
    let once = |scope: &str| (format!("repository:{scope}:pull"), 1);
    assert_eq!(guarded.service.scopes(), [once("acme/app")].into());
    assert!(matches!(client.look(&app, &Tag::parse("1.1.0").unwrap(), None, &[]).await, Ok(Metadata::Image(_))));
    assert_eq!(tags(client.tags(&guarded.repository("acme/web")).await), BOTH);
    assert_eq!(guarded.service.scopes(), [once("acme/app"), once("acme/web")].into());
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end_whatever_time_its_service_has() {
    for ahead in [-86_400, 0, 86_400] {
        let guarded = Guarded::start(Rules { ahead, ..Rules::default() });
        let client = client(&guarded.entry(PASSWORD), "{}");
        for _ in 0..3 {
            assert_eq!(tags(client.tags(&guarded.repository("acme/app")).await), BOTH);
        }
        assert_eq!(guarded.service.asked().len(), 1, "{ahead} s ahead");
    }
    let guarded = Guarded::start(Rules { lifetime: 1, ..Rules::default() });
    let client = client(&guarded.entry(PASSWORD), "{}");
    let started = std::time::Instant::now();
    while guarded.service.asked().len() < 2 {
        assert_eq!(tags(client.tags(&guarded.repository("acme/app")).await), BOTH);
    }
    // The registry would have taken the first one for a minute more.
    assert!(started.elapsed().as_millis() >= 900, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    for (word, stale, code) in [("the second is good", 1, None), ("no token is good", 9, Some(Code::Unauthorized))] {
        let guarded = Guarded::start(Rules { stale, ..Rules::default() });
        // Public images are for nobody in particular, so there is one credential to try: none.
        let outcome = client("[]", "{}").tags(&guarded.repository("public/app")).await;
        assert_eq!(outcome.err().map(|error| error.code()), code, "{word}");
        assert_eq!(guarded.service.asked().len(), 2, "{word}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_or_is_a_password() {
    for (word, refresh, methods, last) in [
        ("kept", Refresh::Kept, vec!["POST", "POST"], IDENTITY),
        ("rotated", Refresh::Rotated, vec!["POST", "POST"], "identity-of-the-puller%2B"),
        ("unknown", Refresh::Unknown, vec!["POST", "GET", "POST", "GET"], ""),
    ] {
        let guarded = Guarded::start(Rules { refresh, ..Rules::default() });
        let client = client("[]", &guarded.docker(&json!({ "auth": "", "identitytoken": IDENTITY })));
        for path in ["acme/app", "acme/web"] {
            assert_eq!(tags(client.tags(&guarded.repository(path)).await), BOTH, "{word}");
        }
        let asked = guarded.service.asked();
        assert_eq!(asked.iter().map(|asked| &*asked.method).collect::<Vec<_>>(), methods, "{word}");
        assert!(asked[asked.len() - 1].body.ends_with(last), "{word}: {}", asked[asked.len() - 1].body);
    }
}

#[tokio::test]
async fn a_credential_that_is_refused_is_one_sentence_with_a_hint() {
    let guarded = Guarded::start(Rules::default());
    let host = guarded.registry.host();
    let missing = format!(r#"[{{"prefix":"{host}","username":"{USER}","passwordFile":"/nonexistent"}}]"#);
    let elsewhere = json!({ "auths": { "registry.example": basic() } }).to_string();
    let wrong = json!({ "username": USER, "password": "hunter2-wrong" });
    let expired = json!({ "identitytoken": "hunter2-expired" });
    let helpless = json!({ "credHelpers": { host: "of-nobody-at-all" } }).to_string();
    for (word, entries, docker, says, hint) in [
        (
            "wrong password",
            guarded.entry("hunter2-wrong"),
            "{}".to_owned(),
            "answered 401 (incorrect username or password); tried `registries:` (HOST) and no credential",
            "check the user and the password from `registries:` (HOST)",
        ),
        (
            "wrong password for Docker",
            "[]".to_owned(),
            guarded.docker(&wrong),
            "answered 401 (incorrect username or password); tried the Docker configuration (HOST) and no credential",
            "`docker login HOST`",
        ),
        (
            "expired",
            "[]".to_owned(),
            guarded.docker(&expired),
            "answered 401 (the refresh token has expired); tried the Docker configuration (HOST) and no credential",
            "if the login has expired, type `docker login HOST`",
        ),
        ("none", "[]".to_owned(), "{}".to_owned(), "HOST answered 401 (UNAUTHORIZED: authentication required)", "give HOST/acme a credential"),
        ("for another host", "[]".to_owned(), elsewhere, "HOST answered 401 (UNAUTHORIZED: authentication required)", "give HOST/acme a credential"),
        ("unreadable", missing, "{}".to_owned(), "cannot read the secret in `/nonexistent`: there is no such file", "write the secret"),
        (
            "no helper",
            "[]".to_owned(),
            helpless,
            "the credential helper `docker-credential-of-nobody-at-all` is not installed; tried",
            "into a folder of `PATH`",
        ),
    ] {
        let error = client(&entries, &docker).tags(&guarded.repository("acme/app")).await.expect_err(word);
        let (said, told) = (error.to_string().replace(host, "HOST"), error.hint().unwrap_or_default().replace(host, "HOST"));
        assert!(said.starts_with("cannot list `HOST/acme/app`: ") && said.contains(says), "{word}: {said}");
        assert!(told.contains(hint), "{word}: {told}");
        assert_eq!((error.code(), error.blame()), (Code::Unauthorized, Blame::Operator), "{word}");
        assert!(!format!("{said}{told}{error:?}").contains("hunter2"), "{word}: {error:?}");
    }
}

#[tokio::test]
async fn the_next_credential_is_tried_and_the_one_that_worked_is_remembered() {
    let guarded = Guarded::start(Rules::default());
    let client = client(&guarded.entry("wrong"), &guarded.docker(&basic()));
    let app = guarded.repository("acme/app");
    assert_eq!(tags(client.tags(&app).await), BOTH);
    assert_eq!(guarded.service.asked().len(), 2, "the wrong password, and the right one");
    let before = client.requests();
    assert_eq!(tags(client.tags(&app).await), BOTH);
    assert_eq!(client.requests(), before + 1);
}

/// A server that knows users by their names; the closure says what a user gets for a path, and nobody is the empty name.
fn knows_users(answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Hostile {
    Hostile::start(move |asked, _| {
        let header = asked.headers.get("authorization").and_then(|header| header.strip_prefix("Basic ")).unwrap_or_default();
        let pair = String::from_utf8(BASE64_STANDARD.decode(header).unwrap()).unwrap();
        answer(pair.split(':').next().unwrap_or_default(), &asked.target)
    })
}

fn challenge() -> Reply {
    Reply::error(401, "UNAUTHORIZED", "who are you").header("WWW-Authenticate", "Basic realm=x")
}

fn login(user: &str) -> Value {
    json!({ "username": user, "password": "x" })
}

/// The users that were asked for, in their order.
fn users(server: &Hostile) -> Vec<String> {
    let header = |asked: &crate::kit::hostile::Asked| asked.headers.get("authorization").cloned().unwrap_or_default();
    let user = |header: String| {
        let pair = String::from_utf8(BASE64_STANDARD.decode(header.strip_prefix("Basic ").unwrap_or_default()).unwrap()).unwrap();
        pair.split(':').next().unwrap_or_default().to_owned()
    };
    server.asked().iter().map(header).map(user).collect()
}

#[tokio::test]
async fn at_most_four_credentials_are_tried_and_the_last_is_none() {
    for (word, status, code) in [("403", 403, Code::Unauthorized), ("404", 404, Code::NotFound)] {
        let server = knows_users(move |user, _| if user.is_empty() { challenge() } else { Reply::error(status, "DENIED", user) });
        let host = server.host();
        let keys = ["/a", "/a/b", "/a/b/c", "/a/b/c/d", ""].map(|path| (format!("{host}{path}"), login(&format!("user{}", path.len()))));
        let docker = json!({ "auths": serde_json::Map::from_iter(keys) }).to_string();
        let error = client("[]", &docker).tags(&repository(&host, "a/b/c/d")).await.expect_err(word);
        assert_eq!(users(&server), ["", "user8", "user6", "user4", ""], "{word}: the longest key first, and nobody last");
        let tried = ["/a/b/c/d", "/a/b/c", "/a/b"].map(|path| format!("the Docker configuration ({host}{path})")).join(", ");
        assert!(error.to_string().ends_with(&format!("(DENIED: user8); tried {tried} and no credential")), "{word}: {error}");
        assert_eq!(error.code(), code, "{word}");
    }
}

#[tokio::test]
async fn what_one_may_not_see_another_may() {
    let list = || Reply::json(r#"{"tags":["1"]}"#);
    for (word, hidden) in [
        ("401", Reply::error(401, "UNAUTHORIZED", "no")),
        ("403", Reply::error(403, "DENIED", "no")),
        ("404", Reply::error(404, "NAME_UNKNOWN", "no")),
    ] {
        let server = knows_users(move |user, _| match user {
            "" => challenge(),
            "second" => list(),
            _ => hidden.clone(),
        });
        let host = server.host();
        let docker = json!({ "auths": { format!("{host}/acme"): login("first"), &host: login("second") } }).to_string();
        let client = client("[]", &docker);
        assert_eq!(tags(client.tags(&repository(&host, "acme/app")).await), ["1"], "{word}");
        assert_eq!(tags(client.tags(&repository(&host, "acme/app")).await), ["1"], "{word}");
        assert_eq!(users(&server), ["", "first", "second", "second"], "{word}");
    }
    let down = knows_users(|user, _| if user.is_empty() { challenge() } else { Reply::new(501, vec![]) });
    let docker = json!({ "auths": { down.host(): login("first") } }).to_string();
    let error = client("[]", &docker).tags(&repository(&down.host(), "acme/app")).await.expect_err("no answer");
    assert!(error.to_string().ends_with("answered 501"), "{error}");
    assert_eq!(users(&down), ["", "first"], "what is no refusal is not asked again as somebody else");
}

#[tokio::test]
async fn a_credential_that_no_longer_works_makes_room_for_the_next() {
    let open = Arc::new(Mutex::new("first"));
    let now = Arc::clone(&open);
    let server = knows_users(move |user, _| match user {
        "" => challenge(),
        user if user == *now.lock().unwrap() => Reply::json(r#"{"tags":["1"]}"#),
        _ => Reply::error(403, "DENIED", "no"),
    });
    let host = server.host();
    let docker = json!({ "auths": { format!("{host}/acme"): login("first"), &host: login("second") } }).to_string();
    let client = client("[]", &docker);
    let app = repository(&host, "acme/app");
    assert_eq!(tags(client.tags(&app).await), ["1"]);
    *open.lock().unwrap() = "second";
    assert_eq!(tags(client.tags(&app).await), ["1"]);
    assert_eq!(tags(client.tags(&app).await), ["1"]);
    assert_eq!(users(&server), ["", "first", "first", "second", "second"]);
}

#[tokio::test]
async fn a_missing_tag_is_asked_for_once_where_the_list_could_be_read() {
    let server = knows_users(|user, target| match (user, target.contains("/tags/")) {
        ("", _) => challenge(),
        ("second", true) => Reply::json(r#"{"tags":["1"]}"#),
        _ => Reply::error(404, "MANIFEST_UNKNOWN", "no"),
    });
    let host = server.host();
    let docker = json!({ "auths": { format!("{host}/acme"): login("first"), &host: login("second") } }).to_string();
    let client = client("[]", &docker);
    let app = repository(&host, "acme/app");
    assert_eq!(tags(client.tags(&app).await), ["1"]);
    let before = client.requests();
    assert_eq!(client.look(&app, &Tag::parse("1").unwrap(), None, &[]).await, Ok(Metadata::Gone));
    assert_eq!(client.requests(), before + 1);
    let fresh = self::client("[]", &docker);
    assert_eq!(fresh.look(&app, &Tag::parse("1").unwrap(), None, &[]).await, Ok(Metadata::Gone), "gone for all of them is gone");
}

#[tokio::test]
async fn two_prefixes_of_one_host_have_their_own_credentials() {
    let server = knows_users(|user, target| match (user, target) {
        ("", _) => challenge(),
        ("a", target) if target.starts_with("/v2/team-a/") => Reply::json(r#"{"tags":["a"]}"#),
        ("b", target) if target.starts_with("/v2/team-b/") => Reply::json(r#"{"tags":["b"]}"#),
        (user, _) => Reply::error(403, "DENIED", user),
    });
    let (host, folder) = (server.host(), tempfile::tempdir().unwrap());
    let password = folder.path().join("password");
    fs::write(&password, "x").unwrap();
    let entry = |team: &str| json!({ "prefix": format!("{host}/team-{team}"), "username": team, "passwordFile": password });
    let client = client(&json!([entry("a"), entry("b")]).to_string(), "{}");
    let repositories = ["team-a/app", "team-b/app"].map(|path| repository(&host, path));
    let [a, b] = [client.tags(&repositories[0]).await, client.tags(&repositories[1]).await].map(tags);
    assert_eq!((a, b), (vec!["a".to_owned()], vec!["b".to_owned()]));
    let error = client.tags(&repository(&host, "team-c/app")).await.expect_err("nobody's");
    assert!(error.to_string().ends_with("(UNAUTHORIZED: who are you)"), "{error}");
}

#[tokio::test]
async fn only_listed_registries_are_asked_where_the_configuration_says_so() {
    let registry = Registry::start(Mode::Open);
    registry.push("acme/app", "1.0.0", &ImageSpec::built("2024-05-01T10:00:00Z"));
    let app = repository(registry.host(), "acme/app");
    let listed = format!(r#"[{{"prefix":"{}/other"}}]"#, registry.host());
    for (word, entries, allow, asked) in [
        ("any", "[]", RegistryAllow::Any, true),
        ("listed", &listed, RegistryAllow::Listed, true),
        ("not listed", r#"[{"prefix":"ghcr.io"}]"#, RegistryAllow::Listed, false),
    ] {
        let client = Client::new(Settings { allow, ..settings(entries, "{}") });
        let outcome = client.tags(&app).await;
        assert_eq!((outcome.is_ok(), client.requests()), (asked, u64::from(asked)), "{word}: {outcome:?}");
        if let Err(error) = outcome {
            assert_eq!((error.code(), error.blame()), (Code::Unauthorized, Blame::Operator), "{word}");
        }
    }
}

#[tokio::test]
async fn strangers_do_not_lead_into_our_network() {
    let trap = Hostile::start(|_, _| Reply::json(r#"{"tags":["1"],"token":"t"}"#));
    let (location, realm) = (format!("http://{}/v2/x", trap.host()), format!(r#"Bearer realm="http://{}/token""#, trap.host()));
    let redirecting = Hostile::start(move |_, _| Reply::new(307, vec![]).header("Location", &location));
    let challenging = Hostile::start(move |_, _| Reply::new(401, vec![]).header("WWW-Authenticate", &realm));
    let port = trap.host().rsplit(':').next().unwrap().to_owned();
    let entry = |host: &str| format!(r#"[{{"prefix":"{host}"}}]"#);
    for (word, host, entries, refused) in [
        ("an address", trap.host(), "[]".to_owned(), trap.host()),
        ("a name", format!("localhost:{port}"), "[]".to_owned(), format!("localhost:{port}")),
        ("an address in another form", format!("127.1:{port}"), "[]".to_owned(), trap.host()),
        ("a redirect", redirecting.host(), entry(&redirecting.host()), trap.host()),
        ("a token service", challenging.host(), entry(&challenging.host()), trap.host()),
    ] {
        let app = repository(&host, "acme/app");
        let public = Client::new(Settings { addresses: Where::Public, ..settings(&entries, "{}") });
        let error = public.tags(&app).await.expect_err(word);
        assert!(error.to_string().contains(&format!(": {refused} leads to ")), "{word}: {error}");
        assert!(error.to_string().ends_with(", which is a loopback address"), "{word}: {error}");
        assert_eq!((error.code(), error.blame()), (Code::Unauthorized, Blame::Operator), "{word}");
        assert_eq!(trap.asked().len(), 0, "{word}");
    }
    let listed = Settings { addresses: Where::Public, ..settings(&entry(&trap.host()), "{}") };
    assert_eq!(tags(Client::new(listed).tags(&repository(&trap.host(), "acme/app")).await), ["1"]);
    assert_eq!(tags(client("[]", "{}").tags(&repository(&redirecting.host(), "acme/app")).await), ["1"], "a person's machine");
}

/// A repository in Git with automated deployments, and a machine with its configurations.
struct Desk {
    fleet: Bare,
    machine: Machine,
}

impl Desk {
    fn new(image: &str) -> Self {
        Self::with(&[image])
    }

    fn with(images: &[&str]) -> Self {
        let deployments = images.iter().enumerate().map(|(at, image)| {
            format!(
                "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{at}\n  annotations:\n    fluxcd.io/automated: \"true\"\n    \
                 fluxcd.io/tag.app: semver:*\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {image}\n"
            )
        });
        let fleet = Bare::with(&[("app.yaml", &deployments.collect::<String>())]);
        Self { fleet, machine: Machine::new().keeping(PASSWORD).keeping(IDENTITY).keeping("hunter2") }
    }

    /// Gives the user a Docker configuration.
    fn docker(&self, text: &str) {
        self.machine.file("home/.docker/config.json", text);
    }

    /// Installs `docker-credential-test`.
    fn helper(&self, script: &str) {
        helper(&self.machine.work(), "test", script);
    }

    /// What is written in a file of the working folder.
    fn noted(&self, name: &str) -> String {
        fs::read_to_string(self.machine.work().join(name)).unwrap()
    }

    fn plan(&self) -> Ran {
        let path = format!("{}:/usr/bin:/bin", self.machine.work().display());
        self.machine.call(["plan", &self.fleet.file_url(), "--output", "json"]).env("PATH", path).run()
    }
}

#[test]
fn a_plan_signs_in_however_it_is_configured() {
    let guarded = Guarded::start(Rules::default());
    let host = guarded.registry.host();
    let (user, identity) = (json!({ "Username": USER, "Secret": PASSWORD }), json!({ "Username": "<token>", "Secret": IDENTITY }));
    let yaml = format!("registries:\n- prefix: {host}\n  username: {USER}\n  passwordFile: secret\n");
    let scoped = format!("repositories:\n- name: fleet\n  url: FLEET\n{yaml}  for: [fleet]\n");
    let helped = |key: &str| json!({ "credHelpers": { key: "test" } }).to_string();
    for (word, yaml, docker, helped) in [
        ("tagalong.yaml", &*yaml, None, None),
        ("tagalong.yaml, for one repository", &scoped, None, None),
        ("a login of Docker", "", Some(guarded.docker(&basic())), None),
        ("an identity token", "", Some(guarded.docker(&json!({ "identitytoken": IDENTITY }))), None),
        ("a helper", "", Some(helped(host)), Some(&user)),
        ("a helper with an identity token", "", Some(helped(host)), Some(&identity)),
        ("a store", "", Some(json!({ "auths": { host: {} }, "credsStore": "test" }).to_string()), Some(&user)),
    ] {
        let desk = Desk::new(&format!("{host}/acme/app:1.0.0"));
        desk.machine.file("work/tagalong.yaml", yaml.replace("FLEET", &desk.fleet.file_url()));
        desk.machine.file("work/secret", PASSWORD);
        if let Some(docker) = docker {
            desk.docker(&docker);
        }
        if let Some(answer) = helped {
            desk.helper(&format!("read -r host; test \"$host $1\" = '{host} get' && echo '{answer}'"));
        }
        let ran = desk.plan();
        let plan = ran.json();
        assert_eq!(plan["updates"][0]["to"]["tag"], "1.1.0", "{word}: {ran:?}");
        assert_eq!(ran.err, "", "{word}");
    }
    let asked = guarded.service.asked();
    assert_eq!(asked.len(), 7, "one token for each plan");
    assert!(asked.iter().all(|asked| asked.method == "POST" || asked.target.contains(&SERVICE.replace(' ', "+"))));
}

#[test]
fn a_plan_tells_what_keeps_it_out() {
    let guarded = Guarded::start(Rules::default());
    let host = guarded.registry.host();
    let entry = format!("registries:\n- prefix: {host}\n  username: {USER}\n  passwordFile: secret\n");
    let elsewhere = format!("repositories:\n- name: shop\n  url: https://git.example/shop.git\n{entry}  for: [shop]\n");
    let helped = json!({ "credHelpers": { host: "test" } }).to_string();
    for (word, yaml, docker, says) in [
        ("wrong password", &*entry, "{}", "incorrect username or password"),
        ("for another repository", &elsewhere, "{}", "authentication required"),
        ("not listed", "registryAllow: listed\n", "{}", "`registryAllow` is `listed`, and no entry under `registries:` names"),
        ("a helper that hangs", "", &helped, "the credential helper `docker-credential-test` gave no answer in 5 s; tried"),
    ] {
        let desk = Desk::new(&format!("{host}/acme/app:1.0.0"));
        desk.machine.file("work/tagalong.yaml", yaml);
        desk.machine.file("work/secret", "hunter2");
        desk.docker(docker);
        // It waits for a writer that never comes.
        desk.helper("mkfifo pipe; cat pipe");
        let ran = desk.plan();
        let plan = ran.json();
        let failed = &plan["failed"][0];
        assert_eq!((&failed["code"], failed["to"]["tag"].as_str()), (&json!("unauthorized"), None), "{word}: {plan}");
        assert!(failed["reason"].as_str().unwrap().contains(says), "{word}: {failed}");
        assert_eq!(ran.code, 1, "{word}");
    }
}

#[test]
fn a_helper_that_fails_does_not_keep_public_images_out() {
    let guarded = Guarded::start(Rules::default());
    let host = guarded.registry.host();
    let desk = Desk::new(&format!("{host}/public/app:1.0.0"));
    desk.docker(r#"{"credsStore":"of-nobody-at-all"}"#);
    let ran = desk.plan();
    let plan = ran.json();
    assert_eq!(plan["updates"][0]["to"]["tag"], "1.1.0", "{ran:?}");
}

#[test]
fn a_helper_is_asked_once() {
    let guarded = Guarded::start(Rules::default());
    let host = guarded.registry.host();
    let images = ["acme/app", "acme/web", "public/app"].map(|path| format!("{host}/{path}:1.0.0"));
    let desk = Desk::with(&images.each_ref().map(String::as_str));
    desk.docker(r#"{"credsStore":"test"}"#);
    desk.helper(&format!("cat >> asked; echo >> asked; echo '{}'", json!({ "Username": USER, "Secret": PASSWORD })));
    let ran = desk.plan();
    let plan = ran.json();
    assert_eq!(plan["updates"].as_array().unwrap().len(), 3, "{ran:?}");
    assert_eq!(desk.noted("asked"), format!("{host}\n"));
}

#[test]
fn a_helper_knows_docker_hub_by_several_names() {
    let desk = Desk::new("redis:1.0.0");
    desk.docker(r#"{"credsStore":"test"}"#);
    // Nothing is asked of Docker Hub itself.
    desk.machine.file("work/tagalong.yaml", "registries:\n- prefix: docker.io\n  caFile: /nonexistent\n");
    desk.helper("cat >> asked; echo >> asked; echo credentials not found in native keychain; exit 1");
    let ran = desk.plan();
    let plan = ran.json();
    assert!(plan["failed"][0]["reason"].as_str().unwrap().contains("cannot use the certificates"), "{ran:?}");
    let asked = desk.noted("asked");
    assert_eq!(asked, "https://index.docker.io/v1/\nindex.docker.io\ndocker.io\n");
}

#[test]
fn a_helper_is_asked_again_when_what_it_gave_has_expired() {
    let config = r#"{"os":"linux","architecture":"amd64"}"#;
    let digest = Sha256::digest(config).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len() },
    });
    let manifest = manifest.to_string();
    // The user that the helper names first may list and no more.
    let server = knows_users(move |user, target| match (user, target) {
        ("", _) => challenge(),
        ("u", target) if target.contains("/tags/") => Reply::json(r#"{"tags":["1.0.0","1.1.0"]}"#),
        ("u", _) => Reply::error(401, "UNAUTHORIZED", "expired"),
        (_, target) if target.contains("/blobs/") => Reply::json(config),
        _ => Reply::json(&*manifest),
    });
    let desk = Desk::new(&format!("{}/acme/app:1.0.0", server.host()));
    desk.docker(r#"{"credsStore":"test"}"#);
    desk.helper(r#"printf u >> users; printf '{"Username":"%s","Secret":"x"}' "$(cat users)""#);
    let ran = desk.plan();
    let plan = ran.json();
    assert_eq!(plan["updates"][0]["to"]["tag"], "1.1.0", "{ran:?}");
    assert_eq!(users(&server), ["", "u", "u", "uu", "uu"]);
}
