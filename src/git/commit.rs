//! Commits.

use std::{collections::BTreeMap, sync::Arc};

use git2::{ObjectType, Oid, Repository, Time};
use jiff::Timestamp;

use super::{error::WriteError, sign::Signer, tree};

/// Who commits, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// The moment, written in UTC.
    pub time: Timestamp,
}

/// What a commit says; author and committer are one.
#[derive(Clone, Debug)]
pub struct NewCommit {
    /// The whole message.
    pub message: String,
    /// Who and when.
    pub signature: Signature,
    /// What signs it.
    pub signer: Option<Arc<Signer>>,
}

/// New bytes by path, and the commit that they make.
pub type NewStep<'a> = (&'a BTreeMap<String, Vec<u8>>, &'a NewCommit);

/// Commit objects, each on top of the one before and on no branch yet; `None` where nothing changes, else the last of them.
pub(super) fn build_series(repository: &Repository, name: &str, parent: Oid, series: &[NewStep<'_>]) -> Result<Option<Oid>, WriteError> {
    let mut tip = None;
    for (changes, commit) in series {
        tip = build(repository, name, tip.unwrap_or(parent), changes, commit)?.or(tip);
    }
    Ok(tip)
}

/// A commit object on `parent` with some files changed, on no branch yet; `None` where nothing changes.
fn build(
    repository: &Repository,
    name: &str,
    parent: Oid,
    changes: &BTreeMap<String, Vec<u8>>,
    commit: &NewCommit,
) -> Result<Option<Oid>, WriteError> {
    let tree = tree::rewritten(repository, name, parent, changes)?;
    with_tree(repository, name, parent, tree, commit)
}

/// A commit object with this tree; `None` where the parent has the same.
pub(super) fn with_tree(repository: &Repository, name: &str, parent: Oid, tree: Oid, commit: &NewCommit) -> Result<Option<Oid>, WriteError> {
    let signature = signature(&commit.signature)?;
    let content = || {
        let parent = repository.find_commit(parent)?;
        if parent.tree_id() == tree {
            return Ok(None);
        }
        let tree = repository.find_tree(tree)?;
        repository.commit_create_buffer(&signature, &signature, &commit.message, &tree, &[&parent]).map(Some)
    };
    let failed = |error: git2::Error| tree::failed(name, &error);
    let Some(content) = content().map_err(failed)? else { return Ok(None) };
    let written = match &commit.signer {
        None => repository.odb().and_then(|objects| objects.write(ObjectType::Commit, &content)),
        Some(signer) => signed(repository, &content, signer)?,
    };
    written.map(Some).map_err(failed)
}

/// The commit object of this content, signed.
fn signed(repository: &Repository, content: &[u8], signer: &Signer) -> Result<Result<Oid, git2::Error>, WriteError> {
    let unsigned = |reason| WriteError::Unsigned { key: signer.path().to_owned(), reason };
    let text = std::str::from_utf8(content).map_err(|error| unsigned(error.to_string()))?;
    let signature = signer.sign(content).map_err(unsigned)?;
    Ok(repository.commit_signed(text, &signature, None))
}

/// The author and committer as Git takes them.
pub(super) fn signature(signature: &Signature) -> Result<git2::Signature<'static>, WriteError> {
    let Signature { name, email, time } = signature;
    git2::Signature::new(name, email, &Time::new(time.as_second(), 0)).map_err(|error| WriteError::Signature {
        name: name.clone(),
        email: email.clone(),
        reason: error.message().to_owned(),
    })
}
