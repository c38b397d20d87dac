//! What a person takes back stays back, as Git alone tells it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{automated, decisions, push};
use crate::kit::{
    binary::Machine,
    git::{self, Bare},
    registry::{ImageSpec, Mode, Registry},
};

/// What a person does, and then the commit that took the version back with its subject.
type TakesBack<'a> = &'a dyn Fn(&Scene) -> (&'static str, &'static str);
/// What a person does.
type GoesOn<'a> = &'a dyn Fn(&Scene);

/// A registry, a repository that Tagalong has updated once from 1.0.0 to 1.1.0, and a person's checkout of it.
pub(super) struct Scene {
    pub(super) registry: Registry,
    pub(super) fleet: Bare,
    checkout: TempDir,
}

impl Scene {
    pub(super) fn updated(names: &[&str]) -> Self {
        let registry = Registry::start(Mode::Open);
        for name in names {
            push(&registry, &format!("shop/{name}"), &["1.0.0", "1.1.0"]);
        }
        let text = |name: &&str| automated(name, &format!("{}/shop/{name}:1.0.0", registry.host()), "semver:~1");
        let text = names.iter().map(text).collect::<Vec<_>>().join("---\n");
        let fleet = Bare::with(&[("apps/web.yaml", &text), ("README.md", "fleet\n")]);
        let scene = Self { registry, checkout: fleet.checkout(), fleet };
        scene.apply();
        scene.person(&["pull", "--quiet"]);
        scene
    }

    /// One run on a machine that remembers nothing.
    fn apply(&self) -> Vec<(String, String, String)> {
        decisions(&Machine::new().call(["apply", &self.fleet.file_url(), "--output", "json"]).run().ended(0))
    }

    fn file(&self) -> PathBuf {
        self.checkout.path().join("apps/web.yaml")
    }

    /// What a person does with `git`.
    pub(super) fn person(&self, arguments: &[&str]) -> String {
        person(self.checkout.path(), arguments)
    }

    /// Edits the file.
    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file()).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(self.file(), text.replace(from, to)).unwrap();
    }

    /// Edits the file and commits it.
    pub(super) fn commit(&self, from: &str, to: &str, message: &str) {
        self.edit(from, to);
        self.person(&["commit", "--quiet", "--all", "-m", message]);
    }

    pub(super) fn push(&self) {
        self.person(&["push", "--quiet", "--force", "origin", "HEAD:main"]);
    }

    fn short(&self, what: &str) -> String {
        self.person(&["rev-parse", what])[..7].to_owned()
    }

    /// What becomes of the first container: code and reason.
    pub(super) fn becomes(&self) -> (String, String) {
        let (_, code, reason) = self.apply().swap_remove(0);
        (code, reason)
    }

    fn is_held_by(&self, what: &str, subject: &str) -> (String, String) {
        ("rolledBack".to_owned(), format!("1.1.0 was rolled back by {} '{subject}'; waits for a newer tag", self.short(what)))
    }
}

fn person(folder: &Path, arguments: &[&str]) -> String {
    let mut command: Command = git::command(folder);
    let now = format!("{} +0000", jiff::Timestamp::now().as_second());
    let ran = command.args(arguments).env("GIT_COMMITTER_DATE", now).env("GIT_EDITOR", "true").output().expect("git");
    assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

#[test]
fn a_revert_holds_until_a_newer_tag_comes() {
    let scene = Scene::updated(&["web"]);
    scene.person(&["revert", "--no-edit", "HEAD"]);
    scene.push();
    let subject = scene.person(&["log", "-1", "--format=%s"]);
    assert_eq!(scene.becomes(), scene.is_held_by("HEAD", subject.trim()));
    let before = scene.fleet.tip("main");
    assert_eq!(scene.becomes().0, "rolledBack", "as often as it is asked");
    assert_eq!(scene.fleet.tip("main"), before);
    push(&scene.registry, "shop/web", &["1.0.5"]);
    assert_eq!(scene.becomes().0, "rolledBack", "all between");
    push(&scene.registry, "shop/web", &["1.2.0"]);
    assert_eq!(scene.becomes().0, "updated", "a higher tag moves on");
    assert!(String::from_utf8(scene.fleet.file("apps/web.yaml")).unwrap().contains("shop/web:1.2.0"));
}

#[test]
fn whatever_way_a_person_takes_a_version_back_it_is_held() {
    let base = |scene: &Scene| scene.person(&["checkout", "--quiet", "-b", "side"]);
    let back = |scene: &Scene| scene.commit("web:1.1.0", "web:1.0.0", "Back to 1.0.0");
    let merge = |scene: &Scene| {
        scene.person(&["checkout", "--quiet", "main"]);
        scene.person(&["merge", "--quiet", "--no-ff", "--no-edit", "side"]);
    };
    let ways: [(&str, TakesBack<'_>); 11] = [
        ("an edit by hand", &|scene| {
            back(scene);
            ("HEAD", "Back to 1.0.0")
        }),
        ("an edit, and other work after it", &|scene| {
            back(scene);
            scene.commit("name: web", "name: web # busy", "Speak of it");
            ("HEAD~1", "Back to 1.0.0")
        }),
        ("an edit with the clock far behind", &|scene| {
            scene.edit("web:1.1.0", "web:1.0.0");
            git::git(scene.checkout.path(), &["commit", "--quiet", "--all", "-m", "Back to 1.0.0"]);
            ("HEAD", "Back to 1.0.0")
        }),
        ("the merge of a branch", &|scene| {
            base(scene);
            back(scene);
            merge(scene);
            ("HEAD^2", "Back to 1.0.0")
        }),
        ("a merge that decides for the old one", &|scene| {
            scene.person(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
            scene.person(&["commit", "--quiet", "--allow-empty", "-m", "Work"]);
            scene.person(&["checkout", "--quiet", "main"]);
            scene.person(&["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
            scene.edit("web:1.1.0", "web:1.0.0");
            scene.person(&["commit", "--quiet", "--all", "-m", "Merge by hand"]);
            ("HEAD", "Merge by hand")
        }),
        ("ours came with a squash that keeps the line", &|scene| {
            let message = scene.person(&["log", "-1", "--format=* %B"]);
            scene.person(&["reset", "--quiet", "--soft", "HEAD~1"]);
            scene.person(&["commit", "--quiet", "-m", &format!("Squashed (#7)\n\n{}", message.replace('\n', "\n    "))]);
            back(scene);
            ("HEAD", "Back to 1.0.0")
        }),
        ("ours came with a merge", &|scene| {
            base(scene);
            scene.person(&["branch", "--quiet", "--force", "main", "HEAD~1"]);
            merge(scene);
            back(scene);
            ("HEAD", "Back to 1.0.0")
        }),
        ("both were rebased", &|scene| {
            back(scene);
            scene.person(&["checkout", "--quiet", "-b", "side", "HEAD~2"]);
            scene.person(&["commit", "--quiet", "--allow-empty", "-m", "Work"]);
            scene.person(&["rebase", "--quiet", "side", "main"]);
            ("HEAD", "Back to 1.0.0")
        }),
        ("two branches that merged each other", &|scene| {
            base(scene);
            scene.person(&["commit", "--quiet", "--allow-empty", "-m", "Work"]);
            scene.person(&["checkout", "--quiet", "main"]);
            scene.person(&["commit", "--quiet", "--allow-empty", "-m", "Other work"]);
            let main = scene.short("main");
            scene.person(&["merge", "--quiet", "--no-ff", "--no-edit", "side"]);
            scene.person(&["checkout", "--quiet", "side"]);
            scene.person(&["merge", "--quiet", "--no-ff", "--no-edit", &main]);
            back(scene);
            scene.person(&["commit", "--quiet", "--allow-empty", "-m", "More work"]);
            merge(scene);
            ("side~1", "Back to 1.0.0")
        }),
        ("ours was pulled into a person's own line", &|scene| {
            scene.person(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
            scene.person(&["commit", "--quiet", "--allow-empty", "-m", "Work"]);
            scene.person(&["merge", "--quiet", "--no-ff", "--no-edit", "main"]);
            back(scene);
            ("HEAD", "Back to 1.0.0")
        }),
        ("the file was taken away and came back", &|scene| {
            let text = std::fs::read_to_string(scene.file()).unwrap();
            scene.person(&["rm", "--quiet", "apps/web.yaml"]);
            scene.person(&["commit", "--quiet", "-m", "Take it away"]);
            std::fs::create_dir_all(scene.file().parent().unwrap()).unwrap();
            std::fs::write(scene.file(), text.replace("web:1.1.0", "web:1.0.0")).unwrap();
            scene.person(&["add", "--all"]);
            scene.person(&["commit", "--quiet", "-m", "Bring it back"]);
            ("HEAD~1", "Take it away")
        }),
    ];
    for (word, way) in ways {
        let scene = Scene::updated(&["web"]);
        let (by, subject) = way(&scene);
        scene.push();
        assert_eq!(scene.becomes(), scene.is_held_by(by, subject), "{word}");
    }
}

#[test]
fn a_file_that_was_moved_is_followed() {
    let back = |scene: &Scene| scene.commit("web:1.1.0", "web:1.0.0", "Back to 1.0.0");
    let moved = |scene: &Scene, to: &str| {
        let from = scene.person(&["ls-files", "*.yaml"]);
        std::fs::create_dir_all(scene.checkout.path().join(to).parent().unwrap()).unwrap();
        scene.person(&["mv", from.trim(), to]);
        scene.person(&["commit", "--quiet", "--all", "-m", "Move it"]);
    };
    let ways: [(&str, TakesBack<'_>); 3] = [
        ("the file was moved after it", &|scene| {
            back(scene);
            moved(scene, "prod/web.yaml");
            ("HEAD~1", "Back to 1.0.0")
        }),
        ("the file was moved before it, and again", &|scene| {
            moved(scene, "prod/web.yaml");
            moved(scene, "prod/shop.yaml");
            let file = scene.checkout.path().join("prod/shop.yaml");
            std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace("web:1.1.0", "web:1.0.0")).unwrap();
            scene.person(&["commit", "--quiet", "--all", "-m", "Back to 1.0.0"]);
            ("HEAD", "Back to 1.0.0")
        }),
        ("the file was moved with it", &|scene| {
            scene.edit("web:1.1.0", "web:1.0.0");
            moved(scene, "prod/web.yaml");
            ("HEAD", "Move it")
        }),
    ];
    for (word, way) in ways {
        let scene = Scene::updated(&["web"]);
        let (by, subject) = way(&scene);
        scene.push();
        assert_eq!(scene.becomes(), scene.is_held_by(by, subject), "{word}");
    }
}

#[test]
fn what_no_person_took_back_goes_on() {
    let ways: [(&str, GoesOn<'_>); 5] = [
        ("a revert of the revert, and again an update", &|scene| {
            scene.person(&["revert", "--no-edit", "HEAD"]);
            scene.person(&["revert", "--no-edit", "HEAD"]);
            push(&scene.registry, "shop/web", &["1.2.0"]);
        }),
        ("our commit is no part of the branch any more", &|scene| {
            scene.person(&["reset", "--quiet", "--hard", "HEAD~1"]);
        }),
        ("a changed policy", &|scene| {
            scene.commit("web:1.1.0", "web:1.0.0", "Back to 1.0.0");
            scene.commit("semver:~1", "semver:1.x", "Go on");
        }),
        ("a changed policy in a file that was moved", &|scene| {
            scene.commit("web:1.1.0", "web:1.0.0", "Back to 1.0.0");
            scene.edit("semver:~1", "semver:1.x");
            scene.person(&["mv", "apps/web.yaml", "web.yaml"]);
            scene.person(&["commit", "--quiet", "--all", "-m", "Go on"]);
        }),
        ("a commit of ours took it away", &|scene| {
            scene.commit("web:1.1.0", "web:1.0.0", "Release\n\nImage-Update: elsewhere 2 -> 1");
        }),
    ];
    for (word, way) in ways {
        let scene = Scene::updated(&["web"]);
        way(&scene);
        scene.push();
        assert_eq!(scene.becomes().0, "updated", "{word}");
    }
}

#[test]
fn what_is_held_in_one_file_stays_held_when_the_same_update_comes_to_another() {
    let scene = Scene::updated(&["web"]);
    let (image, first) = (format!("{}/shop/web", scene.registry.host()), scene.file());
    scene.commit("web:1.1.0", "web:1.0.0", "Back to 1.0.0");
    let second = first.with_file_name("second.yaml");
    std::fs::write(&second, automated("second", &format!("{image}:1.0.0"), "semver:~1")).unwrap();
    scene.person(&["add", "--all"]);
    scene.person(&["commit", "--quiet", "-m", "A second one"]);
    scene.push();
    for round in ["the second is updated", "and nothing else happens"] {
        let becomes: Vec<_> = scene.apply().into_iter().map(|(workload, code, _)| (workload.rsplit('/').next().unwrap().to_owned(), code)).collect();
        let second = if round.starts_with("the") { "updated" } else { "current" };
        assert_eq!(becomes, [("second".to_owned(), second.to_owned()), ("web".to_owned(), "rolledBack".to_owned())], "{round}");
    }
}

#[test]
fn only_the_image_that_was_taken_back_is_held() {
    let scene = Scene::updated(&["api", "cart", "web"]);
    scene.commit("cart:1.1.0", "cart:1.0.0", "Cart breaks");
    scene.push();
    for name in ["api", "cart", "web"] {
        push(&scene.registry, &format!("shop/{name}"), &["1.0.9"]);
    }
    let codes: Vec<(String, String)> = scene.apply().into_iter().map(|(workload, code, _)| (workload, code)).collect();
    let expected = [("default:deployment/api", "current"), ("default:deployment/cart", "rolledBack"), ("default:deployment/web", "current")];
    assert_eq!(codes.len(), expected.len());
    for ((workload, code), (name, wanted)) in codes.iter().zip(expected) {
        assert_eq!((workload.rsplit('/').next(), code.as_str()), (name.rsplit('/').next(), wanted));
    }
}

#[test]
fn a_work_tree_and_a_bare_repository_know_it_too() {
    let scene = Scene::updated(&["web"]);
    scene.commit("web:1.1.0", "web:1.0.0", "Back to 1.0.0");
    scene.push();
    for place in [scene.checkout.path().to_owned(), scene.fleet.path()] {
        let ran = Machine::new().call(["plan", place.to_str().unwrap(), "--output", "json"]).run().ended(0);
        let (_, code, reason) = decisions(&ran).swap_remove(0);
        assert_eq!((code, reason), scene.is_held_by("HEAD", "Back to 1.0.0"), "{}", place.display());
    }
}

#[test]
fn what_a_kustomization_sets_is_taken_back_there() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let name = format!("{}/shop/web", registry.host());
    let entry = format!("resources: [base]\nimages:\n- name: {name}\n  newTag: 1.0.0\n");
    let fleet = Bare::with(&[
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", &automated("web", &name, "semver:~1")),
        ("kustomization.yaml", &entry),
    ]);
    let scene = Scene { checkout: fleet.checkout(), registry, fleet };
    assert_eq!(scene.becomes().0, "updated");
    scene.person(&["pull", "--quiet"]);
    scene.person(&["revert", "--no-edit", "HEAD"]);
    scene.push();
    assert_eq!(scene.becomes().0, "rolledBack");
    push(&scene.registry, "shop/web", &["1.2.0"]);
    assert_eq!(scene.becomes().0, "updated");
}

#[test]
fn under_build_time_only_what_was_written_is_held() {
    let registry = Registry::start(Mode::Open);
    let built = |day: u32| ImageSpec::built(&format!("2024-01-{day:02}T00:00:00Z"));
    registry.push_all("shop/web", &[("blue", &built(1)), ("red", &built(3))]);
    let fleet = super::fleet(&format!("{}/shop/web:blue", registry.host()), "glob:*");
    let scene = Scene { checkout: fleet.checkout(), registry, fleet };
    assert_eq!(scene.becomes().0, "updated");
    scene.person(&["pull", "--quiet"]);
    scene.commit("web:red", "web:blue", "No red");
    scene.push();
    let (code, reason) = scene.becomes();
    assert_eq!((code.as_str(), reason.contains("red was rolled back by ")), ("rolledBack", true), "{reason}");
    scene.registry.push_all("shop/web", &[("green", &built(4))]);
    assert_eq!(scene.becomes().0, "updated");
}

#[test]
fn an_image_that_was_built_from_our_own_commit_is_held() {
    let scene = Scene::updated(&["web"]);
    let label = |revision: String| ImageSpec {
        labels: [("org.opencontainers.image.revision".to_owned(), revision)].into(),
        ..ImageSpec::built("2024-01-02T00:00:00Z")
    };
    scene.registry.push_all("shop/web", &[("1.2.0", &label(scene.fleet.tip("main").unwrap()))]);
    assert_eq!(scene.becomes(), ("ownBuild".to_owned(), "built from our own commit: use `--git-ci-skip` or a path filter in CI".to_owned()));
    scene.commit("name: web", "name: web # busy", "Work");
    scene.push();
    scene.registry.push_all("shop/web", &[("1.3.0", &label(scene.fleet.tip("main").unwrap()))]);
    assert_eq!(scene.becomes().0, "updated", "built from a person's commit");
}

#[test]
fn a_commit_links_to_what_changed_in_the_source() {
    let registry = Registry::start(Mode::Open);
    let build = |digit: &str, day: u32| ImageSpec {
        labels: [("source", "https://github.com/acme/web".to_owned()), ("revision", digit.repeat(40))]
            .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value))
            .into(),
        ..ImageSpec::built(&format!("2024-01-{day:02}T00:00:00Z"))
    };
    registry.push_all("shop/web", &[("1.0.0", &build("a", 1)), ("1.1.0", &build("b", 2))]);
    let fleet = super::fleet(&format!("{}/shop/web:0.9.0", registry.host()), "semver:1.0.x");
    let machine = Machine::new();
    machine.call(["apply", &fleet.file_url()]).run().ended(0);
    fleet.commit("main", &[("apps/web.yaml", &automated("web", &format!("{}/shop/web:1.0.0", registry.host()), "semver:~1"))]);
    machine.call(["apply", &fleet.file_url()]).run().ended(0);
    let link = format!("- {}/shop/web: https://github.com/acme/web/compare/{}...{}\n", registry.host(), "a".repeat(40), "b".repeat(40));
    let message = fleet.git(&["log", "-1", "--format=%B", "main"]);
    assert!(message.contains(&format!("\nSources\n{link}\nImage-Update: ")), "{message}");
}
