//! The ways to a registry: proxies of the environment, version 6 of the protocol, mirrors.

use crate::kit::{
    binary::Machine,
    hostile::{Asked, Hostile, Reply},
    proxy::forwarded,
    registry::{ImageSpec, Mode, Registry},
};

fn shop() -> Registry {
    let registry = Registry::start(Mode::Open);
    registry.push("shop/web", "1.0.0", &ImageSpec::built("2024-01-01T00:00:00Z"));
    registry
}

/// A proxy of plain http that leads every host to the registry, and refuses tunnels.
fn proxy(registry: &Registry) -> Hostile {
    let host = registry.host().to_owned();
    Hostile::start(move |asked, _| {
        let at = |target: &str| target.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| rest[at..].to_owned()));
        match at(&asked.target) {
            Some(target) if asked.method != "CONNECT" => forwarded(&host, &Asked { target, ..asked.clone() }),
            _ => Reply::new(502, vec![]),
        }
    })
}

#[test]
fn the_proxies_of_the_environment_stand_before_all_but_loopback() {
    let registry = shop();
    let insecure = ["--registry-insecure-host", "registry.invalid"];
    for (word, image, variables, exit, through) in [
        ("plain http", "registry.invalid/shop/web", &[("HTTP_PROXY", "PROXY")][..], 0, true),
        ("in lower case", "registry.invalid/shop/web", &[("http_proxy", "PROXY")], 0, true),
        ("for all", "registry.invalid/shop/web", &[("ALL_PROXY", "PROXY")], 0, true),
        ("not for this host", "registry.invalid/shop/web", &[("HTTP_PROXY", "PROXY"), ("NO_PROXY", "registry.invalid")], 3, false),
        ("not for its domain", "registry.invalid/shop/web", &[("HTTP_PROXY", "PROXY"), ("NO_PROXY", "other.invalid,.invalid")], 3, false),
        ("for others alone", "registry.invalid/shop/web", &[("HTTP_PROXY", "PROXY"), ("NO_PROXY", "other.invalid")], 0, true),
        ("loopback", "HOST/shop/web", &[("HTTP_PROXY", "PROXY"), ("ALL_PROXY", "PROXY")], 0, false),
    ] {
        let (proxy, machine) = (proxy(&registry), Machine::new());
        let image = image.replace("HOST", registry.host());
        let call = machine.call(["scan", &image].into_iter().chain(insecure)).without("NO_PROXY");
        let address = format!("http://{}", proxy.host());
        let ran = variables.iter().fold(call, |call, (name, value)| call.env(name, value.replace("PROXY", &address))).run().ended(exit);
        assert_eq!(ran.out.contains("1.0.0"), exit == 0, "{word}: {}{}", ran.out, ran.err);
        assert_eq!(!proxy.asked().is_empty(), through, "{word}: {:?}", proxy.asked());
    }
}

#[test]
fn https_goes_through_a_tunnel_of_the_proxy() {
    let registry = shop();
    let (proxy, machine) = (proxy(&registry), Machine::new());
    let ran = machine.call(["scan", "registry.invalid/shop/web"]).without("NO_PROXY").env("HTTPS_PROXY", format!("http://{}", proxy.host()));
    let ran = ran.run().ended(3);
    assert!(ran.out.contains("registry.invalid"), "{}", ran.out);
    assert!(proxy.asked().iter().all(|asked| asked.method == "CONNECT" && asked.target == "registry.invalid:443"), "{:?}", proxy.asked());
    assert!(!proxy.asked().is_empty(), "{}", ran.out);
}

#[test]
fn a_registry_may_have_an_address_of_version_6() {
    let registry = shop();
    let host = registry.host().to_owned();
    let other = Hostile::start_at("[::1]:0", move |asked, _| forwarded(&host, asked));
    assert!(other.host().starts_with("[::1]:"));
    let ran = Machine::new().call(["scan", &format!("{}/shop/web", other.host())]).run().ended(0);
    assert!(ran.out.contains("1.0.0"), "{}", ran.out);
}

#[test]
fn a_mirror_is_asked_in_place_of_a_name() {
    let registry = shop();
    let machine = Machine::new();
    for (word, entry, image) in [
        ("endpoint", "{prefix: registry.invalid, endpoint: 'http://HOST'}", "registry.invalid/shop/web"),
        ("list from", "{prefix: cache.invalid/hub, listFrom: HOST}", "cache.invalid/hub/shop/web"),
    ] {
        machine.file("work/tagalong.yaml", format!("registries: [{}]\n", entry.replace("HOST", registry.host())));
        let scanned = machine.call(["scan", image, "--output", "json", "--explain-requests"]).run().ended(0).json();
        assert_eq!((scanned["images"][0]["image"].as_str(), scanned["images"][0]["tags"][0]["tag"].as_str()), (Some(image), Some("1.0.0")), "{word}");
        let list = format!("http://{}/v2/shop/web/tags/list", registry.host());
        assert_eq!(scanned["requests"][0]["url"].as_str(), Some(list.as_str()), "{word}");
    }
}

#[test]
fn a_private_authority_may_be_named_for_all_hosts() {
    let registry = Registry::start(Mode::Tls);
    registry.push("shop/web", "1.0.0", &ImageSpec::built("2024-01-01T00:00:00Z"));
    let machine = Machine::new();
    std::fs::copy(registry.ca_file(), machine.work().join("ca.pem")).unwrap();
    let entry = format!("registries: [{{ prefix: registry.invalid, endpoint: 'https://{}' }}]\n", registry.host());
    for (word, key, exit, says) in [
        ("named", "registryCaFile: ca.pem\n", 0, "1.0.0"),
        ("not named", "", 3, "is not trusted: nobody known signed it"),
        ("not there", "registryCaFile: nowhere.pem\n", 1, "cannot use the certificates in `nowhere.pem`"),
    ] {
        machine.file("work/tagalong.yaml", format!("{key}{entry}"));
        let ran = machine.call(["scan", "registry.invalid/shop/web"]).run().ended(exit);
        assert!(ran.told(&[]).contains(says), "{word}: {}", ran.told(&[]));
    }
}
