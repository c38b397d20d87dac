//! When time alone may change a decision.

use jiff::{SignedDuration, Timestamp};

use super::Question;
use crate::policy::record::{AHEAD, Metadata, TagRecord};

/// The next moment from which the same question, asked again, may be answered otherwise; `None` where it never is.
///
/// # Shape
/// Never too late, and at times too early: the age of a tag counts that another rule rejects.
pub fn next_moment(question: &Question<'_>) -> Option<Timestamp> {
    let min_age = question.policy.keys.min_age;
    question.records.iter().flat_map(|record| moments(record, min_age)).filter(|at| *at > question.now).min()
}

/// When a build time that lies ahead can be believed, and when the tag reaches the age, whatever its age counts from.
fn moments(record: &TagRecord, min_age: Option<SignedDuration>) -> impl Iterator<Item = Timestamp> {
    let platforms = if let Metadata::Image(facts) = &record.metadata { facts.platforms.as_slice() } else { &[] };
    let built = || platforms.iter().filter_map(|platform| platform.created);
    let believed = built().filter_map(|built| built.checked_sub(AHEAD).ok());
    let seen = record.first_seen.as_ref().map(|seen| seen.at);
    let aged = min_age.into_iter().flat_map(move |age| seen.into_iter().chain(built()).filter_map(move |from| from.checked_add(age).ok()));
    believed.chain(aged)
}
