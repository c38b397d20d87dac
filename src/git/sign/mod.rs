//! Signing commits with a key of a file, as `git verify-commit` takes it.

mod ecdsa;
mod openpgp;
mod ssh;

use std::{
    fmt, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::policy::Blame;

/// A key file is at most this long: an `OpenPGP` key brings its certifications.
///
/// # Units
/// Bytes.
const LONGEST: u64 = 1024 * 1024;

/// A private key that signs commits; it is decrypted.
#[derive(Clone)]
pub struct Signer {
    path: PathBuf,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Ssh(Box<ssh::Key>),
    OpenPgp(Box<openpgp::Key>),
}

/// Why a file gives no key that signs.
#[derive(Debug, Error)]
pub enum SignerError {
    /// It cannot be read.
    #[error("cannot read the signing key `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else, or a key that cannot sign.
    #[error("cannot sign commits with `{}`: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// It is encrypted.
    #[error("cannot sign commits with `{}`: it is encrypted, and no passphrase is given", .0.display())]
    Encrypted(PathBuf),
    /// The passphrase is another one.
    #[error("cannot sign commits with `{}`: the passphrase does not open it", .0.display())]
    Passphrase(PathBuf),
}

impl SignerError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { path, .. } => format!("put the private key into `{}` and let this user read it", path.display()),
            Self::Unusable { hint, .. } => (*hint).to_owned(),
            Self::Encrypted(_) => "name the passphrase with `signingPassphraseFile` or `signingPassphraseEnv`".to_owned(),
            Self::Passphrase(_) => "`signingPassphraseFile` or `signingPassphraseEnv` names what holds it".to_owned(),
        })
    }
}

/// What stands against a key, before its file is named.
enum Fault {
    Unusable(String, &'static str),
    Encrypted,
    Passphrase,
}

impl Fault {
    fn at(self, path: &Path) -> SignerError {
        let path = path.to_owned();
        match self {
            Self::Unusable(reason, hint) => SignerError::Unusable { path, reason, hint },
            Self::Encrypted => SignerError::Encrypted(path),
            Self::Passphrase => SignerError::Passphrase(path),
        }
    }
}

/// What makes a key that signs.
const MAKE: &str = "make one: `ssh-keygen -t ed25519 -f signing`, or `gpg --export-secret-keys --armor KEY > signing`";

impl Signer {
    /// Reads a key, decrypts it, and tells what a person should know of the file.
    ///
    /// # Errors
    /// The file cannot be read, holds no key that signs, or the passphrase does not open it.
    pub fn read(path: &Path, passphrase: Option<&SecretString>) -> Result<(Self, Option<String>), SignerError> {
        let unreadable = |source| SignerError::Unreadable { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        let bytes = if metadata.len() > LONGEST { Vec::new() } else { fs::read(path).map_err(unreadable)? };
        let key = Key::parse(&bytes, passphrase.map(ExposeSecret::expose_secret)).map_err(|fault| fault.at(path))?;
        let is_open = metadata.permissions().mode() & 0o004 != 0;
        let warning =
            is_open.then(|| format!("every user of this machine can read the signing key `{0}`; `chmod 600 {0}` ends that", path.display()));
        Ok((Self { path: path.to_owned(), key }, warning))
    }

    /// The file of the key.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The signature of a commit's content, armoured; what went wrong otherwise, as a clause.
    pub(super) fn sign(&self, content: &[u8]) -> Result<String, String> {
        match &self.key {
            Key::Ssh(key) => key.sign(content),
            Key::OpenPgp(key) => key.sign(content),
        }
    }
}

impl Key {
    fn parse(bytes: &[u8], passphrase: Option<&str>) -> Result<Self, Fault> {
        // Anything before the block, such as a comment, is left aside.
        let text = String::from_utf8_lossy(bytes);
        let label = text.split_once("-----BEGIN ").and_then(|(_, rest)| Some(rest.split_once("-----")?.0));
        match label {
            Some("OPENSSH PRIVATE KEY") => ssh::Key::parse(&text, passphrase).map(|key| Self::Ssh(Box::new(key))),
            Some("PGP PRIVATE KEY BLOCK") => openpgp::Key::parse_armoured(&text, passphrase).map(|key| Self::OpenPgp(Box::new(key))),
            Some("RSA PRIVATE KEY") => Err(Fault::Unusable(ssh::RSA.to_owned(), MAKE)),
            Some("EC PRIVATE KEY" | "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY") => Err(Fault::Unusable(
                "it is in PEM form, and OpenSSH's own is wanted".to_owned(),
                "convert it in its place: `ssh-keygen -p -f KEY` asks for a passphrase, which may be empty",
            )),
            Some("PGP PUBLIC KEY BLOCK") => {
                Err(Fault::Unusable("it holds a public key".to_owned(), "export the private one: `gpg --export-secret-keys --armor KEY`"))
            }
            Some("SSH2 PUBLIC KEY" | "PUBLIC KEY") => Err(public()),
            _ if is_public(&text) => Err(public()),
            None if bytes.first().is_some_and(|first| first & 0x80 != 0) => {
                openpgp::Key::parse_binary(bytes, passphrase).map(|key| Self::OpenPgp(Box::new(key)))
            }
            _ => Err(Fault::Unusable("it holds no private key".to_owned(), MAKE)),
        }
    }
}

fn public() -> Fault {
    Fault::Unusable("it holds a public key".to_owned(), "name the private key: the file of the same name without `.pub`")
}

fn is_public(text: &str) -> bool {
    let text = text.trim_start();
    ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| text.starts_with(kind))
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &[u8]) -> String {
        match Key::parse(text, None) {
            Ok(_) => "a key".to_owned(),
            Err(fault) => fault.at(Path::new("key")).to_string(),
        }
    }

    #[test]
    fn what_is_no_key_is_told() {
        for (word, text, reason) in [
            ("empty", &b""[..], "it holds no private key"),
            ("public", b"ssh-ed25519 AAAA me", "it holds a public key"),
            ("public OpenPGP", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "it holds a public key"),
            ("RSA", b"-----BEGIN RSA PRIVATE KEY-----\n", "it is an RSA key of SSH; ed25519 and ECDSA sign, and RSA keys of OpenPGP"),
            ("PEM", b"-----BEGIN EC PRIVATE KEY-----\n", "it is in PEM form, and OpenSSH's own is wanted"),
            ("cut", b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "it is damaged"),
            ("cut OpenPGP", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxxxx", "it is damaged"),
            ("binary", b"\xff\xfe\x00\x01", "it is damaged"),
            ("certificate", b"-----BEGIN CERTIFICATE-----\n", "it holds no private key"),
        ] {
            assert_eq!(told(text), format!("cannot sign commits with `key`: {reason}"), "{word}");
        }
    }
}
