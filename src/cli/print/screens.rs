//! The screens, as a person reads them.

use std::time::Duration;

use super::{Depth, Ending, Facts, PolicyTest, Width, decisions, explain, json, plan, policy_test};
use crate::{
    manifest::Place,
    plan::{
        report::{Candidate, ExplainedContainer, ExplainedWorkload, Explanation, Record, Report, UnreadableFile, Version},
        subject::Layer,
    },
    policy::{Code, TagCode},
};

fn tag(tag: &str) -> Version {
    Version { tag: Some(tag.to_owned()), digest: None }
}

fn record(code: Code, workload: &str, image: &str, from: &str, to: Option<&str>, policy: &str) -> Record {
    let name = workload.rsplit('/').next().unwrap();
    Record {
        root: "clusters/prod".into(),
        workload: workload.into(),
        container: "app".into(),
        image: Some(image.into()),
        from: tag(from),
        to: to.map(tag),
        policy: policy.into(),
        file: format!("apps/{name}.yaml"),
        line: 21,
        place: Place::Container,
        code,
        reason: to.map_or_else(String::new, |to| format!("{to} is the highest version in ~1")),
        blame: code.blame(),
        newer_elsewhere: None,
        departs: None,
        hint: None,
        link: None,
    }
}

fn facts(ending: Ending) -> Facts {
    Facts { workloads: 9, requests: 7, elapsed: Duration::from_millis(412), ending, notes: Vec::new() }
}

fn empty() -> Report {
    Report::new("fleet".into(), Some("main".into()), Some("3f2a1b9c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f6".into()))
}

fn current(name: &str) -> Record {
    let workload = format!("shop:deployment/{name}");
    record(Code::Current, &workload, &format!("ghcr.io/acme/{name}"), "1.0.0", Some("1.0.0"), "semver:~1")
}

/// All four kinds.
fn mixed() -> Report {
    let mut report = empty();
    report.add(record(Code::Updated, "shop:deployment/frontend", "ghcr.io/acme/frontend", "1.4.2", Some("1.5.0"), "semver:~1"));
    report.add(Record {
        file: "overlays/prod/kustomization.yaml".into(),
        line: 9,
        newer_elsewhere: Some("92-hotfix, outside main-*".into()),
        ..record(Code::Updated, "shop:deployment/cart", "ghcr.io/acme/cart", "main-88", Some("main-91"), "glob:main-*")
    });
    report.add(Record {
        reason: r#"locked by ana: "until the audit""#.into(),
        to: None,
        ..record(Code::Locked, "shop:statefulset/db", "docker.io/postgres", "15.4", Some("15.6"), "semver:~15")
    });
    report.add(Record {
        reason: "quay.io answered 401 (unauthorized)".into(),
        hint: Some("give quay.io/acme a credential under `registries:`".into()),
        ..record(Code::Unauthorized, "ops:deployment/mailer", "quay.io/acme/mailer", "2.1.0", None, "semver:~2")
    });
    report.add(current("search"));
    report.add(current("mail"));
    report
}

#[test]
fn a_plan_names_what_changes_what_waits_and_what_failed() {
    insta::assert_snapshot!(plan(&mixed(), &facts(Ending::Planned), Width::Endless), @r#"
    fleet  main @ 3f2a1b9   6 workloads, 6 images, 3 registries

      update  shop:deployment/frontend   app   ghcr.io/acme/frontend   1.4.2 → 1.5.0       semver:~1     apps/frontend.yaml:21
      update  shop:deployment/cart       app   ghcr.io/acme/cart       main-88 → main-91   glob:main-*   overlays/prod/kustomization.yaml:9
      held    shop:statefulset/db        app   docker.io/postgres      15.4                locked by ana: "until the audit"
      failed  ops:deployment/mailer      app   quay.io/acme/mailer     2.1.0               quay.io answered 401 (unauthorized)
              hint: give quay.io/acme a credential under `registries:`

    2 updates, 1 held, 1 failed, 2 current · 7 requests, 0.4 s
    note: cart: newer elsewhere: 92-hotfix, outside main-*
    "#);
}

#[test]
fn a_plan_fits_a_terminal() {
    insta::assert_snapshot!(plan(&mixed(), &facts(Ending::Planned), Width::Columns(80)), @r#"
    fleet  main @ 3f2a1b9   6 workloads, 6 images, 3 registries

      update  …:deployment/frontend   app   …cr.io/acme/frontend   1.4.2 → 1.5.0
              semver:~1   apps/frontend.yaml:21
      update  shop:deployment/cart    app   ghcr.io/acme/cart      main-88 → main-91
              glob:main-*   overlays/prod/kustomization.yaml:9
      held    shop:statefulset/db     app   docker.io/postgres     15.4
              locked by ana: "until the audit"
      failed  ops:deployment/mailer   app   quay.io/acme/mailer    2.1.0
              quay.io answered 401 (unauthorized)
              hint: give quay.io/acme a credential under `registries:`

    2 updates, 1 held, 1 failed, 2 current · 7 requests, 0.4 s
    note: cart: newer elsewhere: 92-hotfix, outside main-*
    "#);
}

#[test]
fn an_apply_ends_with_what_happened() {
    let (commit, branch) = ("9c1d2e0f1a2b".to_owned(), "main".to_owned());
    for (ending, text) in [
        (Ending::Planned, "outside main-*"),
        (Ending::Unchanged, "wrote nothing"),
        (Ending::There { branch: "updates".into() }, "wrote nothing: updates holds this already (2 updates)"),
        (Ending::Wrote { files: 1 }, "wrote 1 file"),
        (Ending::Wrote { files: 2 }, "wrote 2 files"),
        (Ending::Committed { commit: commit.clone(), branch: branch.clone() }, "committed 9c1d2e0 to main (2 updates)"),
        (Ending::Pushed { commit, branch }, "pushed 9c1d2e0 to main (2 updates)"),
    ] {
        let screen = plan(&mixed(), &facts(ending.clone()), Width::Endless);
        assert!(screen.ends_with(&format!("{text}\n")), "{ending:?}: {screen}");
    }
}

#[test]
fn nothing_to_do_says_so() {
    let mut report = empty();
    for name in ["frontend", "cart", "search", "mail"] {
        report.add(current(name));
    }
    insta::assert_snapshot!(plan(&report, &facts(Ending::Unchanged), Width::Endless), @r"
    fleet  main @ 3f2a1b9   4 workloads, 4 images, 1 registry

    0 updates, 4 current · 7 requests, 0.4 s
    nothing to do: all 4 automated images are current
    ");
}

#[test]
fn a_repository_without_annotations_shows_the_two_lines() {
    insta::assert_snapshot!(plan(&empty(), &facts(Ending::Planned), Width::Endless), @r#"
    fleet  main @ 3f2a1b9   9 workloads, none automated

    nothing to do: none of the 9 workloads here is automated

    To have an image updated, add two lines to its workload, with the container's name and the versions that you want:

        metadata:
          annotations:
            fluxcd.io/automated: "true"
            fluxcd.io/tag.<container>: semver:~1.4
    "#);
}

#[test]
fn unreadable_files_are_named_and_strangers_in_one_line() {
    let mut report = empty();
    report.add(current("frontend"));
    let mut unreadable = |file: &str, line, reason: &str, annotated| {
        report.unreadable.push(UnreadableFile { file: file.into(), line, reason: reason.into(), annotated });
    };
    unreadable("overlays/prod/kustomization.yaml", Some(12), "a key stands twice: `images`", true);
    unreadable("apps/tabs.yaml", None, "a tab cannot stand in the indentation", true);
    for name in ["a", "b", "c", "d", "e"] {
        unreadable(&format!("chart/templates/{name}.yaml"), Some(3), "a template", false);
    }
    insta::assert_snapshot!(plan(&report, &facts(Ending::Unchanged), Width::Endless), @r"
    fleet  main @ 3f2a1b9   1 workload, 1 image, 1 registry

      unreadable  overlays/prod/kustomization.yaml:12   a key stands twice: `images`
      unreadable  apps/tabs.yaml                        a tab cannot stand in the indentation

    0 updates, 1 current, 2 unreadable files · 7 requests, 0.4 s
    note: cannot read `chart/templates/a.yaml` line 3: a template; also 4 more files; none is an annotated manifest
    wrote nothing
    ");
}

#[test]
fn a_switch_gives_its_reason_and_a_held_winner_is_shown() {
    let mut report = empty();
    report.add(Record {
        reason: "latest does not match semver:~1; 1.5.0 is the highest version in ~1".into(),
        ..record(Code::Switched, "shop:deployment/frontend", "ghcr.io/acme/frontend", "latest", Some("1.5.0"), "semver:~1")
    });
    report.add(Record { reason: "locked".into(), ..record(Code::Locked, "shop:statefulset/db", "postgres", "15.4", Some("15.6"), "semver:~15") });
    insta::assert_snapshot!(plan(&report, &facts(Ending::Planned), Width::Endless), @r"
    fleet  main @ 3f2a1b9   2 workloads, 2 images, 2 registries

      switch  shop:deployment/frontend   app   ghcr.io/acme/frontend   latest → 1.5.0   semver:~1   apps/frontend.yaml:21
              latest does not match semver:~1; 1.5.0 is the highest version in ~1
      held    shop:statefulset/db        app   postgres                15.4             locked; would be 15.6

    1 update, 1 held, 0 current · 7 requests, 0.4 s
    ");
}

#[test]
fn decisions_give_each_reason() {
    insta::assert_snapshot!(decisions(&mixed(), Width::Endless), @r#"
    updated       shop:deployment/frontend   app   1.4.2 → 1.5.0
                  1.5.0 is the highest version in ~1
    updated       shop:deployment/cart       app   main-88 → main-91
                  main-91 is the highest version in ~1
    locked        shop:statefulset/db        app   15.4
                  locked by ana: "until the audit"
    unauthorized  ops:deployment/mailer      app   2.1.0
                  quay.io answered 401 (unauthorized)
    current       shop:deployment/search     app   1.0.0
                  1.0.0 is the highest version in ~1
    current       shop:deployment/mail       app   1.0.0
                  1.0.0 is the highest version in ~1
    "#);
}

#[test]
fn strangers_texts_reach_no_terminal_as_they_are() {
    let evil = "x\u{1b}[2J\n\u{202e}y\u{9b}1m";
    let mut report = Report::new(evil.into(), Some(evil.into()), Some(evil.into()));
    let bad = |code| Record {
        container: evil.into(),
        reason: evil.into(),
        hint: Some(evil.into()),
        newer_elsewhere: Some(evil.into()),
        file: evil.into(),
        from: tag(evil),
        ..record(code, evil, evil, evil, Some(evil), evil)
    };
    for code in [Code::Updated, Code::Switched, Code::Locked, Code::NotFound, Code::Current] {
        report.add(bad(code));
    }
    for annotated in [true, false] {
        report.unreadable.push(UnreadableFile { file: evil.into(), line: None, reason: evil.into(), annotated });
    }
    let notes = vec![evil.to_owned()];
    let facts = Facts { notes, ..facts(Ending::Pushed { commit: evil.into(), branch: evil.into() }) };
    let candidate = |code| Candidate { tag: evil.into(), code, reason: evil.into(), created: Some(evil.into()), first_seen: None };
    let candidates: Vec<Candidate> = TagCode::ALL.iter().map(|&code| candidate(code)).collect();
    let test = PolicyTest { pattern: evil.into(), current: Some(evil.into()), candidates: candidates.clone() };
    let container = ExplainedContainer {
        record: bad(Code::Locked),
        layers: vec![Layer { file: evil.into(), line: 1, place: Place::Container }; 2],
        policy_file: Some(evil.into()),
        policy_line: None,
        policy_key: Some(evil.into()),
        candidates,
    };
    let workload = ExplainedWorkload { root: evil.into(), workload: evil.into(), containers: vec![container] };
    let explanation = Explanation { workloads: vec![workload.clone(), workload] };
    for width in [Width::Endless, Width::Columns(60)] {
        for screen in [
            plan(&report, &facts, width),
            decisions(&report, width),
            explain(&explanation, Depth::Telling, width),
            explain(&explanation, Depth::All, width),
            policy_test(&test, width),
            json(&report),
        ] {
            assert!(!screen.contains(|c| c != '\n' && crate::plan::safe::is_unsafe(c)), "{screen:?}");
            assert!(!screen.lines().any(|line| line.starts_with('y')), "{screen}");
        }
    }
}

fn candidate(tag: &str, code: TagCode, reason: &str) -> Candidate {
    Candidate { tag: tag.into(), code, reason: reason.into(), created: None, first_seen: None }
}

fn frontend(candidates: Vec<Candidate>) -> Explanation {
    let record = record(Code::Updated, "shop:deployment/frontend", "ghcr.io/acme/frontend", "1.4.2", Some("1.5.0"), "semver:~1");
    let container = ExplainedContainer {
        record,
        layers: vec![],
        policy_file: Some("apps/frontend.yaml".into()),
        policy_line: Some(8),
        policy_key: Some("fluxcd.io/tag.app".into()),
        candidates,
    };
    let workload = ExplainedWorkload { root: "clusters/prod".into(), workload: "shop:deployment/frontend".into(), containers: vec![container] };
    Explanation { workloads: vec![workload] }
}

/// The best first, as a registry of 214 tags would give them.
fn many() -> Vec<Candidate> {
    let mut all = vec![candidate("1.5.0", TagCode::Chosen, "the highest version in ~1")];
    all.extend((0..201).rev().map(|n| candidate(&format!("1.4.{n}"), TagCode::Outranked, "below 1.5.0")));
    all.push(candidate("1.5.1-rc.1", TagCode::PreRelease, "pre-release; the range names none"));
    all.push(candidate("2.0.0", TagCode::OutsideRange, "outside ~1"));
    all.push(candidate("1.5.0-alpine", TagCode::OtherSeries, "other series: -alpine"));
    all.push(candidate("1337", TagCode::FewerNumbers, "one number, the current tag has three"));
    all.extend((0..5).map(|n| candidate(&format!("sha256-{n}.sig"), TagCode::NotAnImage, "a signature")));
    all.extend((0..3).map(|n| candidate(&format!("edge-{n}"), TagCode::NotAVersion, "no version")));
    all
}

#[test]
fn explain_shows_what_tells_the_most() {
    insta::assert_snapshot!(explain(&frontend(many()), Depth::Telling, Width::Endless), @r"
    shop:deployment/frontend, container app
      image     ghcr.io/acme/frontend:1.4.2   apps/frontend.yaml:21
      policy    semver:~1                     apps/frontend.yaml:8 (fluxcd.io/tag.app)
      listed    214 tags, just now
      decided   1.5.0 is the highest version in ~1 (updated)

      → 1.5.0          chosen: the highest version in ~1
        1.4.2          current; below 1.5.0
        1.4.200        below 1.5.0
        1.5.1-rc.1     pre-release; the range names none
        2.0.0          outside ~1
        1.5.0-alpine   other series: -alpine
        1337           one number, the current tag has three
        sha256-0.sig   a signature
        edge-0         no version
        … 205 more: 199 outranked, 4 no images, 2 no versions      (--all)
    ");
}

#[test]
fn explain_can_show_every_tag() {
    let screen = explain(&frontend(many()), Depth::All, Width::Endless);
    let missing: Vec<Candidate> = many().into_iter().filter(|candidate| !screen.contains(&format!(" {}  ", candidate.tag))).collect();
    assert_eq!(missing, [], "{screen}");
}

#[test]
fn explain_counts_every_tag_once() {
    let screen = explain(&frontend(many()), Depth::Telling, Width::Endless);
    let (_, tags) = screen.split_once("\n\n").unwrap();
    let (shown, rest) = tags.split_once('…').unwrap();
    let rest: Vec<usize> = rest.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    assert_eq!(shown.trim_end().lines().count() + rest[0], many().len(), "{screen}");
    assert_eq!(rest[0], rest[1..].iter().sum::<usize>(), "{screen}");
}

#[test]
fn explain_shows_a_held_container_with_times() {
    let timed =
        |tag: &str, code, reason: &str, created: Option<&str>| Candidate { created: created.map(str::to_owned), ..candidate(tag, code, reason) };
    let mut explanation = frontend(vec![
        timed("main-91", TagCode::Outranked, "built before main-92", Some("2024-05-02T08:00:00Z")),
        timed("main-92", TagCode::NotRead, "its build time could not be read this time", None),
    ]);
    let container = &mut explanation.workloads[0].containers[0];
    container.record = Record {
        code: Code::MetadataMissing,
        reason: "1 of 2 times read".into(),
        hint: Some("try again".into()),
        from: tag("main-91"),
        to: None,
        policy: "glob:*".into(),
        place: Place::KustomizeImage,
        newer_elsewhere: Some("92-hotfix, outside main-*".into()),
        ..container.record.clone()
    };
    container.policy_file = None;
    explanation.workloads.push(ExplainedWorkload { root: "clusters/test".into(), ..explanation.workloads[0].clone() });
    insta::assert_snapshot!(explain(&explanation, Depth::Telling, Width::Endless), @r"
    shop:deployment/frontend, container app   (root clusters/prod)
      image     ghcr.io/acme/frontend:main-91   apps/frontend.yaml:21 (images entry)
      policy    glob:*                          nowhere: the default for a container without a pattern
      listed    2 tags, just now
      decided   held: 1 of 2 times read (metadataMissing)
                newer elsewhere: 92-hotfix, outside main-*
                hint: try again

        main-91   2024-05-02T08:00:00Z   current; built before main-92
        main-92   -                      its build time could not be read this time

    shop:deployment/frontend, container app   (root clusters/test)
      image     ghcr.io/acme/frontend:main-91   apps/frontend.yaml:21 (images entry)
      policy    glob:*                          nowhere: the default for a container without a pattern
      listed    2 tags, just now
      decided   held: 1 of 2 times read (metadataMissing)
                newer elsewhere: 92-hotfix, outside main-*
                hint: try again

        main-91   2024-05-02T08:00:00Z   current; built before main-92
        main-92   -                      its build time could not be read this time
    ");
}

fn tested(candidates: Vec<Candidate>) -> PolicyTest {
    PolicyTest { pattern: "semver:~1".into(), current: Some("1.0.0".into()), candidates }
}

fn three() -> Vec<Candidate> {
    vec![
        candidate("2.0.0", TagCode::OutsideRange, "outside ~1"),
        candidate("1.1.0", TagCode::Chosen, "the highest version in ~1"),
        candidate("1.0.0", TagCode::Outranked, "below 1.1.0"),
    ]
}

#[test]
fn policy_test_shows_the_winner_first() {
    insta::assert_snapshot!(policy_test(&tested(three()), Width::Endless), @r"
    semver:~1   current 1.0.0

      → 1.1.0   chosen: the highest version in ~1
        1.0.0   current; below 1.1.0
        2.0.0   outside ~1

    1.1.0 is chosen; 2 of 3 tags can win
    ");
}

#[test]
fn policy_test_without_a_winner_says_so() {
    for (word, candidates, verdict) in [
        ("no tags", vec![], "no tag was given"),
        ("no match", three()[..1].to_vec(), "nothing is chosen; 0 of 1 tag can win"),
        ("all", three(), "1.1.0 is chosen; 2 of 3 tags can win"),
    ] {
        let screen = policy_test(&tested(candidates), Width::Endless);
        assert_eq!(screen.lines().last(), Some(verdict), "{word}");
    }
}

#[test]
fn policy_test_has_the_documented_json() {
    insta::assert_snapshot!(json(&tested(three())), @r#"
    {
      "pattern": "semver:~1",
      "current": "1.0.0",
      "chosen": "1.1.0",
      "matching": [
        "1.1.0",
        "1.0.0"
      ],
      "rejected": [
        {
          "tag": "2.0.0",
          "code": "outsideRange",
          "reason": "outside ~1"
        }
      ]
    }
    "#);
}

#[test]
fn a_plan_has_the_documented_json() {
    let mut report = mixed();
    report.current.clear();
    report.held.clear();
    report.failed.clear();
    report.updates.truncate(1);
    report.unreadable.push(UnreadableFile { file: "x.yaml".into(), line: None, reason: "it is empty".into(), annotated: true });
    insta::assert_snapshot!(json(&report), @r#"
    {
      "repository": "fleet",
      "branch": "main",
      "commit": "3f2a1b9c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f6",
      "pushed": null,
      "updates": [
        {
          "root": "clusters/prod",
          "workload": "shop:deployment/frontend",
          "container": "app",
          "image": "ghcr.io/acme/frontend",
          "from": {
            "tag": "1.4.2",
            "digest": null
          },
          "to": {
            "tag": "1.5.0",
            "digest": null
          },
          "policy": "semver:~1",
          "file": "apps/frontend.yaml",
          "line": 21,
          "place": "container",
          "code": "updated",
          "reason": "1.5.0 is the highest version in ~1",
          "blame": null,
          "newerElsewhere": null
        }
      ],
      "current": [],
      "held": [],
      "failed": [],
      "unreadable": [
        {
          "file": "x.yaml",
          "line": null,
          "reason": "it is empty"
        }
      ]
    }
    "#);
}

#[test]
fn an_explanation_has_the_documented_json() {
    insta::assert_snapshot!(json(&frontend(three()[..1].to_vec())), @r#"
    {
      "workloads": [
        {
          "root": "clusters/prod",
          "workload": "shop:deployment/frontend",
          "containers": [
            {
              "root": "clusters/prod",
              "workload": "shop:deployment/frontend",
              "container": "app",
              "image": "ghcr.io/acme/frontend",
              "from": {
                "tag": "1.4.2",
                "digest": null
              },
              "to": {
                "tag": "1.5.0",
                "digest": null
              },
              "policy": "semver:~1",
              "file": "apps/frontend.yaml",
              "line": 21,
              "place": "container",
              "code": "updated",
              "reason": "1.5.0 is the highest version in ~1",
              "blame": null,
              "newerElsewhere": null,
              "layers": [],
              "policyFile": "apps/frontend.yaml",
              "policyLine": 8,
              "candidates": [
                {
                  "tag": "2.0.0",
                  "code": "outsideRange",
                  "reason": "outside ~1",
                  "created": null,
                  "firstSeen": null
                }
              ]
            }
          ]
        }
      ]
    }
    "#);
}
