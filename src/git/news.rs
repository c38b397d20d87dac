//! What happened to a repository beside what was asked of it.

use std::fmt;

use super::{text, tree::CommitId};

/// Something that a person may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The mirror could not be read.
    Damaged {
        /// The repository.
        repository: String,
        /// What was wrong.
        reason: String,
    },
    /// The branch no longer holds the commit where it was seen last.
    Rewritten {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
        /// Where it stood.
        from: CommitId,
        /// Where it stands.
        to: CommitId,
    },
    /// What the remote had to say about a push that it took.
    Said {
        /// The repository.
        repository: String,
        /// Its words, one line.
        words: String,
    },
    /// The mirror consisted of many pieces.
    Grown {
        /// The repository.
        repository: String,
    },
}

impl News {
    pub(super) fn damaged(repository: &str, reason: &str) -> Self {
        Self::Damaged { repository: repository.to_owned(), reason: text::one_line(reason.as_bytes(), None) }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { repository, reason } => write!(f, "the mirror of `{repository}` was damaged and is cloned again: {reason}"),
            Self::Rewritten { repository, branch, from, to } => {
                let (from, to) = (from.to_string(), to.to_string());
                write!(f, "`{branch}` of `{repository}` was rewritten: it stands on {}, without {}", &to[..7], &from[..7])
            }
            Self::Said { repository, words } => write!(f, "`{repository}` says: {words}"),
            Self::Grown { repository } => write!(f, "the mirror of `{repository}` had grown into many pieces and was cloned anew"),
        }
    }
}
