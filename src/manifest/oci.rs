//! Flux's `OCIRepository`: a name in `spec.url`, a tag and a digest in `spec.ref`.

use super::{
    Container, Node, Place, Role, Site,
    place::{Apart, Part, Reader},
    shape::{Taken, part, written},
    yaml::Tree,
};

/// The alias of the one thing that it names.
const ALIAS: &str = "artifact";

pub(super) fn is_repository(api_version: &str, kind: &str) -> bool {
    kind == "OCIRepository" && api_version.starts_with("source.toolkit.fluxcd.io/")
}

/// What an `OCIRepository` names, where its URL is one.
pub(super) fn artifact(tree: &Tree<'_>, object: usize, taken: &mut Taken) -> Option<Container> {
    let spec = tree.get(object, "spec")?;
    let url = tree.get(spec, "url")?;
    let scheme = "oci://".len();
    tree.text(url).filter(|text| text.starts_with("oci://"))?;
    let [tag, digest, range] = ["tag", "digest", "semver"].map(|key| tree.path(spec, &["ref", key]));
    taken.extend([Some(url), tag, digest].into_iter().flatten().map(|node| tree.target(node)));
    let image = written(|| {
        let site = Site::at(tree, url, Place::OciRepository).map_err(|reason| (tree.line(tree.target(url)), reason))?;
        let end = site.text.len();
        if let Some(range) = range.filter(|range| tree.text(*range).is_some_and(|text| !text.is_empty())) {
            return Err((tree.line(range), "`spec.ref.semver` lets Flux choose the tag".to_owned()));
        }
        Ok(Apart {
            name: Some(Part::inside(site, scheme..end)),
            registry: None,
            tag: part(tree, tag, Place::OciRepository)?,
            digest: part(tree, digest, Place::OciRepository)?,
            known: None,
            reader: Reader::Flux(Node::of(tree, spec)),
        })
    });
    Some(Container { name: ALIAS.to_owned(), role: Role::Container, place: Place::OciRepository, image, policy: None })
}

#[cfg(test)]
mod tests {
    use crate::manifest::{ImageField, read};

    fn object(spec: &str) -> String {
        format!("apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: a, namespace: flux-system}}\nspec: {spec}\n")
    }

    #[test]
    fn the_url_and_the_reference_are_one_image() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (word, spec, reference) in [
            ("tag", "{url: oci://ghcr.io/acme/app, ref: {tag: 1.10}}".to_owned(), Ok("ghcr.io/acme/app:1.10".to_owned())),
            ("quoted", "{url: 'oci://ghcr.io:443/acme/app', ref: {tag: 'v1'}}".to_owned(), Ok("ghcr.io:443/acme/app:v1".to_owned())),
            ("nothing", "{url: oci://ghcr.io/acme/app}".to_owned(), Ok("ghcr.io/acme/app".to_owned())),
            ("digest", format!("{{url: oci://a.io/b, ref: {{tag: '1', digest: '{digest}'}}}}"), Ok(format!("a.io/b:1@{digest}"))),
            ("range", "{url: oci://a.io/b, ref: {semver: '>1'}}".to_owned(), Err("`spec.ref.semver` lets Flux choose the tag")),
        ] {
            let file = read("a.yaml", object(&spec).as_bytes(), &[]).expect("YAML");
            let found = match &file.workloads[0].containers[0].image {
                ImageField::Written(parts) => Ok(parts.reference(None).expect(word).to_string()),
                ImageField::Unsupported { reason, .. } => Err(reason.as_str()),
                ImageField::Absent => panic!("{word}"),
            };
            assert_eq!(found, reference, "{word}");
        }
    }

    #[test]
    fn other_sources_are_no_images() {
        for spec in ["{url: 'https://x.io/a'}", "{url: 3}", "{}", "[]"] {
            assert_eq!(read("a.yaml", object(spec).as_bytes(), &[]).expect("YAML").workloads, [], "{spec}");
        }
    }
}
