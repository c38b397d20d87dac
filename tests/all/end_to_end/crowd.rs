//! Many who write to one branch at once.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use super::{automated, push};
use crate::kit::{
    binary::{Machine, Running},
    git::{self, Bare, git},
    git_server::{Door, GitServer},
    registry::{Mode, Registry},
};

const IMAGES: [&str; 4] = ["web", "cart", "mailer", "search"];
/// How often each of the others pushes, without a pause.
const PUSHES: usize = 8;

fn registry() -> Registry {
    let registry = Registry::start(Mode::Open);
    for name in IMAGES {
        push(&registry, &format!("shop/{name}"), &["1.0.0", "1.1.0"]);
    }
    registry
}

fn fleet(registry: &Registry) -> Bare {
    let files = IMAGES.map(|name| (format!("{name}.yaml"), automated(name, &format!("{}/shop/{name}:1.0.0", registry.host()), "semver:~1")));
    Bare::with(&files.each_ref().map(|(path, text)| (&**path, &**text)))
}

/// Each image was moved by one commit, and none of `others` commits by other people is lost.
fn check(log: &str, host: &str, others: usize) {
    for name in IMAGES {
        let line = format!("Image-Update: {host}/shop/{name} 1.0.0 -> 1.1.0");
        assert_eq!(log.matches(&line).count(), 1, "{name}: {log}");
    }
    assert_eq!(log.matches("theirs").count(), others, "{log}");
}

/// Somebody's commit, unlike any other; says whether it was made.
fn commits(folder: &Path) -> bool {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let message = format!("theirs {}", MADE.fetch_add(1, Ordering::SeqCst));
    git::command(folder).args(["commit", "--quiet", "--allow-empty", "-m", &message]).output().expect("git").status.success()
}

#[test]
fn among_many_pushers_nothing_is_lost_or_doubled() {
    let registry = registry();
    let fleet = fleet(&registry);
    let server = GitServer::start(fleet.root(), Door::Open);
    let (url, pushed) = (server.url(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let folder = tempfile::tempdir().unwrap();
                git(folder.path(), &["clone", "--quiet", &url, "."]);
                for _ in 0..PUSHES {
                    assert!(commits(folder.path()));
                    let lands = || git::command(folder.path()).args(["push", "--quiet", "origin", "main"]).output().unwrap().status.success();
                    while !lands() {
                        git(folder.path(), &["pull", "--quiet", "--rebase", "origin", "main"]);
                    }
                    pushed.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let machines: Vec<Machine> = IMAGES.iter().map(|_| Machine::new()).collect();
        let running: Vec<_> = IMAGES
            .iter()
            .zip(&machines)
            .map(|(name, machine)| machine.call(["apply", &url, "--git-path", &format!("{name}.yaml")]).start())
            .collect();
        for running in running {
            running.wait().ended(0);
        }
    });
    check(&fleet.git(&["log", "--format=%B", "main"]), registry.host(), pushed.into_inner());
    assert_eq!(fleet.faults(), "");
}

#[test]
fn in_one_work_tree_nothing_is_lost_or_doubled() {
    let registry = registry();
    let fleet = fleet(&registry);
    let checkout = fleet.checkout();
    let (going, made) = (AtomicBool::new(true), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while going.load(Ordering::SeqCst) {
                made.fetch_add(usize::from(commits(checkout.path())), Ordering::SeqCst);
            }
        });
        let machines: Vec<Machine> = IMAGES.iter().map(|_| Machine::new()).collect();
        let running: Vec<_> = IMAGES
            .iter()
            .zip(&machines)
            .map(|(name, machine)| {
                machine.call(["apply", checkout.path().to_str().unwrap(), "--commit", "--git-path", &format!("{name}.yaml")]).start()
            })
            .collect();
        let ended: Vec<_> = running.into_iter().map(Running::wait).collect();
        going.store(false, Ordering::SeqCst);
        for ran in ended {
            ran.ended(0);
        }
    });
    check(&git(checkout.path(), &["log", "--format=%B", "main"]), registry.host(), made.into_inner());
    assert_eq!(git(checkout.path(), &["status", "--porcelain"]), "");
    assert_eq!(git(checkout.path(), &["fsck", "--strict", "--no-dangling"]), "");
}
