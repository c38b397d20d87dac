//! What `list` shows of a repository.

use regex::Regex;

use super::{automated, deployment, push};
use crate::kit::{
    binary::Machine,
    git::Bare,
    registry::{Mode, Registry},
};

fn fleet(host: &str) -> Bare {
    Bare::with(&[
        ("apps/web.yaml", &automated("web", &format!("{host}/shop/web:1.0.0"), "semver:~1")),
        (
            "apps/locked.yaml",
            &deployment(
                "cron",
                "redis:7.2",
                &[("fluxcd.io/automated", "true"), ("fluxcd.io/locked", "true"), ("fluxcd.io/locked_msg", "until the audit")],
            ),
        ),
        ("apps/plain.yaml", &deployment("plain", "docker.io/library/redis:7.0", &[])),
        ("chart/Chart.yaml", "apiVersion: v2\nname: chart\n"),
        ("chart/values.yaml", &format!("image:\n  repository: {host}/shop/web\n  tag: 1.0.0 # tagalong: semver:~1\nempty: {{image: ''}}\n")),
        ("chart/templates/web.yaml", "image: {{ .Values.image }}\n"),
        ("compose.yaml", "services:\n  db: {image: 'postgres:16.2'}\n"),
        ("broken.yaml", "image: @b\n"),
    ])
}

#[test]
fn every_image_of_a_repository_is_listed() {
    let fleet = fleet("registry.example");
    let (machine, url) = (Machine::new(), fleet.file_url());
    let list = |words: &str| machine.call(["list"].into_iter().chain(words.split(' ')).chain([url.as_str()])).run();
    insta::assert_snapshot!(list("images").ended(0).told(&[]), @r#"
      WORKLOAD                   CONTAINER   IMAGE                       VERSION   POLICY      PLACE
      default:deployment/cron    app         redis                       7.2       glob:*      apps/locked.yaml:14
                                 locked: "until the audit"
      default:deployment/plain   app         docker.io/library/redis     7.0       -           apps/plain.yaml:10
      default:deployment/web     app         registry.example/shop/web   1.0.0     semver:~1   apps/web.yaml:13
      -                          image       registry.example/shop/web   1.0.0     semver:~1   chart/values.yaml:3
      -                          db          postgres                    16.2      -           compose.yaml:2

    5 images, 3 automated
    note: broken.yaml:1 cannot be read: a value cannot begin with `@`
    "#);
    for (word, line, images) in [
        ("workload", "images --workload deployment/web", vec!["registry.example/shop/web"]),
        ("name", "images --image redis", vec!["redis", "docker.io/library/redis"]),
        ("end of a name", "images --image shop/web", vec!["registry.example/shop/web", "registry.example/shop/web"]),
        ("automated", "images --automated", vec!["redis", "registry.example/shop/web", "registry.example/shop/web"]),
        ("held", "images --held", vec!["redis"]),
        ("all of it", "images --held --image postgres", vec![]),
    ] {
        let json = list(&format!("{line} --output json")).ended(0).json();
        let found: Vec<&str> = json["images"].as_array().expect(word).iter().filter_map(|image| image["image"].as_str()).collect();
        assert_eq!(found, images, "{word}");
    }
}

#[test]
fn an_entry_that_decides_a_workloads_image_is_listed_with_it_alone() {
    let fleet = Bare::with(&[
        ("base/web.yaml", &deployment("web", "redis:7.0", &[])),
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("prod/kustomization.yaml", "resources: [../base]\nimages: [{name: redis, newTag: '7.2'}, {name: unused, newTag: '1'}]\n"),
        ("test/kustomization.yaml", "resources: [../base]\nimages:\n  - name: redis\n    newTag: '7.1' # tagalong: semver:~7\n"),
    ]);
    insta::assert_snapshot!(Machine::new().call(["list", "images", &fleet.file_url()]).run().ended(0).told(&[]), @r"
      WORKLOAD                 CONTAINER   IMAGE    VERSION   POLICY      PLACE
      default:deployment/web   app         redis    7.2       -           prod/kustomization.yaml:2
      -                        unused      unused   1         -           prod/kustomization.yaml:2
      default:deployment/web   app         redis    7.1       -           test/kustomization.yaml:4
      -                        redis       redis    7.1       semver:~7   test/kustomization.yaml:4

    4 images, 1 automated
    ");
}

#[test]
fn every_workload_of_a_repository_is_listed() {
    let fleet = fleet("registry.example");
    let (machine, url) = (Machine::new(), fleet.file_url());
    insta::assert_snapshot!(machine.call(["list", "workloads", &url]).run().ended(0).told(&[]), @r"
      WORKLOAD                   CONTAINER   IMAGE                             POLICY      STATE                                PLACE
      default:deployment/cron    app         redis:7.2                         glob:*      automated, locked: until the audit   apps/locked.yaml:1
      default:deployment/plain   app         docker.io/library/redis:7.0       -           -                                    apps/plain.yaml:1
      default:deployment/web     app         registry.example/shop/web:1.0.0   semver:~1   automated                            apps/web.yaml:1

    3 workloads, 2 automated
    note: broken.yaml:1 cannot be read: a value cannot begin with `@`
    ");
    let held = machine.call(["list", "workloads", &url, "--held", "--output", "json"]).run().ended(0);
    insta::assert_snapshot!(held.told(&[]), @r#"
    {
      "workloads": [
        {
          "workload": "default:deployment/cron",
          "automated": true,
          "locked": true,
          "lockedMessage": "until the audit",
          "ignored": false,
          "file": "apps/locked.yaml",
          "line": 1,
          "containers": [
            {
              "container": "app",
              "image": "redis",
              "tag": "7.2",
              "digest": null,
              "policy": "glob:*"
            }
          ]
        }
      ]
    }
    note: broken.yaml:1 cannot be read: a value cannot begin with `@`
    "#);
}

#[test]
fn the_newest_tags_are_listed_where_they_are_asked_for() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0", "2.0.0", "latest"]);
    let host = registry.host();
    let fleet = Bare::with(&[
        ("web.yaml", &automated("web", &format!("{host}/shop/web:1.0.0"), "semver:~1")),
        ("plain.yaml", &deployment("plain", &format!("{host}/shop/web:1.0.0"), &[])),
        ("gone.yaml", &deployment("gone", &format!("{host}/shop/gone:1.0.0"), &[])),
    ]);
    let (machine, url) = (Machine::new(), fleet.file_url());
    let shown = machine.call(["list", "images", "--available=2", &url]).run().ended(1);
    let times = Regex::new("first seen [0-9T:.-]+Z").unwrap();
    insta::assert_snapshot!(times.replace_all(&shown.told(&[(host, "HOST")]), "first seen TIME"), @r"
      WORKLOAD                   CONTAINER   IMAGE                       VERSION   POLICY      PLACE
      default:deployment/gone    app         HOST/shop/gone   1.0.0     -           gone.yaml:10
      default:deployment/plain   app         HOST/shop/web    1.0.0     -           plain.yaml:10
                                   2.0.0, built 2024-01-01T00:00:00Z, first seen TIME
                                   1.1.0, built 2024-01-01T00:00:00Z, first seen TIME
      default:deployment/web     app         HOST/shop/web    1.0.0     semver:~1   web.yaml:13
                                   1.1.0, built 2024-01-01T00:00:00Z, first seen TIME
                                 = 1.0.0, built 2024-01-01T00:00:00Z, first seen TIME

    3 images, 1 automated
    note: cannot list `HOST/shop/gone`: HOST answered 404 (NAME_UNKNOWN: repository name not known to registry)
    ");
    let line = ["list", "images", "--available", "--image", "web", "--workload", "deployment/web", "--output", "json", &url];
    let json = machine.call(line).run().ended(0).json();
    let available = json["images"][0]["available"].as_array().expect("tags");
    let tags: Vec<&str> = available.iter().filter_map(|tag| tag["tag"].as_str()).collect();
    assert_eq!(tags, ["1.1.0", "1.0.0", "latest", "2.0.0"]);
    assert!(available.iter().all(|tag| tag["created"] == "2024-01-01T00:00:00Z" && tag.get("firstSeen").is_some()));
}
