//! Which place each update writes: a place is written only if everything that it feeds agrees.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    decide::{Plan, hold},
    index::{ByComment, Fed, Feeds, Index},
    report::{Record, Version},
    subject::{Fallback, Held, Subject, Subjects},
};
use crate::{
    manifest::{
        kustomize::{Key, Spot},
        splice::Change,
    },
    policy::{Code, List},
};

/// What to do where one place cannot serve all that it feeds.
const APART: &str = "write the image of each by itself";

/// One change of a file and the records that it fulfils.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) change: Change,
    pub(super) records: Vec<usize>,
}

/// A place of a file.
type Place = (String, Key);

/// The changes that updates want, by place.
type Wanted = BTreeMap<Place, Vec<(usize, Change)>>;

/// Places are given out in rounds, until nobody objects.
struct Round<'a> {
    subjects: &'a Subjects,
    feeds: &'a Feeds,
    /// The place that each subject would be written to now.
    spots: Vec<Option<Spot>>,
    /// Where else, for those that may still move.
    fallbacks: Vec<Option<Spot>>,
    readers: BTreeMap<String, BTreeMap<Key, Vec<ByComment>>>,
}

impl Plan {
    /// Gives each update its place.
    pub(super) fn place(&mut self, index: &Index, subjects: &Subjects) {
        let updates: Vec<usize> = (0..self.records.len()).filter(|at| is_update(&self.records[*at])).collect();
        if updates.is_empty() {
            return;
        }
        let files: BTreeSet<&str> = updates.iter().map(|at| subjects.list[*at].file.as_str()).collect();
        let feeds = index.feeds(updates.iter().map(|at| &subjects.list[*at]));
        let mut round = Round {
            subjects,
            feeds: &feeds,
            spots: subjects.list.iter().map(|subject| subject.spot.clone()).collect(),
            fallbacks: subjects.list.iter().map(|subject| subject.entry.clone().filter(|_| subject.fallback == Fallback::Allowed)).collect(),
            readers: files.iter().map(|path| ((*path).to_owned(), index.readers(path))).collect(),
        };
        let nobody = BTreeSet::new();
        loop {
            let wanted = round.wanted(&mut self.records);
            let sharing = round.sharing();
            let objections: Vec<(Vec<usize>, Held)> = wanted
                .iter()
                .filter_map(|(place, wants)| {
                    let held = round.objection(&self.records, place, sharing.get(place).unwrap_or(&nobody), wants)?;
                    Some((wants.iter().map(|(at, _)| *at).collect(), held))
                })
                .collect();
            if objections.is_empty() {
                return self.take(wanted);
            }
            for (updates, held) in objections {
                for at in updates {
                    round.move_on(at, &mut self.records[at], &held);
                }
            }
        }
    }

    fn take(&mut self, wanted: Wanted) {
        for ((path, _), wants) in wanted {
            let records = wants.iter().map(|(at, _)| *at).collect();
            if let Some((_, change)) = wants.into_iter().next() {
                self.changes.entry(path).or_default().push(Planned { change, records });
            }
        }
    }
}

impl Round<'_> {
    /// The changes that updates need; an update whose place cannot hold it moves, or is held.
    fn wanted(&mut self, records: &mut [Record]) -> Wanted {
        let mut wanted = Wanted::new();
        for (at, record) in records.iter_mut().enumerate().filter(|(_, record)| is_update(record)) {
            while let Some(spot) = &self.spots[at] {
                let to = record.to.clone().unwrap_or_default();
                let name = self.subjects.list[at].reference.as_ref().map(|reference| &reference.name);
                match spot.changes(name, to.tag.as_deref(), to.digest.as_deref()) {
                    Ok(changes) => {
                        for (key, change) in changes {
                            wanted.entry((spot.path.clone(), key)).or_default().push((at, change));
                        }
                        break;
                    }
                    Err(reason) => {
                        let held = Held::new(Code::UnsupportedScalar, format!("the place cannot hold it: {reason}"));
                        if !self.move_on(at, record, &held) {
                            break;
                        }
                    }
                }
            }
        }
        wanted
    }

    /// Sends an update to its other place, if it still has one; else holds it.
    fn move_on(&mut self, at: usize, record: &mut Record, held: &Held) -> bool {
        let Some(fallback) = self.fallbacks[at].take() else {
            hold(record, held.clone());
            return false;
        };
        (record.file, record.line, record.place) = (fallback.path.clone(), fallback.line, fallback.place);
        self.spots[at] = Some(fallback);
        true
    }

    /// The subjects that each place feeds, or that an entry at it would reach.
    fn sharing(&self) -> BTreeMap<Place, BTreeSet<usize>> {
        let mut sharing: BTreeMap<Place, BTreeSet<usize>> = BTreeMap::new();
        for (at, spot) in self.spots.iter().enumerate() {
            for spot in spot.iter().chain(&self.subjects.list[at].entry) {
                for key in spot.keys() {
                    sharing.entry((spot.path.clone(), key)).or_default().insert(at);
                }
            }
        }
        sharing
    }

    /// Why a place cannot be written although somebody wants it.
    fn objection(&self, records: &[Record], place: &Place, sharing: &BTreeSet<usize>, wants: &[(usize, Change)]) -> Option<Held> {
        let &(first, ref change) = wants.first()?;
        let name = |at: usize| name(records, at, first);
        if wants.iter().any(|(_, other)| other.text() != change.text()) {
            let names: Vec<String> = wants.iter().map(|(at, _)| name(*at)).collect();
            return Some(Held::new(Code::ConflictingPlace, format!("{} want different values at one place", names.join(" and "))).hint(APART));
        }
        let is_new = self.spots[first].as_ref().is_some_and(Spot::is_new);
        let wanted = records[first].to.as_ref();
        let is_alike = |at: usize| wants.iter().any(|(one, _)| *one == at) || is_new && Some(&at_last(&records[at])) == wanted;
        if let Some(&at) = sharing.iter().find(|at| !is_alike(**at)) {
            let record = &records[at];
            return Some(match record.code {
                Code::Current => Held::new(Code::ConflictingPlace, format!("the place also feeds {}, which is current", name(at))).hint(APART),
                _ if is_update(record) => {
                    let (one, other) = (name(first), name(at));
                    Held::new(Code::ConflictingPlace, format!("{one} and {other} want different values at one place")).hint(APART)
                }
                _ => shared(&name(at), &record.reason, place),
            });
        }
        self.others(place, wants, sharing)
    }

    /// As [`Self::objection`], on behalf of what takes no part.
    fn others(&self, place: &Place, wants: &[(usize, Change)], sharing: &BTreeSet<usize>) -> Option<Held> {
        let &(first, ref change) = wants.first()?;
        let subject = &self.subjects.list[first];
        let fed = self.feeds.get(place).map_or(&[] as &[Fed], Vec::as_slice);
        let taking_part: BTreeSet<(&str, &str, &str)> = sharing.iter().map(|at| self.id(*at)).collect();
        // A comment is about what it stands on, whatever a kustomization makes of it.
        let by_comment = wants.iter().any(|(at, _)| self.subjects.list[*at].root == place.0);
        let is_out = |fed: &&Fed| !(taking_part.contains(&(&fed.root, &fed.owner, &fed.name)) || by_comment && fed.root != place.0);
        if let Some(out) = fed.iter().find(is_out) {
            let root = if out.root == subject.root || out.root == place.0 { String::new() } else { format!(" in {}", out.root) };
            return Some(shared(&format!("{} of {}{root}", out.name, out.owner), "not automated", place));
        }
        let Change::Replace(edit) = change else { return None };
        let readers = self.readers.get(&place.0).and_then(|readers| readers.get(&place.1)).map_or(&[] as &[_], Vec::as_slice);
        let read_otherwise =
            || Held::new(Code::SharedPlace, "through an alias the place is also read as something else than a container's image").hint(APART);
        // A comment is about the scalar, and so about all that it feeds.
        let by_comment = !readers.is_empty() && readers.iter().all(|reader| *reader == ByComment::Yes);
        // A patch's images are read by kustomizations only.
        (!by_comment && edit.site.scalar.feeds() as usize > readers.len().max(1)).then(read_otherwise)
    }

    fn id(&self, at: usize) -> (&str, &str, &str) {
        let Subject { root, workload, container, .. } = &self.subjects.list[at];
        (root, workload, container)
    }
}

/// A container as people call it, with its root where that is another one.
fn name(records: &[Record], at: usize, beside: usize) -> String {
    let root = if records[at].root == records[beside].root { String::new() } else { format!(" in {}", records[at].root) };
    format!("{} of {}{root}", records[at].container, records[at].workload)
}

fn shared(who: &str, why: &str, place: &Place) -> Held {
    let hint = match place.1 {
        Key::Scalar(..) => "annotate it alike, or write the image of each by itself",
        Key::Entry(..) | Key::New(..) => "annotate it too, or put a comment policy on the entry",
    };
    Held::new(Code::SharedPlace, format!("the place also feeds {who}, which stays: {why}")).hint(hint)
}

/// The version that a container has in the end.
fn at_last(record: &Record) -> Version {
    record.to.clone().filter(|_| is_update(record)).unwrap_or_else(|| record.from.clone())
}

fn is_update(record: &Record) -> bool {
    record.code.list() == List::Updates
}
