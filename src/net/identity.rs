//! The certificate that a client shows.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    Error as TlsError,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use secrecy::{ExposeSecret, SecretSlice};
use thiserror::Error;

use crate::{config::ClientCertificate, policy::Blame};

/// A client certificate and its key, which belong together.
#[derive(Clone)]
pub struct Identity {
    pem: Arc<SecretSlice<u8>>,
    key: Arc<CertifiedKey>,
}

/// A client certificate cannot be used. No text of a key is ever shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read the client certificate in `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        reason: String,
    },
    /// The one holds no certificate, or the other no key.
    #[error("cannot use `{}` with the key in `{}`: {what}", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

impl Identity {
    /// Reads both files.
    ///
    /// # Errors
    /// One cannot be read or holds nothing of the kind, or the key is another's.
    pub fn read(shown: &ClientCertificate) -> Result<Self, CertificateError> {
        let refuse = |what| CertificateError::Unusable { certificate: shown.certificate.clone(), key: shown.key.clone(), what };
        let (certificate, key) = (file(&shown.certificate)?, file(&shown.key)?);
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
        let (Some(chain), Ok(private)) = (chain.ok().filter(|chain| !chain.is_empty()), PrivateKeyDer::from_pem_slice(&key)) else {
            return Err(refuse("they hold no certificate and key in PEM"));
        };
        let both = CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|error| match error {
            TlsError::InconsistentKeys(_) => refuse("the key is not that of the certificate"),
            _ => refuse("they hold no certificate and key of a kind that is known here"),
        })?;
        Ok(Self { pem: Arc::new([certificate, b"\n".to_vec(), key].concat().into()), key: Arc::new(both) })
    }

    /// Both as one text of PEM.
    pub fn pem(&self) -> &[u8] {
        self.pem.expose_secret()
    }

    /// Both as TLS takes them.
    pub fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }
}

fn file(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|error| CertificateError::Unreadable { path: path.to_owned(), reason: error.to_string() })
}

impl CertificateError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(
            "`clientCertFile` names a certificate in PEM, with those that signed it behind it, and `clientKeyFile` its key without a passphrase"
                .to_owned(),
        )
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}
