//! Places that hold an image.

use std::{borrow::Cow, ops::Range};

use serde::{Deserialize, Serialize};

use super::yaml::{Reading, Style, Tag, Tree, reading::share};

/// The kind of a place that holds an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// A container's `image` in a workload's own manifest.
    Container,
    /// An entry of a kustomization's `images`.
    KustomizeImage,
    /// A patch of a kustomization.
    KustomizePatch,
    /// The patch file of a `.flux.yaml`.
    FluxPatch,
    /// A value of a Helm release or a values file.
    HelmValue,
    /// An `OCIRepository`.
    OciRepository,
    /// A scalar with a comment policy.
    Comment,
    /// A service of a compose file.
    Compose,
    /// A custom resource.
    Custom,
    /// A scalar with an image policy marker.
    Marker,
}

impl Place {
    /// Its name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::KustomizeImage => "kustomizeImage",
            Self::KustomizePatch => "kustomizePatch",
            Self::FluxPatch => "fluxPatch",
            Self::HelmValue => "helmValue",
            Self::OciRepository => "ociRepository",
            Self::Comment => "comment",
            Self::Compose => "compose",
            Self::Custom => "custom",
            Self::Marker => "marker",
        }
    }
}

/// A scalar that holds an image, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// What kind of place it is.
    pub place: Place,
    /// Its line, from 1.
    pub line: u32,
    /// Its value, without the line break at the end of a block scalar.
    pub text: String,
    /// Where and how it is written.
    pub scalar: Scalar,
}

/// Where and how a scalar is written, and what the whole file was read as.
///
/// # Shape
/// Belongs to the very bytes that were read; equal spans in one file are one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scalar {
    start: u32,
    end: u32,
    places: u32,
    pub(super) position: u32,
    /// Line breaks that end a block scalar's value.
    breaks: u32,
    pub(super) style: Style,
    properties: u64,
    pub(super) reading: Reading,
    /// The block scalar that it is a part of.
    pub(super) within: Option<Box<Within>>,
}

/// A block scalar of which a part is a scalar of its own: a patch inside a kustomization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Within {
    /// Where it begins in the file.
    pub(super) start: u32,
    /// Its decoded value.
    pub(super) text: String,
    /// Where the part begins and ends in that value.
    pub(super) from: u32,
    pub(super) to: u32,
    /// How the part is written.
    pub(super) style: Style,
}

impl Scalar {
    /// The bytes of the scalar as written, quotes included; of a block scalar its one line.
    pub fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// In how many places of the document this scalar is read: its own and those that aliases and merge keys give it.
    ///
    /// # Shape
    /// A value that an own key hides is not read there, nor is a template: a key like `x-common` at the top of an object.
    pub fn feeds(&self) -> u32 {
        self.places
    }

    /// How the scalar itself is written.
    pub(super) fn own_style(&self) -> Style {
        self.within.as_ref().map_or(self.style, |within| within.style)
    }

    /// The scalar's share in the reading of its file, were it written so.
    pub(super) fn share(&self, style: Style, text: &str) -> u64 {
        share(self.position, style, self.properties, &self.whole(text))
    }

    /// The decoded value of which `text` is all but the line breaks at its end.
    pub(super) fn whole<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.breaks {
            0 => Cow::Borrowed(text),
            breaks => Cow::Owned(format!("{text}{}", "\n".repeat(breaks as usize))),
        }
    }
}

impl Site {
    /// The place of a scalar that one edit can change.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn at(tree: &Tree<'_>, node: usize, place: Place) -> Result<Self, String> {
        let (text, style) = tree.scalar(node).ok_or("it is no text")?;
        if tree.tag(node) == Tag::Other {
            return Err("it has a YAML tag of its own".to_owned());
        }
        let span = tree.span(node)?;
        let value = match style {
            Style::Literal | Style::Folded => text.trim_end_matches('\n'),
            _ => text,
        };
        let number = |at: usize| u32::try_from(at).map_err(|_| "it stands too far down in the file");
        let (position, properties) = tree.place_in_reading(node);
        let scalar = Scalar {
            start: number(span.start)?,
            end: number(span.end)?,
            places: tree.places(node),
            position,
            breaks: number(text.len() - value.len())?,
            style,
            properties,
            reading: tree.reading(),
            within: None,
        };
        Ok(Self { place, line: tree.line(tree.target(node)), text: value.to_owned(), scalar })
    }

    /// The place, in the file, of a scalar that was read in the text of a block scalar.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn within(&self, tree: &Tree<'_>, node: usize) -> Result<Self, String> {
        let Some((text, Style::Literal)) = tree.scalar(node) else {
            return Err("it stands in a text that is not written as it is read".to_owned());
        };
        if matches!(self.scalar.style, Style::Literal | Style::Folded) {
            return Err("it is a text inside a text".to_owned());
        }
        let span = self.scalar.span();
        let line = tree.line(tree.target(node)) + u32::try_from(text[..span.start].matches('\n').count()).unwrap_or(u32::MAX);
        let before = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let start = tree.start_of_text(node, line) + span.start - before;
        let end = start + span.len();
        let number = |at: usize| u32::try_from(at).map_err(|_| "it stands too far down in the file");
        let (position, properties) = tree.place_in_reading(node);
        if tree.bytes(start..end) != Some(&text[span.clone()]) {
            return Err("its text is not found in the file".to_owned());
        }
        let within = Within {
            start: number(tree.start_of_text(node, tree.line(tree.target(node))))?,
            text: text.to_owned(),
            from: number(span.start)?,
            to: number(span.end)?,
            style: self.scalar.style,
        };
        let scalar = Scalar {
            start: number(start)?,
            end: number(end)?,
            position,
            style: Style::Literal,
            properties,
            reading: tree.reading(),
            within: Some(Box::new(within)),
            ..self.scalar.clone()
        };
        Ok(Self { line, scalar, ..self.clone() })
    }
}
