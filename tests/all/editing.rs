//! The editing law over every file of `testdata`, and over what may break a reader.

use std::fs;

use crate::{
    editing_law::holds,
    repository::{files, root},
};

#[test]
fn every_file_of_the_test_data_keeps_the_law() {
    let paths: Vec<String> = files("testdata/").into_iter().filter(|path| path.starts_with("testdata/")).collect();
    for path in &paths {
        let name = path.rsplit('/').next().unwrap();
        holds(name, &fs::read(root().join(path)).unwrap());
    }
    assert!(paths.len() > 500, "{}", paths.len());
}

#[test]
fn damaged_files_end_in_a_reason_or_keep_the_law() {
    let whole = "apiVersion: v1\nkind: Pod\nmetadata: {name: \"a\"}\nspec:\n  containers:\n  - name: c\n    image: &i 'x:1' # ü\n  - {name: d, image: *i}\n  - name: e\n    image: >-\n      y:2\n";
    for at in 0..=whole.len() {
        let (start, end) = whole.as_bytes().split_at(at);
        holds("a.yaml", start);
        holds("a.yaml", end);
        for noise in [&b"\xff"[..], b"\t", b"\0", b"- ", b"'", b"{", b"\r", b"\xe2\x80\xa8", b"\n---\n", b"%", b": ", b"\\"] {
            holds("a.yaml", &[start, noise, end].concat());
        }
    }
}

#[test]
fn hostile_files_end_in_a_reason() {
    let bomb = (1..64).map(|level| format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}]\n", level - 1)).collect::<Vec<_>>().concat();
    for (word, text) in [
        ("alias bomb", format!("image: x\na0: &a0 [x]\n{bomb}").into_bytes()),
        ("brackets", "[".repeat(100_000).into_bytes()),
        ("closed brackets", format!("image: {}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes()),
        ("dashes", "- ".repeat(100_000).into_bytes()),
        ("keys", (0..3_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect::<Vec<_>>().concat().into_bytes()),
        ("question marks", "? ".repeat(100_000).into_bytes()),
        ("no UTF-8", b"image: \xc3\x28\n".repeat(1_000)),
        ("more than 8 MiB", vec![b'a'; (8 << 20) + 1]),
    ] {
        let found = tagalong::manifest::read("a.yaml", &text, &[]);
        assert!(found.is_err_and(|fault| !fault.reason.is_empty()), "{word}");
    }
    for (word, text) in [
        ("one line of 8 MiB", format!("image: {}", "a".repeat((8 << 20) - 100))),
        ("one comment of 8 MiB", format!("image: a:1 # {}", "x".repeat((8 << 20) - 100))),
        ("one text of 8 MiB", format!("image: a:1\nb: |\n  {}\n", "x y ".repeat((2 << 20) - 100))),
        ("a list on one line of 8 MiB", format!("image: a:1\nb: [{}]\n", format!("{},", "x".repeat(80)).repeat(100_000))),
    ] {
        holds("values.yaml", text.as_bytes());
        assert!(text.len() <= 8 << 20, "{word}");
    }
}
