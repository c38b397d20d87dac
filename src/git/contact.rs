//! A conversation with a remote: who we are, what it offers.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use git2::{
    CertificateCheckStatus, Cred, CredentialType, Direction, ErrorClass, ErrorCode, Oid, ProxyOptions, RemoteCallbacks, RemoteConnection, Repository,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    remote::{Credentials, RemoteUrl},
    trouble::{Doing, RemoteError, SignIn, Trouble},
};

/// One remote and what to sign in with.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub url: RemoteUrl,
    pub credentials: Option<Credentials>,
}

/// One name that a remote advertises.
pub(super) struct Head {
    pub name: String,
    pub id: Oid,
    /// The name that it stands for.
    pub stands_for: Option<String>,
}

impl Contact {
    /// The callbacks of one conversation: credentials are offered once, and only to this host; `sign_in` tells what became of them.
    pub fn callbacks<'a>(&'a self, sign_in: &'a Cell<SignIn>) -> RemoteCallbacks<'a> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(move |_, _, allowed| match (&self.credentials, sign_in.get()) {
            (Some(credentials), SignIn::NotAsked) if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) => {
                sign_in.set(SignIn::Offered);
                Cred::userpass_plaintext(&credentials.user, credentials.password.expose_secret())
            }
            // libgit2 asks again for as long as something is offered.
            (Some(_), _) => {
                sign_in.set(SignIn::Refused);
                Err(git2::Error::new(ErrorCode::Auth, ErrorClass::Callback, "refused"))
            }
            (None, _) => {
                sign_in.set(SignIn::Wanted);
                Err(git2::Error::new(ErrorCode::Auth, ErrorClass::Callback, "wanted"))
            }
        });
        if self.url.is_insecure() {
            callbacks.certificate_check(|_, _| Ok(CertificateCheckStatus::CertificateOk));
        }
        callbacks
    }

    /// The environment's proxy, but never for this machine itself.
    pub fn proxy(&self) -> ProxyOptions<'static> {
        let mut options = ProxyOptions::new();
        if !self.url.is_loopback() {
            options.auto();
        }
        options
    }

    /// What must not appear in any text.
    pub fn secret(&self) -> Option<&SecretString> {
        self.credentials.as_ref().map(|credentials| &credentials.password)
    }

    /// The failure of a conversation.
    pub fn failure(&self, doing: Doing, error: &git2::Error, sign_in: &Cell<SignIn>) -> RemoteError {
        self.error(doing, Trouble::of(error, sign_in.get(), &self.url).without(self.secret()))
    }

    /// The failure for a known reason.
    pub fn error(&self, doing: Doing, trouble: Trouble) -> RemoteError {
        RemoteError { doing, url: self.url.to_string(), trouble }
    }

    /// Asks the remote for all its names: one ref advertisement.
    pub fn heads(&self, repository: &Repository) -> Result<Vec<Head>, RemoteError> {
        let sign_in = Cell::default();
        let listed = (|| {
            let mut remote = repository.remote_anonymous(self.url.as_str())?;
            let connection = remote.connect_auth(Direction::Fetch, Some(self.callbacks(&sign_in)), Some(self.proxy()))?;
            listed(&connection)
        })();
        listed.map_err(|error| self.failure(Doing::Fetch, &error, &sign_in))
    }
}

/// The names of an open conversation; those that are no UTF-8 are left out.
pub(super) fn listed(connection: &RemoteConnection<'_, '_, '_>) -> Result<Vec<Head>, git2::Error> {
    let owned =
        |head: &git2::RemoteHead<'_>| Head { name: head.name().to_owned(), id: head.oid(), stands_for: head.symref_target().map(str::to_owned) };
    // git2 offers these names as text alone and panics where they are none.
    let readable = |head| catch_unwind(AssertUnwindSafe(|| owned(head))).ok();
    Ok(connection.list()?.iter().filter_map(readable).collect())
}
