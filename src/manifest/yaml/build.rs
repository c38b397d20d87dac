//! From events to the tree, with every bound.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    DEPTH, EXPANSION, Fault, Kind, NODES, Reading, Style, Tag, Tree,
    fault::too_deep,
    reading::{Mark, properties},
    tree::Node,
};

/// Where an event stands: line from 1, column in characters from 0.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// An anchor's id, 0 for none, and the resolved tag in two parts.
pub(super) type Properties<'t> = (usize, Option<(&'t str, &'t str)>);

/// What a tree is made of, while events come.
#[derive(Default)]
pub(super) struct Builder {
    nodes: Vec<Node>,
    roots: Vec<usize>,
    reading: Reading,
    open: Vec<usize>,
    /// The node of each anchor id of this document.
    anchors: BTreeMap<usize, usize>,
    /// How many values each anchored node stands for, aliases followed.
    sizes: BTreeMap<usize, u64>,
    /// Values that aliases repeat inside each open collection.
    repeated: Vec<u64>,
    /// Values that aliases repeat in this document.
    total: u64,
    aliases: bool,
}

impl Builder {
    pub(super) fn new(bytes: usize) -> Self {
        Self { nodes: Vec::with_capacity((bytes / 8).clamp(8, 1 << 12)), ..Self::default() }
    }

    pub(super) fn document_start(&mut self) {
        self.anchors.clear();
        self.sizes.clear();
        self.total = 0;
        self.reading.mark(Mark::DocumentStart, 0);
    }

    pub(super) fn document_end(&mut self) {
        self.reading.mark(Mark::DocumentEnd, 0);
    }

    pub(super) fn scalar(&mut self, text: String, style: Style, at: At, of: Properties<'_>) -> Result<(), Fault> {
        let properties = properties(of.0, of.1);
        let position = self.reading.scalar(style, properties, &text);
        let node = self.push(Kind::Scalar(style), at, of, position, properties, text)?;
        self.anchored(node, of.0, 1);
        Ok(())
    }

    pub(super) fn open(&mut self, kind: Kind, at: At, of: Properties<'_>) -> Result<(), Fault> {
        if self.open.len() == DEPTH {
            return Err(too_deep(at.line));
        }
        let properties = properties(of.0, of.1);
        let position = self.reading.mark(if kind == Kind::Mapping { Mark::Mapping } else { Mark::Sequence }, properties);
        let node = self.push(kind, at, of, position, properties, String::new())?;
        if of.0 != 0 {
            self.anchors.insert(of.0, node);
        }
        self.open.push(node);
        self.repeated.push(0);
        Ok(())
    }

    pub(super) fn close(&mut self) -> Result<(), Fault> {
        self.reading.mark(Mark::End, 0);
        let (Some(node), Some(repeated)) = (self.open.pop(), self.repeated.pop()) else {
            return Err(Fault::whole("the YAML reader closed what was not open"));
        };
        let next = self.nodes.len();
        self.nodes[node].next = index(next);
        if self.nodes[node].properties != 0 {
            self.sizes.insert(node, (next - node) as u64 + repeated);
        }
        self.repeat(repeated);
        match self.nodes[node].kind {
            Kind::Mapping => self.check_keys(node),
            _ => Ok(()),
        }
    }

    pub(super) fn alias(&mut self, id: usize, at: At) -> Result<(), Fault> {
        let position = self.reading.mark(Mark::Alias, id as u64);
        self.aliases = true;
        let Some(&target) = self.anchors.get(&id) else {
            return Err(Fault::at(at.line, "an alias names an anchor that stands nowhere above it"));
        };
        let Some(&size) = self.sizes.get(&target) else {
            return Err(Fault::at(at.line, "an alias stands inside the value that it names"));
        };
        self.push(Kind::Alias(index(target)), at, (0, None), position, 0, String::new())?;
        self.repeat(size);
        self.total = self.total.saturating_add(size);
        if self.total > EXPANSION {
            return Err(Fault::at(at.line, format!("its aliases repeat more than {EXPANSION} values")));
        }
        Ok(())
    }

    pub(super) fn finish(self, source: &str, skipped: usize) -> Result<Tree<'_>, Fault> {
        let Self { nodes, roots, reading, aliases, .. } = self;
        let tree = Tree { source, skipped, nodes, roots, reading, aliases, lines: OnceCell::new(), places: OnceCell::new() };
        tree.check_tabs()?;
        Ok(tree)
    }

    fn push(&mut self, kind: Kind, at: At, of: Properties<'_>, position: u32, properties: u64, text: String) -> Result<usize, Fault> {
        let node = self.nodes.len();
        if node == NODES {
            return Err(Fault::at(at.line, format!("it holds more than {NODES} values")));
        }
        if self.open.is_empty() {
            self.roots.push(node);
        }
        let tag = match of.1 {
            None => Tag::None,
            Some(("tag:yaml.org,2002:", "str") | ("", "!")) => Tag::Text,
            Some(_) => Tag::Other,
        };
        let next = index(node + 1);
        self.nodes.push(Node { kind, tag, next, line: at.line, column: at.column, position, properties, text });
        Ok(node)
    }

    fn anchored(&mut self, node: usize, anchor: usize, size: u64) {
        if anchor != 0 {
            self.anchors.insert(anchor, node);
            self.sizes.insert(node, size);
        }
    }

    fn repeat(&mut self, values: u64) {
        if let Some(repeated) = self.repeated.last_mut() {
            *repeated = repeated.saturating_add(values);
        }
    }

    /// A key that stands twice in one mapping means one thing to one reader and another to the next.
    fn check_keys(&self, mapping: usize) -> Result<(), Fault> {
        let end = self.nodes[mapping].next as usize;
        let mut few: [&str; 16] = [""; 16];
        let mut count = 0;
        let mut many: BTreeSet<&str> = BTreeSet::new();
        let mut at = mapping + 1;
        while at < end {
            let key = &self.nodes[at];
            at = self.nodes[key.next as usize].next as usize;
            if !matches!(key.kind, Kind::Scalar(_)) {
                continue;
            }
            let text = key.text.as_str();
            if few[..count.min(16)].contains(&text) || (count >= 16 && !many.insert(text)) {
                return Err(Fault::at(key.line, format!("the key `{}` stands twice in one mapping", shown(text))));
            }
            if count < 16 {
                few[count] = text;
            }
            count += 1;
        }
        Ok(())
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

fn index(node: usize) -> u32 {
    u32::try_from(node).expect("there are far fewer nodes")
}
