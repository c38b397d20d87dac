//! A Git repository that exists for the length of a demo.

use std::path::{Path, PathBuf};

use git2::{DiffFormat, IndexEntry, IndexTime, Repository, RepositoryInitOptions, Signature};
use serde::Serialize;
use tempfile::TempDir;
use url::Url;

use super::StageError;

/// The repository's folder inside the temporary one.
const BARE: &str = "fleet.git";
/// The manifests, with `REGISTRY` in place of a host.
const FLEET: [(&str, &str); 5] = [
    ("apps/cart.yaml", include_str!("fleet/apps/cart.yaml")),
    ("apps/frontend.yaml", include_str!("fleet/apps/frontend.yaml")),
    ("data/db.yaml", include_str!("fleet/data/db.yaml")),
    ("ops/mailer.yaml", include_str!("fleet/ops/mailer.yaml")),
    ("ops/report.yaml", include_str!("fleet/ops/report.yaml")),
];

/// A bare repository in a temporary folder, which is removed when this is dropped.
pub struct Fleet {
    repository: Repository,
    folder: TempDir,
}

/// A commit as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// `name <email>`.
    pub author: String,
    /// The whole message.
    pub message: String,
    /// What it changes, as a unified diff.
    pub diff: String,
}

impl Fleet {
    /// A repository with one commit on `main`: manifests whose images stand in the registry at `host`.
    ///
    /// # Errors
    /// The temporary folder cannot be made or written.
    pub fn create(host: &str) -> Result<Self, StageError> {
        let folder = TempDir::with_prefix("tagalong-demo-").map_err(StageError::Folder)?;
        let repository = seed(&folder.path().join(BARE), host).map_err(StageError::Repository)?;
        Ok(Self { repository, folder })
    }

    /// Where it is, as a `file://` URL.
    pub fn url(&self) -> Url {
        Url::from_file_path(self.folder.path().join(BARE)).expect("a temporary folder has an absolute path")
    }

    /// A folder for caches that is removed with the repository.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// How many manifests it was made with.
    pub fn manifests(&self) -> usize {
        FLEET.len()
    }

    /// A commit, compared with its parent.
    ///
    /// # Errors
    /// There is no such commit.
    pub fn show(&self, commit: &str) -> Result<Shown, StageError> {
        self.read(commit).map_err(StageError::Repository)
    }

    fn read(&self, commit: &str) -> Result<Shown, git2::Error> {
        let commit = self.repository.revparse_single(commit)?.peel_to_commit()?;
        let (before, after) = (commit.parent(0)?.tree()?, commit.tree()?);
        let mut diff = Vec::new();
        self.repository.diff_tree_to_tree(Some(&before), Some(&after), None)?.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), ' ' | '+' | '-') {
                diff.extend(line.origin().to_string().bytes());
            }
            diff.extend_from_slice(line.content());
            true
        })?;
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        Ok(Shown { author: commit.author().to_string(), message, diff: String::from_utf8_lossy(&diff).into_owned() })
    }
}

fn seed(path: &Path, host: &str) -> Result<Repository, git2::Error> {
    let mut options = RepositoryInitOptions::new();
    // A person's own templates and hooks have no business here.
    options.bare(true).initial_head("main").external_template(false);
    let repository = Repository::init_opts(path, &options)?;
    let mut index = repository.index()?;
    for (path, text) in FLEET {
        index.add_frombuffer(&entry(path), text.replace("REGISTRY", host).as_bytes())?;
    }
    let tree = index.write_tree()?;
    let author = Signature::now("Ana", "ana@localhost")?;
    repository.commit(Some("refs/heads/main"), &author, &author, "Deploy the shop\n", &repository.find_tree(tree)?, &[])?;
    drop(index);
    Ok(repository)
}

/// An ordinary file of an index that has no work tree.
fn entry(path: &str) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: git2::Oid::ZERO_SHA1,
        flags: 0,
        flags_extended: 0,
        path: path.into(),
    }
}
