//! From the files of a tip to an index: only what nobody has read before is read and parsed.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZero,
    sync::{Mutex, PoisonError, mpsc, mpsc::SyncSender},
    thread,
};

use regex::bytes::Regex;

use super::Memory;
use crate::{
    git::{self, Content, ReadError, Source, Tip},
    manifest::{self, File, KindPaths, Scope, Unreadable, UnreadableKind, ignore::Ignored, is_kustomization},
    plan::Index,
    store::{Cache, FileIds, Parsed, Screening, decode_parsed, encode_parsed},
};

/// The largest file that is read.
pub(super) const FILE_BYTES: u64 = 8 * 1024 * 1024;
/// The most files of a repository.
const FILES: usize = 100_000;
/// Files go to the parsers in bundles of about so many bytes, for handing over one costs as much as parsing one small file.
const BUNDLE_BYTES: usize = 64 * 1024;
/// How many bundles wait for a free parser: enough to keep all busy, few enough to bound memory.
const QUEUE: usize = 4;
/// So many files are recalled, parsed and remembered at once: few enough to bound memory, many enough that a transaction does not count.
const CHUNK: usize = 4096;

/// Reads the files of one repository, tip after tip.
pub(super) struct Reading {
    kinds: Vec<KindPaths>,
    ids: FileIds,
    /// `None` where so little is parsed that remembering costs more.
    memory: Option<Memory>,
    last: Option<Last>,
    /// Where it is given, only files in whose bytes it is found are parsed, and kustomizations.
    word: Option<Regex>,
}

/// What was read last.
struct Last {
    files: Vec<git::File>,
    scope: Scope,
    /// What was read only because a kustomization names it.
    named: Vec<String>,
    index: Index,
}

/// What was read of one tip.
pub(super) struct Found {
    pub(super) index: Index,
    /// How many files were parsed; what all others hold was known.
    pub(super) parsed: usize,
    /// Whether the index is that of the last tip.
    pub(super) is_same: bool,
    pub(super) scope: Scope,
    named: Vec<String>,
}

/// A file to be read.
struct Open<'t> {
    file: &'t git::File,
    id: Option<String>,
    /// None until it is read.
    bytes: Vec<u8>,
}

/// What is known of a tip so far.
#[derive(Default)]
struct Gathered {
    files: BTreeMap<String, File>,
    unreadable: Vec<Unreadable>,
    parsed: usize,
    is_same: bool,
}

impl Reading {
    /// A reading that knows only what earlier runs have seen.
    pub(super) fn new(kinds: &[KindPaths], memory: Memory) -> Self {
        Self { kinds: kinds.to_vec(), ids: FileIds::new(kinds), memory: Some(memory), last: None, word: None }
    }

    /// A reading of only those files in whose bytes this is found, and of kustomizations.
    pub(super) fn holding(kinds: &[KindPaths], word: Regex) -> Self {
        Self { kinds: kinds.to_vec(), ids: FileIds::new(kinds), memory: None, last: None, word: Some(word) }
    }

    /// The index of a tip; files whose bytes are known are neither read nor parsed.
    pub(super) fn index(&mut self, source: &Source, tip: &Tip) -> Result<Found, ReadError> {
        let scope = Scope::new(tip.files.iter().map(|file| file.path.as_str()), ignored(source, tip)?);
        let in_bounds = |last: &Last| last.scope == scope && last.files.len() <= FILES && tip.files.len() <= FILES;
        let mut gathered = Gathered::default();
        let open: Vec<&git::File> = match self.last.take().filter(in_bounds) {
            Some(last) => gathered.advance(last, &tip.files).into_iter().filter(|file| scope.holds(&file.path)).collect(),
            None => tip.files.iter().filter(|file| scope.holds(&file.path)).take(FILES).collect(),
        };
        let unlisted = unlisted(tip);
        gathered.is_same &= unlisted.is_empty();
        gathered.unreadable.extend(unlisted);
        self.read(source, &open, Screening::ByBytes, &mut gathered)?;
        let is_new = |path: &String| tip.file(path).is_some() && (self.word.is_none() || !scope.holds(path));
        let named: Vec<String> = scope.named(&gathered.files, &gathered.unreadable).into_iter().filter(is_new).collect();
        let files: Vec<&git::File> = named.iter().filter_map(|path| tip.file(path)).collect();
        self.read(source, &files, Screening::Nothing, &mut gathered)?;
        let left_out = scope.left_out(&gathered.files, |path| tip.file(path).is_some());
        gathered.files.extend(left_out);
        let Gathered { files, mut unreadable, parsed, is_same } = gathered;
        unreadable.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Found { index: Index::new(files, unreadable), parsed, is_same, scope, named })
    }

    /// Takes back what was read, so that the next tip costs only what differs.
    pub(super) fn keep(&mut self, tip: Tip, found: Found) {
        let Found { index, scope, named, .. } = found;
        self.last = Some(Last { files: tip.files, scope, named, index });
    }

    /// Adds what files hold: as it is remembered, else by reading them.
    fn read(&self, source: &Source, files: &[&git::File], screening: Screening, gathered: &mut Gathered) -> Result<(), ReadError> {
        for files in files.chunks(CHUNK) {
            let open = files.iter().map(|file| Open { file, id: self.id(source, file, screening), bytes: Vec::new() }).collect();
            let open = self.recall(open, gathered);
            let entries = self.parse(source, open, screening, gathered)?;
            self.memory.iter().for_each(|memory| memory.remember(Cache::Files, &entries));
        }
        Ok(())
    }

    /// The id of what a file holds; `None` in a work tree until it was read, and where nothing is remembered.
    fn id(&self, source: &Source, file: &git::File, screening: Screening) -> Option<String> {
        self.memory.as_ref()?;
        Some(self.ids.id(&source.blob(file)?.to_string(), &file.path, screening))
    }

    /// Adds what is remembered, and gives back the rest.
    fn recall<'t>(&self, open: Vec<Open<'t>>, gathered: &mut Gathered) -> Vec<Open<'t>> {
        let ids: Vec<String> = open.iter().filter_map(|open| open.id.clone()).collect();
        let mut entries = self.memory.as_ref().map(|memory| memory.recall(Cache::Files, &ids)).unwrap_or_default().into_iter();
        let mut take = |open: &Open<'_>| {
            let entry = open.id.as_ref().and_then(|_| entries.next()?)?;
            gathered.add(&open.file.path, decode_parsed(&entry, &open.file.path)?);
            Some(())
        };
        open.into_iter().filter(|open| take(open).is_none()).collect()
    }

    /// Reads on this thread, for a repository serves one at a time, and parses on all others; gives back what to remember.
    fn parse(
        &self,
        source: &Source,
        files: Vec<Open<'_>>,
        screening: Screening,
        gathered: &mut Gathered,
    ) -> Result<Vec<(String, Vec<u8>)>, ReadError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let workers = thread::available_parallelism().map_or(1, NonZero::get).min(8);
        let (sender, receiver) = mpsc::sync_channel::<Vec<Open<'_>>>(QUEUE);
        let receiver = Mutex::new(receiver);
        thread::scope(|scope| {
            let work = || {
                let mut done = Vec::new();
                loop {
                    let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(bundle) = next else { return done };
                    done.extend(bundle.into_iter().map(|open| open.parse(&self.kinds, screening)));
                }
            };
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let outcome = self.hand_out(source, files, screening, &sender, gathered);
            drop(sender);
            let mut entries = Vec::new();
            for handle in handles {
                for (path, parsed, entry) in handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                    gathered.parsed += 1;
                    gathered.add(&path, parsed);
                    entries.extend(entry);
                }
            }
            outcome.map(|()| entries)
        })
    }

    fn hand_out<'t>(
        &self,
        source: &Source,
        files: Vec<Open<'t>>,
        screening: Screening,
        parsers: &SyncSender<Vec<Open<'t>>>,
        gathered: &mut Gathered,
    ) -> Result<(), ReadError> {
        let (mut bundle, mut size) = (Vec::new(), 0);
        let mut files = files.into_iter().peekable();
        while let Some(mut open) = files.next() {
            match source.content(open.file, FILE_BYTES)? {
                Content::Bytes(bytes) if !self.wants(&open.file.path, &bytes) => {}
                Content::Bytes(bytes) => {
                    size += bytes.len();
                    open.bytes = bytes;
                    bundle.push(open);
                }
                Content::TooLarge { size } => gathered.add(&open.file.path, Err(too_large(&open.file.path, size))),
            }
            if size >= BUNDLE_BYTES || files.peek().is_none() {
                let full = self.new_in(source, std::mem::take(&mut bundle), screening, gathered);
                size = 0;
                // A parser that is gone has panicked, which its thread tells.
                drop(parsers.send(full));
            }
        }
        Ok(())
    }

    fn wants(&self, path: &str, bytes: &[u8]) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        is_kustomization(name) || self.word.as_ref().is_none_or(|word| word.is_match(bytes))
    }

    /// What of a bundle nobody has parsed before. In a work tree only the bytes tell: to hash them costs less than to parse them.
    fn new_in<'t>(&self, source: &Source, bundle: Vec<Open<'t>>, screening: Screening, gathered: &mut Gathered) -> Vec<Open<'t>> {
        let (mut new, unsure): (Vec<_>, Vec<_>) = bundle.into_iter().partition(|open| open.id.is_some());
        let unsure = unsure.into_iter().map(|open| Open { id: self.id(source, open.file, screening), ..open }).collect();
        new.extend(self.recall(unsure, gathered));
        new
    }
}

impl Open<'_> {
    /// What the file holds, and the entry that remembers it.
    fn parse(self, kinds: &[KindPaths], screening: Screening) -> (String, Parsed, Option<(String, Vec<u8>)>) {
        let Self { file, id, bytes } = self;
        let parsed = match screening {
            Screening::ByBytes => manifest::read_screened(&file.path, &bytes, kinds),
            Screening::Nothing => manifest::read(&file.path, &bytes, kinds).map(Some),
        };
        let entry = id.map(|id| (id, encode_parsed(&parsed)));
        (file.path.clone(), parsed, entry)
    }
}

impl Gathered {
    /// Adds what one file holds.
    fn add(&mut self, path: &str, parsed: Parsed) {
        match parsed {
            Ok(Some(file)) => drop(self.files.insert(path.to_owned(), file)),
            Ok(None) => return,
            Err(fault) => self.unreadable.push(fault),
        }
        self.is_same = false;
    }

    /// Takes all that still holds, and gives back the files that are new or have other bytes.
    fn advance<'t>(&mut self, last: Last, files: &'t [git::File]) -> Vec<&'t git::File> {
        let named: BTreeSet<&str> = last.named.iter().map(String::as_str).collect();
        let (mut changed, mut gone) = (Vec::new(), BTreeSet::new());
        let mut before = last.files.iter().peekable();
        for file in files {
            while let Some(absent) = before.next_if(|old| old.path < file.path) {
                gone.insert(absent.path.as_str());
            }
            let same = |old: &git::File| old.blob.is_some() && old.blob == file.blob && !named.contains(&*file.path);
            if !before.next_if(|old| old.path == file.path).is_some_and(same) {
                changed.push(file);
            }
        }
        gone.extend(before.map(|absent| absent.path.as_str()));
        gone.extend(changed.iter().map(|file| file.path.as_str()));
        (self.files, self.unreadable) = last.index.into_parts();
        let before = self.files.len() + self.unreadable.len();
        for path in &gone {
            self.files.remove(*path);
        }
        // Those of the whole tip are found anew.
        let listed = |path: &str| last.files.binary_search_by(|file| file.path.as_str().cmp(path)).is_ok();
        self.unreadable.retain(|fault| listed(&fault.path) && !gone.contains(&*fault.path));
        // What is found from here on makes it another index.
        self.is_same = self.files.len() + self.unreadable.len() == before;
        changed
    }
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

fn too_large(path: &str, size: u64) -> Unreadable {
    let reason = format!("it has {} MiB, at most 8 are read", size >> 20);
    Unreadable { path: path.to_owned(), line: None, reason, kind: UnreadableKind::Broken, annotated: false }
}
