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
        };
        Ok(Self { place, line: tree.line(tree.target(node)), text: value.to_owned(), scalar })
    }
}
