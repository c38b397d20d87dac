//! The paths that a Rust source names, groups opened, without those in comments and texts.

/// Every path: `crate::{a, b::c}` gives `crate::a` and `crate::b::c`; a word alone is a path, too.
pub fn paths(source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_word(&tokens[at]) {
            at = read(&tokens, at, "", &mut paths);
        } else {
            at += 1;
        }
    }
    paths
}

/// Reads one path that starts at a word or a group, and gives the place behind it.
fn read(tokens: &[String], mut at: usize, before: &str, paths: &mut Vec<String>) -> usize {
    let mut path = before.to_owned();
    while let Some(token) = tokens.get(at) {
        if token == "{" && !path.is_empty() {
            return read_group(tokens, at + 1, &path, paths);
        }
        if !is_word(token) {
            break;
        }
        path = if path.is_empty() { token.clone() } else { format!("{path}::{token}") };
        at += 1;
        if tokens.get(at).is_none_or(|token| token != "::") {
            break;
        }
        at += 1;
    }
    paths.push(path);
    at
}

fn read_group(tokens: &[String], mut at: usize, before: &str, paths: &mut Vec<String>) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "}" => return at + 1,
            _ if is_word(token) => at = read(tokens, at, before, paths),
            _ => at += 1,
        }
    }
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::`, and single characters; comments, texts and spaces are left out.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => quoted(rest),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#") => raw(rest),
            '\'' => character(rest),
            _ if first.is_alphanumeric() || first == '_' => {
                let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                tokens.push(rest[..length].to_owned());
                length
            }
            ':' if rest.starts_with("::") => {
                tokens.push("::".to_owned());
                2
            }
            _ if first.is_whitespace() => first.len_utf8(),
            _ => {
                tokens.push(first.to_string());
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest[1..].find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |end| end + 2)
}

/// A raw text, or a raw word such as `r#for`, whose mark alone is passed over.
fn raw(rest: &str) -> usize {
    let marks = rest[1..].find(|c| c != '#').unwrap_or(0);
    if !rest[1 + marks..].starts_with('"') {
        return 1 + marks;
    }
    let end = format!("\"{}", "#".repeat(marks));
    rest[2 + marks..].find(&end).map_or(rest.len(), |at| 2 + marks + at + end.len())
}

/// A character, or the mark of a lifetime.
fn character(rest: &str) -> usize {
    let mut inner = rest[1..].char_indices();
    match (inner.next(), inner.next()) {
        (Some((_, '\\')), Some(_)) => rest[3..].find('\'').map_or(1, |end| 3 + end + 1),
        (Some(_), Some((at, '\''))) => 1 + at + 1,
        _ => 1,
    }
}

#[test]
fn a_source_names_these_paths() {
    for (word, source, expected) in [
        ("one", "use a::b;", &["use", "a::b"][..]),
        ("group", "a::{b, c::{d, e}, f}", &["a::b", "a::c::d", "a::c::e", "a::f"]),
        ("block behind a word", "mod a { b::c() }", &["mod", "a", "b::c"]),
        ("star", "a::*;", &["a"]),
        ("comment", "a // b\n/* c */ d", &["a", "d"]),
        ("text", r#"a("b \" c") d"#, &["a", "d"]),
        ("raw text", "a(r#\"b \" c\"#) d", &["a", "d"]),
        ("raw word", "r#for", &["for"]),
        ("character", r"a('b') c('\'') d('\u{1f}')", &["a", "c", "d"]),
        ("lifetime", "a<'b>(c)", &["a", "b", "c"]),
    ] {
        assert_eq!(paths(source), expected, "{word}");
    }
}
