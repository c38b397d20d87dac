//! What stands between: a registry's answers, so that a hostile server can spoil a part of them, and a proxy that makes tunnels.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use base64::prelude::{BASE64_STANDARD, Engine};

use super::hostile::{Asked, Reply};

/// The answer of the server at `host` to this request, in plain http. Its body ends where the connection does.
pub fn forwarded(host: &str, asked: &Asked) -> Reply {
    let mut stream = TcpStream::connect(host).expect("the server listens");
    let mut head = format!("{} {} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n", asked.method, asked.target, asked.body.len());
    for name in ["accept", "authorization", "content-type"] {
        if let Some(value) = asked.headers.get(name) {
            head.extend([name, ": ", value, "\r\n"]);
        }
    }
    stream.write_all(format!("{head}\r\n{}", asked.body).as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server answers");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("headers");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let is_own = |name: &str| ["Content-Length", "Connection", "Date"].iter().any(|own| own.eq_ignore_ascii_case(name));
    let kept = lines.filter_map(|line| line.split_once(": ")).filter(|(name, _)| !is_own(name));
    kept.fold(Reply::new(status, answer[end + 4..].to_vec()), |reply, (name, value)| reply.header(name, value))
}

/// A proxy that makes tunnels, to one port of this machine whatever the host; dropped, it is down.
pub struct Tunnels {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Tunnels {
    /// Leads everybody to a port who says `user` (`USER:PASSWORD`), or anybody where that is `None`.
    pub fn start(to: u16, user: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (record, stopped) = (Arc::clone(&asked), Arc::clone(&stop));
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let record = Arc::clone(&record);
                // A connection that breaks is what some tests are about.
                thread::spawn(move || lead(stream, to, user, &record));
            }
        });
        Self { address, asked, stop, accepting: Some(accepting) }
    }

    /// Its URL, with `USER:PASSWORD@` or nothing before the host.
    pub fn url(&self, userinfo: &str) -> String {
        format!("http://{userinfo}{}", self.address)
    }

    /// The first line of every request so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _wake = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _panicked = accepting.join();
        }
    }
}

fn lead(stream: TcpStream, to: u16, user: Option<&str>, record: &Mutex<Vec<String>>) -> io::Result<u64> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    // What comes behind the head is for the server.
    while !head.ends_with(b"\r\n\r\n") {
        (&stream).read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let first = head.lines().next().unwrap_or_default().to_owned();
    let is_tunnel = first.starts_with("CONNECT ");
    record.lock().expect("no panic").push(first);
    let given = head.lines().find_map(|line| line.to_ascii_lowercase().starts_with("proxy-authorization: ").then(|| line[21..].to_owned()));
    let wanted = user.map(|user| format!("Basic {}", BASE64_STANDARD.encode(user)));
    let refusal = match () {
        () if wanted.is_some() && given != wanted => "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\"",
        () if !is_tunnel => "405 Method Not Allowed",
        () => "",
    };
    if !refusal.is_empty() {
        (&stream).write_all(format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())?;
        return Ok(0);
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else {
        (&stream).write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        return Ok(0);
    };
    (&stream).write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let (mut up, mut down) = ((stream.try_clone()?, server.try_clone()?), (server, stream));
    thread::spawn(move || {
        let copied = io::copy(&mut up.0, &mut up.1);
        let _closed = up.1.shutdown(Shutdown::Write);
        copied
    });
    let copied = io::copy(&mut down.0, &mut down.1);
    let _closed = down.1.shutdown(Shutdown::Both);
    copied
}
