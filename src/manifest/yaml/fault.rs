//! Why a text cannot be read, in plain sentences.

use granit_parser::{ErrorKind, ScanError};

/// What is wrong with a text, and on which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::manifest) struct Fault {
    /// The line, from 1, where the fault has one.
    pub(in crate::manifest) line: Option<u32>,
    /// One clause without a full stop.
    pub(in crate::manifest) reason: String,
}

impl Fault {
    pub(super) fn at(line: u32, reason: impl Into<String>) -> Self {
        Self { line: Some(line), reason: reason.into() }
    }

    pub(in crate::manifest) fn whole(reason: impl Into<String>) -> Self {
        Self { line: None, reason: reason.into() }
    }

    pub(super) fn scan(error: &ScanError, source: &str) -> Self {
        let line = error.marker().line();
        let reason = sentence(error.kind());
        // The parser names the line where the value before the tab begins.
        let further = if reason == TAB { source.lines().skip(line.saturating_sub(1)).position(is_indented_by_tab).unwrap_or(0) } else { 0 };
        Self::at(u32::try_from(line + further).unwrap_or(u32::MAX), reason)
    }
}

pub(super) const TAB: &str = "a tab stands where YAML wants spaces";

pub(super) fn is_indented_by_tab(line: &str) -> bool {
    line[..line.len() - line.trim_start_matches([' ', '\t']).len()].contains('\t')
}

pub(super) fn too_deep(line: u32) -> Fault {
    Fault::at(line, "it is nested more than 200 levels deep")
}

fn sentence(kind: &ErrorKind) -> String {
    use ErrorKind as K;
    let known = match kind {
        K::TabNotAllowed | K::TabInBlockIndentation | K::TabInIndentation | K::TabInPlainScalar | K::TabAtBlockScalarStart => TAB,
        K::RecursionLimitExceeded => "it is nested more than 200 levels deep",
        K::UnknownAnchor => "an alias names an anchor that stands nowhere above it",
        K::UnclosedQuotedScalar | K::InvalidQuotedScalarIndent => "a quote is not closed, or its text continues with too little indentation",
        K::UnclosedFlowCollection { .. } | K::UnexpectedEofFlowMapping | K::UnexpectedEofFlowSequence => "a `{` or `[` is not closed",
        K::MappingValueNotAllowed => "a `: ` stands inside a value that is not quoted",
        K::InvalidIndentation | K::ExpectedBlockMappingKey | K::ExpectedBlockSequenceEntry => "the indentation fits no level above it",
        K::SimpleKeyExpected | K::InvalidSimpleKey => "a line is neither a key with `:` nor part of a value",
        K::BlockSequenceEntryNotAllowed => "a `- ` stands where no list can begin",
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => "text follows a closing quote",
        K::ExpectedDocumentStart => "text follows the end of a document without `---` between",
        K::ExpectedFlowMappingSeparator | K::ExpectedFlowSequenceSeparator => "a `,` or a closing bracket is missing between `{}` or `[]`",
        K::UnexpectedCharacter { character } => return format!("a value cannot begin with `{}`", character.escape_debug()),
        other => return other.to_string(),
    };
    known.to_owned()
}
