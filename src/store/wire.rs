//! The smallest parts of compact records: numbers, times, texts.

use jiff::Timestamp;

use crate::image::Digest;

/// Bytes of a record under way.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    /// A difference: small ones of either sign are short.
    pub(super) fn step(&mut self, from: i64, to: i64) {
        let difference = to.wrapping_sub(from);
        self.number(((difference << 1) ^ (difference >> 63)).cast_unsigned());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A text that may be missing.
    pub(super) fn option(&mut self, text: Option<&str>) {
        match text {
            None => self.byte(0),
            Some(text) => {
                self.byte(1);
                self.text(text);
            }
        }
    }
}

/// A record that is read from its front; `None` where the bytes are not what was written.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub(super) fn step(&mut self, from: i64) -> Option<i64> {
        let folded = self.number()?;
        let difference = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
        Some(from.wrapping_add(difference))
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.count()?;
        self.take(count)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    #[expect(clippy::option_option, reason = "the outer one says whether the bytes are what was written")]
    pub(super) fn option(&mut self) -> Option<Option<&'a str>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.text().map(Some),
            _ => None,
        }
    }
}

/// A time without its fraction of a second: records keep whole seconds.
pub(super) fn whole(time: Timestamp) -> Timestamp {
    from_seconds(time.as_second()).unwrap_or(time)
}

pub(super) fn from_seconds(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

/// The hexadecimal digits as bytes; their number tells the algorithm.
pub(super) fn write_digest(writer: &mut Writer, digest: &Digest) {
    let digits = &digest.as_str()[digest.algorithm().len() + 1..];
    let value = |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    writer.number(pairs.len() as u64);
    writer.0.extend(pairs.iter().map(|[high, low]| value(*high) << 4 | value(*low)));
}

pub(super) fn read_digest(reader: &mut Reader<'_>) -> Option<Digest> {
    let bytes = reader.bytes()?;
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let digits: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    Digest::parse(&format!("sha{}:{digits}", bytes.len() * 8)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(number: u64, from: i64, to: i64, text: String, option: Option<String>) {
            let mut writer = Writer::default();
            writer.number(number);
            writer.step(from, to);
            writer.text(&text);
            writer.option(option.as_deref());
            let mut reader = Reader(&writer.0);
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert_eq!(reader.step(from), Some(to));
            prop_assert_eq!(reader.text(), Some(text.as_str()));
            prop_assert_eq!(reader.option(), Some(option.as_deref()));
            prop_assert!(reader.0.is_empty());
        }
    }

    #[test]
    fn what_nobody_wrote_is_refused() {
        for (word, bytes) in [("nothing", &[][..]), ("cut off", &[0x80]), ("too large", &[0xff; 10]), ("without end", &[0x80; 11])] {
            assert_eq!(Reader(bytes).number(), None, "{word}");
        }
        assert_eq!(Reader(&[5, b'a']).text(), None, "longer than the rest");
        assert_eq!(Reader(&[1, 0xff]).text(), None, "no text");
        assert_eq!(Reader(&[2]).option(), None, "neither there nor missing");
    }
}
