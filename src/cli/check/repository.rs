//! `check` of a repository.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    cli::{
        Said,
        args::{Args, CheckArgs, CheckOutput},
        error::CommandError,
        exit::Exit,
        ground::{self, Prepared},
        print,
        progress::Progress,
    },
    config::{self, Config, Environment, is_loopback},
    image::Repository,
    plan::check::{Opening, Severity},
    registry::{Settings, SignIn, Where, sign_in},
    service::{Checking, Memory, check::Mending},
};

/// Looks at every file of a repository.
///
/// # Errors
/// The repository cannot be read, or shall be mended and is no work tree.
pub fn check(args: &Args, check: &CheckArgs) -> Result<Said, CommandError> {
    let config = config::load(args.config.as_deref(), args.overrides(), &Environment::of_process())?;
    let Prepared { unit, repository, notes } = ground::unit(&config, check.target.place())?;
    let keys = Keys::of(&config, &repository)?;
    let opens = |repository: &Repository| keys.opening(repository);
    let progress = Progress::begin("reading the repository");
    let mut checking = Checking::open(&Arc::new(unit), Memory::open(&config.state), &opens)?;
    if check.fix && !checking.is_work_tree() {
        return Err(CommandError::NoWorkTree { repository: repository.name });
    }
    let checked = checking.check(if check.fix { Mending::Write } else { Mending::Show }, Timestamp::now())?;
    drop(progress);
    let text = match check.output {
        CheckOutput::Text => print::findings(&checked).into_bytes(),
        CheckOutput::Json => print::findings_json(&checked).into_bytes(),
        CheckOutput::Sarif => print::sarif(&checked.findings).into_bytes(),
        CheckOutput::Diff => checked.diff,
    };
    let errors = checked.findings.iter().any(|finding| finding.severity == Severity::Error);
    let mut said = Said { text, talk: String::new(), exit: if errors { Exit::Operator } else { Exit::Done } };
    said.note(check.target.notices());
    said.note(notes);
    Ok(said)
}

/// The credentials of a configuration: those that serve the repository, and all.
struct Keys {
    serving: Settings,
    all: Settings,
}

impl Keys {
    fn of(config: &Config, repository: &config::Repository) -> Result<Self, CommandError> {
        let serving = ground::settings(config, repository, ground::docker(config)?, Where::Anywhere);
        let all = Settings { registries: config.registries.clone(), ..serving.clone() };
        Ok(Self { serving, all })
    }

    fn opening(&self, repository: &Repository) -> Opening {
        match sign_in(repository, &self.serving) {
            SignIn::Configured => Opening::Open,
            SignIn::Unlisted => Opening::Unlisted,
            SignIn::Nobody => {
                let entries = || self.all.registries.entries.iter().filter(|entry| entry.prefix.covers(repository));
                let elsewhere = entries().find(|entry| entry.credential.is_some() && !entry.serves.is_empty());
                match elsewhere {
                    Some(entry) => Opening::Elsewhere { prefix: entry.prefix.to_string() },
                    None if is_loopback(&repository.registry) => Opening::Open,
                    None => Opening::Nobody,
                }
            }
        }
    }
}
