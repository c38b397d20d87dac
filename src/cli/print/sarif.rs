//! Findings as SARIF.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::json::json as printed;
use crate::plan::check::{Finding, FindingCode};

/// What the folder of the repository is called where paths start from it.
const BASE: &str = "%SRCROOT%";

/// Findings as forges and editors read them.
///
/// # Source
/// SARIF 2.1.0 (OASIS), <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.
pub fn sarif(findings: &[Finding]) -> String {
    let rules: Vec<Value> = FindingCode::ALL.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    let driver = json!({ "name": "Tagalong", "version": env!("CARGO_PKG_VERSION"), "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules });
    let run = json!({
        "tool": { "driver": driver },
        "automationDetails": { "id": "tagalong/check/" },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": { BASE: { "description": { "text": "The root of the repository." } } },
        "results": results,
    });
    printed(&json!({ "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run] }))
}

fn rule(code: FindingCode) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": code.meaning() },
        "help": { "text": format!("{} See the pages \"Check\" and \"Codes\" of Tagalong.", code.meaning()) },
        "defaultConfiguration": { "level": code.severity().as_str() },
    })
}

fn result(finding: &Finding) -> Value {
    let index = FindingCode::ALL.iter().position(|code| *code == finding.code);
    let text = match &finding.hint {
        Some(hint) => format!("{}\nhint: {hint}", finding.message),
        None => finding.message.clone(),
    };
    let mut region = json!({ "startLine": finding.line.unwrap_or(1) });
    if let Some(column) = finding.column {
        region["startColumn"] = column.into();
    }
    let mut place = json!({ "physicalLocation": { "artifactLocation": { "uri": uri(&finding.file), "uriBaseId": BASE }, "region": region } });
    if let Some(workload) = &finding.workload {
        place["logicalLocations"] = json!([{ "fullyQualifiedName": workload, "kind": "resource" }]);
    }
    json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": index,
        "level": finding.severity.as_str(),
        "message": { "text": text },
        "locations": [place],
        "partialFingerprints": { "tagalong/v1": fingerprint(finding) },
    })
}

/// A path as a relative reference: what is no unreserved character or slash becomes `%XX`.
///
/// # Source
/// RFC 3986, sections 2.1 and 4.2: the first part must not look like a scheme.
fn uri(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes all that is written");
        }
    }
    text
}

/// The same for one finding wherever its line moves.
fn fingerprint(finding: &Finding) -> String {
    let Finding { code, file, workload, container, message, .. } = finding;
    let text = format!("{code}\0{file}\0{}\0{}\0{message}", workload.as_deref().unwrap_or_default(), container.as_deref().unwrap_or_default());
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut shown = String::with_capacity(32);
    hash[..16].iter().for_each(|byte| write!(shown, "{byte:02x}").expect("a string takes all that is written"));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_relative_reference() {
        for (word, path, text) in [
            ("plain", "apps/a-1.yaml", "apps/a-1.yaml"),
            ("space", "a b.yaml", "a%20b.yaml"),
            ("what would be a scheme", "c:a.yaml", "c%3Aa.yaml"),
            ("query and fragment", "a?b#c%.yaml", "a%3Fb%23c%25.yaml"),
            ("not ascii", "é", "%C3%A9"),
        ] {
            assert_eq!(uri(path), text, "{word}");
        }
    }
}
