//! `policy set`, `automate`, `deautomate`, `lock` and `unlock`.

use super::{
    Said,
    args::{Args, AutomateArgs, DeautomateArgs, Hand, LockArgs, OwnKey, PlanOutput, PolicySetArgs, UnlockArgs, Word},
    error::CommandError,
    exit::Exit,
    flags::Place,
    ground,
    pick::{Choice, pick},
    print::{self, ByHandReport},
    progress::Progress,
    terminal,
};
use crate::{
    config::{self, Environment},
    git::{self, Write},
    plan::annotate::{Annotated, Chosen, Reach, annotate},
    policy::{
        annotation::Wish,
        keys::{KeyError, Keys},
    },
    service::{
        Memory, Unit, Words,
        hand::{Diff, Files, Intent, Wanted, write_by_hand},
    },
};

/// Lets a workload take part in updates.
///
/// # Errors
/// The workload is none or several, or its file cannot be changed.
pub async fn automate(args: &Args, automate: &AutomateArgs) -> Result<Said, CommandError> {
    write(args, &automate.hand, &automate.place, Wish::Automate).await
}

/// Lets a workload take no part in updates.
///
/// # Errors
/// As [`automate`].
pub async fn deautomate(args: &Args, deautomate: &DeautomateArgs) -> Result<Said, CommandError> {
    write(args, &deautomate.hand, &deautomate.place, Wish::Deautomate).await
}

/// Keeps a workload as it is.
///
/// # Errors
/// As [`automate`].
pub async fn lock(args: &Args, lock: &LockArgs) -> Result<Said, CommandError> {
    let wish = Wish::Lock { message: lock.message.clone(), user: lock.user.clone() };
    write(args, &lock.hand, &lock.place, wish).await
}

/// Lets a workload be updated again.
///
/// # Errors
/// As [`automate`].
pub async fn unlock(args: &Args, unlock: &UnlockArgs) -> Result<Said, CommandError> {
    write(args, &unlock.hand, &unlock.place, Wish::Unlock).await
}

/// Writes patterns and own keys.
///
/// # Errors
/// A pattern or key is malformed, and as [`automate`].
pub async fn policy(args: &Args, set: &PolicySetArgs) -> Result<Said, CommandError> {
    let (mut patterns, mut repositories) = (vec![], vec![]);
    for word in &set.words {
        match word {
            Word::Pattern(container, pattern) => patterns.push((container.clone(), pattern.clone())),
            Word::Repository(address) => repositories.push(address.clone()),
        }
    }
    let place = Place::new(repositories, set.git.clone()).ok_or(CommandError::TwoRepositories)?;
    set.keys.iter().try_for_each(check_key)?;
    if patterns.is_empty() && set.remove.is_empty() && set.keys.is_empty() {
        return Err(CommandError::NothingToSet);
    }
    let keys = set.keys.iter().map(|key| (key.key.clone(), key.value.clone())).collect();
    let wish = Wish::Policy { patterns, removed: set.remove.clone(), keys };
    write(args, &set.hand, &place, wish).await
}

/// An own key as an annotation has it: `min-age`, `min-age.app`, `automated.app`; an empty value takes it away.
fn check_key(key: &OwnKey) -> Result<(), CommandError> {
    let word = key.key.split_once('.').map_or(key.key.as_str(), |(word, _)| word);
    let outcome = match (word, key.value.as_str()) {
        ("automated", "true" | "false" | "") => Ok(()),
        ("automated", value) => Err(KeyError::Value { value: value.to_owned(), expected: "neither `true` nor `false`" }),
        (word, "") if crate::policy::keys::KEYS.contains(&word) => Ok(()),
        (word, value) => Keys::default().set(word, value),
    };
    outcome.map_err(|error| CommandError::Key { key: key.key.clone(), error })
}

async fn write(args: &Args, hand: &Hand, place: &Place, wish: Wish) -> Result<Said, CommandError> {
    let environment = Environment::of_process();
    let config = config::load(args.config.as_deref(), args.overrides(), &environment)?;
    let ground::Prepared { unit, mut notes, .. } = ground::unit(&config, place.named())?;
    if let Wish::Policy { patterns, .. } = &wish {
        for (_, pattern) in patterns {
            let policy = unit.presets.policy(pattern).map_err(|error| CommandError::Pattern { pattern: pattern.clone(), error })?;
            notes.extend(policy.pattern.warnings().iter().cloned());
        }
    }
    let memory = Memory::open(&config.state);
    let wish = signed(wish, &unit, &environment);
    let progress = Progress::begin("reading the repository");
    let intent = match (hand.check, hand.commit) {
        (true, _) => Intent::Show,
        (false, true) => Intent::Write(Write::Commit),
        (false, false) => Intent::Write(Write::Files),
    };
    let choice = Choice { workload: &hand.workload, root: hand.root.as_deref(), all_roots: hand.all_roots };
    let outcome =
        write_by_hand(&unit, &ground::clock(), Files::All(memory.clone()), &progress, (intent, Diff::Made), |here| -> Result<_, CommandError> {
            let index = here.index;
            let chosen = pick(index, choice)?;
            let id = chosen.first().map(|(_, id)| id.clone()).unwrap_or_default();
            let reach = if hand.all_roots { Reach::AllRoots } else { Reach::Chosen };
            let annotations = annotate(index, &Chosen { workloads: &chosen, reach }, &wish, &|path| unit.repository.paths.allow(path))?;
            let lines = annotations.list.iter().map(line).collect();
            let words = Words::ByHand { subject: subject(&wish, &id), lines };
            Ok(Wanted { changes: annotations.changes, words, told: (id, annotations.list) })
        })
        .await?;
    drop(progress);
    let exit = if hand.check && outcome.files > 0 { Exit::Updates } else { Exit::Done };
    let (workload, changes) = outcome.told.clone();
    let report = ByHandReport::new(&outcome, Some(workload), changes);
    let text = match hand.output {
        PlanOutput::Text => print::annotations(&report, outcome.done, terminal::width()).into_bytes(),
        PlanOutput::Json => print::json(&report).into_bytes(),
        PlanOutput::Diff => outcome.diff,
    };
    let mut said = Said { text, talk: String::new(), exit };
    said.note([notes, memory.news()].concat());
    Ok(said)
}

/// A lock without a user is that of whom Git knows.
fn signed(wish: Wish, unit: &Unit, environment: &Environment) -> Wish {
    match wish {
        Wish::Lock { message, user: None } => Wish::Lock { message, user: git::user_name(unit.location.folder(), &environment.git_configurations()) },
        wish => wish,
    }
}

/// `Automate shop:deployment/frontend`.
fn subject(wish: &Wish, id: &str) -> String {
    match wish {
        Wish::Automate => format!("Automate {id}"),
        Wish::Deautomate => format!("Deautomate {id}"),
        Wish::Lock { message: Some(message), .. } => format!("Lock {id}: {message}"),
        Wish::Lock { message: None, .. } => format!("Lock {id}"),
        Wish::Unlock => format!("Unlock {id}"),
        Wish::Policy { .. } => format!("Set the policy of {id}"),
    }
}

/// `fluxcd.io/tag.app: semver:~2 (was semver:~1)`.
fn line(annotated: &Annotated) -> String {
    let Annotated { annotation, from, to, .. } = annotated;
    match (from, to) {
        (Some(from), Some(to)) => format!("{annotation}: {to} (was {from})"),
        (_, Some(to)) => format!("{annotation}: {to}"),
        (from, None) => format!("{annotation} removed (was {})", from.as_deref().unwrap_or_default()),
    }
}
