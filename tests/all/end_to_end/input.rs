//! What people type and write into the configuration.

use std::process::Stdio;

use super::{automated, fleet};
use crate::kit::{
    binary::{Machine, Ran},
    registry::{Mode, Registry},
};

#[test]
fn a_wrong_command_line_is_told_in_few_words() {
    let machine = Machine::new();
    let mut all = Vec::new();
    for line in [
        "plan --dry-run",
        "plann",
        "plan . ../other extra",
        "apply --output yaml",
        "explain",
        "plan --timeout soon",
        "plan . --git-url https://git.example/fleet.git",
        "policy",
        "policy test",
        "deploy",
    ] {
        let ran = machine.run(line).ended(2);
        assert_eq!(ran.out, "", "{line}");
        all.push(format!("$ tagalong {line}\n{}\n", ran.err.trim()));
    }
    insta::assert_snapshot!(all.concat(), @r"
    $ tagalong plan --dry-run
    error: unexpected argument '--dry-run' found

      tip: to pass '--dry-run' as a value, use '-- --dry-run'

    Usage: tagalong plan [OPTIONS] [REPO]

    For more information, try '--help'.
    $ tagalong plann
    error: unrecognized subcommand 'plann'

      tip: some similar subcommands exist: 'explain', 'plan'

    Usage: tagalong [OPTIONS] <COMMAND>

    For more information, try '--help'.
    $ tagalong plan . ../other extra
    error: unexpected argument '../other' found

    Usage: tagalong plan [OPTIONS] [REPO]

    For more information, try '--help'.
    $ tagalong apply --output yaml
    error: invalid value 'yaml' for '--output <FORMAT>'
      [possible values: text, json, diff]

    For more information, try '--help'.
    $ tagalong explain
    error: the following required arguments were not provided:
      <WORKLOAD>

    Usage: tagalong explain <WORKLOAD> [REPO]

    For more information, try '--help'.
    $ tagalong plan --timeout soon
    error: invalid value 'soon' for '--timeout <DURATION>': cannot read `soon` as a span of time: a number stands before each unit

    For more information, try '--help'.
    $ tagalong plan . --git-url https://git.example/fleet.git
    error: REPO and --git-url name the repository twice: leave one of them out

    Usage: tagalong plan [OPTIONS] [REPO]

    For more information, try '--help'.
    $ tagalong policy
    Work with policies

    Usage: tagalong policy [OPTIONS] <COMMAND>

    Commands:
      test  Show which of some tags a pattern chooses, and why the others lose
      set   Write the patterns of a workload's containers, and own keys, into Git
      list  List the presets, which patterns name as `preset:NAME`
      show  Show a preset: its pattern, its keys, and what it chooses

    Options:
          --config <FILE>    Configuration file [default: ./tagalong.yaml where present] [env:
                             TAGALONG_CONFIG]
          --state <DIR>      Folder of caches [default: tagalong below $XDG_STATE_HOME] [env:
                             TAGALONG_STATE]
          --policies <DIRS>  Folders with own presets, beside those of the configuration; repeat it, or
                             put commas between [env: TAGALONG_POLICIES]
      -h, --help             Print help

    Example:
      tagalong policy test 'semver:~1' 1.0.0 1.5.0 2.0.0
    $ tagalong policy test
    error: the following required arguments were not provided:
      <PATTERN>

    Usage: tagalong policy test <PATTERN> [TAG]...

    For more information, try '--help'.
    $ tagalong deploy
    error: unrecognized subcommand 'deploy'

      tip: some similar subcommands exist: 'apply', 'demo'

    Usage: tagalong [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    for line in ["--help", "plan --help", "apply --help", "explain --help", "policy --help", "policy test --help", "demo --help", "--version"] {
        let ran = machine.run(line).ended(0);
        assert!(ran.err.is_empty() && (line == "--version" || ran.out.contains("\nExample:\n  tagalong ")), "{line}: {}", ran.out);
    }
}

#[test]
fn a_workload_is_named_by_a_tail_that_only_it_has() {
    let registry = Registry::start(Mode::Open);
    super::push(&registry, "web", &["1.0.0", "1.1.0"]);
    let (machine, image) = (Machine::new(), format!("{}/web:1.0.0", registry.host()));
    let web = automated("web", &image, "semver:~1");
    machine.file("work/base.yaml", &web);
    machine.file("work/eu/web.yaml", web.replace("name: web", "name: web\n  namespace: eu"));
    machine.file("work/us/web.yaml", web.replace("name: web", "name: web\n  namespace: us"));
    machine.file("work/again/web.yaml", &web);
    machine.file("work/frontend.yaml", automated("frontend", &image, "semver:~1"));
    let mut all = Vec::new();
    for (line, code) in [
        ("explain web", 2),
        ("explain default:deployment/web", 2),
        ("explain default:deployment/web --root nowhere", 1),
        ("explain fronted", 1),
        ("explain nothing-like-it", 1),
        ("explain deployment/frontend", 0),
        ("explain us:deployment/web", 0),
        ("explain default:deployment/web --root base.yaml", 0),
    ] {
        let ran = machine.run(line).ended(code);
        all.push(format!("$ tagalong {line}\n{}\n", ran.told(&[(registry.host(), "HOST")]).trim_end()));
    }
    insta::assert_snapshot!(all.concat(), @r"
    $ tagalong explain web
    error: cannot tell `web`: several workloads are called so: default:deployment/web, eu:deployment/web, us:deployment/web
      hint: write more of the id
    $ tagalong explain default:deployment/web
    error: cannot tell `default:deployment/web`: several workloads are called so: default:deployment/web in again/web.yaml, default:deployment/web in base.yaml
      hint: choose one with --root PATH, or all with --all-roots
    $ tagalong explain default:deployment/web --root nowhere
    error: cannot find `default:deployment/web`: the root `nowhere` has no such workload
      hint: it is in `again/web.yaml`, `base.yaml`
    $ tagalong explain fronted
    error: cannot find `fronted`: the repository has no such workload
      hint: did you mean `default:deployment/frontend`?
    $ tagalong explain nothing-like-it
    error: cannot find `nothing-like-it`: the repository has no such workload
      hint: name it as namespace:kind/name, or by a unique tail of that
    $ tagalong explain deployment/frontend
    default:deployment/frontend, container app
      image     HOST/web:1.0.0   frontend.yaml:13
      policy    semver:~1                   frontend.yaml:7 (fluxcd.io/tag.app)
      listed    2 tags, just now
      decided   1.1.0 is the highest version in ~1 (updated)

      → 1.1.0   2024-01-01T00:00:00Z   chosen: the highest version in ~1
        1.0.0   -                      current; below 1.1.0
    $ tagalong explain us:deployment/web
    us:deployment/web, container app
      image     HOST/web:1.0.0   us/web.yaml:14
      policy    semver:~1                   us/web.yaml:8 (fluxcd.io/tag.app)
      listed    2 tags, just now
      decided   1.1.0 is the highest version in ~1 (updated)

      → 1.1.0   2024-01-01T00:00:00Z   chosen: the highest version in ~1
        1.0.0   -                      current; below 1.1.0
    $ tagalong explain default:deployment/web --root base.yaml
    default:deployment/web, container app
      image     HOST/web:1.0.0   base.yaml:13
      policy    semver:~1                   base.yaml:7 (fluxcd.io/tag.app)
      listed    2 tags, just now
      decided   1.1.0 is the highest version in ~1 (updated)

      → 1.1.0   2024-01-01T00:00:00Z   chosen: the highest version in ~1
        1.0.0   -                      current; below 1.1.0
    ");
    let both = machine.run("explain default:deployment/web --all-roots --output json").ended(0).json();
    let roots: Vec<&str> = both["workloads"].as_array().unwrap().iter().map(|one| one["root"].as_str().unwrap()).collect();
    assert_eq!(roots, ["again/web.yaml", "base.yaml"]);
}

/// What a command says that cannot use its configuration.
fn unusable(machine: &Machine, word: &str, line: &str) -> String {
    let ran = machine.run(line).ended(1);
    assert_eq!(ran.out, "", "{word}");
    format!("{word}\n{}", ran.err.replace(&machine.work().display().to_string(), "WORK"))
}

#[test]
fn a_configuration_that_cannot_be_used_is_told_with_its_line() {
    let machine = Machine::new().keeping("hunter2");
    let mut all = Vec::new();
    for (word, bytes) in [
        ("an unknown key", b"registries:\n- prefix: ghcr.io\n  usrname: x\n".as_slice()),
        ("a secret", b"registries:\n- prefix: ghcr.io\n  password: hunter2\n"),
        ("a secret in an address", b"repositories:\n- url: https://bot:hunter2@git.example/fleet.git\n"),
        ("a list in place of a text", b"state: [a]\n"),
        ("a text in place of a list", b"registries: ghcr.io\n"),
        ("a key twice", b"state: a\nstate: b\n"),
        ("no YAML", b"state: [a\n"),
        ("a tab", b"registries:\n\t- prefix: x\n"),
        ("no UTF-8", b"state: \xff\xfe\n"),
        ("a NUL", b"state: a\0b\n"),
        ("no span", b"timeout: 60\n"),
        ("a bad template", b"repositories:\n- url: .\n  commit: { subject: '{{ x' }\n"),
    ] {
        machine.file("work/tagalong.yaml", bytes);
        all.push(unusable(&machine, word, "plan"));
    }
    for (word, text) in [("deep", "[".repeat(100_000)), ("large", " ".repeat(2 << 20))] {
        machine.file("work/tagalong.yaml", text);
        all.push(unusable(&machine, word, "plan"));
    }
    insta::assert_snapshot!(all.concat(), @r"
    an unknown key
    error: cannot read `tagalong.yaml` line 3: there is no key `usrname` here
      hint: did you mean `username`? The others are prefix, for, insecure, caFile, listFrom, tokenFile, tokenEnv, interval, endpoint, passwordFile, passwordEnv, concurrency, clientKeyFile, clientCertFile, requestsPerSecond
    a secret
    error: cannot read `tagalong.yaml` line 3: a secret does not belong into this file, and `password` holds one
      hint: write it into a file and name that with `passwordFile`, or a variable with `passwordEnv`
    a secret in an address
    error: cannot read `tagalong.yaml` line 2: a secret does not belong into this file, and `url` holds one
      hint: take user and password out of the address; write `username` with `passwordFile` or `passwordEnv`, or `tokenFile` or `tokenEnv`
    a list in place of a text
    error: cannot read `tagalong.yaml` line 1: one value is wanted here, not a list and not keys
      hint: docs/configuration.md shows every key with the value that it wants
    a text in place of a list
    error: cannot read `tagalong.yaml` line 1: a list is wanted here (`[a, b]`, or lines that start with `- `)
      hint: docs/configuration.md shows every key with the value that it wants
    a key twice
    error: cannot read `tagalong.yaml` line 2: a key stands twice: `state`
      hint: docs/configuration.md shows every key with the value that it wants
    no YAML
    error: cannot read `tagalong.yaml` line 1: one value is wanted here, not a list and not keys
      hint: docs/configuration.md shows every key with the value that it wants
    a tab
    error: cannot read `tagalong.yaml` line 2: tabs disallowed within this context (block indentation)
      hint: docs/configuration.md shows every key with the value that it wants
    no UTF-8
    error: cannot read `tagalong.yaml`: it is not UTF-8
      hint: the configuration is one YAML file of UTF-8 text
    a NUL
    error: cannot read `tagalong.yaml` line 1: unexpected character: `\u{0}'
      hint: docs/configuration.md shows every key with the value that it wants
    no span
    error: cannot read `tagalong.yaml` line 1: `timeout` is no span of time: a number lacks its unit (`ms`, `s`, `m`, `h` or `d`)
      hint: write `timeout: 60s`
    a bad template
    error: cannot read `tagalong.yaml` line 3: `subject` is no template of a message in its line 1: syntax error: unexpected end of input, expected end of variable block
      hint: docs/review-commits.md tells what a template is given
    deep
    error: cannot read `tagalong.yaml` line 1: recursion limit exceeded
      hint: docs/configuration.md shows every key with the value that it wants
    large
    error: cannot read `tagalong.yaml`: it has more than 1 MiB
      hint: the configuration is one YAML file of UTF-8 text
    ");
    machine.file("work/tagalong.yaml", "");
    machine.run("plan").ended(0);
}

#[test]
fn a_file_that_the_configuration_wants_and_lacks_is_told() {
    let machine = Machine::new().keeping("hunter2");
    machine.file("work/tagalong.yaml", "repositories:\n- { url: https://git.invalid/fleet.git, username: bot, passwordFile: nowhere }\n");
    let secret = unusable(&machine, "a secret that is not there", "plan https://git.invalid/fleet.git");
    std::fs::remove_file(machine.work().join("tagalong.yaml")).unwrap();
    std::fs::create_dir(machine.work().join("folder")).unwrap();
    machine.file("work/docker.json", "{\"auths\": {\"ghcr.io\": {\"auth\": \"hunter2\"");
    let others = [
        ("a folder", "plan --config folder"),
        ("no such file", "plan --config nowhere.yaml"),
        ("a Docker configuration", "plan --docker-config docker.json"),
        ("no Docker configuration", "plan --docker-config nowhere.json"),
    ];
    let others = others.map(|(word, line)| unusable(&machine, word, line)).concat();
    insta::assert_snapshot!(secret + &others, @r"
    a secret that is not there
    error: cannot read the secret in `nowhere`: there is no such file
      hint: write the secret, and nothing else, into `nowhere` and let this user read it
    a folder
    error: cannot read `folder`
      because: Is a directory (os error 21)
      hint: the configuration is one YAML file of UTF-8 text
    no such file
    error: cannot read `nowhere.yaml`: there is no such file
      hint: name an existing file with --config, or leave it out to use ./tagalong.yaml where present
    a Docker configuration
    error: cannot read the Docker configuration `docker.json`: line 1, column 40 is not as Docker writes it
      hint: name a file that `docker login` wrote, or give the registry a credential under `registries:`
    no Docker configuration
    error: cannot read the Docker configuration `nowhere.json`: there is no such file
      hint: name a file that `docker login` wrote, or give the registry a credential under `registries:`
    ");
}

#[test]
fn a_pattern_is_tried_on_arguments_and_on_standard_input() {
    let machine = Machine::new();
    let mut all = Vec::new();
    let mut told = |line: &str, code: i32, ran: Ran| all.push(format!("$ tagalong {line}\n{}\n", ran.ended(code).told(&[]).trim_end()));
    for (line, code, input) in [
        ("policy test semver:~1 1.0.0 1.5.0 1.5.1-rc.1 2.0.0 x", 0, ""),
        ("policy test semver:~1 --current 1.4-alpine 1.5-alpine 1.6", 0, ""),
        (
            "policy test glob:main-* --now 2026-01-03T00:00:00Z --key min-age=36h",
            0,
            "main-88 2026-01-01T10:00:00Z\nmain-91 2026-01-02T10:00:00Z\n\nmain-7\ndev-1 2026-01-02T10:00:00Z\n",
        ),
        ("policy test glob:*", 1, "main-1 2026-01-01T10:00:00Z\nmain-2 yesterday\n"),
        ("policy test glob:*", 0, ""),
        ("policy test semver:~1.x. 1.0.0", 2, ""),
        ("policy test regexp:( 1.0.0", 2, ""),
        ("policy test semvr:~1 1.0.0", 2, ""),
        ("policy test semver:~1 --key min-ge=3h 1.0.0", 2, ""),
        ("policy test semver:~1 --current a/b 1.0.0", 2, ""),
        ("policy test semver:~1 a/b 1.0.0", 0, ""),
    ] {
        told(line, code, machine.call(line.split(' ')).input(input).run());
    }
    told("policy test glob:*", 1, machine.call(["policy", "test", "glob:*"]).input(b"\xff\n".as_slice()).run());
    insta::assert_snapshot!(all.concat(), @r"
    $ tagalong policy test semver:~1 1.0.0 1.5.0 1.5.1-rc.1 2.0.0 x
    semver:~1

      → 1.5.0        chosen: the highest version in ~1
        1.0.0        below 1.5.0
        x            no version
        2.0.0        outside ~1
        1.5.1-rc.1   pre-release; the range names none

    1.5.0 is chosen; 2 of 5 tags can win
    $ tagalong policy test semver:~1 --current 1.4-alpine 1.5-alpine 1.6
    semver:~1   current 1.4-alpine

      → 1.5-alpine   chosen: the highest version in ~1
        1.6          other series: without suffix

    1.5-alpine is chosen; 1 of 2 tags can win
    $ tagalong policy test glob:main-* --now 2026-01-03T00:00:00Z --key min-age=36h
    glob:main-*

      → main-88   2026-01-01T10:00:00Z   chosen: the newest build that glob:main-* matches
        main-91   2026-01-02T10:00:00Z   younger than 36h, eligible at 2026-01-03T22:00:00Z
        main-7    -                      its age is unknown, and `min-age` wants 36h
        dev-1     2026-01-02T10:00:00Z   does not match

    main-88 is chosen; 1 of 4 tags can win
    $ tagalong policy test glob:*
    error: cannot read line 2 of standard input: `main-2 yesterday` is neither `TAG` nor `TAG TIME`
      hint: write the build time in RFC 3339, as 2026-01-31T12:00:00Z
    $ tagalong policy test glob:*
    glob:*

    no tag was given
    $ tagalong policy test semver:~1.x. 1.0.0
    error: cannot read the pattern `semver:~1.x.`: `semver:~1.x.` ends in a dot
      hint: a range is written like `semver:~1.4`, `semver:>=1.2 <2` or `semver:*`; try it with `tagalong policy test`
    $ tagalong policy test regexp:( 1.0.0
    error: cannot read the pattern `regexp:(`: the expression `(` does not parse: unclosed group
      hint: expressions run in linear time: no look-around, no back-references, one order at most
    $ tagalong policy test semvr:~1 1.0.0
    error: cannot read the pattern `semvr:~1`: `semvr:` is no known prefix
      hint: the prefixes are `semver:`, `glob:`, `regexp:`, `regex:`, `digest:` and `preset:`, in lower case and without a space
    $ tagalong policy test semver:~1 --key min-ge=3h 1.0.0
    error: cannot read the key `min-ge`: there is no key `min-ge`
      hint: the own keys are match, exclude, min-age, within, digest, platform, downgrade, image
    $ tagalong policy test semver:~1 --current a/b 1.0.0
    error: invalid value 'a/b' for '--current <TAG>': cannot read `a/b` as an image reference: a tag cannot hold `/` here, at character 2

    For more information, try '--help'.
    $ tagalong policy test semver:~1 a/b 1.0.0
    semver:~1

      → 1.0.0   chosen: the highest version in ~1

    1.0.0 is chosen; 1 of 1 tag can win
    note: 1 text is no legal tag, and is ignored
    $ tagalong policy test glob:*
    error: cannot read standard input: it is no text
      because: stream did not contain valid UTF-8
    ");
    let json = machine.run("policy test semver:~1 1.0.0 1.5.0 2.0.0 --current 1.0.0 --output json").ended(0).out;
    insta::assert_snapshot!(json, @r#"
    {
      "pattern": "semver:~1",
      "current": "1.0.0",
      "chosen": "1.5.0",
      "matching": [
        "1.5.0",
        "1.0.0"
      ],
      "rejected": [
        {
          "tag": "2.0.0",
          "code": "outsideRange",
          "reason": "outside ~1"
        }
      ]
    }
    "#);
}

#[test]
fn nobody_who_listens_is_no_fault() {
    let registry = Registry::start(Mode::Open);
    super::push(&registry, "web", &["1.0.0", "1.1.0"]);
    let fleet = fleet(&format!("{}/web:1.0.0", registry.host()), "semver:~1");
    let machine = Machine::new();
    for arguments in [vec!["plan".to_owned(), fleet.file_url()], vec!["apply".into(), fleet.file_url()], vec!["--help".into()]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = machine.call(&arguments).command().stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
    assert_eq!(fleet.git(&["rev-list", "--count", "main"]), "2\n", "what is pushed does not depend on who reads the screen");
}
