//! Platforms.

use std::fmt;

/// An operating system and an architecture, with a variant where it has one: `linux/arm64/v8`.
///
/// # Source
/// OCI image spec 1.1, "Image Index", `platform`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The operating system, in lower case: `linux`.
    pub os: Box<str>,
    /// The architecture, in Go's names: `amd64`.
    pub architecture: Box<str>,
    /// The variant of the architecture: `v8`.
    pub variant: Option<Box<str>>,
}

impl Platform {
    /// What is wanted where nobody says otherwise.
    pub fn linux_amd64() -> Self {
        Self { os: "linux".into(), architecture: "amd64".into(), variant: None }
    }

    /// Reads `os/architecture[/variant]`, `None` where a part is missing, empty or holds anything but letters, digits, `.`, `_` and `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(|part| word(part)) {
            return None;
        }
        Some(Self { os: parts[0].into(), architecture: parts[1].into(), variant: parts.get(2).map(|&part| part.into()) })
    }

    /// Whether an image for `self` serves a wish for `wanted`: a wish without a variant takes any, and `arm64` is `arm64/v8`.
    pub fn serves(&self, wanted: &Self) -> bool {
        let variant = |platform: &Self| match (&*platform.architecture, platform.variant.as_deref()) {
            ("arm64", Some("v8")) => None,
            (_, variant) => variant.map(str::to_owned),
        };
        self.os == wanted.os && self.architecture == wanted.architecture && (variant(wanted).is_none() || variant(self) == variant(wanted))
    }

    /// Whether this is the `unknown/unknown` of an attestation, which is no platform.
    pub fn is_unknown(&self) -> bool {
        &*self.os == "unknown" || &*self.architecture == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_serves_the_wishes_that_name_no_more_than_it_is() {
        for (offered, wanted, serves) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm/v7", "linux/arm", true),
            ("linux/arm", "linux/arm/v7", false),
            ("windows/amd64", "linux/amd64", false),
        ] {
            let [offered_, wanted_] = [offered, wanted].map(|text| Platform::parse(text).expect("a platform"));
            assert_eq!(offered_.serves(&wanted_), serves, "{offered} for {wanted}");
        }
    }

    #[test]
    fn a_platform_has_two_or_three_words() {
        for (text, legal) in
            [("linux/amd64", true), ("linux/arm/v7", true), ("linux", false), ("linux/", false), ("a/b/c/d", false), ("a b/c", false)]
        {
            assert_eq!(Platform::parse(text).is_some(), legal, "{text}");
        }
    }
}
