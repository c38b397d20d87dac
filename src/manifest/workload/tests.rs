use super::*;
use crate::manifest::{ImageField, Site, read};

fn all(text: &str) -> Vec<Workload> {
    read("a.yaml", text.as_bytes(), &[]).expect(text).workloads
}

fn only(text: &str) -> Workload {
    let mut found = all(text);
    assert_eq!(found.len(), 1, "{text}");
    found.remove(0)
}

/// `role name image` for each container; the image is `-` where absent, `!reason` where unsupported.
fn shown(workload: &Workload) -> Vec<String> {
    let image = |image: &ImageField| match image {
        ImageField::Absent => "-".to_owned(),
        ImageField::Written(parts) => parts.reference(None).expect("a reference").to_string(),
        ImageField::Unsupported { reason, .. } => format!("!{reason}"),
    };
    workload
        .containers
        .iter()
        .filter(|found| found.role != Role::Named)
        .map(|found| format!("{:?} {} {}", found.role, found.name, image(&found.image)))
        .collect()
}

/// The scalar that holds a container's whole image.
fn site(container: &Container) -> &Site {
    container.image.parts().and_then(|parts| parts.sites().next()).expect("an image that can be edited")
}

fn object(kind: &str, rest: &str) -> String {
    format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n{rest}")
}

#[test]
fn every_kind_with_a_pod_spec_is_a_workload() {
    let spec = "containers: [{name: c, image: 'x:1'}]";
    let template = format!("spec: {{template: {{spec: {{{spec}}}}}}}");
    for (kind, rest) in [
        ("Deployment", template.as_str()),
        ("StatefulSet", &template),
        ("DaemonSet", &template),
        ("ReplicaSet", &template),
        ("ReplicationController", &template),
        ("Job", &template),
        ("Rollout", &template),
        ("Service", &template),
        ("DeploymentConfig", &template),
        ("CronJob", &format!("spec: {{jobTemplate: {{spec: {{template: {{spec: {{{spec}}}}}}}}}}}")),
        ("Pod", &format!("spec: {{{spec}}}")),
        ("PodTemplate", &format!("template: {{spec: {{{spec}}}}}")),
        ("Unheard", &template),
    ] {
        let found = only(&object(kind, rest));
        assert_eq!(found.id.to_string(), format!("default:{}/a", kind.to_lowercase()));
        assert_eq!(shown(&found), ["Container c x:1"], "{kind}");
    }
}

#[test]
fn what_holds_no_pod_spec_is_no_workload() {
    for (word, text) in [
        ("service", object("Service", "spec: {ports: [{port: 80}], selector: {app: a}}")),
        ("image without a version", object("Thing", "spec: {image: x}")),
        ("containers that are no list", object("Thing", "spec: {containers: 3}")),
        ("no kind", "apiVersion: v1\nspec: {containers: [{image: 'x:1'}]}".to_owned()),
        ("no version", "kind: Pod\nspec: {containers: [{image: 'x:1'}]}".to_owned()),
        ("a list at the top", "- apiVersion: v1\n  kind: Pod\n".to_owned()),
    ] {
        assert_eq!(all(&text), [], "{word}");
    }
}

#[test]
fn every_container_is_found() {
    let found = only(&object(
        "Pod",
        "spec:\n  initContainers: [{name: i, image: 'i:1'}]\n  containers:\n    - {name: c, image: 'c:1'}\n    - name: absent\n    - {name: empty, image: ''}\n    \
         - {name: nothing, image: null}\n    - image: nameless:1\n  ephemeralContainers: [{name: e, image: 'e:1'}]\n  volumes:\n    - {name: v, image: {reference: 'v:1'}}\n    - {name: w, emptyDir: {}}\n",
    ));
    assert_eq!(
        shown(&found),
        [
            "Init i i:1",
            "Container c c:1",
            "Container absent -",
            "Container empty -",
            "Container nothing -",
            "Container  nameless:1",
            "Ephemeral e e:1",
            "Volume v v:1"
        ]
    );
}

#[test]
fn lists_hold_workloads_also_inside_each_other() {
    let pod = |name: &str| format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{{name: c, image: 'x:1'}}]}}}}");
    let inner = format!("{{apiVersion: v1, kind: PodList, items: [{}, {}]}}", pod("b"), pod("c"));
    let text = format!("apiVersion: v1\nkind: List\nitems:\n- {}\n- {inner}\n- {}\n", pod("a"), pod("d"));
    let names: Vec<String> = all(&text).into_iter().map(|found| found.id.name).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
}

#[test]
fn documents_are_counted_with_the_empty_ones() {
    let pod = object("Pod", "spec: {containers: [{name: c, image: 'x:1'}]}\n");
    let found = all(&format!("# only a comment\n---\n{pod}---\n---\n# another\n{pod}...\n---\n{pod}"));
    let places: Vec<(usize, u32)> = found.iter().map(|found| (found.document, found.line)).collect();
    assert_eq!(places, [(0, 3), (2, 10), (3, 16)]);
}

#[test]
fn ids_are_namespace_kind_and_name() {
    let pod = |metadata: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {{containers: [{{image: 'x:1'}}]}}\n");
    for (word, metadata, id) in [
        ("plain", "{name: a}", "default:pod/a"),
        ("namespace", "{name: a, namespace: shop}", "shop:pod/a"),
        ("number", "{name: 12}", "default:pod/12"),
        ("generated", "{generateName: job-}", "default:pod/job-"),
        ("none", "{}", "default:pod/"),
        ("template", "{name: {{ x }}}", "default:pod/"),
    ] {
        assert_eq!(only(&pod(metadata)).id.to_string(), id, "{word}");
    }
}

#[test]
fn json_manifests_are_read_as_they_are() {
    let text = "{\n\t\"apiVersion\": \"v1\", \"kind\":\"Pod\",\n\t\"metadata\": {\"name\": \"a\", \"annotations\": {\"fluxcd.io\\/automated\": \"true\"}},\n\t\"spec\": {\"containers\": [{\"name\":\"c\",\"image\":\"ghcr.io\\/a\\/b:1\"}]}\n}";
    let found = read("a.json", text.as_bytes(), &[]).expect("JSON").workloads.remove(0);
    assert_eq!(shown(&found), ["Container c ghcr.io/a/b:1"]);
    assert_eq!(found.annotations[0].key, "fluxcd.io/automated");
}

#[test]
fn annotations_are_read_as_they_are_written() {
    for (word, written, value, quoting) in [
        ("double", "\"true\"", "true", Quoting::Text),
        ("single", "'true'", "true", Quoting::Text),
        ("plain", "true", "true", Quoting::NotText),
        ("yes", "yes", "yes", Quoting::NotText),
        ("upper case", "TRUE", "TRUE", Quoting::NotText),
        ("pattern", "semver:~1.2", "semver:~1.2", Quoting::Text),
        ("number", "1.10", "1.10", Quoting::NotText),
        ("glob", "\"glob:1.*\" # why", "glob:1.*", Quoting::Text),
        ("escape", "\"a\\tb\"", "a\tb", Quoting::Text),
        ("folded", ">-\n      semver:*", "semver:*", Quoting::Text),
        ("null", "~", "", Quoting::Text),
        ("nothing", "", "", Quoting::Text),
        ("mapping", "{a: b}", "{a: b}", Quoting::Text),
        ("unclosed glob", "glob:{a", "glob:{a", Quoting::Text),
    ] {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    fluxcd.io/tag.c: {written}\n    other: x\nspec: {{containers: [{{name: c, image: 'x:1'}}]}}\n"
        );
        let line = if word == "folded" || word == "nothing" { 6 } else { 5 };
        let wanted = Annotation { key: "fluxcd.io/tag.c".to_owned(), value: value.to_owned(), line, quoting };
        assert_eq!(only(&text).annotations, [wanted], "{word}");
    }
}

#[test]
fn only_prefixes_of_flux_v1_and_our_own_are_annotations_of_ours() {
    for (key, ours) in [
        ("fluxcd.io/automated", true),
        ("filter.fluxcd.io/app", true),
        ("repository.fluxcd.io/app", true),
        ("flux.weave.works/tag.app", true),
        ("filter.flux.weave.works/app", true),
        ("tagalong.dev/min-age", true),
        ("kustomize.toolkit.fluxcd.io/prune", false),
        ("reconcile.fluxcd.io/requestedAt", false),
        ("notfluxcd.io/automated", false),
        ("fluxcd.io", false),
    ] {
        assert_eq!(is_ours(key), ours, "{key}");
    }
}

#[test]
fn annotations_of_the_pod_template_do_not_count() {
    let text = object(
        "Deployment",
        "spec:\n  template:\n    metadata: {annotations: {fluxcd.io/automated: 'true'}}\n    spec: {containers: [{name: c, image: 'x:1'}]}\n",
    );
    assert_eq!(only(&text).annotations, []);
}

#[test]
fn an_object_that_asks_for_updates_is_never_passed_over_in_silence() {
    for (word, annotation, surfaces) in [
        ("automated", "fluxcd.io/automated: 'true'", true),
        ("pattern", "flux.weave.works/tag.app: semver:*", true),
        ("own", "tagalong.dev/tag.artifact: semver:*", true),
        ("ignored", "fluxcd.io/ignore: 'true'", false),
        ("garbage collection", "fluxcd.io/sync-gc-mark: sha256.x", false),
        ("none", "other/automated: 'true'", false),
    ] {
        let found =
            all(&format!("apiVersion: acme.io/v1\nkind: Thing\nmetadata:\n  name: a\n  annotations: {{{annotation}}}\nspec: {{picture: 'x:1'}}\n"));
        assert_eq!(found.iter().map(|found| found.containers.len()).collect::<Vec<_>>(), if surfaces { vec![0] } else { vec![] }, "{word}");
    }
}

#[test]
fn encrypted_objects_say_so() {
    let annotated = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, annotations: {fluxcd.io/automated: 'true'}}\n";
    assert!(only(annotated).encrypted);
    let pod = object("Pod", "spec: {containers: [{name: c, image: 'ENC[AES256_GCM,data:x]'}]}\n");
    let found = all(&format!("{pod}sops:\n  version: 3.7.1\n---\n{pod}"));
    assert_eq!(found.iter().map(|found| found.encrypted).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn an_image_that_cannot_be_edited_says_why() {
    for (word, image, line, reason) in [
        ("two lines", "nginx:1\n      .2", 6, "it spans several lines"),
        ("quoted lines", "\"nginx:\\\n      1.2\"", 6, "it spans several lines"),
        ("folded lines", ">-\n      nginx:1\n      .2", 7, "it spans several lines"),
        ("literal lines", "|-\n      nginx:1\n      .2", 7, "it spans several lines"),
        ("mapping", "{repository: nginx}", 6, "it is no text"),
        ("list", "[nginx]", 6, "it is no text"),
        ("template", "{{ .Values.image }}", 6, "it is a template's expression"),
        ("tag", "!ref nginx:1", 6, "it has a YAML tag of its own"),
        ("binary", "!!binary aGVsbG8=", 6, "it has a YAML tag of its own"),
    ] {
        let text = format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n    image: {image}\n");
        let wanted = ImageField::Unsupported { line, reason: reason.to_owned() };
        assert_eq!(only(&text).containers[0].image, wanted, "{word}");
    }
}

#[test]
fn aliases_and_merge_keys_lead_to_the_image_at_the_anchor() {
    for (word, text, image, line, feeds) in [
        ("scalar", "x: &img nginx:1\nspec: {containers: [{name: a, image: *img}, {name: b, image: *img}]}", "nginx:1", 3, 3),
        ("merge", "x: &c {image: nginx:1}\nspec:\n  containers:\n  - {name: a, <<: *c}\n  - {<<: *c, name: b}", "nginx:1", 3, 3),
        (
            "merge list",
            "x: &d {image: other:1}\ny: &c {image: nginx:1}\nspec: {containers: [{name: a, <<: [*c, *d]}, {name: b, <<: [{k: v}, *c]}]}",
            "nginx:1",
            4,
            3,
        ),
        ("container", "spec: {containers: [&c {name: a, image: nginx:1}, *c]}", "nginx:1", 3, 2),
        ("list", "spec:\n  containers: &c [{name: a, image: nginx:1}]\n  initContainers: *c", "nginx:1", 4, 2),
        ("merge of a merge", "x: &i {image: nginx:1}\ny: &c {<<: *i}\nspec: {containers: [{<<: *c}, {<<: *c}]}", "nginx:1", 3, 4),
        ("template", "x-c: &c {image: nginx:1}\nspec:\n  containers:\n  - {name: a, <<: *c}\n  - {<<: *c, name: b}", "nginx:1", 3, 2),
        (
            "hidden by an own key",
            "spec:\n  containers:\n  - &c {name: a, image: nginx:1}\n  - {<<: *c, name: b}\n  hostAliases: [{<<: *c, image: other}]",
            "nginx:1",
            5,
            2,
        ),
        ("key", "spec: {containers: [{name: a, image: &i nginx:1}, {name: b, image: *i}], nodeSelector: {*i : x}}", "nginx:1", 3, 3),
        ("pod spec", "x: &s {containers: [{name: a, image: nginx:1}, {name: b, image: nginx:1}]}\nspec: *s", "nginx:1", 3, 2),
    ] {
        let found = only(&format!("apiVersion: v1\nkind: Pod\n{text}\n"));
        let containers: Vec<&Container> = found.containers.iter().filter(|container| container.role != Role::Named).collect();
        assert_eq!(containers.len(), 2, "{word}");
        for container in containers {
            let site = site(container);
            assert_eq!((site.text.as_str(), site.line, site.scalar.feeds()), (image, line, feeds), "{word}");
        }
    }
}

#[test]
fn an_own_key_hides_a_merged_one() {
    let found = only("apiVersion: v1\nkind: Pod\nx: &c {image: base:1, name: base}\nspec:\n  containers:\n  - <<: *c\n    image: own:1\n");
    assert_eq!(shown(&found), ["Container base own:1"]);
}

#[test]
fn a_value_of_a_plain_file_feeds_one_place() {
    let found = only(&object("Pod", "spec: {containers: [{name: c, image: 'x:1'}]}"));
    let site = site(&found.containers[0]);
    assert_eq!((site.scalar.feeds(), site.place), (1, Place::Container));
}

#[test]
fn configured_kinds_have_images_at_their_paths() {
    let kinds = [KindPaths {
        api_version: "acme.io/v1".to_owned(),
        kind: "Shop".to_owned(),
        images: ["spec.image", "spec.parts.*.image", "spec.parts.1.image", "spec.a\\.b", "spec.absent"].map(str::to_owned).to_vec(),
    }];
    let text =
        "apiVersion: acme.io/v1\nkind: Shop\nmetadata: {name: a}\nspec:\n  image: x:1\n  parts: [{image: 'y:1'}, {image: 'z:1'}]\n  a.b: w:1\n";
    let found = read("a.yaml", text.as_bytes(), &kinds).expect("YAML").workloads.remove(0);
    assert_eq!(
        shown(&found),
        [
            "Container spec.image x:1",
            "Container spec.parts.*.image y:1",
            "Container spec.parts.*.image z:1",
            "Container spec.parts.1.image z:1",
            "Container spec.a\\.b w:1"
        ]
    );
    assert_eq!(site(&found.containers[0]).place, Place::Custom);
    let other = read("a.yaml", text.replace("io/v1", "io/v2").as_bytes(), &kinds).expect("YAML").workloads.remove(0);
    assert_eq!(shown(&other), [""; 0], "another version is another kind");
}
