//! Versions that a person took back, as the history of a branch tells it.
//!
//! Pure: who asks gives the commits, and says of each what it changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

use super::{
    safe,
    subject::{Asked, State, Subject, Subjects},
    trailer::{Decider, Trailer, decider, trailers},
};
use crate::{
    image::{Name, Reference},
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
    pub trailers: Arc<[Trailer]>,
    /// What a release says that a person did not want any more: what it moved, the other way round.
    pub unwanted: Arc<[Trailer]>,
    /// How many of the commits that follow it brought in.
    pub brought: usize,
}

/// A container whose value is below one that commits of ours may have put there.
#[derive(Clone, Debug)]
pub struct Suspect<'a> {
    /// Its place in the list of subjects.
    pub at: usize,
    /// A file that may hold it, or may have.
    pub file: &'a str,
    /// The image's name.
    pub name: &'a Name,
    /// What they say that they did.
    pub moved: Rc<Moved<'a>>,
}

/// The same move, as often as the history tells it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved<'a> {
    /// The places of the commits in the history, the newest first.
    pub commits: Vec<usize>,
    /// What they did to the value.
    pub did: Did,
    /// What they say that they moved.
    pub trailer: &'a Trailer,
}

/// How many more places of a file hold each value of an image after a commit than before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance(BTreeMap<Value, i64>);

/// What a commit of ours did to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
        let unwanted = if decider == Decider::Release { trailers.iter().map(Trailer::back).collect() } else { Arc::default() };
        Self { id, subject, decider, trailers: trailers.into(), unwanted, brought: 0 }
    }

    /// The hold that it means for what a commit of ours had put there; the reason names it as `3f2a1b9 'Revert …'`.
    pub fn took_back(&self, trailer: &Trailer) -> Option<RolledBack> {
        let commit = format!("{} '{}'", self.id.get(..7).unwrap_or(&self.id), self.subject);
        Some(RolledBack { tag: trailer.to.tag.clone()?, digest: trailer.to.digest.clone(), commit })
    }
}

/// Everyone whose value is below one of ours, newest commits first: mostly nobody.
pub fn suspects<'a>(subjects: &'a Subjects, history: &'a [Past]) -> Vec<Suspect<'a>> {
    let moves = moves(history);
    let mut found = Vec::new();
    if moves.is_empty() {
        return found;
    }
    // Containers that run the same under one policy have the same versions above them.
    let mut above: BTreeMap<(usize, &Name), Vec<Rc<Moved<'a>>>> = BTreeMap::new();
    for (at, subject) in subjects.list.iter().enumerate() {
        let (State::Asks(question), Some(reference)) = (&subject.state, &subject.reference) else { continue };
        let Some(told) = moves.get(reference.name.as_str()) else { continue };
        let higher = above.entry((*question, &reference.name)).or_insert_with(|| {
            let policy = &subjects.questions[*question].policy;
            let stands = Value { tag: reference.tag.clone(), digest: reference.digest.clone() };
            let is_above = |moved: &&Rc<Moved<'a>>| {
                let Trailer { from, to, .. } = moved.trailer;
                to.tag.as_ref().is_some_and(|written| is_below(policy, &stands, from, written))
            };
            told.iter().filter(is_above).map(Rc::clone).collect()
        });
        for moved in higher.iter() {
            found.extend(files(subject).into_iter().map(|file| Suspect { at, file, name: &reference.name, moved: Rc::clone(moved) }));
        }
    }
    found
}

/// What the commits of ours did to each image, by its name; that of the newest first.
fn moves(history: &[Past]) -> BTreeMap<&str, Vec<Rc<Moved<'_>>>> {
    let mut commits: BTreeMap<(Did, &Trailer), Vec<usize>> = BTreeMap::new();
    for (at, past) in history.iter().enumerate() {
        let (put, took) = (past.trailers.iter().map(|trailer| (Did::Put, trailer)), past.unwanted.iter().map(|trailer| (Did::Took, trailer)));
        for (did, trailer) in put.chain(took) {
            commits.entry((did, trailer)).or_default().push(at);
        }
    }
    let mut moves: BTreeMap<&str, Vec<Rc<Moved<'_>>>> = BTreeMap::new();
    for ((did, trailer), commits) in commits {
        moves.entry(&trailer.name).or_default().push(Rc::new(Moved { commits, did, trailer }));
    }
    for moves in moves.values_mut() {
        moves.sort();
    }
    moves
}

/// The files that may hold what a container runs: with a kustomization there are several.
fn files(subject: &Subject) -> BTreeSet<&str> {
    let spots = subject.spot.iter().chain(&subject.entry).map(|spot| spot.path.as_str());
    let layers = subject.chain.iter().map(|layer| layer.file.as_str());
    spots.chain(layers).chain([subject.file.as_str()]).collect()
}

/// The newest commit after ours that took a value away; `None` where none did, where ours never put it there, or where no person decided it.
///
/// `changed` are the places of the commits that changed the file, the newest first; `balance` says of one of them how many more places hold the value after it.
///
/// # Errors
/// What `balance` fails with.
pub fn taken_by<'h, E>(
    moved: &Moved<'_>,
    history: &'h [Past],
    changed: &[usize],
    mut balance: impl FnMut(usize) -> Result<i64, E>,
) -> Result<Option<&'h Past>, E> {
    let in_question = |at: &usize| changed.binary_search(at).is_ok();
    let mut first = |places: &mut dyn Iterator<Item = usize>, did: Did| -> Result<Option<usize>, E> {
        for at in places {
            if balance(at)?.signum() == did.sign() {
                return Ok(Some(at));
            }
        }
        Ok(None)
    };
    let mut ours = moved.commits.iter().copied().filter(in_question);
    if moved.did == Did::Took {
        return Ok(first(&mut ours, Did::Took)?.map(|at| &history[at]));
    }
    let Some(&oldest) = moved.commits.last() else { return Ok(None) };
    let Some(took) = first(&mut changed.iter().copied().take_while(|at| *at < oldest), Did::Took)? else { return Ok(None) };
    if first(&mut ours.filter(|at| *at > took), Did::Put)?.is_none() {
        return Ok(None);
    }
    // A merge only hands on what somebody did on its other side.
    let brought = took + 1..=took + history[took].brought;
    let by = first(&mut changed.iter().copied().filter(|at| brought.contains(at)), Did::Took)?.unwrap_or(took);
    Ok(Some(&history[by]).filter(|by| by.is_decided()))
}

impl Did {
    /// What becomes of the number of places that hold a value.
    fn sign(self) -> i64 {
        match self {
            Self::Put => 1,
            Self::Took => -1,
        }
    }
}

impl Balance {
    /// What a commit did by changing a file from one form to another.
    pub fn new(before: &[Value], after: &[Value]) -> Self {
        let mut balance = Self::default();
        balance.count(before, -1);
        balance.count(after, 1);
        balance
    }

    fn count(&mut self, values: &[Value], by: i64) {
        for value in values {
            *self.0.entry(value.clone()).or_default() += by;
        }
        self.0.retain(|_, balance| *balance != 0);
    }

    /// How many more places hold a value; one without a digest is held with any.
    pub fn of(&self, value: &Value) -> i64 {
        match value.digest {
            Some(_) => self.0.get(value).copied().unwrap_or_default(),
            None => self.0.iter().filter(|(held, _)| held.tag == value.tag).map(|(_, balance)| balance).sum(),
        }
    }
}

impl std::ops::AddAssign for Balance {
    fn add_assign(&mut self, other: Self) {
        for (value, by) in other.0 {
            *self.0.entry(value).or_default() += by;
        }
    }
}

/// What the places of a file hold that name this image.
pub fn values(file: &File, name: &Name) -> Vec<Value> {
    let references = file.images().filter_map(|place| place.image.parts()?.reference(Some(name)).ok());
    references.filter(|reference| reference.name == *name).map(|Reference { tag, digest, .. }| Value { tag, digest }).collect()
}

/// The policy of a container in an older form of its file; `None` where it took no part.
pub fn policy_then<'s>(then: &'s Subjects, now: &Subject) -> Option<&'s str> {
    let plain = |id: &'s str| id.split_once(':').map_or(id, |(_, tail)| tail);
    let now_id = now.workload.split_once(':').map_or(now.workload.as_str(), |(_, tail)| tail);
    then.list.iter().find(|subject| plain(&subject.workload) == now_id && subject.container == now.container)?.identity.as_deref()
}

impl Subjects {
    /// Holds versions for some containers, by their places in the list, and for all others as they were.
    pub fn take_back(&mut self, taken: BTreeMap<usize, Vec<RolledBack>>) {
        let mut questions: BTreeMap<(usize, Vec<RolledBack>), usize> = BTreeMap::new();
        for (at, rolled_back) in taken {
            let State::Asks(question) = &mut self.list[at].state else { continue };
            *question = *questions.entry((*question, rolled_back)).or_insert_with_key(|(question, rolled_back)| {
                self.questions.push(Asked { rolled_back: rolled_back.clone(), ..self.questions[*question].clone() });
                self.questions.len() - 1
            });
        }
        if !questions.is_empty() {
            // Nobody asks what was asked before it was known.
            self.keep(|_| true);
        }
    }

    /// Asks as if nobody had ever taken a version back.
    pub fn forgive(&mut self) {
        for asked in &mut self.questions {
            asked.rolled_back.clear();
        }
    }
}
