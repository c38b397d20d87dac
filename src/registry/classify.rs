//! What a failed connection means.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError};

use super::{
    address::Forbidden,
    error::{Fault, Problem, printable},
    wire::innermost,
};
use crate::config::Patience;

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
    if error.is_connect() && unknown_name(error, &text) {
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
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => Problem::WantsCertificate { host },
        error => Problem::Broken { host, why: printable(&error.to_string(), 200) },
    }
}

/// The resolver's failure has no type of its own in the HTTP library; what is a passing failure of the resolver is none of ours.
fn unknown_name(error: &reqwest::Error, text: &str) -> bool {
    let mut chain = std::iter::successors(error.source(), |&error| error.source());
    let asked = chain.any(|error| error.to_string().starts_with("dns error"));
    (asked && !text.contains("Temporary failure")) || text == "invalid dns name"
}

/// The first error of a type in a chain, also inside an `io::Error`.
pub(super) fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
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
