//! Two trees compared along some paths: folders that are equal, and those on no path, are not read.

use std::collections::BTreeMap;

use git2::{ErrorCode, ObjectType, Oid, Repository, Tree, TreeEntry};

use super::tree::BlobId;

/// A file's bytes before and after a commit; `None` where there is no such file.
pub type Change = (Option<BlobId>, Option<BlobId>);

/// Compares the trees of commits that follow each other: each tree is read once.
pub(super) struct Along<'r> {
    repository: &'r Repository,
    /// The tree of each folder that was read last: what a commit found there is what the one before it left.
    last: BTreeMap<String, Tree<'r>>,
}

/// An entry before and after, where either is there.
type Pair<'t> = (Option<TreeEntry<'t>>, Option<TreeEntry<'t>>);

impl<'r> Along<'r> {
    pub(super) fn new(repository: &'r Repository) -> Self {
        Self { repository, last: BTreeMap::new() }
    }

    /// The files of `paths`, which are sorted, that differ between two root trees.
    pub(super) fn changes(&mut self, before: Option<Oid>, after: Option<Oid>, paths: &[&str]) -> Result<Vec<(String, Change)>, git2::Error> {
        let mut found = Vec::new();
        self.folder("", (before, after), paths, &mut found)?;
        Ok(found)
    }

    fn folder(
        &mut self,
        folder: &str,
        (before, after): (Option<Oid>, Option<Oid>),
        paths: &[&str],
        found: &mut Vec<(String, Change)>,
    ) -> Result<(), git2::Error> {
        if before == after || paths.is_empty() {
            return Ok(());
        }
        // The newer one is what the last commit found, where nobody changed it in between.
        let after = after.map(|id| self.tree(folder, id)).transpose()?;
        let before = before.map(|id| self.tree(folder, id)).transpose()?;
        for (before, after) in differing(before.as_ref(), after.as_ref()) {
            let Some(name) = after.as_ref().or(before.as_ref()).and_then(|entry| std::str::from_utf8(entry.name_bytes()).ok()) else { continue };
            let path = format!("{folder}{name}");
            if paths.binary_search(&&*path).is_ok() {
                let (before, after) = (blob(before.as_ref()), blob(after.as_ref()));
                if before != after {
                    found.push((path.clone(), (before, after)));
                }
            }
            let inside = format!("{path}/");
            let first = paths.partition_point(|one| *one < &*inside);
            let count = paths[first..].partition_point(|one| one.starts_with(&inside));
            self.folder(&inside, (subtree(before.as_ref()), subtree(after.as_ref())), &paths[first..first + count], found)?;
        }
        if let Some(before) = before {
            self.last.insert(folder.to_owned(), before);
        }
        Ok(())
    }

    fn tree(&mut self, folder: &str, id: Oid) -> Result<Tree<'r>, git2::Error> {
        match self.last.remove(folder).filter(|tree| tree.id() == id) {
            Some(tree) => Ok(tree),
            None => self.repository.find_tree(id),
        }
    }
}

/// The entries that are not the same in two trees.
fn differing<'t>(before: Option<&'t Tree<'_>>, after: Option<&'t Tree<'_>>) -> Vec<Pair<'t>> {
    let mut sides = (before.into_iter().flat_map(Tree::iter).peekable(), after.into_iter().flat_map(Tree::iter).peekable());
    let mut pairs = Vec::new();
    loop {
        // Git's own order, in which a folder's name ends with a slash.
        let order = match (sides.0.peek(), sides.1.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(before), Some(after)) => before.cmp(after),
        };
        let pair = (if order.is_le() { sides.0.next() } else { None }, if order.is_ge() { sides.1.next() } else { None });
        if pair.0.as_ref().map(TreeEntry::id) != pair.1.as_ref().map(TreeEntry::id) {
            pairs.push(pair);
        }
    }
}

fn blob(entry: Option<&TreeEntry<'_>>) -> Option<BlobId> {
    entry.filter(|entry| entry.kind() == Some(ObjectType::Blob)).map(|entry| BlobId(entry.id()))
}

fn subtree(entry: Option<&TreeEntry<'_>>) -> Option<Oid> {
    entry.filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(TreeEntry::id)
}

/// The bytes of a file of a tree.
pub(super) fn file(tree: &Tree<'_>, path: &str) -> Result<Option<BlobId>, git2::Error> {
    match tree.get_path(path.as_ref()) {
        Ok(entry) => Ok(blob(Some(&entry))),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
