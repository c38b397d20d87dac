//! File, flags and environment as typed values; the only place where defaults are written.

pub mod docker;
mod prefix;
pub mod registries;
mod secret;

pub use docker::{DockerConfig, DockerConfigError, Notice};
pub use prefix::Prefix;
pub use registries::{Budget, Endpoint, Patience, Registries, RegistryEntry, is_loopback};
pub use secret::{Credential, CredentialSource, SecretError, SecretSource};
