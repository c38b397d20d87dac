//! Merging: flags over variables, variables over the file, the file over the defaults.

use std::{fs, num::NonZeroU16, path::PathBuf, time::Duration};

use super::{registries::Security, *};
use crate::image::Name;

fn environment() -> Environment {
    [("HOME".to_owned(), "/home/ana".to_owned())].into_iter().collect()
}

fn config(text: &str, overrides: Overrides) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tagalong.yaml");
    fs::write(&path, text).expect("written");
    load(Some(&path), overrides, &environment())
}

fn budget(concurrency: u16, requests_per_second: f64) -> Budget {
    Budget { concurrency, requests_per_second }
}

#[test]
fn without_a_file_the_defaults_hold() {
    let config = load(None, Overrides::default(), &environment()).expect("no file is needed");
    assert_eq!(config.state, PathBuf::from("/home/ana/.local/state/tagalong"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:3030");
    assert_eq!((config.timeout, config.git_timeout), (Duration::from_mins(1), Duration::from_mins(1)));
    assert_eq!((config.registry_interval, config.registries.default_budget), (Duration::from_mins(5), budget(8, 20.0)));
    assert_eq!((config.registry_allow, config.docker_config), (RegistryAllow::Any, None));
    assert_eq!(config.log, Log { level: LogLevel::Info, format: LogFormat::Text });
    assert!(config.registries.entries.is_empty());
}

#[test]
fn a_named_file_must_exist() {
    let error = load(Some("/nowhere/tagalong.yaml".as_ref()), Overrides::default(), &environment()).expect_err("absent");
    assert_eq!(error.to_string(), "cannot read `/nowhere/tagalong.yaml`: there is no such file");
}

#[test]
fn what_is_no_text_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tagalong.yaml");
    for (word, bytes, what) in [
        ("not UTF-8", b"state: \xff".to_vec(), "it is not UTF-8"),
        ("too long", vec![b'#'; 2 * 1024 * 1024], "it has more than 1 MiB"),
        ("a NUL byte", b"state: a\0b".to_vec(), "unexpected character"),
        ("nesting of 500,000", vec![b'['; 500_000], "recursion limit exceeded"),
        ("nesting of 300,000 below a key", [&b"policies: "[..], &vec![b'['; 300_000]].concat(), "recursion limit exceeded"),
    ] {
        fs::write(&path, bytes).expect("written");
        let error = load(Some(&path), Overrides::default(), &environment()).expect_err(word);
        assert!(error.to_string().contains(what), "{word}: {error}");
    }
    let error = load(Some(folder.path()), Overrides::default(), &environment()).expect_err("a folder is no file");
    assert_eq!(error.to_string(), format!("cannot read `{}`", folder.path().display()));
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "state: /s\npolicies: [&a0 [x, x, x, x, x, x, x, x, x]]\n".to_owned();
    text = (1..9).fold(text, |text, n| format!("{text}l{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
    assert!(config(&text, Overrides::default()).is_err());
}

#[test]
fn a_flag_wins_over_the_file() {
    let text = "state: /file\ntimeout: 1s\ngitTimeout: 2s\nregistryPollInterval: 3s\nregistryRps: 4.5\nregistryBurst: 5\ndockerConfig: /file.json\nlogLevel: debug\nlogFormat: json\n\
                repositories: [{url: ../fleet, branch: file, paths: [file], interval: 6s, commit: {name: File, email: file@x, ciSkip: true}}]\n";
    let written = config(text, Overrides::default()).expect("reads");
    assert_eq!((written.timeout, written.git_timeout), (Duration::from_secs(1), Duration::from_secs(2)));
    let flags = Overrides {
        state: Some("/flag".into()),
        policies: vec!["/flag".into()],
        timeout: Some(Duration::from_secs(10)),
        git: GitOverrides {
            push_branch: None,
            branch: Some("flag".into()),
            paths: Some(Paths::parse(["flag"]).expect("a path")),
            user: Some("Flag".into()),
            email: Some("flag@x".into()),
            group: None,
            ci_skip: Some(false),
            poll_interval: Some(Duration::from_mins(1)),
            timeout: Some(Duration::from_secs(20)),
        },
        registry: RegistryOverrides {
            poll_interval: Some(Duration::from_secs(30)),
            requests_per_second: Some(40.0),
            burst: NonZeroU16::new(50),
            docker_config: Some("/flag.json".into()),
            ..RegistryOverrides::default()
        },
        log: LogOverrides { level: Some(LogLevel::Warn), format: None },
    };
    let merged = config(text, flags).expect("reads");
    assert_eq!((merged.state.to_str(), merged.docker_config.as_deref().and_then(|path| path.to_str())), (Some("/flag"), Some("/flag.json")));
    assert_eq!((merged.timeout, merged.git_timeout), (Duration::from_secs(10), Duration::from_secs(20)));
    assert_eq!((written.registry_interval, written.registries.budget("ghcr.io")), (Duration::from_secs(3), budget(5, 4.5)));
    assert_eq!((merged.registry_interval, merged.registries.budget("ghcr.io")), (Duration::from_secs(30), budget(50, 40.0)));
    assert_eq!(written.log, Log { level: LogLevel::Debug, format: LogFormat::Json });
    assert_eq!(merged.log, Log { level: LogLevel::Warn, format: LogFormat::Json });
    let [before, after] = [&written, &merged].map(|config| {
        let repository = config.repository_for("../fleet/");
        let Commit { name, email, ci_skip, .. } = repository.commit;
        (repository.branch, repository.paths.texts().to_vec(), repository.interval.as_secs(), name, email, ci_skip)
    });
    assert_eq!(before, (Some("file".into()), vec!["file".into()], 6, "File".into(), "file@x".into(), true));
    assert_eq!(after, (Some("flag".into()), vec!["flag".into()], 60, "Flag".into(), "flag@x".into(), false));
}

#[test]
fn paths_of_this_machine_start_at_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tagalong.yaml");
    fs::write(&path, "state: cache\npolicies: [./policies, /etc/policies]\nregistries: [{prefix: ghcr.io, tokenFile: token}]\n").expect("written");
    let config = load(Some(&path), Overrides::default(), &environment()).expect("reads");
    assert_eq!(config.state, folder.path().join("cache"));
    assert_eq!(config.policies, [folder.path().join("./policies"), "/etc/policies".into()]);
}

#[test]
fn a_repository_without_an_entry_has_the_defaults() {
    let config = config("", Overrides::default()).expect("reads");
    let repository = config.repository_for("https://bot:hunter2@git.example/team/fleet.git");
    assert_eq!((repository.name.as_str(), repository.url.as_str()), ("fleet", "https://git.example/team/fleet"));
    assert_eq!((repository.branch, repository.commit), (None, Commit::default()));
}

#[test]
fn two_branches_of_one_address_are_two_repositories() {
    let text = "repositories:\n- { name: live, url: https://git.example/fleet.git, branch: live }\n- { name: next, url: https://git.example/fleet, branch: next }\n";
    for (word, branch, name) in [("none is named", None, "live"), ("the other", Some("next"), "next"), ("one of no entry", Some("old"), "live")] {
        let git = GitOverrides { branch: branch.map(str::to_owned), ..GitOverrides::default() };
        let config = config(text, Overrides { git, ..Overrides::default() }).expect("reads");
        assert_eq!(config.repository_for("https://git.example/fleet").name, name, "{word}");
    }
    let config = config(text, Overrides::default()).expect("reads");
    let branches: Vec<_> = config.repositories.iter().map(|entry| config.with_flags(entry.clone()).branch).collect();
    assert_eq!(branches, [Some("live".to_owned()), Some("next".to_owned())]);
}

#[test]
fn a_registry_serves_those_that_it_names() {
    let text = "repositories: [{url: https://git.example/fleet.git}, {url: https://git.example/shop.git}]\n\
                registries: [{prefix: ghcr.io, for: [fleet]}, {prefix: quay.io}]\n";
    let config = config(text, Overrides::default()).expect("reads");
    for (word, place, prefixes) in [
        ("named", "https://git.example/fleet", &["ghcr.io", "quay.io"][..]),
        ("not named", "https://git.example/shop", &["quay.io"]),
        ("another with the same last part", "https://elsewhere.example/fleet.git", &["quay.io"]),
    ] {
        let registries = config.registries_for(&config.repository_for(place));
        let found: Vec<String> = registries.entries.iter().map(|entry| entry.prefix.to_string()).collect();
        assert_eq!(found, prefixes, "{word}");
    }
}

#[test]
fn an_insecure_host_is_so_in_every_entry() {
    let text = "registryInsecureHosts: [registry.corp:5000]\nregistries: [{prefix: registry.corp:5000/team}, {prefix: ghcr.io}]\n";
    let registry = RegistryOverrides { insecure_hosts: vec![Prefix::parse("other.corp").expect("a host")], ..RegistryOverrides::default() };
    let config = config(text, Overrides { registry, ..Overrides::default() }).expect("reads");
    for (name, insecure) in [
        ("registry.corp:5000/team/app", Some(true)),
        ("registry.corp:5000/app", Some(true)),
        ("other.corp/app", Some(true)),
        ("ghcr.io/app", Some(false)),
        ("redis", None),
    ] {
        let entry = config.registries.entry_for(&Name::parse(name).expect(name).repository()).map(|entry| entry.security == Security::Insecure);
        assert_eq!(entry, insecure, "{name}");
    }
}

#[test]
fn every_key_of_the_page_is_read() {
    for section in sections() {
        assert!(!section.about.is_empty());
        for key in section.keys {
            assert!(!key.meaning.is_empty() && !key.shape.is_empty() && !key.default.is_empty(), "{}.{}", section.name, key.name);
        }
    }
}
