//! Health, readiness and metrics over http.

use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Clock,
    metrics::{MEDIA_TYPE, Metrics},
    ready::{Readiness, Stage},
};
use crate::policy::Blame;

/// The longest head of a request.
///
/// # Units
/// Bytes.
const HEAD: usize = 16 * 1024;
/// The most headers of a request.
const HEADERS: usize = 64;
/// How long answers under way are waited for at the end.
const GRACE: Duration = Duration::from_secs(2);
/// How long nothing is accepted after the system refused to: it has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// How much of a process its clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at the same time; the next waits in the system's queue.
    pub connections: usize,
    /// From the first byte of a request to the last of its answer; each connection has one of both.
    pub exchange: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: 128, exchange: Duration::from_secs(10) }
    }
}

/// Why nothing can be served on an address.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Another process listens there.
    #[error("cannot listen on `{0}`: another process does")]
    InUse(SocketAddr),
    /// The system reserves the port.
    #[error("cannot listen on `{0}`: the system does not allow it")]
    Denied(SocketAddr),
    /// The address is none of this machine.
    #[error("cannot listen on `{0}`: this machine has no such address")]
    Elsewhere(SocketAddr),
    /// The system refuses for another reason.
    #[error("cannot listen on `{address}`")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl ListenError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::PermissionDenied => Self::Denied(address),
            io::ErrorKind::AddrNotAvailable => Self::Elsewhere(address),
            _ => Self::Refused { address, source },
        }
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::InUse(_) => "end the other process (is a second `tagalong run` under way?), or give `listen` another port".to_owned(),
            Self::Denied(_) => "give `listen` a port from 1024 on".to_owned(),
            Self::Elsewhere(_) | Self::Refused { .. } => {
                "give `listen` an address of this machine: 127.0.0.1:3030 for itself alone, 0.0.0.0:3030 or [::]:3030 for all".to_owned()
            }
        })
    }
}

/// What is told over http.
#[derive(Clone)]
pub struct Surface {
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What `/readyz` shows.
    pub readiness: Arc<Readiness>,
    /// What tells the time.
    pub clock: Clock,
}

impl fmt::Debug for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surface").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

/// The paths of `listen`.
pub fn routes(surface: Surface) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(nothing_here)
        .method_not_allowed_fallback(only_read)
        .with_state(surface)
}

/// A process that can answer works: the answer is made where the work is done.
async fn healthz() -> Response {
    text(StatusCode::OK, "ok\n")
}

async fn readyz(State(surface): State<Surface>, headers: HeaderMap) -> Response {
    let answer = surface.readiness.answer();
    let status = if answer.stage == Stage::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let wants_json = headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.contains("application/json")));
    if wants_json {
        let body = serde_json::to_string(&answer).expect("texts have a JSON form") + "\n";
        return say(status, "application/json", body);
    }
    text(status, answer.text())
}

async fn metrics(State(surface): State<Surface>) -> Response {
    say(StatusCode::OK, MEDIA_TYPE, surface.metrics.render(surface.clock.now()))
}

async fn nothing_here() -> Response {
    text(StatusCode::NOT_FOUND, "nothing is here: /healthz, /readyz and /metrics are what there is\n")
}

async fn only_read() -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, "this can only be read, with GET or HEAD\n")
}

fn text(status: StatusCode, body: impl Into<String>) -> Response {
    say(status, "text/plain; charset=utf-8", body.into())
}

fn say(status: StatusCode, media_type: &'static str, body: String) -> Response {
    (status, [(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-store")], body).into_response()
}

/// A socket that clients can reach.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Takes the address; nothing is answered yet.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn on(address: SocketAddr) -> Result<Self, ListenError> {
        let listener = TcpListener::bind(address).await.map_err(|error| ListenError::new(address, error))?;
        let address = listener.local_addr().map_err(|error| ListenError::new(address, error))?;
        Ok(Self { listener, address })
    }

    /// Where it is; port 0 has become a real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`; then lets answers under way come to their end, for a moment.
    ///
    /// # Shape
    /// A connection has one request and one answer, and no body is read: a client that is slow, or says nothing, holds a place for a short time only.
    pub async fn serve(self, routes: Router, bounds: Bounds, stop: impl Future<Output = ()>) {
        let (ending, end) = watch::channel(());
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if connections.len() < bounds.connections => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(timeout(bounds.exchange, converse(stream, routes.clone(), end.clone())))),
                    Err(_) => sleep(PAUSE).await,
                },
            }
        }
        drop((self.listener, ending));
        let _cut_off = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    }
}

/// One request and its answer; what goes wrong on the way is the client's.
async fn converse(stream: TcpStream, routes: Router, mut end: watch::Receiver<()>) {
    let service = TowerToHyperService::new(routes);
    let connection = http1::Builder::new().keep_alive(false).max_headers(HEADERS).max_buf_size(HEAD).serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ended = end.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _hung_up = connection.await;
}

#[cfg(test)]
mod tests;
