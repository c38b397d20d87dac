//! One request to GitHub's API.

use std::{thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use reqwest::{
    Client, Method, Response,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Answer, AppTrouble};
use crate::{
    config::is_loopback,
    git::{http::HttpAccess, text},
    net::{cause, innermost},
};

const USER_AGENT: &str = concat!("tagalong/", env!("CARGO_PKG_VERSION"));
const VERSION: (HeaderName, HeaderValue) = (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));
/// How long a connection is waited for, and how long the whole answer.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));
/// The longest answer, in bytes.
const LONGEST: usize = 1024 * 1024;
/// How many redirects are followed on the same host.
const REDIRECTS: usize = 3;

/// The token that says which App asks.
pub(super) struct Bearer(pub(super) SecretString);

/// One request.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) bearer: Bearer,
    /// JSON.
    pub(super) body: Option<String>,
}

/// A place below an API.
pub(super) fn below(api: &Url, path: &str) -> Url {
    let mut url = api.clone();
    url.set_path(&format!("{}/{path}", api.path().trim_end_matches('/')));
    url
}

/// Sends a request and waits for its answer, on a thread of its own: whoever waits may be a thread of a runtime, or not.
pub(super) fn send(ask: Ask, http: &HttpAccess) -> Result<Answer, AppTrouble> {
    thread::scope(|scope| {
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| AppTrouble::Unreachable(error.to_string()))?.block_on(talk(ask, http))
        };
        scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

async fn talk(ask: Ask, http: &HttpAccess) -> Result<Answer, AppTrouble> {
    let Ask { method, url, bearer, body } = ask;
    let mut authorization = HeaderValue::from_str(&format!("Bearer {}", bearer.0.expose_secret())).expect("it is base64 and dots");
    authorization.set_sensitive(true);
    let host = url.host_str().unwrap_or_default().to_owned();
    let failure = |error: &reqwest::Error| failure(error, http, &host);
    let client = client(&url, http)?;
    let mut request = client.request(method, url).header(AUTHORIZATION, authorization).header(ACCEPT, "application/vnd.github+json");
    request = request.header(VERSION.0, VERSION.1);
    if let Some(body) = body {
        request = request.header(CONTENT_TYPE, "application/json").body(body);
    }
    let mut answer = read(request.send().await.map_err(|error| failure(&error))?, failure).await?;
    if !(200..300).contains(&answer.status) {
        // Whatever it repeats of what it was sent is told to nobody.
        answer.body = String::from_utf8_lossy(&answer.body).replace(bearer.0.expose_secret(), "***").into();
    }
    Ok(answer)
}

fn client(url: &Url, http: &HttpAccess) -> Result<Client, AppTrouble> {
    let tls = http.tls(url.host_str().unwrap_or_default()).map_err(|error| AppTrouble::Unreachable(error.to_string()))?;
    let mut client =
        Client::builder().user_agent(USER_AGENT).referer(false).tls_backend_preconfigured(tls).connect_timeout(PATIENCE.0).timeout(PATIENCE.1);
    client = client.redirect(Policy::custom(|attempt| {
        let is_same = |last: &Url| (last.scheme(), last.host(), last.port()) == (attempt.url().scheme(), attempt.url().host(), attempt.url().port());
        let is_followed = attempt.previous().len() <= REDIRECTS && attempt.previous().last().is_some_and(is_same);
        if is_followed { attempt.follow() } else { attempt.stop() }
    }));
    if url.host_str().is_some_and(is_loopback) {
        client = client.no_proxy();
    }
    client.build().map_err(|error| AppTrouble::Unreachable(innermost(&error)))
}

async fn read(mut response: Response, failure: impl Fn(&reqwest::Error) -> AppTrouble) -> Result<Answer, AppTrouble> {
    let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |name| header(HeaderName::from_static(name)).and_then(|value| value.parse::<i64>().ok());
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp());
    let mut answer = Answer { status: response.status().as_u16(), date: header(DATE).and_then(date), ..Answer::default() };
    answer.retry_after = header(RETRY_AFTER).and_then(|text| match text.parse() {
        Ok(seconds) => Some(SignedDuration::from_secs(seconds)),
        Err(_) => Some(date(text)?.duration_since(answer.date.unwrap_or_else(Timestamp::now))),
    });
    if number("x-ratelimit-remaining") == Some(0) {
        answer.reset = number("x-ratelimit-reset").and_then(|second| Timestamp::from_second(second).ok());
    }
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if answer.body.len() + chunk.len() > LONGEST {
            return Err(AppTrouble::Strange { what: "it is longer than 1 MiB" });
        }
        answer.body.extend_from_slice(&chunk);
    }
    Ok(answer)
}

fn failure(error: &reqwest::Error, http: &HttpAccess, host: &str) -> AppTrouble {
    if error.is_timeout() {
        return AppTrouble::TimedOut;
    }
    match cause::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(fault)) => AppTrouble::Certificate(text::one_line(http.trust.sentence(fault, host).as_bytes(), None)),
        _ => AppTrouble::Unreachable(text::one_line(innermost(error).as_bytes(), None)),
    }
}
