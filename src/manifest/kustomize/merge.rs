//! Strategic merge patches, as kustomize merges them.

use super::{
    live::{Live, Source},
    value::Value,
};

/// Where the lists of a pod are merged by their elements' names: kustomize knows it of the kinds in its own schema, for all others a
/// patch's list takes the place of the object's.
///
/// # Source
/// kyaml's openapi `kubernetesapi/v1_21_2`.
const POD_SPECS: [(&str, &str, &[&str]); 10] = [
    ("apps/v1", "Deployment", &["spec", "template", "spec"]),
    ("apps/v1", "StatefulSet", &["spec", "template", "spec"]),
    ("apps/v1", "DaemonSet", &["spec", "template", "spec"]),
    ("apps/v1", "ReplicaSet", &["spec", "template", "spec"]),
    ("v1", "ReplicationController", &["spec", "template", "spec"]),
    ("batch/v1", "Job", &["spec", "template", "spec"]),
    ("batch/v1", "CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("batch/v1beta1", "CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("v1", "Pod", &["spec"]),
    ("v1", "PodTemplate", &["template", "spec"]),
];

/// What kustomize says of lists on the way down.
#[derive(Clone, Copy)]
enum Lists {
    /// The keys that are left to the pod.
    Below(&'static [&'static str]),
    /// The pod's own lists are merged by name.
    ByName,
    /// Lists are replaced.
    Replaced,
}

impl Lists {
    fn of(object: &Live<'_>) -> Self {
        let text = |key: &str| object.get(key).and_then(Live::text);
        let known = |(version, kind, _): &&(&str, &str, _)| text("apiVersion") == Some(version) && text("kind") == Some(kind);
        POD_SPECS.iter().find(known).map_or(Self::Replaced, |(_, _, path)| Self::Below(path))
    }

    fn under(self, key: &str) -> Self {
        match self {
            Self::Below([first, rest @ ..]) if *first == key => Self::Below(rest),
            Self::Below([]) if matches!(key, "containers" | "initContainers" | "ephemeralContainers" | "volumes") => Self::ByName,
            _ => Self::Replaced,
        }
    }
}

/// Whether kustomize itself knows how lists of such an object are merged.
pub(super) fn is_known(object: &Live<'_>) -> bool {
    !matches!(Lists::of(object), Lists::Replaced)
}

/// What a patch asks for, beside its own values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Merges a patch into an object; `false` where nothing is left of it.
///
/// # Errors
/// Why kustomize fails, or why nobody can tell what it does.
pub(super) fn merge<'f>(object: &mut Live<'f>, patch: &'f Value, from: Source<'f>) -> Result<bool, String> {
    let lists = Lists::of(object);
    merged(object, patch, from, lists)
}

/// `false` where the value is to be taken away.
fn merged<'f>(dest: &mut Live<'f>, patch: &'f Value, from: Source<'f>, lists: Lists) -> Result<bool, String> {
    match (&mut *dest, patch) {
        (Live::Other, _) | (_, Value::Other) => {
            *dest = Live::of(patch, from);
            Ok(true)
        }
        (_, Value::Null) => Ok(false),
        (Live::Null, _) => added(dest, patch, from, lists),
        (Live::Text(_), Value::Text(_)) => {
            *dest = Live::of(patch, from).after(dest);
            Ok(true)
        }
        (Live::Map(_), Value::Map(entries)) => match directive(entries)? {
            Directive::Delete => Ok(false),
            Directive::Replace => added(dest, patch, from, lists),
            Directive::Merge => merged_entries(dest, entries, from, lists).map(|()| true),
        },
        (Live::List(_), Value::List(items)) => merged_list(dest, items, from, lists),
        _ => Err("it has another shape than what it patches".to_owned()),
    }
}

fn directive(entries: &[(Box<str>, Value)]) -> Result<Directive, String> {
    match entries.iter().find(|(key, _)| &**key == "$patch").map(|(_, value)| value.text().unwrap_or_default()) {
        None | Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        Some(other) => Err(format!("`$patch: {other}` is no directive")),
    }
}

fn merged_entries<'f>(dest: &mut Live<'f>, entries: &'f [(Box<str>, Value)], from: Source<'f>, lists: Lists) -> Result<(), String> {
    for (key, value) in entries.iter().filter(|(key, _)| &**key != "$patch") {
        let is_new = dest.get(key).is_none();
        if is_new && *value == Value::Null {
            continue;
        }
        if !merged(dest.entry(key), value, from, lists.under(key))?
            && let Live::Map(left) = dest
        {
            left.retain(|(name, _)| **name != **key);
        }
    }
    Ok(())
}

/// A value where there was none: directives inside it are carried out.
fn added<'f>(dest: &mut Live<'f>, patch: &'f Value, from: Source<'f>, lists: Lists) -> Result<bool, String> {
    match patch {
        Value::Map(entries) => {
            if directive(entries)? == Directive::Delete && !matches!(dest, Live::Map(_)) {
                return Ok(false);
            }
            *dest = Live::Map(vec![]);
            merged_entries(dest, entries, from, lists).map(|()| true)
        }
        Value::List(items) => {
            *dest = Live::List(vec![]);
            merged_list(dest, items, from, lists)
        }
        _ => {
            *dest = Live::of(patch, from);
            Ok(true)
        }
    }
}

fn merged_list<'f>(dest: &mut Live<'f>, items: &'f [Value], from: Source<'f>, lists: Lists) -> Result<bool, String> {
    if !matches!(lists, Lists::ByName) {
        *dest = Live::List(items.iter().map(|item| Live::of(item, from)).collect());
        return Ok(true);
    }
    let Live::List(before) = dest else { return Ok(true) };
    let mut before = std::mem::take(before);
    let is_directive = |item: &&Value| matches!(item, Value::Map(entries) if entries.len() == 1 && &*entries[0].0 == "$patch");
    if let Some(Value::Map(entries)) = items.iter().find(is_directive) {
        match directive(entries)? {
            Directive::Delete => return Ok(false),
            Directive::Replace => before.clear(),
            Directive::Merge => {}
        }
    }
    let mut after = vec![];
    for item in items.iter().filter(|item| !is_directive(item)) {
        let name = item.get("name").and_then(Value::text).ok_or("an element of a list has no `name`, by which it is merged")?;
        if named(&after, name).is_some() {
            return Err(format!("two elements of a list have the name `{name}`"));
        }
        let replaces = matches!(item, Value::Map(entries) if directive(entries)? == Directive::Replace);
        match named(&before, name) {
            // What stands there stays: kustomize forgets the new element.
            Some(at) if replaces => after.push(before.remove(at)),
            Some(at) => {
                let mut element = before.remove(at);
                if merged(&mut element, item, from, Lists::Replaced)? {
                    after.push(element);
                }
            }
            None => {
                let mut element = Live::Null;
                if merged(&mut element, item, from, Lists::Replaced)? {
                    after.push(element);
                }
            }
        }
    }
    if before.iter().any(|item| item.get("name").and_then(Live::text).is_none()) {
        return Err("it is merged with a list in which an element has no `name`".to_owned());
    }
    after.extend(before);
    *dest = Live::List(after);
    Ok(true)
}

fn named(items: &[Live<'_>], name: &str) -> Option<usize> {
    items.iter().position(|item| item.get("name").and_then(Live::text) == Some(name))
}
