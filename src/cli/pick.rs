//! Which workload a person means.

use std::collections::BTreeSet;

use super::error::{CommandError, Roots};
use crate::{manifest::WorkloadId, plan::Index};

/// How near a name must be to be suggested.
const NEAR: f64 = 0.7;

/// A workload as it is typed.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// An id, or a tail of one.
    pub workload: &'a str,
    /// The root that is meant.
    pub root: Option<&'a str>,
    /// Whether every root is meant that holds it.
    pub all_roots: bool,
}

/// The root and id of each workload that is meant.
///
/// # Errors
/// It is none, or several that nothing tells apart.
pub fn pick(index: &Index, choice: Choice<'_>) -> Result<BTreeSet<(String, String)>, CommandError> {
    let wanted = choice.workload;
    let all: Vec<(String, String)> = index.deployed().into_iter().map(|(root, id, _)| (root, id.to_string())).collect();
    let in_root = |root: &str| choice.root.is_none_or(|wanted| root == wanted.trim_end_matches('/') || wanted == "./" && root == ".");
    let (found, elsewhere): (BTreeSet<_>, BTreeSet<_>) =
        all.iter().filter(|(_, id)| WorkloadId::is_tail(id, wanted)).cloned().partition(|(root, _)| in_root(root));
    let ids: BTreeSet<&str> = found.iter().map(|(_, id)| id.as_str()).collect();
    let ambiguous = |roots, found: Vec<String>| Err(CommandError::Ambiguous { wanted: wanted.to_owned(), found, roots });
    match (ids.len(), found.len()) {
        (0, _) if !elsewhere.is_empty() => Err(CommandError::NotInRoot {
            wanted: wanted.to_owned(),
            root: choice.root.unwrap_or_default().to_owned(),
            roots: elsewhere.into_iter().map(|(root, _)| root).collect(),
        }),
        (0, _) => {
            let mut near: Vec<(f64, &str)> =
                all.iter().map(|(_, id)| (similarity(id, wanted), id.as_str())).filter(|(score, _)| *score > NEAR).collect();
            near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
            near.dedup();
            Err(CommandError::NoWorkload { wanted: wanted.to_owned(), near: near.into_iter().take(3).map(|(_, id)| format!("`{id}`")).collect() })
        }
        (1, 1) => Ok(found),
        (1, _) if choice.all_roots => Ok(found),
        (1, _) => ambiguous(Roots::Differ, found.into_iter().map(|(root, id)| format!("{id} in {root}")).collect()),
        _ => ambiguous(Roots::Same, ids.into_iter().map(str::to_owned).collect()),
    }
}

/// How near what was typed comes to an id, or to the same tail of it.
fn similarity(id: &str, wanted: &str) -> f64 {
    let tails = std::iter::once(id).chain(id.match_indices([':', '/']).map(|(at, _)| &id[at + 1..]));
    tails.map(|tail| strsim::jaro_winkler(tail, wanted)).fold(0.0, f64::max)
}
