//! What the commands print: pure functions from values to text.
//!
//! Data of strangers is made safe for one line before it is printed. Words carry all the meaning; colour comes last, and to terminals alone.

mod annotate;
mod by_hand;
mod check;
mod explain;
mod failure;
mod findings;
mod identity;
mod json;
mod list;
mod paint;
mod policy;
mod preset;
mod release;
mod sarif;
mod scan;
#[cfg(test)]
mod screens;
mod set;
mod table;
mod text;

use std::time::Duration;

pub use annotate::annotations;
pub use by_hand::ByHandReport;
pub use check::{Check, Configured, Finding, check};
pub use explain::{Depth, explain};
pub use failure::failure;
pub use findings::{findings, findings_json};
pub use identity::{IdentityReport, Show, identity};
pub use json::json;
pub use list::{images, workloads};
pub use paint::paint;
pub use policy::{PolicyTest, policy_test};
pub use preset::{PresetView, PresetsView, preset, presets};
pub use release::release;
pub use sarif::sarif;
pub use scan::{ScanReport, scan};
pub use set::set;
pub use text::{decisions, plan};

use crate::plan::{report::Version, safe};

/// How wide a line may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// The columns of a terminal: long cells are cut, long reasons wrapped.
    Columns(usize),
    /// A file or a pipe: nothing is ever cut or wrapped.
    Endless,
}

/// What `plan` and `apply` know beside the report, for people only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The workloads that were read, those without annotations too.
    pub workloads: usize,
    /// The requests that the registries answered.
    pub requests: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// What was done about the plan.
    pub ending: Ending,
    /// What else a person may want to know, a sentence each.
    pub notes: Vec<String>,
}

/// What was done about a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was only shown.
    Planned,
    /// It holds nothing to write.
    Unchanged,
    /// The push branch holds it already.
    There {
        /// Its name.
        branch: String,
    },
    /// Files of a work tree were written.
    Wrote {
        /// How many.
        files: usize,
    },
    /// A commit was made on a branch of a local repository.
    Committed {
        /// Its id.
        commit: String,
        /// The branch that it stands on.
        branch: String,
    },
    /// A commit was made and pushed.
    Pushed {
        /// Its id.
        commit: String,
        /// The branch that it stands on.
        branch: String,
    },
}

/// `1 update`, `2 updates`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The first digits of a commit id.
fn short(commit: &str) -> String {
    safe::word(commit).chars().take(7).collect()
}

/// A tag, with its digest where there is one, or `-`.
fn version(version: &Version, width: Width) -> String {
    let digest = version.digest.as_deref().map(|digest| match width {
        Width::Columns(_) if digest.chars().count() > 20 => format!("@{}…", digest.chars().take(19).collect::<String>()),
        _ => format!("@{digest}"),
    });
    match (version.tag.as_deref(), digest) {
        (None, None) => "-".to_owned(),
        (tag, digest) => format!("{}{}", tag.unwrap_or_default(), digest.unwrap_or_default()),
    }
}

/// `file:line`, which editors and terminals make a link of.
fn location(file: &str, line: u32) -> String {
    if line == 0 { file.to_owned() } else { format!("{file}:{line}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_cut_on_a_terminal_only() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let pinned = |tag: Option<&str>| Version { tag: tag.map(str::to_owned), digest: Some(digest.clone()) };
        for (word, value, width, text) in [
            ("none", Version::default(), Width::Endless, "-".to_owned()),
            ("tag", Version { tag: Some("1.0".into()), digest: None }, Width::Columns(80), "1.0".to_owned()),
            ("piped", pinned(Some("1.0")), Width::Endless, format!("1.0@{digest}")),
            ("terminal", pinned(Some("1.0")), Width::Columns(80), "1.0@sha256:aaaaaaaaaaaa…".to_owned()),
            ("no tag", pinned(None), Width::Columns(80), "@sha256:aaaaaaaaaaaa…".to_owned()),
        ] {
            assert_eq!(version(&value, width), text, "{word}");
        }
    }
}
