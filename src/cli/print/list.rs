//! `list`: tables of what a repository holds.

use super::{
    Width, count, location,
    table::{Column, Cut, Row, Table},
    version,
};
use crate::plan::{
    listing::{AvailableTag, Images, ListedImage, ListedWorkload, Workloads},
    report::Version,
};

const GAP: usize = 3;

/// Every image, a line each, with its newest tags below where they were asked for.
pub fn images(list: &Images, width: Width) -> String {
    if list.images.is_empty() {
        return "no image fits\n".to_owned();
    }
    let cuts = [Cut::Front, Cut::Front, Cut::Front, Cut::End, Cut::End, Cut::Front];
    let mut table = Table::folding(&cuts.map(|cut| Column { cut, gap: GAP }), 5);
    table.add(Row::new(&["WORKLOAD", "CONTAINER", "IMAGE", "VERSION", "POLICY", "PLACE"]));
    for image in &list.images {
        let now = Version { tag: image.tag.clone(), digest: image.digest.clone() };
        let cells = [
            image.workload.as_deref().unwrap_or("-"),
            &image.container,
            image.image.as_deref().unwrap_or("-"),
            &version(&now, width),
            image.policy.as_deref().unwrap_or("-"),
            &location(&image.file, image.line),
        ];
        let row = image.held.iter().fold(Row::new(&cells), |row, held| row.below(held));
        table.add(image.available.iter().flatten().fold(row, |row, tag| row.below(&available(image, tag))));
    }
    let automated = list.images.iter().filter(|image| image.automated).count();
    format!("{}\n{}, {automated} automated\n", table.render(width), count(list.images.len(), "image"))
}

/// `1.5.0, built 2024-05-01T00:00:00Z, first seen …`, marked where it is the one in Git.
fn available(image: &ListedImage, AvailableTag { tag, created, first_seen }: &AvailableTag) -> String {
    let mark = if image.tag.as_ref() == Some(tag) { "= " } else { "  " };
    let built = created.as_ref().map(|time| format!(", built {time}")).unwrap_or_default();
    let seen = first_seen.as_ref().map(|time| format!(", first seen {time}")).unwrap_or_default();
    format!("{mark}{tag}{built}{seen}")
}

/// Every workload with its images.
pub fn workloads(list: &Workloads, width: Width) -> String {
    if list.workloads.is_empty() {
        return "no workload fits\n".to_owned();
    }
    let cuts = [Cut::Front, Cut::Front, Cut::Front, Cut::End, Cut::End, Cut::Front];
    let mut table = Table::folding(&cuts.map(|cut| Column { cut, gap: GAP }), 5);
    table.add(Row::new(&["WORKLOAD", "CONTAINER", "IMAGE", "POLICY", "STATE", "PLACE"]));
    for workload in &list.workloads {
        let (place, state) = (location(&workload.file, workload.line), state(workload));
        let first = [workload.workload.as_str(), &state, &place];
        for (at, container) in workload.containers.iter().enumerate() {
            let now = version(&Version { tag: container.tag.clone(), digest: container.digest.clone() }, width);
            let image = container.image.as_ref().map_or("-".to_owned(), |name| match now.as_str() {
                "-" => name.clone(),
                now if now.starts_with('@') => format!("{name}{now}"),
                now => format!("{name}:{now}"),
            });
            let [id, state, place] = if at == 0 { first } else { [""; 3] };
            table.add(Row::new(&[id, &container.container, &image, container.policy.as_deref().unwrap_or("-"), state, place]));
        }
        if workload.containers.is_empty() {
            table.add(Row::new(&[first[0], "-", "-", "-", first[1], first[2]]));
        }
    }
    let automated = list.workloads.iter().filter(|workload| workload.automated).count();
    format!("{}\n{}, {automated} automated\n", table.render(width), count(list.workloads.len(), "workload"))
}

fn state(workload: &ListedWorkload) -> String {
    let locked = workload.locked_message.as_ref().map_or("locked".to_owned(), |message| format!("locked: {message}"));
    let words = [
        (workload.ignored, "ignored".to_owned()),
        (workload.automated, "automated".to_owned()),
        (workload.locked, locked),
        (workload.held && !workload.locked, "held".to_owned()),
    ];
    let words: Vec<String> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}
