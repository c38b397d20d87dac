//! The store as cycles and scans use it: what it cannot do costs time and requests, ends nothing, and is told once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::warn;

use crate::store::{Cache, Embedded, Store, StoreError};

/// What earlier runs saw, as far as the store says it.
#[derive(Clone)]
pub struct Memory {
    store: Embedded,
    troubles: Arc<Mutex<Troubles>>,
    /// What was learnt about images and is not in the store yet.
    learnt: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

/// What was not told yet, and all that ever was.
#[derive(Default)]
struct Troubles {
    untold: Vec<String>,
    known: BTreeSet<String>,
}

impl Memory {
    /// The memory of a store.
    pub fn new(store: Embedded) -> Self {
        Self { store, troubles: Arc::default(), learnt: Arc::default() }
    }

    /// The memory in a state folder; one that ends with the process where the folder cannot be used.
    pub fn open(folder: &Path) -> Self {
        match Embedded::open(folder) {
            Ok(store) => Self::new(store),
            Err(error) => {
                let memory = Self::new(Embedded::in_memory());
                memory.trouble(&error);
                memory
            }
        }
    }

    /// The store itself.
    pub fn store(&self) -> &Embedded {
        &self.store
    }

    /// What happened since the last call and should be told, each once.
    pub fn news(&self) -> Vec<String> {
        let notices = self.store.notices().iter().map(ToString::to_string).collect();
        let untold = std::mem::take(&mut self.troubles.lock().unwrap_or_else(PoisonError::into_inner).untold);
        [notices, untold].concat()
    }

    /// What came of asking the store; a failure is remembered as news, and logged.
    pub(super) fn attempt<T>(&self, outcome: Result<T, StoreError>) -> Option<T> {
        outcome.map_err(|error| self.trouble(&error)).ok()
    }

    /// What a cache holds of these ids; nothing where the store does not answer.
    pub(super) fn recall(&self, cache: Cache, ids: &[String]) -> Vec<Option<Vec<u8>>> {
        if ids.is_empty() {
            return Vec::new();
        }
        self.attempt(self.store.blocking_recall(cache, ids)).unwrap_or_else(|| vec![None; ids.len()])
    }

    /// Puts entries into a cache.
    pub(super) fn remember(&self, cache: Cache, entries: &[(String, Vec<u8>)]) {
        if !entries.is_empty() {
            self.attempt(self.store.blocking_remember(cache, entries));
        }
    }

    /// Takes what an image says, for those who ask before it is in the store.
    pub(super) fn learn(&self, id: String, facts: Vec<u8>) {
        self.learnt().insert(id, facts);
    }

    /// Puts all that was learnt into the store; whoever asks meanwhile finds it in one of the two.
    pub(super) async fn save_learnt(&self) {
        let learnt: Vec<(String, Vec<u8>)> = self.learnt().iter().map(|(id, facts)| (id.clone(), facts.clone())).collect();
        if learnt.is_empty() {
            return;
        }
        let ids: Vec<String> = learnt.iter().map(|(id, _)| id.clone()).collect();
        // A cache that cannot be written costs a request next time.
        let _unkept = self.store.remember(Cache::Facts, learnt).await;
        let mut learnt = self.learnt();
        for id in ids {
            learnt.remove(&id);
        }
    }

    /// What images say, by the ids of [`Facts`](crate::store::Facts).
    pub(super) fn facts(&self, ids: &[String]) -> Vec<Option<Vec<u8>>> {
        let known: Vec<Option<Vec<u8>>> = ids.iter().map(|id| self.learnt().get(id).cloned()).collect();
        self.recall(Cache::Facts, ids).into_iter().zip(known).map(|(kept, known)| known.or(kept)).collect()
    }

    fn learnt(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self, error: &StoreError) {
        let told = match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.known.insert(told.clone()) {
            warn!("{told}");
            troubles.untold.push(told);
        }
    }
}
