//! Where images stand in YAML, and how one is changed byte for byte.

mod file;
pub mod ignore;
pub mod kustomize;
mod node;
mod scope;
mod screen;
mod site;
pub mod splice;
mod workload;
mod yaml;

pub use file::{File, FluxYaml, Generation, Unreadable, UnreadableKind, read};
pub use node::Node;
pub use scope::{Scope, read_screened};
pub use screen::{Charts, Concern, concerns, is_kustomization};
pub use site::{Place, Scalar, Site};
pub use workload::{Container, ImageField, KindPaths, Role, Workload, WorkloadId};
