//! What the history of a branch says about its containers.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry},
    rc::Rc,
};

use jiff::Timestamp;

use super::cycle::FILE_BYTES;
use crate::{
    git::{
        BlobId, Content, History, ReadError, Source, Tip,
        history::{Change, Lines},
    },
    image::Name,
    manifest::{self, File, KindPaths},
    plan::{
        Bounds, Index, Subject, Subjects,
        rollback::{Balance, Past, Suspect, policy_then, suspects, taken_by, values},
    },
    policy::{decision::RolledBack, rollback::Value},
};

/// So many older forms of files are kept while a line is followed: what stands on both sides of two changes.
const RECENT: usize = 4;

/// The history of one branch.
#[derive(Default)]
pub(super) struct PastOf {
    history: History,
    /// The commits, as the last look found them.
    commits: Vec<Past>,
    /// What older forms of files are known to say; what the last look asked for.
    said: Said,
}

/// What older forms of files say, each read once.
#[derive(Default)]
struct Said {
    /// What changes of a file did to images.
    balances: BTreeMap<String, BTreeMap<Change, Balances>>,
    /// The policy of a container by its workload and name, where the file alone tells it.
    policies: BTreeMap<(BlobId, String, String, String), Option<String>>,
}

/// What a change did to each image that was asked for.
type Balances = BTreeMap<Name, Balance>;

/// What one look at the history needs.
struct Look<'a> {
    history: &'a mut History,
    commits: &'a [Past],
    source: &'a Source,
    kinds: &'a [KindPaths],
    bounds: &'a Bounds<'a>,
    recent: VecDeque<Older>,
    /// What was known before, and what this look asked for.
    said: (Said, Said),
}

/// An older form of a file by its bytes and path, and what it holds.
type Older = ((BlobId, String), Rc<Option<File>>);

/// One file through the history, whatever it was called.
struct Line<'a> {
    /// What it is called, and was before.
    called: Vec<String>,
    /// The images in question.
    names: BTreeSet<&'a Name>,
    /// The places of the commits that changed it, the newest first.
    places: Vec<usize>,
    /// What each of them changed: one path, or two where it moved the file.
    changes: Vec<Vec<(String, Change)>>,
    /// What each of them did to the images, once somebody asked.
    balances: RefCell<Vec<Option<Balances>>>,
}

/// What is asked of one file.
#[derive(Default)]
struct Wanted<'a> {
    names: BTreeSet<&'a Name>,
    /// The place of the oldest commit that counts.
    oldest: usize,
    /// What the file was called, and the place of the commit since which it was not.
    called: Vec<(usize, String)>,
}

impl PastOf {
    /// Notes for each container which versions a person took back there.
    pub(super) fn note(
        &mut self,
        source: &Source,
        tip: &Tip,
        kinds: &[KindPaths],
        bounds: &Bounds<'_>,
        now: Timestamp,
        subjects: &mut Subjects,
    ) -> Result<(), ReadError> {
        subjects.forgive();
        self.commits = tip.commit.map_or_else(|| Ok(Vec::new()), |tip| self.history.read(source, tip, now))?;
        let said = (std::mem::take(&mut self.said), Said::default());
        let suspects = suspects(subjects, &self.commits);
        if suspects.is_empty() {
            return Ok(());
        }
        let mut look = Look { history: &mut self.history, commits: &self.commits, source, kinds, bounds, recent: VecDeque::new(), said };
        let taken = look.taken(subjects, &suspects)?;
        self.said = look.said.1;
        subjects.take_back(taken);
        Ok(())
    }

    /// Whether a commit of ours put this value somewhere.
    pub(super) fn has_put(&self, name: &Name, value: &Value) -> bool {
        self.commits.iter().flat_map(|past| &*past.trailers).any(|trailer| trailer.name == name.as_str() && trailer.to == *value)
    }

    /// The ids of our own commits.
    pub(super) fn ours(&self) -> BTreeSet<String> {
        self.commits.iter().filter(|past| past.is_ours()).map(|past| past.id.clone()).collect()
    }
}

impl<'a> Look<'a> {
    /// The versions that a person took back, by the containers' places in the list.
    fn taken(&mut self, subjects: &Subjects, suspects: &[Suspect<'a>]) -> Result<BTreeMap<usize, Vec<RolledBack>>, ReadError> {
        let lines = self.lines(suspects)?;
        let mut known = BTreeMap::new();
        let mut taken: BTreeMap<usize, Vec<RolledBack>> = BTreeMap::new();
        for Suspect { at, file, name, moved } in suspects {
            let to = &moved.trailer.to;
            let is_same = |one: &RolledBack| to.tag.as_ref() == Some(&one.tag) && to.digest == one.digest;
            if taken.get(at).is_some_and(|taken| taken.iter().any(is_same)) {
                continue;
            }
            let line = &lines[file];
            // The same for each container that runs this image from this file.
            let by: Option<&Past> = match known.entry((*file, *name, Rc::as_ptr(moved))) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(vacant) => *vacant.insert(taken_by(moved, self.commits, &line.places, |at| self.balance(line, at, name, to))?),
            };
            if let Some(by) = by
                && self.still_decides(&subjects.list[*at], line, by)?
            {
                taken.entry(*at).or_default().extend(by.took_back(moved.trailer));
            }
        }
        Ok(taken)
    }

    /// What commits did to the files in question.
    fn lines(&mut self, suspects: &[Suspect<'a>]) -> Result<BTreeMap<&'a str, Line<'a>>, ReadError> {
        let mut wanted: BTreeMap<&str, Wanted<'_>> = BTreeMap::new();
        for Suspect { file, name, moved, .. } in suspects {
            let wanted = wanted.entry(file).or_insert_with(|| Wanted { called: vec![(0, (*file).to_owned())], ..Wanted::default() });
            wanted.names.insert(name);
            wanted.oldest = moved.commits.last().copied().unwrap_or_default().max(wanted.oldest);
        }
        let oldest = wanted.values().map(|wanted| wanted.oldest).max().unwrap_or_default();
        let ends = self.commits.iter().enumerate().take(oldest + 1).map(|(at, past)| at + past.brought);
        let commits = &self.commits[..=ends.max().unwrap_or_default()];
        let lines = loop {
            let paths: BTreeSet<&str> = wanted.values().flat_map(|wanted| &wanted.called).map(|(_, path)| path.as_str()).collect();
            let lines = self.history.lines(self.source, commits, &paths)?;
            if !self.follow(&mut wanted, &lines)? {
                break lines;
            }
        };
        Ok(wanted.into_iter().map(|(file, wanted)| (file, Line::new(wanted, &lines))).collect())
    }

    /// Looks for what files were called before somebody moved them; says whether another name was found.
    fn follow(&mut self, wanted: &mut BTreeMap<&str, Wanted<'_>>, lines: &Lines) -> Result<bool, ReadError> {
        let mut is_found = false;
        for Wanted { oldest, called, .. } in wanted.values_mut() {
            let Some((since, path)) = called.last() else { continue };
            let made = lines.get(path).into_iter().flatten().find(|(at, (before, _))| at >= since && before.is_none());
            let Some((at, _)) = made.filter(|(at, _)| at < oldest) else { continue };
            let before = self.history.moved_from(self.source, &self.commits[*at], path)?;
            if let Some(before) = before.filter(|before| called.iter().all(|(_, path)| path != before)) {
                called.push((*at, before));
                is_found = true;
            }
        }
        Ok(is_found)
    }

    /// How many more places of a file hold a value after a commit than before.
    fn balance(&mut self, line: &Line<'_>, at: usize, name: &Name, value: &Value) -> Result<i64, ReadError> {
        let Ok(place) = line.places.binary_search(&at) else { return Ok(0) };
        if line.balances.borrow()[place].is_none() {
            let mut balances = Balances::new();
            for (path, change) in &line.changes[place] {
                for (name, balance) in self.balances(path, *change, &line.names)? {
                    *balances.entry(name).or_default() += balance;
                }
            }
            line.balances.borrow_mut()[place] = Some(balances);
        }
        Ok(line.balances.borrow()[place].as_ref().and_then(|balances| balances.get(name)).map_or(0, |balance| balance.of(value)))
    }

    /// What one change of a file did to images.
    fn balances(&mut self, path: &str, change: Change, names: &BTreeSet<&Name>) -> Result<Balances, ReadError> {
        let is_whole = |known: &&Balances| names.iter().all(|name| known.contains_key(*name));
        let said = [&self.said.1, &self.said.0];
        let known = said.into_iter().filter_map(|said| said.balances.get(path)?.get(&change)).find(is_whole).cloned();
        let balances = if let Some(known) = known {
            known
        } else {
            let (before, after) = (self.file(change.0, path)?, self.file(change.1, path)?);
            let held = |file: &Option<File>, name: &Name| file.as_ref().map(|file| values(file, name)).unwrap_or_default();
            names.iter().map(|name| ((*name).clone(), Balance::new(&held(&before, name), &held(&after, name)))).collect()
        };
        self.said.1.balances.entry(path.to_owned()).or_default().insert(change, balances.clone());
        Ok(balances)
    }

    /// Whether the policy of a container is the one under which the version was taken back.
    fn still_decides(&mut self, now: &Subject, line: &Line<'_>, by: &Past) -> Result<bool, ReadError> {
        let path = now.source.as_ref().map_or(&now.file, |(file, _)| file);
        let called = if line.called.first() == Some(path) { &line.called } else { std::slice::from_ref(path) };
        let mut forms = called.iter().filter_map(|path| Some(self.history.after(self.source, by, path).transpose()?.map(|form| (form, path))));
        let Some((after, path)) = forms.next().transpose()? else { return Ok(true) };
        let key = (after, path.clone(), now.workload.clone(), now.container.clone());
        let known = self.said.1.policies.get(&key).or_else(|| self.said.0.policies.get(&key)).cloned();
        let then = match known {
            Some(then) => then,
            None => self.policy_after(after, path, now)?,
        };
        // Where the file alone does not tell, nobody is known to have changed it.
        let decides = then.is_none() || then == now.identity;
        self.said.1.policies.insert(key, then);
        Ok(decides)
    }

    /// The policy that an older form of a file gave a container.
    fn policy_after(&mut self, blob: BlobId, path: &str, now: &Subject) -> Result<Option<String>, ReadError> {
        let file = self.file(Some(blob), path)?;
        let Some(file) = &*file else { return Ok(None) };
        let then = Index::new(BTreeMap::from([(path.to_owned(), file.clone())]), Vec::new()).subjects(self.bounds);
        Ok(policy_then(&then, now).map(str::to_owned))
    }

    /// What an older form of a file holds; nothing where there was none, or it cannot be read.
    fn file(&mut self, blob: Option<BlobId>, path: &str) -> Result<Rc<Option<File>>, ReadError> {
        let Some(blob) = blob else { return Ok(Rc::default()) };
        if let Some((_, file)) = self.recent.iter().find(|(known, _)| known.0 == blob && known.1 == path) {
            return Ok(Rc::clone(file));
        }
        let read = Rc::new(match self.source.older(blob, FILE_BYTES)? {
            Content::Bytes(bytes) => manifest::read(path, &bytes, self.kinds).ok(),
            Content::TooLarge { .. } => None,
        });
        self.recent.truncate(RECENT - 1);
        self.recent.push_front(((blob, path.to_owned()), Rc::clone(&read)));
        Ok(read)
    }
}

impl<'a> Line<'a> {
    fn new(wanted: Wanted<'a>, lines: &Lines) -> Self {
        let mut by_commit: BTreeMap<usize, Vec<(String, Change)>> = BTreeMap::new();
        for (since, path) in &wanted.called {
            for (at, change) in lines.get(path).into_iter().flatten().filter(|(at, _)| at >= since) {
                by_commit.entry(*at).or_default().push((path.clone(), *change));
            }
        }
        let (places, changes): (Vec<_>, Vec<_>) = by_commit.into_iter().unzip();
        let called = wanted.called.into_iter().map(|(_, path)| path).collect();
        Self { called, names: wanted.names, balances: RefCell::new(vec![None; places.len()]), places, changes }
    }
}
