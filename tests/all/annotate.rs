//! `policy set`, `automate`, `deautomate`, `lock` and `unlock` against real repositories.

use std::fs;

use crate::kit::{
    binary::Machine,
    git::{Bare, git},
    git_server::{Door, GitServer},
    kustomize::render,
};

/// A workload with a comment, and nothing about updates.
const WEB: &str = "# the shop\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n    name: web # its name\n    namespace: shop\nspec:\n    template:\n        spec:\n            initContainers:\n            -   {name: migrate, image: 'ghcr.io/acme/migrate:1.0.0'}\n            containers:\n            -   name: app\n                image: ghcr.io/acme/web:1.0.0\n";

/// What each line printed, in order.
fn in_work_tree(machine: &Machine, lines: &[(&str, i32)]) -> String {
    let told = |(line, code): &(&str, i32)| machine.call(words(line)).run().ended(*code).told(&[]);
    lines.iter().flat_map(|line| ["$ tagalong ".to_owned(), line.0.to_owned(), "\n".to_owned(), told(line)]).collect()
}

/// The words of a line; what stands in single quotes is one.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![];
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 { words.push(part.to_owned()) } else { words.extend(part.split_whitespace().map(str::to_owned)) }
    }
    words
}

#[test]
#[expect(clippy::too_many_lines, reason = "one screen after the other")]
fn each_verb_writes_its_annotations_into_a_work_tree() {
    let machine = Machine::new();
    let path = machine.file("work/apps/web.yaml", WEB);
    machine.file("home/.gitconfig", "[user]\n\tname = Ada\n");
    insta::assert_snapshot!(in_work_tree(&machine, &[
        ("automate web", 0),
        ("automate web", 0),
        ("policy set web 'app=regexp:^v(?P<semver>.*)=x,y$' migrate=glob:main-* --key min-age=48h --key automated.migrate=false", 0),
        ("lock shop:deployment/web -m 'until the audit'", 0),
        ("lock web -m 'until the audit'", 0),
        ("lock web --user bot --output json", 0),
        ("unlock web --check", 4),
        ("unlock web", 0),
        ("policy set web --remove migrate app=semver:~1 --key automated.migrate= --output diff", 0),
        ("policy set web app=semver:~1 --check", 0),
    ]), @r#"
    $ tagalong automate web
      add  shop:deployment/web   fluxcd.io/automated   true   apps/web.yaml:2
    wrote 1 file
    $ tagalong automate web
    nothing to do: shop:deployment/web is like that already
    $ tagalong policy set web 'app=regexp:^v(?P<semver>.*)=x,y$' migrate=glob:main-* --key min-age=48h --key automated.migrate=false
      add  shop:deployment/web   fluxcd.io/tag.app                regexp:^v(?P<semver>.*)=x,y$   apps/web.yaml:2
      add  shop:deployment/web   fluxcd.io/tag.migrate            glob:main-*                    apps/web.yaml:2
      add  shop:deployment/web   tagalong.dev/min-age             48h                            apps/web.yaml:2
      add  shop:deployment/web   tagalong.dev/automated.migrate   false                          apps/web.yaml:2
    wrote 1 file
    $ tagalong lock shop:deployment/web -m 'until the audit'
      add  shop:deployment/web   fluxcd.io/locked        true              apps/web.yaml:2
      add  shop:deployment/web   fluxcd.io/locked_msg    until the audit   apps/web.yaml:2
      add  shop:deployment/web   fluxcd.io/locked_user   Ada               apps/web.yaml:2
    wrote 1 file
    $ tagalong lock web -m 'until the audit'
    nothing to do: shop:deployment/web is like that already
    $ tagalong lock web --user bot --output json
    {
      "repository": "work",
      "branch": null,
      "commit": null,
      "pushed": null,
      "workload": "shop:deployment/web",
      "changes": [
        {
          "workload": "shop:deployment/web",
          "file": "apps/web.yaml",
          "line": 14,
          "annotation": "fluxcd.io/locked_msg",
          "from": "until the audit",
          "to": null
        },
        {
          "workload": "shop:deployment/web",
          "file": "apps/web.yaml",
          "line": 15,
          "annotation": "fluxcd.io/locked_user",
          "from": "Ada",
          "to": "bot"
        }
      ]
    }
    $ tagalong unlock web --check
      remove  shop:deployment/web   fluxcd.io/locked        true   apps/web.yaml:13
      remove  shop:deployment/web   fluxcd.io/locked_user   bot    apps/web.yaml:14
    wrote nothing
    $ tagalong unlock web
      remove  shop:deployment/web   fluxcd.io/locked        true   apps/web.yaml:13
      remove  shop:deployment/web   fluxcd.io/locked_user   bot    apps/web.yaml:14
    wrote 1 file
    $ tagalong policy set web --remove migrate app=semver:~1 --key automated.migrate= --output diff
    diff --git a/apps/web.yaml b/apps/web.yaml
    --- a/apps/web.yaml
    +++ b/apps/web.yaml
    @@ -6,10 +6,8 @@
         namespace: shop
         annotations:
             fluxcd.io/automated: "true"
    -        fluxcd.io/tag.app: "regexp:^v(?P<semver>.*)=x,y$"
    -        fluxcd.io/tag.migrate: "glob:main-*"
    +        fluxcd.io/tag.app: "semver:~1"
             tagalong.dev/min-age: "48h"
    -        tagalong.dev/automated.migrate: "false"
     spec:
         template:
             spec:
    $ tagalong policy set web app=semver:~1 --check
    nothing to do: shop:deployment/web is like that already
    "#);
    insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
    # the shop
    apiVersion: apps/v1
    kind: Deployment
    metadata:
        name: web # its name
        namespace: shop
        annotations:
            fluxcd.io/automated: "true"
            fluxcd.io/tag.app: "semver:~1"
            tagalong.dev/min-age: "48h"
    spec:
        template:
            spec:
                initContainers:
                -   {name: migrate, image: 'ghcr.io/acme/migrate:1.0.0'}
                containers:
                -   name: app
                    image: ghcr.io/acme/web:1.0.0
    "#);
    insta::assert_snapshot!(in_work_tree(&machine, &[
        ("deautomate web", 0),
        ("deautomate web", 0),
        ("policy set web --remove app --key min-age=", 0),
    ]), @r"
    $ tagalong deautomate web
      remove  shop:deployment/web   fluxcd.io/automated   true   apps/web.yaml:8
    wrote 1 file
    $ tagalong deautomate web
    nothing to do: shop:deployment/web is like that already
    $ tagalong policy set web --remove app --key min-age=
      remove  shop:deployment/web   fluxcd.io/tag.app      semver:~1   apps/web.yaml:8
      remove  shop:deployment/web   tagalong.dev/min-age   48h         apps/web.yaml:9
    wrote 1 file
    ");
    assert_eq!(fs::read_to_string(&path).unwrap(), WEB, "what was written is gone without a trace");
}

#[test]
fn what_cannot_be_written_is_told_before_anything_is() {
    let machine = Machine::new();
    machine.file("work/web.yaml", WEB);
    machine.file(
        "work/secret.yaml",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: s, annotations: {fluxcd.io/automated: 'true'}}\n",
    );
    machine.file("work/base/kustomization.yaml", "resources: [api.yaml]\n");
    machine.file("work/base/api.yaml", WEB.replace("web", "api"));
    machine.file("work/eu/kustomization.yaml", "resources: [../base]\nnamespace: eu\n");
    machine.file("work/us/kustomization.yaml", "resources: [../base]\nnamespace: us\n");
    machine.file("work/in/kustomization.yaml", "resources: [job.yaml]\ncommonAnnotations:\n  fluxcd.io/automated: \"true\"\n");
    machine.file("work/in/job.yaml", WEB.replace("web", "job"));
    machine.file(
        "work/shared.yaml",
        WEB.replace("name: web # its name", "<<: *m\n    name: shared")
            .replace("kind: Deployment", "kind: Deployment\nx-m: &m {annotations: {a: b}}"),
    );
    insta::assert_snapshot!(in_work_tree(&machine, &[
        ("automate wep", 1),
        ("policy set web ap=semver:~1", 1),
        ("policy set web app=semver:~x.y", 2),
        ("policy set web app=semver:~1 --key min-age=soon", 2),
        ("policy set web app=semver:~1 --key min-age.ap=48h", 1),
        ("policy set web", 2),
        ("policy set web app=semver:~1 . .", 2),
        ("policy set web =semver:~1", 2),
        ("automate s", 1),
        ("automate api", 2),
        ("automate eu:deployment/api --check", 4),
            ("automate eu:deployment/api --all-roots --check", 4),
        ("automate job", 0),
        ("deautomate job", 1),
        ("automate shared", 1),
        ("automate web --git-path eu", 1),
        ("automate web nowhere", 1),
    ]), @r"
    $ tagalong automate wep
    error: cannot find `wep`: the repository has no such workload
      hint: did you mean `shop:deployment/web`?
    $ tagalong policy set web ap=semver:~1
    error: cannot annotate `shop:deployment/web`: it has no container `ap`
      hint: did you mean `app`?
    $ tagalong policy set web app=semver:~x.y
    error: cannot read the pattern `semver:~x.y`: `semver:~x.y`: `~x.` ends in a dot
      hint: a range is written like `semver:~1.4`, `semver:>=1.2 <2` or `semver:*`; try it with `tagalong policy test`
    $ tagalong policy set web app=semver:~1 --key min-age=soon
    error: cannot read the key `min-age`: `soon` is no age like `48h` or `7d`
      hint: the own keys are match, exclude, min-age, within, digest, platform, downgrade, image
    $ tagalong policy set web app=semver:~1 --key min-age.ap=48h
    error: cannot annotate `shop:deployment/web`: it has no container `ap`
      hint: did you mean `app`?
    $ tagalong policy set web
    error: cannot set a policy: none is named
      hint: write CONTAINER=PATTERN, --remove CONTAINER or --key KEY=VALUE
    $ tagalong policy set web app=semver:~1 . .
    error: cannot tell the repository: two are named
      hint: leave one of them out; a pattern is written as CONTAINER=PATTERN
    $ tagalong policy set web =semver:~1
    error: invalid value '=semver:~1' for '[CONTAINER=PATTERN… REPO]...': write it as CONTAINER=PATTERN, for example app=semver:~1.4

    For more information, try '--help'.
    $ tagalong automate s
    error: cannot annotate `default:sealedsecret/s`: the object in `secret.yaml` is encrypted, and never edited
      hint: annotate it where it is encrypted
    $ tagalong automate api
    error: cannot tell `api`: several workloads are called so: eu:deployment/api, us:deployment/api
      hint: write more of the id
    $ tagalong automate eu:deployment/api --check
      add  eu:deployment/api   fluxcd.io/automated   true   eu/kustomization.yaml:1
    wrote nothing
    $ tagalong automate eu:deployment/api --all-roots --check
      add  eu:deployment/api   fluxcd.io/automated   true   base/api.yaml:2
    wrote nothing
    $ tagalong automate job
    nothing to do: shop:deployment/job is like that already
    $ tagalong deautomate job
    error: cannot annotate `shop:deployment/job`: its annotation `fluxcd.io/automated` stands in in/kustomization.yaml (in/kustomization.yaml:3)
      hint: write the annotation into in/kustomization.yaml yourself
    $ tagalong automate shared
    error: cannot edit `shared.yaml`: `annotations` comes from a merge key: what that names is used elsewhere too
      hint: change the file yourself
    $ tagalong automate web --git-path eu
    error: cannot annotate `shop:deployment/web`: `web.yaml` lies outside the paths that may be written
      hint: see --git-path
    $ tagalong automate web nowhere
    error: cannot read `nowhere`: there is no such folder
      hint: name a folder, a bare repository or a URL
    ");
    assert_eq!(fs::read_to_string(machine.work().join("web.yaml")).unwrap(), WEB);
}

/// The annotations that a root gives its workloads, as kustomize renders them.
fn rendered(machine: &Machine, root: &str) -> String {
    let text = render(&machine.work(), root).unwrap();
    let ours = text.lines().map(str::trim).filter(|line| line.contains("fluxcd.io") || line.contains("tagalong.dev"));
    ours.flat_map(|line| [line, "\n"]).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one screen after the other")]
fn an_overlay_is_annotated_in_its_patch_or_a_new_one() {
    let machine = Machine::new();
    let base =
        WEB.replace("    namespace: shop\n", "    annotations: {fluxcd.io/automated: 'true', fluxcd.io/locked: 'true', fluxcd.io/tag.app: glob:*}\n");
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n    name: web   # of the base\n";
    let flow = "{resources: [../base], namespace: flow, patches: [{path: ../shared.yaml, target: {kind: Deployment}}]}\n";
    let inline = "resources: [../base]\r\nnamespace: inline\r\npatches:\r\n  - patch: |-\r\n        apiVersion: apps/v1\r\n        kind: Deployment\r\n        metadata:\r\n          name: web\r\n          annotations:\r\n            fluxcd.io/tag.app: semver:~1   # ours\r\n    target:\r\n      name: web\r\nnameSuffix: -x\r\n";
    for (path, text) in [
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", base.as_str()),
        ("shared.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, annotations: {tagalong.dev/min-age: 2d}}\n"),
        ("file/kustomization.yaml", "resources: [../base]\nnamespace: file\npatches:\n- path: ../shared.yaml\n- path: web.yaml\n"),
        ("file/web.yaml", patch),
        ("flow/kustomization.yaml", flow),
        ("inline/kustomization.yaml", inline),
        ("new/kustomization.yaml", "# new\nresources: [../base]\nnamespace: new\nnamePrefix: n-\n"),
    ] {
        machine.file(&format!("work/{path}"), text);
    }
    insta::assert_snapshot!(in_work_tree(&machine, &[
        ("policy set file:deployment/web app=semver:~2 --key min-age=7d", 0),
        ("unlock file:deployment/web", 0),
        ("lock flow:deployment/web -m audit --user Ada", 0),
        ("policy set flow:deployment/web app=semver:~4", 0),
        ("policy set inline:deployment/web-x app=semver:~3 --key min-age=1d", 0),
        ("deautomate inline:deployment/web-x", 0),
        ("unlock new:deployment/n-web", 0),
        ("policy set new:deployment/n-web app=semver:~1 migrate=semver:~1", 0),
        ("policy set new:deployment/n-web --remove app", 1),
        ("policy set new:deployment/n-web --remove migrate", 0),
        ("unlock new:deployment/n-web", 0),
        ("automate new:deployment/n-web --all-roots", 0),
    ]), @r#"
    $ tagalong policy set file:deployment/web app=semver:~2 --key min-age=7d
      change  file:deployment/web   fluxcd.io/tag.app      glob:* → semver:~2   file/web.yaml:1
      change  file:deployment/web   tagalong.dev/min-age   2d → 7d              file/web.yaml:1
    wrote 1 file
    $ tagalong unlock file:deployment/web
      change  file:deployment/web   fluxcd.io/locked   true → false   file/web.yaml:1
    wrote 1 file
    $ tagalong lock flow:deployment/web -m audit --user Ada
      add  flow:deployment/web   fluxcd.io/locked_msg    audit   flow/kustomization.yaml:1
      add  flow:deployment/web   fluxcd.io/locked_user   Ada     flow/kustomization.yaml:1
    wrote 1 file
    $ tagalong policy set flow:deployment/web app=semver:~4
      change  flow:deployment/web   fluxcd.io/tag.app   glob:* → semver:~4   flow/kustomization.yaml:1
    wrote 1 file
    $ tagalong policy set inline:deployment/web-x app=semver:~3 --key min-age=1d
      change  inline:deployment/web-x   fluxcd.io/tag.app      semver:~1 → semver:~3   inline/kustomization.yaml:10
      add     inline:deployment/web-x   tagalong.dev/min-age   1d                      inline/kustomization.yaml:5
    wrote 1 file
    $ tagalong deautomate inline:deployment/web-x
      change  inline:deployment/web-x   fluxcd.io/automated   true → false   inline/kustomization.yaml:5
    wrote 1 file
    $ tagalong unlock new:deployment/n-web
      change  new:deployment/n-web   fluxcd.io/locked   true → false   new/kustomization.yaml:2
    wrote 1 file
    $ tagalong policy set new:deployment/n-web app=semver:~1 migrate=semver:~1
      change  new:deployment/n-web   fluxcd.io/tag.app       glob:* → semver:~1   new/kustomization.yaml:7
      add     new:deployment/n-web   fluxcd.io/tag.migrate   semver:~1            new/kustomization.yaml:7
    wrote 1 file
    $ tagalong policy set new:deployment/n-web --remove app
    error: cannot annotate `new:deployment/n-web` in one root: `base/web.yaml` is deployed by file, flow, inline, new
      hint: change it for all of them with --all-roots, or in a patch of the one
    $ tagalong policy set new:deployment/n-web --remove migrate
      remove  new:deployment/n-web   fluxcd.io/tag.migrate   semver:~1   new/kustomization.yaml:14
    wrote 1 file
    $ tagalong unlock new:deployment/n-web
    nothing to do: new:deployment/n-web is like that already
    $ tagalong automate new:deployment/n-web --all-roots
    nothing to do: new:deployment/n-web is like that already
    "#);
    let roots = ["file", "flow", "inline", "new"].map(|root| format!("# {root}\n{}", rendered(&machine, root)));
    insta::assert_snapshot!(roots.concat(), @r#"
    # file
    fluxcd.io/automated: "true"
    fluxcd.io/locked: "false"
    fluxcd.io/tag.app: semver:~2
    tagalong.dev/min-age: 7d
    # flow
    fluxcd.io/automated: "true"
    fluxcd.io/locked: "true"
    fluxcd.io/locked_msg: audit
    fluxcd.io/locked_user: Ada
    fluxcd.io/tag.app: semver:~4
    tagalong.dev/min-age: 2d
    # inline
    fluxcd.io/automated: "false"
    fluxcd.io/locked: "true"
    fluxcd.io/tag.app: semver:~3
    tagalong.dev/min-age: 1d
    # new
    fluxcd.io/automated: "true"
    fluxcd.io/locked: "false"
    fluxcd.io/tag.app: semver:~1
    "#);
    let text = |path: &str| fs::read_to_string(machine.work().join(path)).unwrap();
    assert_eq!((text("base/web.yaml"), text("shared.yaml").matches('\n').count()), (base, 3));
    assert_eq!(text("inline/kustomization.yaml").matches("\r\n").count(), text("inline/kustomization.yaml").matches('\n').count());
    let texts = ["file/web.yaml", "flow/kustomization.yaml", "inline/kustomization.yaml", "new/kustomization.yaml"];
    insta::assert_snapshot!(texts.map(|path| format!("# {path}\n{}", text(path).replace('\r', ""))).concat(), @r#"
    # file/web.yaml
    apiVersion: apps/v1
    kind: Deployment
    metadata:
        name: web   # of the base
        annotations:
            fluxcd.io/tag.app: "semver:~2"
            tagalong.dev/min-age: "7d"
            fluxcd.io/locked: "false"
    # flow/kustomization.yaml
    {resources: [../base], namespace: flow, patches: [{path: ../shared.yaml, target: {kind: Deployment}}, {patch: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations:\n    fluxcd.io/locked_msg: \"audit\"\n    fluxcd.io/locked_user: \"Ada\"\n    fluxcd.io/tag.app: \"semver:~4\""}]}
    # inline/kustomization.yaml
    resources: [../base]
    namespace: inline
    patches:
      - patch: |-
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: web
              annotations:
                fluxcd.io/tag.app: semver:~3   # ours
                tagalong.dev/min-age: 1d
                fluxcd.io/automated: "false"
        target:
          name: web
    nameSuffix: -x
    # new/kustomization.yaml
    # new
    resources: [../base]
    namespace: new
    namePrefix: n-
    patches:
    - patch: |-
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: web
          annotations:
            fluxcd.io/locked: "false"
            fluxcd.io/tag.app: "semver:~1"
    "#);
}

#[test]
fn a_work_tree_keeps_what_somebody_else_changed() {
    let (machine, fleet) = (Machine::new(), Bare::with(&[("web.yaml", WEB), ("note", "old\n")]));
    let checkout = fleet.checkout();
    fs::write(checkout.path().join("note"), "new\n").unwrap();
    let call = |line: &str, code: i32| machine.call(words(line)).within(checkout.path()).run().ended(code);
    call("automate web", 0);
    assert_eq!(git(checkout.path(), &["status", "--short"]), " M note\n M web.yaml\n");
    let refused = call("policy set web app=semver:~1 --commit", 1);
    assert!(refused.err.contains("cannot commit the file `web.yaml`: it has changes that are not committed"), "{}", refused.err);
    git(checkout.path(), &["checkout", "--quiet", "web.yaml"]);
    let ran = call("policy set web app=semver:~1 --commit", 0);
    let tip = git(checkout.path(), &["rev-parse", "--short=7", "HEAD"]);
    insta::assert_snapshot!(ran.told(&[(tip.trim(), "COMMIT")]), @r"
      add  shop:deployment/web   fluxcd.io/tag.app   semver:~1   web.yaml:2
    committed COMMIT to main
    ");
    assert_eq!(git(checkout.path(), &["status", "--short"]), " M note\n");
    insta::assert_snapshot!(git(checkout.path(), &["log", "-1", "--format=%an <%ae>%n%B"]), @r"
    Tagalong <tagalong@localhost>
    Set the policy of shop:deployment/web

    - fluxcd.io/tag.app: semver:~1
    ");
    git(checkout.path(), &["config", "user.name", "Ada"]);
    call("lock web", 0);
    let text = fs::read_to_string(checkout.path().join("web.yaml")).unwrap();
    assert!(text.contains("fluxcd.io/locked_user: \"Ada\"\n"), "{text}");
}

#[test]
fn a_bare_repository_and_a_remote_get_a_commit() {
    let machine = Machine::new();
    let fleet = Bare::with(&[("apps/web.yaml", WEB), ("apps/list.json", LIST)]);
    let server = GitServer::start(fleet.root(), Door::Open);
    for (word, place) in [("folder", fleet.path().display().to_string()), ("file URL", fleet.file_url()), ("http", server.url())] {
        for (verb, subject) in [
            ("automate web", "Automate shop:deployment/web"),
            ("lock cart -m 'until the audit' --git-user Ada --git-email ada@git.example", "Lock default:statefulset/cart: until the audit"),
            ("policy set cart cart=semver:~2 --git-ci-skip", "Set the policy of default:statefulset/cart"),
            ("unlock cart", "Unlock default:statefulset/cart"),
            ("policy set cart --remove cart", "Set the policy of default:statefulset/cart"),
            ("deautomate web", "Deautomate shop:deployment/web"),
        ] {
            let mut line = words(verb);
            line.push(place.clone());
            let ran = machine.call(&line).run().ended(0);
            let done = if word == "http" { "pushed" } else { "committed" };
            assert_eq!(ran.last(), format!("{done} {} to main", &fleet.tip("main").unwrap()[..7]), "{word}: {verb}");
            assert_eq!(fleet.git(&["log", "-1", "--format=%s", "main"]).trim(), subject, "{word}: {verb}");
            let ran = machine.call(&line).run().ended(0);
            assert!(ran.out.starts_with("nothing to do: "), "{word}: {verb}: {}", ran.out);
        }
        assert_eq!(fleet.file("apps/web.yaml"), WEB.as_bytes(), "{word}");
        assert_eq!(fleet.file("apps/list.json"), LIST.as_bytes(), "{word}");
        let authors = fleet.git(&["log", "-6", "--format=%an <%ae>", "main"]);
        assert_eq!(authors.lines().filter(|author| *author == "Ada <ada@git.example>").count(), 1, "{word}");
    }
    let body = fleet.git(&["log", "-4", "--format=%B", "main"]);
    insta::assert_snapshot!(body, @r"
    Deautomate shop:deployment/web

    - fluxcd.io/automated removed (was true)

    Set the policy of default:statefulset/cart

    - fluxcd.io/tag.cart removed (was semver:~2)

    Unlock default:statefulset/cart

    - fluxcd.io/locked removed (was true)
    - fluxcd.io/locked_msg removed (was until the audit)

    Set the policy of default:statefulset/cart

    [ci skip]

    - fluxcd.io/tag.cart: semver:~2
    ");
    assert_eq!(fleet.faults(), "");
}

#[test]
fn a_branch_that_moves_is_read_again() {
    let (machine, fleet) = (Machine::new(), Bare::with(&[("web.yaml", WEB)]));
    let server = GitServer::start(fleet.root(), Door::Open);
    let moved = fleet.root().join("moved");
    fleet.hook(
        "pre-receive",
        &format!(
            "[ -e {moved} ] && exit 0\ntouch {moved}\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
             export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@git.example GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@git.example\n\
             git update-ref refs/heads/main $(git commit-tree -p main -m work main^{{tree}})",
            moved = moved.display()
        ),
    );
    machine.call(["automate", "web", &server.url()]).run().ended(0);
    assert_eq!(fleet.git(&["log", "--format=%s", "main"]), "Automate shop:deployment/web\nwork\nwork\n");
}

/// Objects as a machine writes them.
const LIST: &str = "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": [\n    {\n      \"apiVersion\": \"apps/v1\",\n      \"kind\": \"StatefulSet\",\n      \"metadata\": {\n        \"name\": \"cart\"\n      },\n      \"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"cart\", \"image\": \"ghcr.io/acme/cart:2.0.0\"}]}}}\n    }\n  ]\n}\n";
