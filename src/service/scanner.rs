//! Keeps a board young: lists what is due, learns what is missing, and writes what was seen into the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tracing::{debug, error, info, warn};

use super::{
    Clock, Memory,
    board::{Board, Job, Work},
    circuit::{Circuits, Leave},
    clock::{Hold, Listener},
    metrics::Metrics,
    ready::Readiness,
    scan::{failure, unreadable},
    told::Told,
};
use crate::{
    image::{Digest, Platform, Repository, Tag},
    plan::View,
    policy::{decision::Need, record::Metadata},
    registry::{Bearing, Client, RegistryError, RequestKind, TagList},
    store::{self, Cache, Embedded, Facts, Kept, Kind, Packed, Saved, Store, StoreError},
};

/// What was seen is written so often at most: a disk takes as long for one row as for many.
const SAVE: Duration = Duration::from_secs(5);
/// Watched tags of one list that are asked about at once; the client's budget bounds what is really sent.
const ABREAST: usize = 8;

/// Asks registries for everything that one board needs.
pub struct Scanner {
    /// What is wanted and known.
    pub board: Arc<Board>,
    /// Who is asked.
    pub client: Arc<Client>,
    /// What earlier runs saw.
    pub store: Embedded,
    /// What tells the time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Which hosts answer.
    pub readiness: Arc<Readiness>,
    /// Which hosts are left alone.
    pub circuits: Circuits,
    /// What was learnt about images and is not in the store yet.
    pub memory: Memory,
    /// The requests that are counted already.
    pub counted: Mutex<Tally>,
    /// What was told about the store.
    pub trouble: Mutex<Told<&'static str, String>>,
}

/// Requests by host and kind.
pub type Tally = BTreeMap<(String, RequestKind), u64>;

impl Scanner {
    /// Works until `stop`; what was seen by then is in the store.
    pub async fn run(self: Arc<Self>, mut listener: Listener, mut hold: Hold, stop: impl Future<Output = ()>) {
        let mut running = JoinSet::new();
        let mut save = self.clock.now();
        tokio::pin!(stop);
        loop {
            let now = self.clock.now();
            for job in self.board.jobs(now) {
                running.spawn(Arc::clone(&self).job(job, self.clock.hold()));
            }
            if save <= now || save > later(now) {
                self.save().await;
                save = later(now);
                self.metrics.listed(self.board.view(), self.board.lists());
            }
            self.count();
            self.readiness.hosts(self.board.view(), || self.board.hosts());
            let is_unsaved = self.board.is_unsaved() || self.circuits.is_unsaved();
            let next = [self.board.next_due(now), is_unsaved.then_some(save)].into_iter().flatten().min();
            hold = tokio::select! {
                () = &mut stop => break,
                Some(hold) = listener.until(next.unwrap_or(Timestamp::MAX), hold) => hold,
                Some(ended) = running.join_next(), if !running.is_empty() => ended.unwrap_or_default(),
            };
            // Jobs that end together are one round.
            while running.try_join_next().is_some() {}
        }
        running.shutdown().await;
        self.save().await;
    }

    /// Does a job; a bug in it ends it, and not the scanner.
    async fn job(self: Arc<Self>, job: Job, hold: Hold) -> Hold {
        let (kind, repositories) = match &job {
            Job::Open(repositories) => (Work::Open, repositories.clone()),
            Job::List(repository, _) => (Work::List, vec![repository.clone()]),
            Job::Look { view, .. } => (Work::Look, vec![view.repository.clone()]),
        };
        let wish = if let Job::Look { wanted, need, .. } = &job { Some((wanted.clone(), need.clone())) } else { None };
        let work = async {
            match job {
                Job::Open(repositories) => self.open(repositories).await,
                Job::List(repository, watched) => self.list(&repository, watched.into_iter().collect()).await,
                Job::Look { view, wanted, need, digest } => self.look(&view, &wanted, &need, digest.as_ref()).await,
            }
        };
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            error!(image = %repositories[0], "asking a registry ended in a bug; please report the lines before this one");
        }
        if let Some((wanted, need)) = wish {
            self.board.answered(&repositories[0], &wanted, &need);
        }
        for repository in repositories {
            self.board.done(kind, &repository, self.clock.now());
        }
        hold
    }

    async fn open(&self, repositories: Vec<Repository>) {
        let ids = repositories.iter().map(|repository| self.board.id(repository)).collect();
        let rows: Vec<Kept<Packed>> = match store::load(&self.store, ids).await {
            Ok(rows) => rows,
            Err(error) => {
                self.cannot("cannot read the store", &error);
                repositories.iter().map(|_| Kept::default()).collect()
            }
        };
        let hosts: BTreeSet<&str> = repositories.iter().map(|repository| &*repository.registry).collect();
        if let Err(error) = self.circuits.recall(&self.store, hosts, self.clock.now()).await {
            self.cannot("cannot read the store", &error);
        }
        self.board.opened(repositories.into_iter().zip(rows).collect(), self.clock.now());
    }

    /// Asks a question, and notes how its host behaves.
    async fn ask<T>(&self, repository: &Repository, question: impl Future<Output = Result<T, RegistryError>>) -> Result<T, RegistryError> {
        let trip = self.circuits.begin(&repository.registry);
        let outcome = question.await;
        let bearing = outcome.as_ref().map_or_else(RegistryError::bearing, |_| Bearing::Answers);
        self.circuits.end(trip, bearing, self.clock.now());
        outcome
    }

    async fn list(&self, repository: &Repository, watched: Vec<Tag>) {
        let pages = self.board.pages(repository);
        match self.ask(repository, self.client.tags_unless(repository, &pages)).await {
            Ok(Some(TagList { tags, pages, .. })) => {
                debug!(image = %repository, tags = tags.len(), "listed");
                self.board.listed(repository, tags, self.clock.now());
                self.board.came_on(repository, pages);
            }
            Ok(None) => {
                debug!(image = %repository, "listed as before");
                self.board.listed_again(repository, self.clock.now());
            }
            Err(error) => {
                self.board.failed(repository, failure(&error), self.clock.now());
                return;
            }
        }
        let asked = stream::iter(watched).map(|tag| async move {
            let digest = self.ask(repository, self.client.digest(repository, &tag)).await;
            (tag, digest)
        });
        let mut answers = asked.buffer_unordered(ABREAST);
        while let Some((tag, digest)) = answers.next().await {
            let now = self.clock.now();
            // What could not be asked this time is asked with the next list; what was known still holds.
            match digest {
                Ok(digest) => self.board.pointed(repository, &tag, &digest, now),
                Err(_) if matches!(self.circuits.leave(&repository.registry, now), Leave::Rest(_)) => return,
                Err(_) => {}
            }
        }
    }

    async fn look(&self, view: &View, wanted: &[Platform], need: &Need, digest: Option<&Digest>) {
        let tag = need.tag();
        let metadata = match need {
            Need::Digest(_) => {
                let digest = self.ask(&view.repository, self.client.digest(&view.repository, tag)).await;
                digest.map_or_else(|error| unreadable(&error), Metadata::Pointed)
            }
            Need::Metadata(_) => self.metadata(view, wanted, tag, digest).await,
        };
        let asked;
        let digest = match (&metadata, digest) {
            // What is no image says nothing of its digest, and is remembered by it.
            (Metadata::NotAnImage(_), None) => {
                asked = self.ask(&view.repository, self.client.digest(&view.repository, tag)).await.ok();
                asked.as_ref()
            }
            (_, digest) => digest,
        };
        self.board.looked(view, tag, &metadata, digest, self.clock.now());
    }

    /// What the documents behind a tag say: from the store where the digest is known, for they never change.
    async fn metadata(&self, view: &View, wanted: &[Platform], tag: &Tag, digest: Option<&Digest>) -> Metadata {
        if let Some(digest) = digest {
            let id = Facts::id(digest, &view.platform);
            let kept = self.store.recall(Cache::Facts, vec![id]).await.ok().and_then(|mut found| found.pop()?);
            if let Some(facts) = kept.and_then(|bytes| Facts::decode(&bytes, digest)) {
                return facts.into();
            }
        }
        let metadata = match self.ask(&view.repository, self.client.look(&view.repository, tag, digest, wanted)).await {
            Ok(metadata) => metadata,
            Err(error) => return unreadable(&error),
        };
        let digest = if let Metadata::Image(facts) = &metadata { Some(&facts.digest) } else { digest };
        if let (Some(facts), Some(digest)) = (Facts::of(&metadata), digest) {
            self.memory.learn(Facts::id(digest, &view.platform), facts.encode());
        }
        metadata
    }

    /// Adds what was sent since the last time to the metrics.
    fn count(&self) {
        let sent = self.client.tally();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for ((host, kind), number) in &sent {
            let before = counted.get(&(host.clone(), *kind)).copied().unwrap_or_default();
            self.metrics.requested(host, *kind, number - before);
        }
        *counted = sent;
    }

    async fn save(&self) {
        self.memory.save_learnt().await;
        if let Err(error) = self.circuits.save(&self.store).await {
            self.cannot("cannot write the store", &error);
        }
        let (repositories, writes): (Vec<_>, Vec<_>) = self.board.unsaved().into_iter().unzip();
        if writes.is_empty() {
            return;
        }
        let saved = match self.store.save_if(writes).await {
            Ok(saved) => saved,
            Err(error) => {
                self.board.refused(repositories);
                return self.cannot("cannot write the store", &error);
            }
        };
        if self.trouble().end(&"cannot write the store").is_some() {
            info!("the store is written again");
        }
        for (repository, saved) in repositories.iter().zip(saved) {
            match saved {
                Saved::Stands(generation) => self.board.saved(repository, generation),
                Saved::Removed => {}
                // A file that was damaged is empty now.
                Saved::Moved => {
                    if let Ok(rows) = self.store.load(Kind::Repositories, vec![self.board.id(repository)]).await {
                        self.board.moved(repository, rows.into_iter().flatten().next().map(|row| row.generation));
                    }
                }
            }
        }
    }

    /// What is wrong with the store is told once: it goes on without.
    fn cannot(&self, what: &'static str, error: &StoreError) {
        if self.trouble().is_news(what, error.to_string()) {
            warn!(error = %error, hint = error.hint(), "{what}");
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Told<&'static str, String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn later(now: Timestamp) -> Timestamp {
    now.saturating_add(SAVE).unwrap_or(Timestamp::MAX)
}
