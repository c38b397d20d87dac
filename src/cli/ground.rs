//! What `plan`, `apply` and `explain` stand on: a repository, and registries to ask.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    args::{Args, Target},
    error::CommandError,
    progress::Progress,
};
use crate::{
    config::{self, Config, DockerConfig, Environment, Patience, defaults},
    git::{self, Access, Location, Plaintext},
    manifest::KindPaths,
    policy::preset::Presets,
    registry::{Budgets, Client, Settings, Where},
    service::{Clock, Inquiry, Memory, Unit, Watcher, board::Interval},
};

/// How often Docker Hub is asked where nobody says otherwise: it counts requests.
const DOCKER_HUB: Duration = Duration::from_mins(15);

/// A unit of work and the client that asks for it.
pub struct Ground {
    /// The repository and branch.
    pub unit: Arc<Unit>,
    /// The registries, and what earlier runs saw of them.
    pub inquiry: Inquiry,
    /// What else to tell the person.
    notes: Vec<String>,
}

impl Ground {
    /// Reads the configuration for one repository.
    ///
    /// # Errors
    /// The configuration, a secret or the repository's address cannot be read.
    pub fn prepare(args: &Args, target: &Target) -> Result<Self, CommandError> {
        let config = config::load(args.config.as_deref(), args.overrides(), &Environment::of_process())?;
        let notes = target.notices().into_iter().map(str::to_owned).collect();
        Self::new(&config, target.place(), notes)
    }

    /// The ground for the repository at `place`.
    ///
    /// # Errors
    /// As [`Ground::prepare`].
    pub fn new(config: &Config, place: &str, mut notes: Vec<String>) -> Result<Self, CommandError> {
        let Prepared { unit, repository, notes: told } = unit(config, place)?;
        notes.extend(told);
        let docker = docker(config)?;
        notes.extend(docker.notices().iter().map(ToString::to_string));
        let client = Client::new(settings(config, &repository, docker, Where::Anywhere));
        let registries = config.registries_for(&repository);
        let memory = Memory::open(&config.state);
        let inquiry = Inquiry { client, memory, view: registries.view(), interval: interval(registries, config.registry_interval) };
        Ok(Self { unit: Arc::new(unit), inquiry, notes })
    }

    /// Everything else to tell the person, now that the work is done.
    pub fn notes(&self) -> Vec<String> {
        [self.notes.clone(), self.inquiry.memory.news()].concat()
    }
}

/// How often an image is listed: as its entry says, as the flags say, else as is polite to its host.
pub fn interval(registries: config::Registries, usual: Duration) -> Interval {
    Box::new(move |image| {
        let written = registries.entry_for(image).and_then(|entry| entry.interval);
        let polite = if &*image.registry == "docker.io" && usual == defaults::REGISTRY_INTERVAL { DOCKER_HUB } else { usual };
        written.unwrap_or(polite)
    })
}

/// A unit of work, ready to begin.
pub struct Prepared {
    /// The repository and branch.
    pub unit: Unit,
    /// The repository's settings.
    pub repository: config::Repository,
    /// What else to tell the person.
    pub notes: Vec<String>,
}

/// The unit of work for the repository at `place`, and its settings.
///
/// # Errors
/// The configuration, a secret or the repository's address cannot be read.
pub fn unit(config: &Config, place: &str) -> Result<Prepared, CommandError> {
    prepare(config, place, config.repository_for(place))
}

/// The unit of work for a repository whose settings are known; `place` leads to it.
///
/// # Errors
/// As [`unit`], but for the configuration.
pub fn prepare(config: &Config, place: &str, repository: config::Repository) -> Result<Prepared, CommandError> {
    git::options::install(config.git_timeout);
    let plaintext = if repository.insecure { Plaintext::Anywhere } else { Plaintext::Loopback };
    let location = Location::parse(place, plaintext)?;
    let (access, mut notes) = Access::prepare(&location, &repository, config.state.clone(), &Environment::of_process())?;
    let (signer, warning) = git::signer(&repository)?;
    notes.extend(warning);
    let presets = Arc::new(presets(config)?);
    let kinds =
        config.kinds.iter().map(|kind| KindPaths { api_version: kind.api_version.clone(), kind: kind.kind.clone(), images: kind.images.clone() });
    let unit = Unit {
        repository: repository.clone(),
        location,
        access,
        images: config.images.clone(),
        kinds: kinds.collect(),
        presets,
        signer,
        patience: config.timeout,
    };
    Ok(Prepared { unit, repository, notes })
}

/// The daemon's client for the registries that serve a repository: names in a repository do not lead it into the network that it stands in.
pub fn client(config: &Config, repository: &config::Repository, docker: DockerConfig, budgets: Budgets) -> Client {
    Client::sharing(settings(config, repository, docker, Where::Public), budgets)
}

/// What a client for the registries that serve a repository is made of.
pub fn settings(config: &Config, repository: &config::Repository, docker: DockerConfig, addresses: Where) -> Settings {
    settings_of(config, config.registries_for(repository), docker, addresses)
}

/// What a client for these registries is made of.
pub fn settings_of(config: &Config, registries: config::Registries, docker: DockerConfig, addresses: Where) -> Settings {
    Settings { registries, docker, patience: Patience::default(), allow: config.registry_allow, addresses, clock: Arc::new(Timestamp::now) }
}

/// The presets that patterns may name.
///
/// # Errors
/// An own preset cannot be read.
pub fn presets(config: &Config) -> Result<Presets, CommandError> {
    config.presets().map_err(|faults| faults.into_iter().next().expect("presets that are refused have a fault").into())
}

/// The logins of Docker; none where no file is named.
///
/// # Errors
/// The file cannot be read.
pub fn docker(config: &Config) -> Result<DockerConfig, CommandError> {
    Ok(config.docker_config.as_deref().map(DockerConfig::load).transpose()?.unwrap_or_default())
}

/// The clock of this machine.
pub fn clock() -> Clock {
    Arc::new(Timestamp::now)
}

impl Watcher for Progress {
    fn reading(&self) {
        self.doing("reading the repository");
    }

    fn listing(&self, done: usize, total: usize) {
        Self::listing(self, done, total);
    }

    fn metadata(&self, done: usize, total: usize) {
        Self::metadata(self, done, total);
    }

    fn writing(&self) {
        self.doing("writing");
    }
}
