//! The Git repositories of the configuration.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_saphyr::Spanned;

use super::{
    Config, ConfigError, CredentialSource, GitOverrides, Paths, Registries, SecretSource, defaults,
    file::{CommitWritten, RepositoryWritten},
    source::{Source, line},
    url::{check_git, identity, last_part},
};

/// A Git repository, with every default filled in.
#[derive(Clone, Debug)]
pub struct Repository {
    /// How it is called.
    pub name: String,
    /// Where it is, without a secret. What a command was given may hold one, so a command opens that.
    pub url: String,
    /// The branch that is read; `None` for the remote's HEAD.
    pub branch: Option<String>,
    /// Another branch for the commits.
    pub push_branch: Option<String>,
    /// Where may be written.
    pub paths: Paths,
    /// Kustomizations that are deployed though others use them, too.
    pub roots: Vec<String>,
    /// The namespaces whose pull secrets its workloads may use.
    pub namespaces: Vec<String>,
    /// How often its branch is looked at.
    pub interval: Duration,
    /// The SSH key.
    pub ssh_key_file: Option<PathBuf>,
    /// What decrypts it.
    pub ssh_passphrase: Option<SecretSource>,
    /// The host keys that are trusted.
    pub known_hosts_file: Option<PathBuf>,
    /// How to sign in over https.
    pub credential: Option<CredentialSource>,
    /// A private CA.
    pub ca_file: Option<PathBuf>,
    /// Whether plain http, or a certificate that nobody vouches for, is accepted.
    pub insecure: bool,
    /// How commits are made.
    pub commit: Commit,
    /// The first key that asks for what is not supported yet, with its line.
    not_supported: Option<Unsupported>,
}

/// A key that is not supported yet, and its line.
type Unsupported = (&'static str, u64);

/// How commits are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The author's and committer's name.
    pub name: String,
    /// The author's and committer's email.
    pub email: String,
    /// The key that signs.
    pub signing_key_file: Option<PathBuf>,
    /// What one commit holds.
    pub group: Group,
    /// The quiet period before a commit.
    pub batch_window: Duration,
    /// A template for the subject.
    pub subject: Option<String>,
    /// A template for the body.
    pub body: Option<String>,
    /// Whether the message says `[ci skip]`.
    pub ci_skip: bool,
}

/// What one commit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Every update that is due.
    All,
    /// The updates of one workload.
    Workload,
    /// The updates of one image.
    Image,
}

impl Default for Commit {
    fn default() -> Self {
        Self {
            name: defaults::AUTHOR_NAME.into(),
            email: defaults::AUTHOR_EMAIL.into(),
            signing_key_file: None,
            group: Group::All,
            batch_window: defaults::BATCH_WINDOW,
            subject: None,
            body: None,
            ci_skip: false,
        }
    }
}

impl Config {
    /// What holds for the repository that a command was given: the entry with its address, else the defaults, and flags above both.
    ///
    /// # Errors
    /// The entry asks for what this version does not do.
    pub fn repository_for(&self, place: &str) -> Result<Repository, ConfigError> {
        let wanted = identity(place);
        let mut repository = match self.repositories.iter().find(|entry| identity(&entry.url) == wanted) {
            Some(entry) => entry.clone(),
            None => Repository::unlisted(place),
        };
        if let Some((key, line)) = repository.not_supported {
            let path = self.file.clone().unwrap_or_default();
            return Err(ConfigError::NotSupported { repository: repository.name, key, path, line });
        }
        repository.override_with(&self.git);
        Ok(repository)
    }

    /// The registries that serve a repository: a `for` list names entries of `repositories`, so that no other address with the same last part gets their credentials.
    pub fn registries_for(&self, repository: &Repository) -> Registries {
        let listed = self.repositories.iter().any(|entry| entry.name == repository.name && entry.url == repository.url);
        if listed { self.registries.serving(&repository.name) } else { self.registries.serving_all() }
    }
}

impl Repository {
    /// A repository that the file does not name.
    fn unlisted(place: &str) -> Self {
        let url = identity(place);
        Self {
            name: last_part(&url).or_else(|| folder_name(&url)).unwrap_or_else(|| url.clone()),
            url,
            branch: None,
            push_branch: None,
            paths: Paths::default(),
            roots: Vec::new(),
            namespaces: Vec::new(),
            interval: defaults::GIT_INTERVAL,
            ssh_key_file: None,
            ssh_passphrase: None,
            known_hosts_file: None,
            credential: None,
            ca_file: None,
            insecure: false,
            commit: Commit::default(),
            not_supported: None,
        }
    }

    fn override_with(&mut self, flags: &GitOverrides) {
        let GitOverrides { branch, paths, user, email, ci_skip, poll_interval, timeout: _ } = flags.clone();
        self.branch = branch.or(self.branch.take());
        self.paths = paths.unwrap_or_else(|| std::mem::take(&mut self.paths));
        self.interval = poll_interval.unwrap_or(self.interval);
        self.commit.name = user.unwrap_or_else(|| std::mem::take(&mut self.commit.name));
        self.commit.email = email.unwrap_or_else(|| std::mem::take(&mut self.commit.email));
        self.commit.ci_skip = ci_skip.unwrap_or(self.commit.ci_skip);
    }

    /// What an entry of the file means.
    pub(super) fn read(source: &Source, entry: &Spanned<RepositoryWritten>) -> Result<Self, ConfigError> {
        let written = &entry.value;
        let Some(url) = &written.url else {
            return Err(source.wrong(entry.referenced.line(), "a repository needs its `url`"));
        };
        let url = source.url("url", url, "`https://`, `ssh://`, `file://` or `http://`, or is `user@host:path` or a folder", check_git)?;
        let text = |key, written: &Option<_>| written.as_ref().map(|text| source.text(key, text)).transpose();
        let local = |key, written: &Option<_>| written.as_ref().map(|text| source.local(key, text)).transpose();
        let mut repository = Self::unlisted(&url);
        repository.url = url;
        if let Some(name) = text("name", &written.name)? {
            repository.name = name;
        }
        repository.branch = text("branch", &written.branch)?;
        repository.push_branch = text("pushBranch", &written.push_branch)?;
        repository.paths = source.paths(written.paths.as_ref())?;
        repository.roots = source.texts("roots", written.roots.as_ref())?;
        repository.namespaces = source.texts("namespaces", written.namespaces.as_ref())?;
        if let Some(interval) = &written.interval {
            repository.interval = source.positive_duration("interval", interval)?;
        }
        repository.ssh_key_file = local("sshKeyFile", &written.ssh_key_file)?;
        repository.ssh_passphrase = source.ssh_passphrase(written)?;
        repository.known_hosts_file = local("knownHostsFile", &written.known_hosts_file)?;
        repository.credential = source.sign_in(written)?;
        repository.ca_file = local("caFile", &written.ca_file)?;
        repository.insecure = written.insecure.unwrap_or(repository.insecure);
        let push_branch = written.push_branch.as_ref().map(|text| ("pushBranch", line(text)));
        let (commit, not_supported) = match &written.commit {
            Some(commit) => Commit::read(source, commit)?,
            None => (Commit::default(), None),
        };
        repository.commit = commit;
        repository.not_supported = push_branch.or(not_supported);
        Ok(repository)
    }
}

impl Commit {
    /// What the section means, and the first key of it that is not supported yet.
    fn read(source: &Source, written: &CommitWritten) -> Result<(Self, Option<Unsupported>), ConfigError> {
        let mut commit = Self::default();
        let mut not_supported = None;
        let mut note = |key, text| not_supported = not_supported.or(Some((key, line(text))));
        if let Some(name) = &written.name {
            commit.name = source.text("name", name)?;
        }
        if let Some(email) = &written.email {
            commit.email = source.text("email", email)?;
        }
        if let Some(key) = &written.signing_key_file {
            commit.signing_key_file = Some(source.local("signingKeyFile", key)?);
            note("commit.signingKeyFile", key);
        }
        if let Some(group) = &written.group {
            commit.group = source.word("group", group, &[("all", Group::All), ("workload", Group::Workload), ("image", Group::Image)])?;
            if commit.group != Group::All {
                note("commit.group", group);
            }
        }
        if let Some(window) = &written.batch_window {
            commit.batch_window = source.duration("batchWindow", window)?;
        }
        if let Some(subject) = &written.subject {
            commit.subject = Some(source.text("subject", subject)?);
            note("commit.subject", subject);
        }
        if let Some(body) = &written.body {
            commit.body = Some(source.text("body", body)?);
            note("commit.body", body);
        }
        commit.ci_skip = written.ci_skip.unwrap_or(commit.ci_skip);
        Ok((commit, not_supported))
    }
}

/// The name of a folder that is written without it, such as `.`.
fn folder_name(place: &str) -> Option<String> {
    let folder = Path::new(place).canonicalize().ok()?;
    Some(folder.file_name()?.to_string_lossy().into_owned())
}
