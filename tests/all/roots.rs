//! After some files became others, only what they touch is built anew, and what comes of it is what a fresh look at all of it finds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tagalong::{
    manifest::{
        self, File, Unreadable,
        kustomize::{Deployed, Root, Roots, Standing, Web, Whole},
    },
    plan::{Bounds, Index, Last, Shares, Subjects},
    policy::preset::Presets,
};

/// A tree, and what is known of its last form.
#[derive(Default)]
struct Tree {
    texts: BTreeMap<String, String>,
    files: BTreeMap<String, File>,
    unreadable: Vec<Unreadable>,
    web: Web,
    roots: Roots<String>,
    /// What each root deploys.
    told: BTreeMap<String, String>,
    gathered: (Subjects, Shares),
}

fn bounds() -> Bounds<'static> {
    Bounds { writes: &|_| true, scans: &|_| true, presets: Presets::shipped() }
}

impl Tree {
    fn of(texts: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        tree.advance(texts.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned()))).collect());
        tree
    }

    /// Puts texts into files, or takes files away; tells which roots were built anew.
    fn advance(&mut self, changes: BTreeMap<String, Option<String>>) -> Vec<String> {
        let touched: BTreeSet<String> = changes.keys().cloned().collect();
        for (path, text) in changes {
            self.files.remove(&path);
            self.unreadable.retain(|fault| fault.path != path);
            match text.as_ref().map(|text| manifest::read(&path, text.as_bytes(), &[])) {
                Some(Ok(file)) => drop(self.files.insert(path.clone(), file)),
                Some(Err(fault)) => self.unreadable.push(fault),
                None => {}
            }
            match text {
                Some(text) => drop(self.texts.insert(path, text)),
                None => drop(self.texts.remove(&path)),
            }
        }
        self.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
        self.web.advance(&self.files, &self.unreadable, touched.iter().map(String::as_str));
        let last = std::mem::take(&mut self.roots);
        let roots = self.whole(&self.web).roots(last, &touched);
        let built = roots.iter().filter(|root| matches!(root.standing, Standing::Built(_))).map(|root| root.name.to_owned()).collect();
        let text = |root: &Root<'_, String>| match &root.standing {
            Standing::Same(known) => known.clone(),
            Standing::Built(found) => told(found),
        };
        let texts: Vec<String> = roots.iter().map(text).collect();
        let told = roots.iter().zip(&texts).map(|(root, text)| (root.name.to_owned(), text.clone())).collect();
        let roots = Roots::of(roots.into_iter().zip(texts));
        (self.roots, self.told) = (roots, told);
        let (subjects, shares) = std::mem::take(&mut self.gathered);
        self.gathered = self.index().gather(Some(Last { subjects, shares, touched: &touched }), &bounds());
        built
    }

    fn whole<'w, 'f>(&'f self, web: &'w Web) -> Whole<'w, 'f> {
        Whole { files: &self.files, unreadable: &self.unreadable, web, configured: &[] }
    }

    fn index(&self) -> Index {
        Index::hung(self.files.clone(), self.unreadable.clone(), self.web.clone())
    }
}

fn told(found: &[Deployed<'_>]) -> String {
    format!("{found:#?}")
}

/// What every root deploys, seen for the first time.
fn fresh(tree: &Tree) -> BTreeMap<String, String> {
    let web = Web::of(&tree.files, &tree.unreadable);
    let roots = tree.whole(&web).roots(Roots::<()>::default(), &BTreeSet::new());
    let told = roots.into_iter().map(|root| match root.standing {
        Standing::Built(found) => (root.name.to_owned(), told(&found)),
        Standing::Same(()) => unreachable!("nothing is known"),
    });
    told.collect()
}

const FOLDERS: [&str; 6] = ["", "a", "a/b", "c", "c/d", "e"];
const NAMES: [&str; 7] = ["kustomization.yaml", "Kustomization", "web.yaml", "api.yaml", "patch.yaml", ".flux.yaml", "deploy.yaml"];

fn at(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The way from one folder to a path.
fn relative(from: &str, to: &str) -> String {
    let up = "../".repeat(from.split('/').filter(|step| !step.is_empty()).count());
    if to.is_empty() && up.is_empty() { ".".to_owned() } else { format!("{up}{to}") }
}

fn target() -> impl Strategy<Value = String> {
    let file = (prop::sample::select(&FOLDERS[..]), prop::sample::select(&NAMES[2..5])).prop_map(|(folder, name)| at(folder, name));
    prop_oneof![3 => file, 2 => prop::sample::select(&FOLDERS[1..]).prop_map(str::to_owned), 1 => Just("nowhere".to_owned())]
}

fn kustomization(folder: &'static str) -> impl Strategy<Value = String> {
    let targets = |most: usize| prop::collection::vec(target(), 0..most);
    let parts = (targets(4), targets(2), targets(2), targets(2), 0..4_usize, any::<bool>());
    parts.prop_map(move |(resources, components, patches, configurations, version, is_component)| {
        let list = |targets: &[String]| targets.iter().map(|target| relative(folder, target)).collect::<Vec<_>>().join(", ");
        let patches: Vec<String> = patches.iter().map(|target| format!("{{path: {}}}", relative(folder, target))).collect();
        let kind = if is_component { "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" } else { "" };
        let images = ["", "images: [{name: nginx, newTag: '2'}]\n", "namespace: other\n", "namePrefix: x-\n"][version];
        format!(
            "{kind}resources: [{}]\ncomponents: [{}]\npatches: [{}]\nconfigurations: [{}]\n{images}",
            list(&resources),
            list(&components),
            patches.join(", "),
            list(&configurations)
        )
    })
}

fn deployment(name: &str, version: usize, more: &str) -> String {
    let annotation = if version == 1 { "  annotations: {fluxcd.io/automated: 'true'}\n" } else { "" };
    let comment = if version == 2 { " # tagalong: semver:*" } else { "" };
    let spec = format!("spec: {{template: {{spec: {{containers: [{{name: app, image: 'nginx:1.{version}'}}]}}}}}}{comment}\n");
    format!("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n{annotation}{spec}{more}")
}

fn text(folder: &'static str, name: &'static str) -> BoxedStrategy<String> {
    let broken = Just("a: @b # fluxcd.io/\n".to_owned());
    let good = match name {
        "kustomization.yaml" | "Kustomization" => kustomization(folder).boxed(),
        "web.yaml" => (0..3_usize).prop_map(|version| deployment("web", version, "")).boxed(),
        "api.yaml" => (0..3_usize).prop_map(|version| deployment("api", version, "---\nkind: Service\nmetadata: {name: s}\n")).boxed(),
        "patch.yaml" => prop_oneof![
            (0..3_usize).prop_map(|version| deployment("web", version, "")),
            Just("images: [{path: spec/other, kind: Deployment}]\n".to_owned()),
            Just("- {op: replace, path: /spec/template/spec/containers/0/image, value: redis:1}\n".to_owned()),
        ]
        .boxed(),
        ".flux.yaml" => prop_oneof![
            Just("version: 1\npatchUpdated: {patchFile: patch.yaml}\n".to_owned()),
            Just("version: 1\ncommandUpdated: {}\n".to_owned()),
            Just("version: 1\nscanForFiles: {}\n".to_owned()),
        ]
        .boxed(),
        _ => (prop::sample::select(&FOLDERS[..]), target(), 0..5_usize).prop_map(|(to, other, version)| deploys(to, &other, version)).boxed(),
    };
    prop_oneof![12 => good, 1 => broken].boxed()
}

/// An object that deploys a folder.
fn deploys(to: &str, other: &str, version: usize) -> String {
    let path = at("./", to);
    let spec = match version {
        0 => "targetNamespace: x".to_owned(),
        1 => "images: [{name: nginx, newTag: '3'}]".to_owned(),
        2 => format!("components: [{}]", relative(to, other)),
        3 => "commonMetadata: {annotations: {fluxcd.io/automated: 'true'}}".to_owned(),
        _ => "prune: true".to_owned(),
    };
    format!("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: x}}\nspec: {{path: {path}, {spec}}}\n")
}

#[derive(Clone, Debug)]
enum Edit {
    Write(String, String),
    Delete(usize),
    /// A file goes to another place.
    Rename(usize, String),
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = (prop::sample::select(&FOLDERS[..]), prop::sample::select(&NAMES[..]));
    let write = place.clone().prop_flat_map(|(folder, name)| text(folder, name).prop_map(move |text| Edit::Write(at(folder, name), text)));
    let rename = (any::<usize>(), place).prop_map(|(from, (folder, name))| Edit::Rename(from, at(folder, name)));
    prop_oneof![6 => write, 1 => any::<usize>().prop_map(Edit::Delete), 1 => rename]
}

fn changes(texts: &BTreeMap<String, String>, edits: &[Edit]) -> BTreeMap<String, Option<String>> {
    let mut changes = BTreeMap::new();
    let one = |at: usize| texts.keys().nth(at % texts.len().max(1)).cloned();
    for edit in edits {
        match edit {
            Edit::Write(path, text) => drop(changes.insert(path.clone(), Some(text.clone()))),
            Edit::Delete(at) => changes.extend(one(*at).map(|path| (path, None))),
            Edit::Rename(at, to) => {
                let Some(from) = one(*at) else { continue };
                let text = texts[&from].clone();
                changes.insert(from, None);
                changes.insert(to.clone(), Some(text));
            }
        }
    }
    changes
}

proptest! {
    #[test]
    fn what_went_on_from_tree_to_tree_is_what_a_fresh_look_finds(
        first in prop::collection::vec(edit(), 10..30),
        commits in prop::collection::vec(prop::collection::vec(edit(), 1..4), 1..8),
    ) {
        let mut tree = Tree::default();
        for edits in std::iter::once(first).chain(commits) {
            tree.advance(changes(&tree.texts, &edits));
            prop_assert_eq!(&tree.web, &Web::of(&tree.files, &tree.unreadable));
            prop_assert_eq!(&tree.told, &fresh(&tree), "{:#?}", tree.texts);
            let subjects = tree.index().subjects(&bounds());
            prop_assert_eq!(format!("{:#?}", tree.gathered.0), format!("{subjects:#?}"), "{:#?}", tree.texts);
        }
    }

    #[test]
    fn who_reads_a_file_is_found(edits in prop::collection::vec(edit(), 10..30)) {
        let mut tree = Tree::default();
        tree.advance(changes(&BTreeMap::new(), &edits));
        let whole = tree.whole(&tree.web);
        for path in tree.files.keys() {
            let reads = |found: &&Deployed<'_>| {
                let Some(built) = &found.built else { return false };
                let chain = built.images.iter().flatten().flat_map(|image| &image.chain).any(|given| given.path == path);
                found.path == path || chain || built.extension.is_some_and(|extension| extension.path == path)
            };
            let wanted: Vec<String> = whole.deployed().iter().filter(reads).map(|found| format!("{found:?}")).collect();
            let reading: Vec<String> = whole.reading(&BTreeSet::from([path.clone()])).iter().filter(reads).map(|found| format!("{found:?}")).collect();
            prop_assert_eq!(wanted, reading, "{}: {:#?}", path, tree.texts);
        }
    }
}

const BASE: &str = "resources: [web.yaml]\n";

#[test]
fn only_what_a_change_touches_is_built() {
    let web = deployment("web", 1, "");
    let start = [
        ("base/kustomization.yaml", BASE),
        ("base/web.yaml", &web),
        ("one/kustomization.yaml", "resources: [../base]\ncomponents: [../part]\n"),
        ("two/kustomization.yaml", "resources: [../base, ../later]\npatches: [{path: web.yaml}]\n"),
        ("two/web.yaml", &web),
        ("part/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"),
        ("other/kustomization.yaml", BASE),
        ("other/web.yaml", &web),
        ("plain.yaml", &web),
        ("lone/web.yaml", &web),
    ];
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {path: other, targetNamespace: x}\n";
    for (word, path, text, built) in [
        ("nothing", "", None, &[][..]),
        ("a file nobody uses", "plain.yaml", Some(""), &[]),
        ("a plain file", "plain.yaml", Some(web.as_str()), &["plain.yaml"]),
        ("a shared base's file", "base/web.yaml", Some(&web), &["one", "two"]),
        ("a base", "base/kustomization.yaml", Some(BASE), &["one", "two"]),
        ("a base that goes", "base/kustomization.yaml", None, &["base/web.yaml", "one", "two"]),
        ("a base with two files", "base/Kustomization", Some(BASE), &["one", "two"]),
        ("a component", "part/kustomization.yaml", Some("kind: Component\n"), &["one"]),
        ("a patch", "two/web.yaml", Some(&web), &["two"]),
        ("a base that comes", "later/kustomization.yaml", Some(BASE), &["two"]),
        ("a folder that becomes a base", "lone/kustomization.yaml", Some(BASE), &["lone"]),
        ("what is used no more", "one/kustomization.yaml", Some("resources: [web.yaml]\n"), &["one"]),
        ("what deploys a folder", "flux.yaml", Some(flux), &["flux.yaml", "other"]),
        ("what holds a folder", "lone/.flux.yaml", Some("commandUpdated: {}\n"), &["lone/web.yaml"]),
        ("what cannot be read", "lone/kustomization.yaml", Some("a: @\n"), &["lone/web.yaml"]),
        ("what cannot be read, in use", "base/kustomization.yaml", Some("a: @\n"), &["base/web.yaml", "one", "two"]),
    ] {
        let mut tree = Tree::of(&start);
        let changes = if path.is_empty() { BTreeMap::new() } else { BTreeMap::from([(path.to_owned(), text.map(str::to_owned))]) };
        assert_eq!(tree.advance(changes), built, "{word}");
        assert_eq!(tree.gathered.1.built(), built.len(), "{word}");
    }
}
