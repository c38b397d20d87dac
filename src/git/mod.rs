//! From a plan to a pushed commit.
//!
//! [`Source`] is the way in: a mirror of a remote, a bare repository, or a work tree, each read as a list of files and written as one change.
#![expect(clippy::disallowed_methods, reason = "edge: repositories, mirrors and work trees are files")]

mod bare;
mod commit;
mod contact;
mod error;
mod location;
mod mirror;
pub mod options;
mod push;
mod remote;
pub mod source;
mod text;
mod tree;
mod trouble;
mod worktree;

pub use commit::{NewCommit, Signature};
pub use error::{ReadError, WriteError};
pub use location::{Location, LocationError};
pub use remote::{Credentials, Plaintext, RemoteUrl, Scheme, UrlError, UrlFault};
pub use source::{Access, Source, Write, Written};
pub use tree::{BlobId, CommitId, Content, File, Mode, Tip, Unlisted};
pub use trouble::{Doing, RemoteError, Trouble};
