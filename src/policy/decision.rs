//! From a policy and all that is known to one decision.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Code, TagCode,
    annotation::{Origin, Policy},
    choice::{Choice, Chooser, Stop},
    keys::{Downgrade, WriteDigest},
    pattern::{By, Rule},
    reason::Reason,
    record::TagRecord,
    select::Selector,
};
use crate::image::{Digest, Platform, Tag, version::digits};

/// All that a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The tag that stands in Git.
    pub tag: Option<&'a Tag>,
    /// The digest that stands in Git.
    pub digest: Option<&'a Digest>,
    /// Every tag that is listed, once, in any order.
    pub records: &'a [TagRecord],
    /// Whether the list can be believed.
    pub listing: Listing,
    /// What the place wants.
    pub wants: Wants,
    /// The clock.
    pub now: Timestamp,
    /// When the image of the tag in Git was built, remembered from before it vanished.
    pub remembered: Option<Timestamp>,
    /// Versions that a person took back.
    pub rolled_back: &'a [RolledBack],
}

/// Whether a list of tags can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// It holds what it held before, or nobody knows better.
    Trusted,
    /// It lacks too many tags that were known.
    InDoubt,
}

/// What a place wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// An image that a node can run.
    Image,
    /// An artifact of any kind.
    Artifact,
}

/// A version that a person took back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// The version that we had written.
    pub tag: Tag,
    /// The commit that took it away, and its subject.
    pub commit: String,
}

/// What a decision still has to learn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The digest that the tag points to.
    Digest(Tag),
    /// What the tag's manifest and configuration say.
    Metadata(Tag),
}

/// At most one winner; every other candidate is counted in `tally`, exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the container.
    pub code: Code,
    /// The tag that wins, whether or not it is written.
    pub winner: Option<Tag>,
    /// The winner's digest, where one is written beside the tag.
    pub digest: Option<Digest>,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do next, for people.
    pub hint: Option<String>,
    /// How many tags met each fate.
    pub tally: BTreeMap<TagCode, u32>,
    /// A higher tag in range, but outside the series.
    pub newer_elsewhere: Option<Tag>,
    /// What to learn, the most promising first; empty where the decision is final.
    pub needs: Vec<Need>,
}

/// One tag and its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate<'a> {
    /// The tag and what is known of it.
    pub record: &'a TagRecord,
    /// Why it won or lost.
    pub reason: Reason,
}

/// Decides: the same question always has the same answer, whatever the order of the records.
pub fn decide(question: &Question<'_>) -> Decision {
    Court::new(question).rule().0
}

/// The decision, and the fate of every tag, the best first.
pub fn explain<'a>(question: &Question<'a>) -> (Decision, Vec<Fate<'a>>) {
    let court = Court::new(question);
    let (decision, reasons) = court.rule();
    let mut fates: Vec<(Fate<'a>, usize)> =
        question.records.iter().zip(reasons).enumerate().map(|(at, (record, reason))| (Fate { record, reason }, at)).collect();
    fates.sort_by(|a, b| court.chooser.rank(b.1, &b.0.reason, a.1, &a.0.reason));
    (decision, fates.into_iter().map(|(fate, _)| fate).collect())
}

struct Court<'a> {
    question: Question<'a>,
    chooser: Chooser<'a>,
}

/// What §5's table answers, before it is put into words and numbers.
struct Verdict {
    code: Code,
    reason: String,
    hint: Option<String>,
}

impl Verdict {
    fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl<'a> Court<'a> {
    fn new(question: &Question<'a>) -> Self {
        Self { question: *question, chooser: Chooser::new(question) }
    }

    fn selector(&self) -> &Selector<'a> {
        &self.chooser.selector
    }

    fn rule(&self) -> (Decision, Vec<Reason>) {
        let (choice, verdict) = match self.refuse() {
            Some(verdict) => (Choice::default(), verdict),
            None => {
                let choice = self.chooser.choose();
                let verdict = self.verdict(&choice);
                (choice, verdict)
            }
        };
        let winner = choice.winner.map(|at| self.question.records[at].tag.clone());
        let reasons = self.chooser.reasons(&choice, winner.as_ref());
        let mut tally = BTreeMap::new();
        for reason in &reasons {
            *tally.entry(reason.code()).or_insert(0) += 1;
        }
        let newer_elsewhere = self.newer_elsewhere(&choice, &reasons);
        let digest = choice.winner.filter(|_| self.chooser.writes_digest()).and_then(|at| self.chooser.digest_of(at)).cloned();
        let needs = if let Some(Stop::Unread(needs)) = choice.stop { needs } else { Vec::new() };
        let Verdict { code, reason, hint } = verdict;
        (Decision { code, winner, digest, reason, hint, tally, newer_elsewhere, needs }, reasons)
    }

    /// What is held before any tag is looked at.
    fn refuse(&self) -> Option<Verdict> {
        let Question { policy, tag, digest, .. } = &self.question;
        match (tag, digest) {
            (None, Some(_)) if !matches!(policy.pattern.rule(), Rule::Digest(_)) && policy.keys.digest == WriteDigest::Keep => Some(
                Verdict::new(Code::DigestOnly, "the reference has a digest and no tag; only a `digest:` policy or `tagalong.dev/digest` moves it")
                    .hint("write the tag before the digest, or use a policy like `digest:latest`"),
            ),
            (None, _) if policy.origin == Origin::Default => Some(
                Verdict::new(Code::NoExplicitPattern, "the image has no tag, and the container no pattern of its own")
                    .hint("add `fluxcd.io/tag.<container>`"),
            ),
            _ => None,
        }
    }

    /// The table of policy.md, section 5: the first row that fits.
    fn verdict(&self, choice: &Choice) -> Verdict {
        match &choice.stop {
            Some(Stop::Failed { code, reason }) => return Verdict::new(*code, reason.clone()),
            Some(Stop::Unread(_)) => return Verdict::new(Code::MetadataMissing, self.unread(choice)),
            _ => {}
        }
        if let Some(at) = choice.winner
            && self.stands_already(at)
        {
            return Verdict::new(Code::Current, self.why(at));
        }
        if self.question.listing == Listing::InDoubt && !choice.winner.is_some_and(|at| self.chooser.is_above_current(at)) {
            return Verdict::new(
                Code::ListInDoubt,
                "the list lacks tags that it had, and holds none above the current one: the registry may have answered partly",
            );
        }
        let Some(at) = choice.winner else { return self.nothing_left(choice) };
        if let Some(verdict) = self.would_go_back(choice, at) {
            return verdict;
        }
        if let Some(rolled_back) = self.chooser.rolled_back(at) {
            let reason = format!("{} was rolled back by {}; waits for a newer tag", rolled_back.tag, rolled_back.commit);
            return Verdict::new(Code::RolledBack, reason);
        }
        let known = self.question.tag.is_some_and(|tag| self.chooser.is_listed_and_matches(tag));
        Verdict::new(if known { Code::Updated } else { Code::Switched }, self.why(at))
    }

    /// The winner is the current tag (by build time also: has its digest), and the digest is the same where one counts.
    fn stands_already(&self, winner: usize) -> bool {
        let Some(tag) = self.question.tag else { return false };
        let same_tag = self.question.records[winner].tag == *tag;
        let same_image = self.question.policy.pattern.is_by_build_time()
            && self.chooser.matches(tag)
            && self
                .chooser
                .listed(tag)
                .and_then(|at| self.chooser.digest_of(at))
                .is_some_and(|digest| Some(digest) == self.chooser.digest_of(winner));
        let digest_counts = self.chooser.writes_digest();
        (same_tag || same_image) && (!digest_counts || self.question.digest.is_some() && self.question.digest == self.chooser.digest_of(winner))
    }

    fn nothing_left(&self, choice: &Choice) -> Verdict {
        if self.chooser.only_own_keys_took_current_out(choice) {
            return Verdict::new(Code::Current, "no other tag is left: only `min-age`, `exclude` or `platform` keep the current one out");
        }
        if choice.stop == Some(Stop::NoBuildTime) {
            return Verdict::new(Code::NoBuildTime, "no tag that matches has a usable build time")
                .hint("use a version (`semver:`), a number (`regexp:…(?P<number>…)`) or a `digest:` policy");
        }
        let young = choice.lost.values().filter(|reason| matches!(reason, Reason::TooYoung(_))).count();
        if young > 0 && young == choice.lost.len() && young >= self.chooser.candidates().min(10) {
            let eligible = choice.lost.values().filter_map(|reason| if let Reason::TooYoung(at) = reason { *at } else { None }).min();
            let when = eligible.map_or(String::new(), |at| format!(", the first is eligible at {at}"));
            return Verdict::new(Code::TooYoung, format!("every tag that could win is younger than `min-age`{when}"));
        }
        let total = self.question.records.len();
        if total == 0 {
            return Verdict::new(Code::NoTagMatches, "the repository lists no tags").hint("push an image there, or check the image's name");
        }
        let verdict = Verdict::new(Code::NoTagMatches, format!("none of {total} tags is left: {}", self.counts(choice)));
        match self.way_out() {
            Some(hint) => verdict.hint(hint),
            None => verdict,
        }
    }

    /// Where Flux v1 chose and nothing is left here, the way out.
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
                Some(format!("tags stay in their series -{}; to change it set a tag of the other series in Git yourself", version.suffix().flavour))
            }
            Some(_) => None,
        }
    }

    fn would_go_back(&self, choice: &Choice, winner: usize) -> Option<Verdict> {
        let tag = self.question.tag?;
        let new = &self.question.records[winner].tag;
        let back = self.chooser.goes_back(winner)?;
        if self.chooser.only_own_keys_took_current_out(choice) {
            return Some(Verdict::new(Code::Current, format!("only `min-age`, `exclude` or `platform` keep {tag} out, and it is above {new}")));
        }
        if self.question.policy.keys.downgrade == Downgrade::Allow {
            return None;
        }
        Some(match back {
            Back::Lower => Verdict::new(
                Code::WouldGoBack,
                format!("would go back from {tag} to {new}; set {new} in Git yourself, or `tagalong.dev/downgrade: allow`"),
            ),
            Back::Unknown => Verdict::new(Code::NoBuildTime, format!("cannot tell whether {tag} is older than {new}: its build time is unknown"))
                .hint(format!("set {new} in Git yourself, or `tagalong.dev/downgrade: allow`")),
        })
    }

    fn unread(&self, choice: &Choice) -> String {
        let Some(Stop::Unread(needs)) = &choice.stop else { return String::new() };
        if self.question.policy.pattern.is_by_build_time() {
            let all = self.chooser.candidates();
            format!("{} of {all} build times read; the others could still win", all.saturating_sub(needs.len()))
        } else {
            let names: Vec<&str> = needs.iter().take(3).map(|need| need.tag().as_str()).collect();
            format!("what the registry says of {} is not read yet", names.join(", "))
        }
    }

    fn counts(&self, choice: &Choice) -> String {
        let mut counts: BTreeMap<TagCode, u32> = BTreeMap::new();
        for reason in self.chooser.reasons(choice, None) {
            *counts.entry(reason.code()).or_insert(0) += 1;
        }
        let words = counts.iter().map(|(code, number)| format!("{number} {}", describe(*code)));
        words.collect::<Vec<_>>().join(", ")
    }

    fn why(&self, winner: usize) -> String {
        let tag = &self.question.records[winner].tag;
        let pattern = &self.question.policy.pattern;
        let moved = self.question.tag == Some(tag) && self.chooser.writes_digest() && !self.stands_already(winner);
        if moved && self.question.digest.is_some() {
            return format!("{tag} points to another image now");
        }
        match pattern.rule() {
            Rule::Semver(range) => format!("{tag} is the highest version in {}", range.text()),
            Rule::Glob(_) => format!("{tag} is the newest build that {pattern} matches"),
            Rule::Expression { by: By::BuildTime, .. } => format!("{tag} is the newest build that {pattern} matches"),
            Rule::Expression { by: By::Semver, .. } => format!("{tag} holds the highest version that {pattern} captures"),
            Rule::Expression { by: By::Number, .. } => format!("{tag} holds the highest number that {pattern} captures"),
            Rule::Expression { by: By::Text, .. } => format!("{tag} is the last in alphabetical order that {pattern} captures"),
            Rule::Digest(_) => format!("{tag} is the tag to follow"),
        }
    }

    fn newer_elsewhere(&self, choice: &Choice, reasons: &[Reason]) -> Option<Tag> {
        let winner = choice.winner.and_then(|at| self.chooser.version(at));
        let floor = winner.or_else(|| self.selector().current_version())?;
        let higher = self.question.records.iter().zip(reasons).filter_map(|(record, reason)| {
            let version = self.selector().elsewhere(record.tag.as_str(), reason)?;
            version.order_of_release(floor).is_gt().then_some((record, version))
        });
        higher.max_by(|(_, a), (_, b)| a.order_of_release(b).then_with(|| a.text().cmp(b.text()))).map(|(record, _)| record.tag.clone())
    }
}

/// Why an update would go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// The winner is lower, or built earlier.
    Lower,
    /// Nobody can tell which of the two was built later.
    Unknown,
}

impl Need {
    /// The tag that the need is about.
    pub fn tag(&self) -> &Tag {
        match self {
            Self::Digest(tag) | Self::Metadata(tag) => tag,
        }
    }
}

/// The platforms that are wanted where the tag in Git does not say otherwise.
pub fn wanted_platforms(policy: &Policy) -> Vec<Platform> {
    if policy.keys.platforms.is_empty() { vec![Platform::linux_amd64()] } else { policy.keys.platforms.clone() }
}

/// A code of a tag as a word in a list of counts.
fn describe(code: TagCode) -> &'static str {
    match code {
        TagCode::Chosen => "chosen",
        TagCode::NotMatched => "not matched",
        TagCode::NotAVersion => "no versions",
        TagCode::PreRelease => "pre-releases",
        TagCode::OutsideRange => "outside the range",
        TagCode::OtherSeries => "of another series",
        TagCode::FewerNumbers => "with fewer numbers",
        TagCode::Latest => "latest",
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

#[cfg(test)]
mod tests;
