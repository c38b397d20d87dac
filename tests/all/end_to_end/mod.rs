//! The program against real servers: what goes in is Git and a registry, what is judged is what it prints and what `git` finds.

mod aside;
mod crowd;
mod environment;
mod files;
mod group;
mod images;
mod input;
mod list;
mod mirror;
mod push;
mod race;
mod registries;
mod release;
mod report;
mod repositories;
mod rollback;
mod ssh;
mod tls;
mod way;
mod words;

use std::fmt::Write as _;

use crate::kit::{
    binary::Ran,
    git::Bare,
    registry::{ImageSpec, Mode, Registry},
};

/// A Deployment with one container `app`, and these annotations.
pub fn deployment(name: &str, image: &str, annotations: &[(&str, &str)]) -> String {
    let mut text = format!("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n");
    if !annotations.is_empty() {
        text.push_str("  annotations:\n");
    }
    for (key, value) in annotations {
        writeln!(text, "    {key}: '{value}'").expect("text");
    }
    text + &format!("spec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {image} # kept\n")
}

/// One that is automated under a pattern.
pub fn automated(name: &str, image: &str, pattern: &str) -> String {
    deployment(name, image, &[("fluxcd.io/automated", "true"), ("fluxcd.io/tag.app", pattern)])
}

/// A repository with one automated Deployment `web`, of `image`.
pub fn fleet(image: &str, pattern: &str) -> Bare {
    Bare::with(&[("apps/web.yaml", &automated("web", image, pattern)), ("README.md", "fleet\n")])
}

/// Pushes an image for each tag.
pub fn push(registry: &Registry, repository: &str, tags: &[&str]) {
    let image = ImageSpec::built("2024-01-01T00:00:00Z");
    registry.push_all(repository, &tags.iter().map(|&tag| (tag, &image)).collect::<Vec<_>>());
}

/// A registry with `shop/web` in two versions.
pub fn registry() -> Registry {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.4.2", "1.5.0"]);
    registry
}

/// A repository that holds the older one.
pub fn fleet_of(registry: &Registry) -> Bare {
    fleet(&format!("{}/shop/web:1.4.2", registry.host()), "semver:~1")
}

/// The code and the reason of every container, by workload.
fn decisions(ran: &Ran) -> Vec<(String, String, String)> {
    let report = ran.json();
    let lists = ["updates", "current", "held", "failed"].map(|list| report[list].as_array().expect("a list").clone());
    let text = |record: &serde_json::Value, key: &str| record[key].as_str().expect("text").to_owned();
    let mut found: Vec<_> = lists.iter().flatten().map(|record| (text(record, "workload"), text(record, "code"), text(record, "reason"))).collect();
    found.sort();
    found
}
