//! What stands behind the numbers of a version, read once, from the left.

use std::cmp::Ordering;

use super::digits::{compare_dotted, is_dotted_number, is_number};

const PRE_RELEASE: [&str; 16] =
    ["alpha", "beta", "a", "b", "rc", "cr", "pre", "preview", "dev", "snapshot", "nightly", "canary", "unstable", "next", "ea", "m"];
const PRE_RELEASE_LONG: &str = "milestone";
const POST_RELEASE: [&str; 5] = ["post", "patch", "hotfix", "fix", "security"];
const POST_RELEASE_SHORT: &str = "sp";
const CHANNEL: [&str; 5] = ["dev", "snapshot", "nightly", "canary", "edge"];
const FLOATING: [&str; 6] = ["alpine", "rke2r", "k3s", "build", "ls", "r"];

/// A word and the numbers that belong to it: `rc.9`, `preview.1.24080.9`, `security-01`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled<'a> {
    /// The word as written.
    pub word: &'a str,
    /// Its numbers, dotted, as written; empty where it has none.
    pub numbers: &'a str,
}

/// One identifier of a build or a flavour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Belongs to the name: a change here is another product.
    Fixed(&'a str),
    /// A name with a number that moves: `alpine` and `3.19`.
    Floating(&'a str, &'a str),
    /// A commit id.
    Commit(&'a str),
}

impl<'a> Part<'a> {
    /// What stays when the part moves, and its kind.
    fn name(&self) -> (&'a str, u8) {
        match *self {
            Self::Fixed(text) => (text, 0),
            Self::Floating(name, _) => (name, 1),
            Self::Commit(_) => ("", 2),
        }
    }
}

/// The parts of a suffix; each may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suffix<'a> {
    /// Below its version.
    pub pre_release: Option<Labelled<'a>>,
    /// Above its version.
    pub post_release: Option<Labelled<'a>>,
    /// Numbers and commit ids.
    pub build: Vec<Part<'a>>,
    /// All the rest, as written.
    pub flavour: &'a str,
    /// The identifiers of the flavour and what stands between them.
    pub flavour_parts: Vec<Part<'a>>,
}

impl<'a> Suffix<'a> {
    /// Reads what stands behind the numbers, without the first `-` or `_`; `None` where it ends in a separator.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut suffix = Self::default();
        let mut rest = Some(text);
        if let Some((label, after)) = rest.and_then(|text| labelled(text, Kind::PreRelease)) {
            (suffix.pre_release, rest) = (Some(label), next(after)?);
        }
        if let Some((label, after)) = rest.and_then(|text| labelled(text, Kind::PostRelease)) {
            (suffix.post_release, rest) = (Some(label), next(after)?);
        }
        while let Some(text) = rest {
            let (identifier, after) = identifier(text);
            let part = match identifier {
                commit if is_commit(commit) => Part::Commit(commit),
                number if is_dotted_number(number) => Part::Floating("", number),
                _ => break,
            };
            suffix.build.push(part);
            rest = next(after)?;
        }
        suffix.take_flavour(rest.unwrap_or(""));
        Some(suffix)
    }

    /// Reads the whole text as a flavour: what a channel is.
    pub fn channel(text: &'a str) -> Self {
        let mut suffix = Self::default();
        suffix.take_flavour(text);
        suffix
    }

    fn take_flavour(&mut self, text: &'a str) {
        self.flavour = text;
        let mut rest = text;
        while !rest.is_empty() {
            let (name, after) = identifier(rest);
            let previous = self.flavour_parts.iter().rev().find(|part| !matches!(part, Part::Fixed("-" | "_" | ".")));
            self.flavour_parts.push(part(name, previous, after.is_empty()));
            rest = after.get(1..).unwrap_or_default();
            if !after.is_empty() {
                self.flavour_parts.push(Part::Fixed(&after[..1]));
            }
        }
    }

    /// Whether a word of a pre-release stands in the flavour: `0.dev-231`, `alpine-rc1`.
    pub fn hides_pre_release(&self) -> bool {
        let is_word = |part: &Part<'_>| matches!(part, Part::Fixed(text) if word_and_numbers(text, Kind::PreRelease).is_some());
        self.flavour_parts.iter().any(is_word)
    }

    /// Reads numbers as commit ids where the current tag has an id of that length in that place.
    pub fn align(&mut self, current: &Suffix<'_>) {
        // `dev.1234567` beside `dev.1a2b3c4`: the number stood where a pre-release may have one.
        if let (Some(label), Some(Part::Commit(commit))) = (&mut self.pre_release, current.build.first())
            && self.build.len() + 1 == current.build.len()
            && is_number(label.numbers)
            && label.numbers.len() == commit.len()
        {
            self.build.insert(0, Part::Commit(std::mem::take(&mut label.numbers)));
        }
        let pairs = self.build.iter_mut().zip(&current.build).chain(self.flavour_parts.iter_mut().zip(&current.flavour_parts));
        for (part, known) in pairs {
            if let (Part::Floating("", number) | Part::Fixed(number), Part::Commit(commit)) = (*part, known)
                && is_number(number)
                && number.len() == commit.len()
            {
                *part = Part::Commit(number);
            }
        }
    }
}

/// Compares flavours by their text but for what floats; equal ones belong to one series.
pub fn order_flavours(a: &[Part<'_>], b: &[Part<'_>]) -> Ordering {
    a.iter().map(Part::name).cmp(b.iter().map(Part::name))
}

/// Compares what moves, from the left; commit ids are equal to each other and below numbers.
pub fn order_places(a: &[Part<'_>], b: &[Part<'_>]) -> Ordering {
    let moves = |part: &&Part<'_>| !matches!(part, Part::Fixed(_));
    let (mut a, mut b) = (a.iter().filter(moves), b.iter().filter(moves));
    loop {
        let order = match (a.next(), b.next()) {
            (Some(Part::Floating(_, a)), Some(Part::Floating(_, b))) => compare_dotted(a, b),
            (Some(a), Some(b)) => matches!(a, Part::Floating(..)).cmp(&matches!(b, Part::Floating(..))),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Whether a suffix without a number names a channel rather than a pre-release.
pub fn is_channel(suffix: &str) -> bool {
    CHANNEL.iter().any(|word| word.eq_ignore_ascii_case(suffix))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    PreRelease,
    PostRelease,
}

impl Kind {
    fn has(self, word: &str) -> bool {
        let is = |known: &str| known.eq_ignore_ascii_case(word);
        match self {
            Self::PreRelease => PRE_RELEASE.iter().any(|known| is(known)) || is(PRE_RELEASE_LONG),
            Self::PostRelease => POST_RELEASE.iter().any(|known| is(known)) || is(POST_RELEASE_SHORT),
        }
    }
}

/// A floating identifier of a flavour, a commit id, or a part of the name.
fn part<'a>(name: &'a str, previous: Option<&Part<'a>>, last: bool) -> Part<'a> {
    if is_commit(name) {
        return Part::Commit(name);
    }
    if is_dotted_number(name) && (is_date(name) || previous == Some(&Part::Fixed("debian"))) {
        return Part::Floating("", name);
    }
    if let Some(number) = FLOATING.iter().find_map(|word| name.strip_prefix(word).filter(|number| is_dotted_number(number))) {
        return Part::Floating(&name[..name.len() - number.len()], number);
    }
    if last
        && let Some((word, number)) = name.split_once('.')
        && is_dotted_number(number)
        && !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_alphabetic())
        && !["pr", "mr"].iter().any(|request| request.eq_ignore_ascii_case(word))
    {
        return Part::Floating(&name[..=word.len()], number);
    }
    Part::Fixed(name)
}

/// 8 digits and more, with a dotted counter where several were built that day.
fn is_date(number: &str) -> bool {
    number.split('.').next().is_some_and(|date| date.len() >= 8)
}

/// 7 to 40 hexadecimal digits with a letter and a digit; behind the `g` of `git describe` digits alone do, too.
fn is_commit(text: &str) -> bool {
    let (id, described) = text.strip_prefix('g').map_or((text, false), |id| (id, true));
    (7..=40).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_hexdigit())
        && id.bytes().any(|b| b.is_ascii_digit())
        && (described || id.bytes().any(|b| b.is_ascii_alphabetic()))
}

/// What follows a separator: `None` outside where a separator stands last, `None` inside at the end of the text.
#[expect(clippy::option_option, reason = "the outer says whether the text is legal, the inner whether more follows")]
fn next(after: &str) -> Option<Option<&str>> {
    match after.get(1..) {
        None => Some(None),
        Some("") => None,
        Some(rest) => Some(Some(rest)),
    }
}

/// Splits at the end of the first identifier; the second half begins with its separator.
///
/// Identifiers stand between `-` and `_`. A dot separates, too, where what stands before it is complete and what follows is no number.
fn identifier(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let end = bytes.iter().position(|b| matches!(b, b'-' | b'_')).unwrap_or(bytes.len());
    let dot = (0..end).filter(|&at| bytes[at] == b'.').find(|&at| {
        let follows = bytes[at + 1..end].split(|&b| b == b'.').next().unwrap_or_default();
        !follows.iter().all(u8::is_ascii_digit) && is_complete(&text[..at])
    });
    text.split_at(dot.unwrap_or(end))
}

fn is_complete(text: &str) -> bool {
    is_dotted_number(text) || word_and_numbers(text, Kind::PreRelease).is_some() || word_and_numbers(text, Kind::PostRelease).is_some()
}

/// Reads a whole identifier as a word of this kind with its numbers.
fn word_and_numbers(identifier: &str, kind: Kind) -> Option<Labelled<'_>> {
    let word = &identifier[..identifier.bytes().take_while(u8::is_ascii_alphabetic).count()];
    if !kind.has(word) || is_commit(identifier) {
        return None;
    }
    let rest = &identifier[word.len()..];
    let numbers = rest.strip_prefix('.').unwrap_or(rest);
    let legal = rest.is_empty() || if kind == Kind::PostRelease { is_number(numbers) } else { is_dotted_number(numbers) };
    legal.then_some(Labelled { word, numbers })
}

/// Reads a pre-release or post-release at the start of the text, with what follows it.
fn labelled(text: &str, kind: Kind) -> Option<(Labelled<'_>, &str)> {
    let (first, after) = identifier(text);
    let label = word_and_numbers(first, kind)?;
    // `beta-2`: the number may stand behind `-` or `_`; one of more than 3 digits there is a build.
    if label.numbers.is_empty() && after.starts_with(['-', '_']) {
        let (numbers, after) = identifier(&after[1..]);
        let one = numbers.split('.').next().unwrap_or("");
        let legal = if kind == Kind::PostRelease { is_number(numbers) } else { is_dotted_number(numbers) };
        if legal && one.len() <= 3 {
            return Some((Labelled { word: label.word, numbers }, after));
        }
    }
    Some((label, after))
}
