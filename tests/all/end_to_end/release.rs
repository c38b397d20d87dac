//! What a person releases by command, as Git alone tells it.

use super::{automated, deployment, push, rollback::Scene};
use crate::kit::{binary::Machine, git::Bare};

const NAME: &str = "ghcr.io/acme/web";

/// A machine of Ada's.
fn ada() -> Machine {
    let machine = Machine::new();
    machine.file("home/.gitconfig", "[user]\n\tname = Ada\n\temail = ada@acme.example\n");
    machine
}

/// Releases a tag of `web` in a repository that has it at 1.1.0 under `semver:~1`.
fn release(fleet: &Bare, words: &[&str], code: i32) -> String {
    let url = fleet.file_url();
    let ran = ada().call([&["release", "web"][..], words, &[&url]].concat()).run().ended(code);
    ran.told(&[(fleet.root().to_str().unwrap(), "ROOT")])
}

fn fleet(annotations: &[(&str, &str)]) -> Bare {
    Bare::with(&[("apps/web.yaml", &deployment("web", &format!("{NAME}:1.1.0"), annotations)), ("README.md", "fleet\n")])
}

fn ruled() -> Bare {
    fleet(&[("fluxcd.io/automated", "true"), ("fluxcd.io/tag.app", "semver:~1")])
}

fn image(fleet: &Bare) -> String {
    let text = String::from_utf8(fleet.file("apps/web.yaml")).unwrap();
    text.lines().find_map(|line| Some(line.trim().strip_prefix("image: ")?.to_owned())).unwrap()
}

#[test]
fn a_release_is_a_commit_that_says_who_wanted_it_and_why() {
    let fleet = ruled();
    let pushed = fleet.tip("main").unwrap();
    let told = release(&fleet, &["--image", "ghcr.io/acme/web:1.2.0", "-m", "carts are empty"], 0);
    assert!(told.contains("default:deployment/web   app   ghcr.io/acme/web   1.1.0 → 1.2.0   apps/web.yaml:13\n"), "{told}");
    assert_ne!(fleet.tip("main").unwrap(), pushed);
    assert_eq!(image(&fleet), "ghcr.io/acme/web:1.2.0 # kept");
    insta::assert_snapshot!(fleet.git(&["log", "-1", "--format=%an <%ae>%n%B", "main"]), @r"
    Tagalong <tagalong@localhost>
    Release ghcr.io/acme/web:1.2.0 to default:deployment/web

    carts are empty

    default:deployment/web
    - app: ghcr.io/acme/web 1.1.0 -> 1.2.0 (semver:~1)

    Image-Update: ghcr.io/acme/web 1.1.0 -> 1.2.0
    Released-by: Ada <ada@acme.example>
    ");
    let trailers = fleet.git(&["log", "-1", "--format=%(trailers:only)", "main"]);
    assert_eq!(trailers.trim(), "Image-Update: ghcr.io/acme/web 1.1.0 -> 1.2.0\nReleased-by: Ada <ada@acme.example>");
    assert_eq!(release(&fleet, &["--image", "ghcr.io/acme/web:1.2.0"], 0), "nothing to do: default:deployment/web runs that already\n");
}

#[test]
fn what_the_policy_is_against_takes_force() {
    let ruled_by = |more: &[(&'static str, &'static str)]| [&[("fluxcd.io/automated", "true"), ("fluxcd.io/tag.app", "semver:~1")], more].concat();
    let digest = format!("{NAME}:2.0.0@sha256:{}", "a".repeat(64));
    let rows = [
        ("outside the range", ruled_by(&[]), "ghcr.io/acme/web:2.0.0", "2.0.0 does not fit the policy semver:~1: outside ~1"),
        ("with a digest", ruled_by(&[]), &digest, "2.0.0 does not fit the policy semver:~1: outside ~1"),
        ("a step back", ruled_by(&[]), "ghcr.io/acme/web:1.0.0", "1.0.0 is below 1.1.0"),
        ("locked", ruled_by(&[("fluxcd.io/locked", "true"), ("fluxcd.io/locked_msg", "audit")]), "ghcr.io/acme/web:1.2.0", "locked: \"audit\""),
        (
            "malformed",
            vec![("fluxcd.io/automated", "true"), ("fluxcd.io/tag.app", "semver:")],
            "ghcr.io/acme/web:1.2.0",
            "`fluxcd.io/tag.app` is malformed",
        ),
    ];
    for (word, annotations, wanted, reason) in rows {
        let fleet = fleet(&annotations);
        let before = fleet.tip("main");
        let told = release(&fleet, &["--image", wanted], 1);
        assert!(told.contains(&format!("cannot release `{wanted}` to `app` of `default:deployment/web`: {reason}")), "{word}: {told}");
        assert!(told.contains("hint: release it all the same with --force"), "{word}: {told}");
        assert_eq!(fleet.tip("main"), before, "{word}");
        let told = release(&fleet, &["--image", wanted, "--force"], 0);
        assert!(told.contains(&format!("by force: {reason}")), "{word}: {told}");
        assert_eq!(image(&fleet), format!("{wanted} # kept"), "{word}");
        assert!(fleet.git(&["log", "-1", "--format=%B", "main"]).contains(&format!(", by force: {reason}")), "{word}");
    }
}

#[test]
fn a_workload_without_a_policy_takes_any_version_of_its_images() {
    for (word, annotations, wanted) in [
        ("nothing is said", vec![], "ghcr.io/acme/web:0.1.0"),
        ("deautomated, the pattern fits", vec![("fluxcd.io/tag.app", "semver:~1")], "ghcr.io/acme/web:1.2.0"),
        ("the container is left out", vec![("fluxcd.io/automated", "true"), ("tagalong.dev/automated.app", "false")], "ghcr.io/acme/web:0.1.0"),
        ("automated without a pattern", vec![("fluxcd.io/automated", "true")], "ghcr.io/acme/web:latest"),
    ] {
        let fleet = fleet(&annotations);
        release(&fleet, &["--image", wanted], 0);
        assert_eq!(image(&fleet), format!("{wanted} # kept"), "{word}");
    }
    let told = release(&fleet(&[("fluxcd.io/tag.app", "semver:~1")]), &["--image", "ghcr.io/acme/web:2.0.0"], 1);
    assert!(told.contains("2.0.0 does not fit the policy semver:~1"), "its pattern counts, though it is not automated: {told}");
}

#[test]
fn what_cannot_be_released_is_told_and_writes_nothing() {
    let pinned = format!("{NAME}:1.1.0@sha256:{}", "a".repeat(64));
    let plain = deployment("web", &format!("{NAME}:1.1.0"), &[]);
    let ignored = deployment("web", &format!("{NAME}:1.1.0"), &[("fluxcd.io/ignore", "true")]);
    let rows = [
        (
            "another image",
            plain.clone(),
            vec!["--image", "ghcr.io/acme/cart:1"],
            1,
            "none of its containers runs this image\n  hint: it runs ghcr.io/acme/web",
        ),
        ("two of one image", plain.clone(), vec!["--image", "redis:1", "--image", "docker.io/library/redis:2"], 2, "both name one image"),
        ("no tag", plain.clone(), vec!["--image", "ghcr.io/acme/web"], 2, "write it as NAME:TAG, or with @DIGEST behind it"),
        ("no reference", plain, vec!["--image", "ghcr.io/acme/web:1 2"], 2, "at character"),
        ("not to be touched", ignored, vec!["--image", "ghcr.io/acme/web:1.2.0", "--force"], 1, "its annotation `ignore` says"),
        (
            "pinned",
            deployment("web", &pinned, &[]),
            vec!["--image", "ghcr.io/acme/web:1.2.0", "--force"],
            1,
            "write the digest, too: ghcr.io/acme/web:1.2.0@sha256:…",
        ),
        (
            "outside the paths",
            automated("web", &format!("{NAME}:1.1.0"), "semver:~1"),
            vec!["--image", "ghcr.io/acme/web:1.2.0", "--git-path", "other"],
            1,
            "lies outside the paths that may be written",
        ),
        (
            "encrypted",
            deployment("web", &format!("{NAME}:1.1.0"), &[]) + "sops:\n  mac: x\n",
            vec!["--image", "ghcr.io/acme/web:1.2.0"],
            1,
            "encrypted",
        ),
    ];
    for (word, text, words, code, reason) in rows {
        let fleet = Bare::with(&[("apps/web.yaml", &text)]);
        let before = fleet.tip("main");
        let told = release(&fleet, &words, code);
        assert!(told.contains(reason), "{word}: {told}");
        assert_eq!(fleet.tip("main"), before, "{word}");
    }
}

#[test]
fn one_root_is_released_by_an_entry_of_its_own() {
    let base = ("base/web.yaml", &*deployment("web", &format!("{NAME}:1.1.0"), &[]));
    let overlay = "resources: [../base]\n";
    let fleet = Bare::with(&[
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        base,
        ("prod/kustomization.yaml", overlay),
        ("test/kustomization.yaml", overlay),
    ]);
    let told = release(&fleet, &["--image", "ghcr.io/acme/web:1.2.0"], 2);
    assert!(told.contains("choose one with --root PATH"), "{told}");
    release(&fleet, &["--image", "ghcr.io/acme/web:1.2.0", "--root", "test"], 0);
    assert_eq!(
        String::from_utf8(fleet.file("test/kustomization.yaml")).unwrap(),
        "resources: [../base]\nimages:\n- name: ghcr.io/acme/web\n  newTag: 1.2.0\n"
    );
    assert_eq!(fleet.file("prod/kustomization.yaml"), overlay.as_bytes());
    let fleet = Bare::with(&[
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        base,
        ("prod/kustomization.yaml", overlay),
        ("test/kustomization.yaml", overlay),
    ]);
    release(&fleet, &["--image", "ghcr.io/acme/web:1.2.0", "--all-roots"], 0);
    assert!(String::from_utf8(fleet.file("base/web.yaml")).unwrap().contains("web:1.2.0 # kept"));
}

#[test]
fn a_release_is_shown_checked_and_written_into_a_work_tree() {
    let fleet = ruled();
    let checkout = fleet.checkout();
    let call = |words: &[&str], code: i32| {
        let folder = checkout.path().to_str().unwrap();
        ada().call([&["release", "web", "--image", "ghcr.io/acme/web:1.2.0", folder][..], words].concat()).run().ended(code)
    };
    let shown = call(&["--check"], 4).told(&[]);
    assert!(shown.ends_with("wrote nothing\n"), "{shown}");
    assert!(call(&["--check", "--output", "diff"], 4).told(&[]).contains("+        image: ghcr.io/acme/web:1.2.0 # kept\n"));
    let json = call(&[], 0).told(&[]);
    assert!(json.ends_with("wrote 1 file\n"), "{json}");
    crate::kit::git::git(checkout.path(), &["checkout", "--quiet", "--", "."]);
    let report = call(&["--commit", "--output", "json", "--user", "Bo <bo@acme.example>"], 0).json();
    let change = &report["changes"][0];
    assert_eq!(
        (&change["image"], &change["from"]["tag"], &change["to"]["tag"], &change["policy"], &change["against"]),
        (&"ghcr.io/acme/web".into(), &"1.1.0".into(), &"1.2.0".into(), &"semver:~1".into(), &serde_json::Value::Null)
    );
    assert!(crate::kit::git::git(checkout.path(), &["log", "-1", "--format=%B"]).contains("\nReleased-by: Bo <bo@acme.example>\n"));
}

#[test]
fn a_release_lifts_what_somebody_rolled_back() {
    let scene = Scene::updated(&["web"]);
    let name = format!("{}/shop/web", scene.registry.host());
    scene.commit("web:1.1.0", "web:1.0.0", "Back to 1.0.0");
    scene.push();
    assert_eq!(scene.becomes().0, "rolledBack");
    let told = release(&scene.fleet, &["--image", &format!("{name}:1.1.0")], 1);
    assert!(told.contains("1.1.0 was rolled back by ") && told.contains("'Back to 1.0.0'"), "{told}");
    release(&scene.fleet, &["--image", &format!("{name}:1.1.0"), "--force", "-m", "it was the network"], 0);
    assert_eq!(scene.becomes().0, "current");
    scene.person(&["pull", "--quiet"]);
    scene.person(&["revert", "--no-edit", "HEAD"]);
    scene.push();
    assert_eq!(scene.becomes().0, "rolledBack", "a release may be taken back, too");
}

#[test]
fn a_release_that_goes_back_stays_until_a_newer_tag_comes() {
    for (word, is_ours) in [("what a policy wrote", true), ("what a person wrote", false)] {
        let scene = Scene::updated(&["web"]);
        let name = format!("{}/shop/web", scene.registry.host());
        if !is_ours {
            push(&scene.registry, "shop/web", &["1.1.5"]);
            scene.commit("web:1.1.0", "web:1.1.5", "By hand");
            scene.push();
        }
        release(&scene.fleet, &["--image", &format!("{name}:1.0.0"), "--force"], 0);
        let (code, reason) = scene.becomes();
        assert_eq!(code, "rolledBack", "{word}: {reason}");
        assert!(reason.contains(&format!("'Release {name}:1.0.0 to")), "{word}: {reason}");
        push(&scene.registry, "shop/web", &["1.2.0"]);
        assert_eq!(scene.becomes().0, "updated", "{word}");
    }
}
