//! The screen and the JSON of `check`.

use serde::Serialize;

use super::{check::line_of, count, json, short};
use crate::{
    plan::{
        check::{Finding, Severity},
        safe,
    },
    service::Checked,
};

/// What `check` prints: each finding as compilers do, the worst first, and one line that sums up.
pub fn findings(checked: &Checked) -> String {
    let mut text = header(checked);
    let fixed = checked.fixed.iter().map(|finding| line(finding, "fixed", &done(finding), None));
    let found = checked.findings.iter().map(|finding| line(finding, finding.severity.as_str(), &finding.message, finding.hint.as_deref()));
    let lines: String = fixed.chain(found).collect();
    if !lines.is_empty() {
        text.extend(["\n", &lines, "\n"]);
    }
    text + &summary(checked)
}

/// The same as JSON.
pub fn findings_json(checked: &Checked) -> String {
    let Checked { repository, branch, commit, findings, fixed, .. } = checked;
    json(&View { repository, branch: branch.as_deref(), commit: commit.as_deref(), findings, fixed })
}

#[derive(Serialize)]
struct View<'a> {
    repository: &'a str,
    branch: Option<&'a str>,
    commit: Option<&'a str>,
    findings: &'a [Finding],
    fixed: &'a [Finding],
}

fn line(finding: &Finding, word: &str, sentence: &str, hint: Option<&str>) -> String {
    line_of(Some(&finding.file), finding.line.map(u64::from), word, &format!("{sentence} [{}]", finding.code), hint)
}

fn done(finding: &Finding) -> String {
    finding.fix.as_ref().map(|fix| fix.does.clone()).unwrap_or_default()
}

fn header(checked: &Checked) -> String {
    let tip = match (&checked.branch, &checked.commit) {
        (Some(branch), Some(commit)) => format!("  {} @ {}", safe::line(branch), short(commit)),
        (Some(branch), None) => format!("  {}, no commit yet", safe::line(branch)),
        (None, Some(commit)) => format!("  @ {}", short(commit)),
        (None, None) => String::new(),
    };
    format!("{}{tip}   {}\n", safe::line(&checked.repository), count(checked.workloads, "workload"))
}

fn summary(checked: &Checked) -> String {
    let of = |severity: Severity| checked.findings.iter().filter(|finding| finding.severity == severity).count();
    let mut parts: Vec<String> = vec![];
    if !checked.fixed.is_empty() {
        parts.push(format!("{} fixed", checked.fixed.len()));
    }
    let severities = Severity::ALL.iter().map(|severity| (of(*severity), severity.as_str()));
    parts.extend(severities.filter(|(number, _)| *number > 0).map(|(number, word)| count(number, word)));
    if checked.findings.is_empty() {
        parts.push("nothing is wrong".to_owned());
    }
    let fixable = checked.findings.iter().filter(|finding| finding.fix.is_some()).count();
    let offer = if fixable > 0 { format!("; `--fix` mends {fixable} of them") } else { String::new() };
    format!("{}{offer}\n", parts.join(", "))
}
