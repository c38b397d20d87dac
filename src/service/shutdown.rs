//! How the daemon is told to end, and to read its configuration anew.
#![expect(clippy::disallowed_methods, reason = "edge: reads the files of the configuration to see whether they changed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    future::Future,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::{AbortHandle, spawn_blocking},
    time::{MissedTickBehavior, interval},
};

/// How often the files are looked at.
///
/// Their bytes are compared, not their times: that sees a mounted `ConfigMap` or `Secret`, whose folder is a link that is replaced, as well as an editor.
const LOOK: Duration = Duration::from_secs(1);
/// What of a file is compared: no key, certificate or configuration is longer.
///
/// # Units
/// Bytes.
const LONGEST: u64 = 4 * 1024 * 1024;

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
    /// The configuration file, or one that it names, has other bytes.
    File,
}

/// What a daemon listens to.
#[derive(Debug)]
pub struct Signals {
    phase: watch::Receiver<Phase>,
    reloads: mpsc::Receiver<Reload>,
    files: Files,
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
    (Controls { phase, reloads }, Signals { phase: phases, reloads: reloaded, files: Files::default(), listeners: Vec::new() })
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
    /// Listens to SIGTERM, SIGINT and SIGHUP of this process, and to changes of the files that are [watched](Signals::watch).
    ///
    /// From the first call on these signals end the process no more.
    ///
    /// # Errors
    /// The system refuses to register the signals.
    pub fn listen() -> io::Result<Self> {
        let (controls, mut signals) = channel();
        let (mut terminate, mut interrupt, mut hang_up) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
        signals.listeners.push(tokio::spawn(watch_files(signals.files.clone(), LOOK, controls.clone())).abort_handle());
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

    /// These files are watched from now on, and no others. Call it before they are read, so that no change is missed.
    pub fn watch(&self, files: BTreeSet<PathBuf>) {
        self.files.watch(files);
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

    /// Ends when the configuration is to be read anew; what the files hold by then is no change any more. Nothing is lost where it is dropped before its end.
    pub async fn reload(&mut self) -> Reload {
        match self.reloads.recv().await {
            Some(why) => {
                self.files.look_anew();
                why
            }
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
#[derive(Debug)]
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

/// The files that are watched.
#[derive(Clone, Debug, Default)]
struct Files(Arc<Mutex<BTreeMap<PathBuf, Watched>>>);

impl Files {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a file that was watched before stays known: a change since then is still to be told.
    fn watch(&self, files: BTreeSet<PathBuf>) {
        let mut watched = self.lock();
        watched.retain(|path, _| files.contains(path));
        for path in files {
            watched.entry(path).or_insert_with_key(|path| {
                let now = fingerprint(path);
                Watched { told: now, last: now }
            });
        }
    }

    /// What they hold now is known.
    fn look_anew(&self) {
        for (path, watched) in &mut *self.lock() {
            let now = fingerprint(path);
            *watched = Watched { told: now, last: now };
        }
    }

    /// Looks at each, and says whether one has changed.
    fn have_changed(&self) -> bool {
        let paths: Vec<PathBuf> = self.lock().keys().cloned().collect();
        let looks: Vec<_> = paths.into_iter().map(|path| (fingerprint(&path), path)).collect();
        let mut watched = self.lock();
        let changes = looks.into_iter().map(|(now, path)| watched.get_mut(&path).is_some_and(|watched| watched.has_changed(now)));
        changes.fold(false, |any, changed| any | changed)
    }
}

async fn watch_files(files: Files, every: Duration, controls: Controls) {
    let mut looks = interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let files = files.clone();
        match spawn_blocking(move || files.have_changed()).await {
            Ok(true) => controls.reload(Reload::File),
            Ok(false) => {}
            Err(_ended) => return,
        }
    }
}

/// Of a folder the YAML files in it count, as presets are. What is neither is left alone: a pipe would lose what is read from it.
fn fingerprint(path: &Path) -> Fingerprint {
    let metadata = fs::metadata(path).ok()?;
    if metadata.is_dir() {
        let entries = fs::read_dir(path).ok()?.map_while(Result::ok).map(|entry| entry.path());
        let presets = entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
        let entries: BTreeMap<_, _> = presets.map(|path| (path.clone(), stamp(&path))).collect();
        return Some(Sha256::digest(format!("{entries:?}")).into());
    }
    let length = Some(metadata).filter(fs::Metadata::is_file)?.len();
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(Sha256::new().chain_update(length.to_le_bytes()).chain_update(bytes).finalize().into())
}

/// What tells two versions of a file apart without its bytes.
fn stamp(path: &Path) -> Option<(u64, Option<SystemTime>)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
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
        let mut signals = Signals::listen().expect("registered");
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
        symlink("one", path("..data")).expect("a link");
        symlink("..data/tagalong.yaml", path("tagalong.yaml")).expect("a link");
        let (controls, mut signals) = channel();
        signals.watch([path("tagalong.yaml"), path("password")].into());
        let task = tokio::spawn(watch_files(signals.files.clone(), Duration::from_millis(1), controls));
        symlink("two", path("new")).expect("a link");
        fs::rename(path("new"), path("..data")).expect("replaced");
        assert_eq!(within(signals.reload()).await, Reload::File);
        fs::write(path("two").join("tagalong.yaml"), "three").expect("written");
        assert_eq!(within(signals.reload()).await, Reload::File);
        fs::write(path("password"), "hunter2").expect("written");
        assert_eq!(within(signals.reload()).await, Reload::File);
        task.abort();
    }

    #[test]
    fn other_files_are_watched_without_forgetting_what_happened() {
        let folder = tempfile::tempdir().expect("a folder");
        let [kept, gone, new] = ["kept", "gone", "new"].map(|name| folder.path().join(name));
        let write = |text: &str| [&kept, &gone, &new].map(|path| fs::write(path, text).expect("written"));
        let files = Files::default();
        write("one");
        files.watch([kept.clone(), gone.clone()].into());
        write("two");
        files.watch([kept.clone(), new.clone()].into());
        assert_eq!([(); 3].map(|()| files.have_changed()), [false, true, false], "the one that was watched all the time");
        fs::write(&gone, "three").expect("written");
        assert_eq!([(); 2].map(|()| files.have_changed()), [false, false], "the one that is watched no more");
        fs::write(&new, "three").expect("written");
        assert_eq!([(); 3].map(|()| files.have_changed()), [false, true, false], "the new one");
        fs::write(&new, "four").expect("written");
        files.look_anew();
        assert_eq!([(); 2].map(|()| files.have_changed()), [false, false], "one that is read for another reason");
    }

    #[test]
    fn what_comes_into_a_folder_changes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let mut seen = BTreeSet::new();
        seen.insert(fingerprint(folder.path()));
        fs::write(path("one.yaml"), "one").expect("written");
        seen.insert(fingerprint(folder.path()));
        fs::write(path("one.yaml"), "longer").expect("written");
        seen.insert(fingerprint(folder.path()));
        fs::rename(path("one.yaml"), path("two.yaml")).expect("renamed");
        seen.insert(fingerprint(folder.path()));
        assert!(seen.len() == 4 && !seen.contains(&None), "{seen:?}");
        fs::write(path("other.log"), "line").expect("written");
        assert!(seen.contains(&fingerprint(folder.path())), "no preset");
    }

    #[test]
    fn a_pipe_keeps_what_it_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        assert_eq!(fingerprint(&path), None);
    }
}
