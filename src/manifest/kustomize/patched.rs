//! The partial objects that kustomizations merge into a workload: where annotations of it may stand.

use super::{
    deployed::Extension,
    resource::{Id, Name},
    value::{Object, Value},
};
use crate::manifest::{
    Node, Workload,
    splice::{self, Change},
    yaml,
};

/// A partial object that a kustomization merges into a workload.
#[derive(Clone, Copy, Debug)]
pub struct Patched<'f> {
    /// The kustomization that names it.
    pub by: &'f str,
    /// The file that holds it.
    pub path: &'f str,
    /// The scalar that holds it, where it stands in a kustomization.
    pub(super) text: Option<Node>,
    pub(super) object: &'f Object,
    /// Whether it is for this workload alone.
    pub alone: bool,
}

/// What is merged into one workload, and what it was called meanwhile.
#[derive(Clone, Debug)]
pub struct Patches<'f> {
    /// The partial objects, in the order in which they are merged.
    pub merged: Vec<Patched<'f>>,
    pub(super) object: &'f Object,
    pub(super) before: Vec<Name>,
}

impl Patched<'_> {
    /// The line on which it begins, from 1.
    pub fn line(&self) -> u32 {
        self.object.line
    }

    /// The line of an annotation in it.
    pub fn annotation(&self, key: &str) -> Option<u32> {
        match self.annotations()?.get(key)? {
            Value::Text(text) => Some(text.line),
            _ => None,
        }
    }

    /// The last of its annotations.
    pub fn last_annotation(&self) -> Option<&str> {
        match self.annotations()? {
            Value::Map(entries) => entries.last().map(|(key, _)| &**key),
            _ => None,
        }
    }

    fn annotations(&self) -> Option<&Value> {
        self.object.value.get("metadata")?.get("annotations")
    }

    /// Where it stands: one place has one key.
    pub fn place(&self) -> (&str, u32, u32) {
        (self.path, self.text.map_or(0, |text| text.position + 1), self.object.node.position)
    }

    /// The mapping that changes of it are about.
    pub fn mapping(&self) -> Node {
        self.object.node
    }

    /// Changes of [`Self::mapping`] as changes of the file.
    pub fn within(&self, changes: Vec<Change>) -> Vec<Change> {
        match self.text {
            Some(text) => vec![Change::Inside { text, changes }],
            None => changes,
        }
    }
}

impl Patches<'_> {
    /// Whether the workload, with what it is called at last, was ever called as another one is in its file.
    pub fn went_by(&self, workload: &Workload, other: &Self) -> bool {
        let Id { api_version, name } = Id::of_patch(&other.object.value);
        let is_last = workload.id.name == name.own && workload.id.namespace.as_deref().unwrap_or("default") == name.namespace;
        workload.api_version == api_version && workload.id.kind == name.kind.to_lowercase() && (is_last || self.before.contains(&name))
    }

    /// A strategic merge patch that gives the workload annotations.
    ///
    /// # Errors
    /// Why it cannot be written, as a clause.
    pub fn new_patch(&self, annotations: &[(String, String)]) -> Result<String, String> {
        let value = &self.object.value;
        let word = |key: &str| value.get(key).and_then(Value::text).map(splice::plain).ok_or("it has no kind and version");
        let metadata = |key: &str| Some(splice::plain(value.get("metadata")?.get(key)?.text()?));
        let (version, kind, name) = (word("apiVersion")?, word("kind")?, metadata("name").ok_or("it has no name of its own")?);
        let namespace = metadata("namespace").map(|namespace| format!("  namespace: {namespace}\n")).unwrap_or_default();
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}");
        let tree = yaml::read(&text).map_err(|fault| fault.reason)?;
        let mapping = Node::of(&tree, *tree.roots().first().ok_or("it has no name of its own")?);
        let change = |(key, value): &(String, String)| Change::Set {
            mapping,
            keys: vec!["metadata".to_owned(), "annotations".to_owned(), key.clone()],
            value: value.clone(),
            after: None,
        };
        let changes: Vec<Change> = annotations.iter().map(change).collect();
        let patch = splice::change("patch.yaml", text.as_bytes(), &changes).map_err(|refused| refused.reason)?;
        String::from_utf8(patch).map(|text| text.trim_end().to_owned()).map_err(|error| error.to_string())
    }
}

impl Extension<'_> {
    /// The change that adds a patch.
    pub fn patch(&self, text: String) -> Change {
        let mut keys: Vec<String> = self.keys.iter().map(|key| (*key).to_owned()).collect();
        keys.pop();
        keys.push("patches".to_owned());
        Change::Append { mapping: self.mapping, keys, item: vec![("patch".to_owned(), text)] }
    }
}
