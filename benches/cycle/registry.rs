//! A registry whose images get newer tags: about a hundred tags in each repository, one page.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode, header},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, runtime::Runtime};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry of one image under many names; dropped, it is down.
pub struct Registry {
    newest: Arc<AtomicU32>,
    port: u16,
    _runtime: Runtime,
}

impl Registry {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let newest = Arc::new(AtomicU32::new(3));
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&newest));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { newest, port, _runtime: runtime }
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The newest tag of what moves is `1.2.` and this.
    pub fn newest(&self) -> u32 {
        self.newest.load(Ordering::Relaxed)
    }

    /// Everything that moves gets a newer tag.
    pub fn release(&self) -> u32 {
        self.newest.fetch_add(1, Ordering::Relaxed) + 1
    }
}

async fn answer(State(newest): State<Arc<AtomicU32>>, request: Request) -> Response<Body> {
    let config = json!({ "os": "linux", "architecture": "amd64", "created": "2026-01-01T00:00:00Z", "config": { "Labels": {} } }).to_string();
    let digest = |text: &str| format!("sha256:{:x}", Sha256::digest(text));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len() },
    });
    let path = request.uri().path();
    let (media_type, body) = if path.ends_with("/tags/list") {
        let last = if path.contains("/moving-") { newest.load(Ordering::Relaxed) } else { 3 };
        let old = (0..8).flat_map(|minor| (0..12).map(move |patch| format!("0.{minor}.{patch}")));
        let tags: Vec<String> = old.chain((0..=last).map(|patch| format!("1.2.{patch}"))).collect();
        ("application/json", json!({ "name": path.trim_start_matches("/v2/").trim_end_matches("/tags/list"), "tags": tags }).to_string())
    } else if path.contains("/manifests/") {
        (MANIFEST, manifest.to_string())
    } else if path.contains("/blobs/") {
        ("application/octet-stream", config)
    } else {
        ("application/json", "{}".to_owned())
    };
    let answer = Response::builder().status(StatusCode::OK).header(header::CONTENT_TYPE, media_type);
    answer.header("docker-content-digest", digest(&body)).body(Body::from(body)).expect("a response")
}
