//! Several updates in one push, as one commit or as many.

use super::{automated, push};
use crate::kit::{
    binary::Machine,
    git::Bare,
    git_server::{Door, GitServer},
    registry::{Mode, Registry},
};

fn registry() -> Registry {
    let registry = Registry::start(Mode::Open);
    for name in ["web", "cart"] {
        push(&registry, &format!("shop/{name}"), &["1.0.0", "1.1.0"]);
    }
    registry
}

/// Two workloads of one image in one file, and one of another beside them.
fn fleet(registry: &Registry) -> Bare {
    let text = |name: &str, image: &str| automated(name, &format!("{}/shop/{image}:1.0.0", registry.host()), "semver:~1");
    let both = format!("{}---\n{}---\n{}", text("blue", "web"), text("cart", "cart"), text("green", "web"));
    Bare::with(&[("apps/shop.yaml", &both), ("apps/red.yaml", &text("red", "web"))])
}

#[test]
fn each_group_is_a_commit_of_its_own() {
    let registry = registry();
    let (web, cart) = (format!("Auto-release {}/shop/web:1.1.0", registry.host()), format!("Auto-release {}/shop/cart:1.1.0", registry.host()));
    for (group, subjects) in [
        ("all", vec!["Auto-release multiple (2) images".to_owned()]),
        ("image", vec![cart.clone(), web.clone()]),
        ("workload", vec![web.clone(), web.clone(), cart.clone(), web.clone()]),
    ] {
        let fleet = fleet(&registry);
        let before = fleet.tip("main").unwrap();
        let server = GitServer::start(fleet.root(), Door::Open);
        let machine = Machine::new();
        machine.call(["apply", &server.url(), "--group", group]).run().ended(0);
        let range = format!("{before}..main");
        let log = fleet.git(&["log", "--reverse", "--format=%s", &range]);
        assert_eq!(log.lines().collect::<Vec<_>>(), subjects, "{group}");
        let trailers = fleet.git(&["log", "--format=%(trailers:only)", &range]);
        assert_eq!(trailers.matches("Image-Update: ").count(), subjects.len().max(2), "{group}: {trailers}");
        for path in ["apps/shop.yaml", "apps/red.yaml"] {
            let text = String::from_utf8(fleet.file(path)).unwrap();
            assert!(!text.contains("1.0.0") && text.contains(":1.1.0 # kept\n"), "{group}: {text}");
        }
        let pushed = machine.call(["apply", &server.url(), "--group", group]).run().ended(0);
        assert!(fleet.git(&["log", "--format=%s", &range]).lines().count() == subjects.len(), "{group}: {}", pushed.out);
        assert_eq!(fleet.faults(), "");
    }
}

#[test]
fn a_work_tree_and_a_bare_repository_take_groups_too() {
    let registry = registry();
    let fleet = fleet(&registry);
    let checkout = fleet.checkout();
    let machine = Machine::new();
    let bare = fleet.path();
    machine.call(["apply", bare.to_str().unwrap(), "--group", "image"]).run().ended(0);
    machine.call(["apply", checkout.path().to_str().unwrap(), "--group", "image", "--commit"]).run().ended(0);
    let log = |folder: &std::path::Path| crate::kit::git::git(folder, &["log", "-p", "--format=%s", "HEAD~2.."]);
    assert_eq!(log(checkout.path()), log(&bare));
    assert_eq!(crate::kit::git::git(checkout.path(), &["status", "--porcelain"]), "");
}

#[test]
fn what_one_scalar_feeds_shares_a_commit() {
    let registry = registry();
    let image = format!("{}/shop/web:1.0.0", registry.host());
    let shared = automated("web", &format!("&image {image}"), "semver:~1") + "      - name: side\n        image: *image\n";
    let shared = shared.replace("    fluxcd.io/tag.app", "    fluxcd.io/tag.side: 'semver:~1'\n    fluxcd.io/tag.app");
    let fleet = Bare::with(&[("web.yaml", &shared)]);
    Machine::new().call(["apply", &fleet.file_url(), "--group", "workload"]).run().ended(0);
    assert_eq!(fleet.git(&["log", "--format=%s", "main"]).lines().count(), 2);
}
