//! The Docker configuration file: who is logged in where.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::SecretString;
use serde::Deserialize;
use thiserror::Error;

use super::Credential;
use crate::{image::Repository, policy::Blame};

/// What a Docker configuration file says about credentials.
#[derive(Clone, Debug, Default)]
pub struct DockerConfig {
    logins: BTreeMap<String, Credential>,
    notices: Vec<Notice>,
}

/// Something in a Docker configuration file that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A helper for one host.
    HelperNotUsed {
        /// The host as the file has it.
        host: String,
        /// The helper's name.
        helper: String,
    },
    /// A helper for every host.
    StoreNotUsed {
        /// The helper's name.
        helper: String,
    },
    /// A refresh token.
    IdentityTokenNotUsed {
        /// The host as the file has it.
        host: String,
    },
    /// A login that cannot be read.
    MalformedLogin {
        /// The host as the file has it.
        host: String,
    },
}

/// Why a Docker configuration file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DockerConfigError {
    /// There is no such file.
    #[error("cannot read the Docker configuration `{}`: there is no such file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read the Docker configuration `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// It is no such file. The text is not quoted, it may hold secrets.
    #[error("cannot read the Docker configuration `{}`: line {line}, column {column} is not as Docker writes it", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
}

impl DockerConfigError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some("name a file that `docker login` wrote, or give the registry a credential under `registries:`".to_owned())
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HelperNotUsed { host, helper } => {
                write!(f, "the credential helper `{}` for `{}` in the Docker configuration is not used yet", safe(helper), safe(host))
            }
            Self::StoreNotUsed { helper } => write!(f, "the credential store `{}` in the Docker configuration is not used yet", safe(helper)),
            Self::IdentityTokenNotUsed { host } => {
                write!(f, "the identity token for `{}` in the Docker configuration is not used yet", safe(host))
            }
            Self::MalformedLogin { host } => write!(f, "the login for `{}` in the Docker configuration cannot be read", safe(host)),
        }
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
        let written: Written = serde_json::from_slice(bytes).map_err(|error| (error.line(), error.column()))?;
        let mut config = Self::default();
        for (host, login) in written.auths.unwrap_or_default() {
            config.add(host, login.unwrap_or_default());
        }
        let helpers = written.cred_helpers.unwrap_or_default().into_iter();
        config.notices.extend(helpers.map(|(host, helper)| Notice::HelperNotUsed { host, helper }));
        config.notices.extend(written.creds_store.filter(|helper| !helper.is_empty()).map(|helper| Notice::StoreNotUsed { helper }));
        Ok(config)
    }

    /// The login for a repository, with the file's key in its normal form: the longest key wins.
    pub fn login_for(&self, repository: &Repository) -> Option<(&str, &Credential)> {
        let name = repository.to_string();
        let mut key = name.as_str();
        loop {
            if let Some((key, credential)) = self.logins.get_key_value(key) {
                return Some((key, credential));
            }
            key = &key[..key.rfind('/')?];
        }
    }

    /// What stands in the file and is not used.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    fn add(&mut self, host: String, login: Login) {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (user, password) = (given(login.username), given(login.password));
        let credential = match (given(login.registrytoken), given(login.auth), user, password) {
            (Some(token), ..) => Some(Credential::Token(SecretString::from(token))),
            (None, _, Some(user), Some(password)) => Some(Credential::Basic { user, password: SecretString::from(password) }),
            (None, Some(auth), ..) => decoded(&auth),
            _ => None,
        };
        let empty = credential.as_ref().is_none_or(|credential| matches!(credential, Credential::Basic { user, .. } if user == "<token>"));
        if given(login.identitytoken).is_some() {
            self.notices.push(Notice::IdentityTokenNotUsed { host: host.clone() });
            if empty {
                return;
            }
        }
        match credential {
            Some(credential) => drop(self.logins.entry(normal_key(&host)).or_insert(credential)),
            None if login.written => self.notices.push(Notice::MalformedLogin { host }),
            None => {}
        }
    }
}

/// The file as Docker writes it; what is not about logins is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    auths: Option<BTreeMap<String, Option<Login>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(from = "Fields")]
struct Login {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
    /// Whether any of the fields is there: a credential store leaves an empty login behind.
    written: bool,
}

#[derive(Deserialize)]
struct Fields {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl From<Fields> for Login {
    fn from(fields: Fields) -> Self {
        let Fields { auth, username, password, identitytoken, registrytoken } = fields;
        let written = [&auth, &username, &password].into_iter().flatten().any(|text| !text.is_empty());
        Self { auth, username, password, identitytoken, registrytoken, written }
    }
}

/// `user:password` in base 64, with or without padding.
fn decoded(auth: &str) -> Option<Credential> {
    let engine = GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));
    let text = String::from_utf8(engine.decode(auth.trim()).ok()?).ok()?;
    let (user, password) = text.trim_matches('\0').split_once(':')?;
    let usable = !user.is_empty() && !password.is_empty();
    usable.then(|| Credential::Basic { user: user.to_owned(), password: SecretString::from(password) })
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

/// A key of the file for a person's eyes.
fn safe(text: &str) -> String {
    text.chars().take(100).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::image::Name;

    fn user_and_password(credential: &Credential) -> String {
        match credential {
            Credential::Basic { user, password } => format!("{user}:{}", password.expose_secret()),
            Credential::Token(token) => format!("token {}", token.expose_secret()),
        }
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
            let text = format!(r#"{{"auths":{{"{key}":{{"username":"a","password":"b"}}}}}}"#);
            let config = DockerConfig::parse(text.as_bytes()).expect(word);
            let login = config.login_for(&Name::parse(name).expect(name).repository());
            assert!(login.is_some(), "{word}");
        }
    }

    #[test]
    fn the_longest_key_wins_and_another_host_gets_nothing() {
        let text = r#"{"auths":{"ghcr.io":{"username":"host","password":"x"},"ghcr.io/acme":{"username":"path","password":"x"}}}"#;
        let config = DockerConfig::parse(text.as_bytes()).expect("a file");
        for (name, user) in [
            ("ghcr.io/acme/app", Some("path:x")),
            ("ghcr.io/acmes/app", Some("host:x")),
            ("ghcr.io:443/acme/app", None),
            ("evil.example/ghcr.io/acme", None),
        ] {
            let login = config.login_for(&Name::parse(name).expect(name).repository());
            assert_eq!(login.map(|(_, credential)| user_and_password(credential)).as_deref(), user, "{name}");
        }
    }

    #[test]
    fn a_login_is_written_in_one_of_these_ways() {
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        for (word, login, credential, notice) in [
            ("base 64", format!(r#"{{"auth":"{}"}}"#, encoded("a:b")), Some("a:b"), None),
            ("without padding", r#"{"auth":"YTpi"}"#.to_owned(), Some("a:b"), None),
            ("colon in the password", format!(r#"{{"auth":"{}"}}"#, encoded("a:b:c")), Some("a:b:c"), None),
            ("words", r#"{"username":"a","password":"b","email":"x"}"#.to_owned(), Some("a:b"), None),
            ("token", r#"{"registrytoken":"t"}"#.to_owned(), Some("token t"), None),
            ("left by a credential store", "{}".to_owned(), None, None),
            ("null", "null".to_owned(), None, None),
            ("not base 64", r#"{"auth":"%"}"#.to_owned(), None, Some("cannot be read")),
            ("no colon", format!(r#"{{"auth":"{}"}}"#, encoded("ab")), None, Some("cannot be read")),
            ("identity token", format!(r#"{{"auth":"{}","identitytoken":"t"}}"#, encoded("<token>:x")), None, Some("identity token for `ghcr.io`")),
        ] {
            let config = DockerConfig::parse(format!(r#"{{"auths":{{"ghcr.io":{login}}}}}"#).as_bytes()).expect(word);
            let found = config.login_for(&Name::parse("ghcr.io/acme/app").expect("a name").repository());
            assert_eq!(found.map(|(_, credential)| user_and_password(credential)).as_deref(), credential, "{word}");
            let notices: Vec<String> = config.notices().iter().map(Notice::to_string).collect();
            assert_eq!(notices.len(), usize::from(notice.is_some()), "{word}: {notices:?}");
            assert!(notices.iter().all(|text| text.contains(notice.unwrap_or_default())), "{word}: {notices:?}");
        }
    }

    #[test]
    fn helpers_are_noticed() {
        let config = DockerConfig::parse(br#"{"credHelpers":{"gcr.io":"gcloud"},"credsStore":"desktop","HttpHeaders":{}}"#).expect("a file");
        let notices: Vec<String> = config.notices().iter().map(Notice::to_string).collect();
        assert_eq!(
            notices,
            [
                "the credential helper `gcloud` for `gcr.io` in the Docker configuration is not used yet",
                "the credential store `desktop` in the Docker configuration is not used yet",
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
