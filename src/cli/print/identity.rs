//! The screen of `identity`.

use std::path::Path;

use serde::Serialize;

use crate::git::ShownIdentity;

/// The public part of a key, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityReport {
    /// The file of the private key.
    pub file: String,
    /// The type of the key.
    pub kind: String,
    /// The line to install.
    pub public: String,
    /// The fingerprint.
    pub fingerprint: String,
    /// Whether the key was made just now.
    pub made: bool,
}

impl IdentityReport {
    /// What is told of the key in a file.
    pub fn new(file: &Path, shown: ShownIdentity, made: bool) -> Self {
        let ShownIdentity { kind, public, fingerprint } = shown;
        Self { file: file.display().to_string(), kind, public, fingerprint, made }
    }
}

/// The line to install, or the fingerprint.
pub fn identity(report: &IdentityReport, show: Show) -> String {
    match show {
        Show::Key => format!("{}\n", report.public),
        Show::Fingerprint => format!("{} {}\n", report.fingerprint, report.kind),
    }
}

/// What of a key is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// The line to install.
    Key,
    /// The fingerprint.
    Fingerprint,
}
