//! The bytes of a repository's row: tags in their order, each told by how it differs from the one before it.

use jiff::Timestamp;

use super::{Check, Doubt, Found, List, Mark, Seen, SeenTag, Standing, Trouble};
use crate::{
    image::Tag,
    plan::Failure,
    policy::{Blame, Code, record::FirstSeen},
    store::{
        Kind, Record,
        wire::{Reader, Writer, from_seconds, read_digest, write_digest},
    },
};

/// Raise it with any change below.
const VERSION: u8 = 1;

/// The bits of a tag's flags, above the two of its standing.
const IN_FIRST: u8 = 1 << 2;
const CHECKED: u8 = 1 << 3;
const MOVED: u8 = 1 << 4;
const DIGEST: u8 = 1 << 5;
const GONE: u8 = 1 << 6;
const FAILED: u8 = 1 << 7;

const STANDINGS: [Standing; 4] = [Standing::Listed, Standing::New, Standing::Missing, Standing::Vanished];
const BLAMES: [Blame; 3] = [Blame::Operator, Blame::Remote, Blame::Bug];

/// What the next tag is told from.
#[derive(Default)]
struct Before {
    tag: String,
    first_seen: i64,
    checked: i64,
}

impl Record for Seen {
    const KIND: Kind = Kind::Repositories;

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        write_head(&mut writer, self.list.as_ref(), self.trouble.as_ref());
        write_tags(&mut writer, &self.tags);
        writer.0
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (list, trouble) = read_head(&mut reader)?;
        Some(Self { list, trouble, tags: read_tags(&mut reader)? })
    }
}

/// All that stands before the tags.
pub(super) fn write_head(writer: &mut Writer, list: Option<&List>, trouble: Option<&Trouble>) {
    writer.byte(VERSION);
    writer.byte(u8::from(list.is_some()) | u8::from(trouble.is_some()) << 1);
    if let Some(list) = list {
        write_list(writer, list);
    }
    if let Some(trouble) = trouble {
        write_trouble(writer, trouble);
    }
}

pub(super) fn read_head(reader: &mut Reader<'_>) -> Option<(Option<List>, Option<Trouble>)> {
    (reader.byte()? == VERSION).then_some(())?;
    let parts = reader.byte().filter(|parts| *parts < 4)?;
    let list = if parts & 1 == 0 { None } else { Some(read_list(reader)?) };
    let trouble = if parts & 2 == 0 { None } else { Some(read_trouble(reader)?) };
    Some((list, trouble))
}

pub(super) fn write_tags(writer: &mut Writer, tags: &[SeenTag]) {
    writer.number(tags.len() as u64);
    let mut before = Before::default();
    for tag in tags {
        write_tag(writer, tag, &mut before);
    }
}

/// The tags, behind which nothing stands.
pub(super) fn read_tags(reader: &mut Reader<'_>) -> Option<Vec<SeenTag>> {
    let count = reader.count()?;
    // A tag has at least four bytes.
    let mut tags = Vec::with_capacity(count.min(reader.0.len() / 4));
    let mut before = Before::default();
    for _ in 0..count {
        tags.push(read_tag(reader, &mut before)?);
    }
    let is_sorted = tags.is_sorted_by(|a, b| a.tag < b.tag);
    (is_sorted && reader.0.is_empty()).then_some(tags)
}

fn write_list(writer: &mut Writer, list: &List) {
    writer.step(0, list.at.as_second());
    writer.option(list.mark.etag.as_deref());
    writer.option(list.mark.last_modified.as_deref());
    writer.bytes(list.mark.hash.as_ref().map_or(&[], |hash| hash));
    writer.byte(list.doubt.as_ref().map_or(0, |doubt| doubt.equal));
    if let Some(doubt) = &list.doubt {
        writer.step(list.at.as_second(), doubt.since.as_second());
    }
}

fn read_list(reader: &mut Reader<'_>) -> Option<List> {
    let at = read_time(reader, 0)?;
    let mut text = || reader.option().map(|text| text.map(str::to_owned));
    let (etag, last_modified) = (text()?, text()?);
    let hash = match reader.bytes()? {
        [] => None,
        hash => Some(hash.try_into().ok()?),
    };
    let doubt = match reader.byte()? {
        0 => None,
        equal => Some(Doubt { since: read_time(reader, at.as_second())?, equal }),
    };
    Some(List { at, mark: Mark { etag, last_modified, hash }, doubt })
}

fn write_trouble(writer: &mut Writer, Trouble { failure, since }: &Trouble) {
    writer.step(0, since.as_second());
    writer.text(failure.code.as_str());
    writer.text(&failure.reason);
    writer.option(failure.hint.as_deref());
    writer.byte(place(&BLAMES, &failure.blame));
}

fn read_trouble(reader: &mut Reader<'_>) -> Option<Trouble> {
    let since = read_time(reader, 0)?;
    let code = read_code(reader)?;
    let reason = reader.text()?.to_owned();
    let hint = reader.option()?.map(str::to_owned);
    let blame = *BLAMES.get(usize::from(reader.byte()?))?;
    Some(Trouble { failure: Failure { code, reason, blame, hint }, since })
}

fn write_tag(writer: &mut Writer, seen: &SeenTag, before: &mut Before) {
    let tag = seen.tag.as_str();
    let shared = tag.bytes().zip(before.tag.bytes()).take_while(|(a, b)| a == b).count();
    writer.number(shared as u64);
    writer.text(&tag[shared..]);
    writer.byte(flags(seen));
    let first_seen = seen.first_seen.at.as_second();
    writer.step(before.first_seen, first_seen);
    tag.clone_into(&mut before.tag);
    before.first_seen = first_seen;
    let Some(check) = &seen.check else { return };
    let checked = check.at.as_second();
    writer.step(before.checked, checked);
    before.checked = checked;
    writer.byte(check.wait());
    if let Some(digest) = &check.digest {
        write_digest(writer, digest);
    }
    if let Found::Failed { code, reason } = &check.found {
        writer.text(code.as_str());
        writer.text(reason);
    }
}

fn read_tag(reader: &mut Reader<'_>, before: &mut Before) -> Option<SeenTag> {
    let shared = reader.count()?;
    before.tag.is_char_boundary(shared).then(|| before.tag.truncate(shared))?;
    before.tag.push_str(reader.text()?);
    let tag = Tag::parse(&before.tag).ok()?;
    let flags = reader.byte()?;
    let at = read_time(reader, before.first_seen)?;
    before.first_seen = at.as_second();
    let check = if flags & CHECKED == 0 { None } else { Some(read_check(reader, flags, before)?) };
    let first_seen = FirstSeen { at, in_first_listing: flags & IN_FIRST != 0 };
    Some(SeenTag { tag, standing: STANDINGS[usize::from(flags & 3)], first_seen, check })
}

fn read_check(reader: &mut Reader<'_>, flags: u8, before: &mut Before) -> Option<Check> {
    let at = read_time(reader, before.checked)?;
    before.checked = at.as_second();
    let wait = reader.byte()?;
    let digest = if flags & DIGEST == 0 { None } else { Some(read_digest(reader)?) };
    let found = match flags & (GONE | FAILED) {
        0 => Found::Digest,
        GONE => Found::Gone,
        FAILED => Found::Failed { code: read_code(reader)?, reason: reader.text()?.to_owned() },
        _ => return None,
    };
    Check::stored(at, found, digest, flags & MOVED != 0, wait)
}

fn flags(seen: &SeenTag) -> u8 {
    let mut flags = place(&STANDINGS, &seen.standing);
    flags |= if seen.first_seen.in_first_listing { IN_FIRST } else { 0 };
    let Some(check) = &seen.check else { return flags };
    flags |= CHECKED;
    flags |= if check.moved { MOVED } else { 0 };
    flags |= if check.digest.is_some() { DIGEST } else { 0 };
    flags
        | match check.found {
            Found::Digest => 0,
            Found::Gone => GONE,
            Found::Failed { .. } => FAILED,
        }
}

fn read_time(reader: &mut Reader<'_>, from: i64) -> Option<Timestamp> {
    from_seconds(reader.step(from)?)
}

fn read_code(reader: &mut Reader<'_>) -> Option<Code> {
    let text = reader.text()?;
    Code::ALL.iter().find(|code| code.as_str() == text).copied()
}

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let place = all.iter().position(|other| other == one).and_then(|place| u8::try_from(place).ok());
    place.expect("the list holds every variant")
}
