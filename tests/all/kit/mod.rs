//! What tests stand on: real servers on free loopback ports, temporary folders, a cleared environment.

pub mod git;
pub mod git_server;
pub mod source;
