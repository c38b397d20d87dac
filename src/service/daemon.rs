//! The daemon: every repository in a thread of its own, and the scanners that serve them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{runtime::Handle, sync::watch};
use tracing::error;

use super::{
    board::{Board, Interval},
    clock::{self, Bell, Hold, Listener},
    ready::{Going, Part},
    scanner::Scanner,
    worker::{Prepare, Shared, Worker},
};
use crate::{registry::Client, store::Embedded};

/// How long after a panic a worker begins anew.
const AFTER_PANIC: Duration = Duration::from_mins(1);

/// A repository that the daemon serves.
pub struct Served {
    /// Its name.
    pub name: String,
    /// How often its branch is looked at.
    pub interval: Duration,
    /// Makes its unit.
    pub prepare: Prepare,
    /// Which of the registries' views it has: those with the same share one.
    pub view: String,
}

/// What a view of the registries is made of.
pub struct Registries {
    /// Who asks.
    pub client: Client,
    /// How often each is listed.
    pub interval: Interval,
}

/// Everything at work for one configuration.
pub struct Daemon {
    stopping: Arc<AtomicBool>,
    bells: Vec<Bell>,
    workers: Vec<JoinHandle<()>>,
    scanners: Vec<tokio::task::JoinHandle<()>>,
    stop: watch::Sender<()>,
}

impl Daemon {
    /// Starts scanners and workers; it must be called inside the runtime.
    pub fn start(served: Vec<Served>, views: BTreeMap<String, Registries>, store: &Embedded, shared: &Shared) -> Self {
        let (stop, stopped) = watch::channel(());
        let stopping = Arc::new(AtomicBool::new(false));
        shared.readiness.expect_repositories(served.iter().map(|served| served.name.clone()));
        let mut boards = BTreeMap::new();
        let mut scanners = Vec::new();
        for (view, Registries { client, interval }) in views {
            let (bell, listener) = clock::bell(&shared.clock);
            let board = Arc::new(Board::new(view.clone(), interval, bell));
            let scanner = Arc::new(Scanner {
                board: Arc::clone(&board),
                client: Arc::new(client),
                store: store.clone(),
                clock: Arc::clone(&shared.clock),
                metrics: Arc::clone(&shared.metrics),
                readiness: Arc::clone(&shared.readiness),
                counted: Mutex::default(),
            });
            let mut stopped = stopped.clone();
            let stop = async move { drop(stopped.changed().await) };
            scanners.push(tokio::spawn(scanner.run(listener, shared.clock.hold(), stop)));
            boards.insert(view, board);
        }
        let (mut workers, mut bells) = (Vec::new(), Vec::new());
        for served in served {
            let Some(board) = boards.get(&served.view) else { continue };
            let (bell, listener) = clock::bell(&shared.clock);
            board.join(&served.name, bell.clone());
            bells.push(bell);
            let waits = Waits { runtime: Handle::current(), listener, hold: shared.clock.hold() };
            let (board, shared, stopping) = (Arc::clone(board), shared.clone(), Arc::clone(&stopping));
            workers.push(thread::spawn(move || work(served, &board, &shared, waits, &stopping)));
        }
        Self { stopping, bells, workers, scanners, stop }
    }

    /// Begins nothing new, and ends when what was under way is done.
    pub async fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        for bell in &self.bells {
            bell.ring();
        }
        let workers = self.workers;
        let _joined = tokio::task::spawn_blocking(move || workers.into_iter().for_each(|worker| drop(worker.join()))).await;
        drop(self.stop);
        for scanner in self.scanners {
            drop(scanner.await);
        }
    }
}

/// How a worker waits for its next turn.
struct Waits {
    runtime: Handle,
    listener: Listener,
    hold: Hold,
}

/// Turns until it is stopped; a panic ends one turn, and not the process.
fn work(served: Served, board: &Arc<Board>, shared: &Shared, mut waits: Waits, stopping: &AtomicBool) {
    let Served { name, interval, prepare, .. } = served;
    let mut worker = Worker::new(name.clone(), interval, prepare, Arc::clone(board), shared.clone());
    while !stopping.load(Ordering::SeqCst) {
        let turn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.turn()));
        let next = turn.unwrap_or_else(|_| {
            let reason = "a turn ended in a bug; please report the lines before this one";
            error!(repository = %name, "{reason}");
            shared.readiness.goes(&Part::Repository(name.clone()), Going::Badly(reason.to_owned()));
            worker.begin_anew();
            shared.clock.now().saturating_add(AFTER_PANIC).unwrap_or(Timestamp::MAX)
        });
        // Where nobody is left who could wake or stop it, it ends.
        let Some(hold) = waits.runtime.block_on(waits.listener.until(next, waits.hold)) else { break };
        waits.hold = hold;
    }
    board.leave(&name);
}
