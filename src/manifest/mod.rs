//! Where images stand in YAML, and how one is changed byte for byte.

mod site;

pub use site::Place;
