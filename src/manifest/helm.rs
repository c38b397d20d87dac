//! Images in the values of Helm releases, in values files, and in what Argo CD's applications say about their sources.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Container, Place, Role,
    custom::custom,
    kustomize::images,
    place::{ImageField, Parts, Reader},
    shape::{self, Found, Path, Step, Taken},
    workload::named,
    yaml::{self, Kind, Tree},
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
        sources.push((source, Path::of(top).with_key("sources").with_index(index)));
    }
    let (mut found, mut overrides) = (vec![], vec![]);
    for (source, path) in sources {
        let helm = path.with_key("helm");
        if let Some(values) = tree.path(source, &["helm", "valuesObject"]) {
            let path = helm.with_key("valuesObject");
            found.extend(shape::images(tree, values, &path, taken));
            found.extend(custom(tree, values, &path, Place::HelmValue, taken));
        }
        if let Some(text) = tree.path(source, &["helm", "values"]) {
            found.extend(in_text(tree, text, &helm.with_key("values")));
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

/// The images of values that are written as the text of one scalar.
fn in_text(tree: &Tree<'_>, node: usize, path: &Path) -> Vec<Found> {
    let Some(values) = tree.scalar(node).and_then(|(text, _)| yaml::read(text).ok()) else { return vec![] };
    let Some(&root) = values.roots().first() else { return vec![] };
    let mut taken = Taken::new();
    let mut found = shape::images(&values, root, path, &mut taken);
    found.extend(custom(&values, root, path, Place::HelmValue, &mut taken));
    found.into_iter().map(|found| Found { image: found.image.within(tree, node), ..found }).collect()
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
            None => shape::apart(tree, [name, registry, tag, None], Place::HelmValue, Reader::ChartAsItIs),
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
            let path = image.split('.').fold(path.clone(), |path, key| path.with_key(key));
            found.push(Found { path, image: shape::apart(tree, nodes, Place::HelmValue, Reader::ChartAsItIs) });
        }
    }
    found
}

/// The image that a parameter belongs to: `a.image` of `a.image`, `a.image.tag`.
fn image_of(name: &str) -> Option<&str> {
    let image = ["repository", "registry", "tag", "digest"].iter().find_map(|key| name.strip_suffix(key)?.strip_suffix('.')).unwrap_or(name);
    (image.rsplit('.').next() == Some("image")).then_some(image)
}

#[cfg(test)]
mod tests {
    use crate::manifest::{place::tests::shown, read};

    fn release(annotations: &str, values: &str) -> String {
        format!(
            "apiVersion: helm.fluxcd.io/v1\nkind: HelmRelease\nmetadata: {{name: a, annotations: {{{annotations}}}}}\nspec: {{values: {{{values}}}}}\n"
        )
    }

    fn aliases(values: &str) -> Vec<String> {
        shown("a.yaml", &release("", values))
    }

    #[test]
    fn every_shape_of_an_image_is_read() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (word, values, reference) in [
            ("whole", "image: 'a/b:1'", "a/b:1"),
            ("without a tag", "image: a/b", "a/b"),
            ("tag beside", "image: a/b, tag: v1", "a/b:v1"),
            ("registry beside", "registry: quay.io, image: 'a/b:1'", "quay.io/a/b:1"),
            ("registry and tag beside", "registry: quay.io, image: a/b, tag: v1", "quay.io/a/b:v1"),
            ("repository", "image: {repository: 'a/b:1'}", "a/b:1"),
            ("repository and tag", "image: {repository: a/b, tag: v1}", "a/b:v1"),
            ("registry and repository", "image: {registry: quay.io, repository: 'a/b:1'}", "quay.io/a/b:1"),
            ("all three", "image: {registry: quay.io, repository: a/b, tag: v1}", "quay.io/a/b:v1"),
            ("number", "image: {repository: a/b, tag: 1.10}", "a/b:1.10"),
            ("octal", "image: {repository: a/b, tag: 010}", "a/b:010"),
            ("digest", &format!("image: {{repository: a/b, digest: '{digest}'}}"), &format!("a/b@{digest}")),
            ("tag and digest", &format!("image: {{repository: a/b, tag: v1, digest: '{digest}'}}"), &format!("a/b:v1@{digest}")),
            ("digest behind the tag", &format!("image: {{repository: a/b, tag: 'v1@{digest}'}}"), &format!("a/b:v1@{digest}")),
            ("empty neighbours", "image: {registry: '', repository: a/b, tag: v1, digest: ''}", "a/b:v1"),
            ("nulls", "image: {registry: null, repository: a/b, tag: v1, digest: ~}", "a/b:v1"),
            ("port", "image: {registry: 'localhost:5000', repository: b, tag: v1}", "localhost:5000/b:v1"),
            ("tag alone", "image: {tag: v2.15.2}", "!no repository is written beside the tag"),
        ] {
            assert_eq!(aliases(values), [format!("HelmValue chart-image {reference}")], "{word}");
        }
    }

    #[test]
    fn what_is_no_image_is_none() {
        for (word, values) in [
            ("empty", "image: ''"),
            ("null", "image: ~"),
            ("switch", "image: true"),
            ("empty mapping", "image: {}"),
            ("other keys", "image: {pullPolicy: Always, pullSecrets: []}"),
            ("list", "image: [a, b]"),
            ("empty repository and no tag", "image: {repository: ''}"),
            ("another key", "picture: 'a/b:1'"),
            ("tag without an image", "tag: v1"),
        ] {
            assert_eq!(aliases(values), [""; 0], "{word}");
        }
    }

    #[test]
    fn the_alias_is_the_key_above_or_the_path_on_a_clash() {
        for (word, values, expected) in [
            ("one deep", "web: {image: 'a:1'}", vec!["web a:1"]),
            ("deep", "x: {y: {web: {image: {repository: a, tag: '1'}}}}", vec!["web a:1"]),
            ("top and below", "image: 'a:1', web: {image: 'b:1'}", vec!["chart-image a:1", "web b:1"]),
            ("clash", "x: {web: {image: 'a:1'}}, y: {web: {image: 'b:1'}}", vec!["x.web a:1", "y.web b:1"]),
            ("clash with the top level", "web: {image: 'a:1', x: {web: {image: 'b:1'}}}", vec!["web a:1", "web.x.web b:1"]),
            ("dot in a key", "x: {we.b: {image: 'a:1'}}, y: {we.b: {image: 'b:1'}}", vec!["x.we\\.b a:1", "y.we\\.b b:1"]),
            ("list", "more: [{image: 'a:1'}, {image: 'b:1'}]", vec!["more.0 a:1", "more.1 b:1"]),
            ("other key", "web: {sideImage: 'a:1', busyboxImage: {repository: b, tag: '1'}}", vec!["web.sideImage a:1", "web.busyboxImage b:1"]),
            ("variable", "env: [{name: SIDE_IMAGE, value: 'a:1'}]", vec!["env.0.value a:1"]),
        ] {
            assert_eq!(aliases(values), expected.into_iter().map(|one| format!("HelmValue {one}")).collect::<Vec<_>>(), "{word}");
        }
    }

    #[test]
    fn annotations_name_the_paths_of_an_image() {
        for (word, annotations, values, expected) in [
            ("repository and tag", "repository.fluxcd.io/x: my.repo, tag.fluxcd.io/x: my.version", "my: {repo: a/b, version: v1}", "x a/b:v1"),
            ("all three", "registry.fluxcd.io/x: r, repository.fluxcd.io/x: n, tag.fluxcd.io/x: t", "r: quay.io, n: a/b, t: v1", "x quay.io/a/b:v1"),
            ("legacy", "repository.flux.weave.works/x: n, tag.flux.weave.works/x: t", "n: a/b, t: v1", "x a/b:v1"),
            ("whole", "repository.fluxcd.io/x: n", "n: 'a/b:1'", "x a/b:1"),
            ("dot in a key", "repository.fluxcd.io/x: a\\.b.c", "a.b: {c: 'a/b:1'}", "x a/b:1"),
            ("list index", "repository.fluxcd.io/x: l.1.n", "l: [{n: 'q:1'}, {n: 'a/b:1'}]", "x a/b:1"),
            ("what is mapped is read once", "repository.fluxcd.io/x: web.image", "web: {image: 'a/b:1'}", "x a/b:1"),
            ("tag alone", "tag.fluxcd.io/x: t", "t: v1", "x !no repository is written beside the tag"),
            ("missing", "repository.fluxcd.io/x: n", "m: 'a/b:1'", "x !`repository.fluxcd.io/x` names `n`, where spec.values holds no text"),
        ] {
            assert_eq!(shown("a.yaml", &release(annotations, values)), [format!("HelmValue {expected}")], "{word}");
        }
    }

    #[test]
    fn releases_of_every_group_are_read() {
        for (version, places) in [
            ("helm.fluxcd.io/v1", 1),
            ("flux.weave.works/v1beta1", 1),
            ("helm.toolkit.fluxcd.io/v2", 1),
            ("helm.toolkit.fluxcd.io/v2beta1", 1),
            ("helm.example.com/v1", 0),
        ] {
            let text = release("", "image: {repository: a, tag: v1}").replace("helm.fluxcd.io/v1", version);
            let named = shown("a.yaml", &text).into_iter().filter(|place| place.starts_with("HelmValue chart-image"));
            assert_eq!(named.count(), places, "{version}");
        }
        for values in ["null", "{}", "[]", "3"] {
            let text = format!("apiVersion: helm.fluxcd.io/v1\nkind: HelmRelease\nspec: {{values: {values}}}\n");
            assert_eq!(shown("a.yaml", &text), [""; 0], "{values}");
        }
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let text = "x: &common {image: {repository: a/b, tag: &v v1}}\nweb: {<<: *common}\nside: {image: {repository: c, tag: *v}}\n";
        let images = ["HelmValue x.image a/b:v1", "HelmValue web.image a/b:v1", "HelmValue side.image c:v1"];
        assert_eq!(shown("values.yaml", text), images);
        assert_eq!(shown("a.yaml", "web: &w {image: 'a:1'}\nside: *w\n"), ["HelmValue web.image a:1", "HelmValue side.image a:1"]);
    }

    #[test]
    fn values_files_are_mappings_that_are_no_objects() {
        for (word, path, text, places) in [
            ("values", "chart/values.yaml", "image: {repository: a, tag: v1}", 1),
            ("any name", "x.yaml", "web: {image: 'a:1'}", 1),
            ("a kind alone is a value", "values.yaml", "kind: DaemonSet\nimage: 'a:1'", 1),
            ("two documents", "x.yaml", "image: 'a:1'\n---\nimage: 'b:1'", 2),
            ("chart", "Chart.yaml", "apiVersion: v2\nname: a\nimage: 'a:1'", 0),
            ("configuration", "tagalong.yaml", "image: 'a:1' # tagalong: semver:*", 0),
            ("flux file", ".flux.yaml", "version: 1\nimage: 'a:1'", 0),
            ("list", "x.yaml", "- image: 'a:1'", 0),
            ("kustomization", "kustomization.yaml", "image: 'a:1'", 0),
            ("compose", "compose.yaml", "image: 'a:1'", 0),
        ] {
            assert_eq!(shown(path, text).len(), places, "{word}");
        }
    }

    #[test]
    fn values_in_a_text_of_an_application_hold_images() {
        let with = |values: &str| {
            format!(
                "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a}}\nspec:\n  source:\n    helm:\n      values: {values}\n  project: x\n"
            )
        };
        let inside =
            "web:\n  image: 'a:1' # ours\nside:\n  image:\n    repository: b\n    tag: v2\nimage: {registry: quay.io, repository: c, tag: 3.0}\n";
        let block = |header: &str, text: &str| with(&format!("{header}\n        {}", text.replace('\n', "\n        ").trim_end()));
        let at = |path: &str| format!("HelmValue spec.source.helm.values.{path}");
        let found = [at("web.image a:1"), at("side.image b:v2"), at("image quay.io/c:3.0")];
        let sorted = |text: &str| {
            let mut shown = shown("a.yaml", text);
            shown.sort();
            shown
        };
        let mut expected = found.to_vec();
        expected.sort();
        for (word, text) in [("kept", block("|", inside)), ("stripped", block("|-", inside)), ("CRLF", block("|", inside).replace('\n', "\r\n"))] {
            assert_eq!(sorted(&text), expected, "{word}");
            for (to, from, into) in [
                ("a:2", "image: 'a:1' # ours", "image: 'a:2' # ours"),
                ("b:1.10", "tag: v2", "tag: \"1.10\""),
                ("quay.io/c:3.1", "tag: 3.0}", "tag: \"3.1\"}"),
            ] {
                assert_eq!(set(&text, to), text.replace(from, into), "{word}: {to}");
            }
        }
        for (word, text, reason) in [
            ("folded", with(">-\n        image: a:1\n"), "it stands in a text that is not written as it is read"),
            ("quoted", with("\"image: a:1\""), "it stands in a text that is not written as it is read"),
            ("no tag", block("|", "image: {repository: a}\n"), "no tag is written there, and none can be added inside a text"),
            ("text in a text", block("|", "image: |-\n  a:1\n"), "it is a text inside a text"),
        ] {
            assert_eq!(shown("a.yaml", &text), [at(&format!("image !{reason}"))], "{word}");
        }
        for (word, text) in [("no YAML", block("|", "image: @\n")), ("nothing", with("''")), ("a list", with("[]")), ("template", with("'{{ x }}'"))]
        {
            assert_eq!(shown("a.yaml", &text), [""; 0], "{word}");
        }
    }

    /// The file after its image of this name holds `to`.
    fn set(text: &str, to: &str) -> String {
        let file = crate::manifest::read("a.yaml", text.as_bytes(), &[]).expect(text);
        let to = crate::image::Reference::parse(to).expect("a reference");
        let is_it = |parts: &&crate::manifest::Parts| parts.reference(None).is_ok_and(|now| now.name == to.name);
        let changes = file.images().filter_map(|place| place.image.parts()).find(is_it).expect("the image").write(&to).expect("it can be written");
        String::from_utf8(crate::manifest::splice::change("a.yaml", text.as_bytes(), &changes).expect("it can be made")).expect("text")
    }

    #[test]
    fn sources_of_applications_hold_images() {
        let text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  source:\n    helm:\n      valuesObject: {web: {image: 'a:1'}}\n      parameters:\n      - {name: image.repository, value: b}\n      - {name: image.tag, value: '2'}\n      - {name: side.image, value: 'c:3'}\n      - {name: other, value: 'd:4'}\n  sources:\n  - kustomize: {images: ['x=e:5', f@sha256:bbb, 'g:6']}\n";
        assert_eq!(
            shown("a.yaml", text),
            [
                "HelmValue spec.source.helm.valuesObject.web.image a:1",
                "HelmValue spec.source.helm.parameters.image b:2",
                "HelmValue spec.source.helm.parameters.side.image c:3",
                "KustomizeImage spec.sources.0.kustomize.images.0 e:5",
                "KustomizeImage spec.sources.0.kustomize.images.1 !cannot read `f@sha256:bbb` as an image reference: a sha256 digest has 64 digits, this one 3, at character 13",
                "KustomizeImage spec.sources.0.kustomize.images.2 g:6",
            ]
        );
    }

    #[test]
    fn deep_and_repeated_values_end_early() {
        let deep = (0..190).fold("image: 'a:1'".to_owned(), |inner, _| format!("x: {{{inner}}}"));
        assert_eq!(shown("values.yaml", &deep).len(), 1);
        let level = |level: usize| format!("a{}: &a{} {{x: *a{level}, y: *a{level}}}\n", level + 1, level + 1);
        let many = format!("a0: &a0 {{image: 'a:1'}}\n{}", (0..12).map(level).collect::<Vec<_>>().concat());
        assert_eq!(shown("values.yaml", &many).len(), (1 << 13) - 1);
        let chain = (0..3_000).map(|level| format!("c{}: &c{} {{x: *c{level}}}\n", level + 1, level + 1)).collect::<Vec<_>>().concat();
        let fault = read("values.yaml", format!("c0: &c0 {{image: 'a:1'}}\n{chain}").as_bytes(), &[]).expect_err("too much");
        assert!(fault.reason.starts_with("its aliases repeat more than"), "{fault}");
    }
}
