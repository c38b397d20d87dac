//! The flags that Flux v1's daemon had, under the same names.

use std::{num::NonZeroU16, path::PathBuf, time::Duration};

use clap::{
    Args,
    builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser},
};

use super::values::{Address, List, image_patterns, paths, prefixes, rate};
use crate::config::{GROUPS, GitOverrides, ImagePattern, Overrides, Paths, Prefix, RegistryOverrides, Show, defaults, parse_branch, parse_interval};
use crate::plan::Group;

/// The repository that a command works on, and how it and the registries are asked.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// A folder (work tree or bare) or a remote address [default: --git-url, else the current folder]
    #[arg(value_name = "REPO")]
    repo: Option<Address>,

    #[arg(long, env = "TAGALONG_TIMEOUT", value_name = "DURATION", value_parser = parse_interval, help = with_default("Go on without learning anything new from a registry for so long", Show(defaults::TIMEOUT)))]
    timeout: Option<Duration>,

    #[command(flatten)]
    git: GitFlags,

    #[command(flatten)]
    registry: RegistryFlags,
}

/// How a Git repository is read and written.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Git")]
pub struct GitFlags {
    /// The repository, in place of REPO
    #[arg(long, env = "TAGALONG_GIT_URL", value_name = "URL")]
    git_url: Option<Address>,

    /// The branch [default: the remote's HEAD; in a work tree what is checked out]
    #[arg(long, visible_alias = "branch", env = "TAGALONG_GIT_BRANCH", value_name = "BRANCH")]
    git_branch: Option<String>,

    /// Another branch for the commits; it is made where there is none [default: the branch that is read]
    #[arg(long, visible_alias = "git-push-branch", env = "TAGALONG_PUSH_BRANCH", value_name = "BRANCH", value_parser = parse_branch)]
    push_branch: Option<String>,

    /// Write only below these paths or globs; repeat it, or put commas between [default: everything]
    #[arg(long, env = "TAGALONG_GIT_PATH", value_name = "PATHS", value_parser = paths)]
    git_path: Vec<Paths>,

    #[arg(long, env = "TAGALONG_GIT_USER", value_name = "NAME", help = with_default("Author and committer", defaults::AUTHOR_NAME))]
    git_user: Option<String>,

    #[arg(long, env = "TAGALONG_GIT_EMAIL", value_name = "EMAIL", help = with_default("Email of author and committer", defaults::AUTHOR_EMAIL))]
    git_email: Option<String>,

    /// Put `[ci skip]` into the commit message
    #[arg(long, env = "TAGALONG_GIT_CI_SKIP", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    git_ci_skip: Option<bool>,

    /// One commit for all updates, or one for each workload or image [default: all]
    #[arg(long, env = "TAGALONG_GROUP", value_name = "GROUP", value_parser = group())]
    group: Option<Group>,

    /// Accepted for Flux v1's sake, and without effect
    #[arg(long, env = "TAGALONG_GIT_LABEL", value_name = "LABEL")]
    git_label: Option<String>,

    #[arg(long, env = "TAGALONG_GIT_POLL_INTERVAL", value_name = "DURATION", value_parser = parse_interval, help = with_default("How often the branch is looked at; one run looks once", Show(defaults::GIT_INTERVAL)))]
    git_poll_interval: Option<Duration>,

    #[arg(long, env = "TAGALONG_GIT_TIMEOUT", value_name = "DURATION", value_parser = parse_interval, help = with_default("How long the remote may be silent", Show(defaults::GIT_TIMEOUT)))]
    git_timeout: Option<Duration>,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Registries")]
struct RegistryFlags {
    #[arg(long, env = "TAGALONG_REGISTRY_POLL_INTERVAL", value_name = "DURATION", value_parser = parse_interval, help = with_default("How often an image is listed; one run lists once", Show(defaults::REGISTRY_INTERVAL)))]
    registry_poll_interval: Option<Duration>,

    #[command(flatten)]
    manners: Manners,

    /// Never look up these images: globs over the full name
    #[arg(long, env = "TAGALONG_REGISTRY_EXCLUDE_IMAGE", value_name = "GLOBS", value_parser = image_patterns)]
    registry_exclude_image: Vec<List<ImagePattern>>,

    /// Look up only these images: globs over the full name [default: all]
    #[arg(long, env = "TAGALONG_REGISTRY_INCLUDE_IMAGE", value_name = "GLOBS", value_parser = image_patterns)]
    registry_include_image: Vec<List<ImagePattern>>,
}

/// How every registry is asked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Registries")]
pub struct Manners {
    #[arg(long, env = "TAGALONG_REGISTRY_RPS", value_name = "NUMBER", value_parser = rate, help = with_default("Requests per second and host", defaults::BUDGET.requests_per_second))]
    registry_rps: Option<f64>,

    #[arg(long, env = "TAGALONG_REGISTRY_BURST", value_name = "NUMBER", help = with_default("Requests at the same time to one host", defaults::BUDGET.concurrency))]
    registry_burst: Option<NonZeroU16>,

    /// Hosts that may answer with plain http, or with a certificate that nobody vouches for
    #[arg(long, env = "TAGALONG_REGISTRY_INSECURE_HOST", value_name = "HOSTS", value_parser = prefixes)]
    registry_insecure_host: Vec<List<Prefix>>,

    /// Docker configuration file with credentials [default: the user's, where present]
    #[arg(long, env = "TAGALONG_DOCKER_CONFIG", value_name = "FILE")]
    docker_config: Option<PathBuf>,
}

/// `all`, `workload` or `image`.
fn group() -> impl TypedValueParser<Value = Group> {
    PossibleValuesParser::new(GROUPS.map(|(word, _)| word))
        .map(|text| GROUPS.into_iter().find(|(word, _)| *word == text).map_or(Group::All, |(_, group)| group))
}

impl Manners {
    /// The flags and variables that win over the configuration file.
    pub(super) fn overrides(&self) -> RegistryOverrides {
        let flags = self.clone();
        RegistryOverrides {
            requests_per_second: flags.registry_rps,
            burst: flags.registry_burst,
            insecure_hosts: flat(flags.registry_insecure_host).unwrap_or_default(),
            docker_config: flags.docker_config,
            ..RegistryOverrides::default()
        }
    }
}

/// A help text that ends in the default, which is written in `config` alone.
pub(super) fn with_default(text: &str, default: impl std::fmt::Display) -> String {
    format!("{text} [default: {default}]")
}

/// A repository that is read and written without asking a registry.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// A folder (work tree or bare) or a remote address [default: --git-url, else the current folder]
    #[arg(value_name = "REPO")]
    repo: Option<Address>,

    #[command(flatten)]
    git: GitFlags,
}

impl Place {
    /// The repository among words that were typed; `None` where it is named twice.
    pub fn new(mut repositories: Vec<Address>, git: GitFlags) -> Option<Self> {
        let repo = repositories.pop();
        let is_once = repositories.is_empty() && (repo.is_none() || git.git_url.is_none());
        is_once.then_some(Self { repo, git })
    }

    /// The repository that is asked for: `REPO`, else `--git-url`, else the current folder. It may hold a secret.
    pub fn named(&self) -> &str {
        self.repo.as_ref().or(self.git.git_url.as_ref()).map_or(".", Address::expose)
    }

    /// The flags and variables that win over the configuration file.
    pub(super) fn overrides(&self) -> Overrides {
        self.git.overrides()
    }
}

impl GitFlags {
    /// The flags and variables that win over the configuration file.
    pub(super) fn overrides(&self) -> Overrides {
        let git = self.clone();
        let git = GitOverrides {
            branch: git.git_branch,
            push_branch: git.push_branch,
            paths: git.git_path.into_iter().reduce(Paths::and),
            user: git.git_user,
            email: git.git_email,
            ci_skip: git.git_ci_skip,
            group: git.group,
            poll_interval: git.git_poll_interval,
            timeout: git.git_timeout,
        };
        Overrides { git, ..Overrides::default() }
    }
}

impl Target {
    /// The repository that is asked for: `REPO`, else `--git-url`, else the current folder. It may hold a secret.
    pub fn place(&self) -> &str {
        self.named().unwrap_or(".")
    }

    /// The repository that was named, if one was. It may hold a secret.
    pub fn named(&self) -> Option<&str> {
        self.repo.as_ref().or(self.git.git_url.as_ref()).map(Address::expose)
    }

    /// What to tell about flags without effect.
    pub fn notices(&self) -> Vec<&'static str> {
        let label = self.git.git_label.as_ref();
        label.map(|_| "--git-label does nothing: our own commits are known by their messages").into_iter().collect()
    }

    /// The flags and variables that win over the configuration file.
    pub(super) fn overrides(&self) -> Overrides {
        let registry = self.registry.clone();
        Overrides {
            timeout: self.timeout,
            registry: RegistryOverrides {
                poll_interval: registry.registry_poll_interval,
                exclude_images: flat(registry.registry_exclude_image),
                include_images: flat(registry.registry_include_image),
                ..registry.manners.overrides()
            },
            ..self.git.overrides()
        }
    }
}

/// The values of a flag that may be repeated, `None` where it was not given.
fn flat<T>(lists: Vec<List<T>>) -> Option<Vec<T>> {
    (!lists.is_empty()).then(|| lists.into_iter().flat_map(|list| list.0).collect())
}
