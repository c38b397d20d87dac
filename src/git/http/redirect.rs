//! Where a repository's first answer may send us.

use std::borrow::Cow;

use reqwest::{Response, header::LOCATION};
use url::Url;

use crate::git::{text, trouble::Trouble};

/// How many redirects are followed.
pub(super) const MOST: usize = 5;

/// Where an answer sends us; nowhere, where it is no redirect.
///
/// # Errors
/// It leads to another host, from https to plain http, or nowhere.
pub(super) fn followed(answer: &Response) -> Result<Option<Url>, Trouble> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    next(answer.url(), &location(answer)).map(Some).ok_or_else(|| refused(answer))
}

/// The trouble with the place that an answer sends us to.
pub(super) fn refused(answer: &Response) -> Trouble {
    elsewhere(answer.url(), &location(answer))
}

fn location(answer: &Response) -> Cow<'_, str> {
    answer.headers().get(LOCATION).map(|location| String::from_utf8_lossy(location.as_bytes())).unwrap_or_default()
}

/// The trouble with a place that we are sent to.
pub(super) fn elsewhere(from: &Url, location: &str) -> Trouble {
    let to = from.join(location).ok();
    let whole = to.as_ref().map_or(location, Url::as_str);
    let place = text::one_line(whole.split(['?', '#']).next().unwrap_or_default().as_bytes(), None);
    match to {
        Some(to) if to.host() != from.host() => Trouble::Redirected(place),
        Some(to) if to.scheme() == "http" && from.scheme() == "https" => Trouble::Downgraded(place),
        _ => Trouble::Circles(place),
    }
}

/// The same host, never from https to plain http, and without a user.
fn next(from: &Url, location: &str) -> Option<Url> {
    let next = from.join(location).ok().filter(|_| !location.is_empty())?;
    let is_safe = next.scheme() == "https" || (next.scheme() == "http" && from.scheme() == "http");
    (is_safe && next.host() == from.host() && next.username().is_empty() && next.password().is_none()).then_some(next)
}

/// The address of the repository whose advertisement stands at another one.
pub(super) fn base(advertised: &Url, service: &str) -> Option<Url> {
    let mut base = advertised.clone();
    let is_service = advertised.query_pairs().any(|(key, value)| key == "service" && value == service);
    base.set_path(advertised.path().strip_suffix("/info/refs").filter(|_| is_service)?);
    base.set_query(None);
    Some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn a_redirect_is_followed_on_the_same_host_alone() {
        for (word, from, location, to) in [
            ("a new name", "https://git.example/old.git", "https://git.example/new.git", Some("https://git.example/new.git")),
            ("a path alone", "https://git.example/old.git", "/new.git", Some("https://git.example/new.git")),
            ("the host in capitals", "https://git.example/f", "https://GIT.Example/f", Some("https://git.example/f")),
            ("its own port, written", "https://git.example/f", "https://git.example:443/f", Some("https://git.example/f")),
            ("up to https", "http://git.example/f", "https://git.example/f", Some("https://git.example/f")),
            ("another port of the host", "https://git.example/f", "https://git.example:8443/f", Some("https://git.example:8443/f")),
            ("down to http", "https://git.example/f", "http://git.example/f", None),
            ("another host", "https://git.example/f", "https://other.example/f", None),
            ("another host, no scheme", "https://git.example/f", "//other.example/f", None),
            ("a host below", "https://git.example/f", "https://a.git.example/f", None),
            ("a host that begins so", "https://git.example/f", "https://git.example.other.example/f", None),
            ("the host as a user", "https://git.example/f", "https://git.example@other.example/f", None),
            ("a user", "https://git.example/f", "https://bot:pw@git.example/f", None),
            ("a file", "https://git.example/f", "file:///etc/passwd", None),
            ("nothing", "https://git.example/f", "", None),
            ("no URL", "https://git.example/f", "https://[", None),
        ] {
            assert_eq!(next(&url(from), location), to.map(url), "{word}");
        }
    }

    #[test]
    fn a_place_that_is_not_followed_is_told_without_what_may_be_secret() {
        let from = url("https://git.example/f");
        for (word, location, told) in [
            ("another host", "https://other.example/f?token=hunter2", Trouble::Redirected("https://other.example/f".to_owned())),
            ("a path", "//other.example/f#hunter2", Trouble::Redirected("https://other.example/f".to_owned())),
            ("a user", "https://bot:hunter2@other.example/f", Trouble::Redirected("https://***@other.example/f".to_owned())),
            ("plain http", "http://git.example/f?hunter2", Trouble::Downgraded("http://git.example/f".to_owned())),
            ("itself", "/f", Trouble::Circles("https://git.example/f".to_owned())),
            ("no URL", "https://[?hunter2", Trouble::Circles("https://[".to_owned())),
        ] {
            assert_eq!(elsewhere(&from, location), told, "{word}");
        }
    }

    #[test]
    fn the_repository_of_an_advertisement_is_known_by_its_end() {
        for (word, advertised, repository) in [
            ("as usual", "https://h/new.git/info/refs?service=git-upload-pack", Some("https://h/new.git")),
            ("the root", "https://h/info/refs?service=git-upload-pack", Some("https://h/")),
            ("more in the query", "https://h/f/info/refs?a=b&service=git-upload-pack", Some("https://h/f")),
            ("no service", "https://h/f/info/refs", None),
            ("another service", "https://h/f/info/refs?service=git-receive-pack", None),
            ("a page", "https://h/users/sign_in?service=git-upload-pack", None),
        ] {
            assert_eq!(base(&url(advertised), "git-upload-pack"), repository.map(url), "{word}");
        }
    }
}
