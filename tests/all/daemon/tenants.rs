//! Repositories in Git that see one repository of a registry with credentials of their own.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{registry, shop, tag_of};
use crate::{
    end_to_end::push,
    kit::{
        binary::Machine,
        hostile::{Asked, Hostile, Reply},
        process::{Daemon, configuration, repository},
        proxy::forwarded,
    },
};

/// Who asks, by the password-less user of the request.
fn user(asked: &Asked) -> String {
    let proof = asked.headers.get("authorization").and_then(|header| header.strip_prefix("Basic ")).unwrap_or_default();
    let pair = BASE64_STANDARD.decode(proof).ok().and_then(|pair| String::from_utf8(pair).ok()).unwrap_or_default();
    pair.split(':').next().unwrap_or_default().to_owned()
}

#[test]
fn two_tenants_of_one_repository_never_see_each_others_lists() {
    let (machine, behind) = (Machine::new(), registry());
    push(&behind, "shop/web", &["1.6.0"]);
    let host = behind.host().to_owned();
    // `early` may see what is not for everybody yet.
    let server = Hostile::start(move |asked, _| match (user(asked).as_str(), asked.target.contains("/tags/list")) {
        ("", _) => Reply::error(401, "UNAUTHORIZED", "who are you").header("WWW-Authenticate", "Basic realm=x"),
        ("usual", true) => Reply::json(r#"{"name":"shop/web","tags":["1.4.2","1.5.0"]}"#),
        ("usual", false) if asked.target.contains("1.6.0") => Reply::error(403, "DENIED", "not yet"),
        _ => forwarded(&host, asked),
    });
    machine.file("work/password", "x");
    let tenants = ["usual", "early", "stranger"];
    let fleets = tenants.map(|_| shop(&server.host()));
    let entry = |tenant: &str| {
        format!("{{ prefix: '{}', for: [{tenant}], username: {tenant}, passwordFile: password, requestsPerSecond: 1000 }}", server.host())
    };
    let entries = [entry("usual"), entry("early"), format!("{{ prefix: '{}', for: [stranger] }}", server.host())];
    let repositories: Vec<String> = tenants.iter().zip(&fleets).map(|(tenant, fleet)| repository(tenant, &fleet.file_url(), "")).collect();
    let text = configuration("", &entries.each_ref().map(String::as_str), &repositories);
    for start in ["the first", "the next"] {
        let mut daemon = Daemon::start(&machine, &text);
        daemon.shows("/readyz", |status, _| status == 200);
        daemon.says(&["\"failed\"", "stranger", "unauthorized"]);
        for (fleet, tag) in fleets.iter().zip(["1.5.0", "1.6.0", "1.4.2"]) {
            daemon.shows("/healthz", |_, _| tag_of(fleet) == tag);
        }
        // Each has a list of its own, also of what is remembered.
        let before = server.asked().len();
        let lists =
            |user_name: &str| server.asked()[before..].iter().filter(|asked| user(asked) == user_name && asked.target.contains("/tags/list")).count();
        daemon.shows("/healthz", |_, _| ["usual", "early"].iter().all(|tenant| lists(tenant) >= 2));
        assert_eq!(fleets.each_ref().map(tag_of), ["1.5.0", "1.6.0", "1.4.2"], "{start} start");
        daemon.signal("-TERM");
        assert_eq!(daemon.end().code, Some(0));
    }
    let strays = server.asked().iter().filter(|asked| user(asked) == "usual" && asked.target.contains("1.6.0")).count();
    assert_eq!(strays, 0, "what one sees is asked by nobody else");
}
