//! The certificate that a client shows.

use std::{fs, path::PathBuf};

use reqwest::Identity;
use thiserror::Error;

use crate::config::ClientCertificate;

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

impl CertificateError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(
            "`clientCertFile` names a certificate in PEM, with those that signed it behind it, and `clientKeyFile` its key without a passphrase"
                .to_owned(),
        )
    }
}

/// Whether a client certificate can be shown.
///
/// # Errors
/// It cannot.
pub fn examine(shown: &ClientCertificate) -> Result<(), CertificateError> {
    let identity = identity(shown)?;
    match reqwest::Client::builder().tls_certs_only([]).identity(identity).build() {
        Ok(_) => Ok(()),
        Err(_) => Err(unusable(shown, "the key is not that of the certificate")),
    }
}

/// What is shown to those who ask who we are.
pub(super) fn identity(shown: &ClientCertificate) -> Result<Identity, CertificateError> {
    let read = |path: &PathBuf| fs::read(path).map_err(|error| CertificateError::Unreadable { path: path.clone(), reason: error.to_string() });
    let both = [read(&shown.certificate)?, b"\n".to_vec(), read(&shown.key)?].concat();
    Identity::from_pem(&both).map_err(|_| unusable(shown, "they hold no certificate and key in PEM"))
}

fn unusable(shown: &ClientCertificate, what: &'static str) -> CertificateError {
    CertificateError::Unusable { certificate: shown.certificate.clone(), key: shown.key.clone(), what }
}
