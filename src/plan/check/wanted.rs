//! Findings about places that kustomizations share: updates that would find no place of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    finding::{Finding, FindingCode},
    places::APART,
};
use crate::{
    manifest::kustomize::{Key, Spot},
    plan::{
        Index, Subject, Subjects,
        index::{Fed, Feeds},
        subject::{Fallback, State},
    },
};

/// A place of a file.
type Place = (String, Key);

/// A container while places are given out.
struct Stand<'s> {
    subject: &'s Subject,
    /// What it asks, the same for all that ask alike; `None` where it is held.
    asks: Option<String>,
    spot: Option<Spot>,
    fallback: Option<Spot>,
}

/// Who wants a place, and whom it reaches.
#[derive(Default)]
struct Around {
    wanting: BTreeSet<usize>,
    reached: BTreeSet<usize>,
}

/// Places that several containers want which do not ask for the same, and that no `images` entry of a root sets apart.
pub(super) fn twice(index: &Index, subjects: &Subjects) -> Vec<Finding> {
    let built = || subjects.list.iter().filter(|subject| !subject.chain.is_empty());
    let feeds = if built().next().is_none() { Feeds::new() } else { index.feeds(built()) };
    let mut stands: Vec<Stand<'_>> = built().map(|subject| Stand::of(subject, subjects)).collect();
    let mut found = vec![];
    loop {
        let places = places(&stands);
        let refused = places.iter().filter_map(|(place, around)| {
            let fed = feeds.get(place).map_or(&[] as &[_], Vec::as_slice);
            Some((&around.wanting, objection(&stands, around, fed)?))
        });
        let refused: Vec<(BTreeSet<usize>, String)> = refused.map(|(wanting, reason)| (wanting.clone(), reason)).collect();
        if refused.is_empty() {
            return found;
        }
        for (at, reason) in refused.iter().flat_map(|(wanting, reason)| wanting.iter().map(move |at| (*at, reason))) {
            let stand = &mut stands[at];
            let had_one = stand.spot.is_some();
            stand.spot = stand.fallback.take();
            if had_one && stand.spot.is_none() {
                let Subject { file, line, workload, .. } = stand.subject;
                found.push(Finding::new(FindingCode::SharedPlace, file, *line, reason).of(workload).hint(APART));
            }
        }
    }
}

impl<'s> Stand<'s> {
    fn of(subject: &'s Subject, subjects: &Subjects) -> Self {
        let asks = match subject.state {
            State::Asks(at) => Some(subjects.questions[at].policy.identity()),
            State::Held(_) => None,
        };
        let fallback = subject.entry.clone().filter(|_| subject.fallback == Fallback::Allowed);
        Self { subject, asks, spot: subject.spot.clone(), fallback }
    }

    fn is(&self, fed: &Fed) -> bool {
        let Subject { root, workload, container, .. } = self.subject;
        (root, workload, container) == (&fed.root, &fed.owner, &fed.name)
    }

    /// As people call it, with its root where that is another one.
    fn name(&self, beside: &Subject) -> String {
        let Subject { root, workload, container, .. } = self.subject;
        let root = if *root == beside.root { String::new() } else { format!(" in {root}") };
        format!("`{container}` of {workload}{root}")
    }
}

/// Who wants each place, and whom a new value there, or a new entry, would reach.
fn places(stands: &[Stand<'_>]) -> BTreeMap<Place, Around> {
    let mut places: BTreeMap<Place, Around> = BTreeMap::new();
    for (at, stand) in stands.iter().enumerate() {
        let mut add = |spot: &Spot, wants: bool| {
            for key in spot.keys() {
                let around = places.entry((spot.path.clone(), key)).or_default();
                around.reached.insert(at);
                around.wanting.extend(wants.then_some(at));
            }
        };
        stand.spot.iter().for_each(|spot| add(spot, stand.asks.is_some()));
        stand.subject.entry.iter().for_each(|spot| add(spot, false));
    }
    places
}

/// Why a place cannot serve those who want it.
fn objection(stands: &[Stand<'_>], around: &Around, fed: &[Fed]) -> Option<String> {
    let first = &stands[*around.wanting.first()?];
    let name = first.name(first.subject);
    let reached = || around.reached.iter().map(|at| &stands[*at]);
    if let Some(other) = reached().find(|other| other.asks.is_some() && other.asks != first.asks) {
        return Some(format!("this place is wanted by {name} and {}, which ask by different policies", other.name(first.subject)));
    }
    let out = fed.iter().find(|fed| !reached().any(|stand| stand.is(fed)))?;
    let root = if out.root == first.subject.root { String::new() } else { format!(" in {}", out.root) };
    Some(format!("this place is shared by {name} and `{}` of {}{root}, which takes no part: it stays", out.name, out.owner))
}
