//! Which image each comment policy is about.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    File, LoosePlace, Node, Place, Site,
    place::{Apart, ImageField, Part, Parts, Reader},
    shape::Path,
    workload::is_encrypted,
    yaml::{self, Comment, Fault, Kind, Style, Tree, comments},
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
    let lines: Vec<&str> = yaml::lines(text).collect();
    let around = Around { objects, documents: tree.roots().iter().map(|root| (*root, is_encrypted(tree, *root))).collect() };
    let mut owners = Owners::of(tree, file);
    for (alone, policy) in found {
        let scalars = if alone { values.below(tree, &lines, policy.line) } else { values.on(policy.line) };
        owners.give(tree, policy, &scalars, &around);
    }
    let fresh = owners.fresh;
    file.places.extend(fresh);
    Ok(())
}

/// What a file's values stand in, in the order of the file.
struct Around<'a> {
    /// The nodes of each workload.
    objects: &'a [Range<usize>],
    /// The root of each document, and whether it is encrypted.
    documents: Vec<(usize, bool)>,
}

/// A scalar that is no key.
struct Value {
    /// The line that a comment about it stands on.
    line: u32,
    node: usize,
    /// From the document's top.
    path: Path,
}

/// The scalars of a file that are no keys, and the elements of its lists.
struct Values {
    scalars: Vec<Value>,
    /// The first element that begins on each line.
    items: BTreeMap<u32, usize>,
}

impl Values {
    fn of(tree: &Tree<'_>) -> Self {
        let mut values = Self { scalars: vec![], items: BTreeMap::new() };
        let mut open: Vec<(usize, Option<u32>, Path)> = tree.roots().iter().rev().map(|root| (*root, None, Path::default())).collect();
        while let Some((node, key, path)) = open.pop() {
            let is_alias = tree.target(node) != node;
            match tree.kind(node) {
                // A block scalar begins below its key, which is where a comment can stand.
                Kind::Scalar(Style::Literal | Style::Folded) if !is_alias => {
                    values.scalars.push(Value { line: key.unwrap_or(tree.line(node)), node, path });
                }
                Kind::Scalar(_) => values.scalars.push(Value { line: tree.line(node), node, path }),
                _ if is_alias => {}
                _ => {
                    let entries = tree.own_entries(node).map(|(key, value)| {
                        let name = tree.scalar(key).map(|(name, _)| name).unwrap_or_default();
                        (value, Some(tree.line(key)), path.with_key(name))
                    });
                    let items = tree.items(node).enumerate().map(|(index, item)| (item, None, path.with_index(index)));
                    let below: Vec<_> = entries.chain(items).collect();
                    if tree.kind(node) == Kind::Sequence {
                        for (item, ..) in &below {
                            values.items.entry(tree.line(*item)).or_insert(*item);
                        }
                    }
                    open.extend(below.into_iter().rev());
                }
            }
        }
        values.scalars.sort_by_key(|value| (value.line, value.node));
        values
    }

    fn on(&self, line: u32) -> Vec<&Value> {
        let start = self.scalars.partition_point(|value| value.line < line);
        self.scalars[start..].iter().take_while(|value| value.line == line).collect()
    }

    /// The scalars of the list element on the next line that is no comment and not empty.
    fn below(&self, tree: &Tree<'_>, lines: &[&str], line: u32) -> Vec<&Value> {
        let rest = lines.iter().skip(line as usize).zip(line + 1..);
        let next = rest.map(|(text, line)| (text.trim_start(), line)).find(|(text, _)| !text.is_empty() && !text.starts_with('#'));
        let Some((line, item)) = next.and_then(|(_, line)| self.items.get_key_value(&line)) else {
            return vec![];
        };
        let inside = tree.inside(*item);
        let start = self.scalars.partition_point(|value| value.line < *line);
        self.scalars[start..].iter().take_while(|value| value.node < inside.end).filter(|value| inside.contains(&value.node)).collect()
    }
}

/// The images of a file, by where their scalars begin.
struct Owners<'f> {
    images: Vec<(&'f ImageField, &'f mut Option<Box<CommentPolicy>>)>,
    by_start: BTreeMap<usize, Vec<usize>>,
    /// The nodes of each entry of `images`: its `name` is about its image, too, and never an image itself.
    entries: Vec<(Range<usize>, usize)>,
    /// Places that only comments make ones.
    fresh: Vec<LoosePlace>,
    fresh_by_start: BTreeMap<usize, usize>,
}

impl<'f> Owners<'f> {
    fn of(tree: &Tree<'_>, file: &'f mut File) -> Self {
        let images: Vec<_> = file.images_mut().collect();
        let mut by_start: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, (image, _)) in images.iter().enumerate() {
            for start in starts(image) {
                by_start.entry(start).or_default().push(at);
            }
        }
        let entries = images.iter().enumerate().filter_map(|(at, (image, _))| Some((entry(image)?.position(), at)));
        let entries: BTreeMap<u32, usize> = entries.collect();
        let nodes = if entries.is_empty() { 0..0 } else { 0..tree.len() };
        let entries = nodes.filter_map(|node| Some((tree.inside(node), *entries.get(&tree.place_in_reading(node).0)?))).collect();
        Self { images, by_start, entries, fresh: vec![], fresh_by_start: BTreeMap::new() }
    }

    /// The images that a scalar belongs to.
    fn owners(&self, tree: &Tree<'_>, node: usize) -> Vec<usize> {
        let by_start = tree.span(node).ok().and_then(|span| self.by_start.get(&span.start));
        let before = self.entries.partition_point(|(inside, _)| inside.start <= node);
        let entry = self.entries[..before].last().filter(|(inside, _)| inside.contains(&node));
        by_start.map_or_else(|| entry.iter().map(|(_, at)| *at).collect(), Clone::clone)
    }

    /// Gives a policy to the one image that these scalars belong to.
    fn give(&mut self, tree: &Tree<'_>, policy: CommentPolicy, scalars: &[&Value], around: &Around<'_>) {
        let found: BTreeSet<usize> = scalars.iter().filter_map(|value| tree.span(value.node).ok()).map(|span| span.start).collect();
        let owners: BTreeSet<usize> = scalars.iter().flat_map(|value| self.owners(tree, value.node)).collect();
        // Images of the same scalars are one.
        let images: BTreeSet<Result<usize, usize>> = owners.iter().map(|at| starts(self.images[*at].0).next().ok_or(*at)).collect();
        match (scalars, images.len()) {
            // A comment above something that is no list element is a remark.
            ([], _) => {}
            ([_], 1..) | (_, 1) => owners.into_iter().for_each(|at| put(self.images[at].1, &policy)),
            ([value], 0) => {
                if let Some(at) = found.first().and_then(|start| self.fresh_by_start.get(start)) {
                    put(&mut self.fresh[*at].policy, &policy);
                    return;
                }
                self.fresh_by_start.extend(found.first().map(|start| (*start, self.fresh.len())));
                self.fresh.push(loose(tree, value, policy, around));
            }
            ([first, ..], _) => {
                let mut place = loose(tree, first, policy, around);
                let reason = "its comment stands beside several values: give each a line of its own".to_owned();
                place.image = ImageField::Unsupported { line: place.line, reason };
                self.fresh.push(place);
            }
        }
    }
}

/// Where the scalars of an image begin.
fn starts(image: &ImageField) -> impl Iterator<Item = usize> {
    image.parts().into_iter().flat_map(Parts::sites).map(|site| site.scalar.span().start)
}

/// The entry of `images` that holds an image.
fn entry(image: &ImageField) -> Option<Node> {
    match image.parts()? {
        Parts::Apart(apart) => match apart.reader {
            Reader::Kustomize(entry) => Some(entry),
            _ => None,
        },
        Parts::Whole(_) => None,
    }
}

fn put(slot: &mut Option<Box<CommentPolicy>>, policy: &CommentPolicy) {
    match slot {
        Some(first) => first.again = Some(policy.line),
        None => *slot = Some(Box::new(policy.clone())),
    }
}

/// A place that only its comment makes one.
fn loose(tree: &Tree<'_>, Value { node, path, .. }: &Value, policy: CommentPolicy, around: &Around<'_>) -> LoosePlace {
    let node = *node;
    let line = tree.line(tree.target(node));
    let image = match Site::at(tree, node, Place::Comment) {
        Ok(site) => image(site, policy.image()).unwrap_or_else(|reason| ImageField::Unsupported { line, reason }),
        Err(reason) => ImageField::Unsupported { line, reason },
    };
    let workload = around.objects.partition_point(|object| object.end <= node);
    let workload = around.objects.get(workload).filter(|object| object.contains(&node)).and_then(|_| u32::try_from(workload).ok());
    let document = around.documents.partition_point(|(root, _)| *root <= node);
    let encrypted = document > 0 && around.documents[document - 1].1;
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
        let apart = Apart { registry: None, name: None, tag, digest, known: Some(name.to_owned()), reader: Reader::ChartAsItIs };
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

#[cfg(test)]
mod tests;
