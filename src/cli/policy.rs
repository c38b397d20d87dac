//! `policy test`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead as _},
};

use jiff::Timestamp;

use super::{
    Said,
    args::{Output, PolicyTestArgs},
    error::CommandError,
    exit::Exit,
    print::{self, PolicyTest},
    terminal,
};
use crate::{
    image::{Digest, Tag},
    plan::report::Candidate,
    policy::{
        annotation::{Origin, Policy},
        decision::{Fate, Listing, Question, Wants, explain, wanted_platforms},
        keys::Keys,
        pattern::Pattern,
        record::{ImageFacts, Metadata, PlatformFacts, TagRecord},
    },
};

/// Shows which tags a pattern chooses.
///
/// # Errors
/// The pattern, a key or the input is malformed.
pub fn test(args: &PolicyTestArgs) -> Result<Said, CommandError> {
    let policy = policy(args)?;
    let (tags, ignored) = tags(args)?;
    let now = args.now.unwrap_or_else(Timestamp::now);
    let records: Vec<TagRecord> = tags.into_iter().enumerate().map(|(at, (tag, built))| record(at, tag, built, &policy)).collect();
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
        Output::Text => print::policy_test(&outcome, terminal::width()),
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

fn policy(args: &PolicyTestArgs) -> Result<Policy, CommandError> {
    let pattern = Pattern::parse(&args.pattern).map_err(|error| CommandError::Pattern { pattern: args.pattern.clone(), error })?;
    let mut keys = Keys::default();
    for key in &args.keys {
        keys.set(&key.key, &key.value).map_err(|error| CommandError::Key { key: key.key.clone(), error })?;
    }
    Ok(Policy { pattern, keys, origin: Origin::Written })
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

/// A tag as if a registry held an image of its own for it, on every platform that is asked for.
fn record(at: usize, tag: Tag, created: Option<Timestamp>, policy: &Policy) -> TagRecord {
    let digest = Digest::parse(&format!("sha256:{at:064x}")).expect("64 hexadecimal digits");
    let platforms = wanted_platforms(policy).into_iter().map(|platform| PlatformFacts { platform, created }).collect();
    let metadata = Metadata::Image(ImageFacts { digest, platforms, labels: BTreeMap::new() });
    TagRecord { tag, first_seen: None, metadata }
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
