//! Where an `images` entry finds images.

use super::{
    entry::{Entry, Pattern},
    live::{Leaf, Live},
    read::FieldSpec,
    resource::Resource,
};

/// Where kustomize looks a second time.
const SPECS: [&[&str]; 4] = [
    &["spec", "containers", "image"],
    &["spec", "initContainers", "image"],
    &["spec", "template", "spec", "containers", "image"],
    &["spec", "template", "spec", "initContainers", "image"],
];

/// Applies an entry to every image of a resource that it means.
///
/// # Source
/// kustomize's image transformer: first the lists `containers` and `initContainers` wherever they stand, then its field
/// specifications; a suffix is added by both.
pub(super) fn apply<'f>(resource: &mut Resource<'f>, path: &'f str, entry: &'f Entry, pattern: &Pattern<'_>, specs: &[&'f FieldSpec]) {
    let mut change = |leaf: &mut Leaf<'f>| {
        if leaf.written.text.image.is_some() && pattern.is_match(&leaf.text) {
            leaf.apply(path, entry);
        }
    };
    containers(&mut resource.live, &mut change);
    for keys in SPECS {
        along(&mut resource.live, keys, &mut change);
    }
    for spec in specs.iter().filter(|spec| concerns(spec, resource)).copied().collect::<Vec<_>>() {
        let keys: Vec<&str> = spec.path.iter().map(|key| &**key).collect();
        if !SPECS.contains(&&*keys) {
            along(&mut resource.live, &keys, &mut change);
        }
    }
}

fn concerns(spec: &FieldSpec, resource: &Resource<'_>) -> bool {
    let api_version = resource.text(&["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
    is(&spec.group, group) && is(&spec.version, version) && is(&spec.kind, resource.kind())
}

fn containers<'f>(live: &mut Live<'f>, change: &mut impl FnMut(&mut Leaf<'f>)) {
    match live {
        Live::Map(entries) => {
            for (key, value) in entries {
                match value {
                    Live::List(items) if matches!(*key, "containers" | "initContainers") => {
                        for item in items {
                            along(item, &["image"], change);
                        }
                    }
                    _ => containers(value, change),
                }
            }
        }
        Live::List(items) => {
            for item in items {
                containers(item, change);
            }
        }
        _ => {}
    }
}

/// Every text at the end of a path; lists on the way are gone through.
fn along<'f>(live: &mut Live<'f>, keys: &[&str], change: &mut impl FnMut(&mut Leaf<'f>)) {
    match (live, keys) {
        (Live::Text(leaf), []) => change(leaf),
        (Live::List(items), _) => {
            for item in items {
                along(item, keys, change);
            }
        }
        (Live::Map(entries), [first, rest @ ..]) => {
            if let Some((_, value)) = entries.iter_mut().find(|(key, _)| key == first) {
                along(value, rest, change);
            }
        }
        _ => {}
    }
}
