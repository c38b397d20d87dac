//! A server that gives answers which a real registry cannot give.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`, `HEAD` or `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What was posted, as far as it is text.
    pub body: String,
}

/// What is sent back.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    end: End,
}

/// How the body ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Whole,
    /// The connection is kept for the next request.
    Kept,
    /// The connection is closed without a word.
    Nothing,
    /// The connection is closed after so many bytes, whatever `Content-Length` said.
    CutAfter(usize),
    /// Nothing more comes after so many bytes, and the connection stays open.
    SilentAfter(usize),
}

/// A running server, until it is dropped.
pub struct Hostile {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Reply {
    /// A body of JSON.
    pub fn json(body: impl Into<String>) -> Self {
        Self::new(200, body.into().into_bytes()).header("Content-Type", "application/json")
    }

    /// A failure in the registry's own form.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
        Self::json(body.to_string()).status(status)
    }

    /// Any body.
    pub fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body, end: End::Whole }
    }

    /// The same with another status.
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The same with another body.
    pub fn with_body(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }

    /// The same with one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, and its connection is kept.
    pub fn kept(self) -> Self {
        Self { end: End::Kept, ..self }
    }

    /// No answer: the connection is closed.
    pub fn nothing() -> Self {
        Self { end: End::Nothing, ..Self::new(0, Vec::new()) }
    }

    /// The same, cut off.
    pub fn cut_after(self, bytes: usize) -> Self {
        Self { end: End::CutAfter(bytes), ..self }
    }

    /// The same, never finished.
    pub fn silent_after(self, bytes: usize) -> Self {
        Self { end: End::SilentAfter(bytes), ..self }
    }
}

impl Hostile {
    /// Starts a server on a free loopback port; the answer to each request is the closure's, which is also told how many came before.
    pub fn start(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answer)
    }

    /// The same on another address.
    pub fn start_at(address: &str, answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (record, stopped, answer) = (Arc::clone(&asked), Arc::clone(&stop), Arc::new(answer));
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (record, answer) = (Arc::clone(&record), Arc::clone(&answer));
                // A connection that breaks is what some tests are about.
                thread::spawn(move || while serve(&stream, &record, &*answer) == Some(Next::Another) {});
            }
        });
        Self { address, asked, stop, accepting: Some(accepting) }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _wake = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _panicked = accepting.join();
        }
    }
}

/// What comes after an answer.
#[derive(PartialEq)]
enum Next {
    Another,
    Nothing,
}

fn serve(stream: &TcpStream, record: &Mutex<Vec<Asked>>, answer: &(dyn Fn(&Asked, usize) -> Reply + Send + Sync)) -> Option<Next> {
    let asked = read_request(stream)?;
    let before = {
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        record.push(asked.clone());
        record.len() - 1
    };
    let reply = answer(&asked, before);
    let connection = match reply.end {
        End::Nothing => return Some(Next::Nothing),
        End::Kept => "keep-alive",
        _ => "close",
    };
    let mut head = format!("HTTP/1.1 {} Status\r\nConnection: {connection}\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    let mut out = stream;
    out.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    if asked.method == "HEAD" {
        return Some(Next::Nothing);
    }
    let next = if matches!(reply.end, End::Kept) { Next::Another } else { Next::Nothing };
    match reply.end {
        End::Whole | End::Kept | End::Nothing => out.write_all(&reply.body).ok()?,
        End::CutAfter(bytes) => out.write_all(&reply.body[..bytes]).ok()?,
        End::SilentAfter(bytes) => {
            out.write_all(&reply.body[..bytes]).ok()?;
            // Until the other side gives up.
            let _closed = out.read(&mut [0; 1]);
        }
    }
    Some(next)
}

fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let header = |line: String| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let headers: BTreeMap<String, String> = lines.take_while(|line| !line.is_empty()).filter_map(header).collect();
    let mut body = Vec::new();
    let length = headers.get("content-length").map_or(Ok(0), |length| length.parse()).ok()?;
    reader.take(length).read_to_end(&mut body).ok()?;
    Some(Asked { method, target, headers, body: String::from_utf8_lossy(&body).into_owned() })
}
