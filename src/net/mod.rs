//! What the clients of registries and of Git servers share: the certificate that they show, and what is at the bottom of a failed connection.
#![expect(clippy::disallowed_methods, reason = "edge: certificates are files")]

mod cause;
mod identity;

pub use cause::{cause, innermost, is_about_our_certificate, is_unknown_name};
pub use identity::{CertificateError, Identity};
