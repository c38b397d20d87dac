//! Somebody who saves a file while `set` is under way.

use std::{error::Error, fs, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use regex::bytes::Regex;
use tagalong::{
    git::Write,
    plan::{
        Index,
        set::{SetPlan, Wish, Wishes},
    },
    service::{
        Clock, Watcher,
        hand::{Diff, Files, Intent, Wanted, write_by_hand},
    },
};

use crate::remembered::unit;

/// Saves a file after all were read, and before any is written.
struct Editor(PathBuf);

impl Watcher for Editor {
    fn reading(&self) {}
    fn listing(&self, _: usize, _: usize) {}
    fn metadata(&self, _: usize, _: usize) {}
    fn writing(&self) {
        fs::write(&self.0, "image: app:1 # mine\n").unwrap();
    }
}

#[test]
fn a_file_that_changed_meanwhile_is_told_and_nothing_is_written() {
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for path in ["a.yaml", "b.yaml"] {
        fs::write(folder.path().join(path), "image: app:1\n").unwrap();
    }
    let wishes = Wishes::new(vec![Wish::parse("app:2").unwrap()]).unwrap();
    let wish = |index: &Index| -> Result<_, Box<dyn Error>> {
        let changes = SetPlan::new(index.files(), &wishes, &|_| true).changes;
        assert_eq!(changes.len(), 2);
        Ok(Wanted { changes, subject: String::new(), lines: vec![], told: () })
    };
    let unit = unit(folder.path().to_str().unwrap(), state.path());
    let clock: Clock = Arc::new(|| Timestamp::UNIX_EPOCH);
    let (files, editor) = (Files::Holding(Regex::new("app").unwrap()), Editor(folder.path().join("b.yaml")));
    let write = write_by_hand(&unit, &clock, files, &editor, (Intent::Write(Write::Files), Diff::LeftOut), wish);
    let refused = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(write).unwrap_err();
    assert_eq!(refused.to_string(), "cannot write the file `b.yaml`: it changed since it was read");
    let text = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    assert_eq!((text("a.yaml").as_str(), text("b.yaml").as_str()), ("image: app:1\n", "image: app:1 # mine\n"));
}
