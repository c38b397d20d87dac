//! Where images stand in YAML, and how one is changed byte for byte.

mod comment;
mod compose;
mod custom;
mod file;
mod helm;
pub mod ignore;
pub mod inspect;
pub mod kustomize;
mod node;
mod oci;
mod place;
mod scope;
mod screen;
mod shape;
mod site;
pub mod splice;
mod workload;
mod yaml;

pub use compose::as_label;
pub use file::{File, FluxYaml, Generation, Unreadable, UnreadableKind, read};
pub use node::Node;
pub use place::{Apart, ImageField, ImagePlace, LoosePlace, Part, Parts, Reader};
pub use scope::{Named, Scope, read_screened};
pub use screen::{Charts, Concern, concerns, is_kustomization};
pub use site::{Place, Scalar, Site};
pub use workload::{Container, KindPaths, Role, Workload, WorkloadId};
