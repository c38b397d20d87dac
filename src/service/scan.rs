//! Asks registries for what the questions need, and nothing more.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;

use super::Watcher;
use crate::{
    image::{Repository, Tag},
    plan::{Answer, Asked, Failure, Knowledge, Known, Subjects, View, listing::AvailableTag, tags},
    policy::{
        Code,
        decision::{Listing, Need, wanted_platforms},
        record::{Metadata, TagRecord},
    },
    registry::{Client, RegistryError},
};

/// How many tags of one question are looked at before it is asked again whether the others still matter.
const BATCH: usize = 64;

/// What is known in this process, and who can be asked for more.
pub(super) struct Scan<'a> {
    client: &'a Client,
    /// How long to go on without learning anything.
    patience: Duration,
    watcher: &'a dyn Watcher,
    /// Each list is sorted by tag.
    knowledge: Knowledge,
}

impl<'a> Scan<'a> {
    pub(super) fn new(client: &'a Client, patience: Duration, watcher: &'a dyn Watcher) -> Self {
        Self { client, patience, watcher, knowledge: Knowledge::new() }
    }

    pub(super) fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// Answers every question, as far as the registries let it.
    pub(super) async fn answers(&mut self, subjects: &Subjects, now: Timestamp) -> Vec<Answer> {
        self.list(&subjects.questions).await;
        let mut answers: Vec<Answer> = subjects.questions.iter().map(|asked| asked.answer(&self.knowledge, now)).collect();
        loop {
            let open: BTreeMap<usize, Vec<Need>> = answers
                .iter()
                .enumerate()
                .filter_map(|(at, answer)| match answer {
                    Answer::Decided(decision) if !decision.needs.is_empty() => Some((at, decision.needs.iter().take(BATCH).cloned().collect())),
                    _ => None,
                })
                .collect();
            if open.is_empty() || !self.learn(&subjects.questions, &open).await {
                return answers;
            }
            for at in open.into_keys() {
                answers[at] = subjects.questions[at].answer(&self.knowledge, now);
            }
        }
    }

    /// The best tags of each question with their times, for people: first those that match, then the others.
    pub(super) async fn newest(&mut self, subjects: &Subjects, count: usize, now: Timestamp) -> Vec<Result<Vec<AvailableTag>, Failure>> {
        let answers = self.answers(subjects, now).await;
        let mut open: BTreeMap<usize, Vec<Need>> = BTreeMap::new();
        for (at, asked) in subjects.questions.iter().enumerate() {
            let best = tags(asked, &self.knowledge, now).into_iter().take(count);
            open.insert(at, best.filter(|one| one.created.is_none()).filter_map(|one| Tag::parse(&one.tag).ok()).map(Need::Metadata).collect());
        }
        self.learn(&subjects.questions, &open).await;
        let shown = |(asked, answer): (&Asked, Answer)| match answer {
            Answer::Failed(failure) => Err(failure),
            _ => {
                let best = tags(asked, &self.knowledge, now).into_iter().take(count);
                Ok(best.map(|one| AvailableTag { tag: one.tag, created: one.created, first_seen: one.first_seen }).collect())
            }
        };
        subjects.questions.iter().zip(answers).map(shown).collect()
    }

    /// Lists each repository once, all at the same time.
    async fn list(&mut self, questions: &[Asked]) {
        let mut views: BTreeMap<Repository, BTreeSet<View>> = BTreeMap::new();
        for view in questions.iter().map(Asked::view).filter(|view| !matches!(self.knowledge.get(view), Some(Known::Listed { .. }))) {
            views.entry(view.repository.clone()).or_default().insert(view);
        }
        let client = self.client;
        let lists = views.keys().cloned().map(|repository| async move {
            let tags = client.tags(&repository).await;
            (repository, tags)
        });
        let total = views.len();
        let mut done = 0;
        let (watcher, knowledge) = (self.watcher, &mut self.knowledge);
        watcher.listing(done, total);
        each(self.patience, lists, |(repository, tags)| {
            done += 1;
            watcher.listing(done, total);
            let known = match tags {
                Ok(mut list) => {
                    list.tags.sort_unstable();
                    let records = list.tags.into_iter().map(TagRecord::listed).collect();
                    Known::Listed { records, listing: Listing::Trusted }
                }
                Err(error) => Known::Failed(failure(&error)),
            };
            for view in views.get(&repository).into_iter().flatten() {
                knowledge.insert(view.clone(), known.clone());
            }
        })
        .await;
    }

    /// Looks at what is needed; says whether anything was learnt.
    async fn learn(&mut self, questions: &[Asked], open: &BTreeMap<usize, Vec<Need>>) -> bool {
        let needs: BTreeSet<(View, Need)> =
            open.iter().flat_map(|(&at, needs)| needs.iter().map(move |need| (questions[at].view(), need.clone()))).collect();
        let wanted: BTreeMap<View, _> = open.keys().map(|&at| (questions[at].view(), wanted_platforms(&questions[at].policy))).collect();
        let client = self.client;
        let wanted = &wanted;
        let looks = needs.iter().map(|(view, need)| async move {
            let metadata = match need {
                Need::Digest(tag) => client.digest(&view.repository, tag).await.map(Metadata::Pointed),
                Need::Metadata(tag) => client.look(&view.repository, tag, &wanted[view]).await,
            };
            (view, need.tag(), metadata.unwrap_or_else(|error| unreadable(&error)))
        });
        let total = needs.len();
        let mut done = 0;
        let (watcher, knowledge) = (self.watcher, &mut self.knowledge);
        watcher.metadata(done, total);
        each(self.patience, looks, |(view, tag, metadata)| {
            done += 1;
            watcher.metadata(done, total);
            learnt(knowledge, view, tag, metadata);
        })
        .await;
        done > 0
    }
}

fn learnt(knowledge: &mut Knowledge, view: &View, tag: &Tag, metadata: Metadata) {
    if let Some(Known::Listed { records, .. }) = knowledge.get_mut(view)
        && let Ok(at) = records.binary_search_by(|record| record.tag.cmp(tag))
    {
        records[at].metadata = metadata;
    }
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
