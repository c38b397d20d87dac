//! `set` against real repositories.

mod beside_kustomize;
mod from_ci;

use std::{fs, os::unix::fs::PermissionsExt};

use crate::kit::{
    binary::Machine,
    git::{Bare, git},
    git_server::{Door, GitServer},
    kustomize::{images, render},
};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The places of one fleet, in every shape that is known.
const FLEET: [(&str, &str); 9] = [
    (
        "apps/web.yaml",
        "# the shop\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  template:\n    spec:\n      initContainers:\n      - {name: migrate, image: 'ghcr.io/acme/web:1.0.0'}   # flow\n      containers:\n      - name: app\n        image: ghcr.io/acme/web:1.0.0\n      - name: proxy\n        image: \"ghcr.io/acme/proxy:v3\"\n",
    ),
    ("compose.yaml", "services:\n  web:\n    image: ghcr.io/acme/web:1.0.0\n"),
    (
        "config/settings.yaml",
        "version: \"1.0.0\"   # tagalong: semver:~1 image=ghcr.io/acme/web\nargs:\n- --proxy=ghcr.io/acme/proxy:v3   # tagalong: semver:*\n",
    ),
    (
        "flux/release.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop}\nspec:\n  values:\n    image: {repository: ghcr.io/acme/web, tag: 1.0.0}\n    proxy: {image: ghcr.io/acme/proxy, tag: v3}\n",
    ),
    (
        "flux/source.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: web}\nspec:\n  url: oci://ghcr.io/acme/web\n  ref:\n    tag: 1.0.0\n",
    ),
    ("prod/kustomization.yaml", "resources: [../apps/web.yaml]\nimages:\n- name: ghcr.io/acme/web\n  newTag: 1.0.0\n"),
    (
        "shop/values.yaml",
        "image:\n  repository: ghcr.io/acme/web\n  tag: 1.0\njob:\n  image: {registry: ghcr.io, repository: acme/web, tag: '1.0.0', digest: ''}\nproxy:\n  image: ghcr.io/acme/proxy:v3\n",
    ),
    ("shop/Chart.yaml", "apiVersion: v2\nname: shop\n"),
    ("shop/templates/web.yaml", "image: ghcr.io/acme/web:1.0.0\n"),
];

/// A machine with the fleet in the folder that it works in.
fn machine() -> Machine {
    let machine = Machine::new();
    for (path, text) in FLEET {
        machine.file(&format!("work/{path}"), text);
    }
    machine
}

/// What each line printed, in order.
fn screens(machine: &Machine, lines: &[(&str, i32)]) -> String {
    let told = |(line, code): &(&str, i32)| format!("$ tagalong {line}\n{}", machine.run(line).ended(*code).told(&[]));
    lines.iter().map(told).collect()
}

fn text(machine: &Machine, path: &str) -> String {
    fs::read_to_string(machine.work().join(path)).unwrap()
}

#[test]
fn every_place_of_an_image_is_set() {
    let machine = machine();
    insta::assert_snapshot!(screens(&machine, &[
        ("set ghcr.io/acme/web:1.1.0 --check", 4),
        ("set ghcr.io/acme/web:1.1.0", 0),
        ("set ghcr.io/acme/web:1.1.0", 0),
        ("set ghcr.io/acme/web:1.1.0 --check", 0),
    ]), @r"
    $ tagalong set ghcr.io/acme/web:1.1.0 --check
      apps/web.yaml:9             ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   container
      apps/web.yaml:12            ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   container
      compose.yaml:3              ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   compose
      config/settings.yaml:1      ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   comment
      flux/release.yaml:6         ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   helmValue
      flux/source.yaml:7          ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   ociRepository
      prod/kustomization.yaml:4   ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   kustomizeImage
      shop/values.yaml:3          ghcr.io/acme/web:1.0 → ghcr.io/acme/web:1.1.0     helmValue
      shop/values.yaml:5          ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   helmValue
    wrote nothing
    $ tagalong set ghcr.io/acme/web:1.1.0
      apps/web.yaml:9             ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   container
      apps/web.yaml:12            ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   container
      compose.yaml:3              ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   compose
      config/settings.yaml:1      ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   comment
      flux/release.yaml:6         ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   helmValue
      flux/source.yaml:7          ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   ociRepository
      prod/kustomization.yaml:4   ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   kustomizeImage
      shop/values.yaml:3          ghcr.io/acme/web:1.0 → ghcr.io/acme/web:1.1.0     helmValue
      shop/values.yaml:5          ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   helmValue
    wrote 7 files
    $ tagalong set ghcr.io/acme/web:1.1.0
    nothing to do: every place holds that already
    $ tagalong set ghcr.io/acme/web:1.1.0 --check
    nothing to do: every place holds that already
    ");
    for (path, before) in FLEET {
        let after = before.replace("web:1.0.0", "web:1.1.0").replace("\"1.0.0\"", "\"1.1.0\"").replace("'1.0.0'", "'1.1.0'");
        let after = after.replace("tag: 1.0.0", "tag: 1.1.0").replace("Tag: 1.0.0", "Tag: 1.1.0").replace("tag: 1.0\n", "tag: 1.1.0\n");
        let after = if path.contains("templates") { before.to_owned() } else { after };
        assert_eq!(text(&machine, path), after, "{path}");
    }
}

#[test]
fn several_images_and_paths_are_set_at_once() {
    let machine = machine();
    insta::assert_snapshot!(screens(&machine, &[
        ("set ghcr.io/acme/web:2.0.0 ghcr.io/acme/proxy=quay.io/acme/envoy:v4 --path apps --path flux --output diff", 0),
        ("set ghcr.io/acme/web:2.0.0 --path s*/values.yaml", 0),
        ("set ghcr.io/acme/web:3.0.0 --path ./prod/kustomization.yaml --output json", 0),
        ("set ghcr.io/acme/web=*:4.0.0 --path prod --path compose.yaml", 0),
    ]), @r#"
    $ tagalong set ghcr.io/acme/web:2.0.0 ghcr.io/acme/proxy=quay.io/acme/envoy:v4 --path apps --path flux --output diff
    diff --git a/apps/web.yaml b/apps/web.yaml
    --- a/apps/web.yaml
    +++ b/apps/web.yaml
    @@ -6,9 +6,9 @@
       template:
         spec:
           initContainers:
    -      - {name: migrate, image: 'ghcr.io/acme/web:1.0.0'}   # flow
    +      - {name: migrate, image: 'ghcr.io/acme/web:2.0.0'}   # flow
           containers:
           - name: app
    -        image: ghcr.io/acme/web:1.0.0
    +        image: ghcr.io/acme/web:2.0.0
           - name: proxy
    -        image: "ghcr.io/acme/proxy:v3"
    +        image: "quay.io/acme/envoy:v4"
    diff --git a/flux/release.yaml b/flux/release.yaml
    --- a/flux/release.yaml
    +++ b/flux/release.yaml
    @@ -3,5 +3,5 @@
     metadata: {name: shop}
     spec:
       values:
    -    image: {repository: ghcr.io/acme/web, tag: 1.0.0}
    -    proxy: {image: ghcr.io/acme/proxy, tag: v3}
    +    image: {repository: ghcr.io/acme/web, tag: 2.0.0}
    +    proxy: {image: quay.io/acme/envoy, tag: v4}
    diff --git a/flux/source.yaml b/flux/source.yaml
    --- a/flux/source.yaml
    +++ b/flux/source.yaml
    @@ -4,4 +4,4 @@
     spec:
       url: oci://ghcr.io/acme/web
       ref:
    -    tag: 1.0.0
    +    tag: 2.0.0
    $ tagalong set ghcr.io/acme/web:2.0.0 --path s*/values.yaml
      shop/values.yaml:3   ghcr.io/acme/web:1.0 → ghcr.io/acme/web:2.0.0     helmValue
      shop/values.yaml:5   ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:2.0.0   helmValue
    wrote 1 file
    $ tagalong set ghcr.io/acme/web:3.0.0 --path ./prod/kustomization.yaml --output json
    {
      "repository": "work",
      "branch": null,
      "commit": null,
      "pushed": null,
      "changes": [
        {
          "file": "prod/kustomization.yaml",
          "line": 4,
          "from": "ghcr.io/acme/web:1.0.0",
          "to": "ghcr.io/acme/web:3.0.0",
          "place": "kustomizeImage"
        }
      ]
    }
    $ tagalong set ghcr.io/acme/web=*:4.0.0 --path prod --path compose.yaml
      compose.yaml:3              ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:4.0.0   compose
      prod/kustomization.yaml:4   ghcr.io/acme/web:3.0.0 → ghcr.io/acme/web:4.0.0   kustomizeImage
    wrote 2 files
    "#);
    let pinned = format!("ghcr.io/acme/web:5@{DIGEST}");
    insta::assert_snapshot!(machine.call(["set", &pinned, "--path", "apps", "--path", "prod"]).run().ended(0).told(&[(DIGEST, "DIGEST")]), @r"
      apps/web.yaml:9             ghcr.io/acme/web:2.0.0 → ghcr.io/acme/web:5@DIGEST   container
      apps/web.yaml:12            ghcr.io/acme/web:2.0.0 → ghcr.io/acme/web:5@DIGEST   container
      prod/kustomization.yaml:4   ghcr.io/acme/web:4.0.0 → ghcr.io/acme/web:5@DIGEST   kustomizeImage
    wrote 2 files
    ");
    assert!(text(&machine, "prod/kustomization.yaml").ends_with(&format!("  newTag: \"5\"\n  digest: {DIGEST}\n")));
}

#[test]
fn what_a_base_outside_the_path_brings_gets_an_entry_that_kustomize_takes() {
    let machine = machine();
    machine.file("work/test/kustomization.yaml", "# test\nresources: [../apps/web.yaml, ../batch]\nnamespace: test\n");
    machine.file("work/batch/kustomization.yaml", "resources: [job.yaml]\nimages:\n- name: JOB\n  newName: ghcr.io/acme/job\n  newTag: 1.0.0\n");
    machine.file(
        "work/batch/job.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: job}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: job, image: JOB}\n",
    );
    insta::assert_snapshot!(
        screens(
            &machine,
            &[
                ("set ghcr.io/acme/web:1.1.0 ghcr.io/acme/job:1.2.0 --path test", 0),
                ("set ghcr.io/acme/web:1.1.0 --path test --check", 0),
                ("set ghcr.io/acme/nothing:1 --path test", 1),
            ]
        ),
        @r"
    $ tagalong set ghcr.io/acme/web:1.1.0 ghcr.io/acme/job:1.2.0 --path test
      test/kustomization.yaml:2   ghcr.io/acme/job:1.0.0 → ghcr.io/acme/job:1.2.0   kustomizeImage
      test/kustomization.yaml:2   ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   kustomizeImage
    wrote 1 file
    $ tagalong set ghcr.io/acme/web:1.1.0 --path test --check
    nothing to do: every place holds that already
    $ tagalong set ghcr.io/acme/nothing:1 --path test
    error: cannot set `ghcr.io/acme/nothing`: no place holds this image
      hint: `tagalong list images` shows all that are there
    "
    );
    let entries = "images:\n- name: ghcr.io/acme/job\n  newTag: 1.2.0\n- name: ghcr.io/acme/web\n  newTag: 1.1.0\n";
    assert_eq!(text(&machine, "test/kustomization.yaml"), format!("# test\nresources: [../apps/web.yaml, ../batch]\nnamespace: test\n{entries}"));
    let rendered = images(&render(&machine.work(), "test").unwrap());
    let rendered: Vec<String> = rendered.into_iter().map(|((workload, container, _), image)| format!("{workload} {container} {image}")).collect();
    insta::assert_snapshot!(rendered.join("\n"), @r"
    test:deployment/web app ghcr.io/acme/web:1.1.0
    test:deployment/web migrate ghcr.io/acme/web:1.1.0
    test:deployment/web proxy ghcr.io/acme/proxy:v3
    test:job/job job ghcr.io/acme/job:1.2.0
    ");
}

#[test]
fn what_cannot_be_set_is_told_and_nothing_is_written() {
    let machine = machine();
    machine.file("work/two/kustomization.yaml", "images:\n- name: x\n  newName: ghcr.io/acme/two\n  newTag: v1\n");
    machine.file("work/alias.yaml", "x: &image alias:1\nimage: *image\n");
    let before: Vec<String> = FLEET.iter().map(|(path, _)| text(&machine, path)).collect();
    insta::assert_snapshot!(screens(&machine, &[
        ("set ghcr.io/acme/wep:1.1.0", 1),
        ("set web:1.1.0", 1),
        ("set zzz:1", 1),
        ("set ghcr.io/acme/web:1.1.0 ghcr.io/acme/pro:v4", 1),
        ("set ghcr.io/acme/web:1.1.0 --path two", 1),
        ("set ghcr.io/acme/web:1.1.0 --path nowhere", 1),
        ("set x:2 ghcr.io/acme/two:3", 1),
        ("set alias:2", 1),
        ("set redis:1 docker.io/library/redis:2", 2),
        ("set ghcr.io/acme/web:1..0!", 2),
        ("set ghcr.io/acme/web@sha256:abc", 2),
        ("set ghcr.io/acme/web", 2),
        ("set ghcr.io/acme/web:1.1.0 --path ../elsewhere", 2),
        ("set ghcr.io/acme/web:1.1.0 --path /etc", 2),
        ("set ghcr.io/acme/web:1.1.0 --path [a", 2),
        ("set ghcr.io/acme/web:1.1.0 --check --commit", 2),
        ("set", 2),
    ]), @r"
    $ tagalong set ghcr.io/acme/wep:1.1.0
    error: cannot set `ghcr.io/acme/wep`: no place holds this image
      hint: did you mean `ghcr.io/acme/web`?
    $ tagalong set web:1.1.0
    error: cannot set `web`: no place holds this image
      hint: did you mean `ghcr.io/acme/web`?
    $ tagalong set zzz:1
    error: cannot set `zzz`: no place holds this image
      hint: `tagalong list images` shows all that are there
    $ tagalong set ghcr.io/acme/web:1.1.0 ghcr.io/acme/pro:v4
    error: cannot set `ghcr.io/acme/pro`: no place holds this image
      hint: did you mean `ghcr.io/acme/proxy`?
    $ tagalong set ghcr.io/acme/web:1.1.0 --path two
    error: cannot set `ghcr.io/acme/web`: no place holds this image
      hint: it stands in apps/web.yaml, which the paths leave out
    $ tagalong set ghcr.io/acme/web:1.1.0 --path nowhere
    error: cannot set `ghcr.io/acme/web`: no place holds this image
      hint: it stands in apps/web.yaml, which the paths leave out
    $ tagalong set x:2 ghcr.io/acme/two:3
    error: cannot set the image at two/kustomization.yaml:4: `x` and `ghcr.io/acme/two` both name it
      hint: nothing was written: mend the place, or leave it out with --path
    $ tagalong set alias:2
    error: cannot set the image at alias.yaml:1: through an alias it is also read as something else than this image
      hint: nothing was written: mend the place, or leave it out with --path
    $ tagalong set redis:1 docker.io/library/redis:2
    error: cannot set `redis:1` and `docker.io/library/redis:2`: both name one image
      hint: leave one of them out
    $ tagalong set ghcr.io/acme/web:1..0!
    error: invalid value 'ghcr.io/acme/web:1..0!' for '<REF>...': a tag cannot hold `!` here (character 22)

    For more information, try '--help'.
    $ tagalong set ghcr.io/acme/web@sha256:abc
    error: invalid value 'ghcr.io/acme/web@sha256:abc' for '<REF>...': a sha256 digest has 64 digits, this one 3 (character 28)

    For more information, try '--help'.
    $ tagalong set ghcr.io/acme/web
    error: invalid value 'ghcr.io/acme/web' for '<REF>...': neither tag nor digest follows (character 17)

    For more information, try '--help'.
    $ tagalong set ghcr.io/acme/web:1.1.0 --path ../elsewhere
    error: cannot set below `../elsewhere`: it lies outside the repository
      hint: a path counts from the folder that is named, or from the top of a remote repository
    $ tagalong set ghcr.io/acme/web:1.1.0 --path /etc
    error: cannot set below `/etc`: it lies outside the repository
      hint: a path counts from the folder that is named, or from the top of a remote repository
    $ tagalong set ghcr.io/acme/web:1.1.0 --path [a
    error: cannot read the path `[a`: unclosed character class; missing ']'
      hint: a path counts from the folder that is named, or from the top of a remote repository
    $ tagalong set ghcr.io/acme/web:1.1.0 --check --commit
    error: the argument '--check' cannot be used with '--commit'

    Usage: tagalong set --check <REF>...

    For more information, try '--help'.
    $ tagalong set
    error: the following required arguments were not provided:
      <REF>...

    Usage: tagalong set <REF>...

    For more information, try '--help'.
    ");
    assert_eq!(FLEET.iter().map(|(path, _)| text(&machine, path)).collect::<Vec<_>>(), before);
}

#[test]
fn every_other_byte_stays() {
    let pod = |image: &str| format!("kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - name: app\n    image: {image}");
    let rows = [
        ("CRLF", pod("app:1 # one\r\n").replace('\n', "\r\n").replace("\r\r", "\r"), "app:1", "app:2"),
        ("byte order mark", format!("\u{feff}{}\n", pod("app:1")), "app:1", "app:2"),
        ("no final newline", pod("app:1"), "app:1", "app:2"),
        ("documents", format!("---\n# first\n---\n{}\n...\n---\n{}\n---\n", pod("'app:1'"), pod("\"app:1\"")), "app:1", "app:2"),
        ("flow", "{kind: Pod, apiVersion: v1, spec: {containers: [ {name: app,image: app:1}, ] } }\n".to_owned(), "app:1", "app:2"),
        ("JSON", "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"containers\":[{\"image\":\"app:1\"}]}}".to_owned(), "app:1", "app:2"),
        (
            "anchor",
            "kind: Pod\napiVersion: v1\nspec:\n  containers: [{name: a, image: &i app:1}, {name: b, image: *i}]\n".to_owned(),
            "app:1",
            "app:2",
        ),
        ("tabs and spaces", pod("\"app:1\"  \t # one  \n\n\n"), "app:1", "app:2"),
    ];
    for (word, before, from, to) in rows {
        let machine = Machine::new();
        let path = machine.file("work/app.yaml", &before);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o754)).unwrap();
        let ran = machine.run("set app:2").ended(0);
        assert_eq!(ran.last(), "wrote 1 file", "{word}: {}", ran.out);
        assert_eq!(text(&machine, "app.yaml"), before.replace(from, to), "{word}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o754, "{word}");
    }
}

#[test]
fn files_that_cannot_be_written_or_read_are_told() {
    let machine = machine();
    machine.file("work/encrypted.yaml", "image: ghcr.io/acme/web:1.0.0\nsops: {mac: x}\n");
    machine.file("work/broken.yaml", "kind: Pod\nimage: ghcr.io/acme/web:1.0.0\nspec: [1, 2\nname: b\n");
    insta::assert_snapshot!(screens(&machine, &[("set ghcr.io/acme/web:1.1.0 --path encrypted.yaml --path broken.yaml --path prod", 0)]), @r"
    $ tagalong set ghcr.io/acme/web:1.1.0 --path encrypted.yaml --path broken.yaml --path prod
      prod/kustomization.yaml:4   ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   kustomizeImage
    wrote 1 file
    note: cannot read `broken.yaml`: illegal placement of ':' indicator; it may hold the image
    note: encrypted.yaml:1 is encrypted, and was left alone
    ");
    let read_only = machine.work().join("shop/values.yaml");
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o444)).unwrap();
    insta::assert_snapshot!(screens(&machine, &[("set ghcr.io/acme/web:1.2.0", 1)]), @r"
    $ tagalong set ghcr.io/acme/web:1.2.0
    error: cannot write the file `shop/values.yaml`: it is read-only
      hint: check the permissions of the file and of its folder, and the free space
    ");
    assert_eq!(text(&machine, "apps/web.yaml"), FLEET[0].1, "nothing is written");
    fs::remove_file(read_only).unwrap();
    machine.file("work/apps/web.yaml", "<<<<<<< ours\nimage: ghcr.io/acme/web:1.0.0\n=======\nimage: ghcr.io/acme/web:2.0.0\n>>>>>>> theirs\n");
    insta::assert_snapshot!(screens(&machine, &[("set ghcr.io/acme/web:1.2.0", 1)]), @r"
    $ tagalong set ghcr.io/acme/web:1.2.0
    error: cannot set images in `apps/web.yaml` line 1: a merge left its marks there
      hint: nothing was written: end the merge first
    ");
    assert_eq!(text(&machine, "compose.yaml"), FLEET[1].1, "nothing is written");
}

#[test]
fn a_work_tree_commits_only_what_was_set() {
    let (machine, fleet) = (Machine::new(), Bare::with(&[FLEET[0], FLEET[1], ("note", "old\n")]));
    let checkout = fleet.checkout();
    fs::write(checkout.path().join("note"), "new\n").unwrap();
    fs::write(checkout.path().join("mine"), "mine\n").unwrap();
    git(checkout.path(), &["add", "mine"]);
    let call = |line: &str, code: i32| machine.call(line.split(' ')).within(checkout.path()).run().ended(code);
    let ran = call("set ghcr.io/acme/web:1.1.0 --commit", 0);
    let tip = git(checkout.path(), &["rev-parse", "--short=7", "HEAD"]);
    insta::assert_snapshot!(ran.told(&[(tip.trim(), "COMMIT")]), @r"
      apps/web.yaml:9    ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   container
      apps/web.yaml:12   ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   container
      compose.yaml:3     ghcr.io/acme/web:1.0.0 → ghcr.io/acme/web:1.1.0   compose
    committed COMMIT to main
    ");
    insta::assert_snapshot!(git(checkout.path(), &["log", "-1", "--stat", "--format=%an <%ae>%n%B"]), @r"
    Tagalong <tagalong@localhost>
    Set ghcr.io/acme/web:1.1.0

    - apps/web.yaml:9: ghcr.io/acme/web:1.0.0 -> ghcr.io/acme/web:1.1.0
    - apps/web.yaml:12: ghcr.io/acme/web:1.0.0 -> ghcr.io/acme/web:1.1.0
    - compose.yaml:3: ghcr.io/acme/web:1.0.0 -> ghcr.io/acme/web:1.1.0


     apps/web.yaml | 4 ++--
     compose.yaml  | 2 +-
     2 files changed, 3 insertions(+), 3 deletions(-)
    ");
    assert_eq!(git(checkout.path(), &["status", "--short"]), "A  mine\n M note\n");
    assert_eq!(call("set ghcr.io/acme/web:1.1.0 --commit", 0).last(), "nothing to do: every place holds that already");
    let below = machine.call("set ghcr.io/acme/proxy:v4 --path .".split(' ')).within(&checkout.path().join("apps")).run().ended(0);
    assert_eq!(below.out, "  apps/web.yaml:14   ghcr.io/acme/proxy:v3 → ghcr.io/acme/proxy:v4   container\nwrote 1 file\n");
    let refused = call("set ghcr.io/acme/proxy:v5 --commit", 1);
    assert!(refused.err.contains("cannot commit the file `apps/web.yaml`: it has changes that are not committed"), "{}", refused.err);
}

#[test]
fn a_bare_repository_and_a_remote_get_a_commit() {
    let (machine, fleet) = (Machine::new(), Bare::with(&FLEET));
    let server = GitServer::start(fleet.root(), Door::Open);
    for (word, place, done) in
        [("folder", fleet.path().display().to_string(), "committed"), ("file URL", fleet.file_url(), "committed"), ("http", server.url(), "pushed")]
    {
        let tag = fleet.git(&["rev-list", "--count", "main"]).trim().to_owned();
        let line = ["set", &format!("ghcr.io/acme/web:v{tag}"), "ghcr.io/acme/proxy=*:v9", "--path", "apps", "--git-ci-skip", "--git-url", &place];
        let ran = machine.call(line).run().ended(0);
        assert_eq!(ran.last(), format!("{done} {} to main", &fleet.tip("main").unwrap()[..7]), "{word}: {}", ran.out);
        assert_eq!(machine.call(line).run().ended(0).out, "nothing to do: every place holds that already\n", "{word}");
        let wanted = FLEET[0].1.replace("web:1.0.0", &format!("web:v{tag}")).replace("proxy:v3", "proxy:v9");
        assert_eq!(fleet.file("apps/web.yaml"), wanted.as_bytes(), "{word}");
        assert_eq!(fleet.file("compose.yaml"), FLEET[1].1.as_bytes(), "{word}");
    }
    insta::assert_snapshot!(fleet.git(&["log", "-2", "--format=%B", "main"]), @r"
    Set 2 images

    [ci skip]

    - apps/web.yaml:9: ghcr.io/acme/web:v2 -> ghcr.io/acme/web:v3
    - apps/web.yaml:12: ghcr.io/acme/web:v2 -> ghcr.io/acme/web:v3

    Set 2 images

    [ci skip]

    - apps/web.yaml:9: ghcr.io/acme/web:v1 -> ghcr.io/acme/web:v2
    - apps/web.yaml:12: ghcr.io/acme/web:v1 -> ghcr.io/acme/web:v2
    ");
    let outside = machine.call(["set", "ghcr.io/acme/web:1", "--path", "../x", "--git-url", &server.url()]).run().ended(2);
    assert!(outside.err.contains("it lies outside the repository"), "{}", outside.err);
    assert_eq!(fleet.faults(), "");
}
