//! What the daemon counts.
//!
//! One table tells name, labels, unit and meaning of each metric: it makes the exposition and the reference page.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError, RwLock, atomic::AtomicU64},
    time::Duration,
};

use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeLabelSet, LabelSetEncoder, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry, Unit},
};

pub use crate::registry::RequestKind;
use crate::{
    config::{Config, Prefix},
    policy::{Code, List},
};

/// The media type of [`Metrics::render`].
///
/// # Source
/// OpenMetrics 1.0, "Overall structure".
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The label of a host that the configuration does not name.
pub const OTHER: &str = "other";

/// The bounds of the buckets of a cycle: an idle one takes milliseconds, one that waits for a slow remote minutes.
///
/// # Units
/// Seconds.
const CYCLE_BUCKETS: [f64; 11] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// What a metric is, for the exposition and the reference page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name as Prometheus knows it; a histogram's series have `_bucket`, `_sum` and `_count` behind it.
    pub name: &'static str,
    /// Whether it counts, measures or spreads.
    pub kind: Kind,
    /// What it is counted in.
    pub unit: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub meaning: &'static str,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the process.
    Counter,
    /// It is what it is now.
    Gauge,
    /// It counts by size.
    Histogram,
}

impl Kind {
    /// The word of the exposition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A closed list of words that a label takes.
macro_rules! words {
    ($(#[$outer:meta])* $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $meaning])+ $variant,)+ }

        impl $name {
            /// Every word, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word as the label holds it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What it means, for the reference page.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($meaning),+).trim_ascii(),)+ }
            }
        }
    };
}

words! {
    /// How a cycle ended.
    CycleOutcome {
        /// With a report, whatever it says.
        Done = "done",
        /// The repository could not be read or written.
        Failed = "failed",
    }
}

words! {
    /// How a push ended.
    PushOutcome {
        /// The branch has the commit.
        Pushed = "pushed",
        /// Somebody else was faster; it is planned again.
        Moved = "moved",
        /// The remote refuses it for good: a hook, a protected branch, rights.
        Refused = "refused",
        /// The remote did not answer, or not as it should.
        Failed = "failed",
    }
}

words! {
    /// How a reload of the configuration ended.
    ReloadOutcome {
        /// The new one holds.
        Accepted = "accepted",
        /// The new one cannot be used, and the old one holds on.
        Refused = "refused",
    }
}

macro_rules! table {
    ($($constant:ident = $name:literal, $kind:ident, $unit:literal, [$($label:literal),*], $meaning:literal;)+) => {
        $(const $constant: Described = Described { name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], meaning: $meaning };)+
        /// Every metric, in the order of the reference page.
        pub const METRICS: &[Described] = &[$($constant),+];
    };
}

table! {
    REQUESTS = "tagalong_registry_requests_total", Counter, "requests", ["host", "kind"], "Requests that were sent to registries.";
    TAGS = "tagalong_tags", Gauge, "tags", ["host"], "Tags that the last lists hold.";
    LIST_AGE = "tagalong_list_age_seconds", Gauge, "seconds", ["host"], "Age of the oldest tag list that decisions rest on.";
    DECISIONS = "tagalong_decisions", Gauge, "containers", ["repository", "list", "code"], "Containers by what the last cycle decided about them.";
    PARSED = "tagalong_files_parsed_total", Counter, "files", ["repository"], "Files of the repository that were parsed; what all others hold was known by the ids of their bytes.";
    UPDATES = "tagalong_updates_total", Counter, "containers", ["repository"], "Containers that were given another image, with the commit pushed.";
    PUSHES = "tagalong_pushes_total", Counter, "pushes", ["repository", "outcome"], "Pushes that were tried.";
    CYCLE = "tagalong_cycle_seconds", Histogram, "seconds", ["repository", "outcome"], "Time that cycles took, from the look at the branch to the report.";
    RELOADS = "tagalong_configuration_reloads_total", Counter, "reloads", ["outcome"], "Times that a changed configuration was read.";
    BUILD = "tagalong_build_info", Gauge, "always 1", ["version"], "The version that runs.";
    STARTED = "process_start_time_seconds", Gauge, "seconds", [], "When the process started, since 1970.";
}

/// Labels with their values, in the order of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Labels(Vec<(&'static str, String)>);

impl Labels {
    fn new<const N: usize>(metric: &Described, values: [&str; N]) -> Self {
        debug_assert_eq!(metric.labels.len(), N, "{}", metric.name);
        Self(metric.labels.iter().copied().zip(values.map(str::to_owned)).collect())
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.as_slice().encode(encoder)
    }
}

type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;
type Seconds = Gauge<f64, AtomicU64>;

/// The metrics of a process.
///
/// # Shape
/// A label takes only words of a closed list, names of configured repositories and hosts, and [`OTHER`]:
/// what a stranger writes makes no new series.
pub struct Metrics {
    registry: Registry,
    requests: Counters,
    tags: Gauges,
    list_age: Family<Labels, Seconds>,
    decisions: Gauges,
    parsed: Counters,
    updates: Counters,
    pushes: Counters,
    cycle: Family<Labels, Histogram, fn() -> Histogram>,
    reloads: Counters,
    known: RwLock<Known>,
    /// By the view of the registries that they belong to.
    lists: Mutex<BTreeMap<String, BTreeMap<String, Lists>>>,
}

/// What the last lists of one host hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// How many tags.
    pub tags: u64,
    /// When the oldest came.
    pub oldest: Option<Timestamp>,
}

/// The names that labels may take.
#[derive(Default)]
struct Known {
    repositories: BTreeSet<String>,
    hosts: Vec<Prefix>,
}

impl Known {
    /// The label of a host: as the configuration writes it, where it does.
    fn host(&self, host: &str) -> String {
        let exact = self.hosts.iter().find(|prefix| prefix.host() == host);
        exact.or_else(|| self.hosts.iter().find(|prefix| prefix.covers_host(host))).map_or(OTHER, Prefix::host).to_owned()
    }

    fn labels_of_hosts(&self) -> BTreeSet<String> {
        self.hosts.iter().map(|prefix| prefix.host().to_owned()).chain([OTHER.to_owned()]).collect()
    }
}

impl Metrics {
    /// The metrics of a process that started then, for this configuration.
    pub fn new(started: Timestamp, config: &Config) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            tags: Family::default(),
            list_age: Family::default(),
            decisions: Family::default(),
            parsed: Family::default(),
            updates: Family::default(),
            pushes: Family::default(),
            cycle: Family::new_with_constructor(|| Histogram::new(CYCLE_BUCKETS)),
            reloads: Family::default(),
            known: RwLock::default(),
            lists: Mutex::default(),
        };
        let (build, start) = (Gauges::default(), Seconds::default());
        build.get_or_create(&Labels::new(&BUILD, [env!("CARGO_PKG_VERSION")])).set(1);
        start.set(seconds(started));
        let Self { registry, requests, tags, list_age, decisions, parsed, updates, pushes, cycle, reloads, .. } = &mut metrics;
        register(registry, &REQUESTS, requests.clone());
        register(registry, &TAGS, tags.clone());
        register(registry, &LIST_AGE, list_age.clone());
        register(registry, &DECISIONS, decisions.clone());
        register(registry, &PARSED, parsed.clone());
        register(registry, &UPDATES, updates.clone());
        register(registry, &PUSHES, pushes.clone());
        register(registry, &CYCLE, cycle.clone());
        register(registry, &RELOADS, reloads.clone());
        register(registry, &BUILD, build);
        register(registry, &STARTED, start);
        for outcome in ReloadOutcome::ALL {
            drop(reloads.get_or_create(&Labels::new(&RELOADS, [outcome.as_str()])));
        }
        metrics.configure(config);
        metrics
    }

    /// The names of another configuration: new ones begin at zero, those that are gone end.
    pub fn configure(&self, config: &Config) {
        let repositories = config.repositories.iter().map(|repository| repository.name.clone()).collect();
        let hosts = config.registries.entries.iter().map(|entry| entry.prefix.clone()).collect();
        let now = Known { repositories, hosts };
        let before = std::mem::take(&mut *self.known.write().unwrap_or_else(PoisonError::into_inner));
        before.repositories.difference(&now.repositories).for_each(|name| self.forget_repository(name));
        before.labels_of_hosts().difference(&now.labels_of_hosts()).for_each(|host| self.forget_host(host));
        now.repositories.iter().for_each(|name| self.begin_repository(name));
        now.labels_of_hosts().iter().for_each(|host| self.begin_host(host));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// A repository that the configuration does not name begins, too: the one that a command line names.
    pub fn add_repository(&self, name: &str) {
        if self.known.write().unwrap_or_else(PoisonError::into_inner).repositories.insert(name.to_owned()) {
            self.begin_repository(name);
        }
    }

    fn begin_repository(&self, name: &str) {
        drop(self.parsed.get_or_create(&Labels::new(&PARSED, [name])));
        drop(self.updates.get_or_create(&Labels::new(&UPDATES, [name])));
        for outcome in PushOutcome::ALL {
            drop(self.pushes.get_or_create(&Labels::new(&PUSHES, [name, outcome.as_str()])));
        }
        for outcome in CycleOutcome::ALL {
            drop(self.cycle.get_or_create(&Labels::new(&CYCLE, [name, outcome.as_str()])));
        }
    }

    fn forget_repository(&self, name: &str) {
        self.parsed.remove(&Labels::new(&PARSED, [name]));
        self.updates.remove(&Labels::new(&UPDATES, [name]));
        for outcome in PushOutcome::ALL {
            self.pushes.remove(&Labels::new(&PUSHES, [name, outcome.as_str()]));
        }
        for outcome in CycleOutcome::ALL {
            self.cycle.remove(&Labels::new(&CYCLE, [name, outcome.as_str()]));
        }
        for &code in Code::ALL {
            self.decisions.remove(&decision(name, code));
        }
    }

    fn begin_host(&self, host: &str) {
        for kind in RequestKind::ALL {
            drop(self.requests.get_or_create(&Labels::new(&REQUESTS, [host, kind.as_str()])));
        }
        drop(self.tags.get_or_create(&Labels::new(&TAGS, [host])));
    }

    fn forget_host(&self, host: &str) {
        for kind in RequestKind::ALL {
            self.requests.remove(&Labels::new(&REQUESTS, [host, kind.as_str()]));
        }
        self.tags.remove(&Labels::new(&TAGS, [host]));
    }

    /// So many requests were sent to a host.
    pub fn requested(&self, host: &str, kind: RequestKind, count: u64) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        self.requests.get_or_create(&Labels::new(&REQUESTS, [&known.host(host), kind.as_str()])).inc_by(count);
    }

    /// What the last lists hold now by host, in one view of the registries.
    pub fn listed(&self, view: &str, hosts: BTreeMap<String, Lists>) {
        self.lists().insert(view.to_owned(), hosts);
    }

    /// The views of the registries that there are now are others.
    pub fn forget_lists(&self) {
        self.lists().clear();
    }

    fn lists(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, Lists>>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the lists of all views hold together, by label.
    fn show_lists(&self, now: Timestamp) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut labels: BTreeMap<String, Lists> = known.labels_of_hosts().into_iter().map(|host| (host, Lists::default())).collect();
        for (host, lists) in self.lists().values().flatten() {
            let all = labels.entry(known.host(host)).or_default();
            all.tags += lists.tags;
            all.oldest = all.oldest.into_iter().chain(lists.oldest).min();
        }
        self.list_age.clear();
        for (host, Lists { tags, oldest }) in labels {
            self.tags.get_or_create(&Labels::new(&TAGS, [&host])).set(i64::try_from(tags).unwrap_or(i64::MAX));
            if let Some(oldest) = oldest {
                let age = now.duration_since(oldest).as_secs_f64().max(0.0);
                self.list_age.get_or_create(&Labels::new(&LIST_AGE, [&host])).set(age.round());
            }
        }
    }

    /// What the last cycle decided about the containers of a repository; a code that is not among it has none.
    pub fn decided(&self, repository: &str, codes: &BTreeMap<Code, u64>) {
        if !self.knows(repository) {
            return;
        }
        for &code in Code::ALL {
            let labels = decision(repository, code);
            match codes.get(&code) {
                Some(count) => drop(self.decisions.get_or_create(&labels).set(i64::try_from(*count).unwrap_or(i64::MAX))),
                None => drop(self.decisions.remove(&labels)),
            }
        }
    }

    /// So many files were parsed.
    pub fn parsed(&self, repository: &str, files: usize) {
        if self.knows(repository) {
            self.parsed.get_or_create(&Labels::new(&PARSED, [repository])).inc_by(files as u64);
        }
    }

    /// So many containers were given another image.
    pub fn updated(&self, repository: &str, containers: u64) {
        if self.knows(repository) {
            self.updates.get_or_create(&Labels::new(&UPDATES, [repository])).inc_by(containers);
        }
    }

    /// A push ended so.
    pub fn pushed(&self, repository: &str, outcome: PushOutcome) {
        if self.knows(repository) {
            self.pushes.get_or_create(&Labels::new(&PUSHES, [repository, outcome.as_str()])).inc();
        }
    }

    /// A cycle ended so, after so long.
    pub fn cycled(&self, repository: &str, outcome: CycleOutcome, took: Duration) {
        if self.knows(repository) {
            self.cycle.get_or_create(&Labels::new(&CYCLE, [repository, outcome.as_str()])).observe(took.as_secs_f64());
        }
    }

    /// A changed configuration was read.
    pub fn reloaded(&self, outcome: ReloadOutcome) {
        self.reloads.get_or_create(&Labels::new(&RELOADS, [outcome.as_str()])).inc();
    }

    /// A cycle that ends after its repository left the configuration makes no series.
    fn knows(&self, repository: &str) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).repositories.contains(repository)
    }

    /// All metrics as text, at this time.
    ///
    /// # Source
    /// OpenMetrics 1.0, "Text format".
    pub fn render(&self, now: Timestamp) -> String {
        self.show_lists(now);
        let mut page = String::new();
        text::encode(&mut page, &self.registry).expect("a string takes every text");
        page
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn decision(repository: &str, code: Code) -> Labels {
    let list = match code.list() {
        List::Updates => "updates",
        List::Current => "current",
        List::Held => "held",
        List::Failed => "failed",
    };
    Labels::new(&DECISIONS, [repository, list, code.as_str()])
}

/// The library puts unit and `_total` behind the name, and a full stop behind the meaning.
fn register(registry: &mut Registry, metric: &Described, value: impl Metric) {
    let name = metric.name.trim_end_matches("_total");
    let meaning = metric.meaning.trim_end_matches('.');
    match name.strip_suffix("_seconds") {
        Some(name) => registry.register_with_unit(name, meaning, Unit::Seconds, value),
        None => registry.register(name, meaning, value),
    }
}

/// Seconds since 1970, to the millisecond.
fn seconds(time: Timestamp) -> f64 {
    time.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}

#[cfg(test)]
mod tests;
