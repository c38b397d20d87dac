//! Images in the values of Helm releases, in values files, and in what Argo CD's applications say about their sources.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Container, Place, Role,
    custom::custom,
    kustomize::images,
    place::{ImageField, Parts},
    shape::{self, Found, Path, Step, Taken},
    workload::named,
    yaml::{Kind, Tree},
};
use crate::policy::annotation::Annotation;

/// The alias of an image at the top of a release's values.
const TOP: &str = "chart-image";

/// The images of a `HelmRelease`; those that only an annotation can give a repository, and those of other shapes, take part where one names them.
pub(super) fn release(tree: &Tree<'_>, object: usize, annotations: &[Annotation], taken: &mut Taken) -> Vec<Container> {
    let Some(values) = tree.path(object, &["spec", "values"]) else {
        return vec![];
    };
    let mut containers = mapped(tree, values, annotations, taken);
    let found = shape::images(tree, values, &Path::default(), taken);
    let mut count: BTreeMap<String, usize> = containers.iter().map(|container| (container.name.clone(), 1)).collect();
    for alias in found.iter().map(alias) {
        *count.entry(alias).or_default() += 1;
    }
    for found in found {
        let short = alias(&found);
        let name = if count[&short] == 1 || short == TOP { short } else { above(&found) };
        let role = if names_itself(&found.image) { Role::Container } else { Role::Named };
        containers.push(Container { name, role, place: Place::HelmValue, image: found.image, policy: None });
    }
    let others = custom(tree, values, &Path::default(), Place::HelmValue, taken);
    containers.extend(others.into_iter().map(|found| named(found, Place::HelmValue)));
    containers
}

/// Whether a `HelmRelease` is one of those whose annotations Flux v1 or Flux v2's users write.
pub(super) fn is_release(api_version: &str, kind: &str) -> bool {
    let group = api_version.split('/').next().unwrap_or_default();
    kind == "HelmRelease" && matches!(group, "helm.fluxcd.io" | "flux.weave.works" | "helm.toolkit.fluxcd.io")
}

/// The images of a values file.
pub(super) fn values(tree: &Tree<'_>, root: usize) -> Vec<Found> {
    let mut taken = Taken::new();
    let mut found = shape::images(tree, root, &Path::default(), &mut taken);
    found.extend(custom(tree, root, &Path::default(), Place::HelmValue, &mut taken));
    found
}

/// The images in the sources of an Argo CD `Application`, or of what an `ApplicationSet` makes.
pub(super) fn application(tree: &Tree<'_>, object: usize, kind: &str, taken: &mut Taken) -> Vec<Container> {
    let top: &[&str] = if kind == "ApplicationSet" { &["spec", "template", "spec"] } else { &["spec"] };
    let Some(spec) = tree.path(object, top) else {
        return vec![];
    };
    let mut sources: Vec<(usize, Path)> = tree.get(spec, "source").map(|source| (source, Path::of(top).with_key("source"))).into_iter().collect();
    for (index, source) in tree.get(spec, "sources").into_iter().flat_map(|list| tree.items(list)).enumerate() {
        let mut path = Path::of(top).with_key("sources");
        path.0.push(Step::Index(index));
        sources.push((source, path));
    }
    let (mut found, mut overrides) = (vec![], vec![]);
    for (source, path) in sources {
        let helm = path.with_key("helm");
        if let Some(values) = tree.path(source, &["helm", "valuesObject"]) {
            let path = helm.with_key("valuesObject");
            found.extend(shape::images(tree, values, &path, taken));
            found.extend(custom(tree, values, &path, Place::HelmValue, taken));
        }
        if let Some(list) = tree.path(source, &["helm", "parameters"]) {
            found.extend(parameters(tree, list, &helm.with_key("parameters"), taken));
        }
        if let Some(list) = tree.path(source, &["kustomize", "images"]) {
            overrides.extend(images::overrides(tree, list, &path.with_key("kustomize").with_key("images"), taken));
        }
    }
    let overrides = overrides.into_iter().map(|found| named(found, Place::KustomizeImage));
    found.into_iter().map(|found| named(found, Place::HelmValue)).chain(overrides).collect()
}

/// The key above, the dotted path where that is an element of a list.
fn alias(found: &Found) -> String {
    match found.path.0.iter().rev().nth(1) {
        None => TOP.to_owned(),
        Some(Step::Key(key)) => key.clone(),
        Some(Step::Index(_)) => above(found),
    }
}

/// The dotted path of what holds the image.
fn above(found: &Found) -> String {
    let steps = &found.path.0;
    Path(steps[..steps.len() - 1].to_vec()).to_string()
}

fn names_itself(image: &ImageField) -> bool {
    !matches!(image, ImageField::Written(Parts::Apart(parts)) if parts.name.is_none())
}

/// The images whose parts annotations name by their paths.
fn mapped(tree: &Tree<'_>, values: usize, annotations: &[Annotation], taken: &mut Taken) -> Vec<Container> {
    let find = |part: &str, alias: &str| {
        let group = |group: &str| annotations.iter().find(|annotation| annotation.key == format!("{part}.{group}/{alias}"));
        group("fluxcd.io").or_else(|| group("flux.weave.works"))
    };
    let parts = ["repository", "registry", "tag"];
    let aliases = annotations.iter().filter_map(|annotation| {
        let (prefix, alias) = annotation.key.split_once('/')?;
        let (part, group) = prefix.split_once('.')?;
        (parts.contains(&part) && matches!(group, "fluxcd.io" | "flux.weave.works")).then_some(alias)
    });
    let mut containers = vec![];
    for alias in aliases.collect::<BTreeSet<_>>() {
        let mut nodes = parts.map(|_| None);
        let mut missing = None;
        for (node, part) in nodes.iter_mut().zip(parts) {
            if let Some(annotation) = find(part, alias) {
                *node = shape::select(tree, values, &annotation.value).first().copied().filter(|node| matches!(tree.kind(*node), Kind::Scalar(_)));
                if node.is_none() && missing.is_none() {
                    missing = Some(annotation);
                }
            }
        }
        let [name, registry, tag] = nodes;
        taken.extend(nodes.iter().flatten().map(|node| tree.target(*node)));
        let image = match missing {
            None => shape::apart(tree, [name, registry, tag, None], Place::HelmValue),
            Some(Annotation { key, value, line, .. }) => {
                ImageField::Unsupported { line: *line, reason: format!("`{key}` names `{value}`, where spec.values holds no text") }
            }
        };
        containers.push(Container { name: alias.to_owned(), role: Role::Container, place: Place::HelmValue, image, policy: None });
    }
    containers
}

/// Parameters are values with their dotted paths for names.
fn parameters(tree: &Tree<'_>, list: usize, path: &Path, taken: &mut Taken) -> Vec<Found> {
    let named = tree.items(list).filter_map(|item| {
        let value = tree.get(item, "value").filter(|value| tree.scalar(*value).is_some())?;
        Some((tree.get(item, "name").and_then(|name| tree.text(name))?, value))
    });
    let named: BTreeMap<&str, usize> = named.collect();
    let images: BTreeSet<&str> = named.keys().filter_map(|name| image_of(name)).collect();
    let mut found = vec![];
    for image in images {
        let below = |key: &str| named.get(format!("{image}.{key}").as_str()).copied();
        let beside = |key: &str| named.get(format!("{}{key}", &image[..image.len() - "image".len()]).as_str()).copied();
        let nodes = match named.get(image).copied() {
            Some(name) => [Some(name), beside("registry"), beside("tag"), beside("digest")],
            None => [below("repository"), below("registry"), below("tag"), below("digest")],
        };
        let nodes = nodes.map(|node| node.filter(|node| tree.text(*node).is_some_and(|text| !text.is_empty())));
        if nodes[0].is_some() || nodes[2].is_some() {
            taken.extend(nodes.iter().flatten().map(|node| tree.target(*node)));
            found.push(Found { path: path.with_key(image), image: shape::apart(tree, nodes, Place::HelmValue) });
        }
    }
    found
}

/// The image that a parameter belongs to: `a.image` of `a.image`, `a.image.tag`.
fn image_of(name: &str) -> Option<&str> {
    let image = ["repository", "registry", "tag", "digest"].iter().find_map(|key| name.strip_suffix(key)?.strip_suffix('.')).unwrap_or(name);
    (image == "image" || image.ends_with(".image")).then_some(image)
}
