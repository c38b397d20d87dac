use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
};

use super::*;
use crate::{
    config::{Config, Overrides},
    service::ready::Going,
};

/// Longer than anything takes: what is waited for comes, or the test fails.
const LONG: Duration = Duration::from_secs(30);

struct Server {
    address: SocketAddr,
    surface: Surface,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(bounds: Bounds) -> Self {
        let overrides = Overrides { state: Some("/nowhere".into()), ..Overrides::default() };
        let config = Config::of_overrides(overrides).expect("the defaults hold");
        let clock: Clock = Arc::new(|| "2026-01-31T12:00:00Z".parse().expect("a time"));
        let surface = Surface { metrics: Arc::new(Metrics::new(clock.now(), &config)), readiness: Arc::default(), clock };
        let listening = Listening::on(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let (stop, stopped) = oneshot::channel();
        let address = listening.address();
        let task = tokio::spawn(listening.serve(routes(surface.clone()), bounds, async { stopped.await.unwrap_or(()) }));
        Self { address, surface, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }

    /// Everything that comes back for a request.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.expect("sent");
        rest(stream).await
    }

    async fn read(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }
}

async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is reset after its answer has answered, too.
    let _reset = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the server ends each connection");
    String::from_utf8(answer).expect("text")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test]
async fn each_path_answers() {
    let server = Server::start(Bounds::default()).await;
    server.surface.readiness.expect(["fleet".to_owned()]);
    for (word, request, status, contains) in [
        ("health", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", "ok\n"),
        ("head", "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", ""),
        ("not ready", "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", "503 Service Unavailable", "waits for repository fleet: it was not read yet\n"),
        ("metrics", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", "\ntagalong_tags{host=\"other\"} 0\n"),
        ("the top", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", "nothing is here"),
        ("another path", "GET /debug/pprof HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", "nothing is here"),
        ("writing", "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nx", "405 Method Not Allowed", "only be read"),
        ("an old client", "GET /healthz HTTP/1.0\r\n\r\n", "200 OK", "ok\n"),
        ("no http", "\u{16}\u{3}\u{1}\r\n\r\n", "400 Bad Request", ""),
    ] {
        let answer = server.ask(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")) || answer.starts_with(&format!("HTTP/1.0 {status}\r\n")), "{word}: {answer}");
        assert!(body(&answer).contains(contains), "{word}: {answer}");
    }
}

#[tokio::test]
async fn metrics_are_open_metrics() {
    let server = Server::start(Bounds::default()).await;
    let answer = server.read("/metrics").await;
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

#[tokio::test]
async fn readiness_is_told_as_it_changes() {
    let server = Server::start(Bounds::default()).await;
    let readiness = &server.surface.readiness;
    readiness.expect(["fleet".to_owned()]);
    readiness.goes("fleet", Going::Badly("cannot read `fleet`: the remote is silent".to_owned()));
    let json = server.ask("GET /readyz HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n").await;
    assert!(json.contains("503 ") && json.contains("content-type: application/json\r\n"), "{json}");
    assert_eq!(
        body(&json),
        "{\"stage\":\"starting\",\"waiting\":[],\"failing\":[{\"repository\":\"fleet\",\"host\":null,\"reason\":\"cannot read `fleet`: the remote is silent\"}]}\n"
    );
    readiness.goes("fleet", Going::Well);
    let ready = server.read("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200 ") && body(&ready) == "ready\n", "{ready}");
    readiness.stop();
    assert!(server.read("/readyz").await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let server = Server::start(Bounds::default()).await;
    let long = "x".repeat(2 * HEAD);
    assert!(server.ask(&format!("GET /healthz HTTP/1.1\r\nX: {long}\r\n\r\n")).await.starts_with("HTTP/1.1 431 "));
    let many = "X: y\r\n".repeat(HEADERS + 1);
    assert!(server.ask(&format!("GET /healthz HTTP/1.1\r\n{many}\r\n")).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_off() {
    let server = Server::start(Bounds { exchange: Duration::from_millis(20), ..Bounds::default() }).await;
    for beginning in ["", "GET /healthz HTTP/1.1\r\n"] {
        let mut slow = server.connect().await;
        slow.write_all(beginning.as_bytes()).await.expect("sent");
        assert_eq!(rest(slow).await, "", "{beginning:?}");
    }
}

#[tokio::test]
async fn a_client_beyond_the_bound_waits_for_a_place() {
    let server = Server::start(Bounds { connections: 2, exchange: LONG }).await;
    let (first, second) = (server.connect().await, server.connect().await);
    let mut third = server.connect().await;
    third.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("the system's queue takes it");
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(50), third.peek(&mut byte)).await.is_err(), "it has no place yet");
    drop(first);
    assert!(rest(third).await.starts_with("HTTP/1.1 200 "));
    drop(second);
}

#[tokio::test]
async fn at_the_end_idle_clients_are_left_and_the_port_is_free() {
    let server = Server::start(Bounds::default()).await;
    let idle = server.connect().await;
    assert!(server.read("/healthz").await.starts_with("HTTP/1.1 200 "), "the idle one was accepted before this");
    server.stop.send(()).expect("it runs");
    timeout(LONG, server.task).await.expect("it ends").expect("without a panic");
    assert_eq!(rest(idle).await, "");
    Listening::on(server.address).await.expect("the port is free");
}

#[tokio::test]
async fn an_address_that_cannot_be_had_is_told_with_a_hint() {
    let taken = Listening::on(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    for (word, address, sentence, hint) in [
        ("in use", taken.address(), format!("cannot listen on `{}`: another process does", taken.address()), "second `tagalong run`"),
        ("elsewhere", ([192, 0, 2, 1], 3030).into(), "cannot listen on `192.0.2.1:3030`: this machine has no such address".into(), "127.0.0.1:3030"),
    ] {
        let error = Listening::on(address).await.expect_err(word);
        assert_eq!(error.to_string(), sentence, "{word}");
        assert_eq!(error.blame(), Blame::Operator, "{word}");
        assert!(error.hint().is_some_and(|text| text.contains(hint)), "{word}");
    }
    let denied = ListenError::new(([0, 0, 0, 0], 80).into(), io::ErrorKind::PermissionDenied.into());
    assert_eq!(denied.to_string(), "cannot listen on `0.0.0.0:80`: the system does not allow it");
    assert!(denied.hint().is_some_and(|text| text.contains("1024")));
}
