//! Annotations as a person wants them: which keys are set and which go.

use super::{Annotation, FILTER, FLUX, LEGACY, OWN, Quoting};

/// What a person wants of a workload's annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It takes part.
    Automate,
    /// It takes no part.
    Deautomate,
    /// Nobody may touch it.
    Lock {
        /// Why.
        message: Option<String>,
        /// Who says so.
        user: Option<String>,
    },
    /// It may be touched again.
    Unlock,
    /// Its containers follow these policies.
    Policy {
        /// Containers with their patterns.
        patterns: Vec<(String, String)>,
        /// Containers that lose their patterns.
        removed: Vec<String>,
        /// Own keys (`min-age`, `min-age.app`) with their values; an empty value takes the key away.
        keys: Vec<(String, String)>,
    },
}

/// One annotation that is to be otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, with its prefix.
    pub key: String,
    /// What stands there.
    pub from: Option<String>,
    /// What is to stand there, nothing where it is to go.
    pub to: Option<String>,
}

impl Wish {
    /// What has to change for a workload with these annotations and containers.
    ///
    /// # Shape
    /// A word that stands there is changed where it counts, under the strongest of its keys; a new one gets `fluxcd.io/`. What goes
    /// goes under all of its keys.
    pub fn entries(&self, annotations: &[Annotation], containers: &[&str]) -> Vec<Entry> {
        let mut entries = Entries { annotations, found: vec![] };
        match self {
            Self::Automate => entries.set(&words(&[OWN, FLUX, LEGACY], "automated"), 1, "true"),
            Self::Deautomate => {
                entries.remove(&words(&[OWN, FLUX, LEGACY], "automated"));
                let own = |annotation: &&Annotation| annotation.key.starts_with(&format!("{OWN}automated.")) && annotation.value != "false";
                entries.remove(&annotations.iter().filter(own).map(|annotation| annotation.key.clone()).collect::<Vec<_>>());
            }
            Self::Lock { message, user } => {
                entries.set(&words(&[FLUX, LEGACY], "locked"), 0, "true");
                for (word, text) in [("locked_msg", message), ("locked_user", user)] {
                    match text {
                        Some(text) => entries.set(&words(&[FLUX, LEGACY], word), 0, text),
                        None => entries.remove(&words(&[FLUX, LEGACY], word)),
                    }
                }
            }
            Self::Unlock => ["locked", "locked_msg", "locked_user"].iter().for_each(|word| entries.remove(&words(&[FLUX, LEGACY], word))),
            Self::Policy { patterns, removed, keys } => {
                let is_only = |container: &str| containers == [container];
                for container in removed {
                    entries.remove(&patterns_of(container, is_only(container)));
                }
                for (container, pattern) in patterns {
                    let keys = patterns_of(container, is_only(container));
                    entries.set(&keys, keys.len() - 3, pattern);
                }
                for (key, value) in keys {
                    let key = format!("{OWN}{key}");
                    if value.is_empty() { entries.remove(&[key]) } else { entries.set(&[key], 0, value) }
                }
            }
        }
        entries.found
    }
}

fn words(prefixes: &[&str], word: &str) -> Vec<String> {
    prefixes.iter().map(|prefix| format!("{prefix}{word}")).collect()
}

/// The keys of a container's pattern, the strongest first.
fn patterns_of(container: &str, is_only: bool) -> Vec<String> {
    let own = [format!("{OWN}tag.{container}"), format!("{OWN}tag")];
    let flux = [format!("{FLUX}tag.{container}"), format!("{FILTER}{container}"), format!("{LEGACY}tag.{container}")];
    own.into_iter().take(if is_only { 2 } else { 1 }).chain(flux).collect()
}

struct Entries<'a> {
    annotations: &'a [Annotation],
    found: Vec<Entry>,
}

impl Entries<'_> {
    /// Sets the strongest key that stands there, or the one at `new`.
    fn set(&mut self, keys: &[String], new: usize, value: &str) {
        let standing = keys.iter().find_map(|key| self.annotations.iter().find(|annotation| annotation.key == *key));
        if standing.is_some_and(|annotation| annotation.value == value && annotation.quoting == Quoting::Text) {
            return;
        }
        let key = standing.map_or_else(|| keys[new].clone(), |annotation| annotation.key.clone());
        self.found.push(Entry { key, from: standing.map(|annotation| annotation.value.clone()), to: Some(value.to_owned()) });
    }

    fn remove(&mut self, keys: &[String]) {
        let standing = self.annotations.iter().filter(|annotation| keys.contains(&annotation.key));
        self.found.extend(standing.map(|annotation| Entry { key: annotation.key.clone(), from: Some(annotation.value.clone()), to: None }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(wish: &Wish, annotations: &[(&str, &str)], containers: &[&str]) -> Vec<String> {
        let annotation =
            |(key, value): &(&str, &str)| Annotation { key: (*key).to_owned(), value: (*value).to_owned(), line: 1, quoting: Quoting::Text };
        let annotations: Vec<Annotation> = annotations.iter().map(annotation).collect();
        let shown = |entry: Entry| match entry.to {
            Some(to) => format!("{}={to}", entry.key),
            None => format!("-{}", entry.key),
        };
        wish.entries(&annotations, containers).into_iter().map(shown).collect()
    }

    #[test]
    fn a_word_is_changed_where_it_counts() {
        let lock = Wish::Lock { message: Some("audit".to_owned()), user: None };
        for (word, wish, annotations, wanted) in [
            ("new", Wish::Automate, &[][..], &["fluxcd.io/automated=true"][..]),
            ("there", Wish::Automate, &[("fluxcd.io/automated", "true")], &[]),
            ("legacy", Wish::Automate, &[("flux.weave.works/automated", "false")], &["flux.weave.works/automated=true"]),
            (
                "weaker one says so",
                Wish::Automate,
                &[("fluxcd.io/automated", "no"), ("flux.weave.works/automated", "true")],
                &["fluxcd.io/automated=true"],
            ),
            ("ours", Wish::Automate, &[("fluxcd.io/automated", "true"), ("tagalong.dev/automated", "false")], &["tagalong.dev/automated=true"]),
            (
                "all go",
                Wish::Deautomate,
                &[("flux.weave.works/automated", "true"), ("fluxcd.io/automated", "true"), ("fluxcd.io/tag.a", "x")],
                &["-flux.weave.works/automated", "-fluxcd.io/automated"],
            ),
            (
                "own containers go, opted out ones stay",
                Wish::Deautomate,
                &[("tagalong.dev/automated.a", "true"), ("tagalong.dev/automated.b", "false")],
                &["-tagalong.dev/automated.a"],
            ),
            ("lock", lock.clone(), &[], &["fluxcd.io/locked=true", "fluxcd.io/locked_msg=audit"]),
            (
                "somebody else's lock",
                lock,
                &[("flux.weave.works/locked", "true"), ("fluxcd.io/locked_user", "ana"), ("fluxcd.io/locked_msg", "audit")],
                &["-fluxcd.io/locked_user"],
            ),
            ("not locked", Wish::Unlock, &[("fluxcd.io/automated", "true")], &[]),
            (
                "unlock",
                Wish::Unlock,
                &[("flux.weave.works/locked_msg", "x"), ("fluxcd.io/locked", "true")],
                &["-fluxcd.io/locked", "-flux.weave.works/locked_msg"],
            ),
        ] {
            assert_eq!(entries(&wish, annotations, &["a", "b"]), wanted, "{word}");
        }
    }

    #[test]
    fn a_pattern_goes_to_the_key_that_wins() {
        let set = |pattern: &str| Wish::Policy { patterns: vec![("a".to_owned(), pattern.to_owned())], removed: vec![], keys: vec![] };
        let remove = Wish::Policy { patterns: vec![], removed: vec!["a".to_owned()], keys: vec![] };
        let keys = [("min-age", "48h"), ("match.a", "^v"), ("exclude", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let keys = Wish::Policy { patterns: vec![], removed: vec![], keys: keys.to_vec() };
        for (word, wish, annotations, containers, wanted) in [
            ("new", set("x=y,z"), &[][..], &["a", "b"][..], &["fluxcd.io/tag.a=x=y,z"][..]),
            ("filter", set("x"), &[("filter.fluxcd.io/a", "y"), ("flux.weave.works/tag.a", "z")], &["a", "b"], &["filter.fluxcd.io/a=x"]),
            ("ours", set("x"), &[("fluxcd.io/tag.a", "y"), ("tagalong.dev/tag.a", "z")], &["a", "b"], &["tagalong.dev/tag.a=x"]),
            ("ours for the only one", set("x"), &[("tagalong.dev/tag", "z")], &["a"], &["tagalong.dev/tag=x"]),
            ("ours for nobody", set("x"), &[("tagalong.dev/tag", "z")], &["a", "b"], &["fluxcd.io/tag.a=x"]),
            ("as it is", set("x"), &[("filter.fluxcd.io/a", "x")], &["a"], &[]),
            (
                "all go",
                remove,
                &[("filter.fluxcd.io/a", "y"), ("fluxcd.io/tag.a", "z"), ("fluxcd.io/tag.b", "z")],
                &["a", "b"],
                &["-filter.fluxcd.io/a", "-fluxcd.io/tag.a"],
            ),
            (
                "own keys",
                keys,
                &[("tagalong.dev/min-age", "7d"), ("tagalong.dev/exclude", "z")],
                &["a"],
                &["tagalong.dev/min-age=48h", "tagalong.dev/match.a=^v", "-tagalong.dev/exclude"],
            ),
        ] {
            assert_eq!(entries(&wish, annotations, containers), wanted, "{word}");
        }
    }
}
