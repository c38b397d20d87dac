//! `set` of one image in 5,000 manifests, beside `sed -i` over the same files in the same run; and of 1,000 entries of one kustomization.
//!
//! All files on tmpfs where there is one.

#![expect(clippy::disallowed_methods, reason = "edge: runs programs, reads the clock and writes files")]

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How many manifests there are.
const FILES: usize = 5_000;
/// How often each case is timed.
const RUNS: usize = 15;

/// About 900 bytes; each so many manifests one holds the image that is set.
fn manifest(number: usize, each: usize) -> String {
    let image = if number.is_multiple_of(each) { "ghcr.io/acme/web".to_owned() } else { format!("ghcr.io/acme/service-{number}") };
    let labels = format!("    app.kubernetes.io/name: service-{number}\n    app.kubernetes.io/part-of: fleet\n");
    let mut text = format!(
        "# The service {number} of a fleet\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: service-{number}\n  namespace: team-{}\n  \
         labels:\n{labels}spec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n        - name: app\n          image: {image}:1.2.0 # by \
         the service's team\n          resources:\n            requests: {{ cpu: 100m, memory: 128Mi }}\n          env:\n",
        number % 20
    );
    while text.len() < 860 {
        text.push_str("            - { name: LOG_LEVEL, value: info }\n");
    }
    text
}

/// Writes the manifests, 20 to a folder.
fn fleet(root: &Path, each: usize) {
    for number in 0..FILES {
        let folder = root.join(format!("team-{}", number / 20));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("service-{number}.yaml")), manifest(number, each)).expect("a file");
    }
}

/// Runs a command that must go well.
fn timed(command: &mut Command) -> Duration {
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    let time = started.elapsed();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    time
}

fn tagalong(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagalong"));
    command.env_clear().env("HOME", "/nonexistent").current_dir(folder).arg("set");
    command
}

fn sed(folder: &Path, tag: usize) -> Command {
    let mut command = Command::new("find");
    let script = format!("s|\\(ghcr.io/acme/web\\):[0-9.]*|\\1:1.2.{tag}|");
    command.current_dir(folder).args([".", "-name", "*.yaml", "-exec", "sed", "-i", &script, "{}", "+"]);
    command
}

/// Tells the median, the least and the most of some times.
fn report(case: &str, mut times: Vec<Duration>) {
    times.sort();
    let [median, least, most] = [times[times.len() / 2], times[0], times[times.len() - 1]].map(|time| time.as_secs_f64() * 1000.0);
    println!("{case:50} {median:9.1} {least:9.1} {most:9.1}");
}

/// Both in turns over the same files.
fn beside_sed(each: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    fleet(folder.path(), each);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for tag in (1..).step_by(2).take(RUNS) {
        ours.push(timed(tagalong(folder.path()).arg(format!("ghcr.io/acme/web:1.2.{tag}"))));
        theirs.push(timed(&mut sed(folder.path(), tag + 1)));
        let text = fs::read_to_string(folder.path().join("team-0/service-0.yaml")).expect("a file");
        assert_eq!(text, manifest(0, each).replace("1.2.0", &format!("1.2.{}", tag + 1)), "both change the tag alone");
    }
    report(&format!("set, {} of {FILES} manifests hold the image", FILES / each), ours);
    report("sed -i over the same files", theirs);
}

/// One kustomization with so many entries, each of which is set.
fn entries(count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |tag: usize| {
        let mut text = "images:\n".to_owned();
        (0..count).for_each(|number| write!(text, "- name: ghcr.io/acme/service-{number}\n  newTag: 1.2.{tag}\n").expect("text"));
        text
    };
    fs::write(folder.path().join("kustomization.yaml"), text(0)).expect("a file");
    let run = |tag: usize| {
        let time = timed(tagalong(folder.path()).args((0..count).map(|number| format!("ghcr.io/acme/service-{number}:1.2.{tag}"))));
        assert_eq!(fs::read_to_string(folder.path().join("kustomization.yaml")).expect("a file"), text(tag));
        time
    };
    report(&format!("set, {count} entries of one kustomization"), (1..=RUNS).map(run).collect());
}

fn main() {
    // Under `cargo test` the bench only has to build.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::env::override_temp_dir(memory).expect("nothing was asked for before");
    }
    println!("{:50} {:>9} {:>9} {:>9}", format!("set: {RUNS} runs, {}", tempfile::env::temp_dir().display()), "median ms", "least", "most");
    beside_sed(100);
    beside_sed(1);
    [1, 500, 1_000, 2_000].into_iter().for_each(entries);
}
