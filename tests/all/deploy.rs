//! What is shipped to run the daemon: the image, the unit, the base of manifests.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::Value;
use tagalong::{
    cli::{self, args::Args},
    config::{self, Config, Environment, Overrides},
};

use crate::repository::{root, text};

/// The user that the image, the manifests and distroless images agree on.
const USER: u64 = 65532;

/// The documents of a file of manifests.
fn document(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The value below some keys.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer} of {value}"))
}

fn texts<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    list.as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap()).collect()
}

fn configuration() -> Config {
    let environment = Environment::from_iter([("HOME".to_owned(), "/nowhere".to_owned())]);
    config::load(Some(&root().join("deploy/kustomize/tagalong.yaml")), Overrides::default(), &environment).unwrap()
}

fn deployment() -> Value {
    document("deploy/kustomize/deployment.yaml")
}

fn container(deployment: &Value) -> &Value {
    at(deployment, "/spec/template/spec/containers/0")
}

/// The keys of a unit by section, in order.
fn unit() -> BTreeMap<String, Vec<(String, String)>> {
    let (mut sections, mut section) = (BTreeMap::<String, Vec<_>>::new(), String::new());
    for line in text("deploy/systemd/tagalong.service").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line} is no key"));
            sections.entry(section.clone()).or_default().push((key.to_owned(), value.to_owned()));
        }
    }
    sections
}

#[test]
fn the_release_is_built_as_the_script_says() {
    let said = Command::new(root().join("scripts/build-release")).args(["--dry-run", "/out"]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(
        String::from_utf8(said.stdout).unwrap(),
        "env LIBZ_SYS_STATIC=1 cargo build --locked --profile dist --target-dir target/shipped\n\
         install -D -m 0755 target/shipped/dist/tagalong /out/tagalong\n\
         check_libraries /out/tagalong\n\
         /out/tagalong --version\n"
    );
    assert!(text("Cargo.toml").contains("\n[profile.dist]\n"));
    let lost = Command::new(root().join("scripts/build-release")).output().unwrap();
    assert!(!lost.status.success() && String::from_utf8_lossy(&lost.stderr).contains("hint: "), "without a folder it says what it wants");
}

#[test]
fn the_image_is_built_by_the_script_and_runs_as_nobody() {
    let file = text("deploy/Dockerfile");
    let lines: Vec<&str> = file.lines().collect();
    let version = text("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"').map(str::to_owned)).unwrap();
    assert!(
        lines.contains(&format!("FROM docker.io/library/rust:{version}-slim-trixie AS build").as_str()),
        "the image has the toolchain of Cargo.toml"
    );
    let packages = text("README.md").lines().find_map(|line| line.strip_prefix("apt-get install -y ").map(str::to_owned)).unwrap();
    assert!(file.contains(&format!("--no-install-recommends {packages}\n")), "the image installs what the README tells");
    for line in [
        "RUN scripts/build-release /out",
        "COPY --from=build /out/tagalong /usr/local/bin/tagalong",
        &format!("USER {USER}:{USER}"),
        &format!("EXPOSE {}", config::defaults::LISTEN.port()),
        "ENTRYPOINT [\"/usr/local/bin/tagalong\"]",
        "CMD [\"run\"]",
    ] {
        assert!(lines.contains(&line), "{line}");
    }
}

#[test]
fn the_unit_is_supervised_and_confined() {
    let unit = unit();
    assert_eq!(unit.keys().map(String::as_str).collect::<Vec<_>>(), ["Install", "Service", "Unit"]);
    let has = |key: &str, value: &str| unit["Service"].iter().any(|(name, found)| name == key && found == value);
    for (key, value) in [
        ("Type", "notify"),
        ("ExecStart", "/usr/local/bin/tagalong run --config /etc/tagalong/tagalong.yaml"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("Restart", "on-failure"),
        ("WatchdogSec", "60s"),
        ("DynamicUser", "yes"),
        ("StateDirectory", "tagalong"),
        ("Environment", "TAGALONG_STATE=%S/tagalong"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
    ] {
        assert!(has(key, value), "{key}={value}");
    }
    let stop = unit["Service"].iter().find(|(key, _)| key == "TimeoutStopSec").and_then(|(_, value)| config::parse_duration(value).ok()).unwrap();
    assert!(stop > config::defaults::GIT_TIMEOUT, "a push under way comes to its end");
}

#[test]
fn what_is_started_is_a_command_that_parses() {
    let unit = unit();
    let started = unit["Service"].iter().find(|(key, _)| key == "ExecStart").map(|(_, line)| line.split(' ').map(str::to_owned).collect()).unwrap();
    let deployment = deployment();
    let args = container(&deployment)["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
    let image = text("deploy/Dockerfile").lines().find_map(|line| line.strip_prefix("CMD ").map(str::to_owned)).unwrap();
    let image: Vec<String> = serde_json::from_str(&image).unwrap();
    let named = |words: Vec<String>| std::iter::once("tagalong".to_owned()).chain(words).collect::<Vec<_>>();
    for (word, line, file) in [
        ("unit", started, Some("/etc/tagalong/tagalong.yaml")),
        ("Deployment", named(args.collect()), Some("/etc/tagalong/config/tagalong.yaml")),
        ("image", named(image), None),
    ] {
        let args = Args::read(&line).unwrap_or_else(|stopped| panic!("{word}: {}", stopped.text));
        assert!(matches!(args.command, cli::args::Command::Run(_)), "{word}: {line:?}");
        assert_eq!(args.config.as_deref(), file.map(Path::new), "{word}");
    }
}

/// A program of this machine that renders kustomizations. It is not among those that the tests want: Debian's is older than `labels`.
fn renderer() -> Option<Command> {
    let runs = |program: &str, version: &[&str]| Command::new(program).args(version).output().is_ok_and(|said| said.status.success());
    let with = |program: &str, verb| {
        let mut command = Command::new(program);
        command.arg(verb);
        command
    };
    match () {
        () if runs("kustomize", &["version"]) => Some(with("kustomize", "build")),
        () if runs("kubectl", &["kustomize", "--help"]) => Some(with("kubectl", "kustomize")),
        () => None,
    }
}

#[test]
fn the_base_and_an_overlay_as_the_page_shows_it_are_rendered() {
    let Some(mut command) = renderer() else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in ["base", "overlay"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    for file in crate::repository::files_with("deploy/kustomize", "yaml") {
        std::fs::copy(root().join(&file), folder.path().join("base").join(Path::new(&file).file_name().unwrap())).unwrap();
    }
    let page = text("docs/run-it.md");
    let overlay = page.split("```text\nresources: ").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let overlay = format!("resources: {overlay}").replace("https://git.example/tagalong.git//deploy/kustomize", "../base");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: { name: tagalong }\nstringData: { git-password: ours }\n";
    for (name, text) in [("kustomization.yaml", &*overlay), ("secret.yaml", secret), ("tagalong.yaml", "listen: 0.0.0.0:3030\n")] {
        std::fs::write(folder.path().join("overlay").join(name), text).unwrap();
    }
    let said = command.arg(folder.path().join("overlay")).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let rendered = String::from_utf8(said.stdout).unwrap();
    let objects: BTreeMap<String, Value> = rendered
        .split("\n---\n")
        .map(|text| {
            let object: Value = serde_saphyr::from_str(text).unwrap();
            (object["kind"].as_str().unwrap().to_owned(), object)
        })
        .collect();
    assert_eq!(objects.keys().map(String::as_str).collect::<Vec<_>>(), ["ConfigMap", "Deployment", "PersistentVolumeClaim", "Secret", "Service"]);
    for (kind, object) in &objects {
        assert_eq!((&object["metadata"]["name"], &object["metadata"]["namespace"]), (&"tagalong".into(), &"tagalong".into()), "{kind}");
    }
    assert_eq!(container(&objects["Deployment"])["image"], "registry.corp:5000/tagalong:0.1.0");
    assert_eq!(objects["ConfigMap"]["data"]["tagalong.yaml"], "listen: 0.0.0.0:3030\n");
    assert_eq!(objects["Secret"]["stringData"]["git-password"], "ours");
    let selector = at(&objects["Service"], "/spec/selector");
    assert_eq!(selector, at(&objects["Deployment"], "/spec/selector/matchLabels"), "probes and metrics find the pod");
    assert_eq!(selector, at(&objects["Deployment"], "/spec/template/metadata/labels"));
}

#[test]
fn the_base_names_every_file_beside_it() {
    let kustomization = document("deploy/kustomize/kustomization.yaml");
    let mut named: Vec<&str> = kustomization["resources"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    named.extend(["kustomization.yaml", at(&kustomization, "/configMapGenerator/0/files/0").as_str().unwrap()]);
    named.sort_unstable();
    let files = crate::repository::files_with("deploy/kustomize", "yaml");
    assert_eq!(files, named.iter().map(|name| format!("deploy/kustomize/{name}")).collect::<Vec<_>>());
    let kinds: Vec<String> = kustomization["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| document(&format!("deploy/kustomize/{}", name.as_str().unwrap()))["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["Deployment", "Secret", "Service", "PersistentVolumeClaim"]);
}

#[test]
fn the_pod_is_restricted() {
    let deployment = deployment();
    assert_eq!(at(&deployment, "/spec/strategy/type"), "Recreate", "two pods never share the state");
    assert_eq!(at(&deployment, "/spec/replicas"), 1);
    let pod = at(&deployment, "/spec/template/spec");
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(
        pod["securityContext"],
        serde_json::json!({ "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER, "fsGroupChangePolicy": "OnRootMismatch",
                            "seccompProfile": { "type": "RuntimeDefault" } })
    );
    assert_eq!(
        container(&deployment)["securityContext"],
        serde_json::json!({ "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] } })
    );
    assert!(container(&deployment).pointer("/resources/limits/memory").is_some());
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > config::defaults::GIT_TIMEOUT.as_secs(), "a push under way comes to its end");
}

#[test]
fn the_pod_is_asked_where_the_daemon_answers() {
    let deployment = deployment();
    let container = container(&deployment);
    let config = configuration();
    assert!(config.listen.ip().is_unspecified(), "probes come from outside of the pod");
    assert_eq!(at(container, "/ports/0"), &serde_json::json!({ "name": "http", "containerPort": config.listen.port() }));
    assert_eq!(at(&document("deploy/kustomize/service.yaml"), "/spec/ports/0/targetPort"), "http");
    for (probe, path) in [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        assert_eq!(at(container, &format!("/{probe}/httpGet")), &serde_json::json!({ "path": path, "port": "http" }), "{probe}");
    }
}

#[test]
fn every_path_of_the_base_is_mounted() {
    let deployment = deployment();
    let (container, pod) = (container(&deployment), at(&deployment, "/spec/template/spec"));
    let mounts = &container["volumeMounts"];
    let (mut mounted, mut volumes) = (texts(mounts, "name"), texts(&pod["volumes"], "name"));
    mounted.sort_unstable();
    volumes.sort_unstable();
    assert_eq!(mounted, volumes);
    let folder = |name: &str| {
        let mount = mounts.as_array().unwrap().iter().find(|mount| mount["name"] == name).unwrap();
        (mount["mountPath"].as_str().unwrap().to_owned(), mount["readOnly"] == true)
    };
    assert_eq!(folder("state"), (configuration().state.to_str().unwrap().to_owned(), false));
    let named = container["args"].as_array().unwrap().last().unwrap().as_str().unwrap();
    assert_eq!((format!("{}/tagalong.yaml", folder("config").0), folder("config").1), (named.to_owned(), true));
    let secrets = folder("secrets");
    let keys = document("deploy/kustomize/secret.yaml")["stringData"].clone();
    let written = text("deploy/kustomize/tagalong.yaml");
    let files: Vec<&str> = written.lines().filter_map(|line| line.trim().split_once("File: ").map(|(_, file)| file)).collect();
    assert!(!files.is_empty() && secrets.1);
    for file in files {
        let key = file.strip_prefix(&format!("{}/", secrets.0)).unwrap_or_else(|| panic!("{file} is not mounted"));
        assert!(keys.get(key).is_some(), "the Secret has no `{key}`");
    }
}
