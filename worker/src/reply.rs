//! A reply to the host: numbers, lines of text, and bytes behind them.
//!
//! ```text
//! u32        bytes of text          all numbers in little endian
//! u32        bytes of the rest
//! u32        what to do: a Verb
//! u32 × 7    numbers
//! u32 × 3n   start, end and length of each splice; only in `send`, where the second number is n
//! text       lines, divided by one line feed. No line holds one: they are words, URLs, header names and values.
//! rest       the body of an answer, or what is spliced into the client's body, piece by piece.
//! ```

use std::{borrow::Cow, fmt::Display};

use pointsman::BodySplice;

/// Numbers behind the verb.
const NUMBERS: usize = 7;

/// Bytes before the splices or the text.
const HEAD: usize = (3 + NUMBERS) * 4;

/// What the host is to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub(crate) enum Verb {
    /// Answer the client. Number of the exchange, status; headers; the body.
    Answer = 0,
    /// Read the request's body, then call `route`, or `too_large`. Number of the exchange, most bytes.
    Body = 1,
    /// Make an attempt. Number of the exchange, splices; method, URL, headers; what the splices put in.
    Send = 2,
    /// The answer goes to the client. Status, whether its body is handed in, whether its beginning is looked at first;
    /// headers.
    Deliver = 3,
    /// Hand in the body to learn why. As `Deliver`.
    Explain = 4,
    /// Hand in more.
    Wait = 5,
    /// What was answered last is delivered after all.
    Keep = 6,
    /// The exchange is over: the log's line, the data point.
    Over = 7,
    /// The document is right. Milliseconds for the first byte, seconds in KV, whether there is a log, milliseconds for an
    /// opening, bytes and milliseconds for a refusal; the secrets' names.
    Settled = 8,
    /// The document is wrong: the place, the message.
    Wrong = 9,
    /// The document is in force.
    Ready = 10,
    /// Where the module died.
    Trace = 11,
}

/// A reply that is being written.
#[derive(Debug)]
pub(crate) struct Reply {
    out: Vec<u8>,
    text: usize,
}

impl Reply {
    /// Begins. `room` is the memory of a reply that was read.
    pub(crate) fn new(room: Vec<u8>, verb: Verb, numbers: &[u32]) -> Self {
        Self::with_splices(room, verb, numbers, &[])
    }

    /// Begins with the places of splices.
    pub(crate) fn with_splices(
        mut room: Vec<u8>,
        verb: Verb,
        numbers: &[u32],
        splices: &[BodySplice],
    ) -> Self {
        room.clear();
        room.extend_from_slice(&[0; 8]);
        let padding = [0; NUMBERS];
        let numbers = [verb as u32].into_iter().chain(numbers.iter().chain(&padding).copied().take(NUMBERS));
        numbers.for_each(|number| room.extend_from_slice(&number.to_le_bytes()));
        for splice in splices {
            for place in [splice.start, splice.end, splice.with.len()] {
                room.extend_from_slice(&number(place).to_le_bytes());
            }
        }
        debug_assert!(room.len() >= HEAD, "the head is whole");
        let text = room.len();
        Self { out: room, text }
    }

    /// A further line.
    pub(crate) fn line(mut self, line: impl Display) -> Self {
        use std::io::Write;
        self.divide();
        // Writing into memory does not fail.
        let _ = write!(self.out, "{line}");
        self
    }

    /// All headers: a name and a value, a line each.
    pub(crate) fn headers(mut self, headers: &[(Cow<'_, str>, Cow<'_, [u8]>)]) -> Self {
        for (name, value) in headers {
            self.divide();
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'\n');
            // The host speaks text; what is none came from nobody's keyboard.
            self.out.extend_from_slice(String::from_utf8_lossy(value).as_bytes());
        }
        self
    }

    /// Ends it.
    pub(crate) fn end(self) -> Vec<u8> {
        self.bytes(&[])
    }

    /// Ends it with these bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Vec<u8> {
        self.rest([bytes].into_iter())
    }

    /// Ends it with what the splices put in, in their order.
    pub(crate) fn splices(self, splices: &[BodySplice]) -> Vec<u8> {
        self.rest(splices.iter().map(|splice| splice.with.as_slice()))
    }

    fn rest<'a>(self, rest: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let Self { mut out, text } = self;
        let whole = out.len();
        rest.for_each(|bytes| out.extend_from_slice(bytes));
        let sizes = [whole.saturating_sub(text), out.len().saturating_sub(whole)];
        for (room, size) in out.chunks_exact_mut(4).zip(sizes) {
            room.copy_from_slice(&number(size).to_le_bytes());
        }
        out
    }

    fn divide(&mut self) {
        if self.out.len() > self.text {
            self.out.push(b'\n');
        }
    }
}

/// A size as the host reads it: memory has no more than 2³² bytes.
fn number(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_laid_out_as_said() {
        let splices = [BodySplice { start: 3, end: 5, with: b"xyz".to_vec() }];
        let headers = [(Cow::Borrowed("a"), Cow::Borrowed(&b"1"[..]))];
        let reply = Reply::with_splices(vec![9; 100], Verb::Send, &[7, 1], &splices);
        let reply = reply.line("POST").line("http://h/").headers(&headers).splices(&splices);
        let word = |i: usize| u32::from_le_bytes(reply[i * 4..i * 4 + 4].try_into().expect("four bytes"));
        let text = "POST\nhttp://h/\na\n1";
        assert_eq!(
            [word(0), word(1), word(2), word(3), word(4), word(5)],
            [text.len() as u32, 3, 2, 7, 1, 0]
        );
        assert_eq!([word(10), word(11), word(12)], [3, 5, 3]);
        assert_eq!(&reply[52..], format!("{text}xyz").as_bytes());
        assert_eq!(Reply::new(Vec::new(), Verb::Wait, &[]).end().len(), HEAD);
    }
}
