//! Mirrors heal by themselves, follow what happens to the remote, and say so.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{fleet, push};
use crate::kit::{
    binary::{Machine, Ran},
    git::{Bare, command},
    git_server::{Door, GitServer},
    process::{Daemon, configuration, repository},
    registry::{Mode, Registry},
};

fn registry() -> Registry {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    registry
}

fn fleet_of(registry: &Registry) -> Bare {
    fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1")
}

/// The one mirror of a machine.
fn mirror(machine: &Machine) -> PathBuf {
    let folders = fs::read_dir(machine.root().join("state/tagalong/git")).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    assert_eq!(folders.len(), 1, "nothing is left beside it: {folders:?}");
    folders[0].clone()
}

/// What `git` finds wrong with a mirror.
fn faults(mirror: &Path) -> String {
    let output = command(mirror).args(["fsck", "--strict", "--no-dangling", "--no-progress"]).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    text.lines().filter(|line| !line.contains("points to an unborn branch")).collect()
}

fn each(folder: &Path, end: &str, wound: impl Fn(&Path)) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.to_string_lossy().ends_with(end)) {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        wound(&path);
    }
}

fn each_pack(mirror: &Path, wound: impl Fn(&mut Vec<u8>)) {
    each(&mirror.join("objects/pack"), ".pack", |path| {
        let mut bytes = fs::read(path).unwrap();
        wound(&mut bytes);
        fs::write(path, bytes).unwrap();
    });
}

/// The notes about mirrors and branches.
fn notes(ran: &Ran) -> Vec<&str> {
    ran.out.lines().filter(|line| line.contains("mirror of") || line.contains("was rewritten")).map(str::trim).collect()
}

#[test]
fn a_damaged_mirror_heals_and_says_so() {
    type Wound = fn(&Path);
    let wounds: [(&str, Wound, usize); 14] = [
        ("no HEAD", |mirror| fs::remove_file(mirror.join("HEAD")).unwrap(), 1),
        ("an empty HEAD", |mirror| fs::write(mirror.join("HEAD"), "").unwrap(), 1),
        ("rubbish in HEAD", |mirror| fs::write(mirror.join("HEAD"), "\0\0\0\0").unwrap(), 1),
        ("no objects", |mirror| fs::remove_dir_all(mirror.join("objects")).unwrap(), 1),
        ("an empty configuration", |mirror| fs::write(mirror.join("config"), "").unwrap(), 1),
        ("an empty reference", |mirror| fs::write(mirror.join("refs/heads/main"), "").unwrap(), 1),
        ("rubbish in a reference", |mirror| fs::write(mirror.join("refs/heads/main"), "rubbish\n").unwrap(), 1),
        ("a cut pack", |mirror| each_pack(mirror, |bytes| bytes.truncate(40)), 1),
        ("a rotten pack", |mirror| each_pack(mirror, |bytes| bytes[12..].iter_mut().for_each(|byte| *byte ^= 0x55)), 1),
        ("no pack", |mirror| each(&mirror.join("objects/pack"), ".pack", |path| fs::remove_file(path).unwrap()), 1),
        ("no index of a pack", |mirror| each(&mirror.join("objects/pack"), ".idx", |path| fs::remove_file(path).unwrap()), 1),
        ("all of it a file", |mirror| fs::remove_dir_all(mirror).and_then(|()| fs::write(mirror, "")).unwrap(), 1),
        (
            "locks of the dead",
            |mirror| ["HEAD.lock", "config.lock", "refs/heads/main.lock"].iter().for_each(|name| fs::write(mirror.join(name), "").unwrap()),
            0,
        ),
        ("half a pack of the dead", |mirror| fs::write(mirror.join("objects/pack/pack_git2_0123456789abcdef"), "PACK").unwrap(), 0),
    ];
    let registry = registry();
    for (word, wound, told) in wounds {
        let (fleet, machine) = (fleet_of(&registry), Machine::new());
        let server = GitServer::start(fleet.root(), Door::Open);
        machine.call(["plan", &server.url()]).run().ended(0);
        wound(&mirror(&machine));
        let ran = machine.call(["apply", &server.url()]).run().ended(0);
        assert_eq!(ran.last(), format!("pushed {} to main (1 update)", &fleet.tip("main").unwrap()[..7]), "{word}");
        assert_eq!(notes(&ran).len(), told, "{word}: {}", ran.out);
        assert_eq!((faults(&mirror(&machine)), fleet.faults()), (String::new(), String::new()), "{word}");
        let left = fs::read_dir(mirror(&machine).join("objects/pack"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("_git2_"));
        assert_eq!(left.count(), 0, "{word}");
    }
}

#[test]
fn damage_in_what_is_long_past_heals_too() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = fleet_of(&registry);
    let server = GitServer::start(fleet.root(), Door::Open);
    machine.call(["apply", &server.url()]).run().ended(0);
    fleet.commit("main", &[("apps/web.yaml", &String::from_utf8(fleet.file("apps/web.yaml")).unwrap().replace("1.1.0", "1.0.0"))]);
    let held = machine.call(["plan", &server.url()]).run().ended(0);
    assert!(held.out.contains("1.1.0 was rolled back by"), "{}", held.out);
    // Each object stands in a file of its own, and only the look at the past meets this one.
    let (mirror, past) = (mirror(&machine), fleet.git(&["rev-parse", "main~1:apps/web.yaml"]));
    unpacked(&mirror);
    let past = mirror.join("objects").join(&past[..2]).join(past[2..].trim());
    fs::set_permissions(&past, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(past, "rotten").unwrap();
    let ran = machine.call(["plan", &server.url()]).run().ended(0);
    assert_eq!((notes(&ran).len(), ran.out.contains("1.1.0 was rolled back by")), (1, true), "{}", ran.out);
    assert_eq!(faults(&mirror), "");
}

/// Takes every pack of a mirror apart.
fn unpacked(mirror: &Path) {
    let apart = mirror.join("apart");
    fs::rename(mirror.join("objects/pack"), &apart).unwrap();
    fs::create_dir(mirror.join("objects/pack")).unwrap();
    each(&apart, ".pack", |pack| {
        let unpacking = command(mirror).args(["unpack-objects", "-q"]).stdin(fs::File::open(pack).unwrap()).status().unwrap();
        assert!(unpacking.success());
    });
    fs::remove_dir_all(apart).unwrap();
}

#[test]
fn a_rewritten_branch_is_followed_and_told() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = fleet_of(&registry);
    let server = GitServer::start(fleet.root(), Door::Open);
    let before = fleet.tip("main").unwrap();
    assert!(notes(&machine.call(["plan", &server.url()]).run().ended(0)).is_empty());
    fleet.commit("side", &[("apps/web.yaml", &String::from_utf8(fleet.file("apps/web.yaml")).unwrap())]);
    fleet.git(&["update-ref", "refs/heads/main", "side"]);
    let ran = machine.call(["plan", &server.url()]).run().ended(0);
    let after = fleet.tip("main").unwrap();
    let told = format!("note: `main` of `{}` was rewritten: it stands on {}, without {}", server.url(), &after[..7], &before[..7]);
    assert_eq!(notes(&ran), [told]);
    fleet.commit("main", &[("theirs.yaml", "a: 1\n")]);
    assert!(notes(&machine.call(["plan", &server.url()]).run().ended(0)).is_empty(), "what only grows is not told");
}

#[test]
fn a_branch_that_is_deleted_and_made_again_is_served_again() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = fleet_of(&registry);
    let server = GitServer::start(fleet.root(), Door::Open);
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &[repository("fleet", &server.url(), "")]));
    daemon.says(&["\"pushed\"", "fleet"]);
    fleet.git(&["branch", "other", "main~1"]);
    fleet.git(&["update-ref", "-d", "refs/heads/main"]);
    daemon.says(&["cannot go on", "there is no such branch"]);
    fleet.git(&["branch", "main", "other"]);
    daemon.says(&["was rewritten"]);
    daemon.says(&["\"pushed\"", "fleet"]);
    assert_eq!((fleet.git(&["rev-list", "--count", "main"]), fleet.faults()), ("2\n".to_owned(), String::new()));
}

#[test]
fn a_repository_that_moved_is_found_on_its_host_alone() {
    let (registry, machine) = (registry(), Machine::new().keeping("hunter2"));
    let fleet = fleet_of(&registry);
    let server = GitServer::start(fleet.root(), Door::Basic("bot", "hunter2"));
    let ran = machine.call(["apply", &server.url_of("bot:hunter2@", "moved.git")]).run().ended(0);
    assert_eq!(ran.last(), format!("pushed {} to main (1 update)", &fleet.tip("main").unwrap()[..7]));
    server.requests();
    let ran = machine.call(["plan", &server.url_of("bot:hunter2@", "elsewhere.git")]).run().ended(1);
    assert!(ran.err.contains("it sends us to another host, which is not followed"), "{}", ran.err);
    let asked = server.requests();
    assert!(asked.iter().all(|request| request.contains("/elsewhere.git/")), "{asked:?}");
}

#[test]
fn a_mirror_of_many_pieces_is_cloned_anew_in_a_quiet_moment() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = fleet_of(&registry);
    let server = GitServer::start(fleet.root(), Door::Open);
    machine.call(["apply", &server.url()]).run().ended(0);
    let packs = mirror(&machine).join("objects/pack");
    for number in 0..51 {
        fs::write(packs.join(format!("pack-{number:040}.pack")), "").unwrap();
    }
    let ran = machine.call(["plan", &server.url()]).run().ended(0);
    assert_eq!(notes(&ran), [format!("note: the mirror of `{}` had grown into many pieces and was cloned anew", server.url())]);
    let left = fs::read_dir(mirror(&machine).join("objects/pack")).unwrap().count();
    assert!(left <= 3, "{left} files");
    assert_eq!(faults(&mirror(&machine)), "");
    assert!(notes(&machine.call(["plan", &server.url()]).run().ended(0)).is_empty());
}
