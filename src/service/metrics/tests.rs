#![expect(clippy::disallowed_methods, reason = "edge: a configuration is written for each test")]

use super::*;
use crate::config::{self, Environment, Overrides};

fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tagalong.yaml");
    std::fs::write(&path, text).expect("written");
    config::load(Some(&path), Overrides::default(), &Environment::from_iter([("HOME".to_owned(), "/nowhere".to_owned())])).expect("reads")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_769_860_800 + second).expect("a time")
}

const TWO: &str = "repositories: [{url: https://git.example/fleet.git}, {url: https://git.example/shop.git}]\n\
                   registries: [{prefix: quay.io}, {prefix: quay.io/acme}, {prefix: '*.corp'}]\n";

fn metrics() -> Metrics {
    Metrics::new(at(0), &config(TWO))
}

/// The lines of one metric.
fn lines(page: &str, name: &str) -> Vec<String> {
    page.lines().filter(|line| !line.starts_with('#') && line.starts_with(name)).map(str::to_owned).collect()
}

/// The value of one series, `None` where there is none.
fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

fn lists(hosts: &[(&str, u64, Option<Timestamp>)]) -> BTreeMap<String, Lists> {
    hosts.iter().map(|&(host, tags, oldest)| (host.to_owned(), Lists { tags, oldest })).collect()
}

/// A process in which everything happened once.
fn busy() -> Metrics {
    let metrics = metrics();
    metrics.requested("quay.io", RequestKind::List, 2);
    metrics.listed("", lists(&[("quay.io", 214, Some(at(0)))]));
    metrics.decided("fleet", &BTreeMap::from([(Code::Current, 4), (Code::Locked, 1), (Code::NotFound, 1)]));
    metrics.parsed("fleet", 7);
    metrics.updated("fleet", 2);
    metrics.pushed("fleet", PushOutcome::Pushed);
    metrics.cycled("fleet", CycleOutcome::Done, Duration::from_millis(310));
    metrics.reloaded(ReloadOutcome::Refused);
    metrics
}

#[test]
fn what_is_exposed_is_what_the_table_says() {
    let page = busy().render(at(60));
    for metric in METRICS {
        let family = metric.name.trim_end_matches("_total");
        assert!(page.contains(&format!("# HELP {family} {}\n# TYPE {family} {}\n", metric.meaning, metric.kind.as_str())), "{}", metric.name);
        let name = if metric.kind == Kind::Histogram { format!("{family}_count") } else { metric.name.to_owned() };
        let series = lines(&page, &name);
        assert!(!series.is_empty(), "{} has no series", metric.name);
        for line in series {
            let labels = line.split_once('{').map_or("", |(_, rest)| rest.split_once('}').expect("closed").0);
            let names: Vec<&str> = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)).collect();
            assert_eq!(names, metric.labels, "{line}");
        }
    }
    let families = page.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(families, METRICS.len(), "a metric is missing in the table");
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn names_and_meanings_follow_the_rules() {
    for metric in METRICS {
        assert!(metric.name.starts_with("tagalong_") || metric.name == "process_start_time_seconds", "{}", metric.name);
        assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
        assert_eq!(metric.unit == "seconds", metric.name.ends_with("_seconds"), "{}", metric.name);
        assert!(metric.meaning.ends_with('.'), "{}", metric.name);
    }
}

#[test]
fn what_happened_is_counted() {
    let page = busy().render(at(60));
    for (series, expected) in [
        ("tagalong_registry_requests_total{host=\"quay.io\",kind=\"list\"}", 2.0),
        ("tagalong_registry_requests_total{host=\"quay.io\",kind=\"head\"}", 0.0),
        ("tagalong_tags{host=\"quay.io\"}", 214.0),
        ("tagalong_tags{host=\"other\"}", 0.0),
        ("tagalong_list_age_seconds{host=\"quay.io\"}", 60.0),
        ("tagalong_decisions{repository=\"fleet\",list=\"current\",code=\"current\"}", 4.0),
        ("tagalong_decisions{repository=\"fleet\",list=\"held\",code=\"locked\"}", 1.0),
        ("tagalong_decisions{repository=\"fleet\",list=\"failed\",code=\"notFound\"}", 1.0),
        ("tagalong_files_parsed_total{repository=\"fleet\"}", 7.0),
        ("tagalong_files_parsed_total{repository=\"shop\"}", 0.0),
        ("tagalong_updates_total{repository=\"fleet\"}", 2.0),
        ("tagalong_updates_total{repository=\"shop\"}", 0.0),
        ("tagalong_pushes_total{repository=\"fleet\",outcome=\"pushed\"}", 1.0),
        ("tagalong_pushes_total{repository=\"fleet\",outcome=\"refused\"}", 0.0),
        ("tagalong_cycle_seconds_sum{repository=\"fleet\",outcome=\"done\"}", 0.31),
        ("tagalong_cycle_seconds_count{repository=\"fleet\",outcome=\"failed\"}", 0.0),
        ("tagalong_cycle_seconds_bucket{le=\"0.3\",repository=\"fleet\",outcome=\"done\"}", 0.0),
        ("tagalong_cycle_seconds_bucket{le=\"1.0\",repository=\"fleet\",outcome=\"done\"}", 1.0),
        ("tagalong_configuration_reloads_total{outcome=\"refused\"}", 1.0),
        ("tagalong_configuration_reloads_total{outcome=\"accepted\"}", 0.0),
        ("process_start_time_seconds", 1_769_860_800.0),
    ] {
        assert_eq!(value(&page, series), Some(expected), "{series}\n{page}");
    }
    assert_eq!(value(&page, &format!("tagalong_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), Some(1.0));
}

#[test]
fn a_host_is_one_of_the_configuration_or_other() {
    let known = metrics();
    for (word, host, label) in [
        ("named", "quay.io", "quay.io"),
        ("by a wildcard", "registry.corp", "*.corp"),
        ("not named", "ghcr.io", OTHER),
        ("what a stranger wrote", "a\"} 1\n# EOF", OTHER),
    ] {
        let series = format!("tagalong_registry_requests_total{{host=\"{label}\",kind=\"token\"}}");
        let before = value(&known.render(at(0)), &series);
        known.requested(host, RequestKind::Token, 1);
        assert_eq!(value(&known.render(at(0)), &series), before.map(|before| before + 1.0), "{word}");
    }
}

#[test]
fn the_oldest_list_of_a_host_counts() {
    let metrics = metrics();
    metrics.listed("", lists(&[("ghcr.io", 3, Some(at(40))), ("gcr.io", 4, Some(at(10))), ("quay.io", 0, None)]));
    let page = metrics.render(at(100));
    assert_eq!(value(&page, "tagalong_tags{host=\"other\"}"), Some(7.0));
    assert_eq!(lines(&page, "tagalong_list_age_seconds"), ["tagalong_list_age_seconds{host=\"other\"} 90.0"], "a host without a list has no age");
    metrics.listed("", lists(&[("gcr.io", 4, Some(at(95)))]));
    assert_eq!(value(&metrics.render(at(100)), "tagalong_list_age_seconds{host=\"other\"}"), Some(5.0));
    assert_eq!(value(&metrics.render(at(90)), "tagalong_list_age_seconds{host=\"other\"}"), Some(0.0), "a clock that went back");
}

#[test]
fn lists_of_every_view_of_the_registries_count_together() {
    let metrics = metrics();
    metrics.listed("", lists(&[("quay.io", 3, Some(at(40))), ("ghcr.io", 1, Some(at(50)))]));
    metrics.listed("private", lists(&[("quay.io", 4, Some(at(10)))]));
    let tags = |host: &str| value(&metrics.render(at(100)), &format!("tagalong_tags{{host=\"{host}\"}}"));
    assert_eq!((tags("quay.io"), tags("other")), (Some(7.0), Some(1.0)), "one does not hide the other");
    assert_eq!(value(&metrics.render(at(100)), "tagalong_list_age_seconds{host=\"quay.io\"}"), Some(90.0));
    metrics.listed("private", lists(&[]));
    assert_eq!((tags("quay.io"), tags("other")), (Some(3.0), Some(1.0)));
    metrics.forget_lists();
    assert_eq!(tags("quay.io"), Some(0.0));
}

#[test]
fn a_code_without_containers_has_no_series() {
    let metrics = busy();
    metrics.decided("fleet", &BTreeMap::from([(Code::Current, 6)]));
    let current = "tagalong_decisions{repository=\"fleet\",list=\"current\",code=\"current\"} 6";
    assert_eq!(lines(&metrics.render(at(0)), "tagalong_decisions"), [current]);
}

#[test]
fn what_leaves_the_configuration_leaves_the_metrics() {
    let metrics = busy();
    metrics.configure(&config("repositories: [{url: https://git.example/shop.git}]\nregistries: [{prefix: '*.corp'}]\n"));
    let late = |metrics: &Metrics| {
        metrics.decided("fleet", &BTreeMap::from([(Code::Current, 4)]));
        metrics.updated("fleet", 1);
        metrics.pushed("fleet", PushOutcome::Moved);
        metrics.cycled("fleet", CycleOutcome::Failed, Duration::from_secs(1));
    };
    late(&metrics);
    let page = metrics.render(at(0));
    assert!(!page.contains("\"fleet\"") && !page.contains("quay.io"), "{page}");
    assert!(page.contains("\"shop\"") && page.contains("*.corp"), "{page}");
    metrics.add_repository("fleet");
    late(&metrics);
    assert_eq!(value(&metrics.render(at(0)), "tagalong_updates_total{repository=\"fleet\"}"), Some(1.0));
}
