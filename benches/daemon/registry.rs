//! A registry of made-up images: their tags follow from their numbers, so that it remembers nothing.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode, header},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, runtime::Runtime};

/// Tags of each image.
pub const TAGS: u32 = 400;
/// One image of so many is tagged by commit, and its policy compares build times.
pub const BY_TIME: usize = 50;
/// One image of so many gets a tag with each release.
pub const MOVING: usize = 10;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A registry until it is dropped.
pub struct Registry {
    shared: Arc<Shared>,
    port: u16,
    _runtime: Runtime,
}

#[derive(Default)]
struct Shared {
    releases: AtomicU32,
    asked: Mutex<BTreeMap<&'static str, u64>>,
}

impl Registry {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::<Shared>::default();
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

    /// How many requests of a kind came so far: `list`, `manifest`, `config`.
    pub fn asked(&self, kind: &str) -> u64 {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).get(kind).copied().unwrap_or_default()
    }
}

/// The name of an image.
pub fn name(number: usize) -> String {
    format!("team-{}/service-{number}", number % 50)
}

fn tags(path: &str, releases: u32) -> String {
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
    format!("{{\"name\":\"{path}\",\"tags\":[{list}]}}")
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let path = request.uri().path().trim_start_matches("/v2/").to_owned();
    let digest = |text: &str| format!("sha256:{:x}", Sha256::digest(text));
    let (kind, media_type, body) = if let Some(name) = path.strip_suffix("/tags/list") {
        ("list", "application/json", tags(name, shared.releases.load(Ordering::Relaxed)))
    } else if let Some((_, reference)) = path.split_once("/manifests/") {
        // What a tag says of its own time, its configuration says, too.
        let built = reference.rsplit('-').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(1_700_000_000);
        let config = config(built);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "annotations": { "tag": reference },
            "config": { "mediaType": CONFIG, "digest": digest(&config), "size": config.len(), "annotations": { "built": built.to_string() } },
        });
        ("manifest", MANIFEST, manifest.to_string())
    } else if let Some((_, wanted)) = path.split_once("/blobs/") {
        let built = (0..TAGS).map(|at| 1_700_000_000 + i64::from(at) * 3_600).find(|&built| digest(&config(built)) == wanted);
        ("config", "application/octet-stream", built.map(config).unwrap_or_default())
    } else {
        ("other", "application/json", "{}".to_owned())
    };
    *shared.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    let answer = Response::builder().status(StatusCode::OK).header(header::CONTENT_TYPE, media_type);
    answer.header("docker-content-digest", digest(&body)).body(Body::from(body)).expect("a response")
}

fn config(built: i64) -> String {
    let created = jiff::Timestamp::from_second(built).expect("a time");
    json!({ "os": "linux", "architecture": "amd64", "created": created.to_string(), "config": { "Labels": {} } }).to_string()
}
