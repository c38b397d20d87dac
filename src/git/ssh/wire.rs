//! The strings of which SSH keys are made.

/// The first string of some bytes, and what follows it.
///
/// # Source
/// RFC 4251, section 5: four bytes of length, then as many bytes.
pub(super) fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The type of a public key, which it begins with.
pub(super) fn kind(key: &[u8]) -> Option<&str> {
    let kind = std::str::from_utf8(string(key)?.0).ok()?;
    kind.bytes().all(|byte| byte.is_ascii_graphic()).then_some(kind).filter(|kind| !kind.is_empty())
}
