//! `demo`: a registry and a repository of its own, two rounds of updates, and nothing left behind.

mod image;
mod registry;
mod repository;
mod story;

use std::{io, path::Path, time::Instant};

use serde::Serialize;
use serde_json::json;
use thiserror::Error;
use url::Url;

pub use image::Image;
pub use registry::Registry;
pub use repository::{Fleet, Shown};

use super::{
    Said,
    args::Output,
    error::CommandError,
    exit::Exit,
    ground::{self, Ground},
    print::{self, Ending, Facts, Width},
    progress::Progress,
    terminal,
};
use crate::{
    config::{Config, Overrides},
    git::Write,
    plan::report::Report,
    policy::Blame,
    service::Command,
};

/// What an `apply` of the demo works on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The repository, a `file://` URL; its branch is `main`.
    pub url: &'a Url,
    /// A folder for caches, not made yet; it is removed at the end.
    pub state: &'a Path,
    /// `host:port` of the registry that all images name; it speaks plain HTTP on loopback.
    pub registry: &'a str,
}

/// What an `apply` did; `report.pushed` is the commit.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What it found.
    pub report: Report,
    /// What it knows beside the report.
    pub facts: Facts,
}

/// One `apply` of the demo, and the commit that it made.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// What it found.
    pub report: Report,
    /// What it pushed.
    pub commit: Shown,
}

/// Why a demo ended early.
#[derive(Debug, Error)]
pub enum DemoError<E> {
    /// The stage could not be set.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The `apply` itself failed.
    #[error(transparent)]
    Apply(E),
}

/// What can go wrong around the `apply`.
#[derive(Debug, Error)]
pub enum StageError {
    /// No port for the registry.
    #[error("cannot open a port on `127.0.0.1`: the system refused it")]
    Port(#[source] io::Error),
    /// No temporary folder.
    #[error("cannot make a temporary folder: the system refused it")]
    Folder(#[source] io::Error),
    /// The repository of the demo cannot be written or read.
    #[error("cannot use the demo's own repository: Git failed")]
    Repository(#[source] git2::Error),
    /// The story cannot be told.
    #[error("cannot print the demo: the output is closed")]
    Output(#[source] io::Error),
    /// An `apply` that should have made a commit made none.
    #[error("cannot show the commit of `{0}`: none was made")]
    NoCommit(Url),
    /// Somebody stopped it.
    #[error("cannot finish the demo: it was interrupted")]
    Interrupted,
}

impl StageError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Port(_) | Self::Folder(_) | Self::Output(_) | Self::Interrupted => Blame::Operator,
            Self::Repository(_) | Self::NoCommit(_) => Blame::Bug,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Folder(_) => Some("set TMPDIR to a folder that you may write".to_owned()),
            Self::Port(_) => Some("allow programs to listen on 127.0.0.1".to_owned()),
            Self::Repository(_) | Self::NoCommit(_) => Some("please report this with the output of the demo".to_owned()),
            Self::Output(_) | Self::Interrupted => None,
        }
    }
}

/// Tells the whole story: sets the stage, applies, shows commit and decisions, pushes a newer image, applies again.
///
/// # Errors
/// The stage cannot be set, an `apply` fails, or somebody interrupts it; in every case server and folders are gone afterwards.
pub async fn run<E>(
    out: &mut impl io::Write,
    width: Width,
    apply: impl AsyncFn(Scene<'_>) -> Result<Applied, E>,
) -> Result<Vec<Round>, DemoError<E>> {
    let registry = Registry::start().await.map_err(StageError::Port)?;
    let told = tokio::select! {
        told = story::tell(out, width, &registry, apply) => told,
        () = interrupted() => Err(StageError::Interrupted.into()),
    };
    registry.stop().await;
    let rounds = told?;
    story::end(out)?;
    Ok(rounds)
}

/// Tells it with the very code of `apply`, on standard output as it happens; as JSON once it is over.
///
/// # Errors
/// As [`run`].
pub(super) async fn demo(output: Output) -> Result<Said, CommandError> {
    let act = async |scene: Scene<'_>| apply(scene).await;
    let told = match output {
        Output::Text => run(&mut io::stdout().lock(), terminal::width(), act).await.map(|_| Vec::new()),
        Output::Json => run(&mut io::sink(), Width::Endless, act).await.map(|rounds| print::json(&json!({ "rounds": rounds })).into_bytes()),
    };
    match told {
        Ok(text) => Ok(Said { text, talk: String::new(), exit: Exit::Done }),
        Err(DemoError::Stage(error)) => Err(error.into()),
        Err(DemoError::Apply(error)) => Err(error),
    }
}

async fn apply(scene: Scene<'_>) -> Result<Applied, CommandError> {
    let started = Instant::now();
    let overrides = Overrides { state: Some(scene.state.to_owned()), ..Overrides::default() };
    // Nothing of the person's own: neither a configuration file nor the environment.
    let config = Config::of_overrides(overrides)?;
    let ground = Ground::new(&config, scene.url.as_str(), Vec::new())?;
    let quiet = Progress::begin("demo");
    let outcome = Command::open(&ground.unit, &ground.inquiry, ground::clock(), &quiet)?.apply(Write::Commit).await?;
    let branch = outcome.report.branch.clone().unwrap_or_default();
    let ending = match &outcome.report.pushed {
        Some(commit) => Ending::Pushed { commit: commit.clone(), branch },
        None => Ending::Unchanged,
    };
    let facts =
        Facts { workloads: outcome.workloads, requests: ground.inquiry.client.requests(), elapsed: started.elapsed(), ending, notes: Vec::new() };
    Ok(Applied { report: outcome.report, facts })
}

/// Waits until the process is asked to end.
#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        asked = tokio::signal::ctrl_c() => if asked.is_err() { std::future::pending().await },
        _ = terminated.recv() => {}
    }
}

/// Waits until the process is asked to end.
#[cfg(not(unix))]
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
