//! One file of a repository: what is read in it, or why it cannot be read.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    ImageField, ImagePlace, KindPaths, LoosePlace, Node, Place, Workload, comment, compose, helm,
    kustomize::{self, FieldSpec, Kustomization, Object, Operation, Outer},
    workload,
    yaml::{self, Fault, Kind, Tree},
};
use crate::policy::{Blame, comment::CommentPolicy};

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its workloads, in their order.
    pub workloads: Vec<Workload>,
    /// What it says as a kustomization.
    pub kustomization: Option<Box<Kustomization>>,
    /// What it says as a `.flux.yaml`.
    pub flux_yaml: Option<FluxYaml>,
    /// Its images outside workloads, in their order, those that only a comment makes places last.
    pub places: Vec<LoosePlace>,
    /// Its objects, as kustomize would take them.
    pub(super) objects: Vec<Object>,
    /// What it says as a list of patch operations.
    pub(super) operations: Option<Result<Vec<Operation>, String>>,
    /// The image fields that it adds to a kustomization's.
    pub(super) field_specs: Vec<FieldSpec>,
    /// The objects of it that deploy a folder.
    pub(super) outers: Vec<Outer>,
    /// The whole of a file that holds nothing: something may be added.
    pub(super) bare: Option<Node>,
    /// Whether it is not read, because `.tagalongignore` names it.
    pub(super) left_out: bool,
}

impl File {
    /// A file that is there, but not read.
    pub(super) fn left_out() -> Self {
        Self { left_out: true, ..Self::default() }
    }

    /// The whole file, as far as documents can be added to it.
    pub(super) fn whole(&self) -> Option<Node> {
        self.objects.first().map(|object| object.node).or(self.bare)
    }

    /// Whether nothing in it asks for updates, or says how files are deployed: then it matters only to those that name it.
    pub fn is_silent(&self) -> bool {
        let Self { workloads, kustomization, flux_yaml, places, objects: _, operations: _, field_specs: _, outers, bare: _, left_out } = self;
        let deploys = kustomization.is_some() || flux_yaml.is_some() || !outers.is_empty() || *left_out;
        let asks = |workload: &Workload| !workload.annotations.is_empty() || workload.containers.iter().any(|container| container.policy.is_some());
        let is_ruled = |place: &LoosePlace| place.policy.is_some() || !place.annotations.is_empty();
        !deploys && !workloads.iter().any(asks) && !places.iter().any(is_ruled)
    }

    /// Whether a comment or a label rules something in it.
    pub fn is_ruled(&self) -> bool {
        let is_ruled = |place: &LoosePlace| place.policy.is_some() || !place.annotations.is_empty();
        self.places.iter().any(is_ruled) || self.workloads.iter().flat_map(|one| &one.containers).any(|container| container.policy.is_some())
    }

    /// Every place that holds an image.
    pub fn images(&self) -> impl Iterator<Item = ImagePlace<'_>> {
        let containers = self.workloads.iter().flat_map(|workload| workload.containers.iter().map(move |container| (workload, container)));
        let containers = containers.map(|(workload, container)| ImagePlace {
            place: container.place,
            alias: &container.name,
            line: container.image.line().unwrap_or(workload.line),
            workload: Some(workload),
            image: &container.image,
            policy: container.policy.as_deref(),
            annotations: &[],
            encrypted: workload.encrypted,
        });
        let loose = self.places.iter().map(|place| ImagePlace {
            place: place.place,
            alias: &place.alias,
            line: place.image.line().unwrap_or(place.line),
            workload: None,
            image: &place.image,
            policy: place.policy.as_deref(),
            annotations: &place.annotations,
            encrypted: place.encrypted,
        });
        containers.chain(loose)
    }

    /// As [`Self::images`], and what patches write: those that stand inside a kustomization, and operations.
    pub fn images_and_patches(&self) -> impl Iterator<Item = ImagePlace<'_>> {
        let patched = kustomize::written(self).into_iter().map(|(line, image)| ImagePlace {
            place: Place::KustomizePatch,
            alias: "",
            line,
            workload: None,
            image,
            policy: None,
            annotations: &[],
            encrypted: false,
        });
        self.images().chain(patched)
    }

    /// Every image with the slot for the comment policy on it.
    pub(super) fn images_mut(&mut self) -> impl Iterator<Item = (&ImageField, &mut Option<Box<CommentPolicy>>)> {
        let containers = self.workloads.iter_mut().flat_map(|workload| &mut workload.containers);
        let containers = containers.map(|container| (&container.image, &mut container.policy));
        containers.chain(self.places.iter_mut().map(|place| (&place.image, &mut place.policy)))
    }
}

/// A `.flux.yaml`: how Flux v1 makes manifests of its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FluxYaml {
    /// How they are made.
    pub generation: Generation,
    /// The patch file that `patchUpdated` names.
    pub patch_file: Option<String>,
    /// The line that says so, from 1.
    pub line: u32,
}

/// How Flux v1 makes manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generation {
    /// It reads files, as everywhere.
    ScanForFiles,
    /// Commands make them, a patch file updates them.
    PatchUpdated,
    /// Commands make and update them.
    CommandUpdated,
    /// Something that is not known.
    Unknown,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot read `{path}`: {reason}")]
pub struct Unreadable {
    /// The file.
    pub path: String,
    /// The line of the fault, from 1, where it has one.
    pub line: Option<u32>,
    /// What the fault is, as a clause.
    pub reason: String,
    /// Whether anybody has to care.
    pub kind: UnreadableKind,
    /// Whether the file holds annotations that ask for updates; never for a template.
    pub annotated: bool,
}

/// Whether anybody has to care about a file that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnreadableKind {
    /// A template, which is no YAML yet.
    Template,
    /// Broken YAML.
    Broken,
}

/// The reason of a file in the middle of a merge.
const CONFLICT: &str = "a merge left its marks in it";

impl Unreadable {
    /// Whether a merge left its marks in the file.
    pub fn is_conflict(&self) -> bool {
        self.reason == CONFLICT
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        Blame::Operator
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        (self.kind == UnreadableKind::Broken).then(|| "mend the file, or name it in .tagalongignore".to_owned())
    }
}

/// Reads a file.
///
/// # Errors
/// It is no YAML that every reader understands alike; other files go on.
pub fn read(path: &str, bytes: &[u8], kinds: &[KindPaths]) -> Result<File, Unreadable> {
    text(bytes).and_then(|text| read_text(path, text, kinds)).map_err(|fault| unreadable(path, bytes, fault))
}

/// All documents of a file, and its text.
pub(super) fn tree<'b>(path: &str, bytes: &'b [u8]) -> Result<(Tree<'b>, &'b str), Unreadable> {
    text(bytes).and_then(|text| Ok((yaml::read(text)?, text))).map_err(|fault| unreadable(path, bytes, fault))
}

fn read_text(path: &str, text: &str, kinds: &[KindPaths]) -> Result<File, Fault> {
    let tree = yaml::read(text)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == "tagalong.yaml" {
        return Ok(File::default());
    }
    if name == ".flux.yaml" {
        return Ok(File { flux_yaml: flux_yaml(&tree), ..File::default() });
    }
    let (mut file, mut objects) = (File::default(), vec![]);
    if let Some(kustomization) = kustomize::read(&tree, name) {
        file.kustomization = Some(Box::new(kustomization));
        file.places = kustomize::places(&tree);
    } else {
        (file.workloads, objects) = workload::workloads(&tree, kinds);
        file.places = tree.roots().iter().flat_map(|root| values(&tree, *root, name)).collect();
        file.places.shrink_to_fit();
        file.objects = kustomize::objects(&tree, kinds, &objects, Place::Container);
        file.operations = kustomize::operations(&tree, Place::KustomizePatch);
        file.field_specs = kustomize::field_specs(&tree);
        file.outers = kustomize::outers(&tree);
        let holds_something = |root: &usize| match tree.kind(*root) {
            Kind::Scalar(_) => tree.text(*root).is_some_and(|text| !text.is_empty()),
            _ => !tree.is_empty(*root),
        };
        let holds_values = tree.roots().iter().any(holds_something);
        file.bare = (!holds_values).then(|| Node::of_file(&tree));
    }
    comment::attach(&tree, text, &objects, &mut file)?;
    Ok(file)
}

/// The images of a document that is no object: a compose file's services, or a chart's values.
fn values(tree: &Tree<'_>, root: usize, name: &str) -> Vec<LoosePlace> {
    if tree.kind(root) != Kind::Mapping || tree.get(root, "apiVersion").is_some() {
        return vec![];
    }
    let encrypted = workload::is_encrypted(tree, root);
    if compose::is_compose(name) {
        return compose::services(tree, root).into_iter().map(|place| LoosePlace { encrypted, ..place }).collect();
    }
    helm::values(tree, root)
        .into_iter()
        .map(|found| LoosePlace {
            place: Place::HelmValue,
            alias: found.path.to_string(),
            line: found.image.line().unwrap_or(tree.line(root)),
            image: found.image,
            policy: None,
            annotations: vec![],
            workload: None,
            encrypted,
        })
        .collect()
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > yaml::BYTES {
        return Err(Fault::whole(format!("it has {} MiB, more than 8", bytes.len() >> 20)));
    }
    let line = |at: usize| u32::try_from(bytes[..at].split(|byte| *byte == b'\n').count()).ok();
    let text = std::str::from_utf8(bytes).map_err(|error| Fault { line: line(error.valid_up_to()), reason: "it is not UTF-8".to_owned() })?;
    match text.find('\0') {
        Some(at) => Err(Fault { line: line(at), reason: "it holds a NUL byte".to_owned() }),
        None => Ok(text),
    }
}

fn unreadable(path: &str, bytes: &[u8], fault: Fault) -> Unreadable {
    let kind = if holds_template(bytes) { UnreadableKind::Template } else { UnreadableKind::Broken };
    let annotated =
        kind == UnreadableKind::Broken && ["fluxcd.io/", "flux.weave.works/", "tagalong"].iter().any(|mark| holds(bytes, mark.as_bytes()));
    if let Some(line) = conflict(bytes) {
        return Unreadable { path: path.to_owned(), line: Some(line), reason: CONFLICT.to_owned(), kind, annotated };
    }
    let Fault { line, reason } = fault;
    // What a YAML reader says about a template's braces tells nobody anything.
    let reason = if kind == UnreadableKind::Template { "it is a template".to_owned() } else { reason };
    Unreadable { path: path.to_owned(), line, reason, kind, annotated }
}

/// Whether `{{` stands outside quotes and comments on any line.
fn holds_template(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').filter(|line| holds(line, b"{{")).any(|line| {
        let mut quote = None;
        let mut before = b' ';
        for (at, &byte) in line.iter().enumerate() {
            match quote {
                None if line[at..].starts_with(b"{{") => return true,
                None if byte == b'#' && before.is_ascii_whitespace() => return false,
                None if matches!(byte, b'"' | b'\'') && !before.is_ascii_alphanumeric() => quote = Some(byte),
                Some(open) if byte == open && !(open == b'"' && before == b'\\') => quote = None,
                _ => {}
            }
            before = byte;
        }
        false
    })
}

/// The line of the first mark of a merge, where both kinds are there.
fn conflict(bytes: &[u8]) -> Option<u32> {
    let mark = |mark: &[u8]| bytes.split(|byte| *byte == b'\n').position(|line| line.starts_with(mark));
    mark(b">>>>>>> ").and(mark(b"<<<<<<< ")).and_then(|line| u32::try_from(line + 1).ok())
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn flux_yaml(tree: &Tree<'_>) -> Option<FluxYaml> {
    let root = *tree.roots().first()?;
    let known =
        [("patchUpdated", Generation::PatchUpdated), ("commandUpdated", Generation::CommandUpdated), ("scanForFiles", Generation::ScanForFiles)];
    let found = known.iter().find_map(|(key, generation)| tree.get_entry(root, key).map(|(key, _)| (tree.line(key), *generation)));
    let (line, generation) = found.unwrap_or((tree.line(root), Generation::Unknown));
    let patch_file = tree.path(root, &["patchUpdated", "patchFile"]).and_then(|node| tree.text(node)).map(str::to_owned);
    Some(FluxYaml { generation, patch_file, line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(bytes: &[u8]) -> Unreadable {
        read("a.yaml", bytes, &[]).expect_err("the file cannot be read")
    }

    #[test]
    fn what_readers_understand_differently_is_not_read() {
        for (word, text, line, reason) in [
            ("tab", "a:\n\tb: c\n", 2, "a tab stands where YAML wants spaces"),
            ("tab after spaces", "a:\n  b: 1\n\tc: 2\n", 3, "a tab stands where YAML wants spaces"),
            ("tab at the top", "# x\n\ta: b\n", 2, "a tab stands where YAML wants spaces"),
            ("tab before a list", "\t- a\n", 1, "a tab stands where YAML wants spaces"),
            ("key twice", "a:\n  b: 1\n  c: 2\n  \"b\": 3\n", 4, "the key `b` stands twice in one mapping"),
            ("key twice in braces", "a: {b: 1, b: 2}\n", 1, "the key `b` stands twice in one mapping"),
            ("merge key twice", "a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", 4, "the key `<<` stands twice in one mapping"),
            ("unknown anchor", "a: *b\n", 1, "an alias names an anchor that stands nowhere above it"),
            ("anchor of another document", "a: &b c\n---\nd: *b\n", 3, "an alias names an anchor that stands nowhere above it"),
            ("alias inside itself", "a: &b\n  c: *b\n", 2, "an alias stands inside the value that it names"),
            ("open quote", "a: \"b\n", 2, "a quote is not closed, or its text continues with too little indentation"),
            ("open bracket", "a: [b\n", 1, "a `{` or `[` is not closed"),
            ("two colons", "a: b: c\n", 1, "a `: ` stands inside a value that is not quoted"),
            ("text after a document", "{}\n{}\n", 2, "text follows the end of a document without `---` between"),
            ("missing comma", "{a: b\nc: d}\n", 2, "a `,` or a closing bracket is missing between `{}` or `[]`"),
            ("text after quote", "a: 'b' c\n", 1, "text follows a closing quote"),
            ("indentation", "a:\n    b: c\n  d: e\n", 3, "the indentation fits no level above it"),
            ("reserved", "a: @b\n", 1, "a value cannot begin with `@`"),
            ("NUL", "a: b\nc: \0\n", 2, "it holds a NUL byte"),
        ] {
            let found = fault(text.as_bytes());
            assert_eq!((found.line, found.reason.as_str(), found.kind), (Some(line), reason, UnreadableKind::Broken), "{word}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_not_read() {
        let found = fault(b"a: b\nc: \xff\n");
        assert_eq!((found.line, found.reason.as_str()), (Some(2), "it is not UTF-8"));
        let found = fault(&vec![b'#'; (8 << 20) + 1]);
        assert_eq!((found.line, found.reason.as_str()), (None, "it has 8 MiB, more than 8"));
    }

    #[test]
    fn deep_nesting_ends_early() {
        let deep = |open: &str| open.repeat(100_000);
        let indented: Vec<String> = (0..300).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        for (word, text) in
            [("brackets", deep("[")), ("braces", deep("{a: ")), ("dashes", deep("- ")), ("question marks", deep("? ")), ("keys", indented.concat())]
        {
            assert_eq!(fault(text.as_bytes()).reason, "it is nested more than 200 levels deep", "{word}");
        }
        let legal = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert!(read("a.yaml", legal.as_bytes(), &[]).is_ok());
    }

    #[test]
    fn alias_bombs_are_not_expanded() {
        let level = |level: usize| format!("a{}: &a{} [{}]\n", level + 1, level + 1, vec![format!("*a{level}"); 10].join(", "));
        let bomb = format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}", (0..8).map(level).collect::<Vec<_>>().concat());
        let found = fault(bomb.as_bytes());
        assert_eq!((found.line, found.reason.as_str()), (Some(5), "its aliases repeat more than 100000 values"));
        let many: Vec<String> = (0..2_000).map(|number| format!("k{number}: *a\n")).collect();
        assert!(read("a.yaml", format!("a: &a [x, y]\n{}", many.concat()).as_bytes(), &[]).is_ok());
    }

    #[test]
    fn many_values_are_bounded() {
        let found = fault(format!("[{}]", "a,".repeat(500_001)).as_bytes());
        assert_eq!(found.reason, "it holds more than 500000 values");
    }

    #[test]
    fn templates_are_told_from_broken_files() {
        for (word, text, kind) in [
            ("expression", "a: {{ .Values.a }}:{{ .Values.b }}\n", UnreadableKind::Template),
            ("action", "{{- if .Values.a }}\na: b\n{{- end }}\n", UnreadableKind::Template),
            ("annotated", "{{ x }}\n  fluxcd.io/automated: \"true\"\n", UnreadableKind::Template),
            ("in double quotes", "a: \"{{ b }}\"\nc: @d\n", UnreadableKind::Broken),
            ("in single quotes", "a: '{{ b }}'\nc: @d\n", UnreadableKind::Broken),
            ("in a comment", "a: b # {{ c }}\nd: @e\n", UnreadableKind::Broken),
            ("after an apostrophe", "a: it's {{ b }}\nc: @d\n", UnreadableKind::Template),
            ("none", "a: @b\n", UnreadableKind::Broken),
        ] {
            let found = fault(text.as_bytes());
            assert_eq!((found.kind, found.annotated), (kind, false), "{word}");
        }
    }

    #[test]
    fn a_broken_file_with_annotations_says_so() {
        for (word, text, annotated) in [
            ("flux", "a: @b\nfluxcd.io/automated: \"true\"\n", true),
            ("legacy", "a: @b\nflux.weave.works/automated: \"true\"\n", true),
            ("own", "a: @b # tagalong: semver:*\n", true),
            ("none", "a: @b\nimage: nginx\n", false),
        ] {
            assert_eq!(fault(text.as_bytes()).annotated, annotated, "{word}");
        }
    }

    #[test]
    fn legal_files_are_read() {
        for (word, text) in [
            ("empty", ""),
            ("comment", "# nothing\n"),
            ("marks", "---\n---\n...\n"),
            ("directive", "%YAML 1.1\n---\na: b\n"),
            ("tab after colon", "a:\tb\n"),
            ("tab in a block scalar", "a: |\n  \tb\n"),
            ("tabs in braces", "{\n\t\"a\":\t[1,\n\t2]\n}\n"),
            ("byte order mark", "\u{feff}a: b\n"),
            ("old line ends", "a: b\rc: d\r"),
            ("surrogates", "{\"a\": \"\\ud83d\\ude00\"}"),
            ("list", "- a\n- b\n"),
            ("scalar", "a\n"),
        ] {
            let read = read("a.yaml", text.as_bytes(), &[]).map(|file| File { bare: None, ..file });
            assert_eq!(read, Ok(File::default()), "{word}");
        }
    }

    #[test]
    fn a_flux_yaml_says_how_manifests_are_made() {
        for (word, text, generation, line) in [
            ("patch", "version: 1\npatchUpdated:\n  patchFile: a.yaml\n", Generation::PatchUpdated, 2),
            ("command", "version: 1\ncommandUpdated: {}\n", Generation::CommandUpdated, 2),
            ("scan", "version: 1\nscanForFiles: {}\n", Generation::ScanForFiles, 2),
            ("other", "version: 2\n", Generation::Unknown, 1),
        ] {
            let file = read("apps/.flux.yaml", text.as_bytes(), &[]).expect(word);
            assert_eq!(
                file.flux_yaml,
                Some(FluxYaml { generation, patch_file: text.contains("patchFile").then(|| "a.yaml".to_owned()), line }),
                "{word}"
            );
        }
    }
}
