//! Signing in over https as a GitHub App: its key signs who asks, GitHub's API answers with a token for an hour, and Git takes that as a password.

mod answer;
mod call;
mod fault;
mod key;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::ExposeSecret;
use url::Url;

use self::{
    answer::{Answer, Token},
    call::{Ask, Bearer},
};
pub use self::{
    fault::{AppFault, AppTrouble},
    key::{AppKey, AppKeyError},
};
use super::{
    http::HttpAccess,
    remote::{Credentials, RemoteUrl, Scheme},
};
use crate::config;

/// A clock that is further away from that of the API is the reason why a key is refused.
const SKEW: SignedDuration = SignedDuration::from_secs(30);
/// A token that is still good for so long is used where no new one is to be had.
const LEAST: SignedDuration = SignedDuration::from_secs(30);

/// A GitHub App, installed for one repository; its token is shared by all that hold it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    id: String,
    installation: Option<u64>,
    key: AppKey,
    api: Url,
    /// The repository's owner and name; `None` where its address is no such pair.
    repository: Option<(String, String)>,
    http: HttpAccess,
    held: Mutex<Held>,
}

/// What is known in memory, and nowhere else.
#[derive(Default)]
struct Held {
    /// The installation, as the API told it.
    installation: Option<u64>,
    token: Option<Token>,
    /// How far the API's clock is ahead of ours.
    ahead: SignedDuration,
    /// Until when it wants not to be asked.
    rest: Option<Timestamp>,
}

impl App {
    /// An App that signs in to a repository; with it comes a warning where others may read its key. Nobody is asked yet.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn read(app: &config::GitHubApp, url: &RemoteUrl, http: &HttpAccess) -> Result<(Self, Option<String>), AppKeyError> {
        let (key, warning) = AppKey::read(&app.key)?;
        let api = api(app.api.as_deref(), url);
        // A repository's own authority speaks for its host alone, and its certificate is shown there alone.
        let http = if api.host_str() == url.host() { http.clone() } else { HttpAccess::default() };
        let (id, installation, repository) = (app.id.clone(), app.installation, repository(url));
        Ok((Self(Arc::new(Inner { id, installation, key, api, repository, http, held: Mutex::default() })), warning))
    }

    /// What signs in now: the token that is held, or a new one where it is about to expire.
    ///
    /// # Errors
    /// The API gives none.
    pub(super) fn credentials(&self) -> Result<Credentials, AppFault> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        if let Some(token) = held.token.as_ref().filter(|token| now < token.renewed) {
            return Ok(Credentials::token(token.text.clone()));
        }
        match self.0.renewed(&mut held, now) {
            Ok(token) => {
                let credentials = Credentials::token(token.text.clone());
                held.token = Some(token);
                Ok(credentials)
            }
            Err(trouble) => match held.token.as_ref().filter(|token| now.saturating_add(LEAST).is_ok_and(|then| then < token.expires)) {
                Some(token) => Ok(Credentials::token(token.text.clone())),
                None => Err(self.0.fault(trouble)),
            },
        }
    }

    /// Forgets the token that Git refused, if it is still the one that is held.
    pub(super) fn refused(&self, credentials: &Credentials) {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.token.as_ref().is_some_and(|token| token.text.expose_secret() == credentials.password.expose_secret()) {
            held.token = None;
        }
    }
}

impl Inner {
    fn renewed(&self, held: &mut Held, now: Timestamp) -> Result<Token, AppTrouble> {
        if let Some(until) = held.rest.filter(|until| now < *until) {
            return Err(AppTrouble::Limited { until });
        }
        held.rest = None;
        let outcome = self.minted(held);
        if let Err(AppTrouble::Limited { until }) = &outcome {
            held.rest = Some(*until);
        }
        outcome
    }

    /// A new token, with the narrowest rights that are granted.
    fn minted(&self, held: &mut Held) -> Result<Token, AppTrouble> {
        let Some(installation) = self.installation else {
            let known = held.installation;
            let installation = known.map_or_else(|| self.found(held), Ok)?;
            return match self.minted_by(installation, held) {
                // It was taken away and made again.
                Err(AppTrouble::NoInstallation { .. }) if known.is_some() => {
                    let installation = self.found(held)?;
                    self.minted_by(installation, held)
                }
                outcome => outcome,
            };
        };
        self.minted_by(installation, held)
    }

    fn minted_by(&self, installation: u64, held: &mut Held) -> Result<Token, AppTrouble> {
        let path = format!("app/installations/{installation}/access_tokens");
        let mut refused = None;
        for wish in answer::wishes(self.repository.as_ref().map(|(_, name)| name.as_str())) {
            let answer = self.ask(&Method::POST, &path, Some(&wish), held)?;
            match answer.status {
                200..300 => return answer.token(Timestamp::now()),
                404 => return Err(answer.missing(AppTrouble::NoInstallation { installation })),
                // It does not have these rights, or does not cover this repository.
                422 => refused = Some(AppTrouble::NotCovered { said: answer.said() }),
                _ => return Err(answer.trouble(Timestamp::now())),
            }
        }
        Err(refused.expect("there is a wish at least"))
    }

    /// The installation that covers the repository.
    fn found(&self, held: &mut Held) -> Result<u64, AppTrouble> {
        held.installation = None;
        let Some((owner, name)) = &self.repository else { return Err(AppTrouble::NoName) };
        let answer = self.ask(&Method::GET, &format!("repos/{owner}/{name}/installation"), None, held)?;
        let installation = match answer.status {
            200..300 => answer.installation()?,
            404 => return Err(answer.missing(AppTrouble::NotInstalled { repository: format!("{owner}/{name}") })),
            _ => return Err(answer.trouble(Timestamp::now())),
        };
        held.installation = Some(installation);
        Ok(installation)
    }

    /// Asks the API; where it refuses the key because our clock is wrong, once more by its own.
    fn ask(&self, method: &Method, path: &str, body: Option<&str>, held: &mut Held) -> Result<Answer, AppTrouble> {
        for may_be_late in [true, false] {
            let now = Timestamp::now().saturating_add(held.ahead).unwrap_or(Timestamp::MAX);
            let bearer = Bearer(self.key.token(&self.id, now));
            let ask = Ask { method: method.clone(), url: call::below(&self.api, path), bearer, body: body.map(str::to_owned) };
            let answer = call::send(ask, &self.http)?;
            match answer.status {
                // Only who refuses us is believed that our clock is wrong.
                401 if may_be_late && answer.date.is_some_and(|date| date.duration_since(now).abs() > SKEW) => {
                    held.ahead = answer.ahead(Timestamp::now());
                }
                401 => return Err(AppTrouble::Refused { said: answer.said() }),
                _ => return Ok(answer),
            }
        }
        unreachable!("the second answer is the last")
    }

    fn fault(&self, trouble: AppTrouble) -> AppFault {
        AppFault { id: self.id.clone(), api: self.api.to_string().trim_end_matches('/').to_owned(), trouble }
    }
}

/// Where the API of a repository's host is.
fn api(written: Option<&str>, url: &RemoteUrl) -> Url {
    let written = written.and_then(|text| Url::parse(text).ok());
    written.unwrap_or_else(|| {
        let host = url.host().unwrap_or_default();
        let api = match host {
            "github.com" | "www.github.com" => Url::parse("https://api.github.com"),
            _ if host.ends_with(".ghe.com") => Url::parse(&format!("https://api.{host}")),
            _ if url.scheme() == Scheme::Https || url.is_loopback() => Url::parse(url.as_str()).and_then(|url| url.join("/api/v3")),
            // Whoever bears a repository in the clear gives no key away with it.
            _ => Url::parse(&format!("https://{host}/api/v3")),
        };
        api.expect("a repository over http has a host")
    })
}

/// Owner and name, where the address is such a pair.
fn repository(url: &RemoteUrl) -> Option<(String, String)> {
    let path = Url::parse(url.as_str()).ok()?.path().trim_matches('/').to_owned();
    let (owner, name) = path.split_once('/')?;
    let name = name.strip_suffix(".git").unwrap_or(name);
    let is_name =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) && !matches!(text, "" | "." | "..");
    (is_name(owner) && is_name(name)).then(|| (owner.to_owned(), name.to_owned()))
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({})", self.0.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Plaintext;

    #[test]
    fn owner_name_and_api_follow_from_the_address() {
        for (text, pair, place) in [
            ("https://github.com/acme/fleet", Some(("acme", "fleet")), "https://api.github.com/"),
            ("https://github.com/acme/fleet.git", Some(("acme", "fleet")), "https://api.github.com/"),
            ("https://GitHub.com/acme/fleet.git/", Some(("acme", "fleet")), "https://api.github.com/"),
            ("https://github.com/acme/fleet.x_y-z", Some(("acme", "fleet.x_y-z")), "https://api.github.com/"),
            ("https://acme.ghe.com/acme/fleet", Some(("acme", "fleet")), "https://api.acme.ghe.com/"),
            ("https://github.corp.example:8443/acme/fleet", Some(("acme", "fleet")), "https://github.corp.example:8443/api/v3"),
            ("http://github.corp.example:8080/acme/fleet", Some(("acme", "fleet")), "https://github.corp.example/api/v3"),
            ("http://localhost:8080/acme/fleet", Some(("acme", "fleet")), "http://localhost:8080/api/v3"),
            ("https://github.corp.example/fleet", None, "https://github.corp.example/api/v3"),
            ("https://github.corp.example/a/b/c", None, "https://github.corp.example/api/v3"),
            ("https://github.corp.example/a/%2e%2e%2fb", None, "https://github.corp.example/api/v3"),
        ] {
            let url = RemoteUrl::parse(text, Plaintext::Anywhere).expect(text);
            let found = repository(&url);
            assert_eq!(found.as_ref().map(|(owner, name)| (owner.as_str(), name.as_str())), pair, "{text}");
            assert_eq!(api(None, &url).as_str(), place, "{text}");
            assert_eq!(api(Some("https://api.corp.example"), &url).as_str(), "https://api.corp.example/", "{text}");
        }
    }
}
