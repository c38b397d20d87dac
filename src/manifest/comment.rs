//! Which image each comment policy is about.

use std::{collections::BTreeSet, ops::Range};

use super::{
    File, LoosePlace, Place, Site,
    place::{Apart, ImageField, Part, Parts, Reader},
    shape::{Path, Step},
    yaml::{Comment, Fault, Kind, Style, Tree, comments},
};
use crate::{
    image::{Digest, Reference, Tag},
    policy::comment::CommentPolicy,
};

/// Gives each comment policy of a file to the image that it is about, which becomes a place of its own where it is none yet.
///
/// # Errors
/// The comments of the text cannot be read.
pub(super) fn attach(tree: &Tree<'_>, text: &str, objects: &[Range<usize>], file: &mut File) -> Result<(), Fault> {
    if !text.contains("tagalong:") {
        return Ok(());
    }
    let policy = |comment: Comment| Some((comment.alone, CommentPolicy::find(&comment.text, comment.line)?));
    let found: Vec<(bool, CommentPolicy)> = comments(text)?.into_iter().filter_map(policy).collect();
    if found.is_empty() {
        return Ok(());
    }
    let values = Values::of(tree);
    for (alone, policy) in found {
        let nodes = if alone { values.below(tree, text, policy.line) } else { values.on(policy.line) };
        values.give(tree, policy, &nodes, objects, file);
    }
    Ok(())
}

/// The scalars of a file that are no keys, and the elements of its lists, by line.
struct Values {
    /// Line, node, and path from the document's top.
    scalars: Vec<(u32, usize, Path)>,
    items: Vec<(u32, usize)>,
}

impl Values {
    fn of(tree: &Tree<'_>) -> Self {
        let mut values = Self { scalars: vec![], items: vec![] };
        let mut open: Vec<(usize, Option<u32>, Path)> = tree.roots().iter().rev().map(|root| (*root, None, Path::default())).collect();
        while let Some((node, key, path)) = open.pop() {
            if tree.target(node) != node || matches!(tree.kind(node), Kind::Scalar(_)) {
                // A block scalar begins below its key, which is where a comment can stand.
                let is_block = tree.target(node) == node && matches!(tree.kind(node), Kind::Scalar(Style::Literal | Style::Folded));
                let line = if is_block { key.unwrap_or(tree.line(node)) } else { tree.line(node) };
                if matches!(tree.kind(node), Kind::Scalar(_)) {
                    values.scalars.push((line, node, path));
                }
                continue;
            }
            let mut below = vec![];
            for (key, value) in tree.own_entries(node) {
                let name = tree.scalar(key).map(|(name, _)| name).unwrap_or_default();
                below.push((value, Some(tree.line(key)), path.with_key(name)));
            }
            if tree.kind(node) == Kind::Sequence {
                for (index, item) in tree.items(node).enumerate() {
                    values.items.push((tree.line(item), item));
                    let mut path = path.clone();
                    path.0.push(Step::Index(index));
                    below.push((item, None, path));
                }
            }
            open.extend(below.into_iter().rev());
        }
        values
    }

    fn on(&self, line: u32) -> Vec<usize> {
        (0..self.scalars.len()).filter(|at| self.scalars[*at].0 == line).collect()
    }

    /// The scalars of the list element on the next line that is no comment and not empty.
    fn below(&self, tree: &Tree<'_>, text: &str, line: u32) -> Vec<usize> {
        let rest = text.lines().skip(line as usize).zip(line + 1..);
        let next = rest.map(|(text, line)| (text.trim_start(), line)).find(|(text, _)| !text.is_empty() && !text.starts_with('#'));
        let Some(item) = next.and_then(|(_, line)| self.items.iter().find(|(at, _)| *at == line)) else {
            return vec![];
        };
        let inside = tree.inside(item.1);
        (0..self.scalars.len()).filter(|at| inside.contains(&self.scalars[*at].1)).collect()
    }

    fn give(&self, tree: &Tree<'_>, policy: CommentPolicy, nodes: &[usize], objects: &[Range<usize>], file: &mut File) {
        // A comment above something that is no list element is a remark.
        if nodes.is_empty() {
            return;
        }
        let spans: BTreeSet<usize> = nodes.iter().filter_map(|at| tree.span(self.scalars[*at].1).ok()).map(|span| span.start).collect();
        let mut owners = file.images_mut().filter(|(image, _)| holds(image, &spans)).collect::<Vec<_>>();
        let firsts: BTreeSet<usize> =
            owners.iter().filter_map(|(image, _)| image.parts()?.sites().next()).map(|site| site.scalar.span().start).collect();
        match (firsts.len(), nodes) {
            (1, _) => {
                for (_, owner) in &mut owners {
                    match owner {
                        Some(first) => first.again = Some(policy.line),
                        None => **owner = Some(Box::new(policy.clone())),
                    }
                }
            }
            (0, [at]) => {
                let (_, node, path) = &self.scalars[*at];
                let place = loose(tree, *node, path, policy, objects);
                file.places.push(place);
            }
            _ => {
                let (_, node, path) = &self.scalars[nodes[0]];
                let mut place = loose(tree, *node, path, policy, objects);
                let reason = "its comment stands beside several values: give each a line of its own".to_owned();
                place.image = ImageField::Unsupported { line: place.line, reason };
                file.places.push(place);
            }
        }
    }
}

fn holds(image: &ImageField, spans: &BTreeSet<usize>) -> bool {
    image.parts().is_some_and(|parts| parts.sites().any(|site| spans.contains(&site.scalar.span().start)))
}

/// A place that only its comment makes one.
fn loose(tree: &Tree<'_>, node: usize, path: &Path, policy: CommentPolicy, objects: &[Range<usize>]) -> LoosePlace {
    let line = tree.line(tree.target(node));
    let image = match Site::at(tree, node, Place::Comment) {
        Ok(site) => image(site, policy.image()).unwrap_or_else(|reason| ImageField::Unsupported { line, reason }),
        Err(reason) => ImageField::Unsupported { line, reason },
    };
    let workload = objects.iter().position(|object| object.contains(&node)).and_then(|at| u32::try_from(at).ok());
    let document = tree.roots().iter().rev().find(|root| **root <= node);
    let encrypted = document.is_some_and(|root| super::workload::is_encrypted(tree, *root));
    LoosePlace {
        place: Place::Comment,
        alias: path.to_string(),
        line,
        image,
        policy: Some(Box::new(policy)),
        annotations: vec![],
        workload,
        encrypted,
    }
}

/// The image in a text: a tag or digest where its name is known, else all of it, else the one reference that is a part of it.
fn image(site: Site, name: Option<&str>) -> Result<ImageField, String> {
    if let (Some(name), true) = (name, is_version(&site.text)) {
        let part = Some(Part::whole(site));
        let is_digest = part.as_ref().is_some_and(|part| part.text().starts_with("sha256:"));
        let (tag, digest) = if is_digest { (None, part) } else { (part, None) };
        let apart = Apart { tag, digest, known: Some(name.to_owned()), reader: Reader::Chart, ..Apart::default() };
        return Ok(ImageField::Written(Parts::Apart(Box::new(apart))));
    }
    if Reference::parse(&site.text).is_ok_and(|reference| is_worth(&reference) || site.text.contains('/')) {
        return Ok(ImageField::Written(Parts::Whole(Part::whole(site))));
    }
    let mut found = references(&site.text);
    match (found.next(), found.next()) {
        (Some(range), None) => {
            drop(found);
            Ok(ImageField::Written(Parts::Whole(Part::inside(site, range))))
        }
        (Some(_), Some(_)) => Err("it holds several references".to_owned()),
        (None, _) if is_version(&site.text) => Err("it holds no name: write `image=` into the comment".to_owned()),
        (None, _) => Err("it holds no reference with a tag or digest".to_owned()),
    }
}

/// Whether a text is a tag, a digest, both or nothing.
fn is_version(text: &str) -> bool {
    let is_digest = |text: &str| Digest::parse(text).is_ok();
    match text.split_once('@') {
        Some((tag, digest)) => Tag::parse(tag).is_ok() && is_digest(digest),
        None => text.is_empty() || Tag::parse(text).is_ok() || is_digest(text),
    }
}

fn is_worth(reference: &Reference) -> bool {
    reference.tag.is_some() || reference.digest.is_some()
}

/// Where references with a tag or digest stand in a text, between characters that none of them has.
fn references(text: &str) -> impl Iterator<Item = Range<usize>> {
    let foreign = |character: char| !(character.is_ascii_alphanumeric() || "._-/:@[]".contains(character));
    let mut at = 0;
    let words = text.split(foreign).map(move |word| {
        let start = at;
        at += word.len();
        // The next word begins behind the foreign character, whatever its length.
        at += text[at..].chars().next().map_or(0, char::len_utf8);
        (start, word)
    });
    words.filter_map(|(start, word)| {
        let scheme = word.find("://").map_or(0, |at| at + 3);
        let reference = Reference::parse(&word[scheme..]).ok().filter(is_worth)?;
        drop(reference);
        Some(start + scheme..start + word.len())
    })
}
