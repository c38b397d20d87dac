//! What the metadata of one tag says.

use jiff::Timestamp;

use super::{Chooser, Stop};
use crate::{
    image::Platform,
    policy::{
        decision::{Need, Wants, wanted_platforms},
        reason::Reason,
        record::{ImageFacts, Metadata, usable_build_time},
    },
};

/// What the metadata of one candidate says.
pub(super) enum Look {
    Fits,
    Lost(Reason),
    Stop(Stop),
}

impl Chooser<'_> {
    pub(super) fn is_unread(&self, at: usize) -> bool {
        matches!(self.record(at).metadata, Metadata::NotRead | Metadata::Pointed(_))
    }

    /// Whether the registry has said what the tag is, or that it is gone.
    pub(super) fn is_known(&self, at: usize) -> bool {
        !matches!(self.record(at).metadata, Metadata::NotRead | Metadata::Pointed(_) | Metadata::Unreadable { .. })
    }

    /// The build time of a tag's image for the platform that counts.
    pub(super) fn time(&self, at: usize) -> Option<Timestamp> {
        let Metadata::Image(facts) = &self.record(at).metadata else { return None };
        let times = || facts.platforms.iter().filter_map(|one| Some((&one.platform, usable_build_time(one.created?, self.question.now)?)));
        let first = self.wanted.first();
        times().find(|(platform, _)| first.is_some_and(|wanted| platform.serves(wanted))).or_else(|| times().next()).map(|(_, time)| time)
    }

    /// The current tag's time, remembered where the tag has vanished.
    pub(super) fn time_of_current(&self) -> Option<Timestamp> {
        match self.current {
            Some(at) if self.record(at).metadata != Metadata::Gone => self.time(at),
            _ => self.question.remembered,
        }
    }

    /// Looks at a winner once before it is written; `wanted` is settled by the first image that is looked at.
    pub(super) fn look(&self, at: usize, wanted: &mut Option<Vec<Platform>>) -> Look {
        let tag = || self.record(at).tag.clone();
        let needs = |need| Look::Stop(Stop::Unread(vec![need]));
        let is_image = self.question.wants == Wants::Image;
        // For the current tag under a digest one HEAD tells whether anything has moved; for an artifact, that it exists.
        let head_tells = if is_image { self.current == Some(at) } else { self.question.policy.keys.min_age.is_none() };
        match &self.record(at).metadata {
            Metadata::Unreadable { code, reason } => return Look::Stop(Stop::Failed { code: *code, reason: reason.clone() }),
            Metadata::NotRead if head_tells => return needs(Need::Digest(tag())),
            Metadata::NotAnImage(_) if !is_image && self.writes_digest() => return needs(Need::Digest(tag())),
            Metadata::NotRead => return needs(Need::Metadata(tag())),
            Metadata::Pointed(_) if is_image => return needs(Need::Metadata(tag())),
            Metadata::Image(facts) if wanted.is_none() => match self.wanted_beside(facts) {
                Ok(platforms) => *wanted = Some(platforms),
                Err(stop) => return Look::Stop(stop),
            },
            _ => {}
        }
        self.fits(at, wanted.as_deref().unwrap_or_default()).map_or_else(Look::Lost, |()| Look::Fits)
    }

    /// What the metadata says against a candidate, its build time aside.
    pub(super) fn fits(&self, at: usize, wanted: &[Platform]) -> Result<(), Reason> {
        let record = self.record(at);
        match &record.metadata {
            Metadata::Gone => return Err(Reason::Gone),
            Metadata::NotAnImage(what) if self.question.wants == Wants::Image => return Err(Reason::NotAnImage(what.as_str().into())),
            Metadata::Image(facts) if self.question.wants == Wants::Image && !offers_all(facts, wanted) => {
                let offers: Vec<String> = facts.platforms.iter().map(|one| one.platform.to_string()).collect();
                return Err(Reason::PlatformMissing(offers.join(", ").into()));
            }
            _ => {}
        }
        let Some(min_age) = self.question.policy.keys.min_age else { return Ok(()) };
        let eligible = record.age_counts_from(self.time(at)).and_then(|from| from.checked_add(min_age).ok());
        if eligible.is_some_and(|eligible| eligible <= self.question.now) { Ok(()) } else { Err(Reason::TooYoung { min_age, eligible }) }
    }

    /// Whether nobody asked for a platform, so that what the current tag offers may decide.
    pub(super) fn is_platform_free(&self) -> bool {
        self.question.policy.keys.platforms.is_empty() && self.question.wants == Wants::Image
    }

    /// The wanted platforms before anything is looked at: under build time the first tag looked at is the current one.
    pub(super) fn wanted_from_the_start(&self) -> Vec<Platform> {
        let usual = wanted_platforms(self.question.policy);
        match self.current.map(|at| &self.record(at).metadata) {
            Some(Metadata::Image(facts)) if self.is_by_build_time() && self.is_platform_free() => platforms_of_current(facts, usual),
            _ => usual,
        }
    }

    /// The platforms wanted, where the first tag looked at is this one.
    fn wanted_beside(&self, first: &ImageFacts) -> Result<Vec<Platform>, Stop> {
        let usual = wanted_platforms(self.question.policy);
        let Some(at) = self.current.filter(|_| self.is_platform_free() && !offers_all(first, &usual)) else { return Ok(usual) };
        match &self.record(at).metadata {
            Metadata::NotRead | Metadata::Pointed(_) => Err(Stop::Unread(vec![Need::Metadata(self.record(at).tag.clone())])),
            Metadata::Unreadable { code, reason } => Err(Stop::Failed { code: *code, reason: reason.clone() }),
            Metadata::Image(facts) => Ok(platforms_of_current(facts, usual)),
            _ => Ok(usual),
        }
    }
}

/// The usual platform where the current tag offers it, else the first that it offers.
fn platforms_of_current(facts: &ImageFacts, usual: Vec<Platform>) -> Vec<Platform> {
    match facts.platforms.first() {
        Some(first) if !offers_all(facts, &usual) => vec![first.platform.clone()],
        _ => usual,
    }
}

fn offers_all(facts: &ImageFacts, wanted: &[Platform]) -> bool {
    // An artifact without a platform of its own says nothing against any.
    facts.platforms.is_empty() || wanted.iter().all(|wish| facts.platforms.iter().any(|one| one.platform.serves(wish)))
}
