use super::*;
use crate::manifest::{self, splice};

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn read(files: &[(&str, &str)]) -> BTreeMap<String, File> {
    files.iter().map(|(path, text)| ((*path).to_owned(), manifest::read(path, text.as_bytes(), &[]).expect("YAML"))).collect()
}

fn plan(files: &[(&str, &str)], wishes: &[&str]) -> SetPlan {
    let wishes = Wishes::new(wishes.iter().map(|text| Wish::parse(text).expect("a wish")).collect()).expect("different images");
    SetPlan::new(&read(files), &wishes, &|_| true)
}

/// The one file after the wishes.
fn set(path: &str, text: &str, wishes: &[&str]) -> String {
    let plan = plan(&[(path, text)], wishes);
    assert_eq!((&plan.obstacles[..], &plan.unmatched[..]), (&[][..], &[][..]), "{text}");
    let changes = plan.changes.get(path).cloned().unwrap_or_default();
    String::from_utf8(splice::change(path, text.as_bytes(), &changes).expect("the change can be made")).expect("text")
}

fn pod(image: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n  - name: app   # the one\n    image: {image}\n")
}

#[test]
fn an_image_is_rewritten_wherever_it_stands() {
    let k = "kustomization.yaml";
    for (word, path, before, wish, after) in [
        ("container", "a.yaml", pod("app:1"), "app:2", pod("app:2")),
        ("other spelling", "a.yaml", pod("docker.io/app:1"), "library/app:2", pod("docker.io/app:2")),
        ("another image", "a.yaml", pod("app:1 # apple:1"), "app:2", pod("app:2 # apple:1")),
        ("number", "a.yaml", pod("app"), "app:1.10", pod("app:1.10")),
        ("digest goes", "a.yaml", pod(&format!("app:1@{A}")), "app:2", pod("app:2")),
        ("digest", "a.yaml", pod("app:1"), &format!("app@{A}"), pod(&format!("app@{A}"))),
        ("values", "values.yaml", "image:\n  repository: app\n  tag: 1.0\n".into(), "app:1.1", "image:\n  repository: app\n  tag: \"1.1\"\n".into()),
        (
            "registry",
            "values.yaml",
            "image: {registry: r.io, repository: app, tag: v1}\n".into(),
            "r.io/app:v2",
            "image: {registry: r.io, repository: app, tag: v2}\n".into(),
        ),
        ("compose", "compose.yaml", "services:\n  web:\n    image: 'app:1'\n".into(), "app:2", "services:\n  web:\n    image: 'app:2'\n".into()),
        (
            "argument",
            "a.yaml",
            pod("x:1\n    args:\n    - --side=app:1 # tagalong: semver:*"),
            "app:2",
            pod("x:1\n    args:\n    - --side=app:2 # tagalong: semver:*"),
        ),
        ("entry", k, "images:\n- name: app\n  newTag: v1\n".into(), "app:v2", "images:\n- name: app\n  newTag: v2\n".into()),
        ("entry without a tag", k, "images:\n- name: app\n".into(), "app:v2", "images:\n- name: app\n  newTag: v2\n".into()),
        (
            "entry by its real image",
            k,
            "images:\n- name: x\n  newName: r.io/app\n  newTag: v1\n".into(),
            "r.io/app:v2",
            "images:\n- name: x\n  newName: r.io/app\n  newTag: v2\n".into(),
        ),
        (
            "entry by its name",
            k,
            "images:\n- name: PLACE_HOLDER\n  newName: r.io/app\n  newTag: v1\n".into(),
            "PLACE_HOLDER:v2",
            "images:\n- name: PLACE_HOLDER\n  newName: r.io/app\n  newTag: v2\n".into(),
        ),
        (
            "entry's digest goes",
            k,
            format!("images:\n- name: app\n  newTag: v1\n  digest: {A}\n"),
            "app:v2",
            "images:\n- name: app\n  newTag: v2\n".into(),
        ),
        ("entry's tag goes", k, "images:\n- name: app\n  newTag: v1\n".into(), &format!("app@{A}"), format!("images:\n- name: app\n  digest: {A}\n")),
        (
            "entry is pinned",
            k,
            "images:\n- name: app\n  newTag: v1\n".into(),
            &format!("app:v2@{A}"),
            format!("images:\n- name: app\n  newTag: v2\n  digest: {A}\n"),
        ),
        (
            "entry is renamed",
            k,
            "images:\n- name: app\n  newTag: v1\n".into(),
            "app=r.io/app:v2",
            "images:\n- name: app\n  newName: r.io/app\n  newTag: v2\n".into(),
        ),
        ("already so", "a.yaml", pod("app:2"), "app:2", pod("app:2")),
    ] {
        assert_eq!(set(path, &before, &[wish]), after, "{word}");
    }
}

#[test]
fn several_are_set_at_once() {
    let before = format!("{}---\n{}", pod("app:1"), pod("r.io/side:1"));
    assert_eq!(set("a.yaml", &before, &["app:2", "r.io/side=r.io/car:3"]), format!("{}---\n{}", pod("app:2"), pod("r.io/car:3")));
}

#[test]
fn what_an_alias_shares_is_set_once_where_all_want_the_same() {
    let entries = |tag: &str| format!("images:\n- name: app\n  newTag: &tag {tag}\n- name: side\n  newTag: *tag\n");
    assert_eq!(set("kustomization.yaml", &entries("v1"), &["app:v2", "side:v2"]), entries("v2"));
    let twice = |image: &str| format!("a: {{image: &i {image}}}\nb: {{image: *i}}\n");
    assert_eq!(set("values.yaml", &twice("app:1"), &["app:2"]), twice("app:2"));
    assert_eq!(plan(&[("values.yaml", &twice("app:1"))], &["app:2"]).rewrites.len(), 1, "one line of the file is told once");
}

#[test]
fn a_placeholder_below_an_entry_stays() {
    let base = pod("app");
    let files = [
        ("base/pod.yaml", base.as_str()),
        ("base/kustomization.yaml", "resources: [pod.yaml]\n"),
        ("prod/kustomization.yaml", "resources: [../base]\nimages:\n- name: app\n  newName: r.io/app\n  newTag: v1\n"),
    ];
    let plan = plan(&files, &["app:v2"]);
    assert_eq!(plan.changes.keys().collect::<Vec<_>>(), ["prod/kustomization.yaml"]);
    assert_eq!(plan.rewrites[0].to, "r.io/app:v2");
}

#[test]
fn an_entry_that_gets_another_name_still_matches_what_is_below_it() {
    let base = pod("app:1");
    let files = [
        ("base/pod.yaml", base.as_str()),
        ("base/kustomization.yaml", "resources: [pod.yaml]\nimages:\n- name: app\n  newTag: v1\n"),
        ("other.yaml", &base),
    ];
    let plan = plan(&files, &["app=r.io/app:v2"]);
    assert_eq!(plan.changes.keys().collect::<Vec<_>>(), ["base/kustomization.yaml", "other.yaml"]);
}

/// `prod/kustomization.yaml` over a base, after these wishes where only `prod` may be written.
fn set_in_prod(base: &[(&str, &str)], text: &str, wishes: &[&str]) -> String {
    let files: Vec<(&str, &str)> = base.iter().copied().chain([("prod/kustomization.yaml", text)]).collect();
    let wishes = Wishes::new(wishes.iter().map(|text| Wish::parse(text).expect("a wish")).collect()).expect("different images");
    let plan = SetPlan::new(&read(&files), &wishes, &|path| path.starts_with("prod/"));
    assert_eq!((&plan.obstacles[..], &plan.unmatched[..]), (&[][..], &[][..]), "{text}");
    assert!(plan.changes.keys().all(|path| path == "prod/kustomization.yaml"));
    let changes = plan.changes.get("prod/kustomization.yaml").cloned().unwrap_or_default();
    String::from_utf8(splice::change("prod/kustomization.yaml", text.as_bytes(), &changes).expect("the change can be made")).expect("text")
}

#[test]
fn what_comes_from_outside_the_paths_gets_an_entry() {
    let (app, two) = (pod("r.io/app:1"), format!("{}  - {{name: b, image: 'side@{A}'}}\n", pod("app:1")));
    let plain = [("base/kustomization.yaml", "resources: [a.yaml]\n"), ("base/a.yaml", app.as_str())];
    let decided =
        [("base/kustomization.yaml", "resources: [a.yaml]\nimages: [{name: r.io/app, newName: app, newTag: v1}]\n"), ("base/a.yaml", app.as_str())];
    let several = [("base/kustomization.yaml", "resources: [a.yaml]\n"), ("base/a.yaml", two.as_str())];
    let top = "resources: [../base]\n";
    for (word, base, before, wishes, expected) in [
        ("no list yet", &plain[..], top, &["r.io/app:2"][..], "resources: [../base]\nimages:\n- name: r.io/app\n  newTag: \"2\"\n"),
        (
            "a file",
            &plain,
            "resources: [../base/a.yaml]\n",
            &["r.io/app:v2"],
            "resources: [../base/a.yaml]\nimages:\n- name: r.io/app\n  newTag: v2\n",
        ),
        (
            "own style",
            &plain,
            "images:\r\n    -   name: x # other\r\n        newTag: '1'\r\nresources: [../base]",
            &["r.io/app:v2"],
            "images:\r\n    -   name: x # other\r\n        newTag: '1'\r\n    -   name: r.io/app\r\n        newTag: v2\r\nresources: [../base]",
        ),
        (
            "flow",
            &plain,
            "{resources: [../base], images: []}\n",
            &["r.io/app:v2"],
            "{resources: [../base], images: [{name: r.io/app, newTag: v2}]}\n",
        ),
        ("digest", &plain, top, &[&format!("r.io/app@{A}")], &format!("{top}images:\n- name: r.io/app\n  digest: {A}\n")),
        ("both", &plain, top, &[&format!("r.io/app:v2@{A}")], &format!("{top}images:\n- name: r.io/app\n  newTag: v2\n  digest: {A}\n")),
        ("new name", &plain, top, &["r.io/app=q.io/app:v2"], &format!("{top}images:\n- name: r.io/app\n  newName: q.io/app\n  newTag: v2\n")),
        ("as it is", &plain, top, &[&format!("r.io/app:*@{A}")], &format!("{top}images:\n- name: r.io/app\n  newTag: \"1\"\n  digest: {A}\n")),
        ("decided by an entry", &decided, top, &["app:v2"], &format!("{top}images:\n- name: app\n  newTag: v2\n")),
        ("two images", &several, top, &["app:v2", "side:v3"], &format!("{top}images:\n- name: app\n  newTag: v2\n- name: side\n  newTag: v3\n")),
        ("other spelling", &several, top, &["docker.io/library/app:v2"], &format!("{top}images:\n- name: app\n  newTag: v2\n")),
        ("as wanted", &plain, top, &["r.io/app:1"], top),
        (
            "an entry stands there",
            &plain,
            "resources: [../base]\nimages: [{name: r.io/app}]\n",
            &["r.io/app:v2"],
            "resources: [../base]\nimages: [{name: r.io/app, newTag: v2}]\n",
        ),
        (
            "an entry about several",
            &plain,
            "resources: [../base]\nimages:\n- name: r.io/.*\n  newTag: v1\n",
            &["r.io/app:v2"],
            "resources: [../base]\nimages:\n- name: r.io/.*\n  newTag: v1\n- name: r.io/app\n  newTag: v2\n",
        ),
        (
            "one after it",
            &plain,
            "resources: [../base]\nimages:\n- name: r.io/.*\n  newTag: v1\n- name: r.io/app\n  newTag: v0\n",
            &["r.io/app:v2"],
            "resources: [../base]\nimages:\n- name: r.io/.*\n  newTag: v1\n- name: r.io/app\n  newTag: v2\n",
        ),
        (
            "a patch stands there",
            &plain,
            "resources: [../base]\npatches:\n- target: {kind: Pod}\n  patch: |-\n    - op: replace\n      path: /spec/containers/0/image\n      value: r.io/app:5 # ours\n",
            &["r.io/app:v2"],
            "resources: [../base]\npatches:\n- target: {kind: Pod}\n  patch: |-\n    - op: replace\n      path: /spec/containers/0/image\n      value: r.io/app:v2 # ours\n",
        ),
    ] {
        assert_eq!(set_in_prod(base, before, wishes), expected, "{word}");
    }
}

#[test]
fn an_entry_goes_into_the_innermost_kustomization_of_the_paths() {
    let app = pod("app:1");
    let files = [
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("base/a.yaml", app.as_str()),
        ("over/common/kustomization.yaml", "resources: [../../base]\n"),
        ("over/east/kustomization.yaml", "resources: [../common]\nnamespace: east\n"),
        ("over/west/kustomization.yaml", "resources: [../common]\nnamespace: west\n"),
        ("over/own/kustomization.yaml", "resources: [../../base]\nimages: [{name: app, newTag: v1}]\n"),
    ];
    let wishes = Wishes::new(vec![Wish::parse("app:v2").expect("a wish")]).expect("one image");
    let plan = SetPlan::new(&read(&files), &wishes, &|path| path.starts_with("over/"));
    assert_eq!(plan.changes.keys().collect::<Vec<_>>(), ["over/common/kustomization.yaml", "over/own/kustomization.yaml"]);
    assert_eq!(plan.rewrites.iter().map(|one| format!("{} -> {}", one.from, one.to)).collect::<Vec<_>>(), ["app:1 -> app:v2", "app:v1 -> app:v2"]);
    let plan = SetPlan::new(&read(&files), &wishes, &|path| path.starts_with("base/"));
    assert_eq!(plan.changes.keys().collect::<Vec<_>>(), ["base/a.yaml"]);
}

#[test]
fn an_expression_decides_whatever_stands_below_it() {
    let app = pod("r.io/app:1");
    let entries = "images: [{name: 'r.io/.*', newTag: v1}]\n";
    let (inner, outer) = (format!("resources: [a.yaml]\n{entries}"), format!("resources: [../base]\n{entries}"));
    let files = [("base/kustomization.yaml", inner.as_str()), ("base/a.yaml", app.as_str()), ("top/kustomization.yaml", outer.as_str())];
    let wishes = Wishes::new(vec![Wish::parse("r.io/app:v2").expect("a wish")]).expect("one image");
    let plan = SetPlan::new(&read(&files), &wishes, &|_| true);
    assert_eq!(plan.changes.keys().collect::<Vec<_>>(), ["base/a.yaml", "base/kustomization.yaml", "top/kustomization.yaml"]);
}

#[test]
fn what_cannot_be_rewritten_is_told_with_its_place() {
    let alias = "a: &i app:1\nimage: *i\n";
    for (word, path, text, wishes, line, reason) in [
        (
            "two names for one entry",
            "kustomization.yaml",
            "images:\n- name: x\n  newName: app\n  newTag: v1\n",
            &["x:2", "app:2"][..],
            4,
            "`x` and `app` both name it",
        ),
        ("read otherwise", "values.yaml", alias, &["app:2"], 1, "through an alias it is also read as something else than this image"),
        (
            "another image's tag",
            "kustomization.yaml",
            "images:\n- name: app\n  newTag: &tag v1\n- name: side\n  newTag: *tag\n",
            &["app:v2"],
            3,
            "through an alias it is also read as something else than this image",
        ),
    ] {
        let obstacles = plan(&[(path, text)], wishes).obstacles;
        assert_eq!(obstacles.first().map(|found| (found.line, found.reason.as_str())), Some((line, reason)), "{word}");
    }
}

#[test]
fn what_is_nowhere_is_told() {
    let plan = plan(&[("a.yaml", &pod("app:1"))], &["app:2", "ap:2"]);
    assert_eq!(plan.unmatched.iter().map(Wish::text).collect::<Vec<_>>(), ["ap:2"]);
    assert_eq!(names(&read(&[("a.yaml", &pod("r.io/app:1"))]), &|_| true).into_iter().collect::<Vec<_>>(), ["r.io/app"]);
}

#[test]
fn encrypted_documents_stay() {
    let text = format!("{}sops: {{mac: x}}\n", pod("app:1"));
    let plan = plan(&[("a.yaml", &text)], &["app:2"]);
    assert_eq!((plan.changes.len(), &plan.encrypted[..]), (0, &[("a.yaml".to_owned(), 7)][..]));
}
