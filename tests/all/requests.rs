//! How many requests the daemon sends, counted at the server: lists, digests, documents.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tagalong::store::Embedded;

use crate::{
    end_to_end::automated,
    kit::{
        daemon::Simulation,
        git::Bare,
        hostile::{Asked, Hostile, Reply},
    },
};

/// Tags at first.
const TAGS: usize = 500;
/// Tags that have one image in common.
const TWINS: usize = 100;
/// How often it is listed.
const INTERVAL: Duration = Duration::from_mins(10);

/// What stands behind each tag.
#[derive(Clone, Copy, Debug)]
enum Form {
    Image,
    Index,
}

/// A repository of many tags, and what was asked about it.
struct Shop {
    server: Hostile,
    tags: Arc<Mutex<usize>>,
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// The documents of an image, the one that its tag points to first.
fn documents(number: usize, form: Form) -> Vec<String> {
    // The last hundred are other names of one old image.
    let number = if (TAGS - TWINS..TAGS).contains(&number) { 0 } else { number };
    let created = jiff::Timestamp::from_second(1_700_000_000 + i64::try_from(number).unwrap() * 60).unwrap();
    let config = json!({ "os": "linux", "architecture": "amd64", "created": created.to_string() }).to_string();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len() },
    });
    let manifest = manifest.to_string();
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(&manifest), "size": manifest.len(),
            "platform": { "os": "linux", "architecture": "amd64" },
        }],
    });
    match form {
        Form::Image => vec![manifest, config],
        Form::Index => vec![index.to_string(), manifest, config],
    }
}

impl Shop {
    fn open(form: Form) -> Self {
        let tags = Arc::new(Mutex::new(TAGS));
        let count = Arc::clone(&tags);
        let all = move |number: usize| documents(number, form);
        let by_digest: BTreeMap<String, String> = (0..=TAGS).flat_map(all).map(|text| (digest(&text), text)).collect();
        let server = Hostile::start(move |asked, _| {
            let reference = asked.target.rsplit('/').next().unwrap_or_default();
            if asked.target.contains("/tags/list") {
                let names: Vec<String> = (0..*count.lock().unwrap()).map(|number| format!("main-{number}")).collect();
                return Reply::json(json!({ "name": "shop/web", "tags": names }).to_string());
            }
            let of_tag = |number: &str| all(number.parse().expect("a number")).remove(0);
            let text = by_digest.get(reference).cloned().or_else(|| reference.strip_prefix("main-").map(of_tag));
            text.map_or_else(
                || Reply::error(404, "MANIFEST_UNKNOWN", "x"),
                |text| Reply::json(&*text).header("Docker-Content-Digest", &digest(&text)),
            )
        });
        Self { server, tags }
    }

    /// What was asked since so many requests.
    fn since(&self, before: usize) -> Counted {
        let mut counted = Counted::default();
        for Asked { method, target, .. } in self.server.asked().into_iter().skip(before) {
            let place = target.rsplit('/').next().unwrap_or_default().to_owned();
            match (&*method, target.contains("/tags/list")) {
                (_, true) => counted.lists += 1,
                ("HEAD", _) => *counted.heads.entry(place).or_default() += 1,
                _ => *counted.documents.entry(place).or_default() += 1,
            }
        }
        counted
    }
}

/// How often everything was asked.
#[derive(Debug, Default)]
struct Counted {
    lists: usize,
    heads: BTreeMap<String, usize>,
    documents: BTreeMap<String, usize>,
}

impl Counted {
    fn heads(&self) -> usize {
        self.heads.values().sum()
    }

    fn documents(&self) -> usize {
        self.documents.values().sum()
    }
}

#[test]
fn a_policy_by_build_time_asks_for_each_tag_once_and_then_for_what_can_have_changed() {
    for (form, each) in [(Form::Image, 2), (Form::Index, 3)] {
        let shop = Shop::open(form);
        let host = shop.server.host();
        let fleet = Bare::with(&[("apps/web.yaml", &automated("web", &format!("{host}/shop/web:main-1"), "glob:main-*"))]);
        let configuration = format!(
            "registryPollInterval: 10m\nregistries: [{{ prefix: '{host}', requestsPerSecond: 100000 }}]\n\
             repositories: [{{ name: fleet, url: '{}', branch: main, interval: 1m, commit: {{ batchWindow: 0s }} }}]\n",
            fleet.file_url()
        );
        let mut simulation = Simulation::start(&configuration, "2026-03-01T12:00:00Z".parse().unwrap(), Embedded::in_memory());
        let tag =
            || String::from_utf8(fleet.file("apps/web.yaml")).unwrap().split_once("/web:").unwrap().1.split_whitespace().next().unwrap().to_owned();

        simulation.run_for(Duration::from_mins(2));
        let cold = shop.since(0);
        assert_eq!(cold.lists, 1, "{form:?}");
        let others: Vec<_> = cold.heads.iter().filter(|(_, times)| **times != 1).collect();
        assert_eq!((cold.heads.len(), others), (TAGS, vec![]), "{form:?}: each tag once");
        assert!(cold.documents.values().all(|times| *times == 1), "{form:?}: each document once: {:?}", cold.documents);
        assert_eq!(cold.documents(), (TAGS - TWINS) * each, "{form:?}: as many as there are images");
        assert_eq!(tag(), format!("main-{}", TAGS - TWINS - 1), "{form:?}");

        // A day on which nothing happens.
        let warm = |simulation: &Simulation, intervals: u32| {
            let before = shop.server.asked().len();
            simulation.run_for(INTERVAL * intervals);
            shop.since(before)
        };
        for start in ["as it runs", "after a restart"] {
            let day = warm(&simulation, 144);
            assert!((130..160).contains(&day.lists), "{form:?} {start}: {} lists", day.lists);
            assert!(day.heads() <= day.lists * (TAGS / 100 + 2), "{form:?} {start}: {} in {} lists", day.heads(), day.lists);
            assert!(day.heads.len() > TAGS / 10, "{form:?} {start}: but others than the winner, too");
            assert_eq!(day.documents(), 0, "{form:?} {start}: no digest is read twice");
            simulation.restart();
        }

        *shop.tags.lock().unwrap() += 1;
        let new = warm(&simulation, 2);
        assert_eq!(tag(), format!("main-{TAGS}"), "{form:?}");
        assert_eq!(new.documents(), each, "{form:?}: {:?}", new.documents);
        assert_eq!(new.heads[&format!("main-{TAGS}")] - new.lists.min(2), 0, "{form:?}: {:?}", new.heads);
        assert!(new.heads() <= new.lists * (TAGS / 100 + 2) + 1, "{form:?}: one new tag costs at most one more: {:?}", new.heads);
    }
}

#[test]
fn one_list_serves_every_container_repository_and_spelling() {
    let shop = Shop::open(Form::Image);
    let host = shop.server.host();
    let [first, second] = [3, 2].map(|count| {
        let manifest = |number: usize| {
            let pattern = if number == 0 { "glob:main-1*" } else { "glob:main-*" };
            let image = format!("{host}/shop/web:main-{}", number + 1);
            (format!("apps/web-{number}.yaml"), automated(&format!("web-{number}"), &image, pattern))
        };
        let files: Vec<(String, String)> = (0..count).map(manifest).collect();
        Bare::with(&files.iter().map(|(path, text)| (&**path, &**text)).collect::<Vec<_>>())
    });
    let entry = |name: &str, fleet: &Bare| {
        format!("{{ name: {name}, url: '{}', branch: main, interval: 1m, commit: {{ batchWindow: 0s }} }}", fleet.file_url())
    };
    let configuration = format!(
        "registryPollInterval: 10m\nregistries: [{{ prefix: '{host}', requestsPerSecond: 100000 }}]\nrepositories: [{}, {}]\n",
        entry("first", &first),
        entry("second", &second)
    );
    let simulation = Simulation::start(&configuration, "2026-03-01T12:00:00Z".parse().unwrap(), Embedded::in_memory());
    simulation.run_for(Duration::from_mins(2));
    let counted = shop.since(0);
    assert_eq!(counted.lists, 1);
    let once: BTreeSet<usize> = counted.heads.values().chain(counted.documents.values()).copied().collect();
    assert_eq!(once, BTreeSet::from([1]), "what one needs all have");
    let page = simulation.metrics();
    for (kind, count) in [("list", 1), ("head", counted.heads()), ("manifest", TAGS - TWINS), ("config", TAGS - TWINS)] {
        let line = format!("tagalong_registry_requests_total{{host=\"{host}\",kind=\"{kind}\"}} {count}");
        assert!(page.contains(&line), "{line}\n{page}");
    }
}

#[test]
fn what_a_host_gave_with_a_list_is_asked_by_and_not_believed_for_ever() {
    let tags = Arc::new(Mutex::new(vec!["1.0.0"]));
    let (now, manifest) = (Arc::clone(&tags), documents(1, Form::Image));
    // It gives the same mark whatever it lists, as one does that marks what is older than the list.
    let server = Hostile::start(move |asked, _| match (asked.target.contains("/tags/list"), asked.headers.contains_key("if-none-match")) {
        (true, true) => Reply::new(304, vec![]),
        (true, false) => Reply::json(json!({ "tags": *now.lock().unwrap() }).to_string()).header("ETag", "\"always\""),
        (false, _) => Reply::json(&*manifest[usize::from(asked.target.contains("/blobs/"))]),
    });
    let host = server.host();
    let fleet = Bare::with(&[("apps/web.yaml", &automated("web", &format!("{host}/shop/web:1.0.0"), "semver:~1"))]);
    let configuration = format!(
        "registryPollInterval: 10m\nregistries: [{{ prefix: '{host}', requestsPerSecond: 100000 }}]\n\
         repositories: [{{ name: fleet, url: '{}', branch: main, interval: 1m, commit: {{ batchWindow: 0s }} }}]\n",
        fleet.file_url()
    );
    let mut simulation = Simulation::start(&configuration, "2026-03-01T12:00:00Z".parse().unwrap(), Embedded::in_memory());
    let whole = |before: usize| {
        let lists: Vec<bool> = server.asked().iter().skip(before).map(|asked| asked.headers.contains_key("if-none-match")).collect();
        (lists.len(), lists.iter().filter(|conditional| !**conditional).count())
    };
    simulation.run_for(INTERVAL * 24);
    let (lists, all) = whole(0);
    assert!((20..=28).contains(&lists) && all <= lists / 5 + 1 && all >= 3, "{all} of {lists}");
    // What was given outlives a restart.
    let before = server.asked().len();
    simulation.restart();
    simulation.run_for(INTERVAL * 2);
    assert!(whole(before).0 >= 1 && whole(before).1 == 0, "{:?}", whole(before));
    tags.lock().unwrap().push("1.1.0");
    simulation.run_for(INTERVAL * 8);
    assert!(String::from_utf8(fleet.file("apps/web.yaml")).unwrap().contains("/web:1.1.0"), "the truth comes to light");
}

/// A host with images that are all alike, which may fail.
fn moody(image: &'static str) -> (Hostile, Arc<Mutex<bool>>) {
    let fails = Arc::new(Mutex::new(false));
    let (now, manifest) = (Arc::clone(&fails), documents(1, Form::Image));
    let server = Hostile::start(move |asked, _| match asked.target.contains("/tags/list") {
        _ if *now.lock().unwrap() => Reply::error(503, "UNAVAILABLE", "it fails"),
        true => Reply::json(format!(r#"{{"tags":["1.0.0","{image}"]}}"#)),
        false => Reply::json(&*manifest[usize::from(asked.target.contains("/blobs/"))]),
    });
    (server, fails)
}

#[test]
fn a_host_that_fails_is_left_alone_while_others_go_on_and_a_restart_is_no_burst() {
    let ((good, _), (bad, fails)) = (moody("1.1.0"), moody("1.1.0"));
    *fails.lock().unwrap() = true;
    let manifest = |number: usize| {
        let host = if number == 0 { good.host() } else { bad.host() };
        (format!("apps/{number}.yaml"), automated(&format!("web-{number}"), &format!("{host}/shop/web-{number}:1.0.0"), "semver:~1"))
    };
    let files: Vec<(String, String)> = (0..=30).map(manifest).collect();
    let fleet = Bare::with(&files.iter().map(|(path, text)| (&**path, &**text)).collect::<Vec<_>>());
    let updated = || fleet.git(&["grep", "-cF", ":1.1.0", "main", "--", "apps"]).lines().count();
    let entry = |host: String| format!("{{ prefix: '{host}', requestsPerSecond: 100000 }}");
    let configuration = format!(
        "registryPollInterval: 10m\nregistries: [{}, {}]\nrepositories: [{{ name: fleet, url: '{}', branch: main, interval: 1m, commit: {{ batchWindow: 0s }} }}]\n",
        entry(good.host()),
        entry(bad.host()),
        fleet.file_url()
    );
    let mut simulation = Simulation::start(&configuration, "2026-03-01T12:00:00Z".parse().unwrap(), Embedded::in_memory());
    simulation.run_for(Duration::from_mins(1));
    assert_eq!((bad.asked().len(), updated()), (30, 1), "all of them were under way when it failed for the third time");
    let lists = || [&bad, &good].map(|server| server.asked().iter().filter(|asked| asked.target.contains("/tags/list")).count());
    let asked = |simulation: &Simulation, time: Duration| {
        let before = lists();
        simulation.run_for(time);
        [lists()[0] - before[0], lists()[1] - before[1]]
    };
    let [trials, lists] = asked(&simulation, Duration::from_hours(2));
    assert!((10..=18).contains(&trials), "one at a time, after longer and longer rests: {trials}");
    assert!((11..=14).contains(&lists), "the other is listed as ever: {lists}");
    simulation.restart();
    let [trials, lists] = asked(&simulation, Duration::from_mins(30));
    assert!((2..=4).contains(&trials) && (2..=4).contains(&lists), "a restart changes nothing: {trials}, {lists}");
    *fails.lock().unwrap() = false;
    simulation.run_for(Duration::from_mins(21));
    assert_eq!(updated(), 31, "it answers again");
}
