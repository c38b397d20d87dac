//! Where a secret is, and how it is read.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::{ConfigError, Credential, Environment};

/// A secret is at most this long.
///
/// # Units
/// Bytes.
const LIMIT: u64 = 64 * 1024;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In a file, as one line.
    File(PathBuf),
    /// In an environment variable.
    Variable(String),
}

/// How somebody signs in, by reference: the file names where the secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// A user and a password.
    Password {
        /// The user.
        username: String,
        /// Where the password is.
        secret: Secret,
    },
    /// A token that needs no user.
    Token(Secret),
}

impl Secret {
    /// Reads the secret, without the line ends behind it.
    ///
    /// # Errors
    /// The file cannot be read or holds none, or the variable is not set.
    pub fn read(&self, environment: &Environment) -> Result<SecretString, ConfigError> {
        match self {
            Self::File(path) => read_file(path),
            Self::Variable(name) => {
                environment.variable(name).map(|value| value.to_owned().into()).ok_or_else(|| ConfigError::VariableNotSet { name: name.clone() })
            }
        }
    }
}

impl CredentialSource {
    /// Reads the secret.
    ///
    /// # Errors
    /// As [`Secret::read`].
    pub fn read(&self, environment: &Environment) -> Result<Credential, ConfigError> {
        Ok(match self {
            Self::Password { username, secret } => Credential::Basic { user: username.clone(), password: secret.read(environment)? },
            Self::Token(secret) => Credential::Token(secret.read(environment)?),
        })
    }
}

fn read_file(path: &Path) -> Result<SecretString, ConfigError> {
    let unusable = |what| ConfigError::SecretUnusable { path: path.to_owned(), what };
    let unreadable = |source: io::Error| ConfigError::SecretUnreadable { path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path).map_err(unreadable)?.take(LIMIT + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => unusable("it is not UTF-8"),
        _ => unreadable(error),
    })?;
    match text.trim_end_matches(['\r', '\n']) {
        _ if text.len() as u64 > LIMIT => Err(unusable("it has more than 64 KiB")),
        "" => Err(unusable("it is empty")),
        secret => Ok(secret.to_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_in_a_file_ends_before_its_line_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        for (word, bytes, secret) in [
            ("plain", &b"hunter2"[..], Some("hunter2")),
            ("line end", b"hunter2\n", Some("hunter2")),
            ("other line end", b"hunter2\r\n", Some("hunter2")),
            ("spaces are part of it", b" hunter 2 \n", Some(" hunter 2 ")),
            ("empty", b"\n", None),
            ("no text", b"\xff\xfe", None),
            ("too long", &vec![b'a'; 70_000], None),
        ] {
            let path = folder.path().join("secret");
            std::fs::write(&path, bytes).expect("written");
            let read = Secret::File(path).read(&Environment::default());
            assert_eq!(read.ok().as_ref().map(ExposeSecret::expose_secret), secret, "{word}");
        }
    }

    #[test]
    fn a_missing_secret_is_told_by_its_name() {
        let absent = Secret::Variable("NOWHERE".into()).read(&Environment::default()).expect_err("not set");
        assert_eq!(absent.to_string(), "cannot read the secret in the variable `NOWHERE`: it is not set");
        let absent = Secret::File("/nowhere/secret".into()).read(&Environment::default()).expect_err("no file");
        assert_eq!(absent.to_string(), "cannot read the secret in `/nowhere/secret`");
    }

    #[test]
    fn a_credential_does_not_print_its_secret() {
        let environment: Environment = [("TOKEN".to_owned(), "hunter2".to_owned())].into_iter().collect();
        for source in [
            CredentialSource::Token(Secret::Variable("TOKEN".into())),
            CredentialSource::Password { username: "bot".into(), secret: Secret::Variable("TOKEN".into()) },
        ] {
            let credential = source.read(&environment).expect("set");
            assert!(!format!("{credential:?}").contains("hunter2"));
        }
    }
}
