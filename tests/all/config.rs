//! Every file of `testdata/config` is read or refused, as it says itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::bless::assert_fresh;
use tagalong::config::{Config, ConfigError, Environment, Overrides, load};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn read(path: &Path, overrides: Overrides) -> Result<Config, ConfigError> {
    let environment = Environment::from_iter([("HOME".to_owned(), "/nowhere".to_owned())]);
    load(Some(path), overrides, &environment)
}

/// The sentence and the hint, without the folder that the file lies in.
fn told(path: &Path, error: &ConfigError) -> String {
    let folder = format!("{}/", path.parent().unwrap().display());
    let hint = error.hint().map(|hint| format!("\n# hint: {hint}")).unwrap_or_default();
    format!("# error: {error}{hint}\n").replace(&folder, "")
}

#[test]
fn every_valid_file_is_read() {
    let files = files("valid");
    assert!(!files.is_empty());
    for path in files {
        read(&path, Overrides::default()).unwrap_or_else(|error| panic!("{}", told(&path, &error)));
    }
}

#[test]
fn every_invalid_file_is_refused_with_the_sentence_that_it_holds() {
    let files = files("invalid");
    assert!(!files.is_empty());
    for path in files {
        let error = read(&path, Overrides::default()).and_then(|config| config.repository_for("https://git.example/fleet.git")).expect_err("refused");
        let body: Vec<String> =
            fs::read_to_string(&path).unwrap().split_inclusive('\n').skip_while(|line| line.starts_with("# ")).map(str::to_owned).collect();
        assert_fresh(&path, &format!("{}{}", told(&path, &error), body.concat()));
        assert!(!format!("{error}{error:?}").contains("hunter2"), "{error:?}");
    }
}
