//! From a policy and all that is known to one decision.

mod moment;
mod words;

use std::{cmp::Ordering, collections::BTreeMap};

use jiff::Timestamp;

use super::{
    Code, List, TagCode,
    annotation::{Origin, Policy},
    choice::{Choice, Chooser, Stop},
    keys::{Downgrade, WriteDigest},
    pattern::Rule,
    reason::Reason,
    record::TagRecord,
    select::Selector,
};
use crate::image::{Digest, Platform, Tag};

pub use moment::next_moment;

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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RolledBack {
    /// The version that we had written.
    pub tag: Tag,
    /// The digest that we had written beside it; then only that image is held.
    pub digest: Option<Digest>,
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
    /// The winner's digest, where one is written beside the tag or stands there.
    pub digest: Option<Digest>,
    /// What the winner points to, as far as is known.
    pub image: Option<Digest>,
    /// What stands in Git or, where no digest does, what its tag points to as far as is known.
    pub stands: Option<Digest>,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do next, for people.
    pub hint: Option<String>,
    /// How many tags met each fate.
    pub tally: BTreeMap<TagCode, u32>,
    /// A higher tag in range, but outside the series.
    pub newer_elsewhere: Option<Tag>,
    /// How that tag departs from the series: `without suffix`.
    pub departs: Option<String>,
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
    let (decision, choice) = court.rule();
    let merit = question.policy.pattern.merit();
    let reasons = court.chooser.fates(&choice).map(|lot| lot.reason(&merit));
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

    fn rule(&self) -> (Decision, Choice) {
        let refused = self.refuse();
        // Held whatever the registry says: nothing is asked.
        let choice = if refused.is_some() { Choice::default() } else { self.chooser.choose() };
        let winner = choice.winner.map(|at| self.question.records[at].tag.clone());
        let mut tally = BTreeMap::new();
        for lot in self.chooser.fates(&choice) {
            *tally.entry(lot.code()).or_insert(0) += 1;
        }
        let (newer_elsewhere, departs) = self.newer_elsewhere(&choice).unzip();
        let Verdict { code, reason, hint } = refused.unwrap_or_else(|| self.verdict(&choice, &tally, newer_elsewhere.as_ref()));
        let is_shown = |&at: &usize| self.chooser.writes_digest() && (code.list() == List::Updates || self.stands_already(at));
        let digest = choice.winner.filter(is_shown).and_then(|at| self.chooser.digest_of(at)).cloned();
        let needs = if let Some(Stop::Unread(needs)) = &choice.stop { needs.clone() } else { Vec::new() };
        let image = choice.winner.and_then(|at| self.chooser.digest_of(at)).cloned();
        let listed = || self.question.tag.and_then(|tag| self.chooser.listed(tag)).and_then(|at| self.chooser.digest_of(at));
        let stands = self.question.digest.or_else(listed).cloned();
        (Decision { code, winner, digest, image, stands, reason, hint, tally, newer_elsewhere, departs, needs }, choice)
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

    /// Which row fits, the first of them.
    fn verdict(&self, choice: &Choice, tally: &BTreeMap<TagCode, u32>, elsewhere: Option<&Tag>) -> Verdict {
        match &choice.stop {
            Some(Stop::Failed { code, reason }) => return Verdict::new(*code, reason.clone()),
            Some(Stop::Unread(needs)) => return Verdict::new(Code::MetadataMissing, self.unread(needs)),
            _ => {}
        }
        if let Some(at) = choice.winner
            && self.stands_already(at)
        {
            return Verdict::new(Code::Current, self.why_current(at, elsewhere));
        }
        if self.question.listing == Listing::InDoubt && !choice.winner.is_some_and(|at| self.chooser.is_above_current(at)) {
            return Verdict::new(
                Code::ListInDoubt,
                "the list lacks tags that it had, and holds none above the current one: the registry may have answered partly",
            );
        }
        let Some(at) = choice.winner else { return self.nothing_left(choice, tally) };
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

    fn nothing_left(&self, choice: &Choice, tally: &BTreeMap<TagCode, u32>) -> Verdict {
        if let Some((reason, tag)) = self.chooser.only_own_key_against_current(choice).zip(self.question.tag) {
            return Verdict::new(Code::Current, format!("{tag} stays ({reason}): no other tag can be used"));
        }
        if choice.stop == Some(Stop::NoBuildTime) {
            return self.no_build_time(choice);
        }
        let young: Vec<Option<Timestamp>> =
            choice.lost.values().filter_map(|reason| if let Reason::TooYoung { eligible, .. } = reason { Some(*eligible) } else { None }).collect();
        if !young.is_empty() && young.len() == choice.lost.len() {
            let when = young.iter().flatten().min().map_or(String::new(), |at| format!(", the first is eligible at {at}"));
            return Verdict::new(Code::TooYoung, format!("every tag that could win is younger than `min-age` allows{when}"));
        }
        let verdict = Verdict::new(Code::NoTagMatches, self.why_nothing(choice, tally));
        if self.question.records.is_empty() { verdict.hint("push an image there, or check the image's name") } else { verdict }
    }

    fn would_go_back(&self, choice: &Choice, winner: usize) -> Option<Verdict> {
        let tag = self.question.tag?;
        let new = &self.question.records[winner].tag;
        let back = self.chooser.goes_back(winner)?;
        if let Some(reason) = self.chooser.only_own_key_against_current(choice) {
            let why = if back == Back::Lower { format!("{new} would be a step back") } else { format!("it may be newer than {new}") };
            return Some(Verdict::new(Code::Current, format!("{tag} stays ({reason}): {why}")));
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

    fn newer_elsewhere(&self, choice: &Choice) -> Option<(Tag, String)> {
        let version = self.chooser.elsewhere.as_ref()?;
        let floor = choice.winner.and_then(|at| self.chooser.version(at)).or(self.selector().current_version());
        let is_above = floor.is_none_or(|floor| match version.order_of_release(floor) {
            // The release itself is above what was built on the way to it.
            Ordering::Equal => floor.is_passing() && version.is_plain(),
            order => order.is_gt(),
        });
        let rejected = self.selector().judge(version.text()).err().filter(|_| is_above)?;
        let tag = Tag::parse(version.text()).expect("the version is one of the tags");
        Some((tag, words::departs(version, &rejected.reason)))
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

#[cfg(test)]
mod tests;
