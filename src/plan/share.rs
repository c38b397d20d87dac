//! Which subjects each root and file brought, so that the next index looks only at those that differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    gather::{Gathering, by_comment},
    index::{Bounds, Index},
    subject::{Asked, State, Subject, Subjects},
};
use crate::manifest::{
    File,
    kustomize::{Deployed, Root, Roots, Standing},
};

/// Which of all subjects each root and each file brought.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    roots: Roots<Share>,
    /// What comments and labels rule.
    files: Vec<(Box<str>, Share)>,
    /// How many there are.
    count: usize,
    /// How many roots were built for it.
    built: usize,
    /// Whether the repository names more images than are asked about: then it matters who comes first.
    is_over: bool,
}

/// A part of the subjects.
#[derive(Clone, Debug, Default)]
struct Share {
    range: Range<usize>,
    /// Whether the file is deployed as it stands.
    stands: bool,
}

/// What was gathered from the last index.
pub struct Last<'t> {
    /// Who took part.
    pub subjects: Subjects,
    /// Who brought them.
    pub shares: Shares,
    /// The paths at which files are others now, new or gone.
    pub touched: &'t BTreeSet<String>,
}

impl Shares {
    /// How many roots were built, for nobody knew what they deploy.
    pub fn built(&self) -> usize {
        self.built
    }
}

impl Index {
    /// Every container that takes part, as each root deploys it, and every other place with a policy.
    pub fn subjects(&self, bounds: &Bounds<'_>) -> Subjects {
        self.gather(None, bounds).0
    }

    /// As [`Self::subjects`]; only what differs from the last index is looked at.
    pub fn gather(&self, last: Option<Last<'_>>, bounds: &Bounds<'_>) -> (Subjects, Shares) {
        let nothing = BTreeSet::new();
        let holds = |last: &Last<'_>| last.shares.count == last.subjects.list.len() && !last.shares.is_over;
        let (shares, touched, again) = match last.filter(holds) {
            Some(last) => (last.shares, last.touched, Again::new(last.subjects)),
            None => (Shares::default(), &nothing, Again::default()),
        };
        let goes_on = shares.count > 0;
        let roots = self.whole().roots(shares.roots, touched);
        let (subjects, shares) = gather(&self.files, roots, OfFiles { known: shares.files, touched }, again, bounds);
        if goes_on && shares.is_over { self.gather(None, bounds) } else { (subjects, shares) }
    }

    /// As [`Self::subjects`], after something was changed in what is deployed.
    ///
    /// # Errors
    /// What `change` fails with.
    pub(super) fn subjects_with<E>(&self, bounds: &Bounds<'_>, mut change: impl FnMut(&mut Deployed<'_>) -> Result<(), E>) -> Result<Subjects, E> {
        let nothing = BTreeSet::new();
        let mut roots = self.whole().roots(Roots::default(), &nothing);
        for root in &mut roots {
            if let Standing::Built(found) = &mut root.standing {
                found.iter_mut().try_for_each(&mut change)?;
            }
        }
        Ok(gather(&self.files, roots, OfFiles { known: vec![], touched: &nothing }, Again::default(), bounds).0)
    }
}

/// What comments and labels rule in files, as the last index knew it.
struct OfFiles<'t> {
    known: Vec<(Box<str>, Share)>,
    touched: &'t BTreeSet<String>,
}

/// A file in which comments or labels rule something.
struct Ruled<'f> {
    path: &'f str,
    file: &'f File,
    /// Its share, where that still holds.
    known: Option<Share>,
    stands: bool,
    /// What comments rule in it that no root deploys as it stands.
    alone: Vec<Deployed<'f>>,
}

/// Every container that takes part, as each root deploys it, then what only a comment or a label rules.
fn gather(
    files: &BTreeMap<String, File>,
    roots: Vec<Root<'_, Share>>,
    of_files: OfFiles<'_>,
    mut again: Again,
    bounds: &Bounds<'_>,
) -> (Subjects, Shares) {
    let standing = roots.iter().filter(|root| root.stands()).map(|root| root.name).collect();
    let ruled = of_files.ruled(files, &standing);
    let mut gathering = Gathering::new(bounds);
    let mut of_roots = vec![];
    for root in &roots {
        let start = gathering.subjects.list.len();
        match &root.standing {
            Standing::Same(share) => again.take(&share.range, &mut gathering),
            Standing::Built(found) => found.iter().for_each(|deployed| gathering.workload(deployed)),
        }
        of_roots.push(Share { range: start..gathering.subjects.list.len(), stands: root.stands() });
    }
    let mut of_files = vec![];
    for Ruled { path, file, known, stands, alone } in &ruled {
        let start = gathering.subjects.list.len();
        if let Some(share) = known {
            again.take(&share.range, &mut gathering);
        } else {
            for deployed in alone {
                gathering.workload(deployed);
            }
            for place in &file.places {
                gathering.place(path, file, place);
            }
        }
        of_files.push(((*path).into(), Share { range: start..gathering.subjects.list.len(), stands: *stands }));
    }
    let Gathering { subjects, is_over, .. } = gathering;
    let built = roots.iter().filter(|root| matches!(root.standing, Standing::Built(_))).count();
    let shares = Shares { roots: Roots::of(roots.into_iter().zip(of_roots)), files: of_files, count: subjects.list.len(), built, is_over };
    (subjects, shares)
}

impl OfFiles<'_> {
    fn ruled<'f>(self, files: &'f BTreeMap<String, File>, standing: &BTreeSet<&str>) -> Vec<Ruled<'f>> {
        let mut known = self.known.into_iter().peekable();
        let mut ruled = vec![];
        for (path, file) in files.iter().filter(|(_, file)| file.is_ruled()) {
            let stands = standing.contains(path.as_str());
            while known.next_if(|(name, _)| **name < **path).is_some() {}
            let is_same = |(name, share): &(Box<str>, Share)| **name == **path && share.stands == stands && !self.touched.contains(path);
            let known = known.next_if(is_same).map(|(_, share)| share);
            let alone = if known.is_some() || stands { vec![] } else { by_comment(path, file) };
            ruled.push(Ruled { path, file, known, stands, alone });
        }
        ruled
    }
}

impl Root<'_, Share> {
    /// Whether it is a file that is deployed as it stands.
    fn stands(&self) -> bool {
        match &self.standing {
            Standing::Same(share) => share.stands,
            Standing::Built(found) => found.iter().any(|deployed| deployed.built.is_none()),
        }
    }
}

/// The subjects of the last index, in their order.
#[derive(Default)]
struct Again {
    subjects: std::vec::IntoIter<Subject>,
    /// How many of them are taken or left.
    at: usize,
    /// The questions, until they are asked again.
    questions: Vec<Option<Asked>>,
    /// Their places among those of this index.
    places: Vec<usize>,
}

impl Again {
    fn new(subjects: Subjects) -> Self {
        let Subjects { list, questions } = subjects;
        Self { subjects: list.into_iter(), at: 0, places: vec![0; questions.len()], questions: questions.into_iter().map(Some).collect() }
    }

    /// Adds a share of them, behind the one before.
    fn take(&mut self, range: &Range<usize>, gathering: &mut Gathering<'_>) {
        self.subjects.by_ref().take(range.start - self.at).for_each(drop);
        self.at = range.end;
        for mut subject in self.subjects.by_ref().take(range.len()) {
            if let State::Asks(at) = &mut subject.state {
                if let Some(asked) = self.questions[*at].take() {
                    // Of one question too many all is gathered anew.
                    self.places[*at] = gathering.question(Asked { rolled_back: vec![], ..asked }).unwrap_or_default();
                }
                *at = self.places[*at];
            }
            gathering.subjects.list.push(subject);
        }
    }
}
