//! `scan`: what registries offer, and what that costs them.

use serde_json::{Value, json};

use crate::kit::{
    binary::Machine,
    hostile::{Hostile, Reply},
    proxy::forwarded,
    registry::{ImageSpec, Kind, Mode, Registry},
};

fn built(day: u32) -> ImageSpec {
    ImageSpec::built(&format!("2024-01-{day:02}T00:00:00Z"))
}

/// The JSON of a scan.
fn scanned(machine: &Machine, image: &str, flags: &[&str]) -> Value {
    machine.call(["scan", image, "--output", "json", "--explain-requests"].iter().chain(flags)).run().ended(0).json()
}

fn tags(scanned: &Value) -> Vec<&str> {
    scanned["images"][0]["tags"].as_array().unwrap().iter().map(|tag| tag["tag"].as_str().unwrap()).collect()
}

/// How many requests of each kind a scan sent.
fn asked(scanned: &Value) -> Vec<(&str, usize)> {
    let sent = scanned["requests"].as_array().unwrap();
    let of = |kind: &'static str| (kind, sent.iter().filter(|one| one["kind"] == kind).count());
    ["list", "head", "manifest", "config"].map(of).into_iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn each_tag_has_its_digest_platforms_and_times() {
    let registry = Registry::start(Mode::Open);
    let index = ImageSpec { kind: Kind::Index, platforms: vec!["linux/amd64".into(), "linux/arm64".into()], ..built(2) };
    let digest = registry.push("shop/web", "1.1.0", &index);
    registry.push_all("shop/web", &[("1.0.0", &built(1)), ("main-7", &built(3))]);
    registry.push("shop/web", "1.2.0", &ImageSpec { kind: Kind::Chart, ..ImageSpec::default() });
    let (machine, image) = (Machine::new(), format!("{}/shop/web", registry.host()));
    let scanned = scanned(&machine, &image, &[]);
    assert_eq!(tags(&scanned), ["1.2.0", "1.1.0", "1.0.0", "main-7"]);
    let one = &scanned["images"][0]["tags"][1];
    let expected = json!({"tag": "1.1.0", "firstSeen": one["firstSeen"], "built": "2024-01-02T00:00:00Z", "digest": digest,
        "platforms": ["linux/amd64", "linux/arm64"], "note": null});
    assert_eq!(*one, expected);
    assert!(one["firstSeen"].as_str().is_some_and(|time| time.ends_with('Z')), "{one}");
    assert_eq!(scanned["images"][0]["tags"][0]["note"], "no image: application/vnd.cncf.helm.config.v1+json");
    assert_eq!((&scanned["images"][0]["listed"], &scanned["images"][0]["image"]), (&json!(4), &json!(image)));
}

#[test]
fn a_screen_shows_tags_and_what_was_asked() {
    let registry = Registry::start(Mode::Open);
    registry.push_all("shop/web", &[("1.0.0", &built(1)), ("1.1.0", &built(2)), ("1.2.0", &built(3))]);
    let machine = Machine::new();
    let image = format!("{}/shop/web", registry.host());
    let json = scanned(&machine, &image, &["--limit", "1"]);
    let tag = &json["images"][0]["tags"][0];
    let ran = machine.call(["scan", &image, "--limit", "1", "--explain-requests"]).run().ended(0);
    let words = [(registry.host(), "HOST"), (tag["digest"].as_str().unwrap(), "DIGEST"), (tag["firstSeen"].as_str().unwrap(), "SEEN")];
    insta::assert_snapshot!(ran.told(&words), @r#"
    HOST/shop/web   3 tags
      TAG     BUILT                  FIRST SEEN             DIGEST                                                                    PLATFORMS
      1.2.0   2024-01-03T00:00:00Z   SEEN   DIGEST   linux/amd64
      … 2 more, not looked at (--limit)

    2 requests
      GET    200   http://HOST/v2/shop/web/tags/list         which tags there are: a command always lists
      HEAD   200   http://HOST/v2/shop/web/manifests/1.2.0   where the tag points now: a tag can be moved
    "#);
}

#[test]
fn a_tag_is_looked_at_once_for_its_digest_and_only_within_the_limit() {
    let registry = Registry::start(Mode::Open);
    let images: Vec<(String, ImageSpec)> = (0..30).map(|patch| (format!("1.0.{patch}"), built(patch + 1))).collect();
    registry.push_all("shop/web", &images.iter().map(|(tag, spec)| (tag.as_str(), spec)).collect::<Vec<_>>());
    let (machine, image) = (Machine::new(), format!("{}/shop/web", registry.host()));
    for (word, flags, shown, requests) in [
        ("the default", &[][..], 20, &[("list", 1), ("manifest", 20), ("config", 20)][..]),
        ("again", &[], 20, &[("list", 1), ("head", 20)]),
        ("fewer", &["--limit", "2"], 2, &[("list", 1), ("head", 2)]),
        ("more", &["--limit", "22"], 22, &[("list", 1), ("head", 20), ("manifest", 2), ("config", 2)]),
    ] {
        let scanned = scanned(&machine, &image, flags);
        assert_eq!((tags(&scanned).len(), asked(&scanned)), (shown, requests.to_vec()), "{word}");
        assert_eq!((tags(&scanned)[0], &scanned["images"][0]["listed"]), ("1.0.29", &json!(30)), "{word}");
    }
    let digest = registry.push("shop/web", "1.0.29", &ImageSpec::built("2024-02-01T00:00:00Z"));
    let moved = scanned(&machine, &image, &["--limit", "1"]);
    assert_eq!(moved["images"][0]["tags"][0]["digest"], json!(digest), "a tag that moved is seen");
    assert_eq!(asked(&moved), [("list", 1), ("head", 1), ("manifest", 1), ("config", 1)]);
    let named = scanned(&machine, &format!("{image}:1.0.3"), &[]);
    assert_eq!((tags(&named), asked(&named)), (vec!["1.0.3"], vec![("list", 1), ("manifest", 1), ("config", 1)]));
}

#[test]
fn what_cannot_be_had_is_told_beside_the_rest() {
    let registry = Registry::start(Mode::Open);
    registry.push_all("shop/web", &[("1.0.0", &built(1)), ("1.1.0", &built(2))]);
    let host = registry.host().to_owned();
    let proxy = Hostile::start(move |asked, _| match asked.target.as_str() {
        target if target.ends_with("/manifests/1.1.0") => Reply::error(403, "DENIED", "no"),
        _ => forwarded(&host, asked),
    });
    let machine = Machine::new();
    let [good, missing] = ["web", "none"].map(|name| format!("{}/shop/{name}", registry.host()));
    let spoilt = format!("{}/shop/web", proxy.host());
    for (word, images, exit, says) in [
        ("a missing repository", &[&good, &missing][..], 1, "answered 404 (NAME_UNKNOWN"),
        ("a tag that is not listed", &[&format!("{good}:3.0.0")], 1, "lists no tag `3.0.0`"),
        ("a tag that may not be seen", &[&spoilt], 1, "answered 403 (DENIED: no)"),
        ("nobody", &[&"127.0.0.1:1/shop/web".to_owned()], 3, "refuses connections"),
    ] {
        let ran = machine.call(["scan"].iter().map(|word| (*word).to_owned()).chain(images.iter().map(ToString::to_string))).run().ended(exit);
        assert!(ran.told(&[]).contains(says), "{word}: {}", ran.told(&[]));
        assert_eq!(ran.out.contains("2024-01-01"), !word.contains("not listed") && word != "nobody", "{word}: {}", ran.out);
    }
}

#[test]
fn entries_for_some_repositories_serve_no_scan() {
    let registry = Registry::start(Mode::Basic);
    registry.push("shop/web", "1.0.0", &built(1));
    let machine = Machine::new();
    let secret = machine.file("password", crate::kit::registry::PASSWORD);
    for (word, serves, exit) in [("all", "", 0), ("some", "    for: [fleet]\n", 1)] {
        let entry = format!(
            "repositories: [{{name: fleet, url: https://git.invalid/fleet}}]\nregistries:\n  - prefix: {}\n    username: {}\n    passwordFile: {}\n{serves}",
            registry.host(),
            crate::kit::registry::USER,
            secret.display()
        );
        machine.file("work/tagalong.yaml", entry);
        let ran = machine.call(["scan", &format!("{}/shop/web", registry.host())]).run().ended(exit);
        assert_eq!(ran.out.contains("1.0.0"), exit == 0, "{word}: {}", ran.out);
    }
}
