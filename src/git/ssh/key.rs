//! Private keys in files.

use std::{
    fmt, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::{public, wire};
use crate::policy::Blame;

/// A key file is at most this long.
///
/// # Units
/// Bytes.
const LONGEST: u64 = 64 * 1024;

/// A private key that signs in over SSH.
#[derive(Clone)]
pub struct PrivateKey {
    /// The file, or the variable with a `$` before its name.
    pub path: PathBuf,
    /// Its text.
    text: SecretString,
    /// What decrypts it.
    passphrase: Option<SecretString>,
    /// The public key as one line, where the file tells it.
    pub(in crate::git) public: Option<String>,
}

/// Whether others may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Its owner, and perhaps a group.
    Closed,
    /// Every user of this machine.
    World,
}

impl Exposure {
    /// What to tell about a key that others can read.
    pub(in crate::git) fn warning(self, path: &Path) -> Option<String> {
        (self == Self::World).then(|| format!("every user of this machine can read the SSH key `{0}`; `chmod 600 {0}` ends that", path.display()))
    }
}

/// Why a file gives no private key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("cannot read the SSH key `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error("cannot use `{}` as an SSH key: it holds {what}", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: Content,
    },
    /// It is encrypted.
    #[error("cannot use `{}` as an SSH key: it is encrypted, and no passphrase is given", .0.display())]
    Encrypted(PathBuf),
}

/// What a file holds in place of a private key that signs in by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A public key.
    Public,
    /// A key of `PuTTY`.
    Putty,
    /// A key of a type that signs only with a device, or that nobody takes any more.
    Type(String),
    /// Anything else.
    Other,
}

/// What the text of a key tells without a passphrase.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outline {
    is_encrypted: bool,
    /// The public key, where it stands in clear.
    pub(super) public: Option<String>,
}

impl PrivateKey {
    /// Reads a key, and tells whether others may.
    ///
    /// # Errors
    /// The file cannot be read, holds no private key, or an encrypted one without a passphrase.
    pub fn read(path: &Path, passphrase: Option<SecretString>) -> Result<(Self, Exposure), KeyError> {
        let (text, outline) = text(path)?;
        let mode = fs::metadata(path).map_err(|source| KeyError::Unreadable { path: path.to_owned(), source })?.permissions().mode();
        let exposure = if mode & 0o004 == 0 { Exposure::Closed } else { Exposure::World };
        Ok((Self::new(path, text, outline, passphrase)?, exposure))
    }

    /// The key that a variable holds.
    ///
    /// # Errors
    /// It holds no private key, or an encrypted one without a passphrase.
    pub fn of_variable(name: &str, text: &str, passphrase: Option<SecretString>) -> Result<Self, KeyError> {
        let path = PathBuf::from(format!("${name}"));
        let outline = outline(text).map_err(|what| KeyError::NotAKey { path: path.clone(), what })?;
        Self::new(&path, plain(text), outline, passphrase)
    }

    fn new(path: &Path, text: String, outline: Outline, passphrase: Option<SecretString>) -> Result<Self, KeyError> {
        if outline.is_encrypted && passphrase.is_none() {
            return Err(KeyError::Encrypted(path.to_owned()));
        }
        let passphrase = passphrase.filter(|_| outline.is_encrypted);
        Ok(Self { path: path.to_owned(), text: text.into(), passphrase, public: outline.public })
    }
}

/// The text of a key file, and what it tells without a passphrase.
pub(super) fn text(path: &Path) -> Result<(String, Outline), KeyError> {
    let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
    let length = fs::metadata(path).map_err(unreadable)?.len();
    let bytes = if length > LONGEST { Vec::new() } else { fs::read(path).map_err(unreadable)? };
    let not_a_key = |what| KeyError::NotAKey { path: path.to_owned(), what };
    let text = String::from_utf8(bytes).map_err(|_| not_a_key(Content::Other))?;
    let outline = outline(&text).map_err(not_a_key)?;
    Ok((plain(&text), outline))
}

/// Secrets that were pasted often lost their last line end, or gained those of another system.
fn plain(text: &str) -> String {
    format!("{}\n", text.replace("\r\n", "\n").trim())
}

fn outline(text: &str) -> Result<Outline, Content> {
    let Some((_, rest)) = text.split_once("-----BEGIN ") else {
        return Err(match text.trim_start() {
            text if text.starts_with("PuTTY-User-Key-File") => Content::Putty,
            text if text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-") => Content::Public,
            _ => Content::Other,
        });
    };
    let (label, body) = rest.split_once("-----").ok_or(Content::Other)?;
    let body = body.split("-----END ").next().unwrap_or_default();
    match label {
        "OPENSSH PRIVATE KEY" => openssh(body).ok_or(Content::Other)?,
        "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "PRIVATE KEY" => {
            let is_encrypted = body.contains("4,ENCRYPTED");
            Ok(Outline { is_encrypted, public: public::of_pem(label, body).filter(|_| !is_encrypted) })
        }
        "ENCRYPTED PRIVATE KEY" => Ok(Outline { is_encrypted: true, public: None }),
        "DSA PRIVATE KEY" => Err(Content::Type("ssh-dss".to_owned())),
        label if label.contains("PUBLIC KEY") => Err(Content::Public),
        _ => Err(Content::Other),
    }
}

/// What an `openssh-key-v1` tells in clear.
///
/// # Source
/// PROTOCOL.key of OpenSSH: cipher, key derivation, its options, the number of keys, then the public key.
fn openssh(body: &str) -> Option<Result<Outline, Content>> {
    let bytes = BASE64.decode(body.split_ascii_whitespace().collect::<String>()).ok()?;
    let (cipher, rest) = wire::string(bytes.strip_prefix(b"openssh-key-v1\0")?)?;
    let (_derivation, rest) = wire::string(rest)?;
    let (_options, rest) = wire::string(rest)?;
    let (public, _) = wire::string(rest.strip_prefix(&[0, 0, 0, 1])?)?;
    let kind = wire::kind(public)?;
    if kind == "ssh-dss" || kind.starts_with("sk-") {
        return Some(Err(Content::Type(kind.to_owned())));
    }
    Some(Ok(Outline { is_encrypted: cipher != b"none", public: Some(format!("{kind} {}", BASE64.encode(public))) }))
}

impl KeyError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { path, .. } => format!("put the private key into `{}` and let this user read it", path.display()),
            Self::NotAKey { what: Content::Public, .. } => "name the private key: the file of the same name without `.pub`".to_owned(),
            Self::NotAKey { what: Content::Putty, .. } => "export it from PuTTYgen as an OpenSSH key".to_owned(),
            Self::NotAKey { .. } => "`tagalong identity --file FILE` makes one".to_owned(),
            Self::Encrypted(_) => {
                "name the passphrase with `sshPassphraseFile` or `sshPassphraseEnv`, or load the key into an ssh-agent and leave `sshKeyFile` out"
                    .to_owned()
            }
        })
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("a public key"),
            Self::Putty => f.write_str("a key in PuTTY's format"),
            Self::Type(kind) => write!(f, "a key of the type {kind}, which cannot sign in here"),
            Self::Other => f.write_str("no private key"),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.path.display())
    }
}

impl PrivateKey {
    /// The secrets for libgit2: the key and its passphrase.
    pub(in crate::git) fn expose(&self) -> (&str, Option<&str>) {
        (self.text.expose_secret(), self.passphrase.as_ref().map(ExposeSecret::expose_secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clear part of an OpenSSH key, as text.
    fn openssh_text(cipher: &str, kind: &str) -> String {
        let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("short").to_be_bytes()[..], bytes].concat();
        let public = [string(kind.as_bytes()), string(b"key")].concat();
        let parts = [b"openssh-key-v1\0".to_vec(), string(cipher.as_bytes()), string(b"bcrypt"), string(b""), vec![0, 0, 0, 1], string(&public)];
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n", BASE64.encode(parts.concat()))
    }

    fn pem(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    #[test]
    fn a_key_tells_what_it_is() {
        let ed25519 = Some("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAA2tleQ==");
        for (word, text, told) in [
            ("OpenSSH", openssh_text("none", "ssh-ed25519"), Ok((false, ed25519))),
            ("encrypted OpenSSH", openssh_text("aes256-ctr", "ssh-ed25519"), Ok((true, ed25519))),
            ("after a comment", format!("deploy key\n{}", openssh_text("none", "ssh-ed25519")), Ok((false, ed25519))),
            ("RSA", pem("RSA PRIVATE KEY", "MII"), Ok((false, None))),
            ("encrypted RSA", pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0\n\nMII"), Ok((true, None))),
            ("ECDSA", pem("EC PRIVATE KEY", "MII"), Ok((false, None))),
            ("PKCS 8", pem("PRIVATE KEY", "MII"), Ok((false, None))),
            ("encrypted PKCS 8", pem("ENCRYPTED PRIVATE KEY", "MII"), Ok((true, None))),
            ("DSA", pem("DSA PRIVATE KEY", "MII"), Err(Content::Type("ssh-dss".to_owned()))),
            ("device", openssh_text("none", "sk-ssh-ed25519@openssh.com"), Err(Content::Type("sk-ssh-ed25519@openssh.com".to_owned()))),
            ("public", "ssh-ed25519 AAAA me".to_owned(), Err(Content::Public)),
            ("public PEM", pem("PUBLIC KEY", "MII"), Err(Content::Public)),
            ("PuTTY", "PuTTY-User-Key-File-3: ssh-ed25519".to_owned(), Err(Content::Putty)),
            ("certificate", pem("CERTIFICATE", "MII"), Err(Content::Other)),
            ("cut", openssh_text("none", "ssh-ed25519")[..60].to_owned(), Err(Content::Other)),
            ("no base64", pem("OPENSSH PRIVATE KEY", "%%%"), Err(Content::Other)),
            ("empty", String::new(), Err(Content::Other)),
        ] {
            let expected = told.map(|(is_encrypted, public): (bool, Option<&str>)| Outline { is_encrypted, public: public.map(str::to_owned) });
            assert_eq!(outline(&text), expected, "{word}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("identity");
        fs::write(&path, openssh_text("aes256-ctr", "ssh-ed25519")).expect("written");
        let (key, _) = PrivateKey::read(&path, Some("hunter2".into())).expect("a key");
        assert_eq!(format!("{key:?}"), format!("PrivateKey({})", path.display()));
    }
}
