//! `policy test`, `policy list` and `policy show`.

use std::{
    collections::BTreeSet,
    io::{self, BufRead as _},
};

use jiff::Timestamp;

use super::{
    Said,
    args::{Args, Output, PolicyListArgs, PolicyShowArgs, PolicyTestArgs},
    error::CommandError,
    exit::Exit,
    ground,
    print::{self, PolicyTest, PresetView, PresetsView},
    terminal,
};
use crate::{
    config::{self, Environment},
    image::Tag,
    plan::report::Candidate,
    policy::{
        annotation::Policy,
        decision::{Fate, Listing, Question, Wants, explain, wanted_platforms},
        preset::{PREFIX, Presets},
        record::{Metadata, TagRecord},
    },
};

/// Shows which tags a pattern chooses.
///
/// # Errors
/// The pattern, a key or the input is malformed.
pub fn test(all: &Args, args: &PolicyTestArgs) -> Result<Said, CommandError> {
    let policy = policy(all, args)?;
    let (tags, ignored) = tags(args)?;
    let platforms = wanted_platforms(&policy);
    let now = args.now.unwrap_or_else(Timestamp::now);
    let records: Vec<TagRecord> = tags.into_iter().enumerate().map(|(at, (tag, built))| TagRecord::imagined(at, tag, built, &platforms)).collect();
    let (_, fates) = explain(&Question {
        policy: &policy,
        tag: args.current.as_ref(),
        digest: None,
        records: &records,
        listing: Listing::Trusted,
        wants: Wants::Image,
        now,
        remembered: None,
        rolled_back: &[],
    });
    let outcome = PolicyTest {
        pattern: args.pattern.clone(),
        current: args.current.as_ref().map(ToString::to_string),
        candidates: fates.iter().map(candidate).collect(),
    };
    let text = match args.output {
        Output::Text => terminal::paint(print::policy_test(&outcome, terminal::width())),
        Output::Json => print::json(&outcome),
    };
    let mut said = Said { text: text.into_bytes(), talk: String::new(), exit: Exit::Done };
    said.note(policy.pattern.warnings());
    if ignored > 0 {
        said.note([if ignored == 1 {
            "1 text is no legal tag, and is ignored".to_owned()
        } else {
            format!("{ignored} texts are no legal tags, and are ignored")
        }]);
    }
    Ok(said)
}

/// Lists the presets.
///
/// # Errors
/// The configuration, or an own preset, cannot be read.
pub fn list(all: &Args, list: &PolicyListArgs) -> Result<Said, CommandError> {
    let presets = presets(all)?;
    let text = match list.output {
        Output::Text => print::presets(&presets, terminal::width()),
        Output::Json => print::json(&PresetsView::of(&presets)),
    };
    Ok(Said { text: text.into_bytes(), talk: String::new(), exit: Exit::Done })
}

/// Shows a preset.
///
/// # Errors
/// There is no such preset; or the configuration, or an own preset, cannot be read.
pub fn show(all: &Args, show: &PolicyShowArgs) -> Result<Said, CommandError> {
    let presets = presets(all)?;
    let name = show.name.strip_prefix(PREFIX).unwrap_or(&show.name);
    let preset = presets.named(name).ok_or_else(|| CommandError::NoPreset { name: name.to_owned(), near: presets.near(name) })?;
    let text = match show.output {
        Output::Text => print::preset(preset, terminal::width()),
        Output::Json => print::json(&PresetView::of(preset)),
    };
    Ok(Said { text: text.into_bytes(), talk: String::new(), exit: Exit::Done })
}

fn presets(all: &Args) -> Result<Presets, CommandError> {
    ground::presets(&config::load(all.config.as_deref(), all.overrides(), &Environment::of_process())?)
}

/// The policy; only a preset needs the configuration, whose folders may hold it.
fn policy(all: &Args, args: &PolicyTestArgs) -> Result<Policy, CommandError> {
    let own = if args.pattern.starts_with(PREFIX) { Some(presets(all)?) } else { None };
    let read = own.as_ref().unwrap_or(Presets::shipped()).policy(&args.pattern);
    let mut policy = read.map_err(|error| CommandError::Pattern { pattern: args.pattern.clone(), error })?;
    for key in &args.keys {
        policy.keys.set(&key.key, &key.value).map_err(|error| CommandError::Key { key: key.key.clone(), error })?;
    }
    Ok(policy)
}

/// A tag, and its build time where one is given.
type Given = (Tag, Option<Timestamp>);

/// The tags, each once, and how many texts were none.
fn tags(args: &PolicyTestArgs) -> Result<(Vec<Given>, usize), CommandError> {
    let mut lines = Vec::new();
    if args.tags.is_empty() {
        for line in io::stdin().lock().lines() {
            lines.push(line.map_err(CommandError::Input)?);
        }
    } else {
        lines.clone_from(&args.tags);
    }
    let (mut tags, mut ignored, mut seen) = (Vec::new(), 0, BTreeSet::new());
    for (at, text) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let malformed = || CommandError::Line { line: at + 1, text: text.clone() };
        let (tag, time) = match text.trim().split_once(char::is_whitespace) {
            Some((tag, time)) => (tag, Some(time.trim().parse().map_err(|_| malformed())?)),
            None => (text.trim(), None),
        };
        match Tag::parse(tag) {
            Ok(tag) if seen.insert(tag.clone()) => tags.push((tag, time)),
            Ok(_) => {}
            Err(_) => ignored += 1,
        }
    }
    Ok((tags, ignored))
}

fn candidate(fate: &Fate<'_>) -> Candidate {
    let created = match &fate.record.metadata {
        Metadata::Image(facts) => facts.platforms.first().and_then(|platform| platform.created),
        _ => None,
    };
    Candidate {
        tag: fate.record.tag.to_string(),
        code: fate.reason.code(),
        reason: fate.reason.to_string(),
        created: created.map(|time| time.to_string()),
        first_seen: None,
    }
}
