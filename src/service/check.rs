//! The linter of one repository: it reads, asks no registry, and writes only what has one right answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    CycleError, Memory, Unit,
    reading::{FILE_BYTES, Found, Reading},
};
use crate::{
    config,
    git::{self, Content, NewCommit, ReadError, Signature, Source, Tip, Write},
    image::Repository,
    manifest::{
        self, Scope,
        inspect::{Inspection, inspect, is_marked},
    },
    plan::{
        Bounds, Index,
        check::{Evidence, Finding, Hidden, Opening, findings, mend},
        diff,
    },
};

/// The linter of one repository.
pub struct Checking<'a> {
    unit: Arc<Unit>,
    source: Source,
    memory: Memory,
    opens: &'a dyn Fn(&Repository) -> Opening,
}

/// What a linter found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The repository's name.
    pub repository: String,
    /// The branch that was read.
    pub branch: Option<String>,
    /// The commit that was read.
    pub commit: Option<String>,
    /// How many workloads the files hold.
    pub workloads: usize,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What was fixed, or would be.
    pub fixed: Vec<Finding>,
    /// The fixes as a unified diff.
    pub diff: Vec<u8>,
}

/// What is done about findings with one right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mending {
    /// Nothing.
    Show,
    /// The files of the work tree are edited.
    Write,
}

/// Everything that was read.
struct Read {
    tip: Tip,
    workloads: usize,
    findings: Vec<Finding>,
}

/// New bytes by path, and what they answer.
#[derive(Default)]
struct Mended {
    changes: BTreeMap<String, Vec<u8>>,
    fixed: Vec<Finding>,
    diff: Vec<u8>,
}

impl<'a> Checking<'a> {
    /// Opens the repository; `opens` tells what opens an image's registry.
    ///
    /// # Errors
    /// The repository cannot be opened.
    pub fn open(unit: &Arc<Unit>, memory: Memory, opens: &'a dyn Fn(&Repository) -> Opening) -> Result<Self, CycleError> {
        let source = Source::open(&unit.location, &unit.access)?;
        Ok(Self { unit: Arc::clone(unit), source, memory, opens })
    }

    /// Whether there are files on disk that can be edited.
    pub fn is_work_tree(&self) -> bool {
        matches!(self.source, Source::WorkTree(_))
    }

    /// Looks at everything; where it writes, what is left is found anew.
    ///
    /// # Errors
    /// The repository cannot be read or written.
    pub fn check(&mut self, mending: Mending, now: Timestamp) -> Result<Checked, CycleError> {
        let mut read = self.read()?;
        let mut mended = self.mended(&read)?;
        match mending {
            Mending::Show => mended.fixed.clear(),
            Mending::Write if mended.changes.is_empty() => {}
            Mending::Write => {
                self.source.write(&read.tip, &mended.changes, &self.commit(now), Write::Files)?;
                read = self.read()?;
            }
        }
        let Read { tip, workloads, findings } = read;
        Ok(Checked {
            repository: self.unit.repository.name.clone(),
            branch: tip.branch,
            commit: tip.commit.map(|commit| commit.to_string()),
            workloads,
            findings,
            fixed: mended.fixed,
            diff: mended.diff,
        })
    }

    fn read(&mut self) -> Result<Read, CycleError> {
        let config::Repository { branch, paths, .. } = &self.unit.repository;
        let tip = self.source.read(branch.as_deref())?;
        let Found { index, scope, .. } = Reading::all(&self.unit.kinds, self.memory.clone()).index(&self.source, &tip)?;
        let inspected = self.inspected(&tip, &index)?;
        let ignored = self.ignored(&tip, &scope)?;
        let bounds =
            Bounds { writes: &|path| paths.allow(path), scans: &|repository| self.unit.images.admits(repository), presets: &self.unit.presets };
        let findings = findings(&Evidence { index: &index, inspected: &inspected, ignored: &ignored, bounds: &bounds, opens: self.opens });
        Ok(Read { tip, workloads: index.workloads(), findings })
    }

    /// What stands in the files that hold anything of ours.
    fn inspected(&self, tip: &Tip, index: &Index) -> Result<BTreeMap<String, Inspection>, ReadError> {
        let mut found = BTreeMap::new();
        for file in tip.files.iter() {
            let Some(parsed) = index.files().get(&file.path) else { continue };
            // A file that changed meanwhile and cannot be read any more is told by the next run.
            if let Some(bytes) = self.marked(file)?
                && let Ok(inspection) = inspect(&file.path, &bytes, &self.unit.kinds, parsed)
            {
                found.insert(file.path.clone(), inspection);
            }
        }
        Ok(found)
    }

    fn ignored(&self, tip: &Tip, scope: &Scope) -> Result<Vec<Hidden>, ReadError> {
        let mut found = vec![];
        for file in tip.files.iter().filter(|file| scope.hides(&file.path)) {
            if let Some(bytes) = self.marked(file)?
                && let Ok(parsed) = manifest::read(&file.path, &bytes, &self.unit.kinds)
            {
                found.extend(Hidden::among(&file.path, &parsed));
            }
        }
        Ok(found)
    }

    /// The bytes of a file, if they hold a mark of ours.
    fn marked(&self, file: &git::File) -> Result<Option<Vec<u8>>, ReadError> {
        match self.source.content(file, FILE_BYTES)? {
            Content::Bytes(bytes) => Ok(is_marked(&bytes).then_some(bytes)),
            Content::TooLarge { .. } => Ok(None),
        }
    }

    fn mended(&self, read: &Read) -> Result<Mended, ReadError> {
        let mut mended = Mended::default();
        let paths: BTreeSet<&str> = read.findings.iter().filter(|finding| finding.fix.is_some()).map(|finding| finding.file.as_str()).collect();
        for file in read.tip.files.iter().filter(|file| paths.contains(file.path.as_str())) {
            let Content::Bytes(before) = self.source.content(file, FILE_BYTES)? else { continue };
            let (after, fixed) = mend(&file.path, &before, &read.findings);
            if after != before {
                mended.diff.extend(diff::unified(&file.path, &before, &after));
                mended.changes.insert(file.path.clone(), after);
                mended.fixed.extend(fixed);
            }
        }
        Ok(mended)
    }

    fn commit(&self, now: Timestamp) -> NewCommit {
        let settings = &self.unit.repository.commit;
        let signature = Signature { name: settings.name.clone(), email: settings.email.clone(), time: now };
        NewCommit { message: "Mend annotations\n".to_owned(), signature, signer: None }
    }
}
