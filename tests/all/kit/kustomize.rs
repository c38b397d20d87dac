//! The real kustomize, which has the last word.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
    sync::LazyLock,
};

use tagalong::manifest::{self, Role};

use super::cycle::Files;

/// The oldest version that may judge.
const OLDEST: (u32, u32) = (5, 4);

/// How kustomize is called here: the program, and what comes before the folder.
static PROGRAM: LazyLock<(&'static str, &'static [&'static str])> = LazyLock::new(|| {
    let options: [(&str, &[&str], &[&str]); 2] = [
        ("kubectl", &["version", "--client"], &["kustomize", "--load-restrictor", "LoadRestrictionsNone"]),
        ("kustomize", &["version"], &["build", "--load-restrictor", "LoadRestrictionsNone"]),
    ];
    let is_new_enough = |(program, arguments, _): &(&str, &[&str], &[&str])| version(program, arguments).is_some_and(|version| version >= OLDEST);
    let found = options.into_iter().find(is_new_enough);
    let (program, _, arguments) = found.expect("kubectl with kustomize 5.4 or newer, or kustomize itself, as scripts/test installs it");
    (program, arguments)
});

/// `Kustomize Version: v5.5.0`, or `v5.5.0` alone.
fn version(program: &str, arguments: &[&str]) -> Option<(u32, u32)> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("Kustomize Version:")).or_else(|| text.lines().next())?;
    let mut numbers = line.rsplit('v').next()?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A container of a rendered object, and its image.
pub type Images = BTreeMap<(String, String, Role), String>;

/// Writes a tree where kustomize can read it.
pub fn write(folder: &Path, files: &Files) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// What kustomize makes of a folder.
///
/// # Errors
/// What it says where it makes nothing.
pub fn render(folder: &Path, root: &str) -> Result<String, String> {
    let (program, arguments) = *PROGRAM;
    let Output { status, stdout, stderr } = Command::new(program).args(arguments).arg(folder.join(root)).output().expect("kustomize runs");
    if status.success() {
        return Ok(String::from_utf8(stdout).expect("text"));
    }
    Err(String::from_utf8_lossy(&stderr).lines().filter(|line| !line.starts_with('#')).collect())
}

/// The images of rendered objects.
pub fn images(rendered: &str) -> Images {
    let file = manifest::read("rendered.yaml", rendered.as_bytes(), &[]).expect("kustomize writes YAML");
    let mut images = Images::new();
    for workload in &file.workloads {
        for container in &workload.containers {
            let image = container.image.parts().map(|parts| parts.sites().map(|site| site.text.clone()).collect::<String>());
            images.insert((workload.id.to_string(), container.name.clone(), container.role), image.unwrap_or_default());
        }
    }
    images
}
