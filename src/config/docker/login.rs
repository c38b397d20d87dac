//! One login as Docker writes it.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::Grant;
use crate::config::Credential;

/// The user in whose place Docker writes this has an identity token for a password.
const TOKEN_USER: &str = "<token>";

/// An entry of `auths`. A credential store leaves an empty one behind.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Login {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl Grant {
    /// What a user and a password are.
    pub fn of_pair(user: String, password: SecretString) -> Self {
        if user == TOKEN_USER {
            return Self::Identity { user: String::new(), password: password.clone(), token: password };
        }
        Self::Credential(Credential::Basic { user, password })
    }
}

impl Login {
    /// What the entry grants; `None` where nothing is written.
    ///
    /// # Errors
    /// Something is written that is no login.
    pub(super) fn grant(self) -> Result<Option<Grant>, ()> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (auth, username, password) = (given(self.auth), given(self.username), given(self.password));
        let written = auth.is_some() || username.is_some() || password.is_some();
        let pair = match (username, password, auth) {
            (Some(user), Some(password), _) => Some((user, SecretString::from(password))),
            (_, _, Some(auth)) => decoded(&auth),
            (Some(user), None, None) => Some((user, SecretString::default())),
            _ => None,
        };
        if let Some(token) = given(self.registrytoken) {
            return Ok(Some(Grant::Credential(Credential::Token(SecretString::from(token)))));
        }
        if let Some(token) = given(self.identitytoken).map(SecretString::from) {
            let (user, password) = pair.filter(|(user, _)| user != TOKEN_USER).unwrap_or_default();
            let password = if password.expose_secret().is_empty() { token.clone() } else { password };
            return Ok(Some(Grant::Identity { user, password, token }));
        }
        match pair.filter(|(user, password)| !user.is_empty() && !password.expose_secret().is_empty()) {
            Some((user, password)) => Ok(Some(Grant::of_pair(user, password))),
            None if written => Err(()),
            None => Ok(None),
        }
    }
}

/// `user:password` in base 64, with or without padding.
fn decoded(auth: &str) -> Option<(String, SecretString)> {
    let engine = GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));
    let text = String::from_utf8(engine.decode(auth.trim()).ok()?).ok()?;
    let (user, password) = text.trim_matches('\0').split_once(':')?;
    Some((user.to_owned(), SecretString::from(password)))
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn shown(grant: &Grant) -> String {
        match grant {
            Grant::Credential(Credential::Basic { user, password }) => format!("{user}:{}", password.expose_secret()),
            Grant::Credential(Credential::Token(token)) => format!("token {}", token.expose_secret()),
            Grant::Identity { user, password, token } => {
                format!("identity {}, else {user}:{}", token.expose_secret(), password.expose_secret())
            }
        }
    }

    #[test]
    fn a_login_is_written_in_one_of_these_ways() {
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        for (word, login, expected) in [
            ("base 64", format!(r#"{{"auth":"{}"}}"#, encoded("a:b")), Ok(Some("a:b"))),
            ("without padding", r#"{"auth":"YTpi"}"#.to_owned(), Ok(Some("a:b"))),
            ("colon in the password", format!(r#"{{"auth":"{}"}}"#, encoded("a:b:c")), Ok(Some("a:b:c"))),
            ("words", r#"{"username":"a","password":"b","email":"x"}"#.to_owned(), Ok(Some("a:b"))),
            ("token", r#"{"registrytoken":"t"}"#.to_owned(), Ok(Some("token t"))),
            ("left by a credential store", "{}".to_owned(), Ok(None)),
            ("empty texts", r#"{"auth":"","identitytoken":""}"#.to_owned(), Ok(None)),
            ("not base 64", r#"{"auth":"%"}"#.to_owned(), Err(())),
            ("no colon", format!(r#"{{"auth":"{}"}}"#, encoded("ab")), Err(())),
            ("no password", format!(r#"{{"auth":"{}"}}"#, encoded("a:")), Err(())),
            ("a user alone", r#"{"username":"a"}"#.to_owned(), Err(())),
            ("identity token", r#"{"identitytoken":"t"}"#.to_owned(), Ok(Some("identity t, else :t"))),
            ("identity token of nobody", format!(r#"{{"auth":"{}","identitytoken":"t"}}"#, encoded("<token>:x")), Ok(Some("identity t, else :t"))),
            ("identity token of a user", format!(r#"{{"auth":"{}","identitytoken":"t"}}"#, encoded("0-0:")), Ok(Some("identity t, else 0-0:t"))),
            ("identity token and a password", r#"{"username":"a","password":"b","identitytoken":"t"}"#.to_owned(), Ok(Some("identity t, else a:b"))),
            ("an identity token as a password", format!(r#"{{"auth":"{}"}}"#, encoded("<token>:t")), Ok(Some("identity t, else :t"))),
        ] {
            let login: Login = serde_json::from_str(&login).expect(word);
            let found = login.grant().map(|grant| grant.as_ref().map(shown));
            assert_eq!(found, expected.map(|text| text.map(str::to_owned)), "{word}");
        }
    }

    #[test]
    fn a_grant_does_not_print_its_secret() {
        for grant in [Grant::of_pair("bot".into(), SecretString::from("hunter2")), Grant::of_pair("<token>".into(), SecretString::from("hunter2"))] {
            assert!(!format!("{grant:?}").contains("hunter2"));
        }
    }
}
