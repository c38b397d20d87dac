//! Entries set, added and removed: every other byte stays, and a second parser proves it.

use super::{
    Edit, EditRefused,
    draft::{Draft, Refusal},
    edit, refused,
    step::{Step, spliced, unexplained},
};
use crate::{
    manifest::{
        Node,
        yaml::{self, Layout},
    },
    policy::Code,
};

/// A change of a file.
///
/// # Shape
/// `keys` lead from the mapping down, one mapping inside the other; the last one names the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new value for one scalar.
    Replace(Edit),
    /// A text under a key, in place of what stands there; missing mappings are made.
    Set {
        /// Where the path begins.
        mapping: Node,
        /// The path.
        keys: Vec<String>,
        /// The text.
        value: String,
        /// The key after which a new entry goes; else it is the last.
        after: Option<String>,
    },
    /// No entry under a key, nor a mapping on the path that this empties.
    Remove {
        /// Where the path begins.
        mapping: Node,
        /// The path.
        keys: Vec<String>,
    },
    /// One more mapping in a list, which is made where it is missing; nothing where one has all these entries.
    Append {
        /// Where the path begins.
        mapping: Node,
        /// The path of the list.
        keys: Vec<String>,
        /// The keys and texts of the new mapping.
        item: Vec<(String, String)>,
    },
    /// One more mapping in a list of the document that holds certain texts; a document is added where none does.
    Extend {
        /// The file: where its first document begins.
        file: Node,
        /// The paths and texts by which the document is known.
        document: Vec<(Vec<String>, String)>,
        /// The path of the list.
        keys: Vec<String>,
        /// The keys and texts of the new mapping.
        item: Vec<(String, String)>,
    },
    /// Changes of the YAML that a literal block scalar holds.
    Inside {
        /// The scalar.
        text: Node,
        /// The changes, as of a file that holds just this.
        changes: Vec<Change>,
    },
}

/// Changes that are still to be made, with the event at which the mapping of each begins.
type Pending<'c> = Vec<(u32, &'c Change)>;

impl Change {
    /// The text that it writes.
    pub fn text(&self) -> String {
        match self {
            Self::Replace(edit) => edit.to.clone(),
            Self::Set { value, .. } => value.clone(),
            Self::Remove { .. } => String::new(),
            Self::Append { item, .. } | Self::Extend { item, .. } => item.iter().map(|(key, text)| [key, ": ", text, "\n"].concat()).collect(),
            Self::Inside { changes, .. } => changes.iter().map(Self::text).collect(),
        }
    }

    /// The path that it is about; empty where it is about a scalar.
    pub fn keys(&self) -> &[String] {
        match self {
            Self::Set { keys, .. } | Self::Remove { keys, .. } | Self::Append { keys, .. } | Self::Extend { keys, .. } => keys,
            Self::Replace(_) | Self::Inside { .. } => &[],
        }
    }

    fn mapping(&self) -> Option<Node> {
        match self {
            Self::Replace(_) => None,
            Self::Set { mapping, .. } | Self::Remove { mapping, .. } | Self::Append { mapping, .. } => Some(*mapping),
            Self::Extend { file, .. } => Some(*file),
            Self::Inside { text, .. } => Some(*text),
        }
    }
}

/// Makes the changes, one after the other, and verifies by a second parser that nothing else changed.
///
/// # Shape
/// All places come from one reading of these very bytes. What is already as it is wanted stays as it is written.
///
/// # Errors
/// A change would reach other places too, the file has a shape that it cannot be made in, or the verification found another
/// difference: then nothing is to be written.
pub fn change(path: &str, bytes: &[u8], changes: &[Change]) -> Result<Vec<u8>, EditRefused> {
    let edits: Vec<Edit> = changes.iter().filter_map(|change| if let Change::Replace(edit) = change { Some(edit.clone()) } else { None }).collect();
    let mut pending: Pending<'_> = changes.iter().filter_map(|change| Some((change.mapping()?.position, change))).collect();
    let edited = edit(path, bytes, &edits)?;
    let Some(first) = changes.iter().find_map(Change::mapping) else {
        return Ok(edited);
    };
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| refused(path, None, "it is not UTF-8"));
    let fault = |fault: yaml::Fault| refused(path, fault.line, &fault.reason);
    let before = text(bytes)?;
    let reading = yaml::read(&before).map_err(fault)?.reading();
    if let Some(other) = changes.iter().filter_map(Change::mapping).find(|node| node.reading != reading) {
        return Err(refused(path, Some(other.line), "it is not the file that was read"));
    }
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&before).is_ok();
    let (mut now, mut events) = (text(&edited)?, reading.events() as usize);
    while !pending.is_empty() {
        let layout = Layout::read(&now).map_err(fault)?;
        if layout.events.len() != events {
            return Err(refused(path, Some(first.line), "the two YAML readers disagree about it"));
        }
        let (steps, postponed) = draft(path, &layout, pending)?;
        let skipped = now.len() - layout.source.len();
        let after = spliced(layout.source, &steps).ok_or_else(|| refused(path, None, "two changes meet in one place"))?;
        let after = format!("{}{after}", &now[..skipped]);
        events = verify(path, &layout, &steps, &after)?;
        pending = postponed.into_iter().map(|(position, change)| (moved(position, &steps), change)).collect();
        now = after;
    }
    if is_json && serde_json::from_str::<serde::de::IgnoredAny>(&now).is_err() {
        return Err(refused(path, None, "it would be no JSON any more"));
    }
    Ok(now.into_bytes())
}

/// The steps of all changes that do not touch each other, in their order, and what has to wait for them.
fn draft<'c>(path: &str, layout: &Layout<'_>, pending: Pending<'c>) -> Result<(Vec<Step>, Pending<'c>), EditRefused> {
    let draft = Draft::new(layout);
    let (mut steps, mut waiting, mut postponed): (Vec<Step>, Vec<Step>, Vec<_>) = (vec![], vec![], vec![]);
    for (position, change) in pending {
        let step = draft.step(position, change).map_err(|Refusal { line, reason }| EditRefused {
            path: path.to_owned(),
            line: Some(line),
            reason,
            code: Code::UnsupportedScalar,
        })?;
        if steps.iter().chain(&waiting).any(|other| other.touches(&step)) {
            waiting.push(step);
            postponed.push((position, change));
        } else {
            steps.push(step);
        }
    }
    Ok((steps.into_iter().filter(|step| !step.is_nothing()).collect(), postponed))
}

/// Where an event stands after the steps.
fn moved(position: u32, steps: &[Step]) -> u32 {
    let above = steps.iter().filter(|step| step.events.end <= position);
    above.fold(position, |at, step| at + u32::try_from(step.fresh.len()).expect("a file has at most 8 MiB") - (step.events.end - step.events.start))
}

/// Both parsers must read in the new file what the steps say, and nothing else that is new; tells how many events that are.
fn verify(path: &str, before: &Layout<'_>, steps: &[Step], after: &str) -> Result<usize, EditRefused> {
    let failed = |fault: yaml::Fault| refused(path, fault.line, &format!("after the change, {}", fault.reason));
    let layout = Layout::read(after).map_err(failed)?;
    if let Some(event) = unexplained(&before.events, steps, &layout.events) {
        let part = layout.parts.partition_point(|part| (part.event as usize) < event);
        let line = layout.parts.get(part).map(|part| part.line);
        return Err(refused(path, line, "after the change, the second YAML reader finds another value than the one that was meant"));
    }
    if yaml::read(after).map_err(failed)?.reading().events() as usize != layout.events.len() {
        return Err(refused(path, None, "after the change, the two YAML readers disagree about it"));
    }
    Ok(layout.events.len())
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
