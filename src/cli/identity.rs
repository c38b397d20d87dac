//! `identity`.

use std::{collections::BTreeSet, path::PathBuf};

use secrecy::SecretString;

use super::{
    Said,
    args::{Args, IdentityArgs, Output},
    error::CommandError,
    exit::Exit,
    print::{self, IdentityReport, Show},
};
use crate::{
    config::{self, Config, Environment, SecretSource},
    git::{self, AccessError, identity},
};

/// Shows the public key that signs in over SSH, and makes the key where there is none.
///
/// # Errors
/// The configuration names several keys, or the key cannot be read or made.
pub fn identity(args: &Args, wanted: &IdentityArgs) -> Result<Said, CommandError> {
    let environment = Environment::of_process();
    let config = config::load(args.config.as_deref(), args.overrides(), &environment)?;
    let (file, shown, is_made) = match place(&config, wanted, &environment)? {
        Held::Variable(name) if wanted.regenerate => return Err(CommandError::IdentityOfVariable { name }),
        Held::Variable(name) => {
            let text = git::variable(&name).map_err(git::AccessError::from)?;
            (PathBuf::from(format!("${name}")), identity::show_variable(&name, &text)?, false)
        }
        Held::File(file, _) if file.exists() && !wanted.regenerate => (file.clone(), identity::show(&file)?, false),
        Held::File(file, passphrase) => {
            let passphrase: Option<SecretString> = passphrase.as_ref().map(SecretSource::read).transpose().map_err(AccessError::from)?;
            (file.clone(), identity::make(&file, passphrase.as_ref())?, true)
        }
    };
    let report = IdentityReport::new(&file, shown, is_made);
    let text = match wanted.output {
        Output::Text => print::identity(&report, if wanted.fingerprint { Show::Fingerprint } else { Show::Key }),
        Output::Json => print::json(&report),
    };
    let mut said = Said { text: text.into_bytes(), talk: String::new(), exit: Exit::Done };
    if is_made {
        said.note([format!("made the key `{}`; install the public one as a deploy key, with write access", file.display())]);
    }
    Ok(said)
}

/// Where a private key is.
enum Held {
    /// In a file; its passphrase may be somewhere.
    File(PathBuf, Option<SecretSource>),
    /// In a variable.
    Variable(String),
}

fn place(config: &Config, wanted: &IdentityArgs, environment: &Environment) -> Result<Held, CommandError> {
    let named: Vec<config::Repository> = match &wanted.repo {
        Some(address) => vec![config.repository_for(address.expose())],
        None => config.repositories.clone(),
    };
    let passphrase_of = |file: &PathBuf| named.iter().find(|one| one.ssh_key_file.as_ref() == Some(file)).and_then(|one| one.ssh_passphrase.clone());
    if let Some(file) = &wanted.file {
        return Ok(Held::File(file.clone(), passphrase_of(file)));
    }
    let files: BTreeSet<&PathBuf> = named.iter().filter_map(|one| one.ssh_key_file.as_ref()).collect();
    let variables: BTreeSet<&String> = named.iter().filter_map(|one| one.ssh_key_env.as_ref()).collect();
    match (files.first(), variables.first(), files.len() + variables.len()) {
        (Some(file), None, 1) => Ok(Held::File((*file).clone(), passphrase_of(file))),
        (None, Some(name), 1) => Ok(Held::Variable((*name).clone())),
        (None, None, _) => environment.identity().map(|file| Held::File(file, None)).ok_or(CommandError::NoHome),
        _ => {
            let variables = variables.into_iter().map(|name| format!("${name}"));
            Err(CommandError::WhichIdentity { keys: files.iter().map(|file| file.display().to_string()).chain(variables).collect() })
        }
    }
}
