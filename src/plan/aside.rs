//! A push branch on which somebody else works: what they wrote is theirs.

use std::collections::BTreeMap;

use super::subject::{Held, Subject, Subjects};
use crate::{
    image::{Name, Reference},
    policy::{Code, rollback::Value},
};

/// The branches, by their names.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// The one that takes the commits.
    pub push: &'a str,
    /// The one that is read.
    pub read: &'a str,
}

/// What holds an update: the places, in the list of subjects, at which the push branch has a value that is neither that of the branch below nor `ours`.
pub fn theirs(push: &Subjects, read: &Subjects, sides: Sides<'_>, ours: impl Fn(&Name, &Value) -> bool) -> Vec<(usize, Held)> {
    let below: BTreeMap<_, &Subject> = read.list.iter().map(|subject| (key(subject), subject)).collect();
    let mut held = Vec::new();
    for (at, subject) in push.list.iter().enumerate() {
        let (Some(here), Some(there)) = (&subject.reference, below.get(&key(subject)).and_then(|subject| subject.reference.as_ref())) else {
            continue;
        };
        let value = value(here);
        if value == self::value(there) || ours(&here.name, &value) {
            continue;
        }
        let Sides { push, read } = sides;
        let reason = format!("somebody else has put {} there on `{push}`; `{read}` has {}", version(here), version(there));
        let hint = format!("merge or delete `{push}`, or put there what `{read}` has");
        held.push((at, Held::new(Code::ConflictingPlace, reason).hint(hint)));
    }
    held
}

fn key(subject: &Subject) -> (&str, &str, &str) {
    (&subject.root, &subject.workload, &subject.container)
}

fn value(reference: &Reference) -> Value {
    Value { tag: reference.tag.clone(), digest: reference.digest.clone() }
}

fn version(reference: &Reference) -> String {
    match (&reference.tag, &reference.digest) {
        (Some(tag), _) => tag.to_string(),
        (None, Some(digest)) => digest.to_string(),
        (None, None) => "no tag".to_owned(),
    }
}
