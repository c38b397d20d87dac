//! Why a command ended early.

use std::collections::BTreeSet;

use thiserror::Error;

use super::{demo::StageError, exit::Exit};
use crate::{
    config::{ConfigError, DockerConfigError, PathError, PresetFileError},
    git::{AccessError, IdentityError, LocationError},
    manifest::splice::EditRefused,
    plan::{
        annotate::AnnotateError,
        release::ReleaseError,
        set::{SetError, Twice},
    },
    policy::{Blame, keys::KeyError, pattern::PatternError},
    service::{CycleError, http::ListenError},
    store::StoreError,
};

/// Why a command ended early.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An own preset cannot be used.
    #[error(transparent)]
    Preset(#[from] PresetFileError),
    /// No preset is called so.
    #[error("cannot show the preset `{name}`: there is none")]
    NoPreset {
        /// What was asked for.
        name: String,
        /// Presets with near names.
        near: Vec<String>,
    },
    /// Neither a topic nor a command is called so.
    #[error("cannot help with `{wanted}`: it is neither a topic nor a command")]
    NoTopic {
        /// What was asked for.
        wanted: String,
        /// Topics and commands with near names.
        near: Vec<String>,
    },
    /// The manual pages cannot be written.
    #[error("cannot write the manual pages into `{}`", folder.display())]
    Manual {
        /// The folder.
        folder: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The Docker configuration cannot be used.
    #[error(transparent)]
    Docker(#[from] DockerConfigError),
    /// What it takes to come to the repository cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// What was named is no repository.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The repository could not be read or written.
    #[error(transparent)]
    Cycle(#[from] CycleError),
    /// The state folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address of health and metrics cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The process cannot hear signals, or speak to its service manager.
    #[error("cannot listen to signals: the system refused it")]
    Signals(#[source] std::io::Error),
    /// There is no repository to serve.
    #[error("cannot run: no repository is configured")]
    NothingToRun,
    /// Two entries would write to one branch.
    #[error("cannot run `{url}`: it is configured twice with the same branch")]
    Twice {
        /// The repository.
        url: String,
    },
    /// The demo could not go on.
    #[error(transparent)]
    Demo(#[from] StageError),
    /// The pattern is malformed.
    #[error("cannot read the pattern `{pattern}`: {error}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// An own key is malformed.
    #[error("cannot read the key `{key}`: {error}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong with it.
        error: KeyError,
    },
    /// A line of standard input is neither `TAG` nor `TAG TIME`.
    #[error("cannot read line {line} of standard input: `{text}` is neither `TAG` nor `TAG TIME`")]
    Line {
        /// The line, from 1.
        line: usize,
        /// Its text.
        text: String,
    },
    /// Standard input cannot be read.
    #[error("cannot read standard input: it is no text")]
    Input(#[source] std::io::Error),
    /// A configuration has no SARIF and no diff.
    #[error("cannot print what is found in a configuration: `sarif` and `diff` are of repositories")]
    ConfigurationOutput,
    /// Only the files of a work tree are mended.
    #[error("cannot mend `{repository}`: it is no work tree")]
    NoWorkTree {
        /// The repository.
        repository: String,
    },
    /// No workload is called so.
    #[error("cannot find `{wanted}`: the repository has no such workload")]
    NoWorkload {
        /// What was asked for.
        wanted: String,
        /// Workloads with near names.
        near: Vec<String>,
    },
    /// The workload stands in other roots.
    #[error("cannot find `{wanted}`: the root `{root}` has no such workload")]
    NotInRoot {
        /// What was asked for.
        wanted: String,
        /// The root that was named.
        root: String,
        /// The roots that have it.
        roots: BTreeSet<String>,
    },
    /// Annotations cannot be written where they would have to stand.
    #[error(transparent)]
    Annotate(#[from] AnnotateError),
    /// A release is refused.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// Images cannot be set.
    #[error(transparent)]
    Set(#[from] SetError),
    /// Two of the images to set are one.
    #[error(transparent)]
    SetTwice(#[from] Twice),
    /// A path is none.
    #[error(transparent)]
    Path(PathError),
    /// A path leads out of the repository.
    #[error("cannot set below `{path}`: it lies outside the repository")]
    PathOutside {
        /// The path.
        path: String,
    },
    /// A file cannot be changed.
    #[error(transparent)]
    Edit(#[from] EditRefused),
    /// The repository stands in two arguments.
    #[error("cannot tell the repository: two are named")]
    TwoRepositories,
    /// A key cannot be shown or made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The configuration names several keys.
    #[error("cannot tell which key is meant: the configuration names {}", keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "))]
    WhichIdentity {
        /// Their files and variables.
        keys: Vec<String>,
    },
    /// A new key cannot be put into a variable.
    #[error("cannot make a new key: the variable `{name}` holds it")]
    IdentityOfVariable {
        /// The variable.
        name: String,
    },
    /// There is nowhere to put a key.
    #[error("cannot tell where the key is: neither XDG_CONFIG_HOME nor HOME is set")]
    NoHome,
    /// `policy set` was asked for nothing.
    #[error("cannot set a policy: none is named")]
    NothingToSet,
    /// Several workloads are called so.
    #[error("cannot tell `{wanted}`: several workloads are called so: {}", found.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// The ids, and where one id stands in several roots those.
        found: Vec<String>,
        /// Whether only the roots differ.
        roots: Roots,
    },
}

/// What tells ambiguous workloads apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Their ids.
    Same,
    /// Only the roots that deploy them.
    Differ,
}

impl CommandError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Config(error) => error.blame(),
            Self::Docker(error) => error.blame(),
            Self::Preset(error) => error.blame(),
            Self::Access(error) => error.blame(),
            Self::Location(error) => error.blame(),
            Self::Cycle(error) => error.blame(),
            Self::Demo(error) => error.blame(),
            Self::Store(error) => error.blame(),
            Self::Listen(error) => error.blame(),
            Self::Identity(error) => error.blame(),
            Self::Annotate(error) => error.blame(),
            Self::Release(error) => error.blame(),
            Self::Edit(error) => error.blame(),
            Self::Set(error) => error.blame(),
            _ => Blame::Operator,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Docker(error) => error.hint(),
            Self::Preset(error) => error.hint(),
            Self::NoTopic { near, .. } if near.is_empty() => Some("`tagalong help topics` and `tagalong --help` list them".to_owned()),
            Self::NoTopic { near, .. } => {
                Some(format!("did you mean {}?", near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")))
            }
            Self::Manual { .. } => Some("name a folder that this user may write".to_owned()),
            Self::NoPreset { name, near } => Some(PatternError::Preset { name: name.clone(), near: near.clone() }.hint()),
            Self::Access(error) => error.hint(),
            Self::Location(error) => error.hint(),
            Self::Cycle(error) => error.hint(),
            Self::Demo(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Listen(error) => error.hint(),
            Self::Identity(error) => error.hint(),
            Self::WhichIdentity { .. } => Some("name the repository, or the file with --file".to_owned()),
            Self::IdentityOfVariable { .. } => Some("name a file for it with --file".to_owned()),
            Self::NoHome => Some("name a file with --file".to_owned()),
            Self::Annotate(error) => error.hint(),
            Self::Release(error) => error.hint(),
            Self::Edit(error) => error.hint(),
            Self::Set(error) => error.hint(),
            Self::SetTwice(_) => Some("leave one of them out".to_owned()),
            Self::Path(_) | Self::PathOutside { .. } => {
                Some("a path counts from the folder that is named, or from the top of a remote repository".to_owned())
            }
            Self::TwoRepositories => Some("leave one of them out; a pattern is written as CONTAINER=PATTERN".to_owned()),
            Self::NothingToSet => Some("write CONTAINER=PATTERN, --remove CONTAINER or --key KEY=VALUE".to_owned()),
            Self::NothingToRun => Some("name one under `repositories:` in tagalong.yaml, or with --git-url".to_owned()),
            Self::Twice { .. } => Some("leave one of the entries out, or give them different branches".to_owned()),
            Self::Pattern { error, .. } => Some(error.hint()),
            Self::Key { .. } => Some(format!("the own keys are {}", crate::policy::keys::KEYS.join(", "))),
            Self::Line { .. } => Some("write the build time in RFC 3339, as 2026-01-31T12:00:00Z".to_owned()),
            Self::Input(_) | Self::Signals(_) => None,
            Self::ConfigurationOutput => Some("choose `--output text` or `--output json`".to_owned()),
            Self::NoWorkTree { .. } => Some("run it in a checkout; `--output diff` prints what it would change".to_owned()),
            Self::NoWorkload { near, .. } if near.is_empty() => Some("name it as namespace:kind/name, or by a unique tail of that".to_owned()),
            Self::NoWorkload { near, .. } => Some(format!("did you mean {}?", near.join(" or "))),
            Self::NotInRoot { roots, .. } => {
                Some(format!("it is in {}", roots.iter().map(|root| format!("`{root}`")).collect::<Vec<_>>().join(", ")))
            }
            Self::Ambiguous { roots: Roots::Differ, .. } => Some("choose one with --root PATH, or all with --all-roots".to_owned()),
            Self::Ambiguous { roots: Roots::Same, .. } => Some("write more of the id".to_owned()),
        }
    }

    /// How the process ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Ambiguous { .. }
            | Self::Pattern { .. }
            | Self::Key { .. }
            | Self::ConfigurationOutput
            | Self::NoWorkTree { .. }
            | Self::TwoRepositories
            | Self::NothingToSet
            | Self::NoTopic { .. }
            | Self::WhichIdentity { .. }
            | Self::NoHome
            | Self::IdentityOfVariable { .. }
            | Self::SetTwice(_)
            | Self::Release(ReleaseError::Twice { .. })
            | Self::Path(_)
            | Self::PathOutside { .. } => Exit::Usage,
            _ => self.blame().into(),
        }
    }
}
