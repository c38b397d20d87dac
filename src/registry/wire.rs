//! Requests on the wire: TLS, proxies, redirects, bounds, retries.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::{
    Certificate, ClientBuilder, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    address::{Forbidden, Guard, Where, check_literal},
    classify::classify,
    client::RequestKind,
    client::Settings,
    error::{Fault, Problem, printable},
    journal::{Ask, Journal},
    limit::{Budgets, Gate},
    pace::Allowance,
    page::Validators,
    retry,
    said::said,
};
use crate::{
    config::{ClientCertificate, Patience, Registries, is_loopback},
    net::{CertificateError, Identity, innermost},
};

/// How many redirects are followed.
const REDIRECTS: usize = 5;
/// What is read of the body of an error.
const ERROR_BODY: usize = 64 * 1024;

/// Sends requests and brings whole, bounded answers.
pub(super) struct Wire {
    patience: Patience,
    clock: super::Clock,
    registries: Arc<Registries>,
    addresses: Where,
    clients: Mutex<HashMap<(Trust, Route, Reach), reqwest::Client>>,
    budgets: Budgets,
    sent: Mutex<BTreeMap<(String, RequestKind), u64>>,
    pub(super) journal: Journal,
}

/// Whom to believe, and what to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Trust {
    /// Whose certificates are believed.
    pub(super) authorities: Authorities,
    /// The certificate that is shown to those who ask for one.
    pub(super) shows: Option<ClientCertificate>,
}

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Authorities {
    /// Those that the system's authorities signed.
    System,
    /// Also those that an authority of one file signed.
    Also(PathBuf),
    /// Every one.
    Anyone,
}

/// Whether a proxy may stand in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Route {
    /// Straight, without TLS.
    Plain,
    /// As the environment says, without TLS.
    PlainProxied,
    /// Straight.
    Direct,
    /// As the environment says.
    Proxied,
}

/// Where a name may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reach {
    Anywhere,
    Public,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) kind: RequestKind,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: &'static str,
    /// Sent to the host of `url` and to no other.
    pub(super) authorization: Option<HeaderValue>,
    /// The body of a `POST`, which is sent to the host of `url` and to no other.
    pub(super) form: Option<SecretString>,
    /// By what the answer is known that is not wanted again.
    pub(super) unless: Validators,
    /// The longest body of a good answer.
    pub(super) bound: usize,
    pub(super) trust: Trust,
}

/// One answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Who answered, after redirects.
    pub(super) url: Url,
}

/// Until when an answer is waited for; time in a host's queue does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    request: Instant,
    whole: Option<Instant>,
    allowed: Duration,
}

impl Deadline {
    /// For one request.
    pub(super) fn request(patience: &Patience) -> Self {
        Self { request: Instant::now() + patience.request, whole: None, allowed: patience.request }
    }

    /// For a listing of several requests.
    pub(super) fn listing(patience: &Patience) -> Self {
        Self { whole: Some(Instant::now() + patience.listing), ..Self::request(patience) }
    }

    /// The same listing, at its next request.
    pub(super) fn next(self) -> Self {
        Self { request: Instant::now() + self.allowed, ..self }
    }

    fn until(&self) -> Instant {
        self.whole.map_or(self.request, |whole| whole.min(self.request))
    }

    pub(super) fn extend(&mut self, waited: Duration) {
        self.request += waited;
        self.whole = self.whole.map(|whole| whole + waited);
    }
}

impl Answer {
    /// Host and port of who answered.
    pub(super) fn host(&self) -> String {
        authority(&self.url)
    }

    /// This answer as a failure.
    pub(super) fn failure(&self, now: jiff::Timestamp) -> Problem {
        let (host, status, said) = (self.host(), self.status, said(&self.body));
        let wait = retry::retry_after(&self.headers, now);
        match status {
            400 if wants_https(&self.body) => Problem::WantsHttps { host },
            401 | 403 => Problem::Denied { host, status, said },
            404 => Problem::Absent { host, status, said },
            429 => Problem::Busy { host, status, said, wait },
            503 if wait.is_some() => Problem::Busy { host, status, said, wait },
            408 | 500..=599 => Problem::Failing { host, status, said },
            _ => Problem::Odd { host, status, said },
        }
    }
}

impl Wire {
    pub(super) fn new(settings: &Settings, budgets: Budgets) -> Self {
        Self {
            patience: settings.patience,
            clock: Arc::clone(&settings.clock),
            registries: Arc::new(settings.registries.clone()),
            addresses: settings.addresses,
            clients: Mutex::default(),
            budgets,
            sent: Mutex::default(),
            journal: Journal::default(),
        }
    }

    /// How many requests were sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.tally().values().sum()
    }

    /// How many requests of each kind were sent to each host so far.
    pub(super) fn tally(&self) -> BTreeMap<(String, RequestKind), u64> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn now(&self) -> jiff::Timestamp {
        (self.clock)()
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Sends a request, again where that may help, and follows redirects.
    ///
    /// # Errors
    /// No answer came. An answer with any status is one.
    pub(super) async fn send(&self, request: &Request, deadline: &mut Deadline) -> Result<Answer, Problem> {
        let mut tried = 1;
        loop {
            let outcome = self.follow(request, deadline).await;
            let pause = match &outcome {
                Ok(answer) if retry::passes(answer.status) => {
                    let asked = retry::retry_after(&answer.headers, self.now()).filter(|_| matches!(answer.status, 429 | 503));
                    asked.unwrap_or_else(|| retry::pause(self.patience.first_pause, tried + 1))
                }
                Err(problem) if retry::may_pass(problem) => retry::pause(self.patience.first_pause, tried + 1),
                _ => return outcome,
            };
            tried += 1;
            if tried > self.patience.tries || Instant::now() + pause >= deadline.until() {
                return outcome;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a request once.
    pub(super) async fn once(&self, request: &Request, deadline: &mut Deadline) -> Result<Answer, Problem> {
        self.exchange(request, None, deadline).await
    }

    async fn follow(&self, request: &Request, deadline: &mut Deadline) -> Result<Answer, Problem> {
        let mut hop = request.clone();
        let mut from = None;
        for _ in 0..=REDIRECTS {
            let answer = self.exchange(&hop, from.as_ref(), deadline).await?;
            // What is posted is a secret for one place alone.
            let redirect = matches!(answer.status, 301 | 302 | 303 | 307 | 308) && hop.form.is_none();
            let Some(location) = answer.headers.get(LOCATION).filter(|_| redirect) else {
                return Ok(answer);
            };
            let location = String::from_utf8_lossy(location.as_bytes());
            let fault = || Problem::Answer { host: answer.host(), fault: Fault::Redirect(redacted(&location)) };
            let next = redirected(&hop.url, &location).ok_or_else(fault)?;
            if !same_origin(&next, &hop.url) {
                hop.authorization = None;
                hop.trust = self.trust_of(&next, &hop);
            }
            from = Some(std::mem::replace(&mut hop.url, next));
        }
        Err(Problem::Answer { host: authority(&hop.url), fault: Fault::TooManyRedirects(REDIRECTS) })
    }

    /// Whose certificates are believed at another host than the one that sent us there.
    pub(super) fn trust_elsewhere(&self, host: &str, here: &Trust) -> Trust {
        let authorities = match (self.registries.entry_for_host(host), &here.authorities) {
            (Some(entry), _) => return super::place::trust(entry),
            (None, Authorities::Also(file)) => Authorities::Also(file.clone()),
            (None, Authorities::System | Authorities::Anyone) => Authorities::System,
        };
        Trust { authorities, shows: None }
    }

    fn trust_of(&self, url: &Url, from: &Request) -> Trust {
        if authority(url) == authority(&from.url) { from.trust.clone() } else { self.trust_elsewhere(&authority(url), &from.trust) }
    }

    async fn exchange(&self, request: &Request, from: Option<&Url>, deadline: &mut Deadline) -> Result<Answer, Problem> {
        let host = authority(&request.url);
        let gate = self.gate(&request.url);
        if let Some(wait) = gate.resting() {
            if Instant::now() + wait >= deadline.until() {
                return Err(Problem::Resting { host, wait });
            }
            tokio::time::sleep(wait).await;
        }
        let pass = gate.enter().await;
        deadline.extend(pass.waited);
        let sent = Instant::now();
        // Boxed, for every question to a registry holds one of these.
        let outcome = match timeout_at(deadline.until(), Box::pin(self.transfer(request))).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Problem::Silent { host, after: self.patience.request }),
        };
        if let Ok(answer) = &outcome {
            self.heed(answer, &gate, sent);
        }
        let ask = Ask { kind: request.kind, method: &request.method, url: &request.url, from };
        self.journal.note(&ask, outcome.as_ref().ok().map(|answer| answer.status));
        outcome
    }

    /// Does as a host asks: it is left alone, or asked more slowly.
    fn heed(&self, answer: &Answer, gate: &Gate, sent: Instant) {
        let complains = matches!(answer.status, 429 | 503);
        match retry::retry_after(&answer.headers, self.now()) {
            Some(wait) if complains => gate.rest(wait),
            None if complains => gate.slow_down(sent),
            _ => {}
        }
        if let Some(allowance) = Allowance::of(&answer.headers) {
            gate.allow(allowance);
        }
    }

    async fn transfer(&self, request: &Request) -> Result<Answer, Problem> {
        let host = authority(&request.url);
        let broken = |error: &reqwest::Error| classify(&host, error, &self.patience);
        let client = self.client(request)?;
        let mut builder = client.request(request.method.clone(), request.url.clone()).header(ACCEPT, request.accept);
        if let Some(authorization) = &request.authorization {
            builder = builder.header(AUTHORIZATION, authorization.clone());
        }
        for (name, given) in [(IF_NONE_MATCH, &request.unless.etag), (IF_MODIFIED_SINCE, &request.unless.last_modified)] {
            builder = given.iter().fold(builder, |builder, given| builder.header(name.clone(), given));
        }
        if let Some(form) = &request.form {
            builder = builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.expose_secret().to_owned());
        }
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner).entry((host.clone(), request.kind)).or_default() += 1;
        let mut response = builder.send().await.map_err(|error| broken(&error))?;
        let good = response.status() == StatusCode::OK;
        let bound = if good { request.bound } else { ERROR_BODY };
        let too_large = || Problem::Answer { host: host.clone(), fault: Fault::TooLarge { bound } };
        let mut body = Vec::new();
        if request.method != Method::HEAD {
            while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
                if body.len() + chunk.len() > bound && good {
                    return Err(too_large());
                }
                body.extend_from_slice(&chunk[..chunk.len().min(bound - body.len())]);
                if body.len() == bound && !good {
                    break;
                }
            }
        }
        if !good && echoes(&body, request) {
            body.clear();
        }
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body, url: request.url.clone() })
    }

    fn gate(&self, url: &Url) -> Arc<Gate> {
        let host = authority(url);
        let named = if host == super::place::DOCKER_HUB { "docker.io" } else { &host };
        self.budgets.gate(&host, || self.registries.budget(named))
    }

    fn client(&self, request: &Request) -> Result<reqwest::Client, Problem> {
        let near = is_loopback(request.url.host_str().unwrap_or_default());
        let route = match (request.url.scheme(), near) {
            ("https", true) => Route::Direct,
            ("https", false) => Route::Proxied,
            (_, true) => Route::Plain,
            (_, false) => Route::PlainProxied,
        };
        let reach = self.reach(&request.url);
        if reach == Reach::Public {
            check_literal(&request.url).map_err(|Forbidden { address, kind }| Problem::Forbidden { host: authority(&request.url), address, kind })?;
        }
        let key = (request.trust.clone(), route, reach);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(&key, &authority(&request.url))?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// What the configuration lists may lead anywhere.
    fn reach(&self, url: &Url) -> Reach {
        match self.addresses {
            Where::Public if !self.registries.lists(&authority(url)) => Reach::Public,
            _ => Reach::Anywhere,
        }
    }

    /// Believes those that the system believes, those of the configuration, and those of a host.
    fn trusting(&self, builder: ClientBuilder, of_host: Option<&PathBuf>) -> Result<ClientBuilder, Problem> {
        let files = self.registries.ca_file.iter().chain(of_host);
        files.map(|file| certificates(file)).try_fold(builder, |builder, found| Ok(builder.tls_certs_merge(found?)))
    }

    fn build(&self, (trust, route, reach): &(Trust, Route, Reach), host: &str) -> Result<reqwest::Client, Problem> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("tagalong/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(self.patience.connect)
            .read_timeout(self.patience.stall);
        let builder = if matches!(route, Route::Plain | Route::Direct) { builder.no_proxy() } else { builder };
        let builder = if *reach == Reach::Public { builder.dns_resolver(Arc::new(Guard::of_system())) } else { builder };
        // Plain http needs no authorities, and a machine may have none.
        let builder = match &trust.authorities {
            _ if matches!(route, Route::Plain | Route::PlainProxied) => builder.tls_certs_only([]),
            Authorities::System => self.trusting(builder, None)?,
            Authorities::Also(file) => self.trusting(builder, Some(file))?,
            Authorities::Anyone => builder.tls_danger_accept_invalid_certs(true),
        };
        let builder = match &trust.shows {
            Some(shown) => builder.identity(identity(shown)?),
            None => builder,
        };
        builder.build().map_err(|error| Problem::NoTls { host: host.to_owned(), why: printable(&innermost(&error), 200) })
    }
}

/// What is shown to those who ask who we are.
fn identity(shown: &ClientCertificate) -> Result<reqwest::Identity, Problem> {
    let identity = Identity::read(shown).map_err(Problem::Certificate)?;
    let refuse =
        |_| CertificateError::Unusable { certificate: shown.certificate.clone(), key: shown.key.clone(), what: "they cannot be read together" };
    reqwest::Identity::from_pem(identity.pem()).map_err(refuse).map_err(Problem::Certificate)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Problem> {
    let refuse = |reason: &str| Problem::Authority { path: path.to_owned(), reason: reason.to_owned() };
    let bytes = std::fs::read(path).map_err(|error| refuse(&error.kind().to_string()))?;
    match Certificate::from_pem_bundle(&bytes) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(refuse("it holds no PEM certificate")),
    }
}

/// What servers of Go and nginx say to plain http on a port of TLS.
fn wants_https(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.contains("HTTP request to an HTTPS server") || text.contains("plain HTTP request was sent to HTTPS port")
}

/// Whether a body holds what proved who asks: such a body is shown to nobody.
fn echoes(body: &[u8], request: &Request) -> bool {
    let text = String::from_utf8_lossy(body);
    let header = request.authorization.as_ref().and_then(|header| header.to_str().ok()).unwrap_or_default();
    let proof = header.split_once(' ').map_or("", |(_, proof)| proof);
    let decoded = BASE64_STANDARD.decode(proof).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let password = decoded.as_deref().and_then(|pair| pair.split_once(':')).map_or("", |(_, password)| password);
    let form = request.form.as_ref().map_or("", |form| form.expose_secret());
    let posted = url::form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == "refresh_token").map(|(_, token)| token);
    [proof, password, posted.as_deref().unwrap_or_default()].into_iter().any(|secret| !secret.is_empty() && text.contains(secret))
}

/// Where a redirect leads: never from https to plain http, and without a user.
fn redirected(from: &Url, location: &str) -> Option<Url> {
    let next = from.join(location).ok()?;
    let kept = next.scheme() == "https" || (next.scheme() == "http" && from.scheme() == "http");
    (kept && next.host_str().is_some() && next.username().is_empty() && next.password().is_none()).then_some(next)
}

/// A place without what may be a secret in it.
pub(super) fn redacted(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => printable(&format!("{}://{}{}", url.scheme(), authority(&url), url.path()), 200),
        Err(_) => printable(text.split('?').next().unwrap_or_default(), 200),
    }
}

/// Host, and port where it is not the scheme's own.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether two URLs are on the same scheme, host and port.
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme() && one.host_str() == other.host_str() && one.port_or_known_default() == other.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_never_leaves_https_and_never_carries_a_user() {
        for (word, from, location, next) in [
            ("elsewhere", "https://a/v2/x", "https://cdn/blob?sig=1", Some("https://cdn/blob?sig=1")),
            ("here", "https://a/v2/x", "/v2/y", Some("https://a/v2/y")),
            ("same scheme", "https://a/v2/x", "//b/y", Some("https://b/y")),
            ("down to plain http", "https://a/v2/x", "http://a/v2/y", None),
            ("plain http stays", "http://a/v2/x", "http://b/y", Some("http://b/y")),
            ("up to https", "http://a/v2/x", "https://b/y", Some("https://b/y")),
            ("a user", "https://a/v2/x", "https://user:secret@b/y", None),
            ("a file", "https://a/v2/x", "file:///etc/passwd", None),
            ("no URL", "https://a/v2/x", "https://[", None),
        ] {
            let from = Url::parse(from).expect("a URL");
            assert_eq!(redirected(&from, location).as_ref().map(Url::as_str), next, "{word}");
        }
    }

    #[test]
    fn another_host_is_shown_no_certificate_but_that_of_its_own_entry() {
        let registries = r#"[{"prefix":"a.corp","clientCertFile":"a.pem","clientKeyFile":"a.key","caFile":"ca.pem"},
            {"prefix":"b.corp","clientCertFile":"b.pem","clientKeyFile":"b.key"}]"#;
        let settings = Settings {
            registries: serde_json::from_str(registries).expect("registries"),
            docker: crate::config::DockerConfig::default(),
            patience: Patience::default(),
            allow: crate::config::RegistryAllow::Any,
            addresses: Where::Anywhere,
            clock: Arc::new(|| jiff::Timestamp::UNIX_EPOCH),
        };
        let wire = Wire::new(&settings, Budgets::default());
        let here = super::super::place::trust(&settings.registries.entries[0]);
        let file = |trust: &Trust| trust.shows.as_ref().map(|shown| shown.certificate.display().to_string());
        assert_eq!(file(&here).as_deref(), Some("a.pem"));
        for (host, shown) in [("b.corp", Some("b.pem")), ("cdn.example", None), ("a.corp.evil.example", None)] {
            let there = wire.trust_elsewhere(host, &here);
            assert_eq!(file(&there).as_deref(), shown, "{host}");
        }
    }

    #[test]
    fn a_body_that_echoes_a_secret_is_noticed() {
        let header = |text: &'static str| (Some(HeaderValue::from_static(text)), None);
        let form = |text: &str| (None, Some(SecretString::from(text)));
        for (word, (authorization, form), body, echo) in [
            ("password", header("Basic Ym90Omh1bnRlcjI="), "who is hunter2?", true),
            ("pair", header("Basic Ym90Omh1bnRlcjI="), "got Ym90Omh1bnRlcjI=", true),
            ("token", header("Bearer abc.def"), "token abc.def expired", true),
            ("user alone", header("Basic Ym90Omh1bnRlcjI="), "bot may not", false),
            ("nothing", header("Bearer abc.def"), "denied", false),
            ("refresh token", form("grant_type=refresh_token&refresh_token=a%2Bb"), "a+b has expired", true),
            ("the rest of a form", form("grant_type=refresh_token&refresh_token=a%2Bb"), "no refresh_token", false),
            ("nothing sent", (None, None), "denied", false),
        ] {
            let url = Url::parse("https://a/").expect("a URL");
            let request = Request {
                kind: RequestKind::Token,
                method: Method::GET,
                url,
                accept: "*/*",
                authorization,
                form,
                unless: Validators::default(),
                bound: 0,
                trust: Trust { authorities: Authorities::System, shows: None },
            };
            assert_eq!(echoes(body.as_bytes(), &request), echo, "{word}");
        }
    }

    #[test]
    fn what_may_be_secret_in_a_place_is_left_out() {
        for (word, text, safe) in [
            ("query", "https://cdn/blob?sig=hunter2", "https://cdn/blob"),
            ("user", "https://user:hunter2@cdn:8443/blob", "https://cdn:8443/blob"),
            ("path alone", "/blob?sig=hunter2", "/blob"),
        ] {
            assert_eq!(redacted(text), safe, "{word}");
        }
    }
}
