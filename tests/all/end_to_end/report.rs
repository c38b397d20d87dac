//! The JSON that programs read, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{automated, decisions, deployment, push};
use crate::kit::{
    binary::Machine,
    git::Bare,
    registry::{ImageSpec, Mode, Registry},
};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn json_has_every_field_of_its_description_and_no_other() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let host = registry.host();
    let fleet = Bare::with(&[
        ("apps/web.yaml", &automated("web", &format!("{host}/shop/web:1.0.0"), "semver:~1")),
        ("bad.yaml", "kind: Deployment\nimage: x\nmetadata: {annotations: {fluxcd.io/automated: 'true'}\n"),
    ]);
    let (machine, url, tip) = (Machine::new(), fleet.file_url(), fleet.tip("main").unwrap());
    let plan = machine.call(["plan", &url, "--output", "json"]).run().ended(1);
    insta::assert_snapshot!(plan.told(&[(host, "HOST"), (&tip, "COMMIT")]), @r#"
    {
      "repository": "fleet",
      "branch": "main",
      "commit": "COMMIT",
      "pushed": null,
      "updates": [
        {
          "root": "apps/web.yaml",
          "workload": "default:deployment/web",
          "container": "app",
          "image": "HOST/shop/web",
          "from": {
            "tag": "1.0.0",
            "digest": null
          },
          "to": {
            "tag": "1.1.0",
            "digest": null
          },
          "policy": "semver:~1",
          "file": "apps/web.yaml",
          "line": 13,
          "place": "container",
          "code": "updated",
          "reason": "1.1.0 is the highest version in ~1",
          "blame": null,
          "newerElsewhere": null
        }
      ],
      "current": [],
      "held": [],
      "failed": [],
      "unreadable": [
        {
          "file": "bad.yaml",
          "line": 3,
          "reason": "a `{` or `[` is not closed"
        }
      ]
    }
    "#);
    let apply = machine.call(["apply", &url, "--output", "json"]).run().ended(1).json();
    assert_eq!((apply["commit"].as_str(), apply["pushed"].as_str()), (Some(&*tip), fleet.tip("main").as_deref()));
    machine.file("work/web.yaml", "a: 1\n");
    let folder = machine.run("plan --output json").ended(0).json();
    assert_eq!(keys(&folder), ["branch", "commit", "current", "failed", "held", "pushed", "repository", "unreadable", "updates"]);
    assert!(folder["branch"].is_null() && folder["commit"].is_null());
}

#[test]
fn an_explanation_in_json_has_every_tag() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let fleet = super::fleet(&format!("{}/shop/web:1.1.0", registry.host()), "semver:~1");
    let explain = Machine::new().call(["explain", "web", &fleet.file_url(), "--output", "json"]).run().ended(0);
    let json = explain.json();
    let seen = json["workloads"][0]["containers"][0]["candidates"][0]["firstSeen"].as_str().expect("a time");
    insta::assert_snapshot!(explain.told(&[(registry.host(), "HOST"), (seen, "NOW")]), @r#"
    {
      "workloads": [
        {
          "root": "apps/web.yaml",
          "workload": "default:deployment/web",
          "containers": [
            {
              "root": "apps/web.yaml",
              "workload": "default:deployment/web",
              "container": "app",
              "image": "HOST/shop/web",
              "from": {
                "tag": "1.1.0",
                "digest": null
              },
              "to": {
                "tag": "1.1.0",
                "digest": null
              },
              "policy": "semver:~1",
              "file": "apps/web.yaml",
              "line": 13,
              "place": "container",
              "code": "current",
              "reason": "1.1.0 is the highest version in ~1",
              "blame": null,
              "newerElsewhere": null,
              "layers": [
                {
                  "file": "apps/web.yaml",
                  "line": 13,
                  "place": "container"
                }
              ],
              "policyFile": "apps/web.yaml",
              "policyLine": 7,
              "candidates": [
                {
                  "tag": "1.1.0",
                  "code": "chosen",
                  "reason": "the highest version in ~1",
                  "created": null,
                  "firstSeen": "NOW"
                },
                {
                  "tag": "1.0.0",
                  "code": "outranked",
                  "reason": "below 1.1.0",
                  "created": null,
                  "firstSeen": "NOW"
                }
              ]
            }
          ]
        }
      ]
    }
    "#);
}

#[test]
fn every_code_that_git_and_a_registry_can_bring_about() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "web", &["1.0.0", "1.1.0", "main-1"]);
    registry.push_all("timeless", &[("main-1", &ImageSpec::default()), ("main-2", &ImageSpec::default())]);
    let (host, machine) = (registry.host(), Machine::new());
    let image = |rest: &str| format!("{host}/{rest}");
    let on = ("fluxcd.io/automated", "true");
    let pattern = |text| ("fluxcd.io/tag.app", text);
    let two = |annotations: &[(&str, &str)]| {
        let text = deployment("shared-place", &image("web:1.0.0"), annotations);
        text.replace("# kept", "").replace("image: ", "image: &image ") + "      - name: sidecar\n        image: *image\n"
    };
    let folded = automated("unsupported-scalar", "IMAGE", "semver:~1").replace("IMAGE # kept", &format!("\"{}\\\n          0\"", image("web:1.0.")));
    let mut files: BTreeMap<String, String> = [
        ("updated", automated("updated", &image("web:1.0.0"), "semver:~1")),
        ("switched", automated("switched", &image("web:main-1"), "semver:~1")),
        ("current", automated("current", &image("web:1.1.0"), "semver:~1")),
        (
            "locked",
            deployment(
                "locked",
                &image("web:1.0.0"),
                &[on, pattern("semver:~1"), ("fluxcd.io/locked", "true"), ("fluxcd.io/locked_msg", "until the audit")],
            ),
        ),
        ("would-go-back", automated("would-go-back", &image("web:1.2.0"), "semver:~1")),
        ("malformed-policy", automated("malformed-policy", &image("web:1.0.0"), "semver:~~")),
        ("no-tag-matches", automated("no-tag-matches", &image("web:1.0.0"), "semver:~9")),
        ("no-build-time", automated("no-build-time", &image("timeless:main-1"), "glob:main-*")),
        ("too-young", deployment("too-young", &image("web:1.0.0"), &[on, pattern("semver:>1.0.0"), ("tagalong.dev/min-age", "9999d")])),
        ("digest-only", automated("digest-only", &image(&format!("web@sha256:{}", "1".repeat(64))), "semver:~1")),
        ("no-explicit-pattern", deployment("no-explicit-pattern", &image("web"), &[on])),
        ("shared-place", two(&[on, pattern("semver:~1"), ("tagalong.dev/automated.sidecar", "false")])),
        (
            "conflicting-place",
            two(&[on, pattern("semver:~1"), ("fluxcd.io/tag.sidecar", "semver:1.0.0")]).replace("shared-place", "conflicting-place"),
        ),
        ("unsupported-scalar", folded),
        ("encrypted", automated("encrypted", &image("web:1.0.0"), "semver:~1") + "sops:\n  mac: ENC[AES256_GCM,data:x]\n"),
        ("overlay", automated("overlay", &image("web:1.0.0"), "semver:~1")),
        ("not-found", automated("not-found", &image("nowhere:1.0.0"), "semver:~1")),
        ("unreachable", automated("unreachable", "registry.invalid/web:1.0.0", "semver:~1")),
    ]
    .into_iter()
    .map(|(name, text)| (format!("{name}.yaml"), text))
    .collect();
    files.insert("kustomization.yaml".to_owned(), format!("resources: [overlay.yaml]\nimages: [{{ name: {host}/web, newTag: 1.0.0 }}]\n"));
    files.insert("outside/x.yaml".to_owned(), automated("outside-paths", &image("web:1.0.0"), "semver:~1"));
    let fleet = Bare::with(&files.iter().map(|(path, text)| (&**path, &**text)).collect::<Vec<_>>());
    let ran = machine.call(["plan", &fleet.file_url(), "--output", "json", "--git-path", "*.yaml"]).run().ended(1);
    let found: Vec<String> =
        decisions(&ran).into_iter().map(|(workload, code, reason)| format!("{workload} {code}: {}", reason.replace(host, "HOST"))).collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    default:deployment/conflicting-place conflictingPlace: the place also feeds sidecar of default:deployment/conflicting-place, which is current
    default:deployment/conflicting-place current: 1.0.0 is the highest version in 1.0.0
    default:deployment/current current: 1.1.0 is the highest version in ~1
    default:deployment/digest-only digestOnly: the reference has a digest and no tag; only a `digest:` policy or `tagalong.dev/digest` moves it
    default:deployment/encrypted encrypted: the object is encrypted, and never edited
    default:deployment/locked locked: locked: "until the audit"
    default:deployment/malformed-policy malformedPolicy: `fluxcd.io/tag.app` is malformed: `semver:~~` is no version with an operator before it (malformed-policy.yaml:7)
    default:deployment/no-build-time noBuildTime: no tag that matches has a usable build time
    default:deployment/no-explicit-pattern noExplicitPattern: the image has no tag, and the container no pattern of its own
    default:deployment/no-tag-matches noTagMatches: none of 3 tags can be used: 1 no version, 2 outside the range
    default:deployment/not-found notFound: cannot list `HOST/nowhere`: HOST answered 404 (NAME_UNKNOWN: repository name not known to registry)
    default:deployment/outside-paths outsidePaths: outside/x.yaml lies outside the paths that may be written
    default:deployment/overlay updated: 1.1.0 is the highest version in ~1
    default:deployment/shared-place sharedPlace: the place also feeds sidecar of default:deployment/shared-place, which stays: not automated
    default:deployment/switched switched: 1.1.0 is the highest version in ~1
    default:deployment/too-young tooYoung: every tag that could win is younger than `min-age` allows, the first is eligible at 2051-05-18T00:00:00Z
    default:deployment/unreachable unreachable: cannot list `registry.invalid/web`: there is no host registry.invalid
    default:deployment/unsupported-scalar unsupportedScalar: the image cannot be edited: it spans several lines
    default:deployment/updated updated: 1.1.0 is the highest version in ~1
    default:deployment/would-go-back wouldGoBack: would go back from 1.2.0 to 1.1.0; set 1.1.0 in Git yourself, or `tagalong.dev/downgrade: allow`
    "#);
    let report = ran.json();
    let shapes: BTreeSet<Vec<&str>> =
        ["updates", "current", "held", "failed"].iter().flat_map(|list| report[list].as_array().unwrap()).map(keys).collect();
    assert_eq!(shapes.len(), 1, "all lists have the same fields: {shapes:?}");
}
