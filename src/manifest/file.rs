//! One file of a repository: what is read in it, or why it cannot be read.

use thiserror::Error;

use super::{
    KindPaths, Workload,
    kustomize::{self, Kustomization},
    workload,
    yaml::{self, Fault, Tree},
};
use crate::policy::Blame;

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its workloads, in their order.
    pub workloads: Vec<Workload>,
    /// What it says as a kustomization.
    pub kustomization: Option<Kustomization>,
    /// What it says as a `.flux.yaml`.
    pub flux_yaml: Option<FluxYaml>,
}

/// A `.flux.yaml`: how Flux v1 makes manifests of its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FluxYaml {
    /// How they are made.
    pub generation: Generation,
    /// The line that says so, from 1.
    pub line: u32,
}

/// How Flux v1 makes manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadableKind {
    /// A template, which is no YAML yet.
    Template,
    /// Broken YAML.
    Broken,
}

impl Unreadable {
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
    let tree = text(bytes).and_then(yaml::read).map_err(|fault| unreadable(path, bytes, fault))?;
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == ".flux.yaml" {
        return Ok(File { flux_yaml: flux_yaml(&tree), ..File::default() });
    }
    if let Some(kustomization) = kustomize::read(&tree, name) {
        return Ok(File { kustomization: Some(kustomization), ..File::default() });
    }
    Ok(File { workloads: workload::workloads(&tree, kinds), ..File::default() })
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > yaml::BYTES {
        return Err(Fault::whole(format!("it has {} MiB, more than 8", bytes.len() >> 20)));
    }
    let line = |at: usize| u32::try_from(bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1).ok();
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
    let Fault { line, reason } = fault;
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

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn flux_yaml(tree: &Tree<'_>) -> Option<FluxYaml> {
    let root = *tree.roots().first()?;
    let known =
        [("patchUpdated", Generation::PatchUpdated), ("commandUpdated", Generation::CommandUpdated), ("scanForFiles", Generation::ScanForFiles)];
    let found = known.iter().find_map(|(key, generation)| tree.get_entry(root, key).map(|(key, _)| (tree.line(key), *generation)));
    let (line, generation) = found.unwrap_or((tree.line(root), Generation::Unknown));
    Some(FluxYaml { generation, line })
}
