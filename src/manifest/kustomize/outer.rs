//! Layers around kustomizations that other tools' objects add: Flux's `Kustomization`, Argo CD's `Application`.

use serde::{Deserialize, Serialize};

use super::{
    Kustomization, Obstacle,
    entry::{Entry, split},
    patch::{Form, patches},
    read::{entries, links, pairs},
    value::Words,
};
use crate::manifest::{
    ImageField, Node, Part, Parts, Place, Site,
    yaml::{Kind, Tree},
};

/// An object that deploys a folder, with what it adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) struct Outer {
    /// The folder, as the object writes it.
    pub(super) folder: String,
    pub(super) tool: Tool,
    pub(super) says: Kustomization,
    pub(super) node: Node,
}

/// Whose object it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manifest) enum Tool {
    Flux,
    Argo,
}

/// Every such object of a file.
pub(in crate::manifest) fn outers(tree: &Tree<'_>) -> Vec<Outer> {
    let mut found = vec![];
    for &root in tree.roots() {
        let text = |key: &str| tree.get(root, key).and_then(|value| tree.text(value)).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        if api_version.starts_with("kustomize.toolkit.fluxcd.io/") && kind == "Kustomization" {
            found.extend(flux(tree, root));
        } else if api_version.starts_with("argoproj.io/") && kind == "Application" {
            found.extend(argo(tree, root));
        }
    }
    found
}

fn flux(tree: &Tree<'_>, object: usize) -> Option<Outer> {
    let spec = tree.get(object, "spec")?;
    let text = |key: &str| tree.get(spec, key).and_then(|value| tree.text(value)).filter(|text| !text.is_empty());
    let node = |key: &str| tree.get(spec, key);
    let mut says = Kustomization { line: tree.line(object), namespace: text("targetNamespace").map(Into::into), ..Kustomization::default() };
    (says.prefix, says.suffix) = (text("namePrefix").map(Into::into), text("nameSuffix").map(Into::into));
    if let Some(list) = node("images") {
        says.images = entries(tree, list, &mut says.refusals);
    }
    if let Some(list) = node("components") {
        says.components = links(tree, list, &mut says.refusals);
    }
    says.patches = node("patches").map(|list| patches(tree, list, Form::Any)).unwrap_or_default();
    for key in ["patchesStrategicMerge", "patchesJson6902"] {
        if let Some((key, list)) = tree.get_entry(spec, key).filter(|(_, list)| tree.items(*list).next().is_some()) {
            let name = tree.scalar(key).map_or_else(String::new, |(name, _)| name.to_owned());
            says.obstacles.push(Obstacle { key: name, line: tree.line(list) });
        }
    }
    let common = |key: &str| tree.path(spec, &["commonMetadata", key]).map(|node| pairs(tree, node)).unwrap_or_default();
    (says.labels, says.annotations) = (common("labels"), common("annotations"));
    let folder = text("path").unwrap_or("./").to_owned();
    Some(Outer { folder, tool: Tool::Flux, says, node: Node::of(tree, object) })
}

fn argo(tree: &Tree<'_>, object: usize) -> Vec<Outer> {
    let Some(spec) = tree.get(object, "spec") else { return vec![] };
    let several = tree.get(spec, "sources").map(|list| tree.items(list).collect()).unwrap_or_default();
    let sources: Vec<usize> = tree.get(spec, "source").into_iter().chain::<Vec<usize>>(several).collect();
    let outer = |source: usize| {
        let folder = tree.get(source, "path").and_then(|path| tree.text(path))?.to_owned();
        let mut says = Kustomization { line: tree.line(object), ..Kustomization::default() };
        if let Some(options) = tree.get(source, "kustomize").filter(|node| tree.kind(*node) == Kind::Mapping) {
            let text = |key: &str| tree.get(options, key).and_then(|value| tree.text(value)).filter(|text| !text.is_empty()).map(Into::into);
            (says.namespace, says.prefix, says.suffix) = (text("namespace"), text("namePrefix"), text("nameSuffix"));
            let list = |key: &str| tree.get(options, key);
            says.images = list("images").map(|list| tree.items(list).filter_map(|item| image(tree, item)).collect()).unwrap_or_default();
            says.patches = list("patches").map(|list| patches(tree, list, Form::Any)).unwrap_or_default();
            if let Some(list) = list("components") {
                says.components = links(tree, list, &mut says.refusals);
            }
            says.labels = list("commonLabels").map(|node| pairs(tree, node)).unwrap_or_default();
            says.annotations = list("commonAnnotations").map(|node| pairs(tree, node)).unwrap_or_default();
        }
        Some(Outer { folder, tool: Tool::Argo, says, node: Node::of(tree, object) })
    };
    sources.into_iter().filter_map(outer).collect()
}

/// `name=new:tag` or `name:tag`, as `kustomize edit set image` takes them.
fn image(tree: &Tree<'_>, item: usize) -> Option<Entry> {
    let text = tree.text(item)?;
    let (name, image) = text.split_once('=').unwrap_or(("", text));
    let (new_name, tag, digest) = split(image);
    let said = |text: &str| {
        let line = tree.line(item);
        (!text.is_empty()).then(|| Box::new(Words { text: text.into(), line, quoting: crate::policy::annotation::Quoting::Text, image: None }))
    };
    let renamed = (!name.is_empty()).then(|| said(new_name)).flatten();
    let site = Site::at(tree, item, Place::KustomizeImage);
    let start = text.len() - image.len();
    let written = match site {
        Ok(site) => ImageField::Written(Parts::Whole(Part::inside(site, start..text.len()))),
        Err(reason) => ImageField::Unsupported { line: tree.line(item), reason },
    };
    Some(Entry {
        line: tree.line(item),
        name: if name.is_empty() { new_name } else { name }.into(),
        new_name: renamed,
        new_tag: said(tag),
        digest: said(digest),
        suffix: None,
        image: written,
        node: Some(Node::of(tree, item)),
    })
}
