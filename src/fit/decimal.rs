//! Numbers of JSON texts, compared without floating point.

use core::cmp::Ordering;

/// Decimals that a bound may have.
const SCALE: i64 = 6;

/// A JSON number in millionths, towards zero, and whether digits were lost. Enough to compare any number with a bound
/// of at most six decimals; numbers beyond 10³² are taken for that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Decimal {
    millionths: i128,
    /// -1, 0 or 1: on which side of `millionths` the number lies.
    rest: i8,
}

impl Decimal {
    /// Reads a JSON number. `None` for anything else.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let split = text.iter().position(|b| matches!(b, b'e' | b'E'));
        let mantissa = text.get(..split.unwrap_or(text.len()))?;
        let exponent = match split {
            Some(at) => exponent(text.get(at.checked_add(1)?..)?)?,
            None => 0,
        };
        let point = mantissa.iter().position(|b| *b == b'.').unwrap_or(mantissa.len());
        if point == 0 || point.checked_add(1)? == mantissa.len() {
            return None;
        }
        let mut millionths = 0i128;
        let mut lost = false;
        // Weight of the next digit, as a power of ten of a millionth.
        let mut weight =
            i64::try_from(point).ok()?.saturating_sub(1).saturating_add(exponent).saturating_add(SCALE);
        for (index, byte) in mantissa.iter().enumerate() {
            let digit = match byte {
                b'0'..=b'9' => i128::from(byte.wrapping_sub(b'0')),
                b'.' if index == point => continue,
                _ => return None,
            };
            if digit != 0 {
                match u32::try_from(weight) {
                    Ok(power) => {
                        let value = 10i128.checked_pow(power).and_then(|unit| unit.checked_mul(digit));
                        millionths = millionths.saturating_add(value.unwrap_or(i128::MAX));
                    }
                    Err(_) if weight < 0 => lost = true,
                    Err(_) => millionths = i128::MAX,
                }
            }
            weight = weight.saturating_sub(1);
        }
        let rest = i8::from(lost);
        Some(if negative {
            Self { millionths: millionths.saturating_neg(), rest: rest.saturating_neg() }
        } else {
            Self { millionths, rest }
        })
    }
}

/// Digits of an exponent with their sign. More than a few of them only say "very large" or "very small".
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.saturating_mul(10).saturating_add(i64::from(byte.wrapping_sub(b'0')));
    }
    Some(if negative { value.saturating_neg() } else { value })
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.millionths.cmp(&other.millionths).then(self.rest.cmp(&other.rest))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_are_ordered_however_they_are_written() {
        let ascending = [
            "-1e999",
            "-1e6",
            "-3",
            "-1.5",
            "-1e-3",
            "-1e-9",
            "0",
            "1e-9",
            "1e-6",
            "0.01",
            "0.01000000001",
            "0.5",
            "1",
            "1.0000001",
            "19.5e-1",
            "2",
            "3e2",
            "1e27",
            "1e999",
        ];
        for (index, text) in ascending.iter().enumerate() {
            for (other, text2) in ascending.iter().enumerate() {
                assert_eq!(number(text).cmp(&number(text2)), index.cmp(&other), "{text} {text2}");
            }
        }
        for (one, other) in
            [("0", "-0.0"), ("1", "10e-1"), ("100", "1E+2"), ("0.7", "0.70"), ("0", "0e99999999999")]
        {
            assert_eq!(number(one), number(other));
        }
    }

    #[test]
    fn only_numbers_are_read() {
        for text in ["", "-", ".5", "1.", "1e", "1e+", "x", "1.5.2", "1e2.5", "NaN", "+1"] {
            assert_eq!(Decimal::parse(text.as_bytes()), None, "{text}");
        }
    }
}
