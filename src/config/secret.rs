//! Secrets: named in the configuration, read when they are needed.
#![expect(clippy::disallowed_methods, reason = "edge: secrets are read from the files and variables that the configuration names")]

use std::path::PathBuf;

use secrecy::SecretString;
use thiserror::Error;

use crate::policy::Blame;

/// What opens a registry.
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
            ("missing file", SecretSource::File(missing), "missing`: entity not found"),
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
