//! Places that hold an image.

use serde::Serialize;

/// The kind of a place that holds an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
