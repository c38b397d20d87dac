use super::*;

fn annotations(rows: &[(&str, &str)]) -> Vec<Annotation> {
    let line = 1..;
    rows.iter()
        .zip(line)
        .map(|(&(key, value), line)| Annotation { key: key.to_owned(), value: value.to_owned(), line, quoting: Quoting::Text })
        .collect()
}

fn read(rows: &[(&str, &str)], containers: &[&str]) -> WorkloadPolicy {
    WorkloadPolicy::read(&annotations(rows), containers, Presets::shipped())
}

/// The policies as `container=pattern`, `container!reason` where malformed.
fn shown(policy: &WorkloadPolicy) -> Vec<String> {
    policy
        .containers
        .iter()
        .map(|container| match &container.policy {
            Ok(policy) => format!("{}={}", container.container, policy.pattern),
            Err(malformed) => format!("{}!{}", container.container, malformed.source.key),
        })
        .collect()
}

const AUTOMATED: (&str, &str) = ("fluxcd.io/automated", "true");

#[test]
fn keys_say_who_takes_part_and_by_which_pattern() {
    for (word, rows, expected) in [
        ("nothing", &[][..], &[][..]),
        ("pattern alone", &[("fluxcd.io/tag.app", "semver:~1")], &[]),
        ("automated alone", &[AUTOMATED], &["app=glob:*", "side=glob:*"]),
        ("automated with one pattern", &[AUTOMATED, ("fluxcd.io/tag.app", "semver:~1")], &["app=semver:~1", "side=glob:*"]),
        ("filter key", &[AUTOMATED, ("filter.fluxcd.io/app", "glob:main-*")], &["app=glob:main-*", "side=glob:*"]),
        ("legacy keys", &[("flux.weave.works/automated", "true"), ("flux.weave.works/tag.app", "1.*")], &["app=1.*", "side=glob:*"]),
        ("flux wins over filter", &[AUTOMATED, ("filter.fluxcd.io/app", "a"), ("fluxcd.io/tag.app", "b")], &["app=b", "side=glob:*"]),
        ("filter wins over legacy", &[AUTOMATED, ("flux.weave.works/tag.app", "a"), ("filter.fluxcd.io/app", "b")], &["app=b", "side=glob:*"]),
        ("own wins over flux", &[AUTOMATED, ("fluxcd.io/tag.app", "a"), ("tagalong.dev/tag.app", "b")], &["app=b", "side=glob:*"]),
        ("flux automated wins over legacy", &[("fluxcd.io/automated", "false"), ("flux.weave.works/automated", "true")], &[]),
        ("exactly true", &[("fluxcd.io/automated", "True")], &[]),
        ("not yes", &[("fluxcd.io/automated", "yes")], &[]),
        ("own automated", &[("tagalong.dev/automated", "true")], &["app=glob:*", "side=glob:*"]),
        ("own automated wins", &[AUTOMATED, ("tagalong.dev/automated", "false")], &[]),
        ("one container opts out", &[AUTOMATED, ("tagalong.dev/automated.side", "false")], &["app=glob:*"]),
        ("one container opts in", &[("tagalong.dev/automated.side", "true")], &["side=glob:*"]),
        ("malformed own automated", &[AUTOMATED, ("tagalong.dev/automated.side", "no")], &["app=glob:*", "side!tagalong.dev/automated.side"]),
        ("malformed own automated alone", &[("tagalong.dev/automated", "yes")], &["app!tagalong.dev/automated", "side!tagalong.dev/automated"]),
        ("init containers have patterns, too", &[AUTOMATED, ("fluxcd.io/tag.side", "semver:~2")], &["app=glob:*", "side=semver:~2"]),
        ("own key for a pattern alone takes no part", &[("tagalong.dev/tag.app", "semver:~1")], &[]),
        ("malformed pattern", &[AUTOMATED, ("fluxcd.io/tag.app", "semver:~1.x.")], &["app!fluxcd.io/tag.app", "side=glob:*"]),
        ("unknown prefix", &[AUTOMATED, ("fluxcd.io/tag.app", "SemVer:~1")], &["app!fluxcd.io/tag.app", "side=glob:*"]),
        ("space before the prefix", &[AUTOMATED, ("fluxcd.io/tag.app", " semver:~1")], &["app!fluxcd.io/tag.app", "side=glob:*"]),
        (
            "a malformed winner is not replaced",
            &[AUTOMATED, ("fluxcd.io/tag.app", "semver:"), ("filter.fluxcd.io/app", "b")],
            &["app!fluxcd.io/tag.app", "side=glob:*"],
        ),
        ("own tag without a container", &[AUTOMATED, ("tagalong.dev/tag", "b")], &["app!tagalong.dev/tag", "side!tagalong.dev/tag"]),
        ("own key for all", &[AUTOMATED, ("tagalong.dev/min-age", "soon")], &["app!tagalong.dev/min-age", "side!tagalong.dev/min-age"]),
        ("own key for one", &[AUTOMATED, ("tagalong.dev/min-age.app", "soon")], &["app!tagalong.dev/min-age.app", "side=glob:*"]),
        ("unknown own key", &[AUTOMATED, ("tagalong.dev/min-agee", "1h")], &["app!tagalong.dev/min-agee", "side!tagalong.dev/min-agee"]),
        ("value with = and ,", &[AUTOMATED, ("fluxcd.io/tag.app", "semver:>=1.2,<2")], &["app=semver:>=1.2,<2", "side=glob:*"]),
        ("preset", &[AUTOMATED, ("fluxcd.io/tag.app", "preset:newest")], &["app!fluxcd.io/tag.app", "side=glob:*"]),
    ] {
        assert_eq!(shown(&read(rows, &["app", "side"])), expected, "{word}");
    }
}

#[test]
fn a_tag_without_a_container_serves_the_only_one() {
    assert_eq!(shown(&read(&[AUTOMATED, ("tagalong.dev/tag", "semver:1.x")], &["app"])), ["app=semver:1.x"]);
}

#[test]
fn a_key_for_one_container_wins_over_the_key_for_all() {
    let policy = read(&[AUTOMATED, ("tagalong.dev/min-age.app", "1h"), ("tagalong.dev/min-age", "7d")], &["app", "side"]);
    let ages: Vec<_> = policy.containers.iter().map(|c| c.policy.as_ref().expect("well formed").keys.min_age.expect("an age").as_hours()).collect();
    assert_eq!(ages, [1, 168]);
}

#[test]
fn locks_and_ignores_count_only_when_exactly_true() {
    for (word, rows, locked, ignored) in [
        ("locked", &[("fluxcd.io/locked", "true")][..], true, false),
        ("legacy", &[("flux.weave.works/locked", "true")], true, false),
        ("not locked", &[("fluxcd.io/locked", "false"), ("flux.weave.works/locked", "true")], false, false),
        ("ignored", &[("fluxcd.io/ignore", "true")], false, true),
        ("sync_only has no effect", &[("fluxcd.io/ignore", "sync_only")], false, false),
    ] {
        let policy = read(rows, &["app"]);
        assert_eq!((policy.lock.is_some(), policy.ignored), (locked, ignored), "{word}");
    }
}

#[test]
fn a_lock_keeps_its_message_and_its_user() {
    let policy = read(&[("fluxcd.io/locked", "true"), ("fluxcd.io/locked_msg", "until the audit"), ("fluxcd.io/locked_user", "ana")], &["app"]);
    assert_eq!(policy.lock, Some(Lock { message: Some("until the audit".into()), user: Some("ana".into()) }));
}

#[test]
fn losers_are_named() {
    let policy = read(&[AUTOMATED, ("fluxcd.io/tag.app", "b"), ("filter.fluxcd.io/app", "a")], &["app"]);
    assert_eq!(policy.containers[0].source.as_ref().expect("a source").key, "fluxcd.io/tag.app");
    assert_eq!(policy.containers[0].overridden[0].key, "filter.fluxcd.io/app");
}
