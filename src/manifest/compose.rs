//! Docker Compose: the images of services, and labels that say what annotations say elsewhere.

use super::{
    LoosePlace, Place,
    place::ImageField,
    shape::field,
    yaml::{Kind, Tree},
};
use crate::policy::annotation::{Annotation, Quoting};

/// What stands in front of our labels, and of the annotations of the same meaning.
const LABEL: &str = "tagalong.";
const ANNOTATION: &str = "tagalong.dev/";

/// Whether a file's name is that of a compose file.
pub(super) fn is_compose(name: &str) -> bool {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    stem.is_some_and(|stem| stem == "compose" || stem.starts_with("compose.") || stem.starts_with("docker-compose"))
}

/// The services of a compose file.
pub(super) fn services(tree: &Tree<'_>, root: usize) -> Vec<LoosePlace> {
    let service = |(key, service): (usize, usize)| {
        let image = tree.get(service, "image").map_or(ImageField::Absent, |node| field(tree, node, Place::Compose));
        let annotations = tree.get(service, "labels").map(|labels| annotations(tree, labels)).unwrap_or_default();
        // A service may be built, and have no image.
        if image == ImageField::Absent && annotations.is_empty() {
            return None;
        }
        let line = image.line().unwrap_or(tree.line(key));
        let alias = tree.scalar(key).map(|(name, _)| name.to_owned()).unwrap_or_default();
        Some(LoosePlace { place: Place::Compose, alias, line, image, policy: None, annotations, workload: None, encrypted: false })
    };
    let services = tree.get(root, "services");
    services.into_iter().flat_map(|services| tree.merged_entries(services)).filter_map(service).collect()
}

/// Our labels, written as a mapping or as `- key=value`.
fn annotations(tree: &Tree<'_>, labels: usize) -> Vec<Annotation> {
    let label = |key: &str, value: &str, line: u32| {
        let key = key.trim().strip_prefix(LABEL)?;
        // Compose takes `$` for a variable, and `$$` for the character.
        Some(Annotation { key: format!("{ANNOTATION}{key}"), value: value.replace("$$", "$"), line, quoting: Quoting::Text })
    };
    if tree.kind(labels) == Kind::Sequence {
        let items = tree.items(labels).filter_map(|item| Some((tree.text(item)?, tree.line(item))));
        return items.filter_map(|(text, line)| text.split_once('=').and_then(|(key, value)| label(key, value, line))).collect();
    }
    let entries = tree.merged_entries(labels).into_iter();
    entries.filter_map(|(key, value)| label(tree.text(key)?, tree.text(value).unwrap_or_default(), tree.line(value))).collect()
}

/// What a label's annotation is called in the file.
pub fn as_label(annotation: &str) -> String {
    annotation.strip_prefix(ANNOTATION).map_or_else(|| annotation.to_owned(), |key| format!("{LABEL}{key}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{place::tests::shown, read};

    #[test]
    fn compose_files_are_known_by_their_names() {
        for (name, is) in [
            ("compose.yaml", true),
            ("compose.yml", true),
            ("compose.override.yaml", true),
            ("docker-compose.yml", true),
            ("docker-compose.prod.yaml", true),
            ("docker-compose-dev.yml", true),
            ("composer.yaml", false),
            ("compose.json", false),
            ("my-docker-compose.yml", false),
        ] {
            assert_eq!(is_compose(name), is, "{name}");
        }
    }

    #[test]
    fn every_service_with_an_image_is_a_place() {
        let text = "x-app: &app {image: 'a:1'}\nservices:\n  web: {<<: *app}\n  db:\n    image: \"b:2\"\n  built: {build: .}\n  nothing:\n";
        assert_eq!(shown("compose.yaml", text), ["Compose web a:1", "Compose db b:2"]);
        for (word, text) in [("empty", ""), ("no services", "image: 'a:1'\n"), ("list", "services: [{image: 'a:1'}]\n"), ("null", "services:\n")] {
            assert_eq!(shown("compose.yaml", text), [""; 0], "{word}");
        }
        let object = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'a:1'}]}\n";
        assert_eq!(shown("docker-compose.yml", object), ["Container c a:1"], "an object is one under any name");
    }

    #[test]
    fn labels_are_annotations_of_the_same_meaning() {
        for (word, labels, expected) in [
            ("mapping", "{tagalong.automated: true, tagalong.tag: 'semver:~1', other: x}", vec!["automated=true", "tag=semver:~1"]),
            ("list", "[tagalong.automated=true, 'tagalong.tag=semver:>=1 <2', other=x]", vec!["automated=true", "tag=semver:>=1 <2"]),
            ("own keys", "{tagalong.min-age: 48h}", vec!["min-age=48h"]),
            ("escaped", "['tagalong.tag=regexp:^v1$$']", vec!["tag=regexp:^v1$"]),
            ("no value", "[tagalong.automated, {a: b}]", vec![]),
            ("none", "{}", vec![]),
            ("text", "tagalong.automated=true", vec![]),
        ] {
            let file = read("compose.yaml", format!("services: {{web: {{image: 'a:1', labels: {labels}}}}}\n").as_bytes(), &[]).expect(word);
            let found = file.places[0].annotations.iter().map(|one| format!("{}={}", one.key.trim_start_matches(ANNOTATION), one.value));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{word}");
        }
    }

    #[test]
    fn a_label_is_called_as_it_is_written() {
        assert_eq!(as_label("tagalong.dev/min-age"), "tagalong.min-age");
        assert_eq!(as_label("# tagalong:"), "# tagalong:");
    }
}
