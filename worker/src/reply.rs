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

use std::fmt::Display;

use pointsman::{BodySplice, outgoing::Header};

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
    /// Make an attempt. Number of the exchange, splices, headers to be removed, milliseconds for the head of the answer;
    /// method, URL, the changes to the client's headers; what the splices put in.
    Send = 2,
    /// The answer goes to the client. Whether its body is handed in, whether its beginning is looked at first, headers to
    /// be removed, milliseconds for the beginning; the changes to the provider's headers.
    Deliver = 3,
    /// Hand in the body to learn why. As `Deliver`, with bytes and milliseconds for that.
    Explain = 4,
    /// Hand in more.
    Wait = 5,
    /// What was answered last is delivered after all.
    Keep = 6,
    /// Ask the store, then call `told`. Number of the exchange, milliseconds for the answers; the binding, then a record's
    /// name and a question in turn.
    Ask = 7,
    /// The document is right: the secrets' names.
    Settled = 8,
    /// The document is wrong: the place, the message.
    Wrong = 9,
    /// The document is in force.
    Ready = 10,
    /// Tell the store, in its own time; then call `go`, where the exchange is not over. Lines as of `Ask`.
    Tell = 11,
    /// Ask more than once: call `go` for each. Number of the exchange, milliseconds after which `late` is called, 1 where
    /// those that run are cancelled before; the numbers of the samples.
    Sample = 12,
    /// This sample's answer goes to the client, the others are cancelled. Number of the exchange, number of the sample,
    /// headers to be removed; the changes to its headers.
    Chosen = 13,
}

impl Verb {
    /// Of a reply without splices: the verb, where it is one that the host reads itself, and its lines.
    pub(crate) fn read(reply: &[u8]) -> (Option<Self>, Vec<String>) {
        let word = |at: usize| {
            let bytes = reply.get(at..).and_then(|bytes| bytes.first_chunk());
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        let verb = (word(8) == Self::Settled as u32).then_some(Self::Settled);
        let end = HEAD.saturating_add(word(0) as usize);
        let text = String::from_utf8_lossy(reply.get(HEAD..end).unwrap_or_default());
        let lines = if text.is_empty() { Vec::new() } else { text.split('\n').map(str::to_owned).collect() };
        (verb, lines)
    }
}

/// What makes the headers that the host has into those that are to leave.
#[derive(Debug)]
pub(crate) struct Changes<'a> {
    pub(crate) removed: Vec<&'a str>,
    pub(crate) set: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Changes<'a> {
    /// From those that came to those that leave.
    pub(crate) fn between(came: &[(&'a str, &'a [u8])], leave: &'a [Header<'_>]) -> Self {
        let stays = |(name, value): &(&str, &[u8])| leave.iter().any(|(n, v)| n == name && v == value);
        let named = |name: &str| leave.iter().any(|(known, _)| known == name);
        let removed = came.iter().filter(|(name, _)| !named(name)).map(|(name, _)| *name).collect();
        // One value of several that is gone: what is left is set anew.
        let changed = |name: &str| came.iter().any(|header| header.0 == name && !stays(header));
        let new = |name: &str, value: &[u8]| !came.iter().any(|header| header.0 == name && header.1 == value);
        let set = leave.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        Self { removed, set: set.filter(|(name, value)| new(name, value) || changed(name)).collect() }
    }

    /// How many are removed.
    pub(crate) fn removals(&self) -> u32 {
        number(self.removed.len())
    }
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

    /// What is to be changed of headers: names to be removed, then names and values to be set.
    pub(crate) fn changes(mut self, changes: &Changes<'_>) -> Self {
        for name in &changes.removed {
            self = self.line(name);
        }
        for (name, value) in &changes.set {
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
        let changes = Changes { removed: vec!["host"], set: vec![("a", b"1")] };
        let reply = Reply::with_splices(vec![9; 100], Verb::Send, &[7, 1], &splices);
        let reply = reply.line("POST").line("http://h/").changes(&changes).splices(&splices);
        let word = |i: usize| u32::from_le_bytes(reply[i * 4..i * 4 + 4].try_into().expect("four bytes"));
        let text = "POST\nhttp://h/\nhost\na\n1";
        assert_eq!(
            [word(0), word(1), word(2), word(3), word(4), word(5)],
            [text.len() as u32, 3, 2, 7, 1, 0]
        );
        assert_eq!([word(10), word(11), word(12)], [3, 5, 3]);
        assert_eq!(&reply[52..], format!("{text}xyz").as_bytes());
        assert_eq!(Reply::new(Vec::new(), Verb::Wait, &[]).end().len(), HEAD);
    }
    #[test]
    fn changes_lead_from_one_list_to_the_other() {
        use std::borrow::Cow;
        let came: [(&str, &[u8]); 4] =
            [("host", b"h"), ("accept", b"*/*"), ("authorization", b"Bearer a"), ("set-cookie", b"a=1")];
        let leave: [Header<'_>; 4] = [
            (Cow::Borrowed("accept"), Cow::Borrowed(b"*/*")),
            (Cow::Borrowed("set-cookie"), Cow::Borrowed(b"a=1")),
            (Cow::Borrowed("authorization"), Cow::Borrowed(b"Bearer b")),
            (Cow::Borrowed("x-new"), Cow::Borrowed(b"1")),
        ];
        let changes = Changes::between(&came, &leave);
        assert_eq!(changes.removed, ["host"]);
        assert_eq!(changes.set, [("authorization", &b"Bearer b"[..]), ("x-new", b"1")]);
    }
}
