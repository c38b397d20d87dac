//! The daemon: every repository in a thread of its own, and the scanners that serve them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{runtime::Handle, sync::watch};
use tracing::error;

use super::{
    board::{Board, Interval, Pace},
    circuit::Circuits,
    clock::{self, Bell, Clock, Hold, Listener},
    ready::Going,
    scanner::Scanner,
    worker::{Prepare, Shared, Worker},
};
use crate::{registry::Client, store::Embedded};

/// How long after a panic a worker begins anew.
const AFTER_PANIC: Duration = Duration::from_mins(1);

/// A worker rests so many times as long as its turn took.
const REST: u32 = 4;
/// And never longer.
const LONGEST_REST: Duration = Duration::from_secs(1);

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
    /// Whether it ends; each worker and each scanner holds the other end as long as it works.
    stop: watch::Sender<bool>,
    bells: Vec<Bell>,
}

impl Daemon {
    /// Starts scanners and workers; it must be called inside the runtime.
    pub fn start(served: Vec<Served>, views: BTreeMap<String, Registries>, store: &Embedded, shared: &Shared) -> Self {
        let (stop, stopping) = watch::channel(false);
        shared.readiness.expect(served.iter().map(|served| served.name.clone()));
        shared.metrics.forget_lists();
        let (mut boards, circuits) = (BTreeMap::new(), Circuits::default());
        for (view, Registries { client, interval }) in views {
            let (bell, listener) = clock::bell(&shared.clock);
            let client = Arc::new(client);
            let budgets = Arc::clone(&client);
            let per_second = Box::new(move |host: &str| budgets.per_second(host));
            let board = Arc::new(Board::new(view.clone(), Pace { interval, per_second }, circuits.clone(), bell));
            let scanner = Arc::new(Scanner {
                board: Arc::clone(&board),
                client,
                store: store.clone(),
                clock: Arc::clone(&shared.clock),
                metrics: Arc::clone(&shared.metrics),
                readiness: Arc::clone(&shared.readiness),
                circuits: circuits.clone(),
                memory: shared.memory.clone(),
                counted: Mutex::default(),
                trouble: Mutex::default(),
            });
            let stopping = stopping.clone();
            let hold = shared.clock.hold();
            tokio::spawn(async move {
                let mut stop = stopping.clone();
                scanner.run(listener, hold, async move { drop(stop.wait_for(|stop| *stop).await) }).await;
                // Only now is what was seen in the store.
                drop(stopping);
            });
            boards.insert(view, board);
        }
        let mut bells = Vec::new();
        for served in served {
            let Some(board) = boards.get(&served.view) else { continue };
            let (bell, listener) = clock::bell(&shared.clock);
            board.join(&served.name, bell.clone());
            bells.push(bell);
            let waits = Waits { runtime: Handle::current(), listener, hold: shared.clock.hold() };
            let (board, shared, stopping) = (Arc::clone(board), shared.clone(), stopping.clone());
            thread::spawn(move || work(served, &board, &shared, waits, &stopping));
        }
        Self { stop, bells }
    }

    /// Begins nothing new, and ends when what was under way is done. Dropped before its end, it can be called again.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        for bell in &self.bells {
            bell.ring();
        }
        self.stop.closed().await;
    }
}

/// How a worker waits for its next turn.
struct Waits {
    runtime: Handle,
    listener: Listener,
    hold: Hold,
}

/// Turns until it is stopped; a panic ends one turn, and not the process.
fn work(served: Served, board: &Arc<Board>, shared: &Shared, mut waits: Waits, stopping: &watch::Receiver<bool>) {
    let Served { name, interval, prepare, .. } = served;
    let mut worker = Worker::new(name.clone(), interval, prepare, Arc::clone(board), shared.clone(), stopping.clone());
    while !*stopping.borrow() {
        let began = shared.clock.now();
        let turn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.turn()));
        let next = turn.unwrap_or_else(|_| {
            let reason = "a turn ended in a bug; please report the lines before this one";
            error!(repository = %name, "{reason}");
            shared.readiness.goes(&name, Going::Badly(reason.to_owned()));
            worker.begin_anew();
            shared.clock.now().saturating_add(AFTER_PANIC).unwrap_or(Timestamp::MAX)
        });
        // Where nobody is left who could wake or stop it, it ends.
        let Some(hold) = waits.runtime.block_on(async {
            rest(&shared.clock, began, stopping.clone()).await;
            waits.listener.until(next, waits.hold).await
        }) else {
            break;
        };
        waits.hold = hold;
    }
}

/// Rests after a turn in proportion to its length: news that comes one by one, as in the first scan of many images, is then taken together.
async fn rest(clock: &Clock, began: Timestamp, mut stopping: watch::Receiver<bool>) {
    let now = clock.now();
    let length = Duration::try_from(now.duration_since(began)).unwrap_or_default().saturating_mul(REST).min(LONGEST_REST);
    if !length.is_zero() {
        tokio::select! {
            _hold = clock.until(now + length) => {}
            _stopped = stopping.wait_for(|stop| *stop) => {}
        }
    }
}
