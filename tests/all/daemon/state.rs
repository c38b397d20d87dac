//! The state folder of a daemon: damaged, newer, taken, full.

use std::{fs, path::PathBuf, process::Command};

use super::{registry, shop, tag_of};
use crate::{
    end_to_end::push,
    kit::{
        binary::Machine,
        git_server::{Door, GitServer},
        process::{Daemon, configuration, repository},
    },
};

#[test]
fn a_store_that_cannot_be_used_is_set_aside_and_it_goes_on() {
    let registry = registry();
    let damage = |path: &PathBuf| {
        let mut bytes = fs::read(path).unwrap();
        bytes.iter_mut().skip(10).step_by(7).for_each(|byte| *byte ^= 0x55);
        fs::write(path, bytes).unwrap();
    };
    let newer = |path: &PathBuf| {
        let database = redb::Builder::new().create(path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(redb::TableDefinition::<&str, u64>::new("header")).unwrap().insert("format", 99).unwrap();
        transaction.commit().unwrap();
    };
    let cut = |path: &PathBuf| fs::File::options().write(true).open(path).unwrap().set_len(100).unwrap();
    for (word, tag, spoil, sentence) in [
        ("damaged", "1.6.0", &damage as &dyn Fn(&PathBuf), "store.redb` was damaged; it is now `"),
        ("cut off", "1.7.0", &cut, "store.redb` was damaged; it is now `"),
        ("newer", "1.8.0", &newer, "store.redb` was written by another version (format 99); it is now `"),
    ] {
        let (machine, fleet) = (Machine::new(), shop(registry.host()));
        let text = configuration("", &[registry.host()], &[repository("fleet", &fleet.file_url(), "")]);
        let mut before = Daemon::start(&machine, &text);
        before.says(&["\"pushed\""]);
        before.signal("-TERM");
        assert_eq!(before.end().code, Some(0), "{word}");
        spoil(&machine.root().join("state/tagalong/store.redb"));
        push(&registry, "shop/web", &[tag]);
        let mut after = Daemon::start(&machine, &text);
        assert!(after.told().lines().any(|line| line.contains("\"warn\"") && line.contains(sentence)), "{word}: {}", after.told());
        after.shows("/healthz", |_, _| tag_of(&fleet) == tag);
        after.shows("/readyz", |_, page| page == "ready\n");
    }
}

#[test]
fn a_daemon_that_starts_again_parses_no_file() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = shop(registry.host());
    let text = configuration("", &[registry.host()], &[repository("fleet", &fleet.file_url(), "")]);
    let mut first = Daemon::start(&machine, &text);
    first.says(&["\"pushed\"", "fleet"]);
    // Its own commit is read, too.
    first.shows("/metrics", |_, page| page.contains("tagalong_files_parsed_total{repository=\"fleet\"} 2\n"));
    first.signal("-TERM");
    assert_eq!(first.end().code, Some(0));
    let mut second = Daemon::start(&machine, &text);
    let metrics = second.shows("/metrics", |_, page| page.contains("tagalong_cycle_seconds_count{repository=\"fleet\",outcome=\"done\"}"));
    assert!(metrics.contains("tagalong_files_parsed_total{repository=\"fleet\"} 0\n"), "{metrics}");
}

#[test]
fn a_second_process_works_in_memory() {
    let (registry, machine) = (registry(), Machine::new());
    let fleet = shop(registry.host());
    let text = configuration("", &[registry.host()], &[repository("fleet", &fleet.file_url(), "")]);
    let mut first = Daemon::start(&machine, &text);
    first.says(&["\"pushed\"", "fleet"]);
    let mut second = Daemon::start(&machine, &text);
    assert!(second.told().contains("works in memory and keeps nothing"), "{}", second.told());
    second.shows("/readyz", |_, page| page == "ready\n");
    for daemon in [second, first] {
        daemon.signal("-TERM");
        assert_eq!(daemon.end().code, Some(0));
    }
}

/// A daemon whose state folder is a small disk, and where that disk is seen from here.
fn on_small_disk(machine: &Machine, configuration: &str, megabytes: u32) -> (Daemon, PathBuf) {
    machine.file("work/tagalong.yaml", configuration);
    let state = machine.root().join("state");
    let script = r#"
        if [ "$(id -u)" = 0 ]; then own=; else own=--map-root-user; fi
        exec unshare --mount $own sh -c 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"' sh "$@""#;
    let call = machine.call(["run", "--config", "tagalong.yaml", "--log-format", "json"]).command();
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", &format!("size={megabytes}m")]).arg(&state).arg(call.get_program()).args(call.get_args());
    command.current_dir(call.get_current_dir().unwrap()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let daemon = Daemon::of(command);
    let seen = PathBuf::from(format!("/proc/{}/root{}", daemon.id(), state.display()));
    (daemon, seen)
}

#[test]
fn on_a_full_disk_it_goes_on_with_what_needs_none() {
    let (registry, machine) = (registry(), Machine::new());
    let [near, far] = [(); 2].map(|()| shop(registry.host()));
    let server = GitServer::start(far.root(), Door::Open);
    let repositories = [repository("near", &near.file_url(), ""), repository("far", &server.url(), "")];
    let (mut daemon, disk) = on_small_disk(&machine, &configuration("", &[registry.host()], &repositories), 12);
    for fleet in [&near, &far] {
        daemon.shows("/healthz", |_, _| tag_of(fleet) == "1.5.0");
    }
    // To the last byte.
    let filler = disk.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    let full = std::io::copy(&mut std::io::repeat(1), &mut file).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    drop(file);
    push(&registry, "shop/web", &["1.6.0"]);
    daemon.shows("/healthz", |_, _| tag_of(&near) == "1.6.0");
    daemon.says(&["cannot go on", "far"]);
    fs::remove_file(filler).unwrap();
    daemon.says(&["works again", "far"]);
    daemon.shows("/healthz", |_, _| tag_of(&far) == "1.6.0");
    daemon.shows("/readyz", |status, page| (status, page) == (200, "ready\n"));
    assert_eq!([near.faults(), far.faults()], [String::new(), String::new()]);
    daemon.signal("-TERM");
    assert_eq!(daemon.end().code, Some(0));
}
