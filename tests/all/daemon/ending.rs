//! How it ends: what is waited for, and what is left to the next start.

use std::{
    fs::File,
    net::TcpListener,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use super::{registry, shop, tag_of};
use crate::{
    end_to_end::push,
    kit::{
        binary::Machine,
        git::Bare,
        git_server::{Door, GitServer},
        hostile::{Hostile, Reply},
        process::{Daemon, configuration, repository},
    },
};

/// A repository whose pushes are taken only when the test lets them.
pub struct Held {
    pub fleet: Bare,
    pub server: GitServer,
    pipe: PathBuf,
}

impl Held {
    /// One of a repository that has no hook.
    pub fn of(fleet: Bare) -> Self {
        let pipe = fleet.root().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        fleet.hook("pre-receive", &format!("cat '{}' >/dev/null", pipe.display()));
        let server = GitServer::start(fleet.root(), Door::Open);
        Self { fleet, server, pipe }
    }

    /// Waits until a push has come; it goes on when the file is dropped.
    pub fn push(&self) -> File {
        File::options().write(true).open(&self.pipe).expect("the hook reads")
    }
}

#[test]
fn nothing_but_a_push_is_waited_for_long() {
    let (machine, registry) = (Machine::new(), registry());
    let dead = Hostile::start(|_, _| Reply::json("{}").silent_after(0));
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}/fleet.git", silent.local_addr().expect("an address"));
    let (slow, fleet, more) = (shop(&dead.host()), shop(registry.host()), shop(registry.host()));
    let mut repositories =
        vec![repository("silent", &silent, ""), repository("slow", &slow.file_url(), ""), repository("fleet", &fleet.file_url(), "")];
    let text = |repositories: &[String]| configuration("gitTimeout: 5m", &[registry.host(), &dead.host()], repositories);
    let mut daemon = Daemon::start(&machine, &text(&repositories));
    daemon.says(&["\"pushed\"", "fleet"]);
    repositories.push(repository("more", &more.file_url(), ""));
    machine.file("work/tagalong.yaml", text(&repositories));
    daemon.signal("-HUP");
    daemon.says(&["a repository is slow to take the new configuration"]);
    daemon.says(&["\"pushed\"", "more"]);
    // A reload that waits for the same keeps nobody from the end.
    daemon.signal("-HUP");
    daemon.signal("-TERM");
    daemon.says(&["\"ending\""]);
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    assert!(ended.told.contains("ended with work under way; it begins anew with the next start"), "{}", ended.told);
}

#[test]
fn a_push_under_way_is_waited_for() {
    let (machine, registry) = (Machine::new(), registry());
    let held = Held::of(shop(registry.host()));
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &[repository("fleet", &held.server.url(), "")]));
    let push_under_way = held.push();
    daemon.signal("-TERM");
    daemon.says(&["\"ending\""]);
    assert_eq!(daemon.page("/readyz").0, 503);
    daemon.says(&["a push under way is waited for"]);
    drop(push_under_way);
    daemon.says(&["\"pushed\"", "fleet"]);
    let ended = daemon.end();
    assert_eq!((ended.code, tag_of(&held.fleet), held.fleet.faults()), (Some(0), "1.5.0".to_owned(), String::new()), "{}", ended.told);
    assert!(ended.told.contains("\"ended\""), "{}", ended.told);
}

#[test]
fn a_push_that_is_silent_for_too_long_is_given_up() {
    let (machine, registry) = (Machine::new(), registry());
    let held = Held::of(shop(registry.host()));
    let configuration = configuration("gitTimeout: 1s", &[registry.host()], &[repository("fleet", &held.server.url(), "")]);
    let mut daemon = Daemon::start(&machine, &configuration);
    let push_under_way = held.push();
    daemon.signal("-TERM");
    let told = daemon.says(&["cannot go on", "fleet"]);
    assert!(told.contains("cannot push to") && told.contains("--git-timeout"), "{told}");
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    drop(push_under_way);
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let (machine, registry) = (Machine::new(), registry());
    let held = Held::of(shop(registry.host()));
    let mut daemon = Daemon::start(&machine, &configuration("", &[registry.host()], &[repository("fleet", &held.server.url(), "")]));
    let push_under_way = held.push();
    daemon.signal("-TERM");
    daemon.says(&["\"ending\""]);
    daemon.signal("-INT");
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    assert!(ended.told.contains("ended at once"), "{}", ended.told);
    drop(push_under_way);
}

#[test]
fn a_signal_at_any_moment_of_a_push_loses_and_doubles_nothing() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| interrupted(5));
        }
    });
}

/// Pushes so many images, one after the other, each to a daemon that is told to end at any moment from its start to its push.
fn interrupted(times: usize) {
    let (machine, registry) = (Machine::new(), registry());
    let fleet = shop(registry.host());
    let server = GitServer::start(fleet.root(), Door::Open);
    let configuration = configuration("", &[registry.host()], &[repository("fleet", &server.url(), "")]);
    let mut longest = Duration::from_millis(400);
    let tags: Vec<String> = (0..times).map(|number| format!("1.6.{number}")).collect();
    for tag in &tags {
        push(&registry, "shop/web", &[tag]);
        let started = Instant::now();
        let mut daemon = Daemon::start(&machine, &configuration);
        if daemon.says_within(longest.mul_f64(fastrand::f64()), &["\"pushed\""]) {
            longest = started.elapsed();
        }
        daemon.signal("-TERM");
        let ended = daemon.end();
        assert_eq!(ended.code, Some(0), "{}", ended.told);
        if tag_of(&fleet) != *tag {
            Daemon::start(&machine, &configuration).says(&["\"pushed\""]);
        }
        assert_eq!((&tag_of(&fleet), fleet.faults()), (tag, String::new()));
    }
    let subjects = fleet.git(&["log", "--reverse", "--format=%s", "main"]);
    let commits: Vec<&str> = subjects.lines().skip(1).filter_map(|subject| subject.rsplit_once(':').map(|(_, tag)| tag)).collect();
    assert_eq!(commits, tags, "{subjects}");
}
