//! What was sent, and why.

use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use serde::Serialize;
use url::Url;

use super::{client::RequestKind, retry::passes, wire::redacted};

/// A request that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// What was asked.
    pub kind: RequestKind,
    /// `GET`, `HEAD` or `POST`.
    pub method: String,
    /// Where, without what may be secret.
    pub url: String,
    /// The status of the answer, `None` where none came.
    pub status: Option<u16>,
    /// Why it was sent.
    pub why: String,
}

/// Every request in the order of its answers, where anybody wants to know.
#[derive(Default)]
pub(super) struct Journal(Mutex<Option<Vec<(Url, Sent)>>>);

/// What is asked, where.
pub(super) struct Ask<'a> {
    pub(super) kind: RequestKind,
    pub(super) method: &'a Method,
    pub(super) url: &'a Url,
    /// Who redirected there.
    pub(super) from: Option<&'a Url>,
}

impl Journal {
    /// Keeps all that is sent from now on.
    pub(super) fn open(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// Notes a request whose answer, or end, has come.
    pub(super) fn note(&self, ask: &Ask<'_>, status: Option<u16>) {
        if let Some(sent) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let why = why(sent, ask);
            sent.push((ask.url.clone(), Sent { kind: ask.kind, method: ask.method.to_string(), url: redacted(ask.url.as_str()), status, why }));
        }
    }

    /// All that was kept.
    pub(super) fn sent(&self) -> Vec<Sent> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().flatten().map(|(_, sent)| sent.clone()).collect()
    }
}

/// Why a request is sent after these.
fn why(before: &[(Url, Sent)], ask: &Ask<'_>) -> String {
    if let Some(from) = ask.from {
        return format!("{} redirected there", redacted(from.as_str()));
    }
    let mut like = before.iter().rev().filter(|(_, sent)| sent.kind == ask.kind && *ask.method == *sent.method);
    match like.clone().find(|(url, _)| url == ask.url).map(|(_, sent)| sent.status) {
        Some(None) => return "again, for no answer came".to_owned(),
        Some(Some(401)) => return "again, signed in".to_owned(),
        Some(Some(status)) if passes(status) => return format!("again, for it answered {status}"),
        Some(Some(_)) | None => {}
    }
    let page = like.find(|(url, _)| url.path() == ask.url.path()).and_then(|(_, sent)| sent.status);
    match (ask.kind, page) {
        (RequestKind::List, Some(200)) => "the next page of the tags",
        (RequestKind::List, Some(status)) if ask.url.query().is_none() => return format!("without a page size, for it answered {status}"),
        (RequestKind::List, _) => "which tags there are: a command always lists",
        (RequestKind::Head, _) => "where the tag points now: a tag can be moved",
        (RequestKind::Manifest, _) if ask.url.path().rsplit('/').next().is_some_and(|reference| reference.contains(':')) => {
            "what stands behind a digest, once for it"
        }
        (RequestKind::Manifest, _) => "what the tag points to",
        (RequestKind::Config, _) => "when the image was built, once for its digest",
        (RequestKind::Token, _) => "the registry wants a token",
        (RequestKind::Probe, _) => "whether the host speaks https: `insecure` leaves it open",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_its_reason() {
        let journal = Journal::default();
        let base = Url::parse("https://r.corp/v2/").expect("a URL");
        let note = |kind, at: &str, from: Option<&Url>, status| {
            let url = base.join(at).expect("a URL");
            journal.note(&Ask { kind, method: &Method::GET, url: &url, from }, status);
        };
        note(RequestKind::List, "before", None, Some(200));
        assert_eq!(journal.sent(), [], "nobody wants to know");
        journal.open();
        let rows = [
            (RequestKind::List, "a/tags/list?n=1000", None, Some(401), "which tags there are: a command always lists"),
            (RequestKind::Token, "token?scope=x", None, Some(200), "the registry wants a token"),
            (RequestKind::List, "a/tags/list?n=1000", None, Some(503), "again, signed in"),
            (RequestKind::List, "a/tags/list?n=1000", None, None, "again, for it answered 503"),
            (RequestKind::List, "a/tags/list?n=1000", None, Some(200), "again, for no answer came"),
            (RequestKind::List, "a/tags/list?last=x", None, Some(200), "the next page of the tags"),
            (RequestKind::List, "b/tags/list?n=1000", None, Some(400), "which tags there are: a command always lists"),
            (RequestKind::List, "b/tags/list", None, Some(200), "without a page size, for it answered 400"),
            (RequestKind::Manifest, "a/manifests/1.0", None, Some(200), "what the tag points to"),
            (RequestKind::Manifest, "a/manifests/sha256:0", None, Some(200), "what stands behind a digest, once for it"),
            (RequestKind::Config, "a/blobs/sha256:1", None, Some(307), "when the image was built, once for its digest"),
            (RequestKind::Config, "//cdn/x?sig=hunter2", Some(&base), Some(200), "https://r.corp/v2/ redirected there"),
        ];
        for (kind, at, from, status, _) in rows {
            note(kind, at, from, status);
        }
        let sent = journal.sent();
        for (sent, (kind, at, _, status, why)) in sent.iter().zip(rows) {
            assert_eq!((sent.kind, sent.status, &*sent.why), (kind, status, why), "{at}");
        }
        assert_eq!(sent.len(), rows.len());
        assert_eq!(sent.last().map(|sent| &*sent.url), Some("https://cdn/x"));
    }
}
