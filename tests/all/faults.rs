//! A real registry behind a proxy that spoils some of its answers: what is decided, what a person reads, what it costs.
//!
//! Whatever happens, a container stays as it is: it is never moved to an older tag, or to one that merely could be seen.

use std::{
    io::Write,
    path::Path,
    process::{Command as Program, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tagalong::{
    config::Patience,
    policy::{Code, List},
    service::Outcome,
};

use crate::{
    end_to_end::{fleet, push},
    kit::{
        hostile::{Asked, Hostile, Reply},
        proxy::forwarded,
        registry::{Mode, Registry},
    },
    remembered::{only, plan_with},
};

/// A fault: the answer in place of that of the registry, where it has one. It is also told how many requests came before.
type Fault = Box<dyn Fn(&Asked, usize) -> Option<Reply> + Send + Sync>;

/// What a fault does: its name, the fault, the code, a part of the reason, and the requests.
type Row = (&'static str, Fault, Code, &'static str, usize);

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// Short pauses, and deadlines that end a test.
fn patience() -> Patience {
    let (request, stall) = (Duration::from_millis(400), Duration::from_millis(300));
    Patience { first_pause: Duration::from_millis(1), request, stall, ..Patience::default() }
}

fn proxy(registry: &Registry, fault: Fault) -> Hostile {
    let host = registry.host().to_owned();
    Hostile::start(move |asked, before| fault(asked, before).unwrap_or_else(|| forwarded(&host, asked)))
}

/// A fault of every tag list.
fn lists(spoil: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Fault {
    Box::new(move |asked, before| asked.target.contains("/tags/list").then(|| spoil(asked, before)))
}

/// A fault of every list that is always the same.
fn list(reply: Reply) -> Fault {
    lists(move |_, _| reply.clone())
}

/// A fault of every request whose address has this end.
fn at(end: &'static str, reply: Reply) -> Fault {
    Box::new(move |asked, _| asked.target.ends_with(end).then(|| reply.clone()))
}

/// A fault of every configuration.
fn blobs(reply: Reply) -> Fault {
    Box::new(move |asked, _| asked.target.contains("/blobs/").then(|| reply.clone()))
}

fn page(tags: &str) -> Reply {
    Reply::json(format!(r#"{{"name":"shop/web","tags":{tags}}}"#))
}

fn linked(tags: &str, link: &str) -> Reply {
    page(tags).header("Link", &format!(r#"<{link}>; rel="next""#))
}

/// A page that links to another, which is this.
fn then(reply: Reply) -> Fault {
    lists(move |asked, _| if asked.target.contains("last=") { reply.clone() } else { linked(r#"["1.0.0","1.1.0"]"#, "?last=1.1.0") })
}

fn unauthorized(challenge: &str) -> Reply {
    Reply::error(401, "UNAUTHORIZED", "who are you").header("WWW-Authenticate", challenge)
}

/// A list that is small on the wire and has 40 MiB.
fn bomb() -> Reply {
    let mut gzip = Program::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = gzip.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&[&b"{\"tags\":["[..], &vec![b' '; 40 << 20], b"]}"].concat()));
    let body = gzip.wait_with_output().unwrap().stdout;
    writer.join().unwrap().unwrap();
    Reply::json("").header("Content-Encoding", "gzip").with_body(body)
}

/// A plan of a container at `tag` that follows every version, through the proxy.
fn plan(proxy: &Hostile, tag: &str, state: &Path) -> Outcome {
    let fleet = fleet(&format!("{}/shop/web:{tag}", proxy.host()), "semver:>=1");
    plan_with(&fleet.file_url(), state, now(), patience()).0
}

/// What differs from the rows.
fn check(registry: &Registry, rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for (word, fault, code, says, requests) in rows {
        let (proxy, state) = (proxy(registry, fault), tempfile::tempdir().unwrap());
        let outcome = plan(&proxy, "1.0.0", state.path());
        let record = only(&outcome.report);
        let found = (record.code, record.reason.contains(says), proxy.asked().len());
        if found != (code, true, requests) || (record.code.list() != List::Updates) != (code.list() != List::Updates) {
            wrong.push(format!("{word}: {} in {} requests: {}", record.code, proxy.asked().len(), record.reason));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn shop() -> Registry {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0", "1.2.0"]);
    registry
}

#[test]
fn a_list_that_does_not_come_fails_the_container() {
    let busy = |status: u16| Reply::error(status, "TOOMANYREQUESTS", "slow down");
    check(
        &shop(),
        vec![
            ("no fault", Box::new(|_, _| None), Code::Updated, "1.2.0", 3),
            ("500", list(Reply::new(500, b"oops".to_vec())), Code::Unreachable, "answered 500", 4),
            ("503", list(busy(503)), Code::Unreachable, "answered 503", 4),
            ("429", list(busy(429)), Code::RateLimited, "answered 429", 4),
            ("429 for ten minutes", list(busy(429).header("Retry-After", "600")), Code::RateLimited, "left alone for 600 s", 1),
            ("429 for a day", list(busy(429).header("Retry-After", "86400")), Code::RateLimited, "left alone for 3600 s", 1),
            (
                "429 until noon and a half",
                list(busy(429).header("Retry-After", "Sun, 01 Mar 2026 12:30:00 GMT")),
                Code::RateLimited,
                "left alone for 1800 s",
                1,
            ),
            ("503 for a minute", list(busy(503).header("Retry-After", "60")), Code::RateLimited, "left alone for 60 s", 1),
            ("429 for a negative time", list(busy(429).header("Retry-After", "-5")), Code::RateLimited, "answered 429", 4),
            ("429 for half a second", list(busy(429).header("Retry-After", "0.5")), Code::RateLimited, "answered 429", 4),
            ("429 for ever", list(busy(429).header("Retry-After", "99999999999999999999999")), Code::RateLimited, "left alone for 3600 s", 1),
            ("429 until an hour ago", list(busy(429).header("Retry-After", "Sun, 01 Mar 2026 11:00:00 GMT")), Code::RateLimited, "answered 429", 4),
            ("429 until no date", list(busy(429).header("Retry-After", "soon")), Code::RateLimited, "answered 429", 4),
            ("429 for no time", list(busy(429).header("Retry-After", "")), Code::RateLimited, "answered 429", 4),
            ("502 of a proxy", list(Reply::new(502, b"<html>bad gateway".to_vec())), Code::Unreachable, "answered 502", 4),
            ("408", list(Reply::new(408, vec![])), Code::Unreachable, "answered 408", 4),
            ("429 at first", lists_at_first(busy(429)), Code::Updated, "1.2.0", 4),
            ("503 with no wait at first", lists_at_first(busy(503).header("Retry-After", "0")), Code::Updated, "1.2.0", 4),
            ("reset before the headers end", list(page(r#"["1.0.0"]"#).cut_after(0)), Code::BadAnswer, "breaks off", 4),
            ("cut in the body", list(page(r#"["1.0.0"]"#).cut_after(20)), Code::BadAnswer, "breaks off", 4),
            ("silent", list(page(r#"["1.0.0"]"#).silent_after(0)), Code::Unreachable, "gave no answer", 2),
            ("slow body", list(page(r#"["1.0.0"]"#).silent_after(9)), Code::Unreachable, "gave no answer", 2),
            ("404", list(Reply::error(404, "NAME_UNKNOWN", "no such name")), Code::NotFound, "answered 404", 1),
            ("404 of an empty repository", list(Reply::error(404, "MANIFEST_UNKNOWN", "no tags")), Code::NotFound, "answered 404", 1),
            ("204", list(Reply::new(204, vec![])), Code::BadAnswer, "answered 204", 1),
            ("206", list(page(r#"["9.9.9"]"#).status(206).header("Content-Range", "bytes 0-9/99")), Code::BadAnswer, "answered 206", 1),
            ("304 to no condition", list(Reply::new(304, vec![])), Code::BadAnswer, "answered 304", 1),
            ("300", list(page(r#"["9.9.9"]"#).status(300)), Code::BadAnswer, "answered 300", 1),
            ("418", list(Reply::new(418, vec![])), Code::BadAnswer, "answered 418", 1),
            ("451", list(Reply::error(451, "DENIED", "by law")), Code::BadAnswer, "answered 451 (DENIED: by law)", 1),
        ],
    );
}

#[test]
fn a_registry_that_is_odd_and_honest_is_understood() {
    let tags = r#"["1.0.0","1.1.0","1.2.0"]"#;
    let typed = |media_type: &str| Reply::new(200, format!(r#"{{"name":"shop/web","tags":{tags}}}"#).into_bytes()).header("Content-Type", media_type);
    let next = |link: &'static str| {
        lists(move |asked, _| {
            let link = link.replace("HOST", &asked.headers["host"]);
            if asked.target.contains("last=") { page(r#"["1.2.0","1.0.0"]"#) } else { page(r#"["1.1.0","1.0.0"]"#).header("Link", &link) }
        })
    };
    let heads = |reply: Reply| -> Fault { Box::new(move |asked, _| (asked.method == "HEAD").then(|| reply.clone())) };
    check(
        &shop(),
        vec![
            ("a charset", list(typed("application/json; charset=utf-8")), Code::Updated, "1.2.0", 3),
            ("another type", list(typed("text/plain")), Code::Updated, "1.2.0", 3),
            ("the type of a web page", list(typed("text/html")), Code::Updated, "1.2.0", 3),
            ("no type", list(Reply::new(200, format!(r#"{{"tags":{tags}}}"#).into_bytes())), Code::Updated, "1.2.0", 3),
            ("a byte order mark", list(Reply::json(format!("\u{feff}{{\"tags\":{tags}}}"))), Code::BadAnswer, "cannot be read", 1),
            ("unsorted, and each twice", list(page(r#"["1.2.0","1.0.0","1.2.0","1.1.0","1.0.0"]"#)), Code::Updated, "1.2.0", 3),
            (
                "absurd tags beside it",
                list(page(r#"["1.2.0","1.0.0","../../etc/passwd","","9.9.9 ","99999999999999999999999999999999.1.0-a"]"#)),
                Code::Updated,
                "1.2.0",
                3,
            ),
            (
                "unknown keys",
                list(Reply::json(format!(r#"{{"name":"shop/web","next":null,"tags":{tags},"manifest":{{}}}}"#))),
                Code::Updated,
                "1.2.0",
                3,
            ),
            ("link by path", next(r#"</v2/shop/web/tags/list?last=1.1.0>; rel="next""#), Code::Updated, "1.2.0", 4),
            ("link by query", next("<?last=1.1.0&n=2>; rel=next"), Code::Updated, "1.2.0", 4),
            ("link with its host", next(r#"<http://HOST/v2/shop/web/tags/list?last=1.1.0>; rel="next"; title="a, b""#), Code::Updated, "1.2.0", 4),
            ("link to another port of it", next(r#"<http://127.0.0.1:1/v2/shop/web/tags/list?last=1.1.0>; rel="next""#), Code::Updated, "1.2.0", 4),
            ("link by https of it", next(r#"<https://127.0.0.1/v2/shop/web/tags/list?last=1.1.0>; rel="next""#), Code::Updated, "1.2.0", 4),
            ("links of several kinds", next(r#"</first>; rel="first", <?last=1.1.0>; rel="next", </end>; rel="last""#), Code::Updated, "1.2.0", 4),
            ("no HEAD", heads(Reply::new(405, vec![])), Code::Updated, "1.2.0", 3),
            ("an empty last page", then_empty(), Code::Updated, "1.1.0", 4),
        ],
    );
    // What an older form of registry or a newer one sends in place of a manifest.
    check(
        &shop(),
        vec![
            (
                "schema 1",
                at("/manifests/1.2.0", Reply::json(r#"{"schemaVersion":1,"name":"shop/web","tag":"1.2.0","fsLayers":[]}"#)),
                Code::Updated,
                "1.1.0",
                4,
            ),
            (
                "errors with 200",
                at("/manifests/1.2.0", Reply::json(r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#)),
                Code::BadAnswer,
                "cannot be read",
                2,
            ),
            ("206 for a manifest", at("/manifests/1.2.0", Reply::json("{}").status(206)), Code::BadAnswer, "answered 206", 2),
            ("errors with 200 for the list", list(Reply::json(r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#)), Code::BadAnswer, "it has no tags", 1),
        ],
    );
}

/// A list whose last page is empty.
fn then_empty() -> Fault {
    then(page("[]"))
}

#[test]
fn a_way_in_that_leads_nowhere_fails_the_container() {
    let bearer = |rest: &'static str| move |asked: &Asked| unauthorized(&format!(r#"Bearer realm="http://{}/token"{rest}"#, asked.headers["host"]));
    let guarded = |token: Reply| -> Fault {
        let challenge = bearer("");
        Box::new(move |asked, _| Some(if asked.target.starts_with("/token") { token.clone() } else { challenge(asked) }))
    };
    let challenged = |challenge: &'static str| list(unauthorized(challenge));
    check(
        &shop(),
        vec![
            ("a 401 for every token", guarded(Reply::json(r#"{"token":"t"}"#)), Code::Unauthorized, "answered 401", 5),
            ("a web page for a token", guarded(Reply::new(200, b"<html>".to_vec())), Code::BadAnswer, "a token that cannot be read", 2),
            ("no token", guarded(Reply::json(r#"{"token":"","access_token":null}"#)), Code::BadAnswer, "no token is in it", 2),
            ("a token that breaks a header", guarded(Reply::json(r#"{"token":"a\r\nHost: x"}"#)), Code::BadAnswer, "cannot stand in a header", 2),
            ("401 from the token service, too", guarded(Reply::new(401, vec![])), Code::Unauthorized, "answered 401", 2),
            ("503 from the token service", guarded(Reply::new(503, vec![])), Code::Unreachable, "answered 503", 5),
            (
                "a token service that redirects to itself",
                guarded(Reply::new(302, vec![]).header("Location", "/token")),
                Code::BadAnswer,
                "redirected more than 5 times",
                7,
            ),
            ("a challenge without a realm", challenged(r#"Bearer service="x""#), Code::BadAnswer, "nothing says where it is", 1),
            ("two realms", challenged(r#"Bearer realm="http://127.0.0.1/a",realm="http://127.0.0.1/b""#), Code::BadAnswer, "is there twice", 1),
            ("a realm with a password", challenged(r#"Bearer realm="http://a:hunter2@127.0.0.1/""#), Code::BadAnswer, "is no place", 1),
            ("a realm that is code", challenged(r#"Bearer realm="javascript:alert(1)""#), Code::BadAnswer, "is no place", 1),
            (
                "a long challenge",
                challenged("Bearer realm=\"http://127.0.0.1:1/\",scope=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",error=\"invalid_token"),
                Code::BadAnswer,
                "challenge",
                1,
            ),
            ("no challenge", list(Reply::new(401, vec![])), Code::Unauthorized, "answered 401", 1),
            ("Basic without a password", challenged(r#"Basic realm="x""#), Code::Unauthorized, "answered 401", 1),
        ],
    );
}

#[test]
fn what_is_slow_and_comes_is_taken() {
    let late = lists(|_, _| {
        std::thread::sleep(Duration::from_millis(100));
        page(r#"["1.0.0","1.1.0"]"#)
    });
    check(&shop(), vec![("latency", late, Code::Updated, "1.1.0", 3)]);
}

fn lists_at_first(reply: Reply) -> Fault {
    Box::new(move |_, before| (before == 0).then(|| reply.clone()))
}

#[test]
fn a_list_that_breaks_the_rules_fails_the_container() {
    let trap = Hostile::start(|_, _| page(r#"["9.9.9"]"#));
    let foreign = format!("http://localhost:{}/v2/shop/web/tags/list?last=1.0.0", trap.host().rsplit(':').next().unwrap());
    check(
        &shop(),
        vec![
            ("link to itself", lists(|asked, _| linked(r#"["1.1.0"]"#, &asked.target.clone())), Code::BadAnswer, "same page of tags twice", 1),
            ("endless pages", lists(|_, before| linked(r#"["1.1.0"]"#, &format!("?last={before}"))), Code::BadAnswer, "same page of tags twice", 2),
            ("link to another host", list(linked(r#"["1.1.0"]"#, &foreign)), Code::BadAnswer, "on another host, localhost", 1),
            ("null on a later page", then(page("null")), Code::BadAnswer, "tags are null", 2),
            ("500 on a later page", then(Reply::new(500, vec![])), Code::Unreachable, "answered 500", 5),
            ("404 on a later page", then(Reply::error(404, "NAME_UNKNOWN", "x")), Code::NotFound, "answered 404", 2),
            ("a web page on a later page", then(Reply::new(200, b"<html>".to_vec())), Code::BadAnswer, "a web page instead of JSON", 2),
            ("another repository", list(Reply::json(r#"{"name":"shop/evil","tags":["9.9.9"]}"#)), Code::BadAnswer, "another repository", 1),
            ("a web page", list(Reply::new(200, b"<!DOCTYPE html>".to_vec())), Code::BadAnswer, "a web page instead of JSON", 1),
            ("no list", list(Reply::json(r#"["9.9.9"]"#)), Code::BadAnswer, "it is an array", 1),
            ("cut JSON", list(Reply::json(r#"{"name":"shop/web","tags":["1.1.0","#)), Code::BadAnswer, "cannot be read", 1),
            ("gzip bomb", list(bomb()), Code::BadAnswer, "more than 16384 KiB", 1),
            ("no gzip", list(page(r#"["1.1.0"]"#).header("Content-Encoding", "gzip")), Code::BadAnswer, "garbled", 4),
            (
                "redirect in a ring",
                list(Reply::new(307, vec![]).header("Location", "/v2/shop/web/tags/list")),
                Code::BadAnswer,
                "redirected more than 5 times",
                6,
            ),
            ("redirect to a file", list(Reply::new(307, vec![]).header("Location", "file:///etc/passwd")), Code::BadAnswer, "is not followed", 1),
            ("open quote in the challenge", list(unauthorized(r#"Bearer realm="http://x"#)), Code::BadAnswer, "challenge", 1),
            ("realm that is a file", list(unauthorized(r#"Bearer realm="file:///etc/passwd""#)), Code::BadAnswer, "is no place", 1),
            ("unknown scheme", list(unauthorized("Negotiate abc")), Code::Unauthorized, "answered 401", 1),
        ],
    );
    assert!(trap.asked().is_empty(), "{:?}", trap.asked());
}

#[test]
fn a_winner_that_cannot_be_seen_makes_no_other_tag_win() {
    let none = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let newest = "/manifests/1.2.0";
    check(
        &shop(),
        vec![
            ("503 on its manifest alone", at(newest, Reply::new(503, vec![])), Code::Unreachable, "answered 503", 5),
            ("429 on its manifest alone", at(newest, Reply::error(429, "TOOMANYREQUESTS", "slow")), Code::RateLimited, "answered 429", 5),
            ("403 on its manifest alone", at(newest, Reply::error(403, "DENIED", "no")), Code::Unauthorized, "answered 403", 2),
            ("another digest", at(newest, Reply::json("{}").header("Docker-Content-Digest", none)), Code::BadAnswer, "not those of their digest", 2),
            ("no manifest", at(newest, Reply::new(200, b"<html>".to_vec())), Code::BadAnswer, "a web page instead of JSON", 2),
            ("a large manifest", at(newest, Reply::new(200, vec![b' '; 5 << 20])), Code::BadAnswer, "more than 4096 KiB", 2),
            ("silent manifest", at(newest, Reply::json("{}").silent_after(0)), Code::Unreachable, "gave no answer", 3),
            ("another configuration", blobs(Reply::json("{}")), Code::BadAnswer, "not those of their digest", 3),
            ("a missing configuration", blobs(Reply::error(404, "BLOB_UNKNOWN", "x")), Code::BadAnswer, "has no configuration", 3),
            ("503 on its configuration", blobs(Reply::new(503, vec![])), Code::Unreachable, "answered 503", 6),
        ],
    );
}

#[test]
fn a_list_that_lacks_what_was_there_moves_nothing() {
    let registry = Registry::start(Mode::Open);
    let all: Vec<String> = (0..20).map(|minor| format!("1.{minor}.0")).collect();
    push(&registry, "shop/web", &all.iter().map(String::as_str).collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for (word, reply, code, says) in [
        ("the first page without its link", page(r#"["1.0.0","1.1.0"]"#), Code::ListInDoubt, "lacks"),
        ("nothing", page("[]"), Code::ListInDoubt, "lacks"),
        ("null", page("null"), Code::ListInDoubt, "lacks"),
        ("not the current tag", page(&format!("{:?}", &all[..19])), Code::ListInDoubt, "lacks"),
        ("another kind of tags", page(r#"["main-1","main-2"]"#), Code::ListInDoubt, "lacks"),
        ("gone", Reply::error(404, "NAME_UNKNOWN", "no such name"), Code::NotFound, "answered 404"),
    ] {
        let (spoilt, state) = (Arc::new(AtomicBool::new(false)), tempfile::tempdir().unwrap());
        let now = Arc::clone(&spoilt);
        let fault = Box::new(move |asked: &Asked, _| (now.load(Ordering::SeqCst) && asked.target.contains("/tags/list")).then(|| reply.clone()));
        let proxy = proxy(&registry, fault);
        let before = plan(&proxy, "1.19.0", state.path());
        assert_eq!(only(&before.report).code, Code::Current, "{word}");
        let healthy = proxy.asked().len();
        spoilt.store(true, Ordering::SeqCst);
        let outcome = plan(&proxy, "1.19.0", state.path());
        let record = only(&outcome.report);
        if (record.code, record.reason.contains(says), proxy.asked().len() - healthy) != (code, true, 1) {
            wrong.push(format!("{word}: {} in {} requests: {}", record.code, proxy.asked().len() - healthy, record.reason));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_redirect_to_another_host_takes_no_credential_along() {
    let registry = shop();
    for status in [301, 302, 303, 307, 308] {
        let behind = registry.host().to_owned();
        let trap = Arc::new(Hostile::start(move |asked, _| forwarded(&behind, asked)));
        let (port, secret) = (trap.host().rsplit(':').next().unwrap().to_owned(), Arc::new(Mutex::new(0)));
        let seen = Arc::clone(&secret);
        let proxy = proxy(
            &registry,
            Box::new(move |asked, _| {
                let signed = asked.headers.get("authorization").is_some_and(|proof| proof.starts_with("Bearer "));
                *seen.lock().unwrap() += usize::from(signed);
                Some(match asked.target.as_str() {
                    "/token?scope=repository%3Ashop%2Fweb%3Apull" => Reply::json(r#"{"token":"hunter2"}"#),
                    _ if signed => Reply::new(status, vec![]).header("Location", &format!("http://localhost:{port}{}", asked.target)),
                    _ => unauthorized(&format!(r#"Bearer realm="http://{}/token""#, asked.headers["host"])),
                })
            }),
        );
        let state = tempfile::tempdir().unwrap();
        let outcome = plan(&proxy, "1.0.0", state.path());
        let record = only(&outcome.report);
        assert_eq!(record.code, Code::Updated, "{status}: {}", record.reason);
        assert_eq!((*secret.lock().unwrap(), trap.asked().len()), (3, 3), "{status}: all that was signed was redirected");
        assert!(!format!("{:?}", trap.asked()).contains("hunter2"), "{status}: {:?}", trap.asked());
    }
}
