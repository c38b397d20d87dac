//! A registry's own words about a failure.

use oci_client::errors::{OciEnvelope, OciErrorCode};

use super::error::{Said, printable};

/// What the body of a failure says.
pub(super) fn said(body: &[u8]) -> Said {
    let Ok(envelope) = serde_json::from_slice::<OciEnvelope>(body) else {
        return plain(body);
    };
    let Some(error) = envelope.errors.into_iter().next() else {
        return Said::default();
    };
    let message = printable(&error.message, 200);
    Said { code: Some(code(&error.code)).filter(|code| !code.is_empty()), message: Some(message).filter(|text| !text.is_empty()) }
}

/// Token services and proxies answer with other JSON.
fn plain(body: &[u8]) -> Said {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = ["details", "message", "error_description", "error", "detail"].iter().find_map(|key| value.get(key)?.as_str());
    Said { code: None, message: text.map(|text| printable(text, 200)).filter(|text| !text.is_empty()) }
}

fn code(code: &OciErrorCode) -> String {
    let text = serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned));
    printable(&text.unwrap_or_default(), 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_told() {
        for (word, body, text) in [
            ("known", r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no such repository","detail":{}}]}"#, " (NAME_UNKNOWN: no such repository)"),
            ("of its own", r#"{"errors":[{"code":"PROJECT_LOCKED","message":"locked"}]}"#, " (PROJECT_LOCKED: locked)"),
            ("without a message", r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#, " (TOOMANYREQUESTS)"),
            ("two", r#"{"errors":[{"code":"DENIED","message":"a"},{"code":"UNAUTHORIZED","message":"b"}]}"#, " (DENIED: a)"),
            ("none", r#"{"errors":[]}"#, ""),
            ("token service", r#"{"details":"incorrect username or password"}"#, " (incorrect username or password)"),
            ("web page", "<html>", ""),
            ("empty", "", ""),
            ("escape", r#"{"errors":[{"code":"DENIED","message":"a\u001b[2Jb"}]}"#, " (DENIED: a [2Jb)"),
        ] {
            assert_eq!(said(body.as_bytes()).to_string(), text, "{word}");
        }
    }
}
