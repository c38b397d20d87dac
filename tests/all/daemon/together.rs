//! Two daemons on one branch, and many repositories in one daemon.

use std::{collections::BTreeMap, fmt::Write as _, thread};

use super::{ending::Held, registry, shop, tag_of};
use crate::{
    end_to_end::{automated, push},
    kit::{
        binary::Machine,
        git::Bare,
        process::{Daemon, configuration, repository},
        registry::{Mode, Registry},
        served::{Guest, Served, Way, certificates},
    },
};

/// So many images, each of which gets so many versions: 200 updates.
const IMAGES: usize = 20;
const VERSIONS: usize = 10;

#[test]
fn two_on_one_branch_lose_and_double_nothing() {
    let registry = Registry::start(Mode::Open);
    let mut manifests = String::new();
    for image in 0..IMAGES {
        write!(manifests, "---\n{}", automated(&format!("app-{image}"), &format!("{}/shop/app-{image}:1.0.0", registry.host()), "semver:~1"))
            .unwrap();
    }
    let fleet = Bare::with(&[("apps.yaml", &manifests)]);
    let certificates = certificates();
    let machines = [Machine::new(), Machine::new()];
    let served: Vec<Served> = [Way::Https, Way::Ssh]
        .iter()
        .zip(&machines)
        .map(|(way, machine)| Served::start(*way, Guest::Writer, &fleet, machine, &certificates))
        .collect();
    let entry = format!("{{ prefix: '{}', requestsPerSecond: 1000 }}", registry.host());
    let mut daemons: Vec<Daemon> = machines
        .iter()
        .zip(&served)
        .map(|(machine, served)| Daemon::start(machine, &configuration("", &[&*entry], &[repository("fleet", &served.url, &served.keys)])))
        .collect();
    for version in 1..=VERSIONS {
        let tag = format!("1.{version}.0");
        // Some come together, and some between two looks.
        thread::scope(|scope| {
            for half in 0..2 {
                let (registry, tag) = (&registry, &tag);
                scope.spawn(move || (half..IMAGES).step_by(2).for_each(|image| push(registry, &format!("shop/app-{image}"), &[tag])));
            }
        });
        daemons[version % 2].shows("/healthz", |_, _| fleet.git(&["show", "main:apps.yaml"]).matches(&format!(":{tag} ")).count() == IMAGES);
    }
    let mut moves: BTreeMap<String, usize> = BTreeMap::new();
    for line in fleet.git(&["log", "--format=%(trailers:key=Image-Update,valueonly)", "main"]).lines().filter(|line| !line.is_empty()) {
        *moves.entry(line.to_owned()).or_default() += 1;
    }
    let expected = (0..IMAGES).flat_map(|image| (1..=VERSIONS).map(move |version| (image, version)));
    let expected: BTreeMap<String, usize> =
        expected.map(|(image, version)| (format!("{}/shop/app-{image} 1.{}.0 -> 1.{version}.0", registry.host(), version - 1), 1)).collect();
    assert_eq!(moves, expected);
    let (commits, empty) = (fleet.git(&["rev-list", "--count", "main"]), fleet.git(&["log", "--format=", "--name-only", "main"]));
    assert_eq!(empty.lines().filter(|line| *line == "apps.yaml").count().to_string(), commits.trim(), "no commit is empty");
    assert_eq!((fleet.git(&["rev-list", "--merges", "main"]), fleet.faults()), (String::new(), String::new()));
    for daemon in daemons {
        assert_eq!(daemon.page("/readyz").0, 200);
        daemon.signal("-TERM");
        assert_eq!(daemon.end().code, Some(0));
    }
}

#[test]
fn a_repository_that_takes_its_time_holds_up_no_other() {
    let (machine, registry) = (Machine::new(), registry());
    let slow = Held::of(shop(registry.host()));
    let others: Vec<Bare> = (0..7).map(|_| shop(registry.host())).collect();
    let mut repositories = vec![repository("slow", &slow.server.url(), "")];
    repositories.extend(others.iter().enumerate().map(|(number, fleet)| repository(&format!("fleet-{number}"), &fleet.file_url(), "")));
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &repositories));
    let push_under_way = slow.push();
    daemon.shows("/healthz", |_, _| others.iter().all(|fleet| tag_of(fleet) == "1.5.0"));
    push(&registry, "shop/web", &["1.6.0"]);
    daemon.shows("/healthz", |_, _| others.iter().all(|fleet| tag_of(fleet) == "1.6.0"));
    assert_eq!(tag_of(&slow.fleet), "1.4.2", "its push is under way");
    drop(push_under_way);
    daemon.shows("/healthz", |_, _| tag_of(&slow.fleet) == "1.5.0");
    // One push after the other: the second begins when the first has ended.
    drop(slow.push());
    daemon.shows("/healthz", |_, _| tag_of(&slow.fleet) == "1.6.0");
    assert_eq!(slow.fleet.git(&["rev-list", "--count", "main"]), "3\n");
}
