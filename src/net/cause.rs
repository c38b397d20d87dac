//! What is at the bottom of a failed connection.

use std::{error::Error, io, iter::successors};

use rustls::AlertDescription;

/// The first error of a type in a chain, also inside an `io::Error`.
pub fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
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

/// What is at the bottom of an error.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    successors(Some(error), |&error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}

/// Whether a connection failed because nobody knows the name of the host.
///
/// The resolver's failure has no type of its own in the HTTP library; what is a passing failure of the resolver is none of the name's.
pub fn is_unknown_name(error: &reqwest::Error) -> bool {
    let text = innermost(error);
    let asked = successors(error.source(), |&error| error.source()).any(|error| error.to_string().starts_with("dns error"));
    error.is_connect() && ((asked && !text.contains("Temporary failure")) || text == "invalid dns name")
}

/// Whether the other side wants a certificate of ours, or does not take the one that it was shown.
pub fn is_about_our_certificate(error: &rustls::Error) -> bool {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked, CertificateUnknown, UnknownCA,
        UnsupportedCertificate,
    };
    matches!(
        error,
        rustls::Error::AlertReceived(
            CertificateRequired
                | BadCertificate
                | UnsupportedCertificate
                | CertificateExpired
                | CertificateRevoked
                | CertificateUnknown
                | UnknownCA
                | AccessDenied
        )
    )
}
