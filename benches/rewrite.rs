//! Index and rewrite one tag in each of 5,000 manifests of about 900 bytes, in memory, on one core.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tagalong::manifest::{
    Concern, Site, concerns, read,
    splice::{Edit, splice, verify},
};

const FILES: usize = 5_000;

fn manifest(number: usize) -> String {
    let mut text = format!(
        r#"# The service {number} of a fleet
apiVersion: apps/v1
kind: Deployment
metadata:
  name: service-{number}
  namespace: team-{team}
  labels:
    app.kubernetes.io/name: service-{number}
  annotations:
    fluxcd.io/automated: "true"
    fluxcd.io/tag.app: semver:~1.2
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
          image: ghcr.io/acme/service-{number}:1.2.3 # by the service's team
          ports:
            - containerPort: 8080
              name: http
          env:
            - name: LOG_LEVEL
              value: info
          resources:
            requests: {{ cpu: 100m, memory: 128Mi }}
            limits: {{ cpu: 500m, memory: 256Mi }}
"#,
        team = number % 20
    );
    while text.len() < 880 {
        text.push_str("            # more\n");
    }
    text
}

fn edits(text: &str) -> Vec<Edit> {
    let file = read("app.yaml", text.as_bytes(), &[]).expect("the manifest is legal");
    let sites = file.images().filter_map(|place| place.image.parts()?.sites().next().cloned());
    let edit = |site: Site| Edit { to: site.text.replace(":1.2.3", ":1.2.4"), site };
    sites.map(edit).collect()
}

fn rewrite(criterion: &mut Criterion) {
    let files: Vec<String> = (0..FILES).map(manifest).collect();
    let bytes: usize = files.iter().map(String::len).sum();
    let mut group = criterion.benchmark_group(format!("rewrite {FILES} manifests, {bytes} bytes"));
    group.throughput(Throughput::Bytes(bytes as u64)).sample_size(20);
    group.bench_function("screen", |bencher| {
        bencher.iter(|| files.iter().filter(|text| concerns("app.yaml", text.as_bytes(), &[]) == Concern::Read).count());
    });
    group.bench_function("locate and splice", |bencher| {
        bencher.iter(|| {
            for text in &files {
                let spliced = splice("app.yaml", text.as_bytes(), &edits(text)).expect("the edit is plain");
                black_box(spliced.bytes);
            }
        });
    });
    group.bench_function("locate, splice and verify", |bencher| {
        bencher.iter(|| {
            for text in &files {
                let spliced = splice("app.yaml", text.as_bytes(), &edits(text)).expect("the edit is plain");
                verify("app.yaml", text.as_bytes(), &spliced).expect("nothing else changed");
                black_box(spliced.bytes);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, rewrite);
criterion_main!(benches);
