//! Where a repository is really asked, and with what.

use url::Url;

use super::{
    error::{Login, Problem},
    wire::{Trust, authority},
};
use crate::{
    config::{Credential, DockerConfig, Registries, RegistryEntry, is_loopback, registries::Security},
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
    pub(super) credential: Option<Credential>,
    /// Where the credential is written, for people; it also tells two credentials apart.
    pub(super) login: Login,
}

/// Where a repository is asked by the configuration.
///
/// # Errors
/// The secret that the configuration names cannot be read.
pub(super) fn place(repository: &Repository, registries: &Registries, docker: &DockerConfig) -> Result<Place, (Login, Problem)> {
    let listed = registries.entry_for(repository).and_then(|entry| entry.listed_as(repository));
    let repository = listed.unwrap_or_else(|| repository.clone());
    let entry = registries.entry_for(&repository);
    let bases = bases(&repository, entry);
    let (credential, login) = credential(&repository, entry, docker)?;
    let trust = entry.map_or(Trust::System, trust);
    Ok(Place { repository, bases, trust, credential, login })
}

/// Whose certificates an entry believes.
pub(super) fn trust(entry: &RegistryEntry) -> Trust {
    match (entry.security, &entry.ca_file) {
        (Security::Insecure, _) => Trust::Anyone,
        (Security::Verified, Some(file)) => Trust::Also(file.clone()),
        (Security::Verified, None) => Trust::System,
    }
}

/// Https everywhere; plain http after it where the entry says `insecure`, and instead of it on loopback without a reason to expect TLS.
fn bases(repository: &Repository, entry: Option<&RegistryEntry>) -> Vec<Url> {
    if let Some(endpoint) = entry.and_then(|entry| entry.endpoint.as_ref()) {
        return vec![endpoint.url().clone()];
    }
    let host = if &*repository.registry == "docker.io" { DOCKER_HUB } else { &repository.registry };
    let expects_tls = host.ends_with(":443") || entry.is_some_and(|entry| entry.ca_file.is_some());
    let schemes: &[&str] = match entry.map_or(Security::Verified, |entry| entry.security) {
        Security::Insecure => &["https", "http"],
        Security::Verified if is_loopback(host) && !expects_tls => &["http"],
        Security::Verified => &["https"],
    };
    schemes.iter().filter_map(|scheme| Url::parse(&format!("{scheme}://{host}/")).ok()).collect()
}

/// The entry's credential, else the Docker configuration's for the host that is really asked.
fn credential(
    repository: &Repository,
    entry: Option<&RegistryEntry>,
    docker: &DockerConfig,
) -> Result<(Option<Credential>, Login), (Login, Problem)> {
    if let Some((entry, source)) = entry.and_then(|entry| Some((entry, entry.credential.as_ref()?))) {
        let login = Login::From(format!("`registries:` ({})", entry.prefix));
        return match source.read() {
            Ok(credential) => Ok((Some(credential), login)),
            Err(error) => Err((login, Problem::Secret(error))),
        };
    }
    let asked = match entry.and_then(|entry| entry.endpoint.as_ref()) {
        Some(endpoint) => Repository { registry: authority(endpoint.url()).into(), path: repository.path.clone() },
        None => repository.clone(),
    };
    Ok(match docker.login_for(&asked) {
        Some((key, credential)) => (Some(credential.clone()), Login::From(format!("the Docker configuration ({key})"))),
        None => (None, Login::Anonymous),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Name;

    fn at(name: &str, entries: &str) -> Place {
        let registries: Registries = serde_json::from_str(entries).expect("registries");
        let docker =
            DockerConfig::parse(br#"{"auths":{"ghcr.io":{"username":"ghcr","password":"x"},"mirror.corp":{"username":"mirror","password":"x"}}}"#);
        place(&Name::parse(name).expect("a name").repository(), &registries, &docker.expect("a Docker configuration")).expect("a place")
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
    fn a_login_goes_to_the_host_it_was_given_for() {
        for (word, name, entries, login) in [
            ("its host", "ghcr.io/a/b", "[]", Some("ghcr.io")),
            ("another host", "quay.io/a/b", "[]", None),
            ("a mirror has its own", "ghcr.io/a/b", r#"[{"prefix":"ghcr.io","endpoint":"https://mirror.corp"}]"#, Some("mirror.corp")),
            ("a mirror without one", "ghcr.io/a/b", r#"[{"prefix":"ghcr.io","endpoint":"https://cache.corp"}]"#, None),
            ("listed elsewhere", "quay.io/a/b", r#"[{"prefix":"quay.io","listFrom":"ghcr.io"}]"#, Some("ghcr.io")),
        ] {
            let expected = login.map_or(Login::Anonymous, |key| Login::From(format!("the Docker configuration ({key})")));
            assert_eq!(at(name, entries).login, expected, "{word}");
        }
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_a_problem_of_its_entry() {
        let entries = r#"[{"prefix":"ghcr.io","tokenEnv":"TAGALONG_NO_SUCH_VARIABLE"}]"#;
        let registries: Registries = serde_json::from_str(entries).expect("registries");
        let repository = Name::parse("ghcr.io/a/b").expect("a name").repository();
        let (login, problem) = place(&repository, &registries, &DockerConfig::default()).expect_err("no secret");
        assert_eq!(login, Login::From("`registries:` (ghcr.io)".into()));
        assert!(matches!(problem, Problem::Secret(_)));
    }
}
