//! Versions that a person took back, as the history of a branch tells it.
//!
//! Pure: who asks gives the commits, and says of each what it changed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    safe,
    subject::{State, Subject, Subjects},
    trailer::{Decider, Trailer, decider, trailers},
};
use crate::{
    image::Name,
    manifest::File,
    policy::{
        decision::RolledBack,
        rollback::{Value, is_below},
    },
};

/// The most characters of a commit's subject that a reason quotes.
const SUBJECT: usize = 72;

/// One commit of a branch, the newest first; behind a merge stand those that it brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its id.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
    /// Whose decision it is.
    pub decider: Decider,
    /// What it says that it moved.
    pub trailers: Vec<Trailer>,
    /// What a release says that a person did not want any more: what it moved, the other way round.
    pub unwanted: Vec<Trailer>,
    /// How many of the commits that follow it brought in.
    pub brought: usize,
}

/// A container whose value is below one that a commit of ours may have put there.
#[derive(Clone, Copy, Debug)]
pub struct Suspect<'a> {
    /// Its place in the list of subjects.
    pub at: usize,
    /// A file that may hold it, or may have.
    pub file: &'a str,
    /// The image's name.
    pub name: &'a Name,
    /// The place of our commit in the history.
    pub commit: usize,
    /// What that commit did to the value.
    pub did: Did,
    /// What it says that it moved.
    pub trailer: &'a Trailer,
}

/// What a commit of ours did to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// It put it there.
    Put,
    /// It took it away, since a person asked for another.
    Took,
}

impl Past {
    /// Whether we made it.
    pub fn is_ours(&self) -> bool {
        self.decider != Decider::Person
    }

    /// Whether a person decided what it does.
    fn is_decided(&self) -> bool {
        self.decider != Decider::Policy
    }

    /// What a message tells of its commit.
    pub fn new(id: String, message: &str) -> Self {
        let subject = safe::line(message.lines().next().unwrap_or_default().trim());
        let subject = match subject.char_indices().nth(SUBJECT) {
            Some((end, _)) => format!("{}…", &subject[..end]),
            None => subject.into_owned(),
        };
        let (decider, trailers) = (decider(message), trailers(message));
        let unwanted = if decider == Decider::Release { trailers.iter().map(Trailer::back).collect() } else { Vec::new() };
        Self { id, subject, decider, trailers, unwanted, brought: 0 }
    }

    /// How a reason names it: `3f2a1b9 'Revert …'`.
    fn name(&self) -> String {
        format!("{} '{}'", self.id.get(..7).unwrap_or(&self.id), self.subject)
    }
}

/// Everyone whose value is below one of ours, newest commits first: mostly nobody.
pub fn suspects<'a>(subjects: &'a Subjects, history: &'a [Past]) -> Vec<Suspect<'a>> {
    let mut moves: BTreeMap<&str, Vec<(usize, Did, &Trailer)>> = BTreeMap::new();
    for (commit, past) in history.iter().enumerate() {
        let (put, took) = (past.trailers.iter().map(|trailer| (Did::Put, trailer)), past.unwanted.iter().map(|trailer| (Did::Took, trailer)));
        for (did, trailer) in put.chain(took) {
            moves.entry(&trailer.name).or_default().push((commit, did, trailer));
        }
    }
    if moves.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, subject) in subjects.list.iter().enumerate() {
        let (State::Asks(question), Some(reference)) = (&subject.state, &subject.reference) else { continue };
        let policy = &subjects.questions[*question].policy;
        let stands = Value { tag: reference.tag.clone(), digest: reference.digest.clone() };
        let mut known = BTreeSet::new();
        for &(commit, did, trailer) in moves.get(reference.name.to_string().as_str()).into_iter().flatten() {
            let Some(written) = &trailer.to.tag else { continue };
            if is_below(policy, &stands, &trailer.from, written) && known.insert((&trailer.to, &trailer.from, did == Did::Put)) {
                found.extend(files(subject).into_iter().map(|file| Suspect { at, file, name: &reference.name, commit, did, trailer }));
            }
        }
    }
    found
}

/// The files that may hold what a container runs: with a kustomization there are several.
fn files(subject: &Subject) -> BTreeSet<&str> {
    let spots = subject.spot.iter().chain(&subject.entry).map(|spot| spot.path.as_str());
    let layers = subject.chain.iter().map(|layer| layer.file.as_str());
    spots.chain(layers).chain([subject.file.as_str()]).collect()
}

/// The newest commit after ours that took a value away; `None` where none did, where ours never put it there, or where no person decided it.
///
/// `took` says of a commit whether fewer places of the file hold the value after it than before, `put` whether more do.
///
/// # Errors
/// What `took` and `put` fail with.
pub fn taken_by<'h, E>(
    suspect: &Suspect<'_>,
    history: &'h [Past],
    mut took: impl FnMut(&'h Past) -> Result<bool, E>,
    mut put: impl FnMut(&'h Past) -> Result<bool, E>,
) -> Result<Option<&'h Past>, E> {
    let ours = &history[suspect.commit];
    if suspect.did == Did::Took {
        return Ok(took(ours)?.then_some(ours));
    }
    if !put(ours)? {
        return Ok(None);
    }
    for (at, past) in history.iter().enumerate().take(suspect.commit) {
        if took(past)? {
            // A merge only hands on what somebody did on its other side.
            for brought in history.iter().skip(at + 1).take(past.brought) {
                if took(brought)? {
                    return Ok(brought.is_decided().then_some(brought));
                }
            }
            return Ok(past.is_decided().then_some(past));
        }
    }
    Ok(None)
}

/// How many places of a file hold this value of an image; a value without a digest is held with any.
pub fn count(file: &File, name: &Name, value: &Value) -> usize {
    let holds = |reference: &crate::image::Reference| {
        reference.name == *name && reference.tag == value.tag && (value.digest.is_none() || reference.digest == value.digest)
    };
    file.images().filter_map(|place| place.image.parts()?.reference(Some(name)).ok()).filter(holds).count()
}

/// The policy of a container in an older form of its file; `None` where it took no part.
pub fn policy_then<'s>(then: &'s Subjects, now: &Subject) -> Option<&'s str> {
    let plain = |id: &'s str| id.split_once(':').map_or(id, |(_, tail)| tail);
    let now_id = now.workload.split_once(':').map_or(now.workload.as_str(), |(_, tail)| tail);
    then.list.iter().find(|subject| plain(&subject.workload) == now_id && subject.container == now.container)?.identity.as_deref()
}

impl Subjects {
    /// Holds a version for a container, and for all others as they were.
    pub fn take_back(&mut self, at: usize, trailer: &Trailer, by: &Past) {
        let (State::Asks(question), Some(tag)) = (&self.list[at].state, &trailer.to.tag) else { return };
        let mut asked = self.questions[*question].clone();
        asked.rolled_back.push(RolledBack { tag: tag.clone(), digest: trailer.to.digest.clone(), commit: by.name() });
        self.list[at].state = State::Asks(self.questions.len());
        self.questions.push(asked);
    }

    /// Asks as if nobody had ever taken a version back.
    pub fn forgive(&mut self) {
        for asked in &mut self.questions {
            asked.rolled_back.clear();
        }
    }
}
