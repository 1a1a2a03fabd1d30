//! Event streams, decoded as they pass.
//!
//! The decoder follows the rules of the WHATWG for `text/event-stream`: lines end in CR, LF or CRLF, a byte
//! order mark may stand first, lines that begin with a colon are comments, several `data` fields are joined
//! with a line feed, and a blank line ends the event. The result depends only on the bytes, never on how they
//! were cut into chunks.
//!
//! It runs on every chunk of every streamed answer, so the usual case is kept cheap: an event whose lines lie
//! within one chunk is handed out as a slice of that chunk. Only what straddles two chunks is copied, into a
//! buffer that is reused.

use alloc::vec::Vec;
use core::mem;

use crate::limits;

/// A buffer larger than this is given back once its event is done, because most events need far less and a
/// stream can stay open for minutes.
const BUFFER_KEPT: usize = 16 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event, borrowed from the chunk or from the decoder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event<'a> {
    /// The `event` field, cut at [`limits::EVENT_NAME`] bytes; empty where there was none.
    pub name: &'a [u8],
    /// The joined `data` fields, or `None` where they were longer than [`limits::SSE_LINE`] and were not
    /// kept.
    pub data: Option<&'a [u8]>,
}

/// Splits the bytes of an event stream into events.
///
/// Feed every chunk to [`push`](Self::push) in order and call [`finish`](Self::finish) once at the end.
/// Events without a `data` field are not reported; neither are the `id` and `retry` fields, which matter to
/// clients that reconnect.
///
/// Keeps at most one unfinished line and the `data` of one unfinished event, each up to [`limits::SSE_LINE`]
/// bytes.
#[derive(Debug)]
pub struct Decoder {
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    /// What becomes of that line.
    line_state: LineState,
    name: Vec<u8>,
    data: Vec<u8>,
    data_state: DataState,
    /// The last line ended in a CR that was the last byte of its chunk: an LF that comes next belongs to it.
    after_cr: bool,
    /// No line has ended yet.
    first_line: bool,
}

#[derive(Clone, Copy, Debug)]
enum LineState {
    Kept,
    /// Longer than the bound: everything up to its end is skipped.
    Skipped,
}

#[derive(Clone, Copy, Debug)]
enum DataState {
    /// Nothing in [`Decoder::data`].
    Empty,
    /// One or more `data` fields in [`Decoder::data`].
    Kept,
    /// Longer than the bound: this event will have no data.
    Lost,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a stream. Allocates nothing.
    pub const fn new() -> Self {
        Self {
            line: Vec::new(),
            line_state: LineState::Kept,
            name: Vec::new(),
            data: Vec::new(),
            data_state: DataState::Empty,
            after_cr: false,
            first_line: true,
        }
    }

    /// Takes the next bytes and reports every event that they complete.
    pub fn push(&mut self, chunk: &[u8], mut on_event: impl FnMut(Event<'_>)) {
        let mut rest = chunk;
        // The only `data` field of the current event so far, as long as it can be borrowed from this chunk.
        let mut held = None;
        if let [first, after @ ..] = rest
            && mem::take(&mut self.after_cr)
            && *first == b'\n'
        {
            rest = after;
        }
        while let Some((line, ending)) = line_end(rest).and_then(|end| rest.split_at_checked(end)) {
            rest = match ending {
                [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
                [] => ending,
            };
            self.after_cr = ending == b"\r";
            if self.line.is_empty() && matches!(self.line_state, LineState::Kept) {
                self.end_line(line, &mut held, &mut on_event);
            } else {
                self.end_carried_line(line, &mut on_event);
            }
        }
        if let Some(field) = held {
            self.keep(field);
        }
        self.carry(rest);
    }

    /// Takes the end of the stream for the end of the last line and the last event, which real servers leave
    /// out.
    pub fn finish(mut self, mut on_event: impl FnMut(Event<'_>)) {
        if matches!(self.line_state, LineState::Skipped) {
            return; // the last line was too long and is also incomplete
        }
        if !self.line.is_empty() {
            self.end_carried_line(&[], &mut on_event);
        }
        self.dispatch(None, &mut on_event);
    }

    /// Keeps the beginning of a line until its end arrives.
    fn carry(&mut self, piece: &[u8]) {
        if matches!(self.line_state, LineState::Skipped) {
            return;
        }
        self.line.extend_from_slice(piece.get(..limits::SSE_LINE).unwrap_or(piece));
        if self.line.len() > limits::SSE_LINE || piece.len() > limits::SSE_LINE {
            self.line_state = LineState::Skipped;
            let line = mem::take(&mut self.line);
            self.lose(&line);
        }
    }

    fn end_carried_line(&mut self, last_piece: &[u8], on_event: &mut impl FnMut(Event<'_>)) {
        self.carry(last_piece);
        let line = mem::take(&mut self.line);
        match mem::replace(&mut self.line_state, LineState::Kept) {
            LineState::Skipped => self.first_line = false,
            LineState::Kept => {
                let mut held = None;
                self.end_line(&line, &mut held, on_event);
                if let Some(field) = held {
                    self.keep(field);
                }
            }
        }
        self.line = emptied(line);
    }

    fn end_line<'c>(
        &mut self,
        line: &'c [u8],
        held: &mut Option<&'c [u8]>,
        on_event: &mut impl FnMut(Event<'_>),
    ) {
        if line.len() > limits::SSE_LINE {
            self.lose(line);
            self.first_line = false;
            return;
        }
        let line = self.without_mark(line);
        self.first_line = false;
        if line.is_empty() {
            self.dispatch(held.take(), on_event);
            return;
        }
        match field(line) {
            Field::Data(value) => self.add_data(value, held),
            Field::Event(value) => {
                self.name.clear();
                self.name.extend_from_slice(value.get(..limits::EVENT_NAME).unwrap_or(value));
            }
            Field::Other => {}
        }
    }

    fn without_mark<'c>(&self, line: &'c [u8]) -> &'c [u8] {
        let stripped = if self.first_line { line.strip_prefix(BYTE_ORDER_MARK) } else { None };
        stripped.unwrap_or(line)
    }

    fn add_data<'c>(&mut self, value: &'c [u8], held: &mut Option<&'c [u8]>) {
        match (self.data_state, held.take()) {
            (DataState::Lost, _) => return,
            (DataState::Empty, None) => {
                *held = Some(value);
                return;
            }
            (DataState::Empty, Some(first)) => self.keep(first),
            (DataState::Kept, _) => {}
        }
        if self.data.len().saturating_add(value.len()) >= limits::SSE_LINE {
            self.data = Vec::new();
            self.data_state = DataState::Lost;
            return;
        }
        self.data.push(b'\n');
        self.data.extend_from_slice(value);
    }

    /// Copies the first `data` field of an event, because its chunk ends before the event does.
    fn keep(&mut self, first_field: &[u8]) {
        if matches!(self.data_state, DataState::Empty) {
            self.data.extend_from_slice(first_field);
            self.data_state = DataState::Kept;
        }
    }

    /// Notes that a line was too long to keep. Only the loss of a `data` field matters.
    fn lose(&mut self, line: &[u8]) {
        if matches!(field(self.without_mark(line)), Field::Data(_)) {
            self.data = Vec::new();
            self.data_state = DataState::Lost;
        }
    }

    fn dispatch(&mut self, held: Option<&[u8]>, on_event: &mut impl FnMut(Event<'_>)) {
        let name = self.name.as_slice();
        match (self.data_state, held) {
            (DataState::Empty, None) => {}
            (DataState::Empty, data @ Some(_)) => on_event(Event { name, data }),
            (DataState::Kept, _) => on_event(Event { name, data: Some(&self.data) }),
            (DataState::Lost, _) => on_event(Event { name, data: None }),
        }
        self.name.clear();
        self.data = emptied(mem::take(&mut self.data));
        self.data_state = DataState::Empty;
    }
}

enum Field<'a> {
    Data(&'a [u8]),
    Event(&'a [u8]),
    /// A comment, or a field that does not concern us.
    Other,
}

fn field(line: &[u8]) -> Field<'_> {
    if let Some(value) = line.strip_prefix(b"data").and_then(field_value) {
        Field::Data(value)
    } else if let Some(value) = line.strip_prefix(b"event").and_then(field_value) {
        Field::Event(value)
    } else {
        Field::Other
    }
}

/// What follows the name of a field: a colon, one optional space, the value. A bare name has an empty value.
const fn field_value(after_name: &[u8]) -> Option<&[u8]> {
    match after_name {
        [b':', b' ', value @ ..] | [b':', value @ ..] | value @ [] => Some(value),
        _ => None,
    }
}

fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    if buffer.capacity() > BUFFER_KEPT {
        return Vec::new();
    }
    buffer.clear();
    buffer
}

/// Position of the first CR or LF.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let hits = lanes_equal(*word, b'\n') | lanes_equal(*word, b'\r');
        if hits != 0 {
            return Some(index * 8 + first_lane(hits));
        }
    }
    let at = tail.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
    Some(words.len() * 8 + at)
}

/// Compares eight bytes at once: the highest bit of each equal byte is set, every other bit is clear.
pub(crate) const fn lanes_equal(word: [u8; 8], byte: u8) -> u64 {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let difference = u64::from_le_bytes(word) ^ u64::from_le_bytes([byte; 8]);
    // A byte of the sum has its highest bit set unless the low seven bits of the difference were zero; no
    // byte carries.
    !(((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS)
}

/// Number of the first byte whose highest bit is set.
pub(crate) const fn first_lane(hits: u64) -> usize {
    (hits.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec, vec::Vec};

    use super::*;

    /// Events as `(name, data)`, where lost data is `None`.
    fn decode(chunks: &[&[u8]]) -> Vec<(String, Option<String>)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut events = Vec::new();
        let mut decoder = Decoder::new();
        for chunk in chunks {
            decoder.push(chunk, |event| events.push((text(event.name), event.data.map(text))));
        }
        decoder.finish(|event| events.push((text(event.name), event.data.map(text))));
        events
    }

    fn event(name: &str, data: &str) -> (String, Option<String>) {
        (name.into(), Some(data.into()))
    }

    #[test]
    fn reads_fields_as_the_standard_says() {
        let stream = b"\xEF\xBB\xBFdata: one\n\n: a comment\n\nevent: second\ndata:two\ndata\ndata:  three\nid: 7\nretry: 1\n\n\
            event: no data\n\ndatabase: x\nevents: y\n\ndata\n\n";
        let expected = vec![event("", "one"), event("second", "two\n\n three"), event("", "")];
        assert_eq!(decode(&[stream]), expected);
    }

    #[test]
    fn every_line_end_and_every_cut_gives_the_same_events() {
        let lines = "event: a\ndata: 1\ndata: 2\n\n: note\ndata: ü3\n\n\ndata: 4";
        let expected = vec![event("a", "1\n2"), event("", "ü3"), event("", "4")];
        for ending in ["\n", "\r\n", "\r"] {
            let stream = lines.replace('\n', ending);
            let stream = stream.as_bytes();
            assert_eq!(decode(&[stream]), expected, "{ending:?}");
            for first in 0..=stream.len() {
                for second in first..=stream.len() {
                    let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
                    assert_eq!(decode(&chunks), expected, "{ending:?} cut at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn a_byte_order_mark_may_be_cut_and_counts_only_at_the_start() {
        assert_eq!(decode(&[b"\xEF", b"\xBB", b"\xBFdata: x\n\n"]), vec![event("", "x")]);
        assert_eq!(decode(&[b"data: x\n\n\xEF\xBB\xBFdata: y\n\n"]), vec![event("", "x")]);
    }

    #[test]
    fn a_line_at_the_bound_is_kept_and_one_above_it_is_lost() {
        for (length, kept) in [(limits::SSE_LINE, true), (limits::SSE_LINE + 1, false)] {
            let mut line = b"data:".to_vec();
            line.resize(length, b'x');
            let mut stream = b"event: long\n".to_vec();
            stream.extend_from_slice(&line);
            stream.extend_from_slice(b"\n\ndata: next\n\n");
            let whole = decode(&[&stream]);
            assert_eq!(whole.len(), 2);
            assert_eq!(whole[0].0, "long");
            assert_eq!(whole[0].1.is_some(), kept);
            assert_eq!(whole[1], event("", "next"));
            let halves = stream.split_at(stream.len() / 2);
            assert_eq!(decode(&[halves.0, halves.1]), whole);
            let (most, last) = stream.split_at(12 + length);
            assert_eq!(decode(&[most, last]), whole);
        }
    }

    #[test]
    fn many_short_data_fields_cannot_grow_an_event_past_the_bound() {
        let mut decoder = Decoder::new();
        let mut events = Vec::new();
        let field = [b"data: ".as_slice(), &[b'x'; 1000], b"\n"].concat();
        for _ in 0..3000 {
            decoder.push(&field, |_| unreachable!("no event has ended"));
            assert!(decoder.data.capacity() <= 2 * limits::SSE_LINE);
        }
        decoder.push(b"\n", |event| events.push(event.data.is_none()));
        assert_eq!(events, vec![true]);
    }

    #[test]
    fn an_endless_line_takes_bounded_memory_and_a_long_comment_loses_nothing() {
        for (start, lost) in [(b"data: ".as_slice(), true), (b": ", false), (b"event: ", false)] {
            let mut decoder = Decoder::new();
            decoder.push(b"data: kept\n", |_| {});
            decoder.push(start, |_| {});
            for _ in 0..200 {
                decoder.push(&[b'x'; 16 * 1024], |_| unreachable!("no event has ended"));
                assert!(decoder.line.capacity() + decoder.data.capacity() <= 3 * limits::SSE_LINE);
            }
            let mut data = None;
            decoder.push(b"\n\n", |event| data = Some(event.data.map(<[u8]>::to_vec)));
            assert_eq!(data, Some(if lost { None } else { Some(b"kept".to_vec()) }));
        }
    }

    #[test]
    fn large_buffers_are_given_back() {
        let mut decoder = Decoder::new();
        decoder.push(b"data: ", |_| {});
        decoder.push(&[b'x'; 100_000], |_| {});
        decoder.push(b"\n\n", |_| {});
        assert!(decoder.line.capacity() + decoder.data.capacity() <= 2 * BUFFER_KEPT);
    }

    #[test]
    fn lanes_are_exact_for_every_byte_and_place() {
        for byte in 0..=u8::MAX {
            for other in 0..=u8::MAX {
                let hits = lanes_equal([other, byte, other, other, other, other, other, byte], byte);
                let all = 0x8080_8080_8080_8080;
                assert_eq!(hits, if byte == other { all } else { 0x8000_0000_0000_8000 });
            }
        }
    }
}
