//! The inside of a JSON string: finding its end, and resolving its escapes.
//!
//! Nearly every byte of a request is inside a string, so this is the loop that a large body spends its time in.

use alloc::string::String;

use super::{JsonError, JsonErrorKind};

/// A string that was walked over.
pub(super) struct Scan {
    /// Offset behind the closing quote.
    pub(super) end: usize,
    /// Whether it holds an escape.
    pub(super) escaped: bool,
}

/// Walks a string whose first byte behind the opening quote is at `start`.
pub(super) fn scan(body: &[u8], start: usize) -> Result<Scan, JsonError> {
    let (mut at, mut escaped, mut high) = (start, false, 0u64);
    loop {
        let (run, bits) = plain_run(body.get(at..).unwrap_or_default());
        at = at.saturating_add(run);
        high |= bits;
        match body.get(at) {
            Some(b'"') => break,
            Some(b'\\') => {
                escaped = true;
                at = escape(body, at.saturating_add(1))?;
            }
            found => return Err(wrong(found, at)),
        }
    }
    if high & HIGH != 0
        && let Err(error) = core::str::from_utf8(body.get(start..at).unwrap_or_default())
    {
        let offset = start.saturating_add(error.valid_up_to());
        return Err(JsonError { kind: JsonErrorKind::Utf8, offset });
    }
    Ok(Scan { end: at.saturating_add(1), escaped })
}

/// Resolves the escapes of a string that the cursor has accepted. `None` for a lone surrogate.
pub fn unescape(raw: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(stop) = rest.iter().position(|&b| b == b'\\') {
        let (plain, escape) = rest.split_at_checked(stop)?;
        out.push_str(core::str::from_utf8(plain).ok()?);
        let (char, used) = match *escape.get(1)? {
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => {
                let first = hex(escape.get(2..6)?)?;
                if (0xD800..0xDC00).contains(&first) {
                    if escape.get(6..8)? != b"\\u" {
                        return None;
                    }
                    let second = hex(escape.get(8..12)?)?;
                    let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                    let code = 0x10000u32.checked_add((first - 0xD800) << 10)?.checked_add(low)?;
                    (char::from_u32(code)?, 12)
                } else {
                    (char::from_u32(first)?, 6)
                }
            }
            same @ (b'"' | b'\\' | b'/') => (char::from(same), 2),
            _ => return None,
        };
        out.push(char);
        rest = escape.get(used..)?;
    }
    out.push_str(core::str::from_utf8(rest).ok()?);
    Some(out)
}

/// Walks an escape from behind its backslash.
fn escape(body: &[u8], at: usize) -> Result<usize, JsonError> {
    let next = at.saturating_add(1);
    match body.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(next),
        Some(b'u') => {
            let end = next.saturating_add(4);
            let digits = body.get(next..end.min(body.len())).unwrap_or_default();
            match digits.iter().position(|digit| !digit.is_ascii_hexdigit()) {
                None if digits.len() == 4 => Ok(end),
                None => Err(wrong(None, body.len())),
                Some(bad) => Err(wrong(digits.get(bad), next.saturating_add(bad))),
            }
        }
        found => Err(wrong(found, at)),
    }
}

const fn wrong(found: Option<&u8>, offset: usize) -> JsonError {
    let kind = if found.is_none() { JsonErrorKind::End } else { JsonErrorKind::Byte };
    JsonError { kind, offset }
}

/// Four hexadecimal digits. `from_str_radix` alone would take a sign.
fn hex(digits: &[u8]) -> Option<u32> {
    let digits = core::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Length of the leading run without quote, backslash or control byte, and an OR of its words that shows whether any of
/// its bytes is outside of ASCII. The OR may also hold bytes behind the run: too careful, never too careless.
///
/// Code has an escape every line or so: the first bytes are looked at eight at a time, in a `u64`. What is then still a run
/// is prose: the compiler makes vectors of a block of it.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn plain_run(rest: &[u8]) -> (usize, u64) {
    let (mut run, mut high, stopped) = plain_words(rest.as_chunks().0.iter().take(4));
    if stopped {
        return (run, high);
    }
    for block in rest.get(run..).unwrap_or_default().as_chunks::<32>().0 {
        let marked = block.iter().fold(0, |marked, byte| {
            let stops = (*byte == b'"') | (*byte == b'\\') | (*byte < 0x20);
            marked | u8::from(stops) | (*byte & 0x80)
        });
        high |= u64::from(marked);
        if marked & 1 != 0 {
            break;
        }
        run = run.wrapping_add(32);
    }
    let (words, bits, stopped) = plain_words(rest.get(run..).unwrap_or_default().as_chunks().0.iter());
    run = run.wrapping_add(words);
    high |= bits;
    if stopped {
        return (run, high);
    }
    let (tail, bits) = plain_bytes(rest.get(run..).unwrap_or_default());
    (run.wrapping_add(tail), high | bits)
}

/// The same in words, and whether the run ends in one of them.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(always)]
fn plain_words<'w>(words: impl Iterator<Item = &'w [u8; 8]>) -> (usize, u64, bool) {
    let (mut run, mut high) = (0usize, 0u64);
    for word in words {
        let word = u64::from_le_bytes(*word);
        high |= word;
        let found = stops(word);
        if found != 0 {
            return (run.wrapping_add(first(found)), high, true);
        }
        run = run.wrapping_add(8);
    }
    (run, high, false)
}

/// The same with 128-bit vectors, which every host of the WebAssembly doors has: a dozen instructions for 16 bytes.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
fn plain_run(rest: &[u8]) -> (usize, u64) {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128_or};

    let (quote, slash, space) = (u8x16_splat(b'"'), u8x16_splat(b'\\'), u8x16_splat(b' '));
    let (mut run, mut high) = (0usize, 0u64);
    for block in rest.as_chunks::<16>().0 {
        let [low, top] = halves(*block);
        high |= low | top;
        let bytes = u64x2(low, top);
        let stops = v128_or(v128_or(u8x16_eq(bytes, quote), u8x16_eq(bytes, slash)), u8x16_lt(bytes, space));
        let found = u8x16_bitmask(stops);
        if found != 0 {
            return (run.saturating_add(found.trailing_zeros() as usize), high);
        }
        run = run.saturating_add(16);
    }
    let (tail, bits) = plain_bytes(rest.get(run..).unwrap_or_default());
    (run.saturating_add(tail), high | bits)
}

/// The same, byte by byte.
fn plain_bytes(rest: &[u8]) -> (usize, u64) {
    let (mut run, mut high) = (0usize, 0u64);
    for &byte in rest {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        high |= u64::from(byte);
        run = run.saturating_add(1);
    }
    (run, high)
}

/// Index of the first byte that is marked.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
const fn first(stops: u64) -> usize {
    (stops.trailing_zeros() / 8) as usize
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
fn halves(pair: [u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(pair);
    [both as u64, (both >> 64) as u64]
}

/// The high bit of every byte that ends a plain run. Exact up to and including the first such byte (the borrow of a
/// match may mark bytes above it), which is all that is asked.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
const fn stops(word: u64) -> u64 {
    let quote = (word ^ (LOW * b'"' as u64)).wrapping_sub(LOW);
    let slash = (word ^ (LOW * b'\\' as u64)).wrapping_sub(LOW);
    let control = word.wrapping_sub(LOW * 0x20);
    // What they are compared with leaves the high bits as they are.
    (control | quote | slash) & !word & HIGH
}
