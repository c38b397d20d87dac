//! One question, asked with one credential after the other until one is let in.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use super::{
    client::Client,
    error::{Problem, RegistryError, Verb},
    login::{Candidate, Login, Source},
    place::{Place, place},
};
use crate::{
    config::Grant,
    image::{Repository, Tag},
};

/// How many credentials are tried for one question, none at all included.
const TRIES: usize = 4;

/// Which credential opened which repository.
#[derive(Default)]
pub(super) struct Opened(Mutex<HashMap<Repository, Login>>);

/// What is asked about what.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) verb: Verb,
    pub(super) repository: Repository,
    /// The repository, or an image with its tag.
    pub(super) object: String,
}

/// Whether another credential may bring another answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Final,
    /// The registry hides what it does not show to this user.
    Hidden,
}

/// A question on its way through the credentials.
pub(super) struct Visit<'a, T> {
    client: &'a Client,
    question: Question,
    place: Place,
    left: VecDeque<Candidate>,
    /// The one at the front, where it opened the repository before.
    known: Option<Candidate>,
    tried: Vec<Login>,
    /// What the first credential brought, which is told when no other brings more.
    first: Option<Result<T, (Login, Problem)>>,
}

impl Opened {
    fn by(&self, repository: &Repository) -> Option<Login> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(repository).cloned()
    }

    fn remember(&self, repository: &Repository, login: &Login) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(repository.clone(), login.clone());
    }

    fn forget(&self, repository: &Repository) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(repository);
    }
}

impl Verdict {
    /// 401, 403 and 404 say little: who may not see a repository is often told that there is none.
    pub(super) fn of<T>(outcome: &Result<T, Problem>) -> Self {
        match outcome {
            Err(Problem::Denied { .. } | Problem::Absent { .. }) => Self::Hidden,
            _ => Self::Final,
        }
    }
}

impl<'a, T> Visit<'a, T> {
    /// Begins with the credential that opened the repository before, where there is one.
    ///
    /// # Errors
    /// The configuration does not let the repository be asked.
    #[expect(clippy::result_large_err, reason = "a refusal is rare, and whoever gets it wants all of it")]
    pub(super) fn begin(client: &'a Client, question: Question) -> Result<Self, RegistryError> {
        let (place, candidates) = match place(&question.repository, &client.settings) {
            Ok((place, candidates)) => (place, candidates),
            Err(problem) => return Err(question.failed(Login::Anonymous, Vec::new(), problem)),
        };
        let mut left = VecDeque::from(candidates);
        let opened = client.opened.by(&question.repository);
        let at = opened.and_then(|login| left.iter().position(|candidate| candidate.login == login));
        let known = at.and_then(|at| left.remove(at));
        left.extend(known.clone());
        left.rotate_right(usize::from(known.is_some()));
        Ok(Self { client, question, place, left, known, tried: Vec::new(), first: None })
    }

    /// Where to ask next, and with what; `None` once every credential was tried.
    ///
    /// # Errors
    /// A secret that `registries:` names cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Place>, RegistryError> {
        while let Some(candidate) = self.left.pop_front() {
            // The last try is the one without a credential.
            if self.tried.len() + 1 >= TRIES && candidate.login != Login::Anonymous {
                continue;
            }
            match self.credential(&candidate).await {
                Ok(Some(credential)) => {
                    self.note(&candidate.login);
                    return Ok(Some(Place { credential, login: candidate.login, ..self.place.clone() }));
                }
                Ok(None) => {}
                Err(problem @ Problem::Helper(_)) => {
                    self.note(&candidate.login);
                    self.first.get_or_insert(Err((candidate.login, problem)));
                }
                Err(problem) => return Err(self.question.failed(candidate.login, self.tried.clone(), problem)),
            }
            self.known = None;
        }
        Ok(None)
    }

    /// Takes what one credential brought; the answer where that is the end.
    pub(super) fn take(&mut self, place: &Place, outcome: Result<T, Problem>, verdict: Verdict) -> Option<Result<T, RegistryError>> {
        let known = self.known.take();
        // What opened the repository before sees what there is.
        let ends = verdict == Verdict::Final || (known.is_some() && !matches!(outcome, Err(Problem::Denied { .. })));
        let outcome = outcome.map_err(|problem| (place.login.clone(), problem));
        if ends {
            if outcome.is_ok() && known.is_none() {
                self.client.opened.remember(&self.question.repository, &place.login);
            }
            return Some(self.told(outcome));
        }
        if let Some(candidate) = known {
            self.closed(candidate);
        }
        self.first.get_or_insert(outcome);
        None
    }

    /// What the first credential brought, after none brought more.
    #[expect(clippy::result_large_err, reason = "a failure is rare, and whoever gets it wants all of it")]
    pub(super) fn end(mut self) -> Result<T, RegistryError> {
        let first = self.first.take().expect("the try without a credential is always made, and its outcome is kept");
        self.told(first)
    }

    #[expect(clippy::result_large_err, reason = "a failure is rare, and whoever gets it wants all of it")]
    fn told(&self, outcome: Result<T, (Login, Problem)>) -> Result<T, RegistryError> {
        outcome.map_err(|(login, problem)| self.question.failed(login, self.tried.clone(), problem))
    }

    fn note(&mut self, login: &Login) {
        if !self.tried.contains(login) {
            self.tried.push(login.clone());
        }
    }

    /// What opened the repository before does so no longer; a helper may have something newer.
    fn closed(&mut self, candidate: Candidate) {
        self.client.opened.forget(&self.question.repository);
        if let Source::Helper { helper, key } = &candidate.source {
            self.client.helpers.forget(helper, key);
            self.left.push_front(candidate);
        }
    }

    /// What a candidate signs in with: `None` where it has nothing, `Some(None)` where it is nobody.
    async fn credential(&self, candidate: &Candidate) -> Result<Option<Option<Grant>>, Problem> {
        Ok(match &candidate.source {
            Source::Nobody => Some(None),
            Source::Known(grant) => Some(Some(grant.clone())),
            Source::Entry(source) => Some(Some(Grant::Credential(source.read().map_err(Problem::Secret)?))),
            Source::Helper { helper, key } => {
                let patience = self.client.settings.patience.helper;
                self.client.helpers.ask(helper, key, patience).await.map_err(Problem::Helper)?.map(Some)
            }
        })
    }
}

impl Question {
    /// A question about an image.
    pub(super) fn about(verb: Verb, repository: &Repository, tag: &Tag) -> Self {
        Self { verb, repository: repository.clone(), object: format!("{repository}:{tag}") }
    }

    fn failed(&self, login: Login, tried: Vec<Login>, problem: Problem) -> RegistryError {
        RegistryError { verb: self.verb, object: self.object.clone(), repository: self.repository.clone(), login, tried, problem }
    }
}
