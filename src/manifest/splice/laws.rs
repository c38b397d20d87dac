//! The editing law, over manifests in many styles.

use proptest::prelude::*;

use super::*;
use crate::manifest::{KindPaths, read, yaml::plain};

/// How a manifest is written.
#[derive(Clone, Debug)]
struct Hand {
    indent: usize,
    /// How far a list stands inside its key.
    list: usize,
    scalar: Writing,
    around: Around,
    name_first: bool,
    after: &'static str,
    above: &'static str,
    head: &'static str,
    tail: &'static str,
    line_end: &'static str,
    mark: bool,
    containers: usize,
    documents: usize,
}

/// How the image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Plain,
    Single,
    Double,
    Folded,
    Literal,
    Anchor,
    Tag,
    NextLine,
}

/// What stands around the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Block,
    Flow,
    Alias,
    Merge,
}

fn hand() -> impl Strategy<Value = Hand> {
    let writing = prop::sample::select(vec![
        Writing::Plain,
        Writing::Single,
        Writing::Double,
        Writing::Folded,
        Writing::Literal,
        Writing::Anchor,
        Writing::Tag,
        Writing::NextLine,
    ]);
    let around = prop::sample::select(vec![Around::Block, Around::Block, Around::Flow, Around::Alias, Around::Merge]);
    let long: &str = Box::leak(format!("  # {}", "größe {a: [b]} ".repeat(1_300)).into_boxed_str());
    let after = prop::sample::select(vec!["", "  ", " # why: {a, b}", "\t# tab", "   # größe 😀 'x", long]);
    let above = prop::sample::select(vec!["", "# image: old:1", "# {{ not a template }}"]);
    let head = prop::sample::select(vec![
        "",
        "---\n",
        "# only\n# comments\n---\n",
        "%YAML 1.2\n---\n",
        "\n\n",
        "note: |\n  image: no:1\n\n  more\n---\n",
        "- a\n-   - {b: [c]}\n    -\n---\n",
    ]);
    let tail = prop::sample::select(vec!["\n", "", "\n\n", "\n...\n", "\n---\n# end\n", "\nx: \"größe 😀\" # é\n", "\nx: |\n"]);
    let line_end = prop::sample::select(vec!["\n", "\r\n"]);
    ((1..=8_usize, 0..=3_usize, writing, around, any::<bool>(), after), (above, head, tail, line_end, any::<bool>(), 1..=3_usize, 1..=3_usize))
        .prop_map(|((indent, list, scalar, around, name_first, after), (above, head, tail, line_end, mark, containers, documents))| Hand {
            indent,
            list,
            scalar,
            around,
            name_first,
            after,
            above,
            head,
            tail,
            line_end,
            mark,
            containers,
            documents,
        })
}

impl Hand {
    /// The manifest with this image in every container.
    fn write(&self, image: &str) -> String {
        let documents: Vec<String> = (0..self.documents).map(|document| self.document(document, image)).collect();
        let text = format!("{}{}{}", self.head, documents.join("\n---\n"), self.tail).replace('\n', self.line_end);
        if self.mark && !self.head.starts_with('%') { format!("\u{feff}{text}") } else { text }
    }

    fn document(&self, document: usize, image: &str) -> String {
        let pad = |level: usize| " ".repeat(self.indent * level);
        let mut lines = vec!["apiVersion: apps/v1".to_owned(), "kind: Deployment".to_owned()];
        match self.around {
            Around::Alias => lines.push(format!("x-image: &same {image}{}", self.after)),
            Around::Merge => lines.push(format!("x-common: &common {{image: '{image}', a: b}}{}", self.after)),
            Around::Block | Around::Flow => {}
        }
        lines.push(format!("metadata:\n{}name: größe-{document}\nspec:\n{}template:\n{}spec:\n{}containers:", pad(1), pad(1), pad(2), pad(3)));
        for container in 0..self.containers {
            lines.push(self.container(container, image));
        }
        lines.join("\n")
    }

    fn container(&self, container: usize, image: &str) -> String {
        let list = " ".repeat(self.indent * 3 + self.list);
        let (dash, inside) = (format!("{list}- "), format!("{list}  "));
        let name = format!("name: c{container}");
        let field = match self.around {
            Around::Flow => return format!("{dash}{{ {name}, image: {}, args: [a, 'b'] }}{}", self.flow(image), self.after),
            Around::Alias => format!("image: *same{}", self.after),
            Around::Merge => format!("<<: *common{}", self.after),
            Around::Block => self.field(&inside, image, container),
        };
        let above = if self.above.is_empty() { String::new() } else { format!("{inside}{}\n", self.above) };
        if self.name_first { format!("{dash}{name}\n{above}{inside}{field}") } else { format!("{dash}{field}\n{above}{inside}{name}") }
    }

    fn field(&self, inside: &str, image: &str, container: usize) -> String {
        let after = self.after;
        match self.scalar {
            Writing::Plain => format!("image:   {image}{after}"),
            Writing::Single => format!("image: '{image}'{after}"),
            Writing::Double => format!("image: \"{image}\"{after}"),
            Writing::Folded => format!("image: >-{}\n{inside} {image}", after.trim_end()),
            Writing::Literal => format!("image: |\n{inside}   {image}\n"),
            Writing::Anchor => format!("image: &img{container} {image}{after}"),
            Writing::Tag => format!("image: !!str {image}{after}"),
            Writing::NextLine => format!("image: # below\n\n{inside}  {image}{after}"),
        }
    }

    fn flow(&self, image: &str) -> String {
        match self.scalar {
            Writing::Single => format!("'{image}'"),
            Writing::Double => format!("\"{image}\""),
            _ => format!("{image} "),
        }
    }
}

fn sites(text: &str, kinds: &[KindPaths]) -> Vec<Site> {
    let Ok(file) = read("a.yaml", text.as_bytes(), kinds) else {
        return vec![];
    };
    file.images().filter_map(|place| place.image.parts()?.sites().next().cloned()).collect()
}

fn rewrite(text: &str, to: &str, kinds: &[KindPaths]) -> Result<String, EditRefused> {
    let edits: Vec<Edit> = sites(text, kinds).into_iter().map(|site| Edit { site, to: to.to_owned() }).collect();
    edit("a.yaml", text.as_bytes(), &edits).map(|bytes| String::from_utf8(bytes).expect("a text stays a text"))
}

/// Every scalar of a file with its style, in order.
fn scalars(text: &str) -> Vec<(String, Style)> {
    let tree = yaml::read(text).expect("a legal file stays legal");
    (0..tree.len()).filter_map(|node| tree.scalar(node)).map(|(text, style)| (text.to_owned(), style)).collect()
}

fn tags() -> [KindPaths; 1] {
    [KindPaths {
        api_version: "v1".to_owned(),
        kind: "Tags".to_owned(),
        images: vec!["tag".to_owned(), "tags.*".to_owned(), "spec.*.tag".to_owned()],
    }]
}

proptest! {
    #[test]
    fn an_edit_changes_the_image_and_nothing_else(hand in hand()) {
        let (old, new) = ("ghcr.io/acme/app:1.2.3", "ghcr.io/acme/app:1.2.10-rc.1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        let before = hand.write(old);
        let found = sites(&before, &[]);
        prop_assert_eq!(found.len(), hand.containers * hand.documents, "{}", before);
        prop_assert!(found.iter().all(|site| site.text == old && before[site.scalar.span()].contains(old)));
        let after = rewrite(&before, new, &[]);
        prop_assert_eq!(after.as_deref(), Ok(&*hand.write(new)), "{}", before);
        let after = after.expect("checked above");
        prop_assert!(sites(&after, &[]).iter().all(|site| site.text == new));
        prop_assert_eq!(rewrite(&after, new, &[]), Ok(after));
    }

    #[test]
    fn every_text_can_stand_in_every_scalar(
        from in "[a-z0-9][a-z0-9._:/-]{0,8}[a-z0-9]",
        to in "[ -~é😀]{1,12}",
        quote in 0..5_usize,
        flow in any::<bool>(),
        rest in prop::sample::select(vec!["", "more: {tag: 'x'}\n", "# tail", "---\nother: [1, \"2\"]\n"]),
    ) {
        let written = match (quote, flow) {
            (0, _) => format!("'{from}'"),
            (1, _) => format!("\"{from}\""),
            (2, false) => format!(">-\n  {from}"),
            (3, false) => format!("&a {from}"),
            _ => from.clone(),
        };
        let before = if flow {
            format!("{{apiVersion: v1, kind: Tags, tag: {written}, list: [a, b]}}\n")
        } else {
            format!("apiVersion: v1\nkind: Tags\ntag: {written}\n{rest}")
        };
        let found = sites(&before, &tags());
        prop_assert_eq!(found.len(), usize::from(!plain::is_null(&from) || quote < 3 && !(quote == 2 && flow)), "{}", before);
        prop_assume!(!found.is_empty());
        let span = found[0].scalar.span();
        let after = match rewrite(&before, &to, &tags()) {
            Err(refused) if quote == 2 && !flow => {
                prop_assert_eq!(refused.reason, "the new value cannot be written in a block scalar");
                return Ok(());
            }
            after => after.expect("every other text can be written"),
        };
        prop_assert!(after.starts_with(&before[..span.start]) && after.ends_with(&before[span.end..]));
        let position = scalars(&before).iter().position(|(text, _)| text.trim_end() == "tag").expect("the key") + 1;
        let (mut old, mut new) = (scalars(&before), scalars(&after));
        prop_assert_eq!(new.remove(position).0, to.clone(), "{}", after);
        old.remove(position);
        prop_assert_eq!(old, new);
        prop_assert!(sites(&after, &tags()).iter().all(|site| site.text == to));
    }

    #[test]
    fn no_bytes_break_the_reader(noise in "[a-c:{}\\[\\],?&*!|>'\"%@#\n\t \r-]{0,40}", at in 0..60_usize) {
        let mut text = "apiVersion: v1\nkind: Tags\ntags:\n- a:1\n- {tag: 'b'}\ntag: x\n".to_owned();
        text.insert_str(at.min(text.len()), &noise);
        let found = sites(&text, &tags());
        if let Ok(after) = rewrite(&text, "new:2", &tags()) {
            prop_assert_eq!(sites(&after, &tags()).len(), found.len());
            prop_assert!(sites(&after, &tags()).iter().all(|site| site.text == "new:2"), "{:?} {:?}", text, after);
        }
    }

    #[test]
    fn no_bytes_at_all_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = read("a.yaml", &bytes, &[]);
    }
}
