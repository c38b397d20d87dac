//! Decisions × places → records and edits.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    index::Index,
    link::Builds,
    place::Planned,
    report::{Candidate, ExplainedContainer, ExplainedWorkload, Explanation, Record, Report, Version},
    subject::{Asked, Held, Layer, State, Subject, Subjects, View},
};
use crate::{
    image::Reference,
    manifest::splice::{self, Change, EditRefused},
    policy::{
        Blame, Code, List,
        decision::{Decision, Listing, Question, decide, explain, next_moment},
        record::{Metadata, TagRecord},
    },
};

/// What is known of a repository.
#[derive(Clone, Debug)]
pub enum Known {
    /// Its tags.
    Listed {
        /// Each tag once.
        records: Vec<TagRecord>,
        /// Whether the list can be believed.
        listing: Listing,
    },
    /// It could not be listed.
    Failed(Failure),
    /// It was not listed yet.
    Waiting,
}

/// Why a registry could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub code: Code,
    /// The reason in one sentence.
    pub reason: String,
    /// Who has to act.
    pub blame: Blame,
    /// What to do next.
    pub hint: Option<String>,
}

/// All that is known, by what is asked of it.
pub type Knowledge = BTreeMap<View, Known>;

/// Changes by file, and the records that they come from.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) records: Vec<Record>,
    pub(super) changes: BTreeMap<String, Vec<Planned>>,
}

/// What became of one question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It was decided; `needs` may be open.
    Decided(Decision),
    /// The registry could not be asked.
    Failed(Failure),
    /// The list is not there yet.
    Waiting,
}

impl Asked {
    /// Answers from what is known.
    pub fn answer(&self, knowledge: &Knowledge, now: Timestamp) -> Answer {
        match knowledge.get(&self.view()) {
            Some(Known::Listed { records, listing }) => Answer::Decided(decide(&self.question(records, *listing, now))),
            other => self.held_whatever_is_listed(now).map_or_else(
                || match other {
                    Some(Known::Failed(failure)) => Answer::Failed(failure.clone()),
                    _ => Answer::Waiting,
                },
                Answer::Decided,
            ),
        }
    }

    /// The decision from a list, and from when on it may be another one although nothing was learnt.
    pub fn decided(&self, records: &[TagRecord], listing: Listing, now: Timestamp) -> (Decision, Option<Timestamp>) {
        let question = self.question(records, listing, now);
        (decide(&question), next_moment(&question))
    }

    /// The decision where no list could change it: no tag without a pattern, a digest alone.
    pub fn held_whatever_is_listed(&self, now: Timestamp) -> Option<Decision> {
        let decision = decide(&self.question(&[], Listing::Trusted, now));
        matches!(decision.code, Code::DigestOnly | Code::NoExplicitPattern).then_some(decision)
    }

    fn question<'a>(&'a self, records: &'a [TagRecord], listing: Listing, now: Timestamp) -> Question<'a> {
        Question {
            policy: &self.policy,
            tag: self.tag.as_ref(),
            digest: self.digest.as_ref(),
            records,
            listing,
            wants: self.wants,
            now,
            remembered: None,
            rolled_back: &self.rolled_back,
        }
    }
}

impl Plan {
    /// Puts answers and places together.
    pub fn new(index: &Index, subjects: &Subjects, answers: &[Answer], builds: &Builds) -> Self {
        let records = subjects.list.iter().map(|subject| record(subject, answers, builds)).collect();
        let mut plan = Self { records, changes: BTreeMap::new() };
        plan.place(index, subjects);
        plan
    }

    /// The files to edit.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.changes.keys().map(String::as_str)
    }

    /// The changes of one file.
    fn changes(&self, path: &str) -> Vec<Change> {
        self.changes.get(path).into_iter().flatten().map(|planned| planned.change.clone()).collect()
    }

    /// The file with all changes that can be made; the others are held, and do not stop their neighbours.
    pub fn edit(&mut self, path: &str, before: &[u8]) -> Vec<u8> {
        let changes = self.changes(path);
        if let Ok(after) = splice::change(path, before, &changes) {
            return after;
        }
        for change in &changes {
            if let Err(refused) = splice::change(path, before, std::slice::from_ref(change)) {
                self.refuse(path, change, &refused);
            }
        }
        let kept = self.changes(path);
        match splice::change(path, before, &kept) {
            Ok(after) => after,
            Err(refused) => {
                for change in &kept {
                    self.refuse(path, change, &refused);
                }
                before.to_vec()
            }
        }
    }

    /// Holds what one change of a file would have updated.
    fn refuse(&mut self, path: &str, change: &Change, refused: &EditRefused) {
        let of_change = self.changes.get(path).into_iter().flatten().filter(|planned| planned.change == *change);
        let out = of_change.flat_map(|planned| planned.records.iter().copied()).collect();
        self.hold_with(path, out, &Held { code: refused.code, reason: refused.to_string(), hint: refused.hint() });
    }

    /// Holds some updates, by their places in the list of subjects.
    pub fn hold(&mut self, held: &[(usize, Held)]) {
        for (at, held) in held {
            let paths: Vec<String> = self.changes.keys().cloned().collect();
            for path in paths {
                self.hold_with(&path, BTreeSet::from([*at]), held);
            }
        }
    }

    /// Holds some updates with all that share a change with them.
    fn hold_with(&mut self, path: &str, mut out: BTreeSet<usize>, held: &Held) {
        let Some(planned) = self.changes.get_mut(path) else { return };
        // An image may need several changes: all are made, or none.
        loop {
            let (gone, kept): (Vec<_>, Vec<_>) = planned.drain(..).partition(|planned| planned.records.iter().any(|at| out.contains(at)));
            *planned = kept;
            if gone.is_empty() {
                break;
            }
            out.extend(gone.into_iter().flat_map(|planned| planned.records));
        }
        if planned.is_empty() {
            self.changes.remove(path);
        }
        for at in out {
            if self.records[at].code.list() == List::Updates {
                hold(&mut self.records[at], held.clone());
            }
        }
    }

    /// Holds every update, because the remote refused them all.
    pub fn refuse_all(&mut self, reason: &str, hint: Option<&str>) {
        self.changes.clear();
        for record in self.records.iter_mut().filter(|record| record.code.list() == List::Updates) {
            hold(record, Held { code: Code::PushRefused, reason: reason.to_owned(), hint: hint.map(str::to_owned) });
        }
    }

    /// The records of what is updated.
    pub fn updates(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| record.code.list() == List::Updates)
    }

    /// Every record in a report of this repository.
    pub fn report(self, mut report: Report) -> Report {
        for record in self.records {
            report.add(record);
        }
        report
    }
}

/// Everything that decides about the containers that `wanted` names.
pub fn explanation(plan: &Plan, subjects: &Subjects, knowledge: &Knowledge, now: Timestamp, wanted: &BTreeSet<(String, String)>) -> Explanation {
    let mut workloads: BTreeMap<(&str, &str), Vec<ExplainedContainer>> = BTreeMap::new();
    for (subject, record) in subjects.list.iter().zip(&plan.records) {
        if !wanted.contains(&(subject.root.clone(), subject.workload.clone())) {
            continue;
        }
        let (policy_file, source) = subject.source.clone().unzip();
        let container = ExplainedContainer {
            record: record.clone(),
            layers: layers(subject),
            policy_file,
            policy_line: source.as_ref().map(|source| source.line),
            policy_key: source.map(|source| source.key),
            candidates: candidates(subject, subjects, knowledge, now),
        };
        workloads.entry((&subject.root, &subject.workload)).or_default().push(container);
    }
    let named =
        |((root, workload), containers): ((&str, &str), _)| ExplainedWorkload { root: root.to_owned(), workload: workload.to_owned(), containers };
    Explanation { workloads: workloads.into_iter().map(named).collect() }
}

/// What decides an image; where no kustomization does, the place itself.
fn layers(subject: &Subject) -> Vec<Layer> {
    if subject.chain.is_empty() {
        return vec![Layer { file: subject.file.clone(), line: subject.line, place: subject.place }];
    }
    subject.chain.clone()
}

fn candidates(subject: &Subject, subjects: &Subjects, knowledge: &Knowledge, now: Timestamp) -> Vec<Candidate> {
    let State::Asks(at) = subject.state else { return Vec::new() };
    tags(&subjects.questions[at], knowledge, now)
}

/// Every tag that is listed for a question, the best first, and what became of it.
pub fn tags(asked: &Asked, knowledge: &Knowledge, now: Timestamp) -> Vec<Candidate> {
    let view = asked.view();
    let Some(Known::Listed { records, listing }) = knowledge.get(&view) else { return Vec::new() };
    let candidate = |fate: &crate::policy::decision::Fate<'_>| Candidate {
        tag: fate.record.tag.to_string(),
        code: fate.reason.code(),
        reason: fate.reason.to_string(),
        created: created(fate.record, &view).map(|time| time.to_string()),
        first_seen: fate.record.first_seen.as_ref().map(|seen| seen.at.to_string()),
    };
    explain(&asked.question(records, *listing, now)).1.iter().map(candidate).collect()
}

fn created(record: &TagRecord, view: &View) -> Option<Timestamp> {
    let Metadata::Image(facts) = &record.metadata else { return None };
    let wanted = facts.platforms.iter().find(|one| one.platform.serves(&view.platform)).and_then(|one| one.created);
    wanted.or_else(|| facts.platforms.iter().find_map(|one| one.created))
}

fn record(subject: &Subject, answers: &[Answer], builds: &Builds) -> Record {
    let reference = subject.reference.as_ref();
    let mut record = Record {
        root: subject.root.clone(),
        workload: subject.workload.clone(),
        container: subject.container.clone(),
        image: reference.map(|reference| reference.name.to_string()),
        from: reference.map(version).unwrap_or_default(),
        to: None,
        policy: subject.policy.clone(),
        file: subject.file.clone(),
        line: subject.line,
        place: subject.place,
        code: Code::Current,
        reason: String::new(),
        blame: None,
        newer_elsewhere: None,
        departs: None,
        hint: None,
        link: None,
    };
    match &subject.state {
        State::Held(held) => hold(&mut record, held.clone()),
        State::Asks(at) => match &answers[*at] {
            Answer::Waiting => hold(&mut record, Held::new(Code::WaitingForList, "the registry has not listed its tags in time")),
            Answer::Failed(failure) => {
                (record.code, record.reason) = (failure.code, failure.reason.clone());
                (record.blame, record.hint) = (Some(failure.blame), failure.hint.clone());
            }
            Answer::Decided(decision) => take(&mut record, decision, builds),
        },
    }
    for note in &subject.notes {
        record.reason = format!("{}; {note}", record.reason);
    }
    record
}

fn take(record: &mut Record, decision: &Decision, builds: &Builds) {
    record.code = decision.code;
    record.blame = decision.code.blame();
    record.reason.clone_from(&decision.reason);
    record.hint.clone_from(&decision.hint);
    record.to = decision.winner.as_ref().map(|tag| Version { tag: Some(tag.to_string()), digest: decision.digest.as_ref().map(ToString::to_string) });
    record.newer_elsewhere = decision.newer_elsewhere.as_ref().map(ToString::to_string);
    record.departs.clone_from(&decision.departs);
    if decision.code.list() != List::Updates {
        return;
    }
    if builds.is_ours(decision.image.as_ref()) {
        hold(record, Held::new(Code::OwnBuild, "built from our own commit: use `--git-ci-skip` or a path filter in CI"));
    } else {
        record.link = builds.link(decision.stands.as_ref(), decision.image.as_ref());
    }
}

pub(super) fn hold(record: &mut Record, held: Held) {
    (record.code, record.blame) = (held.code, held.code.blame());
    (record.reason, record.hint) = (held.reason, held.hint);
}

fn version(reference: &Reference) -> Version {
    Version { tag: reference.tag.as_ref().map(ToString::to_string), digest: reference.digest.as_ref().map(ToString::to_string) }
}
