//! What is in the images decides: times, digests, platforms.

use super::{decisions, deployment};
use crate::kit::{
    binary::Machine,
    git::Bare,
    registry::{Form, ImageSpec, Kind, Mode, Registry},
};

fn on(platforms: &[&str], created: &str) -> ImageSpec {
    ImageSpec { kind: Kind::Index, platforms: platforms.iter().map(|&text| text.to_owned()).collect(), ..ImageSpec::built(created) }
}

#[test]
fn build_times_platforms_and_digests_decide() {
    let registry = Registry::start(Mode::Open);
    let host = registry.host();
    let (old, middle, new) = ("2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z");
    let artifact = |kind| ImageSpec { kind, ..ImageSpec::default() };
    let docker = |created| ImageSpec { form: Form::Docker, ..ImageSpec::built(created) };
    registry.push_all(
        "time",
        &[
            ("main-b", &ImageSpec::built(middle)),
            ("main-a", &ImageSpec::built(new)),
            ("main-c", &docker(old)),
            ("dev-1", &ImageSpec::built("2025-01-01T00:00:00Z")),
        ],
    );
    registry.push_all(
        "zero",
        &[("main-a", &ImageSpec::built(old)), ("main-b", &ImageSpec::default()), ("main-c", &ImageSpec::built("1970-01-01T00:00:00Z"))],
    );
    registry.push_all(
        "artifact",
        &[
            ("1.0.0", &docker(old)),
            ("1.1.0", &on(&["linux/amd64", "linux/arm64/v8"], old)),
            ("1.2.0", &artifact(Kind::Chart)),
            ("1.3.0", &artifact(Kind::Signature)),
        ],
    );
    registry.push_all(
        "windows",
        &[("1.0.0", &on(&["linux/amd64"], old)), ("1.1.0", &on(&["linux/amd64", "windows/amd64"], old)), ("1.2.0", &on(&["windows/amd64"], new))],
    );
    registry.push_all(
        "arm",
        &[("1.0.0", &on(&["linux/amd64", "linux/arm64"], old)), ("1.1.0", &on(&["linux/arm64"], old)), ("1.2.0", &on(&["linux/amd64"], old))],
    );
    let pins = registry.push_all("pinned", &[("1.0.0", &docker(old)), ("1.1.0", &on(&["linux/amd64", "linux/arm64"], new))]);
    let moved = registry.push("moved", "1.0.0", &ImageSpec::built(new));
    let (automated, zeros) = (("fluxcd.io/automated", "true"), "0".repeat(64));
    let rows = [
        ("the newest build", "time:main-c", vec![("fluxcd.io/tag.app", "glob:main-*")], "updated", "time:main-a".to_owned()),
        ("no time", "zero:main-a", vec![("fluxcd.io/tag.app", "glob:main-*")], "current", "zero:main-a".to_owned()),
        ("no image", "artifact:1.0.0", vec![("fluxcd.io/tag.app", "semver:~1")], "updated", "artifact:1.1.0".to_owned()),
        ("not for Windows", "windows:1.0.0", vec![("fluxcd.io/tag.app", "semver:~1")], "updated", "windows:1.1.0".to_owned()),
        (
            "for arm",
            "arm:1.0.0",
            vec![("fluxcd.io/tag.app", "semver:~1"), ("tagalong.dev/platform.app", "linux/arm64")],
            "updated",
            "arm:1.1.0".to_owned(),
        ),
        (
            "for both",
            "arm:1.0.0",
            vec![("fluxcd.io/tag.app", "semver:~1"), ("tagalong.dev/platform.app", "linux/amd64,linux/arm64")],
            "current",
            "arm:1.0.0".to_owned(),
        ),
        (
            "a pin moves along",
            &*format!("pinned:1.0.0@{}", pins[0]),
            vec![("fluxcd.io/tag.app", "semver:~1")],
            "updated",
            format!("pinned:1.1.0@{}", pins[1]),
        ),
        (
            "a pin is written",
            "pinned:1.0.0",
            vec![("fluxcd.io/tag.app", "semver:~1"), ("tagalong.dev/digest.app", "true")],
            "updated",
            format!("pinned:1.1.0@{}", pins[1]),
        ),
        (
            "a pin follows its tag",
            &*format!("moved:1.0.0@sha256:{zeros}"),
            vec![("fluxcd.io/tag.app", "semver:~1")],
            "updated",
            format!("moved:1.0.0@{moved}"),
        ),
        ("a digest alone", &*format!("moved@{moved}"), vec![("fluxcd.io/tag.app", "semver:~1")], "digestOnly", format!("moved@{moved}")),
    ];
    let files: Vec<(String, String)> = rows
        .iter()
        .enumerate()
        .map(|(at, (_, image, annotations, ..))| {
            (format!("a{at}.yaml"), deployment(&format!("a{at}"), &format!("{host}/{image}"), &[&[automated], &annotations[..]].concat()))
        })
        .collect();
    let fleet = Bare::with(&files.iter().map(|(path, text)| (&**path, &**text)).collect::<Vec<_>>());
    let machine = Machine::new();
    let ran = machine.call(["apply", &fleet.file_url(), "--output", "json"]).run().ended(0);
    let found = decisions(&ran);
    for (at, (word, image, _, code, wanted)) in rows.iter().enumerate() {
        assert_eq!((&*found[at].1, &*found[at].0), (*code, &*format!("default:deployment/a{at}")), "{word}: {}", found[at].2);
        let text = String::from_utf8(fleet.file(&files[at].0)).unwrap();
        assert_eq!(text, files[at].1.replace(image, wanted), "{word}");
    }
    let again = machine.call(["apply", &fleet.file_url(), "--output", "json"]).run().ended(0);
    assert!(again.json()["pushed"].is_null(), "{}", again.out);
    let trailers = fleet.git(&["log", "-1", "--format=%(trailers:key=Image-Update,valueonly)", "main"]);
    assert!(trailers.contains(&format!("{host}/moved 1.0.0@sha256:{zeros} -> 1.0.0@{moved}\n")), "{trailers}");
}
