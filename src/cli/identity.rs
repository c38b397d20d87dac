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
    git::{AccessError, identity},
};

/// Shows the public key that signs in over SSH, and makes the key where there is none.
///
/// # Errors
/// The configuration names several keys, or the key cannot be read or made.
pub fn identity(args: &Args, wanted: &IdentityArgs) -> Result<Said, CommandError> {
    let environment = Environment::of_process();
    let config = config::load(args.config.as_deref(), args.overrides(), &environment)?;
    let (file, passphrase) = place(&config, wanted, &environment)?;
    let is_made = wanted.regenerate || !file.exists();
    let shown = if is_made {
        let passphrase: Option<SecretString> = passphrase.as_ref().map(SecretSource::read).transpose().map_err(AccessError::from)?;
        identity::make(&file, passphrase.as_ref())?
    } else {
        identity::show(&file)?
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

/// The file of the private key, and where its passphrase is.
fn place(config: &Config, wanted: &IdentityArgs, environment: &Environment) -> Result<(PathBuf, Option<SecretSource>), CommandError> {
    let named: Vec<config::Repository> = match &wanted.repo {
        Some(address) => vec![config.repository_for(address.expose())],
        None => config.repositories.clone(),
    };
    let passphrase_of = |file: &PathBuf| named.iter().find(|one| one.ssh_key_file.as_ref() == Some(file)).and_then(|one| one.ssh_passphrase.clone());
    if let Some(file) = &wanted.file {
        return Ok((file.clone(), passphrase_of(file)));
    }
    let files: BTreeSet<&PathBuf> = named.iter().filter_map(|one| one.ssh_key_file.as_ref()).collect();
    match (files.first(), files.len()) {
        (Some(file), 1) => Ok(((*file).clone(), passphrase_of(file))),
        (Some(_), _) => Err(CommandError::WhichIdentity { files: files.into_iter().cloned().collect() }),
        (None, _) => environment.identity().map(|file| (file, None)).ok_or(CommandError::NoHome),
    }
}
