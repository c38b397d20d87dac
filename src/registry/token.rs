//! How a request proves who asks.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::{
    Method,
    header::{HeaderValue, WWW_AUTHENTICATE},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::{
    challenge::{self, Challenge},
    error::{Fault, Login, Problem},
    flight::Flights,
    place::Place,
    wire::{Answer, Deadline, Request, Wire, authority, redacted},
};
use crate::config::Credential;

/// The longest answer of a token service.
const TOKEN_BODY: usize = 1024 * 1024;
/// How long a token lasts whose answer does not say.
const LIFETIME: Duration = Duration::from_mins(1);

/// What has been learnt about proving who asks.
#[derive(Default)]
pub(super) struct Proofs {
    /// What each host wanted last.
    challenges: Mutex<HashMap<String, Challenge>>,
    tokens: Flights<TokenKey, Token>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct TokenKey {
    realm: String,
    service: Option<String>,
    scope: String,
    login: Option<String>,
}

/// A token of a token service.
#[derive(Clone)]
struct Token {
    header: HeaderValue,
    good_until: Instant,
}

/// What one request carries.
#[derive(Clone, Debug, Default)]
pub(super) struct Proof {
    pub(super) header: Option<HeaderValue>,
    /// Whether another token may do better after a 401.
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Nothing,
    Fixed,
    Minted,
}

/// What a token service answers.
#[derive(Deserialize)]
struct Minted {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl Proofs {
    /// What the first request carries: what its host wanted last time.
    ///
    /// # Errors
    /// The token that is wanted cannot be had.
    pub(super) async fn first(&self, wire: &Wire, place: &Place, base: &Url) -> Result<Proof, Problem> {
        if let Some(Credential::Token(token)) = &place.credential {
            return Ok(Proof { header: bearer(token), kind: Kind::Fixed });
        }
        let known = self.challenges.lock().unwrap_or_else(PoisonError::into_inner).get(&authority(base)).cloned();
        match known {
            Some(challenge) => self.meet(wire, place, base, &challenge, None).await,
            None => Ok(Proof::default()),
        }
    }

    /// What the next request carries after a 401; `None` where nothing better is at hand.
    ///
    /// # Errors
    /// The challenge cannot be read, or the token that is wanted cannot be had.
    pub(super) async fn after(&self, wire: &Wire, place: &Place, base: &Url, sent: &Proof, answer: &Answer) -> Result<Option<Proof>, Problem> {
        if sent.kind == Kind::Fixed {
            return Ok(None);
        }
        let fault = |fault| Problem::Answer { host: answer.host(), fault };
        let mut offered = Vec::new();
        for header in answer.headers.get_all(WWW_AUTHENTICATE) {
            let text = header.to_str().map_err(|_| fault(Fault::Challenge("it is not ASCII".to_owned())))?;
            offered.extend(challenge::parse(text).map_err(|why| fault(Fault::Challenge(why)))?);
        }
        let bearer = offered.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        let Some(challenge) = bearer.or(offered.first()) else {
            return Ok(None);
        };
        self.challenges.lock().unwrap_or_else(PoisonError::into_inner).insert(authority(base), challenge.clone());
        let proof = self.meet(wire, place, base, challenge, sent.header.as_ref()).await?;
        Ok(proof.header.is_some().then_some(proof))
    }

    async fn meet(&self, wire: &Wire, place: &Place, base: &Url, challenge: &Challenge, refused: Option<&HeaderValue>) -> Result<Proof, Problem> {
        match challenge {
            Challenge::Basic => Ok(Proof { header: basic(place.credential.as_ref()), kind: Kind::Fixed }),
            Challenge::Bearer { realm, service } => {
                let realm = checked_realm(base, realm)?;
                let login = match &place.login {
                    Login::Anonymous => None,
                    Login::From(source) => Some(source.clone()),
                };
                let scope = format!("repository:{}:pull", place.repository.path);
                let key = TokenKey { realm: realm.to_string(), service: service.clone(), scope: scope.clone(), login };
                let good = |token: &Token| Instant::now() < token.good_until && refused != Some(&token.header);
                let token = self.tokens.share(key, good, mint(wire, place, base, realm, service.as_deref(), &scope)).await?;
                Ok(Proof { header: Some(token.header), kind: Kind::Minted })
            }
        }
    }
}

/// A token service is https, or as plain as its registry.
fn checked_realm(base: &Url, realm: &str) -> Result<Url, Problem> {
    let refuse = |fault| Err(Problem::Answer { host: authority(base), fault });
    match Url::parse(realm) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() || url.host_str().is_none() => {
            refuse(Fault::Challenge(format!("its token service `{}` is no place", redacted(realm))))
        }
        Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && base.scheme() == "http") => Ok(url),
        Ok(_) => refuse(Fault::PlainRealm(redacted(realm))),
        Err(_) => refuse(Fault::Challenge(format!("its token service `{}` is no URL", redacted(realm)))),
    }
}

async fn mint(wire: &Wire, place: &Place, base: &Url, mut realm: Url, service: Option<&str>, scope: &str) -> Result<Token, Problem> {
    realm.set_fragment(None);
    realm.query_pairs_mut().extend_pairs(service.map(|service| ("service", service))).append_pair("scope", scope);
    let host = authority(&realm);
    let trust = if host == authority(base) { place.trust.clone() } else { wire.trust_elsewhere(&host, &place.trust) };
    let authorization = basic(place.credential.as_ref());
    let request = Request { method: Method::GET, url: realm, accept: "application/json", authorization, bound: TOKEN_BODY, trust };
    let asked = Instant::now();
    let answer = wire.send(&request, &mut Deadline::request(wire.patience())).await?;
    if answer.status != 200 {
        return Err(answer.failure(wire.now()));
    }
    let unreadable = |why: &str| Problem::Answer { host: host.clone(), fault: Fault::Unreadable { expected: "a token", why: why.to_owned() } };
    let minted: Minted = serde_json::from_slice(&answer.body).map_err(|_| unreadable("it is not the JSON of a token"))?;
    let given = |token: Option<String>| token.filter(|token| !token.is_empty()).map(SecretString::from);
    let token = given(minted.token).or(given(minted.access_token)).ok_or_else(|| unreadable("no token is in it"))?;
    let header = bearer(&token).ok_or_else(|| unreadable("the token cannot stand in a header"))?;
    let lifetime = minted.expires_in.as_ref().and_then(serde_json::Value::as_u64).map_or(LIFETIME, Duration::from_secs);
    Ok(Token { header, good_until: asked + usable(lifetime) })
}

/// A token is given up a tenth of its life, at most 30 s, before its end; and not after a day.
fn usable(lifetime: Duration) -> Duration {
    let lifetime = lifetime.min(Duration::from_hours(24));
    lifetime.saturating_sub((lifetime / 10).min(Duration::from_secs(30)))
}

fn bearer(token: &SecretString) -> Option<HeaderValue> {
    secret_header(&format!("Bearer {}", token.expose_secret()))
}

fn basic(credential: Option<&Credential>) -> Option<HeaderValue> {
    match credential? {
        Credential::Basic { user, password } => {
            secret_header(&format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", password.expose_secret()))))
        }
        Credential::Token(_) => None,
    }
}

fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_service_is_https_or_as_plain_as_its_registry() {
        for (word, base, realm, allowed) in [
            ("https", "https://a/", "https://auth/token", true),
            ("plain for https", "https://a/", "http://auth/token", false),
            ("plain for plain", "http://a/", "http://auth/token", true),
            ("https for plain", "http://a/", "https://auth/token", true),
            ("no URL", "https://a/", "/token", false),
            ("other scheme", "http://a/", "file:///token", false),
            ("a user", "https://a/", "https://user:secret@auth/token", false),
        ] {
            let realm = checked_realm(&Url::parse(base).expect("a URL"), realm);
            assert_eq!(realm.is_ok(), allowed, "{word}: {realm:?}");
            assert!(!format!("{realm:?}").contains("secret"), "{word}");
        }
    }

    #[test]
    fn a_token_is_given_up_before_its_end() {
        for (lifetime, good_for) in [(60, 54), (300, 270), (3600, 3570), (0, 0), (u64::MAX, 86_370)] {
            assert_eq!(usable(Duration::from_secs(lifetime)), Duration::from_secs(good_for), "{lifetime}");
        }
    }

    #[test]
    fn a_header_does_not_print_its_secret() {
        let credential = Credential::Basic { user: "bot".into(), password: SecretString::from("hunter2") };
        let header = basic(Some(&credential)).expect("a header");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
