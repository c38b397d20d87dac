//! The repository: 20,000 manifests in nested folders.

use crate::{git::Bare, overlays};

/// Manifests.
pub const FILES: usize = 20_000;
/// Manifests whose image gets a new tag.
pub const UPDATES: usize = 50;
/// Images beside those of the updates, that stay.
const STEADY: usize = 150;

/// Which manifests are annotated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Annotated {
    All,
    Updated,
    None,
}

/// A bare repository and what is in it.
pub struct Fleet {
    pub bare: Bare,
    pub bytes: usize,
    pub folders: usize,
    host: String,
    /// Where somebody commits.
    edited: &'static str,
}

impl Fleet {
    /// As many plain files.
    pub fn new(annotated: Annotated, host: &str) -> Self {
        let files: Vec<_> = (0..FILES).map(|number| (path(number), manifest(number, annotated, host))).collect();
        Self::of(&files, host, "clusters/new.yaml")
    }

    /// 500 overlays over their own bases, as many files in all; 50 of them have something to update.
    pub fn of_overlays(host: &str) -> Self {
        let files: Vec<_> = overlays::repository(&format!("{host}/acme")).into_iter().collect();
        Self::of(&files, host, "fleet/250/one/one-1.yaml")
    }

    fn of(files: &[(String, String)], host: &str, edited: &'static str) -> Self {
        let bytes = files.iter().map(|(_, text)| text.len()).sum();
        let folders = files.iter().map(|(path, _)| path.rsplit_once('/').map(|(folder, _)| folder)).collect::<std::collections::BTreeSet<_>>().len();
        let bare = Bare::with(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
        // As a server keeps it.
        bare.git(&["repack", "-adq"]);
        Self { bare, bytes, folders, host: host.to_owned(), edited }
    }

    /// One file differs that nothing here is about.
    pub fn somebody_commits(&self, round: u32) {
        let text = manifest(1, Annotated::None, &self.host);
        self.bare.commit("main", &[(self.edited, &format!("# {round}\n{text}"))]);
    }
}

/// The paths of the manifests whose images get new tags, spread over the tree.
pub fn updated() -> impl Iterator<Item = String> {
    (0..FILES).filter(|number| is_updated(*number)).map(path)
}

fn is_updated(number: usize) -> bool {
    number.is_multiple_of(FILES / UPDATES)
}

fn path(number: usize) -> String {
    format!("clusters/{:02}/team-{:02}/group-{}/service-{number:05}.yaml", number % 10, number / 10 % 20, number / 200 % 10)
}

fn manifest(number: usize, annotated: Annotated, host: &str) -> String {
    let image = if is_updated(number) { format!("moving-{number:05}") } else { format!("steady-{:03}", number % STEADY) };
    let annotations = if annotated == Annotated::All || annotated == Annotated::Updated && is_updated(number) {
        "fluxcd.io/automated: \"true\"\n    fluxcd.io/tag.app: semver:~1.2"
    } else {
        "prometheus.io/scrape: \"true\"\n    prometheus.io/port: \"8080\""
    };
    let mut text = format!(
        r"# The service {number} of a fleet
apiVersion: apps/v1
kind: Deployment
metadata:
  name: service-{number}
  namespace: team-{team}
  labels:
    app.kubernetes.io/name: service-{number}
  annotations:
    {annotations}
spec:
  replicas: 3
  selector:
    matchLabels:
      app.kubernetes.io/name: service-{number}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: service-{number}
    spec:
      serviceAccountName: service-{number}
      containers:
        - name: app
          image: {host}/acme/{image}:1.2.3 # by the service's team
          ports:
            - containerPort: 8080
              name: http
          env:
            - name: LOG_LEVEL
              value: info
          resources:
            requests: {{ cpu: 100m, memory: 128Mi }}
            limits: {{ cpu: 500m, memory: 256Mi }}
",
        team = number / 10 % 20
    );
    while text.len() < 890 {
        text.push_str("            # more\n");
    }
    text
}
