//! The screen and the JSON of `policy test`.

use serde::{Serialize, Serializer};

use super::{Width, count, explain::tags};
use crate::{
    plan::{report::Candidate, safe},
    policy::TagCode,
};

/// What a pattern makes of some tags.
///
/// # Shape
/// JSON: `pattern`, `current`, `chosen`, `matching` (tags, the best first) and `rejected` (`tag`, `code`, `reason`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyTest {
    /// The pattern as it was given.
    pub pattern: String,
    /// The current tag, where one was given.
    pub current: Option<String>,
    /// Every tag, the best first.
    pub candidates: Vec<Candidate>,
}

#[derive(Serialize)]
struct View<'a> {
    pattern: &'a str,
    current: Option<&'a str>,
    chosen: Option<&'a str>,
    matching: Vec<&'a str>,
    rejected: Vec<Rejected<'a>>,
}

#[derive(Serialize)]
struct Rejected<'a> {
    tag: &'a str,
    code: TagCode,
    reason: &'a str,
}

impl PolicyTest {
    /// The tag that wins.
    pub fn chosen(&self) -> Option<&str> {
        self.candidates.iter().find(|candidate| candidate.code == TagCode::Chosen).map(|candidate| candidate.tag.as_str())
    }

    /// The tags that could win, the best first.
    pub fn matching(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(|candidate| matches(candidate))
    }

    /// The tags that could not.
    pub fn rejected(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(|candidate| !matches(candidate))
    }
}

fn matches(candidate: &Candidate) -> bool {
    matches!(candidate.code, TagCode::Chosen | TagCode::Outranked)
}

impl Serialize for PolicyTest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rejected = self.rejected().map(|Candidate { tag, code, reason, .. }| Rejected { tag, code: *code, reason });
        View {
            pattern: &self.pattern,
            current: self.current.as_deref(),
            chosen: self.chosen(),
            matching: self.matching().map(|candidate| candidate.tag.as_str()).collect(),
            rejected: rejected.collect(),
        }
        .serialize(serializer)
    }
}

/// What `policy test` prints: the chosen tag first, then those that it outranks, then those that do not match.
pub fn policy_test(test: &PolicyTest, width: Width) -> String {
    let current = test.current.as_deref().map_or_else(String::new, |current| format!("   current {}", safe::line(current)));
    let ordered: Vec<&Candidate> = test.matching().chain(test.rejected()).collect();
    let rows = tags(&ordered, test.current.as_deref(), width);
    let matching = test.matching().count();
    let tags = count(test.candidates.len(), "tag");
    let verdict = match test.chosen() {
        Some(chosen) => format!("{} is chosen; {matching} of {tags} can win", safe::line(chosen)),
        None if test.candidates.is_empty() => "no tag was given".to_owned(),
        None => format!("nothing is chosen; {matching} of {tags} can win"),
    };
    format!("{}{current}\n\n{rows}{}{verdict}\n", safe::line(&test.pattern), if rows.is_empty() { "" } else { "\n" })
}
