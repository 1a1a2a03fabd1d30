//! A head's field lines, as a host hands them in.

use std::{ops::Range, str};

use memchr::memchr;

/// The lines, and where in them the fields stand.
#[derive(Debug)]
pub(crate) struct Fields {
    lines: Vec<u8>,
    /// Name and value of each, the value with the space around it.
    found: Vec<(Range<usize>, Range<usize>)>,
}

impl Fields {
    /// Takes them over; names become lower case.
    pub(crate) fn new(mut lines: Vec<u8>) -> Self {
        let mut found = Vec::with_capacity(16);
        let mut start = 0;
        while let Some(rest) = lines.get_mut(start..).filter(|rest| !rest.is_empty()) {
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            let colon = memchr(b':', rest).filter(|colon| (1..length).contains(colon));
            let name = colon.and_then(|colon| rest.get_mut(..colon));
            let end = start.saturating_add(length);
            if let Some(name) = name.filter(|name| !name.iter().any(u8::is_ascii_whitespace)) {
                name.make_ascii_lowercase();
                let colon = start.saturating_add(name.len());
                found.push((start..colon, colon.saturating_add(1)..end));
            }
            start = end.saturating_add(1);
        }
        Self { lines, found }
    }

    /// Name and value of each.
    pub(crate) fn pairs(&self) -> Vec<(&str, &[u8])> {
        let part = |range: &Range<usize>| self.lines.get(range.clone());
        let pair = |(name, value): &(Range<usize>, Range<usize>)| {
            Some((str::from_utf8(part(name)?).ok()?, part(value)?.trim_ascii()))
        };
        self.found.iter().filter_map(pair).collect()
    }
}
