mod build_time;
mod laws;
mod own_keys;
mod patterns;
mod sentences;
mod table;
mod versions;

use super::*;
use crate::policy::{
    keys::Keys,
    pattern::Pattern,
    record::{FirstSeen, ImageFacts, Metadata, PlatformFacts},
};

/// A question in a few words; what a row does not name is as usual.
#[derive(Clone, Copy)]
struct Case<'a> {
    pattern: &'a str,
    /// `tag`, `tag@7`, `@7`, or `-` for neither.
    current: &'a str,
    /// Words as [`record`] reads them.
    tags: &'a str,
    keys: &'a [(&'a str, &'a str)],
    origin: Origin,
    listing: Listing,
    wants: Wants,
    now: &'a str,
    remembered: Option<&'a str>,
    /// `tag` or `tag@7`.
    rolled_back: &'a [&'a str],
}

fn case<'a>(pattern: &'a str, current: &'a str, tags: &'a str) -> Case<'a> {
    Case {
        pattern,
        current,
        tags,
        keys: &[],
        origin: Origin::Written,
        listing: Listing::Trusted,
        wants: Wants::Image,
        now: "2026-01-01",
        remembered: None,
        rolled_back: &[],
    }
}

fn with_keys<'a>(keys: &'a [(&'a str, &'a str)], pattern: &'a str, current: &'a str, tags: &'a str) -> Case<'a> {
    Case { keys, ..case(pattern, current, tags) }
}

/// A moment; a day is its midnight.
fn time(text: &str) -> Timestamp {
    let text = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    text.parse().expect("a time")
}

fn digest(number: &str) -> Digest {
    Digest::parse(&format!("sha256:{number:0>64}")).expect("a digest")
}

/// `tag@7` as its halves.
fn reference(text: &str) -> (Option<Tag>, Option<Digest>) {
    let (tag, number) = text.split_once('@').map_or((text, None), |(tag, number)| (tag, Some(number)));
    (Tag::parse(tag).ok().filter(|_| tag != "-"), number.map(digest))
}

/// What a word says about a tag behind its name, each part optional:
/// `=time` when it was built, `@7` its digest, `%linux/arm64,…` its platforms, `~time` when it was first seen, `^time` the same in the
/// first listing, `!unread`, `!pointed`, `!failed`, `!gone`, `!chart`.
fn record(word: &str) -> TagRecord {
    let is_mark = |c: char| "=@%~^!".contains(c);
    let (name, mut rest) = word.split_at(word.find(is_mark).unwrap_or(word.len()));
    let (mut created, mut number, mut platforms, mut first_seen, mut state) = (None, None, "linux/amd64", None, "");
    while let Some(mark) = rest.chars().next() {
        let (text, after) = rest[1..].split_at(rest[1..].find(is_mark).unwrap_or(rest.len() - 1));
        match mark {
            '=' => created = Some(time(text)),
            '@' => number = Some(text),
            '%' => platforms = text,
            '!' => state = text,
            _ => first_seen = Some(FirstSeen { at: time(text), in_first_listing: mark == '^' }),
        }
        rest = after;
    }
    // A digest of its own, the same wherever the word stands.
    let own = name.bytes().fold(0_u128, |own, byte| own.wrapping_mul(257).wrapping_add(byte.into()));
    let digest = number.map_or_else(|| digest(&format!("{own:x}")), digest);
    let offer = |text: &str| PlatformFacts { platform: Platform::parse(text).expect("a platform"), created };
    let metadata = match state {
        "unread" => Metadata::NotRead,
        "pointed" => Metadata::Pointed(digest),
        "failed" => Metadata::Unreadable { code: Code::Unreachable, reason: "quay.io did not answer".into() },
        "gone" => Metadata::Gone,
        "chart" => Metadata::NotAnImage("a Helm chart".into()),
        _ => Metadata::Image(ImageFacts { digest, platforms: platforms.split(',').map(offer).collect(), labels: BTreeMap::new() }),
    };
    TagRecord { tag: Tag::parse(name).expect("a tag"), first_seen, metadata }
}

/// `1.1.0 1.2.0 …`, each with the same marks.
fn rising(count: usize, marks: &str) -> String {
    (1..=count).map(|at| format!("1.{at}.0{marks}")).collect::<Vec<_>>().join(" ")
}

fn records(tags: &str) -> Vec<TagRecord> {
    tags.split_whitespace().map(record).collect()
}

impl Case<'_> {
    fn policy(&self) -> Policy {
        let mut keys = Keys::default();
        for (key, value) in self.keys {
            keys.set(key, value).expect(value);
        }
        Policy { pattern: Pattern::parse(self.pattern).expect(self.pattern), keys, origin: self.origin }
    }

    fn explained(&self) -> (Decision, Vec<(String, Reason)>) {
        let (policy, records) = (self.policy(), records(self.tags));
        let (tag, digest) = reference(self.current);
        let took_back = |text: &&str| {
            let (tag, digest) = reference(text);
            RolledBack { tag: tag.expect("a tag"), digest, commit: "3f2a1b9 'Revert 1.1.0'".into() }
        };
        let rolled_back: Vec<RolledBack> = self.rolled_back.iter().map(took_back).collect();
        let question = Question {
            policy: &policy,
            tag: tag.as_ref(),
            digest: digest.as_ref(),
            records: &records,
            listing: self.listing,
            wants: self.wants,
            now: time(self.now),
            remembered: self.remembered.map(time),
            rolled_back: &rolled_back,
        };
        let (decision, fates) = explain(&question);
        (decision, fates.into_iter().map(|fate| (fate.record.tag.to_string(), fate.reason)).collect())
    }

    fn decision(&self) -> Decision {
        self.explained().0
    }

    /// `code winner@digest`, then `elsewhere tag` and `needs …` where there are any.
    fn says(&self) -> String {
        let Decision { code, winner, digest, newer_elsewhere, needs, .. } = self.decision();
        let winner = winner.map_or("-".into(), |tag| tag.to_string());
        let digest = digest.map(|digest| format!("@{}", digest.as_str().trim_start_matches("sha256:").trim_start_matches('0')));
        let mut words = vec![format!("{code} {winner}{}", digest.unwrap_or_default())];
        words.extend(newer_elsewhere.map(|tag| format!("elsewhere {tag}")));
        words.extend(needs.iter().map(|need| match need {
            Need::Digest(tag) => format!("digest? {tag}"),
            Need::Metadata(tag) => format!("look? {tag}"),
        }));
        words.join(" ")
    }

    /// Why this tag lost, in words.
    fn fate(&self, tag: &str) -> String {
        let fates = self.explained().1;
        fates.iter().find(|(name, _)| name == tag).map(|(_, reason)| format!("{}: {reason}", reason.code())).expect(tag)
    }
}

/// Checks `(word, pattern, current, tags, expected)` rows.
fn check(rows: &[(&str, &str, &str, &str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|&(word, pattern, current, tags, expected)| {
            let said = case(pattern, current, tags).says();
            (said != expected).then(|| format!("{word}\n  expected {expected}\n  said     {said}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
