//! `plan` and `apply`.

use std::time::Instant;

use super::{
    Said,
    args::{ApplyArgs, Args, PlanArgs, PlanOutput, Target},
    error::CommandError,
    exit::{Check, Exit},
    ground::{self, Ground},
    print::{self, Ending, Facts},
    progress::Progress,
    terminal,
};
use crate::{
    git::Write,
    service::{Command, Done, Outcome},
};

/// Shows what would change.
///
/// # Errors
/// Nothing could be decided.
pub async fn plan(args: &Args, plan: &PlanArgs) -> Result<Said, CommandError> {
    let check = if plan.check { Check::Updates } else { Check::Nothing };
    run(args, &plan.target, plan.output, Intent::Show(check)).await
}

/// Makes the updates.
///
/// # Errors
/// Nothing could be decided, or written.
pub async fn apply(args: &Args, apply: &ApplyArgs) -> Result<Said, CommandError> {
    let write = if apply.commit { Write::Commit } else { Write::Files };
    run(args, &apply.target, apply.output, Intent::Write(write)).await
}

#[derive(Clone, Copy)]
enum Intent {
    Show(Check),
    Write(Write),
}

async fn run(args: &Args, target: &Target, output: PlanOutput, intent: Intent) -> Result<Said, CommandError> {
    let started = Instant::now();
    let ground = Ground::prepare(args, target)?;
    let progress = Progress::begin("reading the repository");
    let mut command = Command::open(&ground.unit, &ground.inquiry, ground::clock(), &progress)?;
    let (outcome, check) = match intent {
        Intent::Show(check) => (command.plan().await?, check),
        Intent::Write(write) => (command.apply(write).await?, Check::Nothing),
    };
    let news = command.news();
    drop(command);
    drop(progress);
    let exit = Exit::of_report(&outcome.report, check);
    let mut facts = facts(&outcome, &ground, started, intent);
    facts.notes.extend(news);
    let text = match output {
        PlanOutput::Text => terminal::paint(print::plan(&outcome.report, &facts, terminal::width())).into_bytes(),
        PlanOutput::Json => print::json(&outcome.report).into_bytes(),
        PlanOutput::Diff => outcome.diff,
    };
    let mut said = Said { text, talk: String::new(), exit };
    if output != PlanOutput::Text {
        said.note(&facts.notes);
    }
    Ok(said)
}

fn facts(outcome: &Outcome, ground: &Ground, started: Instant, intent: Intent) -> Facts {
    let branch = outcome.onto.clone().unwrap_or_default();
    let commit = outcome.report.pushed.clone().unwrap_or_default();
    let ending = match (outcome.done, intent) {
        (Done::Nothing, Intent::Show(_)) => Ending::Planned,
        (Done::Nothing, Intent::Write(_)) => Ending::Unchanged,
        (Done::There, _) => Ending::There { branch },
        (Done::Files(files), _) => Ending::Wrote { files },
        (Done::Committed, _) => Ending::Committed { commit, branch },
        (Done::Pushed, _) => Ending::Pushed { commit, branch },
    };
    Facts { workloads: outcome.workloads, requests: ground.inquiry.client.requests(), elapsed: started.elapsed(), ending, notes: ground.notes() }
}
