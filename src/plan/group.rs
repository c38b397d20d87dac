//! Which updates share a commit.

use std::collections::BTreeMap;

use super::{decide::Plan, report::Record};
use crate::{manifest::splice, policy::List};

/// What one commit holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Group {
    /// Every update that is due.
    #[default]
    All,
    /// The updates of one workload.
    Workload,
    /// The updates of one image.
    Image,
}

/// One commit of several: what it updates, and the files that it writes, with all that those before it wrote.
#[derive(Clone, Debug)]
pub struct Step<'p> {
    /// What it updates.
    pub updates: Vec<&'p Record>,
    /// New bytes by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Group {
    fn key(self, record: &Record) -> (&str, &str) {
        match self {
            Self::All => ("", ""),
            Self::Workload => (&record.root, &record.workload),
            Self::Image => (record.image.as_deref().unwrap_or_default(), ""),
        }
    }
}

impl Plan {
    /// The commits that write the plan one after the other; what shares a scalar shares a commit.
    ///
    /// # Shape
    /// `before` has the bytes of every file that the plan edits. The last commit leaves what [`Plan::edit`] makes of them. One commit, where the
    /// files cannot be written in steps.
    pub fn steps(&self, group: Group, before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> Vec<Step<'_>> {
        let whole = || vec![Step { updates: self.updates().collect(), files: after.clone() }];
        if group == Group::All {
            return whole();
        }
        let steps = self.number(group);
        let mut order: Vec<usize> = steps.values().copied().collect();
        order.sort_unstable();
        order.dedup();
        order.iter().map(|&step| self.step(step, &steps, before)).collect::<Option<Vec<_>>>().unwrap_or_else(whole)
    }

    /// The commit of each update, by its place among the records.
    fn number(&self, group: Group) -> BTreeMap<usize, usize> {
        let mut keys: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (at, record) in self.records.iter().enumerate().filter(|(_, record)| record.code.list() == List::Updates) {
            keys.entry(group.key(record)).or_default().push(at);
        }
        let mut steps: BTreeMap<usize, usize> = keys.values().enumerate().flat_map(|(step, ats)| ats.iter().map(move |&at| (at, step))).collect();
        for planned in self.changes.values().flatten() {
            let shared: Vec<usize> = planned.records.iter().filter_map(|at| steps.get(at).copied()).collect();
            let Some(&first) = shared.iter().min() else { continue };
            if shared.iter().any(|&step| step != first) {
                steps.values_mut().filter(|step| shared.contains(step)).for_each(|step| *step = first);
            }
        }
        steps
    }

    /// What one commit writes on top of those before it; `None` where its changes cannot be made without later ones.
    fn step(&self, step: usize, steps: &BTreeMap<usize, usize>, before: &BTreeMap<String, Vec<u8>>) -> Option<Step<'_>> {
        let mut files = BTreeMap::new();
        for (path, planned) in &self.changes {
            let step_of = |records: &[usize]| records.iter().filter_map(|at| steps.get(at)).min().copied();
            if planned.iter().any(|planned| step_of(&planned.records) == Some(step)) {
                let made = planned.iter().filter(|planned| step_of(&planned.records).is_some_and(|other| other <= step));
                let changes: Vec<_> = made.map(|planned| planned.change.clone()).collect();
                files.insert(path.clone(), splice::change(path, before.get(path)?, &changes).ok()?);
            }
        }
        let updates = steps.iter().filter(|(_, other)| **other == step).map(|(&at, _)| &self.records[at]).collect();
        Some(Step { updates, files })
    }
}
