//! The screens and the JSON of `policy list` and `policy show`.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use super::{
    Width,
    table::{Column, Cut, Row, Table},
};
use crate::{
    plan::safe,
    policy::preset::{Case, Preset, Presets},
};

/// A preset, as JSON tells it.
#[derive(Clone, Debug, Serialize)]
pub struct PresetView<'a> {
    name: &'a str,
    summary: &'a str,
    pattern: &'a str,
    keys: &'a BTreeMap<String, String>,
    /// Where it is written; absent where it is shipped.
    file: Option<&'a str>,
    cases: &'a [Case],
}

/// Every preset, as JSON tells them.
#[derive(Clone, Debug, Serialize)]
pub struct PresetsView<'a> {
    presets: Vec<PresetView<'a>>,
}

impl<'a> PresetView<'a> {
    /// The view of a preset.
    pub fn of(preset: &'a Preset) -> Self {
        Self {
            name: &preset.name,
            summary: &preset.summary,
            pattern: preset.pattern.resolved(),
            keys: preset.keys.written(),
            file: preset.file.as_deref(),
            cases: &preset.cases,
        }
    }

    fn keys(&self) -> String {
        self.keys.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }
}

impl<'a> PresetsView<'a> {
    /// The view of all presets.
    pub fn of(presets: &'a Presets) -> Self {
        Self { presets: presets.iter().map(PresetView::of).collect() }
    }
}

/// What `policy list` prints: a row for each preset.
pub fn presets(presets: &Presets, width: Width) -> String {
    let column = |gap| Column { cut: Cut::Never, gap };
    let mut table = Table::folding(&[column(3), column(0)], 2);
    for view in PresetsView::of(presets).presets {
        let own = view.file.map_or_else(String::new, |file| format!(" ({file})"));
        table.add(Row::new(&[view.name]).tail(&format!("{}{own}", view.summary)));
    }
    format!("{}\nname one as `preset:NAME`; `tagalong policy show NAME` tells what it chooses\n", table.render(width))
}

/// What `policy show` prints: the policy, and each case as a table.
pub fn preset(preset: &Preset, width: Width) -> String {
    let view = PresetView::of(preset);
    let column = |gap| Column { cut: Cut::Never, gap };
    let mut facts = Table::new(&[column(3)]);
    facts.add(Row::new(&["pattern"]).tail(view.pattern));
    if !view.keys.is_empty() {
        facts.add(Row::new(&["keys"]).tail(&view.keys()));
    }
    if let Some(file) = view.file {
        facts.add(Row::new(&["file"]).tail(file));
    }
    let mut text = format!("preset:{}   {}\n\n{}", safe::line(view.name), safe::line(view.summary), facts.render(width));
    for case in view.cases {
        let now = case.now.as_deref().map_or_else(String::new, |now| format!(", at {now}"));
        let current = case.current.as_deref().unwrap_or("no tag");
        let mut tags = Table::new(&[column(3), column(3), column(0)]);
        for tag in &case.tags {
            tags.add(Row::new(&[&tag.tag, &tag.code, tag.built.as_deref().unwrap_or_default()]));
        }
        let head = format!("{current}{now}: {} ({})", case.decision, case.about);
        write!(text, "\n{}\n{}", safe::line(&head), tags.render(width)).expect("a string takes all that is written");
    }
    text
}
