//! Registries of the configuration.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::CredentialSource;
use crate::image::Repository;

/// The registries that the configuration names.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    /// The entries, in the order of the file.
    pub entries: Vec<RegistryEntry>,
}

/// What is configured for one prefix of names.
#[derive(Clone, Debug)]
pub struct RegistryEntry {
    /// `host[:port][/path]`, `*` for one label.
    pub prefix: String,
    /// The Git repositories that it serves; empty for all.
    pub for_: Vec<String>,
    /// Where the API of this name is really asked.
    pub endpoint: Option<String>,
    /// Where tags and metadata are asked.
    pub list_from: Option<String>,
    /// Whether plain http, or a certificate that nobody vouches for, is accepted.
    pub insecure: bool,
    /// A private CA.
    pub ca_file: Option<PathBuf>,
    /// How to sign in.
    pub credential: Option<CredentialSource>,
    /// Requests at the same time.
    pub concurrency: Option<NonZeroU32>,
    /// Requests per second.
    pub requests_per_second: Option<NonZeroU32>,
    /// How often a repository is listed.
    pub interval: Option<Duration>,
}

/// What a remote is signed in to with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A token.
    Token(SecretString),
}

impl RegistryEntry {
    /// An entry that says nothing but its prefix.
    pub fn bare(prefix: String) -> Self {
        Self {
            prefix,
            for_: Vec::new(),
            endpoint: None,
            list_from: None,
            insecure: false,
            ca_file: None,
            credential: None,
            concurrency: None,
            requests_per_second: None,
            interval: None,
        }
    }

    /// The host of the prefix, with its port where one is written.
    pub fn host(&self) -> &str {
        self.prefix.split('/').next().unwrap_or_default()
    }
}

impl Registries {
    /// The entry with the longest prefix that covers a repository.
    pub fn entry_for(&self, repository: &Repository) -> Option<&RegistryEntry> {
        let name = repository.to_string();
        self.entries.iter().filter(|entry| covers(&entry.prefix, &name)).max_by_key(|entry| entry.prefix.len())
    }
}

fn covers(prefix: &str, name: &str) -> bool {
    let mut parts = name.split('/');
    prefix
        .split('/')
        .all(|wanted| parts.next().is_some_and(|part| wanted.split('.').count() == part.split('.').count() && labels_match(wanted, part)))
}

fn labels_match(wanted: &str, part: &str) -> bool {
    wanted.split('.').zip(part.split('.')).all(|(wanted, label)| wanted == "*" || wanted == label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Name;

    #[test]
    fn the_longest_prefix_wins() {
        let entries = ["ghcr.io", "ghcr.io/acme", "*.corp:5000", "registry.corp:5000/team"].map(|prefix| RegistryEntry::bare(prefix.into()));
        let registries = Registries { entries: entries.into() };
        for (word, name, prefix) in [
            ("host", "ghcr.io/other/app", Some("ghcr.io")),
            ("path", "ghcr.io/acme/app", Some("ghcr.io/acme")),
            ("a longer word is another path", "ghcr.io/acme-two/app", Some("ghcr.io")),
            ("star", "hub.corp:5000/app", Some("*.corp:5000")),
            ("path over star", "registry.corp:5000/team/app", Some("registry.corp:5000/team")),
            ("a star is one label", "a.b.corp:5000/app", None),
            ("none", "redis", None),
        ] {
            let found = registries.entry_for(&Name::parse(name).expect(name).repository());
            assert_eq!(found.map(|entry| entry.prefix.as_str()), prefix, "{word}");
        }
    }
}
