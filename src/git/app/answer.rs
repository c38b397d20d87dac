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
    /// How far the API's clock is ahead of ours.
    pub(super) fn ahead(&self, now: Timestamp) -> SignedDuration {
        self.date.map_or(SignedDuration::ZERO, |date| date.duration_since(now))
    }

    /// The token, with its times by our clock.
    pub(super) fn token(&self, now: Timestamp) -> Result<Token, AppTrouble> {
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
        let life = expires_at.duration_since(now) - self.ahead(now);
        // One that came too late by some clock is tried all the same, for a while.
        let life = if life.is_positive() { life } else { REST };
        // One that lives shorter than twice this is used for half of its life.
        let (expires, renewed) = (now.checked_add(life), now.checked_add(life - EARLY.min(life / 2)));
        Ok(Token { text: token.into(), renewed: renewed.unwrap_or(now), expires: expires.unwrap_or(now) })
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
        let is_told = self.retry_after.is_some() || self.reset.is_some() || said.to_ascii_lowercase().contains("rate limit");
        let is_limited = self.status == 429 || (self.status == 403 && is_told);
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

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_is_renewed_before_it_expires_by_the_clock_that_gave_it() {
        for (word, date, expires, renewed, gone) in [
            ("an hour", Some(0), 3600, 3300, 3600),
            ("an hour, and no clock", None, 3600, 3300, 3600),
            ("our clock is late", Some(7200), 10800, 3300, 3600),
            ("our clock is early", Some(-7200), -3600, 3300, 3600),
            ("ten minutes", Some(0), 600, 300, 600),
            ("less than twice five minutes", Some(0), 60, 30, 60),
            ("it came too late", Some(0), -10, 30, 60),
        ] {
            let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
            let at = |seconds| now + SignedDuration::from_secs(seconds);
            let expires = at(expires);
            let body = format!("{{\"token\": \"ghs_x\", \"expires_at\": \"{expires:.0}\"}}").into_bytes();
            let token = Answer { status: 201, date: date.map(at), body, ..Answer::default() }.token(now).expect(word);
            assert_eq!(token.text.expose_secret(), "ghs_x");
            assert_eq!((token.renewed, token.expires), (at(renewed), at(gone)), "{word}");
        }
    }

    #[test]
    fn an_api_is_left_alone_for_as_long_as_it_says() {
        let now = Timestamp::now();
        let (seconds, limit) = (SignedDuration::from_secs, "{\"message\": \"You have exceeded a secondary rate limit\"}");
        for (word, answer, rest) in [
            ("a time", Answer { status: 429, retry_after: Some(seconds(90)), ..Answer::default() }, Some(90)),
            ("no time", Answer { status: 429, ..Answer::default() }, Some(60)),
            ("a full window", Answer { status: 403, reset: Some(now + seconds(600)), ..Answer::default() }, Some(600)),
            (
                "a window by another clock",
                Answer { status: 403, date: Some(now + seconds(500)), reset: Some(now + seconds(600)), ..Answer::default() },
                Some(100),
            ),
            ("a window that is over", Answer { status: 403, reset: Some(now - seconds(600)), ..Answer::default() }, Some(1)),
            ("a day", Answer { status: 429, retry_after: Some(seconds(86400)), ..Answer::default() }, Some(3600)),
            ("in words alone", Answer { status: 403, body: limit.into(), ..Answer::default() }, Some(60)),
            ("another refusal", Answer { status: 403, ..Answer::default() }, None),
            ("it is broken", Answer { status: 502, retry_after: Some(seconds(9)), ..Answer::default() }, None),
        ] {
            let until = match answer.trouble(now) {
                AppTrouble::Limited { until } => Some(until.duration_since(now).as_secs()),
                _ => None,
            };
            assert_eq!(until, rest, "{word}");
        }
    }
}
