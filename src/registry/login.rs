//! Which credentials may open a repository.

use std::fmt;

use crate::{
    config::{CredentialSource, DockerConfig, DockerSource, Grant, Helper, RegistryEntry},
    image::Repository,
};

/// Where a credential is configured; it also tells two of them apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Login {
    /// Nobody's.
    Anonymous,
    /// That of the entry with this prefix.
    Entry(String),
    /// That of the Docker configuration under this key.
    Docker(String),
    /// That of a program for this key of the Docker configuration.
    Helper {
        /// The program.
        program: String,
        /// The key.
        key: String,
    },
}

/// A credential that may open a repository.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) login: Login,
    pub(super) source: Source,
}

/// How a credential is had.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Nobody,
    Entry(CredentialSource),
    Known(Grant),
    Helper { helper: Helper, key: String },
}

/// What may open a repository: the entry's own credential, those of the Docker configuration, and last none.
///
/// `asked` is the repository at the host that is really asked: a credential goes to no other.
pub(super) fn candidates(asked: &Repository, entry: Option<&RegistryEntry>, docker: &DockerConfig) -> Vec<Candidate> {
    let of_entry = entry.and_then(|entry| {
        let source = Source::Entry(entry.credential.clone()?);
        Some(Candidate { login: Login::Entry(entry.prefix.to_string()), source })
    });
    let of_docker = docker.sources(asked).into_iter().map(|source| match source {
        DockerSource::Login { key, grant } => Candidate { login: Login::Docker(key.to_owned()), source: Source::Known(grant.clone()) },
        DockerSource::Helper { key, helper } => Candidate {
            login: Login::Helper { program: helper.program(), key: key.to_owned() },
            source: Source::Helper { helper: helper.clone(), key: key.to_owned() },
        },
    });
    let nobody = Candidate { login: Login::Anonymous, source: Source::Nobody };
    of_entry.into_iter().chain(of_docker).chain([nobody]).collect()
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("no credential"),
            Self::Entry(prefix) => write!(f, "`registries:` ({prefix})"),
            Self::Docker(key) => write!(f, "the Docker configuration ({key})"),
            Self::Helper { program, key } => write!(f, "the credential helper `{program}` ({key})"),
        }
    }
}
