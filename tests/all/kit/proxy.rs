//! What a real registry answers, so that a hostile server can spoil a part of it.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::hostile::{Asked, Reply};

/// The answer of the registry at `host` to this request, in plain http.
pub fn forwarded(host: &str, asked: &Asked) -> Reply {
    let mut stream = TcpStream::connect(host).expect("the registry listens");
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n", asked.method, asked.target);
    for name in ["accept", "authorization"] {
        if let Some(value) = asked.headers.get(name) {
            head.extend([name, ": ", value, "\r\n"]);
        }
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).expect("the registry reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the registry answers");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("headers");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let kept = lines.filter_map(|line| line.split_once(": ")).filter(|(name, _)| !matches!(*name, "Content-Length" | "Connection" | "Date"));
    kept.fold(Reply::new(status, answer[end + 4..].to_vec()), |reply, (name, value)| reply.header(name, value))
}
