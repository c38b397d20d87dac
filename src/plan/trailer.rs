//! What a message of ours says that it moved.

use crate::{
    image::{Digest, Tag},
    policy::rollback::Value,
};

/// The token of our trailers: a commit with such a line is ours.
pub(super) const UPDATE: &str = "Image-Update";
/// The token of the trailer that names the person who asked for a release.
pub(super) const RELEASED_BY: &str = "Released-by";

/// Whose decision a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// A person made it.
    Person,
    /// A person asked for it, and we made it.
    Release,
    /// A policy asked for it, and we made it.
    Policy,
}

/// One `Image-Update` line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trailer {
    /// The image's name as Git wrote it.
    pub name: String,
    /// What stood there.
    pub from: Value,
    /// What was written.
    pub to: Value,
}

/// Whose decision a commit with this message is: it is ours if it has an `Image-Update` line, and a person asked for it if it has a `Released-by` line, too.
///
/// # Shape
/// Wherever in the message the lines are and however they are indented: a squash puts them where it likes.
pub fn decider(message: &str) -> Decider {
    match (lines(message, UPDATE).next(), lines(message, RELEASED_BY).next()) {
        (None, _) => Decider::Person,
        (Some(_), Some(_)) => Decider::Release,
        (Some(_), None) => Decider::Policy,
    }
}

/// Whether the message says that the commit is ours.
pub fn is_ours(message: &str) -> bool {
    decider(message) != Decider::Person
}

/// Whether a line would be read as one of our trailers.
pub(super) fn is_trailer(line: &str) -> bool {
    [UPDATE, RELEASED_BY].iter().any(|token| lines(line, token).next().is_some())
}

/// What the message says that the commit moved; a line that nobody of us wrote says nothing.
pub fn trailers(message: &str) -> Vec<Trailer> {
    lines(message, UPDATE).filter_map(Trailer::parse).collect()
}

/// What stands behind a token and its colon in each such line.
fn lines<'m>(message: &'m str, token: &str) -> impl Iterator<Item = &'m str> {
    message.split(['\n', '\r']).filter_map(move |line| {
        let (first, rest) = line.trim().split_once(':')?;
        first.trim_end().eq_ignore_ascii_case(token).then_some(rest.trim())
    })
}

impl Trailer {
    /// The way back.
    pub(super) fn back(&self) -> Self {
        Self { name: self.name.clone(), from: self.to.clone(), to: self.from.clone() }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (name, from, arrow, to) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let is_whole = arrow == "->" && words.next().is_none();
        is_whole.then_some(Self { name: name.to_owned(), from: value(from)?, to: value(to)? })
    }
}

/// `tag`, `tag@digest`, or with `-` for no tag.
fn value(text: &str) -> Option<Value> {
    let (tag, digest) = text.split_once('@').map_or((text, None), |(tag, digest)| (tag, Some(digest)));
    let tag = if tag == "-" { None } else { Some(Tag::parse(tag).ok()?) };
    Some(Value { tag, digest: digest.map(Digest::parse).transpose().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ours_is_known_wherever_it_stands() {
        let trailer = "Image-Update: app 1 -> 2";
        for (word, message, ours) in [
            ("as we write it", format!("Auto-release app:2\n\n{trailer}\n"), true),
            ("a squash's list", format!("Release (#3)\n\n* Auto-release app:2\n\n{trailer}\n\n* fix\n"), true),
            ("the program's squash", format!("Squashed commit\n\n    Auto-release app:2\n\n    {trailer}\n"), true),
            ("line ends of elsewhere", format!("x\r\n\r\n{trailer}\r\n"), true),
            ("another case", trailer.to_uppercase(), true),
            ("a space before the colon", trailer.replacen(':', " :", 1), true),
            ("quoted", format!("Revert \"x\"\n\n> {trailer}\n"), false),
            ("spoken of", format!("drop the line {trailer}"), false),
            ("another token", "Image-Updates: app 1 -> 2".to_owned(), false),
            ("nothing", String::new(), false),
        ] {
            assert_eq!(decider(&message) == Decider::Policy, ours, "{word}");
            assert_eq!(decider(&format!("{message}\nReleased-by: Ada")) == Decider::Release, ours, "{word}, released");
        }
        assert_eq!(decider("Released-by: Ada"), Decider::Person, "a line that others write, too");
    }

    #[test]
    fn a_trailer_that_is_taken_back_leads_the_other_way() {
        let there = trailers("Image-Update: app 1 -> 2").pop().expect("a trailer");
        assert_eq!(there.back(), trailers("Image-Update: app 2 -> 1").pop().expect("a trailer"));
    }

    #[test]
    fn a_trailer_is_name_old_and_new() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let moves = |text: &str| trailers(&format!("Image-Update: {text}")).pop().map(|found| (found.name, found.from, found.to));
        let value = |tag: Option<&str>, digest: Option<&str>| Value {
            tag: tag.map(|tag| Tag::parse(tag).expect("a tag")),
            digest: digest.map(|digest| Digest::parse(digest).expect("a digest")),
        };
        for (word, text, expected) in [
            ("tags", "ghcr.io/a/b 1.0 -> 1.1".to_owned(), Some(("ghcr.io/a/b", value(Some("1.0"), None), value(Some("1.1"), None)))),
            ("no tag", "redis - -> 7.4".to_owned(), Some(("redis", value(None, None), value(Some("7.4"), None)))),
            ("digest", format!("a 1 -> 1@{digest}"), Some(("a", value(Some("1"), None), value(Some("1"), Some(&digest))))),
            ("a digest alone", format!("a -@{digest} -> 1"), Some(("a", value(None, Some(&digest)), value(Some("1"), None)))),
            ("wide spaces", "a  1\t->  2".to_owned(), Some(("a", value(Some("1"), None), value(Some("2"), None)))),
            ("a word more", "a 1 -> 2 3".to_owned(), None),
            ("no arrow", "a 1 to 2".to_owned(), None),
            ("no tag at all", "a 1 -> !".to_owned(), None),
            ("no digest at all", "a 1 -> 2@sha256:zz".to_owned(), None),
        ] {
            assert_eq!(moves(&text), expected.map(|(name, from, to)| (name.to_owned(), from, to)), "{word}");
        }
    }
}
