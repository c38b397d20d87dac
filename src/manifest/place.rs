//! An image as one file holds it: in one scalar, in a part of one, or in several.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{
    Node, Place, Site, Workload,
    splice::{Change, Edit},
    yaml::Tree,
};
use crate::{
    image::{Name, Reference},
    policy::{annotation::Annotation, comment::CommentPolicy},
};

/// An image, where one can be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageField {
    /// No image is written.
    #[default]
    Absent,
    /// Scalars that can be edited.
    Written(Parts),
    /// Something that cannot be edited.
    Unsupported {
        /// Its line, from 1.
        line: u32,
        /// Why, as a clause about the image.
        reason: String,
    },
}

/// The scalars that an image is written in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parts {
    /// One holds the whole reference.
    Whole(Part),
    /// Several hold its parts.
    Apart(Box<Apart>),
}

/// A scalar, or a range of its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The scalar.
    pub site: Site,
    /// The bytes of its text that count.
    start: u32,
    end: u32,
}

/// An image whose parts stand in several scalars, or not all of them here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// The registry's host.
    pub registry: Option<Part>,
    /// The name, below the registry where that stands apart; the tag may stand behind it.
    pub name: Option<Part>,
    /// The tag, or tag and digest.
    pub tag: Option<Part>,
    /// The digest.
    pub digest: Option<Part>,
    /// The name, where it is known, but no scalar of this place holds it.
    pub known: Option<String>,
    /// Where a part that is missing can be written, and how.
    pub reader: Reader,
}

/// Who reads the parts of an image that stand apart, and so under which keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reader {
    /// A chart's templates, of a mapping with `repository` and `tag`: they put a colon before the tag, and most know no key for a digest.
    Chart(Node),
    /// The same, where nothing can be added: beside a name that may hold all of it, or far from it.
    ChartAsItIs,
    /// kustomize, of an entry of `images`: `newName`, `newTag` and `digest`.
    Kustomize(Node),
    /// Flux, of the `spec` of an `OCIRepository`: `tag` and `digest` in `ref`.
    Flux(Node),
}

impl Reader {
    /// The mapping that keys can be added to.
    fn mapping(&self) -> Option<&Node> {
        match self {
            Self::Chart(mapping) | Self::Kustomize(mapping) | Self::Flux(mapping) => Some(mapping),
            Self::ChartAsItIs => None,
        }
    }
}

/// An image outside workloads: in a values file, a compose file, a kustomization, or under a comment policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoosePlace {
    /// What kind of place it is.
    pub place: Place,
    /// The service's or entry's name, or the dotted path from the document's top.
    pub alias: String,
    /// The line on which it begins, from 1.
    pub line: u32,
    /// The image.
    pub image: ImageField,
    /// The comment policy on it.
    pub policy: Option<Box<CommentPolicy>>,
    /// What a compose service's labels say, each as the annotation of the same meaning.
    pub annotations: Vec<Annotation>,
    /// The workload that it stands in, where it does: its index in the file.
    pub workload: Option<u32>,
    /// Whether it stands in an encrypted document.
    pub encrypted: bool,
}

/// Any place of a file that holds an image.
#[derive(Clone, Copy, Debug)]
pub struct ImagePlace<'f> {
    /// What kind of place it is.
    pub place: Place,
    /// The container's, service's or entry's name, or a dotted path.
    pub alias: &'f str,
    /// The line on which it begins, from 1.
    pub line: u32,
    /// The workload whose container it is.
    pub workload: Option<&'f Workload>,
    /// The image.
    pub image: &'f ImageField,
    /// The comment policy on it.
    pub policy: Option<&'f CommentPolicy>,
    /// What a compose service's labels say, each as the annotation of the same meaning.
    pub annotations: &'f [Annotation],
    /// Whether it is never edited.
    pub encrypted: bool,
}

impl ImageField {
    /// The scalars, where there are some that can be edited.
    pub fn parts(&self) -> Option<&Parts> {
        match self {
            Self::Written(parts) => Some(parts),
            _ => None,
        }
    }

    /// The same as it stands in the file, of an image that was read in the text of a scalar.
    ///
    /// # Shape
    /// What would need a key of its own cannot be written there.
    pub(super) fn within(&self, tree: &Tree<'_>, node: usize) -> Self {
        let top = tree.line(tree.target(node));
        match self {
            Self::Absent => Self::Absent,
            Self::Unsupported { line, reason } => Self::Unsupported { line: top + line - 1, reason: reason.clone() },
            Self::Written(parts) => match parts.within(tree, node) {
                Ok(parts) => Self::Written(parts),
                Err(reason) => Self::Unsupported { line: top + parts.line() - 1, reason },
            },
        }
    }

    /// The line of what is written or stands in the way.
    pub fn line(&self) -> Option<u32> {
        match self {
            Self::Absent => None,
            Self::Written(parts) => Some(parts.line()),
            Self::Unsupported { line, .. } => Some(*line),
        }
    }
}

impl Part {
    /// A whole scalar.
    pub fn whole(site: Site) -> Self {
        let end = site.text.len();
        Self::inside(site, 0..end)
    }

    /// A range of a scalar's text.
    pub(super) fn inside(site: Site, range: Range<usize>) -> Self {
        let byte = |at: usize| u32::try_from(at).expect("a file has at most 8 MiB");
        Self { start: byte(range.start), end: byte(range.end), site }
    }

    /// The text that counts.
    pub fn text(&self) -> &str {
        &self.site.text[self.start as usize..self.end as usize]
    }

    fn within(&self, tree: &Tree<'_>, node: usize) -> Result<Self, String> {
        Ok(Self { site: self.site.within(tree, node)?, ..self.clone() })
    }

    /// The change that puts another text in its place; `None` where it stands there already.
    pub(super) fn write(&self, to: &str) -> Option<Change> {
        let (before, after) = (&self.site.text[..self.start as usize], &self.site.text[self.end as usize..]);
        (to != self.text()).then(|| Change::Replace(Edit { site: self.site.clone(), to: format!("{before}{to}{after}") }))
    }
}

impl Parts {
    fn within(&self, tree: &Tree<'_>, node: usize) -> Result<Self, String> {
        let apart = match self {
            Self::Whole(part) => return Ok(Self::Whole(part.within(tree, node)?)),
            Self::Apart(apart) => apart,
        };
        let part = |part: &Option<Part>| part.as_ref().map(|part| part.within(tree, node)).transpose();
        if apart.tag.is_none() && !apart.name.as_ref().is_some_and(|name| has_version(name.text())) {
            return Err("no tag is written there, and none can be added inside a text".to_owned());
        }
        Ok(Self::Apart(Box::new(Apart {
            registry: part(&apart.registry)?,
            name: part(&apart.name)?,
            tag: part(&apart.tag)?,
            digest: part(&apart.digest)?,
            known: apart.known.clone(),
            reader: Reader::ChartAsItIs,
        })))
    }

    /// Every scalar, in a fixed order.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        let parts = match self {
            Self::Whole(part) => [Some(part), None, None, None],
            Self::Apart(apart) => [apart.name.as_ref(), apart.tag.as_ref(), apart.digest.as_ref(), apart.registry.as_ref()],
        };
        parts.into_iter().flatten().map(|part| &part.site)
    }

    /// The line on which a version stands, or the mapping that can take one.
    pub fn line(&self) -> u32 {
        let apart = |apart: &Apart| {
            let written = |part: &&Part| !part.text().is_empty();
            let version = apart.tag.as_ref().filter(written).or(apart.digest.as_ref().filter(written));
            let part = version.or(apart.tag.as_ref()).or(apart.name.as_ref());
            part.map_or_else(|| apart.reader.mapping().map_or(1, |mapping| mapping.line), |part| part.site.line)
        };
        match self {
            Self::Whole(part) => part.site.line,
            Self::Apart(parts) => apart(parts),
        }
    }

    /// Whether no scalar of it holds a name, nor is one known.
    pub fn names_nothing(&self) -> bool {
        matches!(self, Self::Apart(apart) if apart.text(None).is_none())
    }

    /// What stands there; `name` is used where none is written.
    ///
    /// # Errors
    /// Why it is no reference, as a clause.
    pub fn reference(&self, name: Option<&Name>) -> Result<Reference, String> {
        let text = match self {
            Self::Whole(part) => part.text().to_owned(),
            Self::Apart(apart) => apart.text(name).ok_or("no repository is written beside the tag")?,
        };
        Reference::parse(&text).map_err(|error| error.to_string())
    }

    /// The changes after which the place holds `to`; none where it does already.
    ///
    /// # Shape
    /// The spelling of a name that stays is not touched.
    ///
    /// # Errors
    /// Why the place cannot hold it, as a clause.
    pub fn write(&self, to: &Reference) -> Result<Vec<Change>, String> {
        match self {
            Self::Whole(part) => Ok(part.write(&to.to_string()).into_iter().collect()),
            Self::Apart(apart) => apart.write(to),
        }
    }
}

impl Apart {
    /// The reference as one text, `None` without a name.
    fn text(&self, name: Option<&Name>) -> Option<String> {
        let written = |part: &Option<Part>| part.as_ref().map(Part::text).filter(|text| !text.is_empty()).map(str::to_owned);
        let name = written(&self.name).or_else(|| self.known.clone()).or_else(|| name.map(ToString::to_string))?;
        let mut text = match written(&self.registry) {
            Some(registry) => format!("{}/{name}", registry.trim_end_matches('/')),
            None => name,
        };
        let tag = written(&self.tag);
        if let Some(tag) = &tag {
            text.truncate(end_of_name(&text));
            text = format!("{text}{}{tag}", if tag.starts_with('@') || tag.starts_with("sha256:") { "" } else { ":" });
        }
        if let Some(digest) = written(&self.digest) {
            text.truncate(text.find('@').unwrap_or(text.len()));
            text = format!("{text}@{digest}");
        }
        Some(text)
    }

    fn write(&self, to: &Reference) -> Result<Vec<Change>, String> {
        let own = self.text(Some(&to.name)).map(|text| text[..end_of_name(&text)].to_owned()).unwrap_or_default();
        let name = (own != to.name.as_str()).then_some(&to.name);
        let tag = to.tag.as_ref().map(ToString::to_string);
        let digest = to.digest.as_ref().map(ToString::to_string);
        match self.reader {
            Reader::Chart(mapping) => self.write_for_a_chart(name, tag, digest, Some(mapping)),
            Reader::ChartAsItIs => self.write_for_a_chart(name, tag, digest, None),
            Reader::Kustomize(entry) => {
                let mut changes = match (name, &self.name) {
                    (None, _) => vec![],
                    (Some(name), None) => vec![set(entry, &["newName"], name.to_string(), "name")],
                    (Some(_), Some(_)) => self.rename(name)?,
                };
                let is_versioned = tag.is_some() || digest.is_some();
                changes.extend(keyed(self.tag.as_ref(), tag, entry, &["newTag"], if self.name.is_some() { "newName" } else { "name" }));
                changes.extend(keyed(self.digest.as_ref(), digest, entry, &["digest"], "newTag"));
                // A suffix counts only where no tag is written: without this it would come back when the tag goes.
                if !is_versioned && !changes.is_empty() {
                    changes.push(Change::Remove { mapping: entry, keys: vec!["tagSuffix".to_owned()] });
                }
                Ok(changes)
            }
            Reader::Flux(spec) => {
                let mut changes = self.rename(name)?;
                changes.extend(keyed(self.tag.as_ref(), tag, spec, &["ref", "tag"], "url"));
                changes.extend(keyed(self.digest.as_ref(), digest, spec, &["ref", "digest"], "tag"));
                Ok(changes)
            }
        }
    }

    fn write_for_a_chart(
        &self,
        name: Option<&Name>,
        tag: Option<String>,
        digest: Option<String>,
        mapping: Option<Node>,
    ) -> Result<Vec<Change>, String> {
        let mut changes = vec![];
        let mut version = tag;
        match (&self.digest, digest) {
            (Some(part), digest) => changes.extend(part.write(digest.as_deref().unwrap_or_default())),
            (None, Some(digest)) => version = Some(format!("{}@{digest}", version.ok_or("a chart wants a tag beside the digest")?)),
            (None, None) => {}
        }
        let version = version.unwrap_or_default();
        let tag = self.tag.as_ref().filter(|tag| !tag.text().is_empty() || !self.name.as_ref().is_some_and(|name| has_version(name.text())));
        match (tag, &self.name, mapping) {
            (Some(tag), ..) => {
                changes.extend(self.rename(name)?);
                changes.extend(tag.write(&version));
            }
            // Behind the name, where a tag stands already or one scalar may hold all.
            (None, Some(part), mapping) if mapping.is_none() || has_version(part.text()) => {
                let spelled = match name {
                    Some(name) => {
                        let (registry, path) = self.below_registry(name);
                        changes.extend(registry.and_then(|registry| self.registry.as_ref()?.write(&registry)));
                        path
                    }
                    None => part.text()[..end_of_name(part.text())].to_owned(),
                };
                changes.extend(part.write(&if version.is_empty() { spelled } else { format!("{spelled}:{version}") }));
            }
            (None, _, Some(mapping)) => {
                changes.extend(self.rename(name)?);
                changes.extend((!version.is_empty()).then(|| set(mapping, &["tag"], version, "repository")));
            }
            (None, None, None) => return Err("no tag is written there".to_owned()),
            (None, Some(_), None) => unreachable!("a name without a mapping is written behind"),
        }
        Ok(changes)
    }

    /// The changes that write another name, none without one.
    fn rename(&self, name: Option<&Name>) -> Result<Vec<Change>, String> {
        let Some(name) = name else {
            return Ok(vec![]);
        };
        let part = self.name.as_ref().ok_or("its name is written elsewhere")?;
        let (registry, path) = self.below_registry(name);
        Ok(registry.and_then(|registry| self.registry.as_ref()?.write(&registry)).into_iter().chain(part.write(&path)).collect())
    }

    /// A name as another registry, where it is one, and what stands below it.
    fn below_registry(&self, name: &Name) -> (Option<String>, String) {
        let Some(registry) = self.registry.as_ref().map(|part| part.text().trim_end_matches('/')).filter(|text| !text.is_empty()) else {
            return (None, name.to_string());
        };
        if let Some(path) = name.as_str().strip_prefix(registry).and_then(|rest| rest.strip_prefix('/')) {
            return (None, path.to_owned());
        }
        let repository = name.repository();
        (Some(repository.registry.into()), repository.path.into())
    }
}

/// The change of a part that stands under a key of its own, or does not.
fn keyed(part: Option<&Part>, to: Option<String>, mapping: Node, keys: &[&str], after: &str) -> Option<Change> {
    match (part, to) {
        (Some(part), Some(to)) => part.write(&to),
        (Some(part), None) if part.text().is_empty() => None,
        (Some(_), None) => Some(Change::Remove { mapping, keys: keys.iter().map(|key| (*key).to_owned()).collect() }),
        (None, Some(to)) => Some(set(mapping, keys, to, after)),
        (None, None) => None,
    }
}

fn set(mapping: Node, keys: &[&str], value: String, after: &str) -> Change {
    Change::Set { mapping, keys: keys.iter().map(|key| (*key).to_owned()).collect(), value, after: Some(after.to_owned()) }
}

/// Where the name of a reference ends: before its tag and digest.
pub(super) fn end_of_name(text: &str) -> usize {
    let end = text.find('@').unwrap_or(text.len());
    let last = text[..end].rfind('/').map_or(0, |at| at + 1);
    text[last..end].find(':').map_or(end, |colon| last + colon)
}

fn has_version(text: &str) -> bool {
    end_of_name(text) < text.len()
}

#[cfg(test)]
pub(super) mod tests;
