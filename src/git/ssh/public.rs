//! The public key of a private one that stands in PEM form: what Flux v1 and older programs wrote.

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};

/// The marks of DER that keys are made of.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The parameters and the public key of an EC key, each in a mark of its own.
const PARAMETERS: u8 = 0xa0;
const PUBLIC: u8 = 0xa1;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// The curves by their numbers, and as SSH calls them.
const CURVES: [(&[u8], &str); 3] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], "nistp256"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], "nistp384"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "nistp521"),
];

/// The public key as one line, without a comment; `None` where the block is encrypted, or tells it not.
///
/// # Source
/// RFC 8017, appendix A.1.2; RFC 5915, section 3; RFC 5208, section 5.
pub(super) fn of_pem(label: &str, body: &str) -> Option<String> {
    let der = BASE64.decode(body.split_ascii_whitespace().collect::<String>()).ok()?;
    match label {
        "RSA PRIVATE KEY" => rsa(&der),
        "EC PRIVATE KEY" => ec(&der, None),
        "PRIVATE KEY" => {
            let mut fields = Fields(sequence(&der)?);
            fields.take(INTEGER)?;
            let mut algorithm = Fields(fields.take(SEQUENCE)?);
            let kind = algorithm.take(OBJECT)?;
            let key = fields.take(OCTET_STRING)?;
            match kind {
                RSA => rsa(key),
                EC => ec(key, algorithm.take(OBJECT)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn rsa(der: &[u8]) -> Option<String> {
    let mut fields = Fields(sequence(der)?);
    fields.take(INTEGER)?;
    let (modulus, exponent) = (fields.take(INTEGER)?, fields.take(INTEGER)?);
    Some(line("ssh-rsa", &[exponent, modulus]))
}

fn ec(der: &[u8], curve: Option<&[u8]>) -> Option<String> {
    let mut fields = Fields(sequence(der)?);
    fields.take(INTEGER)?;
    fields.take(OCTET_STRING)?;
    let own = fields.take(PARAMETERS).and_then(|parameters| Fields(parameters).take(OBJECT));
    let curve = own.or(curve)?;
    let (_, name) = CURVES.iter().find(|(number, _)| *number == curve)?;
    // The first byte counts the bits that are left over: none.
    let (0, point) = Fields(fields.take(PUBLIC)?).take(BIT_STRING)?.split_first().map(|(unused, point)| (*unused, point))? else { return None };
    Some(line(&format!("ecdsa-sha2-{name}"), &[name.as_bytes(), point]))
}

fn line(kind: &str, parts: &[&[u8]]) -> String {
    let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("a key is short").to_be_bytes()[..], bytes].concat();
    let blob: Vec<u8> = std::iter::once(kind.as_bytes()).chain(parts.iter().copied()).flat_map(string).collect();
    format!("{kind} {}", BASE64.encode(blob))
}

fn sequence(der: &[u8]) -> Option<&[u8]> {
    Fields(der).take(SEQUENCE)
}

/// Values of DER, one behind the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next value, if it has this mark.
    fn take(&mut self, mark: u8) -> Option<&'a [u8]> {
        let (&first, rest) = self.0.split_first()?;
        let (&length, rest) = rest.split_first()?;
        if first != mark {
            return None;
        }
        let (length, rest) = if length < 0x80 {
            (usize::from(length), rest)
        } else {
            // So many bytes of length follow; no key needs more than three.
            let count = usize::from(length - 0x80);
            let (bytes, rest) = rest.split_at_checked(count).filter(|_| (1..=3).contains(&count))?;
            (bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"] {
                let _any = of_pem(label, &BASE64.encode(&bytes));
            }
        }
    }
}
