use super::*;

const AUTOMATED: (&str, &str) = ("fluxcd.io/automated", "true");

fn annotations(rows: &[(&str, &str)]) -> Vec<Annotation> {
    let annotation = |(line, &(key, value)): (u32, &(&str, &str))| {
        // An underscore in front stands for an unquoted value.
        let (value, quoting) = value.strip_prefix('_').map_or((value, Quoting::Text), |value| (value, Quoting::NotText));
        Annotation { key: key.to_owned(), value: value.to_owned(), line, quoting }
    };
    (1..).zip(rows).map(annotation).collect()
}

fn shown(rows: &[(&str, &str)], containers: &[&str], view: View) -> Vec<String> {
    let word = |oddity: &Oddity| {
        let kind = match &oddity.kind {
            OddityKind::Unquoted => "unquoted".to_owned(),
            OddityKind::NotTrue => "not true".to_owned(),
            OddityKind::Malformed(_) => "malformed".to_owned(),
            OddityKind::Dropped(_) => "dropped".to_owned(),
            OddityKind::NeverMatches { character, meant } => format!("never {character} {}", meant.as_deref().unwrap_or("-")),
            OddityKind::NoContainer { container } => format!("no {container}"),
            OddityKind::TagBehindFilter { meant, applies } => format!("{meant} {applies}"),
            OddityKind::UnknownWord { near } => format!("unknown {}", near.as_deref().unwrap_or("-")),
            OddityKind::Beaten { by } => format!("beaten by {by}"),
            OddityKind::NotAutomated => "not automated".to_owned(),
            OddityKind::Ignored => "ignored".to_owned(),
        };
        format!("{} {kind}", oddity.at)
    };
    oddities(&annotations(rows), containers, view, Presets::shipped()).iter().map(word).collect()
}

#[test]
fn what_cannot_be_meant_is_told() {
    for (word, rows, expected) in [
        ("nothing", &[][..], &[][..]),
        ("all is well", &[AUTOMATED, ("fluxcd.io/tag.app", "semver:~1"), ("tagalong.dev/min-age", "48h")], &[]),
        ("unquoted", &[("fluxcd.io/automated", "_true")], &["0 unquoted"]),
        ("unquoted no", &[("fluxcd.io/automated", "_False")], &["0 unquoted"]),
        ("unquoted own", &[AUTOMATED, ("tagalong.dev/digest", "_true")], &["1 unquoted"]),
        ("unquoted number", &[AUTOMATED, ("fluxcd.io/tag.app", "_1.10")], &["1 unquoted"]),
        ("upper case", &[("fluxcd.io/automated", "True")], &["0 not true"]),
        ("upper case and unquoted", &[("flux.weave.works/locked", "_YES")], &["0 not true"]),
        ("one", &[("fluxcd.io/ignore", "1")], &["0 not true"]),
        ("space", &[("fluxcd.io/automated", " true")], &["0 not true"]),
        ("no", &[("fluxcd.io/automated", "No"), ("fluxcd.io/locked", "off"), ("fluxcd.io/ignore", "")], &[]),
        ("sync only", &[("fluxcd.io/ignore", "sync_only")], &[]),
        ("own yes", &[("tagalong.dev/automated", "yes")], &["0 malformed"]),
        ("malformed", &[AUTOMATED, ("fluxcd.io/tag.app", "semver:")], &["1 malformed"]),
        ("malformed and not automated", &[("filter.fluxcd.io/app", "SemVer:~1")], &["0 malformed", "0 not automated"]),
        ("own key", &[AUTOMATED, ("tagalong.dev/min-age.app", "soon")], &["1 malformed"]),
        ("unknown own key", &[AUTOMATED, ("tagalong.dev/minage", "48h")], &["1 malformed"]),
        ("which container", &[AUTOMATED, ("tagalong.dev/tag", "1.*")], &["1 malformed"]),
        ("dropped flavour", &[AUTOMATED, ("fluxcd.io/tag.app", "semver:>=1.2.0-alpine")], &["1 dropped"]),
        ("range without its prefix", &[AUTOMATED, ("fluxcd.io/tag.app", ">=1.2")], &["1 never > semver:>=1.2"]),
        ("prefix without its colon", &[AUTOMATED, ("fluxcd.io/tag.app", "SemVer ~1")], &["1 never   semver:~1"]),
        ("a repository in place of a tag", &[AUTOMATED, ("fluxcd.io/tag.app", "acme/app-*")], &["1 never / -"]),
        ("class", &[AUTOMATED, ("fluxcd.io/tag.app", "glob:[!a-c]-{x,y}?*")], &[]),
        ("no such container", &[AUTOMATED, ("fluxcd.io/tag.ap", "1.*")], &["1 no ap"]),
        ("no such container, legacy", &[AUTOMATED, ("flux.weave.works/tag.zz", "1.*")], &["1 no zz"]),
        ("own key of no container", &[AUTOMATED, ("tagalong.dev/automated.sid", "false")], &["1 no sid"]),
        ("alias of an image", &[AUTOMATED, ("tagalong.dev/image.chart", "quay.io/a/b")], &[]),
        ("tag behind filter", &[AUTOMATED, ("filter.fluxcd.io/tag.app", "1.*")], &["1 filter.fluxcd.io/app true"]),
        ("of no container", &[AUTOMATED, ("filter.fluxcd.io/tag.zz", "1.*")], &["1 filter.fluxcd.io/zz false"]),
        ("beside the right key", &[AUTOMATED, ("filter.fluxcd.io/tag.app", "1.*"), ("fluxcd.io/tag.app", "2.*")], &["1 filter.fluxcd.io/app false"]),
        ("unknown word", &[("fluxcd.io/automatd", "true")], &["0 unknown fluxcd.io/automated"]),
        ("unknown word like a tag", &[AUTOMATED, ("flux.weave.works/tag-app", "1.*")], &["1 unknown flux.weave.works/tag.app"]),
        ("nothing like it", &[("fluxcd.io/zzz", "x")], &["0 unknown -"]),
        ("a prefix that is not read", &[("filter.flux.weave.works/app", "1.*")], &["0 unknown filter.fluxcd.io/app"]),
        ("map of a release", &[AUTOMATED, ("repository.fluxcd.io/app", "image")], &[]),
        ("words of the daemon", &[("fluxcd.io/sync-checksum", "x"), ("fluxcd.io/sync-gc-mark", "y"), ("fluxcd.io/locked_msg", "z")], &[]),
        ("stronger prefix", &[("flux.weave.works/automated", "true"), AUTOMATED], &["0 beaten by 1"]),
        ("own prefix", &[AUTOMATED, ("tagalong.dev/automated", "false")], &["0 beaten by 1"]),
        ("own word for one container", &[AUTOMATED, ("tagalong.dev/automated.side", "false")], &[]),
        (
            "three patterns",
            &[AUTOMATED, ("flux.weave.works/tag.app", "c"), ("filter.fluxcd.io/app", "b"), ("fluxcd.io/tag.app", "a")],
            &["1 beaten by 3", "2 beaten by 3"],
        ),
        ("locks", &[("fluxcd.io/locked", "true"), ("flux.weave.works/locked", "true")], &["1 beaten by 0"]),
        ("pattern alone", &[("fluxcd.io/tag.app", "1.*"), ("fluxcd.io/tag.side", "1.*")], &["0 not automated"]),
        ("pattern and no", &[("fluxcd.io/automated", "false"), ("fluxcd.io/tag.app", "1.*")], &[]),
        ("own key alone", &[("tagalong.dev/min-age", "1h")], &["0 not automated"]),
        ("lock alone", &[("fluxcd.io/locked", "true"), ("fluxcd.io/locked_msg", "x")], &[]),
        ("ignored", &[AUTOMATED, ("fluxcd.io/ignore", "true")], &["1 ignored"]),
        ("ignored alone", &[("fluxcd.io/ignore", "true")], &[]),
    ] {
        assert_eq!(shown(rows, &["app", "side"], View::Whole), expected, "{word}");
    }
}

#[test]
fn of_a_part_nothing_is_missing() {
    for (word, rows, containers) in
        [("container", &[AUTOMATED, ("fluxcd.io/tag.app", "1.*")][..], &["side"][..]), ("automation", &[("fluxcd.io/tag.app", "1.*")], &["app"])]
    {
        assert!(!shown(rows, containers, View::Whole).is_empty(), "{word}");
        assert_eq!(shown(rows, containers, View::Part), [""; 0], "{word}");
    }
    assert_eq!(shown(&[AUTOMATED, ("fluxcd.io/tag.chart-image", "1.*")], &[], View::Whole), [""; 0], "an object without containers");
}

#[test]
fn a_comment_is_looked_at_like_a_pattern() {
    for (word, text, odd) in [
        ("fine", "semver:~1.2 min-age=48h", None),
        ("malformed", "SemVer:~1.2", Some("malformed")),
        ("malformed key", "semver:~1.2 min-age=soon", Some("malformed")),
        ("dropped", "semver:>=1.2.0-alpine", Some("dropped")),
        ("never", "~1.2", Some("never")),
    ] {
        let comment = CommentPolicy { text: text.to_owned(), line: 3, again: None };
        let kind = about_comment(&comment, Presets::shipped()).map(|kind| match kind {
            OddityKind::Malformed(_) => "malformed",
            OddityKind::Dropped(_) => "dropped",
            OddityKind::NeverMatches { .. } => "never",
            other => panic!("{other:?}"),
        });
        assert_eq!(kind, odd, "{word}");
    }
}

#[test]
fn the_nearest_name_is_near() {
    for (text, near) in [("frontent", Some("frontend")), ("FRONTEND", Some("frontend")), ("zzz", None), ("", None)] {
        assert_eq!(nearest(text, ["backend", "frontend", "front"]), near, "{text}");
    }
}
