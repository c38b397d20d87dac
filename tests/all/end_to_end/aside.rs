//! A branch of its own for the commits: made, rebuilt while it is ours alone, never written over.

use super::{automated, push};
use crate::kit::{
    binary::{Machine, Ran},
    git::Bare,
    git_server::{Door, GitServer},
    process::{Daemon, configuration, repository},
    registry::{Mode, Registry},
};

/// A repository with two workloads, a registry, and a way to the repository.
struct Shop {
    registry: Registry,
    fleet: Bare,
    machine: Machine,
    url: String,
    _server: GitServer,
}

impl Shop {
    /// By http, or by a `file://` URL.
    fn all() -> Vec<Self> {
        [true, false].map(Self::new).into()
    }

    fn new(is_served: bool) -> Self {
        let registry = Registry::start(Mode::Open);
        for name in ["web", "cart"] {
            push(&registry, &format!("shop/{name}"), &["1.0.0", "1.1.0"]);
        }
        let text = |name: &str| automated(name, &format!("{}/shop/{name}:1.0.0", registry.host()), "semver:~1");
        let fleet = Bare::with(&[("web.yaml", &text("web")), ("cart.yaml", &text("cart"))]);
        let server = GitServer::start(fleet.root(), Door::Open);
        let url = if is_served { server.url() } else { fleet.file_url() };
        Self { registry, fleet, machine: Machine::new(), url, _server: server }
    }

    fn apply(&self) -> Ran {
        let ran = self.machine.call(["apply", &*self.url, "--push-branch", "updates"]).run().ended(0);
        assert_eq!(self.fleet.faults(), "");
        ran
    }

    /// The tag of an image on a branch.
    fn tag(&self, branch: &str, name: &str) -> String {
        let text = self.fleet.git(&["show", &format!("{branch}:{name}.yaml")]);
        text.split_once(&format!("/shop/{name}:")).and_then(|(_, rest)| rest.split_whitespace().next()).unwrap().to_owned()
    }

    /// Writes a tag on a branch, as a person does.
    fn writes(&self, branch: &str, name: &str, tag: &str) {
        let text = self.fleet.git(&["show", &format!("{branch}:{name}.yaml")]);
        self.fleet.commit(branch, &[(&format!("{name}.yaml"), &text.replace(&self.tag(branch, name), tag))]);
    }

    /// Who committed what `updates` has beyond `main`, the newest first.
    fn authors(&self) -> Vec<String> {
        self.fleet.git(&["log", "--format=%an", "main..updates"]).lines().map(str::to_owned).collect()
    }

    fn stands_on_main(&self) -> bool {
        self.fleet.git(&["merge-base", "main", "updates"]).trim() == self.fleet.tip("main").unwrap()
    }
}

#[test]
fn a_branch_of_our_commits_alone_is_rebuilt() {
    for shop in Shop::all() {
        let main = shop.fleet.tip("main");
        let ran = shop.apply();
        assert!(ran.last().ends_with(&format!("{} to updates (2 updates)", &shop.fleet.tip("updates").unwrap()[..7])), "{}", ran.out);
        assert_eq!((shop.fleet.tip("main"), shop.authors(), shop.tag("updates", "web")), (main, vec!["Tagalong".to_owned()], "1.1.0".to_owned()));

        let stood = shop.fleet.tip("updates");
        let ran = shop.apply();
        assert_eq!((ran.last(), shop.fleet.tip("updates")), ("wrote nothing: updates holds this already (2 updates)", stood.clone()));

        shop.fleet.commit("main", &[("theirs.yaml", "a: 1\n")]);
        shop.apply();
        assert_eq!((shop.authors(), shop.stands_on_main()), (vec!["Tagalong".to_owned()], true), "main has moved on");

        push(&shop.registry, "shop/web", &["1.2.0"]);
        shop.apply();
        assert_eq!((shop.authors(), shop.stands_on_main(), shop.tag("updates", "web")), (vec!["Tagalong".to_owned()], true, "1.2.0".to_owned()));

        shop.fleet.git(&["update-ref", "refs/heads/main", "updates"]);
        assert!(shop.apply().last().starts_with("nothing to do"), "all was merged");
        push(&shop.registry, "shop/cart", &["1.2.0"]);
        shop.apply();
        assert_eq!((shop.authors().len(), shop.stands_on_main(), shop.tag("updates", "cart")), (1, true, "1.2.0".to_owned()));

        shop.fleet.git(&["update-ref", "-d", "refs/heads/updates"]);
        shop.apply();
        assert_eq!((shop.authors().len(), shop.tag("updates", "cart")), (1, "1.2.0".to_owned()), "it is made again");
    }
}

#[test]
fn on_a_branch_of_somebody_else_our_commits_go_on_top() {
    for shop in Shop::all() {
        shop.apply();
        shop.fleet.commit("updates", &[("theirs.yaml", "a: 1\n")]);
        let theirs = shop.fleet.tip("updates").unwrap();
        shop.fleet.commit("main", &[("more.yaml", "a: 1\n")]);
        let ran = shop.apply();
        assert_eq!((ran.last(), shop.fleet.tip("updates").as_ref()), ("nothing to do: all 2 automated images are current", Some(&theirs)));

        push(&shop.registry, "shop/web", &["1.2.0"]);
        shop.apply();
        assert_eq!((shop.authors(), shop.tag("updates", "web")), (["Tagalong", "Ada", "Tagalong"].map(str::to_owned).to_vec(), "1.2.0".to_owned()));
        assert_eq!(shop.fleet.git(&["rev-parse", "updates~1"]).trim(), theirs, "nothing is rewritten");
    }
}

#[test]
fn what_somebody_else_wrote_there_is_not_written_over() {
    for shop in Shop::all() {
        shop.apply();
        push(&shop.registry, "shop/web", &["1.0.5", "1.2.0"]);
        push(&shop.registry, "shop/cart", &["1.2.0"]);
        shop.writes("updates", "web", "1.0.5");
        let ran = shop.machine.call(["apply", &*shop.url, "--push-branch", "updates", "--output", "json"]).run().ended(0).json();
        let held = &ran["held"][0];
        assert_eq!((held["workload"].as_str(), held["code"].as_str()), (Some("default:deployment/web"), Some("conflictingPlace")), "{ran}");
        assert_eq!(held["reason"], "somebody else has put 1.0.5 there on `updates`; `main` has 1.0.0");
        assert_eq!((shop.tag("updates", "web"), shop.tag("updates", "cart")), ("1.0.5".to_owned(), "1.2.0".to_owned()), "its neighbour goes on");
        assert_eq!(ran["branch"], "updates", "what was read");
    }
}

#[test]
fn a_branch_that_a_person_made_is_never_rewritten() {
    for (word, at) in [("of the same commit", "main"), ("of an older one", "main~1")] {
        for shop in Shop::all() {
            shop.fleet.commit("main", &[("more.yaml", "a: 1\n")]);
            shop.fleet.git(&["branch", "updates", at]);
            let stood = shop.fleet.tip("updates").unwrap();
            shop.apply();
            assert_eq!((shop.tag("updates", "web"), shop.fleet.git(&["rev-parse", "updates~1"]).trim()), ("1.1.0".to_owned(), &*stood), "{word}");
        }
    }
}

#[test]
fn a_remote_that_forbids_rewriting_holds_the_updates() {
    let shop = Shop::new(true);
    shop.apply();
    shop.fleet.git(&["config", "receive.denyNonFastForwards", "true"]);
    shop.fleet.commit("main", &[("theirs.yaml", "a: 1\n")]);
    let stood = shop.fleet.tip("updates");
    let ran = shop.machine.call(["apply", &*shop.url, "--push-branch", "updates"]).run().ended(1);
    assert!(ran.out.contains("held") && ran.out.contains("non-fast-forward"), "{}", ran.out);
    assert_eq!(shop.fleet.tip("updates"), stood);
}

#[test]
fn the_daemon_keeps_a_push_branch() {
    let shop = Shop::new(true);
    let text = configuration("", &[shop.registry.host()], &[repository("fleet", &shop.url, "pushBranch: updates")]);
    let mut daemon = Daemon::start(&shop.machine, &text);
    daemon.shows("/healthz", |_, _| {
        shop.fleet.tip("updates").is_some() && shop.tag("updates", "web") == "1.1.0" && shop.tag("updates", "cart") == "1.1.0"
    });
    push(&shop.registry, "shop/web", &["1.2.0"]);
    daemon.shows("/healthz", |_, _| shop.tag("updates", "web") == "1.2.0");
    assert_eq!((shop.authors(), shop.tag("main", "web")), (vec!["Tagalong".to_owned()], "1.0.0".to_owned()));
    shop.fleet.git(&["update-ref", "refs/heads/main", "updates"]);
    shop.fleet.git(&["update-ref", "-d", "refs/heads/updates"]);
    push(&shop.registry, "shop/cart", &["1.3.0"]);
    daemon.shows("/healthz", |_, _| shop.fleet.tip("updates").is_some() && shop.tag("updates", "cart") == "1.3.0");
    assert_eq!((shop.authors(), shop.stands_on_main()), (vec!["Tagalong".to_owned()], true));
    shop.fleet.commit("updates", &[("theirs.yaml", "a: 1\n")]);
    push(&shop.registry, "shop/cart", &["1.4.0"]);
    daemon.shows("/healthz", |_, _| shop.tag("updates", "cart") == "1.4.0");
    assert_eq!(shop.authors(), ["Tagalong", "Ada", "Tagalong"]);
    assert_eq!(shop.fleet.faults(), "");
}
