//! A repository of 20,000 manifests, 2,000 of them kustomizations in 500 overlays.

use std::collections::BTreeMap;

const OVERLAYS: usize = 500;
const MANIFESTS: usize = 36;
/// Every tenth overlay has an image whose tags move.
const MOVING: usize = 10;

/// A deployment whose images are at this registry.
pub fn manifest(registry: &str, name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  labels: {{app: {name}}}\nspec:\n  template:\n    spec:\n      \
         containers:\n      - name: app\n        image: {registry}/{name}:1.2.3\n        env:\n        - {{name: A, value: b}}\n      - name: \
         sidecar\n        image: {registry}/proxy:2.0.0\n"
    )
}

fn patch(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  annotations:\n    fluxcd.io/automated: \"true\"\n    \
         fluxcd.io/tag.app: semver:~1.2\n"
    )
}

/// Each overlay uses two bases and a component: four kustomizations, and 36 manifests.
pub fn repository(registry: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for overlay in 0..OVERLAYS {
        let top = format!("fleet/{overlay}");
        for base in ["one", "two"] {
            let names: Vec<String> = (0..MANIFESTS / 2 - 1).map(|at| format!("{base}-{at}")).collect();
            for name in &names {
                files.insert(format!("{top}/{base}/{name}.yaml"), manifest(registry, name));
            }
            let resources: Vec<String> = names.iter().map(|name| format!("- {name}.yaml\n")).collect();
            files.insert(format!("{top}/{base}/kustomization.yaml"), format!("resources:\n{}", resources.concat()));
        }
        let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages:\n";
        files.insert(format!("{top}/component/kustomization.yaml"), format!("{component}- {{name: {registry}/proxy, newTag: 2.1.0}}\n"));
        files.insert(format!("{top}/prod/one-0.yaml"), patch("one-0"));
        files.insert(format!("{top}/prod/two-0.yaml"), patch("two-0"));
        let image = if overlay.is_multiple_of(MOVING) { format!("moving-{overlay}") } else { "steady".to_owned() };
        let images = format!("- {{name: {registry}/one-0, newName: {registry}/{image}, newTag: 1.2.3}}\n");
        let prod =
            "resources: [../one, ../two]\ncomponents: [../component]\nnamespace: prod\npatches:\n- path: one-0.yaml\n- path: two-0.yaml\nimages:\n";
        files.insert(format!("{top}/prod/kustomization.yaml"), format!("{prod}{images}"));
    }
    files
}
