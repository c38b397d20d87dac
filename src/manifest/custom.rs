//! Images of objects that nobody described: texts under keys that say `image`, with a tag or digest.

use super::{
    Place,
    place::{ImageField, Parts},
    shape::{Found, Path, Taken, apart, chart_shape, field, reader, walk},
    yaml::{Kind, Tree},
};

/// Whether a key, or the name of a variable, says that its value is an image.
fn says_image(key: &str) -> bool {
    matches!(key, "image" | "imageName") || key.ends_with("Image") || key.ends_with("_IMAGE")
}

/// Every image below a node that was not read already.
pub(super) fn custom(tree: &Tree<'_>, node: usize, path: &Path, place: Place, taken: &mut Taken) -> Vec<Found> {
    if !may_hold_more(tree, node, taken) {
        return vec![];
    }
    let mut found = vec![];
    walk(tree, node, &mut path.clone(), &mut |mapping, path| {
        for (key, value) in tree.merged_entries(mapping) {
            let Some((key, _)) = tree.scalar(key) else {
                continue;
            };
            let nodes = match tree.kind(value) {
                Kind::Scalar(_) if key == "value" && names_image(tree, mapping) => Some([Some(value), None, None, None]),
                Kind::Scalar(_) if key == "image" => whole_or_apart(tree, mapping, value),
                Kind::Scalar(_) if says_image(key) => Some([Some(value), None, None, None]),
                Kind::Mapping if says_image(key) => chart_shape(tree, mapping, value).filter(|nodes| nodes[0].is_some()),
                _ => None,
            };
            let Some(nodes) = nodes.filter(|nodes| !nodes.iter().flatten().any(|node| taken.contains(&tree.target(*node)))) else {
                continue;
            };
            let image = apart(tree, nodes, place, reader(tree, mapping, key));
            if has_version(&image) {
                found.push((nodes, Found { path: path.with_key(key), image }));
            }
        }
    });
    taken.extend(found.iter().flat_map(|(nodes, _)| nodes.iter().flatten().map(|node| tree.target(*node))));
    found.into_iter().map(|(_, found)| found).collect()
}

/// An image with its version in it, else with what stands beside it.
fn whole_or_apart(tree: &Tree<'_>, mapping: usize, value: usize) -> Option<[Option<usize>; 4]> {
    let whole = [Some(value), None, None, None];
    if has_version(&field(tree, value, Place::Custom)) { Some(whole) } else { chart_shape(tree, mapping, value) }
}

fn has_version(image: &ImageField) -> bool {
    let ImageField::Written(parts) = image else {
        return false;
    };
    let is_named = !matches!(parts, Parts::Apart(parts) if parts.name.is_none());
    is_named && parts.reference(None).is_ok_and(|reference| reference.tag.is_some() || reference.digest.is_some())
}

fn names_image(tree: &Tree<'_>, mapping: usize) -> bool {
    tree.get(mapping, "name").and_then(|name| tree.text(name)).is_some_and(says_image)
}

/// A look at every text of an object, for most hold nothing more.
fn may_hold_more(tree: &Tree<'_>, node: usize, taken: &Taken) -> bool {
    let is_open = |at: usize| {
        let says = tree.scalar(at).is_some_and(|(text, _)| says_image(text));
        // A key's value is the node behind it.
        says && !taken.contains(&(at + 1))
    };
    tree.has_aliases() || tree.inside(node).any(is_open)
}

#[cfg(test)]
mod tests {
    use crate::manifest::place::tests::shown;

    fn custom(spec: &str) -> Vec<String> {
        shown("a.yaml", &format!("apiVersion: acme.io/v1\nkind: Thing\nmetadata: {{name: a}}\nspec: {{{spec}}}\n"))
    }

    #[test]
    fn keys_that_say_image_hold_one() {
        for (word, spec, expected) in [
            ("image", "image: 'a/b:1'", vec!["spec.image a/b:1"]),
            ("imageName", "imageName: 'a/b:1'", vec!["spec.imageName a/b:1"]),
            ("ends in Image", "baseImage: 'a/b:1'", vec!["spec.baseImage a/b:1"]),
            ("ends in _IMAGE", "SIDE_IMAGE: 'a/b:1'", vec!["spec.SIDE_IMAGE a/b:1"]),
            ("any depth", "x: [{y: {image: 'a/b:1'}}]", vec!["spec.x.0.y.image a/b:1"]),
            ("variable", "env: [{name: SIDE_IMAGE, value: 'a/b:1'}]", vec!["spec.env.0.value a/b:1"]),
            ("variable called image", "env: [{value: 'a/b:1', name: image}]", vec!["spec.env.0.value a/b:1"]),
            ("tag beside", "image: a/b, tag: v1", vec!["spec.image a/b:v1"]),
            ("whole with a tag of something else", "image: 'a/b:1', tag: v1", vec!["spec.image a/b:1"]),
            ("repository and tag", "image: {repository: a/b, tag: v1}", vec!["spec.image a/b:v1"]),
            ("other mapping", "sideImage: {repository: a/b, tag: v1}", vec!["spec.sideImage a/b:v1"]),
            ("no version", "image: a/b", vec![]),
            ("no reference", "image: 'https://x.io/a.png'", vec![]),
            ("template", "image: '$(IMAGE):1'", vec![]),
            ("another key", "imagePullPolicy: 'a:1', images: 'a:1', myimage: 'a:1', SIDE_IMAGES: 'a:1'", vec![]),
            ("another variable", "env: [{name: SIDE, value: 'a:1'}, {name: SIDE_IMAGE, other: 'a:1'}]", vec![]),
            ("several lines", "image: 'a\n  :1'", vec![]),
            ("alias", "image: &i 'a:1', sideImage: *i", vec!["spec.image a:1", "spec.sideImage a:1"]),
        ] {
            assert_eq!(custom(spec), expected.into_iter().map(|one| format!("Custom {one}")).collect::<Vec<_>>(), "{word}");
        }
    }

    #[test]
    fn what_was_read_already_is_not_read_twice() {
        let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {name: c, image: 'a:1', env: [{name: SIDE_IMAGE, value: 'b:1'}]}\n  volumes: [{name: v, image: {reference: 'd:1'}}]\n";
        assert_eq!(shown("a.yaml", text), ["Container c a:1", "Container v d:1", "Custom spec.containers.0.env.0.value b:1"]);
    }
}
