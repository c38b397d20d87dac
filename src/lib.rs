//! Tagalong keeps the image tags in a GitOps repository up to date.

pub mod cli;
pub mod config;
pub mod git;
pub mod image;
pub mod manifest;
pub mod net;
pub mod plan;
pub mod policy;
pub mod registry;
pub mod service;
pub mod store;
