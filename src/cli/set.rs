//! `set`.

use std::path::{Component, Path};

use regex::bytes::Regex;

use super::{
    Said,
    args::{Args, PlanOutput, SetArgs},
    error::CommandError,
    exit::Exit,
    flags::Place,
    ground,
    print::{self, ByHandReport},
    progress::Progress,
    terminal,
};
use crate::{
    config::{self, Environment, Paths},
    git::{self, Location, ReadError, Standing, Write},
    manifest::UnreadableKind,
    plan::{
        Index,
        set::{Rewrite, SetError, SetPlan, Wish, Wishes, holder, names},
    },
    service::{
        CycleError, Words,
        hand::{Diff, Files, Here, Intent, Wanted, write_by_hand},
    },
};

/// What is told beside the places that change.
type Told = (Vec<Rewrite>, Vec<String>);

/// Rewrites images by name.
///
/// # Errors
/// An image is named nowhere, a place cannot be rewritten, or the repository cannot be read or written: then nothing is written.
pub async fn set(args: &Args, set: &SetArgs) -> Result<Said, CommandError> {
    let wishes = Wishes::new(set.wishes.clone())?;
    let config = config::load(args.config.as_deref(), args.overrides(), &Environment::of_process())?;
    let place = Place::new(vec![], set.git.clone()).ok_or(CommandError::TwoRepositories)?;
    let ground::Prepared { unit, mut notes, .. } = ground::unit(&config, place.named())?;
    let paths = paths(&unit.location, &set.paths)?;
    let allows = |path: &str| paths.allow(path) && unit.repository.paths.allow(path);
    let intent = match (set.check, set.commit) {
        (true, _) => Intent::Show,
        (false, true) => Intent::Write(Write::Commit),
        (false, false) => Intent::Write(Write::Files),
    };
    let diff = if set.output == PlanOutput::Diff { Diff::Made } else { Diff::LeftOut };
    let progress = Progress::begin("reading the repository");
    let wish = |here: &Here<'_>| wanted(here.index, &wishes, &allows);
    let clock = ground::clock();
    let outcome = match write_by_hand(&unit, &clock, Files::Holding(wishes.may_be_in()), &progress, (intent, diff), wish).await {
        Err(CommandError::Set(SetError::Nowhere { wanted, .. })) => {
            // Only now the names of all images matter.
            let every = Regex::new("").expect("the expression is constant");
            let look = |here: &Here<'_>| Err(CommandError::Set(nowhere(here.index, &wishes, &wanted, &allows)));
            write_by_hand(&unit, &clock, Files::Holding(every), &progress, (Intent::Show, diff), look).await?
        }
        outcome => outcome?,
    };
    drop(progress);
    let exit = if set.check && outcome.files > 0 { Exit::Updates } else { Exit::Done };
    let report = ByHandReport::new(&outcome, None, outcome.told.0.clone());
    let text = match set.output {
        PlanOutput::Text => print::set(&report, outcome.done, terminal::width()).into_bytes(),
        PlanOutput::Json => print::json(&report).into_bytes(),
        PlanOutput::Diff => outcome.diff,
    };
    notes.extend(outcome.told.1);
    let mut said = Said { text, talk: String::new(), exit };
    said.note(&notes);
    Ok(said)
}

/// An image that stands nowhere, or only where it is left alone.
fn nowhere(index: &Index, wishes: &Wishes, wanted: &str, allows: &dyn Fn(&str) -> bool) -> SetError {
    SetError::nowhere(wanted, &names(index.files(), allows), holder(index.files(), wishes, wanted).map(str::to_owned))
}

fn wanted(index: &Index, wishes: &Wishes, allows: &dyn Fn(&str) -> bool) -> Result<Wanted<Told>, CommandError> {
    let plan = SetPlan::new(index.files(), wishes, allows);
    let unreadable: Vec<_> = index.faults().iter().filter(|file| file.kind != UnreadableKind::Template && allows(&file.path)).collect();
    if let Some(conflict) = unreadable.iter().find(|file| file.is_conflict()) {
        return Err(SetError::Conflict { file: conflict.path.clone(), line: conflict.line.unwrap_or(1) }.into());
    }
    plan.check()?;
    let mut notes: Vec<String> = unreadable.iter().map(|file| format!("{file}; it may hold the image")).collect();
    notes.extend(plan.encrypted.iter().map(|(file, line)| format!("{file}:{line} is encrypted, and was left alone")));
    let lines = plan.rewrites.iter().map(|Rewrite { file, line, from, to, .. }| format!("{file}:{line}: {from} -> {to}")).collect();
    let words = Words::ByHand { subject: subject(wishes.as_slice()), lines };
    Ok(Wanted { changes: plan.changes, words, told: (plan.rewrites, notes) })
}

/// `Set ghcr.io/acme/app:1.2.3`.
fn subject(wishes: &[Wish]) -> String {
    match wishes {
        [wish] => format!("Set {}", wish.text()),
        wishes => format!("Set {} images", wishes.len()),
    }
}

/// The paths that count from the folder which was named, as the repository has them.
fn paths(location: &Location, texts: &[String]) -> Result<Paths, CommandError> {
    let standing = match location {
        Location::Folder(folder) => git::standing(folder).map_err(CycleError::from)?,
        Location::Remote(_) => Standing { root: "/".into(), below: String::new() },
    };
    let found: Result<Vec<String>, CommandError> = texts.iter().map(|text| in_repository(&standing, text)).collect();
    Paths::parse(found?.iter().map(String::as_str)).map_err(CommandError::Path)
}

fn in_repository(standing: &Standing, text: &str) -> Result<String, CommandError> {
    let outside = || CommandError::PathOutside { path: text.to_owned() };
    let path = Path::new(text);
    let inside = if path.is_absolute() {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        real.strip_prefix(&standing.root).map_err(|_| outside())?.to_owned()
    } else {
        Path::new(&standing.below).join(path)
    };
    let mut parts = Vec::new();
    for component in inside.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(outside)?),
            Component::ParentDir => drop(parts.pop().ok_or_else(outside)?),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    Ok(parts.join("/"))
}

impl From<ReadError> for CommandError {
    fn from(error: ReadError) -> Self {
        Self::Cycle(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_from_the_folder_that_was_named() {
        let standing = Standing { root: "/srv/fleet".into(), below: "apps/".to_owned() };
        for (word, text, found) in [
            ("folder", "shop", Some("apps/shop")),
            ("dot", ".", Some("apps")),
            ("file", "./shop/a.yaml", Some("apps/shop/a.yaml")),
            ("above", "../base", Some("base")),
            ("glob", "**/prod", Some("apps/**/prod")),
            ("absolute", "/srv/fleet/base", Some("base")),
            ("outside", "../../x", None),
            ("absolute outside", "/etc", None),
        ] {
            assert_eq!(in_repository(&standing, text).ok().as_deref(), found, "{word}");
        }
    }
}
