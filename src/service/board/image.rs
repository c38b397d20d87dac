//! One repository in a registry, in few bytes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::Need;
use crate::{
    image::{Digest, Platform, Tag},
    plan::Failure,
    policy::{decision::Listing, record::Metadata},
    registry::{Pages, Validators},
    store::{Facts, Found, Generation, Kept, Mark, Pack, Packed, Seen, Trouble, Write},
};

/// One repository in a registry.
pub(super) struct Image {
    /// All but what `open` says of the tags.
    seen: Packed,
    /// The tags while jobs are out: these come in one by one.
    open: Option<Seen>,
    row: Option<Generation>,
    /// What the last list came on.
    pages: Pages,
    /// How many lists were asked for since one was asked for whole.
    partial: u8,
    /// How many requests its list takes.
    pub(super) requests: usize,
    /// What documents say, for each platform that somebody wants first.
    facts: Vec<(Platform, Arc<Pack>)>,
    pub(super) users: Vec<Use>,
    /// What to learn, for the platforms that are wanted.
    pub(super) needs: BTreeSet<Wish>,
    /// What is asked for now.
    asked: BTreeSet<Wish>,
    /// `None` while its list is asked for.
    pub(super) due: Option<Timestamp>,
    /// Jobs that are out.
    pub(super) running: usize,
    /// Raised with everything that can change a decision.
    pub(super) change: u64,
    /// When a tag is asked about again without need, at the earliest.
    recheck: Timestamp,
    /// Until when none is, for one was a moment ago and the list is short.
    unhurried: Timestamp,
    /// Whether something that was to be learnt was not.
    pub(super) unanswered: bool,
}

/// One of so many lists is asked for whole: a host may be wrong about what is still the same.
const WHOLE: u8 = 6;

/// One thing to learn, for the platforms that are wanted.
pub(super) type Wish = (Vec<Platform>, Need);

/// What one unit has of an image.
pub(super) struct Use {
    pub(super) unit: Arc<str>,
    /// The tags that its containers have now.
    pub(super) tags: BTreeSet<Tag>,
    /// Tags whose digest can change a decision.
    pub(super) watched: Vec<Tag>,
}

/// What is known of tags, to tell what needs no question.
struct Learnt {
    seen: Seen,
    facts: Vec<(Platform, BTreeSet<Digest>)>,
}

impl Learnt {
    /// Whether the question was answered, or tried in vain.
    fn knows(&self, (wanted, need): &Wish) -> bool {
        let Some(check) = self.seen.tag(need.tag()).and_then(|seen| seen.check.as_ref()) else { return false };
        let has = |digest: &Digest| self.facts.iter().any(|(platform, facts)| wanted.first() == Some(platform) && facts.contains(digest));
        match need {
            Need::Digest(_) => true,
            Need::Metadata(_) => check.found != Found::Digest || check.digest.as_ref().is_some_and(has),
        }
    }
}

/// What is known of an image at one moment.
pub(super) struct Snapshot {
    pub(super) change: u64,
    pub(super) packed: Packed,
    open: Option<Seen>,
    facts: Vec<(Platform, Arc<Pack>)>,
}

/// Whether something can change a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Changed,
    Nothing,
}

impl From<bool> for Effect {
    fn from(changed: bool) -> Self {
        if changed { Self::Changed } else { Self::Nothing }
    }
}

impl Default for Image {
    fn default() -> Self {
        Self {
            seen: Packed::default(),
            open: None,
            row: None,
            pages: Pages::default(),
            partial: 0,
            requests: Pages::default().requests(),
            facts: Vec::new(),
            users: Vec::new(),
            needs: BTreeSet::new(),
            asked: BTreeSet::new(),
            due: None,
            running: 0,
            change: 0,
            recheck: Timestamp::MIN,
            unhurried: Timestamp::MIN,
            unanswered: false,
        }
    }
}

impl Image {
    /// What a unit has of it.
    pub(super) fn used_by(&mut self, unit: &Arc<str>) -> &mut Use {
        let at = self.users.iter().position(|one| one.unit == *unit).unwrap_or_else(|| {
            self.users.push(Use { unit: Arc::clone(unit), tags: BTreeSet::new(), watched: Vec::new() });
            self.users.len() - 1
        });
        &mut self.users[at]
    }

    /// Takes what a decision lacks that rests on what was known at a change; says whether anything is to be asked.
    pub(super) fn want(&mut self, needs: Vec<Wish>, change: u64) -> bool {
        let learnt = if change == self.change { None } else { Some(self.learnt()) };
        let is_missing = |wish: &Wish| !self.asked.contains(wish) && learnt.as_ref().is_none_or(|learnt| !learnt.knows(wish));
        self.needs.extend(needs.into_iter().filter(is_missing));
        !self.needs.is_empty()
    }

    /// All that was learnt about tags by now.
    fn learnt(&self) -> Learnt {
        let facts = self.facts.iter().map(|(platform, facts)| (platform.clone(), facts.unpack().into_keys().collect()));
        Learnt { seen: self.tags().unwrap_or_default(), facts: facts.collect() }
    }

    /// Hands out one thing to learn.
    pub(super) fn ask(&mut self) -> Option<Wish> {
        let wish = self.needs.pop_first()?;
        self.asked.insert(wish.clone());
        Some(wish)
    }

    /// What was handed out is learnt, or was tried.
    pub(super) fn answered(&mut self, wish: &Wish) {
        self.asked.remove(wish);
    }

    /// What is known of it now.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { change: self.change, packed: self.seen.clone(), open: self.open.clone(), facts: self.facts.clone() }
    }

    /// When the last list came, whatever was said since.
    pub(super) fn listed_at(&self) -> Option<Timestamp> {
        self.seen.listed_at()
    }

    /// Why no list has come since.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.seen.trouble()
    }

    /// How many tags the last list holds.
    pub(super) fn listed(&self) -> usize {
        self.seen.listed()
    }

    /// Takes what earlier runs saw.
    pub(super) fn restore(&mut self, kept: Kept<Packed>) {
        (self.seen, self.row, self.pages) = (kept.record, kept.generation, Pages::default());
        if let Some(Mark { etag, last_modified, .. }) = self.seen.mark().cloned() {
            self.pages.given = Validators { etag, last_modified };
        }
    }

    /// The pages of the last list, to ask whether it is still the same; now and then without what the host gave with it.
    pub(super) fn last_pages(&mut self) -> Pages {
        self.partial = (self.partial + 1) % WHOLE;
        if self.partial == 0 { self.pages.clone().whole() } else { self.pages.clone() }
    }

    /// Notes the pages that the last list came on.
    pub(super) fn came_on(&mut self, pages: Pages) {
        let Validators { etag, last_modified } = pages.given.clone();
        self.seen.given(etag, last_modified);
        (self.requests, self.pages) = (pages.requests(), pages);
    }

    /// Forgets what cannot be read.
    pub(super) fn forget(&mut self) {
        (self.seen, self.open, self.recheck, self.pages) = (Packed::default(), None, Timestamp::MIN, Pages::default());
    }

    /// The row that says all this, due as planned.
    pub(super) fn write(&mut self, id: String) -> Write {
        self.close();
        let kept = Kept { record: self.seen.clone(), generation: self.row, due: None };
        kept.write(id, self.due)
    }

    /// Which write made the row that stands.
    pub(super) fn stands(&mut self, row: Option<Generation>) {
        self.row = row;
    }

    /// The tags to ask about with the next list: those whose digest can change a decision, and some whose turn it is.
    pub(super) fn watched(&mut self, interval: Duration, now: Timestamp) -> BTreeSet<Tag> {
        let mut watched: BTreeSet<Tag> = self.users.iter().flat_map(|one| one.watched.iter().cloned()).collect();
        if self.recheck <= now
            && self.unhurried <= now
            && let Some(seen) = self.tags()
        {
            // Only where build times are compared anything but what is watched is ever looked at.
            let share = seen.share().max(1);
            let movers = watched.len().saturating_sub(2).min(share / 2);
            watched.extend(seen.rechecks(now, share - movers).into_iter().cloned());
            self.recheck = seen.next_recheck();
            let pause = interval.saturating_mul(seen.lists_per_recheck() - 1);
            self.unhurried = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
        }
        watched
    }

    /// Takes a list; what was known of its tags stays. One that says what the last one said is not compared.
    pub(super) fn observe(&mut self, tags: Vec<Tag>, now: Timestamp) -> Effect {
        let mark = Mark::of(&tags);
        let missed = std::mem::take(&mut self.unanswered);
        let troubled = self.seen.trouble().is_some();
        if self.open.is_none() && self.seen.again(&mark, now) {
            return Effect::from(troubled || missed);
        }
        let before = self.tags().unwrap_or_default();
        let essence = |seen: &Seen| (seen.mark().and_then(|mark| mark.hash), seen.listing() == Listing::Trusted);
        let was = essence(&before);
        // What was seen later than now is as if it were seen now, which makes tags younger.
        let set_back = before.listed_at().is_none_or(|listed| now < listed);
        let in_use = self.users.iter().flat_map(|one| one.tags.iter().cloned()).collect();
        let after = before.observe(tags, mark, &in_use, now);
        for (_, facts) in &mut self.facts {
            let pointed: BTreeSet<&Digest> = after.tags().iter().filter_map(|seen| seen.check.as_ref()?.digest.as_ref()).collect();
            *facts = Arc::new(facts.retain(|digest| pointed.contains(digest)));
        }
        let changed = was != essence(&after) || set_back || troubled || missed;
        self.pack(&after);
        Effect::from(changed)
    }

    /// Takes the news that the list is the last one again.
    pub(super) fn observe_again(&mut self, now: Timestamp) -> Effect {
        let (missed, troubled) = (self.unanswered, self.seen.trouble().is_some());
        if self.open.is_none() && self.seen.once_more(now) {
            self.unanswered = false;
            return Effect::from(troubled || missed);
        }
        let listed = |seen: Seen| seen.tags().iter().filter(|seen| seen.standing.is_listed()).map(|seen| seen.tag.clone()).collect();
        self.observe(self.tags().map(listed).unwrap_or_default(), now)
    }

    /// Takes the news that the list could not be had.
    pub(super) fn fail(&mut self, failure: Failure, now: Timestamp) -> Effect {
        let changed = self.seen.trouble().is_none_or(|trouble| trouble.failure.reason != failure.reason);
        self.close();
        self.seen.failed(failure, now);
        Effect::from(changed)
    }

    /// Takes what was learnt about one tag.
    pub(super) fn look(&mut self, platform: &Platform, tag: &Tag, metadata: &Metadata, digest: Option<&Digest>, now: Timestamp) -> Effect {
        let Some(seen) = self.opened() else { return Effect::Nothing };
        match (metadata, digest) {
            (Metadata::Gone, _) => seen.gone(tag, now),
            (Metadata::Unreadable { code, reason }, _) => seen.unreadable(tag, *code, reason, now),
            (Metadata::Pointed(digest), _) | (Metadata::NotAnImage(_), Some(digest)) => seen.pointed(tag, digest.clone(), now),
            (Metadata::Image(facts), _) => seen.pointed(tag, facts.digest.clone(), now),
            (Metadata::NotAnImage(_) | Metadata::NotRead, _) => {
                self.unanswered = true;
                return Effect::Nothing;
            }
        }
        let known = if let Metadata::Image(facts) = metadata { Some(&facts.digest) } else { digest };
        if let (Some(facts), Some(digest)) = (Facts::of(metadata), known) {
            let at = self.facts.iter().position(|(known, _)| known == platform).unwrap_or_else(|| {
                self.facts.push((platform.clone(), Arc::default()));
                self.facts.len() - 1
            });
            Arc::make_mut(&mut self.facts[at].1).add(digest, facts);
        }
        Effect::Changed
    }

    /// Takes where a tag points now.
    pub(super) fn point(&mut self, tag: &Tag, digest: &Digest, now: Timestamp) -> Effect {
        let known = |seen: &Seen| seen.tag(tag).and_then(|seen| seen.check.as_ref()?.digest.clone());
        let Some(seen) = self.opened() else { return Effect::Nothing };
        let before = known(seen);
        seen.pointed(tag, digest.clone(), now);
        Effect::from(before != known(seen))
    }

    /// What the tag of a need points to, as far as is known.
    pub(super) fn digest(&mut self, tag: &Tag) -> Option<Digest> {
        self.opened()?.tag(tag)?.check.as_ref()?.digest.clone()
    }

    /// Puts the tags back into few bytes.
    pub(super) fn close(&mut self) {
        if let Some(seen) = self.open.take() {
            self.pack(&seen);
        }
    }

    fn pack(&mut self, seen: &Seen) {
        (self.seen, self.recheck, self.open) = (Packed::from(seen), seen.next_recheck(), None);
    }

    fn tags(&self) -> Option<Seen> {
        self.open.clone().or_else(|| self.seen.unpack())
    }

    fn opened(&mut self) -> Option<&mut Seen> {
        if self.open.is_none() {
            self.open = self.seen.unpack();
        }
        self.open.as_mut()
    }
}

impl Snapshot {
    /// Every tag; `None` where the row cannot be read.
    pub(super) fn tags(&self) -> Option<Seen> {
        self.open.clone().or_else(|| self.packed.unpack())
    }

    /// What documents say for a platform.
    pub(super) fn facts(&self, platform: &Platform) -> Pack {
        self.facts.iter().find(|(known, _)| known == platform).map(|(_, facts)| Pack::clone(facts)).unwrap_or_default()
    }
}
