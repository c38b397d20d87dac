//! The daemon in this process, by the very parts that `run` starts, with a clock that is moved by hand.

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use jiff::Timestamp;
use tagalong::{
    config::{self, Config, DockerConfig, Environment, Overrides, Patience},
    git::{Access, Location, Plaintext},
    image::Repository,
    policy::preset::Presets,
    registry::{Client, Settings, Where},
    service::{
        Clock, Memory, Unit,
        clock::Time,
        daemon::{Daemon, Registries, Served},
        metrics::Metrics,
        ready::Readiness,
        worker::Shared,
    },
    store::Embedded,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::simulated::Simulated;

/// A daemon with all that it stands on; what it has seen outlives a restart.
pub struct Simulation {
    pub clock: Simulated,
    pub store: Embedded,
    pub metrics: Arc<Metrics>,
    pub runtime: Runtime,
    config: Config,
    shared: Shared,
    daemon: Option<Daemon>,
    _folder: TempDir,
}

impl Simulation {
    /// Starts it with the configuration of a file, at this time.
    pub fn start(configuration: &str, now: Timestamp, store: Embedded) -> Self {
        // It is installed already where another test came first.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tagalong.yaml");
        fs::write(&path, configuration).expect("written");
        let environment = Environment::from_iter([("HOME".to_owned(), folder.path().display().to_string())]);
        let config = config::load(Some(&path), Overrides::default(), &environment).expect("a configuration");
        let clock = Simulated::at(now);
        let metrics = Arc::new(Metrics::new(now, &config));
        let shared = Shared {
            clock: Arc::new(clock.clone()),
            memory: Memory::new(store.clone()),
            metrics: Arc::clone(&metrics),
            readiness: Arc::new(Readiness::default()),
            pushing: Arc::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let mut simulation = Self { clock, store, metrics, runtime, config, shared, daemon: None, _folder: folder };
        simulation.begin();
        simulation
    }

    /// Ends the daemon, and starts another one.
    pub fn restart(&mut self) {
        self.end();
        self.begin();
    }

    /// Goes on for so long.
    pub fn run_for(&self, time: Duration) {
        self.clock.run_until(self.clock.now() + time);
    }

    /// What `/metrics` shows.
    pub fn metrics(&self) -> String {
        self.metrics.render(self.clock.now())
    }

    fn begin(&mut self) {
        let served = self.config.repositories.iter().map(|repository| self.served(repository)).collect();
        let _inside = self.runtime.enter();
        let views = BTreeMap::from([(String::new(), self.registries())]);
        self.daemon = Some(Daemon::start(served, views, &self.store, &self.shared));
    }

    fn end(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            self.runtime.block_on(daemon.stop());
        }
    }

    fn served(&self, repository: &config::Repository) -> Served {
        let location = Location::parse(&repository.url, Plaintext::Loopback).expect("a location");
        let unit = Unit {
            repository: repository.clone(),
            location,
            access: Access::anonymous(self.config.state.clone()),
            images: self.config.images.clone(),
            kinds: Vec::new(),
            presets: Arc::new(Presets::shipped().clone()),
            signer: None,
            patience: self.config.timeout,
        };
        let prepare = Box::new(move || Ok(unit.clone()));
        Served { name: repository.name.clone(), interval: repository.interval, prepare, view: String::new() }
    }

    fn registries(&self) -> Registries {
        let registries = self.config.registries_for(&self.config.repositories[0]);
        let clock: Clock = Arc::new(self.clock.clone());
        let settings = Settings {
            registries: registries.clone(),
            docker: DockerConfig::default(),
            // Tried again with the next list.
            patience: Patience { tries: 1, ..Patience::default() },
            allow: self.config.registry_allow,
            addresses: Where::Anywhere,
            clock: Arc::new(move || clock.now()),
        };
        let usual = self.config.registry_interval;
        let interval = move |image: &Repository| registries.entry_for(image).and_then(|entry| entry.interval).unwrap_or(usual);
        Registries { client: Client::new(settings), interval: Box::new(interval) }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.end();
    }
}
