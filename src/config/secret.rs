//! Secrets: named in the configuration, read when they are needed.

use std::{io::ErrorKind, path::PathBuf};

use secrecy::SecretString;
use thiserror::Error;

use crate::policy::Blame;

/// What opens a registry or a Git repository.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password, or a token that stands in its place.
        password: SecretString,
    },
    /// A bearer token that the registry itself takes.
    Token(SecretString),
}

/// Where a credential is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// A user, and where the password is.
    Basic {
        /// The user.
        user: String,
        /// Where the password is.
        password: SecretSource,
    },
    /// Where a bearer token is.
    Token(SecretSource),
}

/// Where one secret is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The content of a file, without a line end at its end.
    File(PathBuf),
    /// The value of an environment variable.
    Variable(String),
}

/// Why a secret could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SecretError {
    /// The file cannot be read, or holds no secret.
    #[error("cannot read the secret in `{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The variable is not set, or holds no secret.
    #[error("cannot read the secret in the variable `{name}`: {reason}")]
    Variable {
        /// The variable.
        name: String,
        /// What happened.
        reason: String,
    },
}

/// The keys by which an entry of the file says how to sign in.
#[derive(Debug)]
pub(super) struct SignIn {
    pub(super) username: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) password_env: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) token_env: Option<String>,
}

impl SignIn {
    /// A user wants a password (a token may stand in its place); a token may stand alone.
    ///
    /// # Errors
    /// What does not go together. The sentence quotes no value: where a name is wanted, people write the secret itself.
    pub(super) fn source(self) -> Result<Option<CredentialSource>, &'static str> {
        const NAME: &str = "`passwordEnv` and `tokenEnv` hold the name of a variable: letters, digits and `_`";
        let password = one(self.password_file, self.password_env, "`passwordFile` and `passwordEnv` exclude each other", NAME)?;
        let token = one(self.token_file, self.token_env, "`tokenFile` and `tokenEnv` exclude each other", NAME)?;
        match (self.username, password, token) {
            (_, Some(_), Some(_)) => Err("a password and a token exclude each other"),
            (Some(user), Some(password), None) | (Some(user), None, Some(password)) => Ok(Some(CredentialSource::Basic { user, password })),
            (Some(_), None, None) => Err("`username` needs `passwordFile` or `passwordEnv`"),
            (None, Some(_), None) => Err("a password needs `username`"),
            (None, None, Some(token)) => Ok(Some(CredentialSource::Token(token))),
            (None, None, None) => Ok(None),
        }
    }
}

/// The place of one secret; `both` and `name` say what is wrong with two places, and with a name that is none. Neither quotes a value.
pub(super) fn one(
    file: Option<PathBuf>,
    variable: Option<String>,
    both: &'static str,
    name: &'static str,
) -> Result<Option<SecretSource>, &'static str> {
    match (file, variable) {
        (Some(_), Some(_)) => Err(both),
        (Some(path), None) => Ok(Some(SecretSource::File(path))),
        (None, Some(variable)) if is_variable(&variable) => Ok(Some(SecretSource::Variable(variable))),
        (None, Some(_)) => Err(name),
        (None, None) => Ok(None),
    }
}

fn is_variable(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && name.starts_with(|c: char| !c.is_ascii_digit())
}

impl SecretError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File { path, .. } => format!("write the secret, and nothing else, into `{}` and let this user read it", path.display()),
            Self::Variable { name, .. } => format!("set `{name}` where this program is started"),
        })
    }
}

impl CredentialSource {
    /// Reads the credential.
    ///
    /// # Errors
    /// Its secret cannot be read.
    pub fn read(&self) -> Result<Credential, SecretError> {
        Ok(match self {
            Self::Basic { user, password } => Credential::Basic { user: user.clone(), password: password.read()? },
            Self::Token(token) => Credential::Token(token.read()?),
        })
    }
}

impl SecretSource {
    /// A secret longer than this is something else.
    const LONGEST: usize = 64 * 1024;

    /// Reads the secret.
    ///
    /// # Errors
    /// It is not there, empty, not UTF-8, or longer than 64 KiB.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let text = match self {
            Self::File(path) => match std::fs::read(path) {
                Ok(bytes) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()),
                Err(error) if error.kind() == ErrorKind::NotFound => Err("there is no such file".to_owned()),
                Err(error) => Err(error.kind().to_string()),
            },
            Self::Variable(name) => match std::env::var(name) {
                Ok(text) => Ok(text),
                Err(std::env::VarError::NotPresent) => Err("it is not set".to_owned()),
                Err(std::env::VarError::NotUnicode(_)) => Err("it is not UTF-8 text".to_owned()),
            },
        };
        text.and_then(|text| Self::checked(&text)).map_err(|reason| match self {
            Self::File(path) => SecretError::File { path: path.clone(), reason },
            Self::Variable(name) => SecretError::Variable { name: name.clone(), reason },
        })
    }

    fn checked(text: &str) -> Result<SecretString, String> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        match text {
            "" => Err("it is empty".to_owned()),
            _ if text.len() > Self::LONGEST => Err("it is longer than 64 KiB".to_owned()),
            _ if text.contains(['\n', '\r', '\0']) => Err("it has more than one line".to_owned()),
            _ => Ok(SecretString::from(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_file_holds_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        for (word, bytes, secret) in [
            ("plain", &b"hunter2"[..], Some("hunter2")),
            ("line end", b"hunter2\n", Some("hunter2")),
            ("Windows line end", b"hunter2\r\n", Some("hunter2")),
            ("spaces stay", b" hunter 2 ", Some(" hunter 2 ")),
            ("empty", b"", None),
            ("only a line end", b"\n", None),
            ("two lines", b"a\nb", None),
            ("not text", b"\xff\xfe", None),
        ] {
            std::fs::write(&path, bytes).expect("written");
            let read = SecretSource::File(path.clone()).read();
            assert_eq!(read.as_ref().ok().map(ExposeSecret::expose_secret), secret, "{word}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("missing");
        for (word, source, says) in [
            ("missing file", SecretSource::File(missing), "missing`: there is no such file"),
            ("folder", SecretSource::File(folder.path().to_owned()), "is a directory"),
            ("missing variable", SecretSource::Variable("TAGALONG_NO_SUCH_VARIABLE".into()), "`TAGALONG_NO_SUCH_VARIABLE`: it is not set"),
        ] {
            let error = source.read().expect_err(word);
            assert!(error.to_string().contains(says), "{word}: {error}");
            assert!(error.hint().is_some(), "{word}");
        }
    }

    #[test]
    fn a_credential_does_not_print_its_secret() {
        let credential = Credential::Basic { user: "bot".into(), password: SecretString::from("hunter2") };
        assert!(!format!("{credential:?}").contains("hunter2"));
    }
}
