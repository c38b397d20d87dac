//! `run`: the daemon.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tracing::{error, info, warn};

use super::{
    Said,
    args::{Args, RunArgs},
    error::CommandError,
    exit::Exit,
    ground::{self, Prepared},
};
use crate::{
    config::{self, Config, Environment, defaults},
    plan::safe,
    registry::Budgets,
    service::{
        Clock, Memory,
        daemon::{Daemon, Registries, Served},
        http::{self, Bounds, Listening, Surface},
        log::Log,
        metrics::{Metrics, ReloadOutcome},
        notify::{Notifier, State},
        ready::Readiness,
        shutdown::{Phase, Reload, Signals},
        worker::{Prepare, Shared},
    },
    store::{Embedded, Notice, StoreError},
};

/// How long what is under way and no push is waited for: the end comes within ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a worker has to tell what it pushed.
const AFTER_PUSH: Duration = Duration::from_secs(1);

/// How long to wait for a state folder that another process uses.
const BUSY: Duration = Duration::from_secs(3);

/// What a process keeps, whatever its configuration says.
struct Process<'a> {
    args: &'a Args,
    run: &'a RunArgs,
    environment: Environment,
    signals: Signals,
    notifier: Arc<Notifier>,
    log: Log,
    store: Embedded,
    shared: Shared,
}

/// Serves every repository of the configuration until it is told to end.
///
/// # Errors
/// It cannot start: the configuration, the state folder or the address cannot be used.
pub async fn run(args: &Args, run: &RunArgs) -> Result<Said, CommandError> {
    let environment = Environment::of_process();
    let clock: Clock = Arc::new(Timestamp::now);
    let signals = Signals::listen().map_err(CommandError::Signals)?;
    signals.watch(files(args, []));
    let config = load(args, run, &environment)?;
    signals.watch(files(args, [&config]));
    let log = Log::new(config.log, std::io::stderr(), Arc::clone(&clock));
    log.install();
    let store = open_store(&config.state).await?;
    let metrics = Arc::new(Metrics::new(clock.now(), &config));
    let memory = Memory::new(store.clone());
    let shared = Shared { clock: Arc::clone(&clock), memory, metrics, readiness: Arc::new(Readiness::default()), pushing: Arc::default() };
    let listening = Listening::on(config.listen).await?;
    let notifier = Arc::new(Notifier::of(&environment).map_err(CommandError::Signals)?);
    info!(address = %listening.address(), repositories = config.repositories.len(), "started");
    let surface = Surface { metrics: Arc::clone(&shared.metrics), readiness: Arc::clone(&shared.readiness), clock };
    let served = tokio::spawn(listening.serve(http::routes(surface), Bounds::default(), signals.reached(Phase::AtOnce)));
    let alive = Arc::clone(&notifier);
    let beating = tokio::spawn(async move { alive.beat().await });
    Process { args, run, environment, signals, notifier, log, store, shared }.serve(config).await?;
    served.abort();
    beating.abort();
    Ok(Said { text: Vec::new(), talk: String::new(), exit: Exit::Done })
}

impl Process<'_> {
    /// Works by this configuration and those that follow it, to the end.
    async fn serve(mut self, mut config: Config) -> Result<(), CommandError> {
        let mut daemon = self.start(&config)?;
        self.tell(State::Ready);
        loop {
            let why = tokio::select! {
                biased;
                () = self.signals.reached(Phase::Draining) => break,
                why = self.signals.reload() => why,
            };
            self.tell(State::Reloading);
            match self.load(&config) {
                Ok(next) => {
                    tokio::select! {
                        biased;
                        () = self.signals.reached(Phase::Draining) => break,
                        () = daemon.stop() => {}
                        () = self.patience() => warn!("a repository is slow to take the new configuration"),
                    }
                    daemon = self.change(&next, why)?;
                    config = next;
                }
                Err(refused) => {
                    self.shared.metrics.reloaded(ReloadOutcome::Refused);
                    error!(error = %refused, hint = refused.hint(), "the old configuration holds on");
                }
            }
            self.tell(State::Ready);
        }
        self.shared.readiness.stop();
        self.tell(State::Stopping);
        info!("ending");
        tokio::select! {
            () = daemon.stop() => info!("ended"),
            () = self.patience() => warn!("ended with work under way; it begins anew with the next start"),
            () = self.signals.reached(Phase::AtOnce) => warn!("ended at once"),
        }
        Ok(())
    }

    /// Another configuration that a daemon can start with; `before` is the one that holds.
    fn load(&self, before: &Config) -> Result<Config, CommandError> {
        let mut config = load(self.args, self.run, &self.environment)?;
        // What it lacks may come while the old one holds on.
        self.signals.watch(files(self.args, [before, &config]));
        ground::docker(&config)?;
        ground::presets(&config)?;
        let changes = [
            ("listen", config.listen != before.listen),
            ("state", config.state != before.state),
            ("gitTimeout", config.git_timeout != before.git_timeout),
        ];
        for (key, _) in changes.into_iter().filter(|(_, changes)| *changes) {
            warn!(key, "a change that waits for the next start");
        }
        (config.listen, config.git_timeout) = (before.listen, before.git_timeout);
        config.state.clone_from(&before.state);
        Ok(config)
    }

    fn change(&self, config: &Config, why: Reload) -> Result<Daemon, CommandError> {
        self.signals.watch(files(self.args, [config]));
        self.log.change(config.log);
        self.shared.metrics.configure(config);
        self.shared.metrics.reloaded(ReloadOutcome::Accepted);
        let by = if why == Reload::Signal { "signal" } else { "file" };
        info!(by, repositories = config.repositories.len(), "configuration taken");
        self.start(config)
    }

    /// Puts every repository to work. Without a usable Docker configuration the others are served all the same.
    fn start(&self, config: &Config) -> Result<Daemon, CommandError> {
        let config = Arc::new(config.clone());
        let docker = ground::docker(&config).unwrap_or_else(|error| {
            error!(error = %error, hint = error.hint(), "no login of Docker is used");
            config::DockerConfig::default()
        });
        docker.notices().iter().for_each(|notice| warn!("{notice}"));
        let (mut served, mut views, budgets) = (Vec::new(), BTreeMap::new(), Budgets::default());
        for (place, repository) in repositories(&config, self.run)? {
            self.shared.metrics.add_repository(&repository.name);
            let registries = config.registries_for(&repository);
            let view = registries.view();
            views.entry(view.clone()).or_insert_with(|| {
                let client = ground::client(&config, &repository, docker.clone(), budgets.clone());
                Registries { client, interval: ground::interval(registries, config.registry_interval) }
            });
            let (name, interval) = (repository.name.clone(), repository.interval);
            served.push(Served { name, interval, prepare: prepare(Arc::clone(&config), place, repository), view });
        }
        Ok(Daemon::start(served, views, &self.store, &self.shared))
    }

    /// How long what is under way is waited for: a push may not be cut off, and anything else begins anew.
    async fn patience(&self) {
        tokio::time::sleep(PATIENCE).await;
        if self.shared.pushing.load(Ordering::SeqCst) == 0 {
            return;
        }
        info!("a push under way is waited for");
        while self.shared.pushing.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // What follows it is short.
        tokio::time::sleep(AFTER_PUSH).await;
    }

    /// A service manager that does not listen changes nothing.
    fn tell(&self, state: State) {
        if let Err(error) = self.notifier.tell(&[state]) {
            warn!(error = %safe::line(&error.to_string()), "cannot tell the service manager");
        }
    }
}

fn load(args: &Args, run: &RunArgs, environment: &Environment) -> Result<Config, CommandError> {
    let config = config::load(args.config.as_deref(), args.overrides(), environment)?;
    if config.repositories.is_empty() && run.target.named().is_none() {
        return Err(CommandError::NothingToRun);
    }
    repositories(&config, run)?;
    Ok(config)
}

/// The configuration file, and every file that these configurations name.
fn files<'c>(args: &Args, configs: impl IntoIterator<Item = &'c Config>) -> BTreeSet<PathBuf> {
    let file = args.config.clone().unwrap_or_else(|| Path::new(defaults::FILE).to_owned());
    configs.into_iter().flat_map(Config::files).chain([file]).collect()
}

/// Every repository with the address that leads to it, and a name that no other has: those of the file, and the one of the command line.
fn repositories(config: &Config, run: &RunArgs) -> Result<Vec<(String, config::Repository)>, CommandError> {
    let mut served = Vec::new();
    for entry in &config.repositories {
        served.push((entry.url.clone(), config.with_flags(entry.clone())));
    }
    if let Some(place) = run.target.named() {
        let repository = config.repository_for(place);
        match served.iter_mut().find(|(_, entry)| (&entry.url, &entry.branch) == (&repository.url, &repository.branch)) {
            // The address of an entry, perhaps with the secret that the file may not hold.
            Some((address, _)) => place.clone_into(address),
            None => served.push((place.to_owned(), repository)),
        }
    }
    let mut branches = BTreeSet::new();
    if let Some((_, twice)) = served.iter().find(|(_, repository)| !branches.insert((&repository.url, &repository.branch))) {
        return Err(CommandError::Twice { url: twice.url.clone() });
    }
    distinguish(served.iter_mut().map(|(_, repository)| repository));
    Ok(served)
}

/// Gives each repository a name that no other has: its own, else its address, else that with the branch.
fn distinguish<'r>(repositories: impl Iterator<Item = &'r mut config::Repository>) {
    let mut names = BTreeSet::new();
    for repository in repositories {
        let config::Repository { name, url, branch, .. } = repository;
        let with_branch = format!("{url}#{}", branch.as_deref().unwrap_or("HEAD"));
        let free = [name.clone(), url.clone(), with_branch].into_iter().find(|name| names.insert(name.clone()));
        *name = free.expect("no two have one address and branch");
    }
}

/// Makes the unit of a repository, each time from what the files hold then.
fn prepare(config: Arc<Config>, place: String, repository: config::Repository) -> Prepare {
    Box::new(move || {
        let Prepared { unit, repository, notes } = ground::prepare(&config, &place, repository.clone()).map_err(|error| match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        })?;
        for note in &notes {
            warn!(repository = %repository.name, "{}", safe::line(note));
        }
        Ok(unit)
    })
}

/// The store of a state folder. A command that uses it now is done in a moment; another daemon is not.
async fn open_store(state: &Path) -> Result<Embedded, StoreError> {
    let started = Instant::now();
    loop {
        let store = Embedded::open(state)?;
        let notices = store.notices();
        let is_busy = notices.iter().any(|notice| matches!(notice, Notice::InMemory(_)));
        if !is_busy || started.elapsed() >= BUSY {
            for notice in notices {
                warn!("{notice}");
            }
            return Ok(store);
        }
        tokio::time::sleep(BUSY / 30).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn no_two_repositories_have_one_name() {
        let config = Config::of_overrides(Overrides { state: Some("state".into()), ..Overrides::default() }).expect("a configuration");
        let repository = |(url, branch): (&str, Option<&str>)| {
            let mut repository = config.repository_for(url);
            repository.branch = branch.map(str::to_owned);
            repository
        };
        let [a, b] = ["https://a.example/team/fleet", "https://b.example/team/fleet"];
        let mut served = [(a, None), (b, None), (b, Some("next")), (b, Some("main")), (a, Some("main"))].map(repository);
        distinguish(served.iter_mut());
        let [first, second, third, fourth, fifth] = served.map(|repository| repository.name);
        assert_eq!(first, "fleet");
        assert_eq!(second, b);
        assert_eq!([third, fourth], [format!("{b}#next"), format!("{b}#main")]);
        assert_eq!(fifth, a);
    }
}
