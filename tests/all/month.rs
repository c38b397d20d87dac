//! A month of the daemon, with a clock that is moved by hand: between two moments at which something is due no time passes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tagalong::{
    image::Name,
    policy::decision::Listing,
    service::clock::Time,
    store::{Embedded, Packed, Seen, load},
};

use crate::{
    end_to_end::{automated, deployment, push},
    kit::{
        daemon::Simulation,
        git::Bare,
        git_server::{Door, GitServer},
        hostile::{Hostile, Reply},
        proxy::forwarded,
        registry::{Mode, Registry},
    },
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// How often each image is listed.
const INTERVALS: [(&str, Duration); 2] = [("shop/web", HOUR), ("shop/api", Duration::from_hours(3))];

/// When each image was listed.
type Lists = Arc<Mutex<BTreeMap<String, Vec<Timestamp>>>>;

/// All that the daemon sees of the world.
struct World {
    registry: Registry,
    rests: Arc<AtomicBool>,
    /// The registry as the daemon reaches it.
    host: String,
    lists: Lists,
    fleet: Bare,
    simulation: Simulation,
    git: Option<GitServer>,
    _proxy: Hostile,
}

fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

impl World {
    fn new() -> Self {
        let registry = Registry::start(Mode::Open);
        let old: Vec<String> = (0..20).map(|patch| format!("0.1.{patch}")).collect();
        push(&registry, "shop/web", &old.iter().map(String::as_str).chain(["1.0.0"]).collect::<Vec<_>>());
        push(&registry, "shop/api", &["1.0.0"]);
        let (lists, rests) = (Lists::default(), Arc::new(AtomicBool::new(false)));
        // The clock begins with the simulation, which must know the proxy's address.
        let clock: Arc<Mutex<Option<crate::kit::simulated::Simulated>>> = Arc::default();
        let proxy = {
            let (behind, lists, rests, clock) = (registry.host().to_owned(), Arc::clone(&lists), Arc::clone(&rests), Arc::clone(&clock));
            Hostile::start(move |asked, _| {
                let path = asked.target.split('?').next().unwrap_or_default();
                if let (Some(name), Some(clock)) =
                    (path.strip_prefix("/v2/").and_then(|path| path.strip_suffix("/tags/list")), &*clock.lock().unwrap())
                {
                    lists.lock().unwrap().entry(name.to_owned()).or_default().push(clock.now());
                }
                if rests.load(Ordering::SeqCst) { Reply::error(503, "UNAVAILABLE", "it rests") } else { forwarded(&behind, asked) }
            })
        };
        let host = proxy.host();
        let aged = [("fluxcd.io/automated", "true"), ("fluxcd.io/tag.app", "semver:*"), ("tagalong.dev/min-age.app", "7d")];
        let fleet = Bare::with(&[
            ("apps/web.yaml", &automated("web", &format!("{host}/shop/web:1.0.0"), "semver:~1")),
            ("apps/api.yaml", &deployment("api", &format!("{host}/shop/api:1.0.0"), &aged)),
        ]);
        let git = GitServer::start(fleet.root(), Door::Open);
        let entries: Vec<String> = INTERVALS
            .iter()
            .map(|(name, every)| format!("  - {{ prefix: '{host}/{name}', interval: {}h, requestsPerSecond: 100000 }}\n", every.as_secs() / 3600))
            .collect();
        let configuration = format!(
            "registries:\n{}repositories:\n  - {{ name: fleet, url: '{}', branch: main, interval: 6h, commit: {{ batchWindow: 10m }} }}\n",
            entries.concat(),
            git.url()
        );
        let simulation = Simulation::start(&configuration, noon(), Embedded::in_memory());
        *clock.lock().unwrap() = Some(simulation.clock.clone());
        Self { registry, rests, host, lists, fleet, simulation, git: Some(git), _proxy: proxy }
    }

    fn now(&self) -> Timestamp {
        self.simulation.clock.now()
    }

    /// When the image `name` got which tags, by our commits.
    fn moves(&self, name: &str) -> Vec<(String, Timestamp)> {
        let log = self.fleet.git(&["log", "--reverse", "--format=%H %ct", "main", "--", &format!("apps/{name}.yaml")]);
        let commits = log.lines().skip(1).map(|line| line.split_once(' ').expect("an id and a time"));
        let tag = |commit: &str| {
            let text = self.fleet.git(&["show", &format!("{commit}:apps/{name}.yaml")]);
            text.split_once(&format!("/shop/{name}:")).and_then(|(_, rest)| rest.split_whitespace().next()).expect("a tag").to_owned()
        };
        commits.map(|(commit, at)| (tag(commit), Timestamp::from_second(at.parse().expect("seconds")).expect("a time"))).collect()
    }

    fn tags(&self, name: &str) -> Vec<String> {
        self.moves(name).into_iter().map(|(tag, _)| tag).collect()
    }

    /// What the daemon has seen of an image.
    fn seen(&self, name: &str) -> Packed {
        let repository = Name::parse(&format!("{}/{name}", self.host)).expect("a name").repository();
        let rows = load(&self.simulation.store, vec![Seen::id(&repository, "")]);
        self.simulation.runtime.block_on(rows).expect("loaded").remove(0).record
    }

    /// Takes every note of a list away.
    fn taken(&self) -> BTreeMap<String, Vec<Timestamp>> {
        std::mem::take(&mut self.lists.lock().unwrap())
    }

    /// Lists since the last call came an interval apart, give or take a tenth.
    #[track_caller]
    fn lists_keep_to_their_intervals(&self) {
        let lists = self.taken();
        for (name, interval) in INTERVALS {
            let interval = SignedDuration::try_from(interval).expect("hours").as_secs();
            let gaps: Vec<i64> = lists[name].windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect();
            assert!(gaps.iter().all(|gap| (interval * 9 / 10 - 1..=interval * 11 / 10 + 1).contains(gap)), "{name}: {gaps:?}");
            assert!(gaps.iter().max() > gaps.iter().min(), "{name} is listed without jitter: {gaps:?}");
        }
    }

    fn counts(&self, line: &str) -> bool {
        self.simulation.metrics().lines().any(|known| known == line)
    }
}

/// How many containers there are of a code.
fn decisions(list: &str, code: &str, count: usize) -> String {
    format!("tagalong_decisions{{repository=\"fleet\",list=\"{list}\",code=\"{code}\"}} {count}")
}

#[test]
fn a_month_passes_in_which_registries_and_servers_rest_and_clocks_are_set() {
    let mut world = World::new();
    let run = |world: &World, time| world.simulation.run_for(time);
    run(&world, DAY);
    assert_eq!(world.tags("web"), Vec::<String>::new(), "nothing is new");
    world.lists_keep_to_their_intervals();

    // Each new tag is committed once: after its interval and the quiet window, or after its age.
    let (mut web, mut pushed_at) = (Vec::new(), world.now());
    push(&world.registry, "shop/api", &["1.1.0"]);
    for minor in 1..=3 {
        let tag = format!("1.{minor}.0");
        push(&world.registry, "shop/web", &[&tag]);
        let pushed = world.now();
        run(&world, 2 * DAY);
        web.push(tag.clone());
        assert_eq!(world.tags("web"), web);
        let (_, at) = world.moves("web").pop().expect("it was committed");
        let took = at.duration_since(pushed);
        assert!(took >= SignedDuration::from_mins(10) && took <= SignedDuration::from_mins(66 + 10), "{tag} after {took:#}");
    }
    assert_eq!(world.tags("api"), Vec::<String>::new(), "it is too young");
    run(&world, 2 * DAY);
    let (tag, at) = world.moves("api").pop().expect("it is old enough");
    let age = at.duration_since(pushed_at);
    let week = SignedDuration::from_hours(7 * 24);
    assert!(tag == "1.1.0" && age >= week && age <= week + SignedDuration::from_mins(3 * 66 + 11), "{tag} after {age:#}");
    world.lists_keep_to_their_intervals();

    // Day 10: the registry rests.
    world.rests.store(true, Ordering::SeqCst);
    run(&world, 4 * HOUR);
    assert!(world.counts(&decisions("failed", "stale", 2)), "{}", world.simulation.metrics());
    run(&world, 8 * HOUR);
    world.rests.store(false, Ordering::SeqCst);
    push(&world.registry, "shop/web", &["1.4.0"]);
    run(&world, 4 * HOUR);
    assert!(!world.simulation.metrics().contains("code=\"stale\"} 2"), "{}", world.simulation.metrics());
    web.push("1.4.0".to_owned());
    assert_eq!(world.tags("web"), web);
    // A list that falls due while the host is left alone waits for the end of that.
    drop(world.taken());

    // A retention job deletes most of the old tags: the list is in doubt, and then it is not.
    for patch in 0..15 {
        world.registry.delete_tag("shop/web", &format!("0.1.{patch}"));
    }
    run(&world, Duration::from_mins(67));
    assert_eq!(world.seen("shop/web").listing(), Listing::InDoubt);
    run(&world, 3 * HOUR);
    assert_eq!((world.seen("shop/web").listing(), world.seen("shop/web").listed()), (Listing::Trusted, 20 + 5 - 15));

    // It deletes the tag that is deployed: that is no reason to go back.
    world.registry.delete_tag("shop/web", "1.4.0");
    run(&world, DAY);
    assert_eq!(world.tags("web"), web);

    // Day 12: the Git server rests, and an image is pushed meanwhile.
    let port = world.git.take().expect("it runs").stop();
    push(&world.registry, "shop/web", &["1.5.0"]);
    run(&world, DAY);
    assert_eq!(world.tags("web"), web);
    world.git = Some(GitServer::at(&port, world.fleet.root(), Door::Open));
    run(&world, 8 * HOUR);
    web.push("1.5.0".to_owned());
    assert_eq!(world.tags("web"), web);
    world.lists_keep_to_their_intervals();

    // Day 14: a restart is no burst.
    world.simulation.restart();
    run(&world, DAY);
    world.lists_keep_to_their_intervals();

    // The clock is set on by two days, and back by one: all goes on, and nothing is asked in a hurry.
    for (word, by) in [("on", SignedDuration::from_hours(48)), ("back", SignedDuration::from_hours(-24))] {
        drop(world.taken());
        world.simulation.clock.set(world.now() + by);
        run(&world, HOUR);
        let lists = world.taken();
        assert!(lists.values().all(|times| times.len() <= 2), "set {word}: {lists:?}");
        run(&world, 6 * HOUR);
        let lists = world.taken();
        assert!(INTERVALS.iter().all(|(name, _)| lists.contains_key(*name)), "set {word}: {lists:?}");
        run(&world, DAY);
        drop(world.taken());
        run(&world, DAY);
        world.lists_keep_to_their_intervals();
    }

    // What is left of the month; an image that is a week old by then.
    pushed_at = world.now();
    push(&world.registry, "shop/api", &["1.2.0"]);
    push(&world.registry, "shop/web", &["1.6.0"]);
    run(&world, 9 * DAY);
    web.push("1.6.0".to_owned());
    assert_eq!((world.tags("web"), world.tags("api")), (web, vec!["1.1.0".to_owned(), "1.2.0".to_owned()]));
    let (_, at) = world.moves("api").pop().expect("it is old enough");
    assert!(at.duration_since(pushed_at) >= week);
    world.lists_keep_to_their_intervals();
    assert_eq!(world.fleet.faults(), "");
}
