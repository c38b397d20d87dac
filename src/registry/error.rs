//! Why a registry's answer cannot be had.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use thiserror::Error;

use super::{helper::HelperError, login::Login};
use crate::{
    config::SecretError,
    image::Repository,
    net::CertificateError,
    policy::{Blame, Code},
};

/// Why one question to a registry has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot {verb} `{object}`: {problem}{}", attempts(tried))]
pub struct RegistryError {
    /// What was asked.
    pub verb: Verb,
    /// What it was asked about: a repository, or an image with its tag.
    pub object: String,
    /// The repository that was asked.
    pub repository: Repository,
    /// With which credential it happened.
    pub login: Login,
    /// Every credential that was tried, in this order.
    pub tried: Vec<Login>,
    /// What happened.
    pub problem: Problem,
}

/// What is asked of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The tags of a repository.
    List,
    /// The digest of a tag.
    Resolve,
    /// The manifest and configuration of a tag.
    Look,
}

/// What a registry says about a failure, made safe for a person's eyes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The registry's own code: `NAME_UNKNOWN`.
    pub code: Option<String>,
    /// Its own words.
    pub message: Option<String>,
}

/// What happened on the way to an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// 401 or 403.
    #[error("{host} answered {status}{said}")]
    Denied {
        /// Who answered.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What was said.
        said: Said,
    },
    /// 404 for a repository, or for a tag.
    #[error("{host} answered {status}{said}")]
    Absent {
        /// Who answered.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What was said.
        said: Said,
    },
    /// 429, or 503 with a time to come back.
    #[error("{host} answered {status}{said}{}", patience(*wait))]
    Busy {
        /// Who answered.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What was said.
        said: Said,
        /// How long the host asks to be left alone.
        wait: Option<Duration>,
    },
    /// Not asked, since the host asked to be left alone.
    #[error("{host} asked to be left alone for {} s", seconds(*wait))]
    Resting {
        /// Who would be asked.
        host: String,
        /// How long that is from now.
        wait: Duration,
    },
    /// 408 and 5xx, after every retry.
    #[error("{host} answered {status}{said}")]
    Failing {
        /// Who answered.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What was said.
        said: Said,
    },
    /// A status that has no place here.
    #[error("{host} answered {status}{said}")]
    Odd {
        /// Who answered.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What was said.
        said: Said,
    },
    /// The name does not resolve.
    #[error("there is no host {host}")]
    NoSuchHost {
        /// Whose address was wanted.
        host: String,
    },
    /// The port is closed.
    #[error("{host} refuses connections")]
    NotListening {
        /// Who was called.
        host: String,
    },
    /// The certificate is no good.
    #[error("the certificate of {host} is not trusted: {why}")]
    Untrusted {
        /// Who showed it.
        host: String,
        /// What is wrong with it.
        why: String,
    },
    /// Https was spoken to, and plain http answered.
    #[error("{host} does not speak https")]
    NotHttps {
        /// Who answered.
        host: String,
    },
    /// Plain http was spoken to, and https is wanted.
    #[error("{host} wants https, and was asked by plain http")]
    WantsHttps {
        /// Who answered.
        host: String,
    },
    /// No whole answer within the time.
    #[error("{host} gave no answer in {} s", after.as_secs_f32())]
    Silent {
        /// Who was asked.
        host: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection failed in another way.
    #[error("the connection to {host} broke: {why}")]
    Broken {
        /// Who was asked.
        host: String,
        /// What the connection's library says.
        why: String,
    },
    /// The answer is not what the specification says.
    #[error("{host} {fault}")]
    Answer {
        /// Who answered.
        host: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The configured secret cannot be read.
    #[error("{0}")]
    Secret(SecretError),
    /// A credential helper gave no answer.
    #[error("{0}")]
    Helper(HelperError),
    /// The configuration allows only listed hosts.
    #[error("`registryAllow` is `listed`, and no entry under `registries:` names {host}")]
    NotListed {
        /// The host that none names.
        host: String,
    },
    /// Strangers may not lead us there.
    #[error("{host} leads to {address}, which is {kind}")]
    Forbidden {
        /// The host as it is named.
        host: String,
        /// Where it leads.
        address: IpAddr,
        /// What kind of address that is.
        kind: &'static str,
    },
    /// The configured authority cannot be read.
    #[error("cannot use the certificates in `{}`: {reason}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The server wants to see who asks.
    #[error("{host} does not take the client certificate that it was shown, or wants one")]
    WantsCertificate {
        /// Who refused.
        host: String,
    },
    /// The configured client certificate cannot be used.
    #[error("{0}")]
    Certificate(CertificateError),
    /// This machine trusts nobody.
    #[error("cannot make a TLS connection to {host}: {why}")]
    NoTls {
        /// Who was to be asked.
        host: String,
        /// What the TLS library says.
        why: String,
    },
}

/// How an answer departs from the specification. Each text follows the host's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// A web page.
    #[error("answered with a web page instead of JSON")]
    WebPage,
    /// Not JSON, or another shape of JSON.
    #[error("answered with {expected} that cannot be read: {why}")]
    Unreadable {
        /// What was expected.
        expected: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The body ends early, or its encoding is broken.
    #[error("sent an answer that breaks off or is garbled: {0}")]
    Garbled(String),
    /// The body is longer than any honest one.
    #[error("sent an answer of more than {} KiB", bound / 1024)]
    TooLarge {
        /// The bound in bytes.
        bound: usize,
    },
    /// A list of another repository.
    #[error("answered with the tags of another repository, `{0}`")]
    OtherRepository(String),
    /// A page without tags where more pages are.
    #[error("answered with a page whose tags are null, so the list is not whole")]
    NullTags,
    /// A page link that cannot be read.
    #[error("sent a link to the next page that cannot be read: `{0}`")]
    Link(String),
    /// A page link to somebody else.
    #[error("sent a link to the next page on another host, {0}")]
    ForeignLink(String),
    /// A page that was there before.
    #[error("sent the same page of tags twice, so the list is not whole")]
    RepeatedPage,
    /// More pages than any honest list has.
    #[error("did not end its list in {0} pages")]
    TooManyPages(usize),
    /// More tags than any honest list has.
    #[error("listed more than {0} tags")]
    TooManyTags(usize),
    /// A digest header that is no digest.
    #[error("sent a digest that is none: `{0}`")]
    IllegalDigest(String),
    /// Bytes that are not those of their digest.
    #[error("sent bytes that are not those of their digest {0}")]
    WrongDigest(String),
    /// An index or manifest whose parts are not there.
    #[error("has no {what} {digest}, which its own manifest names")]
    MissingPart {
        /// Manifest or configuration.
        what: &'static str,
        /// Its digest.
        digest: String,
    },
    /// An index that leads on and on.
    #[error("sent an index that leads to more than {0} documents")]
    TooManyDocuments(usize),
    /// A challenge that cannot be read.
    #[error("sent a challenge that cannot be read: {0}")]
    Challenge(String),
    /// A token service that would see secrets in plain text.
    #[error("names a token service that is not https: `{0}`")]
    PlainRealm(String),
    /// More redirects than are followed.
    #[error("redirected more than {0} times")]
    TooManyRedirects(usize),
    /// A redirect from https to plain http, or one that cannot be read.
    #[error("redirected to a place that is not followed: `{0}`")]
    Redirect(String),
}

/// What an outcome says of the host that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// It answers, be it with a refusal.
    Answers,
    /// It fails, perhaps saying how long it wants to be left alone.
    Fails(Option<Duration>),
    /// It was not asked, for it wanted to be left alone for so long.
    Says(Duration),
    /// Nothing: what is wrong stands in a configuration, and is soon seen when it is mended.
    Nothing,
}

impl Bearing {
    /// How long the host wants to be left alone.
    pub fn wait(self) -> Option<Duration> {
        match self {
            Self::Fails(wait) => wait,
            Self::Says(wait) => Some(wait),
            Self::Answers | Self::Nothing => None,
        }
    }
}

impl RegistryError {
    /// What it says of the host.
    pub fn bearing(&self) -> Bearing {
        match &self.problem {
            Problem::Busy { wait, .. } => Bearing::Fails(*wait),
            Problem::Resting { wait, .. } => Bearing::Says(*wait),
            Problem::Failing { .. }
            | Problem::NotListening { .. }
            | Problem::Silent { .. }
            | Problem::Broken { .. }
            | Problem::Answer { fault: Fault::Garbled(_), .. } => Bearing::Fails(None),
            Problem::Denied { .. } | Problem::Absent { .. } | Problem::Odd { .. } | Problem::Answer { .. } => Bearing::Answers,
            Problem::NoSuchHost { .. }
            | Problem::Untrusted { .. }
            | Problem::NotHttps { .. }
            | Problem::WantsHttps { .. }
            | Problem::Secret(_)
            | Problem::Helper(_)
            | Problem::NotListed { .. }
            | Problem::Forbidden { .. }
            | Problem::Authority { .. }
            | Problem::WantsCertificate { .. }
            | Problem::Certificate(_)
            | Problem::NoTls { .. } => Bearing::Nothing,
        }
    }

    /// The code of `plan`.
    pub fn code(&self) -> Code {
        match &self.problem {
            Problem::Denied { .. }
            | Problem::Secret(_)
            | Problem::Helper(_)
            | Problem::NotListed { .. }
            | Problem::Forbidden { .. }
            | Problem::WantsCertificate { .. } => Code::Unauthorized,
            Problem::Absent { .. } => Code::NotFound,
            Problem::Busy { .. } | Problem::Resting { .. } => Code::RateLimited,
            Problem::Odd { .. } | Problem::Answer { .. } => Code::BadAnswer,
            _ => Code::Unreachable,
        }
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match &self.problem {
            Problem::Authority { .. } | Problem::Certificate(_) | Problem::NoTls { .. } => Blame::Operator,
            _ => self.code().blame().unwrap_or(Blame::Remote),
        }
    }

    /// What to type or change next.
    pub fn hint(&self) -> Option<String> {
        let registry = &self.repository.registry;
        Some(match &self.problem {
            Problem::Denied { .. } => self.denied_hint(),
            Problem::Absent { .. } => match &self.login {
                Login::Anonymous => {
                    format!("check the name `{}`; if it is private, give {} a credential under `registries:`", self.object, self.prefix())
                }
                login => format!("check the name `{}`, and that the user from {login} may see it", self.object),
            },
            Problem::Busy { .. } | Problem::Resting { .. } => match &self.login {
                Login::Anonymous => {
                    format!(
                        "try again later, or give {} a credential under `registries:`: most registries allow more to those they know",
                        self.prefix()
                    )
                }
                _ => format!("try again later, or lower `requestsPerSecond` for {registry} under `registries:`"),
            },
            Problem::NoSuchHost { .. } => format!("check the host in `{}`, or set `endpoint` for {registry} under `registries:`", self.object),
            Problem::NotListening { .. } => "check that the registry runs, and its port".to_owned(),
            Problem::Untrusted { host, .. } => format!("name the authority that signed it with `caFile` for {host} under `registries:`"),
            Problem::NotHttps { host } => format!("if that is meant, set `insecure: true` for {host} under `registries:`"),
            Problem::WantsHttps { host } => format!("name the authority that signed its certificate with `caFile` for {host} under `registries:`"),
            Problem::Secret(error) => return error.hint(),
            Problem::Helper(error) => return error.hint(),
            Problem::NotListed { host } => format!("if it may be asked, add `- prefix: {host}` under `registries:`, or set `registryAllow: any`"),
            Problem::Forbidden { host, .. } => format!("if that is meant, add `- prefix: {host}` under `registries:`"),
            Problem::Authority { path, .. } => {
                format!("`caFile` and `registryCaFile` name readable files of PEM certificates; look at `{}`", path.display())
            }
            Problem::WantsCertificate { host } => {
                format!(
                    "name a certificate with `clientCertFile` and `clientKeyFile` for {host} under `registries:`, or look at the one that is named"
                )
            }
            Problem::Certificate(error) => return error.hint(),
            Problem::NoTls { .. } => "install the system's certificates (Debian: ca-certificates), or set `caFile` under `registries:`".to_owned(),
            Problem::Answer { fault: Fault::WebPage, .. } => {
                format!("check that {registry} is a registry; set `endpoint` for it under `registries:` if its API is elsewhere")
            }
            // A host that wants a certificate may close the connection before it has said so.
            Problem::Broken { host, .. } => {
                format!("try again later; if it stays so, {host} may want a client certificate (`clientCertFile` under `registries:`)")
            }
            Problem::Silent { .. } | Problem::Failing { .. } | Problem::Answer { fault: Fault::Garbled(_), .. } => "try again later".to_owned(),
            Problem::Odd { host, .. } | Problem::Answer { host, .. } => {
                format!("if it stays so, tell whoever runs {host}; `endpoint` under `registries:` names another place to ask")
            }
        })
    }

    fn denied_hint(&self) -> String {
        match &self.login {
            Login::Anonymous => format!(
                "give {} a credential under `registries:`, or check the image's name; private images are denied like missing ones",
                self.prefix()
            ),
            login @ Login::Entry(_) => format!("check the user and the password from {login}, and that they may pull `{}`", self.repository),
            login @ Login::Docker(key) => {
                format!("check that the user from {login} may pull `{}`; if the login has expired, type `docker login {key}`", self.repository)
            }
            login @ Login::Helper { .. } => {
                format!("check that the user from {login} may pull `{}`, and that its login has not expired", self.repository)
            }
        }
    }

    /// What a person would write under `registries:` for this repository.
    fn prefix(&self) -> String {
        let first = self.repository.path.split('/').next().filter(|_| self.repository.path.contains('/'));
        first.map_or_else(|| self.repository.registry.to_string(), |first| format!("{}/{first}", self.repository.registry))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Resolve => "resolve",
            Self::Look => "look at",
        })
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, " ({code}: {message})"),
            (Some(one), None) | (None, Some(one)) => write!(f, " ({one})"),
            (None, None) => Ok(()),
        }
    }
}

/// Which credentials were tried, where that was more than one.
fn attempts(tried: &[Login]) -> String {
    match tried {
        [] | [_] => String::new(),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(Login::to_string).collect();
            format!("; tried {} and {last}", first.join(", "))
        }
    }
}

fn patience(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| format!(", and asks to be left alone for {} s", seconds(wait)))
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs().max(1)
}

/// A stranger's text as a person may see it: one line, without characters that steer a terminal, cut to `longest` characters.
pub(super) fn printable(text: &str, longest: usize) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let mut safe: String = text.trim().chars().take(longest).map(|c| if steers(c) { ' ' } else { c }).collect();
    if text.trim().chars().nth(longest).is_some() {
        safe.push('…');
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Name;

    fn error(problem: Problem, login: Login) -> RegistryError {
        let repository = Name::parse("ghcr.io/acme/app").expect("a name").repository();
        RegistryError { verb: Verb::List, object: repository.to_string(), repository, tried: vec![login.clone()], login, problem }
    }

    fn said() -> Said {
        Said { code: Some("UNAUTHORIZED".into()), message: Some("authentication required".into()) }
    }

    #[test]
    fn an_error_is_one_sentence_with_a_code_and_a_hint() {
        let host = || "ghcr.io".to_owned();
        for (problem, sentence, code, hint) in [
            (
                Problem::Denied { host: host(), status: 401, said: said() },
                "cannot list `ghcr.io/acme/app`: ghcr.io answered 401 (UNAUTHORIZED: authentication required)",
                Code::Unauthorized,
                "give ghcr.io/acme a credential",
            ),
            (
                Problem::Absent { host: host(), status: 404, said: Said::default() },
                "cannot list `ghcr.io/acme/app`: ghcr.io answered 404",
                Code::NotFound,
                "check the name `ghcr.io/acme/app`",
            ),
            (
                Problem::Busy { host: host(), status: 429, said: Said::default(), wait: Some(Duration::from_secs(90)) },
                "cannot list `ghcr.io/acme/app`: ghcr.io answered 429, and asks to be left alone for 90 s",
                Code::RateLimited,
                "try again later",
            ),
            (Problem::NoSuchHost { host: host() }, "cannot list `ghcr.io/acme/app`: there is no host ghcr.io", Code::Unreachable, "set `endpoint`"),
            (
                Problem::Answer { host: host(), fault: Fault::WebPage },
                "cannot list `ghcr.io/acme/app`: ghcr.io answered with a web page instead of JSON",
                Code::BadAnswer,
                "check that ghcr.io is a registry",
            ),
        ] {
            let error = error(problem, Login::Anonymous);
            assert_eq!(error.to_string(), sentence);
            assert_eq!(error.code(), code, "{sentence}");
            assert!(error.hint().is_some_and(|text| text.contains(hint)), "{sentence}: {:?}", error.hint());
        }
    }

    #[test]
    fn a_refused_credential_is_named() {
        for (word, login, hint) in [
            (
                "entry",
                Login::Entry("ghcr.io".into()),
                "check the user and the password from `registries:` (ghcr.io), and that they may pull `ghcr.io/acme/app`",
            ),
            (
                "Docker configuration",
                Login::Docker("ghcr.io".into()),
                "check that the user from the Docker configuration (ghcr.io) may pull `ghcr.io/acme/app`; if the login has expired, type `docker login ghcr.io`",
            ),
            (
                "helper",
                Login::Helper { program: "docker-credential-pass".into(), key: "ghcr.io".into() },
                "check that the user from the credential helper `docker-credential-pass` (ghcr.io) may pull `ghcr.io/acme/app`, and that its login has not expired",
            ),
        ] {
            let problem = Problem::Denied { host: "ghcr.io".into(), status: 403, said: Said::default() };
            assert_eq!(error(problem, login).hint().as_deref(), Some(hint), "{word}");
        }
    }

    #[test]
    fn the_credentials_that_were_tried_are_named() {
        let (entry, docker) = (Login::Entry("ghcr.io".into()), Login::Docker("ghcr.io/acme".into()));
        for (word, tried, says) in [
            ("one", vec![entry.clone()], "ghcr.io answered 403"),
            ("two", vec![entry.clone(), Login::Anonymous], "ghcr.io answered 403; tried `registries:` (ghcr.io) and no credential"),
            (
                "three",
                vec![entry.clone(), docker, Login::Anonymous],
                "ghcr.io answered 403; tried `registries:` (ghcr.io), the Docker configuration (ghcr.io/acme) and no credential",
            ),
        ] {
            let problem = Problem::Denied { host: "ghcr.io".into(), status: 403, said: Said::default() };
            let error = RegistryError { tried, ..error(problem, entry.clone()) };
            assert_eq!(error.to_string(), format!("cannot list `ghcr.io/acme/app`: {says}"), "{word}");
        }
    }

    #[test]
    fn where_may_not_be_asked_is_told_with_what_to_add() {
        for (problem, sentence, hint) in [
            (
                Problem::NotListed { host: "ghcr.io".into() },
                "`registryAllow` is `listed`, and no entry under `registries:` names ghcr.io",
                "if it may be asked, add `- prefix: ghcr.io` under `registries:`, or set `registryAllow: any`",
            ),
            (
                Problem::Forbidden { host: "auth.evil".into(), address: IpAddr::from([10, 0, 0, 1]), kind: "a private address" },
                "auth.evil leads to 10.0.0.1, which is a private address",
                "if that is meant, add `- prefix: auth.evil` under `registries:`",
            ),
        ] {
            let error = error(problem, Login::Anonymous);
            assert_eq!((error.code(), error.blame(), error.hint().as_deref()), (Code::Unauthorized, Blame::Operator, Some(hint)));
            assert_eq!(error.to_string(), format!("cannot list `ghcr.io/acme/app`: {sentence}"));
        }
    }

    #[test]
    fn a_strangers_text_cannot_steer_a_terminal() {
        for (word, text, safe) in [
            ("plain", "denied", "denied"),
            ("escape", "a\u{1b}[31mb", "a [31mb"),
            ("lines", "a\nb\r\nc", "a b  c"),
            ("right to left", "a\u{202e}b", "a b"),
            ("long", "abcdefghijkl", "abcdefghij…"),
            ("as long as it may be", "abcdefghij", "abcdefghij"),
        ] {
            assert_eq!(printable(text, 10), safe, "{word}");
        }
    }
}
