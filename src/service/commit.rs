//! The one place where commits are worded and given their author.

use super::{Clock, Unit};
use crate::{
    git::{NewCommit, Signature},
    plan::{
        message::{self, Ci, Person, Style, Update},
        release::Released,
    },
};

/// What a commit is about.
#[derive(Clone, Debug)]
pub enum Words {
    /// What a person asked for: the subject, and a line for each change.
    ByHand {
        /// The subject.
        subject: String,
        /// The lines.
        lines: Vec<String>,
    },
    /// What a person released.
    Release {
        /// The images.
        list: Vec<Released>,
        /// Who wants it.
        by: Person,
        /// Why.
        why: Option<String>,
    },
    /// What policies updated.
    Updates(Vec<Update>),
}

impl Unit {
    /// The commit that says so.
    pub(super) fn commit(&self, words: &Words, clock: &Clock) -> NewCommit {
        let settings = &self.repository.commit;
        let own = || Person { name: settings.name.clone(), email: Some(settings.email.clone()) };
        let style = Style {
            repository: self.repository.name.clone(),
            templates: settings.templates.clone(),
            ci: if settings.ci_skip { Ci::Skip } else { Ci::Run },
            co_authors: settings.co_authors.clone(),
            sign_off: settings.sign_off.then(own),
        };
        let message = match words {
            Words::ByHand { subject, lines } => message::by_hand(subject, lines, &style),
            Words::Release { list, by, why } => message::release(list, by, why.as_deref(), &style),
            Words::Updates(updates) => message::message(updates, &style),
        };
        let signature = Signature { name: settings.name.clone(), email: settings.email.clone(), time: clock.now() };
        NewCommit { message, signature, signer: self.signer.clone() }
    }
}
