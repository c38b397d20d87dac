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
    RegistryAllow, RegistryOverrides, Repository, defaults,
    file::{self, FileWritten, KindWritten},
    registries::is_rate,
    source::{Source, line},
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
    let path = named.unwrap_or(Path::new(defaults::FILE));
    let (file, text) = match read_text(path) {
        Ok(text) => (Some(path.to_owned()), text),
        Err(ConfigError::Missing { .. }) if named.is_none() => (None, String::new()),
        Err(error) => return Err(error),
    };
    let source = Source { path: path.to_owned() };
    let written = file::parse(&source, &text)?;
    merge(&source, file, &written, overrides, environment)
}

impl Config {
    /// The defaults with these flags above them, and nothing of a file or of the environment.
    ///
    /// # Errors
    /// The flags say what cannot be, or name no state folder.
    pub fn of_overrides(overrides: Overrides) -> Result<Self, ConfigError> {
        let source = Source { path: PathBuf::from(defaults::FILE) };
        let written = file::parse(&source, "")?;
        merge(&source, None, &written, overrides, &Environment::default())
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
    source: &Source,
    file: Option<PathBuf>,
    written: &FileWritten,
    overrides: Overrides,
    environment: &Environment,
) -> Result<Config, ConfigError> {
    let Overrides { state, timeout, git, registry, log } = overrides;
    let local = |key, written: &Option<_>| written.as_ref().map(|text| source.local(key, text)).transpose();
    let span = |key, written: &Option<_>| written.as_ref().map(|text| source.positive_duration(key, text)).transpose();
    let address = |key, written: &Option<_>| written.as_ref().map(|text| source.address(key, text)).transpose();
    let allow = written.registry_allow.as_ref();
    let allow =
        allow.map(|text| source.word("registryAllow", text, &[("any", RegistryAllow::Any), ("listed", RegistryAllow::Listed)])).transpose()?;
    let repositories = repositories(source, written)?;
    let mut registries = registries(source, written, &repositories)?;
    registry.insecure_hosts.iter().for_each(|host| registries.call_insecure(host));
    registries.default_budget = budget(source, written, &registry)?;
    let state_in_file = local("state", &written.state)?;
    let docker_in_file = local("dockerConfig", &written.docker_config)?;
    let interval_in_file = span("registryPollInterval", &written.registry_poll_interval)?;
    Ok(Config {
        state: state.or(state_in_file).or_else(|| environment.state_folder()).ok_or(ConfigError::NoStateFolder)?,
        listen: address("listen", &written.listen)?.unwrap_or(defaults::LISTEN),
        listen_hooks: address("listenHooks", &written.listen_hooks)?,
        registry_allow: allow.unwrap_or(RegistryAllow::Any),
        repositories,
        registries,
        registry_interval: registry.poll_interval.or(interval_in_file).unwrap_or(defaults::REGISTRY_INTERVAL),
        images: ImageFilter {
            include: either(registry.include_images, source.image_patterns(written.registry_include_images.as_ref())?),
            exclude: either(registry.exclude_images, source.image_patterns(written.registry_exclude_images.as_ref())?),
        },
        docker_config: registry.docker_config.or(docker_in_file).or_else(|| environment.docker_config().filter(|path| path.is_file())),
        kinds: written.kinds.iter().flatten().map(|entry| kind(source, entry)).collect::<Result<_, _>>()?,
        policies: source.locals("policies", written.policies.as_ref())?,
        timeout: timeout.or(span("timeout", &written.timeout)?).unwrap_or(defaults::TIMEOUT),
        git_timeout: git.timeout.or(span("gitTimeout", &written.git_timeout)?).unwrap_or(defaults::GIT_TIMEOUT),
        log: logged(source, written, log)?,
        git,
        file,
    })
}

fn either<T>(flag: Option<Vec<T>>, file: Vec<T>) -> Vec<T> {
    flag.unwrap_or(file)
}

fn repositories(source: &Source, written: &FileWritten) -> Result<Vec<Repository>, ConfigError> {
    let mut names = BTreeSet::new();
    let mut repositories = Vec::new();
    for entry in written.repositories.iter().flatten() {
        let repository = Repository::read(source, entry)?;
        if !names.insert(repository.name.clone()) {
            let line = entry.value.name.as_ref().or(entry.value.url.as_ref()).map_or(1, line);
            return Err(source.wrong_with_hint(
                line,
                format!("two repositories are called `{}`", repository.name),
                "give one of them another `name`",
            ));
        }
        repositories.push(repository);
    }
    Ok(repositories)
}

fn registries(source: &Source, written: &FileWritten, repositories: &[Repository]) -> Result<Registries, ConfigError> {
    let folder = source.path.parent().unwrap_or(Path::new(""));
    let mut registries = Registries::default();
    for entry in written.registries.iter().flatten() {
        if let Some(name) = entry.value.serves.iter().find(|name| !repositories.iter().any(|repository| repository.name == **name)) {
            let hint = "`for` holds names of entries under `repositories`";
            return Err(source.wrong_with_hint(entry.referenced.line(), format!("no repository is called `{name}`"), hint));
        }
        registries.entries.push(entry.value.clone().based_at(folder));
    }
    for host in written.registry_insecure_hosts.iter().flatten() {
        registries.call_insecure(&Prefix::parse(&host.value).map_err(|why| source.wrong(line(host), why))?);
    }
    Ok(registries)
}

/// How hard a host may be asked: flags over the file.
fn budget(source: &Source, written: &FileWritten, flags: &RegistryOverrides) -> Result<Budget, ConfigError> {
    if let Some(rate) = written.registry_rps.as_ref().filter(|rate| !is_rate(rate.value)) {
        return Err(source.wrong(rate.referenced.line(), "`registryRps` is a number above 0"));
    }
    Ok(Budget {
        concurrency: flags.burst.or(written.registry_burst).map_or(defaults::BUDGET.concurrency, NonZeroU16::get),
        requests_per_second: flags
            .requests_per_second
            .or(written.registry_rps.as_ref().map(|rate| rate.value))
            .unwrap_or(defaults::BUDGET.requests_per_second),
    })
}

fn logged(source: &Source, written: &FileWritten, flags: LogOverrides) -> Result<Log, ConfigError> {
    let level = written.log_level.as_ref().map(|text| source.word("logLevel", text, LogLevel::WORDS)).transpose()?;
    let format = written.log_format.as_ref().map(|text| source.word("logFormat", text, LogFormat::WORDS)).transpose()?;
    Ok(Log { level: flags.level.or(level).unwrap_or(defaults::LOG.level), format: flags.format.or(format).unwrap_or(defaults::LOG.format) })
}

fn kind(source: &Source, entry: &Spanned<KindWritten>) -> Result<Kind, ConfigError> {
    let written = &entry.value;
    let (Some(api_version), Some(kind), Some(images)) = (&written.api_version, &written.kind, &written.images) else {
        return Err(source.wrong(entry.referenced.line(), "a kind needs `apiVersion`, `kind` and `images`"));
    };
    if let Some(path) = images.iter().find(|path| path.value.split('.').any(str::is_empty)) {
        return Err(source.wrong_with_hint(line(path), "`images` holds a path with an empty part", "write it as spec.image"));
    }
    Ok(Kind { api_version: source.text("apiVersion", api_version)?, kind: source.text("kind", kind)?, images: source.texts("images", Some(images))? })
}
