//! ECDSA keys whose secret number begins with zeros: OpenSSH leaves those out, and the reader of keys wants them.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ssh_key::PrivateKey;

/// What an OpenSSH key begins with.
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// Secrets are filled up to a multiple of this.
const BLOCK: usize = 8;

/// The key that a block of OpenSSH holds, if it is such a key and nothing encrypts it.
pub(super) fn read(block: &str) -> Option<PrivateKey> {
    let body: String = block.lines().filter(|line| !line.starts_with("-----")).collect();
    let bytes = BASE64.decode(body).ok()?;
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let (cipher, _kdf, _options) = (string(&mut rest)?, string(&mut rest)?, string(&mut rest)?);
    rest = rest.strip_prefix(&1_u32.to_be_bytes())?;
    let (public, secret) = (string(&mut rest)?, string(&mut rest)?);
    if cipher == b"none" { whole(public, secret) } else { None }
}

/// The same of a key that a passphrase opens.
pub(super) fn decrypt(key: &PrivateKey, passphrase: &str) -> Option<PrivateKey> {
    let mut secret = key.key_data().encrypted()?.to_vec();
    let (opener, start) = key.kdf().derive_key_and_iv(key.cipher(), passphrase).ok()?;
    key.cipher().decrypt(&opener, &start, &mut secret, None).ok()?;
    whole(&key.public_key().to_bytes().ok()?, &secret)
}

/// A key with all digits of its secret number.
fn whole(public: &[u8], secret: &[u8]) -> Option<PrivateKey> {
    let (check, mut rest) = secret.split_at_checked(8)?;
    let (algorithm, curve, point) = (string(&mut rest)?, string(&mut rest)?, string(&mut rest)?);
    let (number, comment) = (string(&mut rest)?, string(&mut rest)?);
    let size: usize = match curve {
        b"nistp256" => 32,
        b"nistp384" => 48,
        b"nistp521" => 66,
        _ => return None,
    };
    let number = [vec![0; size.checked_sub(number.len())?], number.to_vec()].concat();
    let mut secret = check.to_vec();
    for part in [algorithm, curve, point, &number, comment] {
        put(&mut secret, part);
    }
    secret.extend((1..).take(secret.len().next_multiple_of(BLOCK) - secret.len()));
    let mut key = MAGIC.to_vec();
    for part in [&b"none"[..], b"none", b""] {
        put(&mut key, part);
    }
    key.extend(1_u32.to_be_bytes());
    for part in [public, &secret] {
        put(&mut key, part);
    }
    PrivateKey::from_bytes(&key).ok()
}

/// The next string: its length in four bytes, and itself.
fn string<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (found, behind) = behind.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = behind;
    Some(found)
}

fn put(key: &mut Vec<u8>, part: &[u8]) {
    key.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    key.extend(part);
}
