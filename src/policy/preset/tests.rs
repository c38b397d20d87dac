//! What a preset is, and what it is not.

use super::*;

#[test]
fn every_shipped_preset_decides_its_cases() {
    let names: Vec<&str> = shipped::SHIPPED.iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted() && names.len() >= 12);
    for (name, text) in shipped::SHIPPED {
        let preset = Preset::parse(name, text).unwrap_or_else(|error| panic!("{name} line {}: {error}", error.line));
        assert!(!preset.cases.is_empty(), "{name} has a case");
        assert!(!preset.summary.ends_with('.'), "{name}");
    }
}

#[test]
fn what_is_no_preset_is_told_with_its_line() {
    for (word, text, line, says) in [
        ("empty", "", 1, ""),
        ("no YAML", "summary: [", 1, ""),
        ("a list", "- a\n", 1, "mapping start"),
        ("no pattern", "summary: x\n", 1, "missing field `pattern`"),
        ("empty summary", "summary: ''\npattern: semver:*\n", 1, "`summary` is empty"),
        ("unknown key", "summary: x\npatern: semver:*\n", 2, "unknown field `patern`"),
        ("twice", "summary: x\npattern: a\npattern: b\n", 3, "duplicate"),
        ("malformed pattern", "summary: x\n\npattern: semver:one\n", 3, "`semver:one`"),
        ("unknown prefix", "summary: x\npattern: SemVer:*\n", 2, "`SemVer:` is no known prefix"),
        ("a preset in a preset", "summary: x\npattern: preset:release\n", 2, "there is no preset `release`"),
        ("unknown own key", "summary: x\npattern: '*'\nkeys:\n  min-agee: 3d\n", 4, "there is no key `min-agee`"),
        ("malformed own key", "summary: x\npattern: '*'\nkeys:\n  digest: 'true'\n  min-age: soon\n", 5, "`min-age`: `soon` is no age"),
        ("unknown key in a case", "summary: x\npattern: '*'\ncases:\n- { about: x, tag: [], decision: current }\n", 4, "unknown field `tag`"),
        ("no tag", "summary: x\npattern: '*'\ncases:\n- { about: x, tags: [{ tag: a b, code: chosen }], decision: updated }\n", 4, "`a b` is no tag"),
        (
            "decided otherwise",
            "summary: x\npattern: semver:*\ncases:\n- about: x\n  current: 1.0.0\n  tags: [{ tag: 1.1.0, code: outranked }]\n  decision: current\n",
            4,
            "the case is decided otherwise: switched (1.1.0 chosen)",
        ),
    ] {
        let error = Preset::parse("x", text).map(|preset| preset.summary).expect_err(word);
        assert_eq!(error.line, line, "{word}: {error}");
        assert!(error.to_string().contains(says), "{word}: {error}");
        let windows = Preset::parse("x", &text.replace('\n', "\r\n")).map(|preset| preset.summary).expect_err(word);
        assert_eq!(windows.line, line, "{word}, with line ends of Windows");
    }
}

#[test]
fn a_pattern_may_name_a_preset() {
    let own = Preset::parse("mine", "summary: ours\npattern: glob:v*\nkeys: { min-age: 2d }\n").expect("a preset");
    let presets = Presets::shipped().with([own]);
    for (word, text, pattern, keys) in [
        ("shipped", "preset:minor", Some("semver:*"), "within=minor"),
        ("own", "preset:mine", Some("glob:v*"), "min-age=2d"),
        ("no preset", "semver:~1", Some("semver:~1"), ""),
        ("unknown", "preset:minr", None, ""),
        ("other case", "preset:Minor", None, ""),
        ("space", "preset: minor", None, ""),
        ("no name", "preset:", None, ""),
    ] {
        let policy = presets.policy(text).ok();
        assert_eq!(policy.as_ref().map(|policy| policy.pattern.resolved()), pattern, "{word}");
        assert_eq!(policy.as_ref().map(|policy| policy.pattern.to_string()), pattern.map(|_| text.to_owned()), "{word}");
        let written =
            policy.iter().flat_map(|policy| policy.keys.written()).map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().concat();
        assert_eq!(written, keys, "{word}");
    }
    let error = presets.policy("preset:minr").map(|policy| policy.identity()).expect_err("unknown");
    assert_eq!(
        (error.to_string(), error.hint()),
        ("there is no preset `minr`".to_owned(), "did you mean `minor` or `mine` or `main`? `tagalong policy list` tells all".to_owned())
    );
}

#[test]
fn a_changed_preset_is_another_policy() {
    let identity = |pattern: &str| {
        let preset = Preset::parse("mine", &format!("summary: ours\npattern: {pattern}\n")).expect("a preset");
        Presets::default().with([preset]).policy("preset:mine").expect("known").identity()
    };
    assert_ne!(identity("semver:~1"), identity("semver:~2"));
}

#[test]
fn an_own_preset_wins_over_a_shipped_one() {
    let own = Preset::parse("release", "summary: ours\npattern: semver:~1\n").expect("a preset");
    assert_eq!(Presets::shipped().with([own]).named("release").map(|preset| preset.summary.as_str()), Some("ours"));
}
