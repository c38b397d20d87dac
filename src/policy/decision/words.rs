//! Decisions in words.

use std::collections::BTreeMap;

use super::{Court, Need, Verdict};
use crate::{
    image::{
        Tag,
        version::{Version, digits},
    },
    policy::{
        Code, TagCode,
        choice::{Choice, Stop},
        pattern::{By, Rule},
        reason::{Reason, count_of_numbers},
    },
};

impl Court<'_> {
    /// Why this tag wins.
    pub(super) fn why(&self, winner: usize) -> String {
        let tag = &self.question.records[winner].tag;
        if self.question.tag == Some(tag) && self.chooser.writes_digest() && !self.stands_already(winner) {
            let points = if self.question.digest.is_some() { "points to another image now" } else { "gets the digest that it points to" };
            return format!("{tag} {points}");
        }
        let pattern = &self.question.policy.pattern;
        let verb = if matches!(pattern.rule(), Rule::Expression { by: By::Semver | By::Number | By::Text, .. }) { "holds" } else { "is" };
        format!("{tag} {verb} {}", pattern.merit())
    }

    /// Why nothing is written, and where Flux v1 would have moved on, the way out.
    pub(super) fn why_current(&self, winner: usize, elsewhere: Option<&Tag>) -> String {
        let new = &self.question.records[winner].tag;
        let why = self.why(winner);
        match (self.question.tag, self.selector().current_version(), elsewhere) {
            (Some(tag), ..) if tag != new => format!("{why}, and {tag} is the same image"),
            (_, Some(current), Some(release)) if current.is_passing() => {
                format!("{why} in its series; to move to {release} set it in Git yourself")
            }
            _ => why,
        }
    }

    /// Why no tag is left, and where Flux v1 chose, the way out.
    pub(super) fn why_nothing(&self, choice: &Choice, tally: &BTreeMap<TagCode, u32>) -> String {
        let reason = match self.question.records.len() {
            _ if choice.stop == Some(Stop::Exhausted) => {
                let mut tried = BTreeMap::new();
                choice.lost.values().for_each(|reason| *tried.entry(reason.code()).or_insert(0) += 1);
                format!("none of the ten best tags can be used: {}", counts(&tried))
            }
            0 => "the repository lists no tags".to_owned(),
            1 => format!("the only tag cannot be used: {}", counts(tally)),
            total => format!("none of {total} tags can be used: {}", counts(tally)),
        };
        self.way_out().map_or_else(|| reason.clone(), |way_out| format!("{reason}; {way_out}"))
    }

    fn way_out(&self) -> Option<String> {
        if !matches!(self.question.policy.pattern.rule(), Rule::Semver(_)) {
            return None;
        }
        match self.selector().current_version() {
            None => {
                let numbers = self.question.records.iter().any(|record| digits::is_number(record.tag.as_str()));
                numbers.then(|| "for tags of one number use `regexp:^(?P<number>[0-9]+)$`, or set one in Git yourself".to_owned())
            }
            Some(version) if !version.suffix().flavour.is_empty() => {
                Some(format!("tags stay in the series -{}; to leave it set a tag of another series in Git yourself", version.suffix().flavour))
            }
            Some(_) => None,
        }
    }

    /// The build time decides, and there is none.
    pub(super) fn no_build_time(&self, choice: &Choice) -> Verdict {
        if self.question.policy.pattern.is_by_build_time() {
            return Verdict::new(Code::NoBuildTime, "no tag that matches has a usable build time")
                .hint("use a version (`semver:`), a number (`regexp:…(?P<number>…)`) or a `digest:` policy");
        }
        let timeless = choice.lost.iter().filter(|(_, reason)| **reason == Reason::NoBuildTime);
        let mut names: Vec<&str> = timeless.map(|(&at, _)| self.question.records[at].tag.as_str()).collect();
        names.sort_by(|a, b| digits::natural(a, b));
        let reason = format!("{} differ only in their commit ids, and none has a usable build time", and(&names));
        Verdict::new(Code::NoBuildTime, reason).hint("set one of them in Git yourself")
    }

    /// What is not known yet.
    pub(super) fn unread(&self, needs: &[Need]) -> String {
        if self.question.policy.pattern.is_by_build_time() {
            let (all, read) = self.chooser.count();
            return format!("{read} of {all} build times read; {} could still change the answer", needs.len());
        }
        let names: Vec<&str> = needs.iter().map(|need| need.tag().as_str()).collect();
        format!("what the registry says of {} is not read yet", and(&names))
    }
}

/// `a`, `a and b`, `a, b and 3 more`.
fn and(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more", rest.len()),
    }
}

/// How a version departs from the series of the current tag.
pub(super) fn departs(version: &Version<'_>, reason: &Reason) -> String {
    let suffix = version.suffix();
    match reason {
        Reason::FewerNumbers { has, .. } => format!("of {}", count_of_numbers(*has)),
        Reason::OtherBuild if suffix.build.is_empty() => "without a build number".to_owned(),
        Reason::OtherBuild | Reason::AnyBuild => "with a build number".to_owned(),
        _ if suffix.flavour.is_empty() => "without suffix".to_owned(),
        _ => format!("with suffix -{}", suffix.flavour),
    }
}

/// `3 not matched, 1 gone`.
fn counts(tally: &BTreeMap<TagCode, u32>) -> String {
    tally.iter().map(|(code, number)| format!("{number} {}", describe(*code, *number))).collect::<Vec<_>>().join(", ")
}

/// A code of a tag as a word in a list of counts.
fn describe(code: TagCode, number: u32) -> &'static str {
    match code {
        TagCode::NotAVersion if number == 1 => "no version",
        TagCode::PreRelease if number == 1 => "pre-release",
        TagCode::NotAnImage if number == 1 => "no image",
        TagCode::Chosen => "chosen",
        TagCode::NotMatched => "not matched",
        TagCode::NotAVersion => "no versions",
        TagCode::PreRelease => "pre-releases",
        TagCode::OutsideRange => "outside the range",
        TagCode::OtherSeries => "of another series",
        TagCode::FewerNumbers => "with fewer numbers",
        TagCode::Latest => "named `latest`",
        TagCode::Excluded => "excluded",
        TagCode::TooYoung => "too young",
        TagCode::PlatformMissing => "without the wanted platform",
        TagCode::NotAnImage => "no images",
        TagCode::Gone => "gone",
        TagCode::NoBuildTime => "without a usable build time",
        TagCode::NotRead => "not read",
        TagCode::Outranked => "lower",
    }
}
