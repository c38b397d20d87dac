//! Which files are read at all.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::bytes::Regex;

use super::KindPaths;

/// What a file is to us before anything is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Its name is not that of a manifest.
    NotAManifest,
    /// It holds no word that an image, an annotation or a kustomization needs.
    ScreenedOut,
    /// It is to be read.
    Read,
}

/// `image` in any case; the words of annotations, kustomizations and comment policies.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("(?i-u:image)|fluxcd\\.io|flux\\.weave\\.works|tag|digest|ustomization|Application").expect("the expression is constant")
});

/// Whether a file is to be read, by its name and a search of its bytes.
///
/// # Shape
/// Kustomizations, `.flux.yaml` and files that a kustomization names are always to be read: the last are the caller's to know.
pub fn concerns(path: &str, bytes: &[u8], kinds: &[KindPaths]) -> Concern {
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_kustomization(name) || name == ".flux.yaml" {
        return Concern::Read;
    }
    let is = |extension: &str| name.len() > extension.len() && name.ends_with(extension);
    let read = if is(".json") {
        // The words of a Kubernetes object; other JSON is not ours.
        holds(bytes, b"\"apiVersion\"") && holds(bytes, b"\"kind\"") && is_worth_reading(bytes, kinds)
    } else if is(".yaml") || is(".yml") {
        is_worth_reading(bytes, kinds)
    } else {
        return Concern::NotAManifest;
    };
    if read { Concern::Read } else { Concern::ScreenedOut }
}

/// Whether a name alone makes a file a kustomization.
pub fn is_kustomization(name: &str) -> bool {
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

fn is_worth_reading(bytes: &[u8], kinds: &[KindPaths]) -> bool {
    WORDS.is_match(bytes) || kinds.iter().flat_map(|paths| &paths.images).any(|path| holds(bytes, last_key(path).as_bytes()))
}

fn last_key(path: &str) -> &str {
    let named = |step: &&str| !step.is_empty() && *step != "*" && step.parse::<usize>().is_err();
    path.rsplit('.').find(named).unwrap_or_default()
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    let Some((first, rest)) = word.split_first() else {
        return true;
    };
    bytes.iter().enumerate().any(|(at, byte)| byte == first && bytes[at + 1..].starts_with(rest))
}

/// The folders of Helm charts, whose templates and parts are no manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charts {
    /// The folders that hold a `Chart.yaml`, `""` for the top.
    folders: BTreeSet<String>,
}

impl Charts {
    /// Finds the chart folders among all paths of a tree.
    pub fn among<'p>(paths: impl IntoIterator<Item = &'p str>) -> Self {
        let folder = |path: &'p str| match path.rsplit_once('/') {
            Some((folder, "Chart.yaml")) => Some(folder.to_owned()),
            None if path == "Chart.yaml" => Some(String::new()),
            _ => None,
        };
        Self { folders: paths.into_iter().filter_map(folder).collect() }
    }

    /// Whether the path is in a chart's `templates/`, `charts/` or `crds/`.
    pub fn hold(&self, path: &str) -> bool {
        let slashes = path.match_indices('/').map(|(at, _)| at);
        std::iter::once(("", path)).chain(slashes.map(|at| (&path[..at], &path[at + 1..]))).any(|(folder, rest)| {
            let part = rest.split_once('/').map(|(part, _)| part);
            matches!(part, Some("templates" | "charts" | "crds")) && self.folders.contains(folder)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_may_hold_an_image_are_read() {
        let kinds = [KindPaths { api_version: "acme.io/v1".to_owned(), kind: "Shop".to_owned(), images: vec!["spec.parts.*.picture".to_owned()] }];
        for (word, path, text, expected) in [
            ("manifest", "a.yaml", "image: x", Concern::Read),
            ("short ending", "a/b.yml", "image: x", Concern::Read),
            ("any case", "a.yaml", "someIMAGE: x", Concern::Read),
            ("tag", "a.yaml", "newTag: tag", Concern::Read),
            ("digest", "a.yaml", "digest: x", Concern::Read),
            ("flux", "a.yaml", "fluxcd.io/x: y", Concern::Read),
            ("legacy flux", "a.yaml", "flux.weave.works/x: y", Concern::Read),
            ("own", "a.yaml", "# tagalong: semver:*", Concern::Read),
            ("kustomization by kind", "a.yaml", "kind: Kustomization", Concern::Read),
            ("application", "a.yaml", "kind: Application", Concern::Read),
            ("configured key", "a.yaml", "picture: x", Concern::Read),
            ("nothing of these", "a.yaml", "kind: Service", Concern::ScreenedOut),
            ("kustomization by name", "a/kustomization.yaml", "resources: []", Concern::Read),
            ("kustomization without an ending", "Kustomization", "resources: []", Concern::Read),
            ("flux file", "a/.flux.yaml", "version: 1", Concern::Read),
            ("object in JSON", "a.json", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"image\": \"x\"}", Concern::Read),
            ("other JSON", "package.json", "{\"image\": \"x\", \"kind\": 1}", Concern::ScreenedOut),
            ("other file", "README.md", "image: x", Concern::NotAManifest),
            ("ending in front", "a.yaml.tmpl", "image: x", Concern::NotAManifest),
            ("nothing but the ending", ".yaml", "image: x", Concern::NotAManifest),
        ] {
            assert_eq!(concerns(path, text.as_bytes(), &kinds), expected, "{word}");
        }
    }

    #[test]
    fn parts_of_a_chart_that_are_templates_are_not_read() {
        let charts = Charts::among(["charts/app/Chart.yaml", "x/NotChart.yaml", "charts/app/values.yaml"]);
        for (word, path, held) in [
            ("template", "charts/app/templates/a.yaml", true),
            ("template below", "charts/app/templates/x/a.yaml", true),
            ("chart inside", "charts/app/charts/b/values.yaml", true),
            ("definitions", "charts/app/crds/a.yaml", true),
            ("values", "charts/app/values.yaml", false),
            ("other values", "charts/app/values-prod.yaml", false),
            ("the chart itself", "charts/app/Chart.yaml", false),
            ("beside", "charts/app/ci/a.yaml", false),
            ("values below", "charts/app/ci/values.yaml", false),
            ("no chart", "x/templates/a.yaml", false),
            ("folder of like name", "charts/app2/templates/a.yaml", false),
            ("above", "charts/a.yaml", false),
        ] {
            assert_eq!(charts.hold(path), held, "{word}");
        }
        assert!(Charts::among(["Chart.yaml"]).hold("templates/a.yaml"));
        assert!(!Charts::default().hold("templates/a.yaml"));
    }
}
