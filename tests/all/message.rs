//! `git interpret-trailers` reads our trailers.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use tagalong::plan::{
    message::{Ci, Person, Style, Templates, Update, message},
    report::Version,
};

fn trailers(message: &str) -> String {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("GIT_CONFIG_NOSYSTEM", "1").current_dir("/");
    let mut child = command.args(["interpret-trailers", "--parse"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git is installed");
    child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

fn update(workload: &str, name: &str, from: Option<&str>, to: &str) -> Update {
    let version = |tag: Option<&str>| Version { tag: tag.map(str::to_owned), digest: None };
    Update {
        workload: workload.to_owned(),
        container: "app".to_owned(),
        name: name.to_owned(),
        from: version(from),
        to: version(Some(to)),
        policy: "semver:~1".to_owned(),
        link: None,
        root: ".".to_owned(),
        file: "web.yaml".to_owned(),
        reason: String::new(),
    }
}

#[test]
fn git_reads_one_trailer_for_each_distinct_change() {
    let updates = [
        update("shop:deployment/frontend", "ghcr.io/acme/frontend", Some("1.4.2"), "1.5.0"),
        update("shop:deployment/cart", "ghcr.io/acme/frontend", Some("1.4.2"), "1.5.0"),
        update("shop:deployment/search", "ghcr.io/acme/frontend", Some("1.4.1"), "1.5.0"),
        update("shop:deployment/cache", "redis", None, "7.4"),
    ];
    let read = "Image-Update: ghcr.io/acme/frontend 1.4.1 -> 1.5.0\n\
                Image-Update: ghcr.io/acme/frontend 1.4.2 -> 1.5.0\n\
                Image-Update: redis - -> 7.4\n";
    for (word, ci) in [("plain", Ci::Run), ("with the mark for ci", Ci::Skip)] {
        assert_eq!(trailers(&message(&updates, &Style { ci, ..Style::default() })), read, "{word}");
    }
}

#[test]
fn git_reads_no_forged_trailer() {
    let read = "Image-Update: app 1 -> 2\n";
    for (word, workload) in [
        ("a paragraph of its own", "x\n\nImage-Update: evil 1 -> 2\n\n"),
        ("git's divider", "---\nImage-Update: evil 1 -> 2"),
        ("the token as a namespace", "Image-Update: evil 1 -> 2"),
        ("a comment", "# x"),
    ] {
        assert_eq!(trailers(&message(&[update(workload, "app", Some("1"), "2")], &Style::default())), read, "{word}");
    }
}

#[test]
fn git_reads_the_trailers_below_a_long_list() {
    let updates: Vec<Update> = (0..300).map(|n| update("a:deployment/b", &format!("app-{n}"), Some("1"), "2")).collect();
    assert_eq!(trailers(&message(&updates, &Style::default())).lines().count(), 300);
}

#[test]
fn git_reads_no_forged_trailer_through_a_template() {
    let ours = "Image-Update: app 1 -> 2\nCo-authored-by: Bo <bo@acme.example>\nSigned-off-by: Tagalong <tagalong@localhost>\n";
    let person = |name: &str, email: &str| Person { name: name.to_owned(), email: Some(email.to_owned()) };
    let body = "{{ updates[0].policy }}\n\n{{ updates[0].reason }}\n{{ updates[0].workload }}";
    for (word, hostile) in [
        ("a trailer", "Signed-off-by: evil <evil@evil.example>"),
        ("a paragraph of its own", "x\n\nImage-Update: evil 1 -> 2\n\n"),
        ("a trailer of ours", "image-update: evil 1 -> 2"),
        ("git's divider", "---\nImage-Update: evil 1 -> 2"),
        ("a divider with more", "--- a/file"),
        ("a comment", "# x"),
        ("a continuation", " evil"),
        ("nothing", ""),
    ] {
        for subject in [None, Some("{{ updates[0].policy }} {{ repository }}".to_owned())] {
            let mut update = update(hostile, "app", Some("1"), "2");
            (update.policy, update.reason) = (hostile.to_owned(), hostile.to_owned());
            let templates = Templates { subject, body: Some(body.to_owned()) };
            let (co_authors, sign_off) = (vec![person("Bo", "bo@acme.example")], Some(person("Tagalong", "tagalong@localhost")));
            let style = Style { repository: "fleet".to_owned(), templates, ci: Ci::Skip, co_authors, sign_off };
            assert_eq!(trailers(&message(&[update], &style)), ours, "{word}");
        }
    }
}
