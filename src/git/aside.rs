//! A push branch: it takes the commits in place of the branch that is read.

use git2::{Oid, Repository};

use super::tree::{CommitId, Listed, Tip};
use crate::plan::trailer::is_ours;

/// A branch with more commits of its own is somebody's.
const MOST: usize = 500;

/// The branches that a cycle is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Branches<'a> {
    /// The one that is read; `None` is the repository's own.
    pub read: Option<&'a str>,
    /// The one that takes the commits, where it is another.
    pub push: Option<&'a str>,
}

/// A push branch that holds only our commits, or none: it is made of the branch that was read and ours, each time anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Its name.
    pub branch: String,
    /// Where it stands; `None` while it does not exist.
    pub stands: Option<CommitId>,
}

/// A branch and where it stands.
pub(super) type Standing<T> = (String, T);

/// A push branch, where there is one, and where it stands, where it does.
pub(super) type Push = Option<Standing<Option<Oid>>>;

impl<'a> Branches<'a> {
    /// One that is read and takes the commits.
    pub fn one(read: Option<&'a str>) -> Self {
        Self { read, push: None }
    }

    /// The push branch, where `read` is another, and where `find` says that it stands.
    pub(super) fn aside(&self, read: &str, find: impl Fn(&str) -> Option<Oid>) -> Push {
        let push = self.push.map(short).filter(|push| *push != read)?;
        Some((push.to_owned(), find(push)))
    }
}

/// The name of a branch without the `refs/heads/` that it may be written with.
pub(super) fn short(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

/// The tip to plan on: that of the branch that is read, or that of its push branch once somebody else has committed there.
pub(super) fn tip(repository: &Repository, known: &Listed, read: Standing<Oid>, push: Push) -> Result<Tip, git2::Error> {
    let under = read.1;
    let tip = listed(repository, known, read)?;
    Ok(match push {
        None => tip,
        Some((branch, Some(stands))) if !is_ours_alone(repository, stands, under)? => {
            Tip { under: Some(Box::new(tip)), ..listed(repository, known, (branch, stands))? }
        }
        Some((branch, stands)) => Tip { aside: Some(Aside { branch, stands: stands.map(CommitId) }), ..tip },
    })
}

/// Whether the branches stand where a tip has them.
pub(super) fn stands(tip: &Tip, read: Oid, push: Option<&Standing<Option<Oid>>>) -> bool {
    let push = push.and_then(|(_, stands)| *stands).map(CommitId);
    match (&tip.under, &tip.aside) {
        (Some(under), _) => under.commit == Some(CommitId(read)) && tip.commit == push,
        (None, Some(aside)) => tip.commit == Some(CommitId(read)) && aside.stands == push,
        (None, None) => tip.commit == Some(CommitId(read)),
    }
}

fn listed(repository: &Repository, known: &Listed, (branch, commit): Standing<Oid>) -> Result<Tip, git2::Error> {
    let (files, skipped) = known.list(repository, commit)?;
    Ok(Tip { branch: Some(branch), commit: Some(CommitId(commit)), files, skipped, ..Tip::default() })
}

/// Whether a branch ends in a commit of ours, and every commit that it has beyond another one is ours.
fn is_ours_alone(repository: &Repository, branch: Oid, beyond: Oid) -> Result<bool, git2::Error> {
    let ours = |id| repository.find_commit(id).map(|commit| is_ours(&String::from_utf8_lossy(commit.message_bytes())));
    let mut walk = repository.revwalk()?;
    walk.push(branch)?;
    walk.hide(beyond)?;
    for (count, id) in walk.enumerate() {
        if count == MOST || !ours(id?)? {
            return Ok(false);
        }
    }
    ours(branch)
}
