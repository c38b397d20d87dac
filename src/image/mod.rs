//! What an image is called: references, names, tags, digests, platforms and versions.

mod digest;
mod name;
mod platform;
mod reference;
mod tag;
pub mod version;

pub use digest::Digest;
pub use name::{Name, Repository};
pub use platform::Platform;
pub use reference::{Reference, ReferenceError};
pub use tag::Tag;
