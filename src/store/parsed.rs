//! What files hold, kept by the id of their bytes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::manifest::{File, KindPaths, Unreadable, UnreadableKind};

/// Raise it when files are read differently, or what is read has another shape.
const VERSION: u8 = 10;

/// What reading a file gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The search of its bytes left it out.
    ScreenedOut,
    /// It asks for nothing, so that only kustomizations that use it need to know what it holds.
    Silent {
        /// How many workloads it holds.
        workloads: u32,
    },
    /// What it holds.
    Read(File),
    /// Why it cannot be read.
    Unreadable(Unreadable),
}

/// Whether a file's bytes are searched before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screening {
    /// They are.
    ByBytes,
    /// It is read in any case.
    Nothing,
}

/// Makes the ids of files that are read with the same configured kinds.
#[derive(Clone, Debug)]
pub struct FileIds {
    prefix: String,
}

impl FileIds {
    /// For these kinds, and this version of the program.
    pub fn new(kinds: &[KindPaths]) -> Self {
        let text = format!("{VERSION} {} {kinds:?}", env!("CARGO_PKG_VERSION"));
        Self { prefix: short_hash(text.as_bytes()) }
    }

    /// The id of a file's entry: its bytes, and its name, which tells kustomizations from other files.
    pub fn id(&self, blob: &str, path: &str, screening: Screening) -> String {
        let name = path.rsplit('/').next().unwrap_or(path);
        let way = match screening {
            Screening::ByBytes => 's',
            Screening::Nothing => 'n',
        };
        format!("{} {blob} {way} {name}", self.prefix)
    }
}

fn short_hash(bytes: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let (words, _) = hash.as_chunks::<8>();
    format!("{:016x}", u64::from_be_bytes(words[0]))
}

#[derive(Serialize, Deserialize)]
enum Entry<'a> {
    ScreenedOut,
    Read(Cow<'a, File>),
    Unreadable { line: Option<u32>, reason: Cow<'a, str>, kind: UnreadableKind, annotated: bool },
    Silent(u32),
}

/// The bytes of an entry; the path is not in it.
pub fn encode_parsed(parsed: &Parsed) -> Vec<u8> {
    let entry = match parsed {
        Parsed::ScreenedOut => Entry::ScreenedOut,
        Parsed::Silent { workloads } => Entry::Silent(*workloads),
        Parsed::Read(file) => Entry::Read(Cow::Borrowed(file)),
        Parsed::Unreadable(Unreadable { line, reason, kind, annotated, .. }) => {
            Entry::Unreadable { line: *line, reason: reason.into(), kind: *kind, annotated: *annotated }
        }
    };
    postcard::to_stdvec(&entry).expect("every part has a length that is known")
}

/// The entry that was encoded, of the file at `path`; `None` for bytes that nobody encoded.
pub fn decode_parsed(bytes: &[u8], path: &str) -> Option<Parsed> {
    let (entry, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(match entry {
        Entry::ScreenedOut => Parsed::ScreenedOut,
        Entry::Silent(workloads) => Parsed::Silent { workloads },
        Entry::Read(file) => Parsed::Read(file.into_owned()),
        Entry::Unreadable { line, reason, kind, annotated } => {
            Parsed::Unreadable(Unreadable { path: path.to_owned(), line, reason: reason.into_owned(), kind, annotated })
        }
    })
}

#[cfg(test)]
mod tests;
