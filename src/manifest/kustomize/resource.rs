//! An object while kustomize works on it: what it is called now, and what it was called.

use std::borrow::Cow;

use super::{
    HeldByKustomize,
    live::{Live, Source},
    patched::Patched,
    selector::{Selector, Whole, conditions},
    value::{Object, Value},
};

/// Kinds that stand in no namespace.
const CLUSTER: [&str; 22] = [
    "Namespace",
    "Node",
    "PersistentVolume",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "StorageClass",
    "PriorityClass",
    "IngressClass",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "PodSecurityPolicy",
    "CSIDriver",
    "CSINode",
    "RuntimeClass",
    "VolumeAttachment",
    "CertificateSigningRequest",
    "FlowSchema",
    "PriorityLevelConfiguration",
    "ComponentStatus",
    "ValidatingAdmissionPolicy",
];

/// An object of a root.
#[derive(Clone, Debug)]
pub(super) struct Resource<'f> {
    pub(super) live: Live<'f>,
    pub(super) object: &'f Object,
    pub(super) from: Source<'f>,
    /// What it was called before, the first first.
    pub(super) before: Vec<Name>,
    pub(super) held: Option<HeldByKustomize>,
    /// Whether a patch changed it.
    pub(super) patched: bool,
    /// The partial objects that were merged into it, in their order.
    pub(super) merged: Vec<Patched<'f>>,
}

/// What an object is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) kind: String,
    /// `default` where there is none, empty for what stands in none.
    pub(super) namespace: String,
    pub(super) own: String,
}

/// The names and the `apiVersion` that a patch or another object goes by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) api_version: String,
    pub(super) name: Name,
}

impl Id {
    /// The id that a patch names.
    pub(super) fn of_patch(patch: &Value) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::text).unwrap_or_default().to_owned();
        let metadata = |key: &str| text(patch.get("metadata").and_then(|metadata| metadata.get(key)));
        let kind = text(patch.get("kind"));
        let namespace = effective(&kind, &metadata("namespace")).to_owned();
        Self { api_version: text(patch.get("apiVersion")), name: Name { kind, namespace, own: metadata("name") } }
    }
}

fn effective<'n>(kind: &str, namespace: &'n str) -> &'n str {
    match namespace {
        _ if CLUSTER.contains(&kind) => "",
        "" => "default",
        namespace => namespace,
    }
}

impl<'f> Resource<'f> {
    pub(super) fn new(object: &'f Object, from: Source<'f>) -> Self {
        Self { live: Live::of(&object.value, from), object, from, before: vec![], held: None, patched: false, merged: vec![] }
    }

    pub(super) fn text(&self, keys: &[&str]) -> &str {
        self.live.path(keys).and_then(Live::text).unwrap_or_default()
    }

    pub(super) fn kind(&self) -> &str {
        self.text(&["kind"])
    }

    pub(super) fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }

    pub(super) fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    /// What it is called now.
    pub(super) fn id(&self) -> Id {
        let (kind, namespace, name) = (self.kind().to_owned(), effective(self.kind(), self.namespace()).to_owned(), self.name().to_owned());
        Id { api_version: self.text(&["apiVersion"]).to_owned(), name: Name { kind, namespace, own: name } }
    }

    /// What sets it apart from all others of its root: its name, namespace, kind and version.
    pub(super) fn key(&self) -> [&str; 4] {
        [self.name(), effective(self.kind(), self.namespace()), self.kind(), self.text(&["apiVersion"])]
    }

    /// Whether it is, or was, called so.
    pub(super) fn goes_by(&self, id: &Id) -> bool {
        self.text(&["apiVersion"]) == id.api_version
            && (self.before.contains(&id.name)
                || self.kind() == id.name.kind && self.name() == id.name.own && effective(self.kind(), self.namespace()) == id.name.namespace)
    }

    /// Remembers what it is called now.
    pub(super) fn remember(&mut self) {
        let name = self.id().name;
        self.before.push(name);
    }

    /// Whether it has had another name: kustomize notes that in its annotations.
    pub(super) fn has_history(&self) -> bool {
        !self.before.is_empty()
    }

    /// Gives a text of its metadata, or its kind, another value.
    pub(super) fn rename(&mut self, keys: &[&'f str], text: Cow<'f, str>) {
        let entry = keys.iter().fold(&mut self.live, |live, key| live.entry(key));
        if let Live::Text(leaf) = entry {
            leaf.text = text;
        } else if let Some(leaf) = self.live.get("kind") {
            // A text that was written nowhere stands for the one above it.
            let mut leaf = leaf.clone();
            if let Live::Text(leaf) = &mut leaf {
                leaf.text = text;
            }
            let entry = keys.iter().fold(&mut self.live, |live, key| live.entry(key));
            *entry = leaf;
        }
    }

    pub(super) fn sets_namespace(&self) -> bool {
        !CLUSTER.contains(&self.kind())
    }

    /// Whether prefixes and suffixes change its name.
    pub(super) fn takes_affixes(&self) -> bool {
        let kind = self.before.first().map_or(self.kind(), |name| &name.kind);
        !matches!(kind, "CustomResourceDefinition" | "APIService" | "Namespace")
    }

    /// The label or annotation under a key.
    fn metadata(&self, map: &str, key: &str) -> Option<String> {
        self.live.path(&["metadata", map]).and_then(|map| map.get(key)).map(|value| value.text().unwrap_or_default().to_owned())
    }
}

/// A selector that is ready to be asked.
pub(super) struct Selection<'f> {
    wholes: [Whole<'f>; 5],
    labels: Vec<super::selector::Condition<'f>>,
    annotations: Vec<super::selector::Condition<'f>>,
}

impl<'f> Selection<'f> {
    /// `None` where the selector is none.
    pub(super) fn of(selector: &'f Selector) -> Option<Self> {
        let Selector { group, version, kind, name, namespace, labels, annotations, .. } = selector;
        let wholes = [Whole::of(group)?, Whole::of(version)?, Whole::of(kind)?, Whole::of(name)?, Whole::of(namespace)?];
        Some(Self { wholes, labels: conditions(labels)?, annotations: conditions(annotations)? })
    }

    pub(super) fn selects(&self, resource: &Resource<'_>) -> bool {
        let [group, version, kind, name, namespace] = &self.wholes;
        let (of, at) = resource.text(&["apiVersion"]).split_once('/').unwrap_or(("", resource.text(&["apiVersion"])));
        let place = |namespace: &str| if namespace.is_empty() { "_non_namespaceable_".to_owned() } else { namespace.to_owned() };
        let (now, first) = (place(effective(resource.kind(), resource.namespace())), resource.before.first());
        group.is_match(of)
            && version.is_match(at)
            && kind.is_match(resource.kind())
            && (name.is_match(resource.name()) || first.is_some_and(|first| name.is_match(&first.own)))
            && (namespace.is_match(&now) || first.is_some_and(|first| namespace.is_match(&place(&first.namespace))))
            && self.labels.iter().all(|condition| condition.holds(|key| resource.metadata("labels", key)))
            && self.annotations.iter().all(|condition| condition.holds(|key| resource.metadata("annotations", key)))
    }
}
