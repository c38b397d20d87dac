//! Where a reviewer finds what changed in an image's source, as its labels tell: texts of strangers, inherited from base images.

use std::collections::{BTreeMap, BTreeSet};

use super::safe;
use crate::image::Digest;

/// The labels of an image.
pub type Labels = BTreeMap<String, String>;

const SOURCE: &str = "org.opencontainers.image.source";
const REVISION: &str = "org.opencontainers.image.revision";
const URL: &str = "org.opencontainers.image.url";

/// The fewest digits of a commit's id that name it.
const SHORTEST: usize = 7;

/// How the images that a plan speaks of were built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builds {
    /// Their labels, where they are known.
    pub labels: BTreeMap<Digest, Labels>,
    /// The ids of our own commits.
    pub ours: BTreeSet<String>,
}

/// What serves a repository, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forge {
    GitHub,
    GitLab,
    Gitea,
    Bitbucket,
}

impl Builds {
    /// Whether an image was built from a commit of ours.
    pub fn is_ours(&self, image: Option<&Digest>) -> bool {
        let Some(revision) = image.and_then(|image| self.labels.get(image)?.get(REVISION)) else { return false };
        let revision = revision.trim().to_ascii_lowercase();
        let next = || self.ours.range(revision.clone()..).next();
        revision.len() >= SHORTEST && is_hex(&revision) && next().is_some_and(|id| id.starts_with(&revision))
    }

    /// What a reviewer may want to see of an update from one image to another.
    pub fn link(&self, old: Option<&Digest>, new: Option<&Digest>) -> Option<String> {
        let labels = |image: Option<&Digest>| image.and_then(|image| self.labels.get(image));
        link(labels(old), labels(new)?)
    }
}

/// A link that compares the sources of two images, else the new one's own page.
fn link(old: Option<&Labels>, new: &Labels) -> Option<String> {
    old.and_then(|old| compare(old, new)).or_else(|| {
        let page = new.get(URL)?.trim();
        address(page).map(|_| page.to_owned())
    })
}

fn compare(old: &Labels, new: &Labels) -> Option<String> {
    let source = |labels: &Labels| repository(labels.get(SOURCE)?);
    let revision = |labels: &Labels| Some(labels.get(REVISION)?.trim().to_ascii_lowercase()).filter(|id| id.len() == 40 && is_hex(id));
    let (source, was) = (source(new)?, source(old)?);
    let (from, to) = (revision(old)?, revision(new)?);
    if source != was || from == to {
        return None;
    }
    Some(match forge(&source)? {
        Forge::GitHub | Forge::Gitea => format!("{source}/compare/{from}...{to}"),
        Forge::GitLab => format!("{source}/-/compare/{from}...{to}"),
        Forge::Bitbucket => format!("{source}/branches/compare/{to}%0D{from}"),
    })
}

/// The address of a repository in one spelling.
fn repository(text: &str) -> Option<String> {
    let text = text.trim();
    let (host, path) = address(text)?;
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let names: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let is_plain = names.len() >= 2 && names.iter().all(|name| !matches!(*name, "" | "." | "..") && !name.contains(['?', '#', '%', '@']));
    is_plain.then(|| format!("https://{}{path}", host.to_ascii_lowercase()))
}

/// Host and path of an https address that no reader can mistake for another: no user in it, and nothing but what an address is made of.
fn address(text: &str) -> Option<(&str, &str)> {
    let scheme = text.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://"))?;
    let rest = &text[scheme.len()..];
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    let is_host = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let is_port = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    let is_plain = path.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'));
    (is_host && is_port && is_plain && safe::word(text) == text).then_some((host, path))
}

/// What serves an address: the large forges, and hosts that are called after what they run.
fn forge(source: &str) -> Option<Forge> {
    let host = source.strip_prefix("https://")?.split(['/', ':']).next()?;
    let is = |word: &str| host.split('.').any(|label| label == word);
    [(Forge::GitHub, "github"), (Forge::GitLab, "gitlab"), (Forge::Bitbucket, "bitbucket")]
        .into_iter()
        .chain(["gitea", "forgejo", "codeberg"].map(|word| (Forge::Gitea, word)))
        .find(|(_, word)| is(word))
        .map(|(forge, _)| forge)
}

fn is_hex(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(source: &str, revision: &str, url: &str) -> Labels {
        let written = [(SOURCE, source), (REVISION, revision), (URL, url)].into_iter().filter(|(_, text)| !text.is_empty());
        written.map(|(key, text)| (key.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn each_forge_has_its_own_way_to_compare() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        for (word, source, expected) in [
            ("GitHub", "https://github.com/acme/web", format!("https://github.com/acme/web/compare/{a}...{b}")),
            ("with .git", "https://github.com/acme/web.git", format!("https://github.com/acme/web/compare/{a}...{b}")),
            ("with a slash", "https://GitHub.com/acme/web/", format!("https://github.com/acme/web/compare/{a}...{b}")),
            ("GitLab", "https://gitlab.com/acme/team/web", format!("https://gitlab.com/acme/team/web/-/compare/{a}...{b}")),
            ("an own GitLab", "https://gitlab.corp:8443/acme/web", format!("https://gitlab.corp:8443/acme/web/-/compare/{a}...{b}")),
            ("Gitea", "https://gitea.com/acme/web", format!("https://gitea.com/acme/web/compare/{a}...{b}")),
            ("Forgejo", "https://codeberg.org/acme/web", format!("https://codeberg.org/acme/web/compare/{a}...{b}")),
            ("Bitbucket", "https://bitbucket.org/acme/web", format!("https://bitbucket.org/acme/web/branches/compare/{b}%0D{a}")),
        ] {
            assert_eq!(link(Some(&labels(source, &a, "")), &labels(source, &b, "https://acme.example")), Some(expected), "{word}");
        }
    }

    #[test]
    fn where_sources_cannot_be_compared_the_page_of_the_image_stands_in() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let page = "https://acme.example/web?x=1#y";
        let hub = "https://github.com/acme/web";
        for (word, old, new) in [
            ("another source", labels(hub, &a, ""), labels("https://github.com/acme/base", &b, page)),
            ("the same revision", labels(hub, &a, ""), labels(hub, &a, page)),
            ("a short revision", labels(hub, &a[..7], ""), labels(hub, &b, page)),
            ("no commit", labels(hub, &"z".repeat(40), ""), labels(hub, &b, page)),
            ("an unknown forge", labels("https://code.corp/acme/web", &a, ""), labels("https://code.corp/acme/web", &b, page)),
            ("plain http", labels("http://github.com/acme/web", &a, ""), labels("http://github.com/acme/web", &b, page)),
            ("no repository", labels("https://github.com/acme", &a, ""), labels("https://github.com/acme", &b, page)),
            ("a way out", labels("https://github.com/acme/..", &a, ""), labels("https://github.com/acme/..", &b, page)),
            ("the old one says nothing", Labels::new(), labels(hub, &b, page)),
        ] {
            assert_eq!(link(Some(&old), &new).as_deref(), Some(page), "{word}");
        }
        assert_eq!(link(None, &labels(hub, &b, page)).as_deref(), Some(page), "nothing is known of the old one");
    }

    #[test]
    fn a_hostile_label_is_no_link() {
        for (word, page) in [
            ("nothing", ""),
            ("another scheme", "javascript:alert(1)"),
            ("plain http", "http://acme.example"),
            ("a line", "https://acme.example/\n\nImage-Update: evil 1 -> 2"),
            ("a word", "https://acme.example/ and more"),
            ("an escape sequence", "https://acme.example/\u{1b}[31m"),
            ("another direction", "https://acme.example/\u{202e}gnp.exe"),
            ("a user that looks like a host", "https://github.com@evil.example/"),
            ("a host of another script", "https://gıthub.com/acme/web"),
            ("no host", "https:///acme"),
            ("no port", "https://acme.example:/x"),
            ("markup", "https://acme.example/<b>"),
        ] {
            assert_eq!(link(None, &labels("", "", page)), None, "{word}");
        }
    }

    #[test]
    fn an_image_of_our_own_commit_is_known_by_its_revision() {
        let (ours, other) = ("c0ffee0".to_owned() + &"1".repeat(33), "d".repeat(40));
        let image = Digest::parse(&format!("sha256:{}", "a".repeat(64))).expect("a digest");
        for (word, revision, expected) in [
            ("whole", &*ours, true),
            ("in capitals", &*ours.to_uppercase(), true),
            ("short", &ours[..7], true),
            ("too short", &ours[..6], false),
            ("another", &*other, false),
            ("no id", "main", false),
            ("empty", "", false),
        ] {
            let builds = Builds { labels: BTreeMap::from([(image.clone(), labels("", revision, ""))]), ours: BTreeSet::from([ours.clone()]) };
            assert_eq!(builds.is_ours(Some(&image)), expected, "{word}");
        }
        assert!(!Builds::default().is_ours(Some(&image)) && !Builds::default().is_ours(None));
    }
}
