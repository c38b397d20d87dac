//! A conversation with a remote: who we are, what it offers.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use git2::{
    CertificateCheckStatus, Cred, CredentialType, Direction, ErrorClass, ErrorCode, Oid, RemoteCallbacks, RemoteConnection, Repository, cert::Cert,
};
use secrecy::ExposeSecret;

use super::{
    access::Access,
    app::App,
    http::{self, HttpAccess, Line},
    remote::{Credentials, RemoteUrl, Scheme},
    ssh::SshAccess,
    trouble::{Doing, RemoteError, SignIn, Trouble},
};

/// One remote and what to sign in with.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub url: RemoteUrl,
    /// What signs in; an App's token for as long as it is good.
    credentials: RefCell<Option<Credentials>>,
    /// What gives such tokens.
    app: Option<App>,
    ssh: SshAccess,
    http: HttpAccess,
    /// Connections over http, which are kept from one conversation to the next.
    line: OnceLock<Arc<Line>>,
}

/// What is learned during one conversation that libgit2's errors do not tell.
#[derive(Default)]
pub(super) struct Talk {
    sign_in: Cell<SignIn>,
    /// What speaks against the other side's host key.
    distrust: Cell<Option<Trouble>>,
    /// What went wrong on a line of our own.
    failure: http::Failure,
}

/// One name that a remote advertises.
pub(super) struct Head {
    pub name: String,
    pub id: Oid,
    /// The name that it stands for.
    pub stands_for: Option<String>,
}

/// A failure that may be the refusal of what signed in.
pub(super) trait Refusal: From<RemoteError> {
    /// Whether it is.
    fn is_refusal(&self) -> bool;
}

impl Refusal for RemoteError {
    fn is_refusal(&self) -> bool {
        self.trouble == Trouble::Unauthorized
    }
}

impl Contact {
    pub fn new(url: &RemoteUrl, access: &Access) -> Self {
        let credentials = RefCell::new(url.credentials(access.credentials.as_ref()));
        let (app, ssh, http) = (access.app.clone(), access.ssh.clone(), access.http.clone());
        Self { url: url.clone(), credentials, app, ssh, http, line: OnceLock::new() }
    }

    /// Holds a conversation with a token that is good; where it is refused all the same, once more with a new one.
    pub fn signed_in<T, E: Refusal>(&self, doing: Doing, work: impl Fn() -> Result<T, E>) -> Result<T, E> {
        let Some(app) = &self.app else { return work() };
        let renew = || {
            let credentials = app.credentials().map_err(|fault| self.error(doing, Trouble::App(Box::new(fault))))?;
            if let Some(line) = self.line.get() {
                line.sign_in_with(&credentials);
            }
            self.credentials.replace(Some(credentials.clone()));
            Ok::<_, E>(credentials)
        };
        let offered = renew()?;
        match work() {
            Err(error) if error.is_refusal() => {
                app.refused(&offered);
                renew()?;
                work()
            }
            outcome => outcome,
        }
    }

    /// Holds a conversation: what libgit2 says meanwhile on this thread goes over our own line, where the remote speaks http.
    pub fn converse<T>(&self, talk: &Talk, work: impl FnOnce() -> T) -> T {
        if !matches!(self.url.scheme(), Scheme::Http | Scheme::Https) {
            return work();
        }
        match self.line() {
            Ok(line) => http::during(&line, &talk.failure, work),
            Err(trouble) => {
                talk.failure.note(trouble);
                work()
            }
        }
    }

    fn line(&self) -> Result<Arc<Line>, Trouble> {
        if let Some(line) = self.line.get() {
            return Ok(Arc::clone(line));
        }
        let line = Arc::new(Line::new(&self.url, self.credentials.borrow().as_ref(), &self.http)?);
        Ok(Arc::clone(self.line.get_or_init(|| line)))
    }

    /// The callbacks of one conversation over SSH: credentials are offered once, and only to this host; `talk` tells what became of them.
    pub fn callbacks<'a>(&'a self, talk: &'a Talk) -> RemoteCallbacks<'a> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(move |_, _, allowed| self.sign_in(allowed, &talk.sign_in));
        callbacks.certificate_check(move |shown, host| self.check(shown, host, &talk.distrust));
        callbacks
    }

    fn sign_in(&self, allowed: CredentialType, sign_in: &Cell<SignIn>) -> Result<Cred, git2::Error> {
        let end = |state, word| {
            sign_in.set(state);
            Err(git2::Error::new(ErrorCode::Auth, ErrorClass::Callback, word))
        };
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(self.url.ssh_user());
        }
        // libgit2 asks again for as long as something is offered.
        if sign_in.get() != SignIn::NotAsked {
            return end(SignIn::Refused, "refused");
        }
        let offer = match &*self.credentials.borrow() {
            Some(Credentials { user, password }) if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) => {
                Cred::userpass_plaintext(user, password.expose_secret())
            }
            Some(_) => return end(SignIn::Refused, "not taken"),
            None => match self.ssh.credential(self.url.ssh_user(), allowed) {
                Some(offer) => offer,
                None => return end(SignIn::Wanted, "wanted"),
            },
        };
        sign_in.set(SignIn::Offered);
        offer
    }

    /// Judges whom we talk to by the known hosts.
    fn check(&self, shown: &Cert<'_>, host: &str, distrust: &Cell<Option<Trouble>>) -> Result<CertificateCheckStatus, git2::Error> {
        let key = shown.as_hostkey().and_then(|key| key.hostkey()).unwrap_or_default();
        let known = self.ssh.known_hosts.judge(self.url.host().unwrap_or(host), self.url.port(), key);
        known.map(|()| CertificateCheckStatus::CertificateOk).map_err(|fault| {
            distrust.set(Some(Trouble::HostKey(Box::new(fault))));
            git2::Error::new(ErrorCode::Certificate, ErrorClass::Callback, "not trusted")
        })
    }

    /// What must not appear in any text.
    pub fn secret(&self) -> Option<Credentials> {
        self.credentials.borrow().clone()
    }

    /// The failure of a conversation.
    pub fn failure(&self, doing: Doing, error: &git2::Error, talk: &Talk) -> RemoteError {
        let sign_in = talk.sign_in.get();
        let distrust = talk.distrust.take().filter(|_| error.code() == ErrorCode::Certificate);
        let is_key = self.url.scheme() == Scheme::Ssh && self.credentials.borrow().is_none();
        let trouble = talk.failure.take().or(distrust).or_else(|| is_key.then(|| self.ssh.trouble(error, sign_in)).flatten());
        self.error(doing, trouble.unwrap_or_else(|| Trouble::of(error, sign_in, &self.url)).without(self.secret().as_ref()))
    }

    /// The failure for a known reason.
    pub fn error(&self, doing: Doing, trouble: Trouble) -> RemoteError {
        RemoteError { doing, url: self.url.to_string(), trouble }
    }

    /// Asks the remote for all its names: one ref advertisement.
    pub fn heads(&self, repository: &Repository) -> Result<Vec<Head>, RemoteError> {
        let talk = Talk::default();
        let listed = self.converse(&talk, || {
            let mut remote = repository.remote_anonymous(self.url.as_str())?;
            let connection = remote.connect_auth(Direction::Fetch, Some(self.callbacks(&talk)), None)?;
            listed(&connection)
        });
        listed.map_err(|error| self.failure(Doing::Fetch, &error, &talk))
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
