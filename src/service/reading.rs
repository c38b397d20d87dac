//! From the files of a tip to an index: only what changed is parsed.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{Mutex, PoisonError, mpsc},
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
/// How many files wait for a free parser: enough to keep all busy, few enough to bound memory.
const QUEUE: usize = 64;

/// What was parsed before, by path, with the id of the bytes that it was parsed from.
#[derive(Default)]
pub(super) struct Reading {
    known: BTreeMap<String, (BlobId, File)>,
}

type Parsed = Result<Option<File>, Unreadable>;

impl Reading {
    /// The index of a tip; files whose bytes are known already are not read again.
    pub(super) fn index(&mut self, source: &Source, tip: &Tip, kinds: &[KindPaths]) -> Result<Index, ReadError> {
        let scope = Scope::new(tip.files.iter().map(|file| file.path.as_str()), ignored(source, tip)?);
        let wanted: Vec<&git::File> = tip.files.iter().filter(|file| scope.holds(&file.path)).take(FILES).collect();
        let (mut files, mut open) = (BTreeMap::new(), Vec::new());
        let mut known = std::mem::take(&mut self.known);
        for file in wanted {
            match (known.remove(&file.path), file.blob) {
                (Some((blob, parsed)), Some(now)) if blob == now => drop(files.insert(file.path.clone(), parsed)),
                _ => open.push(file),
            }
        }
        let mut unreadable = unlisted(tip);
        let mut take = |parsed: Vec<(&git::File, Parsed)>| {
            for (file, parsed) in parsed {
                match parsed {
                    Ok(Some(parsed)) => drop(files.insert(file.path.clone(), parsed)),
                    Ok(None) => {}
                    Err(fault) => unreadable.push(fault),
                }
            }
            scope.named(&files, &unreadable)
        };
        let named = take(parse(source, open, kinds, Screening::ByBytes)?);
        let named = tip.files.iter().filter(|file| named.contains(&file.path)).collect();
        take(parse(source, named, kinds, Screening::Nothing)?);
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
fn parse<'t>(
    source: &Source,
    files: Vec<&'t git::File>,
    kinds: &[KindPaths],
    screening: Screening,
) -> Result<Vec<(&'t git::File, Parsed)>, ReadError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(8);
    let (sender, receiver) = mpsc::sync_channel::<(&git::File, Vec<u8>)>(QUEUE);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        let work = || {
            let mut parsed = Vec::new();
            loop {
                let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((file, bytes)) = next else { return parsed };
                parsed.push((file, read(&file.path, &bytes, kinds, screening)));
            }
        };
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut found = Vec::new();
        let mut failure = None;
        for file in files {
            match source.content(file, FILE_BYTES) {
                Ok(Content::Bytes(bytes)) => drop(sender.send((file, bytes))),
                Ok(Content::TooLarge { size }) => found.push((file, Err(too_large(&file.path, size)))),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        drop(sender);
        for handle in handles {
            found.extend(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        failure.map_or(Ok(found), Err)
    })
}

fn read(path: &str, bytes: &[u8], kinds: &[KindPaths], screening: Screening) -> Parsed {
    match screening {
        Screening::ByBytes => manifest::read_screened(path, bytes, kinds),
        Screening::Nothing => manifest::read(path, bytes, kinds).map(Some),
    }
}

fn too_large(path: &str, size: u64) -> Unreadable {
    let reason = format!("it has {} MiB, at most 8 are read", size >> 20);
    Unreadable { path: path.to_owned(), line: None, reason, kind: UnreadableKind::Broken, annotated: false }
}
