use proptest::prelude::*;

use super::*;
use crate::manifest::yaml::{Kind, Style, Tree, plain};

/// What a text means, for people.
#[derive(Clone, Debug, PartialEq)]
enum Meaning {
    Null,
    Text(String),
    Other(String),
    Mapping(Vec<(Meaning, Meaning)>),
    List(Vec<Meaning>),
}

use Meaning::{List, Mapping, Null, Other, Text};

impl Meaning {
    fn of(tree: &Tree<'_>, node: usize) -> Self {
        match tree.kind(node) {
            Kind::Scalar(style) => match tree.scalar(node).expect("a scalar").0 {
                text if style == Style::Plain && plain::is_null(text) => Null,
                text if style != Style::Plain || plain::reads_as_itself(text, plain::Around::Block) => Text(text.to_owned()),
                text => Other(text.to_owned()),
            },
            Kind::Sequence => List(tree.items(node).map(|item| Self::of(tree, item)).collect()),
            _ => Mapping(tree.entries(node).map(|(key, value)| (Self::of(tree, key), Self::of(tree, value))).collect()),
        }
    }

    fn at(&mut self, key: &str) -> Option<&mut Self> {
        let Mapping(entries) = self else { return None };
        entries.iter_mut().find(|(name, _)| matches!(name, Text(name) | Other(name) if name == key)).map(|(_, value)| value)
    }

    /// The value at a path, made where it is missing.
    fn make(&mut self, keys: &[String]) -> &mut Self {
        let Some((key, rest)) = keys.split_first() else { return self };
        if *self == Null || *self == List(vec![]) {
            *self = Mapping(vec![]);
        }
        if self.at(key).is_none()
            && let Mapping(entries) = self
        {
            entries.push((Text(key.clone()), Null));
        }
        self.at(key).expect("a mapping").make(rest)
    }

    fn set(&mut self, keys: &[String], value: &str) {
        *self.make(keys) = Text(value.to_owned());
    }

    fn append(&mut self, keys: &[String], item: &[(String, String)]) {
        let item = Mapping(item.iter().map(|(key, value)| (Text(key.clone()), Text(value.clone()))).collect());
        match self.make(keys) {
            List(items) if items.contains(&item) => {}
            List(items) => items.push(item),
            other => *other = List(vec![item]),
        }
    }

    fn remove(&mut self, keys: &[String]) {
        let Some((key, rest)) = keys.split_first() else { return };
        let Some(value) = self.at(key) else { return };
        value.remove(rest);
        if (rest.is_empty() || *value == Mapping(vec![]))
            && let Mapping(entries) = self
        {
            entries.retain(|(name, _)| !matches!(name, Text(name) | Other(name) if name == key));
        }
    }
}

/// How a file is written.
#[derive(Clone, Debug)]
struct Hand {
    indent: usize,
    list: usize,
    comments: bool,
    blanks: bool,
    line_break: &'static str,
    mark: bool,
    end: &'static str,
}

/// A mapping and how each part of it is written.
#[derive(Clone, Debug)]
enum Written {
    Scalar(&'static str),
    Block(Vec<(usize, Written)>),
    Flow(Vec<(usize, Written)>, bool),
    Dashes(Vec<Written>),
    Brackets(Vec<Written>),
}

const NAMES: [&str; 6] = ["a", "\"b c\"", "c/d.e", "'on'", "f", "g"];

fn written() -> impl Strategy<Value = Written> {
    let scalar = prop::sample::select(vec!["x", "1", "'y z'", "\"w\"", "\"p\\\"q\"", "'d''e'", "", "~", "null", "größe", "k:v", "\"1\\\n  2\""]);
    let scalar = scalar.prop_map(Written::Scalar);
    let entries = |inner: BoxedStrategy<Written>, least: usize| {
        prop::collection::btree_map(0..NAMES.len(), inner, least..4).prop_map(|entries| entries.into_iter().collect::<Vec<_>>()).prop_shuffle()
    };
    let flow = scalar.clone().prop_recursive(2, 8, 3, move |inner| {
        prop_oneof![
            (entries(inner.clone().boxed(), 0), any::<bool>()).prop_map(|(entries, lines)| Written::Flow(entries, lines)),
            prop::collection::vec(inner, 0..3).prop_map(Written::Brackets),
        ]
    });
    let block = prop::sample::select(vec!["|\n{}t\n\n{}u\n", ">-\n{}t\n{}u", "|+\n{}t\n\n\n", "|\n{}t", "two\n{}lines"]);
    let leaf = prop_oneof![3 => flow, 1 => block.prop_map(Written::Scalar)];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            3 => entries(inner.clone().boxed(), 1).prop_map(Written::Block),
            1 => prop::collection::vec(inner, 1..3).prop_map(Written::Dashes),
        ]
    })
}

impl Hand {
    fn write(&self, root: &[(usize, Written)]) -> String {
        let mut lines = String::new();
        self.entries(0, root, &mut lines);
        let text = format!("{}{}", lines.trim_end_matches('\n'), self.end).replace('\n', self.line_break);
        if self.mark { format!("\u{feff}{text}") } else { text }
    }

    fn entries(&self, column: usize, entries: &[(usize, Written)], text: &mut String) {
        for (at, (name, value)) in entries.iter().enumerate() {
            let pad = " ".repeat(column);
            if self.comments && at > 0 && !text.ends_with("- ") {
                text.extend([format!("{pad}# above {name}\n")]);
            }
            let dashed = text.ends_with("- ");
            text.extend([format!("{}{}:", if dashed { "" } else { &pad }, NAMES[*name])]);
            self.value(column, value, text);
            if self.blanks {
                text.push('\n');
            }
        }
    }

    fn value(&self, column: usize, value: &Written, text: &mut String) {
        let comment = if self.comments { " # why: {x, y}" } else { "" };
        match value {
            Written::Block(entries) => {
                text.extend([format!("{comment}\n")]);
                self.entries(column + self.indent, entries, text);
            }
            Written::Dashes(items) => {
                text.extend([format!("{comment}\n")]);
                for item in items {
                    text.extend([format!("{}-", " ".repeat(column + self.list))]);
                    match item {
                        Written::Block(entries) => {
                            text.push(' ');
                            self.entries(column + self.list + 2, entries, text);
                        }
                        item => self.value(column + self.list, item, text),
                    }
                }
            }
            Written::Scalar(scalar) if scalar.contains("{}") => {
                text.extend([format!(" {}", scalar.replace("{}", &" ".repeat(column + self.indent.max(2))))]);
                text.push_str(if scalar.ends_with('\n') { "" } else { "\n" });
            }
            value => {
                let flow = Self::flow(column + self.indent, value);
                text.extend([format!("{}{flow}{comment}\n", if flow.is_empty() { "" } else { " " })]);
            }
        }
    }

    fn flow(column: usize, value: &Written) -> String {
        let parts = |parts: Vec<String>, open: &str, close: &str, lines: bool| {
            let pad = " ".repeat(column + 1);
            if lines && !parts.is_empty() {
                return format!("{open}\n{pad}{}\n{pad}{close}", parts.join(&format!(", # c\n{pad}")));
            }
            format!("{open}{}{close}", parts.join(", "))
        };
        match value {
            Written::Flow(entries, lines) => {
                let entry = |(name, value): &(usize, Written)| format!("{}: {}", NAMES[*name], Self::flow(column, value));
                parts(entries.iter().map(entry).collect(), "{", "}", *lines)
            }
            Written::Brackets(items) => {
                let items = items.iter().map(|item| Some(Self::flow(column, item)).filter(|item| !item.is_empty()).unwrap_or("''".to_owned()));
                parts(items.collect(), "[", "]", false)
            }
            Written::Scalar(scalar) => (*scalar).to_owned(),
            Written::Block(_) | Written::Dashes(_) => String::new(),
        }
    }
}

fn hand() -> impl Strategy<Value = Hand> {
    let end = prop::sample::select(vec!["\n", "", "\n\n", "\n...\n", "\n---\nother: 1\n", "\n# the end"]);
    (1..=8_usize, 0..=3_usize, any::<bool>(), any::<bool>(), prop::sample::select(vec!["\n", "\r\n"]), any::<bool>(), end)
        .prop_map(|(indent, list, comments, blanks, line_break, mark, end)| Hand { indent, list, comments, blanks, line_break, mark, end })
}

fn meaning(text: &str) -> Meaning {
    let tree = yaml::read(text).unwrap_or_else(|fault| panic!("{fault:?}\n{text}"));
    Meaning::of(&tree, tree.roots()[0])
}

/// The words of all comments.
fn comments(text: &str) -> Vec<String> {
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(true);
    let events = granit_parser::Parser::new_from_str_with_options(text.trim_start_matches('\u{feff}'), options);
    let comment = |event| if let granit_parser::Event::Comment(text, ..) = event { Some(text.trim().to_owned()) } else { None };
    events.filter_map(|event| comment(event.expect("YAML").0)).collect()
}

/// Whether the text is the other one with bytes put in.
fn is_kept(before: &str, after: &str) -> bool {
    let mut rest = after.chars();
    before.chars().all(|wanted| rest.any(|found| found == wanted))
}

fn root(text: &str) -> Node {
    let tree = yaml::read(text).expect("YAML");
    Node::of(&tree, tree.roots()[0])
}

fn path() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(vec!["a", "b c", "c/d.e", "on", "new"]).prop_map(str::to_owned), 1..4)
}

fn change_of(kind: usize, text: &str, keys: &[String], value: &str) -> (Change, impl Fn(&mut Meaning)) {
    let item = vec![("name".to_owned(), value.to_owned()), ("newTag".to_owned(), "1.10".to_owned())];
    let (mapping, keys) = (root(text), keys.to_vec());
    let change = match kind {
        0 => Change::Set { mapping, keys: keys.clone(), value: value.to_owned(), after: None },
        1 => Change::Remove { mapping, keys: keys.clone() },
        _ => Change::Append { mapping, keys: keys.clone(), item: item.clone() },
    };
    let value = value.to_owned();
    let meant = move |meaning: &mut Meaning| match kind {
        0 => meaning.set(&keys, &value),
        1 => meaning.remove(&keys),
        _ => meaning.append(&keys, &item),
    };
    (change, meant)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_change_is_what_was_meant_and_nothing_else(
        hand in hand(),
        entries in prop::collection::btree_map(0..NAMES.len(), written(), 1..4),
        keys in path(),
        value in prop::sample::select(vec!["plain", "1.10", "true", "", "a, b", "it's \"x\"", "two\nlines", "größe"]),
        kind in 0..3_usize,
    ) {
        let before = hand.write(&entries.into_iter().collect::<Vec<_>>());
        let (change, meant) = change_of(kind, &before, &keys, value);
        let after = match super::change("a.yaml", before.as_bytes(), &[change]) {
            Ok(after) => String::from_utf8(after).expect("UTF-8"),
            Err(refused) => {
                let known = ["it is no mapping", "it is no text", "it is no list", "a comment stands between it and the next key"];
                prop_assert!(known.contains(&&*refused.reason), "{refused:?}\n{before}");
                return Ok(());
            }
        };
        let mut wanted = meaning(&before);
        meant(&mut wanted);
        let mut found = meaning(&after);
        // A mapping that a comment stands in stays when it is emptied.
        if kind == 1 {
            meant(&mut found);
        }
        prop_assert!(found == wanted, "{before}\n=>\n{after}\n{wanted:?}");
        prop_assert_eq!(after.starts_with('\u{feff}'), before.starts_with('\u{feff}'));
        prop_assert!(!before.contains("\r\n") || !after.replace("\r\n", "").contains('\n'), "{before}\n=>\n{after}");
        if kind == 1 {
            prop_assert!(is_kept(&after.replace("{}", ""), &before), "{before}\n=>\n{after}");
        } else {
            prop_assert_eq!(after.ends_with('\n'), before.ends_with('\n'), "{}\n=>\n{}", before, after);
            prop_assert_eq!(comments(&after), comments(&before), "{}\n=>\n{}", before, after);
        }
        let (again, _) = change_of(kind, &after, &keys, value);
        prop_assert_eq!(super::change("a.yaml", after.as_bytes(), &[again]), Ok(after.into_bytes()));
    }

    #[test]
    fn no_bytes_break_a_change(noise in "[a-c:{}\\[\\],?&*!|>'\"%@#é\n\t \r-]{0,12}", at in 0..120_usize, keys in path(), kind in 0..3_usize) {
        let mut before = "a:\n  b c: x # y\n  'on':\n  - {a: b, c/d.e: [1]}\n  - a: |\n      z\n\n  c/d.e: {a: b,\n    on: {}}\nb c: &n [x]\non: *n\n".to_owned();
        before.insert_str(at.min(before.len()), &noise);
        let is_mapping = |tree: &Tree<'_>| tree.roots().first().is_some_and(|root| tree.kind(*root) == Kind::Mapping);
        if !yaml::read(&before).is_ok_and(|tree| is_mapping(&tree)) {
            return Ok(());
        }
        let (change, meant) = change_of(kind, &before, &keys, "v");
        if let Ok(after) = super::change("a.yaml", before.as_bytes(), &[change]) {
            let after = String::from_utf8(after).expect("UTF-8");
            let mut wanted = meaning(&before);
            meant(&mut wanted);
            let mut found = meaning(&after);
            if kind == 1 {
                meant(&mut found);
            }
            prop_assert!(found == wanted, "{before}\n=>\n{after}");
        }
    }
}
