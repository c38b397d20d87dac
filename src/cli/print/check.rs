//! The screen and the JSON of `check`.

use std::fmt::Write as _;

use serde::Serialize;

use super::count;
use crate::plan::safe;

/// What `check` found.
///
/// # Shape
/// JSON: `configuration` (`null` where it cannot be read) and `findings`, in the order of the lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is configured.
    pub configuration: Option<Configured>,
    /// What is wrong, or odd.
    pub findings: Vec<Finding>,
}

/// What is configured, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Configured {
    /// The file; absent where there is none.
    pub file: Option<String>,
    /// The names of the Git repositories.
    pub repositories: Vec<String>,
    /// The prefixes of the registries.
    pub registries: Vec<String>,
}

/// Something that is wrong, or odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file; absent where a flag or a variable says it.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u64>,
    /// How bad it is.
    pub level: Level,
    /// The sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// It does not work so.
    Error,
    /// It works, and may not be meant so.
    Warning,
}

impl Check {
    /// How many findings stand in the way.
    pub fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.level == Level::Error).count()
    }
}

/// What `check` prints: each finding as compilers do, and one line that sums up.
pub fn check(check: &Check) -> String {
    let mut text = String::new();
    for finding in &check.findings {
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!("{}:{line}: ", safe::line(file)),
            (Some(file), None) => format!("{}: ", safe::line(file)),
            (None, _) => String::new(),
        };
        let level = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        writeln!(text, "{place}{level}: {}", safe::line(&finding.message)).expect("a string takes all that is written");
        if let Some(hint) = &finding.hint {
            writeln!(text, "  hint: {}", safe::line(hint)).expect("a string takes all that is written");
        }
    }
    text + &summary(check)
}

fn summary(check: &Check) -> String {
    let faults = check.faults();
    if faults > 0 {
        return format!("{}\n", count(faults, "fault"));
    }
    let Some(configured) = &check.configuration else { return String::new() };
    let place = configured.file.as_deref().map_or_else(|| "no configuration file".into(), safe::line);
    let several = |number, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let repositories = several(configured.repositories.len(), "repository", "repositories");
    let registries = several(configured.registries.len(), "registry", "registries");
    format!("{place}: {repositories} and {registries} configured, nothing stands in the way\n")
}
