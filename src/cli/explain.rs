//! `explain`.

use std::collections::BTreeSet;

use super::{
    Said,
    args::{Args, ExplainArgs, Output},
    error::CommandError,
    exit::{Check, Exit},
    ground::{self, Ground},
    pick::{Choice, pick},
    print::{self, Depth},
    progress::Progress,
    terminal,
};
use crate::{plan::report::Report, service::Command};

/// Shows every tag of a workload's images and why it won or lost.
///
/// # Errors
/// The workload is none or several, or nothing could be decided.
pub async fn explain(args: &Args, explain: &ExplainArgs) -> Result<Said, CommandError> {
    let ground = Ground::prepare(args, &explain.target)?;
    let progress = Progress::begin("reading the repository");
    let mut command = Command::open(&ground.unit, &ground.inquiry, ground::clock(), &progress)?.reading_all();
    let choice = Choice { workload: &explain.workload, root: explain.root.as_deref(), all_roots: explain.all_roots };
    let (explanation, report) = command.explain(|index| pick(index, choice)).await?;
    let news = command.news();
    drop(command);
    drop(progress);
    let depth = if explain.all { Depth::All } else { Depth::Telling };
    let text = match explain.output {
        Output::Text => terminal::paint(print::explain(&explanation, depth, terminal::width())),
        Output::Json => print::json(&explanation),
    };
    let own: BTreeSet<(&str, &str)> = explanation.workloads.iter().map(|one| (&*one.root, &*one.workload)).collect();
    let mut asked = Report::new(String::new(), None, None);
    report.records().filter(|record| own.contains(&(&record.root, &record.workload))).for_each(|record| asked.add(record.clone()));
    let mut said = Said { text: text.into_bytes(), talk: String::new(), exit: Exit::of_report(&asked, Check::Nothing) };
    said.note([ground.notes(), news].concat());
    if explanation.workloads.is_empty() {
        said.note([format!("{} takes no part in updates: annotate it with fluxcd.io/automated: \"true\"", explain.workload)]);
    }
    Ok(said)
}
