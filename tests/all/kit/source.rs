//! Sources opened from an empty state folder, and shorthands for what is asked of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tagalong::git::{Access, Content, Credentials, File, Location, NewCommit, Plaintext, ReadError, Signature, Source, Tip, WriteError, Written};
use tempfile::TempDir;

use super::git::Bare;

/// A state folder and what is configured to sign in with.
pub struct Here {
    /// The state folder.
    pub state: TempDir,
    /// What is configured to sign in with.
    pub credentials: Option<Credentials>,
}

impl Here {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { state: tempfile::tempdir().expect("a folder"), credentials: None }
    }

    /// Opens a repository.
    pub fn open(&self, repository: &str) -> Result<Source, ReadError> {
        let location = Location::parse(repository, Plaintext::Loopback).expect("a location");
        Source::open(&location, &Access { credentials: self.credentials.clone(), ..Access::anonymous(self.state.path().to_owned()) })
    }

    /// Opens and reads a repository.
    pub fn read(&self, repository: &str) -> Result<(Source, Tip), ReadError> {
        self.read_branch(repository, None)
    }

    /// Opens and reads one branch.
    pub fn read_branch(&self, repository: &str, branch: Option<&str>) -> Result<(Source, Tip), ReadError> {
        let mut source = self.open(repository)?;
        let tip = source.read(branch)?;
        Ok((source, tip))
    }
}

/// A commit by Tagalong.
pub fn new_commit() -> NewCommit {
    let time = Timestamp::from_second(1_700_000_100).expect("a time");
    let signature = Signature { name: "Tagalong".to_owned(), email: "tagalong@localhost".to_owned(), time };
    NewCommit { message: "Auto-release app:1.1\n\nImage-Update: app 1.0 -> 1.1\n".to_owned(), signature, signer: None }
}

/// New contents by path.
pub fn changes(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// The text of a file.
pub fn text(source: &Source, tip: &Tip, path: &str) -> String {
    match source.content(file(tip, path), 1 << 20).expect("a file") {
        Content::Bytes(bytes) => String::from_utf8(bytes).expect("text"),
        Content::TooLarge { size } => panic!("{path} has {size} bytes"),
    }
}

/// A file of the listing.
pub fn file<'a>(tip: &'a Tip, path: &str) -> &'a File {
    tip.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is listed"))
}

/// The paths of the listing.
pub fn paths(tip: &Tip) -> Vec<&str> {
    tip.files.iter().map(|file| file.path.as_str()).collect()
}

/// The id of the commit that was made.
pub fn committed(written: Result<Written, WriteError>) -> String {
    match written.expect("a commit") {
        Written::Committed(commit) => commit.to_string(),
        other => panic!("{other:?} is no commit"),
    }
}

/// A fleet with an executable, a symlink, CRLF and folders that a change does not touch.
pub fn fleet() -> Bare {
    Bare::with(&[
        ("apps/web/deploy.yaml", "image: app:1.0\n"),
        ("apps/web/crlf.yaml", "image: app:1.0\r\n"),
        ("*apps/run.sh", "#!/bin/sh\n"),
        ("@apps/link.yaml", "web/deploy.yaml"),
        ("other/deep/down/x.yaml", "x: 1\n"),
    ])
}
