//! Registries as they are, and as they should not be.

use std::{
    collections::BTreeMap,
    io::Write,
    process::Stdio,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use tagalong::{
    config::{DockerConfig, Patience, Registries, RegistryAllow},
    image::{Digest, Name, Platform, Repository, Tag},
    policy::{
        Blame, Code,
        record::{ImageFacts, Metadata},
    },
    registry::{Budgets, Client, RegistryError, Settings, TagList, Where},
};

use crate::kit::{
    gate::Gate,
    hostile::{Asked, Hostile, Reply},
    install_tls,
    registry::{Form, ImageSpec, Kind, Mode, PASSWORD, Registry, USER, program},
};

const BUILT: &str = "2024-05-01T10:00:00Z";

/// A client with entries as the file has them, and short waits.
fn client(entries: &str) -> Client {
    client_with(entries, "{}", Patience { first_pause: Duration::from_millis(1), ..Patience::default() })
}

fn client_with(entries: &str, docker: &str, patience: Patience) -> Client {
    Client::new(settings(entries, docker, patience))
}

fn settings(entries: &str, docker: &str, patience: Patience) -> Settings {
    install_tls();
    Settings {
        registries: serde_json::from_str::<Registries>(entries).expect("registries"),
        docker: DockerConfig::parse(docker.as_bytes()).expect("a Docker configuration"),
        patience,
        allow: RegistryAllow::Any,
        addresses: Where::Anywhere,
        clock: Arc::new(|| "2026-03-01T12:00:00Z".parse().expect("a time")),
    }
}

fn repository(host: &str, path: &str) -> Repository {
    Name::parse(&format!("{host}/{path}")).expect("a name").repository()
}

fn tag(text: &str) -> Tag {
    Tag::parse(text).expect("a tag")
}

fn names(list: &TagList) -> Vec<&str> {
    let mut names: Vec<&str> = list.tags.iter().map(Tag::as_str).collect();
    names.sort_unstable();
    names
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

async fn facts(client: &Client, repository: &Repository, name: &str, wanted: &str) -> ImageFacts {
    let wanted = [Platform::parse(wanted).expect("a platform")];
    match client.look(repository, &tag(name), None, &wanted).await {
        Ok(Metadata::Image(facts)) => facts,
        other => panic!("{name} is no image: {other:?}"),
    }
}

#[tokio::test]
async fn an_open_registry_lists_its_tags() {
    let registry = Registry::start(Mode::Open);
    for name in ["1.0.0", "1.1.0", "latest"] {
        registry.push("acme/app", name, &ImageSpec::built(BUILT));
    }
    let client = client("[]");
    let list = client.tags(&repository(registry.host(), "acme/app")).await.expect("a list");
    assert_eq!(names(&list), ["1.0.0", "1.1.0", "latest"]);
    assert_eq!((list.ignored, client.requests()), (0, 1));
}

#[tokio::test]
async fn every_form_of_an_image_is_looked_at() {
    let registry = Registry::start(Mode::Open);
    let client = client("[]");
    let repository = repository(registry.host(), "acme/app");
    let two = || vec!["linux/amd64".to_owned(), "linux/arm64/v8".to_owned()];
    let labels = BTreeMap::from([("org.opencontainers.image.source".to_owned(), "https://git.example/app".to_owned())]);
    for form in [Form::Oci, Form::Docker] {
        let spec = ImageSpec { form, labels: labels.clone(), ..ImageSpec::built(BUILT) };
        for (word, spec, wanted, platforms, requests) in [
            ("single", spec.clone(), "linux/amd64", vec![("linux/amd64", Some(time(BUILT)))], 2),
            (
                "single for another platform",
                ImageSpec { platforms: vec!["windows/amd64".into()], ..spec.clone() },
                "linux/amd64",
                vec![("windows/amd64", Some(time(BUILT)))],
                2,
            ),
            (
                "index",
                ImageSpec { kind: Kind::Index, platforms: two(), ..spec.clone() },
                "linux/arm64",
                vec![("linux/amd64", None), ("linux/arm64/v8", Some(time(BUILT)))],
                3,
            ),
            (
                "index without the wanted platform",
                ImageSpec { kind: Kind::Index, platforms: two(), ..spec.clone() },
                "linux/s390x",
                vec![("linux/amd64", Some(time(BUILT))), ("linux/arm64/v8", None)],
                3,
            ),
            (
                "index with an attestation",
                ImageSpec { kind: Kind::AttestedIndex, ..spec },
                "linux/amd64",
                vec![("linux/amd64", Some(time(BUILT)))],
                3,
            ),
        ] {
            let name = format!("{form:?}-{}", word.replace(' ', "-"));
            let digest = registry.push("acme/app", &name, &spec);
            let before = client.requests();
            let facts = facts(&client, &repository, &name, wanted).await;
            assert_eq!(facts.digest.as_str(), digest, "{name}");
            let found: Vec<(String, Option<Timestamp>)> = facts.platforms.iter().map(|each| (each.platform.to_string(), each.created)).collect();
            let expected: Vec<(String, Option<Timestamp>)> = platforms.iter().map(|(platform, created)| ((*platform).to_owned(), *created)).collect();
            assert_eq!(found, expected, "{name}");
            assert_eq!(facts.labels, labels, "{name}");
            assert!(client.requests() - before <= requests, "{name}: {} requests", client.requests() - before);
            assert_eq!(client.digest(&repository, &tag(&name)).await.expect("a digest").as_str(), digest, "{name}");
        }
    }
}

#[tokio::test]
async fn annotations_count_before_the_configuration() {
    let registry = Registry::start(Mode::Open);
    let client = client("[]");
    let repository = repository(registry.host(), "acme/app");
    let (annotation, index_annotation) = (Some("2024-06-01T00:00:00Z".to_owned()), Some("2024-07-01T00:00:00Z".to_owned()));
    let label = BTreeMap::from([("org.opencontainers.image.created".to_owned(), "2024-08-01T00:00:00Z".to_owned())]);
    for (word, spec, expected) in [
        ("manifest", ImageSpec { annotation: annotation.clone(), ..ImageSpec::built(BUILT) }, Some(time("2024-06-01T00:00:00Z"))),
        (
            "index",
            ImageSpec { kind: Kind::Index, index_annotation: index_annotation.clone(), ..ImageSpec::built(BUILT) },
            Some(time("2024-07-01T00:00:00Z")),
        ),
        ("both", ImageSpec { kind: Kind::Index, annotation, index_annotation, ..ImageSpec::built(BUILT) }, Some(time("2024-06-01T00:00:00Z"))),
        ("configuration", ImageSpec { labels: label.clone(), ..ImageSpec::built(BUILT) }, Some(time(BUILT))),
        ("label", ImageSpec { labels: label, ..ImageSpec::built("1970-01-01T00:00:00Z") }, Some(time("2024-08-01T00:00:00Z"))),
        ("epoch", ImageSpec::built("1970-01-01T00:00:00Z"), None),
        ("ahead", ImageSpec::built("2026-03-01T12:30:00Z"), None),
        ("nothing", ImageSpec::default(), None),
    ] {
        registry.push("acme/app", word, &spec);
        assert_eq!(facts(&client, &repository, word, "linux/amd64").await.platforms[0].created, expected, "{word}");
    }
}

#[tokio::test]
async fn what_is_read_by_digest_is_read_once() {
    let registry = Registry::start(Mode::Open);
    registry.push("acme/app", "1.0.0", &ImageSpec { kind: Kind::Index, ..ImageSpec::built(BUILT) });
    let client = client("[]");
    let repository = repository(registry.host(), "acme/app");
    for requests in [3, 4, 5] {
        facts(&client, &repository, "1.0.0", "linux/amd64").await;
        assert_eq!(client.requests(), requests);
    }
}

#[tokio::test]
async fn what_is_no_image_is_told_apart_from_what_is_gone() {
    let registry = Registry::start(Mode::Open);
    let client = client("[]");
    let repository = repository(registry.host(), "acme/app");
    for (word, kind, what) in [
        ("chart", Kind::Chart, "application/vnd.cncf.helm.config.v1+json"),
        ("signature", Kind::Signature, "application/vnd.dev.cosign.simplesigning.v1+json"),
    ] {
        registry.push("acme/app", word, &ImageSpec { kind, ..ImageSpec::default() });
        let metadata = client.look(&repository, &tag(word), None, &[]).await.expect("an answer");
        assert_eq!(metadata, Metadata::NotAnImage(what.to_owned()), "{word}");
    }
    let digest = registry.push("acme/app", "1.0.0", &ImageSpec::built(BUILT));
    registry.delete("acme/app", &digest);
    assert_eq!(client.look(&repository, &tag("1.0.0"), None, &[]).await, Ok(Metadata::Gone));
    let error = client.digest(&repository, &tag("1.0.0")).await.expect_err("it is gone");
    assert_eq!(error.to_string(), format!("cannot resolve `{repository}:1.0.0`: {} answered 404", registry.host()));
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_not_found() {
    let registry = Registry::start(Mode::Open);
    let repository = repository(registry.host(), "acme/missing");
    let error = client("[]").tags(&repository).await.expect_err("no list");
    assert_eq!(
        error.to_string(),
        format!("cannot list `{repository}`: {} answered 404 (NAME_UNKNOWN: repository name not known to registry)", registry.host())
    );
    assert_eq!((error.code(), error.blame()), (Code::NotFound, Blame::Operator));
    assert!(error.hint().is_some_and(|hint| hint.contains("check the name")));
}

#[tokio::test]
async fn a_password_opens_a_registry() {
    let registry = Registry::start(Mode::Basic);
    registry.push("acme/app", "1.0.0", &ImageSpec::built(BUILT));
    let host = registry.host();
    let repository = repository(host, "acme/app");
    let file = registry.file("password", &format!("{PASSWORD}\n"));
    let wrong = registry.file("wrong", "hunter2-is-wrong");
    let entry = |file: &std::path::Path| format!(r#"[{{"prefix":"{host}","username":"{USER}","passwordFile":"{}"}}]"#, file.display());
    let docker = format!(r#"{{"auths":{{"http://{host}/v1/":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#);
    let missing = format!(r#"[{{"prefix":"{host}","username":"{USER}","passwordFile":"/nonexistent/password"}}]"#);
    let denied = "answered 401 (UNAUTHORIZED: authentication required)";
    for (word, entries, docker, expected) in [
        ("from the configuration", entry(&file), "{}", Ok(())),
        ("from the Docker configuration", "[]".to_owned(), &*docker, Ok(())),
        ("a wrong one", entry(&wrong), "{}", Err((denied, "check the user and the password from `registries:`"))),
        ("none", "[]".to_owned(), "{}", Err((denied, "a credential under `registries:`"))),
        ("a missing file", missing, "{}", Err(("cannot read the secret in `/nonexistent/password`", "write the secret"))),
    ] {
        let client = client_with(&entries, docker, Patience::default());
        match (client.tags(&repository).await, expected) {
            (Ok(list), Ok(())) => {
                assert_eq!(names(&list), ["1.0.0"], "{word}");
                facts(&client, &repository, "1.0.0", "linux/amd64").await;
                assert_eq!(client.requests(), 4, "{word}: one 401, then each with the password");
            }
            (Err(error), Err((says, hint))) => {
                assert!(error.to_string().contains(says), "{word}: {error}");
                assert_eq!(error.code(), Code::Unauthorized, "{word}");
                let text = error.hint().unwrap_or_default();
                assert!(text.contains(hint), "{word}: {text}");
                for secret in [PASSWORD, "hunter2-is-wrong"] {
                    assert!(!format!("{error}{error:?}{text}").contains(secret), "{word}");
                }
            }
            (other, _) => panic!("{word}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_certificate_must_be_vouched_for() {
    let registry = Registry::start(Mode::Tls);
    let other = Registry::start(Mode::Tls);
    registry.push("acme/app", "1.0.0", &ImageSpec::built(BUILT));
    let host = registry.host();
    let repository = repository(host, "acme/app");
    let (ca, other_ca) = (registry.ca_file(), other.ca_file());
    let broken = registry.file("broken.pem", "not a certificate");
    let entry = |rest: String| format!(r#"[{{"prefix":"{host}",{rest}}}]"#);
    for (word, entries, expected) in [
        ("its authority", entry(format!(r#""caFile":"{}""#, ca.display())), Ok(())),
        ("insecure", entry(r#""insecure":true"#.to_owned()), Ok(())),
        ("an endpoint", entry(format!(r#""endpoint":"https://{host}","caFile":"{}""#, ca.display())), Ok(())),
        ("another authority", entry(format!(r#""caFile":"{}""#, other_ca.display())), Err(("is not trusted: nobody known signed it", "`caFile`"))),
        ("no certificate", entry(format!(r#""caFile":"{}""#, broken.display())), Err(("it holds no PEM certificate", "PEM"))),
        ("plain http", "[]".to_owned(), Err(("wants https", "`caFile`"))),
    ] {
        let client = client(&entries);
        match (client.tags(&repository).await, expected) {
            (Ok(list), Ok(())) => assert_eq!(names(&list), ["1.0.0"], "{word}"),
            (Err(error), Err((says, hint))) => {
                assert!(error.to_string().contains(says), "{word}: {error}");
                assert_eq!(error.code(), Code::Unreachable, "{word}");
                assert!(error.hint().is_some_and(|text| text.contains(hint)), "{word}: {:?}", error.hint());
            }
            (other, _) => panic!("{word}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_certificate_is_shown_to_a_host_that_wants_one() {
    let (registry, other) = (Registry::start(Mode::MutualTls), Registry::start(Mode::MutualTls));
    registry.push("acme/app", "1.0.0", &ImageSpec::built(BUILT));
    let host = registry.host();
    let repository = repository(host, "acme/app");
    let ([certificate, key], [foreign, foreign_key]) = (registry.client_files(), other.client_files());
    let both = registry.file("both.pem", &[&certificate, &key].map(|path| std::fs::read_to_string(path).expect("a file")).concat());
    let entry = |keys: &[&std::path::Path]| {
        let shown = if let [certificate, key] = keys {
            format!(r#","clientCertFile":"{}","clientKeyFile":"{}""#, certificate.display(), key.display())
        } else {
            String::new()
        };
        format!(r#"[{{"prefix":"{host}","caFile":"{}"{shown}}}]"#, registry.ca_file().display())
    };
    let nowhere = std::path::Path::new("/nonexistent");
    let wants = "does not take the client certificate that it was shown, or wants one";
    for (word, keys, expected) in [
        ("its own", &[&*certificate, &key][..], Ok(())),
        ("both in one file", &[&both, &both], Ok(())),
        ("none", &[], Err((wants, Code::Unauthorized, "`clientCertFile`"))),
        ("another authority's", &[&foreign, &foreign_key], Err((wants, Code::Unauthorized, "`clientCertFile`"))),
        ("no such file", &[nowhere, &key], Err(("cannot read the client certificate in `/nonexistent`: No such file", Code::Unreachable, "in PEM"))),
        ("no key", &[&certificate, &certificate], Err(("they hold no certificate and key in PEM", Code::Unreachable, "without a passphrase"))),
        ("another's key", &[&certificate, &foreign_key], Err(("the key is not that of the certificate", Code::Unreachable, "without a passphrase"))),
    ] {
        match (client(&entry(keys)).tags(&repository).await, expected) {
            (Ok(list), Ok(())) => assert_eq!(names(&list), ["1.0.0"], "{word}"),
            (Err(error), Err((says, code, hint))) => {
                // Under TLS 1.3 the connection may be closed before the refusal is read.
                let is_lost = says == wants && error.code() == Code::Unreachable;
                assert!(is_lost || error.to_string().contains(says), "{word}: {error}");
                assert!(is_lost || (error.code(), error.blame()) == (code, Blame::Operator), "{word}");
                assert!(error.hint().is_some_and(|text| text.contains(hint)), "{word}: {:?}", error.hint());
            }
            (other, _) => panic!("{word}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_authority_for_all_counts_beside_that_of_a_host() {
    let (registry, other) = (Registry::start(Mode::Tls), Registry::start(Mode::Tls));
    registry.push("acme/app", "1.0.0", &ImageSpec::built(BUILT));
    let (host, repository) = (registry.host(), repository(registry.host(), "acme/app"));
    let entry = |ca: &str| format!(r#"[{{"prefix":"{host}","endpoint":"https://{host}"{ca}}}]"#);
    let of_host = |ca: &std::path::Path| entry(&format!(r#","caFile":"{}""#, ca.display()));
    for (word, entries, all, is_trusted) in [
        ("for all", entry(""), Some(registry.ca_file()), true),
        ("for all, and another of the host", of_host(&other.ca_file()), Some(registry.ca_file()), true),
        ("of the host, and another for all", of_host(&registry.ca_file()), Some(other.ca_file()), true),
        ("another for all", entry(""), Some(other.ca_file()), false),
        ("none", entry(""), None, false),
    ] {
        let mut settings = settings(&entries, "{}", Patience::default());
        settings.registries.ca_file = all;
        let outcome = Client::new(settings).tags(&repository).await;
        assert_eq!(outcome.is_ok(), is_trusted, "{word}: {outcome:?}");
    }
}

#[tokio::test]
async fn connections_are_used_again_and_http_2_needs_one_for_all() {
    for (mode, scheme, most) in [(Mode::Open, "http", 8), (Mode::Tls, "https", 1)] {
        let registry = Registry::start(mode);
        registry.push("acme/app", "1.0.0", &ImageSpec::built(BUILT));
        let gate = Gate::before(registry.host());
        let ca = if mode == Mode::Tls { format!(r#","caFile":"{}""#, registry.ca_file().display()) } else { String::new() };
        let client = client(&format!(r#"[{{"prefix":"{0}","endpoint":"{scheme}://{0}","requestsPerSecond":1000{ca}}}]"#, gate.host()));
        let repository = repository(&gate.host(), "acme/app");
        for _ in 0..20 {
            client.tags(&repository).await.expect("a list");
        }
        assert_eq!(gate.connections(), 1, "{mode:?}, one after the other");
        for list in join_all((0..40).map(|_| client.tags(&repository))).await {
            list.expect("a list");
        }
        assert!(gate.connections() <= most, "{mode:?}, all at once: {}", gate.connections());
        assert_eq!(client.requests(), 60, "{mode:?}");
    }
}

#[tokio::test]
async fn plain_http_is_spoken_where_it_is_allowed() {
    let registry = Registry::start(Mode::Open);
    registry.push("acme/app", "1.0.0", &ImageSpec::built(BUILT));
    let repository = repository(registry.host(), "acme/app");
    let insecure = client(&format!(r#"[{{"prefix":"{}","insecure":true}}]"#, registry.host()));
    assert_eq!(names(&insecure.tags(&repository).await.expect("a list")), ["1.0.0"]);
    let strict = client(&format!(r#"[{{"prefix":"{0}","endpoint":"https://{0}"}}]"#, registry.host()));
    let error = strict.tags(&repository).await.expect_err("no https");
    assert!(error.to_string().ends_with("does not speak https"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("`insecure: true`")), "{:?}", error.hint());
}

#[tokio::test]
async fn a_name_is_asked_where_the_configuration_says() {
    let registry = Registry::start(Mode::Open);
    registry.push("library/redis", "7.2", &ImageSpec::built(BUILT));
    let host = registry.host();
    for (word, name, entries) in [
        ("endpoint", "redis", format!(r#"[{{"prefix":"docker.io","endpoint":"http://{host}"}}]"#)),
        ("listed elsewhere", "mirror.invalid/hub/library/redis", format!(r#"[{{"prefix":"mirror.invalid/hub","listFrom":"{host}"}}]"#)),
    ] {
        let repository = Name::parse(name).expect("a name").repository();
        let list = client(&entries).tags(&repository).await.expect(word);
        assert_eq!(names(&list), ["7.2"], "{word}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_unreachable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port that was free");
    let error = client("[]").tags(&repository(&closed.to_string(), "acme/app")).await.expect_err("nobody listens");
    assert!(error.to_string().ends_with(&format!("{closed} refuses connections")), "{error}");
    assert_eq!((error.code(), error.blame()), (Code::Unreachable, Blame::Remote));
    for host in ["localhost:99999", "1.2.3.4.5"] {
        let error = client("[]").tags(&repository(host, "acme/app")).await.expect_err(host);
        assert!(error.to_string().ends_with(&format!("there is no host {host}")), "{error}");
    }
}

/// The path and query of what was asked for.
fn targets(server: &Hostile) -> Vec<String> {
    server.asked().into_iter().map(|asked| asked.target).collect()
}

async fn listed(server: &Hostile) -> Result<TagList, RegistryError> {
    client("[]").tags(&repository(&server.host(), "acme/app")).await
}

const NEXT: &str = r#"</v2/acme/app/tags/list?last=2&n=1000>; rel="next""#;

#[tokio::test]
async fn pages_are_followed_on_the_same_host() {
    let server = Hostile::start(|_, before| match before {
        0 => {
            Reply::json(r#"{"name":"acme/app","tags":["1","2"]}"#).header("Link", r#"<http://127.0.0.1:1/v2/acme/app/tags/list?last=2>; rel="next""#)
        }
        _ => Reply::json(r#"{"name":"acme/app","tags":["3"]}"#),
    });
    assert_eq!(names(&listed(&server).await.expect("a list")), ["1", "2", "3"]);
    assert_eq!(targets(&server), ["/v2/acme/app/tags/list?n=1000", "/v2/acme/app/tags/list?last=2"]);
}

#[tokio::test]
async fn a_registry_that_refuses_a_page_size_gets_none() {
    for status in [400, 422] {
        let server = Hostile::start(move |asked, _| {
            let refused = asked.target.contains("n=1000");
            if refused { Reply::error(status, "PAGINATION_NUMBER_INVALID", "n is at most 100") } else { Reply::json(r#"{"tags":["1"]}"#) }
        });
        assert_eq!(names(&listed(&server).await.expect("a list")), ["1"], "{status}");
    }
}

#[tokio::test]
async fn a_list_is_asked_for_again_by_what_its_host_gave_with_it() {
    const AGAIN: [&str; 2] = ["if-none-match", "if-modified-since"];
    let list = || Reply::json(r#"{"tags":["1"]}"#);
    let newer = || Reply::json(r#"{"tags":["1","2"]}"#);
    let tagged = |reply: Reply| reply.header("ETag", "W/\"a\"");
    let dated = |reply: Reply| reply.header("Last-Modified", "Sun, 01 Mar 2026 11:00:00 GMT");
    let same = || Reply::new(304, vec![]);
    let linked = |reply: Reply| reply.header("Link", NEXT);
    let one = Some(Ok(vec!["1"]));
    let two = || Some(Ok(vec!["1", "2"]));
    for (word, before, after, outcome, asked) in [
        ("by its tag", vec![tagged(list())], vec![same()], None, vec!["if-none-match"]),
        ("by its date", vec![dated(list())], vec![same()], None, vec!["if-modified-since"]),
        ("by both", vec![dated(tagged(list()))], vec![same()], None, vec!["if-none-match if-modified-since"]),
        ("changed", vec![tagged(list())], vec![newer()], two(), vec!["if-none-match"]),
        ("its host does not heed it", vec![tagged(list())], vec![tagged(list())], None, vec!["if-none-match"]),
        ("nothing was given", vec![list()], vec![list()], None, vec![""]),
        ("a tag that is too long", vec![list().header("ETag", &"x".repeat(1000))], vec![newer()], two(), vec![""]),
        ("304 to no condition", vec![list()], vec![same()], Some(Err("answered 304")), vec![""]),
        ("304 to the whole", vec![tagged(list())], vec![linked(same()), same()], Some(Err("answered 304")), vec!["if-none-match", ""]),
        (
            "a page more",
            vec![tagged(list())],
            vec![linked(same()), linked(list()), Reply::json(r#"{"tags":["2"]}"#)],
            two(),
            vec!["if-none-match", "", ""],
        ),
        ("several pages are asked for whole", vec![linked(tagged(list())), tagged(newer())], vec![newer()], two(), vec![""]),
        ("304 for a later page", vec![list()], vec![linked(newer()), same()], Some(Err("answered 304")), vec!["", ""]),
        ("fewer", vec![tagged(newer())], vec![list()], one.clone(), vec!["if-none-match"]),
        ("refused for now", vec![tagged(list())], vec![Reply::new(503, vec![]), same()], None, vec!["if-none-match", "if-none-match"]),
    ] {
        let answers = [before.clone(), after].concat();
        let server = Hostile::start(move |_, came| answers.get(came).cloned().unwrap_or_else(|| Reply::new(501, vec![])));
        let (client, repository) = (client("[]"), repository(&server.host(), "acme/app"));
        let pages = client.tags(&repository).await.expect(word).pages;
        let again = client.tags_unless(&repository, &pages).await;
        match (&again, outcome) {
            (Ok(None), None) => {}
            (Ok(Some(list)), Some(Ok(tags))) => assert_eq!(names(list), tags, "{word}"),
            (Err(error), Some(Err(says))) => assert!(error.to_string().contains(says) && error.code() == Code::BadAnswer, "{word}: {error}"),
            _ => panic!("{word}: {again:?}"),
        }
        let conditions = |asked: Asked| AGAIN.into_iter().filter(|name| asked.headers.contains_key(*name)).collect::<Vec<_>>().join(" ");
        assert_eq!(server.asked().into_iter().skip(before.len()).map(conditions).collect::<Vec<_>>(), asked, "{word}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_an_error() {
    let zip = |text: &[u8]| {
        let mut gzip = program("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("`gzip` starts");
        let mut input = gzip.stdin.take().expect("its input is piped");
        let text = text.to_vec();
        let writer = std::thread::spawn(move || input.write_all(&text));
        let output = gzip.wait_with_output().expect("`gzip` ends").stdout;
        writer.join().expect("no panic").expect("all is written");
        output
    };
    let spaces = [&br#"{"name":"acme/app","tags":["#[..], &vec![b' '; 40 << 20], b"]}"].concat();
    let bomb = zip(&spaces);
    assert!(bomb.len() < 64 * 1024, "the bomb is small");
    let page = || Reply::json(r#"{"name":"acme/app","tags":["1","2"]}"#);
    let first = |then: Reply| move |_: &Asked, before: usize| if before == 0 { page().header("Link", NEXT) } else { then.clone() };
    let once = |reply: Reply| move |_: &Asked, _: usize| reply.clone();
    let endless = |_: &Asked, before: usize| {
        Reply::json(format!(r#"{{"tags":["{before}"]}}"#)).header("Link", &format!(r#"<?last={}>; rel="next""#, before.min(3)))
    };
    for (word, server, says) in [
        ("web page", Hostile::start(once(Reply::new(200, b"<!DOCTYPE html><title>Sign in</title>".to_vec()))), "a web page instead of JSON"),
        ("web page as a later page", Hostile::start(first(Reply::new(200, b"<html>".to_vec()))), "a web page instead of JSON"),
        ("null on a later page", Hostile::start(first(Reply::json(r#"{"name":"acme/app","tags":null}"#))), "tags are null"),
        ("another repository", Hostile::start(once(Reply::json(r#"{"name":"evil/app","tags":["9"]}"#))), "another repository, `evil/app`"),
        ("another repository's page", Hostile::start(first(Reply::json(r#"{"name":"evil/app","tags":["9"]}"#))), "another repository"),
        ("cut JSON", Hostile::start(once(Reply::json(r#"{"name":"acme/app","tags":["1"#))), "cannot be read"),
        ("cut body", Hostile::start(once(page().cut_after(20))), "breaks off"),
        ("foreign link", Hostile::start(once(page().header("Link", r#"<http://evil.example/v2/x>; rel="next""#))), "on another host, evil.example"),
        ("link that is none", Hostile::start(once(page().header("Link", "next"))), "link to the next page that cannot be read"),
        ("link to itself", Hostile::start(once(page().header("Link", r#"<?n=1000>; rel="next""#))), "same page of tags twice"),
        ("ring of pages", Hostile::start(endless), "same page of tags twice"),
        ("page that repeats", Hostile::start(first(page().header("Link", r#"<?last=9>; rel="next""#))), "same page of tags twice"),
        ("gzip bomb", Hostile::start(once(Reply::json("").header("Content-Encoding", "gzip").with_body(bomb.clone()))), "more than 16384 KiB"),
        ("garbled gzip", Hostile::start(once(page().header("Content-Encoding", "gzip"))), "garbled"),
        ("large page", Hostile::start(once(Reply::json("").with_body(spaces.clone()))), "more than 16384 KiB"),
        ("redirect without end", Hostile::start(once(Reply::new(307, vec![]).header("Location", "/v2/again"))), "redirected more than 5 times"),
        ("redirect to a file", Hostile::start(once(Reply::new(307, vec![]).header("Location", "file:///etc/passwd"))), "is not followed"),
        ("teapot", Hostile::start(once(Reply::error(418, "TEAPOT", "short and\u{1b}[31m stout"))), "answered 418 (TEAPOT: short and [31m stout)"),
    ] {
        let error = listed(&server).await.expect_err(word);
        assert!(error.to_string().contains(says), "{word}: {error}");
        assert_eq!(error.code(), Code::BadAnswer, "{word}");
        assert!(error.to_string().starts_with(&format!("cannot list `{}/acme/app`: {} ", server.host(), server.host())), "{word}: {error}");
        assert!(server.asked().len() <= 7, "{word}: {} requests", server.asked().len());
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_waited_out() {
    for (word, failure) in [
        ("503", Reply::new(503, vec![])),
        ("500", Reply::new(500, b"oops".to_vec())),
        ("429 without a time", Reply::error(429, "TOOMANYREQUESTS", "slow down")),
        ("429 with a time", Reply::error(429, "TOOMANYREQUESTS", "slow down").header("Retry-After", "0")),
        ("503 with a date", Reply::new(503, vec![]).header("Retry-After", "Sun, 01 Mar 2026 11:59:00 GMT")),
        ("reset", Reply::json(r#"{"name":"acme/app"}"#).cut_after(3)),
    ] {
        let server = Hostile::start(move |_, before| if before < 3 { failure.clone() } else { Reply::json(r#"{"tags":["1"]}"#) });
        assert_eq!(names(&listed(&server).await.expect(word)), ["1"], "{word}");
        assert_eq!(server.asked().len(), 4, "{word}");
    }
}

#[tokio::test]
async fn a_failure_that_stays_is_an_error() {
    for (word, failure, code, says, requests) in [
        ("500", Reply::new(500, vec![]), Code::Unreachable, "answered 500", 4),
        ("503", Reply::error(503, "UNAVAILABLE", "later"), Code::Unreachable, "answered 503 (UNAVAILABLE: later)", 4),
        ("429", Reply::error(429, "TOOMANYREQUESTS", "slow"), Code::RateLimited, "answered 429 (TOOMANYREQUESTS: slow)", 4),
        (
            "429 for an hour",
            Reply::new(429, vec![]).header("Retry-After", "7200"),
            Code::RateLimited,
            "answered 429, and asks to be left alone for 3600 s",
            1,
        ),
        (
            "503 for a minute",
            Reply::new(503, vec![]).header("Retry-After", "60"),
            Code::RateLimited,
            "answered 503, and asks to be left alone for 60 s",
            1,
        ),
        ("403", Reply::error(403, "DENIED", "no"), Code::Unauthorized, "answered 403 (DENIED: no)", 1),
        ("404 of a web server", Reply::new(404, b"<html>not found".to_vec()), Code::NotFound, "answered 404", 1),
    ] {
        let server = Hostile::start(move |_, _| failure.clone());
        let error = listed(&server).await.expect_err(word);
        assert!(error.to_string().ends_with(says), "{word}: {error}");
        assert_eq!((error.code(), server.asked().len()), (code, requests), "{word}");
        assert!(error.hint().is_some(), "{word}");
    }
}

#[tokio::test]
async fn a_host_that_wants_peace_is_not_asked_about_anything_else() {
    let server = Hostile::start(|_, _| Reply::new(429, vec![]).header("Retry-After", "600"));
    let client = client("[]");
    client.tags(&repository(&server.host(), "acme/app")).await.expect_err("the first is answered so");
    let error = client.tags(&repository(&server.host(), "acme/other")).await.expect_err("the second is not sent");
    assert_eq!(error.code(), Code::RateLimited);
    assert!(error.to_string().contains("asked to be left alone for "), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn clients_with_one_budget_leave_a_host_alone_together() {
    let server = Hostile::start(|_, _| Reply::new(429, vec![]).header("Retry-After", "600"));
    let repository = repository(&server.host(), "acme/app");
    let budgets = Budgets::default();
    let sharing = || Client::sharing(settings("[]", "{}", Patience::default()), budgets.clone());
    sharing().tags(&repository).await.expect_err("the first is answered so");
    let error = sharing().tags(&repository).await.expect_err("the second is not sent");
    assert!(error.to_string().contains("asked to be left alone for "), "{error}");
    assert_eq!(server.asked().len(), 1);
    client("[]").tags(&repository).await.expect_err("who has a budget of its own asks");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let patience = Patience { request: Duration::from_millis(300), stall: Duration::from_millis(200), ..Patience::default() };
    for (word, bytes) in [("before the body", 0), ("in the body", 9)] {
        let server = Hostile::start(move |_, _| Reply::json(r#"{"name":"acme/app","tags":["1"]}"#).silent_after(bytes));
        let error = client_with("[]", "{}", patience).tags(&repository(&server.host(), "acme/app")).await.expect_err(word);
        assert_eq!(error.code(), Code::Unreachable, "{word}: {error}");
        assert!(error.to_string().contains("gave no answer in 0."), "{word}: {error}");
    }
}

/// A registry that wants tokens of its own token service at `/token`.
fn token_registry(minted: impl Fn(usize) -> Reply + Send + Sync + 'static, accepts: &'static str) -> Hostile {
    let minted_before = AtomicUsize::new(0);
    Hostile::start(move |asked, _| {
        if asked.target.starts_with("/token") {
            return minted(minted_before.fetch_add(1, Ordering::SeqCst));
        }
        if asked.headers.get("authorization").is_some_and(|value| value == accepts) {
            return Reply::json(r#"{"tags":["1"]}"#);
        }
        let challenge = format!(r#"Bearer realm="http://{}/token",service="a b",scope="repository:x:pull""#, asked.headers["host"]);
        Reply::error(401, "UNAUTHORIZED", "who are you").header("WWW-Authenticate", &challenge)
    })
}

fn minting(server: &Hostile) -> Vec<Asked> {
    server.asked().into_iter().filter(|asked| asked.target.starts_with("/token")).collect()
}

#[tokio::test]
async fn those_who_wait_share_one_token() {
    let server = token_registry(|_| Reply::json(r#"{"access_token":"t1","expires_in":300}"#), "Bearer t1");
    let client = client(&format!(r#"[{{"prefix":"{}","requestsPerSecond":1000}}]"#, server.host()));
    let repository = repository(&server.host(), "acme/app");
    for list in join_all((0..50).map(|_| client.tags(&repository))).await {
        assert_eq!(names(&list.expect("a list")), ["1"]);
    }
    let tokens = minting(&server);
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].target, "/token?service=a+b&scope=repository%3Aacme%2Fapp%3Apull");
    assert_eq!(tokens[0].headers.get("authorization"), None);
    let before = server.asked().len();
    client.tags(&repository).await.expect("a list");
    assert_eq!(server.asked().len(), before + 1, "the challenge and the token are remembered");
}

#[tokio::test]
async fn a_password_signs_in_for_a_token() {
    let server = token_registry(|_| Reply::json(r#"{"token":"t1"}"#), "Bearer t1");
    let host = server.host();
    let docker = format!(r#"{{"auths":{{"{host}":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#);
    let client = client_with("[]", &docker, Patience::default());
    client.tags(&repository(&host, "acme/app")).await.expect("a list");
    for asked in server.asked() {
        let basic = asked.headers.get("authorization").is_some_and(|value| value.starts_with("Basic "));
        assert_eq!(basic, asked.target.starts_with("/token"), "the password goes to the token service alone: {}", asked.target);
    }
}

#[tokio::test]
async fn a_token_that_is_no_longer_taken_is_renewed_once() {
    let renewing = token_registry(|before| Reply::json(format!(r#"{{"token":"t{before}"}}"#)), "Bearer t1");
    let list = client("[]").tags(&repository(&renewing.host(), "acme/app")).await.expect("a list");
    assert_eq!((names(&list), minting(&renewing).len()), (vec!["1"], 2));
    let refusing = token_registry(|before| Reply::json(format!(r#"{{"token":"t{before}"}}"#)), "Bearer never");
    let error = client("[]").tags(&repository(&refusing.host(), "acme/app")).await.expect_err("no token is good");
    assert_eq!((error.code(), minting(&refusing).len()), (Code::Unauthorized, 2));
}

#[tokio::test]
async fn a_token_service_that_fails_is_told() {
    for (word, minted, code, says) in [
        (
            "denied",
            Reply::json(r#"{"details":"incorrect username or password"}"#).status(401),
            Code::Unauthorized,
            "answered 401 (incorrect username or password)",
        ),
        ("no token", Reply::json("{}"), Code::BadAnswer, "answered with a token that cannot be read: no token is in it"),
        ("web page", Reply::new(200, b"<html>".to_vec()), Code::BadAnswer, "a token that cannot be read"),
        ("down", Reply::new(502, vec![]), Code::Unreachable, "answered 502"),
    ] {
        let server = token_registry(move |_| minted.clone(), "Bearer t1");
        let error = listed(&server).await.expect_err(word);
        assert!(error.to_string().contains(says), "{word}: {error}");
        assert_eq!(error.code(), code, "{word}");
    }
}

#[tokio::test]
async fn a_challenge_that_cannot_be_met_is_an_error() {
    for (word, challenge, code, says) in [
        ("unknown scheme", "Negotiate", Code::Unauthorized, "answered 401 (UNAUTHORIZED: who are you)"),
        ("open quote", r#"Bearer realm="http://x"#, Code::BadAnswer, "a challenge that cannot be read"),
        ("no realm", r#"Bearer service="x""#, Code::BadAnswer, "nothing says where it is"),
        ("a file", r#"Bearer realm="file:///etc/passwd""#, Code::BadAnswer, "is no place"),
        ("a user", r#"Bearer realm="https://u:hunter2@x/token""#, Code::BadAnswer, "`https://x/token` is no place"),
        ("basic without a password", r#"Basic realm="x""#, Code::Unauthorized, "answered 401 (UNAUTHORIZED: who are you)"),
    ] {
        let server = Hostile::start(move |_, _| Reply::error(401, "UNAUTHORIZED", "who are you").header("WWW-Authenticate", challenge));
        let error = listed(&server).await.expect_err(word);
        assert!(error.to_string().contains(says), "{word}: {error}");
        assert_eq!((error.code(), server.asked().len()), (code, 1), "{word}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_carries_no_credential() {
    let trap = Hostile::start(|asked, _| match asked.target.as_str() {
        "/elsewhere" => Reply::json(r#"{"tags":["1"]}"#),
        _ => Reply::new(404, vec![]),
    });
    let location = format!("http://{}/elsewhere", trap.host());
    let server = Hostile::start(move |asked, _| match asked.headers.get("authorization") {
        None => Reply::new(401, vec![]).header("WWW-Authenticate", "Basic realm=x"),
        Some(_) if asked.target.contains("/here") => Reply::new(307, vec![]).header("Location", &location),
        Some(_) => Reply::new(307, vec![]).header("Location", "/here"),
    });
    let docker = format!(r#"{{"auths":{{"{}":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#, server.host());
    let client = client_with("[]", &docker, Patience::default());
    assert_eq!(names(&client.tags(&repository(&server.host(), "acme/app")).await.expect("a list")), ["1"]);
    assert!(server.asked().iter().any(|asked| asked.target == "/here" && asked.headers.contains_key("authorization")), "it stays on its host");
    let trapped = trap.asked();
    assert_eq!(trapped.len(), 1);
    assert!(!trapped[0].headers.contains_key("authorization") && !format!("{trapped:?}").contains(PASSWORD), "{trapped:?}");
}

#[tokio::test]
async fn an_echoed_secret_is_not_shown() {
    let server = Hostile::start(|asked, _| match asked.headers.get("authorization") {
        None => Reply::new(401, vec![]).header("WWW-Authenticate", "Basic realm=x"),
        Some(proof) => Reply::error(403, "DENIED", &format!("no {proof} and no {PASSWORD}")),
    });
    let docker = format!(r#"{{"auths":{{"{}":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#, server.host());
    let error = client_with("[]", &docker, Patience::default()).tags(&repository(&server.host(), "acme/app")).await.expect_err("denied");
    assert!(error.to_string().contains("answered 403; tried the Docker configuration"), "{error}");
}

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn manifest() -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{A}","size":2}},"layers":[]}}"#
    )
}

#[tokio::test]
async fn bytes_are_those_of_their_digest() {
    let wrong = |what: &str| format!("sent bytes that are not those of their digest {what}");
    for (word, header, config, says) in [
        ("manifest", Some(A), "{}", wrong(A)),
        ("configuration", None, "{}", wrong(A)),
        ("header that is no digest", Some("sha256:x"), "{}", "sent a digest that is none: `sha256:x`".to_owned()),
    ] {
        let server = Hostile::start(move |asked, _| match (asked.target.contains("/blobs/"), header) {
            (true, _) => Reply::json(config),
            (false, Some(header)) => Reply::json(manifest()).header("Docker-Content-Digest", header),
            (false, None) => Reply::json(manifest()),
        });
        let error = client("[]").look(&repository(&server.host(), "acme/app"), &tag("1"), None, &[]).await.expect_err(word);
        assert!(error.to_string().ends_with(&says), "{word}: {error}");
        assert_eq!(error.code(), Code::BadAnswer, "{word}");
    }
}

#[tokio::test]
async fn a_look_without_a_definite_answer_is_an_error() {
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{A}","size":2,
            "platform":{{"os":"linux","architecture":"amd64"}}}}]}}"#
    );
    for (word, top, below, code, says) in [
        ("missing configuration", Reply::json(manifest()), Reply::error(404, "BLOB_UNKNOWN", "x"), Code::BadAnswer, "has no configuration"),
        ("missing manifest", Reply::json(index), Reply::error(404, "MANIFEST_UNKNOWN", "x"), Code::BadAnswer, "has no manifest"),
        ("missing repository", Reply::error(404, "NAME_UNKNOWN", "x"), Reply::new(404, vec![]), Code::NotFound, "answered 404 (NAME_UNKNOWN: x)"),
        ("web page with 404", Reply::new(404, b"<html>".to_vec()), Reply::new(404, vec![]), Code::NotFound, "answered 404"),
        ("web page", Reply::new(200, b"<html>".to_vec()), Reply::new(404, vec![]), Code::BadAnswer, "a web page instead of JSON"),
        ("503", Reply::new(503, vec![]), Reply::new(404, vec![]), Code::Unreachable, "answered 503"),
        ("large manifest", Reply::new(200, vec![b' '; 5 << 20]), Reply::new(404, vec![]), Code::BadAnswer, "more than 4096 KiB"),
    ] {
        let server = Hostile::start(move |asked, _| if asked.target.ends_with("/manifests/1") { top.clone() } else { below.clone() });
        let error = client("[]").look(&repository(&server.host(), "acme/app"), &tag("1"), None, &[]).await.expect_err(word);
        assert!(error.to_string().contains(says), "{word}: {error}");
        assert_eq!(error.code(), code, "{word}");
        assert!(error.to_string().starts_with("cannot look at `"), "{word}: {error}");
    }
}

#[tokio::test]
async fn an_index_that_leads_on_and_on_is_left() {
    // Each digest is that of the document that names the one before it.
    let mut documents = BTreeMap::new();
    let mut digest = A.to_owned();
    let mut last = String::new();
    for _ in 0..6 {
        last =
            format!(r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{digest}","size":2}}]}}"#);
        digest = sha256(&last);
        documents.insert(digest.clone(), last.clone());
    }
    let server = Hostile::start(move |asked, _| {
        let reference = asked.target.rsplit('/').next().unwrap_or_default();
        Reply::json(if reference == "1" { last.clone() } else { documents.get(reference).cloned().unwrap_or_default() })
    });
    let error = client("[]").look(&repository(&server.host(), "acme/app"), &tag("1"), None, &[]).await.expect_err("no end");
    assert!(error.to_string().contains("sent an index that leads to more than"), "{error}");
    assert!(server.asked().len() <= 4, "{}", server.asked().len());
}

#[tokio::test]
async fn an_index_in_an_index_offers_its_images_in_their_place() {
    let mut documents = BTreeMap::new();
    let mut keep = |text: String| {
        let digest = sha256(&text);
        documents.insert(digest.clone(), text);
        digest
    };
    let mut image = |platform: &str, built: &str| {
        let (os, architecture) = platform.split_once('/').expect("a platform");
        let config = keep(format!(r#"{{"os":"{os}","architecture":"{architecture}","created":"{built}"}}"#));
        keep(manifest().replace(A, &config))
    };
    let (one, two, three) = (image("linux/amd64", BUILT), image("linux/arm64", "2024-05-02T00:00:00Z"), image("linux/s390x", "2024-05-03T00:00:00Z"));
    let entry = |kind: &str, digest: &str| format!(r#"{{"mediaType":"application/vnd.oci.image.{kind}.v1+json","digest":"{digest}","size":2}}"#);
    let inner = keep(format!(r#"{{"schemaVersion":2,"manifests":[{},{}]}}"#, entry("manifest", &one), entry("manifest", &two)));
    let top = format!(r#"{{"schemaVersion":2,"manifests":[{},{}]}}"#, entry("index", &inner), entry("manifest", &three));
    let server = Hostile::start(move |asked, _| {
        let reference = asked.target.rsplit('/').next().unwrap_or_default();
        Reply::json(if reference == "1" { top.clone() } else { documents.get(reference).cloned().unwrap_or_default() })
    });
    let client = client("[]");
    let facts = facts(&client, &repository(&server.host(), "acme/app"), "1", "linux/arm64").await;
    let found: Vec<(String, Option<Timestamp>)> = facts.platforms.iter().map(|each| (each.platform.to_string(), each.created)).collect();
    let expected = [("linux/amd64", None), ("linux/arm64", Some(time("2024-05-02T00:00:00Z"))), ("linux/s390x", None)];
    assert_eq!(found, expected.map(|(platform, created)| (platform.to_owned(), created)));
    assert_eq!(client.requests(), 8, "each document once");
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn a_registry_without_head_is_asked_for_the_manifest() {
    let expected = Digest::parse(&sha256(&manifest())).expect("a digest");
    for (word, head) in [("405", Reply::new(405, vec![])), ("no digest", Reply::json("")), ("501", Reply::new(501, vec![]))] {
        let server = Hostile::start(move |asked, _| if asked.method == "HEAD" { head.clone() } else { Reply::json(manifest()) });
        let digest = client("[]").digest(&repository(&server.host(), "acme/app"), &tag("1")).await.expect(word);
        assert_eq!((digest, server.asked().len()), (expected.clone(), 2), "{word}");
        assert!(server.asked().iter().all(|asked| asked.headers["accept"].contains("manifest.list.v2+json")), "{word}");
    }
}

#[tokio::test]
async fn a_digest_that_is_none_is_not_believed() {
    let server = Hostile::start(|_, _| Reply::json("").header("Docker-Content-Digest", "latest"));
    let error = client("[]").digest(&repository(&server.host(), "acme/app"), &tag("1")).await.expect_err("no digest");
    assert!(error.to_string().ends_with("sent a digest that is none: `latest`"), "{error}");
}

#[tokio::test]
async fn an_entry_bounds_how_many_requests_are_under_way() {
    // Each request is answered once a second one is there, so that two at least are under way.
    let (here, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, seen, pair) = (Arc::clone(&here), Arc::clone(&most), Barrier::new(2));
    let server = Hostile::start(move |_, _| {
        seen.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        pair.wait();
        inside.fetch_sub(1, Ordering::SeqCst);
        Reply::json(r#"{"tags":["1"]}"#)
    });
    let host = server.host();
    let client = client(&format!(r#"[{{"prefix":"{host}","concurrency":2}}]"#));
    let repository = repository(&host, "acme/app");
    for list in join_all((0..12).map(|_| client.tags(&repository))).await {
        list.expect("a list");
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}
