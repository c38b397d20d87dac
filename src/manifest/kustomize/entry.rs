//! `images` entries: which images one means, and what it makes of them.

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::value::Words;
use crate::manifest::{ImageField, Node};

/// An entry of `images`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) struct Entry {
    pub(super) line: u32,
    pub(super) name: Box<str>,
    pub(super) new_name: Option<Box<Words>>,
    pub(super) new_tag: Option<Box<Words>>,
    pub(super) digest: Option<Box<Words>>,
    pub(super) suffix: Option<Box<str>>,
    /// The scalars of its tag and digest.
    pub(super) image: ImageField,
    pub(super) node: Option<Node>,
}

/// Which images an entry's name means: it is the beginning of an expression.
pub(super) enum Pattern<'f> {
    /// Letters, and dots that stand for any letter.
    Simple(&'f str),
    Expression(Regex),
    /// No expression: kustomize fails.
    Broken,
}

impl<'f> Pattern<'f> {
    pub(super) fn of(name: &'f str) -> Self {
        if name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:@".contains(&b)) {
            return Self::Simple(name);
        }
        Regex::new(&format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", as_go_reads(name))).map_or(Self::Broken, Self::Expression)
    }

    /// Whether the entry means this image.
    pub(super) fn is_match(&self, image: &str) -> bool {
        match self {
            Self::Simple(name) => {
                let Some((start, rest)) = image.as_bytes().split_at_checked(name.len()) else { return false };
                start.iter().zip(name.bytes()).all(|(one, other)| *one == other || other == b'.' && *one != b'\n') && is_version(rest)
            }
            Self::Expression(expression) => expression.is_match(image),
            Self::Broken => false,
        }
    }
}

/// `(:tag)?(@sha256:…)?`
fn is_version(rest: &[u8]) -> bool {
    let end = |rest: &[u8]| rest.iter().position(|b| !b.is_ascii_alphanumeric() && !b"_.{}-".contains(b)).unwrap_or(rest.len());
    let rest = rest.strip_prefix(b":").map_or(rest, |tag| &tag[end(tag)..]);
    let rest = rest.strip_prefix(b"@sha256:").map_or(rest, |digest| &digest[end(digest)..]);
    rest.is_empty()
}

/// A brace that counts nothing is a letter in Go's expressions.
fn as_go_reads(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    let mut rest = name;
    while let Some(at) = rest.find(['{', '}', '\\']) {
        text.push_str(&rest[..at]);
        let tail = &rest[at..];
        let counts = tail.strip_prefix('{').and_then(|inner| inner.split_once('}')).is_some_and(|(inner, _)| {
            let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
            !low.is_empty() && low.bytes().chain(high.bytes()).all(|b| b.is_ascii_digit())
        });
        let taken = match tail.as_bytes()[0] {
            b'\\' => 1 + tail[1..].chars().next().map_or(0, char::len_utf8),
            b'{' if counts => tail.find('}').map_or(1, |end| end + 1),
            _ => {
                text.push('\\');
                1
            }
        };
        text.push_str(&tail[..taken]);
        rest = &tail[taken..];
    }
    text.push_str(rest);
    text
}

impl Entry {
    /// Whether it decides the tag or the digest.
    pub(super) fn decides(&self) -> bool {
        self.new_tag.is_some() || self.digest.is_some() || self.suffix.is_some()
    }

    /// What it makes of an image that it means.
    pub(super) fn applied(&self, image: &str) -> String {
        let (name, tag, digest) = split(image);
        let name = self.new_name.as_ref().map_or(name, |name| &name.text);
        let text = |text: &Option<Box<Words>>| text.as_ref().map(|text| text.text.to_string());
        let (tag, digest) = match (text(&self.new_tag), text(&self.digest), &self.suffix) {
            (None, None, None) => (tag.to_owned(), digest.to_owned()),
            (None, None, Some(suffix)) => (format!("{tag}{suffix}"), String::new()),
            (tag, digest, _) => (tag.unwrap_or_default(), digest.unwrap_or_default()),
        };
        let mut image = name.to_owned();
        for (mark, part) in [(':', tag), ('@', digest)] {
            if !part.is_empty() {
                image.push(mark);
                image.push_str(&part);
            }
        }
        image
    }
}

/// Name, tag and digest as kustomize takes them apart.
pub(super) fn split(image: &str) -> (&str, &str, &str) {
    let slash = image.find('/').filter(|at| *at > 0).unwrap_or(0);
    let find = |mark: char| image[slash..].find(mark).map(|at| at + slash);
    match (find('@'), find(':')) {
        (None, None) => (image, "", ""),
        (Some(at), colon) if colon.is_none_or(|colon| at < colon) => (&image[..at], "", image[at..].trim_start_matches('@')),
        (Some(at), Some(colon)) => (&image[..colon], image[colon..at].trim_start_matches(':'), image[at..].trim_start_matches('@')),
        (_, Some(colon)) => (&image[..colon], image[colon..].trim_start_matches(':'), ""),
        (Some(_), None) => unreachable!("the second row takes it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_beginning_of_an_expression() {
        for (word, name, image, expected) in [
            ("without tag", "nginx", "nginx", true),
            ("with tag", "nginx", "nginx:1.25", true),
            ("with digest", "nginx", "nginx@sha256:ab", true),
            ("with both", "nginx", "nginx:1@sha256:ab", true),
            ("other digest", "nginx", "nginx@sha512:ab", false),
            ("longer name", "nginx", "nginx-x:1", false),
            ("shorter", "nginx", "ngin", false),
            ("path", "acme/app", "ghcr.io/acme/app:1", false),
            ("dot for any letter", "ghcr.io/app", "ghcrxio/app:1", true),
            ("port", "localhost:5000/app", "localhost:5000/app:1", true),
            ("tag in the name", "nginx:1", "nginx:1", true),
            ("tag in the name twice", "nginx:1", "nginx:1:2", true),
            ("two tags", "nginx", "nginx:1:2", false),
            ("run", "ngi.*", "nginx:1", true),
            ("choice", "nginx|redis", "redis:1", true),
            ("choice binds weakly", "nginx|redis", "nginx-other", true),
            ("braces that count", "red{1}is", "redis", true),
            ("braces that do not", "a{x}", "a{x}:1", true),
            ("variable", "${IMAGE}", "${IMAGE}", false),
            ("quoted variable", "\\$\\{IMAGE}", "${IMAGE}:1", true),
            ("template", "{{image}}", "{{image}}:{tag}", true),
            ("empty", "", ":1", true),
            ("empty and a name", "", "nginx", false),
        ] {
            assert_eq!(Pattern::of(name).is_match(image), expected, "{word}");
        }
        assert!(matches!(Pattern::of("("), Pattern::Broken));
    }

    #[test]
    fn an_entry_replaces_what_it_names() {
        let text = |text: &str| {
            let quoting = crate::policy::annotation::Quoting::Text;
            (!text.is_empty()).then(|| Box::new(Words { text: text.into(), line: 1, quoting, image: None }))
        };
        for (word, [name, tag, digest, suffix], image, expected) in [
            ("tag", ["", "2", "", ""], "app:1", "app:2"),
            ("tag drops the digest", ["", "2", "", ""], "app:1@sha256:a", "app:2"),
            ("digest drops the tag", ["", "", "sha256:b", ""], "app:1@sha256:a", "app@sha256:b"),
            ("both", ["", "2", "sha256:b", ""], "app", "app:2@sha256:b"),
            ("name alone", ["new", "", "", ""], "app:1@sha256:a", "new:1@sha256:a"),
            ("suffix", ["", "", "", "-x"], "app:1@sha256:a", "app:1-x"),
            ("suffix beside a tag", ["", "2", "", "-x"], "app:1", "app:2"),
            ("port", ["", "2", "", ""], "localhost:5000/app", "localhost:5000/app:2"),
            ("port without a path", ["", "2", "", ""], "localhost:5000", "localhost:2"),
            ("nothing", ["", "", "", ""], "app:1", "app:1"),
        ] {
            let suffix = (!suffix.is_empty()).then(|| suffix.into());
            let entry = Entry { new_name: text(name), new_tag: text(tag), digest: text(digest), suffix, ..Entry::default() };
            assert_eq!(entry.applied(image), expected, "{word}");
        }
    }
}
