//! A mirror of one branch of a remote, without a work tree, in the state folder.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use git2::{AutotagOption, Direction, ErrorClass, FetchOptions, Oid, Repository};

use super::{
    aside::{self, Branches},
    commit::{self, NewStep},
    contact::{Contact, Head, Refusal, Talk, listed},
    error::{ReadError, WriteError},
    folder::{self, state_error},
    news::News,
    push::{Lease, Push},
    tree::{self, BlobId, CommitId, Content, Listed, Tip},
    trouble::{Doing, RemoteError},
};

/// A mirror of one remote; no other process uses it meanwhile.
pub struct Mirror {
    contact: Contact,
    folder: PathBuf,
    repository: RefCell<Repository>,
    /// The branches that were read last.
    last: RefCell<(Option<String>, Option<String>)>,
    /// What was listed last.
    listed: Listed,
    /// What was not told yet.
    news: RefCell<Vec<News>>,
    /// Held for as long as the mirror is used.
    _lock: fs::File,
}

/// The branches of a repository, and the one that it names as its own.
pub(super) struct Advertised {
    pub branches: BTreeMap<String, Oid>,
    pub default: Option<String>,
}

/// Why a mirror could not be brought up to date.
enum Failure {
    /// It is not the mirror's fault.
    Final(ReadError),
    /// The mirror may be damaged.
    Local(git2::Error),
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::Final(error.into())
    }
}

impl Refusal for Failure {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Final(ReadError::Remote(error)) if error.is_refusal())
    }
}

impl Refusal for WriteError {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Remote(error) if error.is_refusal())
    }
}

impl Mirror {
    /// The mirror of a remote in the state folder; where another process uses it, a sibling beside it.
    pub(super) fn open(contact: Contact, state: &Path) -> Result<Self, ReadError> {
        let mirrors = state.join("git");
        DirBuilder::new().recursive(true).mode(0o700).create(&mirrors).map_err(|source| state_error(&mirrors, source))?;
        let (folder, lock) = folder::locked(&mirrors, contact.url.as_str())?;
        let mut news = Vec::new();
        let repository = match folder::kept(&folder) {
            Ok(repository) => repository,
            Err(fault) => {
                news.extend(fault.map(|reason| News::damaged(contact.url.as_str(), &reason)));
                drop(folder::beside(&folder)?);
                folder::swapped(&folder)?
            }
        };
        Ok(Self {
            contact,
            folder,
            repository: RefCell::new(repository),
            last: RefCell::default(),
            news: RefCell::new(news),
            listed: Listed::default(),
            _lock: lock,
        })
    }

    /// Asks the remote where the branches stand and fetches what is missing; a damaged mirror is cloned again.
    pub(super) fn read(&self, branches: Branches<'_>) -> Result<Tip, ReadError> {
        let fetch = || self.contact.signed_in(Doing::Fetch, || self.fetched(&self.repository.borrow(), branches));
        let tip = match fetch() {
            Err(Failure::Local(error)) => {
                self.start_anew(error.message())?;
                fetch()
            }
            outcome => outcome,
        };
        self.last.replace((branches.read.map(str::to_owned), branches.push.map(str::to_owned)));
        tip.map_err(|failure| self.read_error(failure))
    }

    /// Whether the branches still stand where a tip has them: one ref advertisement, and nothing is fetched.
    pub(super) fn still_stands(&self, tip: &Tip, branches: Branches<'_>) -> Result<bool, ReadError> {
        let advertised = self.contact.signed_in(Doing::Fetch, || self.contact.heads(&self.repository.borrow()))?.into();
        let (branch, commit) = choose(self.contact.url.as_str(), branches.read, &advertised)?;
        Ok(aside::stands(tip, commit, branches.aside(&branch, |name| advertised.branches.get(name).copied()).as_ref()))
    }

    /// The bytes of a blob; where they are damaged the mirror is cloned again.
    pub(super) fn content(&self, blob: BlobId, limit: u64) -> Result<Content, ReadError> {
        let read = tree::content(&self.repository.borrow(), blob, limit);
        let error = match read {
            Ok(content) => return Ok(content),
            Err(error) => error,
        };
        self.start_anew(error.message())?;
        let (read, push) = self.last.borrow().clone();
        self.read(Branches { read: read.as_deref(), push: push.as_deref() })?;
        tree::content(&self.repository.borrow(), blob, limit).map_err(|error| tree::damaged(self.contact.url.as_str(), &error))
    }

    /// Commits and pushes.
    pub(super) fn write(&self, tip: &Tip, branch: &str, from: Oid, series: &[NewStep<'_>]) -> Result<Option<CommitId>, WriteError> {
        let repository = self.repository.borrow();
        let name = self.contact.url.as_str();
        let Some(to) = commit::build_series(&repository, name, from, series)? else { return Ok(None) };
        let (branch, lease) = match &tip.aside {
            Some(aside) if aside.stands.is_some_and(|stands| tree::is_same(&repository, stands.0, to)) => return Ok(None),
            Some(aside) => (&*aside.branch, Lease::Rebuilt(aside.stands.map_or(Oid::ZERO_SHA1, |stands| stands.0))),
            None => (branch, Lease::Grown(from)),
        };
        let push = Push { repository: &repository, contact: &self.contact, branch, lease, to };
        let words = self.contact.signed_in(Doing::Push, || push.send())?;
        if !words.is_empty() {
            self.news.borrow_mut().push(News::Said { repository: name.to_owned(), words });
        }
        // The mirror is a cache: a branch that stays behind is fetched again.
        let _kept = repository.reference(&format!("refs/heads/{branch}"), to, true, "pushed");
        Ok(Some(CommitId(to)))
    }

    /// What happened since the last call.
    pub(super) fn news(&self) -> Vec<News> {
        self.news.take()
    }

    /// Clones the mirror anew, in place of what is there.
    pub(super) fn start_anew(&self, reason: &str) -> Result<(), ReadError> {
        self.news.borrow_mut().push(News::damaged(self.contact.url.as_str(), reason));
        drop(folder::beside(&self.folder)?);
        self.repository.replace(folder::swapped(&self.folder)?);
        self.listed.forget();
        Ok(())
    }

    /// Clones a mirror of many pieces anew, beside the old one, and then takes its place.
    pub(super) fn tidy(&self) -> Result<(), ReadError> {
        if !folder::has_grown(&self.folder) {
            return Ok(());
        }
        self.listed.forget();
        let new = folder::beside(&self.folder)?;
        let (read, push) = self.last.borrow().clone();
        let branches = Branches { read: read.as_deref(), push: push.as_deref() };
        let fetched = self.contact.signed_in(Doing::Fetch, || self.fetched(&new, branches));
        fetched.map_err(|failure| self.read_error(failure))?;
        drop(new);
        self.repository.replace(folder::swapped(&self.folder)?);
        self.news.borrow_mut().push(News::Grown { repository: self.contact.url.to_string() });
        Ok(())
    }

    /// Does something with the repository that holds its objects.
    pub(super) fn with_repository<T>(&self, work: impl FnOnce(&Repository, &str) -> T) -> T {
        work(&self.repository.borrow(), self.contact.url.as_str())
    }

    /// Fetches into a repository what it lacks of the branches.
    fn fetched(&self, repository: &Repository, branches: Branches<'_>) -> Result<Tip, Failure> {
        let talk = Talk::default();
        self.contact.converse(&talk, || self.fetch(repository, branches, &talk))
    }

    fn fetch(&self, repository: &Repository, branches: Branches<'_>, talk: &Talk) -> Result<Tip, Failure> {
        let remote_failure = |error: &git2::Error| Failure::Final(self.contact.failure(Doing::Fetch, error, talk).into());
        let mut remote = repository.remote_anonymous(self.contact.url.as_str()).map_err(Failure::Local)?;
        let connection = remote.connect_auth(Direction::Fetch, Some(self.contact.callbacks(talk)), None);
        let mut connection = connection.map_err(|error| remote_failure(&error))?;
        let advertised = Advertised::from(listed(&connection).map_err(|error| remote_failure(&error))?);
        let (branch, commit) = choose(self.contact.url.as_str(), branches.read, &advertised).map_err(Failure::Final)?;
        let push = branches.aside(&branch, |name| advertised.branches.get(name).copied());
        let wanted = [Some((&*branch, commit)), push.as_ref().and_then(|(name, stands)| Some((&**name, (*stands)?)))];
        let moved: Vec<(&str, Option<Oid>, Oid)> = wanted.into_iter().flatten().filter_map(|(name, to)| moved(repository, name, to)).collect();
        if !moved.is_empty() {
            let mut options = FetchOptions::new();
            options.remote_callbacks(self.contact.callbacks(talk)).download_tags(AutotagOption::None);
            let references: Vec<String> = moved.iter().map(|(name, ..)| format!("+refs/heads/{name}:refs/heads/{name}")).collect();
            let fetched = connection.remote().download(&references, Some(&mut options));
            fetched.map_err(|error| if is_remote(&error) { remote_failure(&error) } else { Failure::Local(error) })?;
        }
        drop(connection);
        let tip = aside::tip(repository, &self.listed, (branch.clone(), commit), push.clone()).map_err(Failure::Local)?;
        for (name, from, to) in moved {
            self.note_rewrite(repository, &tip, name, from, to);
            repository.reference(&format!("refs/heads/{name}"), to, true, "fetched").map_err(Failure::Local)?;
        }
        Ok(tip)
    }

    /// Tells that a branch which we do not rebuild ourselves lost the commit on which it stood.
    fn note_rewrite(&self, repository: &Repository, tip: &Tip, name: &str, from: Option<Oid>, to: Oid) {
        let Some(from) = from.filter(|_| tip.aside.as_ref().is_none_or(|aside| aside.branch != name)) else { return };
        // What is not known to be lost is not told.
        if repository.graph_descendant_of(to, from).is_ok_and(|is_above| !is_above) {
            let (repository, branch) = (self.contact.url.to_string(), name.to_owned());
            self.news.borrow_mut().push(News::Rewritten { repository, branch, from: CommitId(from), to: CommitId(to) });
        }
    }

    fn read_error(&self, failure: Failure) -> ReadError {
        match failure {
            Failure::Final(error) => error,
            Failure::Local(error) if matches!(error.class(), ErrorClass::Os | ErrorClass::Filesystem) => {
                state_error(&self.folder, io::Error::other(error.message().to_owned()))
            }
            Failure::Local(error) => tree::damaged(self.contact.url.as_str(), &error),
        }
    }
}

/// A branch that the mirror has elsewhere than the remote, or not at all: its name, where the mirror has it, and where the remote.
fn moved<'a>(repository: &Repository, name: &'a str, to: Oid) -> Option<(&'a str, Option<Oid>, Oid)> {
    let from = repository.refname_to_id(&format!("refs/heads/{name}")).ok();
    (from != Some(to)).then_some((name, from, to))
}

/// The branch that is asked for, or the default one, and where it stands.
pub(super) fn choose(repository: &str, branch: Option<&str>, advertised: &Advertised) -> Result<(String, Oid), ReadError> {
    let Advertised { branches, default } = advertised;
    let repository = || repository.to_owned();
    if branches.is_empty() {
        return Err(ReadError::Empty { repository: repository() });
    }
    let Some(branch) = branch.map(aside::short).or(default.as_deref()) else {
        return Err(ReadError::NoDefaultBranch { repository: repository(), branches: branches.keys().take(5).cloned().collect() });
    };
    match branches.get(branch) {
        Some(id) => Ok((branch.to_owned(), *id)),
        None => Err(ReadError::NoSuchBranch { repository: repository(), branch: branch.to_owned(), near: near(branch, branches.keys()) }),
    }
}

/// The names most like the wanted one, the likest first; where none is, and there are few, all.
fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut likeness: Vec<(f64, &String)> = names.map(|name| (strsim::jaro_winkler(wanted, name), name)).collect();
    likeness.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let few = likeness.len() <= 3;
    likeness.into_iter().filter(|(likeness, _)| few || *likeness > 0.7).take(3).map(|(_, name)| name.clone()).collect()
}

impl From<Vec<Head>> for Advertised {
    fn from(heads: Vec<Head>) -> Self {
        let mut advertised = Self { branches: BTreeMap::new(), default: None };
        let branch = |name: &str| name.strip_prefix("refs/heads/").map(str::to_owned);
        for head in heads {
            if head.name == "HEAD" {
                advertised.default = head.stands_for.as_deref().and_then(branch);
            } else if let Some(name) = branch(&head.name) {
                advertised.branches.insert(name, head.id);
            }
        }
        advertised
    }
}

/// Whether the other side is at fault, and not a file of the mirror.
fn is_remote(error: &git2::Error) -> bool {
    matches!(error.class(), ErrorClass::Net | ErrorClass::Ssh | ErrorClass::Callback)
        || (error.class() == ErrorClass::Os && error.message().contains("connect"))
}
