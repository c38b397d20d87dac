//! The screen of `plan` and `apply`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Ending, Facts, Width, count, location, short,
    table::{Column, Cut, Row, Table},
    version,
};
use crate::{
    image::Name,
    plan::{
        report::{Record, Report, UnreadableFile},
        safe,
    },
    policy::{Code, List},
};

/// Status, workload, container, image, change, policy, location.
const COLUMNS: [Column; 7] = [
    Column { cut: Cut::Never, gap: 2 },
    Column { cut: Cut::Front, gap: 3 },
    Column { cut: Cut::End, gap: 3 },
    Column { cut: Cut::Front, gap: 3 },
    Column { cut: Cut::End, gap: 3 },
    Column { cut: Cut::End, gap: 3 },
    Column { cut: Cut::Front, gap: 0 },
];

/// What `plan` and `apply` print: what changes first, then what waits and what failed; what is current is counted.
pub fn plan(report: &Report, facts: &Facts, width: Width) -> String {
    let rows = [rows(report, width), unreadable(report, width)].concat();
    let mut text = header(report, facts);
    text.push('\n');
    if !rows.is_empty() {
        text.push_str(&rows);
        text.push('\n');
    }
    if report.records().next().is_none() {
        text.push_str(&how_to_begin(facts));
    } else {
        text.push_str(&summary(report, facts));
    }
    for note in notes(report).iter().chain(&facts.notes) {
        text.extend(["note: ", &safe::line(note), "\n"]);
    }
    text.push_str(&ending(report, facts));
    text
}

/// Every container with its decision and the reason for it, a block each.
pub fn decisions(report: &Report, width: Width) -> String {
    let mut table = Table::new(&COLUMNS[..4]);
    for record in report.records() {
        let row = Row::new(&[record.code.as_str(), &record.workload, &record.container, &change(record, width)]);
        table.add(row.below(&record.reason));
    }
    table.render(width)
}

fn header(report: &Report, facts: &Facts) -> String {
    let tip = match (&report.branch, &report.commit) {
        (Some(branch), Some(commit)) => format!("  {} @ {}", safe::line(branch), short(commit)),
        (Some(branch), None) => format!("  {}, no commit yet", safe::line(branch)),
        (None, Some(commit)) => format!("  @ {}", short(commit)),
        (None, None) => String::new(),
    };
    let workloads: BTreeSet<(&str, &str)> = report.records().map(|record| (record.root.as_str(), record.workload.as_str())).collect();
    let images: BTreeSet<&str> = report.records().filter_map(|record| record.image.as_deref()).collect();
    let registries: BTreeSet<_> = images.iter().filter_map(|image| Name::parse(image).ok()).map(|name| name.repository().registry).collect();
    let counts = if workloads.is_empty() {
        format!("{}, none automated", count(facts.workloads, "workload"))
    } else {
        let registries = if registries.len() == 1 { "1 registry".to_owned() } else { format!("{} registries", registries.len()) };
        format!("{}, {}, {registries}", count(workloads.len(), "workload"), count(images.len(), "image"))
    };
    format!("{}{tip}   {counts}\n", safe::line(&report.repository))
}

fn rows(report: &Report, width: Width) -> String {
    let mut table = Table::folding(&COLUMNS, 5);
    for record in report.records().filter(|record| record.code.list() != List::Current) {
        table.add(row(record, width));
    }
    table.render(width)
}

fn row(record: &Record, width: Width) -> Row {
    let Record { workload, container, .. } = record;
    let image = record.image.as_deref().unwrap_or("-");
    let row = match record.code.list() {
        List::Updates => {
            let place = location(&record.file, record.line);
            let status = if record.code == Code::Switched { "switch" } else { "update" };
            let row = Row::new(&[status, workload, container, image, &change(record, width), &record.policy, &place]);
            // A switch leaves what the policy describes: that needs its reason.
            if record.code == Code::Switched { row.below(&record.reason) } else { row }
        }
        list => {
            let status = if list == List::Failed { "failed" } else { "held" };
            Row::new(&[status, workload, container, image, &version(&record.from, width)]).tail(&reason(record, width))
        }
    };
    match &record.hint {
        Some(hint) => row.below(&format!("hint: {hint}")),
        None => row,
    }
}

/// `1.4.2 → 1.5.0`, or what stands there.
fn change(record: &Record, width: Width) -> String {
    match &record.to {
        Some(to) if record.code.list() == List::Updates => format!("{} → {}", version(&record.from, width), version(to, width)),
        _ => version(&record.from, width),
    }
}

/// The reason, and the winner where there is one that it does not name.
fn reason(record: &Record, width: Width) -> String {
    let winner = record.to.as_ref().filter(|to| **to != record.from).map(|to| (to, to.tag.as_deref().unwrap_or_default()));
    match winner {
        Some((to, tag)) if tag.is_empty() || !record.reason.contains(tag) => format!("{}; would be {}", record.reason, version(to, width)),
        _ => record.reason.clone(),
    }
}

/// Files that a person must mend: annotations may stand in them.
fn unreadable(report: &Report, width: Width) -> String {
    let mut table = Table::new(&[Column { cut: Cut::Never, gap: 2 }, Column { cut: Cut::Front, gap: 3 }]);
    for file in report.unreadable.iter().filter(|file| file.annotated) {
        table.add(Row::new(&["unreadable", &location(&file.file, file.line.unwrap_or(0))]).tail(&file.reason));
    }
    table.render(width)
}

fn summary(report: &Report, facts: &Facts) -> String {
    let mut parts = vec![count(report.updates.len(), "update")];
    let unreadable = report.unreadable.iter().filter(|file| file.annotated).count();
    parts
        .extend([(report.held.len(), "held"), (report.failed.len(), "failed")].iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
    parts.push(format!("{} current", report.current.len()));
    if unreadable > 0 {
        parts.push(count(unreadable, "unreadable file"));
    }
    let requests = usize::try_from(facts.requests).unwrap_or(usize::MAX);
    format!("{} · {}, {:.1} s\n", parts.join(", "), count(requests, "request"), facts.elapsed.as_secs_f64())
}

fn notes(report: &Report) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let mut containers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in report.records() {
        containers.entry(&record.workload).or_default().insert(&record.container);
    }
    for record in report.records() {
        let Some(newer) = record.elsewhere() else { continue };
        let name = tail(&record.workload);
        let name = if containers.keys().filter(|other| tail(other) == name).count() == 1 { name } else { &record.workload };
        let container = if containers[record.workload.as_str()].len() == 1 { String::new() } else { format!(", {}", record.container) };
        let note = format!("{name}{container}: newer elsewhere: {newer}");
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes.extend(strangers(&report.unreadable));
    notes
}

/// The name at the end of a workload's id, which is what people say.
fn tail(workload: &str) -> &str {
    workload.rsplit('/').next().unwrap_or(workload)
}

/// Unreadable files that hold no annotation: no reason to act, but none to be silent. A chart's templates are many, thus one line.
fn strangers(files: &[UnreadableFile]) -> Option<String> {
    let files: Vec<&UnreadableFile> = files.iter().filter(|file| !file.annotated).collect();
    let first = files.first()?;
    let line = first.line.map_or_else(String::new, |line| format!(" line {line}"));
    let others = match files.len() - 1 {
        0 => "it is no annotated manifest".to_owned(),
        more => format!("also {}; none is an annotated manifest", count(more, "more file")),
    };
    Some(format!("cannot read `{}`{line}: {}; {others}", first.file, first.reason))
}

fn how_to_begin(facts: &Facts) -> String {
    let none = match facts.workloads {
        0 => "there is no workload here".to_owned(),
        1 => "the one workload here is not automated".to_owned(),
        many => format!("none of the {many} workloads here is automated"),
    };
    format!(
        "nothing to do: {none}\n\n\
         To have an image updated, add two lines to its workload, with the container's name and the versions that you want:\n\n    \
         metadata:\n      \
         annotations:\n        \
         fluxcd.io/automated: \"true\"\n        \
         fluxcd.io/tag.<container>: semver:~1.4\n"
    )
}

fn ending(report: &Report, facts: &Facts) -> String {
    let updates = || count(report.updates.len(), "update");
    match &facts.ending {
        Ending::Planned | Ending::Unchanged if only_current(report) => match report.current.len() {
            1 => "nothing to do: the one automated image is current\n".to_owned(),
            all => format!("nothing to do: all {all} automated images are current\n"),
        },
        Ending::Unchanged if report.records().next().is_some() => "wrote nothing\n".to_owned(),
        Ending::Planned | Ending::Unchanged => String::new(),
        Ending::There { branch } => format!("wrote nothing: {} holds this already ({})\n", safe::line(branch), updates()),
        Ending::Wrote { files } => format!("wrote {}\n", count(*files, "file")),
        Ending::Committed { commit, branch } => format!("committed {} to {} ({})\n", short(commit), safe::line(branch), updates()),
        Ending::Pushed { commit, branch } => format!("pushed {} to {} ({})\n", short(commit), safe::line(branch), updates()),
    }
}

fn only_current(report: &Report) -> bool {
    let unreadable = report.unreadable.iter().any(|file| file.annotated);
    !report.current.is_empty() && report.updates.is_empty() && report.held.is_empty() && report.failed.is_empty() && !unreadable
}
