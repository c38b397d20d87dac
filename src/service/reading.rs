//! From the files of a tip to an index: only what changed is parsed.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{Mutex, PoisonError, mpsc, mpsc::SyncSender},
    thread,
};

use crate::{
    git::{self, BlobId, Content, ReadError, Source, Tip},
    manifest::{self, File, KindPaths, Scope, Unreadable, UnreadableKind, ignore::Ignored},
    plan::Index,
};

/// The largest file that is read.
const FILE_BYTES: u64 = 8 * 1024 * 1024;
/// The most files of a repository.
const FILES: usize = 100_000;
/// Files go to the parsers in bundles of about so many bytes, for handing over one costs as much as parsing one small file.
const BUNDLE_BYTES: usize = 64 * 1024;
/// How many bundles wait for a free parser: enough to keep all busy, few enough to bound memory.
const QUEUE: usize = 4;

/// What was parsed before, by path, with the id of the bytes that it was parsed from.
#[derive(Default)]
pub(super) struct Reading {
    known: BTreeMap<String, (BlobId, File)>,
}

impl Reading {
    /// The index of a tip; files whose bytes are known already are not read again.
    pub(super) fn index(&mut self, source: &Source, tip: &Tip, kinds: &[KindPaths]) -> Result<Index, ReadError> {
        let scope = Scope::new(tip.files.iter().map(|file| file.path.as_str()), ignored(source, tip)?);
        let wanted: Vec<&git::File> = tip.files.iter().filter(|file| scope.holds(&file.path)).take(FILES).collect();
        let (mut files, mut open) = (Vec::with_capacity(wanted.len()), Vec::new());
        let mut known = std::mem::take(&mut self.known);
        for file in wanted {
            match (known.remove(&file.path), file.blob) {
                (Some((blob, parsed)), Some(now)) if blob == now => files.push((file.path.clone(), parsed)),
                _ => open.push(file),
            }
        }
        let mut unreadable = unlisted(tip);
        files.extend(parse(source, open, kinds, Screening::ByBytes, &mut unreadable)?);
        // Made at once, the map has no half-empty nodes.
        let mut files = BTreeMap::from_iter(files);
        let named = scope.named(&files, &unreadable);
        let named = tip.files.iter().filter(|file| named.contains(&file.path)).collect();
        files.extend(parse(source, named, kinds, Screening::Nothing, &mut unreadable)?);
        let left_out = scope.left_out(&files, |path| tip.files.iter().any(|file| file.path == path));
        files.extend(left_out);
        Ok(Index::new(files, unreadable))
    }

    /// Takes the files of an index back, so that the next tip parses only what differs.
    pub(super) fn keep(&mut self, tip: &Tip, index: Index) {
        let blobs: BTreeMap<&str, BlobId> = tip.files.iter().filter_map(|file| Some((file.path.as_str(), file.blob?))).collect();
        self.known = index.into_files().into_iter().filter_map(|(path, file)| Some((path.clone(), (*blobs.get(path.as_str())?, file)))).collect();
    }
}

#[derive(Clone, Copy)]
enum Screening {
    ByBytes,
    Nothing,
}

fn ignored(source: &Source, tip: &Tip) -> Result<Ignored, ReadError> {
    let mut ignored = Ignored::default();
    for file in &tip.files {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        if name == ".tagalongignore"
            && let Content::Bytes(bytes) = source.content(file, FILE_BYTES)?
        {
            ignored.add(folder, &String::from_utf8_lossy(&bytes));
        }
    }
    Ok(ignored)
}

fn unlisted(tip: &Tip) -> Vec<Unreadable> {
    let broken = |path: &str, reason: &str| Unreadable {
        path: path.to_owned(),
        line: None,
        reason: reason.to_owned(),
        kind: UnreadableKind::Broken,
        annotated: false,
    };
    let mut unreadable: Vec<_> = tip.unlisted.iter().map(|folder| broken(&folder.path, &folder.reason)).collect();
    if tip.files.len() > FILES {
        unreadable.push(broken(".", &format!("the repository has more than {FILES} files, the rest is not read")));
    }
    unreadable
}

/// Reads on this thread, for a repository serves one at a time, and parses on all others.
fn parse(
    source: &Source,
    files: Vec<&git::File>,
    kinds: &[KindPaths],
    screening: Screening,
    unreadable: &mut Vec<Unreadable>,
) -> Result<Vec<(String, File)>, ReadError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(8);
    let (sender, receiver) = mpsc::sync_channel::<Bundle<'_>>(QUEUE);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        let work = || {
            let (mut parsed, mut faults) = (Vec::new(), Vec::new());
            loop {
                let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(bundle) = next else { return (parsed, faults) };
                for (file, bytes) in bundle {
                    match read(&file.path, &bytes, kinds, screening) {
                        Ok(Some(file_read)) => parsed.push((file.path.clone(), file_read)),
                        Ok(None) => {}
                        Err(fault) => faults.push(fault),
                    }
                }
            }
        };
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let outcome = hand_out(source, files, &sender, unreadable);
        drop(sender);
        let mut found = Vec::new();
        for handle in handles {
            let (parsed, faults) = handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            found.extend(parsed);
            unreadable.extend(faults);
        }
        outcome.map(|()| found)
    })
}

/// Files with their bytes.
type Bundle<'t> = Vec<(&'t git::File, Vec<u8>)>;

fn hand_out<'t>(
    source: &Source,
    files: Vec<&'t git::File>,
    parsers: &SyncSender<Bundle<'t>>,
    unreadable: &mut Vec<Unreadable>,
) -> Result<(), ReadError> {
    // A parser that is gone has panicked, which its thread tells.
    let send = |bundle: &mut Bundle<'t>| drop(parsers.send(std::mem::take(bundle)));
    let (mut bundle, mut size) = (Bundle::new(), 0);
    for file in files {
        match source.content(file, FILE_BYTES)? {
            Content::Bytes(bytes) => {
                size += bytes.len();
                bundle.push((file, bytes));
            }
            Content::TooLarge { size } => unreadable.push(too_large(&file.path, size)),
        }
        if size >= BUNDLE_BYTES {
            send(&mut bundle);
            size = 0;
        }
    }
    send(&mut bundle);
    Ok(())
}

fn read(path: &str, bytes: &[u8], kinds: &[KindPaths], screening: Screening) -> Result<Option<File>, Unreadable> {
    match screening {
        Screening::ByBytes => manifest::read_screened(path, bytes, kinds),
        Screening::Nothing => manifest::read(path, bytes, kinds).map(Some),
    }
}

fn too_large(path: &str, size: u64) -> Unreadable {
    let reason = format!("it has {} MiB, at most 8 are read", size >> 20);
    Unreadable { path: path.to_owned(), line: None, reason, kind: UnreadableKind::Broken, annotated: false }
}
