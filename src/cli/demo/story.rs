//! The story that the demo tells.

use std::io::Write;

use super::{Applied, DemoError, Fleet, Image, Registry, Round, Scene, Shown, StageError};
use crate::{
    cli::print::{self, Width},
    image::Platform,
    plan::safe,
};

/// What the registry holds at first: repository, tag and build time; one without a time says nothing about it.
const SHELVES: [(&str, &str, Option<&str>); 25] = [
    ("shop/frontend", "1.3.9", Some("2024-03-02T09:00:00Z")),
    ("shop/frontend", "1.4.1", Some("2024-04-02T09:00:00Z")),
    ("shop/frontend", "1.4.2", Some("2024-05-02T09:00:00Z")),
    ("shop/frontend", "1.4.9", Some("2024-06-02T09:00:00Z")),
    ("shop/frontend", "1.4.9-alpine", Some("2024-06-02T09:05:00Z")),
    ("shop/frontend", "1.5.0-rc.1", Some("2024-06-20T09:00:00Z")),
    ("shop/frontend", "2.0.0", Some("2024-06-21T09:00:00Z")),
    ("shop/frontend", "1337", Some("2024-06-22T09:00:00Z")),
    ("shop/frontend", "latest", Some("2024-06-21T09:00:00Z")),
    ("shop/cart", "main-3c1d2aa", Some("2024-05-01T08:00:00Z")),
    ("shop/cart", "main-f81f0c2", Some("2024-05-02T08:00:00Z")),
    ("shop/cart", "main-77b0e5d", Some("2024-05-03T08:00:00Z")),
    ("shop/cart", "pr-12-9d0e1f2", Some("2024-05-04T08:00:00Z")),
    ("shop/proxy", "1.27.3-alpine", Some("2024-02-01T00:00:00Z")),
    ("shop/proxy", "1.27.4-alpine", Some("2024-03-01T00:00:00Z")),
    ("shop/proxy", "1.27.4", Some("2024-03-01T00:00:00Z")),
    ("shop/proxy", "1.27.5", Some("2024-04-01T00:00:00Z")),
    ("shop/proxy", "1.28.0-alpine", Some("2024-05-01T00:00:00Z")),
    ("shop/postgres", "15.4", None),
    ("shop/postgres", "15.6", None),
    ("ops/mailer", "2.1.0", None),
    ("ops/mailer", "2.2.0", None),
    ("ops/report", "build-9", None),
    ("ops/report", "build-10", None),
    ("ops/report", "nightly", None),
];
/// What is pushed between the two rounds: 10 comes after 9, though not as text.
const NEWER: (&str, &str, &str) = ("shop/frontend", "1.4.10", "2024-07-02T09:00:00Z");

/// Tells it, from the first commit to the second.
pub(super) async fn tell<E>(
    out: &mut impl Write,
    width: Width,
    registry: &Registry,
    apply: impl AsyncFn(Scene<'_>) -> Result<Applied, E>,
) -> Result<Vec<Round>, DemoError<E>> {
    fill(registry);
    let host = registry.host();
    let fleet = Fleet::create(&host)?;
    let (url, state) = (fleet.url(), fleet.state());
    let scene = Scene { url: &url, state: &state, registry: &host };

    let (repositories, tags) = registry.size();
    say(out, "A registry and a Git repository, for a moment and for this demo alone")?;
    print(out, &format!("registry    {host}, {repositories} repositories, {tags} tags\n"))?;
    print(out, &format!("repository  {url}, {} annotated manifests on main\n", fleet.manifests()))?;

    say(out, &format!("tagalong apply {url} --branch main"))?;
    let first = apply(scene).await.map_err(DemoError::Apply)?;
    print(out, &print::plan(&first.report, &first.facts, width))?;
    let first_commit = show_commit(out, "The commit: nothing but image references", scene, &fleet, &first)?;
    say(out, "Why: each container has its reason")?;
    print(out, &print::decisions(&first.report, width))?;

    let (repository, tag, created) = NEWER;
    registry.push(repository, tag, &Image::built(created));
    say(out, &format!("Somebody pushes {host}/{repository}:{tag}, and it runs again"))?;
    let second = apply(scene).await.map_err(DemoError::Apply)?;
    print(out, &print::plan(&second.report, &second.facts, width))?;
    let second_commit = show_commit(out, "The second commit", scene, &fleet, &second)?;
    Ok(vec![Round { report: first.report, commit: first_commit }, Round { report: second.report, commit: second_commit }])
}

/// Says that nothing is left, once that is so.
pub(super) fn end(out: &mut impl Write) -> Result<(), StageError> {
    say(out, "The end: the server is stopped and the folders are removed")?;
    print(out, "Next, on a repository of your own: tagalong plan <URL>\n")
}

fn fill(registry: &Registry) {
    let both = ["linux/amd64", "linux/arm64"].map(|platform| Platform::parse(platform).expect("both are platforms"));
    for (repository, tag, created) in SHELVES {
        let image = created.map_or_else(Image::timeless, Image::built);
        let source = format!("https://git.example/{repository}");
        registry.push(repository, tag, &image.label("org.opencontainers.image.source", &source).platforms(&both));
    }
}

fn show_commit(out: &mut impl Write, title: &str, scene: Scene<'_>, fleet: &Fleet, applied: &Applied) -> Result<Shown, StageError> {
    let Some(commit) = &applied.report.pushed else { return Err(StageError::NoCommit(scene.url.clone())) };
    let shown = fleet.show(commit)?;
    say(out, title)?;
    print(out, &format!("commit {commit}\nAuthor: {}\n\n", safe::line(&shown.author)))?;
    for line in shown.message.lines() {
        print(out, format!("    {}", safe::line(line)).trim_end())?;
        print(out, "\n")?;
    }
    print(out, "\n")?;
    for line in shown.diff.lines() {
        print(out, &format!("{}\n", safe::line(line)))?;
    }
    Ok(shown)
}

/// A heading, so that the parts of the story stand apart.
fn say(out: &mut impl Write, title: &str) -> Result<(), StageError> {
    print(out, &format!("\n── {title}\n\n"))
}

fn print(out: &mut impl Write, text: &str) -> Result<(), StageError> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(StageError::Output)
}
