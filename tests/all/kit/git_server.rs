//! `git http-backend` behind an HTTP server of this process.

use std::{
    collections::BTreeSet,
    io,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State, connect_info::Connected},
    http::{HeaderMap, Response, StatusCode, header},
    serve::{IncomingStream, Listener},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    sync::oneshot,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A server of all repositories in a folder; dropped, it is down.
///
/// What is asked of `moved.git` is redirected to `fleet.git`, and of `elsewhere.git` to another host.
pub struct GitServer {
    port: Arc<ReservedPort>,
    scheme: &'static str,
    shared: Arc<Shared>,
    _serving: Serving,
}

/// Who may come in.
pub enum Door {
    /// Anybody.
    Open,
    /// One user with a password.
    Basic(&'static str, &'static str),
    /// Whoever has a user and a password that this takes.
    Judged(Judge),
    /// Nobody: every request is answered with this status, content type and body.
    Answer(u16, &'static str, &'static str),
}

/// Whether a user with a password comes in.
pub type Judge = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// A loopback port that nobody listens on and nobody else is given.
pub struct ReservedPort {
    socket: TcpSocket,
}

impl ReservedPort {
    /// A free one.
    pub fn new() -> Self {
        Self { socket: bound(0) }
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.socket.local_addr().expect("an address").port()
    }
}

/// A socket bound to a loopback port (0 is any free one) that several sockets of this process may share.
pub(super) fn bound(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseport(true).expect("an option");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], port))).expect("a port");
    socket
}

/// Connections whose handshake went well; what others said is not listened to.
struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<tokio::net::TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            match self.acceptor.accept(stream).into_fallible().await {
                Ok(stream) => return (stream, address),
                // Who is refused reads why before the connection ends.
                Err((_, mut refused)) => drop(tokio::spawn(async move {
                    refused.shutdown().await?;
                    tokio::io::copy(&mut refused, &mut tokio::io::sink()).await
                })),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Routes that are served in a thread of their own, until it is dropped.
pub(super) struct Serving {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Serves them on a port that is ours.
    pub(super) fn start(number: u16, tls: Option<TlsAcceptor>, routes: Router) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, ready) = std::sync::mpsc::channel();
        let routes = routes.into_make_service_with_connect_info::<Caller>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = bound(number).listen(64).expect("the port is ours");
                tell.send(()).expect("the test waits");
                let served = async {
                    match tls {
                        Some(acceptor) => axum::serve(Tls { listener, acceptor }, routes).await,
                        None => axum::serve(listener, routes).await,
                    }
                };
                tokio::select! {
                    served = served => served.expect("the server serves"),
                    _ = stopped => {}
                }
            });
        });
        ready.recv().expect("the server starts");
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(ended, Some(Ok(()))), "the server panicked");
    }
}

/// Who sent a request, by the address of the connection.
#[derive(Clone, Copy)]
struct Caller(SocketAddr);

impl Connected<IncomingStream<'_, Tls>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Tls>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Whether a server wants to see a certificate of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clients {
    Anybody,
    /// Those whom `root.pem` signed.
    OfRoot,
}

struct Shared {
    root: PathBuf,
    door: Door,
    requests: Mutex<Vec<String>>,
    callers: Mutex<BTreeSet<SocketAddr>>,
    cut_pushes: AtomicBool,
    /// How many passwords were refused.
    refused: AtomicUsize,
}

impl GitServer {
    /// Serves the repositories in `root`.
    pub fn start(root: &Path, door: Door) -> Self {
        Self::at(&Arc::new(ReservedPort::new()), root, door)
    }

    /// The same over TLS, with the certificates in `NAME.pem` of a folder and the key of the first, `NAME.key` up to a dash.
    pub fn start_tls(root: &Path, door: Door, folder: &Path, name: &str) -> Self {
        Self::over_tls(root, door, folder, name, Clients::Anybody)
    }

    /// The same, and who comes in shows a certificate that `root.pem` of the folder signed.
    pub fn start_mutual_tls(root: &Path, door: Door, folder: &Path, name: &str) -> Self {
        Self::over_tls(root, door, folder, name, Clients::OfRoot)
    }

    fn over_tls(root: &Path, door: Door, folder: &Path, name: &str, clients: Clients) -> Self {
        Self::serving(&Arc::new(ReservedPort::new()), root, door, Some(acceptor(folder, name, clients)))
    }

    /// Serves them on a port that a server was taken down from.
    pub fn at(port: &Arc<ReservedPort>, root: &Path, door: Door) -> Self {
        Self::serving(port, root, door, None)
    }

    fn serving(port: &Arc<ReservedPort>, root: &Path, door: Door, tls: Option<TlsAcceptor>) -> Self {
        let port = Arc::clone(port);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            door,
            requests: Mutex::default(),
            callers: Mutex::default(),
            cut_pushes: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
        });
        let serving = Serving::start(port.number(), tls, Router::new().fallback(answer).with_state(Arc::clone(&shared)));
        Self { port, scheme, shared, _serving: serving }
    }

    /// The URL of `fleet.git`.
    pub fn url(&self) -> String {
        self.url_of("", "fleet.git")
    }

    /// A URL with `USER:PASSWORD@` or nothing before the host.
    pub fn url_of(&self, userinfo: &str, repository: &str) -> String {
        let host = if self.scheme == "https" { "localhost" } else { "127.0.0.1" };
        format!("{}://{userinfo}{host}:{}/{repository}", self.scheme, self.port.number())
    }

    /// The method and path of every request since the last call.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.requests.lock().expect("no panic"))
    }

    /// How many passwords were refused.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// How many connections requests came on so far.
    pub fn connections(&self) -> usize {
        self.shared.callers.lock().expect("no panic").len()
    }

    /// From now on a push is carried out, and the connection is cut before its answer.
    pub fn cut_pushes(&self) {
        self.shared.cut_pushes.store(true, Ordering::Relaxed);
    }
}

impl GitServer {
    /// Takes the server down; while the port is held nobody else listens there.
    pub fn stop(self) -> Arc<ReservedPort> {
        let port = Arc::clone(&self.port);
        drop(self);
        // A program that another test is just starting holds a copy of the socket until it runs.
        while TcpStream::connect(("127.0.0.1", port.number())).is_ok() {
            std::thread::yield_now();
        }
        port
    }
}

/// What shakes hands with the certificates in `NAME.pem` of a folder.
pub(super) fn acceptor(folder: &Path, name: &str, clients: Clients) -> TlsAcceptor {
    let pem = |name: String| folder.join(name);
    let certificates = CertificateDer::pem_file_iter(pem(format!("{name}.pem"))).expect("certificates").collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_file(pem(format!("{}.key", name.split('-').next().expect("a name")))).expect("a key");
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().expect("versions");
    let config = match clients {
        Clients::Anybody => config.with_no_client_auth(),
        Clients::OfRoot => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(pem("root.pem".to_owned())).expect("a root")).expect("a root");
            config.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("a verifier"))
        }
    };
    let config = config.with_single_cert(certificates.expect("certificates"), key);
    TlsAcceptor::from(Arc::new(config.expect("a pair")))
}

async fn answer(State(shared): State<Arc<Shared>>, ConnectInfo(Caller(caller)): ConnectInfo<Caller>, request: Request) -> Response<Body> {
    shared.callers.lock().expect("no panic").insert(caller);
    let line = format!("{} {}", request.method(), request.uri());
    shared.requests.lock().expect("no panic").push(line);
    let user = match shared.door {
        Door::Open => None,
        Door::Basic(user, password) if is_signed_in(request.headers(), user, password) => Some(user),
        Door::Judged(ref judge) if signed_in(request.headers()).is_some_and(|(user, password)| judge(&user, &password)) => Some("judged"),
        Door::Basic(..) | Door::Judged(_) => {
            shared.refused.fetch_add(usize::from(request.headers().contains_key(header::AUTHORIZATION)), Ordering::Relaxed);
            let refusal = Response::builder().status(StatusCode::UNAUTHORIZED).header(header::WWW_AUTHENTICATE, "Basic realm=\"git\"");
            return refusal.body(Body::empty()).expect("a response");
        }
        Door::Answer(status, content_type, body) => {
            return Response::builder().status(status).header(header::CONTENT_TYPE, content_type).body(Body::from(body)).expect("a response");
        }
    };
    for (gone, host) in [("/moved.git/", ""), ("/elsewhere.git/", "http://another.example")] {
        if let Some(rest) = request.uri().to_string().strip_prefix(gone) {
            let moved = Response::builder().status(StatusCode::MOVED_PERMANENTLY).header(header::LOCATION, format!("{host}/fleet.git/{rest}"));
            return moved.body(Body::empty()).expect("a response");
        }
    }
    let is_push = request.uri().path().ends_with("/git-receive-pack");
    let response = backend(&shared.root, user, request).await.expect("git http-backend runs");
    if is_push && shared.cut_pushes.load(Ordering::Relaxed) {
        to_bytes(response.into_body(), usize::MAX).await.expect("the push is carried out");
        let cut = futures_util::stream::iter([Err::<Bytes, _>(io::Error::other("cut"))]);
        return Response::new(Body::from_stream(cut));
    }
    response
}

/// The user and the password of a request.
fn signed_in(headers: &HeaderMap) -> Option<(String, String)> {
    let pair = BASE64_STANDARD.decode(headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?).ok()?;
    let (user, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn is_signed_in(headers: &HeaderMap, user: &str, password: &str) -> bool {
    let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
    headers.get(header::AUTHORIZATION).is_some_and(|given| given == expected.as_str())
}

/// The CGI of RFC 3875, as far as `git http-backend` needs it.
async fn backend(root: &Path, user: Option<&str>, request: Request) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut command = tokio::process::Command::from(super::git::command(root));
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_ADDR", "127.0.0.1");
    command
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default());
    command.env("CONTENT_TYPE", header("content-type")).env("CONTENT_LENGTH", body.len().to_string());
    for (variable, value) in [("HTTP_CONTENT_ENCODING", header("content-encoding")), ("GIT_PROTOCOL", header("git-protocol"))] {
        if !value.is_empty() {
            command.env(variable, value);
        }
    }
    if let Some(user) = user {
        command.env("REMOTE_USER", user);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (mut stdin, mut stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    // The program may answer before it has read everything.
    tokio::spawn(async move { stdin.write_all(&body).await });
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stdout.read_u8().await?);
    }
    // What hooks print is sent on as it comes.
    let rest = futures_util::stream::unfold((child, stdout), |(mut child, mut stdout)| async move {
        let mut bytes = Vec::with_capacity(16 * 1024);
        match stdout.read_buf(&mut bytes).await {
            Ok(0) => child.wait().await.err().map(|error| (Err(error), (child, stdout))),
            read => Some((read.map(|_| Bytes::from(bytes)), (child, stdout))),
        }
    });
    parsed(&head, Body::from_stream(rest))
}

fn parsed(head: &[u8], body: Body) -> io::Result<Response<Body>> {
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(head).lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").ok_or_else(|| io::Error::other("no header"))?;
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().map_err(io::Error::other)?),
            _ => response.header(name, value),
        };
    }
    response.body(body).map_err(io::Error::other)
}
