//! Servers that tests run against.

pub mod hostile;
pub mod registry;

/// Installs the TLS provider, as `main` does; it may be installed already.
pub fn install_tls() {
    let _already = rustls::crypto::ring::default_provider().install_default();
}
