//! A registry on a free loopback port that forgets everything when it is dropped.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, Response, StatusCode, header},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};

use super::image::{Content, Image};

/// The tags of one page: so few that even a small repository has several.
const PAGE: usize = 4;
/// How long open requests may take when the registry stops.
const PATIENCE: Duration = Duration::from_millis(500);

/// A registry that serves plain HTTP: tag lists in pages, manifests, indexes and configurations.
///
/// # Source
/// OCI distribution spec 1.1, "Pulling manifests", "Pulling blobs", "Listing tags".
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    shelves: Shelves,
    /// Dropping it stops the server as well.
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

type Shelves = Arc<Mutex<BTreeMap<String, Shelf>>>;

/// What one repository holds.
#[derive(Debug, Default)]
struct Shelf {
    /// Digest by tag.
    tags: BTreeMap<String, String>,
    /// Manifests, indexes and configurations by digest.
    contents: BTreeMap<String, Content>,
}

impl Registry {
    /// Opens a port and begins to serve.
    ///
    /// # Errors
    /// There is no free loopback port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shelves = Shelves::default();
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shelves));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let until = async move {
                // Both ways mean the same: told to stop, or nobody is left who could tell.
                stopped.await.unwrap_or_default();
            };
            // Serving on a bound port ends only when it is told to.
            axum::serve(listener, routes).with_graceful_shutdown(until).await.unwrap_or_default();
        });
        Ok(Self { address, shelves, stop: Some(stop), server })
    }

    /// The name that image references begin with: `127.0.0.1:41873`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Puts an image into a repository, under a tag; a tag that is there is moved.
    pub fn push(&self, repository: &str, tag: &str, image: &Image) {
        let (target, needed) = image.contents();
        let mut shelves = lock(&self.shelves);
        let place = shelves.entry(repository.to_owned()).or_default();
        place.tags.insert(tag.to_owned(), target.digest.clone());
        for content in needed.into_iter().chain([target]) {
            place.contents.insert(content.digest.clone(), content);
        }
    }

    /// How many repositories and tags it holds.
    pub fn size(&self) -> (usize, usize) {
        let shelves = lock(&self.shelves);
        (shelves.len(), shelves.values().map(|shelf| shelf.tags.len()).sum())
    }

    /// Ends the server, open requests included.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody listens where the server has ended already.
            stop.send(()).unwrap_or_default();
        }
        if timeout(PATIENCE, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

/// Each change is one insertion: a panic elsewhere leaves nothing half done.
fn lock(shelves: &Shelves) -> MutexGuard<'_, BTreeMap<String, Shelf>> {
    shelves.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(shelves): State<Shelves>, request: Request) -> Response<Body> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "this registry is read only");
    }
    let path = request.uri().path();
    if matches!(path, "/v2" | "/v2/") {
        return respond(StatusCode::OK, "application/json", b"{}".to_vec());
    }
    let Some(route) = Route::of(path) else {
        return refusal(StatusCode::NOT_FOUND, "UNSUPPORTED", "there is nothing here");
    };
    let shelves = lock(&shelves);
    let Some(shelf) = shelves.get(route.repository) else {
        return refusal(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository name not known to registry");
    };
    match route.wanted {
        Wanted::Tags => tags(route.repository, shelf, request.uri().query().unwrap_or_default()),
        Wanted::Manifest(reference) => {
            let digest = shelf.tags.get(reference).map_or(reference, String::as_str);
            content(shelf, digest, "MANIFEST_UNKNOWN")
        }
        Wanted::Blob(digest) => content(shelf, digest, "BLOB_UNKNOWN"),
    }
}

/// What a path asks for; a repository's name may have slashes of its own.
struct Route<'a> {
    repository: &'a str,
    wanted: Wanted<'a>,
}

enum Wanted<'a> {
    Tags,
    Manifest(&'a str),
    Blob(&'a str),
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/v2/")?;
        let (rest, last) = path.rsplit_once('/')?;
        let (repository, kind) = rest.rsplit_once('/')?;
        let wanted = match (kind, last) {
            ("tags", "list") => Wanted::Tags,
            ("manifests", reference) => Wanted::Manifest(reference),
            ("blobs", digest) => Wanted::Blob(digest),
            _ => return None,
        };
        Some(Self { repository, wanted })
    }
}

fn tags(repository: &str, shelf: &Shelf, query: &str) -> Response<Body> {
    let parameter = |name: &str| url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let wanted = parameter("n").and_then(|n| n.parse::<usize>().ok()).unwrap_or(PAGE).min(PAGE);
    let last = parameter("last").unwrap_or_default();
    let mut after = shelf.tags.keys().skip_while(|tag| **tag <= last);
    let page: Vec<&String> = after.by_ref().take(wanted).collect();
    let body = json!({ "name": repository, "tags": page }).to_string();
    let mut response = respond(StatusCode::OK, "application/json", body.into_bytes());
    if let (Some(last), Some(_)) = (page.last(), after.next()) {
        let link = format!("</v2/{repository}/tags/list?n={wanted}&last={last}>; rel=\"next\"");
        response.headers_mut().insert(header::LINK, HeaderValue::try_from(link).expect("tags and names are plain ASCII"));
    }
    response
}

fn content(shelf: &Shelf, digest: &str, unknown: &str) -> Response<Body> {
    let Some(content) = shelf.contents.get(digest) else {
        return refusal(StatusCode::NOT_FOUND, unknown, "unknown to registry");
    };
    let mut response = respond(StatusCode::OK, content.media_type, content.bytes.clone());
    let digest = HeaderValue::try_from(&content.digest).expect("a digest is plain ASCII");
    response.headers_mut().insert("docker-content-digest", digest);
    response
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = json!({ "errors": [{ "code": code, "message": message }] }).to_string();
    respond(status, "application/json", body.into_bytes())
}

/// The server itself leaves the body of an answer to HEAD away, and keeps its length.
fn respond(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
