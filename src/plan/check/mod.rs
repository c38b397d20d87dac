//! What a person may want to change in a repository, found without asking anybody.
//!
//! # Shape
//!
//! ```text
//! annotations  what the annotations of one object say and cannot mean
//! deployed     what becomes of workloads where they are deployed
//! places       what one place feeds, and who opens its registry
//! wanted       places that updates of several roots would meet in
//! finding      the codes, and how bad each is
//! ```

mod annotations;
mod deployed;
mod finding;
mod places;
mod wanted;

use std::collections::BTreeMap;

pub use finding::{Finding, FindingCode, Fix, Severity};

use super::{Bounds, Index};
use crate::{
    image::Repository,
    manifest::{File, Unreadable, UnreadableKind, inspect::Inspection, splice},
};

/// All that a linter looks at.
pub struct Evidence<'a> {
    /// The parsed files.
    pub index: &'a Index,
    /// What else stands in those that have something of ours, by path.
    pub inspected: &'a BTreeMap<String, Inspection>,
    /// Annotated workloads in files that are ignored.
    pub ignored: &'a [Hidden],
    /// What may be written and looked up.
    pub bounds: &'a Bounds<'a>,
    /// What opens the registry of a repository.
    pub opens: &'a dyn Fn(&Repository) -> Opening,
}

/// An annotated workload in a file that is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The file.
    pub path: String,
    /// The workload's line, from 1.
    pub line: u32,
    /// `namespace:kind/name`; outside workloads the name of the image's place.
    pub workload: String,
}

/// What opens the registry of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A credential, or nothing that anybody has to care about.
    Open,
    /// Nobody configured a credential.
    Nobody,
    /// The credential below this prefix serves other repositories in Git only.
    Elsewhere {
        /// The prefix of the entry.
        prefix: String,
    },
    /// The registry may not be asked at all.
    Unlisted,
}

/// Every finding, the worst first, then by file and line.
pub fn findings(evidence: &Evidence<'_>) -> Vec<Finding> {
    let subjects = evidence.index.subjects(evidence.bounds);
    let layout = deployed::Layout::of(evidence.index, evidence.bounds.presets);
    let mut found = layout.objects(evidence.inspected);
    found.extend(layout.held());
    found.extend(layout.remarks());
    found.extend(deployed::containers(evidence.index, &subjects));
    found.extend(layout.jobs());
    found.extend(layout.twice());
    found.extend(places::shared(evidence.index, &subjects));
    found.extend(wanted::twice(evidence.index, &subjects));
    found.extend(places::outside(&subjects));
    found.extend(places::closed(&subjects, evidence.opens));
    found.extend(evidence.ignored.iter().map(hidden));
    found.extend(evidence.index.faults().iter().filter(|file| file.kind == UnreadableKind::Broken).map(unreadable));
    let key = |found: &Finding| (found.severity, found.file.clone(), found.line, found.column, found.code, found.message.clone());
    found.sort_by_key(key);
    found.dedup_by(|next, kept| key(next) == key(kept));
    found.iter_mut().filter(|finding| !(evidence.bounds.writes)(&finding.file)).for_each(|finding| finding.fix = None);
    found
}

impl Hidden {
    /// The workloads of an ignored file that take part, and other images with a policy.
    pub fn among(path: &str, file: &File) -> Vec<Self> {
        let workloads =
            file.workloads.iter().filter(|workload| deployed::takes_part(workload)).map(|workload| (workload.line, workload.id.to_string()));
        let places = file.places.iter().filter(|place| place.policy.is_some() || annotations::is_labelled(place));
        let places = places.map(|place| (place.line, place.alias.clone()));
        workloads.chain(places).map(|(line, workload)| Self { path: path.to_owned(), line, workload }).collect()
    }
}

/// The file with the one right answer to each of its findings that can be written, and those findings.
pub fn mend(path: &str, before: &[u8], findings: &[Finding]) -> (Vec<u8>, Vec<Finding>) {
    let write = |findings: &[&Finding]| {
        let changes: Vec<_> = findings.iter().filter_map(|finding| finding.fix.as_ref()).map(|fix| fix.change.clone()).collect();
        splice::change(path, before, &changes)
    };
    let mut kept: Vec<&Finding> = findings.iter().filter(|finding| finding.file == path && finding.fix.is_some()).collect();
    let mut after = write(&kept);
    if after.is_err() {
        // What cannot be written does not stop its neighbours.
        kept.retain(|finding| write(&[finding]).is_ok());
        after = write(&kept);
    }
    match after {
        Ok(after) => (after, kept.into_iter().cloned().collect()),
        Err(_) => (before.to_vec(), vec![]),
    }
}

fn hidden(hidden: &Hidden) -> Finding {
    let message = format!("{} is annotated, and `.tagalongignore` hides it", hidden.workload);
    Finding::new(FindingCode::Ignored, &hidden.path, hidden.line, message).of(&hidden.workload)
}

fn unreadable(file: &Unreadable) -> Finding {
    let code = if file.annotated { FindingCode::UnreadableAnnotated } else { FindingCode::Unreadable };
    let found = Finding::new(code, &file.path, file.line, format!("the file cannot be read: {}", file.reason));
    Finding { hint: file.hint(), ..found }
}

#[cfg(test)]
mod tests;
