//! What the history of a branch says about its containers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::cycle::FILE_BYTES;
use crate::{
    git::{BlobId, Content, History, ReadError, Source, Tip},
    image::Name,
    manifest::{self, File, KindPaths},
    plan::{
        Bounds, Index, Subject, Subjects,
        rollback::{Past, Suspect, count, policy_then, suspects, taken_by},
        trailer::Trailer,
    },
    policy::rollback::Value,
};

/// The history of one branch.
#[derive(Default)]
pub(super) struct PastOf {
    history: History,
    /// The commits of ours, by their ids.
    ours: BTreeSet<String>,
    /// What they put somewhere, by the image's name.
    put: BTreeSet<(String, Value)>,
    /// What older forms of files are known to say; those that the last look asked for.
    said: Said,
}

/// What older forms of files say, each read once.
#[derive(Default)]
struct Said {
    /// How many places of a file hold a value of an image.
    counts: BTreeMap<(BlobId, String, String, Value), usize>,
    /// The policy of a container by its workload and name, where the file alone tells it.
    policies: BTreeMap<(BlobId, String, String, String), Option<String>>,
}

/// The older files that one look at the history needs.
struct Look<'a> {
    history: &'a mut History,
    source: &'a Source,
    kinds: &'a [KindPaths],
    bounds: &'a Bounds<'a>,
    files: BTreeMap<(BlobId, String), Option<File>>,
    /// What was known before, and what this look asked for.
    said: (Said, Said),
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
        let commits = tip.commit.map_or_else(|| Ok(Vec::new()), |tip| self.history.read(source, tip, now))?;
        self.ours = commits.iter().filter(|past| past.is_ours()).map(|past| past.id.clone()).collect();
        self.put = commits.iter().flat_map(|past| &past.trailers).map(|trailer| (trailer.name.clone(), trailer.to.clone())).collect();
        let said = (std::mem::take(&mut self.said), Said::default());
        let mut look = Look { history: &mut self.history, source, kinds, bounds, files: BTreeMap::new(), said };
        let mut taken: Vec<(usize, Trailer, Past)> = Vec::new();
        for suspect in suspects(subjects, &commits) {
            let is_known = taken.iter().any(|(at, trailer, _)| *at == suspect.at && trailer == suspect.trailer);
            if !is_known
                && let Some(by) = look.taken_by(&suspect, &commits)?
                && look.still_decides(subjects, &suspect, by)?
            {
                taken.push((suspect.at, suspect.trailer.clone(), by.clone()));
            }
        }
        self.said = look.said.1;
        for (at, trailer, by) in &taken {
            subjects.take_back(*at, trailer, by);
        }
        if !taken.is_empty() {
            // Nobody asks what was asked before it was known.
            subjects.keep(|_| true);
        }
        Ok(())
    }

    /// Whether a commit of ours put this value somewhere.
    pub(super) fn has_put(&self, name: &Name, value: &Value) -> bool {
        self.put.contains(&(name.to_string(), value.clone()))
    }

    /// The ids of our own commits.
    pub(super) fn ours(&self) -> &BTreeSet<String> {
        &self.ours
    }
}

impl Look<'_> {
    fn taken_by<'h>(&mut self, suspect: &Suspect<'_>, commits: &'h [Past]) -> Result<Option<&'h Past>, ReadError> {
        let Suspect { file, name, trailer, .. } = *suspect;
        let counted = std::cell::RefCell::new(self);
        let took = |past: &Past| counted.borrow_mut().counts(past, file, name, &trailer.to).map(|(before, after)| after < before);
        let put = |past: &Past| counted.borrow_mut().counts(past, file, name, &trailer.to).map(|(before, after)| before < after);
        taken_by(suspect, commits, took, put)
    }

    /// How many places of a file held a value before and after a commit.
    fn counts(&mut self, past: &Past, path: &str, name: &Name, value: &Value) -> Result<(usize, usize), ReadError> {
        let Some((before, after)) = self.history.change(self.source, past, path)? else { return Ok((0, 0)) };
        Ok((self.held(before, path, name, value)?, self.held(after, path, name, value)?))
    }

    /// How many places of an older form of a file held a value.
    fn held(&mut self, blob: Option<BlobId>, path: &str, name: &Name, value: &Value) -> Result<usize, ReadError> {
        let Some(id) = blob else { return Ok(0) };
        let key = (id, path.to_owned(), name.to_string(), value.clone());
        let known = self.said.0.counts.get(&key).or_else(|| self.said.1.counts.get(&key)).copied();
        let counted = match known {
            Some(counted) => counted,
            None => self.file(blob, path)?.map_or(0, |file| count(file, name, value)),
        };
        self.said.1.counts.insert(key, counted);
        Ok(counted)
    }

    /// Whether the policy of the container is the one under which the version was taken back.
    fn still_decides(&mut self, subjects: &Subjects, suspect: &Suspect<'_>, by: &Past) -> Result<bool, ReadError> {
        let now = &subjects.list[suspect.at];
        let path = now.source.as_ref().map_or(&now.file, |(file, _)| file);
        let Some(after) = History::after(self.source, by, path)? else { return Ok(true) };
        let key = (after, path.clone(), now.workload.clone(), now.container.clone());
        let known = self.said.0.policies.get(&key).or_else(|| self.said.1.policies.get(&key)).cloned();
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
        let bounds = self.bounds;
        let Some(file) = self.file(Some(blob), path)? else { return Ok(None) };
        let then = Index::new(BTreeMap::from([(path.to_owned(), file.clone())]), Vec::new()).subjects(bounds);
        Ok(policy_then(&then, now).map(str::to_owned))
    }

    /// What an older form of a file holds; `None` where it cannot be read.
    fn file(&mut self, blob: Option<BlobId>, path: &str) -> Result<Option<&File>, ReadError> {
        let Some(blob) = blob else { return Ok(None) };
        let key = (blob, path.to_owned());
        if !self.files.contains_key(&key) {
            let read = match self.source.older(blob, FILE_BYTES)? {
                Content::Bytes(bytes) => manifest::read(path, &bytes, self.kinds).ok(),
                Content::TooLarge { .. } => None,
            };
            self.files.insert(key.clone(), read);
        }
        Ok(self.files.get(&key).and_then(Option::as_ref))
    }
}
