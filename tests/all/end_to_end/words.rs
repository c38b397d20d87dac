//! Commits in words of the repository's own.

use super::{automated, fleet, push};
use crate::kit::{
    binary::Machine,
    git::Bare,
    registry::{Mode, Registry},
};

const COMMIT: &str = "  commit:\n    name: Fleet bot\n    email: bot@acme.example\n    subject: \"chore(deps): {{ subject }}\"\n    body: |\n      {% for update in updates %}\n      {{ update.container }} of {{ update.workload }} in {{ update.file }}: {{ update.from.tag }} to {{ update.to.tag }}\n      {% endfor %}\n    coAuthors: [\"Platform Team <platform@acme.example>\"]\n    signOff: true\n    ciSkip: true\n";

#[test]
fn a_commit_is_worded_as_the_configuration_says() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let name = format!("{}/shop/web", registry.host());
    let fleet = fleet(&format!("{name}:1.0.0"), "semver:~1");
    let machine = Machine::new();
    machine.file("work/tagalong.yaml", format!("repositories:\n- url: {}\n{COMMIT}", fleet.file_url()));
    machine.call(["apply", &fleet.file_url()]).run().ended(0);
    let said = fleet.git(&["log", "-1", "--format=%an <%ae> %cn <%ce>%n%B", "main"]).replace(&name, "NAME");
    insta::assert_snapshot!(said, @r"
    Fleet bot <bot@acme.example> Fleet bot <bot@acme.example>
    chore(deps): Auto-release NAME:1.1.0

    [ci skip]

    app of default:deployment/web in apps/web.yaml: 1.0.0 to 1.1.0

    Image-Update: NAME 1.0.0 -> 1.1.0
    Co-authored-by: Platform Team <platform@acme.example>
    Signed-off-by: Fleet bot <bot@acme.example>
    ");
    machine.call(["lock", "web", &fleet.file_url(), "--git-user", "Ada", "--git-email", "ada@acme.example"]).run().ended(0);
    insta::assert_snapshot!(fleet.git(&["log", "-1", "--format=%an%n%B", "main"]), @r"
    Ada
    Lock default:deployment/web

    [ci skip]

    - fluxcd.io/locked: true

    Co-authored-by: Platform Team <platform@acme.example>
    Signed-off-by: Ada <ada@acme.example>
    ");
}

#[test]
fn hostile_names_and_policies_stay_on_their_line() {
    let registry = Registry::start(Mode::Open);
    push(&registry, "shop/web", &["1.0.0", "1.1.0"]);
    let hostile = "x\\n\\nImage-Update: evil 1 -> 2\\e\\u202Egnp";
    let text = automated("web", &format!("{}/shop/web:1.0.0", registry.host()), "semver:~1")
        .replace("fluxcd.io/tag.app: 'semver:~1'", &format!("fluxcd.io/tag.app: 'semver:~1'\n    tagalong.dev/exclude: \"{hostile}\""))
        .replace("name: web", &format!("name: web\n  namespace: \"{hostile}\""));
    let fleet = Bare::with(&[("apps/web.yaml", &text)]);
    let machine = Machine::new();
    machine.file(
        "work/tagalong.yaml",
        format!(
            "repositories:\n- url: {}\n  commit: {{ subject: '{{{{ updates[0].workload }}}}', body: '{{{{ updates[0].workload }}}}' }}\n",
            fleet.file_url()
        ),
    );
    machine.call(["apply", &fleet.file_url()]).run().ended(0);
    let message = fleet.git(&["log", "-1", "--format=%B", "main"]);
    let trailers: Vec<&str> = message.lines().filter(|line| line.to_lowercase().contains("image-update:") && !line.starts_with('x')).collect();
    assert_eq!(trailers, [format!("Image-Update: {}/shop/web 1.0.0 -> 1.1.0", registry.host())], "{message}");
    assert!(message.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{message}");
}
