//! What a person wants an image to be, in the syntax of `kustomize edit set image`.

use thiserror::Error;

use crate::{
    image::{Digest, Name, Reference, ReferenceError, Repository, Tag},
    manifest::Place,
};

/// What stands for "as it is".
const AS_IT_IS: &str = "*";

/// One image that is to be rewritten, and what it shall become.
///
/// # Shape
/// `NAME:TAG`, `NAME@DIGEST`, `NAME:TAG@DIGEST`, `NAME=NEWNAME[:TAG][@DIGEST]`; `*` in place of a new name, a tag or a digest is what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    text: String,
    name: String,
    new_name: Part<Name>,
    tag: Part<Tag>,
    digest: Part<Digest>,
}

/// What is said about a part of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<T> {
    Unsaid,
    AsItIs,
    To(T),
}

/// Why a text says no image to set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason} (character {})", text[..*at].chars().count() + 1)]
pub struct WishError {
    /// The text.
    pub text: String,
    /// The byte of the fault, from 0.
    pub at: usize,
    /// What is wrong.
    pub reason: String,
}

impl Wish {
    /// Reads one.
    ///
    /// # Errors
    /// A part is not what it should be, or nothing is to be changed.
    pub fn parse(text: &str) -> Result<Self, WishError> {
        let fault = |at: usize, reason: &str| WishError { text: text.to_owned(), at, reason: reason.to_owned() };
        let inner = |at: usize| move |error: ReferenceError| WishError { text: text.to_owned(), at: at + error.at, reason: error.reason };
        let (name, new) = match text.split_once('=') {
            Some((name, new)) => (Some(name), new),
            None => (None, text),
        };
        let start = text.len() - new.len();
        let (rest, digest) = match new.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (new, None),
        };
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (new_name, tag) = match rest[last..].find(':') {
            Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
            None => (rest, None),
        };
        let tag_at = start + new_name.len() + 1;
        let digest_at = start + rest.len() + 1;
        let wish = Self {
            text: text.to_owned(),
            name: name.unwrap_or(new_name).to_owned(),
            new_name: match (name, new_name) {
                (None, _) => Part::Unsaid,
                (Some(_), AS_IT_IS) => Part::AsItIs,
                (Some(_), "") if tag.is_some() || digest.is_some() => Part::AsItIs,
                (Some(_), new_name) => Part::To(Name::parse(new_name).map_err(inner(start))?),
            },
            tag: part(tag, Tag::parse).map_err(inner(tag_at))?,
            digest: part(digest, Digest::parse).map_err(inner(digest_at))?,
        };
        match (name, &wish) {
            (_, wish) if wish.name.is_empty() => Err(fault(0, "it names no image")),
            (None, wish) if wish.name == AS_IT_IS => Err(fault(0, "it names no image")),
            // Before `=`, kustomize takes any text that an entry may have for a name.
            (Some(name), _) if name.contains(char::is_whitespace) => Err(fault(0, "a name holds no space")),
            (None, wish) if wish.tag == Part::Unsaid && wish.digest == Part::Unsaid => Err(fault(text.len(), "neither tag nor digest follows")),
            (None, wish) if wish.repository().is_none() && !is_placeholder(&wish.name) => {
                Name::parse(&wish.name).map_err(inner(0))?;
                Ok(wish.clone())
            }
            _ => Ok(wish),
        }
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The image's name, as it was typed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The repository that the name leads to; `None` for the placeholder of a kustomization.
    pub fn repository(&self) -> Option<Repository> {
        Name::parse(&self.name).ok().map(|name| name.repository())
    }

    /// The last part of the name: every text of the name ends in it.
    pub(super) fn last_part(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// What the place shall hold that holds `now`.
    ///
    /// # Shape
    /// Of an entry of a kustomization kustomize drops what is not said, but the name; elsewhere a new name alone keeps tag and digest.
    pub fn wanted(&self, now: &Reference, place: Place) -> Reference {
        let renamed_only = self.tag == Part::Unsaid && self.digest == Part::Unsaid;
        let keeps = renamed_only && place != Place::KustomizeImage;
        let tag = match &self.tag {
            Part::To(tag) => Some(tag.clone()),
            Part::AsItIs => now.tag.clone(),
            Part::Unsaid => now.tag.clone().filter(|_| keeps),
        };
        let digest = match &self.digest {
            Part::To(digest) => Some(digest.clone()),
            Part::AsItIs => now.digest.clone(),
            // Another tag's digest would be another image's.
            Part::Unsaid => now.digest.clone().filter(|_| keeps),
        };
        let name = if let Part::To(name) = &self.new_name { name.clone() } else { now.name.clone() };
        Reference { name, tag, digest }
    }
}

fn part<T>(text: Option<&str>, parse: impl FnOnce(&str) -> Result<T, ReferenceError>) -> Result<Part<T>, ReferenceError> {
    match text {
        None => Ok(Part::Unsaid),
        Some(AS_IT_IS) => Ok(Part::AsItIs),
        Some(text) => parse(text).map(Part::To),
    }
}

/// Whether a text that is no image's name can be the name of a kustomization's entry: `IMAGE_PLACEHOLDER`.
fn is_placeholder(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn what_is_said_is_set_and_what_is_not_goes_where_kustomize_drops_it() {
        for (word, wish, now, place, wanted) in [
            ("tag", "app:2", "app:1".to_owned(), Place::Container, "app:2".to_owned()),
            ("tag over a digest", "app:2", format!("app:1@{A}"), Place::Container, "app:2".to_owned()),
            ("digest", &format!("app@{B}"), "app:1".to_owned(), Place::Container, format!("app@{B}")),
            ("both", &format!("app:2@{B}"), "app:1".to_owned(), Place::Container, format!("app:2@{B}")),
            ("tag stays", &format!("app:*@{B}"), format!("app:1@{A}"), Place::Container, format!("app:1@{B}")),
            ("digest stays", "app:2@*", format!("app:1@{A}"), Place::Container, format!("app:2@{A}")),
            ("new name", "app=r.io/app", format!("app:1@{A}"), Place::Container, format!("r.io/app:1@{A}")),
            ("new name of an entry", "app=r.io/app", format!("app:1@{A}"), Place::KustomizeImage, "r.io/app".to_owned()),
            ("new name and tag", "app=r.io:5/app:2", "app:1".to_owned(), Place::KustomizeImage, "r.io:5/app:2".to_owned()),
            ("new name, tag as it is", "app=r.io/app:*", "app:1".to_owned(), Place::KustomizeImage, "r.io/app:1".to_owned()),
            ("name as it is", "app=*:2", "r.io/app:1".to_owned(), Place::KustomizeImage, "r.io/app:2".to_owned()),
            ("no new name", "app=:2", "r.io/app:1".to_owned(), Place::KustomizeImage, "r.io/app:2".to_owned()),
            ("port", "r.io:5000/a/app:2", "r.io:5000/a/app:1".to_owned(), Place::Container, "r.io:5000/a/app:2".to_owned()),
            ("other spelling", "docker.io/library/app:2", "app:1".to_owned(), Place::Container, "app:2".to_owned()),
            ("placeholder", "IMAGE_PLACEHOLDER=app:2", "app:1".to_owned(), Place::KustomizeImage, "app:2".to_owned()),
        ] {
            let now = Reference::parse(&now).expect(word);
            assert_eq!(Wish::parse(wish).expect(word).wanted(&now, place).to_string(), wanted, "{word}");
        }
    }

    #[test]
    fn faults_have_their_place() {
        for (word, text, at, reason) in [
            ("nothing", "", 0, "it names no image"),
            ("no version", "app", 3, "neither tag nor digest follows"),
            ("no tag", "app:", 4, "the tag is empty"),
            ("bad tag", "app:1.0!", 7, "a tag cannot hold `!` here"),
            ("bad digest", "app@sha256:xyz", 11, "a digest holds lower-case hexadecimal digits only"),
            ("short digest", "app:1@sha256:ab", 15, "a sha256 digest has 64 digits, this one 2"),
            ("no digest", "app@", 4, "a digest is `sha256:` and 64 hexadecimal digits"),
            ("any image", "*:2", 0, "it names no image"),
            ("no name", "=app:2", 0, "it names no image"),
            ("no new name", "app=", 4, "a part of the name is empty"),
            ("bad new name", "app=r.io/App:2", 9, "a name cannot hold `A` here"),
            ("bad name", "a pp:2", 1, "a name cannot hold ` ` here"),
            ("name with a space", "a pp=b:2", 0, "a name holds no space"),
        ] {
            let fault = Wish::parse(text).expect_err(word);
            assert_eq!((fault.at, fault.reason.as_str()), (at, reason), "{word}");
        }
        let fault = Wish::parse("äpp:1").expect_err("no name");
        assert!(fault.to_string().ends_with("(character 1)"), "{fault}");
    }
}
