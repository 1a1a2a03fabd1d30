//! A reply to the host: lines of text, and bytes behind them.
//!
//! ```text
//! u32  bytes of text          little endian
//! u32  bytes of the rest
//! text: lines, divided by one line feed. No line holds one: they are words, numbers, URLs, header names and values.
//! rest: the body of an answer, or what is spliced into the client's body, piece by piece.
//! ```

use std::{borrow::Cow, fmt::Display};

use pointsman::BodySplice;

const HEAD: usize = 8;

/// A reply that is being written.
#[derive(Debug)]
pub(crate) struct Reply(Vec<u8>);

impl Reply {
    /// Begins with a line. `room` is the memory of a reply that was read.
    pub(crate) fn new(mut room: Vec<u8>, line: impl Display) -> Self {
        room.clear();
        room.extend_from_slice(&[0; HEAD]);
        let mut reply = Self(room);
        reply.write(line);
        reply
    }

    /// A further line.
    pub(crate) fn line(mut self, line: impl Display) -> Self {
        self.0.push(b'\n');
        self.write(line);
        self
    }

    /// A name and a value, a line each.
    pub(crate) fn header(mut self, name: &str, value: &[u8]) -> Self {
        self.0.push(b'\n');
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'\n');
        // The host speaks text; what is none came from nobody's keyboard.
        self.0.extend_from_slice(String::from_utf8_lossy(value).as_bytes());
        self
    }

    /// All headers.
    pub(crate) fn headers<'a>(self, headers: &[(Cow<'a, str>, Cow<'a, [u8]>)]) -> Self {
        headers.iter().fold(self, |reply, (name, value)| reply.header(name, value))
    }

    /// Ends it with these bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Vec<u8> {
        self.end([bytes].into_iter())
    }

    /// Ends it with what the splices put in, in their order.
    pub(crate) fn splices(self, splices: &[BodySplice]) -> Vec<u8> {
        self.end(splices.iter().map(|splice| splice.with.as_slice()))
    }

    fn end<'a>(self, rest: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let Self(mut out) = self;
        let whole = out.len();
        rest.for_each(|bytes| out.extend_from_slice(bytes));
        let (text, rest) = (whole.saturating_sub(HEAD), out.len().saturating_sub(whole));
        let number = |size: usize| u32::try_from(size).unwrap_or(0).to_le_bytes();
        let head = [number(text), number(rest)].concat();
        if let Some(room) = out.get_mut(..HEAD) {
            room.copy_from_slice(&head);
        }
        out
    }

    fn write(&mut self, line: impl Display) {
        use std::io::Write;
        // Writing into memory does not fail.
        let _ = write!(self.0, "{line}");
    }
}
