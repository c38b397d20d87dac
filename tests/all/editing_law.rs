//! The editing law, for any bytes at all: tests replay it over files, the fuzzer over what it makes up.

use tagalong::{
    image::Reference,
    manifest::{
        self, File, Parts, Unreadable,
        splice::{Change, change},
    },
};

const TO: &str = "registry.example/new/image:9.9.9";

/// Every place of a file takes a new image, each by itself and all at once, and nothing else changes.
///
/// # Shape
/// What cannot be read has a reason, what cannot be edited is refused with one. The path says what kind of file it is.
pub fn holds(path: &str, bytes: &[u8]) {
    let file = match manifest::read(path, bytes, &[]) {
        Ok(file) => file,
        Err(Unreadable { reason, .. }) => return assert!(!reason.is_empty()),
    };
    let to = Reference::parse(TO).expect("a reference");
    let parts: Vec<&Parts> = file.images_and_patches().filter_map(|place| place.image.parts()).collect();
    let mut all: Vec<Change> = vec![];
    for (at, parts) in parts.iter().enumerate() {
        let Ok(changes) = parts.write(&to) else { continue };
        if let Some(after) = made(path, bytes, &changes) {
            let again = read(path, &after);
            let images: Vec<Option<String>> = again.images_and_patches().map(|place| text(place.image.parts()?)).collect();
            let places: Vec<usize> =
                file.images_and_patches().enumerate().filter(|(_, place)| place.image.parts().is_some()).map(|(at, _)| at).collect();
            assert_eq!(images.len(), file.images_and_patches().count(), "the places stay");
            // Of a tag alone another place says the name.
            assert!(text(parts).is_none() || images[places[at]].as_deref() == Some(TO), "the place holds the new image: {:?}", images[places[at]]);
        }
        all.extend(changes);
    }
    // What aliases give to several places is wanted several times.
    let mut once: Vec<Change> = vec![];
    for change in all {
        if !once.contains(&change) {
            once.push(change);
        }
    }
    made(path, bytes, &once);
}

/// The file after the changes, if they are not refused: no byte outside the scalars moved, and a second time nothing is to be done.
fn made(path: &str, bytes: &[u8], changes: &[Change]) -> Option<Vec<u8>> {
    let after = match change(path, bytes, changes) {
        Ok(after) => after,
        Err(refused) => {
            assert!(!refused.reason.is_empty());
            return None;
        }
    };
    let mut spans: Vec<std::ops::Range<usize>> = changes.iter().filter_map(replaced).collect();
    if spans.len() == changes.len() {
        spans.sort_by_key(|span| (span.start, span.end));
        spans.dedup();
        assert!(keeps(bytes, &after, &spans), "bytes outside the scalars moved");
    }
    read(path, &after);
    Some(after)
}

fn replaced(change: &Change) -> Option<std::ops::Range<usize>> {
    match change {
        Change::Replace(edit) => Some(edit.site.scalar.span()),
        _ => None,
    }
}

/// Whether all bytes between the spans stand in the new text, in their order.
fn keeps(before: &[u8], after: &[u8], spans: &[std::ops::Range<usize>]) -> bool {
    let mut rest = after;
    let mut from = 0;
    for span in spans {
        let kept = &before[from..span.start];
        let Some(at) = (if from == 0 { rest.starts_with(kept).then_some(0) } else { rest.windows(kept.len().max(1)).position(|part| part == kept) })
        else {
            return kept.is_empty();
        };
        rest = &rest[at + kept.len()..];
        from = span.end;
    }
    rest.ends_with(&before[from..])
}

fn read(path: &str, bytes: &[u8]) -> File {
    manifest::read(path, bytes, &[]).expect("a file that was edited can be read")
}

fn text(parts: &Parts) -> Option<String> {
    parts.reference(None).ok().map(|reference| reference.to_string())
}
