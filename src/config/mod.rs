//! File, flags and environment as typed values; the only place where defaults are written.
//!
//! The file is read into the shapes of [`file`](self), checked key by key, and merged with [`Overrides`], which hold what flags and variables said.
#![expect(clippy::disallowed_methods, reason = "edge: reads the configuration file, secrets and the environment")]

pub mod defaults;
pub mod docker;
mod duration;
mod environment;
mod error;
mod file;
mod files;
mod github_app;
mod images;
mod key;
mod load;
mod log;
mod paths;
mod policies;
mod prefix;
pub mod registries;
mod repository;
mod schema;
mod secret;
mod source;
#[cfg(test)]
mod tests;
mod url;

use std::{
    net::SocketAddr,
    num::NonZeroU16,
    path::{Path, PathBuf},
    time::Duration,
};

pub use docker::{DockerConfig, DockerConfigError, DockerSource, Grant, Helper, Notice, server_names};
pub use duration::{DurationError, Show, parse as parse_duration, parse_positive as parse_interval};
pub use environment::Environment;
pub use error::ConfigError;
pub use github_app::GitHubApp;
pub use images::{ImageFilter, ImagePattern, PatternError};
pub use key::{Form, Key, Lines, Section};
pub use load::{check, load};
pub use log::{Log, LogFormat, LogLevel, LogOverrides};
pub use paths::{PathError, Paths};
pub use policies::PresetFileError;
pub use prefix::Prefix;
pub use registries::{Budget, ClientCertificate, Endpoint, Patience, Registries, RegistryEntry, is_loopback};
pub use repository::{Commit, GROUPS, Repository, parse_branch};
pub use schema::schema;
pub use secret::{Credential, CredentialSource, SecretError, SecretSource};

/// All that can be configured, with every default filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of caches.
    pub state: PathBuf,
    /// Where health, metrics and pages are served.
    pub listen: SocketAddr,
    /// Where webhooks alone are served.
    pub listen_hooks: Option<SocketAddr>,
    /// Which registries may be asked.
    pub registry_allow: RegistryAllow,
    /// The Git repositories of the file.
    pub repositories: Vec<Repository>,
    /// The registries of the file, the hosts that are called insecure, and how hard a host may be asked where its entry does not say.
    pub registries: Registries,
    /// How often a repository in a registry is listed where its entry does not say.
    pub registry_interval: Duration,
    /// Which images are looked up at all.
    pub images: ImageFilter,
    /// The Docker configuration file: the one that is named, else the user's where there is one.
    pub docker_config: Option<PathBuf>,
    /// Further kinds of objects that hold images.
    pub kinds: Vec<Kind>,
    /// Folders with own presets.
    pub policies: Vec<PathBuf>,
    /// How long a command goes on without learning anything from a registry.
    pub timeout: Duration,
    /// How long a Git remote may be silent.
    pub git_timeout: Duration,
    /// What `run` logs, and how.
    pub log: Log,
    /// Where the keys of the top stand in the file.
    pub lines: Lines,
    git: GitOverrides,
    /// The file that was read.
    file: Option<PathBuf>,
}

impl Config {
    /// The file that was read, `None` where there was none.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

/// Which registries may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryAllow {
    /// Every one that a manifest names.
    Any,
    /// Only those under `registries`.
    Listed,
}

/// A kind of object that holds images at paths of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `apiVersion` of the objects.
    pub api_version: String,
    /// `kind` of the objects.
    pub kind: String,
    /// Dotted paths of the images.
    pub images: Vec<String>,
}

/// What flags and environment variables say; each wins over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--state`.
    pub state: Option<PathBuf>,
    /// `--policies`, beside those of the file.
    pub policies: Vec<PathBuf>,
    /// `--timeout`.
    pub timeout: Option<Duration>,
    /// The flags about Git.
    pub git: GitOverrides,
    /// The flags about registries.
    pub registry: RegistryOverrides,
    /// The flags about the log.
    pub log: LogOverrides,
}

/// What flags say about the Git repository that a command works on.
#[derive(Clone, Debug, Default)]
pub struct GitOverrides {
    /// `--git-branch`.
    pub branch: Option<String>,
    /// `--push-branch`.
    pub push_branch: Option<String>,
    /// `--git-path`.
    pub paths: Option<Paths>,
    /// `--git-user`.
    pub user: Option<String>,
    /// `--git-email`.
    pub email: Option<String>,
    /// `--git-ci-skip`.
    pub ci_skip: Option<bool>,
    /// `--group`.
    pub group: Option<crate::plan::Group>,
    /// `--git-poll-interval`.
    pub poll_interval: Option<Duration>,
    /// `--git-timeout`.
    pub timeout: Option<Duration>,
}

/// What flags say about registries.
#[derive(Clone, Debug, Default)]
pub struct RegistryOverrides {
    /// `--registry-poll-interval`.
    pub poll_interval: Option<Duration>,
    /// `--registry-rps`.
    pub requests_per_second: Option<f64>,
    /// `--registry-burst`.
    pub burst: Option<NonZeroU16>,
    /// `--registry-insecure-host`, beside those of the file.
    pub insecure_hosts: Vec<Prefix>,
    /// `--registry-exclude-image`.
    pub exclude_images: Option<Vec<ImagePattern>>,
    /// `--registry-include-image`.
    pub include_images: Option<Vec<ImagePattern>>,
    /// `--docker-config`.
    pub docker_config: Option<PathBuf>,
}

/// Every section of the configuration file with its keys, for the reference page.
pub fn sections() -> Vec<Section> {
    file::sections()
}
