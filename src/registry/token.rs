//! How a request proves who asks.

use std::{
    collections::{HashMap, hash_map::Entry},
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
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use url::{Url, form_urlencoded};

use super::{
    challenge::{self, Challenge},
    client::RequestKind,
    error::{Fault, Problem},
    flight::Flights,
    login::Login,
    page::Validators,
    place::Place,
    wire::{Answer, Deadline, Request, Wire, authority, redacted},
};
use crate::config::{Credential, Grant};

/// The longest answer of a token service.
const TOKEN_BODY: usize = 1024 * 1024;
/// How long a token lasts whose answer does not say.
const LIFETIME: Duration = Duration::from_mins(1);

/// How long others wait at most for the first answer of a host.
const SCOUTING: Duration = Duration::from_secs(2);

/// Tokens that are kept: as many as there are repositories that one process lists.
const SCOPES: usize = 8192;

/// What has been learnt about proving who asks.
pub(super) struct Proofs {
    /// What each host wanted last.
    challenges: Mutex<HashMap<String, Challenge>>,
    tokens: Flights<TokenKey, Token>,
    /// Refresh tokens that came in place of the configured ones.
    refresh: Mutex<HashMap<(Service, Login), SecretString>>,
    /// The first request to each host, under way while its other end is held.
    scouts: Mutex<HashMap<String, watch::Receiver<()>>>,
}

/// The first request to a host, until it is dropped.
pub(super) struct Scout(#[expect(dead_code, reason = "all that is ever done with it is to drop it")] watch::Sender<()>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct TokenKey {
    service: Service,
    scope: String,
    login: Login,
}

/// A token service, and for whom its tokens are.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Service {
    realm: Url,
    name: Option<String>,
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
    refresh_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl Default for Proofs {
    fn default() -> Self {
        Self { challenges: Mutex::default(), tokens: Flights::keeping(SCOPES), refresh: Mutex::default(), scouts: Mutex::default() }
    }
}

impl Proofs {
    /// Lets the first request to a host go alone: the others wait a moment for it, to know from its answer what the host wants to see.
    pub(super) async fn scout(&self, base: &Url) -> Option<Scout> {
        let mut answered = match self.scouts.lock().unwrap_or_else(PoisonError::into_inner).entry(authority(base)) {
            Entry::Occupied(scout) => scout.get().clone(),
            Entry::Vacant(first) => {
                let (scout, answered) = watch::channel(());
                first.insert(answered);
                return Some(Scout(scout));
            }
        };
        let _answered_or_too_late = timeout(SCOUTING, answered.changed()).await;
        None
    }

    /// What the first request carries: what its host wanted last time.
    ///
    /// # Errors
    /// The token that is wanted cannot be had.
    pub(super) async fn first(&self, wire: &Wire, place: &Place, base: &Url) -> Result<Proof, Problem> {
        if let Some(Grant::Credential(Credential::Token(token))) = &place.credential {
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
                let service = Service { realm: checked_realm(base, realm)?, name: service.clone() };
                let scope = format!("repository:{}:pull", place.repository.path);
                let key = TokenKey { service: service.clone(), scope: scope.clone(), login: place.login.clone() };
                let good = |token: &Token| Instant::now() < token.good_until && refused != Some(&token.header);
                let minting = Minting { proofs: self, wire, place, base, service, scope };
                let token = self.tokens.share(key, good, minting.mint()).await?;
                Ok(Proof { header: Some(token.header), kind: Kind::Minted })
            }
        }
    }

    /// The refresh token that counts now, where the configuration has one.
    fn refresh_token(&self, service: &Service, place: &Place) -> Option<SecretString> {
        let Some(Grant::Identity { token, .. }) = &place.credential else {
            return None;
        };
        let renewed = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        Some(renewed.get(&(service.clone(), place.login.clone())).unwrap_or(token).clone())
    }
}

/// A token service is https, or as plain as its registry.
fn checked_realm(base: &Url, realm: &str) -> Result<Url, Problem> {
    let refuse = |fault| Err(Problem::Answer { host: authority(base), fault });
    match Url::parse(realm) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() || url.host_str().is_none() => {
            refuse(Fault::Challenge(format!("its token service `{}` is no place", redacted(realm))))
        }
        Ok(mut url) if url.scheme() == "https" || (url.scheme() == "http" && base.scheme() == "http") => {
            url.set_fragment(None);
            Ok(url)
        }
        Ok(_) => refuse(Fault::PlainRealm(redacted(realm))),
        Err(_) => refuse(Fault::Challenge(format!("its token service `{}` is no URL", redacted(realm)))),
    }
}

/// One token on its way.
struct Minting<'a> {
    proofs: &'a Proofs,
    wire: &'a Wire,
    place: &'a Place,
    base: &'a Url,
    service: Service,
    scope: String,
}

impl Minting<'_> {
    async fn mint(self) -> Result<Token, Problem> {
        let asked = Instant::now();
        let answer = match self.proofs.refresh_token(&self.service, self.place) {
            Some(token) => self.exchange(&token).await?,
            None => self.fetch().await?,
        };
        if answer.status != 200 {
            return Err(answer.failure(self.wire.now()));
        }
        let unreadable = |why: &str| {
            let fault = Fault::Unreadable { expected: "a token", why: why.to_owned() };
            Problem::Answer { host: authority(&self.service.realm), fault }
        };
        let minted: Minted = serde_json::from_slice(&answer.body).map_err(|_| unreadable("it is not the JSON of a token"))?;
        let given = |token: Option<String>| token.filter(|token| !token.is_empty()).map(SecretString::from);
        let token = given(minted.token).or(given(minted.access_token)).ok_or_else(|| unreadable("no token is in it"))?;
        let header = bearer(&token).ok_or_else(|| unreadable("the token cannot stand in a header"))?;
        if let (Some(token), Some(Grant::Identity { .. })) = (given(minted.refresh_token), &self.place.credential) {
            let key = (self.service.clone(), self.place.login.clone());
            self.proofs.refresh.lock().unwrap_or_else(PoisonError::into_inner).insert(key, token);
        }
        // Counted from the question by our own monotonic clock: nobody else's time is believed.
        Ok(Token { header, good_until: asked + usable(lifetime(minted.expires_in.as_ref())) })
    }

    /// A token for a user and a password, or for nobody.
    async fn fetch(&self) -> Result<Answer, Problem> {
        let mut url = self.service.realm.clone();
        url.query_pairs_mut().extend_pairs(self.named_service()).append_pair("scope", &self.scope);
        self.send(Method::GET, url, basic(self.place.credential.as_ref()), None).await
    }

    /// A token for a refresh token; where the service knows no such thing, for what else there is, as Docker does.
    ///
    /// # Source
    /// The distribution project's "OAuth 2 Token Authentication"; containerd's `remotes/docker/authorizer.go` for the statuses.
    async fn exchange(&self, token: &SecretString) -> Result<Answer, Problem> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", "tagalong")
            .extend_pairs(self.named_service())
            .append_pair("scope", &self.scope)
            .append_pair("refresh_token", token.expose_secret())
            .finish();
        let answer = self.send(Method::POST, self.service.realm.clone(), None, Some(SecretString::from(form))).await?;
        if !matches!(answer.status, 400 | 401 | 404 | 405) {
            return Ok(answer);
        }
        // One that came in place of the configured one is worth nothing any longer.
        self.proofs.refresh.lock().unwrap_or_else(PoisonError::into_inner).remove(&(self.service.clone(), self.place.login.clone()));
        let other = self.fetch().await?;
        let knows_refresh_tokens = matches!(answer.status, 400 | 401);
        Ok(if knows_refresh_tokens && other.status != 200 { answer } else { other })
    }

    fn named_service(&self) -> Option<(&'static str, &str)> {
        Some(("service", self.service.name.as_deref()?))
    }

    async fn send(&self, method: Method, url: Url, authorization: Option<HeaderValue>, form: Option<SecretString>) -> Result<Answer, Problem> {
        let host = authority(&url);
        let trust = if host == authority(self.base) { self.place.trust.clone() } else { self.wire.trust_elsewhere(&host, &self.place.trust) };
        let request = Request {
            kind: RequestKind::Token,
            method,
            url,
            accept: "application/json",
            authorization,
            form,
            unless: Validators::default(),
            bound: TOKEN_BODY,
            trust,
        };
        self.wire.send(&request, &mut Deadline::request(self.wire.patience())).await
    }
}

/// How long a token lasts by the words of its service, which may be none.
fn lifetime(said: Option<&serde_json::Value>) -> Duration {
    let seconds = said.and_then(|value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()));
    seconds.filter(|&seconds| seconds > 0).map_or(LIFETIME, Duration::from_secs)
}

/// A token is given up a tenth of its life, at most 30 s, before its end; and not after a day.
fn usable(lifetime: Duration) -> Duration {
    let lifetime = lifetime.min(Duration::from_hours(24));
    lifetime.saturating_sub((lifetime / 10).min(Duration::from_secs(30)))
}

fn bearer(token: &SecretString) -> Option<HeaderValue> {
    secret_header(&format!("Bearer {}", token.expose_secret()))
}

fn basic(grant: Option<&Grant>) -> Option<HeaderValue> {
    match grant? {
        Grant::Credential(Credential::Basic { user, password }) | Grant::Identity { user, password, .. } => {
            secret_header(&format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", password.expose_secret()))))
        }
        Grant::Credential(Credential::Token(_)) => None,
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
    fn a_lifetime_is_a_number_of_seconds() {
        for (word, said, seconds) in [
            ("said", "300", 300),
            ("as a text", r#""300""#, 300),
            ("none", "null", 60),
            ("zero", "0", 60),
            ("negative", "-5", 60),
            ("words", r#""soon""#, 60),
        ] {
            let said: serde_json::Value = serde_json::from_str(said).expect(word);
            assert_eq!(lifetime(Some(&said)), Duration::from_secs(seconds), "{word}");
        }
        assert_eq!(lifetime(None), LIFETIME);
    }

    #[test]
    fn a_token_is_given_up_before_its_end() {
        for (lifetime, good_for) in [(60, 54), (300, 270), (3600, 3570), (0, 0), (u64::MAX, 86_370)] {
            assert_eq!(usable(Duration::from_secs(lifetime)), Duration::from_secs(good_for), "{lifetime}");
        }
    }

    #[test]
    fn a_header_does_not_print_its_secret() {
        let grant = Grant::of_pair("bot".into(), SecretString::from("hunter2"));
        let header = basic(Some(&grant)).expect("a header");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
