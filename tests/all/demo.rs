//! The demo's registry is asked over HTTP, and its story is told to the end.

use std::{
    cell::RefCell,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use git2::{FileMode, Repository, Signature, build::TreeUpdateBuilder};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tagalong::{
    cli::{
        demo::{self, Applied, DemoError, Image, Registry, Scene, StageError},
        print::{Ending, Facts, Width},
    },
    image::Platform,
    plan::report::Report,
};

fn client() -> Client {
    // Another test of this process may have been first.
    rustls::crypto::ring::default_provider().install_default().unwrap_or_default();
    Client::builder().no_proxy().build().unwrap()
}

async fn ask(registry: &Registry, path: &str) -> Response {
    client().get(format!("http://{}{path}", registry.host())).send().await.unwrap()
}

async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_tag_list_comes_in_pages_that_hold_each_tag_once() {
    let registry = Registry::start().await.unwrap();
    let tags: Vec<String> = (0..11).map(|n| format!("1.{n:02}")).collect();
    for tag in &tags {
        registry.push("shop/app", tag, &Image::timeless());
    }
    let mut path = Some("/v2/shop/app/tags/list?n=1000".to_owned());
    let (mut seen, mut pages) = (Vec::new(), 0);
    while let Some(next) = path {
        let response = ask(&registry, &next).await;
        path = header(&response, "link").map(|link| link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned());
        let page = json(response).await;
        seen.extend(page["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()));
        pages += 1;
    }
    assert_eq!(seen, tags);
    assert_eq!(pages, 3);
    registry.stop().await;
}

#[tokio::test]
async fn an_image_is_read_from_its_tag_down_to_its_configuration() {
    let registry = Registry::start().await.unwrap();
    let platforms = ["linux/amd64", "linux/arm/v7"].map(|text| Platform::parse(text).unwrap());
    registry.push("app", "one", &Image::built("2024-01-01T00:00:00Z").label("a", "b"));
    registry.push("app", "two", &Image::timeless().platforms(&platforms));

    let response = ask(&registry, "/v2/app/manifests/one").await;
    let digest = header(&response, "docker-content-digest").unwrap().to_owned();
    assert_eq!(header(&response, "content-type"), Some("application/vnd.oci.image.manifest.v1+json"));
    let manifest = json(response).await;
    let config = json(ask(&registry, &format!("/v2/app/blobs/{}", manifest["config"]["digest"].as_str().unwrap())).await).await;
    assert_eq!((config["created"].as_str(), config["os"].as_str()), (Some("2024-01-01T00:00:00Z"), Some("linux")));
    assert_eq!(config["config"]["Labels"]["a"], "b");

    let head = client().head(format!("http://{}/v2/app/manifests/one", registry.host())).send().await.unwrap();
    assert_eq!(header(&head, "docker-content-digest"), Some(&*digest));
    assert_eq!(head.bytes().await.unwrap().len(), 0);
    assert_eq!(json(ask(&registry, &format!("/v2/app/manifests/{digest}")).await).await, manifest);

    let index = json(ask(&registry, "/v2/app/manifests/two").await).await;
    let entries = index["manifests"].as_array().unwrap();
    let variants: Vec<Option<&str>> = entries.iter().map(|entry| entry["platform"]["variant"].as_str()).collect();
    assert_eq!(variants, [None, Some("v7")]);
    for entry in entries {
        let manifest = json(ask(&registry, &format!("/v2/app/manifests/{}", entry["digest"].as_str().unwrap())).await).await;
        let config = json(ask(&registry, &format!("/v2/app/blobs/{}", manifest["config"]["digest"].as_str().unwrap())).await).await;
        assert_eq!(config["architecture"], entry["platform"]["architecture"]);
        assert_eq!(config.get("created"), None);
    }
    registry.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_as_the_specification_says() {
    let registry = Registry::start().await.unwrap();
    registry.push("app", "1.0", &Image::timeless());
    for (word, path, status, code) in [
        ("a repository", "/v2/none/tags/list", StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
        ("a tag", "/v2/app/manifests/2.0", StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
        ("a blob", "/v2/app/blobs/sha256:00", StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
        ("another path", "/v1/x", StatusCode::NOT_FOUND, "UNSUPPORTED"),
    ] {
        let response = ask(&registry, path).await;
        assert_eq!(response.status(), status, "{word}");
        assert_eq!(json(response).await["errors"][0]["code"], code, "{word}");
    }
    assert_eq!(ask(&registry, "/v2/").await.status(), StatusCode::OK);
    registry.stop().await;
}

/// Moves one image in the repository of a scene and commits that: what an `apply` leaves in Git.
fn commit(scene: Scene<'_>, file: &str, from: &str, to: &str) -> String {
    let repository = Repository::open_bare(scene.url.to_file_path().unwrap()).unwrap();
    let parent = repository.revparse_single("main").unwrap().peel_to_commit().unwrap();
    let tree = parent.tree().unwrap();
    let old = tree.get_path(Path::new(file)).unwrap().to_object(&repository).unwrap().peel_to_blob().unwrap();
    let text = String::from_utf8(old.content().to_vec()).unwrap();
    assert!(text.contains(&format!("{}/{from}", scene.registry)), "{text}");
    let new = repository.blob(text.replace(from, to).as_bytes()).unwrap();
    let tree = TreeUpdateBuilder::new().upsert(file, new, FileMode::Blob).create_updated(&repository, &tree).unwrap();
    let author = Signature::now("Tagalong", "tagalong@localhost").unwrap();
    let tree = repository.find_tree(tree).unwrap();
    let message = format!("Auto-release {to}\n\nImage-Update: x \u{1b}[2J 1 -> 2\n");
    repository.commit(Some("refs/heads/main"), &author, &author, &message, &tree, &[&parent]).unwrap().to_string()
}

fn applied(pushed: Option<String>) -> Applied {
    let mut report = Report::new("fleet".into(), Some("main".into()), None);
    report.pushed = pushed;
    let facts = Facts { workloads: 5, requests: 0, elapsed: Duration::ZERO, ending: Ending::Planned, notes: Vec::new() };
    Applied { report, facts }
}

#[tokio::test]
async fn the_story_shows_both_commits_and_leaves_nothing_behind() {
    let left: RefCell<Vec<(PathBuf, String)>> = RefCell::default();
    let mut out = Vec::new();
    let apply = async |scene: Scene<'_>| {
        let round = left.borrow().len();
        left.borrow_mut().push((scene.url.to_file_path().unwrap(), scene.registry.to_owned()));
        let tags = [("shop/frontend:1.4.2", "shop/frontend:1.4.9"), ("shop/frontend:1.4.9", "shop/frontend:1.4.10")];
        let (from, to) = tags[round];
        let looked = client().head(format!("http://{}/v2/{}", scene.registry, to.replace(':', "/manifests/"))).send().await.unwrap();
        assert_eq!(looked.status(), StatusCode::OK, "{to}");
        Ok::<_, io::Error>(applied(Some(commit(scene, "apps/frontend.yaml", from, to))))
    };
    let rounds = demo::run(&mut out, Width::Endless, apply).await.unwrap();
    let subjects: Vec<_> = rounds.iter().map(|round| round.commit.message.lines().next().unwrap()).collect();
    assert_eq!(subjects, ["Auto-release shop/frontend:1.4.9", "Auto-release shop/frontend:1.4.10"]);
    let told = String::from_utf8(out).unwrap();
    let mut rest = told.as_str();
    for text in [
        "annotated manifests on main",
        "Author: Tagalong <tagalong@localhost>",
        "    Auto-release shop/frontend:1.4.9\n",
        "Image-Update: x \\u{1b}[2J",
        "-                image:    \"",
        "/shop/frontend:1.4.2\"   # <- tagalong edits here",
        "+                image:    \"",
        "/shop/frontend:1.4.9\"   # <- tagalong edits here",
        "Somebody pushes",
        "/shop/frontend:1.4.10\"",
        "folders are removed",
    ] {
        let (_, after) = rest.split_once(text).unwrap_or_else(|| panic!("`{text}` is missing in {told}"));
        rest = after;
    }
    nothing_is_left(&left.into_inner()).await;
}

#[tokio::test]
async fn a_failing_story_leaves_nothing_behind() {
    let left: RefCell<Vec<(PathBuf, String)>> = RefCell::default();
    for (word, result) in [("an error", Err("refused")), ("no commit", Ok(applied(None)))] {
        let apply = async |scene: Scene<'_>| {
            left.borrow_mut().push((scene.url.to_file_path().unwrap(), scene.registry.to_owned()));
            result.clone()
        };
        let error = demo::run(&mut Vec::new(), Width::Endless, apply).await.unwrap_err();
        assert!(matches!(error, DemoError::Apply("refused") | DemoError::Stage(StageError::NoCommit(_))), "{word}: {error:?}");
    }
    nothing_is_left(&left.into_inner()).await;
}

async fn nothing_is_left(left: &[(PathBuf, String)]) {
    assert_eq!(left.len(), 2);
    for (folder, host) in left {
        assert!(!folder.parent().unwrap().exists(), "{}", folder.display());
        assert!(client().get(format!("http://{host}/v2/")).send().await.is_err(), "{host}");
    }
}
