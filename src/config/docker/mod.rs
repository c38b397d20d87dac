//! The Docker configuration file: who is logged in where.

mod login;
mod trouble;

use std::{collections::BTreeMap, path::Path};

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use self::login::Login;
pub use self::trouble::{DockerConfigError, Notice};
use super::Credential;
use crate::image::Repository;

/// Docker Hub in these files.
const HUB: &str = "docker.io";
/// What else it is called there, the first as `docker login` writes it.
const HUB_NAMES: [&str; 3] = ["https://index.docker.io/v1/", "index.docker.io", HUB];

/// What a Docker configuration file says about credentials.
#[derive(Clone, Debug, Default)]
pub struct DockerConfig {
    logins: BTreeMap<String, Grant>,
    helpers: BTreeMap<String, Helper>,
    store: Option<Helper>,
    notices: Vec<Notice>,
}

/// What opens a registry.
#[derive(Clone, Debug)]
pub enum Grant {
    /// A credential as it is.
    Credential(Credential),
    /// A refresh token, for which a token service gives others.
    Identity {
        /// The user for a service that knows no refresh tokens; may be empty.
        user: String,
        /// The password for such a service.
        password: SecretString,
        /// The refresh token.
        token: SecretString,
    },
}

/// A program that knows credentials: `docker-credential-NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Helper(String);

/// Where a Docker configuration file has a credential.
#[derive(Clone, Copy, Debug)]
pub enum DockerSource<'a> {
    /// In itself.
    Login {
        /// The key in its normal form.
        key: &'a str,
        /// What stands there.
        grant: &'a Grant,
    },
    /// With a program.
    Helper {
        /// The key in its normal form.
        key: &'a str,
        /// The program.
        helper: &'a Helper,
    },
}

impl Helper {
    /// A helper of this name.
    ///
    /// # Errors
    /// It is none: only letters, digits, `.`, `_` and `-` are looked up as a program.
    pub fn parse(name: &str) -> Result<Self, &'static str> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match name {
            "" => Err("it is empty"),
            _ if name.len() > 100 => Err("it is longer than 100 letters"),
            _ if !name.chars().all(legal) => Err("it has other signs than letters, digits, `.`, `_` and `-`"),
            _ => Ok(Self(name.to_owned())),
        }
    }

    /// The program, which is looked for in the folders of `PATH`.
    pub fn program(&self) -> String {
        format!("docker-credential-{}", self.0)
    }
}

/// What a helper may know a key by, the likeliest first.
pub fn server_names(key: &str) -> Vec<&str> {
    if key == HUB { HUB_NAMES.to_vec() } else { vec![key] }
}

/// The file as Docker writes it; what is not about logins is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    auths: Option<BTreeMap<String, Option<Login>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
    /// The logins themselves where the file has the old form, `.dockercfg`; else settings that do not matter here.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl Written {
    /// The logins by host. The old form has no key but hosts.
    fn logins(&mut self) -> BTreeMap<String, Option<Login>> {
        if self.auths.is_some() || self.cred_helpers.is_some() || self.creds_store.is_some() {
            return self.auths.take().unwrap_or_default();
        }
        let login = |(host, value)| Some((host, Some(serde_json::from_value::<Login>(value).ok()?)));
        std::mem::take(&mut self.others).into_iter().filter_map(login).collect()
    }
}

impl DockerConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is no Docker configuration.
    pub fn load(path: &Path) -> Result<Self, DockerConfigError> {
        let bytes = std::fs::read(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => DockerConfigError::Missing { path: path.to_owned() },
            kind => DockerConfigError::Unreadable { path: path.to_owned(), reason: kind.to_string() },
        })?;
        Self::parse(&bytes).map_err(|(line, column)| DockerConfigError::Malformed { path: path.to_owned(), line, column })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// The line and column of what is not as Docker writes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, (usize, usize)> {
        let mut written: Written = serde_json::from_slice(bytes).map_err(|error| (error.line(), error.column()))?;
        let mut config = Self::default();
        for (host, login) in written.logins() {
            match login.unwrap_or_default().grant() {
                Ok(Some(grant)) => drop(config.logins.entry(normal_key(&host)).or_insert(grant)),
                Ok(None) => {}
                Err(()) => config.notices.push(Notice::MalformedLogin { host }),
            }
        }
        for (host, name) in written.cred_helpers.unwrap_or_default() {
            match Helper::parse(&name) {
                Ok(helper) => drop(config.helpers.entry(normal_key(&host)).or_insert(helper)),
                // Docker writes an empty name for "none".
                Err(_) if name.is_empty() => {}
                Err(_) => config.notices.push(Notice::IllegalHelper { host: Some(host), helper: name }),
            }
        }
        if let Some(name) = written.creds_store.filter(|name| !name.is_empty()) {
            match Helper::parse(&name) {
                Ok(helper) => config.store = Some(helper),
                Err(_) => config.notices.push(Notice::IllegalHelper { host: None, helper: name }),
            }
        }
        Ok(config)
    }

    /// Where credentials for a repository are: the longest key first, at each key the helper before the login, and last the store that is for every host.
    ///
    /// # Shape
    /// A host with a helper of its own has no other, as with Docker.
    pub fn sources<'a>(&'a self, repository: &'a Repository) -> Vec<DockerSource<'a>> {
        let mut sources = Vec::new();
        for key in keys(&repository.to_string()) {
            if let Some((key, helper)) = self.helpers.get_key_value(key) {
                sources.push(DockerSource::Helper { key, helper });
            }
            if let Some((key, grant)) = self.logins.get_key_value(key) {
                sources.push(DockerSource::Login { key, grant });
            }
        }
        let key = &*repository.registry;
        if let Some(helper) = self.store.as_ref().filter(|_| !self.helpers.contains_key(key)) {
            sources.push(DockerSource::Helper { key, helper });
        }
        sources
    }

    /// What stands in the file and is not used.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
}

/// A name and everything that it stands below, up to its host.
fn keys(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.rfind('/').map(|end| &name[..end]))
}

/// `https://index.docker.io/v1/` is `docker.io`: without scheme, API version and slash, the host in lower case, Docker Hub by one name.
fn normal_key(key: &str) -> String {
    let key = key.trim();
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key).trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    let (host, path) = bare.split_once('/').map_or((bare, ""), |(host, path)| (host, path));
    let host = match &*host.to_ascii_lowercase() {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        host => host.to_owned(),
    };
    if path.is_empty() { host } else { format!("{host}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Name;

    /// Where the credentials for a name are, in their order.
    fn sources(text: &str, name: &str) -> Vec<String> {
        let config = DockerConfig::parse(text.as_bytes()).expect("a Docker configuration");
        let repository = Name::parse(name).expect(name).repository();
        let shown = |source: &DockerSource| match source {
            DockerSource::Login { key, .. } => (*key).to_owned(),
            DockerSource::Helper { key, helper } => format!("{} {key}", helper.program()),
        };
        config.sources(&repository).iter().map(shown).collect()
    }

    #[test]
    fn keys_of_every_spelling_lead_to_their_host() {
        for (word, key, name) in [
            ("Docker Hub as docker login writes it", "https://index.docker.io/v1/", "redis"),
            ("Docker Hub's short name", "docker.io", "redis"),
            ("Docker Hub's server", "registry-1.docker.io", "acme/app"),
            ("scheme", "https://ghcr.io", "ghcr.io/acme/app"),
            ("version", "https://ghcr.io/v2/", "ghcr.io/acme/app"),
            ("plain http", "http://registry.corp:5000", "registry.corp:5000/app"),
            ("case", "GHCR.IO", "ghcr.io/acme/app"),
            ("path", "ghcr.io/acme", "ghcr.io/acme/app"),
            ("the repository", "ghcr.io/acme/app", "ghcr.io/acme/app"),
        ] {
            let login = format!(r#"{{"auths":{{"{key}":{{"username":"a","password":"b"}}}}}}"#);
            assert_eq!(sources(&login, name).len(), 1, "{word}");
            let helper = format!(r#"{{"credHelpers":{{"{key}":"x"}}}}"#);
            assert_eq!(sources(&helper, name).len(), 1, "{word}");
        }
    }

    #[test]
    fn sources_come_by_the_longest_key_and_the_store_last() {
        let login = r#"{"username":"a","password":"b"}"#;
        let text = format!(
            r#"{{"auths":{{"ghcr.io":{login},"ghcr.io/acme":{login},"quay.io":{{}}}},"credHelpers":{{"ghcr.io":"own","gcr.io":"gcloud"}},"credsStore":"desktop"}}"#
        );
        for (word, name, expected) in [
            ("each key", "ghcr.io/acme/app", &["ghcr.io/acme", "docker-credential-own ghcr.io", "ghcr.io"][..]),
            ("half a part of a key", "ghcr.io/acmes/app", &["docker-credential-own ghcr.io", "ghcr.io"]),
            ("a helper in place of the store", "gcr.io/acme/app", &["docker-credential-gcloud gcr.io"]),
            ("an empty login", "quay.io/acme/app", &["docker-credential-desktop quay.io"]),
            ("another port", "ghcr.io:443/acme/app", &["docker-credential-desktop ghcr.io:443"]),
            ("Docker Hub", "redis", &["docker-credential-desktop docker.io"]),
            ("a path that looks like a host", "evil.example/ghcr.io/acme", &["docker-credential-desktop evil.example"]),
        ] {
            assert_eq!(sources(&text, name), expected, "{word}");
        }
        assert_eq!(sources(r#"{"auths":null,"credHelpers":null,"credsStore":"","HttpHeaders":{}}"#, "redis"), [""; 0]);
    }

    #[test]
    fn the_old_form_has_its_logins_at_the_top() {
        // What `docker login` of old wrote, and what Kubernetes keeps as `kubernetes.io/dockercfg`.
        let login = r#"{"auth":"YTpi","email":"a@example.com"}"#;
        for (word, text, name, expected) in [
            ("Docker Hub", format!(r#"{{"https://index.docker.io/v1/":{login}}}"#), "redis", &["docker.io"][..]),
            ("a host", format!(r#"{{"ghcr.io":{{"username":"a","password":"b"}},"quay.io":{login}}}"#), "ghcr.io/acme/app", &["ghcr.io"]),
            ("the new form beside it", format!(r#"{{"auths":{{}},"ghcr.io":{login}}}"#), "ghcr.io/acme/app", &[]),
            ("settings", r#"{"HttpHeaders":{"User-Agent":"x"},"detachKeys":"ctrl-x","experimental":true}"#.to_owned(), "ghcr.io/acme/app", &[]),
        ] {
            assert_eq!(sources(&text, name), expected, "{word}");
            assert_eq!(DockerConfig::parse(text.as_bytes()).expect(word).notices(), [], "{word}");
        }
    }

    #[test]
    fn docker_hub_has_several_names() {
        assert_eq!(server_names("docker.io"), ["https://index.docker.io/v1/", "index.docker.io", "docker.io"]);
        assert_eq!(server_names("ghcr.io"), ["ghcr.io"]);
    }

    #[test]
    fn a_helper_is_named_by_letters_and_never_by_a_path() {
        for (name, legal) in [
            ("ecr-login", true),
            ("gcr", true),
            ("secretservice_2.0", true),
            ("", false),
            ("../evil", false),
            ("a/b", false),
            ("a\\b", false),
            ("a b", false),
            ("a\0b", false),
            ("é", false),
            (&*"a".repeat(101), false),
        ] {
            assert_eq!(Helper::parse(name).is_ok(), legal, "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_noticed() {
        let text = br#"{"auths":{"ghcr.io":{"auth":"%"},"quay.io":null},"credHelpers":{"gcr.io":"../gcloud","a.corp":""},"credsStore":"desk top"}"#;
        let config = DockerConfig::parse(text).expect("a file");
        let notices: Vec<String> = config.notices().iter().map(Notice::to_string).collect();
        assert_eq!(
            notices,
            [
                "the login for `ghcr.io` in the Docker configuration cannot be read",
                "the credential helper for `gcr.io` in the Docker configuration is not used: `../gcloud` is no name of a program",
                "the credential store in the Docker configuration is not used: `desk top` is no name of a program",
            ]
        );
    }

    #[test]
    fn a_broken_file_is_told_without_its_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.json");
        assert!(matches!(DockerConfig::load(&path), Err(DockerConfigError::Missing { .. })));
        std::fs::write(&path, "{\n\"auths\": \"hunter2\"}").expect("written");
        let error = DockerConfig::load(&path).expect_err("a broken file").to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
        assert!(DockerConfig::load(folder.path()).expect_err("a folder").to_string().contains("is a directory"));
    }
}
