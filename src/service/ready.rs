//! Whether the daemon is ready, and what it waits for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::plan::safe;

/// How a repository in Git goes, or a host of registries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Going {
    /// It was not tried yet: the sentence says what has to happen.
    Waiting(String),
    /// It works.
    Well,
    /// The last try failed: the sentence says why.
    Badly(String),
}

/// Which part of its life the daemon is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Not all was tried once, or no repository can be read.
    #[default]
    Starting,
    /// It does its work.
    Ready,
    /// It was told to end.
    Stopping,
}

/// How the repositories in Git and the hosts of registries go; the daemon writes it, `/readyz` reads it.
///
/// # Shape
/// It is ready once each was tried, and at least one repository can be read where there are any.
/// From then on it stays so until it ends: a registry or a Git server that rests does not make the daemon unfit, and what fails is told all the same.
#[derive(Debug, Default)]
pub struct Readiness {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    stage: Stage,
    /// `None` until the repositories are known: before that there is nothing to be ready for.
    repositories: Option<BTreeMap<String, Going>>,
    /// By the view of the registries that they belong to.
    hosts: BTreeMap<String, BTreeMap<String, Going>>,
}

/// What `/readyz` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Which part of its life the daemon is in.
    pub stage: Stage,
    /// What was not tried yet.
    pub waiting: Vec<Concern>,
    /// What failed the last time.
    pub failing: Vec<Concern>,
}

/// A part with what is to say about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Concern {
    /// The name of the repository, where it is one.
    pub repository: Option<String>,
    /// The host, where it is one.
    pub host: Option<String>,
    /// A sentence.
    pub reason: String,
}

impl Readiness {
    /// The repositories that there are now: a new one waits, one that is gone is forgotten, how the others go stays known. Which hosts they need is not known yet.
    pub fn expect(&self, repositories: impl IntoIterator<Item = String>) {
        self.change(|inner| {
            let mut before = inner.repositories.take().unwrap_or_default();
            let waits = || Going::Waiting("it was not read yet".to_owned());
            let now = repositories.into_iter().map(|name| {
                let going = before.remove(&name).unwrap_or_else(waits);
                (name, going)
            });
            inner.repositories = Some(now.collect());
            inner.hosts.clear();
        });
    }

    /// How a repository goes now; about one that is not expected nothing is to say.
    pub fn goes(&self, repository: &str, going: Going) {
        self.change(|inner| {
            if let Some(known) = inner.repositories.as_mut().and_then(|repositories| repositories.get_mut(repository)) {
                *known = going;
            }
        });
    }

    /// How the hosts go that are needed now, in one view of the registries. Who is asked last knows best.
    pub fn hosts(&self, view: &str, now: impl FnOnce() -> BTreeMap<String, Going>) {
        self.change(|inner| drop(inner.hosts.insert(view.to_owned(), now())));
    }

    /// The end has begun.
    pub fn stop(&self) {
        self.change(|inner| inner.stage = Stage::Stopping);
    }

    /// Which part of its life the daemon is in.
    pub fn stage(&self) -> Stage {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).stage
    }

    /// All that is to say.
    pub fn answer(&self) -> Answer {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |pick: fn(&Going) -> Option<&str>| {
            let repositories = inner.repositories.iter().flatten().filter_map(|(name, going)| Some(Concern::of_repository(name, pick(going)?)));
            let hosts: BTreeSet<_> = inner.hosts.values().flatten().filter_map(|(name, going)| Some((name, pick(going)?))).collect();
            repositories.chain(hosts.into_iter().map(|(name, reason)| Concern::of_host(name, reason))).collect()
        };
        Answer {
            stage: inner.stage,
            waiting: told(|going| if let Going::Waiting(reason) = going { Some(reason) } else { None }),
            failing: told(|going| if let Going::Badly(reason) = going { Some(reason) } else { None }),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut inner);
        if inner.stage == Stage::Starting && inner.is_started() {
            inner.stage = Stage::Ready;
        }
    }
}

impl Inner {
    fn is_started(&self) -> bool {
        let Some(repositories) = &self.repositories else { return false };
        let some_works = repositories.is_empty() || repositories.values().any(|going| *going == Going::Well);
        let mut all = repositories.values().chain(self.hosts.values().flat_map(BTreeMap::values));
        some_works && !all.any(|going| matches!(going, Going::Waiting(_)))
    }
}

impl Concern {
    fn of_repository(name: &str, reason: &str) -> Self {
        Self { repository: Some(safe::line(name).into_owned()), host: None, reason: safe::line(reason).into_owned() }
    }

    fn of_host(name: &str, reason: &str) -> Self {
        Self { repository: None, host: Some(safe::line(name).into_owned()), reason: safe::line(reason).into_owned() }
    }

    /// `repository fleet: it was not read yet`
    fn line(&self) -> String {
        let what = match (&self.repository, &self.host) {
            (Some(name), _) => format!("repository {name}"),
            (None, host) => format!("host {}", host.as_deref().unwrap_or_default()),
        };
        format!("{what}: {}", self.reason)
    }
}

impl Answer {
    /// The answer for people: what matters most first.
    pub fn text(&self) -> String {
        let head = match self.stage {
            Stage::Starting => "not ready: starting",
            Stage::Ready => "ready",
            Stage::Stopping => "not ready: stopping",
        };
        let waiting = self.waiting.iter().map(|concern| format!("waits for {}\n", concern.line()));
        let failing = self.failing.iter().map(|concern| format!("fails: {}\n", concern.line()));
        format!("{head}\n{}", waiting.chain(failing).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn badly() -> Going {
        Going::Badly("no route".to_owned())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn waits() -> Going {
        Going::Waiting("1 list is missing".to_owned())
    }

    /// Two repositories and a host.
    fn two() -> Readiness {
        let readiness = Readiness::default();
        readiness.expect(names(&["fleet", "shop"]));
        quay(&readiness, waits());
        readiness
    }

    fn quay(readiness: &Readiness, going: Going) {
        readiness.hosts("", || [("quay.io".to_owned(), going)].into());
    }

    fn go(readiness: &Readiness, name: &str, going: Going) {
        if name == "quay.io" { quay(readiness, going) } else { readiness.goes(name, going) }
    }

    #[test]
    fn it_is_ready_once_all_was_tried_and_a_repository_works() {
        let (fleet, shop, quay) = ("fleet", "shop", "quay.io");
        for (word, happened, stage) in [
            ("nothing", vec![], Stage::Starting),
            ("one waits", vec![(fleet, Going::Well), (quay, Going::Well)], Stage::Starting),
            ("the host waits", vec![(fleet, Going::Well), (shop, Going::Well)], Stage::Starting),
            ("all work", vec![(fleet, Going::Well), (shop, Going::Well), (quay, Going::Well)], Stage::Ready),
            ("one fails", vec![(fleet, Going::Well), (shop, badly()), (quay, Going::Well)], Stage::Ready),
            ("the host fails", vec![(fleet, Going::Well), (shop, Going::Well), (quay, badly())], Stage::Ready),
            ("no repository works", vec![(fleet, badly()), (shop, badly()), (quay, Going::Well)], Stage::Starting),
            (
                "it fails after it was ready",
                vec![(fleet, Going::Well), (shop, Going::Well), (quay, Going::Well), (fleet, badly()), (shop, badly())],
                Stage::Ready,
            ),
        ] {
            let readiness = two();
            for (name, going) in happened {
                go(&readiness, name, going);
            }
            assert_eq!(readiness.stage(), stage, "{word}");
        }
    }

    #[test]
    fn before_the_repositories_are_known_nothing_is_ready() {
        let readiness = Readiness::default();
        readiness.hosts("", BTreeMap::new);
        assert_eq!(readiness.stage(), Stage::Starting);
        readiness.expect([]);
        assert_eq!(readiness.stage(), Stage::Ready, "without repositories there is nothing to wait for");
    }

    #[test]
    fn the_end_is_final() {
        let readiness = two();
        readiness.stop();
        for name in ["fleet", "shop", "quay.io"] {
            go(&readiness, name, Going::Well);
        }
        assert_eq!((readiness.stage(), readiness.answer().text()), (Stage::Stopping, "not ready: stopping\n".to_owned()));
    }

    #[test]
    fn the_answer_says_what_it_waits_for() {
        let readiness = two();
        quay(&readiness, Going::Waiting("2 lists are missing".to_owned()));
        readiness.goes("shop", Going::Badly("cannot read `shop`:\nno route".to_owned()));
        assert_eq!(
            readiness.answer().text(),
            "not ready: starting\nwaits for repository fleet: it was not read yet\nwaits for host quay.io: 2 lists are missing\n\
             fails: repository shop: cannot read `shop`:\\nno route\n"
        );
        let json = serde_json::to_value(readiness.answer()).expect("JSON");
        assert_eq!(json["stage"], "starting");
        assert_eq!(json["waiting"][1], serde_json::json!({ "repository": null, "host": "quay.io", "reason": "2 lists are missing" }));
        assert_eq!(json["failing"][0]["repository"], "shop");
    }

    #[test]
    fn another_configuration_keeps_what_is_known_of_repositories() {
        let readiness = two();
        readiness.goes("fleet", badly());
        readiness.expect(names(&["fleet", "new"]));
        readiness.goes("shop", badly());
        assert_eq!(
            readiness.answer().text(),
            "not ready: starting\nwaits for repository new: it was not read yet\nfails: repository fleet: no route\n"
        );
    }

    #[test]
    fn a_host_that_is_no_longer_needed_is_not_waited_for() {
        let readiness = two();
        for name in ["fleet", "shop"] {
            readiness.goes(name, Going::Well);
        }
        assert_eq!(readiness.stage(), Stage::Starting);
        readiness.hosts("", BTreeMap::new);
        assert_eq!(readiness.stage(), Stage::Ready);
    }

    #[test]
    fn each_view_of_a_host_counts() {
        let readiness = two();
        for name in ["fleet", "shop", "quay.io"] {
            go(&readiness, name, Going::Well);
        }
        readiness.hosts("private", || [("quay.io".to_owned(), badly())].into());
        readiness.hosts("other", || [("quay.io".to_owned(), badly())].into());
        assert_eq!(readiness.answer().text(), "ready\nfails: host quay.io: no route\n");
    }
}
