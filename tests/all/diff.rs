//! `git apply` takes our diffs and makes the same bytes of them.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use proptest::prelude::*;
use tagalong::plan::diff::unified;
use tempfile::TempDir;

/// Applies a diff to files in a fresh folder, the check first.
fn apply(folder: &Path, diff: &[u8]) {
    for arguments in [&["apply", "--check", "-"][..], &["apply", "--whitespace=nowarn", "-"]] {
        let output = git(folder, arguments, diff);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {told}\n{}", String::from_utf8_lossy(diff));
    }
}

fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new("git");
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", folder);
    // No repository above the folder may change what the paths mean.
    command.env("GIT_CEILING_DIRECTORIES", folder).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("git is installed");
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn round_trip(files: &[(&str, &[u8], &[u8])]) {
    let folder = TempDir::new().unwrap();
    for (path, before, _) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, before).unwrap();
    }
    let diff: Vec<u8> = files.iter().flat_map(|(path, before, after)| unified(path, before, after)).collect();
    apply(folder.path(), &diff);
    for (path, _, after) in files {
        assert_eq!(fs::read(folder.path().join(path)).unwrap().escape_ascii().to_string(), after.escape_ascii().to_string(), "{path}");
    }
}

#[test]
fn git_makes_the_same_bytes_of_every_kind_of_file() {
    for (word, before, after) in [
        ("one line", &b"a\n"[..], &b"b\n"[..]),
        ("no newline at the end", b"a\nb", b"a\nc"),
        ("a newline added at the end", b"a\nb", b"a\nb\n"),
        ("a newline lost at the end", b"a\nb\n", b"a\nb"),
        ("last line without newline is context", b"a\nb", b"c\nb"),
        ("windows line ends", b"a: 1\r\nb: 2\r\n", b"a: 1\r\nb: 3\r\n"),
        ("mixed line ends", b"a\r\nb\nc\r\n", b"a\r\nB\nc\r\n"),
        ("a lone carriage return", b"a\rb\nc\n", b"a\rb\nd\n"),
        ("trailing blanks", b"a  \nb\t\n", b"a  \nc\t \n"),
        ("not utf-8", b"a\xff\nb\n", b"a\xff\nc\xfe\n"),
        ("byte order mark", b"\xef\xbb\xbfa\nb\n", b"\xef\xbb\xbfa\nc\n"),
        ("lines that look like a diff", b"--- a/x\n+++ b/x\n@@ -1 +1 @@\nx\n", b"--- a/x\n+++ b/x\n@@ -1 +1 @@\ny\n"),
        ("filled", b"", b"a\nb\n"),
        ("emptied", b"a\nb\n", b""),
        ("far apart", &b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n"[..], &b"x\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\ny\n"[..]),
    ] {
        println!("{word}");
        round_trip(&[("apps/file.yaml", before, after)]);
    }
}

#[test]
fn git_finds_files_with_odd_names() {
    let names = [
        "a b.yaml",
        " a.yaml",
        "a ",
        "a\tb.yaml",
        "a\nb.yaml",
        "a\"b.yaml",
        "a\\b.yaml",
        "\u{e9}/\u{6771}.yaml",
        "a\u{1b}b.yaml",
        "b/x b/y",
        "a b/é.yaml",
        "-x",
    ];
    for name in names {
        println!("{name:?}");
        round_trip(&[(name, b"a\nb\n", b"a\nc\n")]);
    }
    let all: Vec<(&str, &[u8], &[u8])> = names.iter().map(|name| (*name, &b"a\n"[..], &b"b"[..])).collect();
    round_trip(&all);
}

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![Just("a\n"), Just("b\n"), Just("\n"), Just("c\r\n"), Just("image: x:1\n"), Just("\r"), Just("-"), Just("\\ no\n")];
    proptest::collection::vec(line, 0..30).prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn git_makes_after_of_before(before in lines(), after in lines()) {
        prop_assume!(before != after);
        round_trip(&[("x.yaml", &before, &after)]);
    }

    #[test]
    fn git_takes_an_edit_in_any_line(before in lines(), at in any::<prop::sample::Index>()) {
        let mut after = before.clone();
        after.insert(at.index(before.len() + 1), b'x');
        round_trip(&[("x.yaml", &before, &after)]);
    }
}
