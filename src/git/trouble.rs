//! Why a remote gave no answer that could be used.

use git2::{Error, ErrorCode};
use thiserror::Error as ThisError;

use std::path::PathBuf;

use super::{
    app::AppFault,
    remote::{Credentials, RemoteUrl},
    ssh::{HostKeyFault, Offered},
    text,
};
use crate::policy::Blame;

/// A conversation with a remote that failed.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("cannot {} `{url}`: {trouble}", doing.words())]
pub struct RemoteError {
    /// What was being done.
    pub doing: Doing,
    /// The remote, without secrets.
    pub url: String,
    /// What happened.
    pub trouble: Trouble,
}

/// What is done with a remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Commits are fetched.
    Fetch,
    /// A commit is pushed.
    Push,
}

/// What happened between us and a remote.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Trouble {
    /// It asks who we are, and nothing is configured to answer.
    #[error("it wants a user and a password or token, and none is given")]
    SignInWanted,
    /// It refused what we signed in with.
    #[error("it refused the user and the password or token")]
    Unauthorized,
    /// It asks for a key, and none is configured.
    #[error("it wants an SSH key, and none is given")]
    KeyWanted,
    /// It takes no keys.
    #[error("it lets nobody sign in with an SSH key")]
    KeysNotTaken,
    /// It refused our key.
    #[error("it refused {0}")]
    KeyRefused(Offered),
    /// The key cannot be read with the passphrase that is given, or at all.
    #[error("the SSH key `{}` cannot be opened: its passphrase is wrong, or it is damaged", .0.display())]
    KeyUnusable(PathBuf),
    /// Its host key is not accepted.
    #[error("{0}")]
    HostKey(Box<HostKeyFault>),
    /// What answers is no SSH server.
    #[error("what answers there does not speak SSH")]
    NotSsh,
    /// It knows who we are and does not allow this.
    #[error("it does not allow this (403 Forbidden)")]
    Forbidden,
    /// It says in its own words that we may not do this.
    #[error("it does not allow this: \"{words}\"")]
    Denied {
        /// What it said.
        words: String,
        /// The key that signed in.
        key: Option<Offered>,
    },
    /// It has no such repository, or hides it from this user.
    #[error("it has no such repository, or hides it from this user")]
    NotFound,
    /// Nobody knows the host.
    #[error("no address is known for the host `{0}`")]
    UnknownHost(String),
    /// Nothing listens there.
    #[error("nothing accepts connections there")]
    ConnectionRefused,
    /// The host does not answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The host cannot be reached.
    #[error("the host cannot be reached: {0}")]
    Unreachable(String),
    /// The connection ended in the middle.
    #[error("the connection ended in the middle of the conversation")]
    Cut,
    /// Its certificate is not vouched for by what this machine trusts.
    #[error("its certificate is not vouched for: {0}")]
    Certificate(String),
    /// Its certificate is not vouched for by the repository's own authority either.
    #[error("its certificate is not vouched for: {0}")]
    Authority(String),
    /// It does not take the client certificate that it was shown.
    #[error("it does not take the client certificate that it was shown")]
    CertificateRefused,
    /// It asks for a client certificate, and none is configured.
    #[error("it wants a client certificate, and none is given")]
    CertificateWanted,
    /// What answers there speaks no TLS.
    #[error("what answers there does not speak TLS")]
    NotTls,
    /// The proxy of the environment cannot be reached.
    #[error("the proxy before it cannot be reached")]
    ProxyUnreachable,
    /// The proxy asks who we are, or does not take what the environment says.
    #[error("the proxy before it wants a user and a password, or refuses those that it was given")]
    ProxySignIn,
    /// The proxy does not lead there.
    #[error("the proxy before it does not lead there")]
    ProxyRefused,
    /// It sends us to another host.
    #[error("it sends us to another host, which is not followed: {0}")]
    Redirected(String),
    /// The GitHub App got no token to sign in with.
    #[error("{0}")]
    App(Box<AppFault>),
    /// It sends us to where everybody on the way can listen.
    #[error("it sends us to plain http, which is not followed: {0}")]
    Downgraded(String),
    /// It sends us in circles, or nowhere, or in the middle of the conversation.
    #[error("it sends us around, which leads nowhere: {0}")]
    Circles(String),
    /// What answers is no Git server.
    #[error("what answers there is no Git repository")]
    NotGit,
    /// An HTTP status of its own.
    #[error("it answered with HTTP status {0}")]
    Status(u16),
    /// Its own words.
    #[error("it answered \"{0}\"")]
    Said(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// What became of our credentials in one conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SignIn {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// Asked, and there was nothing to offer.
    Wanted,
    /// Offered once.
    Offered,
    /// Offered, and asked again.
    Refused,
}

impl Doing {
    fn words(self) -> &'static str {
        match self {
            Self::Fetch => "fetch from",
            Self::Push => "push to",
        }
    }
}

impl RemoteError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        self.trouble.blame()
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match (&self.trouble, self.doing) {
            (Trouble::SignInWanted, _) => {
                "give a user and a token: `username` with `passwordFile`, or `tokenFile`, for this repository in tagalong.yaml, or USER:TOKEN@ in the URL"
                    .to_owned()
            }
            (Trouble::Unauthorized, _) => "check the user and the token, and whether the token has expired".to_owned(),
            (Trouble::KeyWanted, _) => "`tagalong identity` makes one and prints what to install; or name one with `sshKeyFile` for this repository in tagalong.yaml, or start an ssh-agent that holds it".to_owned(),
            (Trouble::KeysNotTaken, _) => "check the URL, or let the host take keys".to_owned(),
            (Trouble::KeyRefused(offered), _) => format!("add the key to the repository's deploy keys, with write access: {}", offered.installable()),
            (Trouble::KeyUnusable(path), _) => {
                format!("`ssh-keygen -y -f {}` tells whether the passphrase in `sshPassphraseFile` or `sshPassphraseEnv` is right", path.display())
            }
            (Trouble::HostKey(fault), _) => fault.hint(),
            (Trouble::App(fault), _) => return fault.hint(),
            (Trouble::Denied { key: Some(key), .. }, Doing::Push) => format!("give this deploy key write access: {}", key.installable()),
            (Trouble::Denied { key: Some(key), .. }, Doing::Fetch) => format!("give this deploy key read access: {}", key.installable()),
            (Trouble::NotSsh | Trouble::NotTls, _) => "check the host and the port".to_owned(),
            (Trouble::CertificateWanted, _) => {
                "name one with `clientCertFile` and `clientKeyFile` for this repository in tagalong.yaml".to_owned()
            }
            (Trouble::CertificateRefused, _) => {
                "check whether the certificate in `clientCertFile` has expired, and whether the server trusts who signed it".to_owned()
            }
            (Trouble::ProxySignIn, _) => "write `http://USER:PASSWORD@HOST:PORT` into HTTPS_PROXY, or the host of the repository into NO_PROXY".to_owned(),
            (Trouble::ProxyUnreachable | Trouble::ProxyRefused, _) => {
                "check HTTPS_PROXY and the proxy itself, or write the host of the repository into NO_PROXY".to_owned()
            }
            (Trouble::Forbidden | Trouble::Denied { .. }, Doing::Push) => "give this user or token write access to the repository".to_owned(),
            (Trouble::Forbidden | Trouble::Denied { .. }, Doing::Fetch) => "give this user or token read access to the repository".to_owned(),
            (Trouble::NotFound | Trouble::NotGit | Trouble::Redirected(_) | Trouble::Downgraded(_) | Trouble::Circles(_), _) => "check the URL: it is the one that `git clone` takes".to_owned(),
            (Trouble::UnknownHost(_), _) => "check the host's name and this machine's DNS".to_owned(),
            (Trouble::ConnectionRefused | Trouble::Unreachable(_), _) => "check the host and the port, and whether the server runs".to_owned(),
            (Trouble::TimedOut, _) => "check the network and any proxy; --git-timeout says how long silence is borne".to_owned(),
            (Trouble::Authority(_), _) => "let the server's owner renew it, or name the authority that signed it with `caFile`".to_owned(),
            (Trouble::Certificate(_), _) => {
                "name a file with its authority's certificate with `caFile` for this repository in tagalong.yaml, or let this machine trust it; `insecure: true` there trusts anybody".to_owned()
            }
            (Trouble::Cut | Trouble::Status(408 | 425 | 429 | 500..), _) => "try again later".to_owned(),
            (Trouble::Status(_) | Trouble::Said(_) | Trouble::Other(_), _) => "`git ls-remote` with this URL asks the same, and may say more".to_owned(),
        })
    }
}

impl Trouble {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::App(fault) => fault.blame(),
            Self::SignInWanted
            | Self::Unauthorized
            | Self::KeyWanted
            | Self::KeysNotTaken
            | Self::KeyRefused(_)
            | Self::KeyUnusable(_)
            | Self::HostKey(_)
            | Self::NotSsh
            | Self::Forbidden
            | Self::Denied { .. }
            | Self::NotFound
            | Self::NotGit
            | Self::Certificate(_)
            | Self::Authority(_)
            | Self::CertificateRefused
            | Self::CertificateWanted
            | Self::NotTls
            | Self::ProxySignIn
            | Self::Redirected(_)
            | Self::Downgraded(_)
            | Self::Circles(_) => Blame::Operator,
            Self::Status(status) if (400..500).contains(status) && !matches!(status, 408 | 425 | 429) => Blame::Operator,
            _ => Blame::Remote,
        }
    }

    /// The same without a secret that the other side may have sent back.
    pub(super) fn without(self, secret: Option<&Credentials>) -> Self {
        let safe = |said: String| text::one_line(said.as_bytes(), secret);
        match self {
            Self::Denied { words, key } => Self::Denied { words: safe(words), key },
            Self::Said(said) => Self::Said(safe(said)),
            Self::Redirected(place) => Self::Redirected(safe(place)),
            Self::Downgraded(place) => Self::Downgraded(safe(place)),
            Self::Circles(place) => Self::Circles(safe(place)),
            Self::Other(said) => Self::Other(safe(said)),
            other => other,
        }
    }

    /// Whether the other side may have done what was asked, though we did not hear of it.
    pub(super) fn leaves_doubt(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Cut | Self::Status(500..) | Self::Said(_) | Self::Other(_))
    }

    /// What an error of libgit2 means.
    pub(super) fn of(error: &Error, sign_in: SignIn, url: &RemoteUrl) -> Self {
        let message = error.message();
        match (error.code(), sign_in) {
            (_, SignIn::Wanted) => return Self::SignInWanted,
            (_, SignIn::Refused) | (ErrorCode::Auth, _) => return Self::Unauthorized,
            (ErrorCode::Timeout, _) => return Self::TimedOut,
            (ErrorCode::Eof, _) => return Self::Cut,
            _ => {}
        }
        if let Some(said) = message.strip_prefix("remote error: ") {
            return Self::said(said, None);
        }
        Self::of_message(message, url)
    }

    /// What a forge's own words mean; `key` is what signed in.
    pub(super) fn said(said: &str, key: Option<Offered>) -> Self {
        let lower = said.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|words| lower.contains(words));
        let words = text::one_line(said.as_bytes(), None);
        match () {
            () if has(&["not found", "does not exist", "does not appear to be a git repository"]) => Self::NotFound,
            () if has(&["denied", "not allowed", "read only", "read-only", "does not have write access", "not authorized"]) => {
                Self::Denied { words, key }
            }
            () => Self::Said(words),
        }
    }

    /// libgit2 tells most of its troubles by text alone.
    fn of_message(message: &str, url: &RemoteUrl) -> Self {
        let told = || text::one_line(message.as_bytes(), None);
        let has = |part: &str| message.contains(part);
        match () {
            () if has("failed to resolve address") => Self::UnknownHost(url.host().unwrap_or_default().to_owned()),
            () if has("Connection refused") => Self::ConnectionRefused,
            () if has("timed out") || has("Resource temporarily unavailable") => Self::TimedOut,
            () if has("failed to connect") => {
                Self::Unreachable(message.rsplit(": ").next().map(|why| text::one_line(why.as_bytes(), None)).unwrap_or_default())
            }
            () if has("invalid packet line") || has("invalid hex digit") || has("bad packet length") => Self::NotGit,
            () if has("EOF") || has("truncated write") || has("receiving data from socket") || has("could not read") || has("connection") => {
                Self::Cut
            }
            () => Self::Other(told()),
        }
    }
}
