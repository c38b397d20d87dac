//! Where a repository is really asked, and with what.

use url::Url;

use super::{
    client::Settings,
    error::Problem,
    login::{Candidate, Login, candidates},
    wire::{Authorities, Trust, authority},
};
use crate::{
    config::{Grant, RegistryAllow, RegistryEntry, is_loopback, registries::Security},
    image::Repository,
};

/// Where Docker Hub's API is.
pub(super) const DOCKER_HUB: &str = "registry-1.docker.io";

/// Where a repository is asked.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The repository whose tags and manifests are read there.
    pub(super) repository: Repository,
    /// The roots of the API that may be tried, in this order.
    pub(super) bases: Vec<Url>,
    pub(super) trust: Trust,
    /// What the requests sign in with.
    pub(super) credential: Option<Grant>,
    /// Where the credential is configured.
    pub(super) login: Login,
}

/// Where a repository is asked by the configuration, without a credential, and what may be tried as one.
///
/// # Errors
/// The configuration does not let it be asked.
pub(super) fn place(repository: &Repository, settings: &Settings) -> Result<(Place, Vec<Candidate>), Problem> {
    let registries = &settings.registries;
    if settings.allow == RegistryAllow::Listed && !registries.lists(&repository.registry) {
        return Err(Problem::NotListed { host: repository.registry.to_string() });
    }
    let listed = registries.entry_for(repository).and_then(|entry| entry.listed_as(repository));
    let repository = listed.unwrap_or_else(|| repository.clone());
    let entry = registries.entry_for(&repository);
    let bases = bases(&repository, entry);
    let asked = match entry.and_then(|entry| entry.endpoint.as_ref()) {
        Some(endpoint) => Repository { registry: authority(endpoint.url()).into(), path: repository.path.clone() },
        None => repository.clone(),
    };
    let candidates = candidates(&asked, entry, &settings.docker);
    let trust = entry.map_or(Trust { authorities: Authorities::System, shows: None }, trust);
    Ok((Place { repository, bases, trust, credential: None, login: Login::Anonymous }, candidates))
}

/// What a client has to sign in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// A credential is configured.
    Configured,
    /// None is.
    Nobody,
    /// The registry may not be asked at all.
    Unlisted,
}

/// What a client of these settings would sign in with to ask for a repository; nobody is asked.
pub fn sign_in(repository: &Repository, settings: &Settings) -> SignIn {
    match place(repository, settings) {
        Ok((_, candidates)) if candidates.iter().any(|candidate| candidate.login != Login::Anonymous) => SignIn::Configured,
        Ok(_) => SignIn::Nobody,
        Err(_) => SignIn::Unlisted,
    }
}

/// Whom an entry believes, and what it shows.
pub(super) fn trust(entry: &RegistryEntry) -> Trust {
    let authorities = match (entry.security, &entry.ca_file) {
        (Security::Insecure, _) => Authorities::Anyone,
        (Security::Verified, Some(file)) => Authorities::Also(file.clone()),
        (Security::Verified, None) => Authorities::System,
    };
    Trust { authorities, shows: entry.client_certificate.clone() }
}

/// Https everywhere; plain http after it where the entry says `insecure`, and instead of it on loopback without a reason to expect TLS.
fn bases(repository: &Repository, entry: Option<&RegistryEntry>) -> Vec<Url> {
    if let Some(endpoint) = entry.and_then(|entry| entry.endpoint.as_ref()) {
        return vec![endpoint.url().clone()];
    }
    let host = if &*repository.registry == "docker.io" { DOCKER_HUB } else { &repository.registry };
    let expects_tls = host.ends_with(":443") || entry.is_some_and(|entry| entry.ca_file.is_some() || entry.client_certificate.is_some());
    let schemes: &[&str] = match entry.map_or(Security::Verified, |entry| entry.security) {
        Security::Insecure => &["https", "http"],
        Security::Verified if is_loopback(host) && !expects_tls => &["http"],
        Security::Verified => &["https"],
    };
    schemes.iter().filter_map(|scheme| Url::parse(&format!("{scheme}://{host}/")).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{DockerConfig, Patience},
        image::Name,
        registry::Where,
    };

    /// What a Docker configuration says in these tests.
    const DOCKER: &str = r#"{"auths":{"ghcr.io":{"username":"a","password":"x"},"ghcr.io/acme":{"username":"b","password":"x"},
        "mirror.corp":{"username":"c","password":"x"}},"credHelpers":{"gcr.io":"gcloud"},"credsStore":"pass"}"#;

    fn asked(name: &str, entries: &str, allow: RegistryAllow) -> Result<(Place, Vec<Candidate>), Problem> {
        let settings = Settings {
            registries: serde_json::from_str(entries).expect("registries"),
            docker: DockerConfig::parse(DOCKER.as_bytes()).expect("a Docker configuration"),
            patience: Patience::default(),
            allow,
            addresses: Where::Anywhere,
            clock: std::sync::Arc::new(|| jiff::Timestamp::UNIX_EPOCH),
        };
        place(&Name::parse(name).expect("a name").repository(), &settings)
    }

    fn at(name: &str, entries: &str) -> Place {
        asked(name, entries, RegistryAllow::Any).expect("a place").0
    }

    #[test]
    fn the_scheme_is_https_but_where_plain_http_is_allowed() {
        for (word, name, entries, bases) in [
            ("anywhere", "quay.io/a/b", "[]", &["https://quay.io/"][..]),
            ("Docker Hub", "redis", "[]", &["https://registry-1.docker.io/"]),
            ("loopback", "localhost:5000/a", "[]", &["http://localhost:5000/"]),
            ("IPv6 loopback", "[::1]:5000/a", "[]", &["http://[::1]:5000/"]),
            ("loopback with the TLS port", "localhost:443/a", "[]", &["https://localhost/"]),
            ("loopback with an authority", "localhost:5000/a", r#"[{"prefix":"localhost:5000","caFile":"ca.pem"}]"#, &["https://localhost:5000/"]),
            ("insecure", "r.corp/a", r#"[{"prefix":"r.corp","insecure":true}]"#, &["https://r.corp/", "http://r.corp/"]),
            ("endpoint", "r.corp/a", r#"[{"prefix":"r.corp","endpoint":"https://mirror.corp:8443"}]"#, &["https://mirror.corp:8443/"]),
            ("listed elsewhere", "r.corp/a", r#"[{"prefix":"r.corp","listFrom":"quay.io/x"}]"#, &["https://quay.io/"]),
        ] {
            let found: Vec<String> = at(name, entries).bases.iter().map(Url::to_string).collect();
            assert_eq!(found, bases, "{word}");
        }
    }

    #[test]
    fn credentials_are_tried_in_this_order_and_only_at_their_host() {
        let entry = |rest: &str| format!(r#"[{{"prefix":"ghcr.io",{rest}}}]"#);
        let own = r#""tokenEnv":"TOKEN""#;
        let store = |host: &str| format!("the credential helper `docker-credential-pass` ({host})");
        let docker = |key: &str| format!("the Docker configuration ({key})");
        for (word, name, entries, expected) in [
            ("by the longest key", "ghcr.io/acme/b", "[]".to_owned(), vec![docker("ghcr.io/acme"), docker("ghcr.io"), store("ghcr.io")]),
            ("the entry's own first", "ghcr.io/a/b", entry(own), vec!["`registries:` (ghcr.io)".to_owned(), docker("ghcr.io"), store("ghcr.io")]),
            ("an entry without one", "ghcr.io/a/b", entry(r#""concurrency":1"#), vec![docker("ghcr.io"), store("ghcr.io")]),
            ("a helper of its own", "gcr.io/a/b", "[]".to_owned(), vec!["the credential helper `docker-credential-gcloud` (gcr.io)".to_owned()]),
            ("another host", "quay.io/a/b", entry(own), vec![store("quay.io")]),
            ("a mirror has its own", "ghcr.io/a/b", entry(r#""endpoint":"https://mirror.corp""#), vec![docker("mirror.corp"), store("mirror.corp")]),
            ("a mirror without one", "ghcr.io/a/b", entry(r#""endpoint":"https://cache.corp""#), vec![store("cache.corp")]),
            (
                "listed elsewhere",
                "quay.io/a/b",
                r#"[{"prefix":"quay.io","listFrom":"ghcr.io","tokenEnv":"TOKEN"}]"#.to_owned(),
                vec![docker("ghcr.io"), store("ghcr.io")],
            ),
        ] {
            let (_, candidates) = asked(name, &entries, RegistryAllow::Any).expect(word);
            let found: Vec<String> = candidates.iter().map(|candidate| candidate.login.to_string()).collect();
            assert_eq!(found, [expected, vec!["no credential".to_owned()]].concat(), "{word}");
        }
    }

    #[test]
    fn a_host_that_is_not_listed_is_asked_where_all_are_allowed() {
        let entries = r#"[{"prefix":"ghcr.io/acme","endpoint":"https://mirror.corp","listFrom":"quay.io"}]"#;
        for (word, name, listed) in [
            ("listed", "ghcr.io/acme/app", true),
            ("the same host", "ghcr.io/other/app", true),
            ("the place that is asked", "mirror.corp/app", true),
            ("the place that is listed from", "quay.io/acme/app", true),
            ("another host", "gcr.io/acme/app", false),
            ("Docker Hub", "redis", false),
            ("this machine", "localhost:5000/app", false),
        ] {
            assert!(asked(name, entries, RegistryAllow::Any).is_ok(), "{word}");
            let refused = asked(name, entries, RegistryAllow::Listed).err();
            assert_eq!(refused.is_none(), listed, "{word}: {refused:?}");
            assert!(refused.is_none_or(|problem| matches!(problem, Problem::NotListed { .. })), "{word}");
        }
    }
}
