//! Which tags take part by their names, and which of two is better.

use std::{cmp::Ordering, sync::Arc};

use super::{
    annotation::Policy,
    keys::Within,
    pattern::{By, Expression, Rule, is_attachment, is_latest},
    range::{Outside, Range},
    reason::Reason,
};
use crate::image::{
    Tag,
    version::{Suffix, Version, digits},
};

/// What orders a tag among those that take part.
#[derive(Clone, Debug)]
pub(super) enum Key<'a> {
    Version(Box<Version<'a>>),
    Number(&'a str),
    Text(&'a str),
    BuildTime,
    Only,
}

impl<'a> Key<'a> {
    fn of(version: Version<'a>) -> Self {
        Self::Version(Box::new(version))
    }
}

/// A tag that takes no part.
pub(super) struct Rejected<'a> {
    pub(super) reason: Reason,
    /// The version where only its series keeps it out: what `newer elsewhere` may name.
    pub(super) elsewhere: Option<Box<Version<'a>>>,
}

impl From<Reason> for Rejected<'_> {
    fn from(reason: Reason) -> Self {
        Self { reason, elsewhere: None }
    }
}

/// A policy beside the current tag: all that names alone decide.
pub(super) struct Selector<'a> {
    policy: &'a Policy,
    current: Option<&'a str>,
    version: Option<Version<'a>>,
    /// What orders the current tag, whether it matches or not; `None` where it cannot be compared.
    current_key: Option<Key<'a>>,
}

impl<'a> Selector<'a> {
    pub(super) fn new(policy: &'a Policy, current: Option<&'a Tag>) -> Self {
        // `latest` counts as a tag that does not match, thus as none that could be compared.
        let current = current.map(Tag::as_str).filter(|tag| !is_latest(tag) || policy.pattern.is_exactly(tag));
        let version = current.and_then(Version::current);
        let mut selector = Self { policy, current, version, current_key: None };
        selector.current_key = current.and_then(|tag| selector.key_of_current(tag));
        selector
    }

    fn key_of_current(&self, tag: &'a str) -> Option<Key<'a>> {
        match self.policy.pattern.rule() {
            Rule::Semver(_) => self.version.clone().map(Key::of),
            Rule::Expression { expression, by: By::Semver } => {
                // Captures have no series, thus no channels: `-dev` is a pre-release in both.
                let captured = expression.capture(tag, By::Semver).and_then(Version::parse);
                captured.or_else(|| Version::parse(tag)).map(Key::of)
            }
            Rule::Expression { expression, by } => captured(expression, *by, tag).ok(),
            Rule::Glob(_) | Rule::Digest(_) => None,
        }
    }

    /// Whether the tag takes part by its name, and what orders it then.
    pub(super) fn judge(&self, tag: &'a str) -> Result<Key<'a>, Rejected<'a>> {
        let key = self.judge_by_pattern(tag)?;
        if self.is_excluded(tag) { Err(Reason::Excluded.into()) } else { Ok(key) }
    }

    /// Whether the tag matches when `exclude` is left aside.
    pub(super) fn judge_by_pattern(&self, tag: &'a str) -> Result<Key<'a>, Rejected<'a>> {
        if is_latest(tag) && !self.policy.pattern.is_exactly(tag) {
            return Err(Reason::Latest.into());
        }
        if is_attachment(tag) {
            return Err(Reason::NotAnImage("a signature or an attachment".into()).into());
        }
        let by_time = |matches: bool| if matches { Ok(Key::BuildTime) } else { Err(Reason::NotMatched) };
        let key = match self.policy.pattern.rule() {
            Rule::Semver(range) => self.version_in(range, tag)?,
            Rule::Glob(glob) => by_time(glob.matches(tag))?,
            Rule::Digest(one) => (one.as_str() == tag).then_some(Key::Only).ok_or(Reason::NotMatched)?,
            Rule::Expression { expression, by: By::BuildTime } => by_time(expression.matches(tag))?,
            Rule::Expression { expression, by } => captured(expression, *by, tag)?,
        };
        if !self.matches_own_expression(tag) {
            return Err(Reason::NotMatched.into());
        }
        if self.is_within(&key) { Ok(key) } else { Err(Reason::OutsideRange(self.kept()).into()) }
    }

    /// Whether a candidate has the numbers of the current tag that `within` keeps. What is no version has none.
    fn is_within(&self, key: &Key<'_>) -> bool {
        let same = |version: &Version<'_>, current: &Version<'_>, numbers| {
            (0..numbers).all(|at| digits::compare(version.number(at), current.number(at)).is_eq())
        };
        match (self.policy.keys.within, key, &self.current_key) {
            (Within::Anything, ..) => true,
            (Within::Major, Key::Version(version), Some(Key::Version(current))) => same(version, current, 1),
            (Within::Minor, Key::Version(version), Some(Key::Version(current))) => same(version, current, 2),
            _ => false,
        }
    }

    /// What `within` keeps, as a range.
    fn kept(&self) -> Arc<str> {
        match (self.policy.keys.within, &self.current_key) {
            (Within::Minor, Some(Key::Version(current))) => format!("{}.{}.x", current.number(0), current.number(1)).into(),
            (_, Some(Key::Version(current))) => format!("{}.x", current.number(0)).into(),
            _ => "the version in Git, which is none".into(),
        }
    }

    fn version_in(&self, range: &Range, tag: &'a str) -> Result<Key<'a>, Rejected<'a>> {
        let version = Version::beside(tag, self.version.as_ref()).ok_or(Reason::NotAVersion)?;
        if let Err(reason) = self.in_series(&version) {
            let elsewhere = (reason != Reason::LongerNumber && self.is_missed(range, &version)).then(|| Box::new(version));
            return Err(Rejected { reason, elsewhere });
        }
        match range.holds(&version) {
            Ok(()) => Ok(Key::of(version)),
            Err(Outside::PreRelease) => Err(Reason::PreRelease.into()),
            Err(Outside::Range) => Err(Reason::OutsideRange(range.text()).into()),
        }
    }

    /// Whether a version of another series would take part if it were of this one.
    fn is_missed(&self, range: &Range, version: &Version<'_>) -> bool {
        let one_number = self.version.as_ref().is_some_and(|current| current.numbers().len() == 1);
        // `0.dev-231` and `alpine-rc1` are other flavours, but nobody who stays with releases misses them.
        (one_number || version.numbers().len() > 1)
            && !version.suffix().hides_pre_release()
            && range.holds(version).is_ok()
            && self.is_within(&Key::of(version.clone()))
            && self.matches_own_expression(version.text())
            && !self.is_excluded(version.text())
    }

    /// Candidates are the tags of the current tag's series with at least as many numbers as it has.
    fn in_series(&self, version: &Version<'_>) -> Result<(), Reason> {
        let (has, suffix) = (version.numbers().len(), version.suffix());
        let Some(current) = &self.version else {
            return match suffix {
                _ if has < 2 => Err(Reason::OneNumber),
                Suffix { flavour, .. } if !flavour.is_empty() => Err(Reason::OtherSeries((*flavour).into())),
                Suffix { build, .. } if !build.is_empty() => Err(Reason::AnyBuild),
                _ => Ok(()),
            };
        };
        let wants = current.numbers().len();
        let length = |version: &Version<'_>| digits::significant(version.number(0)).len().max(1);
        if has < wants {
            Err(Reason::FewerNumbers { has, wants })
        } else if !version.same_flavour(current) {
            Err(Reason::OtherSeries(suffix.flavour.into()))
        } else if !version.same_series(current) {
            Err(Reason::OtherBuild)
        } else if wants == 1 && length(version) > length(current) + 1 {
            Err(Reason::LongerNumber)
        } else {
            Ok(())
        }
    }

    /// The tag that stands in Git, unless it is a `latest` that the pattern does not name.
    pub(super) fn current(&self) -> Option<&'a str> {
        self.current
    }

    /// The tag in Git as a version.
    pub(super) fn current_version(&self) -> Option<&Version<'a>> {
        self.version.as_ref()
    }

    /// How a candidate compares with the tag in Git; `None` where the two cannot be compared.
    pub(super) fn beside_current(&self, key: &Key<'_>) -> Option<Ordering> {
        self.current_key.as_ref().and_then(|current| order(key, current, self.across()))
    }

    /// How two candidates compare before ties are broken: equal ones differ in spelling or in commit ids alone.
    pub(super) fn order(&self, a: &Key<'_>, b: &Key<'_>) -> Ordering {
        order(a, b, self.across()).unwrap_or(Ordering::Equal)
    }

    /// How two candidates compare; equal only if they are one tag.
    pub(super) fn prefer(&self, a: (&str, &Key<'_>), b: (&str, &Key<'_>)) -> Ordering {
        self.order(a.1, b.1).then_with(|| self.break_tie(a, b))
    }

    /// The better of two candidates that compare as equal.
    pub(super) fn break_tie(&self, a: (&str, &Key<'_>), b: (&str, &Key<'_>)) -> Ordering {
        let is_current = |tag: &str| Some(tag) == self.current;
        let first = is_current(a.0).cmp(&is_current(b.0));
        match (a.1, b.1) {
            (Key::Version(x), Key::Version(y)) => {
                let like = |version: &Version<'_>| matches!(&self.current_key, Some(Key::Version(current)) if version.spelled_like(current));
                first.then_with(|| like(x).cmp(&like(y))).then_with(|| x.numbers().len().cmp(&y.numbers().len())).then_with(|| a.0.cmp(b.0))
            }
            _ => first.then_with(|| digits::natural(a.0, b.0)),
        }
    }

    /// Captures need not be of one series.
    fn across(&self) -> Across {
        if matches!(self.policy.pattern.rule(), Rule::Semver(_)) { Across::OneSeries } else { Across::AllSeries }
    }

    fn matches_own_expression(&self, tag: &str) -> bool {
        self.policy.keys.expression.as_ref().is_none_or(|expression| expression.matches(tag))
    }

    fn is_excluded(&self, tag: &str) -> bool {
        self.policy.keys.exclude.iter().any(|glob| glob.matches(tag))
    }
}

#[derive(Clone, Copy)]
enum Across {
    OneSeries,
    AllSeries,
}

fn order(a: &Key<'_>, b: &Key<'_>, across: Across) -> Option<Ordering> {
    match (a, b, across) {
        (Key::Version(a), Key::Version(b), Across::OneSeries) => Some(a.order(b)),
        (Key::Version(a), Key::Version(b), Across::AllSeries) => Some(a.order_across(b)),
        (Key::Number(a), Key::Number(b), _) => Some(digits::compare(a, b)),
        (Key::Text(a), Key::Text(b), _) => Some(a.cmp(b)),
        _ => None,
    }
}

fn captured<'t>(expression: &Expression, by: By, tag: &'t str) -> Result<Key<'t>, Reason> {
    let found = expression.capture(tag, by).ok_or(Reason::NotMatched)?;
    match by {
        By::Semver => Version::parse(found).map(Key::of).ok_or(Reason::NotAVersion),
        By::Number => digits::is_number(found).then_some(Key::Number(found)).ok_or(Reason::NoNumber),
        By::Text | By::BuildTime => Ok(Key::Text(found)),
    }
}
