//! From the files of a tip to an index: only what nobody has read before is read and parsed.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZero,
    sync::{Arc, Mutex, PoisonError, mpsc, mpsc::SyncSender},
    thread,
};

use regex::bytes::Regex;

use super::Memory;
use crate::{
    git::{self, BlobId, Content, ReadError, Source, Tip},
    manifest::{self, File, KindPaths, Scope, Unreadable, UnreadableKind, ignore::Ignored, is_kustomization, kustomize::Web},
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

/// Which files an index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breadth {
    /// All that hold anything of ours.
    All,
    /// Those that ask for updates, and all that may decide what these ask for.
    Asking,
}

/// Reads the files of one repository, tip after tip.
pub(super) struct Reading {
    kinds: Vec<KindPaths>,
    breadth: Breadth,
    ids: FileIds,
    /// `None` where so little is parsed that remembering costs more.
    memory: Option<Memory>,
    last: Option<Last>,
    /// Where it is given, only files in whose bytes it is found are parsed, and kustomizations.
    word: Option<Regex>,
}

/// What was read last.
struct Last {
    files: Arc<[git::File]>,
    scope: Scope,
    /// What was read only because a kustomization names it, or something around it may change it.
    named: BTreeSet<String>,
    left_out: BTreeSet<String>,
    silent: BTreeMap<String, u32>,
    index: Index,
}

/// What was read of one tip.
pub(super) struct Found {
    pub(super) index: Index,
    /// How many files were parsed; what all others hold was known.
    pub(super) parsed: usize,
    /// Where the index is another one than that of the last tip; `None` where there was none.
    pub(super) touched: Option<BTreeSet<String>>,
    pub(super) scope: Scope,
    named: BTreeSet<String>,
    left_out: BTreeSet<String>,
    silent: BTreeMap<String, u32>,
}

/// A file to be read.
struct Open<'t> {
    file: &'t git::File,
    /// None in a work tree until it is read.
    blob: Option<BlobId>,
    /// None until it is read.
    bytes: Vec<u8>,
}

/// What is known of a tip so far.
#[derive(Default)]
struct Gathered {
    files: BTreeMap<String, File>,
    unreadable: Vec<Unreadable>,
    /// The workloads of each file that asks for nothing, whether it was read for others or not.
    silent: BTreeMap<String, u32>,
    /// What was read for others.
    named: BTreeSet<String>,
    /// What is there, and named, and not read.
    left_out: BTreeSet<String>,
    web: Web,
    /// Where files are others than those that the web was made of.
    moved: BTreeSet<String>,
    /// Where they are others than those of the last tip.
    touched: BTreeSet<String>,
    parsed: usize,
}

impl Reading {
    /// A reading of what asks for updates, that knows only what earlier runs have seen.
    pub(super) fn asking(kinds: &[KindPaths], memory: Memory) -> Self {
        Self { breadth: Breadth::Asking, ..Self::all(kinds, memory) }
    }

    /// The same of all that holds anything of ours.
    pub(super) fn all(kinds: &[KindPaths], memory: Memory) -> Self {
        Self { kinds: kinds.to_vec(), breadth: Breadth::All, ids: FileIds::new(kinds), memory: Some(memory), last: None, word: None }
    }

    /// A reading of only those files in whose bytes this is found, and of kustomizations.
    pub(super) fn holding(kinds: &[KindPaths], word: Regex) -> Self {
        Self { kinds: kinds.to_vec(), breadth: Breadth::All, ids: FileIds::new(kinds), memory: None, last: None, word: Some(word) }
    }

    /// The index of a tip; files whose bytes are known are neither read nor parsed.
    pub(super) fn index(&mut self, source: &Source, tip: &Tip) -> Result<Found, ReadError> {
        let scope = Scope::new(tip.files.iter().map(|file| file.path.as_str()), ignored(source, tip)?);
        let in_bounds = |last: &Last| last.scope == scope && last.files.len() <= FILES && tip.files.len() <= FILES;
        let mut gathered = Gathered::default();
        let last = self.last.take().filter(in_bounds);
        let goes_on = last.is_some();
        let open: Vec<&git::File> = match last {
            Some(last) => gathered.advance(last, &tip.files).into_iter().filter(|file| scope.holds(&file.path)).collect(),
            None => tip.files.iter().filter(|file| scope.holds(&file.path)).take(FILES).collect(),
        };
        for fault in unlisted(tip) {
            gathered.add_unreadable(fault);
        }
        self.read(source, &open, Screening::ByBytes, &mut gathered)?;
        gathered.hang();
        let new = gathered.name(&scope, self.breadth, |path| tip.file(path).is_some(), |path| self.word.is_none() || !scope.holds(path));
        let files: Vec<&git::File> = new.iter().filter_map(|path| tip.file(path)).collect();
        self.read(source, &files, Screening::Nothing, &mut gathered)?;
        gathered.named.extend(new);
        gathered.hang();
        let unread = gathered.unread();
        let Gathered { files, mut unreadable, silent, named, left_out, web, touched, parsed, .. } = gathered;
        unreadable.sort_by(|a, b| a.path.cmp(&b.path));
        let index = Index::hung(files, unreadable, web).with_unread(unread);
        Ok(Found { index, parsed, touched: goes_on.then_some(touched), scope, named, left_out, silent })
    }

    /// Takes back what was read, so that the next tip costs only what differs.
    pub(super) fn keep(&mut self, tip: Tip, found: Found) {
        let Found { index, scope, named, left_out, silent, .. } = found;
        self.last = Some(Last { files: tip.files, scope, named, left_out, silent, index });
    }

    /// Adds what files hold: as it is remembered, else by reading them.
    fn read(&self, source: &Source, files: &[&git::File], screening: Screening, gathered: &mut Gathered) -> Result<(), ReadError> {
        for files in files.chunks(CHUNK) {
            let open = files.iter().map(|file| Open { file, blob: source.blob(file), bytes: Vec::new() }).collect();
            let open = self.recall(open, screening, gathered);
            let entries = self.parse(source, open, screening, gathered)?;
            self.memory.iter().for_each(|memory| memory.remember(Cache::Files, &entries));
        }
        Ok(())
    }

    /// The id of what a file holds; `None` in a work tree until it was read, and where nothing is remembered.
    fn id(&self, open: &Open<'_>, screening: Screening) -> Option<String> {
        self.memory.as_ref()?;
        Some(self.ids.id(&open.blob?.to_string(), &open.file.path, screening))
    }

    /// Adds what is remembered, and gives back the rest.
    fn recall<'t>(&self, open: Vec<Open<'t>>, screening: Screening, gathered: &mut Gathered) -> Vec<Open<'t>> {
        let ids: Vec<String> = open.iter().filter_map(|open| self.id(open, screening)).collect();
        let mut entries = self.memory.as_ref().map(|memory| memory.recall(Cache::Files, &ids)).unwrap_or_default().into_iter();
        let mut take = |open: &Open<'_>| {
            let entry = open.blob.and_then(|_| entries.next()?)?;
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
                    done.extend(bundle.into_iter().map(|open| self.parse_one(&open, screening)));
                }
            };
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let outcome = self.hand_out(source, files, screening, &sender, gathered);
            drop(sender);
            let mut entries = Vec::new();
            for handle in handles {
                for (path, parsed, remembered) in handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                    gathered.parsed += 1;
                    gathered.add(&path, parsed);
                    entries.extend(remembered);
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
                Content::TooLarge { size } => gathered.add(&open.file.path, Parsed::Unreadable(too_large(&open.file.path, size))),
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

    /// What one file holds, and the entries that remember it.
    fn parse_one(&self, open: &Open<'_>, screening: Screening) -> (String, Parsed, Vec<(String, Vec<u8>)>) {
        let Open { file: git::File { path, .. }, bytes, .. } = open;
        let read = match screening {
            Screening::ByBytes => manifest::read_screened(path, bytes, &self.kinds),
            Screening::Nothing => manifest::read(path, bytes, &self.kinds).map(Some),
        };
        let entry = |parsed: &Parsed, screening| Some((self.id(open, screening)?, encode_parsed(parsed)));
        let parsed = match read {
            Err(fault) => Parsed::Unreadable(fault),
            Ok(None) => Parsed::ScreenedOut,
            Ok(Some(file)) if screening == Screening::ByBytes && self.word.is_none() && file.is_silent() => {
                let silent = Parsed::Silent { workloads: u32::try_from(file.workloads.len()).unwrap_or(u32::MAX) };
                let read = Parsed::Read(file);
                // Whoever wants all of it finds that too.
                let entries = [entry(&silent, screening), entry(&read, Screening::Nothing)].into_iter().flatten().collect();
                return (path.clone(), if self.breadth == Breadth::All { read } else { silent }, entries);
            }
            Ok(Some(file)) => Parsed::Read(file),
        };
        let entries = entry(&parsed, screening).into_iter().collect();
        (path.clone(), parsed, entries)
    }

    fn wants(&self, path: &str, bytes: &[u8]) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        is_kustomization(name) || self.word.as_ref().is_none_or(|word| word.is_match(bytes))
    }

    /// What of a bundle nobody has parsed before. In a work tree only the bytes tell: to hash them costs less than to parse them.
    fn new_in<'t>(&self, source: &Source, bundle: Vec<Open<'t>>, screening: Screening, gathered: &mut Gathered) -> Vec<Open<'t>> {
        let (mut new, unsure): (Vec<_>, Vec<_>) = bundle.into_iter().partition(|open| open.blob.is_some());
        let unsure = unsure.into_iter().map(|open| Open { blob: source.blob(open.file), ..open }).collect();
        new.extend(self.recall(unsure, screening, gathered));
        new
    }
}

impl Gathered {
    /// Adds what one file holds.
    fn add(&mut self, path: &str, parsed: Parsed) {
        match parsed {
            Parsed::ScreenedOut => {}
            Parsed::Silent { workloads } => drop(self.silent.insert(path.to_owned(), workloads)),
            Parsed::Read(file) => {
                self.files.insert(path.to_owned(), file);
                self.moved.insert(path.to_owned());
            }
            Parsed::Unreadable(fault) => self.add_unreadable(fault),
        }
    }

    fn add_unreadable(&mut self, fault: Unreadable) {
        self.moved.insert(fault.path.clone());
        self.unreadable.push(fault);
    }

    /// Forgets what is known of a file.
    fn remove(&mut self, path: &str) {
        if self.files.remove(path).is_some() {
            self.moved.insert(path.to_owned());
        }
        self.silent.remove(path);
        self.named.remove(path);
    }

    /// Forgets what cannot be read and is not to be kept.
    fn keep_unreadable(&mut self, keep: impl Fn(&Unreadable) -> bool) {
        self.moved.extend(self.unreadable.extract_if(.., |fault| !keep(fault)).map(|fault| fault.path));
    }

    /// Brings it up to date who names whom.
    fn hang(&mut self) {
        self.web.advance(&self.files, &self.unreadable, self.moved.iter().map(String::as_str));
        self.touched.append(&mut self.moved);
    }

    /// Forgets what was read for others that want it no more, and tells what they want that was not read.
    fn name(&mut self, scope: &Scope, breadth: Breadth, is_there: impl Fn(&str) -> bool, is_read: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let silent = self.silent.keys().map(String::as_str);
        let silent = match breadth {
            Breadth::All => silent.collect(),
            Breadth::Asking => scope.surrounded(&self.files, &self.web, silent),
        };
        let named = scope.named(&self.files, &self.web);
        let left_out = named.left_out(&is_there);
        let wanted: BTreeSet<&str> = named.wanted.iter().map(|path| &**path).chain(silent).collect();
        let known: BTreeSet<&str> = self.named.iter().map(String::as_str).collect();
        let read: BTreeSet<&str> = self.files.keys().chain(self.unreadable.iter().map(|fault| &fault.path)).map(String::as_str).collect();
        // All are in one order: to go along them costs less than to look each up.
        let unwanted: BTreeSet<String> = known.difference(&wanted).map(|path| (*path).to_owned()).collect();
        let new = wanted.difference(&read).filter(|path| is_there(path) && is_read(path)).map(|path| (*path).to_owned()).collect();
        for path in &unwanted {
            if self.files.remove(path).is_some() {
                self.moved.insert(path.clone());
            }
            self.named.remove(path);
        }
        self.keep_unreadable(|fault| !unwanted.contains(&fault.path));
        self.leave_out(left_out);
        new
    }

    /// Takes these files as there, and not read.
    fn leave_out(&mut self, left_out: BTreeMap<String, File>) {
        let now: BTreeSet<String> = left_out.keys().cloned().collect();
        for path in self.left_out.difference(&now) {
            self.files.remove(path);
        }
        self.touched.extend(self.left_out.symmetric_difference(&now).cloned());
        self.files.extend(left_out);
        self.left_out = now;
    }

    /// How many workloads stand in files that were left out.
    fn unread(&self) -> usize {
        let read: BTreeSet<&String> = self.files.keys().collect();
        let silent: BTreeSet<&String> = self.silent.keys().collect();
        silent.difference(&read).map(|path| self.silent[*path] as usize).sum()
    }

    /// Takes all that still holds, and gives back the files that are new or have other bytes.
    fn advance<'t>(&mut self, last: Last, files: &'t [git::File]) -> Vec<&'t git::File> {
        let (mut changed, mut gone) = (Vec::new(), BTreeSet::new());
        let mut before = last.files.iter().peekable();
        for file in files {
            while let Some(absent) = before.next_if(|old| old.path < file.path) {
                gone.insert(absent.path.as_str());
            }
            let same = |old: &git::File| old.blob.is_some() && old.blob == file.blob;
            if !before.next_if(|old| old.path == file.path).is_some_and(same) {
                changed.push(file);
            }
        }
        gone.extend(before.map(|absent| absent.path.as_str()));
        gone.extend(changed.iter().map(|file| file.path.as_str()));
        (self.named, self.left_out, self.silent) = (last.named, last.left_out, last.silent);
        (self.files, self.unreadable, self.web) = last.index.into_parts();
        for path in &gone {
            self.remove(path);
        }
        // Those of the whole tip are found anew.
        let listed = |path: &str| last.files.binary_search_by(|file| file.path.as_str().cmp(path)).is_ok();
        self.keep_unreadable(|fault| listed(&fault.path) && !gone.contains(&*fault.path));
        changed
    }
}

fn ignored(source: &Source, tip: &Tip) -> Result<Ignored, ReadError> {
    let mut ignored = Ignored::default();
    for file in tip.files.iter() {
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
