//! Versions: what a tag says when it is read as one, and how two of them compare.

pub mod digits;
mod suffix;

use std::cmp::Ordering;

use digits::{compare, compare_dotted, is_number};
pub use suffix::{Labelled, Part, Suffix};
use suffix::{order_flavours, order_places};

/// A tag read as a version: `v`, one to six numbers, and a suffix.
///
/// Equality is spelling; [`Version::order`] compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    text: &'a str,
    numbers: [&'a str; 6],
    count: usize,
    suffix: Suffix<'a>,
    suffix_text: &'a str,
}

impl<'a> Version<'a> {
    /// Reads a tag by itself; `None` where it is no version.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.strip_prefix('v').unwrap_or(text);
        let mut numbers = [""; 6];
        let mut count = 0;
        loop {
            let (number, after) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
            if number.is_empty() || count == 6 {
                return None;
            }
            numbers[count] = number;
            count += 1;
            let Some(more) = after.strip_prefix('.') else {
                rest = after;
                break;
            };
            rest = more;
        }
        let (suffix, suffix_text) = if rest.is_empty() {
            (Suffix::default(), "")
        } else if let Some(suffix) = rest.strip_prefix(['-', '_']) {
            if suffix.is_empty() {
                return None;
            }
            (Suffix::parse(suffix)?, suffix)
        } else {
            // Only a pre-release may be glued on, and only to two numbers or more.
            (Suffix::parse(rest).filter(|suffix| suffix.pre_release.is_some() && count > 1)?, rest)
        };
        Some(Self { text, numbers, count, suffix, suffix_text })
    }

    /// Reads the tag that stands in Git: there a bare `-dev` names a channel, thus a flavour.
    pub fn current(text: &'a str) -> Option<Self> {
        let mut version = Self::parse(text)?;
        if suffix::is_channel(version.suffix_text) {
            version.suffix = Suffix::channel(version.suffix_text);
        }
        Some(version)
    }

    /// Reads a candidate beside the current tag, whose channel and commit ids it may share.
    pub fn beside(text: &'a str, current: Option<&Version<'_>>) -> Option<Self> {
        let mut version = Self::parse(text)?;
        if let Some(current) = current {
            if suffix::is_channel(current.suffix_text) && version.suffix_text == current.suffix_text {
                version.suffix = Suffix::channel(version.suffix_text);
            }
            version.suffix.align(&current.suffix);
        }
        Some(version)
    }

    /// The tag.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The numbers before the suffix, one to six.
    pub fn numbers(&self) -> &[&'a str] {
        &self.numbers[..self.count]
    }

    /// The number at this place, `0` where the version is shorter.
    pub fn number(&self, at: usize) -> &'a str {
        self.numbers().get(at).copied().unwrap_or("0")
    }

    /// The parts of the suffix.
    pub fn suffix(&self) -> &Suffix<'a> {
        &self.suffix
    }

    /// Whether both belong to one series: one flavour, and both with a build or both without.
    pub fn same_series(&self, other: &Version<'_>) -> bool {
        self.suffix.build.is_empty() == other.suffix.build.is_empty() && self.same_flavour(other)
    }

    /// Whether both have the same flavour but for what floats in it.
    pub fn same_flavour(&self, other: &Version<'_>) -> bool {
        order_flavours(&self.suffix.flavour_parts, &other.suffix.flavour_parts).is_eq()
    }

    /// Whether there is neither a flavour nor a build.
    pub fn is_plain(&self) -> bool {
        self.suffix.flavour.is_empty() && self.suffix.build.is_empty()
    }

    /// Whether the suffix names work on the way to a release: a channel, or the `pr.5` and `mr.5` of a request.
    pub fn is_passing(&self) -> bool {
        let request = |word: &str| ["pr", "mr"].iter().any(|request| request.eq_ignore_ascii_case(word));
        suffix::is_channel(self.suffix_text) || self.suffix.flavour.split(['.', '-', '_']).next().is_some_and(request)
    }

    /// Compares by numbers, then pre-release and post-release, then build and floating numbers from the left.
    ///
    /// Versions that differ only in spelling or in commit ids are equal. Meant for versions of one series.
    pub fn order(&self, other: &Version<'_>) -> Ordering {
        self.order_of_release(other).then_with(|| self.order_of_places(other))
    }

    /// Compares captures, which need not be of one series: between the release and the build the text of the flavours decides.
    pub fn order_across(&self, other: &Version<'_>) -> Ordering {
        self.order_of_release(other)
            .then_with(|| order_flavours(&self.suffix.flavour_parts, &other.suffix.flavour_parts))
            .then_with(|| self.order_of_places(other))
    }

    /// Compares by numbers, pre-release and post-release alone, whatever the series.
    pub fn order_of_release(&self, other: &Version<'_>) -> Ordering {
        (0..self.count.max(other.count))
            .map(|at| compare(self.number(at), other.number(at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
            .then_with(|| match (&self.suffix.pre_release, &other.suffix.pre_release) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => order_labels(a, b),
            })
            .then_with(|| match (&self.suffix.post_release, &other.suffix.post_release) {
                (Some(a), Some(b)) => order_dotted(a.numbers, b.numbers).then_with(|| order_labels(a, b)),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
    }

    fn order_of_places(&self, other: &Version<'_>) -> Ordering {
        let [mine, theirs] = [&self.suffix, &other.suffix];
        order_places(&mine.build, &theirs.build).then_with(|| order_places(&mine.flavour_parts, &theirs.flavour_parts))
    }

    /// The commit ids, from the left.
    pub fn commits(&self) -> impl Iterator<Item = &'a str> {
        let parts = self.suffix.build.iter().chain(&self.suffix.flavour_parts);
        parts.filter_map(|part| if let Part::Commit(id) = part { Some(*id) } else { None })
    }

    /// Whether two versions that compare as equal are also spelled alike: the same `v`, count of numbers and zero padding.
    pub fn spelled_like(&self, other: &Version<'_>) -> bool {
        let padded = |version: &Version<'_>| version.numbers().iter().any(|number| number.len() > 1 && number.starts_with('0'));
        self.count == other.count && self.text.starts_with('v') == other.text.starts_with('v') && padded(self) == padded(other)
    }
}

fn order_dotted(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (false, false) => compare_dotted(a, b),
        (a, b) => b.cmp(&a),
    }
}

/// Words as lower-case text, then a word without a number below the same word with one, then by the numbers.
fn order_labels(a: &Labelled<'_>, b: &Labelled<'_>) -> Ordering {
    order_words(a.word, b.word).then_with(|| order_dotted(a.numbers, b.numbers))
}

fn order_words(a: &str, b: &str) -> Ordering {
    a.bytes().map(|b| b.to_ascii_lowercase()).cmp(b.bytes().map(|b| b.to_ascii_lowercase()))
}

/// Compares a candidate's pre-release with one in an operand, as semantic versioning writes it: `0`, `rc.1`, `beta-2`.
pub fn order_pre_release(candidate: &Labelled<'_>, operand: &str) -> Ordering {
    let mine = std::iter::once(candidate.word).chain(candidate.numbers.split('.').filter(|number| !number.is_empty()));
    let mut theirs = operand.split(['.', '-', '_']).flat_map(|item| {
        let digits = item.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        // `rc9` is the word and its number; `x86y` stays whole.
        let (word, number) = item.split_at(digits);
        [word, number].into_iter().filter(|item| !item.is_empty())
    });
    for item in mine {
        let Some(other) = theirs.next() else { return Ordering::Greater };
        let order = match (is_number(item), is_number(other)) {
            (true, true) => compare(item, other),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => order_words(item, other),
        };
        if order.is_ne() {
            return order;
        }
    }
    if theirs.next().is_some() { Ordering::Less } else { Ordering::Equal }
}

#[cfg(test)]
mod tests;
