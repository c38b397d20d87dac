//! Why a tag won or lost.

use std::{fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::TagCode;
use crate::image::Tag;

/// Why a tag won or lost. `Display` is the text that `explain` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It won, being this.
    Chosen(Box<str>),
    /// The pattern, or the own key `match`, does not match.
    NotMatched,
    /// The group captures no number.
    NoNumber,
    /// It is no version.
    NotAVersion,
    /// It is a pre-release and the range names none.
    PreRelease,
    /// The range does not hold it.
    OutsideRange(Arc<str>),
    /// It has another flavour than the current tag; empty where it has none.
    OtherSeries(Box<str>),
    /// It has a build number and the current tag has none, or the other way round.
    OtherBuild,
    /// It has a build number, and the current tag is no version that would ask for one.
    AnyBuild,
    /// Its only number is far longer than the current tag's.
    LongerNumber,
    /// It has fewer numbers than the current tag.
    FewerNumbers {
        /// Its numbers.
        has: usize,
        /// The current tag's.
        wants: usize,
    },
    /// It has one number, and the current tag is no version that would say how many to expect.
    OneNumber,
    /// It is `latest`.
    Latest,
    /// An own key excludes it.
    Excluded,
    /// It is younger than `min-age`.
    TooYoung {
        /// The age that is asked for.
        min_age: SignedDuration,
        /// When it will have that age, where that is known.
        eligible: Option<Timestamp>,
    },
    /// It lacks a wanted platform; what it offers.
    PlatformMissing(Box<str>),
    /// It is no runnable image, but this.
    NotAnImage(Box<str>),
    /// The registry no longer has it.
    Gone,
    /// It has no usable build time.
    NoBuildTime,
    /// Its metadata was not read, for this reason where it was tried.
    NotRead(Option<Box<str>>),
    /// Another tag is better; `None` while nobody knows whether one is.
    Outranked(Option<Tag>),
}

impl Reason {
    /// The code of the reason.
    pub fn code(&self) -> TagCode {
        match self {
            Self::Chosen(_) => TagCode::Chosen,
            Self::NotMatched | Self::NoNumber => TagCode::NotMatched,
            Self::NotAVersion => TagCode::NotAVersion,
            Self::PreRelease => TagCode::PreRelease,
            Self::OutsideRange(_) => TagCode::OutsideRange,
            Self::OtherSeries(_) | Self::OtherBuild | Self::AnyBuild | Self::LongerNumber => TagCode::OtherSeries,
            Self::FewerNumbers { .. } | Self::OneNumber => TagCode::FewerNumbers,
            Self::Latest => TagCode::Latest,
            Self::Excluded => TagCode::Excluded,
            Self::TooYoung { .. } => TagCode::TooYoung,
            Self::PlatformMissing(_) => TagCode::PlatformMissing,
            Self::NotAnImage(_) => TagCode::NotAnImage,
            Self::Gone => TagCode::Gone,
            Self::NoBuildTime => TagCode::NoBuildTime,
            Self::NotRead(_) => TagCode::NotRead,
            Self::Outranked(_) => TagCode::Outranked,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen(merit) => f.write_str(merit),
            Self::NotMatched => f.write_str("does not match"),
            Self::NoNumber => f.write_str("the group `number` captures no number"),
            Self::NotAVersion => f.write_str("no version"),
            Self::PreRelease => f.write_str("pre-release; the range names none"),
            Self::OutsideRange(range) => write!(f, "outside {range}"),
            Self::OtherSeries(flavour) if flavour.is_empty() => f.write_str("other series: without suffix"),
            Self::OtherSeries(flavour) => write!(f, "other series: -{flavour}"),
            Self::OtherBuild => f.write_str("other series: only one of it and the current tag has a build number"),
            Self::AnyBuild => f.write_str("other series: with a build number"),
            Self::LongerNumber => f.write_str("other series: a far longer number than the current tag's"),
            Self::FewerNumbers { has, wants } => write!(f, "{}, the current tag has {}", count_of_numbers(*has), count(*wants)),
            Self::OneNumber => f.write_str("one number; the current tag is no version, so at least two are wanted"),
            Self::Latest => f.write_str("`latest` is never chosen unless the pattern is `latest`"),
            Self::Excluded => f.write_str("excluded"),
            Self::TooYoung { min_age, eligible: Some(eligible) } => write!(f, "younger than {min_age:#}, eligible at {eligible}"),
            Self::TooYoung { min_age, eligible: None } => write!(f, "its age is unknown, and `min-age` wants {min_age:#}"),
            Self::PlatformMissing(offers) => write!(f, "offers {offers} only"),
            Self::NotAnImage(what) => write!(f, "no runnable image: {what}"),
            Self::Gone => f.write_str("listed, but gone"),
            Self::NoBuildTime => f.write_str("no usable build time"),
            Self::NotRead(None) => f.write_str("not read yet"),
            Self::NotRead(Some(why)) => write!(f, "not read: {why}"),
            Self::Outranked(Some(by)) => write!(f, "below {by}"),
            Self::Outranked(None) => f.write_str("not known to be the best"),
        }
    }
}

/// `one number`, `two numbers`.
pub(super) fn count_of_numbers(number: usize) -> String {
    format!("{} number{}", count(number), if number == 1 { "" } else { "s" })
}

fn count(number: usize) -> &'static str {
    ["no", "one", "two", "three", "four", "five", "six"].get(number).copied().unwrap_or("more")
}
