//! Colour, on top of what the words say already.

/// The words that begin a line, what they look like, and whether the rest of the line does, too.
const WORDS: [(&str, &str); 17] = [
    ("  update ", GREEN),
    ("  switch ", GREEN),
    ("  held ", YELLOW),
    ("  failed ", RED),
    ("  unreadable ", RED),
    ("updated ", GREEN),
    ("switched ", GREEN),
    ("pushed ", GREEN),
    ("committed ", GREEN),
    ("wrote ", GREEN),
    ("held ", YELLOW),
    ("failed ", RED),
    ("error:", RED),
    ("warning:", YELLOW),
    ("note:", FAINT),
    ("hint:", FAINT),
    ("  → ", GREEN),
];

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const FAINT: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// The text with the words in colour that say what became of something. Nothing else changes, and strangers' text is safe already.
pub fn paint(text: &str) -> String {
    text.split_inclusive('\n').map(line).collect()
}

fn line(line: &str) -> String {
    // `tagalong.yaml:3: error: …`, as compilers write it.
    let placed = || [": error:", ": warning:"].iter().find_map(|word| line.find(word)).map(|at| at + 2);
    let starts = |at: usize| WORDS.iter().find(|(word, _)| line[at..].starts_with(word)).map(|(word, colour)| (at, *word, *colour));
    let indented = || starts(line.len() - line.trim_start().len()).filter(|(_, word, _)| word.ends_with(':'));
    let Some((at, word, colour)) = starts(0).or_else(indented).or_else(|| placed().and_then(starts)) else { return line.to_owned() };
    let (before, rest) = line.split_at(at);
    let (told, rest) = rest.split_at(word.trim_end().len());
    let (space, told) = told.split_at(told.len() - told.trim_start().len());
    format!("{before}{space}{colour}{told}{PLAIN}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_tells_is_painted_and_nothing_else() {
        for (word, text, painted) in [
            ("an update", "  update  shop:deployment/web   app\n", "  \u{1b}[32mupdate\u{1b}[0m  shop:deployment/web   app\n"),
            ("held", "  held    x\n", "  \u{1b}[33mheld\u{1b}[0m    x\n"),
            ("an error", "error: held up\n  hint: wait\n", "\u{1b}[31merror:\u{1b}[0m held up\n  \u{1b}[2mhint:\u{1b}[0m wait\n"),
            ("a finding", "tagalong.yaml:3: error: x\n", "tagalong.yaml:3: \u{1b}[31merror:\u{1b}[0m x\n"),
            ("the winner", "  → 1.5.0   chosen\n", "  \u{1b}[32m→\u{1b}[0m 1.5.0   chosen\n"),
            ("a word inside", "    is held until noon\n", "    is held until noon\n"),
            ("a longer word", "  updates are due\n", "  updates are due\n"),
            ("nothing", "", ""),
        ] {
            assert_eq!(paint(text), painted, "{word}");
        }
    }
}
