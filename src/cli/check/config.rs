//! `check --config-only`: what is wrong with the configuration, before anything is done.

use std::{error::Error, path::Path};

use crate::cli::{
    Said,
    args::{Args, CheckArgs, CheckOutput},
    error::CommandError,
    exit::Exit,
    ground,
    print::{self, Check, Configured, Finding},
    terminal,
};
use crate::{
    config::{self, Config, ConfigError, CredentialSource, DockerConfig, Environment, Lines},
    git::{self, Authority, Examined},
    net::Identity,
    plan::check::Severity,
};

/// Looks at the configuration, and at every file and variable that it names.
///
/// # Errors
/// It is asked for in a format that it has not.
pub fn check(args: &Args, check: &CheckArgs) -> Result<Said, CommandError> {
    let (config, findings) = match config::check(args.config.as_deref(), args.overrides(), &Environment::of_process()) {
        Ok(config) => {
            let findings = Examination::of(&config, check);
            (Some(configured(&config)), findings)
        }
        Err(faults) => (None, faults.iter().map(of_file).collect()),
    };
    let outcome = Check { configuration: config, findings };
    let text = match check.output {
        CheckOutput::Text => terminal::paint(print::check(&outcome)),
        CheckOutput::Json => print::json(&outcome),
        CheckOutput::Sarif | CheckOutput::Diff => return Err(CommandError::ConfigurationOutput),
    };
    let mut said = Said { text: text.into_bytes(), talk: String::new(), exit: if outcome.faults() > 0 { Exit::Operator } else { Exit::Done } };
    said.note(check.target.notices());
    Ok(said)
}

fn configured(config: &Config) -> Configured {
    Configured {
        file: config.file().map(shown),
        repositories: config.repositories.iter().map(|repository| repository.name.clone()).collect(),
        registries: config.registries.entries.iter().map(|entry| entry.prefix.to_string()).collect(),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn of_file(fault: &ConfigError) -> Finding {
    let sentence = fault.source().map_or_else(|| fault.fault(), |_| with_causes(fault));
    Finding { file: fault.path().map(shown), line: fault.line(), severity: Severity::Error, message: sentence, hint: fault.hint() }
}

/// An error and its causes as one sentence.
fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

/// The findings about a configuration that was read.
struct Examination<'a> {
    config: &'a Config,
    findings: Vec<Finding>,
}

impl<'a> Examination<'a> {
    fn of(config: &'a Config, check: &CheckArgs) -> Vec<Finding> {
        let mut examination = Self { config, findings: Vec::new() };
        for repository in &config.repositories {
            examination.repository(repository);
        }
        for entry in &config.registries.entries {
            examination.registry(entry);
        }
        examination.authority();
        examination.docker();
        examination.presets();
        if let Some(place) = check.target.named() {
            examination.named(place);
        }
        examination.findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        examination.findings
    }

    /// A finding at the place of the first of these keys that is written.
    fn note(&mut self, lines: &Lines, keys: &[&str], severity: Severity, message: String, hint: Option<String>) {
        let line = keys.iter().find_map(|key| lines.of(key));
        let file = line.and(self.config.file()).map(shown);
        self.findings.push(Finding { file, line, severity, message, hint });
    }

    fn fault(&mut self, lines: &Lines, keys: &[&str], error: &dyn Error, hint: Option<String>) {
        self.note(lines, keys, Severity::Error, with_causes(error), hint);
    }

    fn repository(&mut self, repository: &config::Repository) {
        let lines = &repository.lines;
        let examined = git::examine(repository);
        let usable = examined.iter().all(|examined| examined.finding.is_ok());
        for Examined { key, finding } in examined {
            let sections = [Some(&repository.commit.lines), repository.github_app.as_ref().map(|app| &app.lines)];
            let lines = sections.into_iter().flatten().find(|lines| lines.of(key).is_some()).unwrap_or(lines);
            match finding {
                Ok(warning) => self.note(lines, &[key], Severity::Warning, warning, None),
                Err(error) => self.fault(lines, &[key], &error, error.hint()),
            }
        }
        // What else stands in the way is found as every other command finds it; what is told already would be repeated.
        match ground::prepare(self.config, &repository.url, repository.clone()) {
            Ok(prepared) => {
                let told: Vec<String> = self.findings.iter().map(|finding| finding.message.clone()).collect();
                let notes = prepared.notes.into_iter().filter(|note| !told.contains(note));
                notes.for_each(|note| self.note(lines, &["url"], Severity::Warning, note, None));
            }
            Err(error) if usable => self.fault(lines, &["url"], &error, error.hint()),
            Err(_) => {}
        }
    }

    fn named(&mut self, place: &str) {
        if let Err(error) = ground::unit(self.config, place) {
            self.fault(&Lines::default(), &[], &error, error.hint());
        }
    }

    fn registry(&mut self, entry: &config::RegistryEntry) {
        if let Some(Err(error)) = entry.ca_file.as_deref().map(Authority::read) {
            self.fault(&entry.lines, &["caFile"], &error, error.hint());
        }
        if let Some(Err(error)) = entry.client_certificate.as_ref().map(Identity::read) {
            self.fault(&entry.lines, &["clientCertFile", "clientKeyFile"], &error, error.hint());
        }
        if let Some(Err(error)) = entry.credential.as_ref().map(CredentialSource::read) {
            self.fault(&entry.lines, &["passwordFile", "passwordEnv", "tokenFile", "tokenEnv"], &error, error.hint());
        }
    }

    fn presets(&mut self) {
        for fault in self.config.presets().err().into_iter().flatten() {
            let (line, message) = (fault.line(), fault.source().map_or_else(|| fault.fault(), |_| with_causes(&fault)));
            self.findings.push(Finding { file: Some(shown(fault.path())), line, severity: Severity::Error, message, hint: fault.hint() });
        }
    }

    fn authority(&mut self) {
        let (config, keys) = (self.config, ["registryCaFile"]);
        if let Some(Err(error)) = config.registries.ca_file.as_deref().map(Authority::read) {
            self.fault(&config.lines, &keys, &error, error.hint());
        }
    }

    fn docker(&mut self) {
        let (config, keys) = (self.config, ["dockerConfig"]);
        match config.docker_config.as_deref().map(DockerConfig::load) {
            Some(Ok(docker)) => {
                docker.notices().iter().for_each(|notice| self.note(&config.lines, &keys, Severity::Warning, notice.to_string(), None));
            }
            Some(Err(error)) => self.fault(&config.lines, &keys, &error, error.hint()),
            None => {}
        }
    }
}
