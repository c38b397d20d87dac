//! A token service that signs real tokens for Debian's `docker-registry`.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use jiff::Timestamp;
use rustls::{
    SignatureScheme,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::SigningKey,
};
use serde_json::json;
use tempfile::TempDir;

use super::{
    hostile::{Asked, Hostile, Reply},
    registry::{PASSWORD, USER, program, run},
};

/// The refresh token of [`USER`], as `docker login` would keep it.
pub const IDENTITY: &str = "identity-of-the-puller";
/// For whom the tokens are.
pub const SERVICE: &str = "test registry";
const ISSUER: &str = "test-issuer";

/// How a token service treats those who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The seconds that a token is said to last. The registry takes it for a minute more.
    pub lifetime: i64,
    /// The tokens that come first and have expired long ago.
    pub stale: usize,
    /// Whether refresh tokens are exchanged.
    pub refresh: Refresh,
    /// The seconds by which the time that it names is ahead.
    pub ahead: i64,
}

/// What becomes of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// It is exchanged, and stays good.
    Kept,
    /// It is exchanged once, and another one is given with the token.
    Rotated,
    /// Nothing can be posted; it is a password.
    Unknown,
}

impl Default for Rules {
    fn default() -> Self {
        Self { lifetime: 300, stale: 0, refresh: Refresh::Kept, ahead: 0 }
    }
}

/// A running token service, until it is dropped. [`USER`] may pull everything below `acme/`, everyone below `public/`.
pub struct TokenService {
    server: Hostile,
    signer: Arc<Signer>,
}

/// What signs tokens.
pub struct Signer {
    folder: TempDir,
    key: Arc<dyn SigningKey>,
    certificate: String,
}

impl Signer {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the key");
        let arguments = "req -x509 -newkey rsa:2048 -nodes -keyout token.key -out token.pem -subj /CN=tokens -days 2";
        run(program("openssl").current_dir(folder.path()).args(arguments.split(' ')), "openssl");
        let key = PrivateKeyDer::from_pem_file(folder.path().join("token.key")).expect("a key");
        let certificate = CertificateDer::from_pem_file(folder.path().join("token.pem")).expect("a certificate");
        let key = any_supported_type(&key).expect("a key that signs");
        Self { certificate: BASE64_STANDARD.encode(&certificate), folder, key }
    }

    /// A token that lets its bearer do something with a repository.
    pub fn token(&self, repository: &str, actions: &[&str], lifetime: i64) -> String {
        let now = Timestamp::now().as_second();
        let header = json!({ "typ": "JWT", "alg": "RS256", "x5c": [self.certificate] });
        let access = if actions.is_empty() { json!([]) } else { json!([{ "type": "repository", "name": repository, "actions": actions }]) };
        let claims =
            json!({ "iss": ISSUER, "sub": USER, "aud": SERVICE, "exp": now + lifetime, "nbf": now - 1000, "iat": now, "jti": "1", "access": access });
        let text = format!("{}.{}", encoded(&header), encoded(&claims));
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).expect("RSA");
        let signature = signer.sign(text.as_bytes()).expect("a signature");
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn encoded(value: &serde_json::Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

impl TokenService {
    /// Starts a service.
    pub fn start(rules: Rules) -> Self {
        let signer = Arc::new(Signer::new());
        let (signing, identity) = (Arc::clone(&signer), Mutex::new(IDENTITY.to_owned()));
        let server = Hostile::start(move |asked, before| answer(asked, before, rules, &signing, &identity));
        Self { server, signer }
    }

    /// What signs its tokens.
    pub fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer)
    }

    /// The part of a registry's configuration that makes it want these tokens.
    pub fn registry_configuration(&self) -> String {
        let certificate = self.signer.folder.path().join("token.pem");
        let fields = [
            ("realm", format!("http://{}/token", self.server.host())),
            ("service", SERVICE.to_owned()),
            ("issuer", ISSUER.to_owned()),
            ("rootcertbundle", certificate.display().to_string()),
        ];
        fields.iter().fold("auth:\n  token:\n".to_owned(), |text, (key, value)| format!("{text}    {key}: {value}\n"))
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.server.asked()
    }

    /// How many requests there were for each scope.
    pub fn scopes(&self) -> BTreeMap<String, usize> {
        let mut scopes = BTreeMap::new();
        for asked in self.asked() {
            *scopes.entry(parameters(&asked).remove("scope").unwrap_or_default()).or_default() += 1;
        }
        scopes
    }
}

/// What a request says, in its query or in its form.
fn parameters(asked: &Asked) -> BTreeMap<String, String> {
    let text = if asked.method == "POST" { &*asked.body } else { asked.target.split_once('?').map_or("", |(_, query)| query) };
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// Who asks by user and password: `Ok(false)` is nobody.
fn signed_in(asked: &Asked, password: &str) -> Result<bool, ()> {
    let Some(header) = asked.headers.get("authorization") else {
        return Ok(false);
    };
    let pair = |user: &str, password: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
    if *header == pair(USER, PASSWORD) || *header == pair("", password) { Ok(true) } else { Err(()) }
}

fn answer(asked: &Asked, before: usize, rules: Rules, signer: &Signer, identity: &Mutex<String>) -> Reply {
    let refused = |text: &str| Reply::json(json!({ "details": text }).to_string()).status(401);
    let asks = parameters(asked);
    let mut identity = identity.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rotated = None;
    let known = if asked.method == "POST" {
        match rules.refresh {
            Refresh::Unknown => return Reply::new(404, b"404 page not found".to_vec()),
            _ if asks.get("grant_type").map(String::as_str) != Some("refresh_token") || !asks.contains_key("client_id") => {
                return Reply::json(r#"{"error":"unsupported_grant_type"}"#).status(400);
            }
            _ if asks.get("refresh_token") != Some(&*identity) => return refused("the refresh token has expired"),
            Refresh::Kept => true,
            Refresh::Rotated => {
                identity.push('+');
                rotated = Some(identity.clone());
                true
            }
        }
    } else {
        let password = if rules.refresh == Refresh::Unknown { &*identity } else { "" };
        match signed_in(asked, password) {
            Ok(known) => known,
            Err(()) => return refused("incorrect username or password"),
        }
    };
    if asks.get("service").map(String::as_str) != Some(SERVICE) {
        return refused("no such service");
    }
    let repository = asks.get("scope").and_then(|scope| scope.strip_prefix("repository:")?.strip_suffix(":pull")).unwrap_or_default();
    let may = repository.starts_with("public/") || (known && repository.starts_with("acme/"));
    let lifetime = if before < rules.stale { -1000 } else { rules.lifetime };
    let token = signer.token(repository, if may { &["pull"] } else { &[] }, lifetime);
    let issued = Timestamp::from_second(Timestamp::now().as_second() + rules.ahead).expect("a time");
    let name = if asked.method == "POST" { "access_token" } else { "token" };
    let mut body = json!({ "expires_in": rules.lifetime, "issued_at": issued.to_string() });
    body[name] = json!(token);
    if let Some(rotated) = rotated {
        body["refresh_token"] = json!(rotated);
    }
    Reply::json(body.to_string())
}

/// Puts a credential helper into a folder.
///
/// Another process writes it: a file that this one wrote may still be open in a child that another test starts, and such a file cannot be run.
pub fn helper(folder: &std::path::Path, name: &str, script: &str) {
    let text = folder.join(format!("{name}.txt"));
    fs::write(&text, format!("#!/bin/sh\n{script}\n")).expect("written");
    let program_path = folder.join(format!("docker-credential-{name}"));
    run(program("install").args(["-m", "755"]).arg(text).arg(program_path), "coreutils");
}
