//! Whether what stands in Git is what is left when a person takes a version back.

use std::cmp::Ordering;

use super::{
    annotation::Policy,
    decision::RolledBack,
    select::{Key, Selector},
};
use crate::image::{Digest, Tag};

/// What stands, or stood, at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    /// The tag.
    pub tag: Option<Tag>,
    /// The digest.
    pub digest: Option<Digest>,
}

/// Whether what stands is below the tag that was `written`: by the policy's order, and where that does not tell, it is what had been `replaced`.
pub fn is_below(policy: &Policy, stands: &Value, replaced: &Value, written: &Tag) -> bool {
    let selector = Selector::new(policy, stands.tag.as_ref());
    let Ok(key) = selector.judge_by_pattern(written.as_str()) else { return false };
    match selector.beside_current(&key) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Less) => false,
        Some(Ordering::Equal) | None => stands == replaced,
    }
}

/// Who took this version back: it, or by the policy's order one at or above it.
pub(super) fn taken_back<'a>(
    selector: &Selector<'a>,
    rolled_back: &'a [RolledBack],
    (tag, key): (&str, &Key<'_>),
    digest: Option<&Digest>,
) -> Option<&'a RolledBack> {
    rolled_back.iter().find(|one| {
        let same = || one.digest.as_ref().is_none_or(|taken| Some(taken) == digest);
        match selector.judge_by_pattern(one.tag.as_str()) {
            Ok(above) if !matches!(above, Key::BuildTime | Key::Only) && one.tag.as_str() != tag => selector.order(key, &above).is_le(),
            _ => one.tag.as_str() == tag && same(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{annotation::Origin, keys::Keys, pattern::Pattern};

    fn value(text: &str) -> Value {
        let (tag, digest) = text.split_once('@').map_or((text, None), |(tag, digest)| (tag, Some(digest)));
        let digest = digest.map(|digit| Digest::parse(&format!("sha256:{}", digit.repeat(64))).expect("a digest"));
        Value { tag: Some(tag).filter(|tag| *tag != "-").map(|tag| Tag::parse(tag).expect("a tag")), digest }
    }

    #[test]
    fn the_order_tells_and_where_there_is_none_what_was_replaced() {
        for (word, pattern, stands, replaced, written, below) in [
            ("lower", "semver:*", "1.0.0", "1.0.0", "1.1.0", true),
            ("lower than what was replaced", "semver:*", "0.9.0", "1.0.0", "1.1.0", true),
            ("between", "semver:*", "1.0.5", "1.0.0", "1.1.0", true),
            ("the same", "semver:*", "1.1.0", "1.0.0", "1.1.0", false),
            ("higher", "semver:*", "1.2.0", "1.0.0", "1.1.0", false),
            ("no longer in the range", "semver:~1.0", "1.0.0", "1.0.0", "1.1.0", false),
            ("the same tag with the old digest", "semver:*", "1.1.0@1", "1.1.0@1", "1.1.0", true),
            ("the same tag with another digest", "semver:*", "1.1.0@3", "1.1.0@1", "1.1.0", false),
            ("a number", "regexp:^b(?P<number>[0-9]+)$", "b9", "b9", "b10", true),
            ("by build time what was replaced", "glob:*", "a", "a", "b", true),
            ("by build time something else", "glob:*", "0", "a", "b", false),
            ("no tag before and after", "semver:*", "-", "-", "7.4", true),
            ("what cannot be compared", "semver:*", "main", "1.0.0", "1.1.0", false),
            ("a moving tag", "digest:stable", "stable@1", "stable@1", "stable", true),
        ] {
            let policy = Policy { pattern: Pattern::parse(pattern).expect("a pattern"), keys: Keys::default(), origin: Origin::Written };
            let written = Tag::parse(written).expect("a tag");
            assert_eq!(is_below(&policy, &value(stands), &value(replaced), &written), below, "{word}");
        }
    }
}
