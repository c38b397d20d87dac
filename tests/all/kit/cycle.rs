//! One cycle over a tree in memory and recorded registries, by the very functions that the real one calls.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use tagalong::{
    cli::print::{self, Ending, Facts, Width},
    config::Paths,
    manifest::{self, File, Scope, Unreadable, ignore::Ignored, kustomize::Web},
    plan::{
        Answer, Bounds, Index, Knowledge, Known, Plan, Subjects,
        link::Builds,
        message::{Style, Update, message},
        report::Report,
    },
    policy::{
        decision::{Listing, Need, wanted_platforms},
        record::Metadata,
    },
};

use super::recorded::Recorded;

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What became of a tree.
pub struct Outcome {
    pub report: Report,
    /// Every file as it is afterwards.
    pub after: Files,
    /// The commit's message, where there is one.
    pub message: Option<String>,
    /// The screen of `plan`.
    pub screen: String,
}

/// Decides about a tree, and edits it.
pub fn cycle(name: &str, before: &Files, recorded: &Recorded) -> Outcome {
    let index = index(before);
    let paths = Paths::parse(recorded.paths.iter().map(String::as_str)).expect("paths");
    let subjects =
        index.subjects(&Bounds { writes: &|path| paths.allow(path), scans: &|_| true, presets: tagalong::policy::preset::Presets::shipped() });
    let (answers, requests) = answers(&subjects, recorded);
    let mut plan = Plan::new(&index, &subjects, &answers, &Builds::default());
    let mut after = before.clone();
    for path in plan.files().map(str::to_owned).collect::<Vec<_>>() {
        let edited = plan.edit(&path, &before[&path]);
        after.insert(path, edited);
    }
    let updates: Vec<Update> = plan.updates().filter_map(Update::of).collect();
    let message = (after != *before).then(|| message(&updates, &Style::default()));
    let mut report = plan.report(Report::new(name.to_owned(), None, None));
    report.unreadable = index.unreadable();
    let facts = Facts { workloads: index.workloads(), requests, elapsed: Duration::ZERO, ending: Ending::Planned, notes: vec![] };
    let screen = print::plan(&report, &facts, Width::Endless);
    Outcome { report, after, message, screen }
}

fn index(before: &Files) -> Index {
    let (files, unreadable) = read(before);
    Index::new(files, unreadable)
}

/// Every file of a tree that is read.
pub fn read(before: &Files) -> (BTreeMap<String, File>, Vec<Unreadable>) {
    let mut ignored = Ignored::default();
    for (path, bytes) in before {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name == ".tagalongignore" {
            ignored.add(folder, std::str::from_utf8(bytes).expect("text"));
        }
    }
    let scope = Scope::new(before.keys().map(String::as_str), ignored);
    let (mut files, mut unreadable): (BTreeMap<String, File>, Vec<Unreadable>) = Default::default();
    for (path, bytes) in before.iter().filter(|(path, _)| scope.holds(path)) {
        match manifest::read_screened(path, bytes, &[]) {
            Ok(file) => files.extend(file.map(|file| (path.clone(), file))),
            Err(fault) => unreadable.push(fault),
        }
    }
    let is_new = |path: &String| !files.contains_key(path) && !unreadable.iter().any(|file| file.path == *path);
    let web = Web::of(&files, &unreadable);
    let named = scope.named(&files, &web);
    let left_out = named.left_out(|path| before.contains_key(path));
    let named: Vec<String> = named.wanted.into_iter().map(Cow::into_owned).filter(is_new).collect();
    for path in named {
        match before.get(&path).map(|bytes| manifest::read(&path, bytes, &[])) {
            Some(Ok(file)) => drop(files.insert(path, file)),
            Some(Err(fault)) => unreadable.push(fault),
            None => {}
        }
    }
    files.extend(left_out);
    (files, unreadable)
}

/// Learns what the decisions ask for, until they ask for nothing more; counts lists and looks.
fn answers(subjects: &Subjects, recorded: &Recorded) -> (Vec<Answer>, u64) {
    let mut knowledge = Knowledge::new();
    let mut lists = BTreeMap::new();
    for view in subjects.questions.iter().map(tagalong::plan::Asked::view) {
        let list = lists.entry(view.repository.clone()).or_insert_with(|| match recorded.list(&view.repository) {
            Ok(records) => Known::Listed { records, listing: Listing::Trusted },
            Err(failure) => Known::Failed(failure),
        });
        knowledge.insert(view, list.clone());
    }
    let mut requests = lists.len() as u64;
    loop {
        let answers: Vec<Answer> = subjects.questions.iter().map(|asked| asked.answer(&knowledge, recorded.now())).collect();
        let mut learnt = false;
        for (asked, answer) in subjects.questions.iter().zip(&answers) {
            let (view, Answer::Decided(decision)) = (asked.view(), answer) else { continue };
            for need in &decision.needs {
                let Some(Known::Listed { records, .. }) = knowledge.get_mut(&view) else { continue };
                let Some(record) = records.iter_mut().find(|record| record.tag == *need.tag()) else { continue };
                let found = recorded.look(&view.repository, need.tag(), &wanted_platforms(&asked.policy));
                let found = match (need, found) {
                    (Need::Digest(_), Metadata::Image(facts)) => Metadata::Pointed(facts.digest),
                    (Need::Digest(tag), Metadata::NotAnImage(_)) => Metadata::Pointed(recorded.digest(&view.repository, tag)),
                    (_, found) => found,
                };
                learnt |= record.metadata != found;
                requests += 1;
                record.metadata = found;
            }
        }
        if !learnt {
            return (answers, requests);
        }
    }
}
