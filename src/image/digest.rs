//! Digests.

use std::fmt;

use super::ReferenceError;

/// A content digest of a registered algorithm: `sha256:` with 64, `sha384:` with 96 or `sha512:` with 128 lower-case hexadecimal digits.
///
/// # Source
/// OCI image spec 1.1, "Digests".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Box<str>);

impl Digest {
    /// Reads a digest.
    ///
    /// # Errors
    /// The algorithm is not registered, or the digits are not that algorithm's.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let Some((algorithm, digits)) = text.split_once(':') else {
            return Err(ReferenceError::new(text, text.len(), "a digest is `sha256:` and 64 hexadecimal digits"));
        };
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return Err(ReferenceError::new(text, 0, format!("the digest algorithm `{}` is not known", algorithm.escape_debug()))),
        };
        let start = algorithm.len() + 1;
        if let Some(at) = digits.find(|c: char| !matches!(c, '0'..='9' | 'a'..='f')) {
            return Err(ReferenceError::new(text, start + at, "a digest holds lower-case hexadecimal digits only"));
        }
        if digits.len() != length {
            return Err(ReferenceError::new(text, text.len(), format!("a {algorithm} digest has {length} digits, this one {}", digits.len())));
        }
        Ok(Self(text.into()))
    }

    /// The digest as it is written, with its algorithm.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The algorithm's name: `sha256`, `sha384` or `sha512`.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(algorithm, _)| algorithm)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_a_known_algorithm_and_its_digits() {
        for (word, text, legal) in [
            ("sha256", format!("sha256:{}", "a1".repeat(32)), true),
            ("sha384", format!("sha384:{}", "a1".repeat(48)), true),
            ("sha512", format!("sha512:{}", "0f".repeat(64)), true),
            ("upper case", format!("sha256:{}", "A1".repeat(32)), false),
            ("short", "sha256:abc".into(), false),
            ("other algorithm", format!("md5:{}", "a".repeat(32)), false),
            ("no algorithm", "a".repeat(64), false),
        ] {
            assert_eq!(Digest::parse(&text).is_ok(), legal, "{word}");
        }
    }
}
