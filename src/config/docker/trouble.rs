//! What can be wrong with a Docker configuration file.

use std::{fmt, path::PathBuf};

use thiserror::Error;

use crate::policy::Blame;

/// Something in a Docker configuration file that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A helper whose name is none.
    IllegalHelper {
        /// The host as the file has it; `None` where it is for every host.
        host: Option<String>,
        /// What stands in place of a name.
        helper: String,
    },
    /// A login that cannot be read.
    MalformedLogin {
        /// The host as the file has it.
        host: String,
    },
}

/// Why a Docker configuration file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DockerConfigError {
    /// There is no such file.
    #[error("cannot read the Docker configuration `{}`: there is no such file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read the Docker configuration `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// It is no such file. The text is not quoted, it may hold secrets.
    #[error("cannot read the Docker configuration `{}`: line {line}, column {column} is not as Docker writes it", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
}

impl DockerConfigError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some("name a file that `docker login` wrote, or give the registry a credential under `registries:`".to_owned())
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IllegalHelper { host: Some(host), helper } => {
                write!(
                    f,
                    "the credential helper for `{}` in the Docker configuration is not used: `{}` is no name of a program",
                    safe(host),
                    safe(helper)
                )
            }
            Self::IllegalHelper { host: None, helper } => {
                write!(f, "the credential store in the Docker configuration is not used: `{}` is no name of a program", safe(helper))
            }
            Self::MalformedLogin { host } => write!(f, "the login for `{}` in the Docker configuration cannot be read", safe(host)),
        }
    }
}

/// A text of the file for a person's eyes.
fn safe(text: &str) -> String {
    text.chars().take(100).flat_map(char::escape_debug).collect()
}
