//! Why a GitHub App gets no token.

use jiff::Timestamp;
use thiserror::Error;

use crate::policy::Blame;

/// An App that got no token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("GitHub App `{id}` got no token from `{api}`: {trouble}")]
pub struct AppFault {
    /// The App's id or client id.
    pub id: String,
    /// The API that was asked.
    pub api: String,
    /// What happened.
    pub trouble: AppTrouble,
}

/// What happened between an App and GitHub's API.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppTrouble {
    /// It does not take the key for that of this App.
    #[error("it refuses the App's key{}", words(said))]
    Refused {
        /// What it said.
        said: String,
    },
    /// The App is not installed there.
    #[error("the App is not installed for `{repository}`, or there is no such repository")]
    NotInstalled {
        /// Owner and name.
        repository: String,
    },
    /// The App has no installation of this number.
    #[error("the App has no installation {installation}")]
    NoInstallation {
        /// Its number.
        installation: u64,
    },
    /// The installation does not reach the repository.
    #[error("the installation does not cover this repository{}", words(said))]
    NotCovered {
        /// What it said.
        said: String,
    },
    /// Somebody suspended the installation.
    #[error("the installation is suspended")]
    Suspended,
    /// It does not allow it for another reason.
    #[error("it does not allow this{}", words(said))]
    Denied {
        /// What it said.
        said: String,
    },
    /// It was asked too often.
    #[error("it was asked too often, and wants to be left alone until {until:.0}")]
    Limited {
        /// Until when, by our clock.
        until: Timestamp,
    },
    /// Another status.
    #[error("it answered with HTTP status {status}{}", words(said))]
    Status {
        /// The status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// It sends us to another host.
    #[error("it sends us elsewhere, which is not followed")]
    Redirected,
    /// The answer is none of an API.
    #[error("its answer cannot be used: {what}")]
    Strange {
        /// What is wrong.
        what: &'static str,
    },
    /// Nobody knows the host, nothing listens there, or the connection ended.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Nobody whom we trust vouches for its certificate.
    #[error("its certificate is not vouched for: {0}")]
    Certificate(String),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The repository's address does not tell owner and name.
    #[error("the address of the repository does not end in OWNER/NAME, so it cannot be asked for the installation")]
    NoName,
}

impl AppFault {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match &self.trouble {
            AppTrouble::Limited { .. } | AppTrouble::Unreachable(_) | AppTrouble::TimedOut | AppTrouble::Status { status: 408 | 425 | 500.., .. } => {
                Blame::Remote
            }
            _ => Blame::Operator,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.trouble {
            AppTrouble::Refused { .. } => {
                "check `id` and the private key under `githubApp`, whether the key was deleted on the App's page, and this machine's clock".to_owned()
            }
            AppTrouble::NotInstalled { .. } => "install the App for the repository, with read and write access to its contents".to_owned(),
            AppTrouble::NoInstallation { .. } => "leave `installationId` out, or take it from the address of the installation's page".to_owned(),
            AppTrouble::NotCovered { .. } => "add the repository to the installation, and give the App read and write access to contents".to_owned(),
            AppTrouble::Suspended => "an owner of the account can end the suspension on the installation's page".to_owned(),
            AppTrouble::Denied { .. } => {
                "give the App read and write access to contents, and look at the account's list of allowed addresses".to_owned()
            }
            AppTrouble::Limited { .. } => "nothing is to be done: it is asked again then".to_owned(),
            AppTrouble::Redirected | AppTrouble::Strange { .. } => "check `apiUrl`: https://api.github.com, or https://HOST/api/v3".to_owned(),
            AppTrouble::Unreachable(_) => "check `apiUrl`, this machine's DNS and any proxy".to_owned(),
            AppTrouble::Certificate(_) => {
                "let this machine trust its authority; `caFile` counts where the API is on the repository's host".to_owned()
            }
            AppTrouble::TimedOut => "check the network and any proxy".to_owned(),
            AppTrouble::Status { status: 408 | 425 | 500.., .. } => "try again later".to_owned(),
            AppTrouble::Status { .. } => "check `apiUrl`, and the App's page at GitHub".to_owned(),
            AppTrouble::NoName => "check the address, or write `installationId`".to_owned(),
        })
    }
}

/// The other side's own words, where it said any.
fn words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": \"{said}\"") }
}
