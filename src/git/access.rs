//! What it takes to come to a repository, read from what the configuration names.

use std::{
    fs, io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;
use thiserror::Error;

use super::{
    app::{App, AppKey, AppKeyError},
    authority::{Authority, AuthorityError, Trust},
    http::HttpAccess,
    location::Location,
    remote::{Credentials, Scheme},
    sign::{Signer, SignerError},
    ssh::{self, KeyError, KnownHosts, PrivateKey, SshAccess},
};
use crate::{
    config::{Credential, CredentialSource, Environment, Lines, Repository, SecretError, SecretSource},
    net::{CertificateError, Identity},
    policy::Blame,
};

/// What it takes to come to a repository.
#[derive(Clone, Debug)]
pub struct Access {
    /// The state folder, where mirrors live.
    pub state: PathBuf,
    /// What is configured to sign in with over http; a password in the URL wins.
    pub credentials: Option<Credentials>,
    /// The GitHub App that signs in over http, where nothing else is configured to.
    pub app: Option<App>,
    /// What it takes to talk over SSH.
    pub ssh: SshAccess,
    /// What it takes to talk over http.
    pub http: HttpAccess,
}

/// Why something that the configuration names cannot be used.
#[derive(Debug, Error)]
pub enum AccessError {
    /// A password, token or passphrase cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The SSH key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key that signs commits cannot be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The GitHub App's key cannot be used.
    #[error(transparent)]
    AppKey(#[from] AppKeyError),
    /// The certificate authority cannot be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The client certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No ssh-agent answers.
    #[error("cannot ask the ssh-agent at `{}`", socket.display())]
    Agent {
        /// Its socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The known hosts cannot be read.
    #[error("cannot read the known hosts in `{}`", path.display())]
    KnownHosts {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Access {
    /// Nothing to sign in with.
    pub fn anonymous(state: PathBuf) -> Self {
        Self { state, credentials: None, app: None, ssh: SshAccess::default(), http: HttpAccess::default() }
    }

    /// Reads what this way to the repository needs, and nothing else; with it come notes for the person.
    ///
    /// # Errors
    /// A secret, a key, a certificate or the known hosts cannot be read.
    pub fn prepare(
        location: &Location,
        repository: &Repository,
        state: PathBuf,
        environment: &Environment,
    ) -> Result<(Self, Vec<String>), AccessError> {
        let (mut access, mut notes) = (Self::anonymous(state), Vec::new());
        let Location::Remote(url) = location else { return Ok((access, notes)) };
        match url.scheme() {
            Scheme::Ssh => {
                access.ssh = ssh_access(repository, environment, &mut notes)?;
                if repository.credential.is_some() {
                    notes.push(format!("`{url}` is spoken to over SSH: its password or token is not used"));
                }
                if repository.github_app.is_some() {
                    notes.push(format!("`{url}` is spoken to over SSH: its `githubApp` is not used"));
                }
            }
            Scheme::Https | Scheme::Http => {
                access.credentials = repository.credential.as_ref().map(CredentialSource::read).transpose()?.map(Credentials::from);
                access.http =
                    HttpAccess { trust: trust(repository)?, identity: repository.client_certificate.as_ref().map(Identity::read).transpose()? };
                if let Some(app) = repository.github_app.as_ref().filter(|_| url.credentials(None).is_none()) {
                    let (app, warning) = App::read(app, url, &access.http)?;
                    access.app = Some(app);
                    notes.extend(warning);
                }
                if let Some(key) = [repository.ssh_key_file.as_ref().map(|_| "sshKeyFile"), repository.ssh_key_env.as_ref().map(|_| "sshKeyEnv")]
                    .into_iter()
                    .flatten()
                    .next()
                {
                    notes.push(format!("`{url}` is not spoken to over SSH: its `{key}` is not used"));
                }
            }
            Scheme::File => {}
        }
        Ok((access, notes))
    }
}

/// What an entry of the configuration names, and cannot be used; or can, with a warning. All of it is looked at, whatever way leads to the repository.
#[derive(Debug)]
pub struct Examined {
    /// The key that names it.
    pub key: &'static str,
    /// What is wrong: an error, or a warning for the person.
    pub finding: Result<String, AccessError>,
}

/// What signs the commits of a repository, where something does; with it come notes for the person.
///
/// # Errors
/// The key or its passphrase cannot be read.
pub fn signer(repository: &Repository) -> Result<(Option<Arc<Signer>>, Option<String>), AccessError> {
    let Some(path) = &repository.commit.signing_key_file else { return Ok((None, None)) };
    let passphrase = repository.commit.signing_passphrase.as_ref().map(SecretSource::read).transpose()?;
    let (signer, warning) = Signer::read(path, passphrase.as_ref())?;
    Ok((Some(Arc::new(signer)), warning))
}

/// Looks at every file and variable that an entry names, and asks nobody.
pub fn examine(repository: &Repository) -> Vec<Examined> {
    let written = |keys| written_in(&repository.lines, keys);
    let mut findings = Vec::new();
    let mut note = |key, finding: Result<Option<String>, AccessError>| {
        findings.extend(finding.transpose().map(|finding| Examined { key, finding }));
    };
    match repository.ssh_passphrase.as_ref().map(SecretSource::read).transpose() {
        Ok(passphrase) => {
            if let Some(path) = &repository.ssh_key_file {
                let read = PrivateKey::read(path, passphrase);
                note("sshKeyFile", read.map(|(_, exposure)| exposure.warning(path)).map_err(AccessError::from));
            } else if let Some(name) = &repository.ssh_key_env {
                note("sshKeyEnv", key_of_variable(name, passphrase).map(|_| None));
            }
        }
        Err(error) => note(written(&["sshPassphraseFile", "sshPassphraseEnv"]), Err(error.into())),
    }
    if let Some(path) = &repository.known_hosts_file {
        let empty = |hosts: KnownHosts| hosts.is_empty().then(|| format!("`{}` tells no host key", path.display()));
        note("knownHostsFile", known_hosts(path).map(empty).map_err(|source| AccessError::KnownHosts { path: path.clone(), source }));
    }
    if let Some(Err(error)) = repository.credential.as_ref().map(CredentialSource::read) {
        note(written(&["passwordFile", "passwordEnv", "tokenFile", "tokenEnv"]), Err(error.into()));
    }
    if let Some(Err(error)) = repository.ca_file.as_deref().map(Authority::read) {
        note("caFile", Err(error.into()));
    }
    if let Some(app) = &repository.github_app {
        let read = AppKey::read(&app.key).map(|(_, warning)| warning).map_err(AccessError::from);
        note(written_in(&app.lines, &["privateKeyFile", "privateKeyEnv"]), read);
    }
    if let Some(Err(error)) = repository.client_certificate.as_ref().map(Identity::read) {
        note("clientCertFile", Err(error.into()));
    }
    let secret = |error: &AccessError| matches!(error, AccessError::Secret(_));
    match signer(repository) {
        Err(error) if secret(&error) => note(written_in(&repository.commit.lines, &["signingPassphraseFile", "signingPassphraseEnv"]), Err(error)),
        read => note("signingKeyFile", read.map(|(_, warning)| warning)),
    }
    findings
}

/// The first of these keys that is written.
fn written_in(lines: &Lines, keys: &[&'static str]) -> &'static str {
    keys.iter().copied().find(|key| lines.of(key).is_some()).unwrap_or(keys[0])
}

fn trust(repository: &Repository) -> Result<Trust, AuthorityError> {
    Ok(match &repository.ca_file {
        _ if repository.insecure => Trust::Anything,
        Some(path) => Trust::Also(Authority::read(path)?),
        None => Trust::System,
    })
}

fn ssh_access(repository: &Repository, environment: &Environment, notes: &mut Vec<String>) -> Result<SshAccess, AccessError> {
    let own = environment.identity().filter(|path| path.is_file());
    let passphrase = || repository.ssh_passphrase.as_ref().map(SecretSource::read).transpose();
    let identity = match (&repository.ssh_key_env, repository.ssh_key_file.as_ref().or(own.as_ref())) {
        (Some(name), _) => ssh::Identity::Key(Box::new(key_of_variable(name, passphrase()?)?)),
        (None, Some(path)) => {
            let (key, exposure) = PrivateKey::read(path, passphrase()?)?;
            notes.extend(exposure.warning(path));
            ssh::Identity::Key(Box::new(key))
        }
        (None, None) => match environment.variable("SSH_AUTH_SOCK").map(PathBuf::from) {
            Some(socket) => {
                UnixStream::connect(&socket).map_err(|source| AccessError::Agent { socket, source })?;
                ssh::Identity::Agent
            }
            None => ssh::Identity::Nothing,
        },
    };
    let known_hosts = host_keys(repository, environment)?;
    Ok(SshAccess { identity, known_hosts: Arc::new(known_hosts) })
}

/// The key that a variable holds: it has many lines, as no other secret.
fn key_of_variable(name: &str, passphrase: Option<SecretString>) -> Result<PrivateKey, AccessError> {
    Ok(PrivateKey::of_variable(name, &variable(name)?, passphrase)?)
}

/// The text of a variable that holds a key.
///
/// # Errors
/// It is not set, or no text.
pub fn variable(name: &str) -> Result<String, SecretError> {
    let told = |error| {
        let reason = if error == std::env::VarError::NotPresent { "it is not set" } else { "it is not UTF-8 text" };
        SecretError::Variable { name: name.to_owned(), reason: reason.to_owned() }
    };
    std::env::var(name).map_err(told)
}

/// Which host keys are trusted: those of the configuration's file alone, else those of the user's and of the large forges.
fn host_keys(repository: &Repository, environment: &Environment) -> Result<KnownHosts, AccessError> {
    let known_hosts = match (&repository.known_hosts_file, environment.known_hosts()) {
        (Some(path), _) => known_hosts(path).map_err(|source| AccessError::KnownHosts { path: path.clone(), source })?,
        (None, Some(path)) => match known_hosts(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => KnownHosts::empty(Some(path)).with_forges(),
            read => read.map_err(|source| AccessError::KnownHosts { path, source })?.with_forges(),
        },
        (None, None) => KnownHosts::empty(None).with_forges(),
    };
    Ok(known_hosts.pinned(&repository.host_key_fingerprints))
}

fn known_hosts(path: &Path) -> io::Result<KnownHosts> {
    // Comments may be in any encoding.
    Ok(KnownHosts::parse(path, &String::from_utf8_lossy(&fs::read(path)?)))
}

impl From<Credential> for Credentials {
    fn from(credential: Credential) -> Self {
        match credential {
            Credential::Basic { user, password } => Self { user, password },
            Credential::Token(token) => Self::token(token),
        }
    }
}

impl AccessError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Secret(error) => error.hint(),
            Self::Key(error) => error.hint(),
            Self::Signer(error) => error.hint(),
            Self::AppKey(error) => error.hint(),
            Self::Authority(error) => error.hint(),
            Self::Certificate(error) => error.hint(),
            Self::Agent { .. } => Some("start an ssh-agent, or name a key with `sshKeyFile` for this repository in tagalong.yaml".to_owned()),
            Self::KnownHosts { path, .. } => {
                Some(format!("make it with `ssh-keyscan HOST > {}`, and compare the keys with what the host's owner says", path.display()))
            }
        }
    }
}
