//! What a kustomization does to single resources.

use std::borrow::Cow;

use super::{
    HeldByKustomize,
    live::{Leaf, Live, Source},
    merge,
    patch::Patch,
    resource::Resource,
    value::{Object, Words},
};
use crate::manifest::Place;

/// Merges a patch into a resource; `false` where it takes it away.
pub(super) fn merged<'f>(resource: &mut Resource<'f>, object: &'f Object, patch: &Patch, from: Source<'f>) -> bool {
    resource.patched = true;
    if patch.renames || patch.rekinds {
        resource.remember();
    }
    let kept: [(&[&'static str], bool); 4] =
        [(&["apiVersion"], true), (&["kind"], !patch.rekinds), (&["metadata", "name"], !patch.renames), (&["metadata", "namespace"], true)];
    let before = kept.map(|(keys, _)| resource.text(keys).to_owned());
    match merge::merge(&mut resource.live, &object.value, from) {
        Ok(false) => return false,
        Ok(true) => {
            for ((keys, _), text) in kept.into_iter().zip(before).filter(|((_, stays), _)| *stays) {
                if resource.text(keys) != text {
                    resource.rename(keys, Cow::Owned(text));
                }
            }
        }
        Err(reason) => {
            let reason = format!("the patch {} cannot be merged into it: {reason}", from.path);
            let held = HeldByKustomize { reason, path: from.path.to_owned(), line: object.line, annotates: false };
            resource.held.get_or_insert(held);
        }
    }
    true
}

pub(super) fn affix(resources: &mut [Resource<'_>], of: impl Fn(&str) -> String) {
    for resource in resources.iter_mut().filter(|resource| resource.takes_affixes()) {
        resource.remember();
        let name = of(resource.name());
        resource.rename(&["metadata", "name"], Cow::Owned(name));
    }
}

/// Gives every resource a label or an annotation.
pub(super) fn annotate<'f>(resources: &mut [Resource<'f>], map: &'f str, path: &'f str, key: &'f str, text: &'f Words) {
    let from = Source { path, place: Place::Container };
    for resource in resources {
        resource.live.entry("metadata").entry(map).set(key, Live::Text(Leaf::new(text, from)));
    }
}
