//! Whether a version that a person asks for goes against the policy, as far as names and Git tell.

use super::{
    annotation::{Origin, Policy},
    decision::RolledBack,
    keys::Downgrade,
    rollback::{Value, taken_back},
    select::Selector,
};

/// What the policy has against this version at a place, as a clause; `None` where it has nothing.
///
/// # Shape
/// `glob:*` that stands in for a pattern has nothing against any tag. What only a registry tells (age, platforms, build times) is not asked.
pub fn against(policy: &Policy, stands: &Value, wanted: &Value, rolled_back: &[RolledBack]) -> Option<String> {
    let tag = wanted.tag.as_ref()?;
    let selector = Selector::new(policy, stands.tag.as_ref());
    let key = match selector.judge(tag.as_str()) {
        Ok(key) => key,
        Err(_) if policy.origin == Origin::Default => return None,
        Err(rejected) => return Some(format!("{tag} does not fit the policy {}: {}", policy.pattern, rejected.reason)),
    };
    if let Some(current) = &stands.tag
        && policy.keys.downgrade != Downgrade::Allow
        && selector.beside_current(&key).is_some_and(std::cmp::Ordering::is_lt)
    {
        return Some(format!("{tag} is below {current}"));
    }
    let rolled_back = taken_back(&selector, rolled_back, (tag.as_str(), &key), wanted.digest.as_ref())?;
    Some(format!("{} was rolled back by {}", rolled_back.tag, rolled_back.commit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        image::Tag,
        policy::{keys::Keys, pattern::Pattern},
    };

    fn value(tag: &str) -> Value {
        Value { tag: Some(tag).filter(|tag| *tag != "-").map(|tag| Tag::parse(tag).expect("a tag")), digest: None }
    }

    #[test]
    fn what_a_policy_has_against_a_version_is_told() {
        let written = |pattern: &str, keys: &[(&str, &str)]| {
            let mut read = Keys::default();
            for (key, value) in keys {
                read.set(key, value).expect("a key");
            }
            Policy { pattern: Pattern::parse(pattern).expect("a pattern"), keys: read, origin: Origin::Written }
        };
        let unwritten = Policy { pattern: Pattern::any(), keys: Keys::default(), origin: Origin::Default };
        let rolled_back = [RolledBack { tag: Tag::parse("1.3.0").expect("a tag"), digest: None, commit: "3f2a1b9 'Back'".to_owned() }];
        for (word, policy, stands, wanted, told) in [
            ("the next one", written("semver:~1", &[]), "1.0.0", "1.4.0", None),
            ("outside the range", written("semver:~1", &[]), "1.0.0", "2.0.0", Some("2.0.0 does not fit the policy semver:~1: outside ~1")),
            ("excluded", written("semver:~1", &[("exclude", "1.4*")]), "1.0.0", "1.4.0", Some("1.4.0 does not fit the policy semver:~1: excluded")),
            ("a step back", written("semver:~1", &[]), "1.5.0", "1.4.0", Some("1.4.0 is below 1.5.0")),
            ("a step back that is allowed", written("semver:~1", &[("downgrade", "allow")]), "1.5.0", "1.4.0", None),
            ("taken back", written("semver:~1", &[]), "1.0.0", "1.3.0", Some("1.3.0 was rolled back by 3f2a1b9 'Back'")),
            ("below what was taken back", written("semver:~1", &[]), "1.0.0", "1.2.0", Some("1.3.0 was rolled back by 3f2a1b9 'Back'")),
            ("another branch", written("glob:main-*", &[]), "main-1", "dev-1", Some("dev-1 does not fit the policy glob:main-*: does not match")),
            ("an older build, for all that names tell", written("glob:main-*", &[]), "main-2", "main-1", None),
            ("no pattern is written", unwritten.clone(), "2.0.0", "latest", None),
            ("no tag stands there", written("semver:~1", &[]), "-", "1.4.0", None),
        ] {
            assert_eq!(against(&policy, &value(stands), &value(wanted), &rolled_back).as_deref(), told, "{word}");
        }
    }
}
