//! One request and its answer, as libgit2 writes and reads them.

use std::{
    io::{self, Read, Write},
    mem,
    sync::Arc,
    time::Duration,
};

use futures_util::stream;
use git2::transport::Service;
use hyper::body::{Buf, Bytes};
use reqwest::{Body, Response};
use tokio::{sync::mpsc, task::JoinHandle};
use url::Url;

use super::{Failure, NOTED, failure, line::Line, name};
use crate::git::trouble::Trouble;

/// What is sent in one piece, in bytes; a request that is longer is sent while it is written.
const PIECE: usize = 64 * 1024;
/// How many pieces wait for the network.
const WAITING: usize = 4;
/// What is read and dropped of an answer of which libgit2 has read what it needs, so that its connection can be kept.
const REST: usize = 64 * 1024;
/// How long such a rest is waited for.
const REST_WAIT: Duration = Duration::from_millis(100);

/// One request and its answer.
pub(super) struct Exchange {
    line: Arc<Line>,
    failure: Failure,
    repository: Url,
    service: Service,
    state: State,
}

enum State {
    /// Nothing is sent yet.
    Written(Vec<u8>),
    /// Pieces are on their way.
    Sending { pieces: mpsc::Sender<Piece>, answer: Coming, piece: Vec<u8> },
    /// The answer is read.
    Answered { answer: Response, chunk: Bytes },
    /// It failed, or is over.
    Over,
}

/// An answer that is waited for in a task of its own; dropped, it is waited for no longer, and its connection ends.
struct Coming(JoinHandle<reqwest::Result<Response>>);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a long request is made of; without its end it is cut off.
enum Piece {
    Bytes(Vec<u8>),
    End,
}

impl Exchange {
    /// An answer that came.
    pub(super) fn answered(line: &Arc<Line>, failure: &Failure, answer: Response) -> Self {
        let state = State::Answered { answer, chunk: Bytes::new() };
        Self { line: Arc::clone(line), failure: failure.clone(), repository: line.url().clone(), service: Service::UploadPackLs, state }
    }

    /// A request to a service of a repository.
    pub(super) fn begun(line: &Arc<Line>, failure: &Failure, repository: &Url, service: Service) -> Self {
        let state = State::Written(Vec::new());
        Self { line: Arc::clone(line), failure: failure.clone(), repository: repository.clone(), service, state }
    }

    /// Takes what libgit2 wrote.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let piece = match &mut self.state {
            State::Written(piece) | State::Sending { piece, .. } => piece,
            // Who answered already reads no more.
            State::Answered { .. } | State::Over => return Ok(()),
        };
        piece.extend_from_slice(bytes);
        if piece.len() < PIECE {
            return Ok(());
        }
        let full = Piece::Bytes(mem::take(piece));
        if matches!(self.state, State::Written(_)) {
            self.state = self.sending()?;
        }
        self.send(full)
    }

    /// A request that is sent while it is written.
    fn sending(&self) -> Result<State, Trouble> {
        let (pieces, waiting) = mpsc::channel(WAITING);
        let body = stream::unfold(Some(waiting), |waiting| async {
            let mut waiting = waiting?;
            match waiting.recv().await {
                Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(waiting))),
                Some(Piece::End) => None,
                None => Some((Err(io::Error::other("given up")), None)),
            }
        });
        let request = self.line.post(&self.repository, name(self.service)).body(Body::wrap_stream(body)).build();
        let answer = Coming(self.line.begin(request.map_err(|error| failure::trouble(&self.line, &error))?));
        Ok(State::Sending { pieces, answer, piece: Vec::new() })
    }

    /// Sends a piece; where it is not taken any more, the answer is there.
    fn send(&mut self, piece: Piece) -> Result<(), Trouble> {
        let State::Sending { pieces, .. } = &self.state else { return Ok(()) };
        match self.line.wait(pieces.send(piece))? {
            Ok(()) => Ok(()),
            Err(_not_taken) => self.hear(),
        }
    }

    /// Ends the request, where it is not at its end, and waits for the answer.
    fn hear(&mut self) -> Result<(), Trouble> {
        let broken = |error: &reqwest::Error| failure::trouble(&self.line, error);
        let answer = match mem::replace(&mut self.state, State::Over) {
            State::Written(body) => {
                let request = self.line.post(&self.repository, name(self.service)).body(body).build().map_err(|error| broken(&error))?;
                // A push that was lost may have been carried out: it is never sent twice.
                if self.service == Service::ReceivePack {
                    self.line.ask_once(request)?.map_err(|error| broken(&error))?
                } else {
                    self.line.ask(request)?
                }
            }
            State::Sending { mut answer, pieces, piece } => {
                // Where nobody takes them any more, the answer says why.
                let _taken = self.line.wait(pieces.send(Piece::Bytes(piece)))?;
                let _taken = self.line.wait(pieces.send(Piece::End))?;
                self.line.wait(&mut answer.0)?.map_err(|_| Trouble::Cut)?.map_err(|error| broken(&error))?
            }
            answered => {
                self.state = answered;
                return Ok(());
            }
        };
        let answer = self.line.expected(answer, &format!("application/x-{}-result", name(self.service)))?;
        self.state = State::Answered { answer, chunk: Bytes::new() };
        Ok(())
    }

    /// The next bytes of the answer; none at its end.
    fn next(&mut self) -> Result<Option<&mut Bytes>, Trouble> {
        self.hear()?;
        let State::Answered { answer, chunk } = &mut self.state else { return Ok(None) };
        while chunk.is_empty() {
            match self.line.wait(answer.chunk())?.map_err(|error| failure::trouble(&self.line, &error))? {
                Some(next) => *chunk = next,
                None => return Ok(None),
            }
        }
        Ok(Some(chunk))
    }

    /// Notes a failure, after which nothing more is said or heard.
    fn told<T>(&mut self, outcome: Result<T, Trouble>) -> io::Result<T> {
        outcome.map_err(|trouble| {
            self.state = State::Over;
            self.failure.note(trouble);
            io::Error::other(NOTED)
        })
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.take(bytes);
        self.told(taken).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.next().map(|chunk| {
            chunk.map_or(0, |chunk| {
                let length = chunk.len().min(buffer.len());
                chunk.copy_to_slice(&mut buffer[..length]);
                length
            })
        });
        self.told(read)
    }
}

impl Drop for Exchange {
    /// Reads the end of the answer, where it comes at once, so that its connection is there for the next request.
    fn drop(&mut self) {
        let State::Answered { answer, .. } = &mut self.state else { return };
        let is_whole = self.line.wait_for(REST_WAIT, async {
            let mut left = REST;
            while let Ok(Some(chunk)) = answer.chunk().await {
                left = left.saturating_sub(chunk.len());
                if left == 0 {
                    return false;
                }
            }
            true
        });
        if is_whole == Some(true) {
            self.line.settle();
        }
    }
}
