//! Which files of a tree are read.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Charts, Concern, File, KindPaths, Unreadable, concerns, file,
    ignore::Ignored,
    kustomize::{self, Web},
};

/// The parts of a tree that hold no manifests, or none that may be edited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    charts: Charts,
    ignored: Ignored,
}

/// The files that kustomizations name.
#[derive(Debug)]
pub struct Named<'w> {
    /// They are read whatever they are called and hold.
    pub wanted: BTreeSet<Cow<'w, str>>,
    /// `.tagalongignore` names them, too.
    ignored: BTreeSet<Cow<'w, str>>,
}

impl Scope {
    /// The scope of a tree with these paths.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p str>, ignored: Ignored) -> Self {
        Self { charts: Charts::among(paths), ignored }
    }

    /// Whether the file at a path may be a manifest.
    pub fn holds(&self, path: &str) -> bool {
        self.would_hold(path) && !self.ignored.is_ignored(path)
    }

    /// Whether the file at a path might be a manifest, were it not ignored.
    pub fn hides(&self, path: &str) -> bool {
        self.would_hold(path) && self.ignored.is_ignored(path)
    }

    fn would_hold(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_manifest = name == "Kustomization" || [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending));
        is_manifest && !self.charts.hold(path)
    }

    /// The files that kustomizations name.
    pub fn named<'w>(&self, files: &BTreeMap<String, File>, web: &'w Web) -> Named<'w> {
        let (ignored, wanted) = kustomize::named(files, web).into_iter().partition(|path| self.ignored.is_ignored(path));
        Named { wanted, ignored }
    }

    /// Those of the silent files that others may make speak although no kustomization names them.
    pub fn surrounded<'p>(&self, files: &BTreeMap<String, File>, web: &Web, silent: impl IntoIterator<Item = &'p str>) -> Vec<&'p str> {
        let folders = kustomize::surrounded(files, web);
        let is_in = |path: &&str| folders.iter().any(|folder| kustomize::is_below(folder, kustomize::folder(path)));
        if folders.is_empty() { vec![] } else { silent.into_iter().filter(is_in).collect() }
    }
}

impl Named<'_> {
    /// Those that are there, and not read.
    pub fn left_out(&self, is_there: impl Fn(&str) -> bool) -> BTreeMap<String, File> {
        self.ignored.iter().filter(|path| is_there(path)).map(|path| (path.to_string(), File::left_out())).collect()
    }
}

/// Reads a file, `None` where a search of its bytes shows that it holds nothing of ours.
///
/// # Errors
/// As [`read`](file::read).
pub fn read_screened(path: &str, bytes: &[u8], kinds: &[KindPaths]) -> Result<Option<File>, Unreadable> {
    match concerns(path, bytes, kinds) {
        Concern::Read => file::read(path, bytes, kinds).map(Some),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_not_read_because_a_kustomization_names_it() {
        let mut ignored = Ignored::default();
        ignored.add("", "vendor/\n");
        let scope = Scope::new(["chart/Chart.yaml"], ignored);
        for (word, path, held) in [
            ("manifest", "a.yaml", true),
            ("kustomization without an ending", "a/Kustomization", true),
            ("other ending", "a.txt", false),
            ("ignored", "vendor/a.yaml", false),
            ("template", "chart/templates/a.yaml", false),
        ] {
            assert_eq!(scope.holds(path), held, "{word}");
            assert_eq!(scope.hides(path), word == "ignored", "{word}");
        }
        let text = "resources: [a.txt, vendor/b.yaml, chart/templates/c.yaml, known.yaml, broken.yaml]\n";
        let read = |path: &str, text: &str| (path.to_owned(), file::read(path, text.as_bytes(), &[]).expect("YAML"));
        let files = BTreeMap::from([read("kustomization.yaml", text), read("known.yaml", "a: b\n")]);
        let web = Web::of(&files, &[]);
        let named = scope.named(&files, &web);
        assert_eq!(named.left_out(|_| true).into_keys().collect::<Vec<_>>(), ["vendor/b.yaml"]);
        assert_eq!(named.wanted.into_iter().collect::<Vec<_>>(), ["a.txt", "broken.yaml", "chart/templates/c.yaml", "known.yaml"]);
    }
}
