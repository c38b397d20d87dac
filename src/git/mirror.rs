//! A mirror of one branch of a remote, without a work tree, in the state folder.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use git2::{AutotagOption, Direction, ErrorClass, FetchOptions, Oid, RemoteRedirect, Repository};
use sha2::{Digest, Sha256};

use super::{
    commit::{self, NewStep},
    contact::{Contact, Head, Talk, listed},
    error::{ReadError, WriteError},
    push::Push,
    tree::{self, BlobId, CommitId, Content, Tip},
    trouble::Doing,
};

/// How many processes may mirror one remote at once.
const MOST_SIBLINGS: u32 = 64;

/// A mirror of one remote; no other process uses it meanwhile.
pub struct Mirror {
    contact: Contact,
    folder: PathBuf,
    repository: RefCell<Repository>,
    /// The branch that was read last.
    branch: RefCell<Option<String>>,
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

impl Mirror {
    /// The mirror of a remote in the state folder; where another process uses it, a sibling beside it.
    pub(super) fn open(contact: Contact, state: &Path) -> Result<Self, ReadError> {
        let mirrors = state.join("git");
        DirBuilder::new().recursive(true).mode(0o700).create(&mirrors).map_err(|source| state_error(&mirrors, source))?;
        let (folder, lock) = locked(&mirrors, &key(contact.url.as_str()))?;
        let repository = match Repository::open(&folder) {
            Ok(repository) => repository,
            Err(_) => fresh(&folder)?,
        };
        Ok(Self { contact, folder, repository: RefCell::new(repository), branch: RefCell::default(), _lock: lock })
    }

    /// Asks the remote where the branch stands and fetches what is missing; a damaged mirror is cloned again.
    pub(super) fn read(&self, branch: Option<&str>) -> Result<Tip, ReadError> {
        let tip = match self.fetched(branch) {
            Err(Failure::Local(_)) => {
                self.start_anew()?;
                self.fetched(branch)
            }
            outcome => outcome,
        };
        let tip = tip.map_err(|failure| match failure {
            Failure::Final(error) => error,
            Failure::Local(error) => self.local_error(&error),
        })?;
        self.branch.replace(tip.branch.clone());
        Ok(tip)
    }

    /// Asks the remote where the branch stands: one ref advertisement, and nothing is fetched.
    pub(super) fn stands(&self, branch: Option<&str>) -> Result<CommitId, ReadError> {
        let heads = self.contact.heads(&self.repository.borrow())?;
        choose(self.contact.url.as_str(), branch, &heads.into()).map(|(_, commit)| CommitId(commit))
    }

    /// The bytes of a blob; where they are damaged the mirror is cloned again.
    pub(super) fn content(&self, blob: BlobId, limit: u64) -> Result<Content, ReadError> {
        let read = tree::content(&self.repository.borrow(), blob, limit);
        if let Ok(content) = read {
            return Ok(content);
        }
        let branch = self.branch.borrow().clone();
        self.start_anew()?;
        self.read(branch.as_deref())?;
        tree::content(&self.repository.borrow(), blob, limit).map_err(|error| tree::damaged(self.contact.url.as_str(), &error))
    }

    /// Commits and pushes.
    pub(super) fn write(&self, branch: &str, from: Oid, series: &[NewStep<'_>]) -> Result<Option<CommitId>, WriteError> {
        let repository = self.repository.borrow();
        let name = self.contact.url.as_str();
        let Some(to) = commit::build_series(&repository, name, from, series)? else { return Ok(None) };
        Push { repository: &repository, contact: &self.contact, branch, from, to }.send()?;
        // The mirror is a cache: a branch that stays behind is fetched again.
        let _kept = repository.reference(&format!("refs/heads/{branch}"), to, true, "pushed");
        Ok(Some(CommitId(to)))
    }

    /// Does something with the repository that holds its objects.
    pub(super) fn with_repository<T>(&self, work: impl FnOnce(&Repository, &str) -> T) -> T {
        work(&self.repository.borrow(), self.contact.url.as_str())
    }

    fn fetched(&self, branch: Option<&str>) -> Result<Tip, Failure> {
        let repository = self.repository.borrow();
        let talk = Talk::default();
        let remote_failure = |error: &git2::Error| Failure::Final(self.contact.failure(Doing::Fetch, error, &talk).into());
        let mut remote = repository.remote_anonymous(self.contact.url.as_str()).map_err(Failure::Local)?;
        let connection = remote.connect_auth(Direction::Fetch, Some(self.contact.callbacks(&talk)), Some(self.contact.proxy()));
        let mut connection = connection.map_err(|error| remote_failure(&error))?;
        let advertised = Advertised::from(listed(&connection).map_err(|error| remote_failure(&error))?);
        let (branch, commit) = choose(self.contact.url.as_str(), branch, &advertised).map_err(Failure::Final)?;
        let reference = format!("refs/heads/{branch}");
        if repository.refname_to_id(&reference).ok() != Some(commit) {
            let mut options = FetchOptions::new();
            options.remote_callbacks(self.contact.callbacks(&talk)).proxy_options(self.contact.proxy());
            options.follow_redirects(RemoteRedirect::None).download_tags(AutotagOption::None);
            let fetched = connection.remote().download(&[format!("+{reference}:{reference}")], Some(&mut options));
            fetched.map_err(|error| if is_remote(&error) { remote_failure(&error) } else { Failure::Local(error) })?;
        }
        drop(connection);
        let (files, skipped) = tree::list(&repository, commit).map_err(Failure::Local)?;
        repository.reference(&reference, commit, true, "fetched").map_err(Failure::Local)?;
        Ok(Tip { branch: Some(branch), commit: Some(CommitId(commit)), files, skipped, unlisted: vec![] })
    }

    fn start_anew(&self) -> Result<(), ReadError> {
        self.repository.replace(fresh(&self.folder)?);
        Ok(())
    }

    fn local_error(&self, error: &git2::Error) -> ReadError {
        match error.class() {
            ErrorClass::Os | ErrorClass::Filesystem => state_error(&self.folder, io::Error::other(error.message().to_owned())),
            _ => tree::damaged(self.contact.url.as_str(), error),
        }
    }
}

/// The branch that is asked for, or the default one, and where it stands.
pub(super) fn choose(repository: &str, branch: Option<&str>, advertised: &Advertised) -> Result<(String, Oid), ReadError> {
    let Advertised { branches, default } = advertised;
    let repository = || repository.to_owned();
    if branches.is_empty() {
        return Err(ReadError::Empty { repository: repository() });
    }
    let Some(branch) = branch.map(|branch| branch.strip_prefix("refs/heads/").unwrap_or(branch)).or(default.as_deref()) else {
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
    matches!(error.class(), ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssl | ErrorClass::Ssh | ErrorClass::Callback)
        || (error.class() == ErrorClass::Os && error.message().contains("connect"))
}

/// The first mirror of a remote that no other process uses, locked.
fn locked(mirrors: &Path, key: &str) -> Result<(PathBuf, fs::File), ReadError> {
    for sibling in 1..=MOST_SIBLINGS {
        let name = if sibling == 1 { key.to_owned() } else { format!("{key}.{sibling}") };
        let path = mirrors.join(format!("{name}.lock"));
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|source| state_error(&path, source))?;
        match file.try_lock() {
            Ok(()) => return Ok((mirrors.join(name), file)),
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(source)) => return Err(state_error(&path, source)),
        }
    }
    Err(state_error(mirrors, io::Error::other(format!("{MOST_SIBLINGS} processes mirror this repository already"))))
}

/// An empty mirror in place of whatever is there.
fn fresh(folder: &Path) -> Result<Repository, ReadError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(state_error(folder, error)),
        _ => {}
    }
    let made = Repository::init_bare(folder).and_then(|repository| {
        // For conversations that take no such option: credentials do not follow a redirect to another host.
        repository.config()?.set_bool("http.followRedirects", false)?;
        Ok(repository)
    });
    made.map_err(|error| state_error(folder, io::Error::other(error.message().to_owned())))
}

/// The folder of a remote: readable, and distinct for every URL.
fn key(url: &str) -> String {
    let readable: String =
        url.split_once("://").map_or(url, |(_, rest)| rest).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let hash: [u8; 32] = Sha256::digest(url.as_bytes()).into();
    let hash = hash.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("{:.60}-{hash:016x}", readable.trim_matches('-'))
}

fn state_error(path: &Path, source: io::Error) -> ReadError {
    ReadError::State { path: path.to_owned(), source }
}
