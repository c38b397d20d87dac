//! What GitHub's API answers.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::AppTrouble;
use crate::git::text;

/// A token is renewed so long before it expires.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// Where the API does not say how long it wants to be left alone.
const REST: SignedDuration = SignedDuration::from_mins(1);
/// It is asked again after this time at the latest, whatever it says.
const LONGEST_REST: SignedDuration = SignedDuration::from_hours(1);

/// One answer, read to its end.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The clock at the other side.
    pub(super) date: Option<Timestamp>,
    pub(super) retry_after: Option<SignedDuration>,
    /// When the budget is full again, where it is empty.
    pub(super) reset: Option<Timestamp>,
    pub(super) body: Vec<u8>,
}

/// A token that Git takes as a password.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) text: SecretString,
    /// When the next one is asked for.
    pub(super) renewed: Timestamp,
    pub(super) expires: Timestamp,
}

/// What a token shall be good for, the narrowest first.
pub(super) fn wishes(repository: Option<&str>) -> Vec<String> {
    let rights = json!({ "contents": "write" });
    match repository {
        Some(name) => vec![json!({ "repositories": [name], "permissions": rights }), json!({ "repositories": [name] })],
        None => vec![json!({ "permissions": rights }), json!({})],
    }
    .iter()
    .map(ToString::to_string)
    .collect()
}

impl Answer {
    /// The token, by a clock that the API's is `ahead` of.
    pub(super) fn token(&self, ahead: SignedDuration) -> Result<Token, AppTrouble> {
        #[derive(Deserialize)]
        struct Written {
            token: String,
            expires_at: String,
        }
        let Written { token, expires_at } = self.read("it gives no `token` with `expires_at`")?;
        let expires_at: Timestamp = expires_at.parse().map_err(|_| AppTrouble::Strange { what: "its `expires_at` is no time" })?;
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AppTrouble::Strange { what: "it gives a `token` that is none" });
        }
        let now = Timestamp::now();
        let expires = expires_at.checked_sub(ahead).unwrap_or(expires_at);
        // One that lives shorter than this is used for half of its life.
        let early = EARLY.min(expires.duration_since(now) / 2).max(SignedDuration::ZERO);
        Ok(Token { text: token.into(), renewed: expires.checked_sub(early).unwrap_or(now), expires })
    }

    /// The id of an installation.
    pub(super) fn installation(&self) -> Result<u64, AppTrouble> {
        #[derive(Deserialize)]
        struct Written {
            id: u64,
        }
        Ok(self.read::<Written>("it gives no `id` of an installation")?.id)
    }

    fn read<T: serde::de::DeserializeOwned>(&self, otherwise: &'static str) -> Result<T, AppTrouble> {
        let value: serde_json::Value = serde_json::from_slice(&self.body).map_err(|_| AppTrouble::Strange { what: "it is no JSON" })?;
        serde_json::from_value(value).map_err(|_| AppTrouble::Strange { what: otherwise })
    }

    /// What the API says about a failure, in its own words.
    pub(super) fn said(&self) -> String {
        #[derive(Deserialize)]
        struct Written {
            message: String,
        }
        serde_json::from_slice::<Written>(&self.body).map(|written| text::one_line(written.message.as_bytes(), None)).unwrap_or_default()
    }

    /// What it means that something is not there: the API says so itself, any other server does not.
    pub(super) fn missing(&self, trouble: AppTrouble) -> AppTrouble {
        if self.said().is_empty() { AppTrouble::Strange { what: "it is none of GitHub's API" } } else { trouble }
    }

    /// What a failure means that is the same whatever was asked for.
    pub(super) fn trouble(&self, now: Timestamp) -> AppTrouble {
        let said = self.said();
        let is_limited = self.status == 429 || (self.status == 403 && (self.retry_after.is_some() || self.reset.is_some()));
        match self.status {
            _ if is_limited => AppTrouble::Limited { until: self.rest(now) },
            403 if said.to_ascii_lowercase().contains("suspended") => AppTrouble::Suspended,
            403 => AppTrouble::Denied { said },
            300..400 => AppTrouble::Redirected,
            status => AppTrouble::Status { status, said },
        }
    }

    /// Until when it wants to be left alone, by our clock.
    fn rest(&self, now: Timestamp) -> Timestamp {
        let there = self.date.unwrap_or(now);
        let rest = self.retry_after.or_else(|| self.reset.map(|reset| reset.duration_since(there))).unwrap_or(REST);
        now.checked_add(rest.clamp(SignedDuration::from_secs(1), LONGEST_REST)).unwrap_or(now)
    }
}
