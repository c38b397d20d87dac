//! `release`.

use super::{
    Said,
    args::{Args, PlanOutput, ReleaseArgs},
    error::CommandError,
    exit::Exit,
    ground,
    pick::{Choice, pick},
    print::{self, ByHandReport},
    progress::Progress,
    terminal,
};
use crate::{
    config::{self, Environment},
    git::{self, Write},
    plan::{
        Bounds,
        message::Person,
        release::{Force, Release},
    },
    service::{
        Memory, Unit, Words,
        hand::{Diff, Files, Here, Intent, Wanted, write_by_hand},
    },
};

/// Makes one update that a person asks for.
///
/// # Errors
/// Something is against it, the workload is none or several, or a place cannot be written: then nothing is.
pub async fn release(args: &Args, release: &ReleaseArgs) -> Result<Said, CommandError> {
    let environment = Environment::of_process();
    let config = config::load(args.config.as_deref(), args.overrides(), &environment)?;
    let ground::Prepared { unit, notes, .. } = ground::unit(&config, release.place.named())?;
    let memory = Memory::open(&config.state);
    let by = release.user.as_deref().map_or_else(|| person(&unit, &environment), read_person);
    let hand = &release.hand;
    let intent = match (hand.check, hand.commit) {
        (true, _) => Intent::Show,
        (false, true) => Intent::Write(Write::Commit),
        (false, false) => Intent::Write(Write::Files),
    };
    let choice = Choice { workload: &hand.workload, root: hand.root.as_deref(), all_roots: hand.all_roots };
    let force = if release.force { Force::Against } else { Force::Within };
    let bounds = Bounds { writes: &|path| unit.repository.paths.allow(path), scans: &|_| true, presets: &unit.presets };
    let progress = Progress::begin("reading the repository");
    let wish = |here: &Here<'_>| -> Result<_, CommandError> {
        let chosen = pick(here.index, choice)?;
        let id = chosen.first().map(|(_, id)| id.clone()).unwrap_or_default();
        let mut wanted = Release::new(here.index, &chosen, &release.images, force, &bounds)?;
        here.note_past(wanted.subjects(), &bounds)?;
        let writes = wanted.writes(here.index, &bounds)?;
        let words = Words::Release { list: writes.list.clone(), by: by.clone(), why: release.message.clone() };
        Ok(Wanted { changes: writes.changes, words, told: (id, writes.list) })
    };
    let outcome = write_by_hand(&unit, &ground::clock(), Files::All(memory.clone()), &progress, (intent, Diff::Made), wish).await?;
    drop(progress);
    let exit = if hand.check && outcome.files > 0 { Exit::Updates } else { Exit::Done };
    let (workload, changes) = outcome.told.clone();
    let report = ByHandReport::new(&outcome, Some(workload), changes);
    let text = match hand.output {
        PlanOutput::Text => print::release(&report, outcome.done, terminal::width()).into_bytes(),
        PlanOutput::Json => print::json(&report).into_bytes(),
        PlanOutput::Diff => outcome.diff,
    };
    let mut said = Said { text, talk: String::new(), exit };
    said.note([notes, memory.news()].concat());
    Ok(said)
}

/// Whom Git knows here, else who commits.
fn person(unit: &Unit, environment: &Environment) -> Person {
    let folder = unit.location.folder();
    let files = environment.git_configurations();
    match git::user_name(folder, &files) {
        Some(name) => Person { name, email: git::user_email(folder, &files) },
        None => Person { name: unit.repository.commit.name.clone(), email: Some(unit.repository.commit.email.clone()) },
    }
}

/// `Ada`, or `Ada <ada@acme.example>`.
fn read_person(text: &str) -> Person {
    match text.trim().strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, email)) => Person { name: name.trim().to_owned(), email: Some(email.trim().to_owned()) },
        None => Person { name: text.trim().to_owned(), email: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_name_and_perhaps_an_address() {
        for (text, name, email) in [("Ada", "Ada", None), ("Ada <ada@acme.example>", "Ada", Some("ada@acme.example")), ("a < b", "a < b", None)] {
            assert_eq!(read_person(text), Person { name: name.to_owned(), email: email.map(str::to_owned) }, "{text}");
        }
    }
}
