//! URLs of remote repositories, and the secrets that go with them.

use std::{fmt, net::IpAddr, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::{Host, Url};

use super::text::without_userinfo;
use crate::policy::Blame;

/// The user that forges take beside a token.
const TOKEN_USER: &str = "x-access-token";

/// The user of forges over SSH.
const SSH_USER: &str = "git";

/// Where a remote repository is.
///
/// # Shape
/// `Display` and `Debug` never hold what stands before the `@` of a URL.
#[derive(Clone)]
pub struct RemoteUrl {
    scheme: Scheme,
    plain: String,
    host: Option<String>,
    port: Option<u16>,
    user: Option<SecretString>,
    password: Option<SecretString>,
}

/// How a remote is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `https://`
    Https,
    /// `http://`
    Http,
    /// `file://`
    File,
    /// `ssh://` and `user@host:path`
    Ssh,
}

/// To which hosts plain `http://` is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plaintext {
    /// To this machine only.
    Loopback,
    /// To any: a person said `insecure`.
    Anywhere,
}

/// A user and a password or token.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password or token.
    pub password: SecretString,
}

/// Why a text is no URL of a remote repository.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot use `{url}` as the URL of a repository: {fault}")]
pub struct UrlError {
    /// The text, without secrets.
    pub url: String,
    /// What is wrong with it.
    pub fault: UrlFault,
}

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlFault {
    /// Its grammar.
    #[error("{0}")]
    Malformed(String),
    /// A scheme that is not spoken.
    #[error("`{0}://` is not spoken")]
    Scheme(String),
    /// Plain http to another machine.
    #[error("plain http to another machine can be read and changed on the way")]
    Plaintext,
    /// `user:password@host` alone.
    #[error("it has no scheme")]
    NoScheme,
    /// A query or a fragment.
    #[error("a repository's URL has no `?` and no `#`")]
    Extra,
}

impl RemoteUrl {
    /// Reads `https://…`, `http://…`, `file:///…`, `ssh://…` or `user@host:path`.
    ///
    /// # Errors
    /// The text is none, or plain http to a host that `plaintext` does not allow.
    pub fn parse(text: &str, plaintext: Plaintext) -> Result<Self, UrlError> {
        let fail = |fault| UrlError { url: without_userinfo(text), fault };
        if !text.contains("://") && is_scp(text) {
            return Ok(Self::scp(text));
        }
        let mut url = Url::parse(text).map_err(|error| fail(UrlFault::Malformed(error.to_string())))?;
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            "file" => Scheme::File,
            "ssh" | "git+ssh" | "ssh+git" => Scheme::Ssh,
            other => return Err(fail(UrlFault::Scheme(other.to_owned()))),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fail(UrlFault::Extra));
        }
        if scheme == Scheme::File && url.to_file_path().is_err() {
            return Err(fail(UrlFault::Malformed("a file URL holds an absolute path of this machine: `file:///path`".to_owned())));
        }
        if scheme == Scheme::Http && plaintext == Plaintext::Loopback && !is_loopback(&url) {
            return Err(fail(UrlFault::Plaintext));
        }
        let user = Some(percent_decoded(url.username())).filter(|user| !user.is_empty()).map(SecretString::from);
        let password = url.password().map(percent_decoded).map(SecretString::from);
        if scheme != Scheme::File {
            url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| fail(UrlFault::Malformed("it has no host".to_owned())))?;
        }
        Ok(Self { scheme, host: url.host_str().map(str::to_owned), port: url.port(), plain: url.into(), user, password })
    }

    /// `user@host:path`, `user@[host]:path` or `user@[host:port]:path`.
    fn scp(text: &str) -> Self {
        let (user, rest) = text.split_once('@').unwrap_or(("", text));
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((inside, _)) => match inside.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
                Some((host, Ok(port))) if !host.contains(':') => (host, Some(port)),
                _ => (inside, None),
            },
            None => (rest.split(':').next().unwrap_or_default(), None),
        };
        Self { scheme: Scheme::Ssh, plain: rest.to_owned(), host: Some(host.to_owned()), port, user: Some(user.to_owned().into()), password: None }
    }

    /// How the remote is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, where it has one.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The port that is spoken to.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.scheme {
            Scheme::Ssh => 22,
            Scheme::Https => 443,
            Scheme::Http | Scheme::File => 80,
        })
    }

    /// The user who signs in over SSH; it is no secret there.
    pub(super) fn ssh_user(&self) -> &str {
        self.user.as_ref().map_or(SSH_USER, |user| user.expose_secret())
    }

    /// The URL without user and password.
    pub fn as_str(&self) -> &str {
        &self.plain
    }

    /// The folder that a `file://` URL names.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        (self.scheme == Scheme::File).then(|| Url::parse(&self.plain).ok()?.to_file_path().ok()).flatten()
    }

    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        Url::parse(&self.plain).is_ok_and(|url| is_loopback(&url))
    }

    /// The user and password to sign in with: what the URL says wins over what is configured, which is for http alone.
    pub(super) fn credentials(&self, configured: Option<&Credentials>) -> Option<Credentials> {
        if self.scheme == Scheme::Ssh {
            return self.password.clone().map(|password| Credentials { user: self.ssh_user().to_owned(), password });
        }
        let user = self.user.as_ref().map(|user| user.expose_secret().to_owned());
        match (&self.password, configured) {
            (Some(password), _) => Some(Credentials { user: user.unwrap_or_else(|| TOKEN_USER.to_owned()), password: password.clone() }),
            (None, Some(configured)) => {
                Some(Credentials { user: user.unwrap_or_else(|| configured.user.clone()), password: configured.password.clone() })
            }
            (None, None) => user.map(|user| Credentials { user, password: SecretString::from("") }),
        }
    }
}

impl Credentials {
    /// A token without a user.
    pub fn token(token: SecretString) -> Self {
        Self { user: TOKEN_USER.to_owned(), password: token }
    }
}

impl UrlError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.fault {
            UrlFault::Plaintext => "use https://, or set `insecure: true` for this repository".to_owned(),
            UrlFault::NoScheme => "write `https://` before it".to_owned(),
            UrlFault::Extra => "name the branch with --branch".to_owned(),
            UrlFault::Malformed(_) | UrlFault::Scheme(_) => {
                "a repository is a folder, https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or file:///PATH".to_owned()
            }
        })
    }
}

/// Whether git would take the text for `host:path`: a colon before the first slash, and a user before it.
pub(super) fn is_scp(text: &str) -> bool {
    let head = text.split('/').next().unwrap_or_default();
    head.split_once(':').is_some_and(|(host, _)| host.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()))
}

/// The end of what looks like `user:password` before a host, where no scheme says what it is.
pub(super) fn userinfo_without_scheme(text: &str) -> Option<usize> {
    let end = text.rfind('@')?;
    text[..end].split('/').next().is_some_and(|head| head.contains(':')).then_some(end)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plain)
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteUrl({})", self.plain)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_it_hides() {
        for (text, shown, user, password) in [
            ("https://git.example/fleet.git", "https://git.example/fleet.git", None, None),
            ("https://bot:hunter2@git.example/fleet.git", "https://git.example/fleet.git", Some("bot"), Some("hunter2")),
            ("https://bot:hun%40ter%2F2@git.example:8443/f", "https://git.example:8443/f", Some("bot"), Some("hun@ter/2")),
            ("https://ghp_token@git.example/f", "https://git.example/f", Some("ghp_token"), None),
            ("http://127.0.0.1:3000/f.git", "http://127.0.0.1:3000/f.git", None, None),
            ("http://[::1]:3000/f.git", "http://[::1]:3000/f.git", None, None),
            ("http://localhost/f.git", "http://localhost/f.git", None, None),
            ("file:///srv/git/f.git", "file:///srv/git/f.git", None, None),
            ("ssh://git@git.example:22/f.git", "ssh://git.example:22/f.git", Some("git"), None),
            ("git@git.example:team/f.git", "git.example:team/f.git", Some("git"), None),
        ] {
            let url = RemoteUrl::parse(text, Plaintext::Loopback).expect(text);
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.user.as_ref().map(|user| user.expose_secret().to_owned()).as_deref(), user, "{text}");
            assert_eq!(url.password.as_ref().map(|password| password.expose_secret().to_owned()).as_deref(), password, "{text}");
            assert!(!format!("{url:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_wrong_url_is_told_without_its_secret() {
        for (text, told) in [
            (
                "http://bot:hunter2@git.example/f",
                "cannot use `http://***@git.example/f` as the URL of a repository: plain http to another machine can be read and changed on the way",
            ),
            ("ftp://bot:hunter2@git.example/f", "cannot use `ftp://***@git.example/f` as the URL of a repository: `ftp://` is not spoken"),
            (
                "https://bot:hunter2@git.example/f?x=1",
                "cannot use `https://***@git.example/f?x=1` as the URL of a repository: a repository's URL has no `?` and no `#`",
            ),
            ("https://bot:hun/ter2@git.example/f", "cannot use `https://***@git.example/f` as the URL of a repository: invalid port number"),
            (
                "file://else.example/f",
                "cannot use `file://else.example/f` as the URL of a repository: a file URL holds an absolute path of this machine: `file:///path`",
            ),
        ] {
            let error = RemoteUrl::parse(text, Plaintext::Loopback).expect_err(text);
            assert_eq!(error.to_string(), told);
            assert!(error.hint().is_some());
        }
        assert!(RemoteUrl::parse("http://git.example/f", Plaintext::Anywhere).is_ok());
    }

    #[test]
    fn host_port_and_user_of_an_ssh_url_are_those_of_git() {
        for (text, host, port, user) in [
            ("ssh://git.example/f", "git.example", 22, "git"),
            ("ssh://me@git.example:2222/f", "git.example", 2222, "me"),
            ("ssh://me@[::1]:2222/f", "[::1]", 2222, "me"),
            ("git+ssh://me@git.example/f", "git.example", 22, "me"),
            ("me@git.example:team/f", "git.example", 22, "me"),
            ("me@git.example:2222/f", "git.example", 22, "me"),
            ("me@[::1]:f", "::1", 22, "me"),
            ("me@[git.example:2222]:f", "git.example", 2222, "me"),
        ] {
            let url = RemoteUrl::parse(text, Plaintext::Loopback).expect(text);
            assert_eq!((url.scheme(), url.host(), url.port(), url.ssh_user()), (Scheme::Ssh, Some(host), port, user), "{text}");
        }
    }

    #[test]
    fn the_url_wins_over_the_configuration() {
        let configured = Credentials { user: "conf".to_owned(), password: "filed".into() };
        for (text, configured, expected) in [
            ("https://h/f", None, None),
            ("https://h/f", Some(&configured), Some(("conf", "filed"))),
            ("https://me@h/f", Some(&configured), Some(("me", "filed"))),
            ("https://me:typed@h/f", Some(&configured), Some(("me", "typed"))),
            ("https://tok@h/f", None, Some(("tok", ""))),
            ("https://:tok@h/f", None, Some((TOKEN_USER, "tok"))),
            ("ssh://me@h/f", Some(&configured), None),
            ("ssh://me:typed@h/f", Some(&configured), Some(("me", "typed"))),
            ("me@h:f", Some(&configured), None),
        ] {
            let used = RemoteUrl::parse(text, Plaintext::Loopback).expect(text).credentials(configured);
            let used = used.as_ref().map(|used| (used.user.as_str(), used.password.expose_secret()));
            assert_eq!(used, expected, "{text}");
        }
    }
}
