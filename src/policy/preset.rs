//! Presets: policies with a name, a summary, and cases that show what they choose.

mod shipped;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use thiserror::Error;

use super::{
    annotation::{Origin, Policy},
    decision::{self, Listing, Question, Wants},
    keys::Keys,
    pattern::{Pattern, PatternError},
    record::TagRecord,
};
use crate::image::Tag;

/// What stands before the name of a preset where a pattern is wanted.
pub const PREFIX: &str = "preset:";
/// How near a name must be to be suggested.
const NEAR: f64 = 0.7;
/// When a case is decided that names no time.
const NOW: Timestamp = Timestamp::constant(1_769_860_800, 0);

/// A policy with a name.
#[derive(Clone, Debug)]
pub struct Preset {
    /// How it is called.
    pub name: String,
    /// What it chooses, in one sentence.
    pub summary: String,
    /// Which tags, and which is the newest.
    pub pattern: Pattern,
    /// What else counts.
    pub keys: Keys,
    /// What it chooses, by example.
    pub cases: Vec<Case>,
    /// The file that it stands in; `None` where it is shipped.
    pub file: Option<String>,
}

/// Tags, and what a preset makes of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, in one sentence.
    pub about: String,
    /// The time to decide at.
    ///
    /// # Units
    /// RFC 3339.
    #[serde(default)]
    pub now: Option<String>,
    /// The tag that stands in Git.
    #[serde(default)]
    pub current: Option<String>,
    /// Every tag with its fate, the best first.
    pub tags: Vec<CaseTag>,
    /// The code of the decision.
    pub decision: String,
}

/// A tag of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseTag {
    /// The tag.
    pub tag: String,
    /// When it was built.
    ///
    /// # Units
    /// RFC 3339.
    #[serde(default)]
    pub built: Option<String>,
    /// The code of its fate.
    pub code: String,
}

/// Why a text is no preset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct PresetError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong there.
    pub what: String,
}

/// A preset as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    summary: Spanned<String>,
    pattern: Spanned<String>,
    #[serde(default)]
    keys: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    cases: Vec<Spanned<Case>>,
}

impl Preset {
    /// Reads a preset, and holds it to its cases.
    ///
    /// # Errors
    /// The text is no preset, its pattern or a key does not parse, or a case is decided otherwise.
    pub fn parse(name: &str, text: &str) -> Result<Self, PresetError> {
        let (preset, lines) = Self::read(name, text)?;
        for (case, line) in preset.cases.iter().zip(lines) {
            preset.hold_to(case).map_err(|what| PresetError { line, what })?;
        }
        Ok(preset)
    }

    /// Reads a preset; with it come the lines of its cases.
    fn read(name: &str, text: &str) -> Result<(Self, Vec<u64>), PresetError> {
        let written: Written = serde_saphyr::from_str_with_options(text, serde_saphyr::options! { with_snippet: false }).map_err(|error| {
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or_default().to_owned();
            PresetError { line: error.location().map_or(1, |location| location.line()), what }
        })?;
        let at = |text: &Spanned<String>, what: String| PresetError { line: text.referenced.line(), what };
        if written.summary.value.trim().is_empty() {
            return Err(at(&written.summary, "`summary` is empty".to_owned()));
        }
        let pattern = Pattern::parse(&written.pattern.value).map_err(|error| at(&written.pattern, error.to_string()))?;
        let mut keys = Keys::default();
        for (key, value) in &written.keys {
            keys.set(key, &value.value).map_err(|error| at(value, format!("`{key}`: {error}")))?;
        }
        let (cases, lines) = written.cases.into_iter().map(|case| (case.value, case.referenced.line())).unzip();
        Ok((Self { name: name.to_owned(), summary: written.summary.value, pattern, keys, cases, file: None }, lines))
    }

    /// Whether a case is decided as it says; if not, what is decided.
    fn hold_to(&self, case: &Case) -> Result<(), String> {
        let decided = self.decide(case)?;
        if decided == *case {
            return Ok(());
        }
        let codes = |case: &Case| case.tags.iter().map(|tag| format!("{} {}", tag.tag, tag.code)).collect::<Vec<_>>().join(", ");
        Err(format!("the case is decided otherwise: {} ({})", decided.decision, codes(&decided)))
    }

    /// The case as the preset decides it.
    fn decide(&self, case: &Case) -> Result<Case, String> {
        let tag = |text: &str| Tag::parse(text).map_err(|_| format!("`{text}` is no tag"));
        let time = |text: &str| text.parse::<Timestamp>().map_err(|_| format!("`{text}` is no time like 2026-01-31T12:00:00Z"));
        let policy = Policy { pattern: self.pattern.clone(), keys: self.keys.clone(), origin: Origin::Written };
        let mut seen = BTreeSet::new();
        let mut records = Vec::new();
        for (at, written) in case.tags.iter().enumerate() {
            if !seen.insert(&written.tag) {
                return Err(format!("`{}` stands twice in the case", written.tag));
            }
            let built = written.built.as_deref().map(time).transpose()?;
            records.push(TagRecord::imagined(at, tag(&written.tag)?, built, &decision::wanted_platforms(&policy)));
        }
        let current = case.current.as_deref().map(tag).transpose()?;
        let (decision, fates) = decision::explain(&Question {
            policy: &policy,
            tag: current.as_ref(),
            digest: None,
            records: &records,
            listing: Listing::Trusted,
            wants: Wants::Image,
            now: case.now.as_deref().map(time).transpose()?.unwrap_or(NOW),
            remembered: None,
            rolled_back: &[],
        });
        let built = |tag: &str| case.tags.iter().find(|written| written.tag == tag).and_then(|written| written.built.clone());
        let tags = fates.iter().map(|fate| {
            let tag = fate.record.tag.to_string();
            CaseTag { built: built(&tag), code: fate.reason.code().to_string(), tag }
        });
        Ok(Case { tags: tags.collect(), decision: decision.code.to_string(), ..case.clone() })
    }
}

/// The presets that a pattern may name.
#[derive(Clone, Debug, Default)]
pub struct Presets(BTreeMap<String, Preset>);

impl Presets {
    /// Those that are shipped.
    pub fn shipped() -> &'static Self {
        static SHIPPED: LazyLock<Presets> = LazyLock::new(|| {
            let read =
                |&(name, text): &(&str, &str)| (name.to_owned(), Preset::read(name, text).expect("a test reads every preset that is shipped").0);
            Presets(shipped::SHIPPED.iter().map(read).collect())
        });
        &SHIPPED
    }

    /// These and others, which win over those of the same name: a later release may ship a name that somebody uses.
    #[must_use]
    pub fn with(&self, own: impl IntoIterator<Item = Preset>) -> Self {
        let mut presets = self.clone();
        presets.0.extend(own.into_iter().map(|preset| (preset.name.clone(), preset)));
        presets
    }

    /// The preset of a name.
    pub fn named(&self, name: &str) -> Option<&Preset> {
        self.0.get(name)
    }

    /// Every preset, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Preset> {
        self.0.values()
    }

    /// Names near to one that is none, the nearest first.
    pub fn near(&self, name: &str) -> Vec<String> {
        let score = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
        let mut near: Vec<(f64, &String)> = self.0.keys().map(|known| (score(known), known)).filter(|(score, _)| *score >= NEAR).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        near.into_iter().take(3).map(|(_, name)| name.clone()).collect()
    }

    /// The policy that a text means where a pattern is wanted: a preset's pattern and keys, or the pattern alone.
    ///
    /// # Errors
    /// The text is no pattern, or names no preset.
    pub fn policy(&self, text: &str) -> Result<Policy, PatternError> {
        let Some(name) = text.strip_prefix(PREFIX) else {
            return Ok(Policy { pattern: Pattern::parse(text)?, keys: Keys::default(), origin: Origin::Written });
        };
        let unknown = || PatternError::Preset { name: name.to_owned(), near: self.near(name) };
        let preset = self.named(name).ok_or_else(unknown)?;
        Ok(Policy { pattern: preset.pattern.clone().written_as(text), keys: preset.keys.clone(), origin: Origin::Written })
    }
}

#[cfg(test)]
mod tests;
