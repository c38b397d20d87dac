//! The closed lists of codes that JSON, metrics and exit codes are made of.

use serde::{Serialize, Serializer};

/// Who has to act on what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Blame {
    /// A person must change something.
    Operator,
    /// The other side failed; it may pass on retry.
    Remote,
    /// Our own fault.
    Bug,
}

macro_rules! codes {
    ($(#[$outer:meta])* $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $meaning])+ $variant,)+ }

        impl $name {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The code as JSON and metrics write it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What the code means, for the reference page.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($meaning),+).trim_ascii(),)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use codes;

codes! {
    /// What became of one container.
    Code {
        /// The winner is written.
        Updated = "updated",
        /// The winner is written over a tag that the policy does not match, or that is not listed.
        Switched = "switched",
        /// The winner stands there already.
        Current = "current",
        /// A person locked the workload.
        Locked = "locked",
        /// The winner is below the current tag.
        WouldGoBack = "wouldGoBack",
        /// A person took this version back.
        RolledBack = "rolledBack",
        /// The winner was built from our own commit.
        OwnBuild = "ownBuild",
        /// The policy does not parse.
        MalformedPolicy = "malformedPolicy",
        /// No tag is left.
        NoTagMatches = "noTagMatches",
        /// The tag list lacks tags that it had.
        ListInDoubt = "listInDoubt",
        /// The repository was not listed yet.
        WaitingForList = "waitingForList",
        /// Metadata that decides was not read.
        MetadataMissing = "metadataMissing",
        /// No usable build time.
        NoBuildTime = "noBuildTime",
        /// Every tag that could win is too young.
        TooYoung = "tooYoung",
        /// The reference has a digest and no tag.
        DigestOnly = "digestOnly",
        /// The reference has no tag and the container no pattern of its own.
        NoExplicitPattern = "noExplicitPattern",
        /// The place feeds a container that stays.
        SharedPlace = "sharedPlace",
        /// Two containers want different values at one place.
        ConflictingPlace = "conflictingPlace",
        /// What the workload is depends on a kustomization that is not understood.
        UnsupportedKustomize = "unsupportedKustomize",
        /// The image stands in a scalar that is not edited.
        UnsupportedScalar = "unsupportedScalar",
        /// The file is encrypted.
        Encrypted = "encrypted",
        /// The edit did not verify.
        EditRefused = "editRefused",
        /// The place lies outside the paths that may be written.
        OutsidePaths = "outsidePaths",
        /// A configured bound was reached.
        LimitReached = "limitReached",
        /// The remote refused the push.
        PushRefused = "pushRefused",
        /// There is no such repository.
        NotFound = "notFound",
        /// The registry wants other credentials, or may not be asked.
        Unauthorized = "unauthorized",
        /// The registry asks for patience.
        RateLimited = "rateLimited",
        /// No answer came.
        Unreachable = "unreachable",
        /// The answer is not what the specification says.
        BadAnswer = "badAnswer",
        /// The last list is too old to decide upon.
        Stale = "stale",
    }
}

codes! {
    /// What became of one tag.
    TagCode {
        /// It won.
        Chosen = "chosen",
        /// The pattern does not match.
        NotMatched = "notMatched",
        /// It is no version.
        NotAVersion = "notAVersion",
        /// It is a pre-release and the range names none.
        PreRelease = "preRelease",
        /// The range does not hold it.
        OutsideRange = "outsideRange",
        /// It belongs to another series.
        OtherSeries = "otherSeries",
        /// It has fewer numbers than the current tag.
        FewerNumbers = "fewerNumbers",
        /// It is `latest`.
        Latest = "latest",
        /// An own key excludes it.
        Excluded = "excluded",
        /// It is younger than `min-age`.
        TooYoung = "tooYoung",
        /// It lacks a wanted platform.
        PlatformMissing = "platformMissing",
        /// It is no runnable image.
        NotAnImage = "notAnImage",
        /// The registry no longer has it.
        Gone = "gone",
        /// It has no usable build time.
        NoBuildTime = "noBuildTime",
        /// Its metadata could not be read this time.
        NotRead = "notRead",
        /// Another tag is better.
        Outranked = "outranked",
    }
}

impl Code {
    /// The list of `plan` that the code belongs to.
    pub fn list(self) -> List {
        match self {
            Self::Updated | Self::Switched => List::Updates,
            Self::Current => List::Current,
            Self::NotFound | Self::Unauthorized | Self::RateLimited | Self::Unreachable | Self::BadAnswer | Self::Stale => List::Failed,
            _ => List::Held,
        }
    }

    /// Who has to act, `None` where nobody has to.
    pub fn blame(self) -> Option<Blame> {
        match self {
            Self::MalformedPolicy | Self::PushRefused | Self::NotFound | Self::Unauthorized => Some(Blame::Operator),
            _ if self.list() == List::Failed => Some(Blame::Remote),
            _ => None,
        }
    }
}

/// The four lists of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// What changes.
    Updates,
    /// What waits for something, or stays on purpose.
    Held,
    /// What could not be asked.
    Failed,
    /// What is as it should be.
    Current,
}
