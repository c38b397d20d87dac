//! `explain`.

use std::collections::BTreeSet;

use super::{
    Said,
    args::{Args, ExplainArgs, Output},
    error::{CommandError, Roots},
    exit::{Check, Exit},
    ground::{self, Ground},
    print::{self, Depth},
    progress::Progress,
    terminal,
};
use crate::{
    manifest::WorkloadId,
    plan::{Index, report::Report},
    service::Command,
};

/// How near a name must be to be suggested.
const NEAR: f64 = 0.7;

/// Shows every tag of a workload's images and why it won or lost.
///
/// # Errors
/// The workload is none or several, or nothing could be decided.
pub async fn explain(args: &Args, explain: &ExplainArgs) -> Result<Said, CommandError> {
    let ground = Ground::prepare(args, &explain.target)?;
    let progress = Progress::begin("reading the repository");
    let mut command = Command::open(&ground.unit, &ground.inquiry, ground::clock(), &progress)?;
    let (explanation, report) = command.explain(|index| pick(index, explain)).await?;
    drop(progress);
    let depth = if explain.all { Depth::All } else { Depth::Telling };
    let text = match explain.output {
        Output::Text => print::explain(&explanation, depth, terminal::width()),
        Output::Json => print::json(&explanation),
    };
    let own: BTreeSet<(&str, &str)> = explanation.workloads.iter().map(|one| (&*one.root, &*one.workload)).collect();
    let mut asked = Report::new(String::new(), None, None);
    report.records().filter(|record| own.contains(&(&record.root, &record.workload))).for_each(|record| asked.add(record.clone()));
    let mut said = Said { text: text.into_bytes(), talk: String::new(), exit: Exit::of_report(&asked, Check::Nothing) };
    said.note(ground.notes());
    if explanation.workloads.is_empty() {
        said.note([format!("{} takes no part in updates: annotate it with fluxcd.io/automated: \"true\"", explain.workload)]);
    }
    Ok(said)
}

/// The root and id of each workload that is meant.
fn pick(index: &Index, explain: &ExplainArgs) -> Result<BTreeSet<(String, String)>, CommandError> {
    let wanted = explain.workload.as_str();
    let all: Vec<(String, String)> = index.deployed().into_iter().map(|(root, id, _)| (root, id.to_string())).collect();
    let in_root = |root: &str| explain.root.as_deref().is_none_or(|wanted| root == wanted.trim_end_matches('/') || wanted == "./" && root == ".");
    let (found, elsewhere): (BTreeSet<_>, BTreeSet<_>) =
        all.iter().filter(|(_, id)| WorkloadId::is_tail(id, wanted)).cloned().partition(|(root, _)| in_root(root));
    let ids: BTreeSet<&str> = found.iter().map(|(_, id)| id.as_str()).collect();
    let ambiguous = |roots, found: Vec<String>| Err(CommandError::Ambiguous { wanted: wanted.to_owned(), found, roots });
    match (ids.len(), found.len()) {
        (0, _) if !elsewhere.is_empty() => Err(CommandError::NotInRoot {
            wanted: wanted.to_owned(),
            root: explain.root.clone().unwrap_or_default(),
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
        (1, _) if explain.all_roots => Ok(found),
        (1, _) => ambiguous(Roots::Differ, found.into_iter().map(|(root, id)| format!("{id} in {root}")).collect()),
        _ => ambiguous(Roots::Same, ids.into_iter().map(str::to_owned).collect()),
    }
}

/// How near what was typed comes to an id, or to the same tail of it.
fn similarity(id: &str, wanted: &str) -> f64 {
    let tails = std::iter::once(id).chain(id.match_indices([':', '/']).map(|(at, _)| &id[at + 1..]));
    tails.map(|tail| strsim::jaro_winkler(tail, wanted)).fold(0.0, f64::max)
}
