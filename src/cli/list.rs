//! `list`.

use super::{
    Said,
    args::{Args, ListArgs, ListImagesArgs, Output},
    error::CommandError,
    exit::Exit,
    ground::{self, Ground},
    print,
    progress::Progress,
    terminal,
};
use crate::{
    plan::listing::{Filter, Wanted},
    service::{Command, Listed},
};

/// Lists every image.
///
/// # Errors
/// The repository cannot be read.
pub async fn images(args: &Args, list: &ListImagesArgs) -> Result<Said, CommandError> {
    let ground = Ground::prepare(args, &list.list.target)?;
    let progress = Progress::begin("reading the repository");
    let mut command = Command::open(&ground.unit, &ground.inquiry, ground::clock(), &progress)?.reading_all();
    let listed = command.images(&list.list.filter(), list.available).await?;
    drop(progress);
    let text = match list.list.output {
        Output::Text => print::images(&listed.found, terminal::width()),
        Output::Json => print::json(&listed.found),
    };
    Ok(said(text, &listed, &ground))
}

/// Lists every workload.
///
/// # Errors
/// The repository cannot be read.
pub fn workloads(args: &Args, list: &ListArgs) -> Result<Said, CommandError> {
    let ground = Ground::prepare(args, &list.target)?;
    let progress = Progress::begin("reading the repository");
    let mut command = Command::open(&ground.unit, &ground.inquiry, ground::clock(), &progress)?.reading_all();
    let listed = command.workloads(&list.filter())?;
    drop(progress);
    let text = match list.output {
        Output::Text => print::workloads(&listed.found, terminal::width()),
        Output::Json => print::json(&listed.found),
    };
    Ok(said(text, &listed, &ground))
}

impl ListArgs {
    fn filter(&self) -> Filter {
        let states = [(self.automated, Wanted::Automated), (self.held, Wanted::Held)];
        let states = states.into_iter().filter(|(wanted, _)| *wanted).map(|(_, state)| state).collect();
        Filter { workload: self.workload.clone(), image: self.image.clone(), states }
    }
}

/// The list, with what could not be had beside it.
fn said<T>(text: String, listed: &Listed<T>, ground: &Ground) -> Said {
    let failed = listed.failed.iter().map(|failure| Exit::from(failure.blame));
    let annotated = listed.unreadable.iter().filter(|file| file.annotated).map(|_| Exit::Operator);
    // The first of 70, 1 and 3.
    let worst = failed.chain(annotated).min_by_key(|exit| match exit {
        Exit::Bug => 0,
        Exit::Operator => 1,
        _ => 2,
    });
    let mut said = Said { text: text.into_bytes(), talk: String::new(), exit: worst.unwrap_or(Exit::Done) };
    said.note(ground.notes());
    said.note(listed.unreadable.iter().map(|file| {
        let line = file.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{}{line} cannot be read: {}", file.file, file.reason)
    }));
    said.note(listed.failed.iter().map(|failure| &failure.reason));
    said
}
