//! From the file and the flags to one configuration.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde_saphyr::Spanned;

use super::{
    Config, ConfigError, Environment, ImageFilter, Kind, Overrides, Pace, Registries, RegistryAllow, RegistryEntry, Repository, defaults,
    file::{self, FileWritten, KindWritten, RegistryWritten},
    source::{SignIn, Source, line},
    url::check_endpoint,
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
    let Overrides { state, timeout, git, registry } = overrides;
    let local = |key, written: &Option<_>| written.as_ref().map(|text| source.local(key, text)).transpose();
    let span = |key, written: &Option<_>| written.as_ref().map(|text| source.positive_duration(key, text)).transpose();
    let address = |key, written: &Option<_>| written.as_ref().map(|text| source.address(key, text)).transpose();
    let allow = written.registry_allow.as_ref();
    let allow =
        allow.map(|text| source.word("registryAllow", text, &[("any", RegistryAllow::Any), ("listed", RegistryAllow::Listed)])).transpose()?;
    let repositories = repositories(source, written)?;
    let mut registries = registries(source, written, &repositories)?;
    for host in source.texts("registryInsecureHosts", written.registry_insecure_hosts.as_ref())?.iter().chain(&registry.insecure_hosts) {
        call_insecure(&mut registries, host);
    }
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
        pace: Pace {
            interval: registry.poll_interval.or(interval_in_file).unwrap_or(defaults::REGISTRY_INTERVAL),
            requests_per_second: registry.requests_per_second.or(written.registry_rps).unwrap_or(defaults::REQUESTS_PER_SECOND),
            concurrency: registry.burst.or(written.registry_burst).unwrap_or(defaults::CONCURRENCY),
        },
        images: ImageFilter {
            include: either(registry.include_images, source.image_patterns(written.registry_include_images.as_ref())?),
            exclude: either(registry.exclude_images, source.image_patterns(written.registry_exclude_images.as_ref())?),
        },
        docker_config: registry.docker_config.or(docker_in_file).or_else(|| environment.docker_config().filter(|path| path.is_file())),
        kinds: written.kinds.iter().flatten().map(|entry| kind(source, entry)).collect::<Result<_, _>>()?,
        policies: source.locals("policies", written.policies.as_ref())?,
        timeout: timeout.or(span("timeout", &written.timeout)?).unwrap_or(defaults::TIMEOUT),
        git_timeout: git.timeout.or(span("gitTimeout", &written.git_timeout)?).unwrap_or(defaults::GIT_TIMEOUT),
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
    let entries = written.registries.iter().flatten().map(|entry| registry(source, entry, repositories));
    Ok(Registries { entries: entries.collect::<Result<_, _>>()? })
}

fn registry(source: &Source, entry: &Spanned<RegistryWritten>, repositories: &[Repository]) -> Result<RegistryEntry, ConfigError> {
    let written = &entry.value;
    let Some(prefix) = &written.prefix else {
        return Err(source.wrong(entry.referenced.line(), "a registry needs its `prefix`"));
    };
    for name in written.serves.iter().flatten() {
        if !repositories.iter().any(|repository| repository.name == name.value) {
            let hint = "`for` holds names of entries under `repositories`";
            return Err(source.wrong_with_hint(line(name), format!("no repository is called `{}`", name.value), hint));
        }
    }
    let text = source.text("prefix", prefix)?;
    if text.contains("://") || text.contains(['@', ' ']) || text.starts_with('/') || text.ends_with('/') {
        return Err(source.wrong_with_hint(line(prefix), "`prefix` is no name", "host[:port][/path], without a scheme: registry.corp:5000/team"));
    }
    let endpoint = written.endpoint.as_ref().map(|url| source.url("endpoint", url, "`https://` or `http://`", check_endpoint));
    Ok(RegistryEntry {
        for_: source.texts("for", written.serves.as_ref())?,
        endpoint: endpoint.transpose()?,
        list_from: written.list_from.as_ref().map(|name| source.text("listFrom", name)).transpose()?,
        insecure: written.insecure.unwrap_or(false),
        ca_file: written.ca_file.as_ref().map(|file| source.local("caFile", file)).transpose()?,
        credential: source.sign_in(&SignIn {
            username: written.username.as_ref(),
            password_file: written.password_file.as_ref(),
            password_env: written.password_env.as_ref(),
            token_file: written.token_file.as_ref(),
            token_env: written.token_env.as_ref(),
        })?,
        concurrency: written.concurrency,
        requests_per_second: written.requests_per_second,
        interval: written.interval.as_ref().map(|span| source.positive_duration("interval", span)).transpose()?,
        ..RegistryEntry::bare(text)
    })
}

/// Every entry of the host is insecure, and the host has one.
fn call_insecure(registries: &mut Registries, host: &str) {
    registries.entries.iter_mut().filter(|entry| entry.host() == host).for_each(|entry| entry.insecure = true);
    if !registries.entries.iter().any(|entry| entry.prefix == host) {
        registries.entries.push(RegistryEntry { insecure: true, ..RegistryEntry::bare(host.to_owned()) });
    }
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
