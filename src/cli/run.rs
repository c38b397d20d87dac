//! `run`: the daemon.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
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
    service::{
        Clock, Memory,
        daemon::{Daemon, Registries, Served},
        http::{self, Bounds, Listening, Surface},
        log::Log,
        metrics::{Metrics, ReloadOutcome},
        notify::{Notifier, State},
        ready::Readiness,
        shutdown::{Phase, Reload, Signals},
        worker::Shared,
    },
    store::{Embedded, Kind},
};

/// How long after SIGTERM the process ends although something is under way that is no push.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves every repository of the configuration until it is told to end.
///
/// # Errors
/// It cannot start: the configuration, the state folder or the address cannot be used.
pub async fn run(args: &Args, run: &RunArgs) -> Result<Said, CommandError> {
    let environment = Environment::of_process();
    let clock: Clock = Arc::new(Timestamp::now);
    let file = args.config.clone().unwrap_or_else(|| Path::new(defaults::FILE).to_owned());
    let mut signals = Signals::listen(Some(file)).map_err(CommandError::Signals)?;
    let config = load(args, run, &environment)?;
    let log = Log::new(config.log, std::io::stderr(), Arc::clone(&clock));
    log.install();
    let store = Embedded::open(&config.state)?;
    store.notices().iter().for_each(|notice| warn!("{notice}"));
    store.resume(Kind::Repositories, clock.now(), config.registry_interval).await?;
    let metrics = Arc::new(Metrics::new(clock.now(), &config));
    let memory = Memory::new(store.clone());
    let shared = Shared { clock: Arc::clone(&clock), memory, metrics, readiness: Arc::new(Readiness::default()), pushing: Arc::default() };
    let listening = Listening::on(config.listen).await?;
    let notifier = Notifier::of(&environment).map_err(CommandError::Signals)?;
    info!(address = %listening.address(), repositories = config.repositories.len(), "started");
    let surface = Surface { metrics: Arc::clone(&shared.metrics), readiness: Arc::clone(&shared.readiness), clock };
    let served = tokio::spawn(listening.serve(http::routes(surface), Bounds::default(), signals.reached(Phase::AtOnce)));
    let mut daemon = start(&config, run, &store, &shared)?;
    tell(&notifier, &[State::Ready]);
    loop {
        let draining = signals.reached(Phase::Draining);
        let why = tokio::select! {
            () = draining => break,
            () = notifier.beat() => continue,
            why = signals.reload() => why,
        };
        tell(&notifier, &[State::Reloading]);
        daemon = reload(args, run, &environment, why, daemon, &store, &shared, &log).await?;
        tell(&notifier, &[State::Ready]);
    }
    shared.readiness.stop();
    tell(&notifier, &[State::Stopping]);
    info!("ending");
    end(daemon, &signals, &shared).await;
    served.abort();
    Ok(Said { text: Vec::new(), talk: String::new(), exit: Exit::Done })
}

fn load(args: &Args, run: &RunArgs, environment: &Environment) -> Result<Config, CommandError> {
    let config = config::load(args.config.as_deref(), args.overrides(), environment)?;
    if config.repositories.is_empty() && run.target.named().is_none() {
        return Err(CommandError::NothingToRun);
    }
    Ok(config)
}

/// What every repository needs: those of the file, and the one of the command line.
fn start(config: &Config, run: &RunArgs, store: &Embedded, shared: &Shared) -> Result<Daemon, CommandError> {
    let config = Arc::new(config.clone());
    let (mut served, mut views) = (Vec::new(), BTreeMap::new());
    for (place, repository) in places(&config, run)? {
        shared.metrics.add_repository(&repository.name);
        let registries = config.registries_for(&repository);
        let view = ground::view(&registries);
        if !views.contains_key(&view) {
            let client = ground::client(&config, &repository)?;
            let interval = ground::interval(registries, config.registry_interval);
            views.insert(view.clone(), Registries { client, interval });
        }
        let (name, interval, config) = (repository.name.clone(), repository.interval, Arc::clone(&config));
        let prepare = Box::new(move || {
            let Prepared { unit, repository, notes } = ground::prepare(&config, &place, repository.clone()).map_err(|error| match error.hint() {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            })?;
            for note in &notes {
                warn!(repository = %repository.name, "{}", safe::line(note));
            }
            Ok(unit)
        });
        served.push(Served { name, interval, prepare, view });
    }
    Ok(Daemon::start(served, views, store, shared))
}

/// Each repository with the address that leads to it: the entries of the file, and the one of the command line.
fn places(config: &Config, run: &RunArgs) -> Result<Vec<(String, config::Repository)>, CommandError> {
    let mut places = Vec::new();
    for entry in &config.repositories {
        places.push((entry.url.clone(), config.with_flags(entry.clone())?));
    }
    if let Some(place) = run.target.named() {
        places.push((place.to_owned(), config.repository_for(place)?));
    }
    let mut seen = BTreeSet::new();
    match places.iter().find(|(_, repository)| !seen.insert((&repository.url, &repository.branch))) {
        Some((_, twice)) => Err(CommandError::Twice { url: twice.url.clone() }),
        None => Ok(places),
    }
}

/// Takes another configuration; one that cannot be used is told, and the old one holds on.
#[expect(clippy::too_many_arguments, reason = "one step of `run`, which holds all of these")]
async fn reload(
    args: &Args,
    run: &RunArgs,
    environment: &Environment,
    why: Reload,
    daemon: Daemon,
    store: &Embedded,
    shared: &Shared,
    log: &Log,
) -> Result<Daemon, CommandError> {
    let config = match load(args, run, environment).and_then(|config| check(&config, run).map(|()| config)) {
        Ok(config) => config,
        Err(refused) => {
            shared.metrics.reloaded(ReloadOutcome::Refused);
            error!(error = %refused, hint = refused.hint().as_deref().unwrap_or_default(), "the old configuration holds on");
            return Ok(daemon);
        }
    };
    daemon.stop().await;
    log.change(config.log);
    shared.metrics.configure(&config);
    shared.metrics.reloaded(ReloadOutcome::Accepted);
    let by = if why == Reload::Signal { "signal" } else { "file" };
    info!(by, repositories = config.repositories.len(), "configuration taken");
    start(&config, run, store, shared)
}

/// Whether a daemon could start with this configuration.
fn check(config: &Config, run: &RunArgs) -> Result<(), CommandError> {
    for (_, repository) in places(config, run)? {
        ground::client(config, &repository)?;
    }
    Ok(())
}

/// Waits for what may not be cut off, and for little else.
async fn end(daemon: Daemon, signals: &Signals, shared: &Shared) {
    let patience = async {
        tokio::time::sleep(PATIENCE).await;
        while shared.pushing.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = daemon.stop() => info!("ended"),
        () = patience => warn!("ended with work under way; it begins anew with the next start"),
        () = signals.reached(Phase::AtOnce) => warn!("ended at once"),
    }
}

/// A service manager that does not listen changes nothing.
fn tell(notifier: &Notifier, states: &[State]) {
    if let Err(error) = notifier.tell(states) {
        warn!(error = %safe::line(&error.to_string()), "cannot tell the service manager");
    }
}
