//! What annotations say and their writer cannot have meant.

use std::collections::BTreeSet;

use super::{
    annotation::{Annotation, FILTER, FLUX, LEGACY, Malformed, MalformedKind, OWN, Quoting, Source, WorkloadPolicy, pattern_keys, set},
    comment::CommentPolicy,
    keys::Keys,
    pattern::{Pattern, Rule},
    preset::Presets,
};

/// The words behind `fluxcd.io/` and `flux.weave.works/` whose values are booleans.
const BOOLEANS: [&str; 3] = ["automated", "locked", "ignore"];
/// Every other whole word there; those of the daemon itself too.
const TEXTS: [&str; 4] = ["locked_msg", "locked_user", "sync-checksum", "sync-gc-mark"];
/// Values that mean "no", however they are spelled.
const NO: [&str; 7] = ["", "0", "f", "n", "no", "off", "false"];
/// Prefixes of patterns that a glob may begin with by mistake.
const PREFIXES: [&str; 4] = ["semver", "regexp", "regex", "digest"];
/// Prefixes of ours that hold maps of a Helm release.
const MAPS: [&str; 3] = ["repository.fluxcd.io/", "registry.fluxcd.io/", "tag.fluxcd.io/"];

/// Something that an annotation says and its writer cannot have meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// The annotation's index.
    pub at: usize,
    /// What is odd about it.
    pub kind: OddityKind,
}

/// What is odd about an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OddityKind {
    /// YAML reads something else than text, and the API server refuses it.
    Unquoted,
    /// Only exactly `true` counts, and this means it and is not.
    NotTrue,
    /// The pattern or own key does not parse.
    Malformed(Malformed),
    /// A part of the pattern was dropped; why.
    Dropped(String),
    /// No tag holds this character, so the glob matches none.
    NeverMatches {
        /// The character.
        character: char,
        /// What is probably meant.
        meant: Option<String>,
    },
    /// There is no such container.
    NoContainer {
        /// The name.
        container: String,
    },
    /// `filter.fluxcd.io/tag.app`, where `filter.fluxcd.io/app` is meant.
    TagBehindFilter {
        /// The key that is meant.
        meant: String,
        /// Whether it would be read: the container is there, and the key free.
        applies: bool,
    },
    /// The word behind the prefix is none that is read.
    UnknownWord {
        /// The nearest one, with its prefix.
        near: Option<String>,
    },
    /// A stronger key decides.
    Beaten {
        /// The stronger annotation's index.
        by: usize,
    },
    /// The workload, or the container, is not automated.
    NotAutomated,
    /// The workload is ignored as a whole.
    Ignored,
}

/// How much of an object is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All that is deployed.
    Whole,
    /// A part: something else adds containers or annotations.
    Part,
}

/// The oddities of a workload's annotations, in their order.
///
/// # Shape
/// Where only a part of the object is known, nothing is said about what is missing. An object without any container has no wrong ones.
pub fn oddities(annotations: &[Annotation], containers: &[&str], view: View, presets: &Presets) -> Vec<Oddity> {
    let reader = Reader { annotations, containers, presets, whole: view == View::Whole };
    let mut found = Vec::new();
    for (at, annotation) in annotations.iter().enumerate() {
        found.extend(reader.about(annotation).into_iter().map(|kind| Oddity { at, kind }));
    }
    found.extend(reader.beaten());
    found.extend(reader.idle());
    found.sort_by_key(|oddity| oddity.at);
    found
}

/// What is odd about a policy in a comment.
pub fn about_comment(comment: &CommentPolicy, presets: &Presets) -> Option<OddityKind> {
    match comment.read("", presets).policy {
        Ok(policy) => dropped(&policy.pattern).or_else(|| never_matches(&policy.pattern)),
        Err(malformed) => Some(OddityKind::Malformed(malformed)),
    }
}

/// The one of these that is spelled most like a text, where one is near.
pub fn nearest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let likeness = |name: &str| strsim::jaro_winkler(&text.to_lowercase(), &name.to_lowercase());
    let near = names.into_iter().map(|name| (likeness(name), name)).filter(|(likeness, _)| *likeness > 0.75);
    near.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1))).map(|(_, name)| name)
}

struct Reader<'a> {
    annotations: &'a [Annotation],
    containers: &'a [&'a str],
    presets: &'a Presets,
    whole: bool,
}

impl Reader<'_> {
    fn find(&self, key: &str) -> Option<usize> {
        self.annotations.iter().position(|annotation| annotation.key == key)
    }

    fn about(&self, annotation: &Annotation) -> Vec<OddityKind> {
        let mut found = self.about_key(annotation);
        let told = found.iter().any(|kind| matches!(kind, OddityKind::NotTrue | OddityKind::Malformed(_)));
        if annotation.quoting == Quoting::NotText && !told {
            found.push(OddityKind::Unquoted);
        }
        found
    }

    fn about_key(&self, annotation: &Annotation) -> Vec<OddityKind> {
        let key = annotation.key.as_str();
        if let Some(word) = key.strip_prefix(OWN) {
            return self.about_own(annotation, word);
        }
        if let Some(container) = key.strip_prefix(FILTER) {
            return self.about_filter(annotation, container);
        }
        let Some((prefix, word)) = [FLUX, LEGACY].iter().find_map(|prefix| Some((*prefix, key.strip_prefix(prefix)?))) else {
            let is_map = MAPS.iter().any(|prefix| key.starts_with(prefix));
            return if is_map { vec![] } else { vec![OddityKind::UnknownWord { near: self.instead(key) }] };
        };
        if let Some(container) = word.strip_prefix("tag.") {
            return self.about_pattern(annotation).into_iter().chain(self.no_container(container)).collect();
        }
        match word {
            "ignore" if annotation.value == "sync_only" => vec![],
            word if BOOLEANS.contains(&word) => is_meant_as_true(&annotation.value).then_some(OddityKind::NotTrue).into_iter().collect(),
            word if TEXTS.contains(&word) || word == "sync_only" => vec![],
            word => vec![OddityKind::UnknownWord { near: self.near_word(prefix, word) }],
        }
    }

    fn about_own(&self, annotation: &Annotation, word: &str) -> Vec<OddityKind> {
        let (key, container) = word.split_once('.').map_or((word, None), |(key, container)| (key, Some(container)));
        let several = self.containers.iter().collect::<BTreeSet<_>>().len();
        let malformed = match (key, container) {
            ("tag", None) if several > 1 => Some(malformed(annotation, MalformedKind::WhichContainer(several))),
            ("tag", _) => self.about_pattern(annotation),
            _ => set(&mut Keys::default(), key, annotation).err().map(|error| malformed(annotation, error.into())),
        };
        // `image.<alias>` names a place of a Helm release.
        let named = container.filter(|_| key != "image");
        malformed.into_iter().chain(named.and_then(|container| self.no_container(container))).collect()
    }

    fn about_filter(&self, annotation: &Annotation, container: &str) -> Vec<OddityKind> {
        let behind = container.strip_prefix("tag.").filter(|_| !self.containers.contains(&container));
        let odd = match behind {
            Some(meant) => {
                let key = format!("{FILTER}{meant}");
                let is_free = !pattern_keys(meant).iter().any(|key| self.find(key).is_some());
                let applies = is_free && self.containers.contains(&meant);
                Some(OddityKind::TagBehindFilter { meant: key, applies })
            }
            None => self.no_container(container),
        };
        self.about_pattern(annotation).into_iter().chain(odd).collect()
    }

    fn about_pattern(&self, annotation: &Annotation) -> Option<OddityKind> {
        match self.presets.policy(&annotation.value) {
            Ok(policy) => dropped(&policy.pattern).or_else(|| never_matches(&policy.pattern)),
            Err(error) => Some(malformed(annotation, error.into())),
        }
    }

    fn no_container(&self, container: &str) -> Option<OddityKind> {
        let unknown = self.whole && !self.containers.is_empty() && !self.containers.contains(&container);
        unknown.then(|| OddityKind::NoContainer { container: container.to_owned() })
    }

    fn near_word(&self, prefix: &str, word: &str) -> Option<String> {
        let tags = self.containers.iter().map(|container| format!("tag.{container}"));
        let words: Vec<String> = BOOLEANS.iter().chain(&TEXTS).map(|word| (*word).to_owned()).chain(tags).collect();
        nearest(word, words.iter().map(String::as_str)).map(|word| format!("{prefix}{word}"))
    }

    /// What is read in place of a key with a prefix that is not.
    fn instead(&self, key: &str) -> Option<String> {
        let (prefix, word) = key.split_once('/')?;
        match prefix {
            "filter.flux.weave.works" => Some(format!("{FILTER}{word}")),
            "tag.flux.weave.works" => Some(format!("tag.fluxcd.io/{word}")),
            "repository.flux.weave.works" => Some(format!("repository.fluxcd.io/{word}")),
            "registry.flux.weave.works" => Some(format!("registry.fluxcd.io/{word}")),
            _ => self.near_word(FLUX, word),
        }
    }

    /// Annotations whose policy a stronger key decides.
    fn beaten(&self) -> Vec<Oddity> {
        let flux = |word: &str| vec![format!("{FLUX}{word}"), format!("{LEGACY}{word}")];
        let mut ladders: Vec<Vec<String>> = ["locked", "ignore", "locked_msg", "locked_user"].map(flux).to_vec();
        ladders.push([vec![format!("{OWN}automated")], flux("automated")].concat());
        ladders.extend(self.named().iter().map(|container| pattern_keys(container).to_vec()));
        let mut found: Vec<Oddity> = Vec::new();
        for ladder in ladders {
            let mut present = ladder.iter().filter_map(|key| self.find(key));
            let Some(by) = present.next() else { continue };
            found.extend(present.map(|at| Oddity { at, kind: OddityKind::Beaten { by } }));
        }
        found.sort_by_key(|oddity| oddity.at);
        found.dedup_by_key(|oddity| oddity.at);
        found
    }

    /// Every container that there is or that a pattern names.
    fn named(&self) -> BTreeSet<&str> {
        let named = |key| str::strip_prefix(key, FILTER).or_else(|| key.split_once("/tag.").map(|(_, name)| name));
        self.annotations.iter().filter_map(|annotation| named(annotation.key.as_str())).chain(self.containers.iter().copied()).collect()
    }

    /// The first pattern or own key of a workload where nobody said whether it takes part; or what an ignored one says.
    fn idle(&self) -> Option<Oddity> {
        if !self.whole {
            return None;
        }
        let policy = WorkloadPolicy::read(self.annotations, self.containers, self.presets);
        let says =
            |annotation: &Annotation| annotation.key.split_once('/').map_or("", |(_, word)| word.split('.').next().unwrap_or(word)) == "automated";
        let automates = self.annotations.iter().any(says);
        if policy.ignored {
            let at = self.find(&format!("{FLUX}ignore")).or_else(|| self.find(&format!("{LEGACY}ignore")))?;
            return (!policy.containers.is_empty()).then_some(Oddity { at, kind: OddityKind::Ignored });
        }
        let selects = |annotation: &Annotation| {
            let key = annotation.key.as_str();
            key.starts_with(FILTER) || key.starts_with(OWN) || [FLUX, LEGACY].iter().any(|prefix| key.starts_with(&format!("{prefix}tag.")))
        };
        let at = self.annotations.iter().position(selects).filter(|_| !automates)?;
        Some(Oddity { at, kind: OddityKind::NotAutomated })
    }
}

fn is_meant_as_true(value: &str) -> bool {
    value != "true" && !NO.contains(&value.trim().to_lowercase().as_str())
}

fn malformed(annotation: &Annotation, error: MalformedKind) -> OddityKind {
    let source = Source { key: annotation.key.clone(), text: annotation.value.clone(), line: annotation.line };
    OddityKind::Malformed(Malformed { source, error })
}

fn dropped(pattern: &Pattern) -> Option<OddityKind> {
    pattern.warnings().first().map(|warning| OddityKind::Dropped(warning.clone()))
}

/// A glob with a character that no tag has.
fn never_matches(pattern: &Pattern) -> Option<OddityKind> {
    let text = pattern.to_string();
    let glob = matches!(pattern.rule(), Rule::Glob(_)).then(|| text.strip_prefix("glob:").unwrap_or(&text))?;
    let mut in_class = false;
    let character = glob.chars().find(|&c| {
        in_class = c == '[' || (in_class && c != ']');
        !in_class && !c.is_ascii_alphanumeric() && !"_.-*?[]{},".contains(c)
    })?;
    let bare =
        PREFIXES.iter().find_map(|prefix| Some((prefix, glob.get(..prefix.len())?.eq_ignore_ascii_case(prefix).then(|| &glob[prefix.len()..])?)));
    let meant = match bare {
        Some((prefix, rest)) => Some(format!("{prefix}:{}", rest.trim_start_matches([' ', '=', ';']))),
        None => Some(format!("semver:{glob}")),
    };
    Some(OddityKind::NeverMatches { character, meant: meant.filter(|meant| Pattern::parse(meant).is_ok()) })
}

#[cfg(test)]
mod tests;
