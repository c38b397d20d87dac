//! From a plan to a pushed commit.
//!
//! [`Source`] is the way in: a mirror of a remote, a bare repository, or a work tree, each read as a list of files and written as one change.
#![expect(clippy::disallowed_methods, reason = "edge: repositories, mirrors and work trees are files")]

mod access;
mod along;
pub mod app;
mod aside;
mod authority;
mod bare;
mod commit;
mod contact;
mod error;
mod folder;
pub mod history;
mod http;
mod location;
mod mirror;
mod news;
pub mod options;
mod person;
mod push;
mod remote;
mod sign;
pub mod source;
mod ssh;
mod text;
mod tree;
mod trouble;
mod worktree;

pub use access::{Access, AccessError, Examined, examine, signer, variable};
pub use app::{App, AppFault, AppKeyError, AppTrouble};
pub use aside::{Aside, Branches};
pub use authority::{Authority, AuthorityError, Trust};
pub use commit::{NewCommit, NewStep, Signature};
pub use error::{Noticed, ReadError, WriteError};
pub use history::History;
pub use http::HttpAccess;
pub use location::{Location, LocationError};
pub use news::News;
pub use person::{user_email, user_name};
pub use remote::{Credentials, Plaintext, RemoteUrl, Scheme, UrlError, UrlFault};
pub use sign::{Signer, SignerError};
pub use source::{Source, Write, Written};
pub use ssh::{
    Exposure, HostKeyFault, HostKeyReason, Identity, IdentityError, KeyContent, KeyError, KnownHosts, Offered, PrivateKey, ShownIdentity, ShownKey,
    SshAccess, identity,
};
pub use tree::{BlobId, CommitId, Content, File, Mode, Tip, Unlisted};
pub use trouble::{Doing, RemoteError, Trouble};
pub use worktree::{Standing, standing};
