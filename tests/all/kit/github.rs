//! GitHub's API, as far as Apps need it, in this process: it believes no token that it has not verified.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    git_server::{Clients, Door, ReservedPort, Serving, acceptor},
    registry::{program, run},
};

/// The App's id.
pub const APP: &str = "123456";
/// The number of its installation, which covers `acme/fleet`.
pub const INSTALLATION: u64 = 42;

/// How the API behaves.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What it answers to a key that it knows.
    pub mood: Mood,
    /// How long a token is good.
    pub lifetime: SignedDuration,
    /// How far its clock is ahead.
    pub ahead: SignedDuration,
}

/// What the API answers to a key that it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mood {
    /// A token.
    Good,
    /// A token, but none with rights that the App was not given.
    Reader,
    /// Its installation number is another one by now.
    Reinstalled,
    /// This status, headers and body, whatever was asked.
    Answer(u16, &'static [(&'static str, &'static str)], String),
}

impl Default for Rules {
    fn default() -> Self {
        Self { mood: Mood::Good, lifetime: SignedDuration::from_hours(1), ahead: SignedDuration::ZERO }
    }
}

/// The API of one App on loopback; dropped, it is down.
pub struct GitHub {
    scheme: &'static str,
    port: ReservedPort,
    keys: TempDir,
    shared: Arc<Shared>,
    _serving: Serving,
}

struct Shared {
    public: Vec<u8>,
    rules: Mutex<Rules>,
    /// What was given, and until when it is good.
    tokens: Mutex<Vec<(String, Timestamp)>>,
    asked: Mutex<Vec<String>>,
}

impl GitHub {
    /// Starts one.
    pub fn start(rules: Rules) -> Self {
        Self::serving(rules, None)
    }

    /// The same over TLS, with the certificates in `NAME.pem` of a folder.
    pub fn start_tls(rules: Rules, folder: &Path, name: &str) -> Self {
        Self::serving(rules, Some(acceptor(folder, name, Clients::Anybody)))
    }

    fn serving(rules: Rules, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let keys = tempfile::tempdir().expect("a folder");
        let openssl = |line: &str| drop(run(program("openssl").args(line.split(' ')).current_dir(keys.path()), "openssl"));
        openssl("genrsa -traditional -out app.pem 2048");
        openssl("pkcs8 -topk8 -nocrypt -in app.pem -out app8.pem");
        openssl("rsa -in app.pem -RSAPublicKey_out -outform DER -out app.der");
        let public = fs::read(keys.path().join("app.der")).expect("a public key");
        let shared = Arc::new(Shared { public, rules: Mutex::new(rules), tokens: Mutex::default(), asked: Mutex::default() });
        let port = ReservedPort::new();
        let serving = Serving::start(port.number(), tls, Router::new().fallback(answer).with_state(Arc::clone(&shared)));
        Self { scheme, port, keys, shared, _serving: serving }
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.url_at(if self.scheme == "https" { "localhost" } else { "127.0.0.1" })
    }

    /// Its address by another name of this machine.
    pub fn url_at(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.port.number())
    }

    /// A folder with the App's key: `app.pem` as GitHub gives it, and `app8.pem`.
    pub fn keys(&self) -> &Path {
        self.keys.path()
    }

    /// Who comes in with a token that is good.
    pub fn door(&self) -> Door {
        let shared = Arc::clone(&self.shared);
        Door::Judged(Arc::new(move |user, password| {
            let now = Timestamp::now();
            user == "x-access-token" && shared.tokens.lock().expect("no panic").iter().any(|(token, until)| token == password && now < *until)
        }))
    }

    /// From now on it behaves so.
    pub fn behave(&self, mood: Mood) {
        self.shared.rules.lock().expect("no panic").mood = mood;
    }

    /// Nobody comes in any more with what was given.
    pub fn revoke(&self) {
        self.shared.tokens.lock().expect("no panic").iter_mut().for_each(|(_, until)| *until = Timestamp::UNIX_EPOCH);
    }

    /// Every token that was given.
    pub fn given(&self) -> Vec<String> {
        self.shared.tokens.lock().expect("no panic").iter().map(|(token, _)| token.clone()).collect()
    }

    /// Method, path and body of every request since the last call.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().expect("no panic"))
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, 64 * 1024).await.expect("a body").to_vec()).expect("text");
    shared.asked.lock().expect("no panic").push(format!("{} {} {body}", parts.method, parts.uri.path()).trim().to_owned());
    let Rules { mood, lifetime, ahead } = shared.rules.lock().expect("no panic").clone();
    let now = Timestamp::now().saturating_add(ahead).expect("a time");
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let say = |status: u16, body: String| {
        let response = Response::builder().status(status).header(header::DATE, &date).header(header::CONTENT_TYPE, "application/json");
        response.body(Body::from(body)).expect("a response")
    };
    let message = |status: u16, text: &str| say(status, json!({ "message": text }).to_string());
    if let Err(why) = verify(&shared.public, &parts.headers, now) {
        return message(401, &why);
    }
    if let Mood::Answer(status, headers, body) = mood {
        let mut response = say(status, body);
        for (name, value) in headers {
            response.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        return response;
    }
    let number = if mood == Mood::Reinstalled { INSTALLATION + 1 } else { INSTALLATION };
    match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/repos/acme/fleet/installation") => say(200, json!({ "id": number, "app_id": 123_456 }).to_string()),
        ("POST", path) if path == format!("/app/installations/{number}/access_tokens") => {
            let wish: Value = serde_json::from_str(&body).expect("JSON");
            let covers = wish["repositories"].as_array().is_none_or(|names| names.iter().all(|name| name == "fleet"));
            if !covers || (mood == Mood::Reader && wish["permissions"]["contents"] == "write") {
                return message(422, "The permissions requested are not granted to this installation.");
            }
            let mut tokens = shared.tokens.lock().expect("no panic");
            let token = format!("ghs_{}-of-the-app", tokens.len());
            tokens.push((token.clone(), Timestamp::now().saturating_add(lifetime).expect("a time")));
            let expires = now.saturating_add(lifetime).expect("a time").strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            say(StatusCode::CREATED.as_u16(), json!({ "token": token, "expires_at": expires }).to_string())
        }
        _ => message(404, "Not Found"),
    }
}

/// Whether the request is signed by the App, and by GitHub's rules for times.
fn verify(public: &[u8], headers: &HeaderMap, now: Timestamp) -> Result<(), String> {
    let told = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.strip_prefix("Bearer "));
    let token = told.ok_or("Requires authentication")?;
    let ([head, claims, signature], 3) = (token.split('.').collect::<Vec<_>>().try_into().unwrap_or([""; 3]), token.split('.').count()) else {
        return Err("A JSON web token could not be decoded".to_owned());
    };
    let decoded = |part: &str| BASE64.decode(part).map_err(|_| "A JSON web token could not be decoded".to_owned());
    let json = |part: &str| serde_json::from_slice::<Value>(&decoded(part)?).map_err(|_| "A JSON web token could not be decoded".to_owned());
    let signed = token.rsplit_once('.').expect("three parts").0;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    key.verify(signed.as_bytes(), &decoded(signature)?).map_err(|_| format!("A JSON web token could not be verified: {token}"))?;
    let (head, claims) = (json(head)?, json(claims)?);
    let time = |name: &str| claims[name].as_i64().ok_or(format!("Missing '{name}' claim"));
    let (issued, expires, now) = (time("iat")?, time("exp")?, now.as_second());
    match () {
        () if head != json!({ "alg": "RS256", "typ": "JWT" }) => Err("The algorithm is not taken".to_owned()),
        () if claims["iss"] != APP => Err("Integration must generate a public key".to_owned()),
        () if issued > now => Err("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued".to_owned()),
        () if expires <= now => Err("'Expiration time' claim ('exp') is expired".to_owned()),
        () if expires > now + 600 => Err("'Expiration time' claim ('exp') is too far in the future".to_owned()),
        () => Ok(()),
    }
}
