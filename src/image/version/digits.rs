//! Numbers of any length, kept as the text that a person wrote.

use std::cmp::Ordering;

/// Whether the text is one or more ASCII digits.
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the text is one or more numbers between dots.
pub fn is_dotted_number(text: &str) -> bool {
    let mut previous = b'.';
    let legal = text.bytes().all(|b| {
        let before = std::mem::replace(&mut previous, b);
        b.is_ascii_digit() || b == b'.' && before != b'.'
    });
    legal && previous != b'.'
}

/// Compares two runs of digits by their value, however long they are.
pub fn compare(a: &str, b: &str) -> Ordering {
    let [a, b] = [significant(a), significant(b)];
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The digits of a number without leading zeros: none for zero.
pub fn significant(number: &str) -> &[u8] {
    let zeros = number.bytes().take_while(|&b| b == b'0').count();
    &number.as_bytes()[zeros..]
}

/// Compares dotted numbers part by part; what has more parts is greater where all before are equal.
pub fn compare_dotted(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => match compare(a, b) {
                Ordering::Equal => {}
                other => return other,
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

/// Natural order: runs of digits compare as numbers, all else as text; texts that differ only in leading zeros compare as text.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(l), Some(r)) = (left.chars().next(), right.chars().next()) {
        if l.is_ascii_digit() && r.is_ascii_digit() {
            let [x, y] = [left, right].map(|text| text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())));
            match compare(x.0, y.0) {
                Ordering::Equal => (left, right) = (x.1, y.1),
                other => return other,
            }
        } else if l == r {
            (left, right) = (&left[l.len_utf8()..], &right[r.len_utf8()..]);
        } else {
            return l.cmp(&r);
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order_reads_runs_of_digits_as_numbers() {
        for (lower, higher) in [
            ("0.0.1", "0.0.2"),
            ("main-9", "main-10"),
            ("a", "b"),
            ("a", "a1"),
            ("main-88-x", "main-88-y"),
            ("v99999999999999999999998", "v99999999999999999999999"),
            ("01", "1"),
        ] {
            assert_eq!(natural(lower, higher), Ordering::Less, "{lower} {higher}");
            assert_eq!(natural(higher, lower), Ordering::Greater, "{higher} {lower}");
        }
    }
}
