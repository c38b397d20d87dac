//! A cycle as `plan`, `apply` and `explain` run it: registries are asked at once.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Clock, Cycle, CycleError, Outcome, Planned, Unit, Watcher, Wrote,
    cycle::{Read, Tries},
    scan::{Inquiry, Scan},
};
use crate::{
    git::Write,
    plan::{
        Asked, Failure, Index, Plan, Subject, Subjects, explanation,
        listing::{self, Filter, Images, Workloads},
        report::{Explanation, Report, UnreadableFile},
    },
};

/// One cycle that waits for the registries; what was learnt is kept when the branch moves.
pub struct Command<'a> {
    cycle: Cycle,
    scan: Scan<'a>,
    watcher: &'a dyn Watcher,
}

/// What was found, and what could not be.
pub struct Listed<T> {
    /// What was found.
    pub found: T,
    /// Why registries could not be asked.
    pub failed: Vec<Failure>,
    /// The files that could not be read, templates too.
    pub unreadable: Vec<UnreadableFile>,
}

impl<'a> Command<'a> {
    /// Opens the repository; nothing is asked of anybody yet.
    ///
    /// # Errors
    /// The repository cannot be opened.
    pub fn open(unit: &Arc<Unit>, inquiry: &'a Inquiry, clock: Clock, watcher: &'a dyn Watcher) -> Result<Self, CycleError> {
        let scan = Scan::new(inquiry, unit.patience, watcher);
        Ok(Self { cycle: Cycle::open(Arc::clone(unit), clock, &inquiry.memory)?, scan, watcher })
    }

    /// The same, but it also knows the files that ask for nothing: for those who list, or ask about any workload.
    #[must_use]
    pub fn reading_all(self) -> Self {
        Self { cycle: self.cycle.reading_all(), ..self }
    }

    /// Decides, and writes nothing.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn plan(&mut self) -> Result<Outcome, CycleError> {
        let (read, planned) = self.decide().await?;
        self.tidy();
        Ok(self.cycle.outcome(&read, planned, None))
    }

    /// What happened to the repository beside what was asked, a sentence each.
    pub fn news(&self) -> Vec<String> {
        self.cycle.news()
    }

    /// Decides and writes; where the branch moved meanwhile, plans again on the new tip.
    ///
    /// # Errors
    /// The repository cannot be read or written. What a remote refuses for good is no error: the updates are held.
    pub async fn apply(&mut self, write: Write) -> Result<Outcome, CycleError> {
        let mut tries = Tries::default();
        loop {
            let (read, planned) = self.decide().await?;
            if planned.is_empty() {
                self.tidy();
                return Ok(self.cycle.outcome(&read, planned, None));
            }
            self.watcher.writing();
            match self.cycle.write(&read, planned, write)? {
                Wrote::Done(outcome) => return Ok(*outcome),
                Wrote::Again(error) => {
                    let pause = tries.pause(*error)?;
                    self.cycle.keep(read);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Decides about the workloads that `pick` chooses among all that the files hold, and tells the fate of every tag.
    ///
    /// # Errors
    /// The repository cannot be read, or `pick` chooses none.
    pub async fn explain<E: From<CycleError>>(
        &mut self,
        pick: impl FnOnce(&Index) -> Result<BTreeSet<(String, String)>, E>,
    ) -> Result<(Explanation, Report), E> {
        let Read { tip, found, mut subjects, .. } = self.read()?;
        let wanted = pick(&found.index)?;
        // What stands beside them in their files may share a place with them.
        let is_wanted = |subject: &Subject| wanted.contains(&(subject.root.clone(), subject.workload.clone()));
        let files: BTreeSet<String> = subjects.list.iter().filter(|subject| is_wanted(subject)).map(|subject| subject.file.clone()).collect();
        subjects.keep(|subject| files.contains(&subject.file));
        let now = self.cycle.now();
        let answers = self.scan.answers(&subjects, now).await;
        let builds = self.cycle.builds(&subjects, &answers);
        let plan = Plan::new(&found.index, &subjects, &answers, &builds);
        let explanation = explanation(&plan, &subjects, self.scan.knowledge(), now, &wanted);
        Ok((explanation, plan.report(self.cycle.head(&tip))))
    }

    /// Lists every image that fits, from Git alone.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn images(&mut self, filter: &Filter, available: Option<usize>) -> Result<Listed<Images>, CycleError> {
        let Read { found, subjects, .. } = self.read()?;
        let mut listed = listing::images(&found.index, &subjects, filter);
        let mut failed = vec![];
        if let Some(newest) = available {
            let (places, questions): (Vec<usize>, Vec<Asked>) = listed.questions(&subjects).into_iter().unzip();
            let now = self.cycle.now();
            let subjects = Subjects { list: vec![], questions };
            for (place, tags) in places.into_iter().zip(self.scan.newest(&subjects, newest, now).await) {
                match tags {
                    Ok(tags) => listed.images[place].available = Some(tags),
                    Err(failure) => failed.push(failure),
                }
            }
        }
        Ok(Listed { found: listed, failed, unreadable: found.index.unreadable() })
    }

    /// Lists every workload that fits, from Git alone.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn workloads(&mut self, filter: &Filter) -> Result<Listed<Workloads>, CycleError> {
        let Read { found, subjects, .. } = self.read()?;
        Ok(Listed { found: listing::workloads(&found.index, &subjects, filter), failed: vec![], unreadable: found.index.unreadable() })
    }

    /// Puts in order what has waited for a quiet moment; what cannot be put in order waits for another one.
    fn tidy(&self) {
        let _later = self.cycle.tidy();
    }

    async fn decide(&mut self) -> Result<(Read, Planned), CycleError> {
        let mut read = self.read()?;
        let answers = self.scan.answers(&read.subjects, self.cycle.now()).await;
        let planned = self.cycle.plan(&read, &answers)?;
        // The questions of a large fleet weigh as much as its plan, and nobody asks them again.
        read.subjects = Subjects::default();
        Ok((read, planned))
    }

    fn read(&mut self) -> Result<Read, CycleError> {
        self.watcher.reading();
        self.cycle.read()
    }
}
