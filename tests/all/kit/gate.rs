//! A loopback port before a server, which may close and open again.

use std::{
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use tokio::{net::TcpStream as Stream, sync::oneshot};

use super::git_server::{ReservedPort, bound};

/// An open port that leads to a server; while it is closed nothing accepts connections there.
pub struct Gate {
    port: Arc<ReservedPort>,
    target: String,
    accepted: Arc<AtomicUsize>,
    open: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Gate {
    /// An open one before `HOST:PORT`.
    pub fn before(target: &str) -> Self {
        let mut gate = Self { port: Arc::new(ReservedPort::new()), target: target.to_owned(), accepted: Arc::default(), open: None };
        gate.open();
        gate
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Lets connections through.
    pub fn open(&mut self) {
        let (stop, stopped) = oneshot::channel();
        let (tell, ready) = std::sync::mpsc::channel();
        let (number, target, accepted) = (self.port.number(), self.target.clone(), Arc::clone(&self.accepted));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = bound(number).listen(64).expect("the port is ours");
                tell.send(()).expect("the test waits");
                let accepting = async {
                    loop {
                        let (mut near, _) = listener.accept().await.expect("a connection");
                        accepted.fetch_add(1, Ordering::SeqCst);
                        let target = target.clone();
                        tokio::spawn(async move {
                            if let Ok(mut far) = Stream::connect(target).await {
                                let _cut = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                            }
                        });
                    }
                };
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {}
                }
            });
        });
        ready.recv().expect("the gate opens");
        self.open = Some((stop, thread));
    }

    /// Cuts every connection, and accepts none.
    pub fn close(&mut self) {
        if let Some((stop, thread)) = self.open.take() {
            drop(stop);
            thread.join().expect("no panic");
        }
        // A program that another test is just starting holds a copy of the socket until it runs.
        while TcpStream::connect(self.host()).is_ok() {
            std::thread::yield_now();
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.open.take() {
            drop(stop);
            let _panicked = thread.join();
        }
    }
}
