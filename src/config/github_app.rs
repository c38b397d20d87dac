//! The GitHub App as which a repository is signed in to.

use serde::Deserialize;
use serde_saphyr::Spanned;
use url::Url;

use super::{
    Lines, SecretSource,
    file::{GitHubAppWritten, RepositoryWritten},
    is_loopback,
    key::{Form, Formed},
    secret::one,
    source::{Source, line},
    url::Fault,
};

/// A GitHub App, and where its private key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitHubApp {
    /// The App's id or client id.
    pub id: String,
    /// Its installation; `None` where the API is asked for it.
    pub installation: Option<u64>,
    /// Where its private key is.
    pub key: SecretSource,
    /// The API, without a slash at its end; `None` for that of the repository's host.
    pub api: Option<String>,
    /// Where its keys stand in the file.
    pub lines: Lines,
}

/// An id as it is written: people write it as a number, too.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct IdText(String);

impl Formed for IdText {
    const FORM: Form = Form::Id;
}

impl Source {
    /// The App as which a repository is signed in to.
    pub(super) fn github_app(&self, written: &RepositoryWritten) -> Option<GitHubApp> {
        let app = written.github_app.as_ref()?;
        self.note_unknown(&app.value.unknown, GitHubAppWritten::KEYS);
        let at = app.referenced.line();
        let others = [&written.username, &written.password_file, &written.password_env, &written.token_file, &written.token_env];
        if others.into_iter().any(Option::is_some) {
            self.noted(Err::<(), _>(self.wrong(at, "`githubApp` and a user, a password or a token exclude each other")));
        }
        let GitHubAppWritten { id, installation_id, private_key_file, private_key_env, api_url, lines, unknown: _ } = &app.value;
        let id = match id {
            Some(id) => self.id("id", id),
            None => Err(self.wrong_with_hint(at, "`githubApp` needs its `id`", "it stands on the App's page at GitHub: the App id or the client id")),
        };
        let installation = installation_id.as_ref().map(|id| {
            let number = id.value.0.trim().parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| self.wrong(id.referenced.line(), "`installationId` is the number at the end of the installation's address"))
        });
        let file = private_key_file.as_ref().map(|text| self.local("privateKeyFile", text)).transpose();
        let variable = private_key_env.as_ref().map(|text| self.text("privateKeyEnv", text)).transpose();
        let key = file.and_then(|file| Ok((file, variable?))).and_then(|(file, variable)| {
            const BOTH: &str = "`privateKeyFile` and `privateKeyEnv` exclude each other";
            const NAME: &str = "`privateKeyEnv` holds the name of a variable: letters, digits and `_`";
            let first = [private_key_file, private_key_env].into_iter().flatten().map(line).min().unwrap_or(at);
            one(file, variable, BOTH, NAME)
                .and_then(|key| key.ok_or("`githubApp` needs `privateKeyFile` or `privateKeyEnv`"))
                .map_err(|why| self.wrong(first, why))
        });
        let api = api_url.as_ref().map(|text| self.url("apiUrl", text, "`https://`, or `http://` to loopback", check_api)).transpose();
        Some(GitHubApp {
            id: self.noted(id),
            installation: self.noted(installation.transpose()),
            key: self.noted(key.map(Some)).unwrap_or_else(|| SecretSource::Variable(String::new())),
            api: self.noted(api).map(|api| api.trim_end_matches('/').to_owned()),
            lines: lines.clone(),
        })
    }

    /// An App's id or client id; the sentence quotes neither, for it may be the wrong thing.
    fn id(&self, key: &str, written: &Spanned<IdText>) -> Result<String, super::ConfigError> {
        let text = written.value.0.trim();
        let is_id = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if is_id {
            Ok(text.to_owned())
        } else {
            Err(self.wrong(written.referenced.line(), format!("`{key}` is an App id such as 123456, or a client id such as Iv1.0123456789abcdef")))
        }
    }
}

fn check_api(text: &str) -> Result<(), Fault> {
    let url = Url::parse(text).map_err(|_| Fault::Malformed)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::Secret);
    }
    let is_spoken = match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(is_loopback),
        _ => false,
    };
    match () {
        () if !is_spoken => Err(Fault::Scheme),
        () if url.query().is_some() || url.fragment().is_some() => Err(Fault::Malformed),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_is_spoken_to_in_secret() {
        for (word, text, outcome) in [
            ("GitHub", "https://api.github.com", Ok(())),
            ("an Enterprise server", "https://github.corp.example/api/v3/", Ok(())),
            ("loopback", "http://127.0.0.1:8080", Ok(())),
            ("loopback by name", "http://localhost:8080/api/v3", Ok(())),
            ("loopback of version 6", "http://[::1]:8080", Ok(())),
            ("plain http", "http://github.corp.example/api/v3", Err(Fault::Scheme)),
            ("a host that begins so", "http://localhost.example/api", Err(Fault::Scheme)),
            ("another scheme", "ftp://github.corp.example", Err(Fault::Scheme)),
            ("a user", "https://bot:hunter2@github.corp.example", Err(Fault::Secret)),
            ("a query", "https://github.corp.example/?a=b", Err(Fault::Malformed)),
            ("no host", "https://", Err(Fault::Malformed)),
            ("no scheme", "api.github.com", Err(Fault::Malformed)),
        ] {
            assert_eq!(check_api(text), outcome, "{word}");
        }
    }
}
