//! Whatever happens between the look at a branch and the push: over every way to a repository each ends in the right one of pushed, held and failed.

use std::{
    fs,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use jiff::Timestamp;
use tagalong::store::Embedded;

use super::{fleet, push};
use crate::kit::{
    binary::Machine,
    certificates::Certificates,
    daemon::Simulation,
    git::Bare,
    git_server::{Door, GitServer},
    hostile::Hostile,
    proxy::forwarded,
    registry::{Mode, Registry},
    served::{Guest, Served, TOKEN, Way, certificates},
};

const ALL: &[Way] = &[Way::File, Way::Https, Way::Ssh];
/// Those where a server runs hooks, and somebody has to sign in.
const SERVED: &[Way] = &[Way::Https, Way::Ssh];

/// What a run has to come to.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The update is on the branch, on top of all that others did.
    Pushed,
    /// The remote's own words, which hold the update.
    Held(&'static str),
    /// Others did it.
    Nothing,
    /// The exit code, and what is told; the branch is as others left it.
    Failed(i32, &'static str),
}

/// One thing that happens.
struct Row {
    word: &'static str,
    ways: &'static [Way],
    /// What is done to the repository before.
    before: fn(&Bare),
    /// What somebody does between the look and the push.
    meanwhile: fn(&Bare),
    end: End,
    /// As whom we come.
    guest: Guest,
    /// Further arguments.
    arguments: &'static [&'static str],
}

/// All that two rows do not share.
struct Track {
    fleet: Arc<Bare>,
    machine: Machine,
    served: Served,
    /// The first list lets somebody do something meanwhile.
    _registry: Hostile,
}

/// Leaves the quarantine in which the objects of a push stand, so that a hook may move branches.
const OUT: &str = "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES";

fn nothing(_: &Bare) {}

/// Kills the process that receives the first push, in this hook.
fn cut(fleet: &Bare, hook: &str, when: &str) {
    let once = fleet.root().join("cut").display().to_string();
    fleet.hook(hook, &format!("{when} || exit 0\n[ -e '{once}' ] && exit 0\ntouch '{once}'\nkill -9 $PPID"));
}

/// Somebody's work on `main`, each time that a push comes, so many times.
fn outrun(fleet: &Bare, times: u32) {
    let count = fleet.root().join("moved");
    fs::write(&count, "").unwrap();
    fleet.hook(
        "pre-receive",
        &format!(
            "[ \"$(wc -l < {count})\" -ge {times} ] && exit 0\necho >> {count}\n{OUT}\n\
             export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@git.example GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@git.example\n\
             git update-ref refs/heads/main $(git commit-tree -p main -m \"work $(wc -l < {count})\" main^{{tree}})",
            count = count.display()
        ),
    );
}

fn row(word: &'static str, ways: &'static [Way], before: fn(&Bare), meanwhile: fn(&Bare), end: End) -> Row {
    Row { word, ways, before, meanwhile, end, guest: Guest::Writer, arguments: &[] }
}

fn rows() -> Vec<Row> {
    [moves(), refusals()].into_iter().flatten().collect()
}

fn moves() -> Vec<Row> {
    vec![
        row("fast-forward", ALL, nothing, nothing, End::Pushed),
        row("moved forward", ALL, nothing, |fleet| fleet.commit("main", &[("theirs.yaml", "a: 1\n")]), End::Pushed),
        row("moved back", ALL, |fleet| fleet.commit("main", &[("more", "x")]), |fleet| point(fleet, "main~1"), End::Pushed),
        row("moved sideways", ALL, beside, |fleet| point(fleet, "side"), End::Pushed),
        row("moved eight times", SERVED, |fleet| outrun(fleet, 8), nothing, End::Pushed),
        row(
            "moved in the middle of the push",
            SERVED,
            |fleet| {
                beside(fleet);
                fleet.hook("pre-receive", &format!("{OUT}\ngit update-ref refs/heads/main refs/heads/side"));
            },
            nothing,
            End::Pushed,
        ),
        row(
            "deleted",
            ALL,
            |fleet| drop(fleet.git(&["branch", "other", "main"])),
            |fleet| drop(fleet.git(&["update-ref", "-d", "refs/heads/main"])),
            End::Failed(1, "there is no such branch"),
        ),
        row(
            "deleted and made again",
            ALL,
            beside,
            |fleet| {
                fleet.git(&["update-ref", "-d", "refs/heads/main"]);
                fleet.git(&["branch", "main", "side"]);
            },
            End::Pushed,
        ),
        Row {
            arguments: &["--push-branch", "updates"],
            ..row(
                "created meanwhile",
                ALL,
                nothing,
                |fleet| fleet.commit("updates", &[("apps/web.yaml", &ours(fleet)), ("theirs.yaml", "a: 1\n")]),
                End::Pushed,
            )
        },
        Row {
            arguments: &["--push-branch", "updates"],
            ..row(
                "the push branch deleted",
                ALL,
                |fleet| drop(fleet.git(&["branch", "updates", "main"])),
                |fleet| drop(fleet.git(&["branch", "-D", "updates"])),
                End::Pushed,
            )
        },
        row("done by somebody else", ALL, nothing, |fleet| fleet.commit("main", &[("apps/web.yaml", &theirs(fleet))]), End::Nothing),
        row("nothing to commit", ALL, |fleet| fleet.commit("main", &[("apps/web.yaml", &theirs(fleet))]), nothing, End::Nothing),
    ]
}

fn refusals() -> Vec<Row> {
    vec![
        row(
            "refused by a hook",
            SERVED,
            |fleet| fleet.hook("pre-receive", "echo 'no images on Fridays'; exit 1"),
            nothing,
            End::Held("no images on Fridays"),
        ),
        row("a hook that nobody would run", &[Way::File], |fleet| fleet.hook("update", "exit 1"), nothing, End::Held("it has a `update` hook")),
        row(
            "protected",
            SERVED,
            |fleet| fleet.hook("update", "[ $1 = refs/heads/main ] && echo 'GH006: Protected branch' && exit 1"),
            nothing,
            End::Held("GH006: Protected branch"),
        ),
        row(
            "locked by another push for a while",
            SERVED,
            |fleet| {
                let (lock, count) = (fleet.path().join("refs/heads/main.lock"), fleet.root().join("count"));
                fs::write(&lock, "").unwrap();
                fleet.hook(
                    "pre-receive",
                    &format!("echo >> {count}\n[ \"$(wc -l < {count})\" -lt 3 ] || rm -f {lock}", count = count.display(), lock = lock.display()),
                );
            },
            nothing,
            End::Pushed,
        ),
        row("hidden", SERVED, |fleet| drop(fleet.git(&["config", "receive.hideRefs", "refs/heads/main"])), nothing, End::Held("hides the branch")),
        row(
            "refused by a hook, and moved",
            SERVED,
            |fleet| {
                let refuses = fleet.root().join("refuses").display().to_string();
                fs::write(&refuses, "").unwrap();
                fleet.hook("pre-receive", &format!("[ -e '{refuses}' ] || exit 0\nrm '{refuses}'\n{OUT}\ngit update-ref refs/heads/main $(git commit-tree -p main -m x main^{{tree}})\nexit 1"));
            },
            nothing,
            End::Pushed,
        ),
        Row { guest: Guest::Stranger, ..row("bad credentials", SERVED, nothing, nothing, End::Failed(1, "it refused ")) },
        Row { guest: Guest::Reader, ..row("a key that may only read", SERVED, nothing, nothing, End::Held("it does not allow this")) },
        Row {
            arguments: &["--git-timeout", "3s"],
            ..row(
                "slow",
                SERVED,
                |fleet| fleet.hook("pre-receive", "for i in $(seq 45); do echo deploying $i; sleep 0.1; done"),
                nothing,
                End::Pushed,
            )
        },
        row("cut before it landed", SERVED, |fleet| cut(fleet, "pre-receive", "true"), nothing, End::Pushed),
        row("cut after it landed", SERVED, |fleet| cut(fleet, "reference-transaction", "[ $1 = committed ]"), nothing, End::Pushed),
        row("cut each time", SERVED, |fleet| fleet.hook("pre-receive", "kill -9 $PPID"), nothing, End::Failed(3, "the connection ended")),
    ]
}

fn point(fleet: &Bare, at: &str) {
    fleet.git(&["update-ref", "refs/heads/main", at]);
}

/// A branch of another history with the same manifest.
fn beside(fleet: &Bare) {
    fleet.commit("side", &[("apps/web.yaml", &ours(fleet)), ("theirs.yaml", "s: 1\n")]);
}

/// The manifest as it stands.
fn ours(fleet: &Bare) -> String {
    String::from_utf8(fleet.file("apps/web.yaml")).unwrap()
}

/// The manifest as somebody else would have written it.
fn theirs(fleet: &Bare) -> String {
    ours(fleet).replace("1.0.0", "1.1.0")
}

/// What somebody does to the repository, once there is one.
type Meanwhile = Arc<OnceLock<Arc<Bare>>>;

impl Track {
    fn new(row: &Row, way: Way, behind: &Registry, certificates: &Certificates) -> Self {
        let (machine, known) = (Machine::new().keeping(TOKEN), Meanwhile::default());
        let registry = {
            let (host, meanwhile, known, done) = (behind.host().to_owned(), row.meanwhile, Arc::clone(&known), AtomicBool::new(false));
            Hostile::start(move |asked, _| {
                if let Some(fleet) = known.get().filter(|_| asked.target.contains("/tags/list") && !done.swap(true, Ordering::SeqCst)) {
                    meanwhile(fleet);
                }
                forwarded(&host, asked)
            })
        };
        let fleet = Arc::new(fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1"));
        fleet.git(&["config", "core.logAllRefUpdates", "true"]);
        (row.before)(&fleet);
        let _first = known.set(Arc::clone(&fleet));
        let served = Served::start(way, row.guest, &fleet, &machine, certificates);
        machine.file("work/tagalong.yaml", format!("repositories:\n- {{ url: '{}', branch: main, {} }}\n", served.url, served.keys));
        Self { fleet, machine, served, _registry: registry }
    }

    /// What is not as the row says.
    fn faults(&self, row: &Row) -> Vec<String> {
        let branch = row.arguments.iter().rfind(|_| row.arguments.contains(&"--push-branch")).unwrap_or(&"main");
        let before = self.fleet.tip("main");
        let ran = self.machine.call(["apply", &*self.served.url].iter().chain(row.arguments)).run();
        let ours = self.fleet.git(&["log", "--all", "--format=%an"]).matches("Tagalong").count();
        let (code, told, commits) = match row.end {
            End::Pushed => (0, &*format!(" to {branch} (1 update)"), 1),
            End::Held(words) => (1, words, 0),
            End::Nothing => (0, "current", 0),
            End::Failed(code, words) => (code, words, 0),
        };
        let faults = [
            (ran.code != code).then(|| format!("it ended with {}", ran.code)),
            (!ran.told(&[]).contains(told)).then(|| format!("it does not say `{told}`")),
            (ours != commits).then(|| format!("{ours} commits of ours")),
            (!self.fleet.faults().is_empty()).then(|| self.fleet.faults()),
            (matches!(row.end, End::Pushed) && ours == commits).then(|| self.not_on_top(branch, before.as_deref())).flatten(),
        ];
        faults.into_iter().flatten().map(|fault| format!("{fault}: {}{}", ran.out, ran.err)).collect()
    }

    /// What is wrong with our commit: it stands on what was there before it, and holds the update.
    fn not_on_top(&self, branch: &str, before: Option<&str>) -> Option<String> {
        let stood = self.fleet.git(&["reflog", "show", "--format=%H", &format!("refs/heads/{branch}")]);
        let under = stood.lines().nth(1).or(before).unwrap_or_default().to_owned();
        let parent = self.fleet.git(&["rev-parse", &format!("{branch}~1")]);
        if parent.trim() != under {
            return Some(format!("it stands on {parent}, not on {under}"));
        }
        let file = self.fleet.git(&["show", &format!("{branch}:apps/web.yaml")]);
        (!file.contains("shop/web:1.1.0")).then_some(file)
    }
}

#[test]
fn every_race_ends_as_it_should_on_every_way() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let certificates = certificates();
    let rows = rows();
    let tracks: Vec<(&Row, Way)> = rows.iter().flat_map(|row| row.ways.iter().map(move |&way| (row, way))).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((row, way)) = tracks.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let faults = Track::new(row, *way, &registry, &certificates).faults(row);
                    wrong.lock().unwrap().extend(faults.iter().map(|fault| format!("{} over {way:?}: {fault}", row.word)));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_refused_push_is_tried_again_ever_more_seldom_and_when_the_branch_moves() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let fleet = fleet(&format!("{}/shop/web:1.0.0", registry.host()), "semver:~1");
    let tries = fleet.root().join("tries");
    fs::write(&tries, "").unwrap();
    // A commit is made anew for each try, and says when.
    fleet.hook("pre-receive", &format!("read old new name\ngit log -1 --format=%ct $new >> '{}'\nexit 1", tries.display()));
    let server = GitServer::start(fleet.root(), Door::Open);
    let configuration = format!(
        "registries: [{{ prefix: '{}', requestsPerSecond: 100000 }}]\nrepositories: [{{ name: fleet, url: '{}', branch: main, interval: 2h, commit: {{ batchWindow: 0s }} }}]\n",
        registry.host(),
        server.url()
    );
    let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let simulation = Simulation::start(&configuration, noon, Embedded::in_memory());
    let pauses = || {
        let times: Vec<i64> = fs::read_to_string(&tries).unwrap().lines().map(|line| line.parse().unwrap()).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    simulation.run_for(Duration::from_hours(4));
    assert_eq!(pauses(), [60, 300, 1800, 3600, 3600, 3600], "{}", simulation.metrics());
    fleet.commit("main", &[("theirs.yaml", "a: 1\n")]);
    simulation.run_for(Duration::from_mins(135));
    assert!(pauses().iter().any(|pause| pause % 60 != 0), "when the branch has moved: {:?}", pauses());
    fs::remove_file(fleet.path().join("hooks/pre-receive")).unwrap();
    simulation.run_for(Duration::from_mins(61));
    assert_eq!(fleet.git(&["log", "--format=%an", "main"]), "Tagalong\nAda\nAda\n");
}
