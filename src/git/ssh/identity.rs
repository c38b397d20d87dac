//! Making a key, and showing the public part of one.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, rand_core::OsRng};
use thiserror::Error;

use super::key::{self, KeyError, Outline};
use crate::policy::Blame;

/// What the public key of a new identity is called.
const COMMENT: &str = "tagalong";

/// The public part of a key of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownIdentity {
    /// Its type: `ssh-ed25519`.
    pub kind: String,
    /// The line to install.
    pub public: String,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

/// Why there is no identity to show.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file tells no public key, and neither does one beside it.
    #[error("cannot tell the public key of `{}`: it is encrypted, or of a form that does not tell it", .0.display())]
    Untold(PathBuf),
    /// The key cannot be made.
    #[error("cannot make the key `{}`: {reason}", path.display())]
    Unmade {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The key cannot be written.
    #[error("cannot write the key `{}`", path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl IdentityError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Key(error) => error.hint(),
            Self::Untold(path) => {
                Some(format!("put the public key beside it, as `{}.pub`: `ssh-keygen -y -f {}` prints it", path.display(), path.display()))
            }
            Self::Unmade { .. } => None,
            Self::Unwritten { .. } => Some("name a file that this user may write with --file".to_owned()),
        }
    }
}

/// The public key of the key in a file; one that is encrypted needs no passphrase for it.
///
/// # Errors
/// The file holds no key, or one that does not tell its public part.
pub fn show(path: &Path) -> Result<ShownIdentity, IdentityError> {
    told(path, key::text(path)?)
}

/// The public key of the key that a variable holds.
///
/// # Errors
/// As [`show`].
pub fn show_variable(name: &str, text: &str) -> Result<ShownIdentity, IdentityError> {
    let path = PathBuf::from(format!("${name}"));
    let read = key::of_text(&path, text)?;
    told(&path, read)
}

fn told(path: &Path, (text, outline): (String, Outline)) -> Result<ShownIdentity, IdentityError> {
    // What is not encrypted tells also how the key is called.
    let whole = PrivateKey::from_openssh(&text).ok().filter(|key| !key.is_encrypted()).and_then(|key| key.public_key().to_openssh().ok());
    let beside = || {
        let name = path.file_name()?.to_string_lossy().into_owned();
        fs::read_to_string(path.with_file_name(name + ".pub")).ok()
    };
    let line = whole.or(outline.public).or_else(beside).ok_or_else(|| IdentityError::Untold(path.to_owned()))?;
    let public = PublicKey::from_openssh(line.trim()).map_err(|_| IdentityError::Untold(path.to_owned()))?;
    Ok(shown(&public))
}

/// Makes an ed25519 key in a file that only this user can read, encrypted where there is a passphrase; what stood there is gone.
///
/// # Errors
/// The file cannot be written.
pub fn make(path: &Path, passphrase: Option<&SecretString>) -> Result<ShownIdentity, IdentityError> {
    let unmade = |error: ssh_key::Error| IdentityError::Unmade { path: path.to_owned(), reason: error.to_string() };
    let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(unmade)?;
    key.set_comment(COMMENT);
    let public = shown(key.public_key());
    if let Some(passphrase) = passphrase {
        key = key.encrypt(&mut OsRng, passphrase.expose_secret()).map_err(unmade)?;
    }
    let text = key.to_openssh(LineEnding::LF).map_err(unmade)?;
    write(path, text.as_bytes()).map_err(|source| IdentityError::Unwritten { path: path.to_owned(), source })?;
    Ok(public)
}

/// Writes the file at once, or not at all; nobody else can read it at any time.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder)?.sync_all()
}

fn shown(key: &PublicKey) -> ShownIdentity {
    let line = key.to_openssh().expect("a key that was read can be written");
    let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
    ShownIdentity { kind: key.algorithm().to_string(), public: line, fingerprint }
}
