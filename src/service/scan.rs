//! Asks registries for what the questions need, and nothing that is known and cannot change.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;

use super::{Memory, Watcher, board::Interval};
use crate::{
    image::{Digest, Platform, Reference, Repository, Tag},
    plan::{
        Answer, Asked, Failure, Knowledge, Known, Subjects, View,
        listing::AvailableTag,
        scanned::{ScannedImage, chosen, scanned},
        schedule, tags,
    },
    policy::{
        Code,
        decision::{Decision, Need, Wants, wanted_platforms},
        record::{Metadata, TagRecord},
    },
    registry::{Client, RegistryError, TagList},
    store::{self, Cache, Facts, Found, Kept, Mark, Saved, Seen, Store},
};

/// How many tags of one question are looked at before it is asked again whether the others still matter.
const BATCH: usize = 64;
/// How many rows are written at once.
const ROWS: usize = 500;

/// The registries, and what earlier runs saw of them.
pub struct Inquiry {
    /// Who is asked.
    pub client: Client,
    /// What is remembered.
    pub memory: Memory,
    /// What tells this view of the registries from others, in the ids of rows.
    pub view: String,
    /// How often the daemon lists an image: a list that a command asked for counts, too.
    pub interval: Interval,
}

/// What is known in this process, and who can be asked for more.
pub(super) struct Scan<'a> {
    inquiry: &'a Inquiry,
    /// How long to go on without learning anything.
    patience: Duration,
    watcher: &'a dyn Watcher,
    /// Each list is sorted by tag.
    knowledge: Knowledge,
    /// What was listed by this process, each with what earlier ones saw.
    images: BTreeMap<Repository, Image>,
}

/// One repository in a registry.
struct Image {
    kept: Kept<Seen>,
    /// The tags that this process asked about.
    asked: BTreeSet<(Platform, Tag)>,
    /// Whether the store knows all of it.
    is_saved: bool,
}

/// One thing to learn about a tag.
type Wish = (View, Need);

/// Asks the registries about images, whatever stands in Git: the tags of each, at most `limit` of them.
pub async fn scan_images(
    inquiry: &Inquiry,
    patience: Duration,
    watcher: &dyn Watcher,
    references: &[Reference],
    limit: usize,
    now: Timestamp,
) -> Vec<Result<ScannedImage, Failure>> {
    Scan::new(inquiry, patience, watcher).scanned(references, limit, now).await
}

impl<'a> Scan<'a> {
    pub(super) fn new(inquiry: &'a Inquiry, patience: Duration, watcher: &'a dyn Watcher) -> Self {
        Self { inquiry, patience, watcher, knowledge: Knowledge::new(), images: BTreeMap::new() }
    }

    pub(super) fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// Answers every question, as far as the registries let it, and remembers what was learnt.
    pub(super) async fn answers(&mut self, subjects: &Subjects, now: Timestamp) -> Vec<Answer> {
        let questions = &subjects.questions;
        self.list(questions, now).await;
        let mut answers: Vec<Answer> = questions.iter().map(|asked| asked.answer(&self.knowledge, now)).collect();
        loop {
            let mut open: BTreeMap<usize, Vec<Need>> =
                decided(&answers).map(|(at, decision)| (at, self.wanted(&questions[at], decision, now))).collect();
            open.retain(|_, needs| !needs.is_empty());
            if open.is_empty() || !self.learn(questions, &open, now).await {
                break;
            }
            for at in open.into_keys() {
                answers[at] = questions[at].answer(&self.knowledge, now);
            }
        }
        self.save(now).await;
        answers
    }

    /// The best tags of each question with their times, for people: first those that match, then the others.
    pub(super) async fn newest(&mut self, subjects: &Subjects, count: usize, now: Timestamp) -> Vec<Result<Vec<AvailableTag>, Failure>> {
        let answers = self.answers(subjects, now).await;
        let mut open: BTreeMap<usize, Vec<Need>> = BTreeMap::new();
        for (at, asked) in subjects.questions.iter().enumerate() {
            let best = tags(asked, &self.knowledge, now).into_iter().take(count);
            open.insert(at, best.filter(|one| one.created.is_none()).filter_map(|one| Tag::parse(&one.tag).ok()).map(Need::Metadata).collect());
        }
        self.learn(&subjects.questions, &open, now).await;
        self.save(now).await;
        let shown = |(asked, answer): (&Asked, Answer)| {
            if let Answer::Failed(failure) = answer {
                return Err(failure);
            }
            let best = tags(asked, &self.knowledge, now).into_iter().take(count);
            Ok(best.map(|one| AvailableTag { tag: one.tag, created: one.created, first_seen: one.first_seen }).collect())
        };
        subjects.questions.iter().zip(answers).map(shown).collect()
    }

    /// Each image with the tags that are wanted, all of which are looked at.
    async fn scanned(&mut self, references: &[Reference], limit: usize, now: Timestamp) -> Vec<Result<ScannedImage, Failure>> {
        let questions: Vec<Asked> = references.iter().map(|reference| Asked::about(reference, Wants::Image)).collect();
        self.list(&questions, now).await;
        let chosen: Vec<Vec<Tag>> = questions.iter().map(|asked| chosen(asked, &self.knowledge, limit, now)).collect();
        // What an earlier run saw of a tag holds while it points to the same digest.
        for need in [Need::Digest, Need::Metadata] {
            let open = |(at, tags): (usize, &Vec<Tag>)| {
                let wanted = tags.iter().cloned().map(need).filter(|need| self.lacks(&questions[at], need));
                (at, wanted.collect())
            };
            let open: BTreeMap<usize, Vec<Need>> = chosen.iter().enumerate().map(open).collect();
            self.learn(&questions, &open, now).await;
        }
        self.save(now).await;
        let all = references.iter().zip(&questions).zip(&chosen);
        all.map(|((reference, asked), tags)| scanned(reference, asked, &self.knowledge, tags)).collect()
    }

    /// Whether it is not known in this process; of a tag that nobody looked at before, a digest alone is of no use.
    fn lacks(&self, asked: &Asked, need: &Need) -> bool {
        let Some(Known::Listed { records, .. }) = self.knowledge.get(&asked.view()) else { return false };
        let found = records.binary_search_by(|record| record.tag.cmp(need.tag())).ok().map(|at| &records[at].metadata);
        match need {
            Need::Digest(_) => matches!(found, Some(Metadata::Pointed(_))),
            Need::Metadata(_) => matches!(found, Some(Metadata::Pointed(_) | Metadata::NotRead)),
        }
    }

    /// Lists each repository once, all at the same time.
    async fn list(&mut self, questions: &[Asked], now: Timestamp) {
        let mut views: BTreeMap<Repository, BTreeSet<View>> = BTreeMap::new();
        let mut in_use: BTreeMap<Repository, BTreeSet<Tag>> = BTreeMap::new();
        for asked in questions {
            in_use.entry(asked.repository.clone()).or_default().extend(asked.tag.clone());
            let view = asked.view();
            if !matches!(self.knowledge.get(&view), Some(Known::Listed { .. })) {
                views.entry(view.repository.clone()).or_default().insert(view);
            }
        }
        let mut kept = self.load(views.keys().filter(|repository| !self.images.contains_key(*repository)).cloned().collect()).await;
        let client = &self.inquiry.client;
        let lists = views.keys().cloned().map(|repository| async move {
            let tags = client.tags(&repository).await;
            (repository, tags)
        });
        let total = views.len();
        let mut done = 0;
        let (watcher, patience) = (self.watcher, self.patience);
        watcher.listing(done, total);
        each(patience, lists, |(repository, tags)| {
            done += 1;
            watcher.listing(done, total);
            let empty = BTreeSet::new();
            let in_use = in_use.get(&repository).unwrap_or(&empty);
            let known = self.listed(&repository, tags, kept.remove(&repository).unwrap_or_default(), in_use, now);
            for view in views.get(&repository).into_iter().flatten() {
                self.knowledge.insert(view.clone(), known.clone());
            }
        })
        .await;
    }

    /// What earlier runs saw of these.
    async fn load(&self, repositories: Vec<Repository>) -> BTreeMap<Repository, Kept<Seen>> {
        let ids = repositories.iter().map(|repository| Seen::id(repository, &self.inquiry.view)).collect();
        let memory = &self.inquiry.memory;
        let kept = memory.attempt(store::load::<Seen>(memory.store(), ids).await).unwrap_or_default();
        repositories.into_iter().zip(kept).collect()
    }

    fn listed(
        &mut self,
        repository: &Repository,
        tags: Result<TagList, RegistryError>,
        kept: Kept<Seen>,
        in_use: &BTreeSet<Tag>,
        now: Timestamp,
    ) -> Known {
        let list = match tags {
            Ok(list) => list,
            Err(error) => return Known::Failed(failure(&error)),
        };
        let image = self.images.entry(repository.clone()).or_insert_with(|| Image { kept, asked: BTreeSet::new(), is_saved: false });
        image.is_saved = false;
        image.kept.record = std::mem::take(&mut image.kept.record).observe(list.tags, Mark::default(), in_use, now);
        Known::Listed { records: image.records(), listing: image.kept.record.listing() }
    }

    /// What to learn for a decision: what it lacks, else what earlier runs know and may have changed.
    fn wanted(&self, asked: &Asked, decision: &Decision, now: Timestamp) -> Vec<Need> {
        if !decision.needs.is_empty() {
            return decision.needs.iter().take(BATCH).cloned().collect();
        }
        let Some(image) = self.images.get(&asked.repository) else { return Vec::new() };
        let platform = asked.view().platform;
        let known = |tag: &&Tag| image.digest(tag).is_some() && !image.asked.contains(&(platform.clone(), (*tag).clone()));
        image.changing(asked, decision, now).into_iter().filter(known).cloned().map(Need::Digest).collect()
    }

    /// Looks at what is needed; says whether anything was learnt.
    async fn learn(&mut self, questions: &[Asked], open: &BTreeMap<usize, Vec<Need>>, now: Timestamp) -> bool {
        let needs: BTreeSet<Wish> = open.iter().flat_map(|(&at, needs)| needs.iter().map(move |need| (questions[at].view(), need.clone()))).collect();
        let remembered = self.remembered(&needs).await;
        let total = needs.len();
        let mut done = remembered.len();
        let needs: Vec<Wish> = needs.into_iter().filter(|wish| !remembered.contains_key(wish)).collect();
        for ((view, need), facts) in remembered {
            self.learnt(&view, need.tag(), facts.into());
        }
        let wanted: BTreeMap<View, _> = open.keys().map(|&at| (questions[at].view(), wanted_platforms(&questions[at].policy))).collect();
        let (client, wanted) = (&self.inquiry.client, &wanted);
        // Where an earlier run saw a tag point may be long ago.
        let known = |(view, need): &Wish| {
            let image = self.images.get(&view.repository)?;
            let is_new = image.asked.contains(&(view.platform.clone(), need.tag().clone()));
            image.digest(need.tag()).filter(|_| is_new).cloned()
        };
        let needs: Vec<(Wish, Option<Digest>)> = needs.into_iter().map(|wish| (wish.clone(), known(&wish))).collect();
        let looks = needs.iter().map(|((view, need), known)| async move {
            let metadata = match need {
                Need::Digest(tag) => client.digest(&view.repository, tag).await.map(Metadata::Pointed),
                Need::Metadata(tag) => client.look(&view.repository, tag, known.as_ref(), &wanted[view]).await,
            };
            (view, need.tag(), metadata.unwrap_or_else(|error| unreadable(&error)))
        });
        let (watcher, patience) = (self.watcher, self.patience);
        watcher.metadata(done, total);
        let mut facts = Vec::new();
        each(patience, looks, |(view, tag, metadata)| {
            done += 1;
            watcher.metadata(done, total);
            if let (Metadata::Image(image), Some(kept)) = (&metadata, Facts::of(&metadata)) {
                facts.push((Facts::id(&image.digest, &view.platform), kept.encode()));
            }
            self.answered(view, tag, metadata, now);
        })
        .await;
        let memory = &self.inquiry.memory;
        if !facts.is_empty() {
            memory.attempt(memory.store().remember(Cache::Facts, facts).await);
        }
        done > 0
    }

    /// What is remembered of the digests that these tags point to: it cannot have changed.
    async fn remembered(&self, needs: &BTreeSet<Wish>) -> BTreeMap<Wish, Facts> {
        let digest = |(view, need): &Wish| match need {
            Need::Metadata(tag) => self.images.get(&view.repository)?.digest(tag),
            Need::Digest(_) => None,
        };
        let known: Vec<(&Wish, &Digest)> = needs.iter().filter_map(|wish| Some((wish, digest(wish)?))).collect();
        if known.is_empty() {
            return BTreeMap::new();
        }
        let ids = known.iter().map(|((view, _), digest)| Facts::id(digest, &view.platform)).collect();
        let memory = &self.inquiry.memory;
        let entries = memory.attempt(memory.store().recall(Cache::Facts, ids).await).unwrap_or_default();
        let facts = |((wish, digest), entry): ((&Wish, &Digest), Option<Vec<u8>>)| Some((wish.clone(), Facts::decode(&entry?, digest)?));
        known.into_iter().zip(entries).filter_map(facts).collect()
    }

    /// Takes what a registry answered now.
    fn answered(&mut self, view: &View, tag: &Tag, metadata: Metadata, now: Timestamp) {
        let Some(image) = self.images.get_mut(&view.repository) else { return };
        image.asked.insert((view.platform.clone(), tag.clone()));
        image.is_saved = false;
        let seen = &mut image.kept.record;
        match &metadata {
            Metadata::Image(facts) => seen.pointed(tag, facts.digest.clone(), now),
            Metadata::Pointed(digest) => seen.pointed(tag, digest.clone(), now),
            Metadata::Gone => seen.gone(tag, now),
            Metadata::Unreadable { code, reason } => seen.unreadable(tag, *code, reason, now),
            // A tag that points to no image is looked at again, which is one request as asking for its digest is.
            Metadata::NotAnImage(_) | Metadata::NotRead => {}
        }
        self.learnt(view, tag, metadata);
    }

    /// Tells those who decide.
    fn learnt(&mut self, view: &View, tag: &Tag, metadata: Metadata) {
        let (Some(Known::Listed { records, .. }), Some(image)) = (self.knowledge.get_mut(view), self.images.get(&view.repository)) else { return };
        let Ok(at) = records.binary_search_by(|record| record.tag.cmp(tag)) else { return };
        let record = &mut records[at];
        record.first_seen = image.kept.record.tag(tag).map(|seen| seen.first_seen.clone());
        let is_known = matches!((&record.metadata, &metadata), (Metadata::Image(facts), Metadata::Pointed(digest)) if facts.digest == *digest);
        if !is_known {
            record.metadata = metadata;
        }
    }

    /// Remembers the lists, and where tags point; what could not be listed is asked again by whoever comes next.
    async fn save(&mut self, now: Timestamp) {
        let Inquiry { memory, view, interval, .. } = self.inquiry;
        let mut unsaved: Vec<(&Repository, &mut Image)> = self.images.iter_mut().filter(|(_, image)| !image.is_saved).collect();
        for images in unsaved.chunks_mut(ROWS) {
            let due = |repository: &Repository| schedule::next(now, interval(repository), fastrand::f64());
            let write = |(repository, image): &(&Repository, &mut Image)| image.kept.write(Seen::id(repository, view), Some(due(repository)));
            let saved = memory.attempt(memory.store().save_if(images.iter().map(write).collect()).await);
            for ((_, image), saved) in images.iter_mut().zip(saved.into_iter().flatten()) {
                image.is_saved = true;
                if let Saved::Stands(generation) = saved {
                    image.kept.generation = Some(generation);
                }
            }
        }
    }
}

impl Image {
    /// The list with what is known of each tag; what earlier runs could not learn counts as not read.
    fn records(&self) -> Vec<TagRecord> {
        let mut records = self.kept.record.records(|_| None);
        for record in &mut records {
            if matches!(record.metadata, Metadata::Gone | Metadata::Unreadable { .. }) {
                record.metadata = Metadata::NotRead;
            }
        }
        records
    }

    /// What a tag points to.
    fn digest(&self, tag: &Tag) -> Option<&Digest> {
        let check = self.kept.record.tag(tag)?.check.as_ref()?;
        check.digest.as_ref().filter(|_| check.found == Found::Digest)
    }

    /// The tags whose digest can change a decision: where digests are written the winner; by build time also the current tag,
    /// those that have moved before, and some whose turn it is.
    fn changing<'s>(&'s self, asked: &'s Asked, decision: &'s Decision, now: Timestamp) -> BTreeSet<&'s Tag> {
        let by_time = asked.policy.pattern.is_by_build_time();
        let mut changing = BTreeSet::new();
        if by_time || decision.digest.is_some() || asked.digest.is_some() {
            changing.extend(&decision.winner);
        }
        if by_time {
            let seen = &self.kept.record;
            changing.extend(&asked.tag);
            changing.extend(seen.movers());
            changing.extend(seen.rechecks(now, seen.share().max(1)));
        }
        changing
    }
}

fn decided(answers: &[Answer]) -> impl Iterator<Item = (usize, &Decision)> {
    answers.iter().enumerate().filter_map(|(at, answer)| if let Answer::Decided(decision) = answer { Some((at, decision)) } else { None })
}

/// Runs all at once, and gives up on the rest when none ends for as long as `patience`.
async fn each<T>(patience: Duration, work: impl Iterator<Item = impl Future<Output = T>>, mut take: impl FnMut(T)) {
    let mut running: FuturesUnordered<_> = work.collect();
    while let Ok(Some(outcome)) = tokio::time::timeout(patience, running.next()).await {
        take(outcome);
    }
}

pub(super) fn failure(error: &RegistryError) -> Failure {
    Failure { code: error.code(), reason: error.to_string(), blame: error.blame(), hint: error.hint() }
}

pub(super) fn unreadable(error: &RegistryError) -> Metadata {
    match error.code() {
        Code::NotFound => Metadata::Gone,
        code => Metadata::Unreadable { code, reason: error.to_string() },
    }
}
