//! How the daemon is told to end, and to read its configuration anew.
#![expect(clippy::disallowed_methods, reason = "edge: reads the configuration file to see whether it changed")]

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::{AbortHandle, spawn_blocking},
    time::{MissedTickBehavior, interval},
};

/// How often the configuration file is looked at.
///
/// Its bytes are compared, not its time: that sees a mounted `ConfigMap`, whose folder is a link that is replaced, as well as an editor.
const LOOK: Duration = Duration::from_secs(2);

/// Whether the daemon goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It works.
    Running,
    /// It begins nothing new, and ends what may not be cut off.
    Draining,
    /// It ends whatever is under way.
    AtOnce,
}

/// Why the configuration is read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// A SIGHUP came.
    Signal,
    /// The file has other bytes.
    File,
}

/// What a daemon listens to.
#[derive(Debug)]
pub struct Signals {
    phase: watch::Receiver<Phase>,
    reloads: mpsc::Receiver<Reload>,
    listeners: Vec<AbortHandle>,
}

/// What tells a daemon what to do.
#[derive(Clone, Debug)]
pub struct Controls {
    phase: watch::Sender<Phase>,
    reloads: mpsc::Sender<Reload>,
}

/// Two ends of one line: what is told at the one is heard at the other.
pub fn channel() -> (Controls, Signals) {
    let (phase, phases) = watch::channel(Phase::Running);
    let (reloads, reloaded) = mpsc::channel(1);
    (Controls { phase, reloads }, Signals { phase: phases, reloads: reloaded, listeners: Vec::new() })
}

impl Controls {
    /// The first time it drains; the second time it ends at once.
    pub fn end(&self) {
        self.phase.send_modify(|phase| {
            *phase = match phase {
                Phase::Running => Phase::Draining,
                Phase::Draining | Phase::AtOnce => Phase::AtOnce,
            };
        });
    }

    /// The configuration is to be read anew; while one reload waits, the next is the same.
    pub fn reload(&self, why: Reload) {
        let _one_waits = self.reloads.try_send(why);
    }
}

impl Signals {
    /// Listens to SIGTERM, SIGINT and SIGHUP of this process, and to changes of the configuration file.
    ///
    /// From the first call on these signals end the process no more. Call it before the configuration is read, so that no change is missed.
    ///
    /// # Errors
    /// The system refuses to register the signals.
    pub fn listen(file: Option<PathBuf>) -> io::Result<Self> {
        let (controls, mut signals) = channel();
        let (mut terminate, mut interrupt, mut hang_up) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
        if let Some(file) = file {
            let known = fingerprint(&file);
            signals.listeners.push(tokio::spawn(watch_file(file, known, LOOK, controls.clone())).abort_handle());
        }
        let heard = async move {
            loop {
                tokio::select! {
                    Some(()) = terminate.recv() => controls.end(),
                    Some(()) = interrupt.recv() => controls.end(),
                    Some(()) = hang_up.recv() => controls.reload(Reload::Signal),
                }
            }
        };
        signals.listeners.push(tokio::spawn(heard).abort_handle());
        Ok(signals)
    }

    /// Whether the daemon goes on, now and later.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// Ends when a phase is reached, or a later one.
    pub fn reached(&self, phase: Phase) -> impl Future<Output = ()> + Send + use<> {
        let mut phases = self.phase.clone();
        async move {
            if phases.wait_for(|now| *now >= phase).await.is_err() {
                // Nobody is left who could tell the daemon to end.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Ends when the configuration is to be read anew. Nothing is lost where it is dropped before its end.
    pub async fn reload(&mut self) -> Reload {
        match self.reloads.recv().await {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.listeners.iter().for_each(AbortHandle::abort);
    }
}

/// The bytes of a file in short; `None` where it cannot be read.
type Fingerprint = Option<[u8; 32]>;

/// What is known of a file.
///
/// A change counts once two looks agree: what is half written is not read.
struct Watched {
    told: Fingerprint,
    last: Fingerprint,
}

impl Watched {
    fn has_changed(&mut self, now: Fingerprint) -> bool {
        let settled = std::mem::replace(&mut self.last, now) == now;
        settled && std::mem::replace(&mut self.told, now) != now
    }
}

async fn watch_file(file: PathBuf, known: Fingerprint, every: Duration, controls: Controls) {
    let mut watched = Watched { told: known, last: known };
    let mut looks = interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let path = file.clone();
        let Ok(now) = spawn_blocking(move || fingerprint(&path)).await else { return };
        if watched.has_changed(now) {
            controls.reload(Reload::File);
        }
    }
}

fn fingerprint(file: &Path) -> Fingerprint {
    std::fs::read(file).ok().map(|bytes| Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, process::Command};

    use tokio::time::timeout;

    use super::*;

    /// Longer than anything takes: what is waited for comes, or the test fails.
    const LONG: Duration = Duration::from_secs(30);

    async fn within<T>(what: impl Future<Output = T>) -> T {
        timeout(LONG, what).await.expect("it comes")
    }

    #[tokio::test]
    async fn the_second_end_is_at_once() {
        let (controls, signals) = channel();
        for phase in [Phase::Running, Phase::Draining, Phase::AtOnce, Phase::AtOnce] {
            assert_eq!(*signals.phase().borrow(), phase);
            within(signals.reached(phase)).await;
            controls.end();
        }
    }

    #[tokio::test]
    async fn reloads_that_wait_are_one() {
        let (controls, mut signals) = channel();
        controls.reload(Reload::File);
        controls.reload(Reload::Signal);
        assert_eq!(within(signals.reload()).await, Reload::File);
        controls.reload(Reload::Signal);
        assert_eq!(within(signals.reload()).await, Reload::Signal);
    }

    /// The only test that sends signals to the process that it runs in.
    #[tokio::test]
    async fn signals_of_the_process_are_heard() {
        let mut signals = Signals::listen(None).expect("registered");
        let send = |name: &str| {
            let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", std::process::id())]).status().expect("a shell");
            assert!(sent.success(), "{name}");
        };
        send("HUP");
        assert_eq!(within(signals.reload()).await, Reload::Signal);
        assert_eq!(*signals.phase().borrow(), Phase::Running);
        send("TERM");
        within(signals.reached(Phase::Draining)).await;
        assert_eq!(*signals.phase().borrow(), Phase::Draining);
        send("INT");
        within(signals.reached(Phase::AtOnce)).await;
    }

    #[test]
    fn a_change_counts_once_it_settled() {
        let (a, b, c) = (Some([0; 32]), Some([1; 32]), Some([2; 32]));
        for (word, looks, told) in [
            ("nothing", vec![a, a, a], vec![false, false, false]),
            ("another file", vec![b, b, b], vec![false, true, false]),
            ("half written", vec![b, c, c], vec![false, false, true]),
            ("there and back", vec![b, a, a], vec![false, false, false]),
            ("it is gone", vec![None, None, None], vec![false, true, false]),
            ("gone for a moment", vec![None, b, b], vec![false, false, true]),
            ("twice", vec![b, b, c, c], vec![false, true, false, true]),
        ] {
            let mut watched = Watched { told: a, last: a };
            assert_eq!(looks.into_iter().map(|look| watched.has_changed(look)).collect::<Vec<_>>(), told, "{word}");
        }
    }

    #[tokio::test]
    async fn a_changed_file_is_a_reload() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        // As a `ConfigMap` is mounted: the file is a link through a link to a folder that is replaced.
        for version in ["one", "two"] {
            fs::create_dir(path(version)).expect("a folder");
            fs::write(path(version).join("tagalong.yaml"), version).expect("written");
        }
        symlink("one", path("data")).expect("a link");
        symlink("data/tagalong.yaml", path("tagalong.yaml")).expect("a link");
        let (controls, mut signals) = channel();
        let file = path("tagalong.yaml");
        let task = tokio::spawn(watch_file(file.clone(), fingerprint(&file), Duration::from_millis(1), controls));
        symlink("two", path("new")).expect("a link");
        fs::rename(path("new"), path("data")).expect("replaced");
        assert_eq!(within(signals.reload()).await, Reload::File);
        fs::write(path("two").join("tagalong.yaml"), "three").expect("written");
        assert_eq!(within(signals.reload()).await, Reload::File);
        task.abort();
    }
}
