//! The screen of `explain`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Width, count, location,
    table::{Column, Cut, Row, Table},
    version,
};
use crate::{
    manifest::Place,
    plan::{
        report::{Candidate, ExplainedContainer, Explanation, Record, Version},
        safe,
        subject::Layer,
    },
    policy::{List, TagCode},
};

/// How many tags are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Those that tell the most; the others are counted by reason.
    Telling,
    /// All.
    All,
}

/// Lists up to this long are always shown whole.
const SHORT: usize = 10;

/// What `explain` prints: for each container the image, the policy, the decision and the tags.
pub fn explain(explanation: &Explanation, depth: Depth, width: Width) -> String {
    let mut blocks = Vec::new();
    for workload in &explanation.workloads {
        let siblings = explanation.workloads.iter().filter(|other| other.workload == workload.workload).count();
        let root = if siblings > 1 { format!("   (root {})", safe::line(&workload.root)) } else { String::new() };
        for container in &workload.containers {
            let mut text = format!("{}, container {}{root}\n", safe::line(&workload.workload), safe::line(&container.record.container));
            text.push_str(&facts(container, width));
            if !container.candidates.is_empty() {
                text.push('\n');
                text.push_str(&candidates(container, depth, width));
            }
            blocks.push(text);
        }
    }
    blocks.join("\n")
}

fn facts(container: &ExplainedContainer, width: Width) -> String {
    let record = &container.record;
    let column = |cut, gap| Column { cut, gap };
    let mut table = Table::new(&[column(Cut::Never, 3), column(Cut::Front, 3), column(Cut::Never, 0)]);
    let image = record.image.as_deref().map_or_else(|| "-".to_owned(), |name| reference(name, &record.from, width));
    table.add(Row::new(&["image", &image, &format!("{}{}", location(&record.file, record.line), named(record.place))]));
    if let [first, rest @ ..] = container.layers.as_slice()
        && !rest.is_empty()
    {
        let shown = |layer: &Layer| format!("{}{}", location(&layer.file, layer.line), named(layer.place));
        table.add(rest.iter().fold(Row::new(&["layers"]).tail(&shown(first)), |row, layer| row.below(&shown(layer))));
    }
    let written = container.policy_file.as_deref().map_or_else(
        || "nowhere: the default for a container without a pattern".to_owned(),
        |file| {
            let key = container.policy_key.as_deref().map_or_else(String::new, |key| format!(" ({key})"));
            format!("{}{key}", location(file, container.policy_line.unwrap_or(0)))
        },
    );
    table.add(Row::new(&["policy", &record.policy, &written]));
    if !container.candidates.is_empty() {
        // A command lists anew each time.
        table.add(Row::new(&["listed", &format!("{}, just now", count(container.candidates.len(), "tag"))]));
    }
    let mut decided = Row::new(&["decided"]).tail(&decision(record));
    if let Some(newer) = &record.elsewhere() {
        decided = decided.below(&format!("newer elsewhere: {newer}"));
    }
    if let Some(hint) = &record.hint {
        decided = decided.below(&format!("hint: {hint}"));
    }
    table.add(decided);
    table.render(width)
}

fn reference(name: &str, at: &Version, width: Width) -> String {
    match &at.tag {
        Some(_) => format!("{name}:{}", version(at, width)),
        None if at.digest.is_some() => format!("{name}{}", version(at, width)),
        None => name.to_owned(),
    }
}

/// The place in brackets, nothing for a container's own.
fn named(kind: Place) -> String {
    place(kind).map_or_else(String::new, |place| format!(" ({place})"))
}

/// What the place is, where it is not simply the workload's own container.
fn place(place: Place) -> Option<&'static str> {
    match place {
        Place::Container => None,
        Place::KustomizeImage => Some("images entry"),
        Place::KustomizePatch => Some("patch"),
        Place::FluxPatch => Some("patch of .flux.yaml"),
        Place::HelmValue => Some("Helm value"),
        Place::OciRepository => Some("OCIRepository"),
        Place::Comment => Some("comment policy"),
        Place::Compose => Some("compose service"),
        Place::Custom => Some("custom kind"),
        Place::Marker => Some("marker"),
    }
}

fn decision(record: &Record) -> String {
    let word = match record.code.list() {
        List::Held => "held: ",
        List::Failed => "failed: ",
        List::Updates | List::Current => "",
    };
    format!("{word}{} ({})", record.reason, record.code)
}

fn candidates(container: &ExplainedContainer, depth: Depth, width: Width) -> String {
    let all = &container.candidates;
    let current = container.record.from.tag.as_deref();
    let shown: Vec<&Candidate> = match depth {
        Depth::Telling if all.len() > SHORT => telling(all, current),
        _ => all.iter().collect(),
    };
    let mut text = tags(&shown, current, width);
    if shown.len() < all.len() {
        text.push_str(&rest(all, &shown));
    }
    text
}

/// One row for each tag: the winner has an arrow, every one its reason.
pub(super) fn tags(candidates: &[&Candidate], current: Option<&str>, width: Width) -> String {
    let timed = candidates.iter().any(|candidate| candidate.created.is_some());
    let column = |cut, gap| Column { cut, gap };
    let columns = [column(Cut::Never, 1), column(Cut::End, 3), column(Cut::Never, 3)];
    let mut table = Table::new(if timed { &columns } else { &columns[..2] });
    for candidate in candidates {
        let arrow = if candidate.code == TagCode::Chosen { "→" } else { " " };
        let created = candidate.created.as_deref().unwrap_or("-");
        let cells = [arrow, &candidate.tag, created];
        table.add(Row::new(&cells[..if timed { 3 } else { 2 }]).tail(&verdict(candidate, current)));
    }
    table.render(width)
}

fn verdict(candidate: &Candidate, current: Option<&str>) -> String {
    let is_current = current == Some(candidate.tag.as_str());
    let reason = if candidate.code == TagCode::Chosen { format!("chosen: {}", candidate.reason) } else { candidate.reason.clone() };
    if is_current { format!("current; {reason}") } else { reason }
}

/// The winner, the current tag, and the best tag that lost for each reason.
fn telling<'a>(all: &'a [Candidate], current: Option<&str>) -> Vec<&'a Candidate> {
    let mut seen = BTreeSet::new();
    let mut telling = Vec::new();
    for candidate in all {
        let is_current = current == Some(candidate.tag.as_str());
        if is_current || candidate.code == TagCode::Chosen || seen.insert(candidate.code) {
            telling.push(candidate);
        }
    }
    // The winner first, what it replaces next, then as they come.
    telling.sort_by_key(|candidate| (candidate.code != TagCode::Chosen, current != Some(candidate.tag.as_str())));
    telling
}

fn rest(all: &[Candidate], shown: &[&Candidate]) -> String {
    let mut tally: BTreeMap<TagCode, usize> = BTreeMap::new();
    for candidate in all {
        *tally.entry(candidate.code).or_default() += 1;
    }
    for candidate in shown {
        tally.entry(candidate.code).and_modify(|left| *left -= 1);
    }
    let mut counts: Vec<(TagCode, usize)> = tally.into_iter().filter(|(_, left)| *left > 0).collect();
    counts.sort_by_key(|&(code, left)| (std::cmp::Reverse(left), code));
    let counts: Vec<String> = counts.into_iter().map(|(code, left)| words(code, left)).collect();
    format!("    … {} more: {}      (--all)\n", all.len() - shown.len(), counts.join(", "))
}

fn words(code: TagCode, number: usize) -> String {
    let (one, many) = match code {
        TagCode::Chosen => ("chosen", "chosen"),
        TagCode::NotMatched => ("not matched", "not matched"),
        TagCode::NotAVersion => ("no version", "no versions"),
        TagCode::PreRelease => ("pre-release", "pre-releases"),
        TagCode::OutsideRange => ("outside the range", "outside the range"),
        TagCode::OtherSeries => ("of another series", "of other series"),
        TagCode::FewerNumbers => ("with fewer numbers", "with fewer numbers"),
        TagCode::Latest => ("latest", "latest"),
        TagCode::Excluded => ("excluded", "excluded"),
        TagCode::TooYoung => ("too young", "too young"),
        TagCode::PlatformMissing => ("without the platform", "without the platform"),
        TagCode::NotAnImage => ("no image", "no images"),
        TagCode::Gone => ("gone", "gone"),
        TagCode::NoBuildTime => ("without a build time", "without a build time"),
        TagCode::NotRead => ("not read", "not read"),
        TagCode::Outranked => ("outranked", "outranked"),
    };
    format!("{number} {}", if number == 1 { one } else { many })
}
