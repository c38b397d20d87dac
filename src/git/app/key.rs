//! The private key of a GitHub App, and the token that it signs to say who asks.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use ring::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use thiserror::Error;

use crate::{
    config::{SecretError, SecretSource},
    git::access::variable,
    policy::Blame,
};

/// A key file is no longer than this, in bytes.
const LONGEST: u64 = 64 * 1024;
/// A token is dated back so far, in seconds, for clocks that are late at the other side.
const BACK: i64 = 60;
/// A token is good for so long from now, in seconds; GitHub takes at most 10 minutes.
const GOOD: i64 = 540;

/// The private key of a GitHub App.
#[derive(Clone)]
pub struct AppKey(Arc<KeyPair>);

/// Why an App's private key cannot be used. No text of a key is ever shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppKeyError {
    /// The variable cannot be read.
    #[error(transparent)]
    Variable(#[from] SecretError),
    /// The file cannot be read.
    #[error("cannot read the GitHub App's key in `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        reason: String,
    },
    /// What is there is no such key.
    #[error("cannot use the GitHub App's key in {place}: {what}")]
    Unusable {
        /// The file or the variable.
        place: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl AppKey {
    /// Reads a key; with it comes a warning where others may read it, too.
    ///
    /// # Errors
    /// It cannot be read, or is no RSA key without a passphrase in PEM.
    pub fn read(source: &SecretSource) -> Result<(Self, Option<String>), AppKeyError> {
        match source {
            SecretSource::Variable(name) => {
                let text = SecretString::from(variable(name)?);
                Ok((Self::parse(&text, || format!("the variable `{name}`"))?, None))
            }
            SecretSource::File(path) => {
                let unreadable = |error: std::io::Error| AppKeyError::Unreadable { path: path.clone(), reason: error.to_string() };
                let found = fs::metadata(path).map_err(unreadable)?;
                let bytes = if found.len() > LONGEST { Vec::new() } else { fs::read(path).map_err(unreadable)? };
                let text = SecretString::from(String::from_utf8(bytes).unwrap_or_default());
                let key = Self::parse(&text, || format!("`{}`", path.display()))?;
                Ok((key, (found.permissions().mode() & 0o004 != 0).then(|| warning(path))))
            }
        }
    }

    fn parse(text: &SecretString, place: impl Fn() -> String) -> Result<Self, AppKeyError> {
        let refuse = |what| AppKeyError::Unusable { place: place(), what };
        // A variable often holds the lines with `\n` between them.
        let text = SecretString::from(text.expose_secret().replace("\\n", "\n"));
        let text = text.expose_secret();
        if text.contains("ENCRYPTED") {
            return Err(refuse("it is encrypted, as GitHub's keys are not"));
        }
        let pem = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| refuse("it holds no private key in PEM"))?;
        let pair = match &pem {
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(refuse("it is no RSA key")),
        };
        let pair = pair.map_err(|error| match error.to_string().as_str() {
            "WrongAlgorithm" => refuse("it is no RSA key"),
            "TooSmall" | "TooLarge" => refuse("it is an RSA key of a size that is not taken: 2048 to 4096 bits are"),
            _ => refuse("it is damaged"),
        })?;
        Ok(Self(Arc::new(pair)))
    }

    /// The token that says which App asks, for a few minutes.
    ///
    /// # Source
    /// RFC 7519, with RS256 of RFC 7518; "Generating a JSON Web Token (JWT) for a GitHub App" in GitHub's documentation.
    pub(super) fn token(&self, id: &str, now: Timestamp) -> SecretString {
        let now = now.as_second();
        let head = json!({ "alg": "RS256", "typ": "JWT" });
        let claims = json!({ "iat": now - BACK, "exp": now + GOOD, "iss": id });
        let text = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims.to_string()));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("the buffer is as long as the modulus");
        format!("{text}.{}", BASE64.encode(signature)).into()
    }
}

fn warning(path: &Path) -> String {
    format!("every user of this machine can read the GitHub App's key `{0}`; `chmod 600 {0}` ends that", path.display())
}

impl AppKeyError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Variable(error) => error.hint(),
            Self::Unreadable { path, .. } => Some(format!("put the App's private key into `{}` and let this user read it", path.display())),
            Self::Unusable { .. } => Some(
                "generate a private key on the App's page at GitHub, and give the file as it comes: `-----BEGIN RSA PRIVATE KEY-----`".to_owned(),
            ),
        }
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppKey(***)")
    }
}
