//! The Git repositories of the configuration.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_saphyr::Spanned;

use super::{
    ClientCertificate, Config, CredentialSource, GitHubApp, GitOverrides, Lines, Paths, Registries, SecretSource, defaults,
    file::{CommitWritten, RepositoryWritten},
    source::Source,
    url::{check_git, identity, last_part},
};
use crate::plan::{
    Group,
    message::{Person, Templates},
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
    /// The variable that holds the SSH key.
    pub ssh_key_env: Option<String>,
    /// What decrypts it.
    pub ssh_passphrase: Option<SecretSource>,
    /// The host keys that are trusted.
    pub known_hosts_file: Option<PathBuf>,
    /// The only host keys that are trusted, by their fingerprints; empty where known hosts decide.
    pub host_key_fingerprints: Vec<String>,
    /// How to sign in over https.
    pub credential: Option<CredentialSource>,
    /// The GitHub App that signs in over https.
    pub github_app: Option<GitHubApp>,
    /// A private CA.
    pub ca_file: Option<PathBuf>,
    /// The certificate that is shown to a server that asks for one.
    pub client_certificate: Option<ClientCertificate>,
    /// Whether plain http, or a certificate that nobody vouches for, is accepted.
    pub insecure: bool,
    /// How commits are made.
    pub commit: Commit,
    /// Where its keys stand in the file.
    pub lines: Lines,
}

/// What one commit may hold, as it is written.
pub const GROUPS: [(&str, Group); 3] = [("all", Group::All), ("workload", Group::Workload), ("image", Group::Image)];

/// How commits are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The author's and committer's name.
    pub name: String,
    /// The author's and committer's email.
    pub email: String,
    /// The key that signs.
    pub signing_key_file: Option<PathBuf>,
    /// What decrypts it.
    pub signing_passphrase: Option<SecretSource>,
    /// What one commit holds.
    pub group: Group,
    /// The quiet period before a commit.
    pub batch_window: Duration,
    /// How the messages are worded.
    pub templates: Templates,
    /// Further authors.
    pub co_authors: Vec<Person>,
    /// Whether the author certifies the commits.
    pub sign_off: bool,
    /// Whether the message says `[ci skip]`.
    pub ci_skip: bool,
    /// Where its keys stand in the file.
    pub lines: Lines,
}

impl Default for Commit {
    fn default() -> Self {
        Self {
            name: defaults::AUTHOR_NAME.into(),
            email: defaults::AUTHOR_EMAIL.into(),
            signing_key_file: None,
            signing_passphrase: None,
            group: Group::All,
            batch_window: defaults::BATCH_WINDOW,
            templates: Templates::default(),
            co_authors: Vec::new(),
            sign_off: false,
            ci_skip: false,
            lines: Lines::default(),
        }
    }
}

impl Config {
    /// What holds for the repository that a command was given: the entry with its address, else the defaults, and flags above both.
    ///
    /// # Shape
    /// Of several entries with the address the one with the branch of the flags, else the first.
    pub fn repository_for(&self, place: &str) -> Repository {
        let wanted = identity(place);
        let mut entries = self.repositories.iter().filter(|entry| identity(&entry.url) == wanted);
        let first = entries.clone().next();
        let entry = entries.find(|entry| self.git.branch.is_some() && entry.branch == self.git.branch).or(first);
        self.with_flags(entry.cloned().unwrap_or_else(|| Repository::unlisted(place)))
    }

    /// What holds for an entry of the file: flags above what it says.
    pub fn with_flags(&self, mut repository: Repository) -> Repository {
        repository.override_with(&self.git);
        repository
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
            ssh_key_env: None,
            ssh_passphrase: None,
            known_hosts_file: None,
            host_key_fingerprints: Vec::new(),
            credential: None,
            github_app: None,
            ca_file: None,
            client_certificate: None,
            insecure: false,
            commit: Commit::default(),
            lines: Lines::default(),
        }
    }

    fn override_with(&mut self, flags: &GitOverrides) {
        let GitOverrides { branch, push_branch, paths, user, email, ci_skip, group, poll_interval, timeout: _ } = flags.clone();
        self.branch = branch.or(self.branch.take());
        self.push_branch = push_branch.or(self.push_branch.take());
        self.paths = paths.unwrap_or_else(|| std::mem::take(&mut self.paths));
        self.interval = poll_interval.unwrap_or(self.interval);
        self.commit.name = user.unwrap_or_else(|| std::mem::take(&mut self.commit.name));
        self.commit.email = email.unwrap_or_else(|| std::mem::take(&mut self.commit.email));
        self.commit.group = group.unwrap_or(self.commit.group);
        self.commit.ci_skip = ci_skip.unwrap_or(self.commit.ci_skip);
    }

    /// What an entry of the file means; where the source noted a fault, a default stands in. An entry without an address has an empty one.
    pub(super) fn read(source: &Source, entry: &Spanned<RepositoryWritten>) -> Self {
        let written = &entry.value;
        source.note_unknown(&written.unknown, RepositoryWritten::KEYS);
        let url = match &written.url {
            Some(url) => source.url("url", url, "`https://`, `ssh://`, `file://` or `http://`, or is `user@host:path` or a folder", check_git),
            None => Err(source.wrong(entry.referenced.line(), "a repository needs its `url`")),
        };
        let url = source.noted(url);
        let text = |key, written: &Option<_>| source.noted(written.as_ref().map(|text| source.text(key, text)).transpose());
        let local = |key, written: &Option<_>| source.noted(written.as_ref().map(|text| source.local(key, text)).transpose());
        let interval = written.interval.as_ref().map(|text| source.positive_duration("interval", text)).transpose();
        let unlisted = Self::unlisted(&url);
        let commit = written.commit.as_ref().map_or_else(Default::default, |commit| Commit::read(source, commit));
        Self {
            name: text("name", &written.name).unwrap_or(unlisted.name),
            url,
            branch: text("branch", &written.branch),
            push_branch: source.noted(written.push_branch.as_ref().map(|text| source.branch("pushBranch", text)).transpose()),
            paths: source.paths(written.paths.as_ref()),
            roots: source.texts("roots", written.roots.as_ref()),
            namespaces: source.texts("namespaces", written.namespaces.as_ref()),
            interval: source.noted(interval).unwrap_or(unlisted.interval),
            ssh_key_file: local("sshKeyFile", &written.ssh_key_file),
            ssh_key_env: source.noted(source.ssh_key_env(written)),
            ssh_passphrase: source.noted(source.ssh_passphrase(written)),
            known_hosts_file: local("knownHostsFile", &written.known_hosts_file),
            host_key_fingerprints: source.fingerprints("hostKeyFingerprints", written.host_key_fingerprints.as_ref()),
            credential: source.noted(source.sign_in(written)),
            github_app: source.github_app(written),
            ca_file: local("caFile", &written.ca_file),
            client_certificate: source.noted(source.client_certificate(written)),
            insecure: written.insecure.unwrap_or(unlisted.insecure),
            commit,
            lines: written.lines.clone(),
        }
    }
}

impl Commit {
    /// What the section means.
    fn read(source: &Source, written: &CommitWritten) -> Self {
        source.note_unknown(&written.unknown, CommitWritten::KEYS);
        let usual = Self::default();
        let text = |key, written: &Option<_>| source.noted(written.as_ref().map(|text| source.text(key, text)).transpose());
        let group = written.group.as_ref().map(|text| source.word("group", text, &GROUPS)).transpose();
        let window = written.batch_window.as_ref().map(|text| source.duration("batchWindow", text)).transpose();
        let key = written.signing_key_file.as_ref().map(|text| source.local("signingKeyFile", text)).transpose();
        Self {
            name: text("name", &written.name).unwrap_or(usual.name),
            email: text("email", &written.email).unwrap_or(usual.email),
            signing_key_file: source.noted(key),
            signing_passphrase: source.noted(source.signing_passphrase(written)),
            group: source.noted(group).unwrap_or(usual.group),
            batch_window: source.noted(window).unwrap_or(usual.batch_window),
            templates: source.templates(written),
            co_authors: source.people("coAuthors", written.co_authors.as_ref()),
            sign_off: written.sign_off.unwrap_or(usual.sign_off),
            ci_skip: written.ci_skip.unwrap_or(usual.ci_skip),
            lines: written.lines.clone(),
        }
    }
}

/// Reads the name of a branch that may have to be made.
///
/// # Errors
/// Git takes no branch of this name.
///
/// # Source
/// git-check-ref-format(1).
pub fn parse_branch(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let name = text.strip_prefix("refs/heads/").unwrap_or(text);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none();
    let is_bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let is_name = name.split('/').all(is_part) && !name.contains(is_bad) && !name.contains("..") && !name.contains("@{");
    let is_taken = matches!(name, "@" | "HEAD") || name.starts_with('-') || name.ends_with('.');
    if is_name && !is_taken { Ok(name.to_owned()) } else { Err("Git takes no branch of this name") }
}

/// The name of a folder that is written without it, such as `.`.
fn folder_name(place: &str) -> Option<String> {
    let folder = Path::new(place).canonicalize().ok()?;
    Some(folder.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_has_a_name_that_git_takes() {
        for (text, name) in [
            ("updates", Some("updates")),
            ("tagalong/updates", Some("tagalong/updates")),
            ("refs/heads/updates", Some("updates")),
            ("änderungen@2", Some("änderungen@2")),
            (" updates ", Some("updates")),
            ("", None),
            ("a..b", None),
            ("a b", None),
            ("a~1", None),
            ("a:b", None),
            ("a*", None),
            ("a\\b", None),
            ("-a", None),
            (".a", None),
            ("a/.b", None),
            ("a//b", None),
            ("/a", None),
            ("a/", None),
            ("a.", None),
            ("a.lock", None),
            ("a.lock/b", None),
            ("a@{1}", None),
            ("@", None),
            ("HEAD", None),
            ("a\u{7f}", None),
        ] {
            assert_eq!(parse_branch(text).ok().as_deref(), name, "{text}");
        }
    }
}
