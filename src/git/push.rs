//! Moving a branch of a remote: by fast-forward, or one of our own by a lease.

use std::cell::{Cell, RefCell};

use git2::{ErrorCode, Oid, PushOptions, Repository};

use super::{
    contact::{Contact, Talk},
    error::{Noticed, WriteError},
    text,
    trouble::{Doing, Trouble},
};

/// What hooks say at most, in bytes.
const LONGEST: usize = 64 * 1024;

/// One branch to move to a new commit.
pub(super) struct Push<'a> {
    pub repository: &'a Repository,
    pub contact: &'a Contact,
    pub branch: &'a str,
    pub lease: Lease,
    pub to: Oid,
}

/// Where a branch must stand to be moved, and how.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lease {
    /// It grows from this commit.
    Grown(Oid),
    /// It holds our commits alone and is rebuilt, whatever stood there; zero is none.
    Rebuilt(Oid),
}

impl Lease {
    fn from(self) -> Oid {
        match self {
            Self::Grown(from) | Self::Rebuilt(from) => from,
        }
    }
}

/// What was heard during one push.
#[derive(Default)]
struct Heard {
    /// What the remote has on the branch, where it is not what was read.
    other_tip: Cell<Option<Oid>>,
    /// The remote's word on our branch.
    verdict: RefCell<Verdict>,
    /// What hooks printed.
    words: RefCell<Vec<u8>>,
}

/// What a remote says about one branch.
#[derive(Default)]
enum Verdict {
    #[default]
    Nothing,
    Accepted,
    Refused(String),
}

impl Push<'_> {
    /// Sends the commit and moves the branch; what the remote had to say comes back, one line.
    pub fn send(&self) -> Result<String, WriteError> {
        let (heard, talk) = (Heard::default(), Talk::default());
        let outcome = self.contact.converse(&talk, || self.converse(&heard, &talk));
        self.judged(outcome, &heard, &talk)?;
        Ok(text::one_line(&heard.words.borrow(), self.contact.secret().as_ref()))
    }

    /// What came of a conversation.
    fn judged(&self, outcome: Result<(), git2::Error>, heard: &Heard, talk: &Talk) -> Result<(), WriteError> {
        match heard.other_tip.get() {
            Some(none) if none.is_zero() => return self.unless_it_stands_or_moved(self.refused("the remote hides the branch from pushes", heard)),
            Some(_) => return Err(self.moved(Noticed::Before)),
            None => {}
        }
        // `push` is fine with a branch that the remote refused to move: only its word on the branch counts.
        match (outcome, heard.verdict.take()) {
            (Ok(()), Verdict::Accepted) => Ok(()),
            (Ok(()), Verdict::Refused(status)) => self.unless_it_stands_or_moved(self.refused(&status, heard)),
            (Ok(()), Verdict::Nothing) => self.unless_it_stands_or_moved(self.silent()),
            (Err(error), _) if error.code() == ErrorCode::NotFastForward => Err(self.moved(Noticed::Before)),
            (Err(error), _) if error.message().starts_with("unpacking the sent packfile failed") => {
                self.unless_it_stands_or_moved(self.refused("the remote could not store what was sent", heard))
            }
            (Err(error), _) => {
                let failure = self.contact.failure(Doing::Push, &error, talk);
                if failure.trouble.leaves_doubt() { self.unless_it_stands_or_moved(failure.into()) } else { Err(failure.into()) }
            }
        }
    }

    fn converse<'a>(&'a self, heard: &'a Heard, talk: &'a Talk) -> Result<(), git2::Error> {
        let name = self.name();
        let mut callbacks = self.contact.callbacks(talk);
        callbacks.push_negotiation(|updates| {
            // `src` is what the remote has now.
            heard.other_tip.set(updates.iter().map(git2::PushUpdate::src).find(|&tip| tip != self.lease.from()));
            if heard.other_tip.get().is_some() { Err(git2::Error::from_str("moved")) } else { Ok(()) }
        });
        callbacks.push_update_reference(|reference, status| {
            if reference == self.name() {
                heard.verdict.replace(status.map_or(Verdict::Accepted, |status| Verdict::Refused(status.to_owned())));
            }
            Ok(())
        });
        callbacks.sideband_progress(|bytes| {
            let mut words = heard.words.borrow_mut();
            let room = LONGEST - words.len();
            words.extend_from_slice(&bytes[..bytes.len().min(room)]);
            true
        });
        let mut options = PushOptions::new();
        options.remote_callbacks(callbacks);
        let mut remote = self.repository.remote_anonymous(self.contact.url.as_str())?;
        // A remote takes the old commit along with the new one, and moves the branch only from there.
        let force = if matches!(self.lease, Lease::Rebuilt(_)) { "+" } else { "" };
        remote.push(&[format!("{force}{}:{name}", self.to)], Some(&mut options))
    }

    /// Asks the remote what stands on the branch: our commit (all is well), another one (it moved), or the old one (`failure` is right).
    fn unless_it_stands_or_moved(&self, failure: WriteError) -> Result<(), WriteError> {
        let Ok(heads) = self.contact.heads(self.repository) else { return Err(failure) };
        let tip = heads.iter().find(|head| head.name == self.name()).map(|head| head.id);
        match tip.unwrap_or(Oid::ZERO_SHA1) {
            tip if tip == self.to => Ok(()),
            tip if tip == self.lease.from() => Err(failure),
            _ => Err(self.moved(Noticed::After)),
        }
    }

    fn name(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    fn moved(&self, noticed: Noticed) -> WriteError {
        WriteError::Moved { repository: self.contact.url.to_string(), branch: self.branch.to_owned(), noticed }
    }

    fn refused(&self, status: &str, heard: &Heard) -> WriteError {
        let secret = self.contact.secret();
        let (status, words) = (text::one_line(status.as_bytes(), secret.as_ref()), text::one_line(&heard.words.borrow(), secret.as_ref()));
        let is_locked = is_locked(&status, &words);
        let message = if words.is_empty() { status } else { format!("{words} ({status})") };
        if is_locked {
            return WriteError::Locked { repository: self.contact.url.to_string(), reason: message };
        }
        WriteError::Refused { repository: self.contact.url.to_string(), branch: self.branch.to_owned(), message }
    }

    fn silent(&self) -> WriteError {
        self.contact.error(Doing::Push, Trouble::Other("it did not say what became of the branch".to_owned())).into()
    }
}

/// Whether another push held the branch at this moment, or left its lock behind: nobody refused anything.
fn is_locked(status: &str, words: &str) -> bool {
    let is_of_reference = ["failed to update ref", "failed to lock", "cannot lock ref"].iter().any(|part| status.contains(part));
    is_of_reference && (words.is_empty() || words.contains("File exists") || words.contains("but expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_no_refusal() {
        for (word, status, words, locked) in [
            ("another push", "failed to update ref", "error: cannot lock ref 'refs/heads/main': Unable to create '/x/main.lock': File exists.", true),
            ("another push was faster", "failed to update ref", "error: cannot lock ref 'refs/heads/main': is at 3f2a1b9 but expected 9c1d2e0", true),
            ("no words", "failed to update ref", "", true),
            ("a full disk", "failed to update ref", "error: unable to write: No space left on device", false),
            ("no permission", "failed to update ref", "error: Unable to create '/x/main.lock': Permission denied", false),
            ("a hook", "pre-receive hook declined", "cannot lock ref: File exists", false),
            ("a protected branch", "protected branch hook declined", "", false),
        ] {
            assert_eq!(is_locked(status, words), locked, "{word}");
        }
    }
}
