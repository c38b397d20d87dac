//! Findings in the annotations of one file.

use super::finding::{Finding, FindingCode, Fix, Severity};
use crate::{
    manifest::{
        File, LoosePlace, Place, Workload, as_label,
        inspect::{Elsewhere, Inspected, Spot, Stray},
        splice::{Change, Edit},
    },
    plan::gather::eligible,
    policy::{
        annotation::{Annotation, Malformed, MalformedKind, Source},
        comment::CommentPolicy,
        keys::{KEYS, KeyError},
        oddity::{Oddity, OddityKind, View, about_comment, nearest, oddities},
        pattern::{Pattern, PatternError},
        preset::Presets,
    },
};

/// Prefixes of patterns, as they are written.
const PREFIXES: [&str; 6] = ["semver", "glob", "regexp", "regex", "digest", "preset"];

/// How many characters of a value a sentence shows.
const SHOWN: usize = 80;
/// How many containers a hint names.
const NAMED: usize = 5;

/// What the annotations of one object give to find; `id` is its name as it is deployed.
pub(super) fn in_object(path: &str, object: &Inspected, id: &str, view: View, presets: &Presets) -> Vec<Finding> {
    let mut found = vec![];
    if let Some((_, workload)) = &object.workload {
        let names: Vec<&str> = eligible(workload).iter().map(|container| container.name.as_str()).collect();
        let desk = Desk { path, id, workload, spots: &object.spots };
        let told = oddities(&workload.annotations, &names, view, presets).into_iter().map(|oddity| desk.finding(&oddity));
        // What is encrypted is never edited: its signature would not hold any more.
        found.extend(told.map(|finding| if workload.encrypted { Finding { fix: None, ..finding } } else { finding }));
    }
    let known: Vec<&str> = object.workload.iter().flat_map(|(_, workload)| &workload.annotations).map(|known| known.key.as_str()).collect();
    found.extend(object.strays.iter().filter(|stray| !known.contains(&stray.key.as_str())).map(|stray| misplaced(path, stray, id)));
    found
}

/// What the comment policies of a file give to find, and comments that only look like them.
pub(super) fn in_comments(path: &str, file: &File, remarks: &[CommentPolicy], presets: &Presets) -> Vec<Finding> {
    let new = |code, comment: &CommentPolicy, message: String| Finding::new(code, path, comment.line, message);
    let odd = |comment: &CommentPolicy| {
        let named = format!("`# tagalong: {}`", shown(&comment.text));
        Some(match about_comment(comment, presets)? {
            OddityKind::Malformed(malformed) => {
                let hint = meant(&malformed).map(|meant| format!("did you mean `{meant}`?")).or_else(|| malformed.hint());
                Finding { hint, ..new(FindingCode::MalformedPolicy, comment, format!("{named} is malformed: {}", malformed.error)) }
            }
            OddityKind::Dropped(warning) => new(FindingCode::DroppedPart, comment, format!("{named}: {warning}")),
            OddityKind::NeverMatches { character, meant } => {
                let message = format!("{named} is a glob that matches nothing: no tag holds `{character}`");
                let hint = meant.map(|meant| format!("did you mean `{meant}`?"));
                Finding { hint, ..new(FindingCode::NeverMatches, comment, message) }
            }
            _ => return None,
        })
    };
    let mut found: Vec<Finding> = file.images().filter_map(|image| odd(image.policy?)).collect();
    // What is no pattern is a remark about something else.
    found.extend(remarks.iter().filter(|comment| about_comment(comment, presets).is_none()).map(|comment| {
        let message = format!("`# tagalong: {}` stands beside no value", shown(&comment.text));
        let hint = "write it on the line of the image, or above an element of a list";
        new(FindingCode::CommentWithoutImage, comment, message).hint(hint)
    }));
    found
}

/// What the labels of a compose service give to find.
pub(super) fn in_labels(path: &str, place: &LoosePlace, presets: &Presets) -> Vec<Finding> {
    let told = |oddity: Oddity| {
        let annotation = &place.annotations[oddity.at];
        let (key, service) = (as_label(&annotation.key), &place.alias);
        let new = |code, message| Finding::new(code, path, annotation.line, message).container(service);
        Some(match oddity.kind {
            OddityKind::Malformed(malformed) => {
                let hint = meant(&malformed).map(|meant| format!("did you mean `{}`?", as_label(&meant))).or_else(|| malformed.hint());
                Finding { hint, ..new(FindingCode::MalformedPolicy, format!("`{key}` of `{service}` is malformed: {}", malformed.error)) }
            }
            OddityKind::Dropped(warning) => new(FindingCode::DroppedPart, format!("`{key}: {}` of `{service}`: {warning}", shown(&annotation.value))),
            OddityKind::NeverMatches { character, meant } => {
                let message =
                    format!("`{key}: {}` of `{service}` is a glob that matches nothing: no tag holds `{character}`", shown(&annotation.value));
                Finding { hint: meant.map(|meant| format!("did you mean `{meant}`?")), ..new(FindingCode::NeverMatches, message) }
            }
            OddityKind::NotAutomated if place.policy.is_none() => {
                new(FindingCode::NotAutomated, format!("`{key}` does nothing: `{service}` is not automated"))
                    .hint("add the label `tagalong.automated: \"true\"`, or `\"false\"` to say that this is meant")
            }
            _ => return None,
        })
    };
    oddities(&place.annotations, &[&place.alias], View::Whole, presets).into_iter().filter_map(told).collect()
}

/// Whether a place has labels that a linter looks at.
pub(super) fn is_labelled(place: &LoosePlace) -> bool {
    place.place == Place::Compose && !place.annotations.is_empty()
}

struct Desk<'a> {
    path: &'a str,
    id: &'a str,
    workload: &'a Workload,
    spots: &'a [Spot],
}

impl Desk<'_> {
    fn finding(&self, oddity: &Oddity) -> Finding {
        let annotation = &self.workload.annotations[oddity.at];
        let spot = &self.spots[oddity.at];
        let (key, id) = (&annotation.key, self.id);
        let new = |code, message: String| Finding { column: Some(spot.column), ..Finding::new(code, self.path, annotation.line, message).of(id) };
        match &oddity.kind {
            OddityKind::Malformed(malformed) => {
                let message = format!("`{key}` of {id} is malformed: {}", malformed.error);
                let hint = meant(malformed).map(|meant| format!("did you mean `{meant}`?")).or_else(|| malformed.hint());
                let container = container(key).map(str::to_owned);
                Finding { hint, container, fix: respelled(malformed, spot), ..new(FindingCode::MalformedPolicy, message) }
            }
            OddityKind::Dropped(warning) => new(FindingCode::DroppedPart, format!("`{key}: {}` of {id}: {warning}", shown(&annotation.value))),
            OddityKind::NeverMatches { character, meant } => {
                let message = format!("`{key}: {}` of {id} is a glob that matches nothing: no tag holds `{character}`", shown(&annotation.value));
                let hint = meant.as_ref().map(|meant| format!("did you mean `{meant}`?"));
                Finding { hint, ..new(FindingCode::NeverMatches, message) }
            }
            OddityKind::NoContainer { container } => {
                let message = format!("`{key}` names the container `{container}`, and {id} has none that is called so");
                new(FindingCode::UnknownContainer, message).container(container).hint(self.containers(container))
            }
            OddityKind::TagBehindFilter { meant, applies } => {
                let message = format!("`{key}` of {id} is read as the pattern of a container `{}`", container(key).unwrap_or_default());
                let fix = if *applies { rename(spot, meant) } else { None };
                Finding { fix, ..new(FindingCode::TagBehindFilter, message).hint(format!("write `{meant}`, or `fluxcd.io/{}`", tail(key))) }
            }
            OddityKind::NotTrue => {
                let message = format!("`{key}: {}` of {id} does not count: only `\"true\"` does", shown(&annotation.value));
                new(FindingCode::NotTrue, message).hint("write \"true\", in quotes and small letters, or take it out")
            }
            OddityKind::Unquoted => {
                let message = format!("`{key}: {}` of {id} is not quoted, and the API server refuses what is no text", shown(&annotation.value));
                let fix = spot.value.clone().map(|site| Fix {
                    does: format!("puts quotes around `{}`", shown(&annotation.value)),
                    change: Change::Replace(Edit { to: site.text.clone(), site }),
                });
                Finding { fix, ..new(FindingCode::UnquotedValue, message).hint(format!("write \"{}\"", shown(&annotation.value))) }
            }
            OddityKind::UnknownWord { near } => self.unknown(new, key, near.as_deref()),
            OddityKind::Beaten { by } => self.beaten(new, annotation, spot, &self.workload.annotations[*by]),
            OddityKind::NotAutomated => {
                let message = format!("`{key}` does nothing: {id} is not automated");
                new(FindingCode::NotAutomated, message).hint("add `fluxcd.io/automated: \"true\"`, or `\"false\"` to say that this is meant")
            }
            OddityKind::Ignored => {
                let message = format!("`{key}: \"true\"` leaves {id} out as a whole, though it is automated");
                Finding { severity: Severity::Note, ..new(FindingCode::NotAutomated, message) }
            }
        }
    }

    /// What could be meant in place of a container that does not exist.
    fn containers(&self, missing: &str) -> String {
        let names: Vec<&str> = self.workload.containers.iter().map(|container| container.name.as_str()).collect();
        if let Some(near) = nearest(missing, names.iter().copied()) {
            return format!("did you mean `{near}`?");
        }
        let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
        match names.len() {
            1 => format!("its only container is {}", shown[0]),
            many if many > NAMED => format!("its containers are {} and {} more", shown.join(", "), many - NAMED),
            _ => format!("its containers are {}", shown.join(", ")),
        }
    }

    fn unknown(&self, new: impl Fn(FindingCode, String) -> Finding, key: &str, near: Option<&str>) -> Finding {
        let found = new(FindingCode::UnknownAnnotation, format!("nothing reads `{key}` of {}", self.id));
        match near {
            Some(near) => found.hint(format!("did you mean `{near}`?")),
            None => found.hint("`tagalong.dev/`, `fluxcd.io/` and `filter.fluxcd.io/` are followed by the words of the annotations page"),
        }
    }

    fn beaten(&self, new: impl Fn(FindingCode, String) -> Finding, loser: &Annotation, spot: &Spot, winner: &Annotation) -> Finding {
        let place = format!("`{}: {}` in line {}", winner.key, shown(&winner.value), winner.line);
        if loser.value == winner.value {
            let message = format!("`{}` of {} says the same as {place}, which decides", loser.key, self.id);
            let found = Finding { severity: Severity::Note, ..new(FindingCode::ConflictingKeys, message).hint("one of them is enough") };
            return Finding { fix: self.remove(loser, spot), ..found };
        }
        let message = format!("`{}: {}` of {} is overridden by {place}", loser.key, shown(&loser.value), self.id);
        new(FindingCode::ConflictingKeys, message).hint("keep the one that is meant")
    }

    fn remove(&self, loser: &Annotation, spot: &Spot) -> Option<Fix> {
        spot.key.as_ref()?;
        let keys = ["metadata", "annotations", &loser.key].map(str::to_owned).to_vec();
        Some(Fix { does: format!("removes `{}`", loser.key), change: Change::Remove { mapping: self.workload.node, keys } })
    }
}

/// The container that the key of a pattern or an own key names.
fn container(key: &str) -> Option<&str> {
    if let Some(word) = key.strip_prefix("tagalong.dev/") {
        return word.split_once('.').map(|(_, container)| container);
    }
    key.strip_prefix("filter.fluxcd.io/").or_else(|| key.split_once("/tag.").map(|(_, container)| container))
}

/// A value for a sentence: its beginning, where it is long.
fn shown(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
    }
}

/// What stands behind the slash.
fn tail(key: &str) -> &str {
    key.split_once('/').map_or(key, |(_, word)| word)
}

fn rename(spot: &Spot, to: &str) -> Option<Fix> {
    let site = spot.key.clone()?;
    Some(Fix { does: format!("writes `{to}`"), change: Change::Replace(Edit { site, to: to.to_owned() }) })
}

/// What was probably meant: the pattern with the prefix, or the key with the word, that is nearest.
fn meant(malformed: &Malformed) -> Option<String> {
    let Source { key, text, .. } = &malformed.source;
    match &malformed.error {
        MalformedKind::Pattern(PatternError::Prefix(_)) => {
            let (prefix, body) = text.split_once(':')?;
            let meant = format!("{}:{}", nearest(prefix.trim(), PREFIXES)?, body.trim());
            Pattern::parse(&meant).is_ok().then_some(meant)
        }
        MalformedKind::Key(KeyError::Unknown(word)) => {
            let near = nearest(word, KEYS.into_iter().chain(["tag", "automated"]))?;
            Some(key.replacen(word.as_str(), near, 1))
        }
        _ => None,
    }
}

/// The pattern with its prefix in the right spelling, where only case and space are wrong.
fn respelled(malformed: &Malformed, spot: &Spot) -> Option<Fix> {
    let (prefix, _) = malformed.source.text.split_once(':')?;
    let to = meant(malformed).filter(|meant| meant.split(':').next() == Some(&*prefix.trim().to_lowercase()))?;
    let site = spot.value.clone()?;
    Some(Fix { does: format!("writes `{to}`"), change: Change::Replace(Edit { site, to }) })
}

fn misplaced(path: &str, stray: &Stray, id: &str) -> Finding {
    let Stray { key, line, column, place } = stray;
    let new = |code, message: String| Finding { column: Some(*column), ..Finding::new(code, path, *line, message).of(id) };
    let below = "annotations belong below `metadata.annotations` of the object itself";
    match place {
        Elsewhere::PodTemplate => {
            new(FindingCode::MisplacedAnnotation, format!("`{key}` stands on the pod template of {id}, where nothing reads it")).hint(below)
        }
        Elsewhere::Labels => new(FindingCode::MisplacedAnnotation, format!("`{key}` of {id} is a label, where nothing reads it")).hint(below),
        Elsewhere::Outside => {
            new(FindingCode::MisplacedAnnotation, format!("`{key}` of {id} stands outside its annotations, where nothing reads it")).hint(below)
        }
        Elsewhere::Prefix => {
            let prefix = key.split_once('/').map_or(key.as_str(), |(prefix, _)| prefix);
            let ours = ["fluxcd.io", "filter.fluxcd.io", "flux.weave.works", "tagalong.dev"];
            let near = if prefix.starts_with("tagalong") { Some("tagalong.dev") } else { nearest(prefix, ours) };
            let found = new(FindingCode::UnknownPrefix, format!("nothing reads `{key}` of {id}"));
            Finding { hint: near.map(|near| format!("did you mean `{near}/{}`?", tail(key))), ..found }
        }
    }
}
