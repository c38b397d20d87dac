//! Read a repository of 20,000 manifests, 2,000 of them kustomizations in 500 overlays, and find what each root deploys; the same
//! after one file changed, and 500 resources under 500 `images` entries. In memory, on one core.

#![expect(clippy::disallowed_methods, reason = "edge: it asks the system how much memory it holds")]

use std::{
    collections::{BTreeMap, BTreeSet},
    hint::black_box,
};

use criterion::{Criterion, criterion_group, criterion_main};
use tagalong::{
    manifest::{File, kustomize::deployed, read},
    plan::{Bounds, Index, Last},
    policy::preset::Presets,
};

mod overlays;

use overlays::{manifest, repository};

const REGISTRY: &str = "ghcr.io/acme";

fn parsed(files: &BTreeMap<String, String>) -> BTreeMap<String, File> {
    files.iter().map(|(path, text)| (path.clone(), read(path, text.as_bytes(), &[]).expect("the file is legal"))).collect()
}

/// One root with as many resources as entries.
fn wide(count: usize) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = (0..count).map(|at| (format!("{at}.yaml"), manifest(REGISTRY, &format!("app-{at}")))).collect();
    let resources: Vec<String> = (0..count).map(|at| format!("- {at}.yaml\n")).collect();
    let images: Vec<String> = (0..count).map(|at| format!("- {{name: ghcr.io/acme/app-{at}, newTag: 1.3.0}}\n")).collect();
    files.insert("kustomization.yaml".to_owned(), format!("resources:\n{}images:\n{}", resources.concat(), images.concat()));
    files
}

/// The most memory that this process has held, in MiB, as the system counts it; 0 where it does not.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or_default() / 1024
}

fn index(criterion: &mut Criterion) {
    let texts = repository(REGISTRY);
    let kustomizations = texts.keys().filter(|path| path.ends_with("kustomization.yaml")).count();
    let mut group = criterion.benchmark_group(format!("index {} manifests, {kustomizations} kustomizations", texts.len()));
    group.sample_size(10);
    group.bench_function("read all, on one core", |bencher| bencher.iter(|| black_box(parsed(&texts)).len()));
    let files = parsed(&texts);
    group.bench_function("what every root deploys", |bencher| bencher.iter(|| black_box(deployed(&files, &[], &[])).len()));
    let bounds = Bounds { writes: &|_| true, scans: &|_| true, presets: Presets::shipped() };
    let (mut index, mut tag) = (Index::new(files, vec![]), 0);
    group.bench_function("who takes part, and what each asks", |bencher| bencher.iter(|| black_box(index.gather(None, &bounds)).1.built()));
    let mut gathered = index.gather(None, &bounds);
    for (word, path, name, built) in [("one file", "one/one-0.yaml", "one-0", 1), ("one file that nobody patches", "two/two-5.yaml", "two-5", 1)] {
        group.bench_function(format!("{word} changed: read it, what every root deploys, who takes part, and what each asks"), |bencher| {
            bencher.iter(|| {
                tag += 1;
                let path = format!("fleet/250/{path}");
                let text = manifest(REGISTRY, name).replace("1.2.3", &format!("1.2.{tag}"));
                let (mut files, unreadable, mut web) = std::mem::take(&mut index).into_parts();
                files.insert(path.clone(), read(&path, text.as_bytes(), &[]).expect("the file is legal"));
                web.advance(&files, &unreadable, [path.as_str()]);
                index = Index::hung(files, unreadable, web);
                let (subjects, shares) = std::mem::take(&mut gathered);
                gathered = index.gather(Some(Last { subjects, shares, touched: &BTreeSet::from([path]) }), &bounds);
                assert_eq!(gathered.1.built(), built);
                black_box(gathered.0.list.len())
            });
        });
    }
    group.finish();
    println!("peak memory so far: {} MiB", peak());
    let wide = parsed(&wide(500));
    let mut group = criterion.benchmark_group("500 resources, 500 images entries");
    group.sample_size(10);
    group.bench_function("what the root deploys", |bencher| bencher.iter(|| black_box(deployed(&wide, &[], &[])).len()));
    group.finish();
}

criterion_group!(benches, index);
criterion_main!(benches);
