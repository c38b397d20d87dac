//! What a failed connection means.

use std::io;

use rustls::CertificateError;

use super::{
    address::Forbidden,
    error::{Fault, Problem, printable},
};
use crate::{
    config::Patience,
    net::{cause, innermost, is_about_our_certificate, is_unknown_name},
};

/// A failure of the HTTP library in our words.
pub(super) fn classify(host: &str, error: &reqwest::Error, patience: &Patience) -> Problem {
    let host = host.to_owned();
    if let Some(tls) = cause::<rustls::Error>(error) {
        return tls_failure(host, tls);
    }
    if let Some(Forbidden { address, kind }) = cause::<Forbidden>(error) {
        return Problem::Forbidden { host, address: *address, kind };
    }
    let text = innermost(error);
    if is_unknown_name(error) {
        return Problem::NoSuchHost { host };
    }
    if error.is_timeout() {
        let after = if error.is_connect() { patience.connect } else { patience.stall };
        return Problem::Silent { host, after };
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => return Problem::NotListening { host },
        Some(io::ErrorKind::TimedOut) => return Problem::Silent { host, after: patience.connect },
        _ => {}
    }
    if error.is_decode() || error.is_body() {
        return Problem::Answer { host, fault: Fault::Garbled(printable(&text, 200)) };
    }
    Problem::Broken { host, why: printable(&text, 200) }
}

fn tls_failure(host: String, error: &rustls::Error) -> Problem {
    let untrusted = |host, why: &str| Problem::Untrusted { host, why: why.to_owned() };
    match error {
        rustls::Error::InvalidMessage(_) => Problem::NotHttps { host },
        rustls::Error::InvalidCertificate(fault) => match fault {
            // An authority of the same name with another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => untrusted(host, "nobody known signed it"),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => untrusted(host, "it has expired"),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => untrusted(host, "it is not valid yet"),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => untrusted(host, "it is for another name"),
            CertificateError::Revoked => untrusted(host, "it was revoked"),
            fault => untrusted(host, &printable(&fault.to_string(), 200)),
        },
        error if is_about_our_certificate(error) => Problem::WantsCertificate { host },
        error => Problem::Broken { host, why: printable(&error.to_string(), 200) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_told() {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
        // A label of 64 characters resolves nowhere, and no server is asked about it.
        let host = format!("{}.invalid", "a".repeat(64));
        for scheme in ["http", "https"] {
            let error = client.get(format!("{scheme}://{host}/")).send().await.expect_err("no such host");
            assert_eq!(classify(&host, &error, &Patience::default()), Problem::NoSuchHost { host: host.clone() }, "{scheme}: {error:?}");
        }
    }
}
