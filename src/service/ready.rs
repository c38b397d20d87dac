//! Whether the daemon is ready, and what it waits for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::plan::safe;

/// A part of the work that the daemon reports about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// A repository in Git, by its name in the configuration.
    Repository(String),
    /// A host of registries.
    Host(String),
}

/// How a part goes.
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

/// What is known about the daemon's parts; the daemon writes it, `/readyz` reads it.
///
/// # Shape
/// It is ready once every part was tried, and at least one repository can be read where there are any.
/// From then on it stays so until it ends: a registry or a Git server that rests does not make the daemon unfit, and what fails is told all the same.
#[derive(Debug, Default)]
pub struct Readiness {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    stage: Stage,
    /// Whether the parts are known: before that there is nothing to be ready for.
    expected: bool,
    parts: BTreeMap<Part, Going>,
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
    /// The repositories that there are now: a new one waits, one that is gone is forgotten, how the others go stays known.
    pub fn expect_repositories(&self, names: impl IntoIterator<Item = String>) {
        let parts = names.into_iter().map(Part::Repository).collect();
        self.change(|inner| {
            inner.expect(parts, |part| matches!(part, Part::Repository(_)), "it was not read yet");
            inner.expected = true;
        });
    }

    /// The hosts that are needed now, as with repositories.
    pub fn expect_hosts(&self, names: impl IntoIterator<Item = String>) {
        let parts = names.into_iter().map(Part::Host).collect();
        self.change(|inner| inner.expect(parts, |part| matches!(part, Part::Host(_)), "it was not asked yet"));
    }

    /// How a part goes now; about one that is not expected nothing is to say.
    pub fn goes(&self, part: &Part, going: Going) {
        self.change(|inner| {
            if let Some(known) = inner.parts.get_mut(part) {
                *known = going;
            }
        });
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
            let concerns = inner.parts.iter().filter_map(|(part, going)| Some(Concern::new(part, pick(going)?)));
            concerns.collect()
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
    fn expect(&mut self, now: BTreeSet<Part>, is_kind: fn(&Part) -> bool, wait: &str) {
        self.parts.retain(|part, _| !is_kind(part) || now.contains(part));
        for part in now {
            self.parts.entry(part).or_insert_with(|| Going::Waiting(wait.to_owned()));
        }
    }

    fn is_started(&self) -> bool {
        let mut repositories = self.parts.iter().filter(|(part, _)| matches!(part, Part::Repository(_))).map(|(_, going)| going).peekable();
        let some_works = repositories.peek().is_none() || repositories.any(|going| *going == Going::Well);
        self.expected && some_works && !self.parts.values().any(|going| matches!(going, Going::Waiting(_)))
    }
}

impl Concern {
    fn new(part: &Part, reason: &str) -> Self {
        let (repository, host) = match part {
            Part::Repository(name) => (Some(safe::line(name).into_owned()), None),
            Part::Host(name) => (None, Some(safe::line(name).into_owned())),
        };
        Self { repository, host, reason: safe::line(reason).into_owned() }
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

    fn repository(name: &str) -> Part {
        Part::Repository(name.to_owned())
    }

    fn host(name: &str) -> Part {
        Part::Host(name.to_owned())
    }

    fn badly() -> Going {
        Going::Badly("no route".to_owned())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Two repositories and a host.
    fn two() -> Readiness {
        let readiness = Readiness::default();
        readiness.expect_hosts(names(&["quay.io"]));
        readiness.expect_repositories(names(&["fleet", "shop"]));
        readiness
    }

    #[test]
    fn it_is_ready_once_all_was_tried_and_a_repository_works() {
        let (fleet, shop, quay) = (repository("fleet"), repository("shop"), host("quay.io"));
        for (word, happened, stage) in [
            ("nothing", vec![], Stage::Starting),
            ("one waits", vec![(&fleet, Going::Well), (&quay, Going::Well)], Stage::Starting),
            ("the host waits", vec![(&fleet, Going::Well), (&shop, Going::Well)], Stage::Starting),
            ("all work", vec![(&fleet, Going::Well), (&shop, Going::Well), (&quay, Going::Well)], Stage::Ready),
            ("one fails", vec![(&fleet, Going::Well), (&shop, badly()), (&quay, Going::Well)], Stage::Ready),
            ("the host fails", vec![(&fleet, Going::Well), (&shop, Going::Well), (&quay, badly())], Stage::Ready),
            ("no repository works", vec![(&fleet, badly()), (&shop, badly()), (&quay, Going::Well)], Stage::Starting),
            (
                "it fails after it was ready",
                vec![(&fleet, Going::Well), (&shop, Going::Well), (&quay, Going::Well), (&fleet, badly()), (&shop, badly())],
                Stage::Ready,
            ),
        ] {
            let readiness = two();
            for (part, going) in happened {
                readiness.goes(part, going);
            }
            assert_eq!(readiness.stage(), stage, "{word}");
        }
    }

    #[test]
    fn before_the_repositories_are_known_nothing_is_ready() {
        let readiness = Readiness::default();
        readiness.expect_hosts([]);
        assert_eq!(readiness.stage(), Stage::Starting);
        readiness.expect_repositories([]);
        assert_eq!(readiness.stage(), Stage::Ready, "without repositories there is nothing to wait for");
    }

    #[test]
    fn the_end_is_final() {
        let readiness = two();
        readiness.stop();
        for part in [repository("fleet"), repository("shop"), host("quay.io")] {
            readiness.goes(&part, Going::Well);
        }
        assert_eq!((readiness.stage(), readiness.answer().text()), (Stage::Stopping, "not ready: stopping\n".to_owned()));
    }

    #[test]
    fn the_answer_says_what_it_waits_for() {
        let readiness = two();
        readiness.goes(&host("quay.io"), Going::Waiting("2 lists are missing".to_owned()));
        readiness.goes(&repository("shop"), Going::Badly("cannot read `shop`:\nno route".to_owned()));
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
    fn another_configuration_keeps_what_is_known() {
        let readiness = two();
        readiness.goes(&repository("fleet"), badly());
        readiness.expect_repositories(names(&["fleet", "new"]));
        readiness.goes(&repository("shop"), badly());
        let told = readiness.answer().text();
        assert_eq!(
            told,
            "not ready: starting\nwaits for repository new: it was not read yet\nwaits for host quay.io: it was not asked yet\n\
             fails: repository fleet: no route\n"
        );
    }

    #[test]
    fn a_host_that_is_no_longer_needed_is_not_waited_for() {
        let readiness = two();
        readiness.goes(&repository("fleet"), Going::Well);
        readiness.goes(&repository("shop"), Going::Well);
        assert_eq!(readiness.stage(), Stage::Starting);
        readiness.expect_hosts([]);
        assert_eq!(readiness.stage(), Stage::Ready);
    }
}
