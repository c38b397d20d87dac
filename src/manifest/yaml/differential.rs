//! Both parsers over all of `testdata`: what one reads in a file, the other reads too.

#![expect(clippy::disallowed_methods, reason = "edge: the test reads files")]

use std::{collections::BTreeSet, fs, path::Path};

use super::{Layout, Said, Style, Tree, layout::Part, read, second_reading};

/// The text of every YAML and JSON file below a folder, with its path.
fn texts(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() {
            texts(&path, found);
        } else if matches!(ending, "yaml" | "yml" | "json")
            && let Ok(text) = fs::read_to_string(&path)
            // Such a file is refused before any parser sees it.
            && !text.contains('\0')
        {
            found.push((path.display().to_string(), text));
        }
    }
}

/// Every scalar that is written on its line, with the byte at which it begins.
fn scalars<'t>(tree: &'t Tree<'_>) -> Vec<(&'t str, usize)> {
    let is_written = |node: usize, style: Style| tree.target(node) == node && !matches!(style, Style::Literal | Style::Folded);
    let scalar =
        |node: usize| Some((tree.scalar(node).filter(|(text, style)| !text.is_empty() && is_written(node, *style))?.0, tree.span(node).ok()?.start));
    (0..tree.len()).filter_map(scalar).collect()
}

#[test]
fn both_parsers_read_the_same_in_all_test_data() {
    let mut found = vec![];
    texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"), &mut found);
    let mut compared = 0;
    for (path, text) in &found {
        let Ok(tree) = read(text) else { continue };
        assert_eq!(second_reading(text).map_err(|fault| fault.reason), Ok(tree.reading()), "{path}");
        let layout = Layout::read(text).map_err(|fault| fault.reason).expect(path);
        let skipped = text.len() - layout.source.len();
        let place = |(at, part): (usize, &Part)| Some((layout.scalar(at).filter(|_| !layout.is_block_scalar(at))?.0, part.start + skipped));
        let theirs: BTreeSet<(&str, usize)> = layout.parts.iter().enumerate().filter_map(place).collect();
        for (value, start) in scalars(&tree) {
            assert!(theirs.contains(&(value, start)), "{path}: `{value}` at {start}");
        }
        assert_eq!(layout.events.iter().filter(|said| matches!(said, Said::DocumentStart)).count(), tree.roots().len(), "{path}");
        compared += 1;
    }
    assert!(compared > 400, "{compared} of {}", found.len());
}
