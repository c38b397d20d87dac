//! From the file and the flags to one configuration.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    num::NonZeroU16,
    path::{Path, PathBuf},
};

use serde_saphyr::Spanned;

use super::{
    Budget, Config, ConfigError, Environment, ImageFilter, Kind, Log, LogFormat, LogLevel, LogOverrides, Overrides, Prefix, Registries,
    RegistryAllow, RegistryEntry, RegistryOverrides, Repository, defaults,
    file::{self, FileWritten, KindWritten},
    registries::{self, is_rate},
    source::{Source, line},
    url::identity,
};

/// A configuration file is at most this long.
///
/// # Units
/// Bytes.
const LIMIT: u64 = 1024 * 1024;

/// Reads the named file, else `./tagalong.yaml` where present, and puts the flags above it.
///
/// # Errors
/// The file cannot be read, is malformed, or says what cannot be.
pub fn load(named: Option<&Path>, overrides: Overrides, environment: &Environment) -> Result<Config, ConfigError> {
    check(named, overrides, environment).map_err(first)
}

/// As [`load`], and all that is wrong is told.
///
/// # Errors
/// Each fault of the file, in the order of the lines. What is no YAML, or has another shape than its key wants, hides what comes after it.
pub fn check(named: Option<&Path>, overrides: Overrides, environment: &Environment) -> Result<Config, Vec<ConfigError>> {
    let path = named.unwrap_or(Path::new(defaults::FILE));
    let (file, text) = match read_text(path) {
        Ok(text) => (Some(path.to_owned()), text),
        Err(ConfigError::Missing { .. }) if named.is_none() => (None, String::new()),
        Err(error) => return Err(vec![error]),
    };
    let source = Source::new(path);
    let written = file::parse(&source, &text).map_err(|error| vec![error])?;
    merge(source, file, &written, overrides, environment)
}

/// The fault that others may follow from: a key that is not known, else the one that stands first.
fn first(mut faults: Vec<ConfigError>) -> ConfigError {
    let is_key = |fault: &ConfigError| matches!(fault, ConfigError::UnknownKey { .. } | ConfigError::SecretInFile { .. });
    let at = faults.iter().position(is_key).unwrap_or_default();
    faults.swap_remove(at)
}

impl Config {
    /// The defaults with these flags above them, and nothing of a file or of the environment.
    ///
    /// # Errors
    /// The flags say what cannot be, or name no state folder.
    pub fn of_overrides(overrides: Overrides) -> Result<Self, ConfigError> {
        merge(Source::new(Path::new(defaults::FILE)), None, &FileWritten::default(), overrides, &Environment::default()).map_err(first)
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    let not_text = |what| ConfigError::NotText { path: path.to_owned(), what };
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ConfigError::Missing { path: path.to_owned() },
        io::ErrorKind::InvalidData => not_text("it is not UTF-8"),
        _ => ConfigError::Unreadable { path: path.to_owned(), source },
    };
    let mut text = String::new();
    File::open(path).map_err(failed)?.take(LIMIT + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LIMIT { Err(not_text("it has more than 1 MiB")) } else { Ok(text) }
}

fn merge(
    source: Source,
    file: Option<PathBuf>,
    written: &FileWritten,
    overrides: Overrides,
    environment: &Environment,
) -> Result<Config, Vec<ConfigError>> {
    let config = merged(&source, file, written, overrides, environment);
    let faults = source.faults();
    if faults.is_empty() { Ok(config) } else { Err(faults) }
}

/// The configuration; where the source noted a fault, a default stands in for what is meant.
fn merged(source: &Source, file: Option<PathBuf>, written: &FileWritten, overrides: Overrides, environment: &Environment) -> Config {
    let Overrides { state, policies, timeout, git, registry, log } = overrides;
    let local = |key, written: &Option<_>| source.noted(written.as_ref().map(|text| source.local(key, text)).transpose());
    let span = |key, written: &Option<_>| source.noted(written.as_ref().map(|text| source.positive_duration(key, text)).transpose());
    let address = |key, written: &Option<_>| source.noted(written.as_ref().map(|text| source.address(key, text)).transpose());
    let allow = written.registry_allow.as_ref();
    let allow = allow.map(|text| source.word("registryAllow", text, &[("any", RegistryAllow::Any), ("listed", RegistryAllow::Listed)])).transpose();
    source.note_unknown(&written.unknown, FileWritten::KEYS);
    let repositories = repositories(source, written);
    let mut registries = registries(source, written, &repositories);
    registry.insecure_hosts.iter().for_each(|host| registries.call_insecure(host));
    registries.default_budget = budget(source, written, &registry);
    registries.ca_file = local("registryCaFile", &written.registry_ca_file);
    let state_in_file = local("state", &written.state);
    let docker_in_file = local("dockerConfig", &written.docker_config);
    let interval_in_file = span("registryPollInterval", &written.registry_poll_interval);
    Config {
        state: source.noted(state.or(state_in_file).or_else(|| environment.state_folder()).ok_or(ConfigError::NoStateFolder)),
        listen: address("listen", &written.listen).unwrap_or(defaults::LISTEN),
        listen_hooks: address("listenHooks", &written.listen_hooks),
        registry_allow: source.noted(allow).unwrap_or(RegistryAllow::Any),
        repositories,
        registries,
        registry_interval: registry.poll_interval.or(interval_in_file).unwrap_or(defaults::REGISTRY_INTERVAL),
        images: ImageFilter {
            include: either(registry.include_images, source.image_patterns(written.registry_include_images.as_ref())),
            exclude: either(registry.exclude_images, source.image_patterns(written.registry_exclude_images.as_ref())),
        },
        docker_config: registry.docker_config.or(docker_in_file).or_else(|| environment.docker_config().filter(|path| path.is_file())),
        kinds: written.kinds.iter().flatten().filter_map(|entry| kind(source, entry)).collect(),
        policies: source.locals("policies", written.policies.as_ref()).into_iter().chain(policies).collect(),
        timeout: timeout.or(span("timeout", &written.timeout)).unwrap_or(defaults::TIMEOUT),
        git_timeout: git.timeout.or(span("gitTimeout", &written.git_timeout)).unwrap_or(defaults::GIT_TIMEOUT),
        log: logged(source, written, log),
        lines: written.lines.clone(),
        git,
        file,
    }
}

fn either<T>(flag: Option<Vec<T>>, file: Vec<T>) -> Vec<T> {
    flag.unwrap_or(file)
}

fn repositories(source: &Source, written: &FileWritten) -> Vec<Repository> {
    let (mut names, mut branches) = (BTreeSet::new(), BTreeSet::new());
    let mut repositories = Vec::new();
    for entry in written.repositories.iter().flatten() {
        let repository = Repository::read(source, entry);
        let line = entry.value.name.as_ref().or(entry.value.url.as_ref()).map_or(1, line);
        // Without an address it is told already, and has neither name nor branch.
        if !repository.url.is_empty() {
            if !branches.insert((identity(&repository.url), repository.branch.clone())) {
                let hint = "leave one of them out, or give them different branches";
                source.noted::<()>(Err(source.wrong_with_hint(line, "two repositories have the same `url` and `branch`", hint)));
            } else if !names.insert(repository.name.clone()) {
                let what = format!("two repositories are called `{}`", repository.name);
                source.noted::<()>(Err(source.wrong_with_hint(line, what, "give one of them another `name`")));
            }
        }
        repositories.push(repository);
    }
    repositories
}

fn registries(source: &Source, written: &FileWritten, repositories: &[Repository]) -> Registries {
    let folder = source.path.parent().unwrap_or(Path::new(""));
    let mut registries = Registries::default();
    for entry in written.registries.iter().flatten() {
        source.note_unknown(&entry.value.unknown, registries::Written::KEYS);
        let line = entry.referenced.line();
        let read = RegistryEntry::try_from(entry.value.clone()).map_err(|why| source.wrong(line, why));
        let Some(entry) = source.noted(read.map(Some)) else { continue };
        let complete = repositories.iter().all(|repository| !repository.url.is_empty());
        for name in entry.serves.iter().filter(|name| complete && !repositories.iter().any(|repository| repository.name == **name)) {
            let hint = "`for` holds names of entries under `repositories`";
            source.noted::<()>(Err(source.wrong_with_hint(line, format!("no repository is called `{name}`"), hint)));
        }
        registries.entries.push(entry.based_at(folder));
    }
    for host in written.registry_insecure_hosts.iter().flatten() {
        if let Some(host) = source.noted(Prefix::parse(&host.value).map(Some).map_err(|why| source.wrong(self::line(host), why))) {
            registries.call_insecure(&host);
        }
    }
    registries
}

/// How hard a host may be asked: flags over the file.
fn budget(source: &Source, written: &FileWritten, flags: &RegistryOverrides) -> Budget {
    if let Some(rate) = written.registry_rps.as_ref().filter(|rate| !is_rate(rate.value)) {
        source.noted::<()>(Err(source.wrong(rate.referenced.line(), "`registryRps` is a number above 0")));
    }
    Budget {
        concurrency: flags.burst.or(written.registry_burst).map_or(defaults::BUDGET.concurrency, NonZeroU16::get),
        requests_per_second: flags
            .requests_per_second
            .or(written.registry_rps.as_ref().map(|rate| rate.value))
            .unwrap_or(defaults::BUDGET.requests_per_second),
    }
}

fn logged(source: &Source, written: &FileWritten, flags: LogOverrides) -> Log {
    let level = written.log_level.as_ref().map(|text| source.word("logLevel", text, LogLevel::WORDS)).transpose();
    let format = written.log_format.as_ref().map(|text| source.word("logFormat", text, LogFormat::WORDS)).transpose();
    Log {
        level: flags.level.or(source.noted(level)).unwrap_or(defaults::LOG.level),
        format: flags.format.or(source.noted(format)).unwrap_or(defaults::LOG.format),
    }
}

fn kind(source: &Source, entry: &Spanned<KindWritten>) -> Option<Kind> {
    let written = &entry.value;
    source.note_unknown(&written.unknown, KindWritten::KEYS);
    let (Some(api_version), Some(kind), Some(images)) = (&written.api_version, &written.kind, &written.images) else {
        return source.noted(Err(source.wrong(entry.referenced.line(), "a kind needs `apiVersion`, `kind` and `images`")));
    };
    for path in images.iter().filter(|path| path.value.split('.').any(str::is_empty)) {
        let what = "`images` holds a path with an empty part";
        source.noted::<()>(Err(source.wrong_with_hint(line(path), what, "write it as spec.image")));
    }
    let text = |key, text| source.noted(source.text(key, text));
    Some(Kind { api_version: text("apiVersion", api_version), kind: text("kind", kind), images: source.texts("images", Some(images)) })
}
