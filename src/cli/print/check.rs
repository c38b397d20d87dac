//! The screen and the JSON of `check --config-only`.

use serde::Serialize;

use super::count;
use crate::plan::{check::Severity, safe};

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
    pub severity: Severity,
    /// The sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Check {
    /// How many findings stand in the way.
    pub fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }
}

/// What `check` prints about a configuration: each finding as compilers do, and one line that sums up.
pub fn check(check: &Check) -> String {
    let mut text = String::new();
    for Finding { file, line, severity, message, hint } in &check.findings {
        text.push_str(&line_of(file.as_deref(), *line, severity.as_str(), message, hint.as_deref()));
    }
    text + &summary(check)
}

/// `file:line: error: what is wrong`, and the hint below.
pub(super) fn line_of(file: Option<&str>, line: Option<u64>, severity: &str, message: &str, hint: Option<&str>) -> String {
    let place = match (file, line) {
        (Some(file), Some(line)) => format!("{}:{line}: ", safe::line(file)),
        (Some(file), None) => format!("{}: ", safe::line(file)),
        (None, _) => String::new(),
    };
    let hint = hint.map(|hint| format!("  hint: {}\n", safe::line(hint))).unwrap_or_default();
    format!("{place}{severity}: {}\n{hint}", safe::line(message))
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
