//! The border between what is written and what is meant: each check names the file and the line.

use std::{
    cell::RefCell,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    ClientCertificate, ConfigError, CredentialSource, ImagePattern, Paths, SecretSource,
    duration::{Show, parse},
    file::{CommitWritten, RepositoryWritten, Text, Texts, unknown_key},
    repository::parse_branch,
    secret::{SignIn, one},
    url::Fault,
};
use crate::plan::message::{Person, Templates};

/// The file that is being read.
pub(super) struct Source {
    /// Its path, as it was named.
    pub(super) path: PathBuf,
    /// What was wrong so far.
    faults: RefCell<Vec<ConfigError>>,
}

/// The line that a value starts on.
pub(super) fn line(text: &Text) -> u64 {
    text.referenced.line()
}

impl Source {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), faults: RefCell::default() }
    }

    /// The value, or, where there is none, its default and a note of what is wrong: the rest of the file may hold further faults.
    pub(super) fn noted<T: Default>(&self, read: Result<T, ConfigError>) -> T {
        read.unwrap_or_else(|fault| {
            self.faults.borrow_mut().push(fault);
            T::default()
        })
    }

    /// Notes each key that is not among the known ones.
    pub(super) fn note_unknown(&self, keys: &Texts, known: &[&'static str]) {
        self.faults.borrow_mut().extend(keys.iter().map(|key| unknown_key(self, line(key), &key.value, known)));
    }

    /// All that is wrong, in the order of the lines.
    pub(super) fn faults(self) -> Vec<ConfigError> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(ConfigError::line);
        faults
    }

    pub(super) fn wrong(&self, line: u64, what: impl Into<String>) -> ConfigError {
        ConfigError::Malformed { path: self.path.clone(), line, what: what.into(), hint: None }
    }

    pub(super) fn wrong_with_hint(&self, line: u64, what: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        ConfigError::Malformed { path: self.path.clone(), line, what: what.into(), hint: Some(hint.into()) }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &str, written: &Text) -> Result<String, ConfigError> {
        match written.value.trim() {
            "" => Err(self.wrong(line(written), format!("`{key}` is empty"))),
            text => Ok(text.to_owned()),
        }
    }

    /// The name of a branch that may have to be made.
    pub(super) fn branch(&self, key: &str, written: &Text) -> Result<String, ConfigError> {
        let text = self.text(key, written)?;
        parse_branch(&text).map_err(|why| self.wrong(line(written), format!("`{key}` is `{text}`: {why}")))
    }

    pub(super) fn texts(&self, key: &str, written: Option<&Texts>) -> Vec<String> {
        written.into_iter().flatten().map(|text| self.noted(self.text(key, text))).collect()
    }

    /// A path of this machine; a relative one starts at the folder of the file.
    pub(super) fn local(&self, key: &str, written: &Text) -> Result<PathBuf, ConfigError> {
        Ok(self.path.parent().unwrap_or(Path::new("")).join(self.text(key, written)?))
    }

    pub(super) fn locals(&self, key: &str, written: Option<&Texts>) -> Vec<PathBuf> {
        written.into_iter().flatten().map(|text| self.noted(self.local(key, text))).collect()
    }

    pub(super) fn duration(&self, key: &str, written: &Text) -> Result<Duration, ConfigError> {
        parse(&written.value).map_err(|error| {
            let hint = written
                .value
                .trim()
                .parse::<u32>()
                .map_or_else(|_| "10s, 5m, 48h and 7d are spans".into(), |number| format!("write `{key}: {number}s`"));
            self.wrong_with_hint(line(written), format!("`{key}` is no span of time: {}", error.what), hint)
        })
    }

    /// A span that something repeats after, or gives up after.
    pub(super) fn positive_duration(&self, key: &str, written: &Text) -> Result<Duration, ConfigError> {
        match self.duration(key, written)? {
            Duration::ZERO => Err(self.wrong_with_hint(
                line(written),
                format!("`{key}` is zero"),
                format!("leave it out for the default, or write `{}`", Show(Duration::from_mins(1))),
            )),
            span => Ok(span),
        }
    }

    pub(super) fn address(&self, key: &str, written: &Text) -> Result<SocketAddr, ConfigError> {
        written.value.trim().parse().map_err(|_| {
            self.wrong_with_hint(
                line(written),
                format!("`{key}` is no address with a port"),
                "for example 127.0.0.1:3030, 0.0.0.0:3030 or [::1]:3030",
            )
        })
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &str, written: &Text, words: &[(&'static str, T)]) -> Result<T, ConfigError> {
        words.iter().find(|(word, _)| *word == written.value).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.wrong(line(written), format!("`{key}` is one of {}", known.join(", ")))
        })
    }

    pub(super) fn paths(&self, written: Option<&Texts>) -> Paths {
        written.into_iter().flatten().fold(Paths::default(), |paths, text| {
            let read = Paths::parse([text.value.as_str()]);
            paths
                .and(self.noted(read.map_err(|error| self.wrong(line(text), format!("`{}` is no path of a repository: {}", text.value, error.what)))))
        })
    }

    pub(super) fn image_patterns(&self, written: Option<&Texts>) -> Vec<ImagePattern> {
        let read = |text: &Text| {
            ImagePattern::parse(&text.value).map_err(|error| self.wrong(line(text), format!("`{}` is no glob: {}", text.value, error.what)))
        };
        written.into_iter().flatten().filter_map(|text| self.noted(read(text).map(Some))).collect()
    }

    /// An address that `check` accepts.
    pub(super) fn url(&self, key: &str, written: &Text, schemes: &str, check: impl Fn(&str) -> Result<(), Fault>) -> Result<String, ConfigError> {
        let text = self.text(key, written)?;
        match check(&text) {
            Ok(()) => Ok(text),
            Err(Fault::Secret) => Err(ConfigError::SecretInFile {
                path: self.path.clone(),
                line: line(written),
                key: key.to_owned(),
                hint: "take user and password out of the address; write `username` with `passwordFile` or `passwordEnv`, or `tokenFile` or `tokenEnv`",
            }),
            Err(Fault::Malformed) => Err(self.wrong(line(written), format!("`{key}` is no address"))),
            Err(Fault::Scheme) => Err(self.wrong(line(written), format!("`{key}` starts with {schemes}"))),
        }
    }

    /// Where the passphrase of the SSH key is.
    pub(super) fn ssh_passphrase(&self, written: &RepositoryWritten) -> Result<Option<SecretSource>, ConfigError> {
        const BOTH: &str = "`sshPassphraseFile` and `sshPassphraseEnv` exclude each other";
        const NAME: &str = "`sshPassphraseEnv` holds the name of a variable: letters, digits and `_`";
        let Some(first) = written.ssh_passphrase_file.as_ref().or(written.ssh_passphrase_env.as_ref()).map(line) else { return Ok(None) };
        if written.ssh_key_file.is_none() && written.ssh_key_env.is_none() {
            return Err(self.wrong(first, "a passphrase needs `sshKeyFile` or `sshKeyEnv`"));
        }
        let file = written.ssh_passphrase_file.as_ref().map(|text| self.local("sshPassphraseFile", text)).transpose()?;
        let variable = written.ssh_passphrase_env.as_ref().map(|text| self.text("sshPassphraseEnv", text)).transpose()?;
        one(file, variable, BOTH, NAME).map_err(|why| self.wrong(first, why))
    }

    /// The templates of messages, which have to make a text of every update.
    pub(super) fn templates(&self, written: &CommitWritten) -> Templates {
        let text = |written: &Option<Text>| written.as_ref().map(|text| text.value.clone());
        let templates = Templates { subject: text(&written.subject), body: text(&written.body) };
        let Err((key, error)) = templates.check() else { return templates };
        let place = if key == "subject" { &written.subject } else { &written.body };
        let first = place.as_ref().map_or(0, line);
        let at = error.line.map(|line| format!(" in its line {line}")).unwrap_or_default();
        let hint = "docs/review-commits.md tells what a template is given";
        self.noted(Err(self.wrong_with_hint(first, format!("`{key}` is no template of a message{at}: {error}"), hint)))
    }

    /// People, as `Name <address>`.
    pub(super) fn people(&self, key: &str, written: Option<&Texts>) -> Vec<Person> {
        let person = |text: &Text| {
            let found = text.value.trim().strip_suffix('>').and_then(|text| text.split_once('<')).map(|(name, email)| (name.trim(), email.trim()));
            let (name, email) = found
                .filter(|(name, email)| !name.is_empty() && email.contains('@'))
                .ok_or_else(|| self.wrong(line(text), format!("`{key}` holds people, each as `Name <address>`")))?;
            Ok(Some(Person { name: name.to_owned(), email: Some(email.to_owned()) }))
        };
        written.into_iter().flatten().filter_map(|text| self.noted(person(text))).collect()
    }

    /// What decrypts the key that signs commits.
    pub(super) fn signing_passphrase(&self, written: &CommitWritten) -> Result<Option<SecretSource>, ConfigError> {
        const BOTH: &str = "`signingPassphraseFile` and `signingPassphraseEnv` exclude each other";
        const NAME: &str = "`signingPassphraseEnv` holds the name of a variable: letters, digits and `_`";
        let Some(first) = written.signing_passphrase_file.as_ref().or(written.signing_passphrase_env.as_ref()).map(line) else { return Ok(None) };
        if written.signing_key_file.is_none() {
            return Err(self.wrong(first, "a passphrase needs `signingKeyFile`"));
        }
        let file = written.signing_passphrase_file.as_ref().map(|text| self.local("signingPassphraseFile", text)).transpose()?;
        let variable = written.signing_passphrase_env.as_ref().map(|text| self.text("signingPassphraseEnv", text)).transpose()?;
        one(file, variable, BOTH, NAME).map_err(|why| self.wrong(first, why))
    }

    /// The variable that holds an SSH key.
    pub(super) fn ssh_key_env(&self, written: &RepositoryWritten) -> Result<Option<String>, ConfigError> {
        const BOTH: &str = "`sshKeyFile` and `sshKeyEnv` exclude each other";
        const NAME: &str = "`sshKeyEnv` holds the name of a variable: letters, digits and `_`";
        let Some(written_env) = &written.ssh_key_env else { return Ok(None) };
        let file = written.ssh_key_file.as_ref().map(|_| PathBuf::new());
        let variable = self.text("sshKeyEnv", written_env)?;
        one(file, Some(variable.clone()), BOTH, NAME).map_err(|why| self.wrong(line(written_env), why))?;
        Ok(Some(variable))
    }

    /// Fingerprints of host keys.
    pub(super) fn fingerprints(&self, key: &str, written: Option<&Texts>) -> Vec<String> {
        let fingerprint = |text: &Text| {
            let hash = text.value.trim().strip_prefix("SHA256:").map(|hash| hash.trim_end_matches('='));
            let is_hash = |hash: &&str| hash.len() == 43 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
            let hash = hash.filter(is_hash).ok_or_else(|| {
                self.wrong_with_hint(
                    line(text),
                    format!("`{key}` holds fingerprints, each as `SHA256:…`"),
                    "`ssh-keygen -lf known_hosts` prints them",
                )
            })?;
            Ok(Some(format!("SHA256:{hash}")))
        };
        written.into_iter().flatten().filter_map(|text| self.noted(fingerprint(text))).collect()
    }

    /// The certificate that is shown to a Git server, and its key.
    pub(super) fn client_certificate(&self, written: &RepositoryWritten) -> Result<Option<ClientCertificate>, ConfigError> {
        match (&written.client_cert_file, &written.client_key_file) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                Ok(Some(ClientCertificate { certificate: self.local("clientCertFile", certificate)?, key: self.local("clientKeyFile", key)? }))
            }
            (Some(one), None) | (None, Some(one)) => Err(self.wrong(line(one), "`clientCertFile` and `clientKeyFile` need each other")),
        }
    }

    /// How to sign in to a Git repository.
    pub(super) fn sign_in(&self, written: &RepositoryWritten) -> Result<Option<CredentialSource>, ConfigError> {
        let keys = [&written.username, &written.password_file, &written.password_env, &written.token_file, &written.token_env];
        let text = |key, written: &Option<_>| written.as_ref().map(|text| self.text(key, text)).transpose();
        let file = |key, written: &Option<_>| written.as_ref().map(|text| self.local(key, text)).transpose();
        let keys_as_read = SignIn {
            username: text("username", &written.username)?,
            password_file: file("passwordFile", &written.password_file)?,
            password_env: text("passwordEnv", &written.password_env)?,
            token_file: file("tokenFile", &written.token_file)?,
            token_env: text("tokenEnv", &written.token_env)?,
        };
        let first = keys.into_iter().flatten().map(line).min().unwrap_or(1);
        keys_as_read.source().map_err(|why| self.wrong(first, why))
    }
}
