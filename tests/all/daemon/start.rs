//! How it starts, and what it tells its service manager.

use std::{net::TcpListener, os::unix::net::UnixDatagram, time::Duration};

use super::{registry, shop};
use crate::kit::{
    binary::Machine,
    process::{Daemon, configuration, repository},
};

#[test]
fn a_daemon_that_cannot_start_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (word, text, sentence, hint) in [
        ("nothing to do", "", "cannot run: no repository is configured", "name one under `repositories:` in tagalong.yaml, or with --git-url"),
        (
            "one branch twice",
            "repositories:\n  - {name: a, url: 'file:///a'}\n  - {name: b, url: 'file:///a'}\n",
            "cannot read `tagalong.yaml` line 3: two repositories have the same `url` and `branch`",
            "leave one of them out, or give them different branches",
        ),
        (
            "a taken port",
            &format!("listen: {address}\nrepositories: [{{url: 'file:///a'}}]\n"),
            &format!("cannot listen on `{address}`: another process does"),
            "end the other process (is a second `tagalong run` under way?), or give `listen` another port",
        ),
        (
            "a folder that cannot be one",
            "state: tagalong.yaml/state\nlisten: 127.0.0.1:0\nrepositories: [{url: 'file:///a'}]\n",
            "cannot use `tagalong.yaml/state",
            "look after the disk, or give another folder with --state DIR",
        ),
    ] {
        let machine = Machine::new();
        machine.file("work/tagalong.yaml", text);
        let ran = machine.run("run --config tagalong.yaml").ended(1);
        assert!(ran.err.starts_with(&format!("error: {sentence}")) && ran.err.contains(&format!("\n  hint: {hint}")), "{word}: {}", ran.err);
    }
}

#[test]
fn the_service_manager_hears_of_each_stage() {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let path = machine.root().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let hears = |wanted: &str| {
        let mut bytes = [0; 1024];
        loop {
            let length = manager.recv(&mut bytes).unwrap_or_else(|error| panic!("{wanted} never comes: {error}"));
            let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if message.contains(wanted) {
                return message;
            }
            assert_eq!(message, "WATCHDOG=1\n", "before {wanted}");
        }
    };
    machine.file("work/tagalong.yaml", configuration("", &[registry.host()], &[repository("fleet", &fleet.file_url(), "")]));
    let call = machine.call(["run", "--config", "tagalong.yaml", "--log-format", "json"]);
    let daemon = Daemon::of(call.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000").command());
    assert_eq!(hears("READY"), "READY=1\n");
    for _ in 0..3 {
        assert_eq!(hears("WATCHDOG"), "WATCHDOG=1\n");
    }
    daemon.signal("-HUP");
    let reload = hears("RELOADING");
    let time = reload.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|time| time.trim_end().parse::<u64>().ok());
    assert!(time.is_some(), "{reload}");
    assert_eq!(hears("READY"), "READY=1\n");
    daemon.signal("-TERM");
    assert_eq!(hears("STOPPING"), "STOPPING=1\n");
    assert_eq!(daemon.end().code, Some(0));
}
