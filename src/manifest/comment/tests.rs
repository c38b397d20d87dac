use crate::manifest::{ImageField, ImagePlace, read};

/// `place alias reference policy` of each place with a comment policy.
fn policies(path: &str, text: &str) -> Vec<String> {
    let file = read(path, text.as_bytes(), &[]).expect(text);
    let shown = |place: ImagePlace<'_>| {
        let policy = place.policy?;
        let image = match place.image {
            ImageField::Absent => "-".to_owned(),
            ImageField::Written(parts) => parts.reference(None).map_or_else(|reason| format!("!{reason}"), |found| found.to_string()),
            ImageField::Unsupported { reason, .. } => format!("!{reason}"),
        };
        let again = policy.again.map(|line| format!(" and {line}")).unwrap_or_default();
        Some(format!("{:?} {} {image} {}:{}{again}", place.place, place.alias, policy.line, policy.text))
    };
    file.images().filter_map(shown).collect()
}

#[test]
fn a_comment_is_about_the_scalar_of_its_line() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    image: a/b:1 # tagalong: semver:~1\n";
    assert_eq!(policies("a.yaml", pod), ["Container c a/b:1 7:semver:~1"]);
    for (word, text, expected) in [
        ("value", "web:\n  image: a/b:1 # tagalong: semver:~1\n", vec!["HelmValue web.image a/b:1 2:semver:~1"]),
        ("tag", "image:\n  repository: a/b\n  tag: '1' # tagalong: semver:~1\n", vec!["HelmValue image a/b:1 3:semver:~1"]),
        ("repository", "image:\n  repository: a/b # tagalong: semver:~1\n  tag: '1'\n", vec!["HelmValue image a/b:1 2:semver:~1"]),
        ("any scalar", "x:\n  y: a/b:1 # tagalong: semver:~1\n", vec!["Comment x.y a/b:1 2:semver:~1"]),
        ("quoted", "x: \"a/b:1\"\t# tagalong: semver:~1\n", vec!["Comment x a/b:1 1:semver:~1"]),
        ("tag alone", "version: 1.10 # tagalong: semver:~1 image=a/b\n", vec!["Comment version a/b:1.10 1:semver:~1 image=a/b"]),
        ("empty tag", "version: '' # tagalong: semver:~1 image=a/b\n", vec!["Comment version a/b 1:semver:~1 image=a/b"]),
        ("argument", "args:\n- --side=a/b:1 # tagalong: semver:~1\n", vec!["Comment args.0 a/b:1 2:semver:~1"]),
        ("URL", "url: oci://x.io/a/b:1 # tagalong: semver:~1\n", vec!["Comment url x.io/a/b:1 1:semver:~1"]),
        ("in the middle", "run: docker pull 'x.io/a:1' && true # tagalong: glob:*\n", vec!["Comment run x.io/a:1 1:glob:*"]),
        ("folded", "x: >- # tagalong: semver:~1\n  a/b:1\n", vec!["Comment x a/b:1 1:semver:~1"]),
        ("list in a flow", "x: [a/b:1] # tagalong: semver:~1\n", vec!["Comment x.0 a/b:1 1:semver:~1"]),
        ("flow of one image", "image: {repository: a/b, tag: v1} # tagalong: semver:~1\n", vec!["HelmValue image a/b:v1 1:semver:~1"]),
        ("alias", "x: &i a/b:1\ny: *i # tagalong: semver:~1\n", vec!["Comment y a/b:1 2:semver:~1"]),
        ("bare list", "- a/b:1 # tagalong: semver:~1\n", vec!["Comment 0 a/b:1 1:semver:~1"]),
        ("CRLF", "image: a/b:1 # tagalong: semver:~1\r\nx: y\r\n", vec!["HelmValue image a/b:1 1:semver:~1"]),
        ("no break at the end", "image: a/b:1 # tagalong: semver:~1", vec!["HelmValue image a/b:1 1:semver:~1"]),
        ("byte order mark", "\u{feff}image: a/b:1 # tagalong: semver:~1\n", vec!["HelmValue image a/b:1 1:semver:~1"]),
        ("not ASCII", "x: größe\nimage: a/b:1 # tagalong: semver:~1\n", vec!["HelmValue image a/b:1 2:semver:~1"]),
    ] {
        assert_eq!(policies("values.yaml", text), expected, "{word}");
    }
}

#[test]
fn a_comment_on_its_own_line_is_about_the_list_element_below() {
    for (word, text, expected) in [
        ("scalar", "args:\n  # tagalong: semver:~1\n  - --side=a/b:1\n  - --other=c/d:1\n", vec!["Comment args.0 a/b:1 2:semver:~1"]),
        ("over other comments", "args:\n# tagalong: semver:~1\n\n# why\n- a/b:1\n", vec!["Comment args.0 a/b:1 2:semver:~1"]),
        ("mapping", "more:\n# tagalong: semver:~1\n- name: x\n  image: a/b:1\n", vec!["HelmValue more.0.image a/b:1 2:semver:~1"]),
        ("no list", "# tagalong: semver:~1\nimage: a/b:1\n", vec![]),
        ("last line", "image: a/b:1\n# tagalong: semver:~1\n", vec![]),
        (
            "two images",
            "more:\n# tagalong: semver:~1\n- {image: 'a:1', side: {image: 'b:1'}}\n",
            vec!["Comment more.0.image !its comment stands beside several values: give each a line of its own 2:semver:~1"],
        ),
    ] {
        assert_eq!(policies("values.yaml", text), expected, "{word}");
    }
    let entries = "images:\n# tagalong: semver:~1\n- name: a\n  newTag: v1\n- name: b\n  newTag: v1 # tagalong: semver:~2\n";
    assert_eq!(policies("kustomization.yaml", entries), ["KustomizeImage a a:v1 2:semver:~1", "KustomizeImage b b:v1 6:semver:~2"]);
}

#[test]
fn a_comment_in_an_entry_of_images_is_about_its_image() {
    let several = "!its comment stands beside several values: give each a line of its own";
    for (word, text, expected) in [
        ("name", "- name: a/b # tagalong: semver:~1\n  newTag: v1\n", vec!["KustomizeImage a/b a/b:v1 2:semver:~1".to_owned()]),
        ("name alone", "- name: a/b # tagalong: semver:~1\n", vec!["KustomizeImage a/b a/b 2:semver:~1".to_owned()]),
        ("above a name alone", "# tagalong: semver:~1\n- name: a/b\n", vec!["KustomizeImage a/b a/b 2:semver:~1".to_owned()]),
        ("name with a tag", "- name: a/b:1 # tagalong: semver:~1\n", vec!["KustomizeImage a/b:1 a/b:1 2:semver:~1".to_owned()]),
        ("suffix", "- name: a/b\n  tagSuffix: -x # tagalong: semver:~1\n", vec!["KustomizeImage a/b a/b 3:semver:~1".to_owned()]),
        ("flow", "- {name: a/b, newTag: v1} # tagalong: semver:~1\n", vec!["KustomizeImage a/b a/b:v1 2:semver:~1".to_owned()]),
        ("two", "  [{name: a/b}, {name: c/d}] # tagalong: semver:~1\n", vec![format!("Comment images.0.name {several} 2:semver:~1")]),
    ] {
        assert_eq!(policies("kustomization.yaml", &format!("images:\n{text}")), expected, "{word}");
    }
}

#[test]
fn what_only_looks_like_a_comment_is_text() {
    for (word, text) in [
        ("in quotes", "image: 'a/b:1 # tagalong: semver:~1'\n"),
        ("in a block scalar", "x: |\n  image: a/b:1 # tagalong: semver:~1\n"),
        ("another comment", "image: a/b:1 # see tagalong: semver:~1\n"),
        ("key without a value", "image: # tagalong: semver:~1\n  repository: a/b\n"),
    ] {
        assert_eq!(policies("values.yaml", text), [""; 0], "{word}");
    }
}

#[test]
fn what_a_comment_cannot_be_about_says_why() {
    for (word, text, reason) in [
        ("no reference", "x: hello world # tagalong: semver:~1\n", "it holds no reference with a tag or digest"),
        ("tag alone", "x: v1 # tagalong: semver:~1\n", "it holds no name: write `image=` into the comment"),
        ("two references", "x: a/b:1 c/d:2 # tagalong: semver:~1\n", "it holds several references"),
        ("two values", "x: [a/b:1, c/d:2] # tagalong: semver:~1\n", "its comment stands beside several values: give each a line of its own"),
        ("two lines", "x: |- # tagalong: semver:~1\n  a/b:1\n  c\n", "it spans several lines"),
        ("YAML tag", "x: !ref a/b:1 # tagalong: semver:~1\n", "it has a YAML tag of its own"),
    ] {
        let found = policies("values.yaml", text);
        assert!(matches!(&found[..], [one] if one.starts_with("Comment x") && one.contains(&format!("!{reason} 1:"))), "{word}: {found:?}");
    }
}

#[test]
fn two_comments_about_one_image_are_told() {
    let text = "image:\n  repository: a/b # tagalong: semver:~1\n  tag: v1 # tagalong: semver:~2\n";
    assert_eq!(policies("values.yaml", text), ["HelmValue image a/b:v1 2:semver:~1 and 3"]);
}

#[test]
fn a_place_knows_the_workload_around_it_and_whether_it_is_encrypted() {
    let pod = |kind: &str| {
        format!(
            "apiVersion: v1\nkind: {kind}\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: c\n    image: a:1\n    args:\n    - --x=b:1 # tagalong: glob:*\n"
        )
    };
    let text = format!("{}---\n{}sops: {{version: '1'}}\n---\nimage: a\nx: b:1 # tagalong: glob:*\n", pod("Pod"), pod("Thing"));
    let file = read("a.yaml", text.as_bytes(), &[]).expect("YAML");
    let places: Vec<_> = file.places.iter().filter(|place| place.policy.is_some()).map(|place| (place.workload, place.encrypted)).collect();
    assert_eq!(places, [(Some(0), false), (Some(1), true), (None, false)]);
}

#[test]
fn many_comments_are_read_in_one_go() {
    let lines = (0..30_000).map(|line| format!("k{line}: a/b:{line} # tagalong: glob:*\n# tagalong: glob:*\n")).collect::<Vec<_>>().concat();
    assert_eq!(policies("values.yaml", &lines).len(), 30_000);
    let items = (0..30_000).map(|line| format!("# tagalong: glob:*\n- a/b:{line}\n")).collect::<Vec<_>>().concat();
    assert_eq!(policies("values.yaml", &items).len(), 30_000);
}
