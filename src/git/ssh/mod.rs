//! Signing in over SSH, and knowing whom one talks to.

pub mod identity;
mod key;
mod known_hosts;
mod public;
mod wire;

use std::{fmt, path::PathBuf, sync::Arc};

use git2::{Cred, CredentialType, Error, ErrorClass, ErrorCode};

pub use identity::{IdentityError, ShownIdentity};
pub use key::{Content as KeyContent, Exposure, KeyError, PrivateKey};
pub use known_hosts::{HostKeyFault, HostKeyReason, KnownHosts, ShownKey};

use super::trouble::{SignIn, Trouble};

/// What it takes to talk to a host over SSH.
#[derive(Clone, Debug, Default)]
pub struct SshAccess {
    /// What signs in.
    pub identity: Identity,
    /// The host keys that are trusted.
    pub known_hosts: Arc<KnownHosts>,
}

/// What signs in over SSH.
#[derive(Clone, Debug, Default)]
pub enum Identity {
    /// Nothing.
    #[default]
    Nothing,
    /// A key of a file.
    Key(Box<PrivateKey>),
    /// The keys of the ssh-agent that `SSH_AUTH_SOCK` names.
    Agent,
}

/// A key that was refused, or that may not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// The key of a file, with the public one where the file tells it.
    Key {
        /// The file.
        path: PathBuf,
        /// The public key as one line.
        public: Option<String>,
    },
    /// The keys of the ssh-agent.
    Agent,
}

impl SshAccess {
    /// The credential for libgit2, where there is one and the host takes its kind.
    pub(super) fn credential(&self, user: &str, allowed: CredentialType) -> Option<Result<Cred, Error>> {
        match &self.identity {
            Identity::Key(key) if allowed.contains(CredentialType::SSH_MEMORY) => {
                let (text, passphrase) = key.expose();
                Some(Cred::ssh_key_from_memory(user, None, text, passphrase))
            }
            Identity::Agent if allowed.contains(CredentialType::SSH_KEY) => Some(Cred::ssh_key_from_agent(user)),
            _ => None,
        }
    }

    /// What a failure means that only SSH knows.
    pub(super) fn trouble(&self, error: &Error, sign_in: SignIn) -> Option<Trouble> {
        let has = |part: &str| error.message().contains(part);
        match (&self.offered(), sign_in) {
            (None, SignIn::Wanted) => return Some(Trouble::KeyWanted),
            (Some(_), SignIn::Wanted) => return Some(Trouble::KeysNotTaken),
            (Some(offered), SignIn::Refused) => return Some(Trouble::KeyRefused(offered.clone())),
            // A host that counts strictly ends the connection at once.
            (Some(offered), SignIn::Offered) if error.code() == ErrorCode::Auth => return Some(Trouble::KeyRefused(offered.clone())),
            (Some(Offered::Key { path, .. }), SignIn::Offered) if has("private key") => return Some(Trouble::KeyUnusable(path.clone())),
            _ => {}
        }
        match (error.code(), error.class()) {
            // The words of the program at the other end.
            (ErrorCode::Eof, ErrorClass::Ssh) if !error.message().trim().is_empty() => Some(Trouble::said(error.message(), self.offered())),
            _ if has("imeout expired") || has("imed out") => Some(Trouble::TimedOut),
            _ if has("banner") => Some(Trouble::NotSsh),
            (_, ErrorClass::Ssh) if has("ocket disconnect") || has("ocket recv") || has("ocket send") => Some(Trouble::Cut),
            _ => None,
        }
    }

    fn offered(&self) -> Option<Offered> {
        match &self.identity {
            Identity::Nothing => None,
            Identity::Key(key) => Some(Offered::Key { path: key.path.clone(), public: key.public.clone() }),
            Identity::Agent => Some(Offered::Agent),
        }
    }
}

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { path, .. } => write!(f, "the SSH key `{}`", path.display()),
            Self::Agent => f.write_str("every key of the ssh-agent"),
        }
    }
}

impl Offered {
    /// The key for a hint: the line to install, or how to have it.
    pub(super) fn installable(&self) -> String {
        match self {
            Self::Key { public: Some(public), .. } => public.clone(),
            Self::Key { path, public: None } => format!("`ssh-keygen -y -f {}` prints it", path.display()),
            Self::Agent => "`ssh-add -L` prints it".to_owned(),
        }
    }
}
