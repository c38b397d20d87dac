//! What tests stand on: recorded registries; real servers on free loopback ports, temporary folders, a cleared environment.

pub mod binary;
pub mod certificates;
pub mod cycle;
pub mod daemon;
pub mod gate;
pub mod git;
pub mod git_server;
pub mod github;
pub mod hostile;
pub mod kustomize;
pub mod process;
pub mod proxy;
pub mod recorded;
pub mod registry;
pub mod schema;
pub mod served;
pub mod simulated;
pub mod source;
pub mod sshd;
pub mod token;

/// Installs the TLS provider, as `main` does; it may be installed already.
pub fn install_tls() {
    let _already = rustls::crypto::ring::default_provider().install_default();
}
