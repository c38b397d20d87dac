//! The screen of `scan`.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    Width, count,
    table::{Column, Cut, Row, Table},
};
use crate::{
    plan::{
        safe,
        scanned::{ScannedImage, ScannedTag},
    },
    registry::Sent,
};

const GAP: usize = 3;

/// What registries offer, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScanReport {
    /// The images, as they were named.
    pub images: Vec<ScannedImage>,
    /// Every request in the order of the answers, where they were asked for.
    pub requests: Option<Vec<Sent>>,
}

/// The tags of each image, and below them what was asked.
pub fn scan(report: &ScanReport, width: Width) -> String {
    let mut text = report.images.iter().map(|one| image(one, width)).collect::<Vec<_>>().join("\n");
    if let Some(sent) = &report.requests {
        write!(text, "\n{}", requests(sent, width)).expect("a string takes all that is written");
    }
    text
}

fn image(image: &ScannedImage, width: Width) -> String {
    let name = safe::line(&image.image);
    if let Some(failure) = &image.failure {
        let hint = failure.hint.as_ref().map(|hint| format!("  hint: {}\n", safe::line(hint))).unwrap_or_default();
        return format!("{name}\n  failed   {}\n{hint}", safe::line(&failure.reason));
    }
    let listed = image.listed.unwrap_or_default();
    let mut text = format!("{name}   {}\n", count(listed, "tag"));
    if image.tags.is_empty() {
        return text;
    }
    let cuts = [Cut::Front, Cut::Never, Cut::Never, Cut::End, Cut::End];
    let mut table = Table::folding(&cuts.map(|cut| Column { cut, gap: GAP }), 4);
    table.add(Row::new(&["TAG", "BUILT", "FIRST SEEN", "DIGEST", "PLATFORMS"]));
    image.tags.iter().for_each(|tag| table.add(row(tag, width)));
    text.push_str(&table.render(width));
    let more = listed.saturating_sub(image.tags.len());
    if more > 0 {
        writeln!(text, "  … {more} more, not looked at (--limit)").expect("a string takes all that is written");
    }
    text
}

fn row(tag: &ScannedTag, width: Width) -> Row {
    let digest = tag.digest.as_deref().map(|digest| match width {
        Width::Columns(_) => digest.chars().take("sha256:".len() + 12).collect(),
        Width::Endless => digest.to_owned(),
    });
    let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let platforms = if tag.platforms.is_empty() { "-".to_owned() } else { tag.platforms.join(" ") };
    let cells = [&*tag.tag, &or_none(tag.built.as_deref()), &or_none(tag.first_seen.as_deref()), &or_none(digest.as_deref()), &platforms];
    tag.note.iter().fold(Row::new(&cells), |row, note| row.below(note))
}

fn requests(sent: &[Sent], width: Width) -> String {
    let cuts = [Cut::Never, Cut::Never, Cut::Front, Cut::Never];
    let mut table = Table::new(&cuts.map(|cut| Column { cut, gap: GAP }));
    for one in sent {
        let status = one.status.map_or("none".to_owned(), |status| status.to_string());
        table.add(Row::new(&[&one.method, &status, &one.url]).tail(&one.why));
    }
    format!("{}\n{}", count(sent.len(), "request"), table.render(width))
}
