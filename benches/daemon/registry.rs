//! A registry of made-up images: their tags follow from their numbers, so that it remembers next to nothing.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, Response, StatusCode, header},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, runtime::Runtime};

/// Tags of each image of a team.
pub const TAGS: u32 = 400;
/// One image of so many is tagged by commit, and its policy compares build times.
pub const BY_TIME: usize = 50;
/// One image of so many gets a tag with each release.
pub const MOVING: usize = 10;
/// Versions of `big/pages`, before any release.
pub const PAGED: u32 = 50_000;
/// Tags of `big/tags` and `big/indexes`, before any release.
pub const BUILDS: u32 = 5_000;
/// Tags on one page.
const PAGE: u32 = 1_000;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// How a registry behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// How long each answer takes beyond the work for it.
    pub latency: Duration,
    /// Whether it wants a token for each repository.
    pub door: Door,
}

/// Whom a registry lets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    #[default]
    Open,
    /// Those with a token of its own.
    Tokens,
}

/// A registry until it is dropped.
pub struct Registry {
    shared: Arc<Shared>,
    port: u16,
    _runtime: Runtime,
}

#[derive(Default)]
struct Shared {
    manner: Manner,
    releases: AtomicU32,
    asked: Mutex<BTreeMap<&'static str, u64>>,
    busy: Mutex<Duration>,
    /// Documents by digest, once anybody saw that.
    documents: Mutex<HashMap<String, Arc<str>>>,
}

impl Registry {
    pub fn start(manner: Manner) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared { manner, ..Shared::default() });
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { shared, port, _runtime: runtime }
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The images that move get one more tag.
    pub fn release(&self) {
        self.shared.releases.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests of a kind came so far: `list`, `head`, `manifest`, `config`, `token`, `refused`.
    pub fn asked(&self, kind: &str) -> u64 {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).get(kind).copied().unwrap_or_default()
    }

    /// How many requests of each kind came since the last call.
    pub fn taken(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long it took for its answers since the last call, one after the other.
    pub fn busy(&self) -> Duration {
        std::mem::take(&mut self.shared.busy.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The name of an image.
pub fn name(number: usize) -> String {
    format!("team-{}/service-{number}", number % 50)
}

impl Shared {
    fn count(&self, kind: &'static str) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// Keeps a document, and tells its digest.
    fn keep(&self, text: String) -> (Arc<str>, String) {
        let (text, digest) = (Arc::<str>::from(text), String::new());
        let digest = Sha256::digest(&*text).iter().fold(digest + "sha256:", |digest, byte| format!("{digest}{byte:02x}"));
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).entry(digest.clone()).or_insert_with(|| Arc::clone(&text));
        (text, digest)
    }

    /// A page of the list, and whether there is another.
    fn page(&self, path: &str, query: &str) -> (String, bool) {
        let releases = self.releases.load(Ordering::Relaxed);
        let all = match path {
            "big/pages" => PAGED + releases,
            "big/tags" | "big/indexes" => BUILDS + releases,
            _ => return (format!("{{\"name\":\"{path}\",\"tags\":[{}]}}", of_team(path, releases)), false),
        };
        let after = query.split('&').find_map(|part| part.strip_prefix("last=")).and_then(|last| last.rsplit(['.', '-']).next()?.parse::<u32>().ok());
        let from = after.map_or(0, |after| after + 1);
        let size = if path == "big/pages" { PAGE } else { all };
        let tags: Range<u32> = from..(from + size).min(all);
        let more = tags.end < all;
        let mut list = String::new();
        for at in tags {
            let separator = if at == from { "" } else { "," };
            let start = if path == "big/pages" { "1.0." } else { "main-" };
            write!(list, "{separator}\"{start}{at}\"").expect("a text takes everything");
        }
        (format!("{{\"name\":\"{path}\",\"tags\":[{list}]}}"), more)
    }

    /// What stands behind a tag.
    fn tagged(&self, path: &str, tag: &str) -> (Arc<str>, &'static str) {
        // What a tag says of its own time, its configuration says, too.
        let number = tag.rsplit('-').next().and_then(|number| number.parse::<i64>().ok()).unwrap_or_default();
        let built = if path.starts_with("big/") { 1_700_000_000 + number } else { number.max(1_700_000_000) };
        let created = jiff::Timestamp::from_second(built).expect("a time");
        let config = json!({ "os": "linux", "architecture": "amd64", "created": created.to_string(), "config": { "Labels": {} } }).to_string();
        let size = config.len();
        let (_, config) = self.keep(config);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "annotations": { "tag": tag },
            "config": { "mediaType": CONFIG, "digest": config, "size": size },
        });
        let (manifest, digest) = self.keep(manifest.to_string());
        if path != "big/indexes" {
            return (manifest, MANIFEST);
        }
        let platform = json!({ "os": "linux", "architecture": "amd64" });
        let entry = json!({ "mediaType": MANIFEST, "digest": digest, "size": manifest.len(), "platform": platform });
        (self.keep(json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] }).to_string()).0, INDEX)
    }
}

fn of_team(path: &str, releases: u32) -> String {
    let number: usize = path.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let mut list = String::new();
    for at in 0..TAGS {
        let separator = if at == 0 { "" } else { "," };
        match number {
            number if number.is_multiple_of(BY_TIME) => {
                let commit = (at as usize * 7_919 + number) % 0x0fff_ffff;
                write!(list, "{separator}\"main-{commit:07x}-{}\"", 1_700_000_000 + at * 3_600)
            }
            _ => write!(list, "{separator}\"1.{}.{}\"", at / 20, at % 20),
        }
        .expect("a text takes everything");
    }
    if number % MOVING == 1 {
        (0..releases).for_each(|release| write!(list, ",\"1.20.{release}\"").expect("a text takes everything"));
    }
    list
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let began = Instant::now();
    if !shared.manner.latency.is_zero() {
        tokio::time::sleep(shared.manner.latency).await;
    }
    let response = respond(&shared, &request);
    *shared.busy.lock().unwrap_or_else(PoisonError::into_inner) += began.elapsed();
    response
}

fn respond(shared: &Shared, request: &Request) -> Response<Body> {
    let (path, query) = (request.uri().path().trim_start_matches("/v2/").to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let answer = |status| Response::builder().status(status);
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if path == "/token" {
        shared.count("token");
        return answer(StatusCode::OK).body(Body::from(r#"{"token":"t","expires_in":3600}"#)).expect("a response");
    }
    if shared.manner.door == Door::Tokens && header(header::AUTHORIZATION) != "Bearer t" {
        shared.count("refused");
        let challenge = format!("Bearer realm=\"http://{}/token\"", header(header::HOST));
        return answer(StatusCode::UNAUTHORIZED).header(header::WWW_AUTHENTICATE, challenge).body(Body::empty()).expect("a response");
    }
    let head = request.method() == Method::HEAD;
    let (kind, media_type, body, link) = if let Some(name) = path.strip_suffix("/tags/list") {
        let (page, more) = shared.page(name, &query);
        let last = page.rsplit('"').nth(1).unwrap_or_default();
        let link = more.then(|| format!("</v2/{path}?n={PAGE}&last={last}>; rel=\"next\""));
        ("list", "application/json", Arc::from(page), link)
    } else if let Some((_, digest)) = path.split_once("/blobs/") {
        ("config", "application/octet-stream", shared.documents.lock().unwrap_or_else(PoisonError::into_inner)[digest].clone(), None)
    } else if let Some((name, reference)) = path.split_once("/manifests/") {
        let known = shared.documents.lock().unwrap_or_else(PoisonError::into_inner).get(reference).cloned();
        let (text, media_type) = known.map_or_else(|| shared.tagged(name, reference), |text| (text, MANIFEST));
        (if head { "head" } else { "manifest" }, media_type, text, None)
    } else {
        ("other", "application/json", Arc::from("{}"), None)
    };
    shared.count(kind);
    let answer = answer(StatusCode::OK).header(header::CONTENT_TYPE, media_type);
    let answer = link.into_iter().fold(answer, |answer, link| answer.header(header::LINK, link));
    let digest = Sha256::digest(&*body).iter().fold("sha256:".to_owned(), |digest, byte| format!("{digest}{byte:02x}"));
    answer.header("docker-content-digest", digest).body(Body::from(body.to_string())).expect("a response")
}
