//! What a linter has to say, and what each of its codes means.

use serde::{Serialize, Serializer};

use crate::{manifest::splice::Change, policy::codes};

/// Something in a repository that a person may want to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is.
    pub code: FindingCode,
    /// How bad it is.
    pub severity: Severity,
    /// The file, by its path in the repository.
    pub file: String,
    /// The line, from 1, where it has one.
    pub line: Option<u32>,
    /// The column in characters, from 1, where it is known.
    pub column: Option<u32>,
    /// `namespace:kind/name`, where one workload is concerned.
    pub workload: Option<String>,
    /// The container, where one is concerned.
    pub container: Option<String>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The one right answer, where there is one.
    pub fix: Option<Fix>,
}

/// The one right answer to a finding.
///
/// # Shape
/// JSON: what it does, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in a few words.
    pub does: String,
    /// What changes in the file.
    pub change: Change,
}

impl Serialize for Fix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.does)
    }
}

codes! {
    /// How bad a finding is.
    Severity {
        /// What is written there is not what happens: `check` exits with 1.
        Error = "error",
        /// It is done, but hardly as somebody meant it.
        Warning = "warning",
        /// Something to know.
        Note = "note",
    }
}

codes! {
    /// What a finding is about.
    FindingCode {
        /// A pattern or own key does not parse; the container is held.
        MalformedPolicy = "malformedPolicy",
        /// A pattern or own key names a container that does not exist.
        UnknownContainer = "unknownContainer",
        /// `filter.fluxcd.io/tag.<container>` stands where `filter.fluxcd.io/<container>` is meant.
        TagBehindFilter = "tagBehindFilter",
        /// A comment policy stands beside no image that it could be about.
        CommentWithoutImage = "commentWithoutImage",
        /// A boolean that means yes and is not exactly `true`: it does not count.
        NotTrue = "notTrue",
        /// An annotated file cannot be read.
        UnreadableAnnotated = "unreadableAnnotated",
        /// An unquoted value in which YAML reads a boolean, a number or a time: the API server refuses it.
        UnquotedValue = "unquotedValue",
        /// Two keys say one thing; the stronger one decides.
        ConflictingKeys = "conflictingKeys",
        /// The word behind a prefix of ours is none that is read.
        UnknownAnnotation = "unknownAnnotation",
        /// The prefix is nearly one of ours.
        UnknownPrefix = "unknownPrefix",
        /// An annotation of ours stands where nobody reads it: on the pod template, among labels, beside `annotations`.
        MisplacedAnnotation = "misplacedAnnotation",
        /// Patterns on a workload that nobody automated do nothing.
        NotAutomated = "notAutomated",
        /// A container takes part only by the default `glob:*`.
        DefaultPattern = "defaultPattern",
        /// The image has a digest and no tag, which only a `digest:` pattern changes.
        DigestOnly = "digestOnly",
        /// The image has no tag, and only an explicit pattern inserts one.
        NoExplicitPattern = "noExplicitPattern",
        /// A part of the pattern was dropped.
        DroppedPart = "droppedPart",
        /// The glob holds a character that no tag has.
        NeverMatches = "neverMatches",
        /// A Job's pod template is immutable.
        Job = "job",
        /// One workload is defined twice in files that no kustomization uses.
        SameId = "sameId",
        /// A kustomization does what is not understood yet; what it deploys is held.
        UnsupportedKustomize = "unsupportedKustomize",
        /// An `images` entry of a kustomization means no image that is deployed with it.
        UnmatchedEntry = "unmatchedEntry",
        /// A base is outside the repository, so that nobody sees the workloads in it.
        RemoteBase = "remoteBase",
        /// An annotated object has no image where Tagalong reads one.
        NoImage = "noImage",
        /// The image stands in a scalar that cannot be edited.
        UnsupportedScalar = "unsupportedScalar",
        /// An annotated object is encrypted, and never edited.
        Encrypted = "encrypted",
        /// One place feeds several containers that do not ask for the same.
        SharedPlace = "sharedPlace",
        /// A file that is hidden from Tagalong holds annotated workloads: by `.tagalongignore`.
        Ignored = "ignored",
        /// A file that may not be written holds annotated workloads: by `paths` or `--git-path`.
        OutsidePaths = "outsidePaths",
        /// The configuration keeps the image from being looked up.
        NotLookedUp = "notLookedUp",
        /// No credential is configured for the images of a registry that is not a public one.
        NoCredential = "noCredential",
        /// The credential of a registry does not serve this repository.
        CredentialElsewhere = "credentialElsewhere",
        /// A file cannot be read, and holds no annotation.
        Unreadable = "unreadable",
    }
}

impl FindingCode {
    /// How bad such a finding usually is.
    pub const fn severity(self) -> Severity {
        match self {
            Self::MalformedPolicy
            | Self::UnknownContainer
            | Self::TagBehindFilter
            | Self::CommentWithoutImage
            | Self::NotTrue
            | Self::UnreadableAnnotated => Severity::Error,
            Self::RemoteBase
            | Self::Ignored
            | Self::OutsidePaths
            | Self::NotLookedUp
            | Self::NoCredential
            | Self::CredentialElsewhere
            | Self::Unreadable => Severity::Note,
            _ => Severity::Warning,
        }
    }
}

impl Finding {
    /// A finding in a file.
    pub(super) fn new(code: FindingCode, file: &str, line: impl Into<Option<u32>>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            file: file.to_owned(),
            line: line.into(),
            column: None,
            workload: None,
            container: None,
            message: message.into(),
            hint: None,
            fix: None,
        }
    }

    /// The same with what to do next.
    #[must_use]
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same about a workload; a place outside workloads has its file in place of one.
    #[must_use]
    pub(super) fn of(self, workload: &str) -> Self {
        Self { workload: (workload != self.file).then(|| workload.to_owned()), ..self }
    }

    /// The same about a container of it.
    #[must_use]
    pub(super) fn container(self, container: &str) -> Self {
        Self { container: Some(container.to_owned()), ..self }
    }
}
